// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/https_get.h"

#include "core/base/limits.h"
#include "core/proxy/asio.h"
#include "core/proxy/http_parser.h"
#include "core/proxy/upstream_http.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/ssl.hpp>

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

namespace headgate::proxy {

namespace {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using boost::system::error_code;

struct Target {
    BaseUrl url;
    std::string path; ///< with its query
};

Result<Target> targetOf(const std::string& text)
{
    const std::size_t query = text.find('?');
    auto url = parseBaseUrl(text.substr(0, query));
    if (!url) {
        return url.error();
    }
    Target target{*url, url->path.empty() ? "/" : url->path};
    if (query != std::string::npos) {
        target.path += text.substr(query);
    }
    const bool plain = std::all_of(target.path.begin(), target.path.end(),
        [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
    if (!plain) {
        return Error(ErrorCode::InvalidArgument, "The address holds characters no URL has.");
    }
    if (isForbiddenHost(url->host)) {
        return Error(ErrorCode::InvalidArgument,
            "The address " + url->host
                + " is link-local or a metadata service, which are never "
                  "called.",
            "Price lists are on public addresses.");
    }
    const bool loopback
        = url->host == "localhost" || url->host == "127.0.0.1" || url->host == "::1";
    if (!url->tls && !loopback) {
        return Error(ErrorCode::InvalidArgument,
            "A price list is fetched over https only: whoever can change what is read on the way "
            "could change your prices.",
            "Use the https:// address, or download the file and import that.");
    }
    return target;
}

/// One fetch on an event loop of its own.
class Fetch {
public:
    Fetch(Target target, const GetOptions& options)
        : m_target(std::move(target)),
          m_options(options),
          m_context(ssl::context::tls_client)
    {
        error_code ec;
        m_context.set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert);
        m_context.set_default_verify_paths(ec);
    }

    Result<std::string> run()
    {
        asio::co_spawn(
            m_io, fetch(), [this](const std::exception_ptr&, Result<std::string> answer) {
                m_answer = std::move(answer);
                m_io.stop();
            });
        m_io.run_for(std::chrono::milliseconds(m_options.timeoutMs));
        if (!m_answer) {
            return failed("it did not end in time");
        }
        return std::move(*m_answer);
    }

private:
    [[nodiscard]] Error failed(const std::string& why) const
    {
        return {ErrorCode::Io, "\"" + m_target.url.host + "\" cannot be read: " + why + ".",
            "Check the address and your network, or download the file and import that."};
    }

    [[nodiscard]] Error untrusted(const std::string& why) const
    {
        return {ErrorCode::Io,
            "\"" + m_target.url.host + "\" cannot be trusted (TLS: " + why
                + "). Its certificate must be valid for its name and signed by an authority that "
                  "this system trusts.",
            "For an authority of your own start Headgate with SSL_CERT_FILE set to its PEM file, "
            "or download the file and import that."};
    }

    asio::awaitable<Result<std::string>> fetch()
    {
        error_code ec;
        auto token = asio::redirect_error(asio::use_awaitable, ec);
        tcp::resolver resolver(m_io);
        const auto found
            = co_await resolver.async_resolve(m_target.url.host, m_target.url.port, token);
        if (ec) {
            co_return failed(ec.message());
        }
        std::vector<tcp::endpoint> endpoints;
        for (const auto& entry : found) {
            if (!isForbiddenAddress(entry.endpoint().address())) {
                endpoints.push_back(entry.endpoint());
            }
        }
        if (endpoints.empty()) {
            co_return failed("its address is link-local or a cloud's own");
        }
        ssl::stream<tcp::socket> stream(m_io, m_context);
        co_await asio::async_connect(stream.next_layer(), endpoints, token);
        if (ec) {
            co_return failed(ec.message());
        }
        if (!m_target.url.tls) {
            auto plain = exchange(stream.next_layer());
            co_return co_await std::move(plain);
        }
        error_code notLiteral;
        asio::ip::make_address(m_target.url.host, notLiteral);
        if (notLiteral) { // SNI carries names only
            SSL_ctrl(stream.native_handle(), SSL_CTRL_SET_TLSEXT_HOSTNAME,
                TLSEXT_NAMETYPE_host_name, m_target.url.host.data());
        }
        stream.set_verify_callback(ssl::host_name_verification(m_target.url.host), ec);
        co_await stream.async_handshake(ssl::stream_base::client, token);
        if (ec) {
            co_return untrusted(ec.message());
        }
        auto secure = exchange(stream);
        co_return co_await std::move(secure);
    }

    template <typename Stream>
    asio::awaitable<Result<std::string>> exchange(Stream& stream)
    {
        error_code ec;
        auto token = asio::redirect_error(asio::use_awaitable, ec);
        const std::string request = "GET " + m_target.path
            + " HTTP/1.1\r\nhost: " + m_target.url.hostHeader()
            + "\r\naccept: application/json, text/plain\r\naccept-encoding: identity\r\n"
              "user-agent: headgate\r\nconnection: close\r\n\r\n";
        co_await asio::async_write(stream, asio::buffer(request), token);
        if (ec) {
            co_return failed(ec.message());
        }
        ResponseParser parser;
        std::string in;
        std::string body;
        while (!parser.done()) {
            const std::size_t before = in.size();
            in.resize(before + limits::relayBufferBytes);
            const std::size_t got = co_await stream.async_read_some(
                asio::buffer(in.data() + before, limits::relayBufferBytes), token);
            in.resize(before + got);
            const auto fed = got > 0 ? parser.feed(in, body) : Result<void>();
            const auto ended = ec ? parser.feedEnd() : Result<void>();
            if (!fed || !ended) {
                co_return failed(fed ? "the answer was cut off" : "it does not speak HTTP");
            }
            if (body.size() > m_options.bytesMax || in.size() > limits::headBytesMax) {
                co_return failed("the answer is longer than any price list");
            }
            if (parser.headDone() && parser.status() != 200) {
                break;
            }
            if (ec) {
                break;
            }
        }
        co_return statusChecked(parser, std::move(body));
    }

    [[nodiscard]] Result<std::string> statusChecked(ResponseParser& parser, std::string body) const
    {
        const int status = parser.status();
        for (const auto& [name, value] : parser.takeHeaders()) {
            if (name == "content-encoding" && !value.empty() && toLower(value) != "identity") {
                return failed("it answers packed (" + value.substr(0, 40)
                    + ") although it was asked for plain text");
            }
            if (status >= 300 && status < 400 && name == "location") {
                return failed("it redirects to " + value.substr(0, 200)
                    + ", and redirects are not followed; use that address if you trust it");
            }
        }
        return status == 200 ? Result<std::string>(std::move(body))
                             : failed("it answers with status " + std::to_string(status));
    }

    Target m_target;
    GetOptions m_options;
    asio::io_context m_io;
    ssl::context m_context;
    std::optional<Result<std::string>> m_answer;
};

} // namespace

Result<std::string> httpsGet(const std::string& url, const GetOptions& options)
{
    auto target = targetOf(url);
    if (!target) {
        return target.error();
    }
    Fetch fetch(std::move(*target), options);
    return fetch.run();
}

} // namespace headgate::proxy
