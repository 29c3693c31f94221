// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/books.h"

namespace headgate::ledger {

bool Books::hasPeriods(const Pool& pool)
{
    return pool.window.kind == WindowKind::Fixed && !isPerRequest(pool);
}

/// Money that is still held when a window ends may be billed in the next one, so it counts there:
/// the old window is safe, because nothing is granted in it any more.
Result<void> Books::rollOver()
{
    const TimeUs at = currentTime();
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
    return rollOver();
}

} // namespace headgate::ledger
