// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "tests/bench/stream_ends.h"

#include "tests/bench/loopback.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <string_view>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

namespace headgate::bench {

namespace {

constexpr int tickMs = 10;
/// Values of an eventfd add up; each order is a digit of its own.
constexpr std::uint64_t orderFlow = 1;
constexpr std::uint64_t orderEnd = 1'000;
constexpr std::uint64_t orderStop = 1'000'000;

std::string chunked(const std::string& text)
{
    std::array<char, 32> size{};
    (void)std::snprintf(size.data(), size.size(), "%zx\r\n", text.size());
    return size.data() + text + "\r\n";
}

std::string chatEvent(const std::string& delta, const char* rest)
{
    return R"(data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,)"
           R"("model":"bench","system_fingerprint":"fp_44709d6fcb","choices":[{"index":0,"delta":)"
        + delta + R"(,"logprobs":null,"finish_reason":)" + rest + "\n\n";
}

std::string textEvent()
{
    return chatEvent(std::string(R"({"content":" )") + streamMark + R"("})", "null}]}");
}

std::string lastEvents()
{
    return chatEvent("{}", R"("stop"}]})")
        + R"(data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,)"
          R"("model":"bench","choices":[],"usage":{"prompt_tokens":230,"completion_tokens":120,)"
          R"("total_tokens":350}})"
        + "\n\ndata: [DONE]\n\n";
}

} // namespace

// --- upstream

struct StreamUpstream::State {
    int poller = epoll_create1(EPOLL_CLOEXEC);
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    std::map<int, std::string> requests; ///< connections without a stream: bytes read so far
    std::vector<int> streams;
    std::size_t next = 0; ///< of the streams, whose turn it is
    std::int64_t left = 0; ///< events still to send
    std::int64_t perTick = 0;
    std::string event = chunked(textEvent());
    std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                       "Transfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n"
        + chunked(chatEvent(R"({"role":"assistant","content":""})", "null}]}")) + event;

    ~State()
    {
        for (const auto& [fd, buffer] : requests) {
            ::close(fd);
        }
        for (const int fd : streams) {
            ::close(fd);
        }
        ::close(timer);
        ::close(poller);
    }
    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    void readable(int fd)
    {
        std::array<char, 16 * 1024> chunk{};
        const auto got = ::recv(fd, chunk.data(), chunk.size(), 0);
        if (got <= 0) {
            ::close(fd);
            requests.erase(fd);
            streams.erase(std::remove(streams.begin(), streams.end(), fd), streams.end());
            return;
        }
        std::string& buffer = requests[fd];
        buffer.append(chunk.data(), static_cast<std::size_t>(got));
        if (const std::size_t length = messageLength(buffer); length > 0) {
            requests.erase(fd);
            streams.push_back(fd);
            (void)sendAll(fd, head);
        }
    }
    void flow(int events, int gapMs)
    {
        left = static_cast<std::int64_t>(streams.size()) * events;
        perTick = std::max<std::int64_t>(
            1, (static_cast<std::int64_t>(streams.size()) * tickMs + gapMs - 1) / gapMs);
        itimerspec spec{};
        spec.it_interval.tv_nsec = tickMs * 1'000'000L;
        spec.it_value.tv_nsec = tickMs * 1'000'000L;
        timerfd_settime(timer, 0, &spec, nullptr);
    }
    void tick()
    {
        std::uint64_t ticks = 0;
        [[maybe_unused]] const auto got = ::read(timer, &ticks, sizeof ticks);
        auto now = std::min(
            left, perTick * static_cast<std::int64_t>(std::min<std::uint64_t>(ticks, 5)));
        for (; now > 0 && !streams.empty(); --now, --left) {
            next = next < streams.size() ? next : 0;
            (void)sendAll(streams[next++], event);
        }
        if (left == 0) {
            const itimerspec off{};
            timerfd_settime(timer, 0, &off, nullptr);
        }
    }
    void end()
    {
        const std::string last = chunked(lastEvents()) + "0\r\n\r\n";
        for (const int fd : streams) {
            (void)sendAll(fd, last);
            requests[fd]; // kept alive for another request
        }
        streams.clear();
    }
};

StreamUpstream::StreamUpstream() : m_signal(eventfd(0, EFD_CLOEXEC))
{
    m_listener = listenAnywhere(m_port);
    m_thread = std::thread([this] { run(); });
}

StreamUpstream::~StreamUpstream()
{
    signal(orderStop);
    m_thread.join();
    ::close(m_listener);
    ::close(m_signal);
}

void StreamUpstream::signal(std::uint64_t what) const
{
    [[maybe_unused]] const auto written = ::write(m_signal, &what, sizeof what);
}

void StreamUpstream::flow(int events, int gapMs)
{
    m_events = events;
    m_gapMs = gapMs;
    signal(orderFlow);
}

void StreamUpstream::end()
{
    signal(orderEnd);
}

void StreamUpstream::run()
{
    State state;
    for (const int fd : {m_listener, m_signal, state.timer}) {
        watch(state.poller, fd);
    }
    std::array<epoll_event, 256> events{};
    for (;;) {
        const int count
            = epoll_wait(state.poller, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == m_signal) {
                std::uint64_t orders = 0;
                [[maybe_unused]] const auto got = ::read(m_signal, &orders, sizeof orders);
                if (orders >= orderStop) {
                    return;
                }
                if (orders % orderEnd > 0) {
                    state.flow(m_events, m_gapMs);
                }
                if (orders / orderEnd > 0) {
                    state.end();
                }
            } else if (fd == state.timer) {
                state.tick();
            } else if (fd == m_listener) {
                const int client = ::accept4(m_listener, nullptr, nullptr, SOCK_CLOEXEC);
                if (client >= 0) {
                    noDelay(client);
                    watch(state.poller, client);
                    state.requests[client];
                }
            } else {
                state.readable(fd);
            }
        }
    }
}

// --- readers

StreamReaders::StreamReaders(int port, const std::string& request, int streams)
    : m_stop(eventfd(0, EFD_CLOEXEC))
{
    for (int i = 0; i < streams; ++i) {
        const int fd = connectTo(port);
        if (fd >= 0) {
            (void)sendAll(fd, request);
            m_fds.push_back(fd);
        }
    }
    m_thread = std::thread([this] { run(); });
}

StreamReaders::~StreamReaders()
{
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = ::write(m_stop, &one, sizeof one);
    m_thread.join();
    for (const int fd : m_fds) {
        ::close(fd);
    }
    ::close(m_stop);
}

bool StreamReaders::waitFor(const std::atomic<std::int64_t>& value, std::int64_t wanted) const
{
    constexpr int patience = 20'000 / tickMs;
    std::int64_t seen = value.load();
    for (int still = 0; seen < wanted && still < patience; ++still) {
        std::this_thread::sleep_for(std::chrono::milliseconds(tickMs));
        if (value.load() != seen) {
            seen = value.load();
            still = 0;
        }
    }
    return seen >= wanted;
}

bool StreamReaders::waitForMarks(std::int64_t marks) const
{
    return waitFor(m_marks, marks);
}

bool StreamReaders::waitForEnds() const
{
    return waitFor(m_ended, static_cast<std::int64_t>(m_fds.size()));
}

void StreamReaders::run()
{
    const int poller = epoll_create1(EPOLL_CLOEXEC);
    watch(poller, m_stop);
    std::map<int, std::string> tails; ///< what a mark or an end may have begun in
    for (const int fd : m_fds) {
        watch(poller, fd);
        tails[fd];
    }
    const std::string_view mark = streamMark;
    constexpr std::string_view endOfBody = "\r\n0\r\n\r\n";
    std::array<epoll_event, 256> events{};
    std::array<char, 16 * 1024> chunk{};
    for (bool running = true; running;) {
        const int count = epoll_wait(poller, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == m_stop) {
                running = false;
                continue;
            }
            const auto got = ::recv(fd, chunk.data(), chunk.size(), 0);
            if (got <= 0) {
                epoll_ctl(poller, EPOLL_CTL_DEL, fd, nullptr);
                continue;
            }
            std::string& text = tails[fd];
            text.append(chunk.data(), static_cast<std::size_t>(got));
            std::size_t at = 0;
            std::int64_t found = 0;
            while ((at = text.find(mark, at)) != std::string::npos) {
                ++found;
                at += mark.size();
                text.erase(0, at);
                at = 0;
            }
            m_marks.fetch_add(found);
            if (text.size() >= endOfBody.size()
                && text.compare(text.size() - endOfBody.size(), endOfBody.size(), endOfBody) == 0) {
                m_ended.fetch_add(1);
            }
            text.erase(0, text.size() - std::min(text.size(), endOfBody.size() + mark.size()));
        }
    }
    ::close(poller);
}

} // namespace headgate::bench
