// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "support/script_server.h"

#include <fmt/format.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <array>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace headgate::testing {

namespace {

class SocketLink final : public ScriptLink {
public:
    SocketLink(int socket, SSL* ssl) : m_socket(socket), m_ssl(ssl) { }
    bool write(const std::string& bytes) override
    {
        std::size_t done = 0;
        while (done < bytes.size()) {
            const auto left = bytes.size() - done;
            const auto sent = m_ssl != nullptr
                ? SSL_write(m_ssl, bytes.data() + done, static_cast<int>(left))
                : static_cast<int>(::send(m_socket, bytes.data() + done, left, MSG_NOSIGNAL));
            if (sent <= 0) {
                return false;
            }
            done += static_cast<std::size_t>(sent);
        }
        return true;
    }
    std::string read() override
    {
        std::array<char, 16 * 1024> buffer{};
        const auto got = m_ssl != nullptr
            ? SSL_read(m_ssl, buffer.data(), static_cast<int>(buffer.size()))
            : static_cast<int>(::recv(m_socket, buffer.data(), buffer.size(), 0));
        return got > 0 ? std::string(buffer.data(), static_cast<std::size_t>(got)) : std::string();
    }
    void reset() override
    {
        const linger now{1, 0};
        ::setsockopt(m_socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    }

private:
    int m_socket;
    SSL* m_ssl;
};

} // namespace

ScriptServer::ScriptServer(Script script, TlsFiles tls)
    : m_script(std::move(script)),
      m_tls(std::move(tls))
{
    m_listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(m_listener, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(m_listener, 512);
    socklen_t size = sizeof address;
    ::getsockname(m_listener, reinterpret_cast<sockaddr*>(&address), &size);
    m_port = ntohs(address.sin_port);
    m_acceptor = std::thread([this] { acceptAll(); });
}

ScriptServer::~ScriptServer()
{
    m_stopping.store(true);
    ::shutdown(m_listener, SHUT_RDWR);
    m_acceptor.join();
    ::close(m_listener);
    {
        const std::scoped_lock lock(m_mutex);
        for (const int socket : m_open) {
            ::shutdown(socket, SHUT_RDWR);
        }
    }
    for (auto& thread : m_threads) {
        thread.join();
    }
}

std::string ScriptServer::url() const
{
    return fmt::format(
        "{}://127.0.0.1:{}/v1", m_tls.certificate.empty() ? "http" : "https", m_port);
}

std::vector<ScriptRequest> ScriptServer::seen() const
{
    const std::scoped_lock lock(m_mutex);
    return m_seen;
}

void ScriptServer::acceptAll()
{
    while (!m_stopping.load()) {
        const int socket = ::accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (socket < 0) {
            return;
        }
        m_connections.fetch_add(1);
        const std::scoped_lock lock(m_mutex);
        m_open.push_back(socket);
        m_threads.emplace_back([this, socket] { serve(socket); });
    }
}

void ScriptServer::serve(int socket)
{
    SSL_CTX* context = nullptr;
    SSL* ssl = nullptr;
    bool ready = true;
    if (!m_tls.certificate.empty()) {
        context = SSL_CTX_new(TLS_server_method());
        ready = SSL_CTX_use_certificate_chain_file(context, m_tls.certificate.c_str()) == 1
            && SSL_CTX_use_PrivateKey_file(context, m_tls.key.c_str(), SSL_FILETYPE_PEM) == 1;
        ssl = SSL_new(context);
        SSL_set_fd(ssl, socket);
        ready = ready && SSL_accept(ssl) == 1;
    }
    SocketLink link(socket, ssl);
    std::string in;
    while (ready) {
        std::size_t end = std::string::npos;
        while ((end = in.find("\r\n\r\n")) == std::string::npos) {
            const auto more = link.read();
            if (more.empty()) {
                break;
            }
            in += more;
        }
        if (end == std::string::npos) {
            break;
        }
        ScriptRequest request;
        request.head = in.substr(0, end + 4);
        in.erase(0, end + 4);
        const auto at = request.head.find("content-length: ");
        const auto length
            = at == std::string::npos ? 0UL : std::stoul(request.head.substr(at + 16));
        while (in.size() < length) {
            const auto more = link.read();
            if (more.empty()) {
                break;
            }
            in += more;
        }
        request.body = in.substr(0, length);
        in.erase(0, length);
        request.number = m_requests.fetch_add(1) + 1;
        {
            const std::scoped_lock lock(m_mutex);
            m_seen.push_back(request);
        }
        if (!m_script(request, link)) {
            break;
        }
    }
    {
        const std::scoped_lock lock(m_mutex);
        m_open.erase(std::remove(m_open.begin(), m_open.end(), socket), m_open.end());
    }
    SSL_free(ssl);
    SSL_CTX_free(context);
    ::close(socket);
}

std::string httpReply(int status, const std::string& body, const std::string& contentType)
{
    return fmt::format("HTTP/1.1 {} X\r\ncontent-type: {}\r\ncontent-length: {}\r\n\r\n{}", status,
        contentType, body.size(), body);
}

std::string streamHead()
{
    return "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: "
           "chunked\r\n\r\n";
}

std::string chunk(const std::string& bytes)
{
    return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes);
}

std::string completion(int promptTokens, int completionTokens, const std::string& text)
{
    const auto usage = completionTokens < 0
        ? std::string()
        : fmt::format(R"(,"usage":{{"prompt_tokens":{},"completion_tokens":{},"total_tokens":{}}})",
            promptTokens, completionTokens, promptTokens + completionTokens);
    return fmt::format(R"({{"id":"c1","object":"chat.completion","created":1,"model":"m",)"
                       R"("choices":[{{"index":0,"message":{{"role":"assistant","content":"{}"}},)"
                       R"("finish_reason":"stop"}}]{}}})",
        text, usage);
}

std::string deltaEvent(const std::string& text)
{
    return fmt::format(R"(data: {{"id":"c1","object":"chat.completion.chunk","created":1,)"
                       R"("model":"m","choices":[{{"index":0,"delta":{{"content":"{}"}},)"
                       R"("finish_reason":null}}]}})"
                       "\n\n",
        text);
}

std::string finishEvent()
{
    return R"(data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"m",)"
           R"("choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})"
           "\n\n";
}

std::string usageEvent(int promptTokens, int completionTokens)
{
    return fmt::format(R"(data: {{"id":"c1","object":"chat.completion.chunk","created":1,)"
                       R"("model":"m","choices":[],"usage":{{"prompt_tokens":{},)"
                       R"("completion_tokens":{},"total_tokens":{}}}}})"
                       "\n\n",
        promptTokens, completionTokens, promptTokens + completionTokens);
}

} // namespace headgate::testing
