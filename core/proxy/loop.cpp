// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/loop.h"

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/proxy/asio.h"
#include "core/proxy/connection.h"
#include "core/proxy/sweeper.h"

#include <boost/asio/executor_work_guard.hpp>
#include <fmt/format.h>

#include <chrono>
#include <thread>

#include <sys/socket.h>

namespace headgate::proxy {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

namespace {

/// Often enough that short time-outs in a configuration mean something, seldom enough to cost
/// nothing.
constexpr std::chrono::milliseconds sweepEvery{250};
/// While stopping: the sooner the last connection is noticed to be gone, the sooner it ends.
constexpr std::chrono::milliseconds stopEvery{10};

using ReusePort = asio::detail::socket_option::boolean<SOL_SOCKET, SO_REUSEPORT>;

/// Chooses between the simulated provider and the network.
class LoopUpstream final : public Upstream {
public:
    LoopUpstream(ProxyShared& shared, Sweeper& sweeper)
        : m_sim(*shared.sim),
          http(shared.upstream, sweeper)
    {
    }
    [[nodiscard]] bool readyNow(const catalog::Provider& provider) const override
    {
        return provider.simulated || http.readyNow(provider);
    }
    asio::awaitable<UpstreamResult<std::unique_ptr<UpstreamCall>>> connect(
        const catalog::Provider& provider, UpstreamKeys keys) override
    {
        if (provider.simulated) {
            co_return m_sim.call();
        }
        auto call = co_await http.connect(provider, std::move(keys));
        co_return call;
    }

private:
    SimProvider& m_sim;

public:
    HttpUpstream http;
};

Error portError(const std::string& address, int port, const error_code& ec)
{
    if (ec == asio::error::address_in_use) {
        return {ErrorCode::Unavailable,
            fmt::format("Port {} on {} is already used by another program (perhaps a Headgate that "
                        "is running).",
                port, address),
            fmt::format(
                "Stop that program, or choose another port with --listen {}:PORT.", address)};
    }
    return {ErrorCode::Io,
        fmt::format("Cannot listen on {} port {}: {}.", address, port, ec.message()),
        "Choose another address or port with --listen."};
}

} // namespace

std::shared_ptr<const ProxyConfig> ProxyShared::config() const
{
    const std::scoped_lock lock(m_mutex);
    return m_config;
}

void ProxyShared::setConfig(std::shared_ptr<const ProxyConfig> config)
{
    const std::scoped_lock lock(m_mutex);
    m_config = std::move(config);
}

void ProxyShared::keyUsed(KeyId key, TimeUs atUs)
{
    const std::scoped_lock lock(m_mutex);
    TimeUs& last = m_keysLastUsed[key];
    last = std::max(last, atUs);
}

std::vector<std::pair<KeyId, TimeUs>> ProxyShared::keysLastUsed() const
{
    const std::scoped_lock lock(m_mutex);
    return {m_keysLastUsed.begin(), m_keysLastUsed.end()};
}

Result<int> probePort(const std::string& address, int port)
{
    asio::io_context io;
    error_code ec;
    const tcp::endpoint endpoint(asio::ip::make_address(address), static_cast<std::uint16_t>(port));
    tcp::acceptor probe(io);
    probe.open(endpoint.protocol(), ec);
    if (!ec) {
        probe.set_option(tcp::acceptor::reuse_address(true), ec); // not for listeners: TIME_WAIT
        probe.bind(endpoint, ec);
    }
    if (!ec) {
        probe.listen(1, ec);
    }
    if (ec) {
        return portError(address, port, ec);
    }
    return static_cast<int>(probe.local_endpoint().port());
}

struct Loop::Impl {
    explicit Impl(ProxyShared& s)
        : shared(s),
          guard(asio::make_work_guard(io)),
          sweeper(s.clock),
          upstream(s, sweeper),
          acceptor(io),
          timer(io)
    {
    }
    ProxyShared& shared;
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> guard;
    Sweeper sweeper;
    LoopUpstream upstream;
    tcp::acceptor acceptor;
    asio::steady_timer timer;
    std::vector<std::weak_ptr<Connection>> connections;
    std::thread thread;
    bool acceptPaused = false;
    bool stopping = false;
    bool cancelling = false;

    void accept();
    void tick();
    void onTick();
    void adopt(tcp::socket socket);
    void forgetClosed();
};

void Loop::Impl::accept()
{
    acceptor.async_accept([this](const error_code& ec, tcp::socket socket) {
        if (stopping || ec == asio::error::operation_aborted) {
            return;
        }
        if (ec) { // out of descriptors: the next sweep goes on
            acceptPaused = true;
            return;
        }
        adopt(std::move(socket));
        accept();
    });
}

void Loop::Impl::adopt(tcp::socket socket)
{
    if (shared.connections.load() >= static_cast<std::int64_t>(limits::connectionsMax)) {
        return; // closed: there is no memory for words
    }
    error_code ignored;
    socket.set_option(tcp::no_delay(true), ignored);
    const Connection::Place place{shared, sweeper, upstream};
    auto connection = std::make_shared<Connection>(std::move(socket), place);
    connections.push_back(connection);
    asio::co_spawn(io, Connection::serve(std::move(connection)), asio::detached);
}

void Loop::Impl::forgetClosed()
{
    std::erase_if(connections, [](const auto& weak) { return weak.expired(); });
}

void Loop::Impl::tick()
{
    timer.expires_after(stopping ? stopEvery : sweepEvery);
    timer.async_wait([this](const error_code& ec) {
        if (!ec) {
            onTick();
        }
    });
}

void Loop::Impl::onTick()
{
    sweeper.sweep(sweeper.nowMs());
    upstream.http.trim();
    forgetClosed();
    if (cancelling) {
        sweeper.shutdown(); // again: what came up meanwhile
    }
    if (acceptPaused && !stopping) {
        acceptPaused = false;
        accept();
    }
    if (stopping && connections.empty()) {
        upstream.http.closeIdle();
        guard.reset(); // the thread ends when the simulated provider has finished, too
        return;
    }
    tick();
}

Loop::Loop(ProxyShared& shared) : m_impl(std::make_unique<Impl>(shared)) { }

Loop::~Loop()
{
    if (m_impl->thread.joinable()) {
        stopAccepting();
        cancelAll();
        join();
    }
}

Result<void> Loop::listen(const std::string& address, int port)
{
    const tcp::endpoint endpoint(asio::ip::make_address(address), static_cast<std::uint16_t>(port));
    error_code ec;
    auto& acceptor = m_impl->acceptor;
    acceptor.open(endpoint.protocol(), ec);
    if (!ec) {
        acceptor.set_option(tcp::acceptor::reuse_address(true), ec);
        acceptor.set_option(ReusePort(true), ec);
        acceptor.bind(endpoint, ec);
    }
    if (!ec) {
        acceptor.listen(asio::socket_base::max_listen_connections, ec);
    }
    if (ec) {
        return portError(address, port, ec);
    }
    return {};
}

void Loop::start()
{
    m_impl->accept();
    m_impl->tick();
    m_impl->thread = std::thread([impl = m_impl.get()] {
        for (;;) {
            try {
                impl->io.run();
                return;
            } catch (const std::exception& error) { // a mistake in one request is not the others'
                log::error("data plane: {}", error.what());
            }
        }
    });
}

void Loop::stopAccepting()
{
    asio::post(m_impl->io, [impl = m_impl.get()] {
        impl->stopping = true;
        error_code ignored;
        impl->acceptor.close(ignored);
        for (const auto& weak : impl->connections) {
            if (const auto connection = weak.lock()) {
                connection->closeIfIdle();
            }
        }
        impl->timer.cancel();
        impl->timer.expires_after(std::chrono::milliseconds(1));
        impl->timer.async_wait([impl](const error_code& ec) {
            if (!ec) {
                impl->onTick();
            }
        });
    });
}

void Loop::cancelAll()
{
    asio::post(m_impl->io, [impl = m_impl.get()] {
        impl->cancelling = true;
        impl->sweeper.shutdown();
    });
}

void Loop::join()
{
    if (m_impl->thread.joinable()) {
        m_impl->thread.join();
    }
}

} // namespace headgate::proxy
