// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Two price sheets compared part by part, and parts that no provider could mean. Internal to
// price_import.cpp; pure functions.

#include "core/catalog/price_import.h"

#include <string>
#include <vector>

namespace headgate::catalog {

/// Appends what changes from `before` (null: nothing was there) to `after`.
void addDeltas(std::vector<PriceDelta>& out, const PriceSheet* before, const PriceSheet& after);

/// Why a sheet cannot be true: "The input price is above $100000.00 a million tokens."; empty:
/// fine.
[[nodiscard]] std::string absurdPart(const PriceSheet& sheet);

} // namespace headgate::catalog
