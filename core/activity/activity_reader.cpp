// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/activity/activity_reader.h"

#include "core/activity/activity_rows.h"
#include "core/base/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <variant>

namespace headgate::activity {

namespace {

/// Idle read connections kept for the next call.
constexpr std::size_t idleMax = 4;
/// Facets count the newest rows of the range: a count over years would take seconds and tell less.
constexpr std::int64_t facetRowsMax = 200'000;
/// Minutes are read up to this span, hours up to the next; each keeps a summary below 1,000
/// buckets.
constexpr std::int64_t latencyMinutesUs = 12 * usPerHour;
constexpr std::int64_t latencyHoursUs = 40 * usPerDay;

constexpr const char* dimensionNames[]
    = {"model", "team", "user", "key", "tier", "task", "status", "provider", "outcome"};
constexpr const char* fieldNames[]
    = {"key", "team", "user", "session", "task", "model", "asked_model", "provider", "tier",
        "status", "outcome", "rule", "request_id", "priority", "pool", "client", "tag"};

template <std::size_t N>
bool isOneOf(const char* const (&names)[N], const std::string& name)
{
    return std::any_of(
        std::begin(names), std::end(names), [&name](const char* known) { return name == known; });
}

template <std::size_t N>
Error unknownField(const char* const (&names)[N], const std::string& name)
{
    std::string list;
    for (const char* known : names) {
        list += list.empty() ? "" : ", ";
        list += known;
    }
    return Error(ErrorCode::InvalidArgument, "There is no field \"" + name + "\" to filter by.",
        "Use one of: " + list + ".");
}

using Value = std::variant<std::int64_t, std::string>;

/// A WHERE clause with its bound values; text of users never becomes SQL.
struct Where {
    std::string sql = "1";
    std::vector<Value> values;

    std::string add(Value value)
    {
        values.push_back(std::move(value));
        return "?" + std::to_string(values.size());
    }
    void bindTo(sqlite::Statement& statement) const
    {
        int index = 0;
        for (const auto& value : values) {
            ++index;
            std::visit([&](const auto& v) { statement.bind(index, v); }, value);
        }
    }
};

Result<std::int64_t> tierOf(const std::string& text)
{
    std::int64_t tier = 0;
    const char* end = text.data() + text.size();
    const auto [at, error] = std::from_chars(text.data(), end, tier);
    if (error != std::errc() || at != end) {
        return Error(ErrorCode::InvalidArgument, "\"" + text + "\" is not a tier.", "Use 1 to 4.");
    }
    return tier;
}

Result<void> addEquals(Where& where, const std::string& field, const std::string& value)
{
    if (field == "tier") {
        const auto tier = tierOf(value);
        if (!tier) {
            return tier.error();
        }
        where.sql += " AND tier = " + where.add(*tier);
    } else if (field == "tag") {
        where.sql += " AND instr(tags, " + where.add("\n" + value + "\n") + ") > 0";
    } else if (field == "model" && value.find('/') == std::string::npos && !value.empty()) {
        // People know models by their bare name; the log keeps "provider/name".
        const std::string parameter = where.add(value);
        where.sql += " AND (model = " + parameter
            + " OR substr(model, instr(model, '/') + 1) = " + parameter + ")";
    } else {
        where.sql += " AND " + field + " = " + where.add(value);
    }
    return {};
}

Result<Where> whereOf(const Filter& filter)
{
    Where where;
    // A decision belongs to the time of its id: the primary key is the index of time.
    if (filter.fromUs > 0) {
        where.sql += " AND id >= " + where.add(filter.fromUs);
    }
    if (filter.toUs > 0) {
        where.sql += " AND id < " + where.add(filter.toUs);
    }
    for (const auto& [field, value] : filter.equals) {
        if (!isOneOf(fieldNames, field)) {
            return unknownField(fieldNames, field);
        }
        if (auto done = addEquals(where, field, value); !done) {
            return done.error();
        }
    }
    if (!filter.text.empty()) {
        const std::string text = where.add(filter.text);
        where.sql += fmt::format(" AND (instr(lower(reason), lower({0})) > 0"
                                 " OR instr(lower(request_id), lower({0})) > 0"
                                 " OR instr(lower(model), lower({0})) > 0"
                                 " OR instr(lower(asked_model), lower({0})) > 0"
                                 " OR instr(lower(error), lower({0})) > 0)",
            text);
    }
    return where;
}

struct Level {
    const char* table;
    std::int64_t width;
    int number;
};

Level levelOf(Rollup rollup)
{
    switch (rollup) {
    case Rollup::Minute:
        return {"rollup_minute", usPerMinute, 0};
    case Rollup::Hour:
        return {"rollup_hour", usPerHour, 1};
    case Rollup::Day:
        break;
    }
    return {"rollup_day", usPerDay, 2};
}

std::string dimensionColumn(const std::string& name)
{
    return name == "tier" ? "CAST(d.tier AS TEXT)" : "d." + name;
}

Result<Where> reportWhere(const ReportQuery& query, const Level& level)
{
    Where where;
    where.sql = "r.bucket >= " + where.add(query.fromUs / level.width * level.width);
    if (query.toUs > 0) {
        where.sql += " AND r.bucket < " + where.add(query.toUs);
    }
    for (const auto& [field, value] : query.equals) {
        if (!isOneOf(dimensionNames, field)) {
            return unknownField(dimensionNames, field);
        }
        if (field == "model" && value.find('/') == std::string::npos && !value.empty()) {
            const std::string parameter = where.add(value);
            where.sql += " AND (d.model = " + parameter
                + " OR substr(d.model, instr(d.model, '/') + 1) = " + parameter + ")";
        } else {
            where.sql += " AND " + dimensionColumn(field) + " = " + where.add(value);
        }
    }
    return where;
}

ReportRow readReportRow(const sqlite::Statement& row)
{
    ReportRow out;
    out.bucketUs = row.columnInt(0);
    out.group = row.columnText(1);
    out.requests = row.columnInt(2);
    out.refused = row.columnInt(3);
    out.downgraded = row.columnInt(4);
    out.failed = row.columnInt(5);
    out.inputTokens = row.columnInt(6);
    out.outputTokens = row.columnInt(7);
    out.cost = Money::fromNano(row.columnInt(8));
    out.baseline = Money::fromNano(row.columnInt(9));
    return out;
}

/// Runs a query and hands over every row until `take` says stop.
template <typename F>
Result<void> eachRow(
    const sqlite::Connection& connection, const std::string& sql, const Where& where, F&& take)
{
    auto statement = connection.prepare(sql);
    if (!statement) {
        return statement.error();
    }
    where.bindTo(*statement);
    for (;;) {
        const auto row = statement->step();
        if (!row) {
            return row.error();
        }
        if (!*row || !take(*statement)) {
            return {};
        }
    }
}

std::int64_t percentile(
    const std::vector<std::pair<int, std::int64_t>>& slots, std::int64_t count, int percent)
{
    const std::int64_t wanted = (count * percent + 99) / 100;
    std::int64_t seen = 0;
    for (const auto& [slot, n] : slots) {
        seen += n;
        if (seen >= wanted) {
            return latencySlotUpperUs(slot);
        }
    }
    return 0;
}

Error brokenChain(std::int64_t id, const std::string& why)
{
    return Error(ErrorCode::Corrupt,
        fmt::format("The decision log was changed: {} {}.", decisionIdText(DecisionId{id}), why),
        "Restore activity.db from a backup, or keep it as evidence and begin a new one.");
}

} // namespace

class ActivityReader::Lease {
public:
    Lease(const ActivityReader& reader, std::unique_ptr<sqlite::Connection> connection)
        : m_reader(&reader),
          m_connection(std::move(connection))
    {
    }
    Lease(Lease&&) = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease()
    {
        if (m_connection) {
            const std::lock_guard lock(m_reader->m_mutex);
            if (m_reader->m_idle.size() < idleMax) {
                m_reader->m_idle.push_back(std::move(m_connection));
            }
        }
    }
    [[nodiscard]] const sqlite::Connection& operator*() const { return *m_connection; }

private:
    const ActivityReader* m_reader;
    std::unique_ptr<sqlite::Connection> m_connection;
};

ActivityReader::ActivityReader(std::string path, std::string vfs)
    : m_path(std::move(path)),
      m_vfs(std::move(vfs))
{
}

Result<ActivityReader::Lease> ActivityReader::borrow() const
{
    {
        const std::lock_guard lock(m_mutex);
        if (!m_idle.empty()) {
            auto connection = std::move(m_idle.back());
            m_idle.pop_back();
            return Lease(*this, std::move(connection));
        }
    }
    sqlite::OpenOptions options;
    options.path = m_path;
    options.readOnly = true;
    options.vfs = m_vfs;
    auto connection = sqlite::Connection::open(options);
    if (!connection) {
        return connection.error();
    }
    return Lease(*this, std::make_unique<sqlite::Connection>(std::move(*connection)));
}

Result<Page> ActivityReader::page(const PageQuery& query) const
{
    auto where = whereOf(query.filter);
    if (!where) {
        return where.error();
    }
    const bool follow = query.after.value != 0;
    if (follow) {
        where->sql += " AND id > " + where->add(query.after.value);
    }
    if (query.before.value != 0) {
        where->sql += " AND id < " + where->add(query.before.value);
    }
    const auto limit = static_cast<std::size_t>(
        std::clamp(query.limit, 1, static_cast<int>(limits::pageRowsMax)));
    const std::string count = where->add(static_cast<std::int64_t>(limit) + 1);
    const std::string sql = fmt::format("SELECT {} FROM decision WHERE {} ORDER BY id {} LIMIT {}",
        decisionColumns(), where->sql, follow ? "ASC" : "DESC", count);
    const auto lease = borrow();
    if (!lease) {
        return lease.error();
    }
    Page page;
    auto done = eachRow(**lease, sql, *where, [&](const sqlite::Statement& row) {
        page.more = page.rows.size() == limit;
        if (!page.more) {
            page.rows.push_back(readDecision(row));
        }
        return !page.more;
    });
    if (!done) {
        return done.error();
    }
    return page;
}

Result<Decision> ActivityReader::decision(DecisionId id) const
{
    const auto lease = borrow();
    if (!lease) {
        return lease.error();
    }
    Where where;
    where.add(id.value);
    std::optional<Decision> found;
    const std::string sql = "SELECT " + decisionColumns() + ", " + detailColumns
        + ", hash FROM decision JOIN decision_detail USING (id) WHERE id = ?1";
    auto done = eachRow(**lease, sql, where, [&](const sqlite::Statement& row) {
        found = readDecision(row);
        readDetails(row, decisionColumnCount, *found);
        found->auditHash = row.columnText(decisionColumnCount + detailColumnCount);
        return false;
    });
    if (!done) {
        return done.error();
    }
    if (!found) {
        return Error(ErrorCode::NotFound, "There is no decision " + decisionIdText(id) + ".",
            "`headgate decisions list` shows the newest ones.");
    }
    return std::move(*found);
}

Result<std::vector<ReportRow>> ActivityReader::report(const ReportQuery& query) const
{
    if (!query.by.empty() && !isOneOf(dimensionNames, query.by)) {
        return unknownField(dimensionNames, query.by);
    }
    const Level level = levelOf(query.rollup);
    const auto where = reportWhere(query, level);
    if (!where) {
        return where.error();
    }
    const std::string group = query.by.empty() ? "''" : dimensionColumn(query.by);
    const std::string sql = fmt::format(
        "SELECT r.bucket, {} AS grp, sum(r.requests), sum(r.refused), sum(r.downgraded),"
        " sum(r.failed), sum(r.input_tokens), sum(r.output_tokens), sum(r.cost), sum(r.baseline)"
        " FROM {} r JOIN dimension d ON d.id = r.dimension WHERE {}"
        " GROUP BY r.bucket, grp ORDER BY r.bucket, grp",
        group, level.table, where->sql);
    const auto lease = borrow();
    if (!lease) {
        return lease.error();
    }
    std::vector<ReportRow> rows;
    auto done = eachRow(**lease, sql, *where, [&rows](const sqlite::Statement& row) {
        rows.push_back(readReportRow(row));
        return true;
    });
    if (!done) {
        return done.error();
    }
    return rows;
}

Result<std::vector<Facet>> ActivityReader::facet(
    const Filter& filter, const std::string& field, int limit) const
{
    if (!isOneOf(fieldNames, field) || field == "tag") {
        return unknownField(fieldNames, field);
    }
    auto where = whereOf(filter);
    if (!where) {
        return where.error();
    }
    const std::string rowsMax = where->add(facetRowsMax);
    const std::string limitText
        = where->add(static_cast<std::int64_t>(std::clamp(limit, 1, 1'000)));
    const std::string sql = fmt::format(
        "SELECT v, count(*) AS n FROM (SELECT CAST({} AS TEXT) AS v FROM decision WHERE {}"
        " ORDER BY id DESC LIMIT {}) GROUP BY v ORDER BY n DESC, v LIMIT {}",
        field, where->sql, rowsMax, limitText);
    const auto lease = borrow();
    if (!lease) {
        return lease.error();
    }
    std::vector<Facet> facets;
    auto done = eachRow(**lease, sql, *where, [&facets](const sqlite::Statement& row) {
        facets.push_back({row.columnText(0), row.columnInt(1)});
        return true;
    });
    if (!done) {
        return done.error();
    }
    return facets;
}

Result<LatencySummary> ActivityReader::latency(TimeUs fromUs, TimeUs toUs) const
{
    const auto lease = borrow();
    if (!lease) {
        return lease.error();
    }
    TimeUs end = toUs;
    if (end == 0) {
        const auto newest = (**lease).queryInt("SELECT coalesce(max(id), 0) FROM decision");
        if (!newest) {
            return newest.error();
        }
        end = *newest + 1;
    }
    const std::int64_t span = end - fromUs;
    const Level level = levelOf(span <= latencyMinutesUs ? Rollup::Minute
            : span <= latencyHoursUs                     ? Rollup::Hour
                                                         : Rollup::Day);
    Where where;
    where.add(static_cast<std::int64_t>(level.number));
    where.add(fromUs / level.width * level.width);
    where.add(end);
    LatencySummary out;
    std::vector<std::pair<int, std::int64_t>> slots;
    auto done = eachRow(**lease,
        "SELECT slot, sum(requests) FROM latency WHERE level = ?1 AND bucket >= ?2 AND bucket < ?3"
        " GROUP BY slot ORDER BY slot",
        where, [&](const sqlite::Statement& row) {
            slots.emplace_back(static_cast<int>(row.columnInt(0)), row.columnInt(1));
            out.count += row.columnInt(1);
            return true;
        });
    if (!done) {
        return done.error();
    }
    out.addedUsP50 = percentile(slots, out.count, 50);
    out.addedUsP95 = percentile(slots, out.count, 95);
    return out;
}

Result<std::int64_t> ActivityReader::forEach(
    const Filter& filter, const std::function<bool(const Decision&)>& take) const
{
    const auto where = whereOf(filter);
    if (!where) {
        return where.error();
    }
    const auto lease = borrow();
    if (!lease) {
        return lease.error();
    }
    std::int64_t count = 0;
    const std::string sql = "SELECT " + decisionColumns() + ", " + detailColumns
        + ", hash FROM decision JOIN decision_detail USING (id) WHERE " + where->sql
        + " ORDER BY id";
    auto done = eachRow(**lease, sql, *where, [&](const sqlite::Statement& row) {
        Decision decision = readDecision(row);
        readDetails(row, decisionColumnCount, decision);
        decision.auditHash = row.columnText(decisionColumnCount + detailColumnCount);
        ++count;
        return take(decision);
    });
    if (!done) {
        return done.error();
    }
    return count;
}

Result<std::int64_t> ActivityReader::verifyChain() const
{
    const auto lease = borrow();
    if (!lease) {
        return lease.error();
    }
    const auto snapshot = sqlite::Transaction::begin(**lease, sqlite::Transaction::Mode::Read);
    if (!snapshot) {
        return snapshot.error();
    }
    std::string previous;
    std::int64_t count = 0;
    std::optional<Error> broken;
    const std::string sql = "SELECT " + decisionColumns() + ", " + detailColumns
        + ", hash, seq, t.id FROM decision_detail t LEFT JOIN decision USING (id) ORDER BY seq";
    auto done = eachRow(**lease, sql, Where(), [&](const sqlite::Statement& row) {
        constexpr int values = decisionColumnCount + detailColumnCount;
        ++count;
        ChainHasher hasher(previous);
        for (int column = 0; column < values; ++column) {
            hasher.add(row.columnView(column));
        }
        previous = hasher.hash();
        if (row.columnInt(values + 1) != count) {
            broken = brokenChain(row.columnInt(values + 2), "follows a row that is missing");
        } else if (previous != row.columnView(values)) {
            broken = brokenChain(row.columnInt(values + 2), "does not match its hash");
        }
        return !broken.has_value();
    });
    if (!done) {
        return done.error();
    }
    if (broken) {
        return std::move(*broken);
    }
    const auto rows = (**lease).queryInt("SELECT count(*) FROM decision");
    const auto head
        = (**lease).queryInt("SELECT CAST(value AS INTEGER) FROM meta WHERE name = 'chain_seq'");
    if (!rows || !head) {
        return !rows ? rows.error() : head.error();
    }
    if (*rows != count || *head != count) {
        return Error(ErrorCode::Corrupt,
            fmt::format("The decision log was changed: {} rows, {} in the chain, {} written.",
                *rows, count, *head),
            "Restore activity.db from a backup, or keep it as evidence and begin a new one.");
    }
    return count;
}

} // namespace headgate::activity
