// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/exchange.h"

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/proxy/asio.h"
#include "core/proxy/event.h"
#include "core/proxy/identity.h"
#include "core/proxy/ledger_calls.h"
#include "core/proxy/prompt_tokens.h"
#include "core/proxy/provider_error.h"
#include "core/proxy/settlement.h"
#include "core/routing/plan.h"
#include "core/wire/chat_answer.h"
#include "core/wire/chat_request.h"
#include "core/wire/refusal.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <mutex>
#include <optional>

namespace headgate::proxy {

namespace asio = boost::asio;
using activity::Status;
using wire::Refusal;
using wire::RefusalKind;

namespace {

/// Fallbacks after a provider that took nothing; each has a hold of its own.
constexpr int fallbacksMax = 2;
/// Lost races for the same money before the request queues up like the others.
constexpr int racesMax = 3;
/// A waiting request looks again this often even if no money returns: a hold that is settled in
/// full returns nothing, and then there is nothing left to wait for.
constexpr std::int64_t lookAgainMs = 1'000;
/// What is kept of a provider's error page.
constexpr std::size_t errorBodyBytesMax = 64 * 1024;

/// Lets the ledger thread wake an exchange that may be gone by then.
class MoneyBell {
public:
    explicit MoneyBell(asio::any_io_executor executor)
        : event(executor),
          m_executor(std::move(executor))
    {
    }
    Event event;
    bool armed = false; ///< a callback is registered and has not run

    static void arm(const std::shared_ptr<MoneyBell>& bell, ledger::Ledger& ledger)
    {
        bell->armed = true;
        ledger.onceMoneyReturns([bell] { ring(bell); });
    }
    void silence()
    {
        const std::scoped_lock lock(m_mutex);
        m_silent = true;
    }

private:
    static void ring(const std::shared_ptr<MoneyBell>& bell)
    {
        // The executor may be gone once the exchange is: it silences the bell before it ends.
        const std::scoped_lock lock(bell->m_mutex);
        if (!bell->m_silent) {
            asio::post(bell->m_executor, [bell] {
                bell->armed = false;
                bell->event.set();
            });
        }
    }
    std::mutex m_mutex;
    bool m_silent = false;
    asio::any_io_executor m_executor;
};

std::string headerText(std::string_view text)
{
    return printable(text, 300);
}

const char* settleOutcome(const Result<ledger::Settled>& settled)
{
    return settled ? ledger::holdStateName(settled->state) : "settle failed";
}

Refusal nameUsedRefusal()
{
    Refusal refusal;
    refusal.kind = RefusalKind::BadRequest;
    refusal.message = "This request id was already used. Send a new id with each new request.";
    return refusal;
}

class Exchange final : public Sweepable {
public:
    Exchange(ExchangeEnv env, ExchangeRequest request, ClientStream& client,
        asio::any_io_executor executor);
    ~Exchange() override;

    asio::awaitable<bool> run();

    void onDeadline() override;
    void onShutdown() override;

private:
    enum class Held { Granted, Refused, ClientLeft, ConnectFailed };
    enum class Called { Done, TryAnother };

    // read and know
    [[nodiscard]] bool read();
    [[nodiscard]] bool claimName();
    void know();
    [[nodiscard]] bool goesInCircles();
    [[nodiscard]] bool isAuto() const { return m_chat.model.rfind("auto", 0) == 0; }

    // plan and hold
    void makePlan();
    [[nodiscard]] const tokens::Count& countedInput(const std::string& family);
    [[nodiscard]] bool isPlain(const tokens::Count& count);
    [[nodiscard]] routing::InputTokens inputTokens(const catalog::Model& model);
    [[nodiscard]] Refusal refusalForPlan() const;
    asio::awaitable<Held> holdMoney();
    asio::awaitable<Held> tryToHold(std::optional<ledger::Denial>& denial);
    asio::awaitable<Held> connectAndDispatch(const catalog::Provider& provider);
    asio::awaitable<bool> connect(const catalog::Provider& provider);
    asio::awaitable<void> waitForMoney();
    asio::awaitable<void> release(std::string reason);
    /// Leaves this model out of the next plan; `failure` is told if no other can take its place.
    [[nodiscard]] bool mayFallBack(const wire::RefusalReply& failure, const std::string& text);

    // call and relay
    [[nodiscard]] UpstreamRequest upstreamRequest() const;
    asio::awaitable<Called> call();
    asio::awaitable<Called> providerRefused(UpstreamHead head);
    asio::awaitable<void> relayWhole();
    asio::awaitable<void> relayStream();
    asio::awaitable<bool> pump(wire::ChatStreamMeter& meter);
    asio::awaitable<void> hand(std::string bytes);
    asio::awaitable<void> endStream(const wire::AnswerFacts& facts, bool properEnd);
    asio::awaitable<void> failCall(UpstreamError error);
    void onClientLeft();
    void setPhaseDeadline(int ms);
    void updateDeadline();

    // settle and record
    [[nodiscard]] CallTerms terms() const;
    [[nodiscard]] Charge chargeForEarlyEnd(const wire::AnswerFacts& facts) const;
    asio::awaitable<void> settle(Charge charge);
    void learnMargin(const Charge& charge);
    asio::awaitable<void> refuse(Refusal refusal);
    void record();
    [[nodiscard]] Money baseline() const;
    [[nodiscard]] Headers successHeaders(bool whole) const;
    [[nodiscard]] Headers baseHeaders() const;
    void setFailure(Status status, int httpStatus, const std::string& error);

    ExchangeEnv m_env;
    ExchangeRequest m_request;
    ClientStream& m_client;
    std::shared_ptr<MoneyBell> m_bell;
    const ProxyConfig& m_config;

    wire::RequestView m_chat;
    routing::Facts m_facts;
    ledger::Identity m_identity;
    std::map<std::string, tokens::Count> m_counted; ///< the input by tokenizer family
    std::optional<bool> m_plain; ///< the text is nearly all ASCII; empty: nobody asked yet
    std::shared_ptr<const tokens::MarginTable> m_margins; ///< of this plan; null: none learned
    LoopDetector::Watch m_watch;
    std::string m_name; ///< the client's own id for this request, scoped by key; may be empty
    std::string m_ledgerId;
    std::optional<wire::RefusalReply> m_repeated; ///< what the first request of this name was told

    routing::Plan m_plan;
    const catalog::Provider* m_provider = nullptr;
    const catalog::Model* m_model = nullptr;
    const catalog::PriceSheet* m_sheet = nullptr;
    std::set<std::string> m_excluded;
    int m_attempt = 0;
    int m_fallbacks = 0;
    HoldId m_hold;
    std::vector<ledger::BudgetLine> m_lines; ///< as of the last hold or settle
    std::unique_ptr<UpstreamCall> m_call;
    std::optional<Refusal> m_refusal; ///< what the client will be told
    std::optional<wire::RefusalReply> m_lastFailure; ///< of the model that was replaced
    std::string m_lastFailureText;
    bool m_keepsUsage = false; ///< the client asked for the usage chunk itself

    bool m_streaming = false; ///< the head went to the client
    bool m_left = false; ///< the client has gone
    bool m_overrun = false; ///< the provider ignored its ceiling
    bool m_timedOut = false;
    bool m_drainExpired = false;
    bool m_shutdown = false;
    std::int64_t m_phaseDeadlineMs = 0;
    std::int64_t m_drainDeadlineMs = 0;
    bool m_sent = false;

    activity::Decision m_decision;
};

Exchange::Exchange(
    ExchangeEnv env, ExchangeRequest request, ClientStream& client, asio::any_io_executor executor)
    : m_env(std::move(env)),
      m_request(std::move(request)),
      m_client(client),
      m_bell(std::make_shared<MoneyBell>(std::move(executor))),
      m_config(*m_env.config)
{
    m_decision.id = m_env.sink.nextId(m_request.atUs);
    m_decision.atUs = m_request.atUs;
    m_decision.revision = m_config.revision;
    m_decision.remaining = Money::fromNano(-1);
    m_env.sweeper.add(*this);
    m_client.setOnGone([this] { onClientLeft(); });
}

Exchange::~Exchange()
{
    m_client.setOnGone({});
    m_bell->silence();
}

// --- deadlines and departures

void Exchange::updateDeadline()
{
    deadlineMs = m_phaseDeadlineMs;
    if (m_drainDeadlineMs != 0 && (deadlineMs == 0 || m_drainDeadlineMs < deadlineMs)) {
        deadlineMs = m_drainDeadlineMs;
    }
}

void Exchange::setPhaseDeadline(int ms)
{
    m_phaseDeadlineMs = m_env.sweeper.in(ms);
    updateDeadline();
}

void Exchange::onDeadline()
{
    const auto now = m_env.sweeper.nowMs();
    if (m_drainDeadlineMs != 0 && m_drainDeadlineMs <= now) {
        m_drainExpired = true;
        m_drainDeadlineMs = 0;
    } else {
        m_timedOut = true;
        m_phaseDeadlineMs = 0;
    }
    updateDeadline();
    m_bell->event.set();
    if (m_call) {
        m_call->cancel();
    }
}

void Exchange::onShutdown()
{
    m_shutdown = true;
    m_bell->event.set();
    if (m_call) {
        m_call->cancel();
    }
}

void Exchange::onClientLeft()
{
    m_left = true;
    m_bell->event.set();
    if (m_sent) { // read on for the usage, but not for ever
        m_drainDeadlineMs = m_env.sweeper.in(std::max(m_env.drainTimeoutMs, 1));
        updateDeadline();
    }
}

// --- read and know

bool Exchange::read()
{
    m_decision.key = m_request.key.name;
    m_decision.team = m_request.key.team;
    m_decision.user = m_request.key.user;
    m_decision.org = m_config.org;
    const auto agent = m_request.head.header("user-agent");
    m_decision.client = printable(agent.substr(0, agent.find(' ')), 64);
    const auto given = m_request.head.header("x-request-id");
    m_decision.requestId = given.empty() ? activity::decisionIdText(m_decision.id)
                                         : printable(given, limits::requestIdBytesMax);
    auto chat = wire::readChatRequest(m_request.body);
    if (!chat) {
        Refusal refusal;
        refusal.kind = RefusalKind::BadRequest;
        refusal.message = chat.error().text();
        refusal.param = wire::offendingField(chat.error());
        m_refusal = std::move(refusal);
        return false;
    }
    m_chat = std::move(*chat);
    m_decision.askedModel = printable(m_chat.model, limits::nameBytesMax);
    m_decision.stream = m_chat.stream;
    m_keepsUsage = m_chat.includeUsage.value_or(false);
    m_ledgerId
        = fmt::format("{}:{}", m_request.key.id.value, activity::decisionIdText(m_decision.id));
    return claimName();
}

bool Exchange::claimName()
{
    const auto name = idempotencyKey(m_request.head);
    if (name.empty()) {
        return true;
    }
    auto scoped = fmt::format("{}:i:{}", m_request.key.id.value, name);
    const auto first = m_env.ids.claim(scoped);
    m_ledgerId = scoped;
    if (first.fresh) {
        m_name = std::move(scoped);
        return true;
    }
    m_repeated = first.refusal;
    m_refusal = nameUsedRefusal();
    return false;
}

void Exchange::know()
{
    m_identity = identityOf(m_config, m_request.key, m_request.head, m_chat);
    routing::RequestHints hints;
    hints.taskTag = printable(m_request.head.header("x-headgate-task"), limits::nameBytesMax);
    hints.requestClass
        = printable(m_request.head.header("x-claude-code-request-class"), limits::nameBytesMax);
    hints.userAgent = printable(m_request.head.header("user-agent"), 256);
    m_facts = routing::extractFacts(m_chat, hints);
    m_decision.user = m_identity.user;
    m_decision.session = m_identity.session;
    m_decision.tags = m_identity.tags;
    m_decision.priority = priorityName(m_identity.priority);
    m_decision.task = routing::taskTypeName(m_facts.task);
    m_decision.difficulty = m_facts.difficulty;
}

bool Exchange::goesInCircles()
{
    if (m_env.loops == nullptr) {
        return false;
    }
    const auto place = fmt::format("{}/{}", m_request.key.id.value, m_identity.session);
    auto asked = m_env.loops->ask(
        m_config.loops, place, !m_identity.session.empty(), m_chat, m_request.atMonotonicUs);
    m_watch = std::move(asked.watch);
    if (!asked.found) {
        return false;
    }
    Refusal refusal;
    refusal.kind = RefusalKind::LoopDetected;
    refusal.message = asked.found->text;
    if (asked.found->first && m_env.onAlert) {
        m_env.onAlert(fmt::format("Loop stopped: key \"{}\"{}. {}", m_request.key.name,
            m_identity.session.empty() ? std::string()
                                       : ", session \"" + printable(m_identity.session, 64) + "\"",
            refusal.message));
    }
    m_refusal = std::move(refusal);
    return true;
}

// --- plan and hold

const tokens::Count& Exchange::countedInput(const std::string& family)
{
    const auto [it, fresh] = m_counted.try_emplace(family);
    if (fresh) {
        // Images are added by the plan, which knows what each model counts them as.
        it->second = promptTokens(m_chat, family, 0);
    }
    return it->second;
}

/// Exact counts do not ask: their bound never falls below the count.
bool Exchange::isPlain(const tokens::Count& count)
{
    if (!count.exact && !m_plain) {
        m_plain = isPlainPrompt(m_chat);
    }
    return count.exact || *m_plain;
}

routing::InputTokens Exchange::inputTokens(const catalog::Model& model)
{
    const tokens::Count& count = countedInput(model.tokenizer);
    if (!m_margins) {
        return {count.tokens, count.atMost};
    }
    return {count.tokens, m_margins->inputAtMost(model.id(), count, isPlain(count))};
}

void Exchange::makePlan()
{
    routing::PlanInput input;
    input.facts = &m_facts;
    input.catalog = &m_config.catalog;
    input.policy = &m_config.policy;
    input.identity = m_identity;
    input.askedModel = m_chat.model;
    input.clientMaxTokens = m_chat.maxTokens;
    input.choices = m_chat.n;
    input.serviceTier = m_chat.serviceTier;
    m_margins = m_env.margins != nullptr ? m_env.margins->table() : nullptr;
    input.inputTokens = [this](const catalog::Model& model) { return inputTokens(model); };
    input.budget
        = [this](const ledger::Target& target) { return m_env.ledger.view(m_identity, target); };
    input.excludedModels = m_excluded;
    input.nowUs = m_env.clock.nowUs();
    input.logprobs = m_chat.logprobs;
    m_plan = routing::plan(input);
    m_provider = m_config.catalog.provider(m_plan.provider);
    m_model = m_plan.model.empty() ? nullptr : m_config.catalog.model(m_plan.model);
    m_sheet = m_model != nullptr ? m_model->priceAt(input.nowUs) : nullptr;
}

Refusal Exchange::refusalForPlan() const
{
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
        m_phaseDeadlineMs = std::min(giveUpMs, m_env.sweeper.nowMs() + lookAgainMs);
        updateDeadline();
        co_await waitForMoney();
        m_phaseDeadlineMs = 0;
        m_timedOut = false;
        updateDeadline();
    }
}

asio::awaitable<bool> Exchange::connect(const catalog::Provider& provider)
{
    std::shared_ptr<const Secret> key;
    if (const auto it = m_config.providerKeys.find(provider.name);
        it != m_config.providerKeys.end()) {
        key = it->second;
    }
    auto call = co_await m_env.upstream.connect(provider, std::move(key));
    if (call) {
        m_call = std::move(*call);
        co_return true;
    }
    const auto error = call.error();
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

bool Exchange::mayFallBack(const wire::RefusalReply& failure, const std::string& text)
{
    if (!isAuto() || m_fallbacks >= fallbacksMax || m_left || m_shutdown) {
        return false;
    }
    ++m_fallbacks;
    m_excluded.insert(m_plan.model);
    m_lastFailure = failure;
    m_lastFailureText = text;
    return true;
}

// --- call and relay

UpstreamRequest Exchange::upstreamRequest() const
{
    UpstreamRequest request;
    request.path = "/chat/completions";
    request.stream = m_chat.stream;
    wire::RequestEdits edits;
    edits.model = m_plan.modelName;
    if (m_plan.outputCeiling > 0) {
        edits.outputCeiling = m_plan.outputCeiling;
    }
    // OpenAI's reasoning models refuse max_tokens; many compatible servers ignore the newer name,
    // and a ceiling that is ignored is no ceiling.
    const bool newName = m_provider->simulated || m_provider->name == "openai"
        || m_provider->baseUrl.find("api.openai.com") != std::string::npos;
    edits.ceilingField = newName ? "max_completion_tokens" : "max_tokens";
    edits.injectUsage = m_chat.stream && !m_keepsUsage && m_provider->injectUsage;
    request.body = wire::editChatRequest(m_request.body, m_chat, edits);
    request.headers.emplace_back("content-type", "application/json");
    request.headers.emplace_back(
        "accept", m_chat.stream ? "text/event-stream" : "application/json");
    request.headers.emplace_back("accept-encoding", "identity");
    const auto agent = printable(m_request.head.header("user-agent"), 256);
    request.headers.emplace_back(
        "user-agent", "headgate/" HEADGATE_VERSION + (agent.empty() ? "" : " (" + agent + ")"));
    // Not openai-organization and -project: they choose whose account pays.
    if (const auto beta = m_request.head.header("openai-beta"); !beta.empty()) {
        request.headers.emplace_back("openai-beta", printable(beta, 256));
    }
    return request;
}

asio::awaitable<Exchange::Called> Exchange::call()
{
    auto request = upstreamRequest();
    m_decision.addedUs = m_env.clock.monotonicUs() - m_request.atMonotonicUs;
    if (m_decision.addedUs < 1) {
        m_decision.addedUs = 1;
    }
    m_decision.attempts.back().outcome = "dispatched";
    setPhaseDeadline(m_provider->firstByteTimeoutMs > 0 ? m_provider->firstByteTimeoutMs
                                                        : limits::firstByteTimeoutMs);
    m_sent = true;
    if (m_left) {
        onClientLeft();
    }
    const auto sent = co_await m_call->send(std::move(request));
    if (!sent) {
        auto error = sent.error();
        if (error.phase == UpstreamPhase::Connect) {
            m_sent = false;
            setPhaseDeadline(0);
            Refusal refusal;
            refusal.kind = RefusalKind::UpstreamFailed;
            refusal.message = fmt::format(
                "The provider \"{}\" cannot be reached: {}", m_provider->name, error.message);
            m_refusal = std::move(refusal);
            co_await release("nothing was sent");
            if (mayFallBack(wire::writeChatRefusal(*m_refusal), m_refusal->message)) {
                co_return Called::TryAnother;
            }
            auto told = *m_refusal;
            co_await refuse(std::move(told));
            co_return Called::Done;
        }
        co_await failCall(std::move(error));
        co_return Called::Done;
    }
    auto head = co_await m_call->readHead();
    if (!head) {
        auto error = head.error();
        co_await failCall(std::move(error));
        co_return Called::Done;
    }
    m_decision.attempts.back().httpStatus = head->status;
    if (head->status < 200 || head->status >= 300) {
        auto refused = std::move(*head);
        co_return co_await providerRefused(std::move(refused));
    }
    if (m_chat.stream && isEventStream(head->headers)) {
        co_await relayStream();
    } else {
        co_await relayWhole();
    }
    co_return Called::Done;
}

/// Sent, but no usable answer came: nobody knows what it cost, so the whole hold is charged.
asio::awaitable<void> Exchange::failCall(UpstreamError error)
{
    setPhaseDeadline(0);
    auto& attempt = m_decision.attempts.back();
    attempt.error = log::redacted(error.message);
    auto charge = chargeInFull();
    co_await settle(std::move(charge));
    Refusal refusal;
    refusal.kind
        = m_timedOut || error.timeout ? RefusalKind::UpstreamTimeout : RefusalKind::UpstreamFailed;
    refusal.message = m_timedOut || error.timeout
        ? fmt::format("The provider \"{}\" did not answer in time. The request may have been "
                      "processed, so its full bound was charged.",
            m_provider->name)
        : fmt::format("The provider \"{}\" failed after the request was sent: {} Its full bound "
                      "was charged, because the provider may have billed it.",
            m_provider->name, error.message);
    if (m_left || m_shutdown) {
        setFailure(m_left ? Status::ClientLeft : Status::Failed, m_left ? 499 : 502, error.message);
    }
    co_await refuse(std::move(refusal));
}

asio::awaitable<Exchange::Called> Exchange::providerRefused(UpstreamHead head)
{
    setPhaseDeadline(
        m_provider->idleTimeoutMs > 0 ? m_provider->idleTimeoutMs : limits::idleTimeoutMs);
    std::string body;
    bool more = true;
    while (more && body.size() < errorBodyBytesMax) {
        const auto piece = co_await m_call->readBody(body);
        more = piece && *piece;
    }
    if (more) {
        m_call->cancel();
    }
    setPhaseDeadline(0);
    ProviderError error = readProviderError(m_provider->name, head, body);
    m_decision.attempts.back().error = log::redacted(error.refusal.message);
    auto charge = error.mayHaveBilled ? chargeForInput(terms()) : chargeNothing();
    co_await settle(std::move(charge));
    if (error.notProcessed && mayFallBack(error.reply, error.refusal.message)) {
        co_return Called::TryAnother;
    }
    setFailure(Status::Failed, error.reply.status, error.refusal.message);
    Reply reply;
    reply.status = error.reply.status;
    reply.body = std::move(error.reply.body);
    reply.headers = baseHeaders();
    for (auto& header : error.reply.headers) {
        reply.headers.push_back(std::move(header));
    }
    co_await m_client.reply(std::move(reply));
    co_return Called::Done;
}

asio::awaitable<void> Exchange::relayWhole()
{
    const int idleMs
        = m_provider->idleTimeoutMs > 0 ? m_provider->idleTimeoutMs : limits::idleTimeoutMs;
    std::string body;
    for (;;) {
        setPhaseDeadline(idleMs);
        const auto piece = co_await m_call->readBody(body);
        if (!piece) {
            auto error = piece.error();
            co_await failCall(std::move(error));
            co_return;
        }
        if (!*piece) {
            break;
        }
    }
    setPhaseDeadline(0);
    const auto facts = wire::readChatAnswer(body);
    if (!facts) {
        UpstreamError error;
        error.message = "its answer cannot be read (" + facts.error().message + ").";
        co_await failCall(std::move(error));
        co_return;
    }
    auto charge = chargeForUsage(terms(), *facts);
    if (!charge) {
        charge = chargeForDelivered(terms(), *facts);
    }
    m_decision.status
        = charge && charge->kind == ledger::SettleKind::Exact ? Status::Ok : Status::Estimated;
    auto charged = charge.value_or(chargeInFull());
    co_await settle(std::move(charged));
    Reply reply;
    reply.headers = successHeaders(true);
    reply.body = std::move(body);
    m_decision.firstByteUs = m_env.clock.monotonicUs() - m_request.atMonotonicUs;
    const bool delivered = co_await m_client.reply(std::move(reply));
    if (!delivered || m_left) {
        setFailure(Status::ClientLeft, 499, "The client left before its answer was ready.");
    }
}

asio::awaitable<void> Exchange::hand(std::string bytes)
{
    if (bytes.empty() || m_left || m_overrun) {
        co_return;
    }
    bool taken = true;
    if (!m_streaming) {
        m_streaming = true;
        m_decision.firstByteUs = m_env.clock.monotonicUs() - m_request.atMonotonicUs;
        Reply head;
        head.contentType = "text/event-stream; charset=utf-8";
        head.headers = successHeaders(false);
        head.headers.emplace_back("cache-control", "no-cache");
        taken = co_await m_client.startStream(std::move(head));
    }
    if (taken) {
        taken = co_await m_client.write(bytes);
    }
    if (!taken && !m_left) {
        onClientLeft();
    }
}

/// Reads and hands over until the upstream ends. True: it ended properly.
asio::awaitable<bool> Exchange::pump(wire::ChatStreamMeter& meter)
{
    const int idleMs
        = m_provider->idleTimeoutMs > 0 ? m_provider->idleTimeoutMs : limits::idleTimeoutMs;
    const auto callTerms = terms();
    RunningMeter running(callTerms);
    std::string piece;
    for (;;) {
        piece.clear();
        setPhaseDeadline(idleMs);
        const auto more = co_await m_call->readBody(piece);
        setPhaseDeadline(0); // a slow client is not the provider's fault
        if (!more) {
            m_decision.attempts.back().error = log::redacted(more.error().message);
            m_timedOut = m_timedOut || more.error().timeout;
            co_return false;
        }
        std::string out;
        if (!*more) {
            meter.finish(out);
            co_await hand(std::move(out));
            co_return true;
        }
        const auto fed = meter.feed(piece, out);
        if (!fed) {
            m_decision.attempts.back().error = fed.error().message;
            m_call->cancel();
            co_return false;
        }
        co_await hand(std::move(out));
        if (!m_overrun && running.exceeded(meter.facts())) {
            m_overrun = true; // the client gets no more; the provider's own figure is still wanted
            m_drainDeadlineMs = m_env.sweeper.in(std::max(m_env.drainTimeoutMs, 1));
            updateDeadline();
        }
        if (m_overrun && running.exceeded(meter.facts()) && running.runaway()) {
            m_call->cancel();
            co_return false;
        }
    }
}

asio::awaitable<void> Exchange::relayStream()
{
    const bool strip = !m_keepsUsage && m_provider->injectUsage;
    wire::ChatStreamMeter meter(strip);
    const bool ended = co_await pump(meter);
    setPhaseDeadline(0);
    m_drainDeadlineMs = 0;
    updateDeadline();
    const auto& facts = meter.facts();
    const bool proper = ended && (facts.done || !facts.finishReason.empty());
    std::optional<Charge> charge;
    if (proper || facts.done) {
        charge = chargeForUsage(terms(), facts);
        if (!charge && proper) {
            charge = chargeForDelivered(terms(), facts);
        }
    }
    auto charged = charge ? std::move(*charge) : chargeForEarlyEnd(facts);
    m_decision.status = charged.kind == ledger::SettleKind::Exact ? Status::Ok : Status::Estimated;
    co_await settle(std::move(charged));
    co_await endStream(facts, proper);
}

/// A stream that broke off. Delivered text allows an estimate only when the provider itself ended
/// it; otherwise it may be producing still, up to its ceiling.
Charge Exchange::chargeForEarlyEnd(const wire::AnswerFacts& facts) const
{
    const bool providerMayGoOn = m_timedOut || m_drainExpired || m_shutdown;
    if (!providerMayGoOn && (facts.textBytes > 0 || m_overrun)) {
        if (auto charge = chargeForDelivered(terms(), facts)) {
            return std::move(*charge);
        }
    }
    auto full = chargeInFull();
    if (m_overrun) { // the hold was too small already: at least what was delivered
        if (auto charge = chargeForDelivered(terms(), facts);
            charge && charge->amount > m_decision.bound) {
            return std::move(*charge);
        }
    }
    return full;
}

asio::awaitable<void> Exchange::endStream(const wire::AnswerFacts& facts, bool properEnd)
{
    if (m_left || m_client.gone()) {
        setFailure(Status::ClientLeft, 499, "The client left before the end of its answer.");
        co_return;
    }
    if (properEnd && !m_overrun) {
        if (!facts.error.empty()) {
            setFailure(Status::Failed, 200, log::redacted(facts.error));
        }
        co_await m_client.endStream();
        co_return;
    }
    Refusal refusal;
    refusal.kind = m_timedOut ? RefusalKind::UpstreamTimeout : RefusalKind::UpstreamFailed;
    if (m_overrun) {
        refusal.message = fmt::format("The provider \"{}\" went on beyond the agreed ceiling of {} "
                                      "output tokens; the answer was cut there.",
            m_provider->name, m_plan.outputCeiling);
    } else if (m_shutdown) {
        refusal.message = "Headgate is stopping; the answer was cut.";
    } else {
        refusal.message = fmt::format(
            "The provider \"{}\" broke off its answer before the end.", m_provider->name);
    }
    if (!m_streaming) {
        co_await refuse(std::move(refusal));
        co_return;
    }
    setFailure(Status::Cut, 200, refusal.message);
    const auto event = wire::writeChatStreamError(refusal);
    const bool taken = co_await m_client.write(event);
    if (taken) {
        co_await m_client.endStream();
    }
}

// --- settle and record

CallTerms Exchange::terms() const
{
    CallTerms out;
    if (m_sheet != nullptr) {
        out.sheet = *m_sheet;
    }
    out.tokenizer = m_model->tokenizer;
    out.inputTokens = m_plan.inputTokens;
    out.outputCeiling = m_plan.outputCeiling;
    out.choices = m_chat.n;
    out.reasons = m_model->can.reasoning;
    return out;
}

/// Only what the provider itself counted, of text alone: images and the like are bounded otherwise.
void Exchange::learnMargin(const Charge& charge)
{
    if (m_env.margins == nullptr || charge.kind != ledger::SettleKind::Exact
        || charge.inputTokens <= 0 || m_facts.images + m_facts.audio + m_facts.files > 0) {
        return;
    }
    tokens::MarginObservation seen;
    seen.model = m_plan.model;
    seen.family = m_model->tokenizer;
    seen.count = countedInput(m_model->tokenizer);
    seen.plain = isPlain(seen.count);
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

bool isBudget(RefusalKind kind)
{
    return kind == RefusalKind::BudgetExceeded || kind == RefusalKind::BudgetInFlight;
}

asio::awaitable<void> Exchange::refuse(Refusal refusal)
{
    const bool budget = isBudget(refusal.kind);
    if (budget && m_request.key.hideAmounts) {
        refusal.metadata.clear();
        refusal.message = "The budget for this key is used up. Ask whoever gave you the key.";
    }
    auto written = m_repeated ? *m_repeated : wire::writeChatRefusal(refusal);
    if (m_lastFailure && refusal.kind == RefusalKind::NoCapableModel) {
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
    const auto chosen = std::find_if(m_plan.candidates.begin(), m_plan.candidates.end(),
        [](const routing::Candidate& candidate) { return candidate.lost == routing::Lost::None; });
    const Money answer = m_decision.attempts.empty() ? Money() : m_decision.attempts.back().charged;
    if (answer.isZero() || chosen == m_plan.candidates.end() || chosen->expected.nano() <= 0) {
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
        m_decision.reason = m_plan.reason;
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

asio::awaitable<bool> Exchange::run()
{
    if (!read()) {
        auto told = *m_refusal;
        co_await refuse(std::move(told));
        record();
        co_return true;
    }
    know();
    if (m_config.paused) {
        Refusal refusal;
        refusal.kind = RefusalKind::Paused;
        refusal.message = "Headgate is paused by its operator: no request is sent on until "
                          "\"Pause all\" is lifted in the console.";
        co_await refuse(std::move(refusal));
        record();
        co_return true;
    }
    if (goesInCircles()) {
        auto told = *m_refusal;
        co_await refuse(std::move(told));
        record();
        co_return true;
    }
    for (;;) {
        const auto held = co_await holdMoney();
        if (held == Held::ConnectFailed
            && mayFallBack(wire::writeChatRefusal(*m_refusal), m_refusal->message)) {
            continue;
        }
        if (held == Held::ClientLeft) {
            setFailure(Status::ClientLeft, 499, "The client left before its request was sent on.");
            break;
        }
        if (held != Held::Granted) {
            auto told = *m_refusal;
            co_await refuse(std::move(told));
            break;
        }
        if (m_left || m_client.gone() || m_shutdown) {
            co_await release("client left");
            setFailure(Status::ClientLeft, 499, "The client left before its request was sent on.");
            break;
        }
        const auto called = co_await call();
        m_call.reset();
        if (called == Called::Done) {
            break;
        }
    }
    const bool refused
        = m_decision.status == Status::Refused || m_decision.status == Status::Rejected;
    if (m_env.loops != nullptr
        && (m_decision.status == Status::Ok || m_decision.status == Status::Estimated)) {
        // As of the first byte: a client may go on before its answer's end is booked here.
        m_env.loops->answered(
            m_config.loops, m_watch, m_request.atMonotonicUs + m_decision.firstByteUs);
    }
    record();
    co_return refused;
}

} // namespace

asio::awaitable<bool> runExchange(ExchangeEnv env, ExchangeRequest request, ClientStream& client)
{
    auto executor = co_await asio::this_coro::executor;
    const auto exchange = std::make_unique<Exchange>(
        std::move(env), std::move(request), client, std::move(executor));
    const bool refused = co_await exchange->run();
    co_return refused;
}

} // namespace headgate::proxy
