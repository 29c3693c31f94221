// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/chat_parts.h"
#include "core/wire/json_dom.h"
#include "core/wire/losses.h"
#include "core/wire/reasoning_table.h"

#include <algorithm>

namespace headgate::wire::chat {

namespace {

namespace json = boost::json;

/// OpenAI takes no longer user names; agents put blobs of ids there that mean nothing to it.
constexpr std::size_t userBytesMax = 64;

bool isBlank(const std::string& text)
{
    return text.find_first_not_of(" \t\r\n") == std::string::npos;
}

json::object cacheJson(const std::string& ttl)
{
    json::object out;
    out["type"] = "ephemeral";
    if (!ttl.empty()) {
        out["ttl"] = ttl;
    }
    return out;
}

json::object freeTextSchema()
{
    return {{"type", "object"}, {"properties", {{"input", {{"type", "string"}}}}},
        {"required", json::array{"input"}}};
}

/// Responses keeps a grammar under the same names, one level less deep.
json::value grammarJson(const json::value& format)
{
    const json::object* from = format.if_object();
    if (from == nullptr || dom::stringAt(*from, "type") != "grammar"
        || dom::objectAt(*from, "grammar") != nullptr) {
        return format;
    }
    json::object out;
    out["type"] = "grammar";
    out["grammar"] = dom::without(*from, {"type"});
    return out;
}

/// One writing of one request.
class RequestWriter {
public:
    RequestWriter(const Conversation& from, const WriteOptions& options, Losses& losses)
        : m_from(from),
          m_options(options),
          m_losses(losses),
          m_ownSource(from.source == Dialect::Chat),
          m_compatible(options.ceilingField == "max_tokens")
    {
    }
    Result<std::string> write();

private:
    /// Servers that only resemble the API have no tools with free text.
    [[nodiscard]] bool wraps() const { return m_compatible && !m_ownSource; }
    void lose(std::string what);
    void refuse(std::string message, std::string remedy);

    void turn(const Turn& turn);
    void assistant(const Turn& turn);
    void toolResults(const Turn& turn);
    void flushMedia();
    json::object& message(const char* role, const Turn& turn);
    json::value content(const std::vector<const Part*>& parts);
    json::value contentPart(const Part& part);
    json::value image(const Part& part);
    json::value audio(const Part& part);
    json::value file(const Part& part);
    json::value nativePart(const Part& part);
    void thinking(const Part& part, json::object& message);
    json::object toolCall(const Part& part);
    void tools();
    json::value tool(const Tool& tool);
    void toolChoice();
    [[nodiscard]] json::object namedTool(const std::string& name) const;
    void format();
    void reasoning();
    void sampling();
    void identity();
    template <typename T>
    void put(const char* key, const std::optional<T>& value)
    {
        if (value) {
            m_root[key] = *value;
        }
    }
    /// A field that reasoning models refuse.
    template <typename T>
    void putSampling(const char* key, const std::optional<T>& value)
    {
        if (value && m_options.reasoningModel) {
            lose(std::string("Reasoning models refuse ") + key + ".");
        } else {
            put(key, value);
        }
    }

    const Conversation& m_from;
    const WriteOptions& m_options;
    Losses& m_losses;
    bool m_ownSource;
    bool m_compatible; ///< a server that only resembles the API: simple forms
    json::object m_root;
    json::array m_messages;
    std::vector<const Part*> m_media; ///< of tool results, waiting for a user message
    std::optional<Error> m_error;
};

void RequestWriter::lose(std::string what)
{
    addLoss(m_losses, std::move(what));
}

void RequestWriter::refuse(std::string message, std::string remedy)
{
    if (!m_error) {
        m_error = Error(ErrorCode::Unsupported, std::move(message), std::move(remedy));
    }
}

json::object& RequestWriter::message(const char* role, const Turn& turn)
{
    json::object& out = m_messages.emplace_back(json::object()).get_object();
    out["role"] = role;
    if (!turn.name.empty()) {
        out["name"] = turn.name;
    }
    return out;
}

json::value RequestWriter::image(const Part& part)
{
    if (part.data.empty() && part.url.empty()) {
        refuse("Chat cannot name an image by a file id.",
            "Send the image as data or as a URL, or choose a model of its own provider.");
        return nullptr;
    }
    json::object out;
    out["type"] = "image_url";
    json::object& inner = out["image_url"].emplace_object();
    inner["url"] = urlOf(part);
    if (!part.detail.empty()) {
        inner["detail"] = part.detail == "original" && !m_ownSource ? "high" : part.detail;
    }
    return out;
}

json::value RequestWriter::audio(const Part& part)
{
    if (part.data.empty()) {
        refuse("Chat cannot name audio by a URL or a file id.", "Send the audio as data.");
        return nullptr;
    }
    const std::string_view mime = part.mime;
    std::string_view format = mime.starts_with("audio/") ? mime.substr(6) : mime;
    format = format == "mpeg" ? "mp3" : format == "x-wav" || format == "wave" ? "wav" : format;
    json::object out;
    out["type"] = "input_audio";
    json::object& inner = out["input_audio"].emplace_object();
    inner["data"] = part.data;
    inner["format"] = dom::key(format);
    return out;
}

json::value RequestWriter::file(const Part& part)
{
    json::object out;
    if (!part.text.empty()) {
        lose("A plain document is sent to chat as text.");
        out["type"] = "text";
        out["text"] = part.fileName.empty() ? part.text : part.fileName + "\n" + part.text;
        return out;
    }
    if (part.data.empty() && part.fileId.empty() && !m_ownSource) {
        refuse("Chat cannot name a file by a URL.",
            "Send the file as data, or choose a model of its own provider.");
        return nullptr;
    }
    out["type"] = "file";
    json::object& inner = out["file"].emplace_object();
    if (!part.fileId.empty()) {
        inner["file_id"] = part.fileId;
    }
    if (!part.data.empty() || !part.url.empty()) {
        const bool named = !part.fileName.empty() || m_ownSource;
        if (named) {
            if (!part.fileName.empty()) {
                inner["filename"] = part.fileName;
            }
        } else {
            inner["filename"] = part.mime == "application/pdf" ? "document.pdf" : "document";
        }
        inner["file_data"] = urlOf(part);
    }
    return out;
}

json::value RequestWriter::nativePart(const Part& part)
{
    if (const json::value* own = part.native.of(Dialect::Chat)) {
        return *own;
    }
    lose(std::string("A part that only ") + dialectName(part.native.dialect)
        + " knows is left out.");
    return nullptr;
}

json::value RequestWriter::contentPart(const Part& part)
{
    json::value out;
    switch (part.kind) {
    case Part::Kind::Text:
    case Part::Kind::Refusal: {
        const char* const key = part.kind == Part::Kind::Text ? "text" : "refusal";
        json::object text;
        text["type"] = key;
        text[key] = part.text;
        out = std::move(text);
        break;
    }
    case Part::Kind::Image:
        out = image(part);
        break;
    case Part::Kind::Audio:
        out = audio(part);
        break;
    case Part::Kind::File:
        out = file(part);
        break;
    case Part::Kind::Native:
        out = nativePart(part);
        break;
    default:
        return nullptr;
    }
    if (part.cacheControl && out.is_object()) {
        if (m_ownSource) {
            out.get_object()["cache_control"] = cacheJson(part.cacheTtl);
        } else {
            lose("Marks for the prompt cache are left out: chat servers cache by themselves.");
        }
    }
    return out;
}

/// A string where one says it all: servers that resemble the API know nothing else for most roles.
json::value RequestWriter::content(const std::vector<const Part*>& parts)
{
    const bool plain = std::all_of(parts.begin(), parts.end(), [this](const Part* part) {
        return part->kind == Part::Kind::Text && !(part->cacheControl && m_ownSource);
    });
    if (plain && (parts.size() == 1 || m_compatible)) {
        std::string text;
        for (const Part* part : parts) {
            text += (text.empty() ? "" : "\n\n") + part->text;
        }
        return json::value(json::string(text));
    }
    json::array out;
    for (const Part* part : parts) {
        if (json::value written = contentPart(*part); !written.is_null()) {
            out.push_back(std::move(written));
        }
    }
    return out;
}

void RequestWriter::thinking(const Part& part, json::object& message)
{
    if (const json::value* own = part.native.of(Dialect::Chat)) {
        dom::addMissing(message, *own);
        return;
    }
    lose("Thinking of earlier turns is not sent to chat: its signature belongs to one provider.");
}

json::object RequestWriter::toolCall(const Part& part)
{
    const bool custom = part.custom && !wraps();
    json::object out;
    out["id"] = part.id;
    out["type"] = custom ? "custom" : "function";
    json::object inner;
    inner["name"] = part.name;
    if (custom) {
        inner["input"] = part.arguments;
    } else if (part.custom) {
        inner["arguments"] = dom::write(json::object{{"input", part.arguments}});
    } else {
        inner["arguments"] = isBlank(part.arguments) ? "{}" : part.arguments;
    }
    out[custom ? "custom" : "function"] = std::move(inner);
    if (const json::value* own = part.native.of(Dialect::Chat)) {
        dom::addMissing(out, *own);
    }
    return out;
}

void RequestWriter::assistant(const Turn& turn)
{
    json::object& out = message("assistant", turn);
    std::vector<const Part*> said;
    std::string refusal;
    json::array calls;
    for (const Part& part : turn.parts) {
        switch (part.kind) {
        case Part::Kind::Text:
            said.push_back(&part);
            break;
        case Part::Kind::Refusal:
            refusal += part.text;
            break;
        case Part::Kind::Thinking:
            thinking(part, out);
            break;
        case Part::Kind::ToolCall:
            calls.push_back(toolCall(part));
            break;
        case Part::Kind::Native:
            if (part.native.of(Dialect::Chat) != nullptr) {
                said.push_back(&part);
            } else {
                static_cast<void>(nativePart(part));
            }
            break;
        default:
            lose(
                "Images, audio and files of an assistant are left out: chat takes only text back.");
            break;
        }
    }
    out["content"] = said.empty() ? json::value(nullptr) : content(said);
    if (!refusal.empty()) {
        out["refusal"] = refusal;
    }
    if (said.empty() && refusal.empty() && calls.empty()) {
        out["content"] = ""; // a message must say something or call something
    }
    if (!calls.empty()) {
        out["tool_calls"] = std::move(calls);
    }
}

/// One message a result, right behind the calls; their images cannot be there and follow.
void RequestWriter::toolResults(const Turn& turn)
{
    for (const Part& part : turn.parts) {
        if (part.kind != Part::Kind::ToolResult) {
            continue;
        }
        json::object& out = message("tool", {});
        out["tool_call_id"] = part.id;
        std::vector<const Part*> texts;
        for (const Part& inner : part.content) {
            const bool media = inner.kind == Part::Kind::Image || inner.kind == Part::Kind::File
                || inner.kind == Part::Kind::Audio;
            if (media && inner.text.empty()) {
                m_media.push_back(&inner);
                lose("Images of a tool result are sent to chat in a user message behind it.");
            } else {
                texts.push_back(&inner);
            }
        }
        out["content"] = texts.empty() ? json::value(json::string(part.text)) : content(texts);
        if (part.isError) {
            lose("Chat cannot mark a tool result as an error; its text is kept.");
        }
        if (part.cacheControl && m_ownSource) {
            out["cache_control"] = cacheJson(part.cacheTtl);
        }
        if (const json::value* own = turn.native.of(Dialect::Chat)) {
            dom::addMissing(out, *own);
        }
    }
}

void RequestWriter::flushMedia()
{
    if (!m_media.empty()) {
        json::object& out = message("user", {});
        out["content"] = content(std::exchange(m_media, {}));
    }
}

void RequestWriter::turn(const Turn& turn)
{
    toolResults(turn);
    std::vector<const Part*> rest;
    for (const Part& part : turn.parts) {
        if (part.kind != Part::Kind::ToolResult) {
            rest.push_back(&part);
        }
    }
    if (rest.empty() && !turn.parts.empty()) {
        return; // results of parallel calls may be spread over several turns
    }
    flushMedia();
    if (turn.role == Role::Assistant) {
        assistant(turn);
    } else {
        const bool developer = turn.role == Role::Developer && (m_ownSource || !m_compatible);
        const char* const role = developer                              ? "developer"
            : turn.role == Role::System || turn.role == Role::Developer ? "system"
                                                                        : "user";
        json::object& out = message(role, turn);
        out["content"] = rest.empty() ? json::value(json::string()) : content(rest);
    }
    if (const json::value* own = turn.native.of(Dialect::Chat)) {
        json::object& out = m_messages.back().get_object();
        if (turn.role == Role::Other) {
            out.erase("role");
        }
        dom::addMissing(out, *own);
    } else if (turn.native.present()) {
        lose(std::string("Further fields of messages that only ") + dialectName(turn.native.dialect)
            + " knows are left out.");
    }
}

json::value RequestWriter::tool(const Tool& tool)
{
    const json::value* own = tool.native.of(Dialect::Chat);
    if (tool.hosted) {
        if (own != nullptr) {
            return *own;
        }
        lose("The hosted tool " + tool.name + " is left out: chat has none.");
        return nullptr;
    }
    const bool custom = tool.custom && !wraps();
    json::object inner;
    inner["name"] = tool.name;
    if (!tool.description.empty()) {
        inner["description"] = tool.description;
    }
    json::object out;
    out["type"] = custom ? "custom" : "function";
    if (tool.custom && wraps()) {
        inner["parameters"] = freeTextSchema();
        lose("Free text for the tool " + tool.name + " comes as {\"input\": text}, no grammar.");
    } else if (!tool.custom) {
        if (!tool.parameters.is_null()) {
            inner["parameters"] = tool.parameters;
        }
        if (tool.strict) {
            inner["strict"] = *tool.strict;
        }
    }
    if (own != nullptr) {
        dom::addMissing(inner, *own);
    } else if (tool.native.present() && !tool.custom) {
        lose("Further fields of the tool " + tool.name + " are left out.");
    } else if (custom && tool.native.of(Dialect::Responses) != nullptr) {
        if (const json::object* fields = tool.native.value.if_object()) {
            if (const json::value* grammar = dom::find(*fields, "format")) {
                inner["format"] = grammarJson(*grammar);
            }
        }
    }
    out[custom ? "custom" : "function"] = std::move(inner);
    if (tool.cacheControl && m_ownSource) {
        out["cache_control"] = cacheJson(tool.cacheTtl);
    }
    return out;
}

void RequestWriter::tools()
{
    json::array out;
    for (const Tool& one : m_from.tools) {
        if (json::value written = tool(one); !written.is_null()) {
            out.push_back(std::move(written));
        }
    }
    if (!out.empty()) {
        m_root["tools"] = std::move(out);
        toolChoice();
        if (m_from.toolChoice.parallel) {
            m_root["parallel_tool_calls"] = *m_from.toolChoice.parallel;
        }
    } else if (m_from.toolChoice.kind == ToolChoice::Kind::Required
        || m_from.toolChoice.kind == ToolChoice::Kind::Named) {
        refuse("The request forces a tool that chat does not have.",
            "Leave the tool out or choose a model of its own provider.");
    } else if (m_ownSource) {
        toolChoice();
    }
}

json::object RequestWriter::namedTool(const std::string& name) const
{
    const auto found = std::find_if(m_from.tools.begin(), m_from.tools.end(),
        [&](const Tool& tool) { return tool.name == name; });
    const bool custom = found != m_from.tools.end() && found->custom && !wraps();
    const char* const type = custom ? "custom" : "function";
    json::object out;
    out["type"] = type;
    out[type].emplace_object()["name"] = name;
    return out;
}

void RequestWriter::toolChoice()
{
    const ToolChoice& choice = m_from.toolChoice;
    if (const json::value* own = choice.native.of(Dialect::Chat)) {
        m_root["tool_choice"] = *own;
        return;
    }
    switch (choice.kind) {
    case ToolChoice::Kind::Unset:
        break;
    case ToolChoice::Kind::Auto:
        m_root["tool_choice"] = "auto";
        break;
    case ToolChoice::Kind::None:
        m_root["tool_choice"] = "none";
        break;
    case ToolChoice::Kind::Required:
        m_root["tool_choice"] = "required";
        break;
    case ToolChoice::Kind::Named:
        if (choice.names.size() == 1) {
            m_root["tool_choice"] = namedTool(choice.names.front());
            return;
        }
        break;
    }
    if (!choice.names.empty()) {
        const bool automatic = choice.kind == ToolChoice::Kind::Auto;
        json::object allowed;
        allowed["mode"] = automatic ? "auto" : "required";
        json::array& list = allowed["tools"].emplace_array();
        for (const std::string& name : choice.names) {
            list.push_back(namedTool(name));
        }
        json::object out;
        out["type"] = "allowed_tools";
        out["allowed_tools"] = std::move(allowed);
        m_root["tool_choice"] = std::move(out);
    }
}

void RequestWriter::format()
{
    const AnswerFormat& format = m_from.format;
    json::object out;
    switch (format.kind) {
    case AnswerFormat::Kind::Unset:
        if (const json::value* own = format.native.of(Dialect::Chat)) {
            m_root["response_format"] = *own;
        }
        return;
    case AnswerFormat::Kind::Text:
        out["type"] = "text";
        break;
    case AnswerFormat::Kind::JsonObject:
        out["type"] = "json_object";
        break;
    case AnswerFormat::Kind::JsonSchema: {
        out["type"] = "json_schema";
        json::object& inner = out["json_schema"].emplace_object();
        inner["name"] = format.name.empty() ? "answer" : format.name;
        if (!format.description.empty()) {
            inner["description"] = format.description;
        }
        if (!format.schema.is_null()) {
            inner["schema"] = format.schema;
        }
        if (format.strict) {
            inner["strict"] = *format.strict;
        }
        break;
    }
    }
    m_root["response_format"] = std::move(out);
}

void RequestWriter::reasoning()
{
    const Reasoning& from = m_from.reasoning;
    if (!from.asked()) {
        return;
    }
    if (m_ownSource) {
        if (const json::value* own = from.native.of(Dialect::Chat)) {
            m_root["reasoning"] = *own;
        } else {
            m_root["reasoning_effort"] = from.effort;
        }
        return;
    }
    if (!m_options.reasoningModel) {
        lose("The wish for thinking is left out: the model has none to set.");
        return;
    }
    if (!from.summary.empty()) {
        lose("Chat has no summaries of thinking to ask for.");
    }
    std::string effort = from.effort;
    if (effort.empty() && from.budgetTokens) {
        effort = effortOfBudget(*from.budgetTokens);
        lose("A thinking budget in tokens becomes the nearest word of effort.");
    }
    if (from.disabled && (effort.empty() || effort == "none")) {
        // Not every reasoning model can be told "none"; all know "low".
        effort = "low";
        lose("Thinking cannot be switched off in chat: as little as all models know is asked for.");
    }
    if (effort == "max") {
        effort = "xhigh";
        lose("The effort max becomes xhigh.");
    }
    if (!effort.empty()) {
        m_root["reasoning_effort"] = effort;
    }
}

void RequestWriter::sampling()
{
    putSampling("temperature", m_from.temperature);
    putSampling("top_p", m_from.topP);
    if (m_from.topK && !m_ownSource) {
        lose("Chat has no top_k.");
    } else {
        put("top_k", m_from.topK);
    }
    putSampling("presence_penalty", m_from.presencePenalty);
    putSampling("frequency_penalty", m_from.frequencyPenalty);
    put("seed", m_from.seed);
    putSampling("logprobs", m_from.logprobs);
    putSampling("top_logprobs", m_from.topLogprobs);
    if (m_from.stop.empty()) {
        return;
    }
    if (m_options.reasoningModel) {
        lose("Reasoning models refuse stop.");
        return;
    }
    json::array& stop = m_root["stop"].emplace_array();
    for (const std::string& one : m_from.stop) {
        stop.emplace_back(one);
    }
}

void RequestWriter::identity()
{
    const bool openai = m_ownSource || m_from.source == Dialect::Responses;
    if (!m_from.serviceTier.empty()) {
        if (openai) {
            m_root["service_tier"] = m_from.serviceTier;
        } else if (m_from.serviceTier == "standard_only") {
            m_root["service_tier"] = "default";
        }
    }
    if (!m_from.user.empty()) {
        const bool word = m_from.user.size() <= userBytesMax && m_from.user.front() != '{';
        if (openai || word) {
            m_root["user"] = m_from.user;
        } else {
            lose("A user id that is a set of ids is left out.");
        }
    }
    if (!m_from.safetyIdentifier.empty()) {
        m_root["safety_identifier"] = m_from.safetyIdentifier;
    }
    if (!m_from.promptCacheKey.empty()) {
        m_root["prompt_cache_key"] = m_from.promptCacheKey;
    }
    if (!m_from.metadata.empty()) {
        m_root["metadata"] = m_from.metadata;
    }
    if (!m_from.verbosity.empty()) {
        m_root["verbosity"] = m_from.verbosity;
    }
    if (!m_from.modalities.empty()) {
        json::array& list = m_root["modalities"].emplace_array();
        list.emplace_back("text");
        for (const std::string& one : m_from.modalities) {
            list.emplace_back(one);
        }
    }
}

Result<std::string> RequestWriter::write()
{
    if (!m_from.previousResponseId.empty()) {
        refuse("The request goes on from a response that another provider keeps.",
            "Send the conversation itself, or choose a model of the provider that keeps it.");
    }
    m_root["model"] = m_options.model;
    for (const Turn& one : m_from.turns) {
        turn(one);
    }
    flushMedia();
    if (m_messages.empty()) {
        refuse("There is no message with content.", "Send at least one message.");
    }
    m_root["messages"] = std::move(m_messages);
    const std::optional<std::int64_t> ceiling
        = m_options.outputCeiling ? m_options.outputCeiling : m_from.maxOutput;
    if (ceiling) {
        m_root[dom::key(m_options.ceilingField)] = *ceiling;
    }
    if (m_from.n != 1) {
        m_root["n"] = m_from.n;
    }
    tools();
    format();
    reasoning();
    sampling();
    identity();
    if (m_options.stream) {
        m_root["stream"] = true;
        if (m_options.injectUsage) {
            m_root["stream_options"].emplace_object()["include_usage"] = true;
        }
    }
    if (const json::value* own = m_from.extra.of(Dialect::Chat)) {
        dom::addMissing(m_root, *own);
        if (const json::value* mark = m_root.if_contains(dom::key(legacyMark));
            mark != nullptr && mark->is_bool()) {
            m_root.erase(dom::key(legacyMark));
        }
    } else if (m_from.extra.present()) {
        lose(std::string("Further fields that only ") + dialectName(m_from.extra.dialect)
            + " knows are left out.");
    }
    if (m_error) {
        return *m_error;
    }
    return dom::write(m_root);
}

} // namespace

Result<std::string> writeRequest(
    const Conversation& conversation, const WriteOptions& options, Losses& losses)
{
    return RequestWriter(conversation, options, losses).write();
}

} // namespace headgate::wire::chat
