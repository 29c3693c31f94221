// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/body_edit.h"
#include "core/wire/chat_parts.h"
#include "core/wire/chat_request.h"
#include "core/wire/json_dom.h"

#include <algorithm>
#include <array>

namespace headgate::wire::chat {

namespace {

namespace json = boost::json;

std::string_view viewOf(json::string_view text)
{
    return {text.data(), text.size()};
}

Part textPart(std::string_view text, Part::Kind kind = Part::Kind::Text)
{
    Part part;
    part.kind = kind;
    part.text = text;
    return part;
}

void readCacheControl(const json::object& from, bool& wanted, std::string& ttl)
{
    if (const json::object* cache = dom::objectAt(from, "cache_control")) {
        wanted = true;
        ttl = dom::stringAt(*cache, "ttl");
    }
}

/// The messages, in order.
class TurnReader {
public:
    explicit TurnReader(std::vector<Turn>& out) : m_out(out) { }

    void read(const json::array& messages)
    {
        for (const json::value& message : messages) {
            if (const json::object* object = message.if_object()) {
                this->message(*object);
            }
        }
    }

private:
    void message(const json::object& from)
    {
        const std::string_view role = dom::stringAt(from, "role");
        m_turn = &m_out.emplace_back();
        m_turn->role = roleOf(role);
        if (role == "tool" || role == "function") {
            toolMessage(from, role == "function");
            return;
        }
        m_turn->name = dom::stringAt(from, "name");
        thinking(from);
        content(from, m_turn->parts);
        if (const std::string_view refusal = dom::stringAt(from, "refusal"); !refusal.empty()) {
            m_turn->parts.push_back(textPart(refusal, Part::Kind::Refusal));
        }
        if (const json::array* calls = dom::arrayAt(from, "tool_calls")) {
            for (const json::value& call : *calls) {
                if (const json::object* object = call.if_object()) {
                    toolCall(*object);
                }
            }
        }
        if (const json::object* call = dom::objectAt(from, "function_call")) {
            Part& part = m_turn->parts.emplace_back();
            part.kind = Part::Kind::ToolCall;
            part.id = "call_" + std::to_string(m_out.size());
            readFunction(*call, part);
            m_calls.push_back({part.id, part.name});
        }
        keepRest(from, role);
    }

    static Role roleOf(std::string_view role)
    {
        return role == "user"                      ? Role::User
            : role == "assistant"                  ? Role::Assistant
            : role == "system"                     ? Role::System
            : role == "developer"                  ? Role::Developer
            : role == "tool" || role == "function" ? Role::Tool
                                                   : Role::Other;
    }

    void keepRest(const json::object& from, std::string_view role)
    {
        json::value rest = dom::without(from,
            {"role", "name", "content", "refusal", "tool_calls", "function_call", "tool_call_id",
                "reasoning", "reasoning_content", "reasoning_signature", "reasoning_details"});
        if (json::object* fields = rest.if_object()) {
            // What every answer has and says nothing.
            const json::value* cited = fields->if_contains("annotations");
            if (cited != nullptr
                && (cited->is_null() || (cited->is_array() && cited->get_array().empty()))) {
                fields->erase("annotations");
            }
            if (const json::value* audio = fields->if_contains("audio");
                audio != nullptr && audio->is_null()) {
                fields->erase("audio");
            }
        }
        if (m_turn->role == Role::Other) {
            if (!rest.is_object()) {
                rest = json::object();
            }
            rest.get_object()["role"] = dom::key(role);
        }
        if (rest.is_object() && !rest.get_object().empty()) {
            m_turn->native = {Dialect::Chat, std::move(rest)};
        }
    }

    /// Servers with visible thinking take it back under the names they gave it.
    void thinking(const json::object& from)
    {
        json::object own;
        for (const char* const name :
            {"reasoning", "reasoning_content", "reasoning_signature", "reasoning_details"}) {
            if (const json::value* value = dom::find(from, name)) {
                own[name] = *value;
            }
        }
        if (own.empty()) {
            return;
        }
        Part part;
        part.kind = Part::Kind::Thinking;
        part.signedBy = Dialect::Chat;
        part.text = dom::stringAt(own, "reasoning_content");
        if (part.text.empty()) {
            part.text = dom::stringAt(own, "reasoning");
        }
        part.signature = dom::stringAt(own, "reasoning_signature");
        part.native = {Dialect::Chat, std::move(own)};
        m_turn->parts.push_back(std::move(part));
    }

    void content(const json::object& from, std::vector<Part>& out)
    {
        const json::value* content = dom::find(from, "content");
        if (content == nullptr) {
            return;
        }
        if (const json::string* text = content->if_string()) {
            if (!text->empty()) {
                out.push_back(textPart(viewOf(*text)));
            }
        } else if (const json::array* parts = content->if_array()) {
            for (const json::value& part : *parts) {
                out.push_back(contentPart(part));
            }
        }
    }

    static Part contentPart(const json::value& value)
    {
        const json::object* from = value.if_object();
        if (from == nullptr) {
            return textPart(dom::textOf(value));
        }
        Part part;
        const std::string_view type = dom::stringAt(*from, "type");
        if (type == "refusal") {
            part = textPart(dom::stringAt(*from, "refusal"), Part::Kind::Refusal);
        } else if (type == "image_url") {
            image(*from, part);
        } else if (type == "input_audio" && dom::objectAt(*from, "input_audio") != nullptr) {
            const json::object& audio = *dom::objectAt(*from, "input_audio");
            part.kind = Part::Kind::Audio;
            part.data = dom::stringAt(audio, "data");
            part.mime = "audio/" + std::string(dom::stringAt(audio, "format"));
        } else if (type == "file" && dom::objectAt(*from, "file") != nullptr) {
            file(*dom::objectAt(*from, "file"), part);
        } else if (dom::find(*from, "text") != nullptr
            && (type == "text" || type == "input_text" || type == "output_text" || type.empty())) {
            part = textPart(dom::stringAt(*from, "text"));
        } else {
            part.kind = Part::Kind::Native;
            part.native = {Dialect::Chat, value};
        }
        readCacheControl(*from, part.cacheControl, part.cacheTtl);
        return part;
    }

    static void image(const json::object& from, Part& part)
    {
        part.kind = Part::Kind::Image;
        if (const json::object* image = dom::objectAt(from, "image_url")) {
            setUrl(part, dom::stringAt(*image, "url"));
            part.detail = dom::stringAt(*image, "detail");
        } else {
            setUrl(part, dom::stringAt(from, "image_url"));
        }
    }

    static void file(const json::object& file, Part& part)
    {
        part.kind = Part::Kind::File;
        part.fileId = dom::stringAt(file, "file_id");
        part.fileName = dom::stringAt(file, "filename");
        setUrl(part, dom::stringAt(file, "file_data"));
        // Base64 without the head of a data URL: compatible servers take it.
        if (!part.url.empty() && part.url.find(':') == std::string::npos) {
            part.data = std::exchange(part.url, {});
        }
    }

    static void readFunction(const json::object& from, Part& part)
    {
        part.name = dom::stringAt(from, "name");
        const json::value* arguments = dom::find(from, part.custom ? "input" : "arguments");
        if (arguments != nullptr) {
            part.arguments = arguments->is_string() ? std::string(dom::textOf(*arguments))
                                                    : dom::write(*arguments);
        }
    }

    void toolCall(const json::object& from)
    {
        Part& part = m_turn->parts.emplace_back();
        part.kind = Part::Kind::ToolCall;
        part.id = dom::stringAt(from, "id");
        part.custom = dom::stringAt(from, "type") == "custom";
        if (const json::object* inner = dom::objectAt(from, part.custom ? "custom" : "function")) {
            readFunction(*inner, part);
        }
        const json::value rest = dom::without(from, {"id", "type", "index", "function", "custom"});
        if (!rest.is_null()) {
            part.native = {Dialect::Chat, rest};
        }
        m_calls.push_back({part.id, part.name});
    }

    void toolMessage(const json::object& from, bool legacy)
    {
        Part& part = m_turn->parts.emplace_back();
        part.kind = Part::Kind::ToolResult;
        part.id = dom::stringAt(from, "tool_call_id");
        part.name = dom::stringAt(from, "name");
        // The last call with that id, or in the old form with that name.
        const auto call = std::find_if(m_calls.rbegin(), m_calls.rend(),
            [&](const Call& one) { return legacy ? one.name == part.name : one.id == part.id; });
        if (call != m_calls.rend()) {
            part.id = call->id;
            part.name = call->name;
        }
        content(from, part.content);
        readCacheControl(from, part.cacheControl, part.cacheTtl);
        const json::value rest
            = dom::without(from, {"role", "name", "content", "tool_call_id", "cache_control"});
        if (!rest.is_null()) {
            m_turn->native = {Dialect::Chat, rest};
        }
    }

    struct Call {
        std::string id;
        std::string name;
    };
    std::vector<Turn>& m_out;
    Turn* m_turn = nullptr;
    std::vector<Call> m_calls;
};

Tool functionTool(const json::object& function)
{
    Tool tool;
    tool.name = dom::stringAt(function, "name");
    tool.description = dom::stringAt(function, "description");
    if (const json::value* schema = dom::find(function, "parameters")) {
        tool.parameters = *schema;
    }
    tool.strict = dom::boolAt(function, "strict");
    return tool;
}

Tool readTool(const json::object& from)
{
    Tool tool;
    const std::string_view type = dom::stringAt(from, "type");
    const json::object* function = dom::objectAt(from, "function");
    const json::object* custom = dom::objectAt(from, "custom");
    json::value rest;
    if (function != nullptr && (type == "function" || type.empty())) {
        tool = functionTool(*function);
        rest = dom::without(*function, {"name", "description", "parameters", "strict"});
    } else if (custom != nullptr && type == "custom") {
        tool.custom = true;
        tool.name = dom::stringAt(*custom, "name");
        tool.description = dom::stringAt(*custom, "description");
        rest = dom::without(*custom, {"name", "description"});
    } else {
        tool.hosted = true;
        tool.name = type;
        rest = from;
    }
    if (!rest.is_null()) {
        tool.native = {Dialect::Chat, rest};
    }
    readCacheControl(from, tool.cacheControl, tool.cacheTtl);
    return tool;
}

void readTools(const json::object& root, Conversation& out)
{
    if (const json::array* tools = dom::arrayAt(root, "tools")) {
        for (const json::value& tool : *tools) {
            if (const json::object* object = tool.if_object()) {
                out.tools.push_back(readTool(*object));
            }
        }
    }
    if (const json::array* functions = dom::arrayAt(root, "functions")) {
        for (const json::value& function : *functions) {
            if (const json::object* object = function.if_object()) {
                out.tools.push_back(functionTool(*object));
            }
        }
    }
}

std::string_view toolNameIn(const json::object& from)
{
    for (const char* const key : {"function", "custom"}) {
        if (const json::object* inner = dom::objectAt(from, key)) {
            return dom::stringAt(*inner, "name");
        }
    }
    return dom::stringAt(from, "name");
}

void readAllowedTools(const json::object& from, ToolChoice& out)
{
    const json::object* allowed = dom::objectAt(from, "allowed_tools");
    const json::object& inner = allowed != nullptr ? *allowed : from;
    out.kind = dom::stringAt(inner, "mode") == "required" ? ToolChoice::Kind::Required
                                                          : ToolChoice::Kind::Auto;
    if (const json::array* tools = dom::arrayAt(inner, "tools")) {
        for (const json::value& tool : *tools) {
            if (const json::object* object = tool.if_object()) {
                out.names.emplace_back(toolNameIn(*object));
            }
        }
    }
    out.native = {Dialect::Chat, from};
}

void readToolChoice(const json::object& root, ToolChoice& out)
{
    const json::value* choice = dom::find(root, "tool_choice");
    choice = choice != nullptr ? choice : dom::find(root, "function_call");
    out.parallel = dom::boolAt(root, "parallel_tool_calls");
    if (choice == nullptr) {
        return;
    }
    if (const json::object* object = choice->if_object()) {
        if (dom::stringAt(*object, "type") == "allowed_tools") {
            readAllowedTools(*object, out);
            return;
        }
        out.kind = ToolChoice::Kind::Named;
        out.names.emplace_back(toolNameIn(*object));
        return;
    }
    const std::string_view word = dom::textOf(*choice);
    out.kind = word == "none"                 ? ToolChoice::Kind::None
        : word == "required" || word == "any" ? ToolChoice::Kind::Required
                                              : ToolChoice::Kind::Auto;
}

void readFormat(const json::object& root, AnswerFormat& out)
{
    const json::object* format = dom::objectAt(root, "response_format");
    if (format == nullptr) {
        return;
    }
    const std::string_view type = dom::stringAt(*format, "type");
    if (type == "text") {
        out.kind = AnswerFormat::Kind::Text;
    } else if (type == "json_object") {
        out.kind = AnswerFormat::Kind::JsonObject;
    } else if (const json::object* schema = dom::objectAt(*format, "json_schema");
               schema != nullptr && type == "json_schema") {
        out.kind = AnswerFormat::Kind::JsonSchema;
        out.name = dom::stringAt(*schema, "name");
        out.description = dom::stringAt(*schema, "description");
        out.strict = dom::boolAt(*schema, "strict");
        if (const json::value* inner = dom::find(*schema, "schema")) {
            out.schema = *inner;
        }
    } else {
        out.native = {Dialect::Chat, *format};
    }
}

void readReasoning(const json::object& root, Reasoning& out)
{
    out.effort = dom::stringAt(root, "reasoning_effort");
    // OpenRouter's form.
    if (const json::object* form = dom::objectAt(root, "reasoning")) {
        if (out.effort.empty()) {
            out.effort = dom::stringAt(*form, "effort");
        }
        out.budgetTokens = dom::wholeAt(*form, "max_tokens");
        out.disabled = dom::boolAt(*form, "enabled") == false;
        out.native = {Dialect::Chat, *form};
    }
}

void readSampling(const json::object& root, Conversation& out)
{
    out.temperature = dom::numberAt(root, "temperature");
    out.topP = dom::numberAt(root, "top_p");
    out.topK = dom::wholeAt(root, "top_k");
    out.presencePenalty = dom::numberAt(root, "presence_penalty");
    out.frequencyPenalty = dom::numberAt(root, "frequency_penalty");
    out.seed = dom::wholeAt(root, "seed");
    out.logprobs = dom::boolAt(root, "logprobs");
    out.topLogprobs = dom::wholeAt(root, "top_logprobs");
    if (const json::value* stop = dom::find(root, "stop")) {
        if (const json::array* many = stop->if_array()) {
            for (const json::value& one : *many) {
                out.stop.emplace_back(dom::textOf(one));
            }
        } else if (stop->is_string()) {
            out.stop.emplace_back(dom::textOf(*stop));
        }
    }
}

void readIdentity(const json::object& root, Conversation& out)
{
    out.serviceTier = dom::stringAt(root, "service_tier");
    out.user = dom::stringAt(root, "user");
    out.safetyIdentifier = dom::stringAt(root, "safety_identifier");
    out.promptCacheKey = dom::stringAt(root, "prompt_cache_key");
    out.verbosity = dom::stringAt(root, "verbosity");
    if (const json::object* metadata = dom::objectAt(root, "metadata")) {
        out.metadata = *metadata;
    }
    if (const json::array* modalities = dom::arrayAt(root, "modalities")) {
        for (const json::value& one : *modalities) {
            if (dom::textOf(one) != "text") {
                out.modalities.emplace_back(dom::textOf(one));
            }
        }
    }
}

constexpr std::array knownFields{std::string_view("model"), std::string_view("messages"),
    std::string_view("stream"), std::string_view("stream_options"), std::string_view("max_tokens"),
    std::string_view("max_completion_tokens"), std::string_view("n"), std::string_view("tools"),
    std::string_view("functions"), std::string_view("tool_choice"),
    std::string_view("function_call"), std::string_view("parallel_tool_calls"),
    std::string_view("response_format"), std::string_view("reasoning_effort"),
    std::string_view("reasoning"), std::string_view("temperature"), std::string_view("top_p"),
    std::string_view("top_k"), std::string_view("presence_penalty"),
    std::string_view("frequency_penalty"), std::string_view("seed"), std::string_view("logprobs"),
    std::string_view("top_logprobs"), std::string_view("stop"), std::string_view("service_tier"),
    std::string_view("user"), std::string_view("safety_identifier"),
    std::string_view("prompt_cache_key"), std::string_view("verbosity"),
    std::string_view("metadata"), std::string_view("modalities")};

void keepExtra(const json::object& root, Conversation& out)
{
    json::object extra;
    for (const auto& member : root) {
        const std::string_view name = viewOf(member.key());
        const bool known
            = std::find(knownFields.begin(), knownFields.end(), name) != knownFields.end();
        if (!known && !isSteering(name) && !member.value().is_null()) {
            extra.emplace(member.key(), member.value());
        }
    }
    if (dom::arrayAt(root, "functions") != nullptr) {
        extra[dom::key(legacyMark)] = true;
    }
    if (!extra.empty()) {
        out.extra = {Dialect::Chat, std::move(extra)};
    }
}

} // namespace

Result<Conversation> readRequest(std::string_view body)
{
    // The strict readers say what is wrong with types and with fields that are there twice.
    Result<RequestView> view = readChatRequest(body);
    if (!view) {
        return view.error();
    }
    if (Result<void> checked = checkBody(body); !checked) {
        return checked.error();
    }
    Result<json::object> root = dom::parseObject(body, "The body");
    if (!root) {
        return root.error();
    }
    Conversation out;
    out.source = Dialect::Chat;
    out.model = view->model;
    out.stream = view->stream;
    out.maxOutput = view->maxTokens;
    out.n = view->n;
    if (const json::array* messages = dom::arrayAt(*root, "messages")) {
        TurnReader(out.turns).read(*messages);
    }
    readTools(*root, out);
    readToolChoice(*root, out.toolChoice);
    readFormat(*root, out.format);
    readReasoning(*root, out.reasoning);
    readSampling(*root, out);
    readIdentity(*root, out);
    keepExtra(*root, out);
    return out;
}

} // namespace headgate::wire::chat
