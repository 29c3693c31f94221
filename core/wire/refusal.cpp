// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/refusal.h"

#include "core/wire/refusal_parts.h"

#include <boost/json/serialize.hpp>

namespace headgate::wire {

namespace {

boost::json::object errorObject(const RefusalParts& parts)
{
    boost::json::object error;
    error["message"] = parts.message;
    error["type"] = parts.chatType;
    if (parts.param.empty()) {
        error["param"] = nullptr;
    } else {
        error["param"] = parts.param;
    }
    error["code"] = parts.code;
    if (!parts.details.empty()) {
        error["metadata"] = parts.details;
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
    RefusalParts parts = refusalParts(refusal);
    RefusalReply reply;
    reply.status = parts.status;
    reply.body = boost::json::serialize(errorObject(parts));
    reply.headers = std::move(parts.headers);
    return reply;
}

std::string writeChatStreamError(const Refusal& refusal)
{
    return "data: " + boost::json::serialize(errorObject(refusalParts(refusal)))
        + "\n\ndata: [DONE]\n\n";
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
