// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/provider_error.h"

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/wire/codec.h"

#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>

namespace headgate::proxy {

namespace json = boost::json;

namespace {

/// Several SDKs sleep a longer retry-after in full, inside the user's program.
constexpr int retryAfterSecondsMax = 20;
/// A pause of more than a year is a mistake.
constexpr int pauseSecondsMax = 366 * 24 * 3'600;
/// Anthropic's word for "too busy". Its body has to say so as well: others use the number for
/// failures of which nobody knows how far they got.
constexpr int overloadedStatus = 529;

struct Said {
    wire::ErrorText text;
    bool isError = false; ///< a JSON object with an "error" in it
    int retryDelayS = 0; ///< Gemini: in the body
    TimeUs resetsAtUs = 0; ///< "resets_at", seconds since 1970
};

/// "35s", "35.2s" → 36 at most; anything else 0.
int secondsOf(std::string_view text)
{
    int seconds = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (read.ec != std::errc() || seconds < 0 || seconds > pauseSecondsMax) {
        return 0;
    }
    return seconds + (read.ptr != text.data() + text.size() && *read.ptr == '.' ? 1 : 0);
}

void readDetails(const json::object& error, Said& said)
{
    if (const auto* at = error.if_contains("resets_at"); at != nullptr && at->if_int64()) {
        const auto seconds = at->get_int64();
        said.resetsAtUs
            = seconds > 0 && seconds < 100'000'000'000 ? seconds * usPerSecond : TimeUs(0);
    }
    const auto* details = error.if_contains("details");
    const auto* list = details == nullptr ? nullptr : details->if_array();
    for (std::size_t i = 0; list != nullptr && i < list->size(); ++i) {
        const auto* one = (*list)[i].if_object();
        const auto* delay = one == nullptr ? nullptr : one->if_contains("retryDelay");
        if (delay != nullptr && delay->if_string()) {
            said.retryDelayS = secondsOf(std::string_view(delay->get_string()));
        }
    }
}

Said readBody(const ProviderAnswer& answer)
{
    Said said;
    said.text = wire::codecOf(answer.upstream).readError(answer.body);
    boost::system::error_code ec;
    json::parse_options options;
    options.max_depth = limits::jsonDepthMax;
    const auto parsed = json::parse(answer.body, ec, {}, options);
    const auto* whole = ec ? nullptr : parsed.if_object();
    const auto* error = whole == nullptr ? nullptr : whole->if_contains("error");
    if (error == nullptr) {
        return said;
    }
    said.isError = error->is_object() || error->is_string();
    if (const auto* object = error->if_object()) {
        readDetails(*object, said);
    }
    return said;
}

int headerSeconds(const UpstreamHead& head)
{
    for (const auto& [name, value] : head.headers) {
        if (name == "retry-after") {
            return secondsOf(value);
        }
    }
    return 0;
}

bool beginsWith(std::string_view text, std::string_view start)
{
    return text.substr(0, start.size()) == start;
}

/// By codes and by how the messages of known providers begin. Not by words anywhere in it: a
/// message may repeat what a client wrote.
bool isAccountExhausted(int status, const wire::ErrorText& text)
{
    static constexpr std::array codes{"insufficient_quota", "billing_error",
        "billing_hard_limit_reached", "insufficient_user_quota", "usage_limit_reached",
        "insufficient_credits", "account_deactivated"};
    const auto isCode
        = [&text](const char* code) { return text.code == code || text.type == code; };
    if (status == 402 || std::any_of(codes.begin(), codes.end(), isCode)) {
        return true;
    }
    const std::string_view words = text.message;
    return status >= 400 && status < 500
        && (beginsWith(words, "Your credit balance is too low")
            || beginsWith(words, "Insufficient Balance")
            || (beginsWith(words, "You have reached your")
                && words.find("usage limits") != std::string_view::npos));
}

/// A provider that says in its own protocol that it did not begin.
bool saysOverloaded(const ProviderAnswer& answer, const Said& said)
{
    return answer.head.status == overloadedStatus && answer.upstream == wire::Dialect::Anthropic
        && said.isError && said.text.type == "overloaded_error";
}

CallEnd endOf(int status, bool exhausted)
{
    if (exhausted) {
        return CallEnd::Exhausted;
    }
    if (status == 401 || status == 403) {
        return CallEnd::KeyRefused;
    }
    if (status == 429) {
        return CallEnd::RateLimited;
    }
    if (status == 503 || status == overloadedStatus) {
        return CallEnd::Overloaded;
    }
    return status >= 500 || status < 400 ? CallEnd::ServerError : CallEnd::ClientError;
}

CallOutcome outcomeOf(const ProviderAnswer& answer, const Said& said)
{
    CallOutcome outcome;
    outcome.status = answer.head.status;
    outcome.end = endOf(answer.head.status, isAccountExhausted(answer.head.status, said.text));
    outcome.retryAfterS = std::max(headerSeconds(answer.head), said.retryDelayS);
    outcome.words = fmt::format("status {}{}", answer.head.status,
        said.text.message.empty() ? std::string() : ": " + log::redacted(said.text.message));
    if (outcome.end == CallEnd::Exhausted && answer.nowUs > 0) {
        const auto named = said.resetsAtUs > 0 ? said.resetsAtUs : dateIn(said.text.message);
        outcome.untilUs = named > answer.nowUs ? named : 0;
        if (outcome.untilUs == 0 && outcome.retryAfterS > retryAfterSecondsMax) {
            outcome.untilUs = answer.nowUs + outcome.retryAfterS * usPerSecond;
        }
    }
    return outcome;
}

/// Errors of our own making or of the operator's account: the client can do nothing about them.
bool maskForClient(ProviderError& error, const ProviderAnswer& answer, const Said& said)
{
    const int status = answer.head.status;
    if (error.outcome.end == CallEnd::Exhausted) {
        error.refusal.message = fmt::format(
            "Headgate's account at the provider \"{}\" is exhausted (status {}): {}. An operator "
            "can add credit there or choose another provider.",
            answer.provider, status,
            said.text.message.empty() ? "no credit left" : said.text.message);
        return true;
    }
    if (error.outcome.end == CallEnd::KeyRefused) {
        error.refusal.message = fmt::format(
            "The provider \"{}\" refused Headgate's own key (status {}). An operator can set its "
            "key in the console under Catalog.",
            answer.provider, status);
        return true;
    }
    if (status >= 300 && status < 400) {
        error.refusal.message = fmt::format(
            "The provider \"{}\" answered with a redirect (status {}), which is never followed. An "
            "operator can correct its base URL in the console under Catalog.",
            answer.provider, status);
        return true;
    }
    return status < 400 || status > 599;
}

int number(std::string_view text, std::size_t at, std::size_t digits)
{
    int out = 0;
    if (at + digits > text.size()) {
        return -1;
    }
    for (std::size_t i = at; i < at + digits; ++i) {
        if (text[i] < '0' || text[i] > '9') {
            return -1;
        }
        out = out * 10 + (text[i] - '0');
    }
    return out;
}

/// "HH:MM" within a few characters after a date: " at 00:00", "T09:30:00Z".
std::int64_t secondsAfter(std::string_view text, std::size_t from)
{
    for (std::size_t at = from; at < from + 6 && at + 5 <= text.size(); ++at) {
        const int hour = number(text, at, 2);
        const int minute = number(text, at + 3, 2);
        if (hour >= 0 && hour < 24 && text[at + 2] == ':' && minute >= 0 && minute < 60) {
            return (hour * 60 + minute) * 60;
        }
    }
    return 0;
}

} // namespace

TimeUs dateIn(std::string_view text)
{
    for (std::size_t at = 0; at + 10 <= text.size(); ++at) {
        const int year = number(text, at, 4);
        const int month = number(text, at + 5, 2);
        const int day = number(text, at + 8, 2);
        if (year < 2'000 || text[at + 4] != '-' || text[at + 7] != '-' || month < 1 || day < 1) {
            continue;
        }
        const std::chrono::year_month_day date{std::chrono::year(year),
            std::chrono::month(static_cast<unsigned>(month)),
            std::chrono::day(static_cast<unsigned>(day))};
        if (date.ok()) {
            const auto days = std::chrono::sys_days(date).time_since_epoch().count();
            return (days * std::int64_t{86'400} + secondsAfter(text, at + 10)) * usPerSecond;
        }
    }
    return 0;
}

ProviderError readProviderError(const ProviderAnswer& answer)
{
    ProviderError error;
    const auto said = readBody(answer);
    const int status = answer.head.status;
    const auto& client = wire::codecOf(answer.client);
    error.outcome = outcomeOf(answer, said);
    const auto end = error.outcome.end;
    error.refusal.kind = wire::RefusalKind::UpstreamFailed;
    const bool tooBusy = status == 503 || saysOverloaded(answer, said);
    error.notProcessed = end == CallEnd::RateLimited || end == CallEnd::Exhausted
        || end == CallEnd::KeyRefused || tooBusy;
    error.mayHaveBilled = status >= 500 && !tooBusy;
    error.refusal.message
        = fmt::format("The provider \"{}\" answered with status {}{}", answer.provider, status,
            said.text.message.empty() ? std::string(".") : ": " + said.text.message);
    if (maskForClient(error, answer, said)) {
        error.reply = client.writeRefusal(error.refusal);
        return error;
    }
    error.reply.status = status;
    if (said.isError && answer.upstream == answer.client) {
        error.reply.body = answer.body;
    } else {
        auto text = said.text;
        text.message = error.refusal.message;
        error.reply.body = client.writeError(status, text);
    }
    const int seconds = std::min(error.outcome.retryAfterS, retryAfterSecondsMax);
    const bool mayRetry = status == 429 || tooBusy;
    if (!mayRetry) {
        error.reply.headers.emplace_back("x-should-retry", "false");
    } else if (seconds > 0) {
        error.reply.headers.emplace_back("retry-after", std::to_string(seconds));
    }
    return error;
}

} // namespace headgate::proxy
