// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Providers over HTTP/1.1, plain or TLS: one pool of idle connections per loop. Never resends,
// never follows a redirect, never connects to link-local or metadata addresses, always verifies
// certificates. One loop's thread; only the limits and the TLS settings are shared between loops.

#include "core/proxy/sweeper.h"
#include "core/proxy/upstream.h"
#include "core/proxy/upstream_slots.h"
#include "core/proxy/upstream_target.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace headgate::proxy {

/// What all loops share: places at each provider and the TLS settings.
class UpstreamShared {
public:
    UpstreamShared();
    ~UpstreamShared();
    UpstreamShared(const UpstreamShared&) = delete;
    UpstreamShared& operator=(const UpstreamShared&) = delete;
    [[nodiscard]] UpstreamSlots& slots() { return m_slots; }
    [[nodiscard]] const UpstreamSlots& slots() const { return m_slots; }
    struct Tls;
    [[nodiscard]] Tls& tls() { return *m_tls; }

private:
    UpstreamSlots m_slots;
    std::unique_ptr<Tls> m_tls;
};

class HttpUpstream final : public Upstream {
public:
    HttpUpstream(UpstreamShared& shared, Sweeper& sweeper);
    ~HttpUpstream() override;

    [[nodiscard]] bool readyNow(const catalog::Provider& provider) const override;
    boost::asio::awaitable<UpstreamResult<std::unique_ptr<UpstreamCall>>> connect(
        const catalog::Provider& provider, UpstreamKeys keys) override;
    /// Closes idle connections that are older than a minute.
    void trim();
    void closeIdle();

private:
    friend class HttpCall;
    struct Impl;
    std::shared_ptr<Impl> m_impl;
};

} // namespace headgate::proxy
