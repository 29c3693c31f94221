// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One request's life, one coroutine from top to bottom: read, know, plan, hold, call, relay and
// meter, settle, record. Talks to Ledger, Upstream, ClientStream, Clock and DecisionSink only;
// production binds them to sockets and threads, tests and the simulator to their own.
// No byte goes upstream before its hold is committed as dispatched.

#include "core/activity/activity_log.h"
#include "core/ledger/ledger.h"
#include "core/proxy/http_parser.h"
#include "core/proxy/loop_detector.h"
#include "core/proxy/provider_health.h"
#include "core/proxy/proxy_config.h"
#include "core/proxy/request_ids.h"
#include "core/proxy/response_pins.h"
#include "core/proxy/routes.h"
#include "core/proxy/sweeper.h"
#include "core/proxy/upstream.h"
#include "core/tokens/margins.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headgate::proxy {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Reply {
    int status = 200;
    Headers headers; ///< besides content-type and the framing
    std::string body;
    std::string contentType = "application/json";
};

/// The way back to the client. All on the exchange's executor.
class ClientStream {
public:
    virtual ~ClientStream() = default;
    /// A whole answer. False: the client has left.
    virtual boost::asio::awaitable<bool> reply(Reply reply) = 0;
    virtual boost::asio::awaitable<bool> startStream(Reply head) = 0; ///< body ignored
    /// Returns when the bytes are with the system: the pace of the slower side.
    virtual boost::asio::awaitable<bool> write(std::string_view bytes) = 0;
    /// A piece of a stream if the system takes it now, without waiting. False: write() the same
    /// bytes next.
    [[nodiscard]] virtual bool writeAtOnce(std::string_view bytes);
    virtual boost::asio::awaitable<bool> endStream() = 0;
    [[nodiscard]] virtual bool gone() const = 0;
    /// Called once when the client leaves; an empty function unsets it.
    virtual void setOnGone(std::function<void()> callback) = 0;
};

/// Requests that only counted tokens, since start.
struct TokenCounts {
    std::atomic<std::int64_t> byProvider{0};
    std::atomic<std::int64_t> here{0};
};

struct ExchangeEnv {
    ledger::Ledger& ledger;
    activity::DecisionSink& sink;
    Upstream& upstream;
    const Clock& clock;
    Sweeper& sweeper;
    RequestIds& ids;
    std::shared_ptr<const ProxyConfig> config;
    int inFlightWaitMs = 0;
    int drainTimeoutMs = 0;
    tokens::Margins* margins = nullptr; ///< null: bounds stay at their start
    LoopDetector* loops = nullptr; ///< null: nobody looks for loops
    std::function<void(const std::string&)> onAlert = {}; ///< any thread; for the operator
    /// null: nobody knows whose responses are whose; they are bounded by whole contexts
    ResponsePins* responses = nullptr;
    ProviderHealth* health = nullptr; ///< null: nobody remembers how providers do
    TokenCounts* counts = nullptr; ///< null: nobody wants to know
};

struct ExchangeRequest {
    const RequestHead& head; ///< outlives the exchange
    std::string body;
    ClientKey key;
    TimeUs atUs = 0;
    std::int64_t atMonotonicUs = 0;
    RoutedPath path = {}; ///< what is asked, in which dialect
};

/// True when the request was refused or rejected (for the counters).
boost::asio::awaitable<bool> runExchange(
    ExchangeEnv env, ExchangeRequest request, ClientStream& client);

} // namespace headgate::proxy
