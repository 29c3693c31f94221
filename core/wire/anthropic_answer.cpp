// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_book.h"
#include "core/wire/anthropic_wire.h"

#include <algorithm>
#include <array>
#include <utility>

namespace headgate::wire::anthropic {

namespace json = boost::json;

namespace {

struct StopWord {
    const char* word;
    StopReason reason;
};

/// The first word of a reason is the one to write.
constexpr std::array stopWords{
    StopWord{"end_turn", StopReason::End},
    StopWord{"max_tokens", StopReason::Length},
    StopWord{"model_context_window_exceeded", StopReason::Length},
    StopWord{"stop_sequence", StopReason::StopSequence},
    StopWord{"tool_use", StopReason::ToolCall},
    StopWord{"refusal", StopReason::Refusal},
    StopWord{"pause_turn", StopReason::Pause},
};

std::int64_t countAt(const json::object& object, std::string_view name)
{
    return std::max<std::int64_t>(dom::wholeAt(object, name).value_or(0), 0);
}

/// A later total of cache writes comes without its split: the split of before is cut or grown to
/// it, a growth where the writes were.
void splitWrites(json::object& usage)
{
    json::value* creation = usage.if_contains("cache_creation");
    json::object* split = creation != nullptr ? creation->if_object() : nullptr;
    if (split == nullptr) {
        return;
    }
    const std::int64_t total = countAt(usage, "cache_creation_input_tokens");
    std::int64_t fiveMinutes = countAt(*split, "ephemeral_5m_input_tokens");
    std::int64_t oneHour = countAt(*split, "ephemeral_1h_input_tokens");
    if (fiveMinutes == 0 && oneHour > 0) {
        oneHour = total;
    } else {
        oneHour = std::min(oneHour, total);
        fiveMinutes = total - oneHour;
    }
    (*split)["ephemeral_5m_input_tokens"] = fiveMinutes;
    (*split)["ephemeral_1h_input_tokens"] = oneHour;
}

/// Compaction and advice are passes of their own, billed too, which the counts at the top leave
/// out.
void addIterations(const json::object& usage, catalog::Usage& sum)
{
    const json::array* iterations = dom::arrayAt(usage, "iterations");
    if (iterations == nullptr) {
        return;
    }
    for (const json::value& value : *iterations) {
        const json::object* iteration = value.if_object();
        if (iteration == nullptr || dom::stringAt(*iteration, "type") == "message") {
            continue;
        }
        const Result<catalog::Usage> more
            = catalog::usageFromRaw("anthropic", "messages", dom::write(value));
        if (more) {
            sum.inputUncached += more->inputUncached;
            sum.cacheRead += more->cacheRead;
            sum.cacheWrite5m += more->cacheWrite5m;
            sum.cacheWrite1h += more->cacheWrite1h;
            sum.output += more->output;
        }
    }
}

void putTier(const catalog::Usage& usage, json::object& out)
{
    const std::string& tier = usage.serviceTier;
    if (tier == "fast") {
        out["speed"] = "fast";
    } else {
        const bool known = tier == "priority" || tier == "batch";
        out["service_tier"] = known ? tier : "standard";
    }
    if (!usage.geo.empty()) {
        out["inference_geo"] = usage.geo;
    }
}

json::value answerBlock(const Part& part, std::size_t index)
{
    Part copy = part;
    if (part.native.of(Dialect::Anthropic) == nullptr) {
        copy.native = {};
    }
    switch (part.kind) {
    case Part::Kind::Image:
    case Part::Kind::File:
        copy = {};
        copy.text = missingNote(part);
        break;
    case Part::Kind::ToolCall:
        copy.id = part.id.empty() ? "call_" + std::to_string(index) : part.id;
        break;
    case Part::Kind::ToolResult:
        return nullptr;
    default:
        break;
    }
    const bool texts = copy.kind == Part::Kind::Text || copy.kind == Part::Kind::Refusal
        || copy.kind == Part::Kind::Audio;
    if (texts && copy.text.empty() && !copy.native.present()) {
        return nullptr;
    }
    if (copy.kind == Part::Kind::Thinking && copy.text.empty() && copy.signature.empty()) {
        return nullptr;
    }
    return writeBlock(copy);
}

/// Streams and whole answers name no citations in different ways.
void tidy(Part& part)
{
    json::object* fields = part.native.value.if_object();
    if (part.kind != Part::Kind::Text || fields == nullptr || fields->contains("type")) {
        return;
    }
    const json::value* citations = fields->if_contains("citations");
    const json::array* list = citations != nullptr ? citations->if_array() : nullptr;
    if (citations != nullptr && (list == nullptr || list->empty())) {
        fields->erase("citations");
    }
    if (fields->empty()) {
        part.native = {};
    }
}

Answer failed(const json::object& root)
{
    Answer answer;
    const json::object* error = dom::objectAt(root, "error");
    if (error != nullptr) {
        answer.error = dom::stringAt(*error, "message");
        answer.errorType = dom::stringAt(*error, "type");
    }
    if (answer.error.empty()) {
        answer.error = "The provider reported an error without a message.";
    }
    return answer;
}

} // namespace

StopReason stopReasonOf(std::string_view word)
{
    for (const StopWord& known : stopWords) {
        if (word == known.word) {
            return known.reason;
        }
    }
    return word.empty() ? StopReason::None : StopReason::Other;
}

const char* stopWordOf(StopReason reason, std::string_view providersWord)
{
    for (const StopWord& known : stopWords) {
        if (known.reason == reason && providersWord == known.word) {
            return known.word;
        }
    }
    for (const StopWord& known : stopWords) {
        if (known.reason == reason) {
            return known.word;
        }
    }
    return "end_turn";
}

std::string messageIdOf(std::string_view id, const AnswerContext& context)
{
    constexpr std::string_view prefix = "msg_";
    if (id.substr(0, prefix.size()) == prefix) {
        return std::string(id);
    }
    std::string out(prefix);
    for (const char c : context.id.empty() ? id : std::string_view(context.id)) {
        const bool plain
            = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        out += plain ? c : '_';
    }
    return out;
}

void mergeUsage(json::object& usage, const json::object& later)
{
    for (const auto& member : later) {
        if (member.value().is_null()) {
            continue;
        }
        json::value& old = usage[member.key()];
        const json::object* fields = member.value().if_object();
        if (fields == nullptr || !old.is_object()) {
            old = member.value();
            continue;
        }
        for (const auto& field : *fields) {
            old.get_object()[field.key()] = field.value();
        }
    }
    if (dom::find(later, "cache_creation_input_tokens") != nullptr
        && dom::find(later, "cache_creation") == nullptr) {
        splitWrites(usage);
    }
}

std::optional<catalog::Usage> usageOf(const json::object& usage)
{
    if (dom::find(usage, "output_tokens") == nullptr) {
        return std::nullopt;
    }
    Result<catalog::Usage> out
        = catalog::usageFromRaw("anthropic", "messages", dom::write(json::value(usage)));
    if (!out) {
        return std::nullopt;
    }
    addIterations(usage, *out);
    return std::move(*out);
}

json::object writeUsage(const catalog::Usage& usage)
{
    json::object out;
    out["input_tokens"] = usage.inputUncached;
    out["cache_creation_input_tokens"] = usage.cacheWrite5m + usage.cacheWrite1h;
    out["cache_read_input_tokens"] = usage.cacheRead;
    out["cache_creation"] = json::object{{"ephemeral_5m_input_tokens", usage.cacheWrite5m},
        {"ephemeral_1h_input_tokens", usage.cacheWrite1h}};
    out["output_tokens"] = usage.output;
    if (usage.reasoning > 0) {
        out["output_tokens_details"] = json::object{{"thinking_tokens", usage.reasoning}};
    }
    if (usage.webSearches > 0) {
        out["server_tool_use"] = json::object{{"web_search_requests", usage.webSearches}};
    }
    putTier(usage, out);
    return out;
}

Result<Answer> readAnswer(std::string_view body)
{
    Result<json::object> root = dom::parseObject(body, "The answer");
    if (!root) {
        return root.error();
    }
    if (dom::stringAt(*root, "type") == "error") {
        return failed(*root);
    }
    const json::value* content = dom::find(*root, "content");
    if (content == nullptr || !content->is_array()) {
        return Error(ErrorCode::InvalidArgument, "The answer is no message: it has no content.");
    }
    Answer answer;
    answer.id = dom::stringAt(*root, "id");
    answer.model = dom::stringAt(*root, "model");
    Answer::Choice choice;
    Result<std::vector<Part>> parts = readContent(*content, "content");
    if (!parts) {
        return parts.error();
    }
    choice.parts = std::move(*parts);
    std::for_each(choice.parts.begin(), choice.parts.end(), tidy);
    choice.stopText = dom::stringAt(*root, "stop_reason");
    choice.stop = stopReasonOf(choice.stopText);
    choice.stopSequence = dom::stringAt(*root, "stop_sequence");
    choice.native = {Dialect::Anthropic, finishFields(*root, *root)};
    answer.choices.push_back(std::move(choice));
    if (const json::object* usage = dom::objectAt(*root, "usage")) {
        answer.usage = usageOf(*usage);
    }
    answer.native = {Dialect::Anthropic, messageFields(*root)};
    return answer;
}

json::value finishFields(const json::object& delta, const json::object& root)
{
    json::object out;
    for (const char* const name : {"stop_details", "container"}) {
        if (const json::value* value = dom::find(delta, name)) {
            out[name] = *value;
        }
    }
    if (const json::value* value = dom::find(root, "context_management")) {
        out["context_management"] = *value;
    }
    return out.empty() ? json::value() : json::value(std::move(out));
}

json::value messageFields(const json::object& message)
{
    return dom::without(message,
        {"id", "type", "role", "model", "content", "stop_reason", "stop_sequence", "stop_details",
            "usage", "container", "context_management"});
}

std::string writeAnswer(const Answer& answer, const AnswerContext& context)
{
    static const Answer::Choice none;
    const Answer::Choice& choice = answer.choices.empty() ? none : answer.choices.front();
    json::object out;
    out["id"] = messageIdOf(answer.id, context);
    out["type"] = "message";
    out["role"] = "assistant";
    out["model"] = context.model.empty() ? answer.model : context.model;
    json::array content;
    bool calls = false;
    for (const Part& part : choice.parts) {
        json::value block = answerBlock(part, content.size());
        if (!block.is_null()) {
            calls = calls || part.kind == Part::Kind::ToolCall;
            content.push_back(std::move(block));
        }
    }
    out["content"] = std::move(content);
    const bool stopsToCall = calls && choice.stop == StopReason::End;
    out["stop_reason"]
        = stopWordOf(stopsToCall ? StopReason::ToolCall : choice.stop, choice.stopText);
    out["stop_sequence"]
        = choice.stopSequence.empty() ? json::value() : json::value(choice.stopSequence);
    for (const Native* native : {&choice.native, &answer.native}) {
        if (const json::value* fields = native->of(Dialect::Anthropic)) {
            dom::addMissing(out, *fields);
        }
    }
    catalog::Usage usage;
    usage.inputUncached = context.inputTokens;
    out["usage"] = writeUsage(answer.usage.value_or(usage));
    return dom::write(out);
}

} // namespace headgate::wire::anthropic
