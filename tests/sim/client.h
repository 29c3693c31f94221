// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The clients: what they ask, as raw bytes, and what they get to see. A client knows its own
// identity and nothing of pools.

#include "core/ledger/pool.h"
#include "core/proxy/exchange.h"
#include "tests/sim/scenario.h"
#include "tests/sim/world.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace headgate::sim {

struct ClientRequest {
    int number = 0; ///< in its prompt; a repeat has the number of its own and the name of the first
    const KeyOwner* key = nullptr;
    ledger::Identity identity; ///< as the pools should see it
    std::string ownTag; ///< that the request names itself
    std::string name; ///< x-headgate-request-id; empty: none
    std::string model;
    std::optional<std::int64_t> maxTokens;
    bool isStream = false;
    bool hasTools = false;
    bool isBad = false; ///< no request that could be served
    std::string bytes; ///< head and body as sent
    // --- seen
    int status = 0; ///< 0: no answer
    bool isEnded = false; ///< a whole answer, or the proper end of a stream
    bool hasLeft = false;
    std::string body; ///< of an answer that was not streamed
    std::size_t streamBytes = 0;
};

/// Draws what the next client asks.
class ClientMix {
public:
    ClientMix(const Scenario& scenario, Rng& rng) : m_scenario(scenario), m_rng(rng) { }
    [[nodiscard]] std::shared_ptr<ClientRequest> next(int number);
    /// A small plain request under that key: must be served when there is money.
    [[nodiscard]] std::shared_ptr<ClientRequest> probe(int number, const KeyOwner& key);

private:
    void drawWho(ClientRequest& request);
    void write(ClientRequest& request, std::int64_t words, bool mayBeBad);

    const Scenario& m_scenario;
    Rng& m_rng;
    std::vector<std::shared_ptr<ClientRequest>> m_named; ///< may be repeated
};

/// The client's end of its connection.
class ClientPipe final : public proxy::ClientStream {
public:
    ClientPipe(World& world, std::shared_ptr<ClientRequest> request, bool isSlow);

    boost::asio::awaitable<bool> reply(proxy::Reply reply) override;
    boost::asio::awaitable<bool> startStream(proxy::Reply head) override;
    boost::asio::awaitable<bool> write(std::string_view bytes) override;
    boost::asio::awaitable<bool> endStream() override;
    [[nodiscard]] bool gone() const override { return m_isGone; }
    void setOnGone(std::function<void()> callback) override;

    void leave(); ///< the client hangs up
    void die(); ///< the host has ended: the client sees nothing more

private:
    boost::asio::awaitable<bool> pass();

    World& m_world;
    std::shared_ptr<ClientRequest> m_request;
    std::function<void()> m_onGone;
    bool m_isSlow = false;
    bool m_isGone = false;
};

} // namespace headgate::sim
