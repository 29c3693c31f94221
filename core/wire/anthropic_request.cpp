// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/limits.h"
#include "core/wire/anthropic_wire.h"

#include <map>
#include <utility>

namespace headgate::wire::anthropic {

namespace json = boost::json;

namespace {

Error bad(std::string message, std::string remedy)
{
    return Error(ErrorCode::InvalidArgument, std::move(message), std::move(remedy));
}

Native own(json::value value)
{
    return Native{Dialect::Anthropic, std::move(value)};
}

Role roleOf(std::string_view role)
{
    if (role == "user") {
        return Role::User;
    }
    if (role == "assistant") {
        return Role::Assistant;
    }
    return role == "system" ? Role::System : Role::Other;
}

/// One field of a known type, or an error that names it.
class Fields {
public:
    explicit Fields(const json::object& root) : m_root(root) { }
    [[nodiscard]] const Error& error() const { return m_error; }
    [[nodiscard]] bool failed() const { return !m_error.message.empty(); }

    std::string text(std::string_view name)
    {
        const json::value* value = dom::find(m_root, name);
        if (value != nullptr && !value->is_string()) {
            fail(name, "is not a string");
        }
        return value != nullptr ? std::string(dom::textOf(*value)) : std::string();
    }
    std::optional<std::int64_t> count(std::string_view name)
    {
        const json::value* value = dom::find(m_root, name);
        if (value == nullptr) {
            return std::nullopt;
        }
        const std::optional<std::int64_t> number = dom::wholeOf(*value);
        if (!number || *number < 0) {
            fail(name, "is not a whole number of at least 0");
        }
        return number;
    }
    std::optional<double> number(std::string_view name)
    {
        const std::optional<double> out = dom::numberAt(m_root, name);
        if (!out && dom::find(m_root, name) != nullptr) {
            fail(name, "is not a number");
        }
        return out;
    }
    bool flag(std::string_view name)
    {
        const std::optional<bool> out = dom::boolAt(m_root, name);
        if (!out && dom::find(m_root, name) != nullptr) {
            fail(name, "is neither true nor false");
        }
        return out.value_or(false);
    }
    const json::object* object(std::string_view name)
    {
        const json::object* out = dom::objectAt(m_root, name);
        if (out == nullptr && dom::find(m_root, name) != nullptr) {
            fail(name, "is not an object");
        }
        return out;
    }
    const json::array* array(std::string_view name)
    {
        const json::array* out = dom::arrayAt(m_root, name);
        if (out == nullptr && dom::find(m_root, name) != nullptr) {
            fail(name, "is not an array");
        }
        return out;
    }
    void fail(std::string_view name, const char* what)
    {
        if (!failed()) {
            m_error = bad(std::string(name) + " " + what + ".",
                "Send " + std::string(name) + " as the Messages API describes it.");
        }
    }

private:
    const json::object& m_root;
    Error m_error;
};

Result<Turn> readMessage(const json::value& value, const std::string& where)
{
    const json::object* message = value.if_object();
    if (message == nullptr) {
        return bad(where + " is not an object.", "Send messages with a role and content.");
    }
    Turn turn;
    turn.role = roleOf(dom::stringAt(*message, "role"));
    if (turn.role == Role::Other) {
        return bad(where + ".role is not known.", "Use user, assistant or system.");
    }
    const json::value* content = dom::find(*message, "content");
    if (content == nullptr) {
        return bad(where + " has no content.", "Send content as a string or an array of blocks.");
    }
    Result<std::vector<Part>> parts = readContent(*content, where + ".content");
    if (!parts) {
        return parts.error();
    }
    turn.parts = std::move(*parts);
    turn.native = own(dom::without(*message, {"role", "content"}));
    return turn;
}

/// Results name the tool they answer, because Gemini wants it.
void nameResults(std::vector<Turn>& turns)
{
    std::map<std::string, std::string> names;
    for (Turn& turn : turns) {
        for (Part& part : turn.parts) {
            if (part.kind == Part::Kind::ToolCall) {
                names[part.id] = part.name;
            } else if (part.kind == Part::Kind::ToolResult) {
                const auto found = names.find(part.id);
                part.name = found != names.end() ? found->second : std::string();
            }
        }
    }
}

Tool readTool(const json::object& object)
{
    Tool tool;
    const std::string_view type = dom::stringAt(object, "type");
    if (const json::object* control = dom::objectAt(object, "cache_control")) {
        tool.cacheControl = true;
        tool.cacheTtl = dom::stringAt(*control, "ttl");
    }
    if (!type.empty() && type != "custom") {
        tool.hosted = true;
        tool.name = type;
        tool.native = own(object);
        return tool;
    }
    tool.name = dom::stringAt(object, "name");
    tool.description = dom::stringAt(object, "description");
    if (const json::value* schema = dom::find(object, "input_schema")) {
        tool.parameters = *schema;
    }
    tool.strict = dom::boolAt(object, "strict");
    tool.native = own(
        dom::without(object, {"name", "description", "input_schema", "strict", "cache_control"}));
    return tool;
}

ToolChoice readToolChoice(const json::object& object)
{
    ToolChoice choice;
    const std::string_view type = dom::stringAt(object, "type");
    if (const auto disabled = dom::boolAt(object, "disable_parallel_tool_use")) {
        choice.parallel = !*disabled;
    }
    if (type == "auto") {
        choice.kind = ToolChoice::Kind::Auto;
    } else if (type == "any") {
        choice.kind = ToolChoice::Kind::Required;
    } else if (type == "none") {
        choice.kind = ToolChoice::Kind::None;
    } else if (type == "tool") {
        choice.kind = ToolChoice::Kind::Named;
        choice.names.emplace_back(dom::stringAt(object, "name"));
    } else {
        choice.native = own(object); // with its type: written back whole
        return choice;
    }
    choice.native = own(dom::without(object, {"type", "name", "disable_parallel_tool_use"}));
    return choice;
}

void readThinking(const json::object& thinking, Reasoning& reasoning, json::object& extra)
{
    const std::string_view type = dom::stringAt(thinking, "type");
    reasoning.adaptive = type == "adaptive";
    reasoning.disabled = type == "disabled";
    if (type == "enabled") {
        reasoning.budgetTokens = dom::wholeAt(thinking, "budget_tokens");
    }
    if (dom::stringAt(thinking, "display") == "summarized") {
        reasoning.summary = "auto";
    }
    const bool known = reasoning.adaptive || reasoning.disabled || reasoning.budgetTokens;
    json::value rest
        = known ? dom::without(thinking, {"type", "budget_tokens"}) : json::value(thinking);
    if (!rest.is_null()) {
        extra["thinking"] = std::move(rest);
    }
}

/// True when the format was understood whole.
bool readFormat(const json::object& format, AnswerFormat& out)
{
    const json::value* schema = dom::find(format, "schema");
    if (dom::stringAt(format, "type") != "json_schema" || schema == nullptr) {
        return false;
    }
    out.kind = AnswerFormat::Kind::JsonSchema;
    out.schema = *schema;
    return format.size() == 2;
}

void readOutputConfig(const json::object& config, Conversation& out, json::object& extra)
{
    out.reasoning.effort = dom::stringAt(config, "effort");
    json::value rest = dom::without(config, {"effort", "format"});
    if (const json::object* format = dom::objectAt(config, "format")) {
        if (!readFormat(*format, out.format)) {
            rest = dom::without(config, {"effort"});
        }
    }
    if (!rest.is_null()) {
        extra["output_config"] = std::move(rest);
    }
}

Result<void> readSystem(const json::value& system, Conversation& out)
{
    Result<std::vector<Part>> parts = readContent(system, "system");
    if (!parts) {
        return parts.error();
    }
    Turn turn;
    turn.role = Role::System;
    turn.parts = std::move(*parts);
    out.turns.push_back(std::move(turn));
    return {};
}

Result<void> readMessages(const json::object& root, Conversation& out)
{
    const json::array* messages = dom::arrayAt(root, "messages");
    if (messages == nullptr || messages->empty()) {
        return bad("messages is not an array with at least one message.",
            "Send messages with a role and content.");
    }
    if (messages->size() > limits::messagesMax) {
        return bad("There are more than " + std::to_string(limits::messagesMax) + " messages.",
            "Send fewer messages.");
    }
    out.turns.reserve(messages->size() + 1);
    for (std::size_t i = 0; i < messages->size(); ++i) {
        Result<Turn> turn = readMessage((*messages)[i], "messages[" + std::to_string(i) + "]");
        if (!turn) {
            return turn.error();
        }
        out.turns.push_back(std::move(*turn));
    }
    nameResults(out.turns);
    return {};
}

Result<void> readTools(const json::array& tools, Conversation& out)
{
    if (tools.size() > limits::toolsMax) {
        return bad("There are more than " + std::to_string(limits::toolsMax) + " tools.",
            "Send fewer tools.");
    }
    for (std::size_t i = 0; i < tools.size(); ++i) {
        const json::object* tool = tools[i].if_object();
        if (tool == nullptr) {
            return bad("tools[" + std::to_string(i) + "] is not an object.",
                "Send tools with a name and an input_schema.");
        }
        out.tools.push_back(readTool(*tool));
    }
    return {};
}

Result<void> readStops(const json::array& stops, Conversation& out)
{
    for (const json::value& stop : stops) {
        if (!stop.is_string()) {
            return bad("stop_sequences has an element that is no string.", "Send strings only.");
        }
        out.stop.emplace_back(dom::textOf(stop));
    }
    return {};
}

void readMetadata(const json::object& metadata, Conversation& out)
{
    out.user = dom::stringAt(metadata, "user_id");
    const json::value rest = dom::without(metadata, {"user_id"});
    if (const json::object* more = rest.if_object()) {
        out.metadata = *more;
    }
}

/// The fields that are single values or objects, with what is left of each in `extra`.
void readSettings(Fields& fields, Conversation& out, json::object& extra)
{
    out.model = fields.text("model");
    out.stream = fields.flag("stream");
    out.maxOutput = fields.count("max_tokens");
    out.temperature = fields.number("temperature");
    out.topP = fields.number("top_p");
    out.topK = fields.count("top_k");
    out.serviceTier = fields.text("service_tier");
    if (const json::object* choice = fields.object("tool_choice")) {
        out.toolChoice = readToolChoice(*choice);
    }
    if (const json::object* thinking = fields.object("thinking")) {
        readThinking(*thinking, out.reasoning, extra);
    }
    if (const json::object* config = fields.object("output_config")) {
        readOutputConfig(*config, out, extra);
    }
    if (const json::object* format = fields.object("output_format")) {
        // The field of the first beta: remembered, so that it is written back there.
        extra["output_format"]
            = readFormat(*format, out.format) ? json::value(json::object()) : json::value(*format);
    }
    if (const json::object* metadata = fields.object("metadata")) {
        readMetadata(*metadata, out);
    }
}

Result<void> readLists(Fields& fields, const json::object& root, Conversation& out)
{
    if (const json::value* system = dom::find(root, "system")) {
        if (Result<void> read = readSystem(*system, out); !read) {
            return read.error();
        }
    }
    if (Result<void> read = readMessages(root, out); !read) {
        return read.error();
    }
    if (const json::array* tools = fields.array("tools")) {
        if (Result<void> read = readTools(*tools, out); !read) {
            return read.error();
        }
    }
    if (const json::array* stops = fields.array("stop_sequences")) {
        return readStops(*stops, out);
    }
    return {};
}

} // namespace

Result<Conversation> readRequest(std::string_view body)
{
    Result<json::object> root = dom::parseObject(body, "The body");
    if (!root) {
        return root.error();
    }
    Conversation out;
    out.source = Dialect::Anthropic;
    json::object extra;
    Fields fields(*root);
    readSettings(fields, out, extra);
    if (Result<void> lists = readLists(fields, *root, out); !lists) {
        return lists.error();
    }
    if (fields.failed()) {
        return fields.error();
    }
    if (out.model.empty()) {
        return bad("model is not given.", "Name a model, or \"auto\".");
    }
    dom::addMissing(extra,
        dom::without(*root,
            {"model", "stream", "max_tokens", "temperature", "top_p", "top_k", "service_tier",
                "tool_choice", "thinking", "output_config", "output_format", "metadata", "system",
                "messages", "tools", "stop_sequences"}));
    if (!extra.empty()) {
        out.extra = own(std::move(extra));
    }
    return out;
}

} // namespace headgate::wire::anthropic
