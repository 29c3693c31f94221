// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A ledger store in plain maps, for tests that run the books hundreds of thousands of times. It
// outlives the books, as a file does, adds up journal lines beside balances, and fails when told.

#include "core/ledger/store.h"

#include <map>

namespace headgate::ledger::test {

class MemoryStore final : public LedgerStore {
public:
    bool failNext = false;

    Result<void> write(const BatchRows& rows) override
    {
        if (std::exchange(failNext, false)) {
            return Error(ErrorCode::Io, "told to fail");
        }
        for (const PoolRow& row : rows.pools) {
            m_pools[row.pool.id] = row.pool;
        }
        for (const NewAccountRow& row : rows.newAccounts) {
            Account& account = m_accounts[row.id];
            account.row.id = row.id;
            account.row.key = row.key;
            account.row.isSession = row.isSession;
            m_ids[row.key] = row.id;
        }
        for (const AccountSetRow& row : rows.newSets) {
            m_sets[row.id] = row.accounts;
        }
        for (const HoldRow& row : rows.newHolds) {
            m_holds[row.id] = row;
        }
        for (const HoldUpdateRow& row : rows.holdUpdates) {
            HoldRow& hold = m_holds[row.id];
            if (!isOpen(hold)) {
                return Error(ErrorCode::Corrupt, "a hold ended twice");
            }
            hold.state = row.state;
            hold.charged = row.charged;
            hold.setId = row.setId;
        }
        for (const EntryRow& row : rows.entries) {
            if (row.atUs <= m_lastAtUs || row.sequence <= m_lastSequence) {
                return Error(ErrorCode::Internal, "time or numbers went back");
            }
            m_lastAtUs = row.atUs;
            m_lastSequence = row.sequence;
            for (const std::int64_t id : m_sets[row.setId]) {
                add(m_accounts[id].lines, row.settled, row.held, row.toppedUp);
            }
        }
        for (const AccountUpdateRow& row : rows.accountUpdates) {
            AccountRow& account = m_accounts[row.id].row;
            add(account.balance, row.settled, row.held, row.toppedUp);
            account.carried = account.carried.plus(row.carried).value();
            account.balance.frozen = row.frozen;
            account.lastUseUs = row.lastUseUs;
            account.anchorUs = row.anchorUs;
            account.remainder = row.remainder;
        }
        for (const SlotRow& row : rows.slots) {
            auto& slots = m_accounts[row.account].slots;
            slots[row.slot.startUs] = row.slot;
            if (row.slot.settled.isZero() && row.slot.toppedUp.isZero()) {
                slots.erase(row.slot.startUs);
            }
        }
        return {};
    }

    /// Balances are the sums of lines, and what is held belongs to open holds.
    [[nodiscard]] bool isConsistent() const
    {
        std::map<std::int64_t, std::int64_t> heldBy;
        for (const auto& [id, hold] : m_holds) {
            if (isOpen(hold) && hold.setId != 0) {
                for (const std::int64_t account : m_sets.at(hold.setId)) {
                    heldBy[account] += hold.amount.nano();
                }
            }
        }
        return std::all_of(m_accounts.begin(), m_accounts.end(), [&](const auto& item) {
            const Balance& balance = item.second.row.balance;
            const Balance& lines = item.second.lines;
            return balance.settled == lines.settled && balance.held == lines.held
                && balance.toppedUp == lines.toppedUp && balance.held.nano() == heldBy[item.first];
        });
    }

    Result<void> probe() override { return {}; }
    Result<StoredState> load() override
    {
        StoredState state;
        for (const auto& [id, pool] : m_pools) {
            StoredPool stored{pool, {}};
            for (const auto& [accountId, account] : m_accounts) {
                if (account.row.key.pool == id) {
                    stored.lifetimeSettled
                        = stored.lifetimeSettled.plusSaturated(account.row.balance.settled)
                              .minusSaturated(account.row.carried);
                }
            }
            state.pools.push_back(stored);
        }
        std::map<std::int64_t, bool> isBusy;
        for (const auto& [id, hold] : m_holds) {
            state.lastHold = std::max(state.lastHold, id.value);
            if (!isOpen(hold)) {
                state.recentHolds.push_back(hold);
                continue;
            }
            state.openHolds.push_back(hold);
            state.openHoldAccounts.push_back(m_sets[hold.setId]);
            for (const std::int64_t account : m_sets[hold.setId]) {
                isBusy[account] = true;
            }
        }
        for (const auto& [id, account] : m_accounts) {
            state.lastAccount = std::max(state.lastAccount, id);
            if (isBusy[id] || account.row.balance.frozen) {
                state.busyAccounts.push_back(account.row);
            }
        }
        for (const auto& [id, accounts] : m_sets) {
            state.lastSet = std::max(state.lastSet, id);
        }
        state.lastSequence = m_lastSequence;
        state.lastAtUs = m_lastAtUs;
        return state;
    }
    Result<std::vector<AccountRow>> loadAccounts(
        PoolId pool, TimeUs windowStartUs, int limit) override
    {
        return select(limit, [&](const AccountRow& row) {
            return row.key.pool == pool && row.key.windowStartUs == windowStartUs;
        });
    }
    Result<std::vector<AccountRow>> loadEveryAccount(PoolId pool, TimeUs windowStartUs) override
    {
        return loadAccounts(pool, windowStartUs, 1'000'000);
    }
    Result<std::vector<AccountRow>> loadSessions(
        PoolId pool, TimeUs usedSinceUs, int limit) override
    {
        return select(limit, [&](const AccountRow& row) {
            return row.key.pool == pool && row.isSession && row.lastUseUs >= usedSinceUs;
        });
    }
    Result<std::optional<AccountRow>> findNewestSession(
        PoolId pool, const std::string& value) override
    {
        std::optional<AccountRow> newest;
        for (const auto& [key, id] : m_ids) { // in the order of their beginnings
            if (key.pool == pool && key.value == value) {
                newest = m_accounts[id].row;
            }
        }
        return newest;
    }
    Result<std::vector<Slot>> loadSlots(std::int64_t account) override
    {
        std::vector<Slot> slots;
        for (const auto& [startUs, slot] : m_accounts[account].slots) {
            slots.push_back(slot);
        }
        return slots;
    }
    Result<std::optional<AccountRow>> findAccount(const AccountKey& key) override
    {
        const auto found = m_ids.find(key);
        return found == m_ids.end() ? std::optional<AccountRow>()
                                    : std::optional(m_accounts[found->second].row);
    }
    Result<std::optional<HoldRow>> findHold(HoldId hold) override
    {
        const auto found = m_holds.find(hold);
        return found == m_holds.end() ? std::optional<HoldRow>() : std::optional(found->second);
    }
    Result<std::vector<Usage>> usageSince(PoolId, TimeUs) override
    {
        return Error(ErrorCode::Unsupported, "no test that uses this store edits windows");
    }
    Result<std::vector<TimedUsage>> usageByTime(PoolId, TimeUs, std::int64_t) override
    {
        return Error(ErrorCode::Unsupported, "no test that uses this store edits windows");
    }
    Result<std::vector<AccountKey>> archive(const ArchiveStep&) override
    {
        return std::vector<AccountKey>{};
    }

private:
    struct Account {
        AccountRow row;
        Balance lines; ///< sums of journal lines
        std::map<TimeUs, Slot> slots;
    };
    template <typename Wanted>
    [[nodiscard]] std::vector<AccountRow> select(int limit, const Wanted& isWanted) const
    {
        std::vector<AccountRow> rows;
        for (const auto& [id, account] : m_accounts) {
            if (isWanted(account.row) && rows.size() < static_cast<std::size_t>(limit)) {
                rows.push_back(account.row);
            }
        }
        return rows;
    }
    static bool isOpen(const HoldRow& hold)
    {
        return hold.state == HoldState::Held || hold.state == HoldState::Dispatched;
    }
    static void add(Balance& balance, Money settled, Money held, Money toppedUp)
    {
        balance.settled = balance.settled.plus(settled).value();
        balance.held = balance.held.plus(held).value();
        balance.toppedUp = balance.toppedUp.plus(toppedUp).value();
    }

    std::map<PoolId, Pool> m_pools;
    std::map<std::int64_t, Account> m_accounts;
    std::map<AccountKey, std::int64_t> m_ids;
    std::map<std::int64_t, std::vector<std::int64_t>> m_sets;
    std::map<HoldId, HoldRow> m_holds;
    TimeUs m_lastAtUs = 0;
    std::int64_t m_lastSequence = 0;
};

} // namespace headgate::ledger::test
