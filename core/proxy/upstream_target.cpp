// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/upstream_target.h"

#include "core/base/base64.h"
#include "core/proxy/http_parser.h"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

namespace headgate::proxy {

namespace asio = boost::asio;

namespace {

/// The last part of a path is a version: "/v1", "/v1beta".
bool endsWithVersion(std::string_view path)
{
    const auto last = path.substr(path.rfind('/') + 1);
    return last.size() >= 2 && last[0] == 'v' && last[1] >= '1' && last[1] <= '9';
}

bool isLocal(const std::string& host)
{
    boost::system::error_code ec;
    const auto address = asio::ip::make_address(host, ec);
    return ec ? host == "localhost" : address.is_loopback();
}

/// "host", "host:port", "[v6]", "[v6]:port", "v6": host and port apart; no port is every port.
std::pair<std::string_view, std::string_view> hostAndPort(std::string_view entry)
{
    std::size_t colon = entry.rfind(':');
    if (entry.starts_with('[')) {
        const auto end = entry.find(']');
        colon = entry.find(':', end == std::string_view::npos ? entry.size() : end);
        const auto port
            = colon == std::string_view::npos ? std::string_view() : entry.substr(colon + 1);
        return {entry.substr(1, end == std::string_view::npos ? end : end - 1), port};
    }
    if (colon == std::string_view::npos || entry.find(':') != colon) {
        return {entry, {}};
    }
    return {entry.substr(0, colon), entry.substr(colon + 1)};
}

/// An address matches itself in any writing, and a network ("10.0.0.0/8") what is in it.
bool matchesAddress(std::string_view entry, const asio::ip::address& address)
{
    boost::system::error_code ec;
    const std::string text(entry);
    if (text.find('/') == std::string::npos) {
        const auto wanted = asio::ip::make_address(text, ec);
        return !ec && wanted == address;
    }
    if (address.is_v4()) {
        const auto net = asio::ip::make_network_v4(text, ec);
        return !ec
            && asio::ip::network_v4(address.to_v4(), net.prefix_length()).network()
            == net.network();
    }
    const auto net = asio::ip::make_network_v6(text, ec);
    return !ec
        && asio::ip::network_v6(address.to_v6(), net.prefix_length()).network() == net.network();
}

/// One entry of NO_PROXY: "*", "host", ".domain", "domain", an address or a network, each with
/// ":port" or without. As curl does it, a domain covers the names below it.
bool matchesNoProxy(std::string_view entry, const BaseUrl& url)
{
    if (entry == "*") {
        return true;
    }
    const auto [host, port] = hostAndPort(entry);
    if (host.empty() || (!port.empty() && port != url.port)) {
        return false;
    }
    boost::system::error_code ec;
    if (const auto address = asio::ip::make_address(url.host, ec); !ec) {
        return matchesAddress(host, address); // "4" is no domain of 1.2.3.4
    }
    const auto plain = [](std::string_view name) {
        name.remove_prefix(name.starts_with('.') ? 1 : 0);
        name.remove_suffix(name.ends_with('.') ? 1 : 0);
        return toLower(name);
    };
    const auto name = plain(url.host);
    const auto wanted = plain(host);
    return !wanted.empty() && (name == wanted || name.ends_with("." + wanted));
}

/// Entries stand between commas, spaces or both.
bool isExempt(std::string_view list, const BaseUrl& url)
{
    constexpr std::string_view between = ", \t";
    for (;;) {
        const auto begin = list.find_first_not_of(between);
        if (begin == std::string_view::npos) {
            return false;
        }
        list.remove_prefix(begin);
        const auto end = std::min(list.find_first_of(between), list.size());
        if (matchesNoProxy(list.substr(0, end), url)) {
            return true;
        }
        list.remove_prefix(end);
    }
}

/// "%40" → "@"; anything else stays.
std::string percentDecoded(std::string_view text)
{
    const auto digit = [](char c) {
        return c >= '0' && c <= '9'                  ? c - '0'
            : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                     : -1;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0
            && digit(text[i + 2]) >= 0) {
            out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

Result<ProxyHop> hopOf(std::string_view text)
{
    std::string url(text);
    ProxyHop hop;
    if (url.find("://") == std::string::npos) {
        url = "http://" + url;
    }
    const auto begin = url.find("://") + 3;
    if (const auto at = url.rfind('@'); at != std::string::npos && at > begin) {
        hop.auth = std::make_shared<const Secret>(
            percentDecoded(std::string_view(url).substr(begin, at - begin)));
        url.erase(begin, at - begin + 1);
    }
    if (!url.starts_with("http://")) {
        return Error(ErrorCode::InvalidArgument, "The proxy's address does not start with http://.",
            "Give it as http://host:port; connections to providers are encrypted through it.");
    }
    const auto parsed = parseBaseUrl(url);
    if (!parsed || !parsed->path.empty()) {
        return Error(ErrorCode::InvalidArgument, "The proxy's address cannot be read.",
            "Give it as http://host:port.");
    }
    hop.host = parsed->host;
    hop.port = parsed->port;
    return hop;
}

} // namespace

std::string BaseUrl::hostHeader() const
{
    const auto name = host.find(':') != std::string::npos ? "[" + host + "]" : host;
    const bool usual = port == (tls ? "443" : "80");
    return usual ? name : name + ":" + port;
}

Result<BaseUrl> parseBaseUrl(std::string_view url)
{
    const auto bad = [&url](const char* why) {
        return Error(ErrorCode::InvalidArgument, fmt::format("The base URL \"{}\" {}.", url, why),
            "Give it as https://host[:port][/path], for example https://api.openai.com/v1.");
    };
    BaseUrl out;
    auto rest = url;
    if (rest.substr(0, 8) == "https://") {
        out.tls = true;
        rest.remove_prefix(8);
    } else if (rest.substr(0, 7) == "http://") {
        rest.remove_prefix(7);
    } else {
        return bad("does not start with http:// or https://");
    }
    if (std::any_of(rest.begin(), rest.end(), [](char c) { return c <= 0x20 || c >= 0x7F; })) {
        return bad("contains spaces or characters that a URL cannot hold");
    }
    if (rest.find_first_of("?#@\\") != std::string_view::npos) {
        return bad("contains user names, queries or fragments");
    }
    const auto slash = rest.find('/');
    auto authority = rest.substr(0, slash);
    out.path = slash == std::string_view::npos ? std::string() : std::string(rest.substr(slash));
    while (!out.path.empty() && out.path.back() == '/') {
        out.path.pop_back();
    }
    std::string_view port;
    if (!authority.empty() && authority.front() == '[') {
        const auto end = authority.find(']');
        if (end == std::string_view::npos) {
            return bad("has an unfinished IPv6 address");
        }
        out.host = std::string(authority.substr(1, end - 1));
        authority.remove_prefix(end + 1);
        if (!authority.empty() && authority.front() != ':') {
            return bad("has something after its IPv6 address");
        }
        port = authority.empty() ? authority : authority.substr(1);
    } else {
        const auto colon = authority.find(':');
        out.host = std::string(authority.substr(0, colon));
        port = colon == std::string_view::npos ? std::string_view() : authority.substr(colon + 1);
    }
    const bool digits
        = std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (out.host.empty() || !digits || port.size() > 5) {
        return bad("has no host or a bad port");
    }
    out.port = port.empty() ? (out.tls ? "443" : "80") : std::string(port);
    return out;
}

bool isForbiddenAddress(const asio::ip::address& address)
{
    if (address.is_v6()) {
        const auto v6 = address.to_v6();
        if (v6.is_v4_mapped()) {
            return isForbiddenAddress(asio::ip::make_address_v4(asio::ip::v4_mapped, v6));
        }
        static const auto awsMetadata = asio::ip::make_address_v6("fd00:ec2::254");
        return v6.is_link_local() || v6.is_unspecified() || v6.is_multicast()
            || v6.to_bytes() == awsMetadata.to_bytes();
    }
    const auto v4 = address.to_v4();
    const auto bytes = v4.to_bytes();
    const bool linkLocal = bytes[0] == 169 && bytes[1] == 254;
    static const auto alibabaMetadata = asio::ip::make_address_v4("100.100.100.200");
    static const auto oracleMetadata = asio::ip::make_address_v4("192.0.0.192");
    return linkLocal || bytes[0] == 0 || v4.is_multicast() || v4 == alibabaMetadata
        || v4 == oracleMetadata || v4 == asio::ip::address_v4::broadcast();
}

bool isForbiddenHost(std::string_view host)
{
    boost::system::error_code ec;
    if (const auto address = asio::ip::make_address(std::string(host), ec); !ec) {
        return isForbiddenAddress(address);
    }
    static constexpr std::array names{"metadata", "metadata.google.internal", "metadata.goog",
        "instance-data", "instance-data.ec2.internal", "metadata.platformequinix.com"};
    auto name = toLower(host);
    while (name.ends_with('.')) {
        name.pop_back();
    }
    return std::find(names.begin(), names.end(), name) != names.end();
}

std::string modelsPath(catalog::Dialect dialect, const BaseUrl& url)
{
    const auto& path = url.path;
    switch (dialect) {
    case catalog::Dialect::OpenAi:
        break;
    case catalog::Dialect::Anthropic:
        return endsWithVersion(path) ? "/models" : "/v1/models";
    case catalog::Dialect::Gemini:
        return endsWithVersion(path) ? "/models" : "/v1beta/models";
    case catalog::Dialect::Ollama:
        return path.ends_with("/v1") ? "/models" : path.ends_with("/api") ? "/tags" : "/api/tags";
    }
    return "/models";
}

std::string authLines(catalog::Dialect dialect, const Secret* key)
{
    if (key == nullptr || key->empty()) {
        return {};
    }
    switch (dialect) {
    case catalog::Dialect::Anthropic:
        return "x-api-key: " + key->reveal() + "\r\n";
    case catalog::Dialect::Gemini:
        return "x-goog-api-key: " + key->reveal() + "\r\n";
    case catalog::Dialect::OpenAi:
    case catalog::Dialect::Ollama:
        break;
    }
    return "authorization: Bearer " + key->reveal() + "\r\n";
}

bool isReservedHeader(std::string_view name)
{
    static constexpr std::array names{"authorization", "x-api-key", "x-goog-api-key", "api-key",
        "proxy-authorization", "proxy-connection", "cookie", "host", "content-length",
        "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect"};
    return std::any_of(names.begin(), names.end(),
        [&](const char* reserved) { return equalsIgnoringCase(name, reserved); });
}

Result<std::optional<ProxyHop>> proxyFor(const catalog::Provider& provider, const BaseUrl& url,
    std::shared_ptr<const Secret> auth, const Environment& environment)
{
    if (provider.proxy.empty()) {
        return std::optional<ProxyHop>();
    }
    std::string text = provider.proxy;
    if (text == "env") {
        const auto first = [&](std::initializer_list<const char*> names) {
            for (const char* name : names) {
                if (auto value = environment(name); !value.empty()) {
                    return value;
                }
            }
            return std::string();
        };
        // Not HTTP_PROXY in capitals: where a program runs as a CGI, a client sets it.
        text = url.tls ? first({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
                       : first({"http_proxy", "all_proxy", "ALL_PROXY"});
        if (text.empty() || isLocal(url.host) || isExempt(first({"no_proxy", "NO_PROXY"}), url)) {
            return std::optional<ProxyHop>();
        }
    }
    auto hop = hopOf(text);
    if (!hop) {
        return hop.error();
    }
    if (auth && !auth->empty()) {
        hop->auth = std::move(auth);
    }
    return std::optional<ProxyHop>(std::move(*hop));
}

std::string proxyAuthLine(const ProxyHop& hop)
{
    return hop.auth && !hop.auth->empty()
        ? "proxy-authorization: Basic " + base64Of(hop.auth->reveal()) + "\r\n"
        : std::string();
}

const Environment& processEnvironment()
{
    static const Environment environment = [](const char* name) {
        const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe)
        return value == nullptr ? std::string() : std::string(value);
    };
    return environment;
}

} // namespace headgate::proxy
