// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/verbs.h"

#include <boost/json.hpp>

#include <algorithm>

namespace headgate::service {

namespace json = boost::json;

namespace {

Money availableOf(const ledger::Pool& pool, const ledger::Balance& balance)
{
    if (pool.frozen || balance.frozen) {
        return {};
    }
    const Money left = pool.cap.plusSaturated(balance.toppedUp)
                           .minusSaturated(balance.settled)
                           .minusSaturated(balance.held);
    return std::max(left, Money());
}

json::object accountRow(const ledger::Pool& pool, const ledger::AccountView& account)
{
    json::object row{{"value", account.key.value},
        {"settled_usd", account.balance.settled.toDecimal()},
        {"held_usd", account.balance.held.toDecimal()},
        {"topped_up_usd", account.balance.toppedUp.toDecimal()},
        {"available_usd", availableOf(pool, account.balance).toDecimal()},
        {"frozen", account.balance.frozen}};
    putTime(row, "window_start", account.key.windowStartUs);
    putTime(row, "resets_at", account.resetsAtUs.value_or(0));
    return row;
}

json::object poolRow(const ledger::PoolState& state)
{
    const auto& pool = state.pool;
    ledger::Balance sum;
    bool accountFrozen = false;
    json::array accounts;
    TimeUs resetsAtUs = 0;
    for (const auto& account : state.accounts) {
        sum.settled = sum.settled.plusSaturated(account.balance.settled);
        sum.held = sum.held.plusSaturated(account.balance.held);
        sum.toppedUp = sum.toppedUp.plusSaturated(account.balance.toppedUp);
        accountFrozen = accountFrozen || account.balance.frozen;
        resetsAtUs = account.resetsAtUs.value_or(0);
        accounts.push_back(accountRow(pool, account));
    }
    sum.frozen = accountFrozen;
    json::object row{{"id", pool.id.value}, {"name", pool.name}, {"scope", pool.scope.text()},
        {"window", pool.window.text()}, {"zone", pool.zone}, {"cap_usd", pool.cap.toDecimal()},
        {"hard", pool.hard}, {"reserve_percent", pool.reservePercent}, {"frozen", pool.frozen},
        {"accounts_frozen", accountFrozen}, {"archived", pool.archived},
        {"settled_usd", sum.settled.toDecimal()}, {"held_usd", sum.held.toDecimal()},
        {"topped_up_usd", sum.toppedUp.toDecimal()},
        {"lifetime_settled_usd", state.lifetimeSettled.toDecimal()},
        {"accounts_total", state.accountsTotal}};
    // Each value of an each-pool has a cap of its own: one sum of what is left would mean nothing.
    if (pool.scope.each) {
        row["available_usd"] = nullptr;
    } else {
        row["available_usd"] = availableOf(pool, sum).toDecimal();
    }
    putTime(row, "resets_at", pool.scope.each ? 0 : resetsAtUs);
    row["accounts"] = std::move(accounts);
    return row;
}

std::optional<ledger::PoolState> stateOf(const Service& service, PoolId id)
{
    for (auto& state : service.poolStates()) {
        if (state.pool.id == id) {
            return std::move(state);
        }
    }
    return std::nullopt;
}

Result<void> sendPool(const VerbCall& call, PoolId id)
{
    const auto state = stateOf(call.service, id);
    if (!state) {
        return {};
    }
    return send(call, poolRow(*state));
}

/// By name among the pools that are not archived, else among all, else by id.
Result<ledger::Pool> poolArg(const VerbCall& call)
{
    const auto name = neededArg(call.args, "name");
    if (!name) {
        return name.error();
    }
    const auto config = call.service.config();
    const ledger::Pool* found = nullptr;
    for (const auto& pool : config->pools) {
        if (pool.name == *name && (found == nullptr || !pool.archived)) {
            found = &pool;
        }
    }
    if (found == nullptr) {
        return Error(ErrorCode::NotFound, "There is no pool \"" + *name + "\".",
            "`headgate pools list` shows the names.");
    }
    return *found;
}

Result<void> listPools(const VerbCall& call)
{
    const bool all = flagArg(call.args, "all", false);
    for (const auto& state : call.service.poolStates()) {
        if (all || !state.pool.archived) {
            if (auto done = send(call, poolRow(state)); !done) {
                return done;
            }
        }
    }
    return {};
}

Result<void> addPool(const VerbCall& call)
{
    NewPool pool;
    const auto name = neededArg(call.args, "name");
    const auto scopeText = neededArg(call.args, "scope");
    const auto windowText = neededArg(call.args, "window");
    const auto capText = neededArg(call.args, "cap");
    for (const auto* needed : {&name, &scopeText, &windowText, &capText}) {
        if (!*needed) {
            return needed->error();
        }
    }
    const auto scope = ledger::Scope::parse(*scopeText);
    if (!scope) {
        return scope.error();
    }
    const auto window = ledger::Window::parse(*windowText);
    if (!window) {
        return window.error();
    }
    const auto cap = Money::parse(*capText);
    if (!cap) {
        return cap.error();
    }
    if (hasArg(call.args, "reserve")) {
        const auto reserve = percentArg(call.args, "reserve");
        if (!reserve) {
            return reserve.error();
        }
        pool.reservePercent = *reserve;
    }
    pool.name = *name;
    pool.scope = *scope;
    pool.window = *window;
    pool.cap = *cap;
    pool.zone = textArg(call.args, "zone");
    pool.hard = !flagArg(call.args, "watch", false);
    const auto added = call.service.addPool(pool, actorArg(call.args));
    if (!added) {
        return added.error();
    }
    return sendPool(call, added->id);
}

Result<PoolEdit> editOf(const json::object& args)
{
    PoolEdit edit;
    if (hasArg(args, "cap")) {
        const auto cap = Money::parse(textArg(args, "cap"));
        if (!cap) {
            return cap.error();
        }
        edit.cap = *cap;
    }
    if (hasArg(args, "window")) {
        const auto window = ledger::Window::parse(textArg(args, "window"));
        if (!window) {
            return window.error();
        }
        edit.window = *window;
    }
    if (hasArg(args, "reserve")) {
        const auto reserve = percentArg(args, "reserve");
        if (!reserve) {
            return reserve.error();
        }
        edit.reservePercent = *reserve;
    }
    if (hasArg(args, "zone")) {
        edit.zone = textArg(args, "zone");
    }
    if (hasArg(args, "new_name")) {
        edit.name = textArg(args, "new_name");
    }
    if (flagArg(args, "watch", false)) {
        edit.hard = false;
    }
    if (flagArg(args, "hard", false)) {
        edit.hard = true;
    }
    return edit;
}

Result<void> applyEdit(const VerbCall& call, const PoolEdit& edit)
{
    const auto pool = poolArg(call);
    if (!pool) {
        return pool.error();
    }
    const auto edited = call.service.editPool(pool->id, edit, actorArg(call.args));
    if (!edited) {
        return edited.error();
    }
    return sendPool(call, edited->id);
}

Result<void> setPool(const VerbCall& call)
{
    const auto edit = editOf(call.args);
    if (!edit) {
        return edit.error();
    }
    return applyEdit(call, *edit);
}

Result<void> moveMoney(const VerbCall& call, bool topUp)
{
    const auto pool = poolArg(call);
    if (!pool) {
        return pool.error();
    }
    const auto amountText = neededArg(call.args, "amount");
    if (!amountText) {
        return amountText.error();
    }
    const auto amount = Money::parse(*amountText);
    if (!amount) {
        return amount.error();
    }
    const std::string reason = textArg(call.args, "reason");
    const std::string actor = actorArg(call.args);
    auto done = topUp
        ? call.service.topUpPool(pool->id, *amount, reason, actor)
        : call.service.adjustPool(pool->id, textArg(call.args, "value"), *amount, reason, actor);
    if (!done) {
        return done;
    }
    return sendPool(call, pool->id);
}

} // namespace

void addPoolVerbs(VerbTable& table)
{
    table["pools.list"] = listPools;
    table["pools.add"] = addPool;
    table["pools.set"] = setPool;
    table["pools.top-up"] = [](const VerbCall& call) { return moveMoney(call, true); };
    table["pools.adjust"] = [](const VerbCall& call) { return moveMoney(call, false); };
    table["pools.freeze"] = [](const VerbCall& call) {
        PoolEdit edit;
        edit.frozen = true;
        return applyEdit(call, edit);
    };
    table["pools.unfreeze"] = [](const VerbCall& call) {
        PoolEdit edit;
        edit.frozen = false;
        return applyEdit(call, edit);
    };
    table["pools.archive"] = [](const VerbCall& call) {
        PoolEdit edit;
        edit.archived = true;
        return applyEdit(call, edit);
    };
}

} // namespace headgate::service
