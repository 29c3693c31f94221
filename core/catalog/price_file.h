// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What `headgate price FILE.jsonl [--book FILE]` does to one row. Pure; the command line reads and
// writes the files.

#include "core/catalog/price_list.h"

#include <string>
#include <string_view>

namespace headgate::catalog {

/// The book compiled into the program, as a price list.
[[nodiscard]] const PriceList& defaultPriceList();

/// Row {"id","provider","flavor","model","raw_usage"} and perhaps "at_us", else `at` is the time →
/// one line of JSON without a line end:
/// {"id","cost_usd","lines":[{"what","quantity","price_per_million_usd","amount_usd"}]}. All
/// amounts are exact decimals in text; cost_usd is the exact sum rounded up once to a nano-dollar.
[[nodiscard]] Result<std::string> priceRow(std::string_view row, const PriceList& list, TimeUs at);

} // namespace headgate::catalog
