// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Where a pool will stand when its window ends, and when its money will be gone, at the present
// rate. Pure functions in whole numbers for burn-down charts and warnings; never used to decide
// about a call.

#include "core/base/calendar.h"
#include "core/base/money.h"

#include <optional>
#include <vector>

namespace headgate::ledger {

/// Money spent at one time, or summed up to it. Negative: given back.
struct Spent {
    TimeUs atUs = 0;
    Money amount;
};

struct ForecastInput {
    Span window; ///< endUs INT64_MAX: it has no end, then only exhaustion is told
    TimeUs nowUs = 0;
    Money settled; ///< spent in the window until now
    Money limit; ///< cap plus top-ups
    TimeUs observedFromUs = 0; ///< `spent` is all there was from here until now
    std::vector<Spent> spent; ///< in any order; what lies outside is left out
};

struct Forecast {
    /// False: too little was seen (less than a minute, or than 1/200 of the window) for a rate.
    bool isKnown = false;
    // Spent when the window ends: expected, and the ends of an interval that four in five windows
    // hit when spending goes on as unevenly as it did. `low` is never below what is spent already.
    Money expected;
    Money low;
    Money high;
    /// When the limit is reached at the present rate; absent when the window ends before that.
    std::optional<TimeUs> exhaustedAtUs;
};

[[nodiscard]] Forecast forecast(const ForecastInput& input);

/// When `left` is gone if `spent` in `observedUs` goes on; absent when nothing is spent.
[[nodiscard]] std::optional<TimeUs> exhaustionAt(
    TimeUs nowUs, Money left, Money spent, std::int64_t observedUs);

} // namespace headgate::ledger
