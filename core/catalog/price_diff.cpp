// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_diff.h"

#include "core/base/limits.h"

#include <algorithm>
#include <map>

namespace headgate::catalog {

namespace {

/// Below this a price is suspected to be in dollars a token where dollars a million were meant:
/// the cheapest model ever listed is some $0.002 a million.
constexpr std::int64_t leastBelievablePico = 100;

/// One number of a sheet: pico-dollars a token, or nano-dollars each.
struct Part {
    std::int64_t number = 0;
    bool fee = false;
};
using Parts = std::map<std::string, Part>;

void addPrices(Parts& parts, const std::string& prefix, const TokenPrices& prices)
{
    for (const TokenPriceField& field : tokenPriceFields) {
        if (const auto& price = prices.*field.member) {
            parts[prefix + field.bookName] = {price->pico(), false};
        }
    }
}

void addTiers(Parts& parts, const std::string& prefix, const std::vector<ContextTier>& tiers)
{
    for (const ContextTier& tier : tiers) {
        addPrices(parts, prefix + "above " + std::to_string(tier.above) + ": ", tier.prices);
    }
}

std::string clockText(int minute)
{
    const auto two = [](int n) { return (n < 10 ? "0" : "") + std::to_string(n); };
    return two(minute / 60) + ":" + two(minute % 60);
}

Parts partsOf(const PriceSheet& sheet)
{
    Parts parts;
    addPrices(parts, {}, sheet);
    addTiers(parts, {}, sheet.contextTiers);
    for (const auto& [name, tier] : sheet.serviceTiers) {
        addPrices(parts, name + ": ", tier.prices);
        addTiers(parts, name + ": ", tier.contextTiers);
    }
    for (const TimeWindow& window : sheet.windows) {
        addPrices(parts,
            clockText(window.startMinute) + "–" + clockText(window.endMinute) + " " + window.zone
                + ": ",
            window.prices);
    }
    for (const auto& [name, fee] : sheet.perTool) {
        parts["tool " + name] = {fee.nano(), true};
    }
    for (const auto& [name, permille] : sheet.geoPermille) {
        parts["region " + name + " ‰"] = {std::int64_t{permille} * 1'000'000'000, true};
    }
    if (!sheet.perCall.isZero()) {
        parts["call"] = {sheet.perCall.nano(), true};
    }
    if (sheet.perImageIn) {
        parts["image in"] = {sheet.perImageIn->nano(), true};
    }
    if (sheet.perImageOut) {
        parts["image out"] = {sheet.perImageOut->nano(), true};
    }
    return parts;
}

std::string textOf(const Part& part)
{
    return part.fee ? Money::fromNano(part.number).toDecimal()
                    : Price::fromPico(part.number).toPerMillion();
}

/// More than the factor up or down, or away altogether.
bool isLarge(std::int64_t before, std::int64_t after)
{
    if (before == 0) {
        return false; // free until now: what it costs from now on is on the safe side
    }
    const auto low = std::min(before, after);
    const auto high = std::max(before, after);
    return low == 0 || high / low >= limits::priceChangeFactorMax;
}

PriceDelta deltaOf(const std::string& what, const Part* before, const Part* after)
{
    PriceDelta delta;
    delta.what = what;
    delta.before = before != nullptr ? textOf(*before) : std::string();
    delta.after = after != nullptr ? textOf(*after) : std::string();
    if (before != nullptr && after != nullptr) {
        delta.large = isLarge(before->number, after->number);
        const std::int64_t change = after->number - before->number;
        const auto permille = before->number > 0
            ? mulDivUp(change < 0 ? -change : change, 1000, before->number)
            : Result<std::int64_t>(Error());
        if (permille) {
            delta.permille = change < 0 ? -*permille : *permille;
        }
    } else if (after != nullptr && !after->fee) {
        delta.large = after->number > 0 && after->number < leastBelievablePico;
    }
    return delta;
}

} // namespace

bool sameBilling(const PriceSheet& a, const PriceSheet& b)
{
    const TokenPrices& left = a;
    const TokenPrices& right = b;
    return left == right && a.perCall == b.perCall && a.perTool == b.perTool
        && a.perImageIn == b.perImageIn && a.perImageOut == b.perImageOut
        && a.contextTiers == b.contextTiers && a.serviceTiers == b.serviceTiers
        && a.geoPermille == b.geoPermille && a.windows == b.windows;
}

void addDeltas(std::vector<PriceDelta>& out, const PriceSheet* before, const PriceSheet& after)
{
    const Parts old = before != nullptr ? partsOf(*before) : Parts();
    const Parts now = partsOf(after);
    for (const auto& [what, part] : now) {
        const auto was = old.find(what);
        if (was == old.end()) {
            out.push_back(deltaOf(what, nullptr, &part));
        } else if (was->second.number != part.number) {
            out.push_back(deltaOf(what, &was->second, &part));
        }
    }
    for (const auto& [what, part] : old) {
        if (!now.contains(what)) {
            out.push_back(deltaOf(what, &part, nullptr));
        }
    }
}

std::string absurdPart(const PriceSheet& sheet)
{
    for (const auto& [what, part] : partsOf(sheet)) {
        if (!part.fee && part.number > limits::pricePicoPerTokenMax) {
            return "Its price \"" + what + "\" of $" + textOf(part)
                + " a million tokens is more than any model costs: the list's prices are in "
                  "another unit.";
        }
        if (part.fee && what.rfind("region ", 0) != 0 && part.number > limits::feeNanoMax) {
            return "Its fee \"" + what + "\" of $" + textOf(part) + " is more than any.";
        }
    }
    for (const auto& region : sheet.geoPermille) {
        if (region.second <= 0 || region.second > limits::geoPermilleMax) {
            return "Its factor for region \"" + region.first + "\" is wrong.";
        }
    }
    return {};
}

} // namespace headgate::catalog
