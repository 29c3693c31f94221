// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/limits.h"
#include "core/wire/json_dom.h"
#include "core/wire/json_fields.h"
#include "core/wire/ollama_wire.h"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace headgate::wire::ollama {

namespace json = boost::json;

namespace {

Native native(json::value value)
{
    return {Dialect::Ollama, std::move(value)};
}

Error wrong(std::string what, std::string remedy)
{
    return Error(ErrorCode::InvalidArgument, std::move(what), std::move(remedy));
}

/// The images come as bare base64: their first bytes say what they are.
std::string mimeOf(std::string_view base64)
{
    struct Magic {
        std::string_view begin;
        const char* mime;
    };
    constexpr std::array magics{Magic{"iVBOR", "image/png"}, Magic{"/9j/", "image/jpeg"},
        Magic{"R0lGOD", "image/gif"}, Magic{"UklGR", "image/webp"}};
    for (const Magic& magic : magics) {
        if (base64.substr(0, magic.begin.size()) == magic.begin) {
            return magic.mime;
        }
    }
    return "image/jpeg";
}

void readImages(const json::object& message, std::vector<Part>& out)
{
    const json::array* images = dom::arrayAt(message, "images");
    for (std::size_t i = 0; images != nullptr && i < images->size(); ++i) {
        Part image;
        image.kind = Part::Kind::Image;
        image.data = dom::textOf((*images)[i]);
        image.mime = mimeOf(image.data);
        out.push_back(std::move(image));
    }
}

Part readCall(const json::object& object, CallIds& ids)
{
    dom::Fields fields(object);
    Part call;
    call.kind = Part::Kind::ToolCall;
    json::object rest;
    if (const json::object* function = fields.takeObject("function")) {
        dom::Fields inner(*function);
        call.name = inner.takeText("name").value_or(std::string());
        inner.take("index");
        if (const json::value* arguments = inner.take("arguments")) {
            // Some models give the JSON text instead of the object.
            call.arguments = dom::text(*arguments).value_or(json::serialize(*arguments));
        }
        rest = inner.rest();
    }
    call.arguments = call.arguments.empty() ? "{}" : call.arguments;
    call.id = ids.ofCall(call.name, fields.takeText("id").value_or(std::string()));
    fields.take("type");
    json::object outer = fields.rest();
    if (!rest.empty()) {
        outer["function"] = std::move(rest);
    }
    if (!outer.empty()) {
        call.native = native(std::move(outer));
    }
    return call;
}

Role roleOf(std::string_view name)
{
    if (name == "system") {
        return Role::System;
    }
    if (name == "user") {
        return Role::User;
    }
    if (name == "assistant") {
        return Role::Assistant;
    }
    return name == "tool" ? Role::Tool : Role::Other;
}

Turn readMessage(const json::object& object, CallIds& ids)
{
    Turn turn;
    dom::Fields fields(object);
    turn.role = roleOf(dom::stringAt(object, "role"));
    if (turn.role != Role::Other) {
        fields.take("role");
    }
    std::vector<Part> parts = readMessageParts(object, "content", ids);
    for (const char* name : {"thinking", "content", "images", "tool_calls"}) {
        fields.take(name);
    }
    if (turn.role == Role::Tool) {
        Part result;
        result.kind = Part::Kind::ToolResult;
        result.name = fields.takeText("tool_name").value_or(std::string());
        if (result.name.empty()) {
            result.name = fields.takeText("name").value_or(std::string());
        }
        result.id
            = ids.ofResult(result.name, fields.takeText("tool_call_id").value_or(std::string()));
        result.content = std::move(parts);
        turn.parts.push_back(std::move(result));
    } else {
        turn.parts = std::move(parts);
    }
    json::object rest = fields.rest();
    if (!rest.empty()) {
        turn.native = native(std::move(rest));
    }
    return turn;
}

Result<void> readMessages(Conversation& out, dom::Fields& root)
{
    const json::value* value = root.take("messages");
    const json::array* messages = value != nullptr ? value->if_array() : nullptr;
    if (messages == nullptr) {
        return wrong("The request has no list of messages.", "Send \"messages\": [ … ].");
    }
    if (messages->size() > limits::messagesMax) {
        return wrong(
            "The request has more than " + std::to_string(limits::messagesMax) + " messages.",
            "Send fewer, or join them.");
    }
    CallIds ids(madeUpIdPrefix);
    for (const json::value& message : *messages) {
        const json::object* object = message.if_object();
        if (object == nullptr) {
            return wrong("A message is not an object.", "Send {\"role\": …, \"content\": …}.");
        }
        out.turns.push_back(readMessage(*object, ids));
    }
    return {};
}

void readPrompt(Conversation& out, dom::Fields& root)
{
    if (std::optional<std::string> system = root.takeText("system"); system && !system->empty()) {
        Turn turn;
        turn.role = Role::System;
        turn.parts.emplace_back();
        turn.parts.back().text = std::move(*system);
        out.turns.push_back(std::move(turn));
    }
    Turn turn;
    if (std::optional<std::string> prompt = root.takeText("prompt"); prompt && !prompt->empty()) {
        turn.parts.emplace_back();
        turn.parts.back().text = std::move(*prompt);
    }
    if (const json::value* images = root.take("images")) {
        readImages(json::object{{"images", *images}}, turn.parts);
    }
    out.turns.push_back(std::move(turn));
}

Result<void> readTools(Conversation& out, dom::Fields& root)
{
    const json::value* value = root.take("tools");
    const json::array* tools = value != nullptr ? value->if_array() : nullptr;
    if (value != nullptr && (tools == nullptr || tools->size() > limits::toolsMax)) {
        return wrong("The tools are no list of at most " + std::to_string(limits::toolsMax) + ".",
            "Send \"tools\": [ … ].");
    }
    for (std::size_t i = 0; tools != nullptr && i < tools->size(); ++i) {
        const json::object* object = (*tools)[i].if_object();
        const json::object* function
            = object != nullptr ? dom::objectAt(*object, "function") : nullptr;
        if (function == nullptr) {
            return wrong(
                "A tool has no function.", "Send {\"type\": \"function\", \"function\": { … }}.");
        }
        dom::Fields fields(*function);
        Tool tool;
        tool.name = fields.takeText("name").value_or(std::string());
        tool.description = fields.takeText("description").value_or(std::string());
        if (const json::value* parameters = fields.take("parameters")) {
            tool.parameters = *parameters;
        }
        json::object rest = fields.rest();
        if (!rest.empty()) {
            tool.native = native(std::move(rest));
        }
        out.tools.push_back(std::move(tool));
    }
    return {};
}

void readFormat(Conversation& out, dom::Fields& root)
{
    const json::value* format = root.peek("format");
    if (format == nullptr) {
        return;
    }
    if (dom::textOf(*format) == "json") {
        out.format.kind = AnswerFormat::Kind::JsonObject;
        root.take("format");
    } else if (const json::object* schema = root.takeObject("format")) {
        out.format.kind = AnswerFormat::Kind::JsonSchema;
        out.format.schema = *schema;
    }
}

void readThink(Conversation& out, dom::Fields& root)
{
    const json::value* think = root.take("think");
    if (think == nullptr) {
        return;
    }
    Reasoning reasoning;
    const std::optional<bool> flag = dom::boolean(*think);
    if (flag && !*flag) {
        reasoning.disabled = true;
    } else {
        reasoning.adaptive = flag.has_value();
        reasoning.effort = dom::textOf(*think);
        reasoning.summary = "auto"; // the client wants to see it
    }
    reasoning.native = native(*think);
    out.reasoning = std::move(reasoning);
}

/// -1 and -2 mean as much as fits: that is no ceiling, and stays as it was said.
Result<void> readCeiling(Conversation& out, dom::Fields& options)
{
    const json::value* value = options.peek("num_predict");
    if (value == nullptr || value->is_null()) {
        return {};
    }
    const std::optional<std::int64_t> ceiling = dom::wholeOf(*value);
    if (!ceiling) {
        return wrong("options.num_predict is not a whole number.",
            "Send a positive number, -1 for no limit, or leave it out.");
    }
    if (*ceiling > 0) {
        out.maxOutput = ceiling;
        options.take("num_predict");
    }
    return {};
}

Result<json::object> readOptions(Conversation& out, const json::object& object)
{
    dom::Fields options(object);
    if (Result<void> read = readCeiling(out, options); !read) {
        return read.error();
    }
    out.temperature = options.takeNumber("temperature");
    out.topP = options.takeNumber("top_p");
    out.topK = options.takeWhole("top_k");
    out.seed = options.takeWhole("seed");
    out.presencePenalty = options.takeNumber("presence_penalty");
    out.frequencyPenalty = options.takeNumber("frequency_penalty");
    if (std::optional<std::string> stop = options.takeText("stop")) {
        out.stop.push_back(std::move(*stop));
    } else {
        out.stop = options.takeTexts("stop").value_or(std::vector<std::string>());
    }
    return options.rest();
}

Result<void> readRest(Conversation& out, dom::Fields& root)
{
    json::object rest;
    const json::value* options = root.take("options");
    if (options != nullptr) {
        if (!options->is_object()) {
            return wrong("options is not an object.", "Send an object or leave it out.");
        }
        Result<json::object> left = readOptions(out, options->get_object());
        if (!left) {
            return left.error();
        }
        rest = std::move(*left);
    }
    json::object extra = root.rest();
    if (!rest.empty()) {
        extra["options"] = std::move(rest);
    }
    if (!extra.empty()) {
        out.extra = native(std::move(extra));
    }
    return {};
}

} // namespace

bool needsGenerate(const json::object& extra)
{
    constexpr std::array<std::string_view, 4> fields{"suffix", "raw", "template", "context"};
    return std::any_of(fields.begin(), fields.end(),
        [&](std::string_view name) { return dom::find(extra, name) != nullptr; });
}

std::vector<Part> readMessageParts(const json::object& message, const char* textField, CallIds& ids)
{
    std::vector<Part> out;
    const std::string_view thinking = dom::stringAt(message, "thinking");
    if (!thinking.empty()) {
        Part part;
        part.kind = Part::Kind::Thinking;
        part.text = thinking;
        part.signedBy = Dialect::Ollama;
        out.push_back(std::move(part));
    }
    const std::string_view text = dom::stringAt(message, textField);
    if (!text.empty()) {
        out.emplace_back();
        out.back().text = text;
    }
    readImages(message, out);
    const json::array* calls = dom::arrayAt(message, "tool_calls");
    for (std::size_t i = 0; calls != nullptr && i < calls->size(); ++i) {
        if (const json::object* call = (*calls)[i].if_object()) {
            out.push_back(readCall(*call, ids));
        }
    }
    return out;
}

Result<Conversation> readRequest(std::string_view body, const RequestPath& path)
{
    const Result<json::object> object = dom::parseObject(body, "The body");
    if (!object) {
        return object.error();
    }
    dom::Fields root(*object);
    Conversation out;
    out.source = Dialect::Ollama;
    out.model = root.takeText("model").value_or(std::string());
    if (out.model.empty()) {
        return wrong("The request names no model.", "Send \"model\": \"…\".");
    }
    out.stream = root.takeBoolean("stream").value_or(true);
    // Tools tell a chat even where the route was not said.
    const bool generate = path.generate || root.peek("messages") == nullptr;
    if (generate && (path.generate || root.peek("prompt") != nullptr)) {
        readPrompt(out, root);
    } else if (Result<void> read = readMessages(out, root); !read) {
        return read.error();
    }
    if (Result<void> read = readTools(out, root); !read) {
        return read.error();
    }
    readFormat(out, root);
    readThink(out, root);
    out.logprobs = root.takeBoolean("logprobs");
    out.topLogprobs = root.takeWhole("top_logprobs");
    if (Result<void> read = readRest(out, root); !read) {
        return read.error();
    }
    return out;
}

} // namespace headgate::wire::ollama
