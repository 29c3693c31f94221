// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/books.h"

#include "core/base/limits.h"

#include <algorithm>

namespace headgate::ledger {

namespace {

/// Accounts of each-pools without an end of their own are put away after this long: each-session
/// pools would keep tens of thousands of them live for ever.
constexpr std::int64_t dormantUs = 7 * usPerDay;
/// One step of housekeeping: some ten milliseconds.
constexpr int accountsArchivedMax = 1'000;
constexpr int poolsAskedMax = 200;
/// Refills are written when they matter: a line for each call would double the journal.
constexpr std::int64_t refillShare = 64;

} // namespace

bool Books::hasPeriods(const Pool& pool)
{
    return pool.window.kind == WindowKind::Fixed && !isPerRequest(pool);
}

bool Books::hasSessions(const Pool& pool)
{
    return pool.window.kind == WindowKind::Session && !isPerRequest(pool);
}

std::unique_ptr<WindowState> Books::makeState(const Pool& pool, TimeUs at)
{
    const bool hasState
        = pool.window.kind == WindowKind::Sliding || pool.window.kind == WindowKind::Bucket;
    if (!hasState || isPerRequest(pool)) {
        return nullptr;
    }
    auto state = std::make_unique<WindowState>();
    state->anchorUs = pool.window.kind == WindowKind::Bucket ? at : 0;
    return state;
}

Books::Current Books::currentInMemory(
    PoolEntry& entry, const Span& span, const std::string& value, TimeUs at) const
{
    Current current{{entry.pool.id, value, span.startUs}, nullptr};
    if (!hasSessions(entry.pool)) {
        current.account = findInMemory(current.key);
        return current;
    }
    const auto newest = m_sessions.find({entry.pool.id, value, 0});
    if (newest != m_sessions.end() && isCurrent(*newest->second, at)) {
        return {newest->second->key, newest->second};
    }
    current.key.windowStartUs = at; // the next call begins a session
    return current;
}

Result<Books::Current> Books::currentAccount(PoolEntry& entry, const std::string& value, TimeUs at)
{
    const auto span = spanOf(entry, at);
    if (!span) {
        return span.error();
    }
    if (!hasSessions(entry.pool)) {
        const AccountKey key{entry.pool.id, value, (*span).startUs};
        const auto account = find(entry, key);
        return account ? Result<Current>(Current{key, *account}) : account.error();
    }
    if (!m_sessions.contains({entry.pool.id, value, 0})) {
        const auto stored = m_store.findNewestSession(entry.pool.id, value);
        if (!stored) {
            return stored.error();
        }
        if (*stored) {
            if (const auto adopted = adopt(entry, **stored); !adopted) {
                return adopted.error();
            }
        }
    }
    return currentInMemory(entry, *span, value, at);
}

Result<Books::Account*> Books::openCurrent(PoolEntry& entry, const std::string& value, TimeUs at)
{
    const auto current = currentAccount(entry, value, at);
    if (!current) {
        return current.error();
    }
    Account* account = (*current).account;
    return account != nullptr ? account : &create(entry, (*current).key);
}

bool Books::isCurrent(const Account& account, TimeUs at) const
{
    PoolEntry& entry = *account.pool;
    if (hasPeriods(entry.pool)) {
        static_cast<void>(spanOf(entry, at)); // only brings the cached span up to date
        return account.key.windowStartUs == entry.span.startUs;
    }
    if (!hasSessions(entry.pool)) {
        return account.key.windowStartUs == 0;
    }
    const auto newest = m_sessions.find({entry.pool.id, account.key.value, 0});
    return newest != m_sessions.end() && newest->second == &account
        && !isSessionOver(entry.pool.window, account.usedAtUs, account.openHolds != 0, at);
}

/// What readers and rules see: lines for what has left or was refilled may not be written yet.
Balance Books::balanceNow(const Account& account, TimeUs at)
{
    if (!account.state) {
        return account.balance;
    }
    return balanceAt(account.pool->pool.window, account.balance, *account.state, at);
}

std::optional<TimeUs> Books::resetOf(const PoolEntry& entry, const Account* account, TimeUs at)
{
    if (hasPeriods(entry.pool)) {
        return entry.span.endUs;
    }
    if (account == nullptr) {
        return {};
    }
    const Window& window = entry.pool.window;
    if (hasSessions(entry.pool)) {
        return account->openHolds == 0 ? std::optional(account->usedAtUs + window.durationUs)
                                       : std::nullopt;
    }
    if (!account->state) {
        return {};
    }
    const Balance now = balanceNow(*account, at);
    const Money gone = account->balance.settled.minusSaturated(now.settled);
    const Money need = window.kind == WindowKind::Bucket
        ? account->balance.settled.minusSaturated(now.toppedUp) // until it is full
        : gone.plusSaturated(Money::fromNano(1)); // until the next part leaves
    const auto falls = fallsAtUs(window, account->balance, *account->state, need);
    return falls && *falls > at ? falls : std::nullopt;
}

/// When a refused call would fit, as far as time alone brings it about.
std::optional<TimeUs> Books::roomOf(
    const Candidate& candidate, const Ask& ask, const Denial& denial)
{
    const Account* account = candidate.account;
    if (account == nullptr || !account->state || denial.reason != DenialReason::CapReached) {
        return candidate.view.resetsAtUs;
    }
    const Money missing = denial.settled.plusSaturated(ask.amount).minusSaturated(denial.cap);
    const Money gone = account->balance.settled.minusSaturated(denial.settled);
    return fallsAtUs(candidate.pool->pool.window, account->balance, *account->state,
        missing.plusSaturated(gone));
}

/// Writes down what has left a sliding window or was refilled. `carried` follows, so that the
/// lifetime total, which is settled minus carried, stays.
void Books::bringUpToDate(Account& account, Freshness freshness, Money ask)
{
    if (!account.state) {
        return;
    }
    const Window& window = account.pool->pool.window;
    if (window.kind == WindowKind::Bucket) {
        refill(account, freshness, ask);
        return;
    }
    if (window.kind != WindowKind::Sliding) {
        return; // the state is a leftover of an edit
    }
    const TimeUs at = currentTime();
    const Slot left = leftAt(window, account.state->slots, at);
    if (left.settled.isZero() && left.toppedUp.isZero()) {
        return;
    }
    touch(account);
    std::erase_if(account.state->slots,
        [&](const Slot& slot) { return slotLeavesAtUs(window, slot.startUs) <= at; });
    account.balance.settled = account.balance.settled.minusSaturated(left.settled);
    account.carried = account.carried.minusSaturated(left.settled);
    account.balance.toppedUp = account.balance.toppedUp.minusSaturated(left.toppedUp);
    account.mayExceed = account.mayExceed || !left.toppedUp.isZero();
    EntryRow& line = addEntry(EntryKind::Expire, nextTime());
    line.carry = true;
    line.setId = internSet({&account});
    line.settled = Money().minusSaturated(left.settled);
    line.toppedUp = Money().minusSaturated(left.toppedUp);
    line.actor = "ledger";
}

/// A refill waits until it is needed, large, or done: a full bucket accrues nothing, so a charge
/// must find it marked as full. Otherwise the sum is the same later.
void Books::refill(Account& account, Freshness freshness, Money ask)
{
    const Pool& pool = account.pool->pool;
    const Refill refill = refillAt(pool.window, account.balance, *account.state, currentTime());
    const Money limit = pool.cap.plusSaturated(account.balance.toppedUp);
    const Money wanted
        = account.balance.settled.plusSaturated(account.balance.held).plusSaturated(ask);
    const bool isDue = freshness == Freshness::Exactly || refill.isFull || wanted > limit
        || refill.amount.nano() >= pool.window.bucketCapacity.nano() / refillShare;
    if (!isDue) {
        return;
    }
    touch(account);
    account.state->anchorUs = refill.anchorUs;
    account.state->remainder = refill.remainder;
    if (refill.amount.isZero()) {
        return;
    }
    account.balance.settled = account.balance.settled.minusSaturated(refill.amount);
    account.carried = account.carried.minusSaturated(refill.amount);
    EntryRow& line = addEntry(EntryKind::Refill, nextTime());
    line.carry = true;
    line.setId = internSet({&account});
    line.settled = Money().minusSaturated(refill.amount);
    line.actor = "ledger";
}

void Books::addCharge(Account& account, Money charge, TimeUs at)
{
    const Window& window = account.pool->pool.window;
    account.balance.settled = account.balance.settled.plus(charge).value();
    account.usedAtUs = at;
    if (account.state && window.kind == WindowKind::Sliding && !charge.isZero()) {
        addToSlots(window, account.state->slots, at, charge);
    }
}

/// Money that is still held when a window ends may be billed in the next one, so it counts there:
/// the old window is safe, because nothing is granted in it any more.
Result<void> Books::rollOver(TimeUs at)
{
    if (at < m_rollAtUs) {
        return {};
    }
    TimeUs next = std::numeric_limits<TimeUs>::max();
    for (HoldRecord* hold : openHoldsInOrder()) {
        for (std::size_t i = 0; i < hold->accounts.size(); ++i) {
            const Account& account = *hold->accounts[i];
            PoolEntry& entry = *account.pool;
            if (!hasPeriods(entry.pool) || entry.pool.archived) {
                continue;
            }
            const auto span = spanOf(entry, at);
            if (!span) {
                return span.error();
            }
            next = std::min(next, (*span).endUs);
            if (account.key.windowStartUs == (*span).startUs) {
                continue;
            }
            const AccountKey key{entry.pool.id, account.key.value, (*span).startUs};
            if (auto done = moveHold(*hold, i, key, "window ended"); !done) {
                return done;
            }
        }
    }
    m_rollAtUs = next;
    return {};
}

Result<void> Books::moveHold(
    HoldRecord& hold, std::size_t place, const AccountKey& key, const char* reason)
{
    Account& from = *hold.accounts[place];
    const auto target = findOrCreate(*from.pool, key);
    if (!target) {
        return target.error();
    }
    Account& to = **target;
    const Money amount = hold.row.amount;
    const auto held = to.balance.held.plus(amount);
    if (!held) {
        return held.error();
    }
    remember(hold);
    touch(from);
    touch(to);
    from.balance.held = from.balance.held.minus(amount).value();
    --from.openHolds;
    to.balance.held = *held;
    to.mayExceed = true; // a lowered cap, or a top-up that stayed behind
    ++to.openHolds;
    to.usedAtUs = m_lastAtUs;
    hold.accounts[place] = &to;
    hold.row.setId = internSet(hold.accounts);
    for (Account* account : {&from, &to}) {
        EntryRow& line = addEntry(EntryKind::Adjust, nextTime());
        line.hold = hold.row.id;
        line.setId = internSet({account});
        line.held = Money::fromNano(account == &from ? -amount.nano() : amount.nano());
        line.actor = "ledger";
        line.reason = reason;
    }
    m_rows.holdUpdates.push_back({hold.row.id, hold.row.state, {}, hold.row.setId, m_lastAtUs});
    return {};
}

/// What the next operation will move, by the account that it moves to: readers must not see room
/// that is not there in between.
std::map<AccountKey, Money> Books::heldOfEndedWindows(TimeUs at) const
{
    std::map<AccountKey, Money> held;
    if (at < m_rollAtUs) {
        return held;
    }
    for (const auto& [id, hold] : m_holds) {
        for (const Account* account : hold->accounts) {
            PoolEntry& entry = *account->pool;
            if (!hold->isOpen() || !hasPeriods(entry.pool) || entry.pool.archived) {
                continue;
            }
            const auto span = spanOf(entry, at);
            if (span && (*span).startUs != account->key.windowStartUs) {
                Money& sum = held[{entry.pool.id, account->key.value, (*span).startUs}];
                sum = sum.plusSaturated(hold->row.amount);
            }
        }
    }
    return held;
}

bool Books::isUpkeepDue() const
{
    const std::scoped_lock lock(m_mutex);
    return m_openHolds != 0 && currentTime() >= m_rollAtUs;
}

Result<void> Books::upkeep()
{
    const std::scoped_lock lock(m_mutex);
    return rollOver(currentTime());
}

// --- ended accounts

ArchiveStep Books::archiveStep(const PoolEntry& entry, TimeUs now)
{
    ArchiveStep step{entry.pool.id, entry.span.startUs, {}, accountsArchivedMax};
    if (hasSessions(entry.pool)) {
        step.currentStartUs.reset();
        step.idleSinceUs = now - entry.pool.window.durationUs;
    } else if (!hasPeriods(entry.pool) && entry.pool.scope.each) {
        step.idleSinceUs = now - dormantUs;
    }
    return step;
}

/// A few pools in turn, each in a transaction of its own. A failure is no news: the next batch
/// meets it too.
void Books::archiveSome(TimeUs now)
{
    auto place = m_pools.lower_bound(m_archivedUpTo);
    std::size_t count = 0;
    for (int asked = 0; asked < poolsAskedMax && place != m_pools.end(); ++asked, ++place) {
        if (count >= accountsArchivedMax) {
            break;
        }
        PoolEntry& entry = *place->second;
        if (!spanOf(entry, now)) {
            continue;
        }
        const auto archived = m_store.archive(archiveStep(entry, now));
        if (!archived) {
            m_archiveUnsure = true; // the commit may have happened all the same
            return;
        }
        count += archived->size();
        for (const AccountKey& key : *archived) {
            if (Account* account = findInMemory(key)) {
                account->isArchived = true;
                if (account->openHolds == 0) {
                    forget(key);
                }
            }
        }
    }
    m_archivedUpTo = place == m_pools.end() ? PoolId{} : place->first;
}

} // namespace headgate::ledger
