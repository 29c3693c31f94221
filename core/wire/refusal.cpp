// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/refusal.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>

namespace headgate::wire {

namespace {

/// A message is for a person; a provider's error page is not.
constexpr std::size_t messageBytesMax = 2'000;
/// Several SDKs sleep a longer retry-after in full, inside the user's program.
constexpr int retryAfterSecondsMax = 20;
constexpr int inFlightRetrySecondsMax = 5;

/// How a kind is said in the OpenAI dialect.
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

char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

void replaceAll(std::string& text, std::string_view what, std::string_view with)
{
    const auto same = [](char a, char b) { return lower(a) == b; };
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

/// Valid UTF-8 without control characters, cut at a whole character.
std::string cleaned(std::string_view text)
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

boost::json::object errorObject(const Refusal& refusal)
{
    const Shape& shape = shapeOf(refusal.kind);
    std::string message = cleaned(refusal.message);
    removeRetryWords(message);
    boost::json::object error;
    error["message"] = message;
    error["type"] = shape.type;
    if (refusal.param.empty()) {
        error["param"] = nullptr;
    } else {
        error["param"] = cleaned(refusal.param);
    }
    error["code"] = shape.code;
    if (!refusal.metadata.empty()) {
        boost::json::object metadata;
        for (const auto& [name, value] : refusal.metadata) {
            metadata[name] = cleaned(value);
        }
        error["metadata"] = std::move(metadata);
    }
    boost::json::object body;
    body["error"] = std::move(error);
    return body;
}

std::string quoted(std::string_view name)
{
    return "\"" + std::string(name) + "\"";
}

/// "pool "search" (account "alice")".
std::string poolText(const ledger::Denial& denial)
{
    std::string text = "pool " + quoted(denial.poolName);
    if (!denial.accountValue.empty()) {
        text += " (account " + quoted(denial.accountValue) + ")";
    }
    return text;
}

std::string standing(const ledger::Denial& denial)
{
    return denial.settled.toDisplay() + " used and " + denial.held.toDisplay()
        + " held of a cap of " + denial.cap.toDisplay();
}

std::string reset(const ledger::Denial& denial)
{
    if (!denial.resetsAtUs) {
        return "It does not reset by itself.";
    }
    const std::string zone = denial.zone.empty() ? "UTC" : denial.zone;
    return "It resets at " + formatInZone(*denial.resetsAtUs, zone) + ".";
}

/// What the reader can do, the cheapest first.
std::string remedy(const ledger::Denial& denial, std::string_view cheaperModel)
{
    std::string text;
    if (!cheaperModel.empty()) {
        text = "The cheaper model " + quoted(cheaperModel) + " would fit; or ";
    }
    const Money left = denial.cap.minusSaturated(denial.settled).minusSaturated(denial.held);
    if (left > Money() && left < denial.asked) {
        text += text.empty() ? "Ask for a smaller max_tokens, or "
                             : "ask for a smaller max_tokens, or ";
    }
    text += text.empty() ? "Raise the cap of pool " : "raise the cap of pool ";
    return text + quoted(denial.poolName) + ".";
}

Refusal capRefusal(const ledger::Denial& denial, std::string_view cheaperModel)
{
    Refusal refusal;
    refusal.kind = RefusalKind::BudgetExceeded;
    const std::string needed = "This request may cost up to " + denial.asked.toDisplay();
    refusal.message = "Budget cap reached in " + poolText(denial) + ": " + standing(denial) + ". "
        + needed + ". " + reset(denial) + " " + remedy(denial, cheaperModel);
    return refusal;
}

Refusal ceilingRefusal(const ledger::Denial& denial, std::string_view cheaperModel)
{
    Refusal refusal;
    refusal.kind = RefusalKind::BudgetExceeded;
    refusal.message = "This request may cost up to " + denial.asked.toDisplay()
        + ", above the ceiling of " + denial.cap.toDisplay() + " for one request in "
        + poolText(denial) + ". ";
    refusal.message += cheaperModel.empty()
        ? "Ask for a smaller max_tokens, send less input, or raise the ceiling of pool "
        : "The cheaper model " + quoted(cheaperModel) + " would fit; or raise the ceiling of pool ";
    refusal.message += quoted(denial.poolName) + ".";
    return refusal;
}

Refusal inFlightRefusal(const ledger::Denial& denial)
{
    Refusal refusal;
    refusal.kind = RefusalKind::BudgetInFlight;
    refusal.retryAfterSeconds = 2;
    refusal.message = "The money left in " + poolText(denial) + " is held by requests in flight: "
        + standing(denial) + ". This request may cost up to " + denial.asked.toDisplay()
        + ". Money returns as those requests end; send the request a few seconds later, or ask for "
          "a smaller max_tokens.";
    return refusal;
}

std::vector<std::pair<std::string, std::string>> metadataOf(
    const ledger::Denial& denial, std::string_view cheaperModel)
{
    std::vector<std::pair<std::string, std::string>> out;
    out.emplace_back("reason", ledger::denialReasonName(denial.reason));
    out.emplace_back("pool", denial.poolName);
    if (!denial.accountValue.empty()) {
        out.emplace_back("account", denial.accountValue);
    }
    out.emplace_back("used_usd", denial.settled.toDecimal());
    out.emplace_back("held_usd", denial.held.toDecimal());
    out.emplace_back("cap_usd", denial.cap.toDecimal());
    out.emplace_back("needed_usd", denial.asked.toDecimal());
    if (denial.resetsAtUs) {
        out.emplace_back("resets_at", toIso8601(*denial.resetsAtUs));
        out.emplace_back("resets_zone", denial.zone.empty() ? "UTC" : denial.zone);
    }
    if (!cheaperModel.empty()) {
        out.emplace_back("cheaper_model", cheaperModel);
    }
    return out;
}

Refusal withoutMoney(const ledger::Denial& denial)
{
    Refusal refusal;
    if (denial.reason == ledger::DenialReason::Duplicate) {
        refusal.kind = RefusalKind::BadRequest;
        refusal.message = "A request with this id was sent before with other content. "
                          "Send a new request id with each new request.";
        return refusal;
    }
    refusal.kind = RefusalKind::LedgerUnavailable;
    refusal.message = "The budget ledger cannot record money now"
        + (denial.detail.empty() ? std::string() : " (" + denial.detail + ")")
        + ", so no request is let through. Free disk space or look at the console's status bar.";
    return refusal;
}

} // namespace

RefusalReply writeChatRefusal(const Refusal& refusal)
{
    const Shape& shape = shapeOf(refusal.kind);
    RefusalReply reply;
    reply.status = shape.status;
    const bool waits = refusal.kind == RefusalKind::BudgetInFlight
        || refusal.kind == RefusalKind::Paused || refusal.kind == RefusalKind::Overloaded;
    if (!shape.mayRetry) {
        reply.headers.emplace_back("x-should-retry", "false");
    }
    if (refusal.kind == RefusalKind::BudgetInFlight) {
        const int seconds = std::clamp(refusal.retryAfterSeconds, 1, inFlightRetrySecondsMax);
        reply.headers.emplace_back("retry-after", std::to_string(seconds));
    } else if (waits && refusal.retryAfterSeconds > 0) {
        const int seconds = std::min(refusal.retryAfterSeconds, retryAfterSecondsMax);
        reply.headers.emplace_back("retry-after", std::to_string(seconds));
    }
    reply.body = boost::json::serialize(errorObject(refusal));
    return reply;
}

std::string writeChatStreamError(const Refusal& refusal)
{
    return "data: " + boost::json::serialize(errorObject(refusal)) + "\n\ndata: [DONE]\n\n";
}

Refusal refusalFor(const ledger::Denial& denial, std::string_view cheaperModel)
{
    Refusal refusal;
    switch (denial.reason) {
    case ledger::DenialReason::LedgerUnavailable:
    case ledger::DenialReason::Duplicate:
        return withoutMoney(denial);
    case ledger::DenialReason::InFlight:
        refusal = inFlightRefusal(denial);
        break;
    case ledger::DenialReason::RequestCeiling:
        refusal = ceilingRefusal(denial, cheaperModel);
        break;
    case ledger::DenialReason::Frozen:
        refusal.kind = RefusalKind::BudgetExceeded;
        refusal.message = "Budget " + poolText(denial) + " is frozen and pays for nothing: "
            + standing(denial) + ". An operator can unfreeze it in the console under Budgets.";
        break;
    case ledger::DenialReason::CapReached:
        refusal = capRefusal(denial, cheaperModel);
        break;
    }
    refusal.metadata = metadataOf(denial, cheaperModel);
    return refusal;
}

} // namespace headgate::wire
