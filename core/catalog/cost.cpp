// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/catalog.h"

#include <algorithm>
#include <array>

namespace headgate::catalog {

namespace {

/// The prices that apply to one request, after context and service tier.
struct Effective {
    std::optional<Price> input;
    std::optional<Price> output;
    std::optional<Price> cacheRead;
    std::optional<Price> cacheWrite5m;
    std::optional<Price> cacheWrite1h;
};

bool isStandardTier(std::string_view name)
{
    return name.empty() || name == "standard" || name == "default" || name == "auto";
}

Error noPrice(std::string_view what)
{
    return {ErrorCode::NotFound, "The model has no price for " + std::string(what) + ".",
        "Set the price in the console under Catalog, or with headgate models add."};
}

/// price × numerator / denominator, rounded up; the price itself when there is nothing to scale by.
std::optional<Price> scaled(
    std::optional<Price> price, std::optional<Price> numerator, std::optional<Price> denominator)
{
    if (!price || !numerator || !denominator || denominator->pico() == 0) {
        return price;
    }
    const auto pico = mulDivUp(price->pico(), numerator->pico(), denominator->pico());
    return pico ? std::optional(Price::fromPico(*pico)) : std::nullopt;
}

Effective longContextPrices(const PriceSheet& sheet, const Effective& base)
{
    Effective prices = base;
    prices.input = sheet.tierInput ? sheet.tierInput : base.input;
    prices.output = sheet.tierOutput ? sheet.tierOutput : base.output;
    prices.cacheRead = sheet.tierCacheRead ? sheet.tierCacheRead
                                           : scaled(base.cacheRead, prices.input, base.input);
    prices.cacheWrite5m = sheet.tierCacheWrite
        ? sheet.tierCacheWrite
        : scaled(base.cacheWrite5m, prices.input, base.input);
    prices.cacheWrite1h = sheet.tierCacheWrite1h
        ? sheet.tierCacheWrite1h
        : scaled(base.cacheWrite1h, prices.input, base.input);
    return prices;
}

/// A service tier lists standard-context prices; a long context scales them as it does the others.
/// A cache price the tier does not list is the tier's input price (absent here).
Effective servicePrices(
    const PriceSheet::ServiceTier& tier, const PriceSheet& sheet, const Effective& standard)
{
    Effective prices;
    prices.input = tier.input ? scaled(tier.input, standard.input, sheet.input) : standard.input;
    prices.output
        = tier.output ? scaled(tier.output, standard.output, sheet.output) : standard.output;
    prices.cacheRead = scaled(tier.cacheRead, standard.input, sheet.input);
    prices.cacheWrite5m = tier.cacheWrite
        ? scaled(tier.cacheWrite, standard.input, sheet.input)
        : scaled(standard.cacheWrite5m, prices.input, standard.input);
    prices.cacheWrite1h = scaled(standard.cacheWrite1h, prices.input, standard.input);
    return prices;
}

Result<Effective> effectivePrices(
    const PriceSheet& sheet, bool longContext, std::string_view serviceTier)
{
    Effective prices{
        sheet.input, sheet.output, sheet.cacheRead, sheet.cacheWrite5m, sheet.cacheWrite1h};
    if (longContext) {
        prices = longContextPrices(sheet, prices);
    }
    if (isStandardTier(serviceTier)) {
        return prices;
    }
    const auto tier = sheet.serviceTiers.find(serviceTier);
    if (tier != sheet.serviceTiers.end()) {
        return servicePrices(tier->second, sheet, prices);
    }
    if (serviceTier == "priority" || serviceTier == "fast") {
        return noPrice("the service tier \"" + std::string(serviceTier) + "\"");
    }
    return prices; // flex and batch cost no more than standard; other words mean standard
}

struct Part {
    const char* what;
    std::int64_t quantity;
    std::optional<Price> price;
};

Result<std::array<Part, 8>> tokenParts(
    const Usage& usage, const PriceSheet& sheet, const Effective& prices)
{
    const std::int64_t audioIn = std::min(usage.inputAudio, usage.inputUncached);
    const std::int64_t audioOut = std::min(usage.outputAudio, usage.output);
    const bool anyAudioPrice = sheet.inputAudio || sheet.outputAudio;
    const auto audioPrice = [&](std::optional<Price> own, std::optional<Price> text) {
        return own || anyAudioPrice ? own : text;
    };
    const auto write5m = prices.cacheWrite5m ? prices.cacheWrite5m : prices.input;
    // The longer-lived write is never cheaper than the short one.
    const auto write1h
        = prices.cacheWrite1h ? prices.cacheWrite1h : std::max(write5m, prices.input);
    return std::array<Part, 8>{{
        {"input", usage.inputUncached - audioIn, prices.input},
        {"input_audio", audioIn, audioPrice(sheet.inputAudio, prices.input)},
        {"cache_read", usage.cacheRead, prices.cacheRead ? prices.cacheRead : prices.input},
        {"cache_write_5m", usage.cacheWrite5m, write5m},
        {"cache_write_1h", usage.cacheWrite1h, write1h},
        {"output", usage.output - audioOut, prices.output},
        {"output_audio", audioOut, audioPrice(sheet.outputAudio, prices.output)},
        {"web_search", usage.webSearches, Price()},
    }};
}

/// A fee as a price of one unit, so that it enters the exact sum once per unit.
Result<Price> feePrice(Money fee)
{
    std::int64_t pico = 0;
    if (__builtin_mul_overflow(fee.nano(), std::int64_t{1000}, &pico)) {
        return Error(ErrorCode::OutOfRange, "A fee in the price list is too large.");
    }
    return Price::fromPico(pico);
}

bool hasNegative(const Usage& usage)
{
    const std::int64_t counts[]
        = {usage.inputUncached, usage.cacheRead, usage.cacheWrite5m, usage.cacheWrite1h,
            usage.output, usage.reasoning, usage.inputAudio, usage.outputAudio, usage.webSearches};
    return std::any_of(std::begin(counts), std::end(counts), [](std::int64_t n) { return n < 0; });
}

Result<Money> addLine(Cost& cost, CostSum& sum, const CostLine& line)
{
    const Result<Money> amount = costOf(line.quantity, line.price);
    if (!amount) {
        return amount;
    }
    sum.add(line.quantity, line.price);
    cost.lines.push_back(line);
    cost.lines.back().amount = *amount;
    return amount;
}

std::optional<Price> dearest(std::initializer_list<std::optional<Price>> prices)
{
    std::optional<Price> most;
    for (const std::optional<Price>& price : prices) {
        most = std::max(most, price); // an absent price is the smallest
    }
    return most;
}

Result<BoundPrices> dearestOf(const Effective& prices, const PriceSheet& sheet, bool audio)
{
    if (!prices.input) {
        return noPrice("input tokens");
    }
    if (!prices.output) {
        return noPrice("output tokens");
    }
    const auto in = dearest({prices.input, prices.cacheRead, prices.cacheWrite5m,
        prices.cacheWrite1h, audio ? sheet.inputAudio : std::nullopt});
    const auto out = dearest({prices.output, audio ? sheet.outputAudio : std::nullopt});
    return BoundPrices{*in, *out, Money()};
}

} // namespace

Result<Cost> costOfUsage(const Usage& usage, const PriceSheet& sheet)
{
    if (hasNegative(usage)) {
        return Error(ErrorCode::InvalidArgument, "A usage has a negative count.");
    }
    const bool longContext = sheet.tierAbove > 0 && usage.inputTotal() > sheet.tierAbove;
    const auto prices = effectivePrices(sheet, longContext, usage.serviceTier);
    if (!prices) {
        return prices.error();
    }
    auto parts = tokenParts(usage, sheet, *prices);
    const Result<Price> searchFee = feePrice(sheet.perWebSearch);
    const Result<Price> callFee = feePrice(sheet.perCall);
    if (!searchFee || !callFee) {
        return searchFee ? callFee.error() : searchFee.error();
    }
    parts->back().price = *searchFee;
    Cost cost;
    CostSum sum;
    for (const Part& part : *parts) {
        if (part.quantity == 0) {
            continue;
        }
        if (!part.price) {
            return noPrice(std::string(part.what) + " tokens");
        }
        if (const auto added = addLine(cost, sum, {part.what, part.quantity, *part.price, {}});
            !added) {
            return added.error();
        }
    }
    if (!sheet.perCall.isZero()) {
        if (const auto added = addLine(cost, sum, {"per_call", 1, *callFee, {}}); !added) {
            return added.error();
        }
    }
    const Result<Money> total = sum.total();
    if (!total) {
        return total.error();
    }
    cost.total = *total;
    return cost;
}

Result<BoundPrices> boundPrices(
    std::int64_t inputTokens, const PriceSheet& sheet, const BoundOptions& options)
{
    if (inputTokens < 0 || options.webSearchesMax < 0) {
        return Error(ErrorCode::InvalidArgument, "A bound needs counts that are not negative.");
    }
    // The count is an upper limit, so the tier can only apply from here on; both sides of the
    // threshold stay possible. ">=" because price lists differ by one token about where it starts.
    const bool maybeLong = sheet.tierAbove > 0 && inputTokens >= sheet.tierAbove;
    BoundPrices bound;
    for (const bool longContext : {false, true}) {
        for (const std::string_view tier : {std::string_view(), options.serviceTier}) {
            if (longContext && !maybeLong) {
                continue;
            }
            const auto prices = effectivePrices(sheet, longContext, tier);
            if (!prices) {
                return prices.error();
            }
            const auto most = dearestOf(*prices, sheet, options.audio);
            if (!most) {
                return most;
            }
            bound.input = std::max(bound.input, most->input);
            bound.output = std::max(bound.output, most->output);
        }
    }
    CostSum fixed;
    const Result<Price> searchFee = feePrice(sheet.perWebSearch);
    if (!searchFee) {
        return searchFee.error();
    }
    fixed.add(sheet.perCall);
    fixed.add(options.webSearchesMax, *searchFee);
    const Result<Money> total = fixed.total();
    if (!total) {
        return total.error();
    }
    bound.fixed = *total;
    return bound;
}

Result<BoundPrices> boundPrices(std::int64_t inputTokens, const PriceSheet& sheet)
{
    return boundPrices(inputTokens, sheet, BoundOptions());
}

Result<Money> boundOfRequest(std::int64_t inputTokens, std::int64_t outputTokens,
    const PriceSheet& sheet, const BoundOptions& options)
{
    const auto prices = boundPrices(inputTokens, sheet, options);
    if (!prices) {
        return prices.error();
    }
    CostSum sum;
    sum.add(inputTokens, prices->input);
    sum.add(outputTokens, prices->output);
    sum.add(prices->fixed);
    return sum.total();
}

Result<Money> boundOfRequest(
    std::int64_t inputTokens, std::int64_t outputTokens, const PriceSheet& sheet)
{
    return boundOfRequest(inputTokens, outputTokens, sheet, BoundOptions());
}

} // namespace headgate::catalog
