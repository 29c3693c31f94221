// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "support/raw_client.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

namespace headgate::testing {

std::string RawReply::header(const std::string& name) const
{
    const auto it = headers.find(name);
    return it == headers.end() ? std::string() : it->second;
}

RawClient::RawClient(int port, int timeoutMs)
{
    m_socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    timeval limit{};
    limit.tv_sec = timeoutMs / 1'000;
    limit.tv_usec = static_cast<suseconds_t>(timeoutMs % 1'000) * 1'000;
    ::setsockopt(m_socket, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    ::setsockopt(m_socket, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(m_socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        close();
    }
}

RawClient::~RawClient()
{
    close();
}

void RawClient::close()
{
    if (m_socket >= 0) {
        ::close(m_socket);
        m_socket = -1;
    }
}

void RawClient::reset()
{
    const linger now{1, 0};
    ::setsockopt(m_socket, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
}

void RawClient::shutdownSend()
{
    ::shutdown(m_socket, SHUT_WR);
}

bool RawClient::send(std::string_view bytes)
{
    while (!bytes.empty()) {
        const auto sent = ::send(m_socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

bool RawClient::fill()
{
    std::array<char, 16 * 1024> buffer{};
    const auto got = ::recv(m_socket, buffer.data(), buffer.size(), 0);
    if (got <= 0) {
        return false;
    }
    m_in.append(buffer.data(), static_cast<std::size_t>(got));
    return true;
}

std::size_t RawClient::readSome(std::size_t bytes)
{
    while (m_in.size() < bytes && fill()) { }
    return m_in.size();
}

bool RawClient::waitForClose()
{
    char byte = 0;
    for (;;) {
        const auto got = ::recv(m_socket, &byte, 1, 0);
        if (got == 0) {
            return true;
        }
        if (got < 0) {
            return errno == ECONNRESET;
        }
    }
}

RawReply RawClient::receive(bool headOnly)
{
    RawReply reply;
    std::size_t end = std::string::npos;
    for (;;) {
        while ((end = m_in.find("\r\n\r\n")) == std::string::npos) {
            if (!fill()) {
                return reply;
            }
        }
        if (m_in.compare(0, 12, "HTTP/1.1 100") != 0) {
            break;
        }
        m_in.erase(0, end + 4);
    }
    auto head = m_in.substr(0, end + 2);
    m_in.erase(0, end + 4);
    reply.status = std::stoi(head.substr(9, 3));
    auto line = head.find("\r\n") + 2;
    while (line < head.size()) {
        const auto stop = head.find("\r\n", line);
        const auto colon = head.find(": ", line);
        auto name = head.substr(line, colon - line);
        std::transform(name.begin(), name.end(), name.begin(),
            [](char c) { return static_cast<char>(std::tolower(c)); });
        reply.headers.emplace(name, head.substr(colon + 2, stop - colon - 2));
        line = stop + 2;
    }
    if (headOnly) {
        reply.complete = true;
        return reply;
    }
    if (reply.header("transfer-encoding") == "chunked") {
        for (;;) {
            auto stop = std::string::npos;
            while ((stop = m_in.find("\r\n")) == std::string::npos) {
                if (!fill()) {
                    return reply;
                }
            }
            const auto size = std::stoul(m_in.substr(0, stop), nullptr, 16);
            while (m_in.size() < stop + 4 + size) {
                if (!fill()) {
                    reply.body += m_in.substr(stop + 2);
                    return reply;
                }
            }
            reply.body += m_in.substr(stop + 2, size);
            m_in.erase(0, stop + 4 + size);
            if (size == 0) {
                reply.complete = true;
                return reply;
            }
        }
    }
    if (const auto length = reply.header("content-length"); !length.empty()) {
        const auto size = std::stoul(length);
        while (m_in.size() < size) {
            if (!fill()) {
                reply.body = m_in;
                return reply;
            }
        }
        reply.body = m_in.substr(0, size);
        m_in.erase(0, size);
        reply.complete = true;
        return reply;
    }
    while (fill()) { }
    reply.body = std::exchange(m_in, {});
    reply.complete = true;
    return reply;
}

std::string wireText(int port, const RawRequest& request)
{
    const auto host = request.host.empty() ? fmt::format("127.0.0.1:{}", port) : request.host;
    auto text = fmt::format("{} {} HTTP/1.1\r\nhost: {}\r\n", request.method, request.target, host);
    if (!request.key.empty()) {
        text += "authorization: Bearer " + request.key + "\r\n";
    }
    if (!request.body.empty() || request.method == "POST") {
        text += fmt::format("content-length: {}\r\n", request.body.size());
        if (request.extraHeaders.find("content-type:") == std::string::npos) {
            text += "content-type: application/json\r\n";
        }
    }
    return text + request.extraHeaders + "\r\n" + request.body;
}

RawReply ask(int port, const RawRequest& request)
{
    RawClient client(port);
    client.send(wireText(port, request));
    return client.receive(request.method == "HEAD");
}

} // namespace headgate::testing
