// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/provider_error.h"

#include "core/wire/codec.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace headgate::proxy {

namespace {

/// Several SDKs sleep a longer retry-after in full, inside the user's program.
constexpr int retryAfterSecondsMax = 20;

/// "overloaded": nothing was done.
constexpr int anthropicOverloaded = 529;

struct Said {
    bool isJson = false; ///< an error of the provider's own dialect
    wire::ErrorText text;
};

Said readBody(const std::string& body, wire::Dialect dialect)
{
    Said said;
    boost::system::error_code ec;
    const auto parsed = boost::json::parse(body, ec);
    const auto* object = ec ? nullptr : parsed.if_object();
    const auto* error = object != nullptr ? object->if_contains("error") : nullptr;
    if (error == nullptr) {
        return said;
    }
    said.isJson = error->is_object() || dialect == wire::Dialect::Ollama;
    said.text = wire::codecOf(dialect).readError(body);
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
    return status == 402 || said.text.code == "insufficient_quota"
        || said.text.type == "insufficient_quota" || said.text.type == "billing_error";
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
            provider, status, said.text.message.empty() ? "no credit left" : said.text.message);
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

ProviderError readProviderError(const std::string& provider, const UpstreamHead& head,
    const std::string& body, ErrorRoute route)
{
    ProviderError error;
    const auto said = readBody(body, route.upstream);
    const auto& client = wire::codecOf(route.client);
    const int status = head.status;
    error.refusal.kind = wire::RefusalKind::UpstreamFailed;
    const bool busy = status == 429 || status == 503
        || (status == anthropicOverloaded && route.upstream == wire::Dialect::Anthropic);
    error.mayHaveBilled = status >= 500 && !busy;
    error.notProcessed = busy || isAccountExhausted(status, said);
    error.refusal.message = fmt::format("The provider \"{}\" answered with status {}{}", provider,
        status, said.text.message.empty() ? std::string(".") : ": " + said.text.message);
    if (maskForClient(error, provider, status, said)) {
        error.reply = client.writeRefusal(error.refusal);
        return error;
    }
    error.reply.status = status;
    if (said.isJson && route.upstream == route.client) {
        error.reply.body = body;
    } else if (said.isJson) {
        error.reply.body = client.writeError(status, said.text);
    } else {
        error.reply.body = client.writeRefusal(error.refusal).body;
    }
    const int seconds = retryAfter(head);
    const bool mayRetry = busy;
    if (!mayRetry) {
        error.reply.headers.emplace_back("x-should-retry", "false");
    } else if (seconds > 0) {
        error.reply.headers.emplace_back("retry-after", std::to_string(seconds));
    }
    return error;
}

} // namespace headgate::proxy
