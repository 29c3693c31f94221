// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/schema.h"
#include "core/ledger/sqlite_store.h"

#include <fmt/format.h>

#include <array>

namespace headgate::ledger {

namespace {

/// More lines than this help nobody.
constexpr int differencesMax = 100;

/// Sums of journal lines after `?1` by account, beside the stored balances. Lines are summed by set
/// first: there are far fewer sets than lines. Since a seal, accounts that ended before it are left
/// out: there may be a hundred thousand, and nothing has touched them.
constexpr const char* balancesSql = R"sql(
WITH by_set AS (
    SELECT set_id, sum(held_delta) AS held, sum(settled_delta) AS settled, sum(topped_delta) AS topped
    FROM entry WHERE seq > ?1 AND set_id <> 0 GROUP BY set_id),
by_account AS (
    SELECT account_id, sum(held) AS held, sum(settled) AS settled, sum(topped) AS topped
    FROM by_set JOIN account_set_member USING (set_id) GROUP BY account_id)
SELECT account.id, pool.name, account.value, account.settled, account.held, account.topped_up,
    ifnull(by_account.settled, 0) + ?2 * base_settled,
    ifnull(by_account.held, 0) + ?2 * base_held,
    ifnull(by_account.topped, 0) + ?2 * base_topped_up
FROM {} AS account LEFT JOIN by_account ON account_id = account.id LEFT JOIN pool ON pool.id = pool_id
WHERE account.settled <> ifnull(by_account.settled, 0) + ?2 * base_settled
    OR account.held <> ifnull(by_account.held, 0) + ?2 * base_held
    OR account.topped_up <> ifnull(by_account.topped, 0) + ?2 * base_topped_up
LIMIT ?3)sql";

/// Each hold against its own journal lines: open ones hold their amount, ended ones hold nothing
/// and charged what the hold says. Moves between accounts cancel out.
constexpr const char* holdsSql = R"sql(
SELECT hold.id, hold.amount, hold.state, ifnull(hold.charged, 0), ifnull(sums.held, 0),
    ifnull(sums.settled, 0), ifnull(sums.made, 0)
FROM hold LEFT JOIN (
    SELECT hold_id, sum(held_delta) AS held, sum(settled_delta) AS settled, sum(kind = 0) AS made
    FROM entry WHERE hold_id <> 0 GROUP BY hold_id) AS sums ON sums.hold_id = hold.id
WHERE ifnull(sums.held, 0) <> CASE WHEN state IN (0, 1) THEN amount ELSE 0 END
    OR ifnull(sums.settled, 0) <> ifnull(charged, 0) OR ifnull(sums.made, 0) <> 1
LIMIT ?1)sql";

constexpr const char* liveAccounts = "(SELECT * FROM account WHERE archived = 0 UNION ALL "
                                     "SELECT * FROM account WHERE archived = 2)";

/// The parts of a sliding window add up to its balance.
constexpr const char* slotsSql = R"sql(
SELECT * FROM (
    SELECT account.id, pool.name, account.value, account.settled AS settled,
        account.topped_up AS topped_up,
        (SELECT ifnull(sum(s.settled), 0) FROM account_slot AS s
            WHERE s.account_id = account.id) AS slots_settled,
        (SELECT ifnull(sum(s.topped_up), 0) FROM account_slot AS s
            WHERE s.account_id = account.id) AS slots_topped_up
    FROM {} AS account JOIN pool ON pool.id = pool_id
    WHERE pool.period LIKE 'sliding:%' AND pool.scope <> 'request' AND window_start_us = 0)
WHERE settled <> slots_settled OR topped_up <> slots_topped_up
LIMIT ?1)sql";

constexpr const char* archivedSql = R"sql(
SELECT name, archived_settled, sums.charged FROM pool JOIN (
    SELECT pool.id AS of_pool, ifnull(sum(settled - carried), 0) AS charged FROM pool
    LEFT JOIN account ON pool_id = pool.id AND account.archived <> 0 GROUP BY pool.id
) AS sums ON of_pool = id WHERE archived_settled <> sums.charged)sql";

constexpr const char* orphansSql = R"sql(
SELECT count(*) FROM entry WHERE hold_id <> 0 AND hold_id NOT IN (SELECT id FROM hold))sql";

constexpr const char* timeSql = R"sql(
SELECT count(*) FROM (SELECT at_us - lag(at_us) OVER (ORDER BY seq) AS step FROM entry)
WHERE step <= 0)sql";

std::string moneyAt(const sqlite::Statement& row, int column)
{
    return Money::fromNano(row.columnInt(column)).toDecimal();
}

/// Runs a bound statement to its end; each of its rows is a difference.
template <typename Describe>
Result<void> collectRows(
    sqlite::Statement& statement, std::vector<std::string>& differences, Describe&& describe)
{
    for (;;) {
        const auto row = statement.step();
        if (!row) {
            return row.error();
        }
        if (!*row) {
            return {};
        }
        differences.push_back(describe(statement));
    }
}

Result<void> collectBalances(
    const sqlite::Connection& connection, bool sinceSeal, std::vector<std::string>& differences)
{
    std::int64_t from = 0;
    if (sinceSeal) {
        const auto sealed
            = connection.queryInt("SELECT value FROM meta WHERE name = 'sealed_sequence'");
        if (!sealed) {
            return sealed.error().code != ErrorCode::NotFound
                ? sealed.error()
                : Error(ErrorCode::Corrupt,
                    fmt::format("{} has lost a part of its meta table.", connection.path()),
                    "Restore it from a backup.");
        }
        from = *sealed;
    }
    auto statement
        = connection.prepare(fmt::format(balancesSql, sinceSeal ? liveAccounts : "account"));
    if (!statement) {
        return statement.error();
    }
    statement->bindAll(from, sinceSeal ? 1 : 0, differencesMax);
    return collectRows(*statement, differences, [](const sqlite::Statement& row) {
        return fmt::format(
            "Account {} (pool \"{}\", value \"{}\"): stored settled {}, held {}, topped up {}; the "
            "journal says settled {}, held {}, topped up {}.",
            row.columnInt(0), row.columnText(1), row.columnText(2), moneyAt(row, 3),
            moneyAt(row, 4), moneyAt(row, 5), moneyAt(row, 6), moneyAt(row, 7), moneyAt(row, 8));
    });
}

Result<void> collectHolds(
    const sqlite::Connection& connection, std::vector<std::string>& differences)
{
    auto statement = connection.prepare(holdsSql);
    if (!statement) {
        return statement.error();
    }
    statement->bind(1, differencesMax);
    return collectRows(*statement, differences, [](const sqlite::Statement& row) {
        return fmt::format("Hold {} ({}, amount {}, charged {}): the journal holds "
                           "{}, charged {}, in {} hold lines.",
            row.columnInt(0), holdStateName(static_cast<HoldState>(row.columnInt(2))),
            moneyAt(row, 1), moneyAt(row, 3), moneyAt(row, 4), moneyAt(row, 5), row.columnInt(6));
    });
}

Result<void> collectSlots(
    const sqlite::Connection& connection, bool sinceSeal, std::vector<std::string>& differences)
{
    auto statement
        = connection.prepare(fmt::format(slotsSql, sinceSeal ? liveAccounts : "account"));
    if (!statement) {
        return statement.error();
    }
    statement->bind(1, differencesMax);
    return collectRows(*statement, differences, [](const sqlite::Statement& row) {
        return fmt::format(
            "Account {} (pool \"{}\", value \"{}\"): settled {}, topped up {}; the parts of its "
            "window hold {} and {}.",
            row.columnInt(0), row.columnText(1), row.columnText(2), moneyAt(row, 3),
            moneyAt(row, 4), moneyAt(row, 5), moneyAt(row, 6));
    });
}

Result<void> collectArchived(
    const sqlite::Connection& connection, std::vector<std::string>& differences)
{
    auto statement = connection.prepare(archivedSql);
    if (!statement) {
        return statement.error();
    }
    return collectRows(*statement, differences, [](const sqlite::Statement& row) {
        return fmt::format("Pool \"{}\": its ended accounts were charged {}, the pool says {}.",
            row.columnText(0), moneyAt(row, 2), moneyAt(row, 1));
    });
}

Result<void> collectCounts(const sqlite::Connection& connection, VerifyReport& report)
{
    std::int64_t settledNano = 0;
    struct Counter {
        std::int64_t* value;
        const char* sql;
    };
    const std::array counters{
        Counter{&report.entries, "SELECT count(*) FROM entry"},
        Counter{&report.holds, "SELECT count(*) FROM hold"},
        Counter{&report.accounts, "SELECT count(*) FROM account"},
        Counter{&report.openHolds, "SELECT count(*) FROM hold WHERE state IN (0, 1)"},
        Counter{&settledNano, "SELECT ifnull(sum(charged), 0) FROM hold"},
    };
    for (const Counter& counter : counters) {
        const auto value = connection.queryInt(counter.sql);
        if (!value) {
            return value.error();
        }
        *counter.value = *value;
    }
    report.settledTotal = Money::fromNano(settledNano);
    return {};
}

Entry entryFrom(const sqlite::Statement& row)
{
    Entry entry;
    entry.sequence = row.columnInt(0);
    entry.atUs = row.columnInt(1);
    entry.kind = static_cast<EntryKind>(row.columnInt(2));
    entry.hold = HoldId{row.columnInt(3)};
    entry.requestId = row.columnText(4);
    entry.heldDelta = Money::fromNano(row.columnInt(5));
    entry.settledDelta = Money::fromNano(row.columnInt(6));
    entry.toppedUpDelta = Money::fromNano(row.columnInt(7));
    entry.actor = row.columnText(8);
    entry.reason = row.columnText(9);
    return entry;
}

Result<void> readAccounts(sqlite::Statement& members, std::int64_t setId, Entry& entry)
{
    members.bind(1, setId);
    for (;;) {
        const auto row = members.step();
        if (!row) {
            return row.error();
        }
        if (!*row) {
            return {};
        }
        entry.accounts.push_back(
            {PoolId{members.columnInt(0)}, members.columnText(1), members.columnInt(2)});
    }
}

} // namespace

Result<void> SqliteStore::compareWithJournal()
{
    std::vector<std::string> differences;
    if (auto done = collectBalances(m_connection, true, differences); !done) {
        return done;
    }
    if (auto done = collectSlots(m_connection, true, differences); !done) {
        return done;
    }
    if (differences.empty()) {
        return {};
    }
    return Error(ErrorCode::Corrupt,
        fmt::format("The balances in {} differ from its journal: {}", m_connection.path(),
            differences.front()),
        "Nothing was changed and nothing is admitted. Restore a backup, or run "
        "\"headgate ledger verify\" for the whole list.");
}

Result<std::int64_t> firstLineAt(const sqlite::Connection& connection, TimeUs atUs)
{
    const auto last = connection.queryInt("SELECT ifnull(max(seq), 0) FROM entry");
    auto probe = connection.prepare("SELECT at_us FROM entry WHERE seq >= ?1 ORDER BY seq LIMIT 1");
    if (!last || !probe) {
        return !last ? last.error() : probe.error();
    }
    std::int64_t low = 0;
    std::int64_t high = *last + 1;
    while (low < high) {
        const std::int64_t middle = low + (high - low) / 2;
        const auto row = probe->bind(1, middle).step();
        if (!row) {
            return row.error();
        }
        const bool isEarlier = *row && probe->columnInt(0) < atUs;
        probe->reset();
        if (isEarlier) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

Result<sqlite::Connection> openForReading(const std::string& path)
{
    auto connection = sqlite::Connection::open({.path = path, .readOnly = true, .vfs = {}});
    if (!connection) {
        return connection;
    }
    if (auto done = sqlite::requireVersion(*connection, ledgerFormat, "ledger.db"); !done) {
        return done.error();
    }
    return connection;
}

Result<VerifyReport> verifyConnection(const sqlite::Connection& connection)
{
    auto snapshot = sqlite::Transaction::begin(connection, sqlite::Transaction::Mode::Read);
    if (!snapshot) {
        return snapshot.error();
    }
    VerifyReport report;
    if (auto done = collectCounts(connection, report); !done) {
        return done.error();
    }
    if (auto done = collectBalances(connection, false, report.differences); !done) {
        return done.error();
    }
    if (auto done = collectHolds(connection, report.differences); !done) {
        return done.error();
    }
    if (auto done = collectSlots(connection, false, report.differences); !done) {
        return done.error();
    }
    if (auto done = collectArchived(connection, report.differences); !done) {
        return done.error();
    }
    const auto orphans = connection.queryInt(orphansSql);
    const auto backwards = connection.queryInt(timeSql);
    if (!orphans || !backwards) {
        return !orphans ? orphans.error() : backwards.error();
    }
    if (*orphans != 0) {
        report.differences.push_back(
            fmt::format("{} journal lines name holds that do not exist.", *orphans));
    }
    if (*backwards != 0) {
        report.differences.push_back(
            fmt::format("The journal's time goes back at {} places.", *backwards));
    }
    report.ok = report.differences.empty();
    return report;
}

Result<std::vector<Entry>> readJournal(const sqlite::Connection& connection,
    std::optional<PoolId> pool, std::int64_t beforeSequence, int limit)
{
    const std::string ofPool = pool ? "AND EXISTS (SELECT 1 FROM account_set_member AS m JOIN "
                                      "account ON account.id = m.account_id "
                                      "WHERE m.set_id = entry.set_id AND pool_id = ?3) "
                                    : std::string();
    auto statement = connection.prepare(
        "SELECT seq, entry.at_us, kind, hold_id, ifnull(request_id, ''), held_delta, "
        "settled_delta, "
        "topped_delta, actor, reason, entry.set_id FROM entry LEFT JOIN hold ON hold.id = hold_id "
        "WHERE (?1 = 0 OR seq < ?1) "
        + ofPool + "ORDER BY seq DESC LIMIT ?2");
    auto members = connection.prepare("SELECT pool_id, value, window_start_us FROM "
                                      "account_set_member JOIN account ON account.id = "
                                      "account_id WHERE set_id = ?1 ORDER BY pool_id");
    if (!statement || !members) {
        return !statement ? statement.error() : members.error();
    }
    statement->bindAll(beforeSequence, limit);
    if (pool) {
        statement->bind(3, pool->value);
    }
    std::vector<Entry> entries;
    for (;;) {
        const auto row = statement->step();
        if (!row) {
            return row.error();
        }
        if (!*row) {
            return entries;
        }
        entries.push_back(entryFrom(*statement));
        if (auto done = readAccounts(*members, statement->columnInt(10), entries.back()); !done) {
            return done.error();
        }
    }
}

} // namespace headgate::ledger
