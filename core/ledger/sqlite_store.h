// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// ledger.db: the write connection (ledger thread only), its schema and checkpoints, and the checks
// that rebuild balances from the journal. Never deletes or edits a journal line: triggers forbid
// it.

#include "core/base/sqlite.h"
#include "core/ledger/store.h"

#include <span>

namespace headgate::ledger {

/// The format this program writes.
inline constexpr int ledgerFormat = 2;

class SqliteStore final : public LedgerStore {
public:
    [[nodiscard]] static Result<std::unique_ptr<SqliteStore>> open(
        const std::string& path, bool powerSafe, const std::string& vfs = {});

    [[nodiscard]] Result<void> write(const BatchRows& rows) override;
    [[nodiscard]] Result<void> probe() override;
    [[nodiscard]] Result<StoredState> load() override;
    [[nodiscard]] Result<std::vector<AccountRow>> loadAccounts(
        PoolId pool, TimeUs windowStartUs, int limit) override;
    [[nodiscard]] Result<std::optional<AccountRow>> findAccount(const AccountKey& key) override;
    [[nodiscard]] Result<std::optional<HoldRow>> findHold(HoldId hold) override;
    [[nodiscard]] Result<std::vector<Usage>> usageSince(PoolId pool, TimeUs sinceUs) override;
    [[nodiscard]] Result<std::vector<TimedUsage>> usageByTime(
        PoolId pool, TimeUs sinceUs, std::int64_t stepUs) override;
    [[nodiscard]] Result<std::vector<Slot>> loadSlots(std::int64_t account) override;
    [[nodiscard]] Result<std::vector<AccountRow>> loadEveryAccount(
        PoolId pool, TimeUs windowStartUs) override;
    [[nodiscard]] Result<std::vector<AccountRow>> loadSessions(
        PoolId pool, TimeUs usedSinceUs, int limit) override;
    [[nodiscard]] Result<std::optional<AccountRow>> findNewestSession(
        PoolId pool, const std::string& value) override;
    [[nodiscard]] Result<std::vector<AccountKey>> archive(const ArchiveStep& step) override;

    /// Compares balances with the journal since the last seal; differences are an error (Corrupt).
    [[nodiscard]] Result<void> compareWithJournal();
    /// Remembers that everything up to now was compared, so that the next start reads less.
    [[nodiscard]] Result<void> seal();
    /// A short PASSIVE checkpoint when the write-ahead log has grown; between batches.
    void checkpointWhenLong();

private:
    SqliteStore() = default;
    struct Wanted {
        sqlite::Statement* statement;
        std::string sql;
    };
    [[nodiscard]] Result<void> prepare(std::span<const Wanted> wanted);
    [[nodiscard]] Result<void> prepareWrites();
    [[nodiscard]] Result<void> prepareReads();
    [[nodiscard]] Result<void> writePools(const BatchRows& rows);
    [[nodiscard]] Result<void> writeAccounts(const BatchRows& rows);
    [[nodiscard]] Result<void> writeHolds(const BatchRows& rows);
    [[nodiscard]] Result<void> writeEntries(const BatchRows& rows);
    [[nodiscard]] Result<void> wakeAccounts(const BatchRows& rows);
    [[nodiscard]] Result<void> updateAccounts(const BatchRows& rows);
    [[nodiscard]] Result<void> writeSlots(const BatchRows& rows);
    [[nodiscard]] Result<void> loadPools(StoredState& state);
    [[nodiscard]] Result<void> loadHolds(StoredState& state);

    sqlite::Connection m_connection;
    sqlite::Statement m_insertAccount, m_insertMember, m_insertHold, m_updateHold, m_insertEntry,
        m_updateAccount, m_findAccount, m_findHold, m_upsertPool, m_updateLimits, m_upsertSlot,
        m_dropSlot, m_loadSlots, m_findSession, m_wakeAccount, m_wakePool;
    int m_walFrames = 0; ///< of the last commit
    int m_walFramesAtCheckpoint = 0;
};

/// Opens for reading beside a running ledger, or a closed file.
[[nodiscard]] Result<sqlite::Connection> openForReading(const std::string& path);
/// The number of the first journal line at or after `atUs`, or one past the last. The journal's
/// time rises with its numbers, so the place is found by halving: no index on time is needed.
[[nodiscard]] Result<std::int64_t> firstLineAt(const sqlite::Connection& connection, TimeUs atUs);
[[nodiscard]] Result<VerifyReport> verifyConnection(const sqlite::Connection& connection);
[[nodiscard]] Result<std::vector<Entry>> readJournal(const sqlite::Connection& connection,
    std::optional<PoolId> pool, std::int64_t beforeSequence, int limit);

} // namespace headgate::ledger
