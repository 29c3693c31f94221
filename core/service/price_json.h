// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Price sheets as they are stored inside the configuration, and their comparison. Pure.

#include "core/catalog/catalog.h"
#include "core/service/json_fields.h"

#include <boost/json/object.hpp>

namespace headgate::service {

[[nodiscard]] boost::json::object priceSheetToJson(const catalog::PriceSheet& sheet);
/// Reads also what earlier versions stored: one context tier in "tier_…", a web search fee.
[[nodiscard]] catalog::PriceSheet priceSheetFromJson(JsonFields& fields);
/// Equal in everything but the source and when it was read.
[[nodiscard]] bool samePrices(const catalog::PriceSheet& a, const catalog::PriceSheet& b);

} // namespace headgate::service
