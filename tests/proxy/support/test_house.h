// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A whole data plane in a temporary folder: real ledger, real sockets, the simulated provider, one
// client key, and a decision log in memory. For tests.

#include "core/activity/activity_log.h"
#include "core/ledger/ledger.h"
#include "core/proxy/proxy.h"
#include "support/raw_client.h"

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace headgate::testing {

class MemorySink final : public activity::DecisionSink {
public:
    [[nodiscard]] DecisionId nextId(TimeUs nowUs) override;
    void append(activity::Decision decision) override;
    [[nodiscard]] std::vector<activity::Decision> rows() const;

private:
    mutable std::mutex m_mutex;
    std::int64_t m_last = 0;
    std::vector<activity::Decision> m_rows;
};

struct HouseOptions {
    std::string cap = "1000.00"; ///< of the one hard pool, scope org, lifetime; empty: no pool
    int threads = 2;
    int latencyPermille = 0;
    int inFlightWaitMs = -1;
    int drainTimeoutMs = -1;
    std::vector<ledger::Pool> pools; ///< beside the one above; ids from 2
    const Clock* clock = nullptr; ///< null: the system's
    std::string folder; ///< of a house that was before; empty: a new one
    std::string key; ///< of that house
    bool keepFolder = false; ///< for a house that comes after
};

class TestHouse {
public:
    explicit TestHouse(HouseOptions options = {});
    ~TestHouse();
    TestHouse(const TestHouse&) = delete;
    TestHouse& operator=(const TestHouse&) = delete;

    [[nodiscard]] int port() const { return m_proxy->port(); }
    [[nodiscard]] const std::string& key() const { return m_key; }
    [[nodiscard]] ledger::SqliteLedger& books() { return *m_ledger; }
    [[nodiscard]] proxy::Proxy& proxy() { return *m_proxy; }
    [[nodiscard]] MemorySink& sink() { return m_sink; }
    [[nodiscard]] std::vector<std::string> alerts() const; ///< what the operator was told
    [[nodiscard]] tokens::Margins& margins() { return m_margins; }
    [[nodiscard]] const std::string& folder() const { return m_folder; }
    [[nodiscard]] std::string error() const { return m_error; } ///< of the start; empty: fine

    /// A copy to change and hand to reconfigure().
    [[nodiscard]] proxy::ProxyConfig config() const { return *m_config; }
    void reconfigure(proxy::ProxyConfig config);
    /// Adds an OpenAI-compatible provider with one model at $1 and $10 a million.
    void addProvider(
        const std::string& url, const std::string& name = "script", const std::string& model = "m");

    [[nodiscard]] proxy::SimBill bill() const;
    [[nodiscard]] Money settled() const; ///< of the first pool
    [[nodiscard]] Money held() const;
    /// The pool's line for a key of this house; absent when it covers nothing yet.
    [[nodiscard]] std::optional<ledger::PoolState> pool(const std::string& name) const;
    void stop(int waitMs = 5'000);
    /// Waits until nothing is in flight; false after `timeoutMs`.
    [[nodiscard]] bool waitIdle(int timeoutMs = 20'000) const;
    /// At least so many, in the order of their requests.
    [[nodiscard]] std::vector<activity::Decision> waitRows(std::size_t count) const;

    [[nodiscard]] RawReply chat(
        const std::string& body, const std::string& extraHeaders = {}) const;

private:
    std::string m_folder;
    std::string m_error;
    std::string m_key;
    bool m_keepFolder = false;
    SystemClock m_systemClock;
    MemorySink m_sink;
    tokens::Margins m_margins;
    mutable std::mutex m_mutex;
    std::vector<std::string> m_alerts;
    std::unique_ptr<ledger::SqliteLedger> m_ledger;
    std::shared_ptr<const proxy::ProxyConfig> m_config;
    std::unique_ptr<proxy::Proxy> m_proxy;
};

/// A hard pool as an operator would define it.
[[nodiscard]] ledger::Pool poolOf(
    const std::string& name, const char* scope, const char* window, const std::string& cap);

/// {"model":M,"messages":[{"role":"user","content":TEXT}] EXTRA}; EXTRA starts with a comma.
[[nodiscard]] std::string chatBody(
    const std::string& model, const std::string& text, const std::string& extra = {});

} // namespace headgate::testing
