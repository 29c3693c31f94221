// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/catalog.h"
#include "core/catalog/effective_prices.h"

#include "core/base/calendar.h"
#include "core/base/text.h"

#include <algorithm>
#include <array>

namespace headgate::catalog {

namespace {

constexpr int permilleWhole = 1000;

struct Part {
    const char* what;
    std::int64_t quantity;
    std::optional<Price> price;
};

std::array<Part, 12> tokenParts(const Usage& usage, const TokenPrices& prices)
{
    // Named parts never take more than the class they are inside.
    const std::int64_t audioIn = std::min(usage.inputAudio, usage.inputUncached);
    const std::int64_t imageIn = std::min(usage.inputImage, usage.inputUncached - audioIn);
    const std::int64_t audioRead = std::min(usage.cacheReadAudio, usage.cacheRead);
    const std::int64_t imageRead = std::min(usage.cacheReadImage, usage.cacheRead - audioRead);
    const std::int64_t audioOut = std::min(usage.outputAudio, usage.output);
    const std::int64_t imageOut = std::min(usage.outputImage, usage.output - audioOut);
    const std::int64_t textOut = usage.output - audioOut - imageOut;
    const bool apart = prices.outputReasoning != prices.output;
    const std::int64_t reasoning = apart ? std::min(usage.reasoning, textOut) : 0;
    return {{
        {"input", usage.inputUncached - audioIn - imageIn, prices.input},
        {"input_audio", audioIn, prices.inputAudio},
        {"input_image", imageIn, prices.inputImage},
        {"cache_read", usage.cacheRead - audioRead - imageRead, prices.cacheRead},
        {"cache_read_audio", audioRead, prices.cacheReadAudio},
        {"cache_read_image", imageRead, prices.cacheReadImage},
        {"cache_write_5m", usage.cacheWrite5m, prices.cacheWrite5m},
        {"cache_write_1h", usage.cacheWrite1h, prices.cacheWrite1h},
        {"output", textOut - reasoning, prices.output},
        {"output_reasoning", reasoning, prices.outputReasoning},
        {"output_audio", audioOut, prices.outputAudio},
        {"output_image", imageOut, prices.outputImage},
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
    const std::int64_t counts[] = {usage.inputUncached, usage.cacheRead, usage.cacheWrite5m,
        usage.cacheWrite1h, usage.output, usage.reasoning, usage.inputAudio, usage.outputAudio,
        usage.cacheReadAudio, usage.inputImage, usage.outputImage, usage.cacheReadImage,
        usage.imagesIn, usage.imagesOut, usage.webSearches};
    return std::any_of(std::begin(counts), std::end(counts), [](std::int64_t n) { return n < 0; })
        || std::any_of(usage.toolCalls.begin(), usage.toolCalls.end(),
            [](const auto& call) { return call.second < 0; });
}

/// Quantities with a fee for each; what has no known fee is an error, as it is for tokens.
class Fees {
public:
    explicit Fees(const PriceSheet& sheet) : m_sheet(sheet) { }

    void tool(std::string_view name, std::int64_t count)
    {
        const auto fee = m_sheet.perTool.find(name);
        if (fee != m_sheet.perTool.end()) {
            add(std::string(name), count, fee->second);
        } else if (count != 0 && !m_error) {
            m_error = noPrice("the hosted tool \"" + std::string(name) + "\"");
        }
    }
    void each(std::string what, std::int64_t count, const std::optional<Money>& fee)
    {
        if (fee) { // where images have no price of their own they are billed by their tokens
            add(std::move(what), count, *fee);
        }
    }
    void add(std::string what, std::int64_t count, Money fee)
    {
        if (count == 0 || fee.isZero()) {
            return;
        }
        const Result<Price> price = feePrice(fee);
        if (price) {
            m_lines.push_back({std::move(what), count, *price, {}});
        } else if (!m_error) {
            m_error = price.error();
        }
    }
    [[nodiscard]] Result<std::vector<CostLine>> lines() const
    {
        if (m_error) {
            return *m_error;
        }
        return m_lines;
    }

private:
    const PriceSheet& m_sheet;
    std::vector<CostLine> m_lines;
    std::optional<Error> m_error;
};

Result<std::vector<CostLine>> feesOf(const Usage& usage, const PriceSheet& sheet)
{
    Fees fees(sheet);
    fees.tool(toolWebSearch, usage.webSearches);
    for (const auto& [name, count] : usage.toolCalls) {
        fees.tool(name, count);
    }
    fees.each("image_in", usage.imagesIn, sheet.perImageIn);
    fees.each("image_out", usage.imagesOut, sheet.perImageOut);
    fees.add("per_call", 1, sheet.perCall);
    return fees.lines();
}

int geoPermilleOf(const PriceSheet& sheet, std::string_view geo)
{
    const auto found = sheet.geoPermille.find(geo);
    return found != sheet.geoPermille.end() ? found->second : permilleWhole;
}

Result<Cost> costIn(const Usage& usage, const PriceSheet& sheet, const TimeWindow* window)
{
    const std::string tier = servedTier(usage.serviceTier);
    const auto prices = effectivePrices(
        sheet, {usage.inputTotal(), tier, window, geoPermilleOf(sheet, usage.geo)});
    if (!prices) {
        return prices.error();
    }
    auto fees = feesOf(usage, sheet);
    if (!fees) {
        return fees.error();
    }
    Cost cost;
    for (const Part& part : tokenParts(usage, *prices)) {
        if (part.quantity == 0) {
            continue;
        }
        if (!part.price) {
            return noPrice(std::string(part.what) + " tokens");
        }
        cost.lines.push_back({part.what, part.quantity, *part.price, {}});
    }
    cost.lines.insert(cost.lines.end(), fees->begin(), fees->end());
    CostSum sum;
    for (CostLine& line : cost.lines) {
        const Result<Money> amount = costOf(line.quantity, line.price);
        if (!amount) {
            return amount.error();
        }
        line.amount = *amount;
        sum.add(line.quantity, line.price);
    }
    const Result<Money> list = sum.total();
    const Result<Money> total = sum.totalPermille(permilleWhole - sheet.discountPermille);
    if (!list || !total) {
        return list ? total.error() : list.error();
    }
    cost.total = *total;
    if (*total != *list) {
        cost.lines.push_back(
            {"discount", sheet.discountPermille, Price(), total->minusSaturated(*list)});
    }
    return cost;
}

/// Null, or the window that holds at that instant.
const TimeWindow* windowAt(const PriceSheet& sheet, TimeUs at)
{
    const auto found = std::find_if(sheet.windows.begin(), sheet.windows.end(),
        [at](const TimeWindow& window) { return window.contains(at); });
    return found != sheet.windows.end() ? &*found : nullptr;
}

std::vector<const TimeWindow*> allWindows(const PriceSheet& sheet)
{
    std::vector<const TimeWindow*> all{nullptr};
    for (const TimeWindow& window : sheet.windows) {
        all.push_back(&window);
    }
    return all;
}

/// Input sizes that reach every context tier an input of up to `most` can be in.
std::vector<std::int64_t> contextCases(const PriceSheet& sheet, std::int64_t most)
{
    std::vector<std::int64_t> sizes{0};
    // The count is an upper limit, so all lower tiers stay possible. ">=" because price lists
    // differ by one token about where a tier starts.
    const auto add = [&](const std::vector<ContextTier>& tiers) {
        for (const ContextTier& tier : tiers) {
            if (most >= tier.above) {
                sizes.push_back(tier.above + 1);
            }
        }
    };
    add(sheet.contextTiers);
    for (const auto& service : sheet.serviceTiers) {
        add(service.second.contextTiers);
    }
    return sizes;
}

/// The region asked for; the dearest listed one when none is, or one we do not know.
int dearestGeo(const PriceSheet& sheet, std::string_view geo)
{
    if (geo == "global") {
        return permilleWhole;
    }
    if (const auto found = sheet.geoPermille.find(geo); found != sheet.geoPermille.end()) {
        return std::max(found->second, permilleWhole);
    }
    int most = permilleWhole;
    for (const auto& region : sheet.geoPermille) {
        most = std::max(most, region.second);
    }
    return most;
}

struct Dearest {
    Price input;
    Price output;
};

Result<Dearest> dearestOf(const TokenPrices& prices, const BoundOptions& options)
{
    if (!prices.input || !prices.output) {
        return noPrice(prices.input ? "output tokens" : "input tokens");
    }
    const auto gated = [](bool counts, const std::optional<Price>& price) {
        return counts ? price : std::nullopt;
    };
    const auto in = std::max({prices.input, prices.cacheRead, prices.cacheWrite5m,
        prices.cacheWrite1h, gated(options.audio, prices.inputAudio),
        gated(options.audio, prices.cacheReadAudio), gated(options.images, prices.inputImage),
        gated(options.images, prices.cacheReadImage)}); // an absent price is the smallest
    const auto out = std::max({prices.output, prices.outputReasoning, prices.outputImage,
        gated(options.audio, prices.outputAudio)});
    return Dearest{*in, *out};
}

Result<Dearest> dearestPrices(
    std::int64_t inputTokens, const PriceSheet& sheet, const BoundOptions& options)
{
    const std::string asked = servedTier(options.serviceTier);
    const int geo = dearestGeo(sheet, options.geo);
    Dearest most;
    for (const std::int64_t size : contextCases(sheet, inputTokens)) {
        for (const std::string_view tier : {std::string_view(), std::string_view(asked)}) {
            for (const TimeWindow* window : allWindows(sheet)) {
                const auto prices = effectivePrices(sheet, {size, tier, window, geo});
                if (!prices) {
                    return prices.error();
                }
                const auto dearest = dearestOf(*prices, options);
                if (!dearest) {
                    return dearest;
                }
                most.input = std::max(most.input, dearest->input);
                most.output = std::max(most.output, dearest->output);
            }
        }
    }
    return most;
}

/// Fees and dearest prices before the discount.
struct Undiscounted {
    Dearest tokens;
    CostSum fixed;
};

Result<Undiscounted> undiscounted(
    std::int64_t inputTokens, const PriceSheet& sheet, const BoundOptions& options)
{
    Usage fixed;
    fixed.webSearches = options.webSearchesMax;
    fixed.imagesIn = options.imagesInMax;
    fixed.imagesOut = options.imagesOutMax;
    fixed.toolCalls = options.toolCallsMax;
    if (inputTokens < 0 || hasNegative(fixed)) {
        return Error(ErrorCode::InvalidArgument, "A bound needs counts that are not negative.");
    }
    const auto tokens = dearestPrices(inputTokens, sheet, options);
    const auto fees = feesOf(fixed, sheet);
    if (!tokens || !fees) {
        return tokens ? fees.error() : tokens.error();
    }
    Undiscounted all{*tokens, {}};
    for (const CostLine& fee : *fees) {
        all.fixed.add(fee.quantity, fee.price);
    }
    return all;
}

Result<Price> discounted(Price price, const PriceSheet& sheet)
{
    const auto pico = mulDivUp(price.pico(), permilleWhole - sheet.discountPermille, permilleWhole);
    if (!pico) {
        return pico.error();
    }
    return Price::fromPico(*pico);
}

} // namespace

std::string servedTier(std::string_view word)
{
    std::string tier = toLower(word);
    for (const std::string_view prefix : {"service_tier_", "on_demand_"}) {
        if (tier.starts_with(prefix)) {
            tier.erase(0, prefix.size());
        }
    }
    for (const std::string_view standard : {"standard", "default", "auto", "scale", "on_demand",
             "provisioned_throughput", "unspecified", "traffic_type_unspecified"}) {
        if (tier == standard) {
            return {};
        }
    }
    return tier;
}

bool TimeWindow::contains(TimeUs at) const
{
    constexpr std::int64_t minutesPerDay = 24 * 60;
    const int offset = zone == "UTC" ? 0 : utcOffsetSeconds(at, zone);
    const std::int64_t local = at / usPerSecond + offset;
    const std::int64_t minute = ((local / 60) % minutesPerDay + minutesPerDay) % minutesPerDay;
    return startMinute < endMinute ? minute >= startMinute && minute < endMinute
                                   : minute >= startMinute || minute < endMinute;
}

Result<Cost> costOfUsage(const Usage& usage, const PriceSheet& sheet, std::optional<TimeUs> endedAt)
{
    if (hasNegative(usage)) {
        return Error(ErrorCode::InvalidArgument, "A usage has a negative count.");
    }
    if (endedAt) {
        return costIn(usage, sheet, windowAt(sheet, *endedAt));
    }
    Result<Cost> most = costIn(usage, sheet, nullptr);
    for (const TimeWindow& window : sheet.windows) {
        if (!most) {
            break;
        }
        Result<Cost> other = costIn(usage, sheet, &window);
        if (!other || other->total > most->total) {
            most = std::move(other);
        }
    }
    return most;
}

Result<BoundPrices> boundPrices(
    std::int64_t inputTokens, const PriceSheet& sheet, const BoundOptions& options)
{
    const auto all = undiscounted(inputTokens, sheet, options);
    if (!all) {
        return all.error();
    }
    const auto input = discounted(all->tokens.input, sheet);
    const auto output = discounted(all->tokens.output, sheet);
    const auto fixed = all->fixed.totalPermille(permilleWhole - sheet.discountPermille);
    if (!input || !output || !fixed) {
        return !input ? input.error() : !output ? output.error() : fixed.error();
    }
    return BoundPrices{*input, *output, *fixed};
}

Result<BoundPrices> boundPrices(std::int64_t inputTokens, const PriceSheet& sheet)
{
    return boundPrices(inputTokens, sheet, BoundOptions());
}

Result<Money> boundOfRequest(std::int64_t inputTokens, std::int64_t outputTokens,
    const PriceSheet& sheet, const BoundOptions& options)
{
    const auto all = undiscounted(inputTokens, sheet, options);
    if (!all) {
        return all.error();
    }
    CostSum sum = all->fixed;
    sum.add(inputTokens, all->tokens.input);
    sum.add(outputTokens, all->tokens.output);
    return sum.totalPermille(permilleWhole - sheet.discountPermille);
}

Result<Money> boundOfRequest(
    std::int64_t inputTokens, std::int64_t outputTokens, const PriceSheet& sheet)
{
    return boundOfRequest(inputTokens, outputTokens, sheet, BoundOptions());
}

} // namespace headgate::catalog
