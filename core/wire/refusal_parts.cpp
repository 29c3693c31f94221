// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/refusal_parts.h"

#include "core/base/text.h"

#include <algorithm>
#include <array>

namespace headgate::wire {

namespace {

/// A message is for a person; a provider's error page is not.
constexpr std::size_t messageBytesMax = 2'000;
/// Several SDKs sleep a longer retry-after in full, inside the user's program.
constexpr int retryAfterSecondsMax = 20;
constexpr int inFlightRetrySecondsMax = 5;

/// How a kind is said in the OpenAI dialect; other dialects start from it.
struct Shape {
    RefusalKind kind;
    int status;
    const char* type;
    const char* code;
    bool mayRetry; ///< false: x-should-retry: false, which the official SDKs obey
};

constexpr std::array shapes{
    Shape{RefusalKind::BudgetExceeded, 402, "insufficient_quota", "budget_exceeded", false},
    Shape{RefusalKind::BudgetInFlight, 429, "budget_in_flight", "budget_in_flight", true},
    Shape{RefusalKind::LoopDetected, 429, "loop_detected", "loop_detected", false},
    Shape{RefusalKind::BadRequest, 400, "invalid_request_error", "invalid_request", false},
    Shape{RefusalKind::Unauthorized, 401, "invalid_request_error", "invalid_api_key", false},
    Shape{RefusalKind::Forbidden, 403, "invalid_request_error", "forbidden", false},
    Shape{RefusalKind::NotFound, 404, "invalid_request_error", "not_found", false},
    Shape{RefusalKind::MethodNotAllowed, 405, "invalid_request_error", "method_not_allowed", false},
    Shape{RefusalKind::TooLarge, 413, "invalid_request_error", "too_large", false},
    Shape{RefusalKind::UnsupportedMedia, 415, "invalid_request_error", "unsupported_media_type",
        false},
    Shape{RefusalKind::Misdirected, 421, "invalid_request_error", "misdirected_request", false},
    Shape{RefusalKind::Unpriced, 400, "invalid_request_error", "model_not_priced", false},
    Shape{RefusalKind::NoCapableModel, 400, "invalid_request_error", "no_capable_model", false},
    Shape{RefusalKind::Paused, 503, "service_unavailable", "paused", false},
    Shape{RefusalKind::Overloaded, 503, "service_unavailable", "too_many_in_flight", true},
    Shape{RefusalKind::LedgerUnavailable, 503, "service_unavailable", "ledger_unavailable", false},
    Shape{RefusalKind::UpstreamFailed, 502, "upstream_error", "upstream_failed", false},
    Shape{RefusalKind::UpstreamTimeout, 504, "upstream_error", "upstream_timeout", false},
    Shape{RefusalKind::Internal, 500, "internal_error", "internal_error", false},
};

const Shape& shapeOf(RefusalKind kind)
{
    const auto found = std::find_if(
        shapes.begin(), shapes.end(), [kind](const Shape& shape) { return shape.kind == kind; });
    return found != shapes.end() ? *found : shapes.back();
}

void replaceAll(std::string& text, std::string_view what, std::string_view with)
{
    const auto same = [](char a, char b) { return toLower(a) == b; };
    std::size_t from = 0;
    while (true) {
        const auto begin = text.begin() + static_cast<std::ptrdiff_t>(from);
        const auto found = std::search(begin, text.end(), what.begin(), what.end(), same);
        if (found == text.end()) {
            return;
        }
        const auto at = static_cast<std::size_t>(found - text.begin());
        text.replace(at, what.size(), with);
        from = at + with.size();
    }
}

/// Clients look for these words and then send the request again; a pool's name or a provider's
/// message may contain them.
void removeRetryWords(std::string& text)
{
    replaceAll(text, "try again", "repeat");
    replaceAll(text, "rate limit", "request limit");
    replaceAll(text, "rate-limit", "request limit");
    replaceAll(text, "rate_limit", "request limit");
    replaceAll(text, "overloaded", "too busy");
}

/// Length of the well-formed UTF-8 sequence at `at`; 0 when there is none.
std::size_t sequenceAt(std::string_view text, std::size_t at)
{
    const auto byte = [&](std::size_t i) {
        return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
    };
    const auto follows = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
    const unsigned first = byte(0);
    if (first < 0x80) {
        return 1;
    }
    if (first >= 0xC2 && first < 0xE0) {
        return follows(1) ? 2 : 0;
    }
    if (first >= 0xE0 && first < 0xF0) {
        const bool overlong = first == 0xE0 && byte(1) < 0xA0;
        const bool surrogate = first == 0xED && byte(1) >= 0xA0;
        return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
    }
    if (first >= 0xF0 && first < 0xF5) {
        const bool overlong = first == 0xF0 && byte(1) < 0x90;
        const bool beyond = first == 0xF4 && byte(1) >= 0x90;
        return follows(1) && follows(2) && follows(3) && !overlong && !beyond ? 4 : 0;
    }
    return 0;
}

std::vector<std::pair<std::string, std::string>> headersOf(
    const Refusal& refusal, const Shape& shape)
{
    std::vector<std::pair<std::string, std::string>> headers;
    const bool waits = refusal.kind == RefusalKind::BudgetInFlight
        || refusal.kind == RefusalKind::Paused || refusal.kind == RefusalKind::Overloaded;
    if (!shape.mayRetry) {
        headers.emplace_back("x-should-retry", "false");
    }
    if (refusal.kind == RefusalKind::BudgetInFlight) {
        const int seconds = std::clamp(refusal.retryAfterSeconds, 1, inFlightRetrySecondsMax);
        headers.emplace_back("retry-after", std::to_string(seconds));
    } else if (waits && refusal.retryAfterSeconds > 0) {
        const int seconds = std::min(refusal.retryAfterSeconds, retryAfterSecondsMax);
        headers.emplace_back("retry-after", std::to_string(seconds));
    }
    return headers;
}

} // namespace

std::string cleanText(std::string_view text)
{
    std::string out;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t size = sequenceAt(text, at);
        if (out.size() + size > messageBytesMax) {
            out += "…";
            break;
        }
        const auto first = static_cast<unsigned char>(text[at]);
        if (size == 0) {
            out += '?';
        } else if (first < 0x20 || first == 0x7F) {
            out += ' ';
        } else {
            out += text.substr(at, size);
        }
        at += std::max<std::size_t>(size, 1);
    }
    return out;
}

RefusalParts refusalParts(const Refusal& refusal)
{
    const Shape& shape = shapeOf(refusal.kind);
    RefusalParts parts;
    parts.status = shape.status;
    parts.code = refusal.kind == RefusalKind::NotFound && refusal.param == responseParam
        ? "previous_response_not_found"
        : shape.code;
    parts.chatType = shape.type;
    parts.headers = headersOf(refusal, shape);
    parts.message = cleanText(refusal.message);
    removeRetryWords(parts.message);
    parts.param = cleanText(refusal.param);
    for (const auto& [name, value] : refusal.metadata) {
        parts.details[name] = cleanText(value);
    }
    return parts;
}

} // namespace headgate::wire
