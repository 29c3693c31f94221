// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/provider_error.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace headgate::proxy {

namespace {

/// Several SDKs sleep a longer retry-after in full, inside the user's program.
constexpr int retryAfterSecondsMax = 20;

struct Said {
    bool isJson = false;
    std::string message;
    std::string code;
};

Said readBody(const std::string& body)
{
    Said said;
    boost::system::error_code ec;
    const auto parsed = boost::json::parse(body, ec);
    if (ec || !parsed.is_object()) {
        return said;
    }
    const auto* error = parsed.as_object().if_contains("error");
    if (error == nullptr) {
        return said;
    }
    if (error->is_string()) {
        said.message = std::string(error->as_string());
        return said;
    }
    if (!error->is_object()) {
        return said;
    }
    said.isJson = true;
    const auto text = [error](const char* name) {
        const auto* value = error->as_object().if_contains(name);
        return value != nullptr && value->is_string() ? std::string(value->as_string())
                                                      : std::string();
    };
    said.message = text("message");
    said.code = text("code").empty() ? text("type") : text("code");
    return said;
}

int retryAfter(const UpstreamHead& head)
{
    for (const auto& [name, value] : head.headers) {
        int seconds = 0;
        if (name == "retry-after"
            && std::from_chars(value.data(), value.data() + value.size(), seconds).ec
                == std::errc()) {
            return std::clamp(seconds, 1, retryAfterSecondsMax);
        }
    }
    return 0;
}

bool isAccountExhausted(int status, const Said& said)
{
    return status == 402 || said.code == "insufficient_quota" || said.code == "billing_error";
}

/// Errors of our own making or of the operator's account: the client can do nothing about them.
bool maskForClient(ProviderError& error, const std::string& provider, int status, const Said& said)
{
    if (status == 401 || status == 403) {
        error.refusal.message = fmt::format(
            "The provider \"{}\" refused Headgate's own key (status {}). An operator can set its "
            "key in the console under Catalog.",
            provider, status);
        return true;
    }
    if (isAccountExhausted(status, said)) {
        error.refusal.message = fmt::format(
            "Headgate's account at the provider \"{}\" is exhausted (status {}): {}. An operator "
            "can add credit there or choose another provider.",
            provider, status, said.message.empty() ? "no credit left" : said.message);
        return true;
    }
    if (status >= 300 && status < 400) {
        error.refusal.message = fmt::format(
            "The provider \"{}\" answered with a redirect (status {}), which is never followed. An "
            "operator can correct its base URL in the console under Catalog.",
            provider, status);
        return true;
    }
    return status < 400 || status > 599;
}

} // namespace

ProviderError readProviderError(
    const std::string& provider, const UpstreamHead& head, const std::string& body)
{
    ProviderError error;
    const auto said = readBody(body);
    const int status = head.status;
    error.refusal.kind = wire::RefusalKind::UpstreamFailed;
    error.mayHaveBilled = status >= 500 && status != 503;
    error.notProcessed = status == 429 || status == 503 || isAccountExhausted(status, said);
    error.refusal.message = fmt::format("The provider \"{}\" answered with status {}{}", provider,
        status, said.message.empty() ? std::string(".") : ": " + said.message);
    if (maskForClient(error, provider, status, said)) {
        error.reply = wire::writeChatRefusal(error.refusal);
        return error;
    }
    error.reply.status = status;
    error.reply.body = said.isJson ? body : wire::writeChatRefusal(error.refusal).body;
    const int seconds = retryAfter(head);
    const bool mayRetry = status == 429 || status == 503;
    if (!mayRetry) {
        error.reply.headers.emplace_back("x-should-retry", "false");
    } else if (seconds > 0) {
        error.reply.headers.emplace_back("retry-after", std::to_string(seconds));
    }
    return error;
}

bool isEventStream(const std::vector<std::pair<std::string, std::string>>& lowerCaseHeaders)
{
    return std::any_of(lowerCaseHeaders.begin(), lowerCaseHeaders.end(), [](const auto& header) {
        return header.first == "content-type"
            && header.second.find("text/event-stream") != std::string::npos;
    });
}

} // namespace headgate::proxy
