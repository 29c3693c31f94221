// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/provider_probe.h"

#include "core/base/log.h"
#include "core/proxy/sweeper.h"
#include "core/proxy/upstream_http.h"
#include "core/service/validate.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>
#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <utility>

namespace headgate::service {

namespace asio = boost::asio;

namespace {

constexpr int connectTimeoutMs = 5'000;
constexpr std::chrono::seconds answerWithin{15};
constexpr std::chrono::milliseconds sweepEvery{100};
/// A list of models is some hundred kilobytes at most.
constexpr std::size_t answerBytesMax = 4 * 1024 * 1024;

struct Answer {
    int status = 0;
    std::string body;
    std::string problem; ///< why there is none
};

Error unreachable(const catalog::Provider& provider, const std::string& why)
{
    return Error(ErrorCode::Io, fmt::format("{} cannot be reached: {}", provider.name, why),
        "Check the URL, your network and the provider's status page.");
}

/// How many models the answer lists; -1 when it is not such a list.
long modelCount(const std::string& body)
{
    boost::system::error_code error;
    const auto value = boost::json::parse(body, error);
    const auto* whole = error ? nullptr : value.if_object();
    for (const char* name : {"data", "models"}) {
        const auto* list = whole == nullptr ? nullptr : whole->if_contains(name);
        if (list != nullptr && list->is_array()) {
            return static_cast<long>(list->get_array().size());
        }
    }
    return -1;
}

Result<std::string> verdictOf(const catalog::Provider& provider, const Answer& answer)
{
    const int status = answer.status;
    if (status == 401 || status == 403) {
        return Error(ErrorCode::Unauthorized,
            fmt::format(
                "{} answers, but does not accept the key (status {}).", provider.name, status),
            provider.hasKey ? "Set a valid key." : "Set a key.");
    }
    if (status == 404 || status == 405) {
        return fmt::format(
            "{} answers, but has no list of models (status {}).", provider.name, status);
    }
    if (status < 200 || status > 299) {
        return Error(ErrorCode::Unavailable,
            fmt::format("{} answers with status {}.", provider.name, status),
            status >= 300 && status < 400
                ? "The URL redirects elsewhere; enter the final one. Redirects are never followed."
                : "Check the URL and the provider's status page.");
    }
    const long models = modelCount(answer.body);
    return models < 0 ? fmt::format("{} answers.", provider.name)
                      : fmt::format("{} answers and offers {} models.", provider.name, models);
}

struct Asking {
    std::unique_ptr<proxy::UpstreamCall> call; ///< to be ended from outside
    Answer answer;
    bool ended = false;
};

asio::awaitable<void> ask(proxy::HttpUpstream& upstream, const catalog::Provider& provider,
    proxy::UpstreamKeys keys, Asking& asking)
{
    auto& out = asking.answer;
    auto connected = co_await upstream.connect(provider, std::move(keys));
    if (!connected) {
        out.problem = connected.error().message;
        co_return;
    }
    asking.call = std::move(*connected);
    auto* call = asking.call.get();
    proxy::UpstreamRequest request;
    request.method = "GET";
    const auto url = proxy::parseBaseUrl(provider.baseUrl);
    if (!url) {
        out.problem = url.error().message;
        co_return;
    }
    request.path = proxy::modelsPath(provider.dialect, *url);
    request.headers.emplace_back("accept", "application/json");
    request.headers.emplace_back("user-agent", "headgate");
    const auto sent = co_await call->send(std::move(request));
    if (!sent) {
        out.problem = sent.error().message;
        co_return;
    }
    const auto head = co_await call->readHead();
    if (!head) {
        out.problem = head.error().message;
        co_return;
    }
    out.status = head->status;
    while (out.body.size() < answerBytesMax) {
        const auto more = co_await call->readBody(out.body);
        if (!more || !*more) {
            co_return;
        }
    }
}

} // namespace

Result<std::string> probeProvider(const catalog::Provider& given, const proxy::UpstreamKeys& keys)
{
    if (given.simulated) {
        return given.name + ": the simulated provider answers.";
    }
    if (const auto url = checkedUrl(given.baseUrl); !url) {
        return url.error();
    }
    auto provider = given;
    provider.connectTimeoutMs = connectTimeoutMs;
    const SystemClock clock;
    Answer answer;
    {
        asio::io_context io{1};
        proxy::Sweeper sweeper(clock);
        proxy::UpstreamShared shared;
        proxy::HttpUpstream upstream(shared, sweeper);
        Asking asking;
        asio::co_spawn(io, ask(upstream, provider, keys, asking),
            [&asking](const std::exception_ptr&) { asking.ended = true; });
        const auto giveUp = std::chrono::steady_clock::now() + answerWithin;
        while (!asking.ended) { // also after the time is up: it ends once it is cancelled
            io.run_for(sweepEvery);
            io.restart();
            sweeper.sweep(sweeper.nowMs());
            if (std::chrono::steady_clock::now() >= giveUp) {
                sweeper.shutdown();
                if (asking.call) {
                    asking.call->cancel();
                }
            }
        }
        asking.call.reset();
        upstream.closeIdle();
        answer = std::move(asking.answer);
    }
    if (answer.status == 0) {
        return unreachable(
            given, answer.problem.empty() ? "it did not answer in time." : answer.problem);
    }
    return verdictOf(given, answer);
}

} // namespace headgate::service
