// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The seam between the books in memory and a database: one batch of rows in, one durable commit.
// Used by the ledger thread only. A store never decides; it repeats the guard of hard caps in SQL
// and refuses a batch that breaks it.

#include "core/ledger/ledger.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace headgate::ledger {

struct AccountRow {
    std::int64_t id = 0;
    AccountKey key;
    Balance balance;
    /// Part of settled that was not charged to this account: brought along from older ones by an
    /// edited window; negative for what left a sliding window or was refilled.
    Money carried;
    TimeUs lastUseUs = 0;
    TimeUs anchorUs = 0; ///< token buckets
    std::int64_t remainder = 0;
    bool isSession = false;
    bool isArchived = false;
};

struct NewAccountRow {
    std::int64_t id = 0;
    AccountKey key;
    std::optional<Money> limit; ///< absent: watch-only and per-request pools
    bool isSession = false;
};

/// The new content of a slot; both zero: it is gone.
struct SlotRow {
    std::int64_t account = 0;
    Slot slot;
};

/// An interned list of accounts, so that one journal line serves a call under any number of pools.
struct AccountSetRow {
    std::int64_t id = 0;
    std::vector<std::int64_t> accounts;
};

struct HoldRow {
    HoldId id;
    std::string requestId;
    int attempt = 1;
    HoldState state = HoldState::Held;
    Money amount;
    Money charged; ///< meaningless while open
    std::int64_t setId = 0; ///< 0: no account
    std::string provider;
    std::string model;
    TimeUs atUs = 0;
};

struct HoldUpdateRow {
    HoldId id;
    HoldState state = HoldState::Held;
    Money charged;
    std::int64_t setId = 0;
    TimeUs atUs = 0;
};

struct EntryRow {
    std::int64_t sequence = 0;
    TimeUs atUs = 0;
    EntryKind kind = EntryKind::Hold;
    bool carry = false; ///< no new charge: copied by an edited window, left, refilled
    HoldId hold;
    std::int64_t setId = 0;
    Money held;
    Money settled;
    Money toppedUp;
    std::string actor;
    std::string reason;
};

/// What a batch changes in one account, summed.
struct AccountUpdateRow {
    std::int64_t id = 0;
    Money settled;
    Money held;
    Money toppedUp;
    Money carried;
    bool frozen = false; ///< the new value
    bool mayExceed = false; ///< an overrun, adjustment or edit explains a balance above the limit
    /// The greatest sum of changes at the moment of a grant: with it the old balance must fit.
    std::optional<Money> grantPeak;
    TimeUs lastUseUs = 0; ///< the new values
    TimeUs anchorUs = 0;
    std::int64_t remainder = 0;
    bool wakes = false; ///< it was archived; then its limit is written anew
    std::optional<Money> limit; ///< without top-ups
};

struct PoolRow {
    Pool pool;
    bool limitChanged = false; ///< cap or hardness: stored limits of its accounts follow
};

struct BatchRows {
    std::vector<PoolRow> pools;
    std::vector<NewAccountRow> newAccounts;
    std::vector<AccountSetRow> newSets;
    std::vector<HoldRow> newHolds;
    std::vector<HoldUpdateRow> holdUpdates;
    std::vector<EntryRow> entries;
    std::vector<AccountUpdateRow> accountUpdates;
    std::vector<SlotRow> slots;
    [[nodiscard]] bool empty() const
    {
        return pools.empty() && newHolds.empty() && holdUpdates.empty() && entries.empty();
    }
};

struct StoredPool {
    Pool pool;
    Money lifetimeSettled;
};

/// Counters and rows that the books start from.
struct StoredState {
    std::vector<StoredPool> pools;
    std::vector<HoldRow> openHolds;
    std::vector<std::vector<std::int64_t>> openHoldAccounts; ///< beside openHolds
    std::vector<AccountRow> busyAccounts; ///< with held money or frozen
    std::vector<HoldRow> recentHolds; ///< ended, oldest first: answers repeated request ids
    std::int64_t lastSequence = 0;
    std::int64_t lastHold = 0;
    std::int64_t lastAccount = 0;
    std::int64_t lastSet = 0;
    TimeUs lastAtUs = 0;
};

struct Usage {
    std::string value;
    Money settled;
};

/// Usage within [atUs, atUs + step).
struct TimedUsage {
    std::string value;
    TimeUs atUs = 0;
    Money settled;
};

/// Accounts of one pool that have ended: those whose window begins at another time than the current
/// one (unless it is a session) and those not used since `idleSinceUs`.
struct ArchiveStep {
    PoolId pool;
    std::optional<TimeUs> currentStartUs; ///< absent: sessions, each begins at another time
    std::optional<TimeUs> idleSinceUs; ///< absent: idleness ends nothing
    int limit = 0;
};

class LedgerStore {
public:
    virtual ~LedgerStore() = default;
    /// All or nothing, durable on return. ErrorCode::Refused: the second guard found a hold that a
    /// hard cap cannot pay, so memory and database disagree.
    [[nodiscard]] virtual Result<void> write(const BatchRows& rows) = 0;
    /// Writes and deletes something: does the store work again?
    [[nodiscard]] virtual Result<void> probe() = 0;
    [[nodiscard]] virtual Result<StoredState> load() = 0;
    [[nodiscard]] virtual Result<std::vector<AccountRow>> loadAccounts(
        PoolId pool, TimeUs windowStartUs, int limit)
        = 0;
    [[nodiscard]] virtual Result<std::optional<AccountRow>> findAccount(const AccountKey& key) = 0;
    [[nodiscard]] virtual Result<std::optional<HoldRow>> findHold(HoldId hold) = 0;
    /// Charges of the pool since `sinceUs` by account value, carried ones left out.
    [[nodiscard]] virtual Result<std::vector<Usage>> usageSince(PoolId pool, TimeUs sinceUs) = 0;
    /// The same in steps of time, by value and time.
    [[nodiscard]] virtual Result<std::vector<TimedUsage>> usageByTime(
        PoolId pool, TimeUs sinceUs, std::int64_t stepUs)
        = 0;
    /// Of a sliding window, oldest first.
    [[nodiscard]] virtual Result<std::vector<Slot>> loadSlots(std::int64_t account) = 0;
    /// Archived ones too.
    [[nodiscard]] virtual Result<std::vector<AccountRow>> loadEveryAccount(
        PoolId pool, TimeUs windowStartUs)
        = 0;
    [[nodiscard]] virtual Result<std::vector<AccountRow>> loadSessions(
        PoolId pool, TimeUs usedSinceUs, int limit)
        = 0;
    [[nodiscard]] virtual Result<std::optional<AccountRow>> findNewestSession(
        PoolId pool, const std::string& value)
        = 0;
    /// In a transaction of its own; never accounts with held money or frozen ones. Archived
    /// accounts cost nothing at start; they are woken by their next change.
    [[nodiscard]] virtual Result<std::vector<AccountKey>> archive(const ArchiveStep& step) = 0;
};

} // namespace headgate::ledger
