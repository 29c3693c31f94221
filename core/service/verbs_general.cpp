// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/verbs.h"

#include "core/base/limits.h"

#include <boost/json.hpp>

#include <unistd.h>

#include <algorithm>

namespace headgate::service {

namespace json = boost::json;

namespace {

/// One line for each provider of which something is not used now.
json::array unwellProviders(const VerbCall& call)
{
    json::array out;
    for (const auto& one : call.service.providerStatuses()) {
        if (one.enabled && one.isUnwell()) {
            json::object row{{"name", one.provider}, {"state", proxy::healthStateName(one.state)}};
            putTime(row, "until", one.untilUs);
            row["text"] = one.provider + ": " + one.words;
            out.push_back(std::move(row));
        }
    }
    return out;
}

Result<void> showStatus(const VerbCall& call)
{
    const Status status = call.service.status();
    json::object row{{"serving", status.serving}, {"url", status.url}, {"paused", status.paused},
        {"in_flight", status.inFlight}, {"held_usd", status.held.toDecimal()},
        {"spent_today_usd", status.spentToday.toDecimal()}, {"revision", status.revision},
        {"requests", status.requests}, {"refused", status.refused},
        {"token_counts", status.tokenCounts}, {"token_counts_by_provider", status.tokenCountsAsked},
        {"home", status.home}, {"keys_kept", status.keys}, {"warning", status.warning},
        {"version", status.version}, {"demo", call.service.demoRunning()},
        {"pid", static_cast<std::int64_t>(::getpid())}};
    if (status.capToday) {
        row["cap_today_usd"] = status.capToday->toDecimal();
    } else {
        row["cap_today_usd"] = nullptr;
    }
    putTime(row, "started_at", status.startedAtUs);
    row["unwell_providers"] = unwellProviders(call);
    return send(call, row);
}

Result<void> setPaused(const VerbCall& call, bool paused)
{
    if (auto done = call.service.setPaused(paused, actorArg(call.args)); !done) {
        return done;
    }
    return showStatus(call);
}

// --- policy

Result<void> showPolicy(const VerbCall& call)
{
    const auto config = call.service.config();
    return send(call,
        {{"revision", config->revision},
            {"policy", json::parse(routing::policyToJson(config->policy))}});
}

/// What `policy show` printed can be given back as it is: the policy inside its row.
std::string policyText(const json::value& given)
{
    const std::string text
        = given.is_string() ? std::string(given.as_string()) : json::serialize(given);
    boost::system::error_code error;
    const auto value = json::parse(text, error);
    if (!error && value.is_object() && value.as_object().contains("policy")
        && value.as_object().contains("revision")) {
        return json::serialize(value.as_object().at("policy"));
    }
    return text;
}

Result<void> setPolicy(const VerbCall& call)
{
    const auto* given = call.args.if_contains("policy");
    if (given == nullptr) {
        return Error(ErrorCode::InvalidArgument, "\"policy\" is missing.");
    }
    const auto policy = routing::policyFromJson(policyText(*given));
    if (!policy) {
        return policy.error();
    }
    if (auto done = call.service.setPolicy(*policy, actorArg(call.args)); !done) {
        return done;
    }
    return showPolicy(call);
}

Result<void> rollBackPolicy(const VerbCall& call)
{
    const auto revision = intArg(call.args, "revision", 0);
    if (!revision) {
        return revision.error();
    }
    const auto earlier = call.service.configAt(*revision);
    if (!earlier) {
        return earlier.error();
    }
    if (auto done = call.service.setPolicy(earlier->policy, actorArg(call.args)); !done) {
        return done;
    }
    return showPolicy(call);
}

json::value parsedOr(const std::string& text)
{
    boost::system::error_code error;
    auto value = json::parse(text, error);
    return error ? json::value(text) : value;
}

Result<void> dryRun(const VerbCall& call)
{
    const auto* given = call.args.if_contains("body");
    if (given == nullptr) {
        return Error(ErrorCode::InvalidArgument, "\"body\" is missing.",
            "Give a chat request as JSON, with model and messages.");
    }
    const std::string body
        = given->is_string() ? std::string(given->as_string()) : json::serialize(*given);
    ledger::Identity identity;
    identity.team = textArg(call.args, "team");
    identity.user = textArg(call.args, "user");
    identity.key = textArg(call.args, "key");
    identity.session = textArg(call.args, "session");
    identity.tags = listArg(call.args, "tags");
    const auto run = call.service.dryRun(body, identity);
    if (!run) {
        return run.error();
    }
    const auto& plan = run->plan;
    json::object row{{"outcome", routing::outcomeName(plan.outcome)}, {"model", plan.model},
        {"provider", plan.provider}, {"tier", plan.tier}, {"wanted_tier", plan.wantedTier},
        {"rule", plan.rule}, {"reason", plan.reason}, {"input_tokens_at_most", plan.inputTokens},
        {"output_ceiling", plan.outputCeiling}, {"bound_usd", plan.bound.toDecimal()},
        {"baseline_usd", plan.baseline.toDecimal()}, {"cheaper_model", plan.cheaperModel},
        {"task", routing::taskTypeName(run->facts.task)}, {"difficulty", run->facts.difficulty}};
    row["facts"] = parsedOr(routing::factsToJson(run->facts));
    row["candidates"] = parsedOr(routing::candidatesToJson(plan.candidates));
    return send(call, row);
}

// --- simulated provider, demo, revisions

Result<void> acceptLedger(const VerbCall& call)
{
    if (auto done = call.service.acceptOldLedger(actorArg(call.args)); !done) {
        return done;
    }
    return showStatus(call);
}

Result<void> showBill(const VerbCall& call)
{
    const auto bill = call.service.simBill();
    if (!bill) {
        return bill.error();
    }
    json::object byModel;
    for (const auto& [model, amount] : bill->byModel) {
        byModel[model] = amount.toDecimal();
    }
    return send(call,
        {{"total_usd", bill->total.toDecimal()}, {"requests", bill->requests},
            {"input_tokens", bill->inputTokens}, {"output_tokens", bill->outputTokens},
            {"by_model", std::move(byModel)}});
}

Result<void> resetBill(const VerbCall& call)
{
    if (auto done = call.service.resetSimBill(); !done) {
        return done;
    }
    return showBill(call);
}

Result<void> showDemo(const VerbCall& call)
{
    const auto counts = call.service.demoCounts();
    return send(call,
        {{"running", call.service.demoRunning()}, {"sent", counts.sent},
            {"answered", counts.answered}, {"refused", counts.refused}, {"failed", counts.failed}});
}

Result<void> startDemo(const VerbCall& call)
{
    const auto rate = intArg(call.args, "rate", 120);
    const auto seconds = intArg(call.args, "seconds", 0);
    if (!rate || !seconds) {
        return !rate ? rate.error() : seconds.error();
    }
    if (*rate < 1 || *rate > 60'000 || *seconds < 0 || *seconds > 1'000'000) {
        return Error(ErrorCode::InvalidArgument,
            "The rate must be 1 to 60,000 requests a minute, the seconds 0 or more.");
    }
    auto done = call.service.startDemo(static_cast<int>(*rate), static_cast<int>(*seconds));
    return done ? showDemo(call) : done;
}

Result<void> stopDemo(const VerbCall& call)
{
    call.service.stopDemo();
    return showDemo(call);
}

Result<void> listRevisions(const VerbCall& call)
{
    const auto limit = intArg(call.args, "limit", 100);
    if (!limit) {
        return limit.error();
    }
    const auto most = static_cast<int>(std::clamp<std::int64_t>(*limit, 1, 10'000));
    for (const auto& revision : call.service.revisions(most)) {
        json::object row{{"revision", revision.revision}, {"actor", revision.actor},
            {"summary", revision.summary}};
        putTime(row, "at", revision.atUs);
        if (auto done = send(call, row); !done) {
            return done;
        }
    }
    return {};
}

Result<void> restoreRevision(const VerbCall& call)
{
    const auto revision = intArg(call.args, "revision", 0);
    if (!revision) {
        return revision.error();
    }
    if (auto done = call.service.restoreRevision(*revision, actorArg(call.args)); !done) {
        return done;
    }
    return showStatus(call);
}

// --- settings

Result<void> showSettings(const VerbCall& call)
{
    const auto config = call.service.config();
    const proxy::LoopRules& loops = config->settings.loops;
    return send(call,
        {{"revision", config->revision}, {"org", config->settings.org},
            {"zone", config->settings.zone}, {"power_safe", config->settings.powerSafe},
            {"loops", loops.on}, {"loop_repeats", loops.repeats},
            {"loop_within", loops.withinSeconds}, {"loop_tool_calls", loops.toolRepeats},
            {"loop_without_session", loops.withoutSession}});
}

Result<void> readSwitch(const json::object& args, const char* name, bool& out)
{
    const std::string word = textArg(args, name);
    if (!hasArg(args, name)) {
        return {};
    }
    if (word != "on" && word != "off") {
        return Error(ErrorCode::InvalidArgument,
            std::string("\"") + name + "\" is neither on nor off.", "Use on or off.");
    }
    out = word == "on";
    return {};
}

Result<void> readNumber(const json::object& args, const char* name, int& out)
{
    const auto number = intArg(args, name, out);
    if (!number) {
        return number.error();
    }
    out = static_cast<int>(std::clamp<std::int64_t>(*number, -1, limits::loopRepeatsMax * 1'000));
    return {};
}

Result<void> setSettings(const VerbCall& call)
{
    Settings settings = call.service.config()->settings;
    proxy::LoopRules& loops = settings.loops;
    for (auto&& done : {readSwitch(call.args, "loops", loops.on),
             readSwitch(call.args, "loop_without_session", loops.withoutSession),
             readNumber(call.args, "loop_repeats", loops.repeats),
             readNumber(call.args, "loop_within", loops.withinSeconds),
             readNumber(call.args, "loop_tool_calls", loops.toolRepeats)}) {
        if (!done) {
            return done;
        }
    }
    if (auto done = call.service.setSettings(settings, actorArg(call.args)); !done) {
        return done;
    }
    return showSettings(call);
}

} // namespace

void addGeneralVerbs(VerbTable& table)
{
    table["status"] = showStatus;
    table["pause"] = [](const VerbCall& call) { return setPaused(call, true); };
    table["resume"] = [](const VerbCall& call) { return setPaused(call, false); };
    table["policy.show"] = showPolicy;
    table["policy.set"] = setPolicy;
    table["policy.rollback"] = rollBackPolicy;
    table["policy.dry-run"] = dryRun;
    table["ledger.accept"] = acceptLedger;
    table["sim.bill"] = showBill;
    table["sim.reset"] = resetBill;
    table["demo.start"] = startDemo;
    table["demo.stop"] = stopDemo;
    table["demo.status"] = showDemo;
    table["settings.show"] = showSettings;
    table["settings.set"] = setSettings;
    table["config.revisions"] = listRevisions;
    table["config.restore"] = restoreRevision;
}

} // namespace headgate::service
