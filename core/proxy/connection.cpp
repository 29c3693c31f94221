// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/connection.h"

#include "core/base/limits.h"
#include "core/proxy/admission.h"
#include "core/proxy/asio.h"
#include "core/proxy/models_route.h"
#include "core/proxy/send_now.h"
#include "core/proxy/token_count.h"

#include <fmt/format.h>

#include <array>

#include <sys/socket.h>

namespace headgate::proxy {

namespace asio = boost::asio;
using boost::system::error_code;

namespace {

/// What is read ahead of a request that is being served: pipelined heads, not bodies.
constexpr std::size_t readAheadBytesMax = limits::headBytesMax;
/// A refused request's body is read and thrown away this long, so that the client gets to read its
/// answer instead of a reset.
constexpr int lingerMs = 2'000;
/// At shutdown: time for the last words to a client that still reads.
constexpr int lastWordsMs = 1'000;
/// Ollama's clients look at it before they use a feature: the version whose API is spoken here.
constexpr const char* ollamaApiVersion = "0.12.0";

Error bodyTooLarge()
{
    return {ErrorCode::OutOfRange,
        fmt::format("The request body is larger than {} MiB.", limits::bodyBytesMax >> 20U)};
}

wire::Refusal plainRefusal(wire::RefusalKind kind, std::string message)
{
    wire::Refusal refusal;
    refusal.kind = kind;
    refusal.message = std::move(message);
    return refusal;
}

} // namespace

Connection::Connection(asio::ip::tcp::socket socket, Place place)
    : m_socket(std::move(socket)),
      m_place(place),
      m_input(m_socket.get_executor())
{
    m_place.shared.connections.fetch_add(1);
    m_place.sweeper.add(*this);
}

Connection::~Connection()
{
    releaseBodyBytes();
    m_place.shared.connections.fetch_sub(1);
}

void Connection::releaseBodyBytes()
{
    m_place.shared.bodyBytes.fetch_sub(m_bodyBytes);
    m_bodyBytes = 0;
}

void Connection::setDeadline(int ms)
{
    deadlineMs = m_place.sweeper.in(ms);
}

void Connection::onDeadline()
{
    m_expired = true;
    close();
}

void Connection::onShutdown()
{
    m_keepAlive = false;
    const auto last = m_place.sweeper.in(m_idle ? 1 : lastWordsMs);
    if (deadlineMs == 0 || deadlineMs > last) { // called again and again: never later than first
        deadlineMs = last;
    }
}

void Connection::closeIfIdle()
{
    if (m_idle && m_in.empty()) {
        close();
    }
}

void Connection::close()
{
    error_code ignored;
    m_socket.close(ignored);
    leave();
}

void Connection::leave()
{
    if (m_gone) {
        return;
    }
    m_gone = true;
    m_input.set();
    if (m_onGone) {
        const auto callback = m_onGone;
        callback();
    }
}

void Connection::setOnGone(std::function<void()> callback)
{
    m_onGone = std::move(callback);
    if (m_gone && m_onGone) {
        const auto once = m_onGone;
        once();
    }
}

void Connection::watch()
{
    if (m_watching || m_gone || m_in.size() >= readAheadBytesMax) {
        return;
    }
    m_watching = true;
    m_socket.async_wait(
        asio::ip::tcp::socket::wait_read, [self = shared_from_this()](const error_code& ec) {
            self->m_watching = false;
            if (ec) {
                self->leave();
            } else {
                self->onReadable();
            }
        });
}

void Connection::onReadable()
{
    // One buffer for all connections of a thread: an idle connection keeps none.
    thread_local std::array<char, 64 * 1024> scratch;
    const auto got = ::recv(m_socket.native_handle(), scratch.data(), scratch.size(), MSG_DONTWAIT);
    if (got > 0) {
        m_in.append(scratch.data(), static_cast<std::size_t>(got));
        m_input.set();
        watch();
    } else if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
        watch();
    } else {
        leave();
    }
}

// --- reading

asio::awaitable<void> Connection::refuseMalformed(const Error& error)
{
    m_keepAlive = false; // where the next request would begin is anybody's guess
    const bool large = error.code == ErrorCode::OutOfRange;
    return refuse(plainRefusal(large ? wire::RefusalKind::TooLarge : wire::RefusalKind::BadRequest,
                      error.text()),
        {});
}

asio::awaitable<bool> Connection::readHead(RequestParser& parser)
{
    m_idle = m_in.empty();
    setDeadline(m_idle ? limits::keepAliveIdleMs : limits::headTimeoutMs);
    for (;;) {
        const auto state = parser.feed(m_in);
        if (!state) {
            m_idle = false;
            co_await refuseMalformed(state.error());
            co_return false;
        }
        if (*state == RequestParser::State::HeadDone) {
            m_idle = false;
            co_return true;
        }
        if (m_gone) {
            co_return false;
        }
        watch();
        co_await m_input.wait();
        if (m_idle && !m_in.empty()) {
            m_idle = false;
            setDeadline(limits::headTimeoutMs);
        }
    }
}

asio::awaitable<bool> Connection::readBody(RequestParser& parser)
{
    setDeadline(limits::bodyTimeoutMs);
    for (;;) {
        const auto state = parser.feed(m_in);
        if (!state) {
            co_await refuseMalformed(state.error());
            co_return false;
        }
        const auto size = static_cast<std::int64_t>(parser.body().size());
        const auto total
            = m_place.shared.bodyBytes.fetch_add(size - m_bodyBytes) + size - m_bodyBytes;
        m_bodyBytes = size;
        if (total > static_cast<std::int64_t>(limits::bodyBytesTotalMax)) {
            m_keepAlive = false;
            co_await refuseOverloaded(
                "The requests being read fill the memory set aside for them.", 2);
            co_return false;
        }
        if (*state == RequestParser::State::Done) {
            deadlineMs = 0;
            co_return true;
        }
        if (m_gone) {
            co_return false;
        }
        watch();
        co_await m_input.wait();
    }
}

// --- serving

asio::awaitable<void> Connection::serve(std::shared_ptr<Connection> self)
{
    bool more = true;
    while (more && !self->m_gone) {
        more = co_await self->serveOne();
    }
    if (!self->m_gone) {
        co_await self->linger();
    }
    self->close();
}

asio::awaitable<bool> Connection::serveOne()
{
    const auto parser = std::make_unique<RequestParser>();
    const bool head = co_await readHead(*parser);
    if (!head) {
        co_return false;
    }
    const bool keep = co_await handle(*parser);
    releaseBodyBytes();
    co_return keep && !m_gone && !m_place.shared.stopping.load();
}

asio::awaitable<bool> Connection::handle(RequestParser& parser)
{
    const auto& head = parser.head();
    m_keepAlive = head.keepAlive && !m_place.shared.stopping.load();
    m_headOnly = head.method == "HEAD";
    m_chunked = head.version == 11;
    m_place.shared.requests.fetch_add(1);
    auto config = m_place.shared.config(); // again for every request: a revoked key ends at once
    const auto now = m_place.shared.clock.nowUs();
    const auto admission = admit(head, *config, m_place.shared.port, now);
    m_dialect = admission.path.dialect;
    if (admission.refusal) {
        m_place.shared.refused.fetch_add(1);
        m_keepAlive = m_keepAlive && !head.hasBody;
        co_await refuse(*admission.refusal, admission.allow);
        co_return m_keepAlive;
    }
    if (head.contentLength > static_cast<std::int64_t>(limits::bodyBytesMax)) {
        auto error = bodyTooLarge();
        co_await refuseMalformed(error);
        co_return false;
    }
    if (head.hasBody) {
        if (head.expectsContinue && m_in.empty()) {
            const bool sent = co_await send("HTTP/1.1 100 Continue\r\n\r\n");
            if (!sent) {
                co_return false;
            }
        }
        const bool whole = co_await readBody(parser);
        if (!whole) {
            co_return false;
        }
    }
    deadlineMs = 0;
    watch();
    co_await route(admission, parser, std::move(config));
    co_return m_keepAlive;
}

Result<std::string> Connection::listing(const RoutedPath& path, const ProxyConfig& config) const
{
    switch (path.route) {
    case Route::Models:
        return modelsJson(config.catalog, path.dialect);
    case Route::Model:
        return modelJson(config.catalog, path.argument, path.dialect);
    case Route::Version:
        return fmt::format(
            R"({{"version":"{}","headgate":"{}"}})", ollamaApiVersion, HEADGATE_VERSION);
    case Route::Health:
        return fmt::format(
            R"({{"status":"ok","paused":{},"version":"{}"}})", config.paused, HEADGATE_VERSION);
    case Route::Root:
    case Route::Answer:
    case Route::Embeddings:
    case Route::CountTokens:
    case Route::None:
        break;
    }
    return fmt::format(
        R"({{"name":"headgate","version":"{}","base_url":"/v1"}})", HEADGATE_VERSION);
}

/// No coroutine itself: an exchange waits long, and each one above it keeps its frame meanwhile.
asio::awaitable<void> Connection::route(
    const Admission& admission, RequestParser& parser, std::shared_ptr<const ProxyConfig> config)
{
    const auto& path = admission.path;
    if (path.route == Route::Answer || path.route == Route::Embeddings
        || path.route == Route::CountTokens) {
        return exchange(admission, parser, std::move(config));
    }
    return list(path, *config);
}

asio::awaitable<void> Connection::list(const RoutedPath& path, const ProxyConfig& config)
{
    auto body = listing(path, config);
    if (!body) {
        co_await refuse(plainRefusal(wire::RefusalKind::NotFound, body.error().text()), {});
        co_return;
    }
    Reply out;
    out.body = std::move(*body);
    co_await reply(std::move(out));
}

asio::awaitable<void> Connection::exchange(
    const Admission& admission, RequestParser& parser, std::shared_ptr<const ProxyConfig> config)
{
    auto& shared = m_place.shared;
    if (shared.inFlight.fetch_add(1) >= static_cast<std::int64_t>(limits::requestsInFlightMax)) {
        shared.inFlight.fetch_sub(1);
        shared.refused.fetch_add(1);
        co_await refuseOverloaded("Too many requests are in flight in Headgate.", 1);
        co_return;
    }
    auto running = begin(admission, parser, std::move(config));
    const bool refused = co_await std::move(running);
    shared.inFlight.fetch_sub(1);
    if (refused) {
        shared.refused.fetch_add(1);
    }
}

/// What an exchange is built of: not kept by a coroutine that waits for it.
asio::awaitable<bool> Connection::begin(
    const Admission& admission, RequestParser& parser, std::shared_ptr<const ProxyConfig> config)
{
    auto& shared = m_place.shared;
    const auto now = shared.clock.nowUs();
    shared.keyUsed(admission.key.id, now);
    ExchangeEnv env{shared.ledger, shared.sink, m_place.upstream, shared.clock, m_place.sweeper,
        shared.ids, std::move(config), shared.inFlightWaitMs, shared.drainTimeoutMs, shared.margins,
        &shared.loops, shared.onAlert, shared.responses, shared.health, &shared.counts};
    ExchangeRequest request{parser.head(), std::move(parser.body()), admission.key, now,
        shared.clock.monotonicUs(), admission.path};
    return admission.path.route == Route::CountTokens
        ? runTokenCount(std::move(env), std::move(request), *this)
        : runExchange(std::move(env), std::move(request), *this);
}

// --- writing

asio::awaitable<void> Connection::refuseOverloaded(std::string message, int retryAfterSeconds)
{
    auto refusal = plainRefusal(wire::RefusalKind::Overloaded, std::move(message));
    refusal.retryAfterSeconds = retryAfterSeconds;
    return refuse(std::move(refusal), {});
}

asio::awaitable<void> Connection::refuse(wire::Refusal refusal, std::string allow)
{
    auto written = wire::codecOf(m_dialect).writeRefusal(refusal);
    Reply out;
    out.status = written.status;
    out.headers = std::move(written.headers);
    if (!allow.empty()) {
        out.headers.emplace_back("allow", std::move(allow));
    }
    if (written.status == 401) {
        out.headers.emplace_back("www-authenticate", "Bearer");
    }
    out.body = std::move(written.body);
    co_await reply(std::move(out));
}

std::string Connection::headText(const Reply& reply, const std::string& framing) const
{
    auto out = fmt::format("HTTP/1.1 {} {}\r\ncontent-type: {}\r\n{}", reply.status,
        reasonPhrase(reply.status), reply.contentType, framing);
    for (const auto& [name, value] : reply.headers) {
        out += name + ": " + value + "\r\n";
    }
    out += m_keepAlive ? "\r\n" : "connection: close\r\n\r\n";
    return out;
}

asio::awaitable<bool> Connection::send(std::string bytes)
{
    if (m_gone) {
        co_return false;
    }
    const std::array<std::string_view, 1> whole{bytes};
    const auto sent = sendNow(m_socket.native_handle(), whole);
    if (sent == bytes.size()) {
        co_return true;
    }
    setDeadline(limits::clientWriteTimeoutMs);
    const auto rest = asio::buffer(bytes.data() + sent, bytes.size() - sent);
    auto writing = asio::async_write(m_socket, rest, asio::as_tuple(asio::deferred));
    const auto [ec, more] = co_await std::move(writing);
    deadlineMs = 0;
    if (ec) {
        close();
        co_return false;
    }
    co_return !m_gone;
}

asio::awaitable<bool> Connection::reply(Reply reply)
{
    auto bytes = headText(reply, fmt::format("content-length: {}\r\n", reply.body.size()));
    if (!m_headOnly) {
        bytes += reply.body;
    }
    co_return co_await send(std::move(bytes));
}

asio::awaitable<bool> Connection::startStream(Reply head)
{
    if (!m_chunked) {
        m_keepAlive = false; // HTTP/1.0: the end of the connection is the end of the answer
    }
    auto bytes = headText(head, m_chunked ? "transfer-encoding: chunked\r\n" : "");
    co_return co_await send(std::move(bytes));
}

bool Connection::writeAtOnce(std::string_view bytes)
{
    if (m_gone || bytes.empty()) {
        return false; // an empty chunk would end the stream
    }
    std::array<char, 24> size{};
    std::string_view head;
    if (m_chunked) {
        const auto end = fmt::format_to_n(size.data(), size.size(), "{:x}\r\n", bytes.size()).out;
        head = {size.data(), static_cast<std::size_t>(end - size.data())};
    }
    const std::array<std::string_view, 3> pieces{head, bytes, m_chunked ? "\r\n" : ""};
    const auto sent = sendNow(m_socket.native_handle(), pieces);
    if (sent == head.size() + bytes.size() + pieces[2].size()) {
        return true;
    }
    m_unsent = unsentOf(pieces, sent);
    return false;
}

asio::awaitable<bool> Connection::write(std::string_view bytes)
{
    if (m_unsent.empty() && writeAtOnce(bytes)) {
        co_return true;
    }
    if (m_unsent.empty()) {
        co_return !m_gone;
    }
    co_return co_await send(std::exchange(m_unsent, {}));
}

asio::awaitable<bool> Connection::endStream()
{
    if (!m_chunked) {
        co_return !m_gone;
    }
    co_return co_await send("0\r\n\r\n");
}

/// Closing with unread bytes would reset the connection and take the answer with it.
asio::awaitable<void> Connection::linger()
{
    error_code ignored;
    m_socket.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
    setDeadline(lingerMs);
    std::size_t thrown = 0;
    while (!m_gone && thrown < limits::lingerBytesMax) {
        thrown += m_in.size();
        m_in.clear();
        watch();
        co_await m_input.wait();
    }
}

} // namespace headgate::proxy
