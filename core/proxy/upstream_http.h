// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Providers over HTTP/1.1, plain or TLS: one pool of idle connections per loop. Never resends,
// never follows a redirect, never connects to link-local or metadata addresses, always verifies
// certificates. One loop's thread; only the limits and the TLS settings are shared between loops.

#include "core/proxy/sweeper.h"
#include "core/proxy/upstream.h"

#include <boost/asio/ip/address.hpp>

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace headgate::proxy {

struct BaseUrl {
    bool tls = false;
    std::string host; ///< without brackets
    std::string port;
    std::string path; ///< "" or "/v1", no slash at the end
    [[nodiscard]] std::string hostHeader() const;
};
/// "https://host[:port][/path]". Errors: another scheme, user info, query, fragment, spaces.
[[nodiscard]] Result<BaseUrl> parseBaseUrl(std::string_view url);

/// Link-local, cloud metadata and unspecified addresses, also as IPv4-mapped IPv6: reaching them
/// from a configured name is either a mistake or an attack (quality.md T5).
[[nodiscard]] bool isForbiddenAddress(const boost::asio::ip::address& address);

/// What all loops share: open connections per provider and the TLS settings.
class UpstreamShared {
public:
    UpstreamShared();
    ~UpstreamShared();
    UpstreamShared(const UpstreamShared&) = delete;
    UpstreamShared& operator=(const UpstreamShared&) = delete;
    /// False when the provider has `max` calls already.
    [[nodiscard]] bool acquire(const std::string& provider, int max);
    void release(const std::string& provider);
    struct Tls;
    [[nodiscard]] Tls& tls() { return *m_tls; }

private:
    std::mutex m_mutex;
    std::map<std::string, int> m_inUse;
    std::unique_ptr<Tls> m_tls;
};

class HttpUpstream final : public Upstream {
public:
    HttpUpstream(UpstreamShared& shared, Sweeper& sweeper);
    ~HttpUpstream() override;

    [[nodiscard]] bool readyNow(const catalog::Provider& provider) const override;
    boost::asio::awaitable<UpstreamResult<std::unique_ptr<UpstreamCall>>> connect(
        const catalog::Provider& provider, std::shared_ptr<const Secret> key) override;
    /// Closes idle connections that are older than a minute.
    void trim();
    void closeIdle();

private:
    friend class HttpCall;
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

} // namespace headgate::proxy
