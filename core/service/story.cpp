// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/story.h"

#include "core/routing/plan.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>

namespace headgate::service {

namespace json = boost::json;

namespace {

std::string exact(Money money)
{
    return money.isNegative() ? "-$" + Money().minusSaturated(money).toDecimal()
                              : "$" + money.toDecimal();
}

std::string spanWords(std::int64_t us)
{
    if (us < usPerSecond) {
        return fmt::format("{} ms", us / usPerMs);
    }
    if (us < usPerMinute) {
        return fmt::format("{}.{} s", us / usPerSecond, us % usPerSecond / (100 * usPerMs));
    }
    if (us < usPerHour) {
        return fmt::format("{} min {} s", us / usPerMinute, us % usPerMinute / usPerSecond);
    }
    return fmt::format("{} h {} min", us / usPerHour, us % usPerHour / usPerMinute);
}

const ledger::Pool* poolOf(PoolId id, const StoryContext& context)
{
    if (context.config != nullptr) {
        for (const auto& pool : context.config->pools) {
            if (pool.id == id) {
                return &pool;
            }
        }
    }
    return nullptr;
}

std::string accountWords(const ledger::AccountKey& key, const StoryContext& context)
{
    const auto* pool = poolOf(key.pool, context);
    if (pool == nullptr) {
        return fmt::format("pool {} {}", key.pool.value, key.value);
    }
    if (!pool->scope.each) {
        return pool->name;
    }
    return pool->name + "/" + (key.value.empty() ? "(none)" : key.value);
}

StoryLine lineOf(const ledger::StoryLine& from, const StoryContext& context)
{
    const auto& entry = from.entry;
    StoryLine line;
    line.atUs = entry.atUs;
    line.sequence = entry.sequence;
    line.what = entryKindWords(entry.kind);
    const bool isByTime
        = entry.kind == ledger::EntryKind::Expire || entry.kind == ledger::EntryKind::Refill;
    if (from.carry && !isByTime) {
        line.what = "Carried over";
    } else if (entry.hold && entry.kind == ledger::EntryKind::Adjust) {
        line.what = "Moved";
    }
    line.held = entry.heldDelta;
    line.settled = entry.settledDelta;
    line.toppedUp = entry.toppedUpDelta;
    for (const auto& account : entry.accounts) {
        line.accounts += (line.accounts.empty() ? "" : ", ") + accountWords(account, context);
    }
    line.who = entry.actor == "ledger" ? std::string() : entry.actor;
    line.note = entry.reason;
    return line;
}

// --- holds

const catalog::Model* modelOf(const std::string& id, const StoryContext& context)
{
    if (context.config == nullptr) {
        return nullptr;
    }
    for (const auto& model : context.config->models) {
        if (model.id() == id || model.name == id) {
            return &model;
        }
    }
    return nullptr;
}

/// The bound as the plan worked it out: tokens at most, at the prices of that time.
std::string boundWords(const ledger::HoldStory& hold, const StoryContext& context)
{
    std::string text = fmt::format("It could cost at most {}", exact(hold.amount));
    if (context.decision == nullptr) {
        return text + "; the activity log no longer says how that bound came about.";
    }
    const auto candidates = routing::candidatesFromJson(context.decision->candidatesJson);
    if (!candidates) {
        return text + ".";
    }
    const routing::Candidate* chosen = nullptr;
    for (const auto& candidate : *candidates) {
        const bool same
            = candidate.model == hold.model || candidate.model == hold.provider + "/" + hold.model;
        if (same && (chosen == nullptr || candidate.bound == hold.amount)) {
            chosen = &candidate;
        }
    }
    if (chosen == nullptr) {
        return text + ".";
    }
    text += fmt::format(": at most {} tokens in", chosen->inputTokens);
    const auto* model = modelOf(chosen->model, context);
    const auto* sheet = model == nullptr ? nullptr : model->priceAt(hold.atUs);
    if (sheet != nullptr && sheet->input) {
        text += fmt::format(" at ${} a million", sheet->input->toPerMillion());
    }
    text += fmt::format(" and at most {} out", chosen->outputCeiling);
    if (sheet != nullptr && sheet->output) {
        text += fmt::format(" at ${} a million", sheet->output->toPerMillion());
    }
    text += ", the dearest class of each that could apply";
    if (chosen->bound != hold.amount) {
        text += fmt::format(
            " (first planned with {}; this hold was fitted or repeated)", exact(chosen->bound));
    }
    return text + ".";
}

/// "612 input at $0.15 a million = $0.0000918": the cost as it was itemised.
std::string costWords(const StoryContext& context)
{
    if (context.decision == nullptr || context.decision->costLinesJson.empty()) {
        return {};
    }
    boost::system::error_code error;
    const auto value = json::parse(context.decision->costLinesJson, error);
    if (error || !value.is_array()) {
        return {};
    }
    std::string text;
    for (const auto& item : value.as_array()) {
        const auto* line = item.if_object();
        if (line == nullptr || !line->contains("what") || !line->contains("quantity")
            || !line->contains("price_pico") || !line->contains("amount_nano")) {
            continue;
        }
        const auto quantity = line->at("quantity").to_number<std::int64_t>(error);
        const auto pico = line->at("price_pico").to_number<std::int64_t>(error);
        const auto nano = line->at("amount_nano").to_number<std::int64_t>(error);
        if (!line->at("what").is_string() || quantity == 0) {
            continue;
        }
        std::string what(line->at("what").as_string());
        std::replace(what.begin(), what.end(), '_', ' ');
        text += fmt::format("{}{} {} at ${} a million = {}", text.empty() ? "" : ", ", quantity,
            what, Price::fromPico(pico).toPerMillion(), exact(Money::fromNano(nano)));
    }
    return text.empty() ? text : "The bill: " + text + ".";
}

std::string endWords(const ledger::HoldStory& hold, const StoryContext& context)
{
    using State = ledger::HoldState;
    const auto returned = exact(hold.amount.minusSaturated(hold.charged));
    const auto after = spanWords(hold.endedUs - hold.atUs);
    std::string reason;
    if (!hold.lines.empty()) {
        reason = hold.lines.back().entry.reason;
    }
    switch (hold.state) {
    case State::Held:
        return fmt::format("It is held now, for {}: nothing has been sent yet.",
            spanWords(std::max<std::int64_t>(context.nowUs - hold.atUs, 0)));
    case State::Dispatched:
        return fmt::format("It is under way now, for {}: the provider may be working, so the money "
                           "stays set aside until the outcome is known.",
            spanWords(std::max<std::int64_t>(context.nowUs - hold.atUs, 0)));
    case State::Released:
        return fmt::format("Nothing was sent; after {} the whole {} returned{}.", after,
            exact(hold.amount), reason.empty() ? "" : " (" + reason + ")");
    case State::Settled:
        if (hold.isOverrun()) {
            return fmt::format("After {} the provider charged {}, which is {} more than was held. "
                               "It is booked in full; an account that this pushed above its cap "
                               "was frozen.",
                after, exact(hold.charged), exact(hold.charged.minusSaturated(hold.amount)));
        }
        return fmt::format("After {} the exact usage was known: {} was charged and {} returned at "
                           "once.",
            after, exact(hold.charged), returned);
    case State::Estimated:
        return fmt::format("After {} it ended without a usage figure. {} was charged as an "
                           "estimate: the whole input and the text that had been delivered, plus "
                           "some slack; {} returned.",
            after, exact(hold.charged), returned);
    case State::Unknown:
        return fmt::format("Its outcome is unknown: the call was under way when the answer was "
                           "lost or Headgate ended, so the bound of {} was charged in full after "
                           "{}. If the provider's bill says less, adjust the pool with a reason.",
            exact(hold.charged), after);
    }
    return {};
}

void addFact(Story& story, std::string label, std::string value)
{
    if (!value.empty()) {
        story.facts.push_back({std::move(label), std::move(value)});
    }
}

std::string nameOfHold(const ledger::HoldStory& hold)
{
    return fmt::format("{}/{}", hold.provider,
        hold.model.starts_with(hold.provider + "/") ? hold.model.substr(hold.provider.size() + 1)
                                                    : hold.model);
}

// --- accounts

const ledger::EntrySum* sumOf(
    const ledger::AccountStory& account, ledger::EntryKind kind, bool carry = false)
{
    for (const auto& sum : account.sums) {
        if (sum.kind == kind && sum.carry == carry) {
            return &sum;
        }
    }
    return nullptr;
}

void addSum(Story& story, const std::string& label, const ledger::EntrySum* sum, Money money)
{
    if (sum != nullptr) {
        story.facts.push_back({label,
            fmt::format(
                "{} ({} {})", exact(money), sum->count, sum->count == 1 ? "line" : "lines")});
    }
}

std::string windowWords(const ledger::AccountStory& account)
{
    const auto& pool = account.pool;
    switch (pool.window.kind) {
    case ledger::WindowKind::Fixed:
        return account.window ? fmt::format("{}: from {} to {}", pool.window.text(),
                   formatInZone(account.window->startUs, pool.zone),
                   formatInZone(account.window->endUs, pool.zone))
                              : pool.window.text();
    case ledger::WindowKind::Sliding:
        return pool.window.text() + ": every charge counts until that long has passed since it";
    case ledger::WindowKind::Bucket:
        return fmt::format("a bucket of {} that refills by {} an hour",
            exact(pool.window.bucketCapacity), exact(pool.window.bucketRefillPerHour));
    case ledger::WindowKind::Lifetime:
        return "lifetime: it never renews";
    case ledger::WindowKind::Session:
        return pool.window.text() + ": forgotten after that long without a request";
    case ledger::WindowKind::Request:
        return "request: a ceiling on each request; the account only adds up";
    }
    return pool.window.text();
}

/// How "settled" comes together, one fact a source.
void addSources(Story& story, const ledger::AccountStory& account)
{
    using Kind = ledger::EntryKind;
    const auto add = [&](const char* label, Kind kind) {
        if (const auto* sum = sumOf(account, kind)) {
            addSum(story, label, sum, sum->settled);
        }
    };
    add("  charged exactly", Kind::Settle);
    add("  charged by estimate", Kind::Estimate);
    add("  charged in full, outcome unknown", Kind::Unknown);
    const auto* adjusted = sumOf(account, Kind::Adjust);
    if (adjusted != nullptr && !adjusted->settled.isZero()) {
        addSum(story, "  adjustments", adjusted, adjusted->settled);
    }
    if (const auto* carried = sumOf(account, Kind::Adjust, true)) {
        addSum(story, "  carried over when the window was edited", carried, carried->settled);
    }
    for (const auto& sum : account.sums) {
        if (sum.kind > Kind::Unfreeze && !sum.settled.isZero()) {
            addSum(story, "  " + entryKindWords(sum.kind), &sum, sum.settled);
        }
    }
}

std::string bookWords(const ledger::AccountStory& account)
{
    if (account.agrees()) {
        return "The journal says the same: every line of this account adds up to its balance.";
    }
    return fmt::format("The journal does NOT agree: its lines add up to settled {}, held {}, "
                       "topped up {}. Run `headgate ledger verify`.",
        exact(account.journal.settled), exact(account.journal.held),
        exact(account.journal.toppedUp));
}

} // namespace

std::string entryKindWords(ledger::EntryKind kind)
{
    using Kind = ledger::EntryKind;
    switch (kind) {
    case Kind::Hold:
        return "Hold";
    case Kind::Dispatch:
        return "Sent";
    case Kind::Settle:
        return "Settled";
    case Kind::Estimate:
        return "Settled (estimate)";
    case Kind::Unknown:
        return "Charged in full (outcome unknown)";
    case Kind::Release:
        return "Released";
    case Kind::Adjust:
        return "Adjustment";
    case Kind::TopUp:
        return "Top-up";
    case Kind::Freeze:
        return "Frozen";
    case Kind::Unfreeze:
        return "Unfrozen";
    case Kind::Expire:
        return "Left the window";
    case Kind::Refill:
        return "Refilled";
    }
    return ledger::entryKindName(kind);
}

std::string holdStateWords(const ledger::HoldStory& hold)
{
    switch (hold.state) {
    case ledger::HoldState::Held:
        return "held, not sent yet";
    case ledger::HoldState::Dispatched:
        return "under way";
    case ledger::HoldState::Settled:
        return hold.isOverrun() ? "settled above its hold (overrun)" : "settled, exact usage";
    case ledger::HoldState::Released:
        return "released, nothing charged";
    case ledger::HoldState::Estimated:
        return "settled by estimate";
    case ledger::HoldState::Unknown:
        return "charged in full, outcome unknown";
    }
    return ledger::holdStateName(hold.state);
}

Story tellHold(const ledger::HoldStory& hold, const StoryContext& context)
{
    Story story;
    story.title = fmt::format("Hold {}", hold.hold.value);
    std::string who;
    if (const auto* decision = context.decision) {
        who = fmt::format(" by key \"{}\"", decision->key);
        if (!decision->team.empty()) {
            who += fmt::format(" of team \"{}\"", decision->team);
        }
    }
    story.sentences.push_back(fmt::format("Request {}{} asked {} ({} {}).", hold.requestId, who,
        nameOfHold(hold), hold.attempt == 1 ? "first call," : "call",
        hold.attempt == 1 ? std::string("one hold a call") : std::to_string(hold.attempt)));
    story.sentences.push_back(boundWords(hold, context));
    story.sentences.push_back(hold.accounts.empty()
            ? std::string("No pool covered it: nothing limited it.")
            : fmt::format("That much was set aside in {} {}, all or none.", hold.accounts.size(),
                hold.accounts.size() == 1 ? "account" : "accounts"));
    story.sentences.push_back(endWords(hold, context));
    if (hold.state == ledger::HoldState::Settled) {
        if (auto cost = costWords(context); !cost.empty()) {
            story.sentences.push_back(std::move(cost));
        }
    }
    addFact(story, "Request", hold.requestId);
    addFact(story, "Model", nameOfHold(hold));
    addFact(story, "State", holdStateWords(hold));
    addFact(story, "Held", exact(hold.amount));
    if (!hold.isOpen()) {
        addFact(story, "Charged", exact(hold.charged));
    }
    for (const auto& account : hold.accounts) {
        std::string value = accountWords(account.key, context);
        value += ", " + account.window.text();
        if (account.window.kind == ledger::WindowKind::Fixed) {
            value += " from " + formatInZone(account.key.windowStartUs, account.zone);
        }
        addFact(story, "Account", value);
    }
    if (context.decision != nullptr) {
        addFact(story, "Decision", activity::decisionIdText(context.decision->id));
        addFact(story, "Why", context.decision->reason);
    }
    for (const auto& line : hold.lines) {
        story.lines.push_back(lineOf(line, context));
    }
    return story;
}

Story tellAccount(const ledger::AccountStory& account, const StoryContext& context)
{
    const auto& pool = account.pool;
    Story story;
    story.title = "Account "
        + (pool.scope.each
                ? pool.name + "/" + (account.key.value.empty() ? "(none)" : account.key.value)
                : pool.name);
    const bool perRequest = ledger::isPerRequest(pool);
    const Money limit = pool.cap.plusSaturated(account.stored.toppedUp);
    const Money left
        = limit.minusSaturated(account.stored.settled).minusSaturated(account.stored.held);
    story.sentences.push_back(fmt::format("{} of {}{} is settled and {} held{}.",
        exact(account.stored.settled), exact(limit),
        account.stored.toppedUp.isZero() ? std::string()
                                         : fmt::format(" ({} and {} topped up)", exact(pool.cap),
                                             exact(account.stored.toppedUp)),
        exact(account.stored.held),
        perRequest ? std::string() : fmt::format("; {} is left", exact(std::max(left, Money())))));
    if (context.live && context.live->settled < account.stored.settled) {
        story.sentences.push_back(fmt::format(
            "By now {} of it counts no more, so {} is settled; the next request books that.",
            exact(account.stored.settled.minusSaturated(context.live->settled)),
            exact(context.live->settled)));
    }
    if (account.windows == 0) {
        story.sentences.emplace_back("No request has touched this account yet.");
    }
    if (account.window && context.nowUs >= account.window->endUs) {
        story.sentences.emplace_back(
            "Its window has ended; the next request opens a new one that starts at zero.");
    }
    story.sentences.push_back(bookWords(account));
    addFact(story, "Covers", pool.scope.text());
    addFact(story, "Window", windowWords(account));
    addFact(story, "Cap", exact(pool.cap) + (pool.hard ? ", hard" : ", watch only"));
    if (pool.reservePercent > 0) {
        addFact(story, "Reserve",
            fmt::format("the last {} % are for priority high", pool.reservePercent));
    }
    if (const auto* topUps = sumOf(account, ledger::EntryKind::TopUp)) {
        addSum(story, "Top-ups", topUps, topUps->toppedUp);
    }
    addFact(story, "Settled", exact(account.stored.settled));
    addSources(story, account);
    addFact(story, "Held",
        fmt::format("{} by {} open {}", exact(account.stored.held), account.holds.size(),
            account.holds.size() == 1 ? "call" : "calls"));
    if (const auto* released = sumOf(account, ledger::EntryKind::Release)) {
        addFact(story, "Released unused", fmt::format("{} holds", released->count));
    }
    if (pool.frozen || account.stored.frozen) {
        addFact(story, "Frozen", pool.frozen ? "by an operator" : "by an overrun");
    }
    addFact(story, "Windows so far", std::to_string(account.windows));
    for (const auto& line : account.last) {
        story.lines.push_back(lineOf(line, context));
    }
    return story;
}

std::vector<PoolChange::Field> poolDifference(const ledger::Pool* before, const ledger::Pool& after)
{
    std::vector<PoolChange::Field> fields;
    const auto yesNo = [](bool value) { return std::string(value ? "yes" : "no"); };
    const auto add = [&](const char* name, const auto& textOf) {
        std::string now = textOf(after);
        std::string was = before == nullptr ? std::string() : textOf(*before);
        if (now != was) {
            fields.push_back({name, std::move(was), std::move(now)});
        }
    };
    add("name", [](const ledger::Pool& pool) { return pool.name; });
    add("scope", [](const ledger::Pool& pool) { return pool.scope.text(); });
    add("window", [](const ledger::Pool& pool) { return pool.window.text(); });
    add("cap_usd", [](const ledger::Pool& pool) { return pool.cap.toDecimal(); });
    add("hard", [&](const ledger::Pool& pool) { return yesNo(pool.hard); });
    add("reserve_percent",
        [](const ledger::Pool& pool) { return std::to_string(pool.reservePercent); });
    add("zone", [](const ledger::Pool& pool) { return pool.zone; });
    add("fiscal_day", [](const ledger::Pool& pool) { return std::to_string(pool.fiscalStartDay); });
    if (before != nullptr) {
        add("frozen", [&](const ledger::Pool& pool) { return yesNo(pool.frozen); });
        add("archived", [&](const ledger::Pool& pool) { return yesNo(pool.archived); });
    }
    return fields;
}

} // namespace headgate::service
