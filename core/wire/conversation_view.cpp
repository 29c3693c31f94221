// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/conversation_view.h"

#include "core/wire/user_id.h"

#include <boost/json/serialize.hpp>

#include <algorithm>

namespace headgate::wire {

namespace {

namespace json = boost::json;

/// Text that a provider may bill, one piece a line.
void addJson(std::string& to, const json::value& value)
{
    const bool empty = value.is_null() || (value.is_object() && value.get_object().empty())
        || (value.is_array() && value.get_array().empty());
    if (!empty) {
        addLine(to, json::serialize(value));
    }
}

void addPart(Message& out, const Part& part);

void addMedia(Message& out, const Part& part)
{
    switch (part.kind) {
    case Part::Kind::Image:
        ++out.imageParts;
        break;
    case Part::Kind::Audio:
        ++out.audioParts;
        break;
    default:
        // A plain document is text; others are files whose size nobody here knows.
        out.fileParts += part.text.empty() ? 1 : 0;
        break;
    }
    addLine(out.text, part.text);
    addLine(out.text, part.fileName);
}

void addPart(Message& out, const Part& part)
{
    switch (part.kind) {
    case Part::Kind::Text:
    case Part::Kind::Refusal:
    case Part::Kind::Native:
        addLine(out.text, part.text);
        break;
    case Part::Kind::Thinking:
        addLine(out.toolCallText, part.text);
        break;
    case Part::Kind::Image:
    case Part::Kind::Audio:
    case Part::Kind::File:
        addMedia(out, part);
        break;
    case Part::Kind::ToolCall:
        out.hasToolCalls = true;
        addLine(out.toolCallText, part.name);
        addLine(out.toolCallText, part.arguments);
        break;
    case Part::Kind::ToolResult:
        addLine(out.text, part.text);
        for (const Part& inner : part.content) {
            addPart(out, inner);
        }
        break;
    }
    // A signature stands for thinking that is billed again, maybe all of it.
    addLine(out.toolCallText, part.signature);
    addJson(part.kind == Part::Kind::Native ? out.text : out.toolCallText, part.native.value);
}

std::string toolText(const Tool& tool)
{
    json::object out;
    out["name"] = tool.name;
    if (!tool.description.empty()) {
        out["description"] = tool.description;
    }
    if (!tool.parameters.is_null()) {
        out["parameters"] = tool.parameters;
    }
    if (tool.native.present()) {
        out["native"] = tool.native.value;
    }
    return json::serialize(out);
}

std::string schemaText(const AnswerFormat& format)
{
    json::object out;
    if (!format.name.empty()) {
        out["name"] = format.name;
    }
    if (!format.description.empty()) {
        out["description"] = format.description;
    }
    out["schema"] = format.schema;
    return json::serialize(out);
}

/// Uses that the tool itself allows; absent: it names no limit.
std::optional<std::int64_t> usesMax(const Tool& tool)
{
    const json::object* object = tool.native.value.if_object();
    const json::value* limit = object != nullptr ? object->if_contains("max_uses") : nullptr;
    const std::int64_t* uses = limit != nullptr ? limit->if_int64() : nullptr;
    return uses != nullptr && *uses >= 0 ? std::optional<std::int64_t>(*uses) : std::nullopt;
}

bool searchesWeb(std::string_view type)
{
    return type.find("web_search") != std::string_view::npos
        || type.find("webSearch") != std::string_view::npos
        || type.find("google_search") != std::string_view::npos
        || type.find("googleSearch") != std::string_view::npos;
}

void addTools(RequestView& out, const Conversation& from)
{
    out.tools = static_cast<int>(from.tools.size());
    std::int64_t uses = 0;
    bool limited = true;
    for (const Tool& tool : from.tools) {
        addLine(out.toolsText, toolText(tool));
        out.cacheControl = out.cacheControl || tool.cacheControl;
        out.cacheOneHour = out.cacheOneHour || tool.cacheTtl == "1h";
        if (!tool.hosted) {
            continue;
        }
        ++out.hostedTools;
        out.hostedNames.push_back(tool.name);
        out.webSearchTools += searchesWeb(tool.name) ? 1 : 0;
        const std::optional<std::int64_t> most = usesMax(tool);
        limited = limited && most.has_value();
        uses += std::min<std::int64_t>(most.value_or(0), 1'000'000);
    }
    if (out.hostedTools > 0 && limited) {
        out.hostedUsesMax = uses;
    }
    const ToolChoice& choice = from.toolChoice;
    out.forcesTool = choice.kind == ToolChoice::Kind::Required
        || choice.kind == ToolChoice::Kind::Named || choice.native.present();
}

void addCache(RequestView& out, const std::vector<Part>& parts)
{
    for (const Part& part : parts) {
        out.cacheControl = out.cacheControl || part.cacheControl;
        out.cacheOneHour = out.cacheOneHour || part.cacheTtl == "1h";
        addCache(out, part.content);
    }
}

void addTurns(RequestView& out, const Conversation& from)
{
    out.messages.reserve(from.turns.size());
    for (const Turn& turn : from.turns) {
        Message& message = out.messages.emplace_back();
        message.role = turn.role;
        message.hasName = !turn.name.empty();
        addLine(message.toolCallText, turn.name);
        for (const Part& part : turn.parts) {
            addPart(message, part);
        }
        addJson(message.toolCallText, turn.native.value);
        addCache(out, turn.parts);
    }
}

std::string metadataText(const Conversation& from, std::string_view key)
{
    const json::value* value = from.metadata.if_contains(key);
    const json::string* text = value != nullptr ? value->if_string() : nullptr;
    return text != nullptr ? std::string(text->data(), text->size()) : std::string();
}

void addIdentity(RequestView& out, const Conversation& from)
{
    IdentityFields fields;
    // Where the user field may hold a blob of ids is known to identityOf() by its other name.
    const bool mayBeBlob = from.source == Dialect::Anthropic;
    fields.user = mayBeBlob ? std::string() : from.user;
    fields.metadataUser = mayBeBlob ? from.user : metadataText(from, "user_id");
    fields.safetyIdentifier = from.safetyIdentifier;
    fields.metadataSession = metadataText(from, "session_id");
    fields.cacheKey = from.promptCacheKey;
    Identity identity = identityOf(fields);
    out.user = std::move(identity.user);
    out.sessionId = std::move(identity.session);
}

} // namespace

void addLine(std::string& to, std::string_view text)
{
    if (text.empty()) {
        return;
    }
    if (!to.empty()) {
        to += '\n';
    }
    to += text;
}

RequestView viewOf(const Conversation& conversation)
{
    RequestView out;
    out.dialect = conversation.source;
    out.model = conversation.model;
    out.stream = conversation.stream;
    out.maxTokens = conversation.maxOutput;
    out.n = conversation.n;
    addTurns(out, conversation);
    addTools(out, conversation);
    out.jsonObject = conversation.format.kind == AnswerFormat::Kind::JsonObject;
    out.jsonSchema = conversation.format.kind == AnswerFormat::Kind::JsonSchema;
    if (out.jsonSchema) {
        out.schemaText = schemaText(conversation.format);
    }
    out.logprobs
        = conversation.logprobs.value_or(false) || conversation.topLogprobs.value_or(0) > 0;
    out.hasReasoningEffort = conversation.reasoning.asked();
    out.thinkingBudget = conversation.reasoning.budgetTokens;
    out.serviceTier = conversation.serviceTier;
    // Whatever a provider makes of a field that is not known here, its text is not free.
    addJson(out.outputText, conversation.extra.value);
    out.audioOut
        = std::find(conversation.modalities.begin(), conversation.modalities.end(), "audio")
        != conversation.modalities.end();
    addIdentity(out, conversation);
    return out;
}

} // namespace headgate::wire
