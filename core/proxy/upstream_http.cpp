// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/upstream_http.h"

#include "core/base/limits.h"
#include "core/proxy/asio.h"
#include "core/proxy/http_parser.h"

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

std::string explain(const error_code& ec)
{
    if (ec.category() == asio::error::get_ssl_category()) {
        return fmt::format("TLS failed ({}). Its certificate must be valid for its name and signed "
                           "by an authority that this system trusts.",
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
            m_tls.emplace(tcp::socket(executor), *context);
        } else {
            m_plain.emplace(executor);
        }
    }
    [[nodiscard]] tcp::socket& socket() { return m_tls ? m_tls->next_layer() : *m_plain; }
    [[nodiscard]] ssl::stream<tcp::socket>* tls() { return m_tls ? &*m_tls : nullptr; }

    asio::awaitable<error_code> write(std::string_view bytes)
    {
        error_code ec;
        const auto buffer = asio::buffer(bytes.data(), bytes.size());
        auto token = asio::redirect_error(asio::use_awaitable, ec);
        if (m_tls) {
            co_await asio::async_write(*m_tls, buffer, token);
        } else {
            co_await asio::async_write(*m_plain, buffer, token);
        }
        co_return ec;
    }

    /// Appends what comes next to `in`.
    asio::awaitable<error_code> read(std::string& in)
    {
        const auto before = in.size();
        in.resize(before + limits::relayBufferBytes);
        const auto buffer = asio::buffer(in.data() + before, limits::relayBufferBytes);
        error_code ec;
        auto token = asio::redirect_error(asio::use_awaitable, ec);
        std::size_t got = 0;
        if (m_tls) {
            got = co_await m_tls->async_read_some(buffer, token);
        } else {
            got = co_await m_plain->async_read_some(buffer, token);
        }
        in.resize(before + got);
        co_return ec;
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
    std::optional<ssl::stream<tcp::socket>> m_tls;
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

std::string BaseUrl::hostHeader() const
{
    const auto name = host.find(':') != std::string::npos ? "[" + host + "]" : host;
    const bool usual = port == (tls ? "443" : "80");
    return usual ? name : name + ":" + port;
}

Result<BaseUrl> parseBaseUrl(std::string_view url)
{
    const auto bad = [&url](const char* why) {
        return Error(ErrorCode::InvalidArgument, fmt::format("The base URL \"{}\" {}.", url, why),
            "Give it as https://host[:port][/path], for example https://api.openai.com/v1.");
    };
    BaseUrl out;
    auto rest = url;
    if (rest.substr(0, 8) == "https://") {
        out.tls = true;
        rest.remove_prefix(8);
    } else if (rest.substr(0, 7) == "http://") {
        rest.remove_prefix(7);
    } else {
        return bad("does not start with http:// or https://");
    }
    if (std::any_of(rest.begin(), rest.end(), [](char c) { return c <= 0x20 || c >= 0x7F; })) {
        return bad("contains spaces or characters that a URL cannot hold");
    }
    if (rest.find_first_of("?#@\\") != std::string_view::npos) {
        return bad("contains user names, queries or fragments");
    }
    const auto slash = rest.find('/');
    auto authority = rest.substr(0, slash);
    out.path = slash == std::string_view::npos ? std::string() : std::string(rest.substr(slash));
    while (!out.path.empty() && out.path.back() == '/') {
        out.path.pop_back();
    }
    std::string_view port;
    if (!authority.empty() && authority.front() == '[') {
        const auto end = authority.find(']');
        if (end == std::string_view::npos) {
            return bad("has an unfinished IPv6 address");
        }
        out.host = std::string(authority.substr(1, end - 1));
        authority.remove_prefix(end + 1);
        if (!authority.empty() && authority.front() != ':') {
            return bad("has something after its IPv6 address");
        }
        port = authority.empty() ? authority : authority.substr(1);
    } else {
        const auto colon = authority.find(':');
        out.host = std::string(authority.substr(0, colon));
        port = colon == std::string_view::npos ? std::string_view() : authority.substr(colon + 1);
    }
    const bool digits
        = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (out.host.empty() || !digits || port.size() > 5) {
        return bad("has no host or a bad port");
    }
    out.port = port.empty() ? (out.tls ? "443" : "80") : std::string(port);
    return out;
}

bool isForbiddenAddress(const asio::ip::address& address)
{
    if (address.is_v6()) {
        const auto v6 = address.to_v6();
        if (v6.is_v4_mapped()) {
            return isForbiddenAddress(asio::ip::make_address_v4(asio::ip::v4_mapped, v6));
        }
        static const auto awsMetadata = asio::ip::make_address_v6("fd00:ec2::254");
        return v6.is_link_local() || v6.is_unspecified() || v6.is_multicast()
            || v6.to_bytes() == awsMetadata.to_bytes();
    }
    const auto v4 = address.to_v4();
    const auto bytes = v4.to_bytes();
    const bool linkLocal = bytes[0] == 169 && bytes[1] == 254;
    static const auto alibabaMetadata = asio::ip::make_address_v4("100.100.100.200");
    static const auto oracleMetadata = asio::ip::make_address_v4("192.0.0.192");
    return linkLocal || bytes[0] == 0 || v4.is_multicast() || v4 == alibabaMetadata
        || v4 == oracleMetadata || v4 == asio::ip::address_v4::broadcast();
}

struct UpstreamShared::Tls {
    Tls() : context(ssl::context::tls_client)
    {
        context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
        SSL_CTX_set_min_proto_version(context.native_handle(), TLS1_2_VERSION);
        error_code ignored; // without a trust store nothing verifies: refused, not waved through
        context.set_default_verify_paths(ignored); // honours SSL_CERT_FILE and SSL_CERT_DIR
    }
    ssl::context context;
};

UpstreamShared::UpstreamShared() : m_tls(std::make_unique<Tls>()) { }

UpstreamShared::~UpstreamShared() = default;

bool UpstreamShared::acquire(const std::string& provider, int max)
{
    const auto general = static_cast<int>(limits::upstreamConnectionsPerProviderMax);
    const int limit = max > 0 ? std::min(max, general) : general;
    const std::scoped_lock lock(m_mutex);
    int& used = m_inUse[provider];
    if (used >= limit) {
        return false;
    }
    ++used;
    return true;
}

void UpstreamShared::release(const std::string& provider)
{
    const std::scoped_lock lock(m_mutex);
    --m_inUse[provider];
}

struct HttpUpstream::Impl : std::enable_shared_from_this<HttpUpstream::Impl> {
    Impl(UpstreamShared& s, Sweeper& w) : shared(s), sweeper(w) { }
    UpstreamShared& shared;
    Sweeper& sweeper;
    std::map<std::string, std::deque<IdleLink>> idle; ///< by base URL
    bool closing = false;

    [[nodiscard]] std::unique_ptr<Link> takeIdle(const std::string& baseUrl);
    void giveBack(const std::string& baseUrl, std::unique_ptr<Link> link);
    asio::awaitable<UpstreamResult<std::unique_ptr<Link>>> open(const BaseUrl& url, int timeoutMs);
    asio::awaitable<error_code> resolve(
        const BaseUrl& url, ConnectDeadline& deadline, std::vector<tcp::endpoint>& out);
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
    ~Slot() { m_shared.release(m_provider); }

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
        BaseUrl url;
        std::string baseUrl;
        std::shared_ptr<const Secret> key;
    };
    explicit HttpCall(Parts parts) : m_parts(std::move(parts)) { }
    ~HttpCall() override
    {
        const bool unused = !m_sent && !m_cancelled;
        const bool finished
            = m_sent && !m_cancelled && m_parser.done() && m_parser.keepAlive() && m_in.empty();
        if (m_parts.link && (unused || finished)) {
            m_parts.pool->giveBack(m_parts.baseUrl, std::move(m_parts.link));
        }
    }

    asio::awaitable<UpstreamResult<void>> send(UpstreamRequest request) override
    {
        auto bytes = headOf(request);
        bytes += request.body;
        m_sent = true;
        const auto ec = co_await m_parts.link->write(bytes);
        if (ec) {
            co_return failure(UpstreamPhase::Sent, explain(ec));
        }
        co_return UpstreamResult<void>();
    }

    asio::awaitable<UpstreamResult<UpstreamHead>> readHead() override
    {
        while (!m_parser.headDone()) {
            const auto ec = co_await m_parts.link->read(m_in);
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
            const auto ec = co_await m_parts.link->read(m_in);
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
    [[nodiscard]] std::string headOf(const UpstreamRequest& request) const
    {
        std::string out = fmt::format("POST {}{} HTTP/1.1\r\nhost: {}\r\ncontent-length: {}\r\n",
            m_parts.url.path, request.path, m_parts.url.hostHeader(), request.body.size());
        if (m_parts.key && !m_parts.key->empty()) {
            out += "authorization: Bearer " + m_parts.key->reveal() + "\r\n";
        }
        for (const auto& [name, value] : request.headers) {
            out += name + ": " + value + "\r\n";
        }
        out += "\r\n";
        return out;
    }

    Parts m_parts;
    ResponseParser m_parser;
    std::string m_in;
    std::string m_body;
    bool m_sent = false;
    bool m_cancelled = false;
};

std::unique_ptr<Link> HttpUpstream::Impl::takeIdle(const std::string& baseUrl)
{
    const auto it = idle.find(baseUrl);
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

void HttpUpstream::Impl::giveBack(const std::string& baseUrl, std::unique_ptr<Link> link)
{
    auto& links = idle[baseUrl];
    if (!closing && links.size() < limits::upstreamIdlePerHostMax) {
        links.push_back({std::move(link), sweeper.nowMs()});
    }
}

asio::awaitable<error_code> HttpUpstream::Impl::resolve(
    const BaseUrl& url, ConnectDeadline& deadline, std::vector<tcp::endpoint>& out)
{
    error_code ec;
    const auto literal = asio::ip::make_address(url.host, ec);
    if (!ec) {
        out.emplace_back(literal, static_cast<std::uint16_t>(std::stoi(url.port)));
        co_return ec;
    }
    auto executor = co_await asio::this_coro::executor;
    tcp::resolver resolver(executor);
    deadline.resolver = &resolver;
    auto token = asio::redirect_error(asio::use_awaitable, ec);
    const auto found = co_await resolver.async_resolve(url.host, url.port, token);
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

asio::awaitable<UpstreamResult<std::unique_ptr<Link>>> HttpUpstream::Impl::open(
    const BaseUrl& url, int timeoutMs)
{
    ConnectDeadline deadline(sweeper, timeoutMs);
    std::vector<tcp::endpoint> endpoints;
    auto ec = co_await resolve(url, deadline, endpoints);
    if (ec) {
        co_return failure(UpstreamPhase::Connect,
            fmt::format("its name {} cannot be resolved ({}).", url.host, ec.message()),
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
        auto link = std::make_unique<Link>(executor, url.tls ? &shared.tls().context : nullptr);
        deadline.link = link.get();
        auto token = asio::redirect_error(asio::use_awaitable, ec);
        co_await link->socket().async_connect(endpoint, token);
        if (!ec) {
            error_code ignored;
            link->socket().set_option(tcp::no_delay(true), ignored);
            ec = co_await handshake(*link, url.host);
        }
        deadline.link = nullptr;
        if (!ec) {
            co_return link;
        }
        why = deadline.expired ? "it did not take the connection in time." : explain(ec);
        if (deadline.expired) {
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
    const auto it = m_impl->idle.find(provider.baseUrl);
    return it != m_impl->idle.end() && !it->second.empty();
}

asio::awaitable<UpstreamResult<std::unique_ptr<UpstreamCall>>> HttpUpstream::connect(
    const catalog::Provider& provider, std::shared_ptr<const Secret> key)
{
    auto url = parseBaseUrl(provider.baseUrl);
    if (!url) {
        co_return failure(UpstreamPhase::Connect, url.error().text());
    }
    if (!m_impl->shared.acquire(provider.name, provider.concurrencyMax)) {
        co_return failure(UpstreamPhase::Connect, "its limit of concurrent calls is reached.");
    }
    HttpCall::Parts parts;
    parts.pool = m_impl;
    parts.slot = std::make_unique<Slot>(m_impl->shared, provider.name);
    parts.url = std::move(*url);
    parts.baseUrl = provider.baseUrl;
    parts.key = std::move(key);
    parts.link = m_impl->takeIdle(provider.baseUrl);
    if (!parts.link) {
        const int timeoutMs
            = provider.connectTimeoutMs > 0 ? provider.connectTimeoutMs : limits::connectTimeoutMs;
        auto opened = co_await m_impl->open(parts.url, timeoutMs);
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
