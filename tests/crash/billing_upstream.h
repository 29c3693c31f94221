// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A provider of chat completions that keeps its own bill and shares nothing with the proxy: it
// bills input as soon as bytes of a request have arrived, and output as it produces it, whether or
// not anyone still listens. Lives in the test's process, so it outlives every kill of the proxy.
// Loopback only, one thread a connection.

#include <atomic>
#include <cstdint>
#include <list>
#include <string>
#include <thread>

namespace headgate::crash {

class BillingUpstream {
public:
    /// Its prices, as `models add` wants them: exact decimals, dollars a million tokens.
    static constexpr const char* inputPrice = "3";
    static constexpr const char* outputPrice = "12";

    BillingUpstream();
    ~BillingUpstream();
    BillingUpstream(const BillingUpstream&) = delete;
    BillingUpstream& operator=(const BillingUpstream&) = delete;

    [[nodiscard]] int port() const { return m_port; }
    /// What it has billed so far, nano-dollars. Final only after waitUntilIdle().
    [[nodiscard]] std::int64_t billedNano() const { return m_billedNano.load(); }
    [[nodiscard]] std::int64_t requests() const { return m_requests.load(); }
    /// Until nothing is being read or produced. Called while no proxy is running or asking.
    void waitUntilIdle() const;

private:
    struct Request;
    void accept();
    void serve(int fd);
    [[nodiscard]] bool readRequest(int fd, std::string& buffer, Request& request);
    void answerWhole(int fd, const Request& request);
    void answerStream(int fd, const Request& request);
    void produce(std::int64_t tokens);

    int m_listener = -1;
    int m_port = 0;
    std::atomic<bool> m_ends{false};
    std::atomic<std::int64_t> m_billedNano{0};
    std::atomic<std::int64_t> m_requests{0};
    std::atomic<int> m_busy{0};
    std::atomic<int> m_connections{0};
    std::thread m_acceptor;
};

} // namespace headgate::crash
