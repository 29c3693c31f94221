// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/responses_internal.h"

#include "core/catalog/price_book.h"
#include "core/wire/refusal_parts.h"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <utility>

namespace headgate::wire::responses {

namespace {

/// Searches that are billed: opening a page that was found is free.
std::int64_t webSearchesOf(const json::object& response)
{
    if (const json::object* tools = objectAt(response, "tool_usage")) {
        if (const json::object* search = objectAt(*tools, "web_search")) {
            const std::int64_t counted = dom::wholeAt(*search, "num_requests").value_or(0);
            if (counted > 0) {
                return counted;
            }
        }
    }
    std::int64_t searches = 0;
    const json::array* output = arrayAt(response, "output");
    for (const json::value& entry : output != nullptr ? *output : json::array()) {
        const json::object* item = entry.if_object();
        if (item == nullptr || stringAt(*item, "type") != "web_search_call") {
            continue;
        }
        const json::object* action = objectAt(*item, "action");
        searches += action == nullptr || stringAt(*action, "type") == "search" ? 1 : 0;
    }
    return searches;
}

bool hasPart(const std::vector<Part>& parts, Part::Kind kind)
{
    return std::any_of(
        parts.begin(), parts.end(), [kind](const Part& part) { return part.kind == kind; });
}

void collectLogprobs(const std::vector<Part>& parts, json::value& out)
{
    for (const Part& part : parts) {
        const json::object* own = nativeOf(part.native);
        const json::array* logprobs = own != nullptr ? arrayAt(*own, "logprobs") : nullptr;
        if (logprobs == nullptr || logprobs->empty()) {
            continue;
        }
        if (!out.is_array()) {
            out = json::array();
        }
        out.get_array().insert(out.get_array().end(), logprobs->begin(), logprobs->end());
    }
}

void echoText(const Conversation& request, json::object& out)
{
    json::object text;
    json::value format = writeFormat(request.format);
    if (const json::object* own = nativeOf(request.format.native)) {
        format = *own;
    }
    text["format"] = format.is_null() ? json::value(json::object{{"type", "text"}}) : format;
    text["verbosity"] = request.verbosity.empty() ? std::string("medium") : request.verbosity;
    out["text"] = std::move(text);
    json::object reasoning{{"effort", nullptr}, {"summary", nullptr}};
    if (!request.reasoning.effort.empty()) {
        reasoning["effort"] = request.reasoning.effort;
    }
    if (!request.reasoning.summary.empty()) {
        reasoning["summary"] = request.reasoning.summary;
    }
    out["reasoning"] = std::move(reasoning);
}

void echoTools(const Conversation& request, json::object& out)
{
    Losses ignored;
    const bool own = request.source == Dialect::Responses;
    out["tools"] = writeTools(request.tools, own, ignored);
    json::value choice = writeToolChoice(request.toolChoice, request.tools, ignored);
    if (!choice.is_null()) {
        out["tool_choice"] = std::move(choice);
    }
    out["parallel_tool_calls"] = request.toolChoice.parallel.value_or(true);
}

void echoIdentity(const Conversation& request, json::object& out)
{
    const std::pair<const char*, const std::string*> fields[] = {
        {"user", &request.user},
        {"safety_identifier", &request.safetyIdentifier},
        {"prompt_cache_key", &request.promptCacheKey},
        {"previous_response_id", &request.previousResponseId},
    };
    for (const auto& [key, value] : fields) {
        if (!value->empty()) {
            out[key] = *value;
        }
    }
    out["metadata"] = request.metadata;
    for (const Turn& turn : request.turns) {
        const json::object* own = nativeOf(turn.native);
        if (own != nullptr && trueAt(*own, instructionsNote) && !turn.parts.empty()) {
            out["instructions"] = turn.parts.front().text;
        }
    }
}

void echoRequest(const Conversation& request, json::object& out)
{
    if (request.maxOutput) {
        out["max_output_tokens"] = *request.maxOutput;
    }
    if (request.temperature) {
        out["temperature"] = numberOf(*request.temperature);
    }
    if (request.topP) {
        out["top_p"] = numberOf(*request.topP);
    }
    if (request.topLogprobs) {
        out["top_logprobs"] = *request.topLogprobs;
    }
    echoText(request, out);
    echoTools(request, out);
    echoIdentity(request, out);
    const json::object* extra = nativeOf(request.extra);
    for (const char* key : {"max_tool_calls", "truncation"}) {
        const json::value* value = extra != nullptr ? find(*extra, key) : nullptr;
        if (value != nullptr) {
            out[key] = *value;
        }
    }
}

} // namespace

std::optional<catalog::Usage> usageOf(const json::object& response)
{
    const json::object* raw = objectAt(response, "usage");
    if (raw == nullptr) {
        return std::nullopt;
    }
    Result<catalog::Usage> usage
        = catalog::usageFromRaw("openai", "responses", json::serialize(*raw));
    if (!usage) {
        return std::nullopt; // a usage that cannot be read is no usage: the caller estimates
    }
    catalog::Usage out = std::move(usage).value();
    if (out.serviceTier.empty()) {
        out.serviceTier = stringAt(response, "service_tier");
    }
    if (out.webSearches == 0) {
        out.webSearches = webSearchesOf(response);
    }
    return out;
}

json::object writeUsage(const catalog::Usage& usage)
{
    const std::int64_t written = usage.cacheWrite5m + usage.cacheWrite1h;
    json::object input{{"cached_tokens", usage.cacheRead}};
    if (written > 0) {
        input["cache_write_tokens"] = written;
    }
    json::object out;
    out["input_tokens"] = usage.inputTotal();
    out["input_tokens_details"] = std::move(input);
    out["output_tokens"] = usage.output;
    out["output_tokens_details"] = json::object{{"reasoning_tokens", usage.reasoning}};
    out["total_tokens"] = usage.inputTotal() + usage.output;
    return out;
}

void readEnding(const json::object& response, Answer::Choice& choice)
{
    const std::string status = stringAt(response, "status");
    choice.stopText = status;
    if (status == "incomplete") {
        const json::object* details = objectAt(response, "incomplete_details");
        const std::string reason = details != nullptr ? stringAt(*details, "reason") : "";
        choice.stopText = reason.empty() ? status : reason;
        choice.stop = reason == "max_output_tokens" ? StopReason::Length
            : reason == "content_filter"            ? StopReason::Refusal
                                                    : StopReason::Other;
    } else if (status == "completed" || status.empty()) {
        choice.stop = hasPart(choice.parts, Part::Kind::ToolCall) ? StopReason::ToolCall
            : hasPart(choice.parts, Part::Kind::Refusal)          ? StopReason::Refusal
                                                                  : StopReason::End;
    } else if (status == "cancelled") {
        choice.stop = StopReason::Other;
    }
}

Native restOf(const json::object& response)
{
    return nativeFrom(without(
        response, {"id", "object", "model", "created_at", "output", "output_text", "usage"}));
}

Result<Answer> readAnswer(std::string_view body)
{
    Result<json::object> response = parseObject(body, "The answer");
    if (!response) {
        return response.error();
    }
    Answer out;
    out.id = stringAt(*response, "id");
    out.model = stringAt(*response, "model");
    out.createdS = dom::wholeAt(*response, "created_at").value_or(0);
    if (const json::object* error = objectAt(*response, "error")) {
        out.error = stringAt(*error, "message");
        out.errorType = stringAt(*error, "code");
        if (out.errorType.empty()) {
            out.errorType = stringAt(*error, "type");
        }
        if (out.error.empty()) {
            out.error = "The provider reported an error without a message.";
        }
    }
    out.usage = usageOf(*response);
    const json::array* output = arrayAt(*response, "output");
    if (output == nullptr) {
        if (out.error.empty()) {
            return Error(ErrorCode::InvalidArgument, "The answer is not a response object.");
        }
        return out;
    }
    Answer::Choice& choice = out.choices.emplace_back();
    for (const json::value& entry : *output) {
        const json::object* item = entry.if_object();
        for (Part& part : item != nullptr ? partsOfItem(*item, {}) : std::vector<Part>()) {
            choice.parts.push_back(std::move(part));
        }
    }
    collectLogprobs(choice.parts, choice.logprobs);
    readEnding(*response, choice);
    choice.native = restOf(*response);
    return out;
}

json::object responseObject(const AnswerContext& context)
{
    json::object out{
        {"id", "resp_" + context.id},
        {"object", "response"},
        {"created_at", context.nowS},
        {"status", "in_progress"},
        {"background", false},
        {"completed_at", nullptr},
        {"error", nullptr},
        {"frequency_penalty", 0},
        {"incomplete_details", nullptr},
        {"instructions", nullptr},
        {"max_output_tokens", nullptr},
        {"max_tool_calls", nullptr},
        {"model", context.model},
        {"output", json::array()},
        {"parallel_tool_calls", true},
        {"presence_penalty", 0},
        {"previous_response_id", nullptr},
        {"prompt_cache_key", nullptr},
        {"reasoning", json::object{{"effort", nullptr}, {"summary", nullptr}}},
        {"safety_identifier", nullptr},
        {"service_tier", "auto"},
        {"store", false},
        {"temperature", 1},
        {"text", json::object{{"format", json::object{{"type", "text"}}}, {"verbosity", "medium"}}},
        {"tool_choice", "auto"},
        {"tools", json::array()},
        {"top_logprobs", 0},
        {"top_p", 1},
        {"truncation", "disabled"},
        {"usage", nullptr},
        {"user", nullptr},
        {"metadata", json::object()},
    };
    if (context.request != nullptr) {
        echoRequest(*context.request, out);
    }
    return out;
}

json::object failureOf(const Refusal& refusal)
{
    const RefusalParts parts = refusalParts(refusal);
    const bool cap = refusal.kind == RefusalKind::BudgetExceeded;
    json::object error;
    // Codex takes every other code for a passing fault and sends the request again.
    error["code"] = cap || refusal.kind == RefusalKind::BadRequest ? "invalid_prompt"
        : refusal.kind == RefusalKind::BudgetInFlight              ? "rate_limit_exceeded"
                                                                   : "server_error";
    error["message"] = parts.message;
    return error;
}

std::string eventText(std::string_view type, const json::object& data)
{
    std::string out = "event: ";
    out += type;
    out += "\ndata: ";
    out += json::serialize(data);
    out += "\n\n";
    return out;
}

} // namespace headgate::wire::responses
