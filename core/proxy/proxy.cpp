// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/proxy.h"

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/proxy/loop.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <sys/resource.h>
#include <thread>

namespace headgate::proxy {

namespace {

constexpr std::chrono::milliseconds drainPoll{10};

Result<std::string> loopbackAddress(const std::string& host)
{
    if (host == "127.0.0.1" || host == "localhost" || host.empty()) {
        return std::string("127.0.0.1");
    }
    if (host == "::1" || host == "[::1]") {
        return std::string("::1");
    }
    return Error(ErrorCode::Refused,
        fmt::format(
            "Headgate listens on this machine only; \"{}\" is not a loopback address.", host),
        "Use --listen 127.0.0.1:PORT.");
}

/// Systems start programs with 1,024 open files, which is 500 requests; raising it to what the
/// system allows needs no right.
void raiseOpenFiles()
{
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < limits::openFilesMax) {
        const auto before = files.rlim_cur;
        files.rlim_cur = std::min<rlim_t>(files.rlim_max, limits::openFilesMax);
        if (::setrlimit(RLIMIT_NOFILE, &files) != 0) {
            log::warning("The limit of open files stays at {}.", before);
        }
    }
}

int threadCount(int wanted)
{
    const auto cores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
    return std::clamp(wanted > 0 ? wanted : cores, 1, 256);
}

} // namespace

struct Proxy::Impl {
    Impl(ledger::Ledger& ledger, activity::DecisionSink& sink, const Clock& clock)
        : shared(ledger, sink, clock)
    {
    }
    ProxyShared shared;
    std::string address;
    std::vector<std::unique_ptr<Loop>> loops;
    bool stopped = false;
};

Proxy::Proxy(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) { }

Proxy::~Proxy()
{
    drainAndStop(0);
}

Result<std::unique_ptr<Proxy>> Proxy::start(ProxyOptions options,
    std::shared_ptr<const ProxyConfig> config, ledger::Ledger& ledger, activity::DecisionSink& sink,
    const Clock& clock)
{
    auto impl = std::make_unique<Impl>(ledger, sink, clock);
    auto address = loopbackAddress(options.host);
    if (!address) {
        return address.error();
    }
    impl->address = std::move(*address);
    if (options.port < 0 || options.port > 65'535) {
        return Error(ErrorCode::InvalidArgument, fmt::format("{} is not a port.", options.port),
            "Choose one from 1 to 65535.");
    }
    raiseOpenFiles();
    auto sim = SimProvider::open(options.sim);
    if (!sim) {
        return sim.error();
    }
    auto& shared = impl->shared;
    shared.sim = std::move(*sim);
    shared.inFlightWaitMs
        = options.inFlightWaitMs >= 0 ? options.inFlightWaitMs : limits::inFlightWaitMs;
    shared.drainTimeoutMs
        = options.drainTimeoutMs >= 0 ? options.drainTimeoutMs : limits::drainTimeoutMs;
    shared.margins = options.margins;
    shared.onAlert = std::move(options.onAlert);
    if (options.responses != nullptr) {
        shared.responses = options.responses;
    }
    if (options.health != nullptr) {
        shared.health = options.health; // its owner listens to it
    } else {
        shared.ownHealth.setOnAlert(shared.onAlert);
    }
    shared.setConfig(std::move(config));
    auto port = probePort(impl->address, options.port);
    if (!port) {
        return port.error();
    }
    shared.port = *port;
    for (int i = 0; i < threadCount(options.threads); ++i) {
        auto loop = std::make_unique<Loop>(shared);
        if (auto listening = loop->listen(impl->address, shared.port); !listening) {
            return listening.error();
        }
        impl->loops.push_back(std::move(loop));
    }
    for (const auto& loop : impl->loops) {
        loop->start();
    }
    return std::unique_ptr<Proxy>(new Proxy(std::move(impl)));
}

void Proxy::setConfig(std::shared_ptr<const ProxyConfig> config)
{
    m_impl->shared.setConfig(std::move(config));
}

int Proxy::port() const
{
    return m_impl->shared.port;
}

std::string Proxy::url() const
{
    const auto& address = m_impl->address;
    const bool v6 = address.find(':') != std::string::npos;
    return fmt::format("http://{}:{}", v6 ? "[" + address + "]" : address, port());
}

ProxyStats Proxy::stats() const
{
    const auto& shared = m_impl->shared;
    ProxyStats stats;
    stats.inFlight = shared.inFlight.load();
    stats.connections = shared.connections.load();
    stats.requests = shared.requests.load();
    stats.refused = shared.refused.load();
    stats.tokenCountsAsked = shared.counts.byProvider.load();
    stats.tokenCounts = stats.tokenCountsAsked + shared.counts.here.load();
    stats.paused = shared.config()->paused;
    return stats;
}

ProviderHealth& Proxy::health()
{
    return *m_impl->shared.health;
}

std::vector<ProviderLoad> Proxy::loads() const
{
    const auto& upstream = m_impl->shared.upstream;
    return upstream.slots().loads();
}

std::vector<std::pair<KeyId, TimeUs>> Proxy::keysLastUsed() const
{
    return m_impl->shared.keysLastUsed();
}

void Proxy::drainAndStop(int waitMs)
{
    if (std::exchange(m_impl->stopped, true)) {
        return;
    }
    auto& shared = m_impl->shared;
    shared.stopping.store(true);
    for (const auto& loop : m_impl->loops) {
        loop->stopAccepting();
    }
    const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(waitMs);
    while (shared.inFlight.load() > 0 && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(drainPoll);
    }
    shared.sim->hurry();
    for (const auto& loop : m_impl->loops) {
        loop->cancelAll();
    }
    for (const auto& loop : m_impl->loops) {
        loop->join();
    }
}

} // namespace headgate::proxy
