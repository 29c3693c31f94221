// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Where a provider is and how it is addressed: base URL and key header of its dialect,
// the proxy on the way, the addresses that are never called. Pure but for processEnvironment().

#include "core/base/result.h"
#include "core/base/secret.h"
#include "core/catalog/catalog.h"

#include <boost/asio/ip/address.hpp>

#include <functional>
#include <memory>
#include <optional>
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
/// Such an address written out, or the name of a metadata service: all that can be checked where a
/// proxy resolves the name. What such a proxy makes of another name is the proxy's own guard.
[[nodiscard]] bool isForbiddenHost(std::string_view host);

/// Below the base URL, with the version that it may lack.
[[nodiscard]] std::string modelsPath(catalog::Dialect dialect, const BaseUrl& url);
/// The header line that carries the key; empty without one.
[[nodiscard]] std::string authLines(catalog::Dialect dialect, const Secret* key);
/// Headers that only the connection itself may write, whatever a request brings along.
[[nodiscard]] bool isReservedHeader(std::string_view name);

/// Version of Anthropic's API for clients that name none.
inline constexpr const char* anthropicVersion = "2023-06-01";

/// A proxy between us and the provider, spoken to in plain HTTP.
struct ProxyHop {
    std::string host;
    std::string port;
    std::shared_ptr<const Secret> auth; ///< "user:password"; may be null
};
using Environment = std::function<std::string(const char* name)>;
/// Nothing: direct. `auth` wins over what an environment variable holds. Errors: an address that
/// cannot be read, named without what it says.
[[nodiscard]] Result<std::optional<ProxyHop>> proxyFor(const catalog::Provider& provider,
    const BaseUrl& url, std::shared_ptr<const Secret> auth, const Environment& environment);
[[nodiscard]] std::string proxyAuthLine(const ProxyHop& hop);
[[nodiscard]] const Environment& processEnvironment();

} // namespace headgate::proxy
