// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/upstream_http.h"

#include "core/base/limits.h"
#include "core/proxy/asio.h"
#include "core/proxy/http_parser.h"
#include "core/proxy/send_now.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <deque>
#include <optional>

#include <sys/socket.h>

namespace headgate::proxy {

namespace asio = boost::asio;
namespace ssl = boost::asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// Providers close idle connections after a minute or more; older ones are rarely alive.
constexpr std::int64_t idleMsMax = 55'000;

/// The first read of a whole answer; streams and what trickles are read in the least, what fills it
/// in more.
constexpr std::size_t firstReadBytes = 4 * 1024;
constexpr std::size_t leastReadBytes = 1 * 1024;

/// Awaited in place: no coroutine of its own an operation.
constexpr auto tupled = asio::as_tuple(asio::deferred);

std::string explain(const error_code& ec)
{
    if (ec.category() == asio::error::get_ssl_category()) {
        return fmt::format("TLS failed ({}). Its certificate must be valid for its name and signed "
                           "by an authority that this system trusts; one of your own is named with "
                           "`headgate providers set NAME --ca-file FILE`.",
            ec.message());
    }
    return ec.message() + ".";
}

UpstreamError failure(UpstreamPhase phase, std::string message, bool timeout = false)
{
    UpstreamError error;
    error.phase = phase;
    error.timeout = timeout;
    error.message = std::move(message);
    return error;
}

/// A TCP connection, with TLS on top where the URL says so.
class Link {
public:
    Link(const asio::any_io_executor& executor, ssl::context* context)
    {
        if (context != nullptr) {
            m_tls = std::make_unique<ssl::stream<tcp::socket>>(tcp::socket(executor), *context);
        } else {
            m_plain.emplace(executor);
        }
    }
    [[nodiscard]] tcp::socket& socket() { return m_tls ? m_tls->next_layer() : *m_plain; }
    [[nodiscard]] ssl::stream<tcp::socket>* tls() { return m_tls.get(); }

    /// A request in one piece on the wire, without copying its body.
    asio::awaitable<error_code> write(std::string_view head, std::string_view body)
    {
        if (m_tls) {
            // One record and one packet for a small request.
            const auto whole = std::string(head).append(body);
            auto writing = asio::async_write(*m_tls, asio::buffer(whole), tupled);
            const auto [ec, sent] = co_await std::move(writing);
            co_return ec;
        }
        const std::array<std::string_view, 2> pieces{head, body};
        const auto sent = sendNow(m_plain->native_handle(), pieces);
        if (sent == head.size() + body.size()) {
            co_return error_code();
        }
        const auto rest = unsentOf(pieces, sent);
        auto writing = asio::async_write(*m_plain, asio::buffer(rest), tupled);
        const auto [ec, more] = co_await std::move(writing);
        co_return ec;
    }

    /// Reads once, to be awaited: (error_code, bytes).
    [[nodiscard]] auto read(asio::mutable_buffer buffer)
    {
        auto start = [this](auto handler, asio::mutable_buffer into) {
            if (m_tls) {
                m_tls->async_read_some(into, std::move(handler));
            } else {
                m_plain->async_read_some(into, std::move(handler));
            }
        };
        return asio::async_initiate<decltype(tupled), void(error_code, std::size_t)>(
            start, tupled, buffer);
    }

    void close()
    {
        error_code ignored;
        socket().close(ignored);
    }

    /// Nothing to read and not closed by the other side.
    [[nodiscard]] bool isAlive()
    {
        char byte = 0;
        const auto got = ::recv(socket().native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    }

private:
    std::optional<tcp::socket> m_plain;
    std::unique_ptr<ssl::stream<tcp::socket>> m_tls; ///< large: only where it is needed
};

struct IdleLink {
    std::unique_ptr<Link> link;
    std::int64_t sinceMs = 0;
};

/// Closes a connection attempt that takes too long.
class ConnectDeadline final : public Sweepable {
public:
    ConnectDeadline(Sweeper& sweeper, int ms)
    {
        deadlineMs = sweeper.in(ms);
        sweeper.add(*this);
    }
    void onDeadline() override
    {
        expired = true;
        end();
    }
    void onShutdown() override { end(); }

    Link* link = nullptr;
    tcp::resolver* resolver = nullptr;
    bool expired = false;

private:
    void end()
    {
        if (resolver != nullptr) {
            resolver->cancel();
        }
        if (link != nullptr) {
            link->close();
        }
    }
};

} // namespace

struct UpstreamShared::Tls {
    /// For an authority file (empty: the system's alone). A file that cannot be read is an error
    /// each time: nothing is trusted instead.
    [[nodiscard]] Result<ssl::context*> contextFor(const std::string& caFile)
    {
        const std::scoped_lock lock(mutex);
        if (const auto it = contexts.find(caFile); it != contexts.end()) {
            return it->second.get();
        }
        auto context = std::make_unique<ssl::context>(ssl::context::tls_client);
        context->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
        SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION);
        error_code ec; // without a trust store nothing verifies: refused, not waved through
        context->set_default_verify_paths(ec); // honours SSL_CERT_FILE and SSL_CERT_DIR
        if (!caFile.empty()) {
            context->load_verify_file(caFile, ec);
            if (ec) {
                return Error(ErrorCode::Io,
                    fmt::format(
                        "its file of authorities {} cannot be read ({}).", caFile, ec.message()));
            }
        }
        return contexts.emplace(caFile, std::move(context)).first->second.get();
    }
    std::mutex mutex;
    std::map<std::string, std::unique_ptr<ssl::context>> contexts; ///< never taken out again
};

UpstreamShared::UpstreamShared() : m_tls(std::make_unique<Tls>()) { }

UpstreamShared::~UpstreamShared() = default;

namespace {

/// The way to a provider: where it is, what is between, what is trusted.
struct Route {
    BaseUrl url;
    std::optional<ProxyHop> hop;
    std::string caFile;
    std::string name; ///< connections of one name are alike

    /// A proxy is told the whole URL of plain requests; TLS goes through a tunnel.
    [[nodiscard]] bool isRelayed() const { return hop && !url.tls; }
    /// "its proxy host:port": which one a message is about, without what is secret of it.
    [[nodiscard]] std::string hopName() const
    {
        const bool v6 = hop->host.find(':') != std::string::npos;
        return "its proxy " + (v6 ? "[" + hop->host + "]" : hop->host) + ":" + hop->port;
    }
};

/// As a provider was configured when its route was worked out.
struct KnownRoute {
    std::string baseUrl;
    std::string proxy;
    std::string caFile;
    std::shared_ptr<const Secret> proxyAuth;
    std::shared_ptr<const Route> route;

    [[nodiscard]] bool isOf(const catalog::Provider& provider) const
    {
        return route && baseUrl == provider.baseUrl && proxy == provider.proxy
            && caFile == provider.caFile;
    }
};

Result<Route> routeOf(const catalog::Provider& provider, std::shared_ptr<const Secret> proxyAuth)
{
    auto url = parseBaseUrl(provider.baseUrl);
    if (!url) {
        return url.error();
    }
    auto hop = proxyFor(provider, *url, std::move(proxyAuth), processEnvironment());
    if (!hop) {
        return hop.error();
    }
    Route route;
    route.url = std::move(*url);
    route.hop = std::move(*hop);
    route.caFile = provider.caFile;
    route.name = fmt::format("{}|{}|{}", provider.baseUrl,
        route.hop ? route.hop->host + ":" + route.hop->port : std::string(), route.caFile);
    return route;
}

/// Reads a proxy's answer to CONNECT; it says nothing more before we do.
asio::awaitable<std::string> readTunnelAnswer(tcp::socket& socket, error_code& ec)
{
    std::string head;
    std::array<char, 1'024> piece{};
    while (head.find("\r\n\r\n") == std::string::npos && head.size() < limits::headBytesMax) {
        auto token = asio::redirect_error(asio::use_awaitable, ec);
        const auto got = co_await socket.async_read_some(asio::buffer(piece), token);
        if (ec) {
            break;
        }
        head.append(piece.data(), got);
    }
    co_return head;
}

/// Empty: the tunnel stands. Else why not.
asio::awaitable<std::string> openTunnel(tcp::socket& socket, const Route& route)
{
    const bool v6 = route.url.host.find(':') != std::string::npos;
    const auto target = (v6 ? "[" + route.url.host + "]" : route.url.host) + ":" + route.url.port;
    const auto request = fmt::format(
        "CONNECT {} HTTP/1.1\r\nhost: {}\r\n{}\r\n", target, target, proxyAuthLine(*route.hop));
    error_code ec;
    const auto buffer = asio::buffer(request);
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    co_await asio::async_write(socket, buffer, token);
    std::string head;
    if (!ec) {
        head = co_await readTunnelAnswer(socket, ec);
    }
    if (ec) {
        co_return route.hopName() + " broke off: " + explain(ec);
    }
    const auto end = head.find("\r\n\r\n");
    if (!head.starts_with("HTTP/1.") || head.size() < 12 || end == std::string::npos) {
        co_return route.hopName() + " does not answer like one.";
    }
    const auto status = head.substr(9, 3);
    if (status[0] != '2' || end + 4 != head.size()) {
        co_return fmt::format("{} refused the connection (status {}).{}", route.hopName(), status,
            status == "407" ? " It wants a user name and password: `headgate providers set NAME "
                              "--proxy-auth-env VARIABLE`."
                            : "");
    }
    co_return std::string();
}

} // namespace

struct HttpUpstream::Impl : std::enable_shared_from_this<HttpUpstream::Impl> {
    Impl(UpstreamShared& s, Sweeper& w) : shared(s), sweeper(w) { }
    UpstreamShared& shared;
    Sweeper& sweeper;
    std::map<std::string, std::deque<IdleLink>> idle; ///< by the name of their route
    std::map<std::string, KnownRoute> routes; ///< by provider
    bool closing = false;

    [[nodiscard]] Result<std::shared_ptr<const Route>> routeTo(
        const catalog::Provider& provider, std::shared_ptr<const Secret> proxyAuth);
    [[nodiscard]] std::unique_ptr<Link> takeIdle(const std::string& route);
    void giveBack(const std::string& route, std::unique_ptr<Link> link);
    asio::awaitable<UpstreamResult<std::unique_ptr<Link>>> open(const Route& route, int timeoutMs);
    /// Empty: it stands. Else why not.
    asio::awaitable<std::string> establish(
        Link& link, const tcp::endpoint& endpoint, const Route& route);
    asio::awaitable<error_code> resolve(const std::string& host, const std::string& port,
        ConnectDeadline& deadline, std::vector<tcp::endpoint>& out);
    asio::awaitable<error_code> handshake(Link& link, const std::string& host);
};

namespace {

/// One provider slot, given back when the call ends.
class Slot {
public:
    Slot(UpstreamShared& shared, std::string provider)
        : m_shared(shared),
          m_provider(std::move(provider))
    {
    }
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() { m_shared.slots().release(m_provider); }

private:
    UpstreamShared& m_shared;
    std::string m_provider;
};

} // namespace

/// One request on one connection.
class HttpCall final : public UpstreamCall {
public:
    struct Parts {
        std::shared_ptr<HttpUpstream::Impl> pool;
        std::unique_ptr<Slot> slot;
        std::unique_ptr<Link> link;
        std::shared_ptr<const Route> route;
        catalog::Dialect dialect = catalog::Dialect::OpenAi;
        std::shared_ptr<const Secret> key;
    };
    explicit HttpCall(Parts parts) : m_parts(std::move(parts)) { }
    ~HttpCall() override
    {
        const bool unused = !m_sent && !m_cancelled;
        const bool finished
            = m_sent && !m_cancelled && m_parser.done() && m_parser.keepAlive() && m_in.empty();
        if (m_parts.link && (unused || finished)) {
            m_parts.pool->giveBack(m_parts.route->name, std::move(m_parts.link));
        }
    }

    asio::awaitable<UpstreamResult<void>> send(UpstreamRequest request) override
    {
        const auto head = headOf(request);
        m_sent = true;
        m_roomBytes = request.stream ? leastReadBytes : firstReadBytes;
        const auto ec = co_await m_parts.link->write(head, request.body);
        if (ec) {
            co_return failure(UpstreamPhase::Sent, explain(ec));
        }
        co_return UpstreamResult<void>();
    }

    asio::awaitable<UpstreamResult<UpstreamHead>> readHead() override
    {
        while (!m_parser.headDone()) {
            auto reading = m_parts.link->read(makeRoom());
            const auto [ec, got] = co_await std::move(reading);
            took(got);
            if (ec) {
                co_return failure(UpstreamPhase::Sent, m_cancelled ? "cancelled" : explain(ec));
            }
            const auto fed = m_parser.feed(m_in, m_body);
            if (!fed) {
                co_return failure(UpstreamPhase::Sent, fed.error().message);
            }
            if (!m_parser.headDone() && m_in.size() > 2 * limits::headBytesMax) {
                co_return failure(UpstreamPhase::Sent, "Its answer's head is too large.");
            }
        }
        UpstreamHead head;
        head.status = m_parser.status();
        head.headers = m_parser.takeHeaders();
        co_return head;
    }

    asio::awaitable<UpstreamResult<bool>> readBody(std::string& out) override
    {
        if (!m_body.empty()) {
            out += m_body;
            m_body.clear();
            co_return true;
        }
        const auto before = out.size();
        while (out.size() == before) { // an empty piece would look like the end to some callers
            if (m_parser.done()) {
                co_return false;
            }
            auto reading = m_parts.link->read(makeRoom());
            const auto [ec, got] = co_await std::move(reading);
            took(got);
            if (ec && (m_cancelled || ec != asio::error::eof)) {
                co_return failure(UpstreamPhase::Sent, m_cancelled ? "cancelled" : explain(ec));
            }
            if (ec) {
                const auto ended = m_parser.feedEnd();
                if (!ended) {
                    co_return failure(UpstreamPhase::Sent, ended.error().message);
                }
                co_return false;
            }
            const auto fed = m_parser.feed(m_in, out);
            if (!fed) {
                co_return failure(UpstreamPhase::Sent, fed.error().message);
            }
            if (!m_parser.done() && m_in.size() > limits::headBytesMax) {
                co_return failure(UpstreamPhase::Sent, "Its answer has an endless chunk header.");
            }
        }
        co_return true;
    }

    void cancel() override
    {
        m_cancelled = true;
        if (m_parts.link) {
            m_parts.link->close();
        }
    }

private:
    /// Behind what is there already. A stream waits for most of its life: it keeps little
    /// meanwhile.
    [[nodiscard]] asio::mutable_buffer makeRoom()
    {
        if (m_in.empty() && m_in.capacity() > 2 * m_roomBytes) {
            std::string().swap(m_in);
        }
        m_inBytes = m_in.size();
        m_in.resize(m_inBytes + m_roomBytes);
        return asio::buffer(m_in.data() + m_inBytes, m_roomBytes);
    }
    void took(std::size_t bytes)
    {
        m_in.resize(m_inBytes + bytes);
        if (bytes == m_roomBytes) {
            m_roomBytes = std::min(m_roomBytes * 4, limits::relayBufferBytes);
        } else if (bytes < m_roomBytes / 4) {
            m_roomBytes = leastReadBytes;
        }
    }
    [[nodiscard]] std::string headOf(const UpstreamRequest& request) const
    {
        const Route& route = *m_parts.route;
        const auto host = route.url.hostHeader();
        std::string out = fmt::format("{} {}{}{} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n",
            request.method, route.isRelayed() ? "http://" + host : std::string(), route.url.path,
            request.path, host, request.body.size());
        if (route.isRelayed()) {
            out += proxyAuthLine(*route.hop);
        }
        out += authLines(m_parts.dialect, m_parts.key.get());
        bool hasVersion = m_parts.dialect != catalog::Dialect::Anthropic;
        for (const auto& [name, value] : request.headers) {
            const bool torn = (name + value).find_first_of("\r\n", 0) != std::string::npos;
            if (torn || isReservedHeader(name)) {
                continue;
            }
            hasVersion = hasVersion || equalsIgnoringCase(name, "anthropic-version");
            out += name + ": " + value + "\r\n";
        }
        if (!hasVersion) {
            out += fmt::format("anthropic-version: {}\r\n", anthropicVersion);
        }
        out += "\r\n";
        return out;
    }

    Parts m_parts;
    ResponseParser m_parser;
    std::string m_in;
    std::size_t m_inBytes = 0; ///< of m_in without the room being read into
    std::size_t m_roomBytes = leastReadBytes;
    std::string m_body;
    bool m_sent = false;
    bool m_cancelled = false;
};

Result<std::shared_ptr<const Route>> HttpUpstream::Impl::routeTo(
    const catalog::Provider& provider, std::shared_ptr<const Secret> proxyAuth)
{
    auto& known = routes[provider.name];
    if (known.isOf(provider) && known.proxyAuth == proxyAuth) {
        return known.route;
    }
    auto route = routeOf(provider, proxyAuth);
    if (!route) {
        return route.error();
    }
    known = {provider.baseUrl, provider.proxy, provider.caFile, std::move(proxyAuth),
        std::make_shared<const Route>(std::move(*route))};
    return known.route;
}

std::unique_ptr<Link> HttpUpstream::Impl::takeIdle(const std::string& route)
{
    const auto it = idle.find(route);
    if (it == idle.end()) {
        return nullptr;
    }
    while (!it->second.empty()) { // newest first: the old ones may die in peace
        auto candidate = std::move(it->second.back());
        it->second.pop_back();
        if (sweeper.nowMs() - candidate.sinceMs < idleMsMax && candidate.link->isAlive()) {
            return std::move(candidate.link);
        }
    }
    return nullptr;
}

void HttpUpstream::Impl::giveBack(const std::string& route, std::unique_ptr<Link> link)
{
    auto& links = idle[route];
    if (!closing && links.size() < limits::upstreamIdlePerHostMax) {
        links.push_back({std::move(link), sweeper.nowMs()});
    }
}

asio::awaitable<error_code> HttpUpstream::Impl::resolve(const std::string& host,
    const std::string& port, ConnectDeadline& deadline, std::vector<tcp::endpoint>& out)
{
    error_code ec;
    const auto literal = asio::ip::make_address(host, ec);
    if (!ec) {
        out.emplace_back(literal, static_cast<std::uint16_t>(std::stoi(port)));
        co_return ec;
    }
    auto executor = co_await asio::this_coro::executor;
    tcp::resolver resolver(executor);
    deadline.resolver = &resolver;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    const auto found = co_await resolver.async_resolve(host, port, token);
    deadline.resolver = nullptr;
    for (const auto& entry : found) {
        out.push_back(entry.endpoint());
    }
    co_return ec;
}

asio::awaitable<error_code> HttpUpstream::Impl::handshake(Link& link, const std::string& host)
{
    error_code ec;
    auto* stream = link.tls();
    if (stream == nullptr) {
        co_return ec;
    }
    error_code notLiteral;
    asio::ip::make_address(host, notLiteral);
    if (notLiteral) { // SNI carries names only
        auto name = host;
        SSL_ctrl(stream->native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
            name.data());
    }
    stream->set_verify_callback(ssl::host_name_verification(host), ec);
    if (ec) {
        co_return ec;
    }
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    co_await stream->async_handshake(ssl::stream_base::client, token);
    co_return ec;
}

asio::awaitable<std::string> HttpUpstream::Impl::establish(
    Link& link, const tcp::endpoint& endpoint, const Route& route)
{
    error_code ec;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    co_await link.socket().async_connect(endpoint, token);
    if (ec) {
        co_return (route.hop ? route.hopName() + ": " : "") + explain(ec);
    }
    error_code ignored;
    link.socket().set_option(tcp::no_delay(true), ignored);
    if (route.hop && route.url.tls) {
        auto why = co_await openTunnel(link.socket(), route);
        if (!why.empty()) {
            co_return why;
        }
    }
    ec = co_await handshake(link, route.url.host);
    co_return ec ? explain(ec) : std::string();
}

asio::awaitable<UpstreamResult<std::unique_ptr<Link>>> HttpUpstream::Impl::open(
    const Route& route, int timeoutMs)
{
    ssl::context* context = nullptr;
    if (route.url.tls) {
        const auto found = shared.tls().contextFor(route.caFile);
        if (!found) {
            auto error = failure(UpstreamPhase::Connect, found.error().message);
            error.ours = true;
            co_return error;
        }
        context = *found;
    }
    ConnectDeadline deadline(sweeper, timeoutMs);
    std::vector<tcp::endpoint> endpoints;
    const auto& host = route.hop ? route.hop->host : route.url.host;
    const auto& port = route.hop ? route.hop->port : route.url.port;
    if (isForbiddenHost(route.url.host)) { // a proxy would resolve it: what can be told before
        co_return failure(UpstreamPhase::Connect,
            fmt::format("its address {} is link-local or a metadata service, which are never "
                        "called.",
                route.url.host));
    }
    const auto ec = co_await resolve(host, port, deadline, endpoints);
    if (ec) {
        co_return failure(UpstreamPhase::Connect,
            fmt::format("{} name {} cannot be resolved ({}).", route.hop ? "its proxy's" : "its",
                host, ec.message()),
            deadline.expired);
    }
    std::string why = "no address.";
    auto executor = co_await asio::this_coro::executor;
    for (const tcp::endpoint& endpoint : endpoints) {
        if (isForbiddenAddress(endpoint.address())) {
            why = fmt::format("its address {} is link-local or a metadata service, which are never "
                              "called.",
                endpoint.address().to_string());
            continue;
        }
        auto link = std::make_unique<Link>(executor, context);
        deadline.link = link.get();
        why = co_await establish(*link, endpoint, route);
        deadline.link = nullptr;
        if (why.empty()) {
            co_return link;
        }
        if (deadline.expired) {
            why = (route.hop ? route.hopName() : "it") + " did not take the connection in time.";
            break;
        }
    }
    co_return failure(UpstreamPhase::Connect, why, deadline.expired);
}

HttpUpstream::HttpUpstream(UpstreamShared& shared, Sweeper& sweeper)
    : m_impl(std::make_shared<Impl>(shared, sweeper))
{
}

HttpUpstream::~HttpUpstream() = default;

bool HttpUpstream::readyNow(const catalog::Provider& provider) const
{
    const auto known = m_impl->routes.find(provider.name);
    if (known == m_impl->routes.end() || !known->second.isOf(provider)) {
        return false; // never called before
    }
    const auto it = m_impl->idle.find(known->second.route->name);
    return it != m_impl->idle.end() && !it->second.empty()
        && m_impl->shared.slots().hasFree(provider.name, provider.concurrencyMax);
}

asio::awaitable<UpstreamResult<std::unique_ptr<UpstreamCall>>> HttpUpstream::connect(
    const catalog::Provider& provider, UpstreamKeys keys)
{
    const auto route = m_impl->routeTo(provider, std::move(keys.proxyAuth));
    if (!route) {
        auto error = failure(UpstreamPhase::Connect, route.error().text());
        error.ours = true;
        co_return error;
    }
    UpstreamSlots::Wish wish;
    wish.provider = provider.name;
    wish.callsMax = provider.concurrencyMax;
    wish.waitMs = limits::upstreamQueueMs;
    wish.abandoned = keys.abandoned;
    const auto place = co_await m_impl->shared.slots().acquire(wish, m_impl->sweeper);
    if (place != UpstreamSlots::Wait::Granted) {
        const bool full = place == UpstreamSlots::Wait::Full;
        auto error = failure(UpstreamPhase::Connect,
            full ? "its limit of concurrent calls is reached and too many requests wait already."
                 : "its limit of concurrent calls is reached and no place came free in time.",
            !full);
        error.ours = true;
        co_return error;
    }
    HttpCall::Parts parts;
    parts.pool = m_impl;
    parts.slot = std::make_unique<Slot>(m_impl->shared, provider.name);
    parts.route = *route;
    parts.dialect = provider.dialect;
    parts.key = std::move(keys.key);
    parts.link = m_impl->takeIdle(parts.route->name);
    if (!parts.link) {
        const int timeoutMs
            = provider.connectTimeoutMs > 0 ? provider.connectTimeoutMs : limits::connectTimeoutMs;
        auto opened = co_await m_impl->open(*parts.route, timeoutMs);
        if (!opened) {
            co_return opened.error();
        }
        parts.link = std::move(*opened);
    }
    std::unique_ptr<UpstreamCall> call = std::make_unique<HttpCall>(std::move(parts));
    co_return call;
}

void HttpUpstream::trim()
{
    const auto oldest = m_impl->sweeper.nowMs() - idleMsMax;
    for (auto& [url, links] : m_impl->idle) {
        while (!links.empty() && links.front().sinceMs < oldest) {
            links.pop_front();
        }
    }
}

void HttpUpstream::closeIdle()
{
    m_impl->closing = true;
    m_impl->idle.clear();
}

} // namespace headgate::proxy
