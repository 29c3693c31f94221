// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The data plane: listeners (one thread and io_context a core, SO_REUSEPORT), admission, exchanges,
// upstream pools. Owns its threads. Never touches a database; talks to Ledger and DecisionSink.

#include "core/activity/activity_log.h"
#include "core/ledger/ledger.h"
#include "core/proxy/provider_health.h"
#include "core/proxy/provider_load.h"
#include "core/proxy/proxy_config.h"
#include "core/proxy/response_pins.h"
#include "core/proxy/sim_provider.h"
#include "core/tokens/margins.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace headgate::proxy {

struct ProxyOptions {
    std::string host = "127.0.0.1"; ///< loopback only in this build; anything else is refused
    int port = 4141; ///< 0: a free one
    int threads = 0; ///< 0: one a core
    SimOptions sim;
    int inFlightWaitMs = -1; ///< -1: limits::inFlightWaitMs
    int drainTimeoutMs = -1; ///< -1: limits::drainTimeoutMs
    tokens::Margins* margins = nullptr; ///< outlives the proxy; null: nothing is learned
    std::function<void(const std::string&)> onAlert; ///< any thread; one sentence for the operator
    ProviderHealth* health = nullptr; ///< outlives the proxy; null: it keeps one of its own
    ResponsePins* responses = nullptr; ///< likewise
};

struct ProxyStats {
    std::int64_t inFlight = 0;
    std::int64_t connections = 0;
    std::int64_t requests = 0; ///< since start
    std::int64_t refused = 0;
    std::int64_t tokenCounts = 0; ///< of the requests: those that only counted tokens
    std::int64_t tokenCountsAsked = 0; ///< of those: counted by a provider, not here
    bool paused = false;
};

class Proxy {
public:
    /// Binds and starts. Errors: port taken (names the port and the remedy; never moves silently),
    /// host not loopback, sim bill not writable.
    [[nodiscard]] static Result<std::unique_ptr<Proxy>> start(ProxyOptions options,
        std::shared_ptr<const ProxyConfig> config, ledger::Ledger& ledger,
        activity::DecisionSink& sink, const Clock& clock);
    ~Proxy();

    /// Takes effect for the next request on every thread.
    void setConfig(std::shared_ptr<const ProxyConfig> config);
    [[nodiscard]] int port() const;
    [[nodiscard]] std::string url() const; ///< "http://127.0.0.1:4141"
    [[nodiscard]] ProxyStats stats() const;
    /// When a key was last used, by key id (for the Keys page).
    [[nodiscard]] std::vector<std::pair<KeyId, TimeUs>> keysLastUsed() const;

    [[nodiscard]] ProviderHealth& health();
    /// Calls under way and in line, by provider.
    [[nodiscard]] std::vector<ProviderLoad> loads() const;

    /// Stops accepting, waits up to `waitMs` for streams to end, then cancels the rest (their holds
    /// are settled or charged) and joins the threads. Idempotent.
    void drainAndStop(int waitMs);

private:
    struct Impl;
    explicit Proxy(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

} // namespace headgate::proxy
