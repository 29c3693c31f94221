// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What importing a price list would change, shown before anything is applied. Pure functions over
// values; the list is foreign text and may be hostile: one broken entry refuses all of it.

#include "core/catalog/price_list.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace headgate::catalog {

struct ImportOptions {
    std::string provider; ///< only this configured one; empty: all of them
    bool all = false; ///< also providers that are not set up; such rows are shown, never applied
    bool onlyKnown = false; ///< no new models, only prices of those in the catalog
    TimeUs nowUs = 0;
    TimeUs fetchedAtUs = 0; ///< when the text was read; 0: now
    std::string origin; ///< file name or URL, kept with each price
};

/// One price that changes.
struct PriceDelta {
    std::string
        what; ///< "input", "cacheRead", "above 272000: input", "priority: output", "tool maps"
    std::string before; ///< dollars (a million tokens, or each); empty: not there
    std::string after;
    std::optional<std::int64_t> permille; ///< change relative to before: 100 is +10 %
    bool large = false; ///< more than limits::priceChangeFactorMax times, or gone to zero
};

struct ModelChange {
    enum class Kind { Added, Changed, Unlisted } kind = Kind::Changed;
    Model model; ///< as it would be; prices: only the new sheets
    std::vector<PriceDelta> prices;
    bool large = false;
    bool configured = true; ///< false: its provider is not set up
};

struct ImportDiff {
    std::string list; ///< "LiteLLM", …
    std::vector<ModelChange> changes; ///< in catalog order, then in the list's
    std::int64_t unchanged = 0;
    std::int64_t otherProviders = 0; ///< entries of providers that were not asked for
    /// Entries that cannot be used: "openai/dall-e-3: It has no price for tokens."
    std::vector<std::string> skipped;
    bool large = false;

    [[nodiscard]] std::int64_t count(ModelChange::Kind kind) const;
};

/// Errors refuse the whole list: unknown provider, an entry with a negative or malformed price
/// anywhere in the list, an absurd price of a model that would be taken over.
[[nodiscard]] Result<ImportDiff> diffPrices(
    const Catalog& current, const PriceList& list, const ImportOptions& options);

/// Reads the text and compares; also refuses what is too large.
[[nodiscard]] Result<ImportDiff> diffPriceText(
    const Catalog& current, std::string_view text, const ImportOptions& options);

/// Equal in all that is billed (not in source and dates).
[[nodiscard]] bool sameBilling(const PriceSheet& a, const PriceSheet& b);

/// "41 days": how long ago a price was read from its list; empty when it is from no list.
[[nodiscard]] std::string priceAgeText(const PriceSheet& sheet, TimeUs nowUs);
/// Older than limits::priceAgeWarnDays.
[[nodiscard]] bool isPriceOld(const PriceSheet& sheet, TimeUs nowUs);

/// Family of tokens/estimator.h or encoding that a model of that name has, as far as is known.
[[nodiscard]] std::string tokenizerGuess(std::string_view provider, std::string_view model);
/// 1 cheapest … 4 strongest from the output price: the market's own ranking.
[[nodiscard]] int tierGuess(const PriceSheet& sheet);

} // namespace headgate::catalog
