// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/provider_probe.h"

#include "core/base/log.h"
#include "core/service/validate.h"

#include <boost/json.hpp>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/tls1.h>

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <memory>
#include <system_error>
#include <utility>

namespace headgate::service {

namespace {

constexpr int timeoutSeconds = 5;
/// A list of models is some hundred kilobytes at most.
constexpr std::size_t answerBytesMax = 4 * 1024 * 1024;

struct Target {
    bool secure = false;
    std::string host;
    std::string port;
    std::string authority;
    std::string path;
};

Target targetOf(const std::string& url)
{
    Target out;
    out.secure = url.starts_with("https://");
    const std::string rest = url.substr(out.secure ? 8 : 7);
    const auto slash = rest.find('/');
    out.authority = rest.substr(0, slash);
    out.path = (slash == std::string::npos ? std::string() : rest.substr(slash)) + "/models";
    out.port = out.secure ? "443" : "80";
    const auto bracket = out.authority.find(']');
    const auto colon = out.authority.find(':', bracket == std::string::npos ? 0 : bracket);
    out.host = out.authority.substr(0, colon);
    if (colon != std::string::npos) {
        out.port = out.authority.substr(colon + 1);
    }
    if (out.host.starts_with('[')) {
        out.host = out.host.substr(1, out.host.size() - 2);
    }
    return out;
}

Error unreachable(const catalog::Provider& provider, const std::string& why)
{
    return Error(ErrorCode::Io, fmt::format("{} cannot be reached: {}.", provider.name, why),
        "Check the URL, your network and the provider's status page.");
}

/// Link-local answers after resolution are refused like link-local URLs (cloud metadata).
bool isLinkLocal(const sockaddr* address)
{
    if (address->sa_family == AF_INET) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(address);
        return (ntohl(v4->sin_addr.s_addr) >> 16) == 0xA9FE;
    }
    if (address->sa_family == AF_INET6) {
        const auto* v6 = reinterpret_cast<const sockaddr_in6*>(address);
        return IN6_IS_ADDR_LINKLOCAL(&v6->sin6_addr);
    }
    return true;
}

class Socket {
public:
    Socket() = default;
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() { close(); }
    void close()
    {
        if (m_fd >= 0) {
            ::close(std::exchange(m_fd, -1));
        }
    }
    /// Empty on success, else why not.
    [[nodiscard]] std::string connect(const addrinfo& address);
    [[nodiscard]] int fd() const { return m_fd; }

private:
    int m_fd = -1;
};

std::string Socket::connect(const addrinfo& address)
{
    close();
    m_fd = ::socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (m_fd < 0) {
        return std::generic_category().message(errno);
    }
    if (::connect(m_fd, address.ai_addr, address.ai_addrlen) != 0) {
        if (errno != EINPROGRESS) {
            return std::generic_category().message(errno);
        }
        pollfd waiting{m_fd, POLLOUT, 0};
        if (::poll(&waiting, 1, timeoutSeconds * 1'000) != 1) {
            return "it did not answer within 5 seconds";
        }
        int code = 0;
        socklen_t size = sizeof code;
        if (::getsockopt(m_fd, SOL_SOCKET, SO_ERROR, &code, &size) != 0 || code != 0) {
            return std::generic_category().message(code);
        }
    }
    const int flags = ::fcntl(m_fd, F_GETFL);
    ::fcntl(m_fd, F_SETFL, flags & ~O_NONBLOCK);
    const timeval limit{timeoutSeconds, 0};
    ::setsockopt(m_fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(m_fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return {};
}

std::string connectTo(const Target& target, Socket& socket)
{
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* found = nullptr;
    if (const int code = ::getaddrinfo(target.host.c_str(), target.port.c_str(), &hints, &found);
        code != 0) {
        return std::string("its name cannot be resolved (") + ::gai_strerror(code) + ")";
    }
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> list(found, &::freeaddrinfo);
    std::string why = "it has no usable address";
    for (const addrinfo* at = list.get(); at != nullptr; at = at->ai_next) {
        if (isLinkLocal(at->ai_addr)) {
            why = "it resolves to a link-local address, which is not allowed";
            continue;
        }
        why = socket.connect(*at);
        if (why.empty()) {
            return {};
        }
    }
    return why;
}

/// TLS or plain over a connected socket, with the socket's own time-outs.
class Channel {
public:
    [[nodiscard]] std::string open(const Target& target, const Socket& socket);
    [[nodiscard]] bool write(std::string_view bytes);
    [[nodiscard]] std::string readAll();

private:
    [[nodiscard]] long readSome(char* buffer, int size);
    std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> m_context{nullptr, &SSL_CTX_free};
    std::unique_ptr<SSL, decltype(&SSL_free)> m_tls{nullptr, &SSL_free};
    int m_fd = -1;
};

std::string Channel::open(const Target& target, const Socket& socket)
{
    m_fd = socket.fd();
    if (!target.secure) {
        return {};
    }
    m_context.reset(SSL_CTX_new(TLS_client_method()));
    if (!m_context || SSL_CTX_set_default_verify_paths(m_context.get()) != 1) {
        return "the system's certificates cannot be read";
    }
    SSL_CTX_set_min_proto_version(m_context.get(), TLS1_2_VERSION);
    SSL_CTX_set_verify(m_context.get(), SSL_VERIFY_PEER, nullptr);
    m_tls.reset(SSL_new(m_context.get()));
    if (!m_tls || SSL_set1_host(m_tls.get(), target.host.c_str()) != 1) {
        return "TLS cannot start";
    }
    // What SSL_set_tlsext_host_name() stands for, without its C cast.
    SSL_ctrl(m_tls.get(), SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
        const_cast<char*>(target.host.c_str()));
    SSL_set_fd(m_tls.get(), m_fd);
    if (SSL_connect(m_tls.get()) != 1) {
        const long verdict = SSL_get_verify_result(m_tls.get());
        ERR_clear_error();
        return verdict != X509_V_OK ? std::string("its certificate is not trusted (")
                + X509_verify_cert_error_string(verdict) + ")"
                                    : std::string("the TLS handshake failed");
    }
    return {};
}

bool Channel::write(std::string_view bytes)
{
    while (!bytes.empty()) {
        const long n = m_tls ? SSL_write(m_tls.get(), bytes.data(), static_cast<int>(bytes.size()))
                             : ::send(m_fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
}

long Channel::readSome(char* buffer, int size)
{
    return m_tls ? SSL_read(m_tls.get(), buffer, size)
                 : ::recv(m_fd, buffer, static_cast<std::size_t>(size), 0);
}

std::string Channel::readAll()
{
    const auto deadline
        = std::chrono::steady_clock::now() + std::chrono::seconds(2 * timeoutSeconds);
    std::string out;
    char buffer[16 * 1024];
    while (out.size() < answerBytesMax && std::chrono::steady_clock::now() < deadline) {
        const long n = readSome(buffer, sizeof buffer);
        if (n <= 0) {
            break;
        }
        out.append(buffer, static_cast<std::size_t>(n));
    }
    return out;
}

int statusOf(const std::string& answer)
{
    int status = 0;
    if (answer.starts_with("HTTP/1.") && answer.size() > 12) {
        std::from_chars(answer.data() + 9, answer.data() + 12, status);
    }
    return status;
}

/// How many models the answer lists; -1 when it is not such a list. Chunk heads do not matter: the
/// body is looked at between its first and last brace.
long modelCount(const std::string& answer)
{
    const auto head = answer.find("\r\n\r\n");
    if (head == std::string::npos) {
        return -1;
    }
    const auto begin = answer.find('{', head);
    const auto end = answer.rfind('}');
    if (begin == std::string::npos || end == std::string::npos || end < begin) {
        return -1;
    }
    boost::system::error_code error;
    const auto value
        = boost::json::parse(std::string_view(answer).substr(begin, end - begin + 1), error);
    if (error || !value.is_object()) {
        return -1;
    }
    const auto* data = value.as_object().if_contains("data");
    return data != nullptr && data->is_array() ? static_cast<long>(data->as_array().size()) : -1;
}

Result<std::string> verdictOf(const catalog::Provider& provider, const std::string& answer)
{
    const int status = statusOf(answer);
    if (status == 0) {
        return unreachable(provider, "it did not answer like a web server within 5 seconds");
    }
    if (status == 401 || status == 403) {
        return Error(ErrorCode::Unauthorized,
            fmt::format(
                "{} answers, but does not accept the key (status {}).", provider.name, status),
            provider.hasKey ? "Set a valid key." : "Set a key.");
    }
    if (status == 404 || status == 405) {
        return fmt::format(
            "{} answers, but has no list of models (status {}).", provider.name, status);
    }
    if (status < 200 || status > 299) {
        return Error(ErrorCode::Unavailable,
            fmt::format("{} answers with status {}.", provider.name, status),
            status >= 300 && status < 400
                ? "The URL redirects elsewhere; enter the final one. Redirects are never followed."
                : "Check the URL and the provider's status page.");
    }
    const long models = modelCount(answer);
    return models < 0 ? fmt::format("{} answers.", provider.name)
                      : fmt::format("{} answers and offers {} models.", provider.name, models);
}

} // namespace

Result<std::string> probeProvider(const catalog::Provider& provider, const Secret* key)
{
    if (provider.simulated) {
        return provider.name + ": the simulated provider answers.";
    }
    const auto url = checkedUrl(provider.baseUrl);
    if (!url) {
        return url.error();
    }
    const Target target = targetOf(*url);
    Socket socket;
    if (const auto why = connectTo(target, socket); !why.empty()) {
        return unreachable(provider, why);
    }
    Channel channel;
    if (const auto why = channel.open(target, socket); !why.empty()) {
        return unreachable(provider, why);
    }
    std::string request = fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nAccept: application/json\r\n"
                                      "User-Agent: headgate\r\nConnection: close\r\n",
        target.path, target.authority);
    if (key != nullptr && !key->empty()) {
        request += "Authorization: Bearer " + key->reveal() + "\r\n";
    }
    Secret whole(request + "\r\n");
    if (!channel.write(whole.reveal())) {
        return unreachable(provider, "the connection broke");
    }
    return verdictOf(provider, channel.readAll());
}

} // namespace headgate::service
