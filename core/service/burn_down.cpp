// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/burn_down.h"

#include <algorithm>

namespace headgate::service {

namespace {

/// A window without an end is looked back on for this long at the least and at the most.
constexpr std::int64_t lookBackLeastUs = 10 * usPerMinute;
constexpr std::int64_t lookBackMostUs = 30 * usPerDay;

/// How long an empty bucket takes to fill, within sense for a chart.
std::int64_t bucketFillUs(const ledger::Window& window)
{
    const auto rate = std::max<std::int64_t>(window.bucketRefillPerHour.nano(), 1);
    const auto us
        = mulDivUp(std::max<std::int64_t>(window.bucketCapacity.nano(), 0), usPerHour, rate);
    return std::clamp<std::int64_t>(us ? *us : lookBackMostUs, usPerHour, 7 * usPerDay);
}

} // namespace

Span curveSpan(const ledger::Pool& pool, TimeUs nowUs)
{
    switch (pool.window.kind) {
    case ledger::WindowKind::Fixed:
        if (const auto window
            = periodContaining(pool.window.period, nowUs, pool.zone, pool.fiscalStartDay)) {
            return *window;
        }
        break;
    case ledger::WindowKind::Sliding:
        return {nowUs - pool.window.durationUs, nowUs};
    case ledger::WindowKind::Bucket:
        return {nowUs - bucketFillUs(pool.window), nowUs};
    case ledger::WindowKind::Lifetime:
    case ledger::WindowKind::Session:
    case ledger::WindowKind::Request:
        break;
    }
    return {0, nowUs};
}

BurnDown burnDownOf(const ledger::Pool& pool, ledger::AccountCurve curve, TimeUs nowUs)
{
    BurnDown out;
    out.pool = pool;
    out.nowUs = nowUs;
    out.hasPace = pool.window.kind == ledger::WindowKind::Fixed;
    out.span = curveSpan(pool, nowUs);
    if (!out.hasPace) {
        const TimeUs first = curve.fromUs == 0 ? nowUs : curve.fromUs;
        out.span.startUs = std::clamp(first, nowUs - lookBackMostUs, nowUs - lookBackLeastUs);
        out.span.endUs = nowUs + (nowUs - out.span.startUs) / 3;
    } else if (curve.key.windowStartUs < out.span.startUs) {
        // The window before: nothing has been spent in this one.
        curve.points.clear();
        curve.now = {};
        curve.before = {};
    }
    out.limit = pool.cap.plusSaturated(curve.now.toppedUp);
    ledger::ForecastInput input;
    input.window = out.span;
    input.nowUs = nowUs;
    input.settled = curve.now.settled;
    input.limit = out.limit;
    input.observedFromUs = out.span.startUs;
    if (!out.hasPace && !curve.points.empty()) {
        // Without a window's beginning the rate is told since money began to move.
        input.observedFromUs = std::clamp(curve.points.front().atUs, out.span.startUs, nowUs);
    }
    for (const auto& point : curve.points) {
        input.spent.push_back({point.atUs, point.spent});
    }
    out.forecast = ledger::forecast(input);
    out.curve = std::move(curve);
    return out;
}

std::optional<TimeUs> lastsUntil(const ledger::Pool& pool, const ledger::AccountView& account,
    const ledger::RecentSpends& recent, TimeUs nowUs)
{
    const auto& balance = account.balance;
    const Money left = pool.cap.plusSaturated(balance.toppedUp)
                           .minusSaturated(balance.settled)
                           .minusSaturated(balance.held);
    if (ledger::isPerRequest(pool) || left <= Money()) {
        return std::nullopt;
    }
    std::optional<TimeUs> gone;
    if (pool.window.kind == ledger::WindowKind::Fixed) {
        gone
            = ledger::exhaustionAt(nowUs, left, balance.settled, nowUs - account.key.windowStartUs);
    } else {
        const auto found
            = std::find_if(recent.accounts.begin(), recent.accounts.end(), [&](const auto& one) {
                  return one.key.pool == account.key.pool && one.key.value == account.key.value;
              });
        if (found != recent.accounts.end()) {
            const auto since
                = std::min(std::max(found->firstUs, recent.sinceUs), nowUs - usPerMinute);
            gone = ledger::exhaustionAt(nowUs, left, found->spent, nowUs - since);
        }
    }
    if (gone && account.resetsAtUs && *gone >= *account.resetsAtUs) {
        return std::nullopt;
    }
    return gone;
}

} // namespace headgate::service
