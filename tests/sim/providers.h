// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The providers: they read the bytes that arrive, bill by their own sheet and their own count of
// tokens (input when they accept, output as they produce it, whether or not anyone listens) and
// misbehave as the seed allows. They outlive the host and know nothing of its ledger.

#include "core/proxy/upstream.h"
#include "tests/sim/scenario.h"
#include "tests/sim/world.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace headgate::sim {

/// One request as the provider sees it.
struct ProviderCall {
    int number = 0;
    int client = 0; ///< the client's request, read from the prompt
    std::string provider;
    std::string model;
    std::int64_t inputTokens = 0;
    std::int64_t cachedTokens = 0;
    std::int64_t outputTokens = 0; ///< billed so far, by the provider's own count
    Money billed;
    bool ignoresMax = false;
    bool isDone = false; ///< nothing more will be billed
};

/// Who looks over the providers' shoulders.
class ProviderWatch {
public:
    virtual ~ProviderWatch() = default;
    virtual void onBytesAtProvider(const ProviderCall& call) = 0;
    virtual void onBilled(const ProviderCall& call, Money growth) = 0;
    virtual void onProviderDone(const ProviderCall& call) = 0;
};

/// The line between the host and a provider, seen from both ends.
struct Channel {
    explicit Channel(boost::asio::any_io_executor executor) : event(std::move(executor)) { }
    proxy::Event event;
    int status = 0; ///< 0: no head yet
    std::string contentType = "application/json";
    int retryAfterSeconds = 0;
    std::string buffer;
    bool isEnded = false;
    bool isBroken = false;
    bool isCut = false; ///< the host has hung up or ended
};

class Providers {
public:
    Providers(World& world, const Scenario& scenario, ProviderWatch& watch);
    ~Providers();
    Providers(const Providers&) = delete;
    Providers& operator=(const Providers&) = delete;

    /// The bytes of a request have left the host.
    void receive(const std::string& provider, const proxy::UpstreamRequest& request,
        const std::shared_ptr<Channel>& channel);
    /// What the provider charges from now on.
    void setSheet(const std::string& model, const catalog::PriceSheet& sheet);
    [[nodiscard]] bool isIdle() const;
    /// Faults stop: what comes from now on is served well.
    void behave() { m_behaves = true; }

private:
    struct Job;
    void accept(const std::shared_ptr<Job>& job);
    [[nodiscard]] bool refuse(const std::shared_ptr<Job>& job);
    void plan(Job& job);
    void produce(const std::shared_ptr<Job>& job);
    void finish(const std::shared_ptr<Job>& job);
    void bill(Job& job);
    [[nodiscard]] bool strikes(Fault fault);
    void answerLater(const std::shared_ptr<Job>& job, int status);

    World& m_world;
    const Scenario& m_scenario;
    ProviderWatch& m_watch;
    std::map<std::string, catalog::PriceSheet> m_sheets; ///< "provider/name" → own prices
    std::map<std::string, std::string> m_tokenizers;
    std::map<std::string, bool> m_reasons;
    std::map<std::string, std::int64_t> m_tokensPerMille; ///< of words of an answer
    std::int64_t m_densityPerMille = 1'000; ///< of vocabularies that are not published
    int m_lastNumber = 0;
    int m_open = 0;
    bool m_behaves = false;
};

/// The host's end: what Exchange talks to. One for each life of the host.
class SimUpstream final : public proxy::Upstream {
public:
    SimUpstream(World& world, const Scenario& scenario, Providers& providers);

    [[nodiscard]] bool readyNow(const catalog::Provider& provider) const override;
    boost::asio::awaitable<proxy::UpstreamResult<std::unique_ptr<proxy::UpstreamCall>>> connect(
        const catalog::Provider& provider, proxy::UpstreamKeys keys) override;
    /// The host has ended: all lines are cut, no byte leaves any more.
    void die();
    void behave() { m_shared->behaves = true; }

    struct Shared {
        bool isDead = false;
        bool behaves = false;
        std::vector<std::weak_ptr<Channel>> channels;
    };

private:
    World& m_world;
    const Scenario& m_scenario;
    Providers& m_providers;
    std::shared_ptr<Shared> m_shared = std::make_shared<Shared>();
};

} // namespace headgate::sim
