// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Load and upstream for benchmarks, on loopback only: a generator with a fixed number of requests
// over keep-alive connections, and an upstream that answers every POST with the same bytes. Plain
// epoll, so that their own cost stays small and steady. Each has one thread.

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace headgate::bench {

struct Load {
    int port = 0;
    std::string request; ///< a whole HTTP/1.1 request, keep-alive
    int connections = 1;
    std::int64_t requests = 0; ///< all connections together
};

struct LoadResult {
    std::int64_t answered = 0; ///< with status 200
    std::int64_t refused = 0; ///< with status 4xx
    std::int64_t failed = 0; ///< anything else, also a closed connection
    std::int64_t wallUs = 0;
    std::vector<std::int64_t> latenciesUs; ///< sorted
};

/// Blocks until all requests have an answer. Runs on the calling thread.
[[nodiscard]] LoadResult runLoad(const Load& load);

/// Answers until destroyed.
class StubUpstream {
public:
    explicit StubUpstream(std::string answer);
    ~StubUpstream();
    StubUpstream(const StubUpstream&) = delete;
    StubUpstream& operator=(const StubUpstream&) = delete;
    [[nodiscard]] int port() const { return m_port; }
    [[nodiscard]] std::int64_t answered() const { return m_answered.load(); }

private:
    void run();
    std::string m_answer;
    int m_listener = -1;
    int m_stop = -1;
    int m_port = 0;
    std::atomic<std::int64_t> m_answered{0};
    std::thread m_thread;
};

/// Sockets on loopback for this and stream_ends.
[[nodiscard]] int connectTo(int port); ///< -1 when nobody listens
[[nodiscard]] int listenAnywhere(int& port); ///< on a free port, told in `port`
void noDelay(int fd);
[[nodiscard]] bool sendAll(int fd, std::string_view bytes);
void watch(int poller, int fd); ///< epoll, readable
/// Length of the first whole HTTP message in `data`, 0 when it is not whole yet.
[[nodiscard]] std::size_t messageLength(std::string_view data);

/// A port nobody listens on right now.
[[nodiscard]] int freePort();
[[nodiscard]] bool canConnect(int port);

/// A POST to `path` with the usual headers.
[[nodiscard]] std::string httpPost(
    int port, const std::string& path, const std::string& key, const std::string& body);
[[nodiscard]] std::string httpAnswer(const std::string& json);

} // namespace headgate::bench
