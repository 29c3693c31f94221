// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/host.h"

#include "core/base/check.h"
#include "core/proxy/admission.h"
#include "core/proxy/asio.h"
#include "tests/sim/disk.h"

#include <algorithm>
#include <utility>

namespace headgate::sim {

namespace asio = boost::asio;

namespace {
constexpr int port = 4141;
} // namespace

DecisionId DecisionBook::nextId(TimeUs nowUs)
{
    m_last = DecisionId{std::max(m_last.value + 1, nowUs)};
    m_clients[m_last] = currentClient;
    if (onId && !isDead) {
        onId(currentClient, m_last);
    }
    return m_last;
}

void DecisionBook::append(activity::Decision decision)
{
    const auto found = m_clients.find(decision.id);
    const int client = found == m_clients.end() ? 0 : found->second;
    if (found != m_clients.end()) {
        m_clients.erase(found);
    }
    if (onDecision && !isDead) {
        onDecision(client, decision);
    }
}

struct Host::Served {
    proxy::RequestParser parser;
    std::shared_ptr<ClientRequest> request;
    std::shared_ptr<ClientPipe> pipe;
    proxy::ClientKey key;
};

Host::Host(Parts parts, SimLedger::Options ledgerOptions)
    : m_parts(parts),
      m_ledgerOptions(std::move(ledgerOptions)),
      m_sweeper(parts.world.clock),
      m_upstream(parts.world, parts.scenario, parts.providers)
{
}

Host::~Host() = default;

Result<void> Host::start()
{
    auto ledger = SimLedger::open(m_parts.world, m_parts.disk, m_ledgerOptions);
    if (!ledger) {
        return ledger.error();
    }
    m_ledger = std::move(*ledger);
    m_parts.decisions.isDead = false;
    return {};
}

void Host::refuse(const ClientRequest& request, int status)
{
    m_parts.world.note("request {} is not admitted: {}", request.number, status);
}

void Host::serve(const std::shared_ptr<ClientRequest>& request, std::shared_ptr<ClientPipe> pipe)
{
    World& world = m_parts.world;
    auto served = std::make_shared<Served>();
    served->request = request;
    served->pipe = std::move(pipe);
    // The bytes come in pieces, as from a socket.
    std::string in;
    std::size_t sent = 0;
    bool isAdmitted = false;
    for (;;) {
        const auto state = served->parser.feed(in);
        if (!state) {
            refuse(*request, 400);
            return;
        }
        if (*state == proxy::RequestParser::State::HeadDone && !isAdmitted) {
            const auto admission
                = proxy::admit(served->parser.head(), *m_config, port, world.clock.nowUs());
            if (admission.refusal) {
                refuse(*request, 401);
                return;
            }
            served->key = admission.key;
            isAdmitted = true;
            continue;
        }
        if (*state == proxy::RequestParser::State::Done) {
            break;
        }
        if (sent == request->bytes.size()) {
            refuse(*request, 400); // it hung up in the middle
            return;
        }
        const auto left = static_cast<std::int64_t>(request->bytes.size() - sent);
        const auto size = static_cast<std::size_t>(world.rng.between(1, left));
        in.append(request->bytes, sent, size);
        sent += size;
    }
    m_pipes[request->number] = served->pipe;
    asio::co_spawn(world.io, run(*this, std::move(served)), asio::detached);
}

asio::awaitable<void> Host::run(Host& host, std::shared_ptr<Served> served)
{
    const Parts& parts = host.m_parts;
    proxy::ExchangeEnv env{*host.m_ledger, parts.decisions, host.m_upstream, parts.world.clock,
        host.m_sweeper, host.m_ids, host.m_config, parts.scenario.inFlightWaitMs,
        parts.scenario.drainTimeoutMs, &parts.margins};
    proxy::ExchangeRequest request{served->parser.head(), std::move(served->parser.body()),
        served->key, parts.world.clock.nowUs(), parts.world.clock.monotonicUs()};
    parts.decisions.currentClient = served->request->number;
    co_await proxy::runExchange(std::move(env), std::move(request), *served->pipe);
    host.m_pipes.erase(served->request->number);
}

std::vector<int> Host::running() const
{
    std::vector<int> numbers;
    for (const auto& [number, pipe] : m_pipes) {
        numbers.push_back(number);
    }
    return numbers;
}

void Host::tick()
{
    m_sweeper.sweep(m_sweeper.nowMs());
    m_ledger->tick();
}

void Host::die()
{
    World& world = m_parts.world;
    m_parts.decisions.isDead = true;
    m_ledger->die();
    m_upstream.die();
    const auto pipes = m_pipes;
    for (const auto& [number, pipe] : pipes) {
        pipe->die();
    }
    // Whatever awaits something is told that it will not come, until all have unwound.
    for (int round = 0; round < 100 && !m_pipes.empty(); ++round) {
        m_sweeper.shutdown();
        world.wakeAll();
        world.io.restart();
        world.io.poll();
    }
    HEADGATE_CHECK(m_pipes.empty());
}

void Host::stop()
{
    World& world = m_parts.world;
    const auto pipes = m_pipes;
    for (const auto& [number, pipe] : pipes) {
        pipe->leave();
    }
    const auto unwind = [&] {
        m_sweeper.shutdown();
        world.wakeAll();
        world.io.restart();
        world.io.poll();
    };
    for (int round = 0; round < 20 && !m_pipes.empty(); ++round) {
        unwind();
        m_ledger->flush();
        if (m_parts.disk.isDown()) {
            return; // whoever watches the disk has ended us
        }
    }
    m_ledger->close();
    for (int round = 0; round < 20 && !m_pipes.empty(); ++round) {
        unwind();
    }
    m_parts.decisions.isDead = true;
    HEADGATE_CHECK(m_pipes.empty());
}

} // namespace headgate::sim
