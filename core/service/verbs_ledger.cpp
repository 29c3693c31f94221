// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/story.h"
#include "core/service/verbs.h"

#include <boost/json.hpp>

#include <algorithm>

namespace headgate::service {

namespace json = boost::json;

namespace {

Result<void> verifyLedger(const VerbCall& call)
{
    const auto report = answerOf<ledger::VerifyReport>(
        [&](auto done) { call.service.verifyLedger(std::move(done)); });
    if (!report) {
        return report.error();
    }
    call.service.activityLog().flush();
    const auto chain = call.service.activityLog().verifyChain();
    json::object row{{"ok", report->ok && chain.has_value()}, {"entries", report->entries},
        {"holds", report->holds}, {"accounts", report->accounts}, {"open_holds", report->openHolds},
        {"settled_total_usd", report->settledTotal.toDecimal()},
        {"differences", textsJson(report->differences)}, {"log_ok", chain.has_value()},
        {"log_rows", chain ? *chain : 0}, {"log_problem", chain ? "" : chain.error().message}};
    if (auto done = send(call, row); !done) {
        return done;
    }
    if (!report->ok) {
        return Error(ErrorCode::Corrupt,
            "The ledger does not add up: "
                + (report->differences.empty() ? std::string("unknown difference")
                                               : report->differences.front()),
            "Nothing is admitted until ledger.db is restored from a backup.");
    }
    return chain ? Result<void>() : Result<void>(chain.error());
}

// --- explain

json::array accountsJson(const std::vector<ledger::AccountKey>& keys)
{
    json::array out;
    for (const auto& key : keys) {
        json::object account{{"pool_id", key.pool.value}, {"value", key.value}};
        putTime(account, "window_start", key.windowStartUs);
        out.push_back(std::move(account));
    }
    return out;
}

/// The words stand beside the figures, line for line.
json::array linesJson(const std::vector<ledger::StoryLine>& lines, const Story& story)
{
    json::array out;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const auto& entry = lines[i].entry;
        json::object line{{"seq", entry.sequence}, {"kind", ledger::entryKindName(entry.kind)},
            {"what", story.lines[i].what}, {"held_usd", entry.heldDelta.toDecimal()},
            {"settled_usd", entry.settledDelta.toDecimal()},
            {"topped_up_usd", entry.toppedUpDelta.toDecimal()}, {"hold", entry.hold.value},
            {"request_id", entry.requestId}, {"actor", entry.actor}, {"reason", entry.reason},
            {"where", story.lines[i].accounts}, {"carry", lines[i].carry},
            {"accounts", accountsJson(entry.accounts)}};
        putTime(line, "at", entry.atUs);
        out.push_back(std::move(line));
    }
    return out;
}

void putStory(json::object& row, const Story& story)
{
    row["title"] = story.title;
    row["story"] = textsJson(story.sentences);
    json::array facts;
    for (const auto& fact : story.facts) {
        facts.push_back(json::object{{"label", fact.label}, {"value", fact.value}});
    }
    row["facts"] = std::move(facts);
}

Result<void> explainHold(const VerbCall& call, const std::string& text)
{
    const auto tales = answerOf<std::vector<HoldTale>>(
        [&](auto done) { call.service.explainHold(text, std::move(done)); });
    if (!tales) {
        return tales.error();
    }
    const auto config = call.service.config();
    for (const auto& [hold, decision] : *tales) {
        const auto story = tellHold(
            hold, {config.get(), decision ? &*decision : nullptr, SystemClock().nowUs()});
        json::object row{{"kind", "hold"}, {"hold", hold.hold.value},
            {"request_id", hold.requestId}, {"attempt", hold.attempt}, {"provider", hold.provider},
            {"model", hold.model}, {"state", ledger::holdStateName(hold.state)},
            {"how", holdStateWords(hold)}, {"overrun", hold.isOverrun()},
            {"amount_usd", hold.amount.toDecimal()},
            {"decision", decision ? activity::decisionIdText(decision->id) : std::string()}};
        row["charged_usd"] = hold.isOpen() ? json::value() : json::value(hold.charged.toDecimal());
        putTime(row, "at", hold.atUs);
        putTime(row, "ended_at", hold.endedUs);
        json::array accounts;
        for (const auto& account : hold.accounts) {
            json::object one{{"pool", account.pool}, {"value", account.key.value},
                {"window", account.window.text()}};
            putTime(one, "window_start", account.key.windowStartUs);
            accounts.push_back(std::move(one));
        }
        row["accounts"] = std::move(accounts);
        row["lines"] = linesJson(hold.lines, story);
        putStory(row, story);
        if (auto sent = send(call, row); !sent) {
            return sent;
        }
    }
    return {};
}

json::array sumsJson(const ledger::AccountStory& account)
{
    json::array sums;
    for (const auto& sum : account.sums) {
        sums.push_back(json::object{{"kind", ledger::entryKindName(sum.kind)}, {"carry", sum.carry},
            {"count", sum.count}, {"held_usd", sum.held.toDecimal()},
            {"settled_usd", sum.settled.toDecimal()}, {"topped_up_usd", sum.toppedUp.toDecimal()}});
    }
    return sums;
}

Result<void> explainAccount(
    const VerbCall& call, const ledger::Pool& pool, const std::string& value)
{
    const auto account = answerOf<ledger::AccountStory>(
        [&](auto done) { call.service.explainAccount(pool.id, value, std::move(done)); });
    if (!account) {
        return account.error();
    }
    const auto config = call.service.config();
    const auto story = tellAccount(*account,
        {config.get(), nullptr, SystemClock().nowUs(),
            call.service.liveBalance(pool.id, account->key)});
    json::object row{{"kind", "account"}, {"pool", pool.name}, {"value", value},
        {"scope", pool.scope.text()}, {"window", pool.window.text()},
        {"cap_usd", pool.cap.toDecimal()}, {"hard", pool.hard},
        {"reserve_percent", pool.reservePercent},
        {"settled_usd", account->stored.settled.toDecimal()},
        {"held_usd", account->stored.held.toDecimal()},
        {"topped_up_usd", account->stored.toppedUp.toDecimal()},
        {"journal_settled_usd", account->journal.settled.toDecimal()},
        {"journal_held_usd", account->journal.held.toDecimal()},
        {"journal_topped_up_usd", account->journal.toppedUp.toDecimal()},
        {"frozen", pool.frozen || account->stored.frozen}, {"windows", account->windows},
        {"ok", account->agrees()}};
    putTime(row, "window_start", account->key.windowStartUs);
    json::array holds;
    for (const auto& hold : account->holds) {
        json::object one{{"hold", hold.hold.value}, {"request_id", hold.requestId},
            {"state", ledger::holdStateName(hold.state)}, {"amount_usd", hold.amount.toDecimal()},
            {"model", hold.model}};
        putTime(one, "at", hold.atUs);
        holds.push_back(std::move(one));
    }
    row["sums"] = sumsJson(*account);
    row["holds"] = std::move(holds);
    row["lines"] = linesJson(account->last, story);
    putStory(row, story);
    return send(call, row);
}

Error whichAccount(const Service& service, const ledger::Pool& pool)
{
    std::string some;
    for (const auto& state : service.poolStates()) {
        for (const auto& account : state.accounts) {
            if (state.pool.id == pool.id && some.size() < 100) {
                some += (some.empty() ? "" : ", ") + pool.name + "/" + account.key.value;
            }
        }
    }
    return Error(ErrorCode::InvalidArgument,
        "The pool \"" + pool.name + "\" has one account for each value.",
        some.empty() ? "No request has touched it yet." : "Say which, for instance: " + some + ".");
}

/// "NAME" or "NAME/VALUE" of a pool, else a hold's number or a request id.
Result<void> explain(const VerbCall& call)
{
    const auto text = neededArg(call.args, "what");
    if (!text) {
        return text.error();
    }
    const auto config = call.service.config();
    const ledger::Pool* found = nullptr;
    std::string value;
    for (const auto& pool : config->pools) {
        const bool whole = pool.name == *text;
        const bool part = pool.scope.each && text->starts_with(pool.name + "/");
        if ((whole || part) && (found == nullptr || !pool.archived)) {
            found = &pool;
            value = whole ? pool.scope.value : text->substr(pool.name.size() + 1);
        }
    }
    if (found == nullptr) {
        return explainHold(call, *text);
    }
    if (found->scope.each && *text == found->name) {
        return whichAccount(call.service, *found);
    }
    return explainAccount(call, *found, value);
}

} // namespace

void addLedgerVerbs(VerbTable& table)
{
    table["ledger.verify"] = verifyLedger;
    table["ledger.explain"] = explain;
}

} // namespace headgate::service
