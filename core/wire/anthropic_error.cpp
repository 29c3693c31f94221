// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/anthropic_wire.h"
#include "core/wire/refusal_parts.h"

#include <algorithm>
#include <array>
#include <utility>

namespace headgate::wire::anthropic {

namespace json = boost::json;

namespace {

struct Shape {
    RefusalKind kind;
    int status;
    const char* type;
};

/// Kinds whose status is the same in all dialects have status 0. A loop gets 400: agents of this
/// protocol repeat a 429 whatever its headers say. A queue that is full gets Anthropic's own 529,
/// the one error here after which a client is to come back by itself.
constexpr std::array shapes{
    Shape{RefusalKind::BudgetExceeded, 402, "billing_error"},
    Shape{RefusalKind::BudgetInFlight, 429, "rate_limit_error"},
    Shape{RefusalKind::LoopDetected, 400, "invalid_request_error"},
    Shape{RefusalKind::Unauthorized, 401, "authentication_error"},
    Shape{RefusalKind::Forbidden, 403, "permission_error"},
    Shape{RefusalKind::NotFound, 404, "not_found_error"},
    Shape{RefusalKind::TooLarge, 413, "request_too_large"},
    Shape{RefusalKind::Paused, 0, "api_error"},
    Shape{RefusalKind::Overloaded, 529, "overloaded_error"},
    Shape{RefusalKind::LedgerUnavailable, 0, "api_error"},
    Shape{RefusalKind::UpstreamFailed, 0, "api_error"},
    Shape{RefusalKind::UpstreamTimeout, 0, "timeout_error"},
    Shape{RefusalKind::Internal, 0, "api_error"},
};

Shape shapeOf(RefusalKind kind)
{
    const auto* const found = std::find_if(
        shapes.begin(), shapes.end(), [kind](const Shape& shape) { return shape.kind == kind; });
    return found != shapes.end() ? *found : Shape{kind, 0, "invalid_request_error"};
}

struct StatusType {
    int status;
    const char* type;
};

constexpr std::array statusTypes{
    StatusType{400, "invalid_request_error"},
    StatusType{401, "authentication_error"},
    StatusType{402, "billing_error"},
    StatusType{403, "permission_error"},
    StatusType{404, "not_found_error"},
    StatusType{413, "request_too_large"},
    StatusType{429, "rate_limit_error"},
    StatusType{500, "api_error"},
    StatusType{503, "overloaded_error"},
    StatusType{504, "timeout_error"},
    StatusType{529, "overloaded_error"},
};

bool knownType(std::string_view type)
{
    return std::any_of(statusTypes.begin(), statusTypes.end(),
        [type](const StatusType& known) { return type == known.type; });
}

const char* typeOf(int status)
{
    const auto* const found = std::find_if(statusTypes.begin(), statusTypes.end(),
        [status](const StatusType& known) { return status == known.status; });
    if (found != statusTypes.end()) {
        return found->type;
    }
    return status >= 500 ? "api_error" : "invalid_request_error";
}

json::object body(json::object error, const std::string& requestId)
{
    json::object root;
    root["type"] = "error";
    root["error"] = std::move(error);
    root["request_id"] = requestId.empty() ? json::value() : json::value(requestId);
    return root;
}

json::object refusalBody(const Refusal& refusal, const RefusalParts& parts)
{
    json::object error;
    error["type"] = shapeOf(refusal.kind).type;
    error["message"] = parts.message;
    json::object details;
    details["code"] = parts.code;
    if (!parts.param.empty()) {
        details["param"] = parts.param;
    }
    dom::addMissing(details, parts.details);
    error["details"] = std::move(details);
    return body(std::move(error), refusal.requestId);
}

} // namespace

RefusalReply writeRefusal(const Refusal& refusal)
{
    RefusalParts parts = refusalParts(refusal);
    const Shape shape = shapeOf(refusal.kind);
    RefusalReply reply;
    reply.status = shape.status != 0 ? shape.status : parts.status;
    reply.body = dom::write(refusalBody(refusal, parts));
    reply.headers = std::move(parts.headers);
    return reply;
}

std::string streamError(const Refusal& refusal)
{
    return "event: error\ndata: " + dom::write(refusalBody(refusal, refusalParts(refusal)))
        + "\n\n";
}

ErrorText readError(std::string_view text)
{
    ErrorText out;
    const Result<json::object> root = dom::parseObject(text, "The error");
    if (root) {
        const json::object* error = dom::objectAt(*root, "error");
        const json::object& fields = error != nullptr ? *error : *root;
        out.message = dom::stringAt(fields, "message");
        out.type = dom::stringAt(fields, "type");
        out.code = dom::stringAt(fields, "code");
        out.param = dom::stringAt(fields, "param");
        if (out.message.empty()) {
            out.message = dom::stringAt(*root, "error");
        }
    }
    out.message = cleanText(out.message.empty() ? text : std::string_view(out.message));
    return out;
}

std::string writeError(int status, const ErrorText& error)
{
    json::object fields;
    fields["type"] = knownType(error.type) ? error.type : typeOf(status);
    fields["message"] = error.message.empty() ? "The provider reported an error without a message."
                                              : cleanText(error.message);
    return dom::write(body(std::move(fields), {}));
}

} // namespace headgate::wire::anthropic
