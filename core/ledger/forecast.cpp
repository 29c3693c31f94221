// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/forecast.h"

#include <algorithm>
#include <array>
#include <limits>

namespace headgate::ledger {

namespace {

__extension__ typedef __int128 Wide;
__extension__ typedef unsigned __int128 WideUnsigned;

/// How unevenly money is spent is told from this many equal parts of the time observed.
constexpr int sliceCount = 12;
/// 80 % of a normal distribution lie within 1.2816 standard deviations.
constexpr int deviationsPermille = 1'282;
constexpr std::int64_t observedLeastUs = usPerMinute;
constexpr std::int64_t observedLeastShare = 200;
/// Squares of numbers below this, times the parts that remain, fit into 128 bits.
constexpr Wide scaledMax = Wide{1} << 32;

Money clamped(Wide nano)
{
    constexpr Wide low = std::numeric_limits<std::int64_t>::min();
    constexpr Wide high = std::numeric_limits<std::int64_t>::max();
    return Money::fromNano(static_cast<std::int64_t>(std::clamp(nano, low, high)));
}

WideUnsigned squareRoot(WideUnsigned value)
{
    WideUnsigned root = 0;
    for (int bit = 63; bit >= 0; --bit) {
        const WideUnsigned candidate = root | (WideUnsigned{1} << bit);
        if (candidate <= value / candidate) {
            root = candidate;
        }
    }
    return root;
}

using Slices = std::array<Wide, sliceCount>;

Slices slicesOf(const ForecastInput& input, std::int64_t observedUs)
{
    Slices slices{};
    for (const Spent& one : input.spent) {
        if (one.atUs < input.observedFromUs || one.atUs > input.nowUs) {
            continue;
        }
        const Wide passed = Wide{one.atUs} - input.observedFromUs;
        const auto index = static_cast<std::size_t>(
            std::min<Wide>(passed * sliceCount / observedUs, sliceCount - 1));
        slices[index] += one.amount.nano();
    }
    return slices;
}

/// Half the interval: with n more parts like the k observed ones, the variance of their sum is
/// n·v (the parts) plus n²·v/k (the mean is only estimated).
Wide halfInterval(Slices slices, Wide total, std::int64_t remainingUs, std::int64_t observedUs)
{
    int shift = 0;
    const auto largest = [&] {
        Wide most = 0;
        for (const Wide slice : slices) {
            most = std::max(most, slice < 0 ? -slice : slice);
        }
        return most;
    };
    while (largest() >> shift >= scaledMax) {
        ++shift;
    }
    const Wide mean = (total >> shift) / sliceCount;
    Wide squares = 0;
    for (const Wide slice : slices) {
        const Wide deviation = (slice >> shift) - mean;
        squares += deviation * deviation;
    }
    const Wide variance = squares / (sliceCount - 1);
    // At most 200 windows' shares remain of a window, so n stays below 2,400; lifetimes have none.
    const Wide parts = (Wide{remainingUs} * sliceCount + observedUs - 1) / observedUs;
    const Wide summed = parts * variance + parts * parts * variance / sliceCount;
    const Wide deviation = static_cast<Wide>(squareRoot(static_cast<WideUnsigned>(summed)));
    return (deviation * deviationsPermille / 1'000) << shift;
}

} // namespace

std::optional<TimeUs> exhaustionAt(TimeUs nowUs, Money left, Money spent, std::int64_t observedUs)
{
    if (left <= Money()) {
        return nowUs;
    }
    if (spent <= Money() || observedUs <= 0) {
        return {};
    }
    const Wide takes = (Wide{left.nano()} * observedUs + spent.nano() - 1) / spent.nano();
    const Wide at = nowUs + takes;
    if (at > std::numeric_limits<TimeUs>::max()) {
        return {};
    }
    return static_cast<TimeUs>(at);
}

Forecast forecast(const ForecastInput& input)
{
    Forecast result;
    result.expected = result.low = result.high = input.settled;
    const Money left = input.limit.minusSaturated(input.settled);
    if (left <= Money()) {
        result.exhaustedAtUs = input.nowUs;
    }
    const bool isEndless = input.window.endUs == std::numeric_limits<TimeUs>::max();
    const std::int64_t observedUs = input.nowUs - input.observedFromUs;
    const std::int64_t lengthUs = isEndless ? 0 : input.window.endUs - input.window.startUs;
    if (observedUs < std::max(observedLeastUs, lengthUs / observedLeastShare)) {
        return result;
    }
    result.isKnown = true;
    const Slices slices = slicesOf(input, observedUs);
    Wide total = 0;
    for (const Wide slice : slices) {
        total += slice;
    }
    const Money rate = clamped(std::max<Wide>(total, 0));
    const auto gone = exhaustionAt(input.nowUs, left, rate, observedUs);
    if (gone && *gone < input.window.endUs) {
        result.exhaustedAtUs = gone;
    }
    const std::int64_t remainingUs = input.window.endUs - input.nowUs;
    if (isEndless || remainingUs <= 0) {
        return result;
    }
    const Wide more = Wide{rate.nano()} * remainingUs / observedUs;
    const Wide half = halfInterval(slices, total, remainingUs, observedUs);
    const Wide settled = input.settled.nano();
    result.expected = clamped(settled + more);
    result.low = clamped(std::max(settled, settled + more - half));
    result.high = clamped(settled + more + half);
    return result;
}

} // namespace headgate::ledger
