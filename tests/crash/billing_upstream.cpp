// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/crash/billing_upstream.h"

#include "tests/bench/loopback.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace headgate::crash {

using namespace std::chrono_literals;

namespace {

constexpr std::int64_t inputNano = 3'000; ///< a token
constexpr std::int64_t outputNano = 12'000;
constexpr int wordsWanted = 60; ///< it stops by itself after so many
constexpr auto tokenPause = 1ms;
constexpr auto idlePoll = 2ms;

std::string lower(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(),
        [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

bool sendAll(int fd, const std::string& bytes)
{
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const auto count = ::send(fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) {
            return false;
        }
        sent += static_cast<std::size_t>(count);
    }
    return true;
}

std::string chunked(const std::string& text)
{
    std::array<char, 24> size{};
    std::snprintf(size.data(), size.size(), "%zx\r\n", text.size());
    return size.data() + text + "\r\n";
}

std::string usageOf(std::int64_t input, std::int64_t output)
{
    return R"("usage":{"prompt_tokens":)" + std::to_string(input) + R"(,"completion_tokens":)"
        + std::to_string(output) + R"(,"total_tokens":)" + std::to_string(input + output) + "}";
}

} // namespace

struct BillingUpstream::Request {
    std::int64_t inputTokens = 0;
    std::int64_t outputTokens = 0;
    bool stream = false;
};

BillingUpstream::BillingUpstream() : m_listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr generic{};
    std::memcpy(&generic, &address, sizeof address);
    socklen_t size = sizeof generic;
    constexpr int backlog = 256;
    if (::bind(m_listener, &generic, sizeof address) == 0 && ::listen(m_listener, backlog) == 0
        && ::getsockname(m_listener, &generic, &size) == 0) {
        std::memcpy(&address, &generic, sizeof address);
        m_port = ntohs(address.sin_port);
    }
    m_acceptor = std::thread([this] { accept(); });
}

BillingUpstream::~BillingUpstream()
{
    m_ends = true;
    ::shutdown(m_listener, SHUT_RDWR);
    m_acceptor.join();
    ::close(m_listener);
    while (m_connections > 0) {
        std::this_thread::sleep_for(idlePoll);
    }
}

void BillingUpstream::waitUntilIdle() const
{
    // Bytes that a dead proxy's kernel still delivers arrive within the first look.
    for (int calm = 0; calm < 3;) {
        std::this_thread::sleep_for(idlePoll);
        calm = m_busy == 0 ? calm + 1 : 0;
    }
}

void BillingUpstream::accept()
{
    while (!m_ends) {
        const int fd = ::accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC);
        if (fd < 0) {
            return;
        }
        ++m_connections;
        std::thread([this, fd] {
            serve(fd);
            ::close(fd);
            --m_connections;
        }).detach();
    }
}

void BillingUpstream::serve(int fd)
{
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    const timeval patience{0, 200'000}; // looks at m_ends now and then
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    std::string buffer;
    Request request;
    while (readRequest(fd, buffer, request)) {
        if (request.stream) {
            answerStream(fd, request);
        } else {
            answerWhole(fd, request);
        }
        --m_busy;
    }
}

/// Bills the input with the first bytes, by what their head declares: a provider need not wait for
/// the rest to start counting. True: whole, and m_busy counts it.
bool BillingUpstream::readRequest(int fd, std::string& buffer, Request& request)
{
    request = {};
    bool isBilled = false;
    std::size_t headEnd = std::string::npos;
    std::size_t whole = std::string::npos;
    for (;;) {
        if (!buffer.empty() && !isBilled) {
            ++m_busy;
            ++m_requests;
            isBilled = true;
        }
        if (headEnd == std::string::npos
            && (headEnd = buffer.find("\r\n\r\n")) != std::string::npos) {
            headEnd += 4;
            const std::string head = lower(buffer.substr(0, headEnd));
            const auto at = head.find("content-length:");
            const std::size_t length
                = at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 15, nullptr, 10);
            whole = headEnd + length;
            // Fewer tokens than any tokenizer sees in this JSON, so that a bound covers it.
            request.inputTokens = 1 + static_cast<std::int64_t>(length) / 16;
            m_billedNano += request.inputTokens * inputNano;
        }
        if (buffer.size() >= whole) {
            break;
        }
        std::array<char, 16 * 1024> part{};
        const auto got = ::recv(fd, part.data(), part.size(), 0);
        if (got < 0 && (errno == EAGAIN || errno == EINTR) && !m_ends) {
            continue;
        }
        if (got <= 0) {
            m_busy -= isBilled ? 1 : 0;
            return false;
        }
        buffer.append(part.data(), static_cast<std::size_t>(got));
    }
    const auto body = QJsonDocument::fromJson(
        QByteArray::fromStdString(buffer.substr(headEnd, whole - headEnd)))
                          .object();
    buffer.erase(0, whole);
    const auto ceiling = std::max(body[QLatin1String("max_tokens")].toInteger(),
        body[QLatin1String("max_completion_tokens")].toInteger());
    request.outputTokens = ceiling > 0 ? std::min<std::int64_t>(ceiling, wordsWanted) : wordsWanted;
    request.stream = body[QLatin1String("stream")].toBool();
    return true;
}

void BillingUpstream::produce(std::int64_t tokens)
{
    m_billedNano += tokens * outputNano;
}

void BillingUpstream::answerWhole(int fd, const Request& request)
{
    std::this_thread::sleep_for(tokenPause * request.outputTokens / 4);
    produce(request.outputTokens);
    std::string text;
    for (std::int64_t i = 0; i < request.outputTokens; ++i) {
        text += "word ";
    }
    (void)sendAll(fd,
        bench::httpAnswer(R"({"id":"chatcmpl-b","object":"chat.completion","created":1790000000,)"
                          R"("model":"billed","choices":[{"index":0,"message":{"role":"assistant",)"
                          R"("content":")"
            + text + R"("},"finish_reason":"length"}],)"
            + usageOf(request.inputTokens, request.outputTokens) + "}"));
}

void BillingUpstream::answerStream(int fd, const Request& request)
{
    const auto event = [fd](const std::string& choices) {
        return sendAll(fd,
            chunked(R"(data: {"id":"chatcmpl-b","object":"chat.completion.chunk",)"
                    R"("created":1790000000,"model":"billed",)"
                + choices + "}\n\n"));
    };
    bool listens = sendAll(fd,
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (std::int64_t i = 0; i < request.outputTokens; ++i) {
        produce(1);
        std::this_thread::sleep_for(tokenPause);
        listens = listens
            && event(R"("choices":[{"index":0,"delta":{"content":"word "},"finish_reason":null}])");
    }
    if (listens) {
        (void)(event(R"("choices":[{"index":0,"delta":{},"finish_reason":"length"}])")
            && event(R"("choices":[],)" + usageOf(request.inputTokens, request.outputTokens))
            && sendAll(fd, chunked("data: [DONE]\n\n") + "0\r\n\r\n"));
    }
}

} // namespace headgate::crash
