// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One call to a provider, as Exchange sees it. Production: pooled HTTP/1.1 over TCP or TLS, or the
// simulated provider; tests and the simulator bind their own. Runs on the caller's executor.
// Never resends a request by itself.

#include "core/base/result.h"
#include "core/base/secret.h"
#include "core/catalog/catalog.h"

#include <boost/asio/awaitable.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headgate::proxy {

struct UpstreamRequest {
    /// Below the provider's base URL: "/chat/completions"; see upstreamPathOf().
    std::string path;
    std::vector<std::pair<std::string, std::string>> headers; ///< without host, auth and length
    std::string body;
    bool stream = false;
    const char* method = "POST";
};

/// What opens the way to a provider.
struct UpstreamKeys {
    std::shared_ptr<const Secret> key;
    std::shared_ptr<const Secret> proxyAuth; ///< "user:password" of the proxy on the way
    /// True once nobody wants the connection any more; lives as long as the wait. May be null.
    const bool* abandoned = nullptr;
};

struct UpstreamHead {
    int status = 0;
    std::vector<std::pair<std::string, std::string>> headers; ///< names in lower case
};

/// Where a failure happened decides what may be done next.
enum class UpstreamPhase {
    Connect, ///< no byte of the request left: the hold may be released, another may be tried
    Sent ///< bytes may have been processed: never resent, charged
};

struct UpstreamError {
    UpstreamPhase phase = UpstreamPhase::Sent;
    bool timeout = false;
    std::string message; ///< redacted, for a person
    bool ours = false; ///< says nothing of the provider: no place free, a setting of ours
};

template <typename T>
using UpstreamResult = boost::system::result<T, UpstreamError>;
[[noreturn]] void throw_exception_from_error(
    const UpstreamError& error, const boost::source_location&);

/// A connection in hand that has not carried this request yet; destroying it closes or returns it.
class UpstreamCall {
public:
    virtual ~UpstreamCall() = default;
    /// Writes the request. After this the phase is Sent.
    virtual boost::asio::awaitable<UpstreamResult<void>> send(UpstreamRequest request) = 0;
    virtual boost::asio::awaitable<UpstreamResult<UpstreamHead>> readHead() = 0;
    /// Appends the next piece of the body to `out`; false at its proper end. Back-pressure: nothing
    /// is read from the provider while nobody asks.
    virtual boost::asio::awaitable<UpstreamResult<bool>> readBody(std::string& out) = 0;
    /// Ends the call now, from the same executor; pending reads fail.
    virtual void cancel() = 0;
};

class Upstream {
public:
    virtual ~Upstream() = default;
    /// True when connect() will hand over at once (idle connection or simulated provider): then the
    /// hold can be committed as dispatched in one sync.
    [[nodiscard]] virtual bool readyNow(const catalog::Provider& provider) const = 0;
    /// Takes an idle connection (checked alive) or opens one; waits in line where the provider has
    /// as many calls as it may.
    virtual boost::asio::awaitable<UpstreamResult<std::unique_ptr<UpstreamCall>>> connect(
        const catalog::Provider& provider, UpstreamKeys keys)
        = 0;
};

} // namespace headgate::proxy
