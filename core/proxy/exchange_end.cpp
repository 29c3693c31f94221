// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/exchange_impl.h"

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/proxy/identity.h"
#include "core/proxy/ledger_calls.h"

#include <fmt/format.h>

#include <algorithm>

namespace headgate::proxy {

namespace {

std::string headerText(std::string_view text)
{
    return printable(text, 300);
}

/// Null when every candidate lost.
const routing::Candidate* chosenOf(const routing::Plan& plan)
{
    const auto chosen = std::find_if(plan.candidates.begin(), plan.candidates.end(),
        [](const routing::Candidate& candidate) { return candidate.lost == routing::Lost::None; });
    return chosen == plan.candidates.end() ? nullptr : &*chosen;
}

bool isBudget(RefusalKind kind)
{
    return kind == RefusalKind::BudgetExceeded || kind == RefusalKind::BudgetInFlight;
}

} // namespace

const char* settleOutcome(const Result<ledger::Settled>& settled)
{
    return settled ? ledger::holdStateName(settled->state) : "settle failed";
}

CallTerms Exchange::terms() const
{
    CallTerms out;
    if (m_sheet != nullptr) {
        out.sheet = *m_sheet;
    }
    out.tokenizer = m_model->tokenizer;
    out.inputTokens = m_plan.inputTokens;
    out.inputCounted = chosenInput();
    out.outputCeiling = m_plan.outputCeiling;
    out.choices = m_view.n;
    const bool runsTools = m_view.hostedTools > 0 && !leavesOutHosted(*m_model);
    out.billsUnseen = m_model->can.reasoning || runsTools || m_view.audioOut;
    out.endedAtUs = m_env.clock.nowUs();
    return out;
}

/// The input of the chosen model as it was counted, without any margin.
std::int64_t Exchange::chosenInput() const
{
    const auto* chosen = chosenOf(m_plan);
    return chosen == nullptr ? 0 : chosen->inputEstimate;
}

Charge Exchange::chargeForWhole(const wire::AnswerFacts& facts) const
{
    auto charge = chargeForUsage(terms(), facts);
    if (!charge && m_kind == CallKind::Embeddings) {
        charge = chargeForInput(terms()); // vectors are no output that is billed
    }
    if (!charge) {
        charge = chargeForDelivered(terms(), facts);
    }
    return charge ? std::move(*charge) : chargeInFull(terms(), facts);
}

/// A later request may go on from this response by its id alone. Told before the client reads the
/// id (it may be quick), and again when the size is known.
void Exchange::rememberResponse(const wire::AnswerFacts& facts)
{
    const int known = facts.providerRequestId.empty() ? 0 : facts.usage ? 2 : 1;
    if (m_env.responses == nullptr || m_upstream != wire::Dialect::Responses || known <= m_pinned
        || facts.providerRequestId.size() > limits::requestIdBytesMax) {
        return;
    }
    m_pinned = known;
    ResponsePin pin;
    pin.owner = m_request.key.id.value;
    pin.provider = m_plan.provider;
    pin.model = m_plan.model;
    pin.tokens = facts.usage ? facts.usage->inputTotal() + facts.usage->output : -1;
    pin.atUs = m_env.clock.nowUs();
    if (!m_conversationName.empty()) {
        m_env.responses->remember(m_conversationName, pin);
    }
    m_env.responses->remember(
        responseName(m_request.key.id, facts.providerRequestId), std::move(pin));
}

/// Only what the provider itself counted, of text alone: images and the like are bounded otherwise.
void Exchange::learnMargin(const Charge& charge)
{
    if (m_env.margins == nullptr || charge.kind != ledger::SettleKind::Exact
        || charge.inputTokens <= 0 || m_kind == CallKind::Embeddings || unseenInput().any()
        || m_facts.images + m_facts.audio + m_facts.files > 0) {
        return;
    }
    tokens::MarginObservation seen;
    seen.model = m_plan.model;
    seen.family = m_model->tokenizer;
    seen.count = countedInput(m_model->tokenizer);
    seen.script = scriptOf(seen.count);
    seen.bound = m_plan.inputTokens;
    seen.actual = charge.inputTokens;
    if (m_env.margins->observe(seen)) {
        log::warning("{} counted {} input tokens where at most {} were expected; its margin is "
                     "raised.",
            m_plan.model, seen.actual, seen.bound);
    }
}

asio::awaitable<void> Exchange::settle(Charge charge)
{
    learnMargin(charge);
    m_sent = false;
    m_drainDeadlineMs = 0;
    updateDeadline();
    ledger::Settle settle;
    settle.hold = std::exchange(m_hold, HoldId());
    settle.kind = charge.kind;
    settle.actual = charge.amount;
    const auto settled = co_await settleHold(m_env.ledger, settle);
    auto& attempt = m_decision.attempts.back();
    attempt.outcome = settleOutcome(settled);
    m_decision.inputTokens += charge.inputTokens;
    m_decision.outputTokens += charge.outputTokens;
    m_decision.cachedTokens += charge.cachedTokens;
    if (!charge.costLinesJson.empty()) {
        m_decision.costLinesJson = std::move(charge.costLinesJson);
    }
    if (settled) {
        attempt.charged = settled->charged;
        m_lines = settled->lines;
    } else { // the hold stays dispatched: charged in full at the next start
        attempt.charged = attempt.bound;
        log::error("hold {} could not be settled: {}", settle.hold.value, settled.error().text());
    }
    m_decision.cost = m_decision.cost.plusSaturated(attempt.charged);
}

void Exchange::setFailure(Status status, int httpStatus, const std::string& error)
{
    m_decision.status = status;
    m_decision.httpStatus = httpStatus;
    m_decision.error = log::redacted(error);
}

Headers Exchange::baseHeaders() const
{
    Headers headers;
    headers.emplace_back("x-headgate-decision", activity::decisionIdText(m_decision.id));
    headers.emplace_back("x-request-id", headerText(m_decision.requestId));
    return headers;
}

Headers Exchange::successHeaders(bool whole) const
{
    auto headers = baseHeaders();
    headers.emplace_back("x-headgate-model", headerText(m_plan.model));
    headers.emplace_back("x-headgate-tier", std::to_string(m_plan.tier));
    headers.emplace_back("x-headgate-reason", headerText(m_plan.reason));
    headers.emplace_back("x-headgate-escalations", std::to_string(m_decision.escalations));
    if (const auto& id = m_decision.attempts.back().upstreamId; !id.empty()) {
        headers.emplace_back("x-headgate-upstream-request-id", id);
    }
    if (m_request.key.hideAmounts) {
        return headers;
    }
    headers.emplace_back("x-headgate-held-usd", m_decision.bound.toDecimal());
    if (whole) {
        headers.emplace_back("x-headgate-cost-usd", m_decision.cost.toDecimal());
    }
    const ledger::BudgetView view{m_lines};
    if (const auto tightest = view.tightest()) {
        headers.emplace_back("x-headgate-remaining-usd", tightest->toDecimal());
    }
    return headers;
}

asio::awaitable<void> Exchange::refuse(Refusal refusal)
{
    const bool budget = isBudget(refusal.kind);
    if (budget && m_request.key.hideAmounts) {
        refusal.metadata.clear();
        refusal.message = "The budget for this key is used up. Ask whoever gave you the key.";
    }
    refusal.requestId = activity::decisionIdText(m_decision.id);
    auto written = m_repeated ? *m_repeated : m_codec.writeRefusal(refusal);
    if (lastFailureIsTruer(refusal)) {
        written = *m_lastFailure; // nobody could take the place of the provider that failed
        setFailure(Status::Failed, written.status, m_lastFailureText);
    }
    if (refusal.kind == RefusalKind::BudgetExceeded && m_request.key.rejectStatus != 0) {
        written.status = m_request.key.rejectStatus;
    }
    if (m_decision.status == Status::Ok) { // not decided otherwise before
        const bool provider = refusal.kind == RefusalKind::UpstreamFailed
            || refusal.kind == RefusalKind::UpstreamTimeout;
        const bool refused = budget || refusal.kind == RefusalKind::LoopDetected;
        setFailure(refused ? Status::Refused : (provider ? Status::Failed : Status::Rejected),
            written.status, refusal.message);
    }
    if (!m_name.empty() && m_decision.cost.isZero()) {
        m_env.ids.refused(m_name, written);
    }
    if (m_left) {
        co_return;
    }
    Reply reply;
    reply.status = written.status;
    reply.body = std::move(written.body);
    reply.headers = baseHeaders();
    for (auto& header : written.headers) {
        reply.headers.push_back(std::move(header));
    }
    co_await m_client.reply(std::move(reply));
}

/// The plan's baseline is for the usual answer; this one was longer or shorter by the same factor
/// as the chosen model's cost. Only the last call counts for that: what failed attempts cost is
/// part of the price of the answer and must not make the baseline look dearer. Without an answer
/// nothing was saved: a refusal is no saving.
Money Exchange::baseline() const
{
    if (m_decision.status == Status::Refused || m_decision.status == Status::Rejected
        || m_decision.status == Status::Failed) {
        return {};
    }
    const auto* chosen = chosenOf(m_plan);
    const Money answer = m_decision.attempts.empty() ? Money() : m_decision.attempts.back().charged;
    if (answer.isZero() || chosen == nullptr || chosen->expected.nano() <= 0) {
        return m_plan.baseline;
    }
    const auto scaled = mulDivUp(m_plan.baseline.nano(), answer.nano(), chosen->expected.nano());
    return scaled ? Money::fromNano(*scaled) : m_plan.baseline;
}

void Exchange::record()
{
    m_decision.model = m_plan.model;
    m_decision.provider = m_plan.provider;
    m_decision.tier = m_plan.tier;
    m_decision.wantedTier = m_plan.wantedTier;
    m_decision.rule = m_plan.rule;
    m_decision.baseline = baseline();
    const bool planned = !m_plan.candidates.empty() || !m_plan.reason.empty();
    if (planned) {
        m_decision.outcome = routing::outcomeName(m_plan.outcome);
        m_decision.reason = m_plan.reason + wireNote();
        m_decision.factsJson = routing::factsToJson(m_facts);
        m_decision.candidatesJson = routing::candidatesToJson(m_plan.candidates);
    } else {
        m_decision.outcome = m_config.paused ? "paused" : "rejected";
        m_decision.reason = m_decision.error;
    }
    if (m_refusal && m_refusal->kind == RefusalKind::LoopDetected) {
        m_decision.outcome = "refuse_loop";
    } else if (m_decision.status == Status::Refused) {
        if (m_plan.denial) {
            m_decision.pool = m_plan.denial->poolName;
        }
        if (m_decision.attempts.empty()) {
            m_decision.outcome = "refuse_budget";
            m_decision.bound = m_plan.denial ? m_plan.denial->asked : Money();
        }
    }
    const ledger::BudgetView view{m_lines};
    if (const auto tightest = view.tightest()) {
        m_decision.remaining = *tightest;
    }
    m_decision.totalUs = m_env.clock.monotonicUs() - m_request.atMonotonicUs;
    m_env.sink.append(std::move(m_decision));
}

} // namespace headgate::proxy
