// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/effective_prices.h"

#include <algorithm>
#include <string>

namespace headgate::catalog {

namespace {

using MaybePrice = std::optional<Price>;

/// price × numerator / denominator, rounded up; the price itself when there is nothing to scale by.
MaybePrice scaled(
    const MaybePrice& price, const MaybePrice& numerator, const MaybePrice& denominator)
{
    if (!price || !numerator || !denominator || denominator->pico() == 0) {
        return price;
    }
    const auto pico = mulDivUp(price->pico(), numerator->pico(), denominator->pico());
    return pico ? MaybePrice(Price::fromPico(*pico)) : std::nullopt;
}

/// How prices of one side move from `from` to `to`: by the input's price, or by the output's.
struct Ratio {
    const TokenPrices& to;
    const TokenPrices& from;

    [[nodiscard]] MaybePrice of(const TokenPriceField& field, const MaybePrice& price) const
    {
        return field.outputSide ? scaled(price, to.output, from.output)
                                : scaled(price, to.input, from.input);
    }
};

/// The prices above a context threshold: its own, else the base in proportion.
TokenPrices inContext(const ContextTier& tier, const TokenPrices& base)
{
    TokenPrices prices = base;
    prices.input = tier.prices.input ? tier.prices.input : base.input;
    prices.output = tier.prices.output ? tier.prices.output : base.output;
    const Ratio ratio{prices, base};
    for (const TokenPriceField& field : tokenPriceFields) {
        const MaybePrice& own = tier.prices.*field.member;
        if (own) {
            prices.*field.member = own;
        } else if (field.member != &TokenPrices::input && field.member != &TokenPrices::output) {
            prices.*field.member = ratio.of(field, base.*field.member);
        }
    }
    return prices;
}

/// The highest threshold that the input is strictly above; null below all of them.
const ContextTier* contextOf(const std::vector<ContextTier>& tiers, std::int64_t inputTokens)
{
    const ContextTier* best = nullptr;
    for (const ContextTier& tier : tiers) {
        if (inputTokens > tier.above && (best == nullptr || tier.above > best->above)) {
            best = &tier;
        }
    }
    return best;
}

/// A service tier's prices where the standard ones are `standard` for this context and `base` for
/// a short one. A cache read it does not list costs as its input does; cache writes follow in
/// proportion; audio and images too, but never below standard: a discount must be listed.
TokenPrices inService(const TokenPrices& tier, const TokenPrices& standard, const TokenPrices& base)
{
    const Ratio context{standard, base};
    TokenPrices prices = standard;
    prices.input = tier.input ? scaled(tier.input, standard.input, base.input) : standard.input;
    prices.output
        = tier.output ? scaled(tier.output, standard.output, base.output) : standard.output;
    const Ratio service{prices, standard};
    for (const TokenPriceField& field : tokenPriceFields) {
        if (field.member == &TokenPrices::input || field.member == &TokenPrices::output) {
            continue;
        }
        const MaybePrice& usual = standard.*field.member;
        const MaybePrice moved = service.of(field, usual);
        const bool isWrite = field.member == &TokenPrices::cacheWrite5m
            || field.member == &TokenPrices::cacheWrite1h
            || field.member == &TokenPrices::outputReasoning;
        if (tier.*field.member) {
            prices.*field.member = context.of(field, tier.*field.member);
        } else if (field.member == &TokenPrices::cacheRead) {
            prices.*field.member = std::nullopt;
        } else {
            prices.*field.member = isWrite ? moved : std::max(moved, usual);
        }
    }
    return prices;
}

/// A window's prices were listed beside `base`; `prices` are those of this call outside it.
TokenPrices inWindow(const TokenPrices& window, const TokenPrices& prices, const TokenPrices& base)
{
    const Ratio ratio{window, base};
    TokenPrices moved = prices;
    for (const TokenPriceField& field : tokenPriceFields) {
        const MaybePrice& own = window.*field.member;
        const MaybePrice& usual = prices.*field.member;
        if (own) {
            moved.*field.member
                = base.*field.member && usual ? scaled(own, usual, base.*field.member) : own;
        } else {
            moved.*field.member = std::max(usual, ratio.of(field, usual));
        }
    }
    return moved;
}

void inRegion(TokenPrices& prices, int permille)
{
    constexpr int whole = 1000;
    for (const TokenPriceField& field : tokenPriceFields) {
        MaybePrice& price = prices.*field.member;
        if (price && permille != whole) {
            const auto pico = mulDivUp(price->pico(), permille, whole);
            price = pico ? MaybePrice(Price::fromPico(*pico)) : std::nullopt;
        }
    }
}

/// Classes that are billed as another one where the list does not name them.
void fillGaps(TokenPrices& prices)
{
    const bool anyAudio = prices.inputAudio || prices.outputAudio || prices.cacheReadAudio;
    const auto fill
        = [](MaybePrice& price, const MaybePrice& other) { price = price ? price : other; };
    fill(prices.outputReasoning, prices.output);
    fill(prices.cacheRead, prices.input);
    fill(prices.cacheWrite5m, prices.input);
    // The longer-lived write is never cheaper than the short one.
    fill(prices.cacheWrite1h, std::max(prices.cacheWrite5m, prices.input));
    if (!anyAudio) {
        prices.inputAudio = prices.input;
        prices.outputAudio = prices.output;
        prices.cacheReadAudio = prices.cacheRead;
    }
    fill(prices.cacheReadAudio, prices.inputAudio);
    // Text prices bill images that go in at all publishers that list no price of their own.
    const bool anyImageIn = prices.inputImage || prices.cacheReadImage;
    fill(prices.inputImage, prices.input);
    fill(prices.cacheReadImage, anyImageIn ? prices.inputImage : prices.cacheRead);
}

Result<TokenPrices> ofService(const PriceSheet& sheet, const PriceCase& which)
{
    const ContextTier* context = contextOf(sheet.contextTiers, which.inputTokens);
    const TokenPrices& base = sheet;
    const TokenPrices standard = context != nullptr ? inContext(*context, base) : base;
    if (which.serviceTier.empty()) {
        return standard;
    }
    const auto tier = sheet.serviceTiers.find(which.serviceTier);
    if (tier == sheet.serviceTiers.end()) {
        if (which.serviceTier == "priority" || which.serviceTier == "fast") {
            return noPrice("the service tier \"" + std::string(which.serviceTier) + "\"");
        }
        return standard; // flex and batch cost no more than standard; other words mean standard
    }
    const ContextTier* own = contextOf(tier->second.contextTiers, which.inputTokens);
    if (own != nullptr) {
        return inContext(*own, inService(tier->second.prices, sheet, sheet));
    }
    return inService(tier->second.prices, standard, sheet);
}

} // namespace

Error noPrice(std::string_view what)
{
    return {ErrorCode::NotFound, "The model has no price for " + std::string(what) + ".",
        "Set the price in the console under Catalog, or with headgate models add."};
}

Result<TokenPrices> effectivePrices(const PriceSheet& sheet, const PriceCase& which)
{
    Result<TokenPrices> prices = ofService(sheet, which);
    if (!prices) {
        return prices;
    }
    if (which.window != nullptr) {
        prices = inWindow(which.window->prices, *prices, sheet);
    }
    fillGaps(*prices);
    inRegion(*prices, which.geoPermille);
    return prices;
}

} // namespace headgate::catalog
