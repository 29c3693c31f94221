// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/books.h"

#include "core/ledger/forecast.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace headgate::ledger {

namespace {

__extension__ typedef __int128 Wide;

constexpr std::array thresholdPercents{50, 75, 90, 100};
/// Usage of a sliding window or a bucket swings: a threshold is reported again only after it fell
/// this far below.
constexpr int hysteresisPercent = 10;

/// A rate is that of one to two stretches of time, a window has this many.
constexpr std::int64_t stretchesPerWindow = 24;
/// Windows without an end: a stretch, and how far ahead an end of the money is worth a warning.
constexpr std::int64_t lifetimeStretchUs = 6 * usPerHour;
constexpr std::int64_t lifetimeHorizonUs = 3 * usPerDay;
/// The first request of a window always seems to use it up.
constexpr int spentLeastPercent = 10;

std::int64_t marginOf(Money limit, int percent)
{
    return mulDivUp(limit.nano(), percent, 100).value();
}

/// How far ahead a projection looks in windows without an end.
std::int64_t horizonUs(const Window& window)
{
    switch (window.kind) {
    case WindowKind::Sliding:
        return window.durationUs;
    case WindowKind::Bucket:
        return std::max(usPerHour, fillTimeUs(window));
    default:
        return lifetimeHorizonUs;
    }
}

std::int64_t stretchUs(const Window& window, const Span& span)
{
    std::int64_t stretch = lifetimeStretchUs;
    if (window.kind == WindowKind::Fixed) {
        stretch = (span.endUs - span.startUs) / stretchesPerWindow;
    } else if (window.kind != WindowKind::Lifetime) {
        stretch = horizonUs(window) / stretchesPerWindow;
    }
    return std::max(usPerMinute, stretch);
}

} // namespace

std::string Books::whereOf(const Account& account)
{
    const Pool& pool = account.pool->pool;
    return account.key.value.empty() || !pool.scope.each
        ? fmt::format("Pool \"{}\"", pool.name)
        : fmt::format("Pool \"{}\", {}", pool.name, account.key.value);
}

/// After a commit, of what was touched; or when an account is read from the store: then nothing is
/// reported, only remembered.
void Books::watch(Account& account, Money charged)
{
    const Pool& pool = account.pool->pool;
    const Balance now = balanceNow(account, m_lastAtUs);
    const auto limit = limitFor(pool, now.toppedUp, Priority::High);
    if (isPerRequest(pool) || !limit || *limit <= Money()) {
        return;
    }
    watchThreshold(account, now, *limit);
    if (account.touched && pool.window.kind != WindowKind::Session) {
        watchRate(account, now, *limit, charged);
    }
}

void Books::watchThreshold(Account& account, const Balance& now, Money limit)
{
    int reached = 0;
    int stillUp = 0; // thresholds that usage has not fallen far below
    for (const int percent : thresholdPercents) {
        reached = now.settled.nano() >= marginOf(limit, percent) ? percent : reached;
        const bool isNear = now.settled.nano() > marginOf(limit, percent - hysteresisPercent);
        stillUp = isNear ? percent : stillUp;
    }
    int& threshold = account.watch.threshold;
    if (reached > threshold && account.touched) {
        m_events.push_back({LedgerEvent::Kind::Threshold, account.pool->pool.id,
            fmt::format("{} has passed {} %: {} of {} spent.", whereOf(account), reached,
                now.settled.toDisplay(), limit.toDisplay()),
            reached});
    }
    threshold = std::max(reached, std::min(threshold, stillUp));
}

void Books::watchRate(Account& account, const Balance& now, Money limit, Money charged)
{
    const Pool& pool = account.pool->pool;
    Watch& watch = account.watch;
    const TimeUs at = m_lastAtUs;
    if (charged <= Money()) {
        return;
    }
    if (watch.sinceUs == 0) {
        watch.sinceUs = at;
    }
    if (at - watch.sinceUs >= stretchUs(pool.window, account.pool->span)) {
        watch.previousSinceUs = watch.sinceUs;
        watch.previousSpent = std::exchange(watch.spent, Money());
        watch.sinceUs = at;
    }
    // Until this charge: with charges at both ends the rate would be one too high.
    const Money spent = watch.previousSpent.plusSaturated(watch.spent);
    watch.spent = watch.spent.plusSaturated(charged);
    const bool isQuiet = watch.projectedAtUs != 0
        && (hasPeriods(pool) || at - watch.projectedAtUs < horizonUs(pool.window));
    if (isQuiet || watch.previousSinceUs == 0
        || now.settled.nano() < marginOf(limit, spentLeastPercent)) {
        return;
    }
    const Money left = limit.minusSaturated(now.settled);
    const auto gone = left > Money() ? projected(account, left, limit, spent) : std::nullopt;
    if (!gone) {
        return;
    }
    watch.projectedAtUs = at;
    LedgerEvent event{LedgerEvent::Kind::Projected, pool.id,
        fmt::format("{} will be used up at {} at the present rate: {} of {} spent.",
            whereOf(account), formatInZone(*gone, pool.zone), now.settled.toDisplay(),
            limit.toDisplay()),
        0};
    event.exhaustedAtUs = gone;
    m_events.push_back(std::move(event));
}

/// When the money is gone at the present rate, if that is before the window ends; for a sliding
/// window, if the rate fills it; for a bucket, if it drains faster than it fills.
std::optional<TimeUs> Books::projected(
    const Account& account, Money left, Money limit, Money spent) const
{
    const Window& window = account.pool->pool.window;
    const TimeUs at = m_lastAtUs;
    const std::int64_t observedUs = at - account.watch.previousSinceUs;
    TimeUs endUs = account.pool->span.endUs;
    if (window.kind != WindowKind::Fixed) {
        const std::int64_t horizon = horizonUs(window);
        endUs = at > std::numeric_limits<TimeUs>::max() - horizon ? endUs : at + horizon;
    }
    if (window.kind == WindowKind::Sliding
        && Wide{spent.nano()} * window.durationUs <= Wide{limit.nano()} * observedUs) {
        return {};
    }
    if (window.kind == WindowKind::Bucket) {
        const Wide refilled = Wide{window.bucketRefillPerHour.nano()} * observedUs / usPerHour;
        if (refilled >= spent.nano()) {
            return {};
        }
        spent = Money::fromNano(static_cast<std::int64_t>(spent.nano() - refilled));
    }
    const auto gone = exhaustionAt(at, left, spent, observedUs);
    return gone && *gone < endUs ? gone : std::nullopt;
}

} // namespace headgate::ledger
