// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/exchange_impl.h"

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/proxy/identity.h"

#include <fmt/format.h>

#include <algorithm>

namespace headgate::proxy {

bool ClientStream::writeAtOnce(std::string_view /*bytes*/)
{
    return false;
}

Refusal nameUsedRefusal()
{
    Refusal refusal;
    refusal.kind = RefusalKind::BadRequest;
    refusal.message = "This request id was already used. Send a new id with each new request.";
    return refusal;
}

Exchange::Exchange(
    ExchangeEnv env, ExchangeRequest request, ClientStream& client, asio::any_io_executor executor)
    : m_env(std::move(env)),
      m_request(std::move(request)),
      m_client(client),
      m_bell(std::make_shared<MoneyBell>(std::move(executor))),
      m_config(*m_env.config),
      m_codec(wire::codecOf(m_request.path.dialect)),
      m_kind(m_request.path.route == Route::Embeddings ? CallKind::Embeddings : CallKind::Answer)
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
    if (!readBody()) {
        return false;
    }
    m_decision.askedModel = printable(m_view.model, limits::nameBytesMax);
    m_decision.stream = m_view.stream;
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
    m_identity = identityOf(m_config, m_request.key, m_request.head, m_view);
    routing::RequestHints hints;
    hints.taskTag = printable(m_request.head.header("x-headgate-task"), limits::nameBytesMax);
    hints.requestClass
        = printable(m_request.head.header("x-claude-code-request-class"), limits::nameBytesMax);
    hints.userAgent = printable(m_request.head.header("user-agent"), 256);
    m_facts = routing::extractFacts(m_view, hints);
    m_decision.user = m_identity.user;
    m_decision.session = m_identity.session;
    m_decision.tags = m_identity.tags;
    if (const auto retries = m_request.head.header("x-stainless-retry-count");
        !retries.empty() && retries != "0") {
        m_decision.tags.push_back("client-retry:" + printable(retries, 8));
    }
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
        m_config.loops, place, !m_identity.session.empty(), m_view, m_request.atMonotonicUs);
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

/// Whether the request may be planned at all; if not, `m_refusal` says why.
bool Exchange::mayAsk()
{
    if (!read()) {
        return false;
    }
    know();
    if (m_config.paused) {
        Refusal refusal;
        refusal.kind = RefusalKind::Paused;
        refusal.message = "Headgate is paused by its operator: no request is sent on until "
                          "\"Pause all\" is lifted in the console.";
        m_refusal = std::move(refusal);
        return false;
    }
    return !goesInCircles();
}

asio::awaitable<bool> Exchange::run()
{
    if (!mayAsk()) {
        co_await refuseAsFound();
        record();
        co_return true;
    }
    for (;;) {
        const auto held = co_await holdMoney();
        if (held == Held::ConnectFailed && mayFallBackFromRefusal()) {
            continue;
        }
        if (held == Held::ClientLeft) {
            setFailure(Status::ClientLeft, 499, "The client left before its request was sent on.");
            break;
        }
        if (held != Held::Granted) {
            co_await refuseAsFound();
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

namespace {

struct Beginning {
    ExchangeEnv env;
    ExchangeRequest request;
    ClientStream& client;
};

asio::awaitable<bool> runFrom(std::unique_ptr<Beginning> from)
{
    auto executor = co_await asio::this_coro::executor;
    const auto exchange = std::make_unique<Exchange>(
        std::move(from->env), std::move(from->request), from->client, std::move(executor));
    from.reset();
    const bool refused = co_await exchange->run();
    co_return refused;
}

} // namespace

/// Parameters of a coroutine live as long as it does: these would be there twice.
asio::awaitable<bool> runExchange(ExchangeEnv env, ExchangeRequest request, ClientStream& client)
{
    return runFrom(
        std::unique_ptr<Beginning>(new Beginning{std::move(env), std::move(request), client}));
}

} // namespace headgate::proxy
