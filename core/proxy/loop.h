// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One data-plane thread: its listening socket, its connections, its upstream pool, its sweep. All
// members belong to the loop's thread except where named otherwise. Never touches a database.

#include "core/activity/activity_log.h"
#include "core/ledger/ledger.h"
#include "core/proxy/exchange.h"
#include "core/proxy/loop_detector.h"
#include "core/proxy/provider_health.h"
#include "core/proxy/proxy_config.h"
#include "core/proxy/request_ids.h"
#include "core/proxy/response_pins.h"
#include "core/proxy/sim_provider.h"
#include "core/proxy/upstream_http.h"
#include "core/tokens/margins.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

namespace headgate::proxy {

/// What all loops share. Thread-safe.
struct ProxyShared {
    ProxyShared(ledger::Ledger& l, activity::DecisionSink& s, const Clock& c)
        : ledger(l),
          sink(s),
          clock(c),
          ownHealth(c)
    {
    }
    ledger::Ledger& ledger;
    activity::DecisionSink& sink;
    const Clock& clock;
    std::unique_ptr<SimProvider> sim;
    int inFlightWaitMs = 0;
    int drainTimeoutMs = 0;
    int port = 0;
    UpstreamShared upstream;
    RequestIds ids;
    tokens::Margins* margins = nullptr;
    LoopDetector loops;
    TokenCounts counts;
    ResponsePins ownResponses;
    ResponsePins* responses = &ownResponses; ///< or what outlives this proxy
    std::function<void(const std::string&)> onAlert;
    ProviderHealth ownHealth;
    ProviderHealth* health = &ownHealth; ///< or one that outlives this proxy

    std::atomic<std::int64_t> inFlight{0};
    std::atomic<std::int64_t> connections{0};
    std::atomic<std::int64_t> requests{0};
    std::atomic<std::int64_t> refused{0};
    std::atomic<std::int64_t> bodyBytes{0}; ///< of requests being read or in flight
    std::atomic<bool> stopping{false};

    [[nodiscard]] std::shared_ptr<const ProxyConfig> config() const;
    void setConfig(std::shared_ptr<const ProxyConfig> config);
    void keyUsed(KeyId key, TimeUs atUs);
    [[nodiscard]] std::vector<std::pair<KeyId, TimeUs>> keysLastUsed() const;

private:
    mutable std::mutex m_mutex;
    std::shared_ptr<const ProxyConfig> m_config;
    std::unordered_map<KeyId, TimeUs> m_keysLastUsed;
};

class Loop {
public:
    explicit Loop(ProxyShared& shared);
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Opens the listening socket (SO_REUSEPORT: each loop has its own). Before start().
    [[nodiscard]] Result<void> listen(const std::string& address, int port);
    void start(); ///< starts the thread
    /// Any thread. Stops accepting and closes idle connections.
    void stopAccepting();
    /// Any thread. Ends what is still running.
    void cancelAll();
    /// Waits for the thread, which ends once nothing is left to do. Call stopAccepting() first.
    void join();

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

/// Binds without SO_REUSEPORT and lets go again: the only way to learn that somebody else listens,
/// because two sockets of one user may share a port otherwise. Returns the port (a free one for 0).
[[nodiscard]] Result<int> probePort(const std::string& address, int port);

} // namespace headgate::proxy
