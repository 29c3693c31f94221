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

/// One word for people and scripts: the first of these that holds.
const char* stateWord(const ledger::Pool& pool, const ledger::Balance& sum)
{
    if (pool.archived) {
        return "archived";
    }
    if (pool.frozen) {
        return "frozen";
    }
    if (sum.frozen) {
        return "overrun";
    }
    if (!pool.scope.each && !ledger::isPerRequest(pool) && availableOf(pool, sum).isZero()) {
        return "empty";
    }
    return pool.hard ? "open" : "watch";
}

/// How and when money comes back, in words.
std::string renewalWords(const ledger::Pool& pool, TimeUs resetsAtUs)
{
    switch (pool.window.kind) {
    case ledger::WindowKind::Fixed:
        return resetsAtUs == 0 ? "every " + pool.window.text()
                               : formatInZone(resetsAtUs, pool.zone);
    case ledger::WindowKind::Sliding:
        return "as charges leave the last " + pool.window.text().substr(8);
    case ledger::WindowKind::Bucket:
        return "$" + pool.window.bucketRefillPerHour.toDecimal() + " an hour";
    case ledger::WindowKind::Lifetime:
        return "never";
    case ledger::WindowKind::Session:
        return "after " + pool.window.text().substr(8) + " idle";
    case ledger::WindowKind::Request:
        return "every request";
    }
    return {};
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
        {"fiscal_day", pool.fiscalStartDay}, {"hard", pool.hard},
        {"reserve_percent", pool.reservePercent}, {"frozen", pool.frozen},
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
    row["renews"] = renewalWords(pool, pool.scope.each ? 0 : resetsAtUs);
    row["state"] = stateWord(pool, sum);
    if (pool.archived) { // kept by the ledger, but not among what it shows
        row["lifetime_settled_usd"] = nullptr;
    }
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
    for (const auto& pool : service.config()->pools) { // archived: the ledger shows it no more
        if (pool.id == id) {
            return ledger::PoolState{pool, {}, 0, {}};
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
    for (const auto& pool : call.service.config()->pools) {
        if (all && pool.archived) {
            if (auto done = send(call, poolRow({pool, {}, 0, {}})); !done) {
                return done;
            }
        }
    }
    return {};
}

/// The cap of a bucket is its capacity; all other windows need one said.
Result<Money> capArg(const json::object& args, const ledger::Window& window)
{
    const bool isBucket = window.kind == ledger::WindowKind::Bucket;
    if (isBucket && !hasArg(args, "cap")) {
        return window.bucketCapacity;
    }
    const auto text = neededArg(args, "cap");
    if (!text) {
        return Error(ErrorCode::InvalidArgument, "\"cap\" is missing.",
            "Say how much may be spent, in dollars: --cap 5.00.");
    }
    const auto cap = Money::parse(*text);
    if (cap && isBucket && *cap != window.bucketCapacity) {
        return Error(ErrorCode::InvalidArgument,
            "The cap $" + cap->toDecimal() + " is not the bucket's capacity $"
                + window.bucketCapacity.toDecimal() + ".",
            "Leave --cap out: a bucket holds at most its capacity.");
    }
    return cap;
}

Result<void> addPool(const VerbCall& call)
{
    NewPool pool;
    const auto name = neededArg(call.args, "name");
    const auto scopeText = neededArg(call.args, "scope");
    const auto windowText = neededArg(call.args, "window");
    for (const auto* needed : {&name, &scopeText, &windowText}) {
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
    const auto cap = capArg(call.args, *window);
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
    const auto fiscalDay = intArg(call.args, "fiscal_day", 1);
    if (!fiscalDay) {
        return fiscalDay.error();
    }
    pool.fiscalStartDay = static_cast<int>(std::clamp<std::int64_t>(*fiscalDay, 0, 100));
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
    if (hasArg(args, "fiscal_day")) {
        const auto day = intArg(args, "fiscal_day", 1);
        if (!day) {
            return day.error();
        }
        edit.fiscalStartDay = static_cast<int>(std::clamp<std::int64_t>(*day, 0, 100));
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
    MoneyOrder order;
    order.kind = topUp ? MoneyOrder::Kind::TopUp : MoneyOrder::Kind::Adjust;
    order.pool = pool->id;
    order.value = textArg(call.args, "value");
    order.amount = *amount;
    order.reason = textArg(call.args, "reason");
    const auto booked = call.service.moveMoney(order, actorArg(call.args));
    if (!booked) {
        return booked.error();
    }
    return sendPool(call, pool->id);
}

Result<void> showPool(const VerbCall& call)
{
    const auto pool = poolArg(call);
    return pool ? sendPool(call, pool->id) : Result<void>(pool.error());
}

Result<void> duplicatePool(const VerbCall& call)
{
    const auto pool = poolArg(call);
    if (!pool) {
        return pool.error();
    }
    const auto name = neededArg(call.args, "new_name");
    if (!name) {
        return name.error();
    }
    NewPool copy;
    copy.name = *name;
    copy.scope = pool->scope;
    copy.window = pool->window;
    copy.cap = pool->cap;
    copy.zone = pool->zone;
    copy.reservePercent = pool->reservePercent;
    copy.hard = pool->hard;
    copy.fiscalStartDay = pool->fiscalStartDay;
    const auto added = call.service.addPool(copy, actorArg(call.args));
    return added ? sendPool(call, added->id) : Result<void>(added.error());
}

Result<void> flagPool(const VerbCall& call, std::optional<bool> PoolEdit::*flag, bool value)
{
    PoolEdit edit;
    edit.*flag = value;
    return applyEdit(call, edit);
}

json::object changeRow(const PoolChange& change)
{
    json::object row{{"actor", change.actor}, {"pool", change.name}, {"what", change.what},
        {"summary", change.summary}, {"reason", change.reason}, {"account", change.account},
        {"undone", change.undone}};
    putTime(row, "at", change.atUs);
    row["revision"] = change.revision == 0 ? json::value() : json::value(change.revision);
    row["entry"] = change.entry == 0 ? json::value() : json::value(change.entry);
    row["undoes"] = change.undoes == 0 ? json::value() : json::value(change.undoes);
    json::array fields;
    std::string words;
    for (const auto& field : change.fields) {
        fields.push_back(
            json::object{{"field", field.name}, {"before", field.before}, {"after", field.after}});
        if (!field.before.empty()) { // a new pool's summary says it all
            words += (words.empty() ? "" : ", ") + field.name + " " + field.before + " -> "
                + field.after;
        }
    }
    row["change"] = words;
    row["fields"] = std::move(fields);
    return row;
}

Result<void> showHistory(const VerbCall& call)
{
    std::optional<PoolId> wanted;
    if (hasArg(call.args, "name")) {
        const auto pool = poolArg(call);
        if (!pool) {
            return pool.error();
        }
        wanted = pool->id;
    }
    const auto limit = intArg(call.args, "limit", 50);
    if (!limit) {
        return limit.error();
    }
    const auto most = static_cast<int>(std::clamp<std::int64_t>(*limit, 1, 10'000));
    const auto changes = answerOf<std::vector<PoolChange>>(
        [&](auto done) { call.service.poolHistory(wanted, most, std::move(done)); });
    if (!changes) {
        return changes.error();
    }
    for (const auto& change : *changes) {
        if (auto sent = send(call, changeRow(change)); !sent) {
            return sent;
        }
    }
    return {};
}

Result<void> undoChange(const VerbCall& call)
{
    const auto undone = call.service.undoPoolChange(actorArg(call.args));
    if (!undone) {
        return undone.error();
    }
    json::object row = changeRow(*undone);
    row["undone"] = true;
    return send(call, row);
}

} // namespace

void addPoolVerbs(VerbTable& table)
{
    table["pools.list"] = listPools;
    table["pools.add"] = addPool;
    table["pools.set"] = setPool;
    table["pools.top-up"] = [](const VerbCall& call) { return moveMoney(call, true); };
    table["pools.adjust"] = [](const VerbCall& call) { return moveMoney(call, false); };
    table["pools.show"] = showPool;
    table["pools.duplicate"] = duplicatePool;
    table["pools.history"] = showHistory;
    table["pools.undo"] = undoChange;
    table["pools.freeze"]
        = [](const VerbCall& call) { return flagPool(call, &PoolEdit::frozen, true); };
    table["pools.unfreeze"]
        = [](const VerbCall& call) { return flagPool(call, &PoolEdit::frozen, false); };
    table["pools.archive"]
        = [](const VerbCall& call) { return flagPool(call, &PoolEdit::archived, true); };
    table["pools.restore"]
        = [](const VerbCall& call) { return flagPool(call, &PoolEdit::archived, false); };
}

} // namespace headgate::service
