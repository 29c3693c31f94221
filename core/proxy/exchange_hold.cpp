// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/exchange_impl.h"

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/proxy/identity.h"
#include "core/proxy/ledger_calls.h"
#include "core/proxy/prompt_tokens.h"

#include <fmt/format.h>

#include <algorithm>

namespace headgate::proxy {

namespace {

/// Lost races for the same money before the request queues up like the others.
constexpr int racesMax = 3;
/// A waiting request looks again this often even if no money returns: a hold that is settled in
/// full returns nothing, and then there is nothing left to wait for.
constexpr std::int64_t lookAgainMs = 1'000;

} // namespace

const tokens::Count& Exchange::countedInput(const std::string& family)
{
    const auto [it, fresh] = m_counted.try_emplace(family);
    if (fresh) {
        // Images are added by the plan, which knows what each model counts them as.
        it->second = promptTokens(m_view, family, 0);
    }
    return it->second;
}

/// Exact counts do not ask: their bound never falls below the count.
tokens::ScriptGroup Exchange::scriptOf(const tokens::Count& count)
{
    if (!count.exact && !m_script) {
        m_script = promptScript(m_view);
    }
    return count.exact ? tokens::ScriptGroup::Plain : *m_script;
}

routing::InputTokens Exchange::inputTokens(const catalog::Model& model)
{
    const tokens::Count& count = countedInput(model.tokenizer);
    if (!m_margins) {
        return {count.tokens, count.atMost};
    }
    return {count.tokens, m_margins->inputAtMost(model.id(), count, scriptOf(count))};
}

void Exchange::makePlan()
{
    routing::PlanInput input;
    input.facts = &m_facts;
    input.catalog = &m_config.catalog;
    input.policy = &m_config.policy;
    input.identity = m_identity;
    input.askedModel = m_askedModel;
    input.clientMaxTokens = m_view.maxTokens;
    input.choices = m_view.n;
    input.serviceTier = m_view.serviceTier;
    m_margins = m_env.margins != nullptr ? m_env.margins->table() : nullptr;
    input.inputTokens = [this](const catalog::Model& model) { return inputTokens(model); };
    input.budget
        = [this](const ledger::Target& target) { return m_env.ledger.view(m_identity, target); };
    input.excludedModels = m_excluded;
    input.nowUs = m_env.clock.nowUs();
    input.logprobs = m_view.logprobs;
    input.embedding = m_kind == CallKind::Embeddings;
    input.unfit = [this](const catalog::Model& model) { return whyUnfit(model); };
    input.leavesOutHosted = [this](const catalog::Model& model) { return leavesOutHosted(model); };
    // As many uses of the provider's tools as the tightest pool can pay for.
    m_uses = m_hosted.unlimited > 0 ? limits::hostedUsesDefault : 0;
    for (;; --m_uses) {
        input.unseen = unseenInput();
        planAround(input);
        if (m_uses <= 1 || m_plan.outcome != routing::Outcome::RefuseBudget) {
            break;
        }
    }
    m_provider = m_config.catalog.provider(m_plan.provider);
    m_model = m_plan.model.empty() ? nullptr : m_config.catalog.model(m_plan.model);
    m_sheet = m_model != nullptr ? m_model->priceAt(input.nowUs) : nullptr;
}

Refusal Exchange::refusalForPlan() const
{
    if (auto unwell = refusalForUnwell()) {
        return *unwell;
    }
    Refusal refusal;
    refusal.message = m_plan.reason;
    refusal.param = "model";
    switch (m_plan.outcome) {
    case routing::Outcome::RefuseBudget:
        if (m_plan.denial) {
            return wire::refusalFor(*m_plan.denial, m_plan.cheaperModel);
        }
        refusal.kind = RefusalKind::BudgetExceeded;
        break;
    case routing::Outcome::RefuseUnpriced:
        refusal.kind = RefusalKind::Unpriced;
        break;
    case routing::Outcome::RefuseUnknownModel:
        refusal.kind = RefusalKind::NotFound;
        break;
    case routing::Outcome::RefuseNoCapable:
    case routing::Outcome::Route:
    case routing::Outcome::Downgrade:
        refusal.kind = RefusalKind::NoCapableModel;
        break;
    }
    return refusal;
}

asio::awaitable<void> Exchange::waitForMoney()
{
    // Registered before the next look at the balances: money that returns in between rings.
    if (!m_bell->armed) {
        MoneyBell::arm(m_bell, m_env.ledger);
        co_return;
    }
    co_await m_bell->event.wait();
}

asio::awaitable<Exchange::Held> Exchange::holdMoney()
{
    const auto giveUpMs = m_env.sweeper.nowMs() + m_env.inFlightWaitMs;
    int races = 0;
    for (;;) {
        if (m_left || m_client.gone() || m_shutdown) {
            co_return Held::ClientLeft;
        }
        makePlan();
        std::optional<ledger::Denial> denial = m_plan.denial;
        const bool planned = m_plan.outcome == routing::Outcome::Route
            || m_plan.outcome == routing::Outcome::Downgrade;
        if (planned && (m_provider == nullptr || m_model == nullptr)) {
            m_refusal = refusalForPlan();
            co_return Held::Refused;
        }
        if (planned) {
            if (auto ready = prepare(); !ready) {
                if (leaveOut(ready.error())) {
                    continue;
                }
                co_return Held::Refused;
            }
            denial.reset();
            const auto held = co_await tryToHold(denial);
            if (held != Held::Refused || !denial) {
                co_return held;
            }
            const bool final = denial->reason == ledger::DenialReason::LedgerUnavailable
                || denial->reason == ledger::DenialReason::Duplicate;
            if (final) {
                m_refusal = wire::refusalFor(*denial, m_plan.cheaperModel);
                co_return Held::Refused;
            }
            if (++races <= racesMax) {
                continue; // others were faster; the plan sees what they left
            }
            races = 0;
        } else if (m_plan.outcome != routing::Outcome::RefuseBudget || !denial
            || denial->reason != ledger::DenialReason::InFlight) {
            m_refusal = refusalForPlan();
            co_return Held::Refused;
        }
        if (m_env.sweeper.nowMs() >= giveUpMs) {
            denial->reason = ledger::DenialReason::InFlight;
            m_refusal = wire::refusalFor(*denial, m_plan.cheaperModel);
            co_return Held::Refused;
        }
        m_phaseDeadlineMs
            = m_env.sweeper.at(std::min(giveUpMs, m_env.sweeper.nowMs() + lookAgainMs));
        updateDeadline();
        co_await waitForMoney();
        m_phaseDeadlineMs = 0;
        m_timedOut = false;
        updateDeadline();
    }
}

asio::awaitable<bool> Exchange::connect(const catalog::Provider& provider)
{
    auto keys = takeKeys(provider);
    if (!keys) {
        Refusal refusal;
        refusal.kind = RefusalKind::UpstreamFailed;
        refusal.message = keys.error().message;
        m_refusal = std::move(refusal);
        co_return false;
    }
    auto call = co_await m_env.upstream.connect(provider, std::move(*keys));
    if (call) {
        m_call = std::move(*call);
        co_return true;
    }
    const auto error = call.error();
    noteConnectFailed(error);
    Refusal refusal;
    refusal.kind = error.timeout ? RefusalKind::UpstreamTimeout : RefusalKind::UpstreamFailed;
    refusal.message
        = fmt::format("The provider \"{}\" cannot be reached: {}", provider.name, error.message);
    m_refusal = std::move(refusal);
    co_return false;
}

asio::awaitable<Exchange::Held> Exchange::tryToHold(std::optional<ledger::Denial>& denial)
{
    m_call.reset();
    m_healthCall = {};
    if (m_env.upstream.readyNow(*m_provider)) {
        co_await connect(*m_provider); // failing that, the slow way below says why
        m_refusal.reset();
    }
    ledger::Ask ask;
    ask.requestId = m_ledgerId;
    ask.attempt = m_attempt + 1; // refusals do not count: after a restart the name must be known
    ask.identity = m_identity;
    ask.target.provider = m_plan.provider;
    ask.target.model = m_plan.modelName;
    ask.target.tier = m_plan.tier;
    ask.amount = m_plan.bound;
    ask.dispatch = m_call != nullptr;
    const bool dispatched = ask.dispatch;
    auto decision = co_await reserveHold(m_env.ledger, std::move(ask));
    if (auto* denied = std::get_if<ledger::Denial>(&decision)) {
        denial = std::move(*denied);
        m_healthCall = {};
        m_call.reset(); // its place at the provider is for those who have money
        co_return Held::Refused;
    }
    auto& grant = std::get<ledger::Grant>(decision);
    if (grant.repeated) { // the ledger knows this name from before a restart: not our hold
        m_refusal = nameUsedRefusal();
        co_return Held::Refused;
    }
    ++m_attempt;
    m_hold = grant.hold;
    m_lines = std::move(grant.lines);
    m_decision.bound = grant.amount;
    activity::Attempt attempt;
    attempt.hold = m_hold;
    attempt.model = m_plan.model;
    attempt.bound = grant.amount;
    attempt.outcome = "held";
    attempt.key = m_healthCall.key().label;
    m_decision.attempts.push_back(std::move(attempt));
    if (dispatched) {
        co_return Held::Granted;
    }
    co_return co_await connectAndDispatch(*m_provider);
}

asio::awaitable<Exchange::Held> Exchange::connectAndDispatch(const catalog::Provider& provider)
{
    if (!m_call) {
        const bool connected = co_await connect(provider);
        if (!connected) {
            co_await release("connect failed");
            co_return Held::ConnectFailed;
        }
    }
    if (m_left || m_client.gone() || m_shutdown) {
        co_await release("client left");
        co_return Held::ClientLeft;
    }
    const auto dispatched = co_await dispatchHold(m_env.ledger, m_hold);
    if (dispatched) {
        co_return Held::Granted;
    }
    Refusal refusal;
    refusal.kind = RefusalKind::LedgerUnavailable;
    refusal.message = dispatched.error().text();
    co_await release("dispatch failed");
    m_refusal = std::move(refusal);
    co_return Held::Refused;
}

asio::awaitable<void> Exchange::release(std::string reason)
{
    const auto hold = std::exchange(m_hold, HoldId());
    const auto released = co_await releaseHold(m_env.ledger, hold, std::move(reason));
    auto& attempt = m_decision.attempts.back();
    attempt.outcome = settleOutcome(released);
    if (m_refusal) {
        attempt.error = log::redacted(m_refusal->message);
    }
    if (released) {
        m_lines = released->lines;
    } else {
        log::error("hold {} could not be released: {}", hold.value, released.error().text());
    }
}

bool Exchange::leaveOut(const Error& error)
{
    if (!isAuto() && m_plan.outcome != routing::Outcome::Downgrade && m_askInstead.empty()) {
        return rejectRequest(error);
    }
    m_unfit.emplace(m_plan.model, error.text());
    return true;
}

} // namespace headgate::proxy
