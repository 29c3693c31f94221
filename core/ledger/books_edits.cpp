// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/books.h"

#include "core/base/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

// An edited pool starts with the usage that its new window would have seen: told by the journal,
// not by the old balances, so that editing back and forth never makes money reappear.

namespace headgate::ledger {

namespace {

constexpr const char* carryReason = "window changed";
/// A bucket is replayed over this many times its fill time: what is older has been refilled.
constexpr std::int64_t replayedFills = 4;
constexpr std::int64_t replayLeastUs = usPerDay;
constexpr std::int64_t replayMostUs = 92 * usPerDay;
/// Charges of a second are replayed at its end, which is the safe side.
constexpr std::int64_t replayStepUs = usPerSecond;

bool hasOtherWindow(const Pool& a, const Pool& b)
{
    return a.window != b.window || a.zone != b.zone || a.fiscalStartDay != b.fiscalStartDay
        || isPerRequest(a) != isPerRequest(b);
}

bool hasOtherLimit(const Pool& a, const Pool& b)
{
    return a.cap != b.cap || a.hard != b.hard || isPerRequest(a) != isPerRequest(b);
}

bool isContinuous(const Pool& pool)
{
    return pool.window.kind == WindowKind::Sliding || pool.window.kind == WindowKind::Bucket;
}

TimeUs replayedFrom(const Window& window, TimeUs at)
{
    const std::int64_t fill = std::min(fillTimeUs(window), replayMostUs);
    return at - std::clamp(fill * replayedFills, replayLeastUs, replayMostUs);
}

} // namespace

Result<void> Books::applyPool(const Pool& wanted, TimeUs at)
{
    auto& place = m_pools[wanted.id];
    if (!place) {
        place = std::make_unique<PoolEntry>();
        place->pool = wanted;
        m_newPools.push_back(wanted.id);
        m_rows.pools.push_back({wanted, false});
        return {};
    }
    PoolEntry& entry = *place;
    if (entry.pool == wanted) {
        return {};
    }
    if (entry.pool.scope != wanted.scope) {
        return Error(ErrorCode::Refused,
            fmt::format("Pool \"{}\" covers {}: a pool's scope cannot change, because its accounts "
                        "belong to it.",
                entry.pool.name, entry.pool.scope.text()),
            "Add a pool with the other scope and archive this one.");
    }
    const bool isRewindowed = hasOtherWindow(entry.pool, wanted);
    Edit edit{&entry, entry.pool, {}, at};
    if (isRewindowed) {
        auto was = accountsBefore(entry, at);
        if (!was) {
            return was.error();
        }
        edit.was = std::move(*was);
    }
    m_poolsBefore.emplace_back(&entry, entry);
    entry.pool = wanted;
    m_rows.pools.push_back({wanted, hasOtherLimit(edit.old, wanted)});
    if (!isRewindowed) {
        return edit.old.archived && !wanted.archived ? loadCurrent(entry, at) : Result<void>();
    }
    return carryOver(edit);
}

/// The accounts that are current before an edit, with all written down that has left or was
/// refilled.
Result<std::vector<Books::Account*>> Books::accountsBefore(PoolEntry& entry, TimeUs at)
{
    std::vector<Account*> was;
    if (isPerRequest(entry.pool)) {
        return was; // its accounts only show totals
    }
    if (auto done = loadCurrent(entry, at); !done) {
        return done.error();
    }
    for (const auto& [key, account] : m_accounts) {
        if (account->pool == &entry && isCurrent(*account, at)) {
            was.push_back(account.get());
        }
    }
    std::sort(
        was.begin(), was.end(), [](const Account* a, const Account* b) { return a->id < b->id; });
    for (Account* account : was) {
        bringUpToDate(*account, Freshness::Exactly);
    }
    return was;
}

Result<void> Books::carryOver(const Edit& edit)
{
    PoolEntry& entry = *edit.entry;
    const auto oldSpan = entry.span;
    entry.span = {};
    if (const auto span = spanOf(entry, edit.at); !span) {
        entry.span = oldSpan;
        return span.error();
    }
    if (isPerRequest(entry.pool)) {
        return {}; // its account only shows totals; operations are added up one by one
    }
    if (hasSessions(entry.pool)) {
        for (Account* account : edit.was) { // a shorter idle time ends no session at once
            touch(*account);
            account->usedAtUs = edit.at;
        }
    }
    for (const auto step : {&Books::carryMarks, &Books::carryUsage, &Books::moveHolds}) {
        if (auto done = (this->*step)(edit); !done) {
            return done;
        }
    }
    return {};
}

/// Every account that a window without a beginning may find, in the state that it needs. Top-ups of
/// one that was not current belong to a time that is over.
Result<std::vector<Books::Account*>> Books::continuousAccounts(const Edit& edit)
{
    PoolEntry& entry = *edit.entry;
    const auto rows = m_store.loadEveryAccount(entry.pool.id, 0);
    if (!rows) {
        return rows.error();
    }
    for (const AccountRow& row : *rows) {
        if (const auto adopted = adopt(entry, row); !adopted) {
            return adopted.error();
        }
    }
    std::vector<Account*> accounts;
    for (const auto& [key, account] : m_accounts) {
        if (account->pool == &entry && key.windowStartUs == 0) {
            accounts.push_back(account.get());
        }
    }
    std::sort(accounts.begin(), accounts.end(),
        [](const Account* a, const Account* b) { return a->id < b->id; });
    for (Account* account : accounts) {
        if (!account->state && !account->created) {
            auto leftover = m_store.loadSlots(account->id); // of a sliding window before the last
            if (!leftover) {
                return leftover.error();
            }
            account->state = std::make_unique<WindowState>();
            account->state->slots = std::move(*leftover);
        }
        touch(*account);
        const bool keepsBucket = account->state && edit.old.window.kind == WindowKind::Bucket
            && entry.pool.window.kind == WindowKind::Bucket;
        if (!keepsBucket) {
            account->state = makeState(entry.pool, edit.at);
        }
        const bool wasCurrent
            = std::find(edit.was.begin(), edit.was.end(), account) != edit.was.end();
        if (isContinuous(entry.pool) && !wasCurrent) {
            carryTopUp(*account, {});
        }
    }
    return accounts;
}

/// Top-ups and overrun freezes of the current accounts come along.
Result<void> Books::carryMarks(const Edit& edit)
{
    if (!hasPeriods(edit.entry->pool) && !hasSessions(edit.entry->pool)) {
        if (const auto known = continuousAccounts(edit); !known) {
            return known.error();
        }
    }
    for (const Account* from : edit.was) {
        if (!from->balance.frozen && from->balance.toppedUp.isZero()) {
            continue;
        }
        const auto to = openCurrent(*edit.entry, from->key.value, edit.at);
        if (!to) {
            return to.error();
        }
        Account& account = **to;
        touch(account);
        account.mayExceed = true;
        carryTopUp(account, std::max(account.balance.toppedUp, from->balance.toppedUp));
        account.balance.frozen = account.balance.frozen || from->balance.frozen;
    }
    return {};
}

Result<void> Books::carryUsage(const Edit& edit)
{
    switch (edit.entry->pool.window.kind) {
    case WindowKind::Sliding:
        return carryIntoSlots(edit);
    case WindowKind::Bucket:
        return carryIntoBuckets(edit);
    case WindowKind::Session:
        return carryIntoSessions(edit);
    default:
        return carryByPeriod(edit);
    }
}

/// Fixed and lifetime windows: what was charged since the window began. Never less than the account
/// says: an old program charged late settles to the window of their hold.
Result<void> Books::carryByPeriod(const Edit& edit)
{
    PoolEntry& entry = *edit.entry;
    const auto usage = m_store.usageSince(entry.pool.id, entry.span.startUs);
    if (!usage) {
        return usage.error();
    }
    for (const Usage& used : *usage) {
        const auto account = findOrCreate(entry, {entry.pool.id, used.value, entry.span.startUs});
        if (!account) {
            return account.error();
        }
        carryTo(**account, std::max(used.settled, (*account)->balance.settled));
    }
    return {};
}

Result<std::map<std::string, std::vector<TimedUsage>>> Books::usageOf(
    const Edit& edit, TimeUs sinceUs, std::int64_t stepUs)
{
    std::map<std::string, std::vector<TimedUsage>> byValue;
    const auto usage = m_store.usageByTime(edit.entry->pool.id, sinceUs, stepUs);
    if (!usage) {
        return usage.error();
    }
    for (const TimedUsage& used : *usage) {
        byValue[used.value].push_back(used);
    }
    // Values that have an account but no usage: what they spent is older than the window.
    for (const auto& [key, account] : m_accounts) {
        if (account->pool == edit.entry && key.windowStartUs == 0) {
            byValue.try_emplace(key.value);
        }
    }
    return byValue;
}

Result<void> Books::carryIntoSlots(const Edit& edit)
{
    PoolEntry& entry = *edit.entry;
    const Window& window = entry.pool.window;
    const std::int64_t stepUs = slotLengthUs(window);
    const TimeUs sinceUs = slotStartUs(window, edit.at - window.durationUs - stepUs);
    const auto usage = usageOf(edit, sinceUs, stepUs);
    if (!usage) {
        return usage.error();
    }
    for (const auto& [value, charges] : *usage) {
        const auto account = findOrCreate(entry, {entry.pool.id, value, 0});
        if (!account) {
            return account.error();
        }
        touch(**account);
        std::vector<Slot>& slots = (*account)->state->slots;
        slots.clear();
        for (const bool isBack : {false, true}) { // what was given back is taken out at last
            for (const TimedUsage& used : charges) {
                if (used.settled.isNegative() == isBack) {
                    addToSlots(window, slots, used.atUs, used.settled);
                }
            }
        }
        std::erase_if(slots,
            [&](const Slot& slot) { return slotLeavesAtUs(window, slot.startUs) <= edit.at; });
        Money settled;
        for (const Slot& slot : slots) {
            settled = settled.plusSaturated(slot.settled);
        }
        topUpSlots(window, slots, edit.at, (*account)->balance.toppedUp);
        carryTo(**account, settled);
    }
    return {};
}

Result<void> Books::carryIntoBuckets(const Edit& edit)
{
    PoolEntry& entry = *edit.entry;
    const Window& window = entry.pool.window;
    if (edit.old.window.kind == WindowKind::Bucket && !isPerRequest(edit.old)) {
        return {}; // another size or rate, the same content
    }
    const TimeUs sinceUs = replayedFrom(window, edit.at);
    const auto usage = usageOf(edit, sinceUs, replayStepUs);
    if (!usage) {
        return usage.error();
    }
    for (const auto& [value, charges] : *usage) {
        const auto account = findOrCreate(entry, {entry.pool.id, value, 0});
        if (!account) {
            return account.error();
        }
        touch(**account);
        Balance replayed;
        replayed.toppedUp = (*account)->balance.toppedUp;
        WindowState state;
        state.anchorUs = sinceUs;
        const auto refillTo = [&](TimeUs at) {
            const Refill refill = refillAt(window, replayed, state, at);
            replayed.settled = replayed.settled.minusSaturated(refill.amount);
            state.anchorUs = refill.anchorUs;
            state.remainder = refill.remainder;
        };
        for (const TimedUsage& used : charges) {
            refillTo(std::min(used.atUs + replayStepUs, edit.at));
            replayed.settled = std::max(Money(), replayed.settled.plusSaturated(used.settled));
        }
        refillTo(edit.at);
        *(*account)->state = std::move(state);
        carryTo(**account, replayed.settled);
    }
    return {};
}

/// A session goes on with what the account before it had spent.
Result<void> Books::carryIntoSessions(const Edit& edit)
{
    for (const Account* from : edit.was) {
        const auto to = openCurrent(*edit.entry, from->key.value, edit.at);
        if (!to) {
            return to.error();
        }
        carryTo(**to, std::max((*to)->balance.settled, from->balance.settled));
    }
    return {};
}

void Books::carryTo(Account& account, Money settled)
{
    const Money missing = settled.minusSaturated(account.balance.settled);
    if (missing.isZero()) {
        return;
    }
    touch(account);
    account.balance.settled = settled;
    account.carried = account.carried.plusSaturated(missing);
    account.mayExceed = true;
    account.usedAtUs = m_lastAtUs;
    EntryRow& line = addEntry(EntryKind::Adjust, nextTime());
    line.carry = true;
    line.setId = internSet({&account});
    line.settled = missing;
    line.actor = "ledger";
    line.reason = carryReason;
}

void Books::carryTopUp(Account& account, Money toppedUp)
{
    const Money missing = toppedUp.minusSaturated(account.balance.toppedUp);
    if (missing.isZero()) {
        return;
    }
    touch(account);
    account.balance.toppedUp = toppedUp;
    account.mayExceed = true;
    EntryRow& line = addEntry(EntryKind::TopUp, nextTime());
    line.carry = true;
    line.setId = internSet({&account});
    line.toppedUp = missing;
    line.actor = "ledger";
    line.reason = carryReason;
}

Result<void> Books::moveHolds(const Edit& edit)
{
    PoolEntry& entry = *edit.entry;
    for (HoldRecord* hold : openHoldsInOrder()) {
        for (std::size_t i = 0; i < hold->accounts.size(); ++i) {
            const Account& from = *hold->accounts[i];
            if (from.pool != &entry) {
                continue;
            }
            const auto to = openCurrent(entry, from.key.value, edit.at);
            if (!to) {
                return to.error();
            }
            if (*to == &from) {
                continue;
            }
            if (auto done = moveHold(*hold, i, (*to)->key, carryReason); !done) {
                return done;
            }
        }
    }
    return {};
}

} // namespace headgate::ledger
