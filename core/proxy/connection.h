// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One client connection: reads requests one after the other, admits them, runs their exchanges,
// writes their answers. One coroutine; one outstanding read at all times, so that a client that
// leaves is noticed at once also while its request waits for money or for a provider.

#include "core/proxy/event.h"
#include "core/proxy/exchange.h"
#include "core/proxy/loop.h"
#include "core/proxy/sweeper.h"

#include <boost/asio/ip/tcp.hpp>

#include <functional>
#include <memory>
#include <string>

namespace headgate::proxy {

struct Admission;
struct RoutedPath;

class Connection final : public ClientStream,
                         public Sweepable,
                         public std::enable_shared_from_this<Connection> {
public:
    struct Place {
        ProxyShared& shared;
        Sweeper& sweeper;
        Upstream& upstream;
    };
    Connection(boost::asio::ip::tcp::socket socket, Place place);
    ~Connection() override;

    static boost::asio::awaitable<void> serve(std::shared_ptr<Connection> self);
    void closeIfIdle(); ///< the program is stopping

    boost::asio::awaitable<bool> reply(Reply reply) override;
    boost::asio::awaitable<bool> startStream(Reply head) override;
    boost::asio::awaitable<bool> write(std::string_view bytes) override;
    [[nodiscard]] bool writeAtOnce(std::string_view bytes) override;
    boost::asio::awaitable<bool> endStream() override;
    [[nodiscard]] bool gone() const override { return m_gone; }
    void setOnGone(std::function<void()> callback) override;

    void onDeadline() override;
    void onShutdown() override;

private:
    void watch();
    void onReadable();
    void leave();
    void close();
    void setDeadline(int ms);
    void releaseBodyBytes();

    boost::asio::awaitable<bool> serveOne();
    boost::asio::awaitable<void> refuseMalformed(const Error& error);
    boost::asio::awaitable<bool> readHead(RequestParser& parser);
    boost::asio::awaitable<bool> readBody(RequestParser& parser);
    boost::asio::awaitable<bool> handle(RequestParser& parser);
    boost::asio::awaitable<void> route(const Admission& admission, RequestParser& parser,
        std::shared_ptr<const ProxyConfig> config);
    boost::asio::awaitable<void> list(const RoutedPath& path, const ProxyConfig& config);
    boost::asio::awaitable<void> exchange(const Admission& admission, RequestParser& parser,
        std::shared_ptr<const ProxyConfig> config);
    [[nodiscard]] boost::asio::awaitable<bool> begin(const Admission& admission,
        RequestParser& parser, std::shared_ptr<const ProxyConfig> config);
    boost::asio::awaitable<void> refuseOverloaded(std::string message, int retryAfterSeconds);
    boost::asio::awaitable<void> refuse(wire::Refusal refusal, std::string allow);
    boost::asio::awaitable<bool> send(std::string bytes);
    boost::asio::awaitable<void> linger();
    [[nodiscard]] Result<std::string> listing(
        const RoutedPath& path, const ProxyConfig& config) const;
    [[nodiscard]] std::string headText(const Reply& reply, const std::string& framing) const;

    boost::asio::ip::tcp::socket m_socket;
    Place m_place;
    Event m_input;
    std::string m_in;
    std::string m_unsent; ///< of the piece that writeAtOnce() began and write() goes on with
    std::function<void()> m_onGone;
    bool m_watching = false;
    bool m_gone = false; ///< the client left or the connection failed
    bool m_idle = true; ///< between requests
    bool m_keepAlive = true;
    bool m_headOnly = false; ///< HEAD
    bool m_chunked = true; ///< HTTP/1.1
    bool m_expired = false;
    wire::Dialect m_dialect = wire::Dialect::Chat; ///< of the request being served
    std::int64_t m_bodyBytes = 0; ///< counted in ProxyShared::bodyBytes
};

} // namespace headgate::proxy
