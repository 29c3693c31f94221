// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/conversation_view.h"
#include "core/wire/json_dom.h"
#include "core/wire/json_fields.h"
#include "core/wire/losses.h"
#include "core/wire/ollama_wire.h"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace headgate::wire::ollama {

namespace json = boost::json;

namespace {

/// A message while its parts are gathered.
struct Gathered {
    std::string text;
    std::string thinking;
    json::array images;
    json::array calls;
    std::vector<const Part*> results;
};

class Writer {
public:
    Writer(const Conversation& conversation, const WriteOptions& options, Losses& losses)
        : m_conversation(conversation),
          m_options(options),
          m_losses(losses),
          m_same(conversation.source == Dialect::Ollama)
    {
    }

    Result<std::string> write();

private:
    Result<void> check() const;
    void nameCalls();
    Result<void> gather(const std::vector<Part>& parts, Gathered& out);
    Result<void> gatherMedia(const Part& part, Gathered& out);
    Result<void> writeTurn(const Turn& turn);
    Result<void> writeResult(const Part& part, const Native& native);
    void pushMessage(const char* role, Gathered gathered, const Native& native);
    Result<void> writePrompt();
    void writeTools();
    void writeFormat();
    void writeThink();
    void writeOptions();
    void nameLosses();
    void lose(std::string what) { addLoss(m_losses, std::move(what)); }
    const json::object* extra() const
    {
        const json::value* value = m_conversation.extra.of(Dialect::Ollama);
        return value != nullptr ? value->if_object() : nullptr;
    }

    const Conversation& m_conversation;
    const WriteOptions& m_options;
    Losses& m_losses;
    const bool m_same;
    std::map<std::string, std::string> m_names; ///< of tools, by call id
    json::object m_root;
    json::array m_messages;
};

Error impossible(std::string what, std::string remedy)
{
    return Error(ErrorCode::InvalidArgument, std::move(what), std::move(remedy));
}

Result<void> Writer::check() const
{
    if (!m_conversation.previousResponseId.empty()) {
        return impossible("The request goes on from a response that another provider keeps.",
            "Send the whole conversation, or ask for a model of that provider.");
    }
    if (m_conversation.n != 1) {
        return impossible("Ollama gives one answer, and the request asks for "
                + std::to_string(m_conversation.n) + ".",
            "Ask for one answer, or for a model of another provider.");
    }
    return {};
}

void Writer::nameCalls()
{
    for (const Turn& turn : m_conversation.turns) {
        for (const Part& part : turn.parts) {
            if (part.kind == Part::Kind::ToolCall) {
                m_names[part.id] = part.name;
            }
        }
    }
}

Result<void> Writer::gatherMedia(const Part& part, Gathered& out)
{
    if (part.kind == Part::Kind::Image && !part.data.empty()) {
        out.images.emplace_back(part.data);
        return {};
    }
    if (!part.text.empty()) {
        addLine(out.text, part.text); // a transcript or a plain document
        return {};
    }
    if (part.kind == Part::Kind::Image) {
        return impossible("Ollama takes images as data only, and the request gives an address.",
            "Send the image itself (base64), or ask for a model of another provider.");
    }
    return impossible("Ollama takes no audio and no files.",
        "Send text and images only, or ask for a model of another provider.");
}

Result<void> Writer::gather(const std::vector<Part>& parts, Gathered& out)
{
    for (const Part& part : parts) {
        if (part.cacheControl) {
            lose("cache control");
        }
        switch (part.kind) {
        case Part::Kind::Text:
        case Part::Kind::Refusal:
            addLine(out.text, part.text);
            break;
        case Part::Kind::Thinking:
            if (part.redacted) {
                lose("thinking that only its own provider can read");
            } else {
                addLine(out.thinking, part.text);
            }
            break;
        case Part::Kind::Image:
        case Part::Kind::Audio:
        case Part::Kind::File:
            if (Result<void> gathered = gatherMedia(part, out); !gathered) {
                return gathered;
            }
            break;
        case Part::Kind::ToolCall:
            out.calls.push_back(toolCallObject(part, static_cast<int>(out.calls.size())));
            break;
        case Part::Kind::ToolResult:
            out.results.push_back(&part);
            break;
        case Part::Kind::Native:
            lose(std::string("content that only ") + dialectName(part.native.dialect) + " knows");
            break;
        }
    }
    return {};
}

void Writer::pushMessage(const char* role, Gathered gathered, const Native& native)
{
    json::object message;
    message["role"] = role;
    message["content"] = gathered.text;
    if (!gathered.thinking.empty()) {
        message["thinking"] = gathered.thinking;
    }
    if (!gathered.images.empty()) {
        message["images"] = std::move(gathered.images);
    }
    if (!gathered.calls.empty()) {
        message["tool_calls"] = std::move(gathered.calls);
    }
    if (const json::value* value = native.of(Dialect::Ollama)) {
        if (const json::object* more = value->if_object()) {
            if (const json::value* other = more->if_contains("role")) {
                message["role"] = *other; // a role that is not known here
            }
            dom::mergeMissing(message, *more);
        }
    }
    m_messages.push_back(std::move(message));
}

Result<void> Writer::writeResult(const Part& part, const Native& native)
{
    Gathered gathered;
    if (Result<void> done = gather(part.content, gathered); !done) {
        return done;
    }
    if (part.isError) {
        gathered.text = "Error: " + gathered.text;
    }
    pushMessage("tool", std::move(gathered), native);
    json::object& message = m_messages.back().as_object();
    const auto found = m_names.find(part.id);
    const std::string& name = found != m_names.end() ? found->second : part.name;
    if (!name.empty()) {
        message["tool_name"] = name;
    }
    if (!part.id.empty() && part.id.rfind(madeUpIdPrefix, 0) != 0) {
        message["tool_call_id"] = part.id;
    }
    return {};
}

Result<void> Writer::writeTurn(const Turn& turn)
{
    Gathered gathered;
    if (Result<void> done = gather(turn.parts, gathered); !done) {
        return done;
    }
    for (const Part* result : gathered.results) {
        if (Result<void> done = writeResult(*result, turn.native); !done) {
            return done;
        }
    }
    const bool empty = gathered.text.empty() && gathered.images.empty() && gathered.calls.empty()
        && gathered.thinking.empty();
    if (empty && (!gathered.results.empty() || !m_same)) {
        return {};
    }
    const char* role = "user";
    if (turn.role == Role::Assistant) {
        role = "assistant";
    } else if (turn.role == Role::System || turn.role == Role::Developer) {
        role = "system";
    }
    if (!turn.name.empty()) {
        lose("names of speakers");
    }
    pushMessage(role, std::move(gathered), turn.native);
    return {};
}

/// The form of /api/generate: one system text, one prompt.
Result<void> Writer::writePrompt()
{
    Gathered system;
    Gathered prompt;
    for (const Turn& turn : m_conversation.turns) {
        Gathered& into = turn.role == Role::System ? system : prompt;
        if (Result<void> done = gather(turn.parts, into); !done) {
            return done;
        }
    }
    m_root["prompt"] = prompt.text;
    if (!system.text.empty()) {
        m_root["system"] = system.text;
    }
    if (!prompt.images.empty()) {
        m_root["images"] = std::move(prompt.images);
    }
    return {};
}

void Writer::writeTools()
{
    const ToolChoice& choice = m_conversation.toolChoice;
    if (m_conversation.tools.empty() || choice.kind == ToolChoice::Kind::None) {
        return; // no tools are no calls
    }
    json::array tools;
    for (const Tool& tool : m_conversation.tools) {
        if (tool.hosted) {
            lose("the hosted tool " + tool.name);
            continue;
        }
        json::object function;
        function["name"] = tool.name;
        function["description"] = tool.description;
        if (tool.custom) {
            json::object text{{"type", "string"}};
            json::object input{{"input", std::move(text)}};
            function["parameters"] = json::object{{"type", "object"},
                {"properties", std::move(input)}, {"required", json::array{"input"}}};
            lose("tools with free-text input (they take it as {\"input\": …})");
        } else {
            function["parameters"] = !tool.parameters.is_null()
                ? tool.parameters
                : json::value(json::object{{"type", "object"}, {"properties", json::object()}});
        }
        if (const json::value* more = tool.native.of(Dialect::Ollama); more && more->is_object()) {
            dom::mergeMissing(function, more->get_object());
        }
        if (tool.strict.value_or(false)) {
            lose("strict tool arguments");
        }
        tools.push_back(json::object{{"type", "function"}, {"function", std::move(function)}});
    }
    if (!tools.empty()) {
        m_root["tools"] = std::move(tools);
    }
    if (choice.kind == ToolChoice::Kind::Required || choice.kind == ToolChoice::Kind::Named) {
        lose("the demand for a tool call (Ollama leaves it to the model)");
    }
    if (choice.parallel && !*choice.parallel) {
        lose("the wish for one tool call at a time");
    }
}

void Writer::writeFormat()
{
    const AnswerFormat& format = m_conversation.format;
    if (format.kind == AnswerFormat::Kind::JsonObject) {
        m_root["format"] = "json";
    } else if (format.kind == AnswerFormat::Kind::JsonSchema) {
        m_root["format"] = format.schema.is_null() ? json::value("json") : format.schema;
    }
}

void Writer::writeThink()
{
    const Reasoning& reasoning = m_conversation.reasoning;
    if (const json::value* native = reasoning.native.of(Dialect::Ollama)) {
        m_root["think"] = *native;
        return;
    }
    if (!reasoning.asked()) {
        return;
    }
    if (reasoning.disabled || reasoning.effort == "none") {
        m_root["think"] = false;
        return;
    }
    // Only this family knows levels; others refuse them and think or do not.
    const bool levels = m_options.model.find("gpt-oss") != std::string::npos;
    const std::string& effort = reasoning.effort;
    if (levels && !effort.empty()) {
        const bool least = effort == "minimal";
        const bool most = effort == "xhigh" || effort == "max";
        m_root["think"] = least ? std::string("low") : most ? std::string("high") : effort;
        return;
    }
    m_root["think"] = true;
    if (!effort.empty() || reasoning.budgetTokens) {
        lose("how much to think (the model thinks or does not)");
    }
}

void Writer::writeOptions()
{
    const Conversation& from = m_conversation;
    json::object options;
    const auto whole = [&](const char* name, const std::optional<std::int64_t>& value) {
        if (value) {
            options[name] = *value;
        }
    };
    const auto number = [&](const char* name, const std::optional<double>& value) {
        if (value) {
            options[name] = dom::plainNumber(*value);
        }
    };
    whole("num_predict", m_options.outputCeiling ? m_options.outputCeiling : from.maxOutput);
    number("temperature", from.temperature);
    number("top_p", from.topP);
    whole("top_k", from.topK);
    whole("seed", from.seed);
    number("presence_penalty", from.presencePenalty);
    number("frequency_penalty", from.frequencyPenalty);
    if (!from.stop.empty()) {
        json::array stops;
        for (const std::string& stop : from.stop) {
            stops.emplace_back(stop);
        }
        options["stop"] = std::move(stops);
    }
    if (extra() != nullptr) {
        if (const json::object* more = dom::objectAt(*extra(), "options")) {
            dom::mergeMissing(options, *more);
        }
    }
    if (!options.empty()) {
        m_root["options"] = std::move(options);
    }
    if (from.logprobs) {
        m_root["logprobs"] = *from.logprobs;
    }
    if (from.topLogprobs) {
        m_root["top_logprobs"] = *from.topLogprobs;
    }
}

void Writer::nameLosses()
{
    const Conversation& from = m_conversation;
    if (!from.verbosity.empty()) {
        lose("verbosity");
    }
    if (!from.serviceTier.empty()) {
        lose("the service tier");
    }
    if (!from.user.empty() || !from.safetyIdentifier.empty()) {
        lose("the end user's id");
    }
    if (!from.promptCacheKey.empty()) {
        lose("the prompt cache key");
    }
    if (!from.metadata.empty()) {
        lose("metadata");
    }
    for (const std::string& modality : from.modalities) {
        if (modality != "text") {
            lose("answers in " + modality);
        }
    }
    const bool foreign = from.extra.present() && from.extra.dialect != Dialect::Ollama;
    if (const json::object* fields = foreign ? from.extra.value.if_object() : nullptr) {
        for (const auto& member : *fields) {
            lose("the field " + std::string(member.key().data(), member.key().size()) + " of "
                + dialectName(from.extra.dialect));
        }
    }
}

Result<std::string> Writer::write()
{
    if (Result<void> possible = check(); !possible) {
        return possible.error();
    }
    nameCalls();
    m_root["model"] = m_options.model;
    if (extra() != nullptr && needsGenerate(*extra())) {
        if (Result<void> written = writePrompt(); !written) {
            return written.error();
        }
    } else {
        for (const Turn& turn : m_conversation.turns) {
            if (Result<void> written = writeTurn(turn); !written) {
                return written.error();
            }
        }
        m_root["messages"] = std::move(m_messages);
    }
    writeTools();
    writeFormat();
    writeThink();
    m_root["stream"] = m_options.stream; // absent would mean true
    writeOptions();
    nameLosses();
    if (extra() != nullptr) {
        for (const auto& member : *extra()) {
            if (!m_root.contains(member.key())) {
                m_root[member.key()] = member.value();
            }
        }
    }
    return json::serialize(m_root);
}

} // namespace

json::object toolCallObject(const Part& call, int index)
{
    json::object function;
    function["index"] = index;
    function["name"] = call.name;
    Result<json::object> arguments
        = call.custom ? json::object() : dom::parseObject(call.arguments, "The arguments");
    const bool plain = !call.custom && (arguments.has_value() || call.arguments.empty());
    if (plain) {
        function["arguments"] = arguments ? std::move(*arguments) : json::object();
    } else {
        function["arguments"] = json::object{{"input", call.arguments}};
    }
    json::object out;
    if (!call.id.empty() && call.id.rfind(madeUpIdPrefix, 0) != 0) {
        out["id"] = call.id;
    }
    out["function"] = std::move(function);
    if (const json::value* more = call.native.of(Dialect::Ollama); more && more->is_object()) {
        dom::mergeMissing(out, more->get_object());
    }
    return out;
}

Result<std::string> writeRequest(
    const Conversation& conversation, const WriteOptions& options, Losses& losses)
{
    return Writer(conversation, options, losses).write();
}

} // namespace headgate::wire::ollama
