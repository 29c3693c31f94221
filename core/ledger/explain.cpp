// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/explain.h"

#include "core/base/limits.h"
#include "core/ledger/sqlite_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <utility>

namespace headgate::ledger {

namespace {

constexpr const char* lineColumns
    = "seq, entry.at_us, kind, hold_id, held_delta, settled_delta, topped_delta, actor, reason, "
      "entry.set_id, carry";

/// Runs a bound statement to its end.
template <typename OnRow>
Result<void> eachRow(sqlite::Statement& statement, OnRow&& onRow)
{
    for (;;) {
        const auto row = statement.step();
        if (!row) {
            return row.error();
        }
        if (!*row) {
            return {};
        }
        onRow(statement);
    }
}

Money moneyAt(const sqlite::Statement& row, int column)
{
    return Money::fromNano(row.columnInt(column));
}

/// One snapshot of the file for several queries.
class Reader {
public:
    static Result<Reader> open(const std::string& path)
    {
        auto connection = openForReading(path);
        if (!connection) {
            return connection.error();
        }
        Reader reader;
        reader.m_connection = std::make_unique<sqlite::Connection>(std::move(*connection));
        auto snapshot
            = sqlite::Transaction::begin(*reader.m_connection, sqlite::Transaction::Mode::Read);
        if (!snapshot) {
            return snapshot.error();
        }
        reader.m_snapshot = std::make_unique<sqlite::Transaction>(std::move(*snapshot));
        return reader;
    }
    [[nodiscard]] const sqlite::Connection& connection() const { return *m_connection; }

    [[nodiscard]] Result<std::vector<StoryLine>> lines(sqlite::Statement& statement)
    {
        std::vector<StoryLine> lines;
        std::vector<std::int64_t> sets;
        const auto done = eachRow(statement, [&](const sqlite::Statement& row) {
            StoryLine line;
            line.entry.sequence = row.columnInt(0);
            line.entry.atUs = row.columnInt(1);
            line.entry.kind = static_cast<EntryKind>(row.columnInt(2));
            line.entry.hold = HoldId{row.columnInt(3)};
            line.entry.heldDelta = moneyAt(row, 4);
            line.entry.settledDelta = moneyAt(row, 5);
            line.entry.toppedUpDelta = moneyAt(row, 6);
            line.entry.actor = row.columnText(7);
            line.entry.reason = row.columnText(8);
            line.carry = row.columnInt(10) != 0;
            sets.push_back(row.columnInt(9));
            lines.push_back(std::move(line));
        });
        if (!done) {
            return done.error();
        }
        for (std::size_t i = 0; i < lines.size(); ++i) {
            auto names = accountsOf(sets[i]);
            if (!names) {
                return names.error();
            }
            for (AccountName& name : *names) {
                lines[i].entry.accounts.push_back(std::move(name.key));
            }
        }
        return lines;
    }

    [[nodiscard]] Result<std::vector<AccountName>> accountsOf(std::int64_t set)
    {
        if (const auto known = m_sets.find(set); known != m_sets.end()) {
            return known->second;
        }
        auto statement = m_connection->prepare(
            "SELECT pool_id, value, window_start_us, name, period, zone FROM account_set_member "
            "JOIN account ON account.id = account_id JOIN pool ON pool.id = pool_id "
            "WHERE set_id = ?1 ORDER BY pool_id, value");
        if (!statement) {
            return statement.error();
        }
        statement->bind(1, set);
        std::vector<AccountName> names;
        const auto done = eachRow(*statement, [&](const sqlite::Statement& row) {
            AccountName name;
            name.key = {PoolId{row.columnInt(0)}, row.columnText(1), row.columnInt(2)};
            name.pool = row.columnText(3);
            if (const auto window = Window::parse(row.columnText(4))) {
                name.window = *window;
            }
            name.zone = row.columnText(5);
            names.push_back(std::move(name));
        });
        if (!done) {
            return done.error();
        }
        m_sets.emplace(set, names);
        return names;
    }

private:
    Reader() = default;
    std::unique_ptr<sqlite::Connection> m_connection;
    std::unique_ptr<sqlite::Transaction> m_snapshot; ///< ends before its connection
    std::map<std::int64_t, std::vector<AccountName>> m_sets;
};

std::optional<std::int64_t> numberIn(std::string_view text)
{
    if (text.starts_with('#')) {
        text.remove_prefix(1);
    }
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value <= 0) {
        return std::nullopt;
    }
    return value;
}

Result<std::vector<HoldStory>> findHolds(Reader& reader, const std::string& text)
{
    auto statement = reader.connection().prepare(
        "SELECT id, request_id, attempt, state, amount, ifnull(charged, 0), set_id, provider, "
        "model, at_us, ifnull(ended_us, 0) FROM hold WHERE id = ?1 OR request_id = ?2 OR "
        // The proxy writes the key's number before a request's own id.
        "substr(request_id, instr(request_id, ':') + 1) = ?2 ORDER BY id LIMIT 100");
    if (!statement) {
        return statement.error();
    }
    statement->bindAll(numberIn(text).value_or(0), text);
    std::vector<HoldStory> holds;
    std::vector<std::int64_t> sets;
    const auto done = eachRow(*statement, [&](const sqlite::Statement& row) {
        HoldStory hold;
        hold.hold = HoldId{row.columnInt(0)};
        hold.requestId = row.columnText(1);
        hold.attempt = static_cast<int>(row.columnInt(2));
        hold.state = static_cast<HoldState>(row.columnInt(3));
        hold.amount = moneyAt(row, 4);
        hold.charged = moneyAt(row, 5);
        hold.provider = row.columnText(7);
        hold.model = row.columnText(8);
        hold.atUs = row.columnInt(9);
        hold.endedUs = row.columnInt(10);
        sets.push_back(row.columnInt(6));
        holds.push_back(std::move(hold));
    });
    if (!done) {
        return done.error();
    }
    for (std::size_t i = 0; i < holds.size(); ++i) {
        auto accounts = reader.accountsOf(sets[i]);
        if (!accounts) {
            return accounts.error();
        }
        holds[i].accounts = std::move(*accounts);
    }
    return holds;
}

Result<void> readLines(Reader& reader, HoldStory& hold)
{
    const auto first = firstLineAt(reader.connection(), hold.atUs);
    if (!first) {
        return first.error();
    }
    auto statement = reader.connection().prepare(fmt::format(
        "SELECT {} FROM entry WHERE seq >= ?1 AND hold_id = ?2 AND (?3 = 0 OR seq < ?3) "
        "ORDER BY seq LIMIT 1000",
        lineColumns));
    if (!statement) {
        return statement.error();
    }
    std::int64_t end = 0;
    if (hold.endedUs != 0) {
        const auto after = firstLineAt(reader.connection(), hold.endedUs + usPerSecond);
        if (!after) {
            return after.error();
        }
        end = *after;
    }
    statement->bindAll(*first, hold.hold.value, end);
    auto lines = reader.lines(*statement);
    if (!lines) {
        return lines.error();
    }
    hold.lines = std::move(*lines);
    for (StoryLine& line : hold.lines) {
        line.entry.requestId = hold.requestId;
    }
    return {};
}

Result<std::optional<std::int64_t>> findAccount(
    Reader& reader, const Pool& pool, const std::string& value, AccountStory& story)
{
    auto statement = reader.connection().prepare(
        "SELECT id, window_start_us, settled, held, topped_up, frozen, count(*) OVER () "
        "FROM account WHERE pool_id = ?1 AND value = ?2 AND (?3 = 1 OR window_start_us = 0) "
        "ORDER BY window_start_us DESC LIMIT 1");
    if (!statement) {
        return statement.error();
    }
    // A pool that was edited may have accounts of both sorts.
    const bool begins = !isPerRequest(pool)
        && (pool.window.kind == WindowKind::Fixed || pool.window.kind == WindowKind::Session);
    statement->bindAll(pool.id.value, value, begins ? 1 : 0);
    std::optional<std::int64_t> id;
    const auto done = eachRow(*statement, [&](const sqlite::Statement& row) {
        id = row.columnInt(0);
        story.key.windowStartUs = row.columnInt(1);
        story.stored = {moneyAt(row, 2), moneyAt(row, 3), moneyAt(row, 4), row.columnInt(5) != 0};
        story.windows = row.columnInt(6);
    });
    if (!done) {
        return done.error();
    }
    return id;
}

Result<void> readSums(Reader& reader, std::int64_t account, AccountStory& story)
{
    auto statement = reader.connection().prepare(
        "SELECT kind, carry, count(*), sum(held_delta), sum(settled_delta), sum(topped_delta) "
        "FROM entry WHERE set_id IN (SELECT set_id FROM account_set_member WHERE account_id = ?1) "
        "GROUP BY kind, carry ORDER BY kind, carry");
    if (!statement) {
        return statement.error();
    }
    statement->bind(1, account);
    return eachRow(*statement, [&](const sqlite::Statement& row) {
        EntrySum sum;
        sum.kind = static_cast<EntryKind>(row.columnInt(0));
        sum.carry = row.columnInt(1) != 0;
        sum.count = row.columnInt(2);
        sum.held = moneyAt(row, 3);
        sum.settled = moneyAt(row, 4);
        sum.toppedUp = moneyAt(row, 5);
        auto& journal = story.journal;
        journal.held = journal.held.plusSaturated(sum.held);
        journal.settled = journal.settled.plusSaturated(sum.settled);
        journal.toppedUp = journal.toppedUp.plusSaturated(sum.toppedUp);
        story.sums.push_back(sum);
    });
}

Result<void> readOpenHolds(Reader& reader, std::int64_t account, AccountStory& story)
{
    auto statement = reader.connection().prepare(
        "SELECT id, request_id, state, amount, model, at_us FROM hold WHERE "
        "id > (SELECT value FROM meta WHERE name = 'sealed_hold') AND state IN (0, 1) AND "
        "set_id IN (SELECT set_id FROM account_set_member WHERE account_id = ?1) "
        "ORDER BY id LIMIT ?2");
    if (!statement) {
        return statement.error();
    }
    statement->bindAll(account, explainHoldsMax);
    return eachRow(*statement, [&](const sqlite::Statement& row) {
        OpenHold hold;
        hold.hold = HoldId{row.columnInt(0)};
        hold.requestId = row.columnText(1);
        hold.state = static_cast<HoldState>(row.columnInt(2));
        hold.amount = moneyAt(row, 3);
        hold.model = row.columnText(4);
        hold.atUs = row.columnInt(5);
        story.holds.push_back(std::move(hold));
    });
}

Result<void> readLastLines(Reader& reader, std::int64_t account, AccountStory& story)
{
    auto statement = reader.connection().prepare(
        fmt::format("SELECT {} FROM entry WHERE set_id IN (SELECT set_id FROM account_set_member "
                    "WHERE account_id = ?1) ORDER BY seq DESC LIMIT ?2",
            lineColumns));
    auto request = reader.connection().prepare("SELECT request_id FROM hold WHERE id = ?1");
    if (!statement || !request) {
        return !statement ? statement.error() : request.error();
    }
    statement->bindAll(account, explainLinesMax);
    auto lines = reader.lines(*statement);
    if (!lines) {
        return lines.error();
    }
    story.last = std::move(*lines);
    for (StoryLine& line : story.last) {
        request->bind(1, line.entry.hold.value);
        const auto done = eachRow(*request,
            [&](const sqlite::Statement& row) { line.entry.requestId = row.columnText(0); });
        if (!done) {
            return done;
        }
    }
    return {};
}

Result<void> readCurve(Reader& reader, std::int64_t account, const Span& span, AccountCurve& curve)
{
    const auto& connection = reader.connection();
    constexpr const char* ofAccount
        = "set_id IN (SELECT set_id FROM account_set_member WHERE account_id = ?1)";
    if (span.startUs == 0) {
        auto first = connection.prepare(
            fmt::format("SELECT at_us FROM entry WHERE {} ORDER BY seq LIMIT 1", ofAccount));
        if (!first) {
            return first.error();
        }
        first->bind(1, account);
        if (auto done = eachRow(
                *first, [&](const sqlite::Statement& row) { curve.fromUs = row.columnInt(0); });
            !done) {
            return done;
        }
    }
    const auto from = firstLineAt(connection, curve.fromUs);
    auto statement = connection.prepare(
        fmt::format("SELECT max(at_us), sum(settled_delta), sum(held_delta), sum(topped_delta), "
                    "sum(CASE WHEN carry = 0 THEN settled_delta ELSE 0 END) FROM entry "
                    "WHERE seq >= ?2 AND {} GROUP BY (at_us - ?3) / ?4 ORDER BY 1",
            ofAccount));
    if (!from || !statement) {
        return !from ? from.error() : statement.error();
    }
    const std::int64_t step
        = std::max<std::int64_t>((span.endUs - curve.fromUs) / curvePointsMax, 1);
    statement->bindAll(account, *from, curve.fromUs, step);
    std::vector<CurvePoint> deltas;
    const auto done = eachRow(*statement, [&](const sqlite::Statement& row) {
        deltas.push_back(
            {row.columnInt(0), moneyAt(row, 1), moneyAt(row, 2), moneyAt(row, 3), moneyAt(row, 4)});
    });
    if (!done) {
        return done;
    }
    curve.before = curve.now;
    for (const CurvePoint& delta : deltas) {
        curve.before.settled = curve.before.settled.minusSaturated(delta.settled);
        curve.before.held = curve.before.held.minusSaturated(delta.held);
        curve.before.toppedUp = curve.before.toppedUp.minusSaturated(delta.toppedUp);
    }
    CurvePoint at;
    at.settled = curve.before.settled;
    at.held = curve.before.held;
    at.toppedUp = curve.before.toppedUp;
    for (const CurvePoint& delta : deltas) {
        at.atUs = delta.atUs;
        at.settled = at.settled.plusSaturated(delta.settled);
        at.held = at.held.plusSaturated(delta.held);
        at.toppedUp = at.toppedUp.plusSaturated(delta.toppedUp);
        at.spent = delta.spent;
        curve.points.push_back(at);
    }
    return {};
}

struct Move {
    MoneyMove move;
    std::int64_t account = 0;
};

/// Lines that name a person. Those of an edited window name the ledger itself.
Result<std::vector<Move>> readMoves(Reader& reader, std::optional<PoolId> pool, int limit)
{
    auto statement = reader.connection().prepare(fmt::format(
        "SELECT {}, account.id, pool_id, value, window_start_us, pool.name FROM entry "
        "JOIN account_set_member ON account_set_member.set_id = entry.set_id "
        "JOIN account ON account.id = account_id JOIN pool ON pool.id = pool_id "
        "WHERE kind IN (6, 7, 8, 9) AND carry = 0 AND hold_id = 0 AND actor NOT IN ('', 'ledger') "
        "AND (?1 = 0 OR pool_id = ?1) ORDER BY seq DESC LIMIT ?2",
        lineColumns));
    if (!statement) {
        return statement.error();
    }
    statement->bindAll(pool.value_or(PoolId{}).value, limit);
    std::vector<Move> moves;
    const auto done = eachRow(*statement, [&](const sqlite::Statement& row) {
        Move one;
        auto& entry = one.move.entry;
        entry.sequence = row.columnInt(0);
        entry.atUs = row.columnInt(1);
        entry.kind = static_cast<EntryKind>(row.columnInt(2));
        entry.heldDelta = moneyAt(row, 4);
        entry.settledDelta = moneyAt(row, 5);
        entry.toppedUpDelta = moneyAt(row, 6);
        entry.actor = row.columnText(7);
        entry.reason = row.columnText(8);
        one.account = row.columnInt(11);
        entry.accounts.push_back(
            {PoolId{row.columnInt(12)}, row.columnText(13), row.columnInt(14)});
        one.move.pool = row.columnText(15);
        moves.push_back(std::move(one));
    });
    if (!done) {
        return done.error();
    }
    return moves;
}

/// Back from today's balances, line by line, to each move.
Result<void> fillBalances(Reader& reader, std::vector<Move>& moves)
{
    std::map<std::int64_t, Balance> balances;
    std::string accounts;
    for (const Move& move : moves) {
        if (balances.emplace(move.account, Balance()).second) {
            accounts += fmt::format("{}{}", accounts.empty() ? "" : ",", move.account);
        }
    }
    auto now = reader.connection().prepare(
        fmt::format("SELECT id, settled, held, topped_up FROM account WHERE id IN ({})", accounts));
    auto back = reader.connection().prepare(
        fmt::format("SELECT seq, account_id, settled_delta, held_delta, topped_delta FROM entry "
                    "JOIN account_set_member USING (set_id) WHERE seq >= ?1 AND account_id IN ({}) "
                    "ORDER BY seq DESC",
            accounts));
    if (!now || !back) {
        return !now ? now.error() : back.error();
    }
    auto done = eachRow(*now, [&](const sqlite::Statement& row) {
        balances[row.columnInt(0)] = {moneyAt(row, 1), moneyAt(row, 2), moneyAt(row, 3), false};
    });
    if (!done) {
        return done;
    }
    std::map<std::pair<std::int64_t, std::int64_t>, MoneyMove*> byLine;
    for (Move& move : moves) {
        byLine.emplace(std::pair(move.move.entry.sequence, move.account), &move.move);
    }
    back->bind(1, moves.back().move.entry.sequence);
    return eachRow(*back, [&](const sqlite::Statement& row) {
        Balance& balance = balances[row.columnInt(1)];
        const Balance after = balance;
        balance.settled = balance.settled.minusSaturated(moneyAt(row, 2));
        balance.held = balance.held.minusSaturated(moneyAt(row, 3));
        balance.toppedUp = balance.toppedUp.minusSaturated(moneyAt(row, 4));
        const auto move = byLine.find({row.columnInt(0), row.columnInt(1)});
        if (move != byLine.end()) {
            move->second->before = balance;
            move->second->after = after;
        }
    });
}

} // namespace

bool HoldStory::isOpen() const
{
    return state == HoldState::Held || state == HoldState::Dispatched;
}

bool AccountStory::agrees() const
{
    return stored.settled == journal.settled && stored.held == journal.held
        && stored.toppedUp == journal.toppedUp;
}

Result<std::vector<HoldStory>> explainHold(const std::string& path, const std::string& text)
{
    auto reader = Reader::open(path);
    if (!reader) {
        return reader.error();
    }
    auto holds = findHolds(*reader, text);
    if (!holds) {
        return holds.error();
    }
    if (holds->empty()) {
        return Error(ErrorCode::NotFound,
            "Neither a hold nor a request is called \"" + text + "\".",
            "`headgate decisions list` shows the requests; the hold's number is in `headgate "
            "decisions show ID`.");
    }
    for (HoldStory& hold : *holds) {
        if (auto done = readLines(*reader, hold); !done) {
            return done.error();
        }
    }
    return holds;
}

Result<AccountStory> explainAccount(
    const std::string& path, const Pool& pool, const std::string& value)
{
    auto reader = Reader::open(path);
    if (!reader) {
        return reader.error();
    }
    AccountStory story;
    story.pool = pool;
    story.key = {pool.id, value, 0};
    const auto account = findAccount(*reader, pool, value, story);
    if (!account) {
        return account.error();
    }
    if (!*account) {
        return story;
    }
    if (pool.window.kind == WindowKind::Fixed) {
        if (const auto span = windowAt(pool, story.key.windowStartUs, 0)) {
            story.window = *span;
        }
    }
    for (const auto read : {readSums, readOpenHolds, readLastLines}) {
        if (auto done = read(*reader, **account, story); !done) {
            return done.error();
        }
    }
    return story;
}

Result<AccountCurve> accountCurve(
    const std::string& path, const Pool& pool, const std::string& value, const Span& span)
{
    auto reader = Reader::open(path);
    if (!reader) {
        return reader.error();
    }
    AccountStory story;
    story.key = {pool.id, value, 0};
    const auto account = findAccount(*reader, pool, value, story);
    if (!account) {
        return account.error();
    }
    AccountCurve curve;
    curve.key = story.key;
    curve.fromUs = span.startUs;
    curve.now = story.stored;
    if (!*account) {
        return curve;
    }
    if (auto done = readCurve(*reader, **account, span, curve); !done) {
        return done.error();
    }
    return curve;
}

Result<RecentSpends> recentSpends(const std::string& path, TimeUs sinceUs)
{
    auto reader = Reader::open(path);
    if (!reader) {
        return reader.error();
    }
    const auto first = firstLineAt(reader->connection(), sinceUs);
    const auto last = reader->connection().queryInt("SELECT ifnull(max(seq), 0) FROM entry");
    if (!first || !last) {
        return !first ? first.error() : last.error();
    }
    RecentSpends recent;
    recent.sinceUs = sinceUs;
    const std::int64_t from = std::max(*first, *last - limits::journalLinesReadMax);
    if (from > *first) { // busier than we care to read: a shorter time tells the rate as well
        auto at = reader->connection().queryInt(
            fmt::format("SELECT at_us FROM entry WHERE seq >= {} ORDER BY seq LIMIT 1", from));
        recent.sinceUs = at ? *at : sinceUs;
    }
    auto statement = reader->connection().prepare(
        "SELECT pool_id, value, window_start_us, sum(settled_delta), min(at_us) FROM entry "
        "JOIN account_set_member USING (set_id) JOIN account ON account.id = account_id "
        "WHERE seq >= ?1 AND carry = 0 AND settled_delta <> 0 GROUP BY account_id");
    if (!statement) {
        return statement.error();
    }
    statement->bind(1, from);
    const auto done = eachRow(*statement, [&](const sqlite::Statement& row) {
        recent.accounts.push_back({{PoolId{row.columnInt(0)}, row.columnText(1), row.columnInt(2)},
            moneyAt(row, 3), row.columnInt(4)});
    });
    if (!done) {
        return done.error();
    }
    return recent;
}

Result<std::vector<MoneyMove>> moneyMoves(
    const std::string& path, std::optional<PoolId> pool, int limit)
{
    auto reader = Reader::open(path);
    if (!reader) {
        return reader.error();
    }
    auto moves = readMoves(*reader, pool, limit);
    if (!moves) {
        return moves.error();
    }
    std::vector<MoneyMove> out;
    if (moves->empty()) {
        return out;
    }
    if (auto done = fillBalances(*reader, *moves); !done) {
        return done.error();
    }
    for (Move& move : *moves) {
        out.push_back(std::move(move.move));
    }
    return out;
}

} // namespace headgate::ledger
