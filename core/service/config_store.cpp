// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/config_store.h"

#include <array>
#include <string_view>

namespace headgate::service {

namespace {

constexpr std::array<std::string_view, 1> steps{R"sql(
CREATE TABLE revision (
    rev INTEGER PRIMARY KEY CHECK (rev > 0), at_us INTEGER NOT NULL, actor TEXT NOT NULL,
    summary TEXT NOT NULL, body TEXT NOT NULL
) STRICT;
CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
)sql"};

} // namespace

Result<ConfigStore> ConfigStore::open(const std::string& path)
{
    sqlite::OpenOptions options;
    options.path = path;
    options.powerSafe = true; // a revoked key must stay revoked after a power cut
    auto connection = sqlite::Connection::open(options);
    if (!connection) {
        return connection.error();
    }
    ConfigStore store;
    store.m_connection = std::move(*connection);
    if (auto done = sqlite::migrate(store.m_connection, steps, "config.db"); !done) {
        return done.error();
    }
    return store;
}

Result<std::optional<Config>> ConfigStore::newest()
{
    const auto revision = m_connection.queryInt("SELECT coalesce(max(rev), 0) FROM revision");
    if (!revision) {
        return revision.error();
    }
    if (*revision == 0) {
        return std::optional<Config>();
    }
    auto config = load(*revision);
    if (!config) {
        return config.error();
    }
    return std::optional<Config>(std::move(*config));
}

Result<Config> ConfigStore::load(std::int64_t revision)
{
    auto statement = m_connection.prepare("SELECT body FROM revision WHERE rev = ?1");
    if (!statement) {
        return statement.error();
    }
    const auto row = statement->bind(1, revision).step();
    if (!row) {
        return row.error();
    }
    if (!*row) {
        return Error(ErrorCode::NotFound,
            "There is no revision " + std::to_string(revision) + " of the configuration.",
            "`config.revisions` and the console's history list them.");
    }
    return configFromJson(statement->columnView(0));
}

Result<void> ConfigStore::save(const Config& config)
{
    auto statement = m_connection.prepare("INSERT INTO revision VALUES (?1, ?2, ?3, ?4, ?5)");
    if (!statement) {
        return statement.error();
    }
    statement->bindAll(
        config.revision, config.atUs, config.actor, config.summary, configToJson(config));
    return statement->run();
}

Result<std::vector<RevisionInfo>> ConfigStore::list(int limit)
{
    auto statement = m_connection.prepare(
        "SELECT rev, at_us, actor, summary FROM revision ORDER BY rev DESC LIMIT ?1");
    if (!statement) {
        return statement.error();
    }
    statement->bind(1, limit);
    std::vector<RevisionInfo> out;
    for (;;) {
        const auto row = statement->step();
        if (!row) {
            return row.error();
        }
        if (!*row) {
            return out;
        }
        out.push_back({statement->columnInt(0), statement->columnInt(1), statement->columnText(2),
            statement->columnText(3)});
    }
}

Result<void> ConfigStore::eachPoolRevision(
    const std::function<Result<bool>(const PoolRevision&)>& take)
{
    auto statement = m_connection.prepare(
        "SELECT rev, at_us, actor, summary, ifnull(json_extract(body, '$.pools'), '[]') "
        "FROM revision ORDER BY rev DESC");
    if (!statement) {
        return statement.error();
    }
    PoolRevision newer;
    for (;;) {
        const auto row = statement->step();
        if (!row) {
            return row.error();
        }
        newer.before = *row ? statement->columnText(4) : std::string("[]");
        if (newer.info.revision != 0 && newer.before != newer.after) {
            const auto more = take(newer);
            if (!more) {
                statement->reset();
                return more.error();
            }
            if (!*more) {
                statement->reset();
                return {};
            }
        }
        if (!*row) {
            return {};
        }
        newer.info = {statement->columnInt(0), statement->columnInt(1), statement->columnText(2),
            statement->columnText(3)};
        newer.after = newer.before;
    }
}

Result<std::int64_t> ConfigStore::counter(const std::string& name)
{
    auto statement = m_connection.prepare("SELECT value FROM counter WHERE name = ?1");
    if (!statement) {
        return statement.error();
    }
    const auto row = statement->bind(1, name).step();
    if (!row) {
        return row.error();
    }
    return *row ? statement->columnInt(0) : 0;
}

Result<void> ConfigStore::setCounter(const std::string& name, std::int64_t value)
{
    auto statement = m_connection.prepare(
        "INSERT INTO counter VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = max(value, ?2)");
    if (!statement) {
        return statement.error();
    }
    return statement->bindAll(name, value).run();
}

} // namespace headgate::service
