// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/exchange_impl.h"

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/proxy/provider_headers.h"
#include "core/wire/embeddings.h"

#include <fmt/format.h>

#include <algorithm>

namespace headgate::proxy {

namespace {

/// What is kept of a provider's error page.
constexpr std::size_t errorBodyBytesMax = 64 * 1024;
/// A thread keeps this much between the events of its streams.
constexpr std::size_t relayScratchBytesMax = 256 * 1024;

} // namespace

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
    m_sentAtUs = m_env.clock.monotonicUs();
    m_decision.attempts.back().key = m_healthCall.key().label;
    if (m_left) {
        onClientLeft();
    }
    const auto sent = co_await m_call->send(std::move(request));
    if (!sent) {
        auto error = sent.error();
        if (error.phase == UpstreamPhase::Connect) {
            co_return co_await notReached(std::move(error));
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
    m_decision.attempts.back().upstreamId = upstreamIdOf(head->headers);
    m_latencyUs = m_env.clock.monotonicUs() - m_sentAtUs;
    if (head->status < 200 || head->status >= 300) {
        auto refused = std::move(*head);
        co_return co_await providerRefused(std::move(refused));
    }
    const bool streams = m_view.stream && isStreamOf(m_upstream, head->headers);
    head->headers = {}; // a stream lives long
    forgetPrompt();
    if (streams) {
        co_await relayStream();
    } else {
        co_await relayWhole();
    }
    co_return Called::Done;
}

/// Not a byte went out.
asio::awaitable<Exchange::Called> Exchange::notReached(UpstreamError error)
{
    m_sent = false;
    setPhaseDeadline(0);
    Refusal refusal;
    refusal.kind = RefusalKind::UpstreamFailed;
    refusal.message
        = fmt::format("The provider \"{}\" cannot be reached: {}", m_provider->name, error.message);
    m_refusal = std::move(refusal);
    noteConnectFailed(error);
    co_await release("nothing was sent");
    if (mayFallBackFromRefusal()) {
        co_return Called::TryAnother;
    }
    co_await refuseAsFound();
    co_return Called::Done;
}

/// The provider has taken the request: no other one will be asked, and an answer may take minutes.
/// What is still wanted of the prompt are figures.
void Exchange::forgetPrompt()
{
    if (m_env.margins != nullptr) { // see learnMargin()
        static_cast<void>(scriptOf(countedInput(m_model->tokenizer)));
    }
    m_request.body = {};
    m_view.messages = {};
    m_view.toolsText = {};
    m_view.schemaText = {};
    m_view.outputText = {};
    if (m_conversation) { // its tools and parameters are told again in some answers
        m_conversation->turns = {};
    }
}

/// Sent, but no usable answer came: nobody knows what it cost, so the whole hold is charged.
asio::awaitable<void> Exchange::failCall(UpstreamError error)
{
    setPhaseDeadline(0);
    auto& attempt = m_decision.attempts.back();
    attempt.error = log::redacted(error.message);
    noteBrokenOff(attempt.error);
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
    ProviderAnswer answer{m_provider->name, head, body};
    answer.upstream = m_upstream;
    answer.client = m_request.path.dialect;
    answer.nowUs = m_env.clock.nowUs();
    ProviderError error = readProviderError(answer);
    m_decision.attempts.back().error = log::redacted(error.refusal.message);
    m_healthCall.end(error.outcome);
    auto charge = error.mayHaveBilled ? chargeForInput(terms()) : chargeNothing();
    co_await settle(std::move(charge));
    if (error.notProcessed && mayFallBack(error.reply, error.refusal.message, error.outcome.end)) {
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

/// False: the provider broke off; the call is settled and the client told.
asio::awaitable<bool> Exchange::readWhole(std::string& body)
{
    const int idleMs
        = m_provider->idleTimeoutMs > 0 ? m_provider->idleTimeoutMs : limits::idleTimeoutMs;
    for (;;) {
        setPhaseDeadline(idleMs);
        const auto piece = co_await m_call->readBody(body);
        if (!piece) {
            auto error = piece.error();
            co_await failCall(std::move(error));
            co_return false;
        }
        if (!*piece) {
            setPhaseDeadline(0);
            co_return true;
        }
    }
}

asio::awaitable<void> Exchange::relayWhole()
{
    std::string body;
    const bool whole = co_await readWhole(body);
    if (!whole) {
        co_return;
    }
    wire::Answer answer;
    const auto facts = readFacts(body, answer);
    if (!facts) {
        UpstreamError error;
        error.message = "its answer cannot be read (" + facts.error().message + ").";
        co_await failCall(std::move(error));
        co_return;
    }
    auto charge = chargeForWhole(*facts);
    if (isTranslated() && m_kind == CallKind::Answer) {
        if (auto told = usageToTell(terms(), *facts)) {
            answer.usage = std::move(*told);
        }
    }
    noteHealth(CallEnd::Ok);
    m_decision.status = charge.kind == ledger::SettleKind::Exact ? Status::Ok : Status::Estimated;
    co_await settle(std::move(charge));
    rememberResponse(*facts);
    m_decision.firstByteUs = m_env.clock.monotonicUs() - m_request.atMonotonicUs;
    if (isTranslated() && m_view.stream) {
        co_await handAsStream(std::move(answer));
        co_return;
    }
    Reply reply;
    reply.headers = successHeaders(true);
    reply.body = isTranslated() ? m_codec.writeAnswer(answer, answerContext()) : std::move(body);
    const bool delivered = co_await m_client.reply(std::move(reply));
    if (!delivered || m_left) {
        setFailure(Status::ClientLeft, 499, "The client left before its answer was ready.");
    }
}

/// What the meter needs of a whole answer; `answer` is filled only when it must be translated.
Result<wire::AnswerFacts> Exchange::readFacts(const std::string& body, wire::Answer& answer) const
{
    if (m_kind == CallKind::Embeddings) {
        return wire::readEmbeddingsAnswer(body);
    }
    auto read = wire::codecOf(m_upstream).readAnswer(body);
    if (!read) {
        return read.error();
    }
    wire::AnswerFacts facts = wire::factsOf(*read);
    answer = std::move(*read);
    return facts;
}

/// The client wanted a stream, its provider sent the answer in one piece.
asio::awaitable<void> Exchange::handAsStream(wire::Answer answer)
{
    const auto writer = m_codec.eventWriter(answerContext());
    std::string bytes;
    for (const auto& event : wire::eventsOf(answer)) {
        writer->write(event, bytes);
    }
    writer->end(bytes);
    co_await hand(std::move(bytes));
    if (m_left) {
        setFailure(Status::ClientLeft, 499, "The client left before its answer was ready.");
        co_return;
    }
    co_await m_client.endStream();
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
        head.contentType = m_request.path.arrayStream ? "application/json" : m_codec.streamType();
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

RunningMeter Exchange::runningMeter() const
{
    return RunningMeter(terms());
}

/// False: the client does not take them now.
bool Exchange::handAtOnce(std::string_view bytes)
{
    return bytes.empty() || m_left || m_overrun || (m_streaming && m_client.writeAtOnce(bytes));
}

/// Hands on at once what came of a piece; `rest` is what the client must be waited for.
Result<void> Exchange::relayPiece(
    wire::StreamRelay& relay, std::string_view piece, std::string& rest)
{
    // One buffer for all streams of a thread: a stream that waits keeps none.
    thread_local std::string out;
    out.clear();
    auto fed = relay.feed(piece, out);
    rememberResponse(relay.facts());
    if (fed && !handAtOnce(out)) {
        rest = out;
    }
    if (out.capacity() > relayScratchBytesMax) {
        std::string().swap(out);
    }
    return fed;
}

/// Reads and hands over until the upstream ends. True: it ended properly.
asio::awaitable<bool> Exchange::pump(wire::StreamRelay& relay)
{
    const int idleMs
        = m_provider->idleTimeoutMs > 0 ? m_provider->idleTimeoutMs : limits::idleTimeoutMs;
    RunningMeter running = runningMeter();
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
        std::string rest;
        if (!*more) {
            relay.finish(rest);
            rememberResponse(relay.facts());
            co_await hand(std::move(rest));
            co_return true;
        }
        const auto fed = relayPiece(relay, piece, rest);
        if (!fed) {
            m_decision.attempts.back().error = fed.error().message;
            m_call->cancel();
            co_return false;
        }
        if (!rest.empty()) {
            co_await hand(std::move(rest));
        }
        if (!m_overrun && running.exceeded(relay.facts())) {
            m_overrun = true; // the client gets no more; the provider's own figure is still wanted
            m_drainDeadlineMs = m_env.sweeper.in(std::max(m_env.drainTimeoutMs, 1));
            updateDeadline();
        }
        if (m_overrun && running.exceeded(relay.facts()) && running.runaway()) {
            m_call->cancel();
            co_return false;
        }
    }
}

asio::awaitable<void> Exchange::relayStream()
{
    wire::RelayOptions options;
    options.upstream = m_upstream;
    options.client = m_request.path.dialect;
    options.stripUsage = !isTranslated() && !m_keepsUsage && m_provider->injectUsage;
    options.context = answerContext();
    options.missingUsage
        = [this](const wire::AnswerFacts& facts) { return usageToTell(terms(), facts); };
    wire::StreamRelay relay(std::move(options));
    const bool ended = co_await pump(relay);
    co_await bookStream(relay, ended);
}

asio::awaitable<void> Exchange::bookStream(wire::StreamRelay& relay, bool ended)
{
    setPhaseDeadline(0);
    m_drainDeadlineMs = 0;
    updateDeadline();
    const auto& facts = relay.facts();
    const bool proper = ended && (facts.done || !facts.finishReason.empty());
    if (!proper) {
        noteBrokenOff(m_decision.attempts.back().error);
    } else {
        noteHealth(facts.error.empty() ? CallEnd::Ok : CallEnd::ServerError, facts.error);
    }
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
    // A translated stream has its end only when the provider's answer had one.
    co_await endStream(relay, isTranslated() ? ended && facts.done : proper);
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
    auto full = chargeInFull(terms(), facts);
    if (m_overrun) { // the hold was too small already: at least what was delivered
        if (auto charge = chargeForDelivered(terms(), facts);
            charge && charge->amount > m_decision.bound) {
            return std::move(*charge);
        }
    }
    return full;
}

asio::awaitable<void> Exchange::endStream(wire::StreamRelay& relay, bool properEnd)
{
    if (m_left || m_client.gone()) {
        setFailure(Status::ClientLeft, 499, "The client left before the end of its answer.");
        co_return;
    }
    if (properEnd && !m_overrun) {
        if (!relay.facts().error.empty()) {
            setFailure(Status::Failed, 200, log::redacted(relay.facts().error));
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
    std::string last;
    relay.fail(refusal, last);
    const bool taken = co_await m_client.write(last);
    if (taken) {
        co_await m_client.endStream();
    }
}

} // namespace headgate::proxy
