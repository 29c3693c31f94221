// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Which token prices hold for one call: context tier, served service tier, time window, region.
// Internal to the catalog; pure functions.

#include "core/catalog/catalog.h"

#include <cstdint>
#include <string_view>

namespace headgate::catalog {

/// What decides about the prices of one call.
struct PriceCase {
    std::int64_t inputTokens = 0; ///< the whole input
    std::string_view serviceTier; ///< in our words, see servedTier()
    const TimeWindow* window = nullptr;
    int geoPermille = 1000;
};

[[nodiscard]] Error noPrice(std::string_view what);

/// The prices of that case. A class that the sheet does not list but that is billed as another one
/// has that one's price here; what is still absent has no price. Error: the service tier has none.
[[nodiscard]] Result<TokenPrices> effectivePrices(const PriceSheet& sheet, const PriceCase& which);

} // namespace headgate::catalog
