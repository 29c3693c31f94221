// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/activity/activity_store.h"

#include "core/base/clock.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string_view>

namespace headgate::activity {

namespace {

constexpr std::array<const char*, 3> rollupTables{"rollup_minute", "rollup_hour", "rollup_day"};
constexpr std::array<std::int64_t, 3> rollupUs{usPerMinute, usPerHour, usPerDay};
/// Users and sessions come from clients: a cache without a bound would be theirs to fill.
constexpr std::size_t dimensionCacheMax = 100'000;

std::string placeholders(int count)
{
    std::string out;
    for (int i = 1; i <= count; ++i) {
        out += fmt::format("{}?{}", i == 1 ? "" : ", ", i);
    }
    return out;
}

std::string upsertSql(const char* table)
{
    return fmt::format("INSERT INTO {} VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
                       " ON CONFLICT DO UPDATE SET requests = requests + excluded.requests,"
                       " refused = refused + excluded.refused,"
                       " downgraded = downgraded + excluded.downgraded,"
                       " failed = failed + excluded.failed,"
                       " input_tokens = input_tokens + excluded.input_tokens,"
                       " output_tokens = output_tokens + excluded.output_tokens,"
                       " cost = cost + excluded.cost, baseline = baseline + excluded.baseline",
        table);
}

/// Sums are for charts; one absurd row must not make a batch fail for ever.
void addSaturated(std::int64_t& sum, std::int64_t value)
{
    if (__builtin_add_overflow(sum, value, &sum)) {
        sum = value < 0 ? std::numeric_limits<std::int64_t>::min()
                        : std::numeric_limits<std::int64_t>::max();
    }
}

Result<void> prepareInto(
    const sqlite::Connection& connection, const std::string& sql, sqlite::Statement& out)
{
    auto statement = connection.prepare(sql);
    if (!statement) {
        return statement.error();
    }
    out = std::move(*statement);
    return {};
}

} // namespace

Result<ActivityStore> ActivityStore::open(const std::string& path, const std::string& vfs)
{
    ActivityStore store;
    sqlite::OpenOptions options;
    options.path = path;
    options.vfs = vfs;
    auto connection = sqlite::Connection::open(options);
    if (!connection) {
        return connection.error();
    }
    store.m_connection = std::move(*connection);
    if (auto done = sqlite::migrate(store.m_connection, schemaSteps(), "activity.db"); !done) {
        return done.error();
    }
    if (auto done = store.prepareAll(); !done) {
        return done.error();
    }
    if (auto done = store.readMeta(); !done) {
        return done.error();
    }
    return store;
}

Result<void> ActivityStore::prepareAll()
{
    const std::string insertRow = "INSERT OR IGNORE INTO decision (" + decisionColumns()
        + ") VALUES (" + placeholders(decisionColumnCount) + ")";
    const std::pair<std::string, sqlite::Statement*> all[] = {
        {insertRow, &m_insertRow},
        {"INSERT INTO decision_detail (facts, candidates, cost_lines, attempts, id, seq, hash)"
         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            &m_insertDetail},
        {"INSERT INTO dimension (model, team, user, key, tier, task, status, provider, outcome)"
         " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            &m_insertDimension},
        {"SELECT id FROM dimension WHERE model = ?1 AND team = ?2 AND user = ?3 AND key = ?4 AND"
         " tier = ?5 AND task = ?6 AND status = ?7 AND provider = ?8 AND outcome = ?9",
            &m_findDimension},
        {upsertSql(rollupTables[0]), &m_upsert[0]},
        {upsertSql(rollupTables[1]), &m_upsert[1]},
        {upsertSql(rollupTables[2]), &m_upsert[2]},
        {"INSERT INTO latency VALUES (?1, ?2, ?3, ?4)"
         " ON CONFLICT DO UPDATE SET requests = requests + excluded.requests",
            &m_upsertLatency},
        {"UPDATE meta SET value = ?2 WHERE name = ?1", &m_writeMeta},
    };
    for (const auto& [sql, target] : all) {
        if (auto done = prepareInto(m_connection, sql, *target); !done) {
            return done;
        }
    }
    return {};
}

Result<void> ActivityStore::readMeta()
{
    auto statement = m_connection.prepare("SELECT name, value FROM meta");
    if (!statement) {
        return statement.error();
    }
    for (;;) {
        const auto row = statement->step();
        if (!row) {
            return row.error();
        }
        if (!*row) {
            break;
        }
        const std::string name = statement->columnText(0);
        const std::string value = statement->columnText(1);
        std::int64_t* number = name == "last_id" ? &m_lastId
            : name == "chain_seq"                ? &m_seq
                                                 : nullptr;
        if (number != nullptr) {
            std::from_chars(value.data(), value.data() + value.size(), *number);
        } else if (name == "chain_hash") {
            m_hash = value;
        }
    }
    const auto newest = m_connection.queryInt("SELECT coalesce(max(id), 0) FROM decision");
    if (!newest) {
        return newest.error();
    }
    m_lastId = std::max(m_lastId, *newest);
    return {};
}

Result<void> ActivityStore::commit(std::vector<Decision>& rows, std::int64_t lastIdGiven)
{
    auto transaction = sqlite::Transaction::begin(m_connection);
    if (!transaction) {
        return transaction.error();
    }
    Batch batch;
    batch.seq = m_seq;
    batch.hash = m_hash;
    auto done = store(rows, batch);
    if (done) {
        done = writeMeta("last_id", std::to_string(std::max(lastIdGiven, m_lastId)));
    }
    if (done) {
        done = transaction->commit();
    }
    if (!done) {
        m_dimensions.clear(); // some of them were rolled back
        return done;
    }
    m_seq = batch.seq;
    m_hash = std::move(batch.hash);
    m_lastId = std::max(lastIdGiven, m_lastId);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (!batch.known[i]) {
            if (kept != i) {
                rows[kept] = std::move(rows[i]);
            }
            ++kept;
        }
    }
    rows.resize(kept);
    return {};
}

Result<void> ActivityStore::store(std::vector<Decision>& rows, Batch& batch)
{
    for (auto& row : rows) {
        const auto inserted = insert(row, batch);
        if (!inserted) {
            return inserted.error();
        }
        batch.known.push_back(!*inserted);
        if (!*inserted) {
            continue;
        }
        if (auto done = addUp(row, batch); !done) {
            return done;
        }
    }
    if (auto done = writeSums(batch); !done) {
        return done;
    }
    if (auto done = writeMeta("chain_seq", std::to_string(batch.seq)); !done) {
        return done;
    }
    return writeMeta("chain_hash", batch.hash);
}

Result<bool> ActivityStore::insert(Decision& row, Batch& batch)
{
    const RowTexts texts = textsOf(row);
    bindRow(m_insertRow, texts, 0, decisionColumnCount);
    if (auto done = m_insertRow.run(); !done) {
        return done.error();
    }
    if (m_connection.changes() == 0) {
        return false;
    }
    ChainHasher hasher(batch.hash);
    for (const auto& text : texts) {
        hasher.add(text);
    }
    row.auditHash = hasher.hash();
    batch.hash = row.auditHash;
    ++batch.seq;
    bindRow(m_insertDetail, texts, decisionColumnCount, detailColumnCount);
    m_insertDetail.bind(detailColumnCount + 1, row.id.value);
    m_insertDetail.bind(detailColumnCount + 2, batch.seq);
    m_insertDetail.bind(detailColumnCount + 3, row.auditHash);
    if (auto done = m_insertDetail.run(); !done) {
        return done.error();
    }
    return true;
}

Result<std::int64_t> ActivityStore::dimensionOf(const Decision& row)
{
    std::string key;
    for (const std::string* part :
        {&row.model, &row.team, &row.user, &row.key, &row.task, &row.provider, &row.outcome}) {
        key += fmt::format("{}:{}", part->size(), *part);
    }
    key += fmt::format("{}:{}", row.tier, static_cast<int>(row.status));
    if (const auto known = m_dimensions.find(key); known != m_dimensions.end()) {
        return known->second;
    }
    const auto bindTo = [&row](sqlite::Statement& statement) {
        statement.bindAll(row.model, row.team, row.user, row.key, row.tier, row.task,
            statusName(row.status), row.provider, row.outcome);
    };
    bindTo(m_findDimension);
    const auto found = m_findDimension.step();
    if (!found) {
        return found.error();
    }
    std::int64_t id = 0;
    if (*found) {
        id = m_findDimension.columnInt(0);
        m_findDimension.reset();
    } else {
        bindTo(m_insertDimension);
        if (auto done = m_insertDimension.run(); !done) {
            return done.error();
        }
        id = m_connection.lastInsertRowId();
    }
    if (m_dimensions.size() >= dimensionCacheMax) {
        m_dimensions.clear();
    }
    m_dimensions.emplace(std::move(key), id);
    return id;
}

Result<void> ActivityStore::addUp(const Decision& row, Batch& batch)
{
    const auto dimension = dimensionOf(row);
    if (!dimension) {
        return dimension.error();
    }
    for (int level = 0; level < 3; ++level) {
        const std::int64_t width = rollupUs.at(static_cast<std::size_t>(level));
        const TimeUs bucket = row.id.value / width * width;
        Sums& sums = batch.sums[{level, bucket, *dimension}];
        sums.requests += 1;
        sums.refused += row.status == Status::Refused ? 1 : 0;
        sums.downgraded += row.outcome == "downgrade" ? 1 : 0;
        sums.failed += row.status == Status::Failed || row.status == Status::Cut ? 1 : 0;
        addSaturated(sums.inputTokens, row.inputTokens);
        addSaturated(sums.outputTokens, row.outputTokens);
        addSaturated(sums.cost, row.cost.nano());
        addSaturated(sums.baseline, row.baseline.nano());
        if (row.addedUs > 0) {
            batch.latency[{level, bucket, latencySlot(row.addedUs)}] += 1;
        }
    }
    return {};
}

Result<void> ActivityStore::writeSums(const Batch& batch)
{
    for (const auto& [at, sums] : batch.sums) {
        const auto& [level, bucket, dimension] = at;
        sqlite::Statement& upsert = m_upsert[level];
        upsert.bindAll(bucket, dimension, sums.requests, sums.refused, sums.downgraded, sums.failed,
            sums.inputTokens, sums.outputTokens, sums.cost, sums.baseline);
        if (auto done = upsert.run(); !done) {
            return done;
        }
    }
    for (const auto& [at, count] : batch.latency) {
        const auto& [level, bucket, slot] = at;
        m_upsertLatency.bindAll(level, bucket, slot, count);
        if (auto done = m_upsertLatency.run(); !done) {
            return done;
        }
    }
    return {};
}

Result<void> ActivityStore::writeMeta(const char* name, const std::string& value)
{
    m_writeMeta.bindAll(name, value);
    return m_writeMeta.run();
}

} // namespace headgate::activity
