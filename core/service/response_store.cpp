// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/response_store.h"

#include "core/base/limits.h"

#include <array>
#include <string_view>

namespace headgate::service {

namespace {

constexpr std::array<std::string_view, 1> steps{R"sql(
CREATE TABLE pin (
    name TEXT PRIMARY KEY, owner INTEGER NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
    tokens INTEGER NOT NULL, at_us INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX pin_at ON pin (at_us);
)sql"};

/// Rows that nobody needs any more cost only space.
constexpr TimeUs forgetEveryUs = 3'600 * usPerSecond;

} // namespace

Result<ResponseStore> ResponseStore::open(const std::string& path)
{
    sqlite::OpenOptions options;
    options.path = path;
    auto connection = sqlite::Connection::open(options);
    if (!connection) {
        return connection.error();
    }
    ResponseStore store;
    store.m_connection = std::move(*connection);
    if (auto done = sqlite::migrate(store.m_connection, steps, "responses.db"); !done) {
        return done.error();
    }
    return store;
}

Result<void> ResponseStore::forget(TimeUs nowUs) const
{
    auto old = m_connection.prepare("DELETE FROM pin WHERE at_us < ?1");
    if (!old) {
        return old.error();
    }
    if (auto done = old->bind(1, nowUs - proxy::responsePinAgeUs).run(); !done) {
        return done;
    }
    auto many = m_connection.prepare("DELETE FROM pin WHERE name IN (SELECT name FROM pin "
                                     "ORDER BY at_us DESC LIMIT -1 OFFSET ?1)");
    if (!many) {
        return many.error();
    }
    return many->bind(1, static_cast<std::int64_t>(limits::responsePinsMax)).run();
}

Result<void> ResponseStore::load(proxy::ResponsePins& pins, TimeUs nowUs)
{
    if (auto done = forget(nowUs); !done) {
        return done;
    }
    m_forgotAtUs = nowUs;
    // The oldest first: the last one restored is the last to be forgotten.
    auto rows = m_connection.prepare(
        "SELECT name, owner, provider, model, tokens, at_us FROM pin ORDER BY at_us");
    if (!rows) {
        return rows.error();
    }
    for (;;) {
        const auto row = rows->step();
        if (!row) {
            return row.error();
        }
        if (!*row) {
            return {};
        }
        proxy::ResponsePin pin;
        pin.owner = rows->columnInt(1);
        pin.provider = rows->columnText(2);
        pin.model = rows->columnText(3);
        pin.tokens = rows->columnInt(4);
        pin.atUs = rows->columnInt(5);
        pins.restore(rows->columnText(0), std::move(pin));
    }
}

Result<void> ResponseStore::write(const proxy::NamedPins& changed) const
{
    auto transaction = sqlite::Transaction::begin(m_connection);
    if (!transaction) {
        return transaction.error();
    }
    auto insert
        = m_connection.prepare("INSERT OR REPLACE INTO pin VALUES (?1, ?2, ?3, ?4, ?5, ?6)");
    if (!insert) {
        return insert.error();
    }
    for (const auto& [name, pin] : changed) {
        insert->bindAll(name, pin.owner, pin.provider, pin.model, pin.tokens, pin.atUs);
        if (auto done = insert->run(); !done) {
            return done;
        }
    }
    return transaction->commit();
}

Result<void> ResponseStore::save(proxy::ResponsePins& pins, TimeUs nowUs)
{
    auto changed = pins.takeChanges();
    if (!changed.empty()) {
        if (auto done = write(changed); !done) {
            pins.changedAgain(changed);
            return done;
        }
    }
    if (nowUs - m_forgotAtUs < forgetEveryUs) {
        return {};
    }
    m_forgotAtUs = nowUs;
    return forget(nowUs);
}

} // namespace headgate::service
