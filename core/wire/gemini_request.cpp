// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/limits.h"
#include "core/base/text.h"
#include "core/wire/gemini_parts.h"

#include <algorithm>
#include <utility>

namespace headgate::wire::gemini {

namespace json = boost::json;

namespace {

Native native(json::value value)
{
    return {Dialect::Gemini, std::move(value)};
}

Error wrong(const std::string& what, std::string remedy)
{
    return Error(ErrorCode::InvalidArgument, what, std::move(remedy));
}

Role roleOf(const std::string& name)
{
    if (name.empty() || name == "user") {
        return Role::User;
    }
    if (name == "model") {
        return Role::Assistant;
    }
    if (name == "function" || name == "tool") {
        return Role::Tool;
    }
    return name == "system" ? Role::System : Role::Other;
}

Turn readContent(const json::object& object, CallIds& ids)
{
    dom::Fields fields = fieldsOf(object);
    Turn turn;
    const json::value* role = fields.peek("role");
    turn.role = roleOf(toLower(role != nullptr ? dom::text(*role).value_or("?") : std::string()));
    if (turn.role != Role::Other) {
        fields.take("role");
    }
    if (const json::value* parts = fields.take("parts")) {
        if (const std::optional<std::string> text = dom::text(*parts)) {
            Part part;
            part.text = *text;
            turn.parts.push_back(std::move(part));
        }
        for (const json::object* part : objectsOf(*parts)) {
            turn.parts.push_back(readPart(*part, ids));
        }
    }
    json::object rest = fields.rest();
    if (!rest.empty()) {
        turn.native = native(std::move(rest));
    }
    return turn;
}

void readSystem(Conversation& out, dom::Fields& root, CallIds& ids)
{
    const json::value* value = root.take("systemInstruction");
    if (value == nullptr) {
        return;
    }
    Turn turn;
    if (const std::optional<std::string> text = dom::text(*value)) {
        Part part;
        part.text = *text;
        turn.parts.push_back(std::move(part));
    } else if (const json::object* object = value->if_object()) {
        turn = readContent(*object, ids);
    }
    turn.role = Role::System;
    out.turns.push_back(std::move(turn));
}

Result<void> readTurns(Conversation& out, dom::Fields& root)
{
    CallIds ids(madeUpIdPrefix);
    readSystem(out, root, ids);
    const json::value* value = root.take("contents");
    if (value == nullptr) {
        return wrong("The request has no contents.", "Send at least one content with a text part.");
    }
    if (const std::optional<std::string> text = dom::text(*value)) {
        Turn turn;
        turn.parts.emplace_back();
        turn.parts.back().text = *text;
        out.turns.push_back(std::move(turn));
        return {};
    }
    const std::vector<const json::object*> contents = objectsOf(*value);
    if (contents.size() > limits::messagesMax) {
        return wrong(
            "The request has more than " + std::to_string(limits::messagesMax) + " contents.",
            "Send fewer, or join them.");
    }
    for (const json::object* content : contents) {
        out.turns.push_back(readContent(*content, ids));
    }
    return {};
}

Tool readDeclaration(const json::object& object)
{
    dom::Fields fields = fieldsOf(object);
    Tool tool;
    tool.name = fields.takeText("name").value_or(std::string());
    tool.description = fields.takeText("description").value_or(std::string());
    // Schemas that would not be written again as they came stay among the rest, too.
    if (const json::value* schema = fields.peek("parametersJsonSchema")) {
        tool.parameters = *schema;
    } else if (const json::value* parameters = fields.peek("parameters")) {
        tool.parameters = parameters->is_null() ? json::value() : toJsonSchema(*parameters);
        if (toOpenApi(tool.parameters) == *parameters) {
            fields.take("parameters");
        }
    }
    json::object rest = fields.rest();
    if (!rest.empty()) {
        tool.native = native(std::move(rest));
    }
    return tool;
}

Tool hostedTool(json::string_view name, const json::value& value)
{
    Tool tool;
    tool.hosted = true;
    tool.name = std::string(name.data(), name.size());
    json::object whole;
    whole[name] = value;
    tool.native = native(std::move(whole));
    return tool;
}

Result<void> readTools(Conversation& out, dom::Fields& root)
{
    const json::value* value = root.take("tools");
    if (value == nullptr) {
        return {};
    }
    for (const json::object* group : objectsOf(*value)) {
        for (const auto& member : *group) {
            const std::string_view key(member.key().data(), member.key().size());
            if (key != "functionDeclarations" && key != "function_declarations") {
                out.tools.push_back(hostedTool(member.key(), member.value()));
                continue;
            }
            for (const json::object* declaration : objectsOf(member.value())) {
                out.tools.push_back(readDeclaration(*declaration));
            }
        }
    }
    if (out.tools.size() > limits::toolsMax) {
        return wrong("The request has more than " + std::to_string(limits::toolsMax) + " tools.",
            "Send fewer.");
    }
    return {};
}

void readToolChoice(Conversation& out, const json::object& config)
{
    dom::Fields fields = fieldsOf(config);
    const std::string mode = fields.takeText("mode").value_or(std::string());
    ToolChoice choice;
    choice.names = fields.takeTexts("allowedFunctionNames").value_or(std::vector<std::string>());
    bool plain = fields.rest().empty();
    if (mode == "ANY") {
        choice.kind = choice.names.empty() ? ToolChoice::Kind::Required : ToolChoice::Kind::Named;
    } else if (mode == "NONE") {
        choice.kind = ToolChoice::Kind::None;
    } else {
        plain = plain && mode == "AUTO";
        choice.kind = ToolChoice::Kind::Auto;
    }
    if (!plain || (choice.kind != ToolChoice::Kind::Named && !choice.names.empty())) {
        choice.native = native(config);
    }
    if (choice.kind != ToolChoice::Kind::Named) {
        choice.names.clear();
    }
    out.toolChoice = std::move(choice);
}

json::object readToolConfig(Conversation& out, const json::object& object)
{
    dom::Fields fields = fieldsOf(object);
    if (const json::object* calling = fields.takeObject("functionCallingConfig")) {
        readToolChoice(out, *calling);
    }
    return fields.rest();
}

void readThinking(Conversation& out, const json::object& config)
{
    dom::Fields fields = fieldsOf(config);
    Reasoning reasoning;
    if (const std::optional<std::int64_t> budget = fields.takeWhole("thinkingBudget")) {
        reasoning.disabled = *budget == 0;
        reasoning.adaptive = *budget < 0;
        if (*budget > 0) {
            reasoning.budgetTokens = *budget;
        }
    }
    const std::string level = toLower(fields.takeText("thinkingLevel").value_or(std::string()));
    if (level != "thinking_level_unspecified") {
        reasoning.effort = level;
    }
    if (fields.takeBoolean("includeThoughts").value_or(false)) {
        reasoning.summary = "auto";
    }
    reasoning.native = native(config);
    out.reasoning = std::move(reasoning);
}

void readFormat(Conversation& out, dom::Fields& config)
{
    const std::string mime = config.takeText("responseMimeType").value_or(std::string());
    AnswerFormat format;
    json::object kept;
    if (!mime.empty()) {
        kept["responseMimeType"] = mime;
    }
    const auto schemaFrom = [&](const char* field, bool google) {
        if (const json::value* schema = config.take(field)) {
            format.kind = AnswerFormat::Kind::JsonSchema;
            format.schema = google ? toJsonSchema(*schema) : *schema;
            kept[field] = *schema;
        }
    };
    schemaFrom("responseSchema", true);
    schemaFrom("responseJsonSchema", false);
    schemaFrom("_responseJsonSchema", false);
    if (format.kind == AnswerFormat::Kind::Unset && !mime.empty()) {
        format.kind = mime == "application/json" ? AnswerFormat::Kind::JsonObject
                                                 : AnswerFormat::Kind::Text;
    }
    if (!kept.empty()) {
        format.native = native(std::move(kept));
    }
    out.format = std::move(format);
}

void readModalities(Conversation& out, dom::Fields& config)
{
    const json::value* value = config.peek("responseModalities");
    const std::optional<std::vector<std::string>> names
        = value != nullptr ? dom::texts(*value) : std::nullopt;
    if (!names) {
        return;
    }
    bool text = false;
    for (const std::string& name : *names) {
        const std::string modality = toLower(name);
        if (modality == "text") {
            text = true;
        } else if (modality != "modality_unspecified") {
            out.modalities.push_back(modality);
        }
    }
    if (!text || out.modalities.empty()) {
        config.take("responseModalities"); // else the rest keeps the exact wish
    }
}

void readSampling(Conversation& out, dom::Fields& config)
{
    out.temperature = config.takeNumber("temperature");
    out.topP = config.takeNumber("topP");
    out.topK = config.takeWhole("topK");
    out.presencePenalty = config.takeNumber("presencePenalty");
    out.frequencyPenalty = config.takeNumber("frequencyPenalty");
    out.seed = config.takeWhole("seed");
    out.stop = config.takeTexts("stopSequences").value_or(std::vector<std::string>());
    out.logprobs = config.takeBoolean("responseLogprobs");
    out.topLogprobs = config.takeWhole("logprobs");
}

/// As many as Chat's "n" may be; Google itself makes fewer.
constexpr std::int64_t candidatesMax = 128;

/// Takes a count that money depends on: what cannot be read as one is refused, not passed on.
Result<std::optional<std::int64_t>> takeCount(dom::Fields& config, const std::string& name)
{
    const json::value* value = config.take(name);
    if (value == nullptr) {
        return std::optional<std::int64_t>();
    }
    const std::optional<std::int64_t> count = dom::whole(*value);
    if (!count || *count < 1) {
        return wrong("generationConfig." + name + " is not a whole number of at least 1.",
            "Send a positive number, or leave it out.");
    }
    return count;
}

Result<json::object> readGenerationConfig(Conversation& out, const json::object& object)
{
    dom::Fields config = fieldsOf(object);
    const Result<std::optional<std::int64_t>> ceiling = takeCount(config, "maxOutputTokens");
    const Result<std::optional<std::int64_t>> count = takeCount(config, "candidateCount");
    if (!ceiling || !count) {
        return !ceiling ? ceiling.error() : count.error();
    }
    out.maxOutput = *ceiling;
    out.n = count->value_or(1);
    if (out.n > candidatesMax) {
        return wrong(
            "generationConfig.candidateCount is more than " + std::to_string(candidatesMax) + ".",
            "Ask for fewer answers at once.");
    }
    readSampling(out, config);
    readFormat(out, config);
    readModalities(out, config);
    if (const json::object* thinking = config.takeObject("thinkingConfig")) {
        readThinking(out, *thinking);
    }
    return config.rest();
}

} // namespace

Result<Conversation> readRequest(std::string_view body, const RequestPath& path)
{
    const Result<json::object> root = dom::parseObject(body, "The body");
    if (!root) {
        return root.error();
    }
    return readRequest(*root, path);
}

Result<Conversation> readRequest(const json::object& object, const RequestPath& path)
{
    dom::Fields root = fieldsOf(object);
    Conversation out;
    out.source = Dialect::Gemini;
    out.stream = path.stream;
    out.model = plainModel(path.model.empty() ? root.takeText("model").value_or("") : path.model);
    root.take("model"); // the path names it
    if (Result<void> read = readTurns(out, root); !read) {
        return read.error();
    }
    if (Result<void> read = readTools(out, root); !read) {
        return read.error();
    }
    json::object toolConfig;
    if (const json::object* config = root.takeObject("toolConfig")) {
        toolConfig = readToolConfig(out, *config);
    }
    json::object generationConfig;
    if (const json::value* config = root.take("generationConfig")) {
        if (!config->is_object()) {
            return wrong("generationConfig is not an object.", "Send an object or leave it out.");
        }
        Result<json::object> rest = readGenerationConfig(out, config->get_object());
        if (!rest) {
            return rest.error();
        }
        generationConfig = std::move(*rest);
    }
    out.serviceTier = root.takeText("serviceTier").value_or(std::string());
    json::object extra = root.rest();
    if (!toolConfig.empty()) {
        extra["toolConfig"] = std::move(toolConfig);
    }
    if (!generationConfig.empty()) {
        extra["generationConfig"] = std::move(generationConfig);
    }
    if (!extra.empty()) {
        out.extra = native(std::move(extra));
    }
    return out;
}

} // namespace headgate::wire::gemini
