// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/audit_windows.h"
#include "tests/sim/auditor.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace headgate::sim {

using ledger::Pool;
using ledger::ScopeKind;
using ledger::WindowKind;

namespace {
constexpr TimeUs forEver = std::numeric_limits<TimeUs>::max();
} // namespace

/// The ledger's time never goes back: the wall, or the last line of the journal if that is later.
TimeUs Auditor::ledgerNow() const
{
    return std::max(m_lastAtUs, m_world.clock.nowUs());
}

void Auditor::onClockStepped()
{
    const TimeUs now = ledgerNow();
    for (auto& [group, lines] : m_bills) {
        for (BillLine& line : lines) {
            line.atUs = std::min(line.atUs, now);
        }
    }
    for (auto& [pool, versions] : m_versions) {
        for (Version& version : versions) {
            version.fromUs = std::min(version.fromUs, now);
            version.toUs = std::min(version.toUs, now);
        }
    }
}

/// A call that was given up is charged in full at that moment; the ledger cannot know when the
/// provider works it off, so what is billed later belongs to that moment.
void Auditor::addBill(Hold& hold, Money amount)
{
    const TimeUs at = hold.endedUs != 0 ? std::min(hold.endedUs, ledgerNow()) : ledgerNow();
    for (const Cover& cover : hold.covers) {
        if (!cover.isHard) {
            continue;
        }
        const Group group{cover.pool, cover.epoch, cover.value};
        m_bills[group].push_back({at, amount, hold.id});
        m_billedSinceCommit.insert(group);
        checkGroup(group, hold, at);
    }
}

const Auditor::Version* Auditor::versionOf(PoolId pool, int epoch) const
{
    const auto found = m_versions.find(pool);
    if (found == m_versions.end()) {
        return nullptr;
    }
    for (const Version& version : found->second) {
        if (version.epoch == epoch) {
            return &version;
        }
    }
    return nullptr;
}

/// The highest cap under which anything billed in that time was granted.
Money Auditor::capDuring(const Group& group, TimeUs fromUs, TimeUs toUs) const
{
    Money most;
    for (const BillLine& line : m_bills.at(group)) {
        if (line.atUs >= fromUs && line.atUs <= toUs) {
            fromUs = std::min(fromUs, m_holds.at(line.hold).atUs);
        }
    }
    for (const Version& version : m_versions.at(std::get<0>(group))) {
        const bool isMeant = version.epoch == std::get<1>(group) && version.fromUs <= toUs
            && (version.toUs == 0 || version.toUs >= fromUs);
        if (isMeant) {
            most = std::max(most, version.pool.cap);
        }
    }
    return most;
}

/// Top-ups and refunds count in the window they were made in; an edited window takes them along.
Money Auditor::giftsDuring(const Group& group, TimeUs fromUs, TimeUs toUs) const
{
    Money sum;
    const auto found = m_gifts.find(std::get<0>(group));
    if (found == m_gifts.end()) {
        return sum;
    }
    const Version* version = versionOf(std::get<0>(group), std::get<1>(group));
    const bool isEdited = std::get<1>(group) > 1 && version->fromUs >= fromUs;
    // In a sliding window a top-up lasts as long as a charge: a whole number of its parts.
    if (version->pool.window.kind == WindowKind::Sliding) {
        fromUs -= version->pool.window.durationUs + version->pool.window.durationUs / 8;
    }
    for (const Gift& gift : found->second) {
        if ((gift.atUs >= fromUs || isEdited) && gift.atUs <= toUs
            && gift.value == std::get<2>(group)) {
            sum = sum.plusSaturated(gift.amount);
        }
    }
    return sum;
}

Money Auditor::billedBetween(const Group& group, TimeUs fromUs, TimeUs toUs) const
{
    Money sum;
    for (const BillLine& line : m_bills.at(group)) {
        if (line.atUs >= fromUs && line.atUs <= toUs) {
            sum = sum.plusSaturated(line.amount);
        }
    }
    return sum;
}

void Auditor::checkGroup(const Group& group, const Hold& hold, TimeUs at)
{
    const Version* version = versionOf(std::get<0>(group), std::get<1>(group));
    if (version == nullptr) {
        return;
    }
    const Pool& pool = version->pool;
    if (pool.scope.kind == ScopeKind::Request || pool.window.kind == WindowKind::Request) {
        checkOperation(group, hold);
        return;
    }
    switch (pool.window.kind) {
    case WindowKind::Fixed: {
        const TimeUs start = ownWindowStart(pool, at);
        TimeUs end = at; // the first moment of the next window, found by bisection
        for (TimeUs step = 400 * usPerDay; step > 0; step /= 2) {
            while (ownWindowStart(pool, end + step) == start) {
                end += step;
            }
        }
        checkWindow(group, start, end);
        break;
    }
    case WindowKind::Lifetime:
        checkWindow(group, std::numeric_limits<TimeUs>::min(), forEver);
        break;
    case WindowKind::Sliding:
        // Every window that ends with a bill; the others hold no more than one of these.
        checkWindow(group, at - pool.window.durationUs + 1, at);
        for (const BillLine& line : m_bills.at(group)) {
            if (line.atUs > at && line.atUs < at + pool.window.durationUs) {
                checkWindow(group, line.atUs - pool.window.durationUs + 1, line.atUs);
            }
        }
        break;
    case WindowKind::Bucket:
        checkBucket(group);
        break;
    case WindowKind::Session:
        checkSession(group);
        break;
    case WindowKind::Request:
        break;
    }
}

/// I2.
void Auditor::checkWindow(const Group& group, TimeUs fromUs, TimeUs toUs)
{
    const Money billed = billedBetween(group, fromUs, toUs);
    const Money cap
        = capDuring(group, fromUs, toUs).plusSaturated(giftsDuring(group, fromUs, toUs));
    if (billed > cap) {
        const Version* version = versionOf(std::get<0>(group), std::get<1>(group));
        fail("I2",
            fmt::format("Pool {} ({} {}, value \"{}\"): providers billed {} between {} and "
                        "{}, the cap is {} (wording {}, call of hold {}).",
                version->pool.name, version->pool.scope.text(), version->pool.window.text(),
                std::get<2>(group), billed.toDecimal(), fromUs, toUs, cap.toDecimal(),
                std::get<1>(group), m_bills.at(group).back().hold));
    }
}

/// I1 by the bills: what was billed since the pool's present window began, under whatever wording,
/// and what is set aside now leave room for a new hold; neither an edit nor the end of a window
/// makes money reappear.
void Auditor::checkGrantAgainstBills(const Account& one, const Pool& pool, const Hold& hold)
{
    TimeUs from = std::numeric_limits<TimeUs>::min();
    if (pool.scope.kind == ScopeKind::Request || pool.window.kind == WindowKind::Request) {
        return;
    }
    Money used;
    for (const auto& [id, other] : m_holds) {
        const bool isCovered = std::any_of(other.covers.begin(), other.covers.end(),
            [&](const Cover& cover) { return cover.pool == one.pool && cover.value == one.value; });
        if (isCovered && other.endedUs == 0) {
            used = used.plusSaturated(other.amount);
        }
    }
    if (used > one.held) {
        fail("I1",
            fmt::format("Hold {} is granted by {} ({}), which counts {} as held, but {} are.",
                hold.id, pool.name, pool.window.text(), one.held.toDecimal(), used.toDecimal()));
    }
    if (pool.window.kind == WindowKind::Bucket || pool.window.kind == WindowKind::Session) {
        return;
    }
    if (pool.window.kind == WindowKind::Fixed) {
        from = ownWindowStart(pool, m_lastAtUs);
    } else if (pool.window.kind == WindowKind::Sliding) {
        from = m_lastAtUs - pool.window.durationUs + 1;
    }
    for (const auto& [group, lines] : m_bills) {
        if (std::get<0>(group) != one.pool || std::get<2>(group) != one.value) {
            continue;
        }
        for (const BillLine& line : lines) {
            const bool isOpen = m_holds.at(line.hold).endedUs == 0;
            used = line.atUs >= from && !isOpen ? used.plusSaturated(line.amount) : used;
        }
    }
    Money limit = pool.cap;
    for (const Gift& gift : m_gifts[one.pool]) {
        limit = gift.value == one.value ? limit.plusSaturated(gift.amount) : limit;
    }
    if (used > limit) {
        fail("I1",
            fmt::format("Hold {} of {} is granted by {} ({} {}), where {} are billed or held "
                        "since {} and the cap is {}.",
                hold.id, hold.amount.toDecimal(), pool.name, pool.scope.text(), pool.window.text(),
                used.toDecimal(), from, limit.toDecimal()));
    }
}

/// A bucket that is full at first: what it holds, plus what flows in, is never exceeded.
void Auditor::checkBucket(const Group& group)
{
    const Version* version = versionOf(std::get<0>(group), std::get<1>(group));
    auto lines = m_bills.at(group);
    std::sort(lines.begin(), lines.end(),
        [](const BillLine& a, const BillLine& b) { return a.atUs < b.atUs; });
    __extension__ typedef __int128 Wide;
    constexpr Wide scale = usPerHour; // nano-dollars × microseconds of an hour
    const Money gifts = giftsDuring(group, std::numeric_limits<TimeUs>::min(), forEver);
    const Wide full
        = (static_cast<Wide>(version->pool.window.bucketCapacity.nano()) + gifts.nano()) * scale;
    Wide level = full;
    TimeUs last = lines.empty() ? 0 : lines.front().atUs;
    for (const BillLine& line : lines) {
        level += static_cast<Wide>(line.atUs - last)
            * version->pool.window.bucketRefillPerHour.nano();
        level = std::min(level, full) - line.amount.nano() * scale;
        last = line.atUs;
        if (level < 0) {
            fail("I2",
                fmt::format("Pool {} ({}): providers billed more than the bucket held at {}.",
                    version->pool.name, version->pool.window.text(), line.atUs));
            return;
        }
    }
}

/// A session ends after it was idle that long; each may spend the cap once.
void Auditor::checkSession(const Group& group)
{
    const Version* version = versionOf(std::get<0>(group), std::get<1>(group));
    // A hold keeps its session awake from its grant to its end.
    std::vector<std::pair<TimeUs, TimeUs>> awake;
    for (const auto& [id, hold] : m_holds) {
        const bool isMine
            = std::any_of(hold.covers.begin(), hold.covers.end(), [&](const Cover& cover) {
                  return Group{cover.pool, cover.epoch, cover.value} == group;
              });
        if (isMine) {
            awake.emplace_back(hold.atUs, hold.endedUs == 0 ? ledgerNow() : hold.endedUs);
        }
    }
    for (const Gift& gift : m_gifts[std::get<0>(group)]) {
        if (gift.value == std::get<2>(group)) {
            awake.emplace_back(gift.atUs, gift.atUs); // a top-up begins a session, too
        }
    }
    std::sort(awake.begin(), awake.end());
    TimeUs from = 0;
    TimeUs until = 0;
    for (const auto& [begin, end] : awake) {
        if (until != 0 && begin > until + version->pool.window.durationUs) {
            checkWindow(group, from, until);
            from = 0;
        }
        from = from == 0 ? begin : from;
        until = std::max(until, end);
    }
    checkWindow(group, from, until);
}

/// The twin of I2, and sharper: what was billed in the current window is in the books of that
/// window, settled or held, also when the cap is far away.
void Auditor::checkBooksCoverBills()
{
    for (const Group& group : std::exchange(m_billedSinceCommit, {})) {
        const Version* version = versionOf(std::get<0>(group));
        const Pool& pool = version->pool;
        const bool isPlain = pool.scope.kind != ScopeKind::Request
            && (pool.window.kind == WindowKind::Fixed || pool.window.kind == WindowKind::Lifetime);
        if (!isPlain || pool.archived || version->epoch != std::get<1>(group)) {
            continue;
        }
        const TimeUs start = ownWindowStart(pool, m_lastAtUs);
        Money used = m_refunds[pool.id];
        for (const auto& [id, account] : m_accounts) {
            if (account.pool == pool.id && account.value == std::get<2>(group)
                && account.windowStartUs == start) {
                used = used.plusSaturated(account.settled).plusSaturated(account.held);
            }
        }
        const Money billed = billedBetween(group, start, m_lastAtUs);
        if (billed > used) {
            fail("I2",
                fmt::format(
                    "Pool {} ({} {}, value \"{}\"): providers billed {} since {}, the books "
                    "have {}.",
                    pool.name, pool.scope.text(), pool.window.text(), std::get<2>(group),
                    billed.toDecimal(), start, used.toDecimal()));
        }
    }
}

void Auditor::checkOperation(const Group& group, const Hold& hold)
{
    Money billed;
    for (const BillLine& line : m_bills.at(group)) {
        if (m_holds.at(line.hold).requestId == hold.requestId) {
            billed = billed.plusSaturated(line.amount);
        }
    }
    const Money cap = capDuring(group, hold.atUs, ledgerNow());
    if (billed > cap) {
        fail("I2",
            fmt::format("Request {} was billed {}, the ceiling of one request is {}.", hold.client,
                billed.toDecimal(), cap.toDecimal()));
    }
}

} // namespace headgate::sim
