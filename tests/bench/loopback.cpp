// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "tests/bench/loopback.h"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cstring>
#include <map>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string_view>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace headgate::bench {

namespace {

std::int64_t nowUs()
{
    return std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

sockaddr_in loopback(int port)
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

int statusOf(std::string_view data)
{
    int status = 0;
    if (data.size() > 12) {
        std::from_chars(data.data() + 9, data.data() + 12, status);
    }
    return status;
}

struct Client {
    std::string buffer;
    std::int64_t sentUs = 0;
};

class Generator {
public:
    explicit Generator(const Load& load) : m_load(load), m_poller(epoll_create1(EPOLL_CLOEXEC)) { }
    ~Generator()
    {
        for (const auto& [fd, client] : m_clients) {
            ::close(fd);
        }
        ::close(m_poller);
    }
    Generator(const Generator&) = delete;
    Generator& operator=(const Generator&) = delete;

    LoadResult run()
    {
        m_result.latenciesUs.reserve(static_cast<std::size_t>(m_load.requests));
        for (int i = 0; i < m_load.connections; ++i) {
            open();
        }
        const std::int64_t started = nowUs();
        for (auto& [fd, client] : m_clients) {
            next(fd, client);
        }
        std::array<epoll_event, 256> events{};
        while (m_done < m_load.requests && !m_clients.empty()) {
            constexpr int patienceMs = 30'000;
            const int count
                = epoll_wait(m_poller, events.data(), static_cast<int>(events.size()), patienceMs);
            if (count <= 0) {
                break;
            }
            for (int i = 0; i < count; ++i) {
                readable(events[static_cast<std::size_t>(i)].data.fd);
            }
        }
        m_result.wallUs = nowUs() - started;
        m_result.failed += m_load.requests - m_done;
        std::sort(m_result.latenciesUs.begin(), m_result.latenciesUs.end());
        return m_result;
    }

private:
    void open()
    {
        const int fd = connectTo(m_load.port);
        if (fd >= 0) {
            watch(m_poller, fd);
            m_clients.emplace(fd, Client());
        }
    }
    void next(int fd, Client& client)
    {
        if (m_sent < m_load.requests) {
            ++m_sent;
            client.sentUs = nowUs();
            (void)sendAll(fd, m_load.request);
        }
    }
    void closed(int fd)
    {
        ++m_done;
        ++m_result.failed;
        ::close(fd);
        m_clients.erase(fd);
        open();
        if (!m_clients.empty()) {
            auto& last = *m_clients.rbegin();
            next(last.first, last.second);
        }
    }
    void readable(int fd)
    {
        Client& client = m_clients.at(fd);
        std::array<char, 16 * 1024> chunk{};
        const auto got = ::recv(fd, chunk.data(), chunk.size(), 0);
        if (got <= 0) {
            closed(fd);
            return;
        }
        client.buffer.append(chunk.data(), static_cast<std::size_t>(got));
        const std::size_t length = messageLength(client.buffer);
        if (length == 0) {
            return;
        }
        const int status = statusOf(client.buffer);
        ++m_done;
        ++(status == 200            ? m_result.answered
                : status / 100 == 4 ? m_result.refused
                                    : m_result.failed);
        m_result.latenciesUs.push_back(nowUs() - client.sentUs);
        client.buffer.erase(0, length);
        next(fd, client);
    }

    const Load& m_load;
    int m_poller;
    std::map<int, Client> m_clients;
    LoadResult m_result;
    std::int64_t m_sent = 0;
    std::int64_t m_done = 0;
};

} // namespace

void noDelay(int fd)
{
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

int connectTo(int port)
{
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in address = loopback(port);
    sockaddr generic{};
    std::memcpy(&generic, &address, sizeof address);
    if (fd >= 0 && ::connect(fd, &generic, sizeof address) != 0) {
        ::close(fd);
        return -1;
    }
    noDelay(fd);
    return fd;
}

int listenAnywhere(int& port)
{
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address = loopback(0);
    sockaddr generic{};
    std::memcpy(&generic, &address, sizeof address);
    socklen_t size = sizeof generic;
    constexpr int backlog = 1024;
    if (::bind(fd, &generic, sizeof address) == 0 && ::listen(fd, backlog) == 0
        && ::getsockname(fd, &generic, &size) == 0) {
        std::memcpy(&address, &generic, sizeof address);
        port = ntohs(address.sin_port);
    }
    return fd;
}

std::size_t messageLength(std::string_view data)
{
    const auto headEnd = data.find("\r\n\r\n");
    if (headEnd == std::string_view::npos) {
        return 0;
    }
    std::string head(data.substr(0, headEnd));
    std::transform(head.begin(), head.end(), head.begin(),
        [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const std::size_t bodyStart = headEnd + 4;
    if (const auto at = head.find("\r\ncontent-length:"); at != std::string::npos) {
        std::size_t start = at + 17;
        while (start < head.size() && head[start] == ' ') {
            ++start;
        }
        std::size_t length = 0;
        std::from_chars(head.data() + start, head.data() + head.size(), length);
        return data.size() >= bodyStart + length ? bodyStart + length : 0;
    }
    if (head.find("\r\ntransfer-encoding: chunked") != std::string::npos) {
        const auto end = data.find("0\r\n\r\n", bodyStart);
        return end == std::string_view::npos ? 0 : end + 5;
    }
    return bodyStart;
}

bool sendAll(int fd, std::string_view bytes)
{
    while (!bytes.empty()) {
        const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
}

void watch(int poller, int fd)
{
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(poller, EPOLL_CTL_ADD, fd, &event);
}

LoadResult runLoad(const Load& load)
{
    return Generator(load).run();
}

StubUpstream::StubUpstream(std::string answer)
    : m_answer(std::move(answer)),
      m_stop(eventfd(0, EFD_CLOEXEC))
{
    m_listener = listenAnywhere(m_port);
    m_thread = std::thread([this] { run(); });
}

StubUpstream::~StubUpstream()
{
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(m_stop, &one, sizeof one);
    m_thread.join();
    ::close(m_listener);
    ::close(m_stop);
}

void StubUpstream::run()
{
    const int poller = epoll_create1(EPOLL_CLOEXEC);
    watch(poller, m_listener);
    watch(poller, m_stop);
    std::map<int, std::string> buffers;
    std::array<epoll_event, 256> events{};
    std::array<char, 16 * 1024> chunk{};
    bool running = true;
    while (running) {
        const int count = epoll_wait(poller, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == m_stop) {
                running = false;
            } else if (fd == m_listener) {
                const int client = ::accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC);
                if (client >= 0) {
                    noDelay(client);
                    watch(poller, client);
                    buffers[client];
                }
            } else {
                const auto got = ::recv(fd, chunk.data(), chunk.size(), 0);
                if (got <= 0) {
                    ::close(fd);
                    buffers.erase(fd);
                    continue;
                }
                std::string& buffer = buffers[fd];
                buffer.append(chunk.data(), static_cast<std::size_t>(got));
                while (const std::size_t length = messageLength(buffer)) {
                    buffer.erase(0, length);
                    m_answered.fetch_add(1, std::memory_order_relaxed);
                    (void)sendAll(fd, m_answer);
                }
            }
        }
    }
    for (const auto& [fd, buffer] : buffers) {
        ::close(fd);
    }
    ::close(poller);
}

int freePort()
{
    int port = 0;
    const int fd = listenAnywhere(port);
    ::close(fd);
    return port;
}

bool canConnect(int port)
{
    const int fd = connectTo(port);
    if (fd < 0) {
        return false;
    }
    ::close(fd);
    return true;
}

std::string httpPost(
    int port, const std::string& path, const std::string& key, const std::string& body)
{
    return "POST " + path + " HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port)
        + "\r\nAuthorization: Bearer " + key + "\r\nContent-Type: application/json\r\n"
        + "Accept: application/json\r\nUser-Agent: headgate-bench\r\nContent-Length: "
        + std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string httpAnswer(const std::string& json)
{
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
        + std::to_string(json.size()) + "\r\nConnection: keep-alive\r\n\r\n" + json;
}

} // namespace headgate::bench
