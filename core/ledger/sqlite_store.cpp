// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/sqlite_store.h"

#include "core/ledger/schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace headgate::ledger {

namespace {

/// Past this many frames in the write-ahead log the writer checkpoints itself: a background PASSIVE
/// alone lets the log grow without end under steady load.
constexpr int walFramesLong = 4'000;
/// When a reader kept the log from starting over, try again only after this many more.
constexpr int walFramesStep = 1'000;
/// A lock that lasts longer than this is a refusal: the caller can try again.
constexpr int writeBusyTimeoutMs = 250;
/// Ended holds that still answer a repeated request id after a restart.
constexpr int recentHoldsLoaded = 16'384;

constexpr const char* holdColumns
    = "id, request_id, attempt, state, amount, ifnull(charged, 0), set_id, provider, model, at_us";
constexpr const char* isOpenHold
    = "state IN (0, 1) AND hold.id > (SELECT value FROM meta WHERE name = 'sealed_hold')";
constexpr const char* accountColumns = "id, pool_id, value, window_start_us, settled, held, "
                                       "topped_up, frozen, carried, last_use_us, "
                                       "anchor_us, remainder, session, archived";

HoldRow holdFrom(const sqlite::Statement& row)
{
    HoldRow hold;
    hold.id = HoldId{row.columnInt(0)};
    hold.requestId = row.columnText(1);
    hold.attempt = static_cast<int>(row.columnInt(2));
    hold.state = static_cast<HoldState>(row.columnInt(3));
    hold.amount = Money::fromNano(row.columnInt(4));
    hold.charged = Money::fromNano(row.columnInt(5));
    hold.setId = row.columnInt(6);
    hold.provider = row.columnText(7);
    hold.model = row.columnText(8);
    hold.atUs = row.columnInt(9);
    return hold;
}

AccountRow accountFrom(const sqlite::Statement& row)
{
    AccountRow account;
    account.id = row.columnInt(0);
    account.key = {PoolId{row.columnInt(1)}, row.columnText(2), row.columnInt(3)};
    account.balance.settled = Money::fromNano(row.columnInt(4));
    account.balance.held = Money::fromNano(row.columnInt(5));
    account.balance.toppedUp = Money::fromNano(row.columnInt(6));
    account.balance.frozen = row.columnInt(7) != 0;
    account.carried = Money::fromNano(row.columnInt(8));
    account.lastUseUs = row.columnInt(9);
    account.anchorUs = row.columnInt(10);
    account.remainder = row.columnInt(11);
    account.isSession = row.columnInt(12) != 0;
    account.isArchived = row.columnInt(13) != 0;
    return account;
}

Result<Pool> poolFrom(const sqlite::Statement& row)
{
    Pool pool;
    pool.id = PoolId{row.columnInt(0)};
    pool.name = row.columnText(1);
    const auto scope = Scope::parse(row.columnText(2));
    const auto window = Window::parse(row.columnText(3));
    if (!scope || !window) {
        return Error(ErrorCode::Corrupt,
            fmt::format("The pool \"{}\" in the ledger cannot be read.", pool.name),
            "Restore ledger.db from a backup.");
    }
    pool.scope = *scope;
    pool.window = *window;
    pool.cap = Money::fromNano(row.columnInt(4));
    pool.hard = row.columnInt(5) != 0;
    pool.reservePercent = static_cast<int>(row.columnInt(6));
    pool.zone = row.columnText(7);
    pool.fiscalStartDay = static_cast<int>(row.columnInt(8));
    pool.frozen = row.columnInt(9) != 0;
    pool.archived = row.columnInt(10) != 0;
    return pool;
}

Error guardFailed(std::int64_t account)
{
    return Error(ErrorCode::Refused,
        fmt::format(
            "The database refused a hold on account {}: its cap cannot pay it, although the "
            "books in memory say so.",
            account),
        "Restart Headgate; it compares the books with the journal and says what differs.");
}

template <typename Make>
Result<void> forEachRow(sqlite::Statement& statement, Make&& onRow)
{
    for (;;) {
        const auto row = statement.step();
        if (!row) {
            return row.error();
        }
        if (!*row) {
            return {};
        }
        if (Result<void> done = onRow(statement); !done) {
            statement.reset();
            return done;
        }
    }
}

Result<std::vector<AccountRow>> accountsFrom(sqlite::Statement& statement)
{
    std::vector<AccountRow> rows;
    const auto done = forEachRow(statement, [&](const sqlite::Statement& row) -> Result<void> {
        rows.push_back(accountFrom(row));
        return {};
    });
    if (!done) {
        return done.error();
    }
    return rows;
}

} // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(
    const std::string& path, bool powerSafe, const std::string& vfs)
{
    auto connection = sqlite::Connection::open(
        {.path = path, .powerSafe = powerSafe, .walAutocheckpointPages = 0, .vfs = vfs});
    if (!connection) {
        return connection.error();
    }
    if (auto done = sqlite::migrate(*connection, schemaSteps, "ledger.db"); !done) {
        return done.error();
    }
    std::unique_ptr<SqliteStore> store(new SqliteStore);
    store->m_connection = std::move(*connection);
    for (const auto prepare : {&SqliteStore::prepareWrites, &SqliteStore::prepareReads}) {
        if (auto done = (store.get()->*prepare)(); !done) {
            return done.error();
        }
    }
    sqlite3* handle = store->m_connection.handle();
    sqlite3_busy_timeout(handle, writeBusyTimeoutMs);
    sqlite3_wal_hook(
        handle,
        [](void* self, sqlite3*, const char*, int frames) {
            static_cast<SqliteStore*>(self)->m_walFrames = frames;
            return SQLITE_OK;
        },
        store.get());
    return store;
}

Result<void> SqliteStore::prepare(std::span<const Wanted> wanted)
{
    for (const Wanted& one : wanted) {
        auto statement = m_connection.prepare(one.sql);
        if (!statement) {
            return statement.error();
        }
        *one.statement = std::move(*statement);
    }
    return {};
}

Result<void> SqliteStore::prepareWrites()
{
    return prepare(std::array{
        Wanted{&m_upsertPool,
            "INSERT INTO pool (id, name, scope, period, cap, hard, reserve_percent, zone, "
            "fiscal_start_day, frozen, archived) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11) "
            "ON CONFLICT (id) DO UPDATE "
            "SET name=?2, scope=?3, period=?4, cap=?5, hard=?6, reserve_percent=?7, zone=?8, "
            "fiscal_start_day=?9, frozen=?10, archived=?11"},
        Wanted{&m_updateLimits,
            "UPDATE account SET limit_nano = ?2 + topped_up, "
            "over_allowed = ifnull(settled + held > ?2 + topped_up, 0) "
            "WHERE pool_id = ?1 AND archived = 0"},
        Wanted{&m_insertAccount,
            "INSERT INTO account (id, pool_id, value, window_start_us, limit_nano, session) "
            "VALUES (?1,?2,?3,?4,?5,?6)"},
        Wanted{&m_insertMember, "INSERT INTO account_set_member VALUES (?1,?2)"},
        Wanted{&m_insertHold,
            "INSERT INTO hold (id, request_id, attempt, state, amount, set_id, provider, model, "
            "at_us) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9)"},
        Wanted{&m_updateHold,
            "UPDATE hold SET state=?2, charged=?3, set_id=?4, ended_us=?5 "
            "WHERE id=?1 AND state IN (0, 1)"},
        Wanted{&m_insertEntry, "INSERT INTO entry VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)"},
        Wanted{&m_updateAccount,
            "UPDATE account SET settled=settled+?2, held=held+?3, topped_up=topped_up+?4, "
            "limit_nano=limit_nano+?4, carried=carried+?5, frozen=?6, last_use_us=?9, "
            "anchor_us=?10, remainder=?11, over_allowed=CASE WHEN "
            "limit_nano IS NULL OR settled+?2+held+?3 <= limit_nano+?4 THEN 0 "
            "ELSE max(over_allowed, ?7) END "
            "WHERE id=?1 AND (?8 IS NULL OR limit_nano IS NULL OR settled+held+?8 <= limit_nano)"},
        Wanted{&m_upsertSlot,
            "INSERT INTO account_slot VALUES (?1,?2,?3,?4) ON CONFLICT (account_id, start_us) DO "
            "UPDATE SET settled=?3, topped_up=?4"},
        Wanted{&m_dropSlot, "DELETE FROM account_slot WHERE account_id=?1 AND start_us=?2"},
        Wanted{&m_wakePool,
            "UPDATE pool SET archived_settled = archived_settled - (SELECT settled - carried FROM "
            "account WHERE account.id=?1) WHERE id = (SELECT pool_id FROM account WHERE "
            "account.id=?1 AND account.archived <> 0)"},
        Wanted{&m_wakeAccount,
            "UPDATE account SET archived=0, limit_nano = ?2 + topped_up, "
            "over_allowed = ifnull(settled + held > ?2 + topped_up, 0) WHERE id=?1"},
    });
}

Result<void> SqliteStore::prepareReads()
{
    return prepare(std::array{
        Wanted{&m_findAccount,
            fmt::format(
                "SELECT {} FROM account WHERE pool_id=?1 AND window_start_us=?2 AND value=?3",
                accountColumns)},
        Wanted{&m_findHold, fmt::format("SELECT {} FROM hold WHERE id=?1", holdColumns)},
        Wanted{&m_loadSlots,
            "SELECT start_us, settled, topped_up FROM account_slot WHERE account_id=?1 "
            "ORDER BY start_us"},
        Wanted{&m_findSession,
            fmt::format("SELECT {} FROM account WHERE pool_id=?1 AND value=?2 AND session=1 "
                        "ORDER BY window_start_us DESC LIMIT 1",
                accountColumns)},
    });
}

Result<void> SqliteStore::write(const BatchRows& rows)
{
    auto transaction = sqlite::Transaction::begin(m_connection);
    if (!transaction) {
        return transaction.error();
    }
    using Step = Result<void> (SqliteStore::*)(const BatchRows&);
    for (const Step step : {&SqliteStore::writePools, &SqliteStore::writeAccounts,
             &SqliteStore::writeHolds, &SqliteStore::writeEntries, &SqliteStore::wakeAccounts,
             &SqliteStore::updateAccounts, &SqliteStore::writeSlots}) {
        if (auto done = (this->*step)(rows); !done) {
            return done;
        }
    }
    return transaction->commit();
}

Result<void> SqliteStore::writePools(const BatchRows& rows)
{
    for (const PoolRow& row : rows.pools) {
        const Pool& pool = row.pool;
        m_upsertPool.bindAll(pool.id.value, pool.name, pool.scope.text(), pool.window.text(),
            pool.cap.nano(), pool.hard ? 1 : 0, pool.reservePercent, pool.zone, pool.fiscalStartDay,
            pool.frozen ? 1 : 0, pool.archived ? 1 : 0);
        if (auto done = m_upsertPool.run(); !done) {
            return done;
        }
        if (!row.limitChanged) {
            continue;
        }
        m_updateLimits.bind(1, pool.id.value);
        if (pool.hard && !isPerRequest(pool)) {
            m_updateLimits.bind(2, pool.cap.nano());
        } else {
            m_updateLimits.bindNull(2);
        }
        if (auto done = m_updateLimits.run(); !done) {
            return done;
        }
    }
    return {};
}

Result<void> SqliteStore::writeAccounts(const BatchRows& rows)
{
    for (const NewAccountRow& row : rows.newAccounts) {
        m_insertAccount.bindAll(row.id, row.key.pool.value, row.key.value, row.key.windowStartUs);
        if (row.limit) {
            m_insertAccount.bind(5, row.limit->nano());
        } else {
            m_insertAccount.bindNull(5);
        }
        m_insertAccount.bind(6, row.isSession ? 1 : 0);
        if (auto done = m_insertAccount.run(); !done) {
            return done;
        }
    }
    for (const AccountSetRow& set : rows.newSets) {
        for (const std::int64_t account : set.accounts) {
            if (auto done = m_insertMember.bindAll(set.id, account).run(); !done) {
                return done;
            }
        }
    }
    return {};
}

Result<void> SqliteStore::writeHolds(const BatchRows& rows)
{
    for (const HoldRow& row : rows.newHolds) {
        m_insertHold.bindAll(row.id.value, row.requestId, row.attempt, static_cast<int>(row.state),
            row.amount.nano(), row.setId, row.provider, row.model, row.atUs);
        if (auto done = m_insertHold.run(); !done) {
            return done;
        }
    }
    for (const HoldUpdateRow& row : rows.holdUpdates) {
        const bool isOpen = row.state == HoldState::Held || row.state == HoldState::Dispatched;
        m_updateHold.bindAll(
            row.id.value, static_cast<int>(row.state), row.charged.nano(), row.setId, row.atUs);
        if (isOpen) {
            m_updateHold.bindNull(3).bindNull(5);
        }
        if (auto done = m_updateHold.run(); !done) {
            return done;
        }
        if (m_connection.changes() != 1) {
            return Error(ErrorCode::Corrupt,
                fmt::format("Hold {} ended in the database, but not in memory.", row.id.value),
                "Restart Headgate; it compares the books with the journal and says what differs.");
        }
    }
    return {};
}

Result<void> SqliteStore::writeEntries(const BatchRows& rows)
{
    for (const EntryRow& row : rows.entries) {
        m_insertEntry.bindAll(row.sequence, row.atUs, static_cast<int>(row.kind), row.carry ? 1 : 0,
            row.hold.value, row.setId, row.held.nano(), row.settled.nano(), row.toppedUp.nano(),
            row.actor, row.reason);
        if (auto done = m_insertEntry.run(); !done) {
            return done;
        }
    }
    return {};
}

/// Before their balances change: what they were charged until now leaves the pool's archived sum.
Result<void> SqliteStore::wakeAccounts(const BatchRows& rows)
{
    for (const AccountUpdateRow& row : rows.accountUpdates) {
        if (!row.wakes) {
            continue;
        }
        if (auto done = m_wakePool.bindAll(row.id).run(); !done) {
            return done;
        }
        m_wakeAccount.bind(1, row.id);
        if (row.limit) {
            m_wakeAccount.bind(2, row.limit->nano());
        } else {
            m_wakeAccount.bindNull(2);
        }
        if (auto done = m_wakeAccount.run(); !done) {
            return done;
        }
    }
    return {};
}

Result<void> SqliteStore::writeSlots(const BatchRows& rows)
{
    for (const SlotRow& row : rows.slots) {
        const Slot& slot = row.slot;
        const bool isGone = slot.settled.isZero() && slot.toppedUp.isZero();
        auto done = isGone
            ? m_dropSlot.bindAll(row.account, slot.startUs).run()
            : m_upsertSlot
                  .bindAll(row.account, slot.startUs, slot.settled.nano(), slot.toppedUp.nano())
                  .run();
        if (!done) {
            return done;
        }
    }
    return {};
}

Result<void> SqliteStore::updateAccounts(const BatchRows& rows)
{
    for (const AccountUpdateRow& row : rows.accountUpdates) {
        m_updateAccount.bindAll(row.id, row.settled.nano(), row.held.nano(), row.toppedUp.nano(),
            row.carried.nano(), row.frozen ? 1 : 0, row.mayExceed ? 1 : 0);
        if (row.grantPeak) {
            m_updateAccount.bind(8, row.grantPeak->nano());
        } else {
            m_updateAccount.bindNull(8);
        }
        m_updateAccount.bind(9, row.lastUseUs).bind(10, row.anchorUs).bind(11, row.remainder);
        if (auto done = m_updateAccount.run(); !done) {
            // The table's CHECK is part of the guard.
            return done.error().message.find("CHECK") == std::string::npos ? done.error()
                                                                           : guardFailed(row.id);
        }
        if (m_connection.changes() != 1) {
            return guardFailed(row.id);
        }
    }
    return {};
}

Result<void> SqliteStore::probe()
{
    auto transaction = sqlite::Transaction::begin(m_connection);
    if (!transaction) {
        return transaction.error();
    }
    // Large enough to need new pages: an update in place would work on a full disk.
    const auto done
        = m_connection.exec("INSERT INTO scratch VALUES (zeroblob(65536)); DELETE FROM scratch");
    return done ? transaction->commit() : done;
}

Result<StoredState> SqliteStore::load()
{
    StoredState state;
    struct Counter {
        std::int64_t* value;
        const char* sql;
    };
    const std::array counters{
        Counter{&state.lastSequence, "SELECT ifnull(max(seq), 0) FROM entry"},
        Counter{&state.lastAtUs,
            "SELECT ifnull((SELECT at_us FROM entry ORDER BY seq DESC LIMIT 1), 0)"},
        Counter{&state.lastHold, "SELECT ifnull(max(id), 0) FROM hold"},
        Counter{&state.lastAccount, "SELECT ifnull(max(id), 0) FROM account"},
        Counter{&state.lastSet, "SELECT ifnull(max(set_id), 0) FROM account_set_member"},
    };
    for (const Counter& counter : counters) {
        const auto value = m_connection.queryInt(counter.sql);
        if (!value) {
            return value.error();
        }
        *counter.value = *value;
    }
    if (auto done = loadPools(state); !done) {
        return done.error();
    }
    if (auto done = loadHolds(state); !done) {
        return done.error();
    }
    return state;
}

Result<void> SqliteStore::loadPools(StoredState& state)
{
    auto pools = m_connection.prepare(
        "SELECT id, name, scope, period, cap, hard, reserve_percent, zone, fiscal_start_day, "
        "frozen, archived, archived_settled + (SELECT ifnull(sum(settled - carried), 0) FROM "
        "account WHERE pool_id = pool.id AND account.archived = 0) FROM pool ORDER BY id");
    if (!pools) {
        return pools.error();
    }
    const auto poolsDone = forEachRow(*pools, [&](const sqlite::Statement& row) -> Result<void> {
        const auto pool = poolFrom(row);
        if (!pool) {
            return pool.error();
        }
        state.pools.push_back({*pool, Money::fromNano(row.columnInt(11))});
        return {};
    });
    if (!poolsDone) {
        return poolsDone;
    }
    auto accounts = m_connection.prepare(fmt::format(
        "SELECT {0} FROM account WHERE archived = 0 AND (held <> 0 OR frozen = 1) UNION "
        "SELECT {0} FROM account WHERE id IN (SELECT account_id "
        "FROM hold JOIN account_set_member USING (set_id) WHERE {1})",
        accountColumns, isOpenHold));
    if (!accounts) {
        return accounts.error();
    }
    return forEachRow(*accounts, [&](const sqlite::Statement& row) -> Result<void> {
        state.busyAccounts.push_back(accountFrom(row));
        return {};
    });
}

Result<void> SqliteStore::loadHolds(StoredState& state)
{
    auto open = m_connection.prepare(
        fmt::format("SELECT {} FROM hold WHERE {} ORDER BY id", holdColumns, isOpenHold));
    auto recent = m_connection.prepare(
        fmt::format("SELECT * FROM (SELECT {} FROM hold WHERE id > (SELECT max(id) FROM hold) - {} "
                    "AND state NOT IN (0, 1)) ORDER BY 1",
            holdColumns, recentHoldsLoaded));
    auto members = m_connection.prepare(
        "SELECT account_id FROM account_set_member WHERE set_id = ?1 ORDER BY account_id");
    if (!open || !recent || !members) {
        return !open ? open.error() : !recent ? recent.error() : members.error();
    }
    const auto openDone = forEachRow(*open, [&](const sqlite::Statement& row) -> Result<void> {
        state.openHolds.push_back(holdFrom(row));
        std::vector<std::int64_t> accounts;
        members->bind(1, state.openHolds.back().setId);
        const auto done
            = forEachRow(*members, [&](const sqlite::Statement& member) -> Result<void> {
                  accounts.push_back(member.columnInt(0));
                  return {};
              });
        state.openHoldAccounts.push_back(std::move(accounts));
        return done;
    });
    if (!openDone) {
        return openDone;
    }
    return forEachRow(*recent, [&](const sqlite::Statement& row) -> Result<void> {
        state.recentHolds.push_back(holdFrom(row));
        return {};
    });
}

Result<std::vector<AccountRow>> SqliteStore::loadAccounts(
    PoolId pool, TimeUs windowStartUs, int limit)
{
    auto statement = m_connection.prepare(fmt::format(
        "SELECT {} FROM account WHERE pool_id=?1 AND window_start_us=?2 AND archived=0 LIMIT ?3",
        accountColumns));
    if (!statement) {
        return statement.error();
    }
    statement->bindAll(pool.value, windowStartUs, limit);
    return accountsFrom(*statement);
}

Result<std::vector<AccountRow>> SqliteStore::loadEveryAccount(PoolId pool, TimeUs windowStartUs)
{
    auto statement = m_connection.prepare(fmt::format(
        "SELECT {} FROM account WHERE pool_id=?1 AND window_start_us=?2", accountColumns));
    if (!statement) {
        return statement.error();
    }
    statement->bindAll(pool.value, windowStartUs);
    return accountsFrom(*statement);
}

Result<std::vector<AccountRow>> SqliteStore::loadSessions(
    PoolId pool, TimeUs usedSinceUs, int limit)
{
    auto statement = m_connection.prepare(
        fmt::format("SELECT {} FROM account WHERE pool_id=?1 AND archived=0 AND session=1 AND "
                    "(last_use_us > ?2 OR held > 0) ORDER BY window_start_us LIMIT ?3",
            accountColumns));
    if (!statement) {
        return statement.error();
    }
    statement->bindAll(pool.value, usedSinceUs, limit);
    return accountsFrom(*statement);
}

Result<std::optional<AccountRow>> SqliteStore::findNewestSession(
    PoolId pool, const std::string& value)
{
    m_findSession.bindAll(pool.value, value);
    const auto row = m_findSession.step();
    if (!row) {
        return row.error();
    }
    std::optional<AccountRow> found;
    if (*row) {
        found = accountFrom(m_findSession);
        m_findSession.reset();
    }
    return found;
}

Result<std::vector<Slot>> SqliteStore::loadSlots(std::int64_t account)
{
    std::vector<Slot> slots;
    m_loadSlots.bind(1, account);
    const auto done = forEachRow(m_loadSlots, [&](const sqlite::Statement& row) -> Result<void> {
        slots.push_back({row.columnInt(0), Money::fromNano(row.columnInt(1)),
            Money::fromNano(row.columnInt(2))});
        return {};
    });
    if (!done) {
        return done.error();
    }
    return slots;
}

Result<std::vector<AccountKey>> SqliteStore::archive(const ArchiveStep& step)
{
    auto ended = m_connection.prepare(fmt::format(
        "SELECT {} FROM account WHERE pool_id=?1 AND archived=0 AND held=0 AND frozen=0 AND "
        "(CASE WHEN ?2 IS NULL THEN session=0 ELSE window_start_us <> ?2 END OR last_use_us < ?3) "
        "LIMIT ?4",
        accountColumns));
    if (!ended) {
        return ended.error();
    }
    ended->bind(1, step.pool.value).bindNull(2).bindNull(3).bind(4, step.limit);
    if (step.currentStartUs) {
        ended->bind(2, *step.currentStartUs);
    }
    if (step.idleSinceUs) {
        ended->bind(3, *step.idleSinceUs);
    }
    const auto rows = accountsFrom(*ended);
    if (!rows || rows->empty()) {
        return rows ? Result<std::vector<AccountKey>>(std::vector<AccountKey>())
                    : Result<std::vector<AccountKey>>(rows.error());
    }
    auto transaction = sqlite::Transaction::begin(m_connection);
    auto mark = m_connection.prepare("UPDATE account SET archived=2 WHERE id=?1");
    auto add = m_connection.prepare(
        "UPDATE pool SET archived_settled = archived_settled + ?2 WHERE id=?1");
    if (!transaction || !mark || !add) {
        return !transaction ? transaction.error() : !mark ? mark.error() : add.error();
    }
    std::vector<AccountKey> archived;
    Money charged;
    for (const AccountRow& row : *rows) {
        if (auto done = mark->bindAll(row.id).run(); !done) {
            return done.error();
        }
        charged = charged.plusSaturated(row.balance.settled.minusSaturated(row.carried));
        archived.push_back(row.key);
    }
    if (auto done = add->bindAll(step.pool.value, charged.nano()).run(); !done) {
        return done.error();
    }
    if (auto done = transaction->commit(); !done) {
        return done.error();
    }
    return archived;
}

Result<std::optional<AccountRow>> SqliteStore::findAccount(const AccountKey& key)
{
    m_findAccount.bindAll(key.pool.value, key.windowStartUs, key.value);
    const auto row = m_findAccount.step();
    if (!row) {
        return row.error();
    }
    std::optional<AccountRow> found;
    if (*row) {
        found = accountFrom(m_findAccount);
        m_findAccount.reset();
    }
    return found;
}

Result<std::optional<HoldRow>> SqliteStore::findHold(HoldId hold)
{
    m_findHold.bind(1, hold.value);
    const auto row = m_findHold.step();
    if (!row) {
        return row.error();
    }
    std::optional<HoldRow> found;
    if (*row) {
        found = holdFrom(m_findHold);
        m_findHold.reset();
    }
    return found;
}

Result<std::vector<Usage>> SqliteStore::usageSince(PoolId pool, TimeUs sinceUs)
{
    std::string sql
        = "SELECT value, sum(settled - carried) FROM account WHERE pool_id=?1 GROUP BY value";
    std::int64_t first = 0;
    if (sinceUs > 0) {
        const auto sequence = firstLineAt(m_connection, sinceUs);
        if (!sequence) {
            return sequence.error();
        }
        first = *sequence;
        sql = "SELECT account.value, sum(entry.settled_delta) FROM entry "
              "JOIN account_set_member USING (set_id) JOIN account ON account.id = account_id "
              "WHERE entry.seq >= ?2 AND entry.carry = 0 AND account.pool_id = ?1 GROUP BY 1";
    }
    auto statement = m_connection.prepare(sql);
    if (!statement) {
        return statement.error();
    }
    statement->bind(1, pool.value);
    if (sinceUs > 0) {
        statement->bind(2, first);
    }
    std::vector<Usage> usage;
    const auto done = forEachRow(*statement, [&](const sqlite::Statement& row) -> Result<void> {
        usage.push_back({row.columnText(0), Money::fromNano(row.columnInt(1))});
        return {};
    });
    if (!done) {
        return done.error();
    }
    return usage;
}

Result<std::vector<TimedUsage>> SqliteStore::usageByTime(
    PoolId pool, TimeUs sinceUs, std::int64_t stepUs)
{
    const auto first = firstLineAt(m_connection, sinceUs);
    auto statement = m_connection.prepare(
        "SELECT account.value, entry.at_us / ?3 * ?3, sum(entry.settled_delta) FROM entry "
        "JOIN account_set_member USING (set_id) JOIN account ON account.id = account_id "
        "WHERE entry.seq >= ?2 AND entry.carry = 0 AND entry.settled_delta <> 0 "
        "AND account.pool_id = ?1 GROUP BY 1, 2 ORDER BY 1, 2");
    if (!first || !statement) {
        return !first ? first.error() : statement.error();
    }
    statement->bindAll(pool.value, *first, stepUs);
    std::vector<TimedUsage> usage;
    const auto done = forEachRow(*statement, [&](const sqlite::Statement& row) -> Result<void> {
        usage.push_back({row.columnText(0), row.columnInt(1), Money::fromNano(row.columnInt(2))});
        return {};
    });
    if (!done) {
        return done.error();
    }
    return usage;
}

Result<void> SqliteStore::seal()
{
    auto transaction = sqlite::Transaction::begin(m_connection);
    if (!transaction) {
        return transaction.error();
    }
    const auto done = m_connection.exec(
        "UPDATE account SET base_settled = settled, base_held = held, base_topped_up = topped_up "
        "WHERE archived = 0 AND (base_settled <> settled OR base_held <> held OR "
        "base_topped_up <> topped_up);"
        "UPDATE account SET base_settled = settled, base_held = held, base_topped_up = topped_up, "
        "archived = 1 WHERE archived = 2;"
        "UPDATE meta SET value = (SELECT ifnull(max(seq), 0) FROM entry) "
        "WHERE name = 'sealed_sequence';"
        "UPDATE meta SET value = coalesce((SELECT min(id) - 1 FROM hold WHERE id > "
        "(SELECT value FROM meta WHERE name = 'sealed_hold') AND state IN (0, 1)), "
        "(SELECT max(id) FROM hold), 0) WHERE name = 'sealed_hold'");
    return done ? transaction->commit() : done;
}

void SqliteStore::checkpointWhenLong()
{
    if (m_walFrames < m_walFramesAtCheckpoint) {
        m_walFramesAtCheckpoint = 0; // the log started over
    }
    const int threshold = std::max(walFramesLong, m_walFramesAtCheckpoint + walFramesStep);
    if (m_walFrames < threshold) {
        return;
    }
    sqlite3_wal_checkpoint_v2(
        m_connection.handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    m_walFramesAtCheckpoint = m_walFrames;
}

} // namespace headgate::ledger
