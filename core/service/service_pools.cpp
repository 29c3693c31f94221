// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/service_impl.h"
#include "core/service/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace headgate::service {

namespace {

template <typename List>
auto findPool(List& list, PoolId id)
{
    return std::find_if(list.begin(), list.end(), [id](const auto& pool) { return pool.id == id; });
}

Error noPool()
{
    return Error(
        ErrorCode::NotFound, "There is no such pool.", "`headgate pools list` shows the names.");
}

std::string describeEdit(const ledger::Pool& before, const ledger::Pool& after)
{
    std::vector<std::string> parts;
    if (after.cap != before.cap) {
        parts.push_back(
            fmt::format("{} cap from ${} to ${}", after.cap > before.cap ? "raise" : "lower",
                before.cap.toDecimal(), after.cap.toDecimal()));
    }
    if (after.name != before.name) {
        parts.push_back("rename to " + after.name);
    }
    if (!(after.window == before.window)) {
        parts.push_back("window " + before.window.text() + " to " + after.window.text());
    }
    if (after.reservePercent != before.reservePercent) {
        parts.push_back(
            fmt::format("reserve {}% to {}%", before.reservePercent, after.reservePercent));
    }
    if (after.hard != before.hard) {
        parts.emplace_back(after.hard ? "make hard" : "watch only");
    }
    if (after.zone != before.zone) {
        parts.push_back("zone " + after.zone);
    }
    if (after.fiscalStartDay != before.fiscalStartDay) {
        parts.push_back(
            fmt::format("first day {} to {}", before.fiscalStartDay, after.fiscalStartDay));
    }
    if (after.frozen != before.frozen) {
        parts.emplace_back(after.frozen ? "freeze" : "unfreeze");
    }
    if (after.archived != before.archived) {
        parts.emplace_back(after.archived ? "archive" : "take out of the archive");
    }
    std::string text = "Pool " + before.name + ":";
    for (const auto& part : parts) {
        text += (&part == &parts.front() ? " " : ", ") + part;
    }
    return text;
}

void applyEdit(const PoolEdit& edit, ledger::Pool& pool)
{
    pool.name = edit.name.value_or(pool.name);
    pool.cap = edit.cap.value_or(pool.cap);
    pool.window = edit.window.value_or(pool.window);
    pool.reservePercent = edit.reservePercent.value_or(pool.reservePercent);
    pool.hard = edit.hard.value_or(pool.hard);
    pool.zone = edit.zone.value_or(pool.zone);
    pool.fiscalStartDay = edit.fiscalStartDay.value_or(pool.fiscalStartDay);
    pool.frozen = edit.frozen.value_or(pool.frozen);
    pool.archived = edit.archived.value_or(pool.archived);
}

Result<void> checkReason(const std::string& reason)
{
    if (reason.empty() || reason.size() > 1'000) {
        return Error(ErrorCode::InvalidArgument, "A reason is needed (at most 1,000 bytes).",
            "It is kept in the journal for ever: say why the money moves.");
    }
    return {};
}

} // namespace

Result<ledger::Pool> Service::addPool(const NewPool& given, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    ledger::Pool pool;
    pool.name = given.name;
    pool.scope = given.scope;
    pool.window = given.window;
    pool.cap = given.cap;
    pool.hard = given.hard;
    pool.reservePercent = given.reservePercent;
    pool.zone = given.zone.empty() ? m_impl->zone() : given.zone;
    pool.fiscalStartDay = given.fiscalStartDay;
    auto done = m_impl->change(actor, [&pool](Config& next) -> Result<std::string> {
        pool.id = PoolId{next.nextId++};
        if (auto fits = ledger::fitBucket(pool, nullptr); !fits) {
            return fits.error();
        }
        if (auto fine = checkPool(next, pool); !fine) {
            return fine.error();
        }
        next.pools.push_back(pool);
        return fmt::format("Add pool {}: {} {}, ${}{}", pool.name, pool.scope.text(),
            pool.window.text(), pool.cap.toDecimal(), pool.hard ? "" : ", watch only");
    });
    if (!done) {
        return done.error();
    }
    return pool;
}

Result<ledger::Pool> Service::editPool(PoolId id, const PoolEdit& edit, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    const auto config = m_impl->current();
    const auto before = findPool(config->pools, id);
    if (before == config->pools.end()) {
        return noPool();
    }
    ledger::Pool pool = *before;
    applyEdit(edit, pool);
    if (edit.frozen == false && m_impl->ledger) {
        // An overrun freezes accounts, an operator the pool: unfreeze means both.
        if (auto done = m_impl->ledger->unfreezeAccounts(id, actor); !done) {
            return done.error();
        }
        m_impl->events->moneyMoved();
    }
    if (pool == *before) {
        return pool;
    }
    if (auto fits = ledger::fitBucket(pool, &*before); !fits) {
        return fits.error();
    }
    auto done = m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        if (auto fine = checkPool(next, pool); !fine) {
            return fine.error();
        }
        *findPool(next.pools, id) = pool;
        return describeEdit(*before, pool);
    });
    if (!done) {
        return done.error();
    }
    return pool;
}

Result<void> Service::topUpPool(
    PoolId pool, Money amount, const std::string& reason, const std::string& actor)
{
    const auto done = moveMoney({MoneyOrder::Kind::TopUp, pool, {}, amount, reason}, actor);
    return done ? Result<void>() : Result<void>(done.error());
}

Result<void> Service::adjustPool(PoolId pool, const std::string& accountValue, Money amount,
    const std::string& reason, const std::string& actor)
{
    const auto done
        = moveMoney({MoneyOrder::Kind::Adjust, pool, accountValue, amount, reason}, actor);
    return done ? Result<void>() : Result<void>(done.error());
}

Result<std::int64_t> Service::moveMoney(const MoneyOrder& order, const std::string& actor)
{
    if (order.kind == MoneyOrder::Kind::TopUp
        && (order.amount.isNegative() || order.amount.isZero())) {
        return Error(ErrorCode::InvalidArgument, "A top-up must be more than $0.",
            "To take one back, undo it (`headgate pools undo`), lower the cap, or adjust with a "
            "reason.");
    }
    if (order.amount.isZero()) {
        return Error(ErrorCode::InvalidArgument, "An adjustment of $0 changes nothing.",
            "Positive adds to what is spent, negative gives back.");
    }
    const std::lock_guard commands(m_impl->commandMutex);
    return m_impl->bookMoney(order, actor);
}

/// The number of the line it booked: commands are serialised, so it is the pool's newest by hand.
Result<std::int64_t> Service::Impl::bookMoney(const MoneyOrder& order, const std::string& actor)
{
    const auto open = openedLedger();
    if (!open) {
        return open.error();
    }
    if (auto fine = checkReason(order.reason); !fine) {
        return fine.error();
    }
    const auto now = current();
    const auto pool = findPool(now->pools, order.pool);
    if (pool == now->pools.end()) {
        return noPool();
    }
    if (pool->archived) {
        return Error(ErrorCode::Refused, "The pool \"" + pool->name + "\" is archived.",
            "Restore it first: `headgate pools restore`.");
    }
    if (pool->scope.each && order.value.empty()) {
        return Error(ErrorCode::InvalidArgument,
            "The pool \"" + pool->name + "\" has one account for each value.",
            "Say which: --value NAME.");
    }
    auto done = order.kind == MoneyOrder::Kind::TopUp
        ? (*open)->topUp(order.pool, order.amount, actor, order.reason, order.value)
        : (*open)->adjust(order.pool, order.value, order.amount, actor, order.reason);
    events->moneyMoved();
    if (!done) {
        return done.error();
    }
    const auto moves = ledger::moneyMoves(paths.ledger, order.pool, 1);
    if (!moves) {
        return moves.error();
    }
    return moves->empty() ? 0 : moves->front().entry.sequence;
}

} // namespace headgate::service
