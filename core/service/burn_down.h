// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Where one account of a pool is heading: what was spent so far, the even pace, a forecast. Pure
// functions over what core/ledger read; for show only, never used to decide about a call.

#include "core/ledger/explain.h"
#include "core/ledger/forecast.h"

namespace headgate::service {

struct BurnDown {
    ledger::Pool pool;
    ledger::AccountCurve curve;
    Span span; ///< what a chart shows: until the window's end, or some time past now
    TimeUs nowUs = 0;
    Money limit; ///< cap plus top-ups
    bool hasPace = false; ///< the window has an end: an even pace means something
    ledger::Forecast forecast; ///< at span.endUs
};

/// From when on the curve of `pool` is wanted; startUs 0: from the account's first line.
[[nodiscard]] Span curveSpan(const ledger::Pool& pool, TimeUs nowUs);
[[nodiscard]] BurnDown burnDownOf(
    const ledger::Pool& pool, ledger::AccountCurve curve, TimeUs nowUs);

/// When an account's money is gone if it is spent as lately; `spent` in `observedUs`. Absent: it
/// lasts (to the end of its window), or nothing is spent.
[[nodiscard]] std::optional<TimeUs> lastsUntil(const ledger::Pool& pool,
    const ledger::AccountView& account, const ledger::RecentSpends& recent, TimeUs nowUs);

} // namespace headgate::service
