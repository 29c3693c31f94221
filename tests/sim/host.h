// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One life of the Headgate process: production admission, parsers, Exchange and ledger on the
// simulated disk, clock and lines. It can be killed at any moment; what was in memory is gone then.

#include "core/activity/activity_log.h"
#include "core/proxy/exchange.h"
#include "core/proxy/request_ids.h"
#include "core/proxy/sweeper.h"
#include "tests/sim/client.h"
#include "tests/sim/providers.h"
#include "tests/sim/sim_ledger.h"

#include <memory>
#include <vector>

namespace headgate::sim {

/// Outlives the host: ids go on increasing, and the auditor reads what is appended.
class DecisionBook : public activity::DecisionSink {
public:
    [[nodiscard]] DecisionId nextId(TimeUs nowUs) override;
    void append(activity::Decision decision) override;
    std::function<void(int client, DecisionId id)> onId;
    std::function<void(int client, const activity::Decision& decision)> onDecision;
    int currentClient = 0; ///< whose exchange is being made
    bool isDead = false; ///< of a process that has ended nothing arrives

private:
    DecisionId m_last;
    std::map<DecisionId, int> m_clients;
};

class Host {
public:
    struct Parts {
        World& world;
        const Scenario& scenario;
        SimDisk& disk;
        Providers& providers;
        DecisionBook& decisions;
        tokens::Margins& margins;
    };
    Host(Parts parts, SimLedger::Options ledgerOptions);
    ~Host();

    /// Opens the ledger and recovers. An error: the program cannot start.
    [[nodiscard]] Result<void> start();
    void serve(const std::shared_ptr<ClientRequest>& request, std::shared_ptr<ClientPipe> pipe);
    [[nodiscard]] SimLedger& ledger() { return *m_ledger; }
    [[nodiscard]] std::size_t exchanges() const { return m_pipes.size(); }
    [[nodiscard]] std::vector<int> running() const; ///< requests of running exchanges
    [[nodiscard]] bool isBusy() const { return !m_pipes.empty() || m_ledger->isBusy(); }
    /// Deadlines and the idle ledger thread: four times a second while there is work.
    void tick();
    /// Memory is gone, lines are cut. What runs on only unwinds: nobody sees it.
    void die();
    /// What SIGTERM does: ends what runs, settles it, closes the ledger.
    void stop();
    void setConfig(std::shared_ptr<const proxy::ProxyConfig> config)
    {
        m_config = std::move(config);
    }
    void behave() { m_upstream.behave(); }

private:
    struct Served;
    static boost::asio::awaitable<void> run(Host& host, std::shared_ptr<Served> served);
    void refuse(const ClientRequest& request, int status);

    Parts m_parts;
    SimLedger::Options m_ledgerOptions;
    std::unique_ptr<SimLedger> m_ledger;
    proxy::Sweeper m_sweeper;
    proxy::RequestIds m_ids;
    SimUpstream m_upstream;
    std::shared_ptr<const proxy::ProxyConfig> m_config;
    std::map<int, std::shared_ptr<ClientPipe>> m_pipes; ///< of running exchanges, by request
};

} // namespace headgate::sim
