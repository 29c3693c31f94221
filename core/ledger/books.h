// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The books in memory: pools, accounts, holds. Applies rules.h, changes balances, and collects what
// a database must store for it; the owner then calls commit() or rollback(). Deciding belongs to
// the ledger thread; reading is safe on any thread. Never starts threads, never writes to the
// store.

#include "core/ledger/store.h"

#include <deque>
#include <limits>
#include <map>
#include <mutex>
#include <unordered_map>

namespace headgate::ledger {

class Books {
public:
    Books(LedgerStore& store, const Clock& clock);
    Books(const Books&) = delete;
    Books& operator=(const Books&) = delete;

    [[nodiscard]] Result<void> load(const StoredState& state);

    // --- deciding; each adds to the open batch
    [[nodiscard]] Decision reserve(const Ask& ask);
    [[nodiscard]] Result<void> markDispatched(HoldId id);
    [[nodiscard]] Result<Settled> settle(const Settle& settle);
    [[nodiscard]] Result<Settled> release(HoldId id, const std::string& reason);
    // After an error of one of these the batch must be rolled back.
    [[nodiscard]] Result<void> setPools(std::vector<Pool> wanted);
    struct Adjustment {
        PoolId pool;
        std::string value;
        Money amount;
        std::string actor;
        std::string reason;
    };
    [[nodiscard]] Result<void> topUp(const Adjustment& adjustment);
    [[nodiscard]] Result<void> adjust(const Adjustment& adjustment);
    [[nodiscard]] Result<void> unfreezeAccounts(PoolId pool, const std::string& actor);
    /// Has a window with open holds ended? Then upkeep() moves them, as any next operation would.
    [[nodiscard]] bool isUpkeepDue() const;
    [[nodiscard]] Result<void> upkeep();
    /// Held holds past their time; each is named once.
    [[nodiscard]] std::vector<HoldId> takeExpired();

    // --- the batch
    [[nodiscard]] const BatchRows& finishBatch(); ///< adds the account rows
    void commit();
    void rollback();
    [[nodiscard]] std::vector<LedgerEvent> takeEvents(); ///< of committed batches
    [[nodiscard]] bool takeMoneyReturned();
    /// Forgets accounts of past windows; they stay in the store. Between batches.
    void dropIdle();

    // --- reading
    [[nodiscard]] BudgetView view(const Identity& identity, const Target& target) const;
    [[nodiscard]] std::vector<PoolState> poolStates() const;
    [[nodiscard]] std::vector<OpenHold> openHolds() const;
    [[nodiscard]] Money heldTotal() const;
    [[nodiscard]] std::int64_t openHoldCount() const;

private:
    struct PoolEntry {
        Pool pool;
        Span span; ///< of the current window; empty until first needed
        Money lifetime;
    };
    /// What was reported about an account, and how fast it spends: two neighbouring stretches of
    /// time, so that the rate is never that of a moment.
    struct Watch {
        int threshold = 0; ///< the highest percentage already reported
        TimeUs projectedAtUs = 0;
        TimeUs sinceUs = 0;
        Money spent;
        TimeUs previousSinceUs = 0;
        Money previousSpent;
    };
    struct Account {
        std::int64_t id = 0;
        AccountKey key;
        PoolEntry* pool = nullptr;
        Balance balance;
        Money carried;
        int openHolds = 0;
        TimeUs usedAtUs = 0; ///< the last grant or end of a hold
        bool isSession = false;
        bool isArchived = false; ///< in the store: the next change wakes it
        std::unique_ptr<WindowState> state; ///< sliding and bucket windows only
        Watch watch;
        // Until the batch ends: how it was, and what the guard must see.
        bool touched = false;
        bool created = false;
        Balance before;
        Money carriedBefore;
        int openHoldsBefore = 0;
        TimeUs usedAtBefore = 0;
        std::unique_ptr<WindowState> stateBefore;
        bool mayExceed = false;
        std::optional<Money> grantPeak;
    };
    struct HoldRecord {
        HoldRow row;
        std::vector<Account*> accounts; ///< while open
        Priority priority = Priority::Normal;
        bool overrun = false;
        std::int64_t sinceMonotonicUs = 0;
        [[nodiscard]] bool isOpen() const
        {
            return row.state == HoldState::Held || row.state == HoldState::Dispatched;
        }
    };
    /// One pool that an ask falls under.
    struct Candidate {
        PoolEntry* pool = nullptr;
        Account* account = nullptr; ///< absent until its first grant
        AccountView view; ///< what the rules judge
    };
    struct KeyHash {
        std::size_t operator()(const AccountKey& key) const noexcept;
    };
    struct OperationTotals {
        Money settled;
        Money held;
    };
    struct Ending {
        HoldState state = HoldState::Settled;
        Money charged;
        std::string reason;
    };

    // books.cpp: deciding
    TimeUs nextTime();
    [[nodiscard]] TimeUs currentTime() const;
    [[nodiscard]] Result<Span> spanOf(PoolEntry& entry, TimeUs at) const;
    [[nodiscard]] std::vector<PoolEntry*> matching(
        const Identity& identity, const Target& target) const;
    [[nodiscard]] Result<std::vector<Candidate>> gather(const Ask& ask, TimeUs at);
    [[nodiscard]] Decision grant(const Ask& ask, std::vector<Candidate>& candidates, TimeUs at);
    [[nodiscard]] Decision repeated(const HoldRecord& hold, const Ask& ask) const;
    [[nodiscard]] const HoldRecord* findRepeated(const Ask& ask) const;
    [[nodiscard]] OperationTotals totalsOf(const std::string& requestId) const;
    [[nodiscard]] Result<Settled> endHold(HoldRecord& hold, const Ending& ending);
    void freezeExceeded(const HoldRecord& hold);
    [[nodiscard]] Result<Settled> outcomeOf(HoldId id);
    [[nodiscard]] std::vector<BudgetLine> linesOf(const HoldRecord& hold) const;
    [[nodiscard]] static BudgetLine lineFor(
        const PoolEntry& entry, const AccountView& view, Priority priority);

    // books_windows.cpp: which account is the current one
    struct Current {
        AccountKey key;
        Account* account = nullptr; ///< absent until its first grant
    };
    enum class Freshness { Roughly, Exactly };
    [[nodiscard]] static bool hasPeriods(const Pool& pool);
    [[nodiscard]] static bool hasSessions(const Pool& pool);
    [[nodiscard]] static std::unique_ptr<WindowState> makeState(const Pool& pool, TimeUs at);
    [[nodiscard]] Result<Current> currentAccount(
        PoolEntry& entry, const std::string& value, TimeUs at);
    [[nodiscard]] Result<Account*> openCurrent(
        PoolEntry& entry, const std::string& value, TimeUs at);
    [[nodiscard]] Current currentInMemory(
        PoolEntry& entry, const Span& span, const std::string& value, TimeUs at) const;
    [[nodiscard]] bool isCurrent(const Account& account, TimeUs at) const;
    [[nodiscard]] static Balance balanceNow(const Account& account, TimeUs at);
    [[nodiscard]] static std::optional<TimeUs> resetOf(
        const PoolEntry& entry, const Account* account, TimeUs at);
    [[nodiscard]] static std::optional<TimeUs> roomOf(
        const Candidate& candidate, const Ask& ask, const Denial& denial);
    void bringUpToDate(Account& account, Freshness freshness, Money ask = {});
    void refill(Account& account, Freshness freshness, Money ask);
    void addCharge(Account& account, Money charge, TimeUs at);
    void archiveSome(TimeUs now);
    [[nodiscard]] static ArchiveStep archiveStep(const PoolEntry& entry, TimeUs now);

    // books_watch.cpp: what operators are told
    void watch(Account& account, Money charged);
    void watchThreshold(Account& account, const Balance& now, Money limit);
    void watchRate(Account& account, const Balance& now, Money limit, Money charged);
    [[nodiscard]] std::optional<TimeUs> projected(
        const Account& account, Money left, Money limit, Money spent) const;
    [[nodiscard]] static std::string whereOf(const Account& account);

    [[nodiscard]] Result<void> rollOver(TimeUs at);
    [[nodiscard]] Result<void> moveHold(
        HoldRecord& hold, std::size_t place, const AccountKey& key, const char* reason);
    [[nodiscard]] std::map<AccountKey, Money> heldOfEndedWindows(TimeUs at) const;

    // books_batch.cpp: accounts, sets and the batch
    [[nodiscard]] Account* findInMemory(const AccountKey& key) const;
    [[nodiscard]] Result<Account*> find(PoolEntry& entry, const AccountKey& key);
    Account& create(PoolEntry& entry, const AccountKey& key);
    [[nodiscard]] Result<Account*> findOrCreate(PoolEntry& entry, const AccountKey& key);
    [[nodiscard]] Result<Account*> adopt(PoolEntry& entry, const AccountRow& row);
    void addSlotRows(const Account& account);
    void forget(const AccountKey& key);
    void touch(Account& account);
    void remember(HoldRecord& hold); ///< for rollback
    [[nodiscard]] std::int64_t internSet(const std::vector<Account*>& accounts);
    EntryRow& addEntry(EntryKind kind, TimeUs at);
    void forgetOldHolds();
    void endBatch();

    // books_pools.cpp: the operator's side
    [[nodiscard]] Result<void> loadAccounts(const StoredState& state);
    [[nodiscard]] Result<void> loadCurrent(PoolEntry& entry, TimeUs at);
    void loadHolds(const StoredState& state);
    void indexPools();
    [[nodiscard]] std::vector<HoldRecord*> openHoldsInOrder() const;
    [[nodiscard]] Result<PoolEntry*> usablePool(PoolId id);
    [[nodiscard]] Result<Account*> accountToCorrect(const Adjustment& adjustment);

    // books_edits.cpp: another window, the same usage
    struct Edit {
        PoolEntry* entry = nullptr;
        Pool old;
        std::vector<Account*> was; ///< current under the old window
        TimeUs at = 0;
    };
    [[nodiscard]] Result<void> applyPool(const Pool& wanted, TimeUs at);
    [[nodiscard]] Result<std::vector<Account*>> accountsBefore(PoolEntry& entry, TimeUs at);
    [[nodiscard]] Result<void> carryOver(const Edit& edit);
    [[nodiscard]] Result<std::vector<Account*>> continuousAccounts(const Edit& edit);
    [[nodiscard]] Result<void> carryMarks(const Edit& edit);
    [[nodiscard]] Result<void> carryUsage(const Edit& edit);
    [[nodiscard]] Result<void> carryByPeriod(const Edit& edit);
    [[nodiscard]] Result<void> carryIntoSlots(const Edit& edit);
    [[nodiscard]] Result<void> carryIntoBuckets(const Edit& edit);
    [[nodiscard]] Result<void> carryIntoSessions(const Edit& edit);
    [[nodiscard]] Result<std::map<std::string, std::vector<TimedUsage>>> usageOf(
        const Edit& edit, TimeUs sinceUs, std::int64_t stepUs);
    void carryTo(Account& account, Money settled);
    void carryTopUp(Account& account, Money toppedUp);
    [[nodiscard]] Result<void> moveHolds(const Edit& edit);

    LedgerStore& m_store;
    const Clock& m_clock;
    mutable std::mutex m_mutex;

    std::map<PoolId, std::unique_ptr<PoolEntry>> m_pools;
    std::vector<PoolEntry*> m_poolsForAll; ///< must be asked about every call
    std::unordered_map<std::string, std::vector<PoolEntry*>> m_poolsByValue;
    std::unordered_map<AccountKey, std::unique_ptr<Account>, KeyHash> m_accounts;
    /// The newest session account by pool and value (its key without the beginning).
    std::unordered_map<AccountKey, Account*, KeyHash> m_sessions;
    PoolId m_archivedUpTo; ///< pools before it have had their turn
    bool m_archiveUnsure = false; ///< one failed: what is archived in the store is not known
    std::unordered_map<HoldId, std::unique_ptr<HoldRecord>>
        m_holds; ///< open, or ended in this batch
    std::unordered_map<HoldId, std::unique_ptr<HoldRecord>> m_recent; ///< ended lately
    std::unordered_map<std::string, std::vector<HoldRecord*>> m_operations; ///< by request id
    std::deque<HoldId> m_ended; ///< oldest first
    std::deque<std::pair<std::int64_t, HoldId>> m_heldSince; ///< monotonic time of the grant
    std::map<std::vector<std::int64_t>, std::int64_t> m_sets;
    /// The first end of a window that open holds stand in; not after it.
    mutable TimeUs m_rollAtUs = std::numeric_limits<TimeUs>::max();
    std::int64_t m_openHolds = 0;
    Money m_heldTotal; ///< each open hold once

    std::int64_t m_lastSequence = 0;
    std::int64_t m_lastHold = 0;
    std::int64_t m_lastAccount = 0;
    std::int64_t m_lastSet = 0;
    TimeUs m_lastAtUs = 0;
    /// Of the windows that anyone has seen begin. Lines in them are not earlier, also when the
    /// clock was set back before the first one: what is billed then must count in that window.
    mutable TimeUs m_newestStartUs = 0;

    // the open batch
    BatchRows m_rows;
    std::vector<Account*> m_touched;
    std::vector<HoldRecord*> m_newHolds;
    std::vector<std::pair<HoldRecord*, HoldRecord>> m_holdsBefore;
    std::vector<std::pair<PoolEntry*, PoolEntry>> m_poolsBefore;
    std::vector<PoolId> m_newPools;
    std::vector<std::vector<std::int64_t>> m_newSets;
    std::vector<HoldId> m_batchEnded;
    std::int64_t m_openHoldsBefore = 0;
    Money m_heldTotalBefore;
    std::vector<LedgerEvent> m_batchEvents;
    std::vector<LedgerEvent> m_events;
    bool m_moneyReturned = false;
};

} // namespace headgate::ledger
