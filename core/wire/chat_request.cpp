// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/chat_request.h"

#include "core/base/limits.h"
#include "core/wire/body_edit.h"
#include "core/wire/json_reader.h"
#include "core/wire/user_id.h"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <algorithm>
#include <array>

namespace headgate::wire {

namespace {

/// The API knows about forty fields; a flood of keys would make the search for duplicates slow.
constexpr std::size_t fieldsMax = 512;
constexpr std::int64_t choicesMax = 128;

ByteRange rangeOf(TextSpan span)
{
    return {span.begin, span.end};
}

/// Text that a provider may bill, one piece a line.
void append(std::string& to, std::string_view text)
{
    if (text.empty()) {
        return;
    }
    if (!to.empty()) {
        to += '\n';
    }
    to += text;
}

/// One reading of one body.
class RequestReader {
public:
    Result<RequestView> read(std::string_view body);

private:
    using Handler = bool (RequestReader::*)(JsonValue value);
    struct Entry {
        std::string_view key;
        Handler handler;
    };
    static Handler handlerFor(std::string_view key);

    bool field(JsonField& member);
    bool complete();

    bool readModel(JsonValue value);
    bool readMessages(JsonValue value);
    bool readStream(JsonValue value) { return boolean(value, "stream", m_out.stream); }
    bool readStreamOptions(JsonValue value);
    bool readMaxTokens(JsonValue value);
    bool readMaxCompletionTokens(JsonValue value);
    bool readChoices(JsonValue value);
    bool readTools(JsonValue value) { return toolList(value, "tools"); }
    bool readFunctions(JsonValue value) { return toolList(value, "functions"); }
    bool readToolChoice(JsonValue value);
    bool readResponseFormat(JsonValue value);
    bool readLogprobs(JsonValue value);
    bool readTopLogprobs(JsonValue value);
    bool readReasoning(JsonValue value);
    bool readServiceTier(JsonValue value);
    bool readUser(JsonValue value) { return text(value, "user", m_ids.user); }
    bool readSafetyIdentifier(JsonValue value);
    bool readMetadata(JsonValue value);
    bool readPromptCacheKey(JsonValue value);
    bool readPrediction(JsonValue value);
    bool readWebSearch(JsonValue value);
    bool readModalities(JsonValue value);
    bool readAudio(JsonValue value);

    bool message(JsonValue value, std::size_t index);
    bool messageField(JsonField& member, Message& out, const std::string& path);
    bool role(JsonValue value, Message& out, const std::string& path);
    bool content(JsonValue value, Message& out, const std::string& path);
    bool part(JsonValue value, Message& out, const std::string& path);
    bool toolCalls(JsonValue value, Message& out, const std::string& path);
    bool toolCall(JsonValue value, Message& out, const std::string& path);
    bool functionCall(JsonValue value, std::string& out, const std::string& path);
    bool tokenLimit(JsonValue value, std::string_view path, ByteRange& range);
    bool toolList(JsonValue value, std::string_view path);
    bool extra(JsonValue value, std::string& out);

    /// null leaves `out` alone.
    bool text(JsonValue value, std::string_view path, std::string& out);
    bool boolean(JsonValue value, std::string_view path, bool& out);
    bool wrong(std::string_view path, std::string_view must);
    bool once(std::string_view key, std::vector<std::string_view>& seen, std::string_view path);

    JsonReader m_json{"The body"};
    RequestView m_out;
    std::vector<std::string_view> m_keys;
    IdentityFields m_ids;
    bool m_hasModel = false;
    bool m_hasMessages = false;
    FieldRemover m_remover;
    std::vector<ByteRange> m_sealed; ///< signatures of Gemini on calls, put there by us
};

/// The signature of a call that Gemini made and our answers carry in chat: providers of this
/// dialect refuse fields that they do not know.
bool isOurSeal(std::string_view key, std::string_view value)
{
    return key == "extra_content" && value.find("\"headgate\"") != std::string_view::npos;
}

RequestReader::Handler RequestReader::handlerFor(std::string_view key)
{
    static constexpr std::array entries{
        Entry{"model", &RequestReader::readModel},
        Entry{"messages", &RequestReader::readMessages},
        Entry{"stream", &RequestReader::readStream},
        Entry{"stream_options", &RequestReader::readStreamOptions},
        Entry{"max_tokens", &RequestReader::readMaxTokens},
        Entry{"max_completion_tokens", &RequestReader::readMaxCompletionTokens},
        Entry{"n", &RequestReader::readChoices},
        Entry{"tools", &RequestReader::readTools},
        Entry{"functions", &RequestReader::readFunctions},
        Entry{"tool_choice", &RequestReader::readToolChoice},
        Entry{"function_call", &RequestReader::readToolChoice},
        Entry{"response_format", &RequestReader::readResponseFormat},
        Entry{"logprobs", &RequestReader::readLogprobs},
        Entry{"top_logprobs", &RequestReader::readTopLogprobs},
        Entry{"reasoning_effort", &RequestReader::readReasoning},
        Entry{"reasoning", &RequestReader::readReasoning},
        Entry{"service_tier", &RequestReader::readServiceTier},
        Entry{"user", &RequestReader::readUser},
        Entry{"safety_identifier", &RequestReader::readSafetyIdentifier},
        Entry{"metadata", &RequestReader::readMetadata},
        Entry{"prompt_cache_key", &RequestReader::readPromptCacheKey},
        Entry{"prediction", &RequestReader::readPrediction},
        Entry{"web_search_options", &RequestReader::readWebSearch},
        Entry{"modalities", &RequestReader::readModalities},
        Entry{"audio", &RequestReader::readAudio},
    };
    for (const Entry& entry : entries) {
        if (entry.key == key) {
            return entry.handler;
        }
    }
    return nullptr;
}

Result<RequestView> RequestReader::read(std::string_view body)
{
    m_keys.reserve(16);
    const bool read = m_json.readObject(body, [this](JsonField& member) { return field(member); });
    if (!read || !complete()) {
        return m_json.error();
    }
    m_out.stripped = m_remover.take();
    m_out.stripped.insert(m_out.stripped.end(), m_sealed.begin(), m_sealed.end());
    return std::move(m_out);
}

bool RequestReader::field(JsonField& member)
{
    if (m_keys.size() >= fieldsMax) {
        return m_json.fail("The body has more than " + std::to_string(fieldsMax) + " fields.",
            "Leave out fields that the API does not know.");
    }
    if (!once(member.key, m_keys, {})) {
        return false;
    }
    m_remover.begin(member.begin);
    TextSpan span = m_json.tokenSpan(member.value);
    const bool keep = !isSteering(member.key);
    if (!keep) {
        if (!m_json.skip(member.value, span)) {
            return false;
        }
    } else {
        const Handler handler = handlerFor(member.key);
        const bool ok
            = handler != nullptr ? (this->*handler)(member.value) : m_json.skip(member.value);
        if (!ok) {
            return false;
        }
        span.end = m_json.endOfLast(span);
    }
    m_remover.end(span.end, keep);
    return true;
}

bool RequestReader::complete()
{
    if (!m_hasModel) {
        return m_json.fail("model is missing.", "Name a model, or \"auto\" to have one chosen.");
    }
    if (!m_hasMessages) {
        return m_json.fail("messages is missing.", "Send an array with at least one message.");
    }
    Identity identity = identityOf(m_ids);
    m_out.user = std::move(identity.user);
    m_out.sessionId = std::move(identity.session);
    return true;
}

bool RequestReader::wrong(std::string_view path, std::string_view must)
{
    return m_json.fail(std::string(path) + " must be " + std::string(must) + ".");
}

bool RequestReader::once(
    std::string_view key, std::vector<std::string_view>& seen, std::string_view path)
{
    if (std::find(seen.begin(), seen.end(), key) != seen.end()) {
        const std::string name(key.substr(0, limits::nameBytesMax));
        return m_json.fail((path.empty() ? name : std::string(path) + "." + name)
                + " must be given only once: it is there twice.",
            "Send each field once; servers disagree about which of two counts.");
    }
    seen.push_back(key);
    return true;
}

bool RequestReader::text(JsonValue value, std::string_view path, std::string& out)
{
    const std::optional<JsonType> kind = m_json.type(value);
    if (kind == JsonType::null) {
        return m_json.skip(value);
    }
    if (kind != JsonType::string) {
        return wrong(path, "a string");
    }
    std::string_view view;
    if (!m_json.string(value, view)) {
        return false;
    }
    out = view;
    return true;
}

bool RequestReader::boolean(JsonValue value, std::string_view path, bool& out)
{
    const std::string_view token = m_json.token(value);
    if (token != "true" && token != "false" && token != "null") {
        return wrong(path, "true or false");
    }
    out = token == "true";
    return true;
}

bool RequestReader::extra(JsonValue value, std::string& out)
{
    TextSpan span;
    if (!m_json.skip(value, span)) {
        return false;
    }
    const std::string_view raw = m_json.text(span);
    if (raw != "null" && raw != "[]" && raw != "{}" && raw != "\"\"") {
        append(out, raw);
    }
    return true;
}

bool RequestReader::readModel(JsonValue value)
{
    m_out.modelValue = rangeOf(m_json.tokenSpan(value));
    m_hasModel = true;
    std::string_view name;
    if (m_json.type(value) != JsonType::string) {
        return wrong("model", "a string");
    }
    if (!m_json.string(value, name)) {
        return false;
    }
    if (name.empty() || name.size() > 2 * limits::nameBytesMax) {
        return wrong(
            "model", "a name of 1 to " + std::to_string(2 * limits::nameBytesMax) + " bytes");
    }
    m_out.model = name;
    return true;
}

bool RequestReader::readStreamOptions(JsonValue value)
{
    TextSpan span = m_json.tokenSpan(value);
    const std::optional<JsonType> kind = m_json.type(value);
    if (kind == JsonType::null) {
        m_out.streamOptionsValue = rangeOf(span);
        return m_json.skip(value);
    }
    if (kind != JsonType::object) {
        return wrong("stream_options", "an object");
    }
    std::vector<std::string_view> seen;
    const bool ok = m_json.eachField(value, [&](JsonField& member) {
        if (!once(member.key, seen, "stream_options")) {
            return false;
        }
        if (seen.size() > fieldsMax) {
            return wrong("stream_options", "an object with few fields");
        }
        if (member.key != "include_usage") {
            return m_json.skip(member.value);
        }
        bool wanted = false;
        m_out.includeUsageValue = rangeOf(m_json.tokenSpan(member.value));
        if (!boolean(member.value, "stream_options.include_usage", wanted)) {
            return false;
        }
        m_out.includeUsage = wanted;
        return true;
    });
    span.end = m_json.endOfLast(span);
    m_out.streamOptionsValue = rangeOf(span);
    return ok;
}

bool RequestReader::tokenLimit(JsonValue value, std::string_view path, ByteRange& range)
{
    range = rangeOf(m_json.tokenSpan(value));
    const std::optional<JsonType> kind = m_json.type(value);
    if (kind == JsonType::null) {
        return m_json.skip(value);
    }
    std::int64_t limit = 0;
    if (kind != JsonType::number) {
        return wrong(path, "a whole number of at least 1");
    }
    const CountKind count = countOf(m_json.token(value), limit);
    if (count == CountKind::Negative || count == CountKind::NotWhole || limit < 1) {
        return wrong(path, "a whole number of at least 1");
    }
    m_out.maxTokens = std::min(m_out.maxTokens.value_or(limit), limit);
    return m_json.skip(value);
}

bool RequestReader::readMaxTokens(JsonValue value)
{
    return tokenLimit(value, "max_tokens", m_out.maxTokensValue);
}

bool RequestReader::readMaxCompletionTokens(JsonValue value)
{
    return tokenLimit(value, "max_completion_tokens", m_out.maxCompletionTokensValue);
}

bool RequestReader::readChoices(JsonValue value)
{
    const std::optional<JsonType> kind = m_json.type(value);
    if (kind == JsonType::null) {
        return m_json.skip(value);
    }
    std::int64_t n = 0;
    if (kind != JsonType::number || countOf(m_json.token(value), n) != CountKind::Count || n < 1
        || n > choicesMax) {
        return wrong("n", "a whole number from 1 to " + std::to_string(choicesMax));
    }
    m_out.n = n;
    return m_json.skip(value);
}

bool RequestReader::toolList(JsonValue value, std::string_view path)
{
    const std::optional<JsonType> kind = m_json.type(value);
    if (kind == JsonType::null) {
        return m_json.skip(value);
    }
    if (kind != JsonType::array) {
        return wrong(path, "an array of tools");
    }
    TextSpan span = m_json.tokenSpan(value);
    const bool ok = m_json.eachElement(value, [&](JsonValue tool, std::size_t index) {
        if (m_json.type(tool) != JsonType::object) {
            return wrong(std::string(path) + "[" + std::to_string(index) + "]", "an object");
        }
        if (static_cast<std::size_t>(++m_out.tools) > limits::toolsMax) {
            return wrong(path, "at most " + std::to_string(limits::toolsMax) + " tools");
        }
        return m_json.skip(tool);
    });
    if (!ok) {
        return false;
    }
    span.end = m_json.endOfLast(span);
    if (m_json.text(span).size() > 2) {
        append(m_out.toolsText, m_json.text(span));
    }
    return true;
}

bool RequestReader::readToolChoice(JsonValue value)
{
    TextSpan span;
    const std::optional<JsonType> kind = m_json.type(value);
    if (!m_json.skip(value, span)) {
        return false;
    }
    const std::string_view raw = m_json.text(span);
    if (kind == JsonType::object) {
        m_out.forcesTool = raw.find("\"allowed_tools\"") == std::string_view::npos
            || raw.find("\"required\"") != std::string_view::npos;
    } else if (kind == JsonType::string) {
        m_out.forcesTool = raw == "\"required\"" || raw == "\"any\"";
    } else if (kind != JsonType::null) {
        return wrong("tool_choice", "a string or an object");
    }
    return true;
}

bool RequestReader::readResponseFormat(JsonValue value)
{
    const std::optional<JsonType> kind = m_json.type(value);
    if (kind == JsonType::null) {
        return m_json.skip(value);
    }
    if (kind != JsonType::object) {
        return wrong("response_format", "an object");
    }
    std::string type;
    std::vector<std::string_view> seen;
    const bool ok = m_json.eachField(value, [&](JsonField& member) {
        if (seen.size() > fieldsMax || !once(member.key, seen, "response_format")) {
            return wrong("response_format", "an object with few fields");
        }
        if (member.key == "type") {
            return text(member.value, "response_format.type", type);
        }
        TextSpan span;
        if (!m_json.skip(member.value, span)) {
            return false;
        }
        if (member.key == "json_schema") {
            m_out.schemaText = m_json.text(span);
        }
        return true;
    });
    m_out.jsonObject = type == "json_object";
    m_out.jsonSchema = type == "json_schema";
    return ok;
}

bool RequestReader::readLogprobs(JsonValue value)
{
    // The legacy completions API had a number here.
    if (m_json.type(value) == JsonType::number) {
        m_out.logprobs = m_out.logprobs || m_json.token(value) != "0";
        return m_json.skip(value);
    }
    bool wanted = false;
    const bool ok = boolean(value, "logprobs", wanted);
    m_out.logprobs = m_out.logprobs || wanted;
    return ok;
}

bool RequestReader::readTopLogprobs(JsonValue value)
{
    const std::string_view token = m_json.token(value);
    m_out.logprobs = m_out.logprobs || (token != "null" && token != "0");
    return m_json.skip(value);
}

bool RequestReader::readReasoning(JsonValue value)
{
    m_out.hasReasoningEffort = m_out.hasReasoningEffort || !m_json.isNull(value);
    return m_json.skip(value);
}

bool RequestReader::readServiceTier(JsonValue value)
{
    return text(value, "service_tier", m_out.serviceTier);
}

bool RequestReader::readSafetyIdentifier(JsonValue value)
{
    return text(value, "safety_identifier", m_ids.safetyIdentifier);
}

bool RequestReader::readPromptCacheKey(JsonValue value)
{
    return text(value, "prompt_cache_key", m_ids.cacheKey);
}

bool RequestReader::readMetadata(JsonValue value)
{
    const std::optional<JsonType> kind = m_json.type(value);
    if (kind == JsonType::null) {
        return m_json.skip(value);
    }
    if (kind != JsonType::object) {
        return wrong("metadata", "an object");
    }
    return m_json.eachField(value, [&](JsonField& member) {
        const bool isText = m_json.type(member.value) == JsonType::string;
        if (isText && member.key == "user_id") {
            return text(member.value, "metadata.user_id", m_ids.metadataUser);
        }
        if (isText && member.key == "session_id") {
            return text(member.value, "metadata.session_id", m_ids.metadataSession);
        }
        return m_json.skip(member.value);
    });
}

/// Search models bill each search; the dialect has no field for how many.
bool RequestReader::readWebSearch(JsonValue value)
{
    if (!m_json.isNull(value)) {
        ++m_out.hostedTools;
        ++m_out.webSearchTools;
        m_out.hostedNames.emplace_back("web_search");
    }
    return m_json.skip(value);
}

bool RequestReader::readModalities(JsonValue value)
{
    if (m_json.type(value) != JsonType::array) {
        return m_json.skip(value); // the provider's to judge
    }
    return m_json.eachElement(value, [this](JsonValue element, std::size_t) {
        m_out.audioOut = m_out.audioOut || m_json.token(element).starts_with("\"audio\"");
        return m_json.skip(element);
    });
}

bool RequestReader::readAudio(JsonValue value)
{
    m_out.audioOut = m_out.audioOut || !m_json.isNull(value);
    return m_json.skip(value);
}

bool RequestReader::readPrediction(JsonValue value)
{
    return extra(value, m_out.outputText);
}

bool RequestReader::readMessages(JsonValue value)
{
    if (m_json.type(value) != JsonType::array) {
        return wrong("messages", "an array with at least one message");
    }
    m_hasMessages = true;
    const bool ok = m_json.eachElement(
        value, [this](JsonValue element, std::size_t index) { return message(element, index); });
    if (ok && m_out.messages.empty()) {
        return wrong("messages", "an array with at least one message");
    }
    return ok;
}

bool RequestReader::message(JsonValue value, std::size_t index)
{
    const std::string path = "messages[" + std::to_string(index) + "]";
    if (index >= limits::messagesMax) {
        return wrong(
            "messages", "an array of at most " + std::to_string(limits::messagesMax) + " messages");
    }
    if (m_json.type(value) != JsonType::object) {
        return wrong(path, "an object with a role and content");
    }
    Message& out = m_out.messages.emplace_back();
    std::vector<std::string_view> seen;
    const bool ok = m_json.eachField(value, [&](JsonField& member) {
        if (seen.size() > fieldsMax) {
            return wrong(path, "an object with few fields");
        }
        return once(member.key, seen, path) && messageField(member, out, path);
    });
    if (ok && std::find(seen.begin(), seen.end(), "role") == seen.end()) {
        return m_json.fail(
            path + ".role is missing.", "Give each message a role such as \"user\" or \"system\".");
    }
    return ok;
}

bool RequestReader::messageField(JsonField& member, Message& out, const std::string& path)
{
    if (member.key == "role") {
        return role(member.value, out, path);
    }
    if (member.key == "content") {
        return content(member.value, out, path + ".content");
    }
    if (member.key == "tool_calls") {
        return toolCalls(member.value, out, path + ".tool_calls");
    }
    if (member.key == "tool_call_id") {
        return m_json.skip(member.value);
    }
    if (member.key == "name") {
        std::string name;
        const bool ok = text(member.value, path + ".name", name);
        out.hasName = !name.empty();
        append(out.toolCallText, name);
        return ok;
    }
    if (member.key == "function_call") {
        if (m_json.isNull(member.value)) {
            return m_json.skip(member.value);
        }
        out.hasToolCalls = true;
        return functionCall(member.value, out.toolCallText, path + ".function_call");
    }
    if (member.key == "audio") {
        // A reference to earlier spoken output: billed as audio input.
        out.audioParts += m_json.isNull(member.value) ? 0 : 1;
        return m_json.skip(member.value);
    }
    // Unknown fields (reasoning, refusal, …) may be billed as input: never free.
    return extra(member.value, out.toolCallText);
}

bool RequestReader::role(JsonValue value, Message& out, const std::string& path)
{
    std::string_view name;
    if (m_json.type(value) != JsonType::string) {
        return wrong(path + ".role", "a string such as \"user\" or \"system\"");
    }
    if (!m_json.string(value, name)) {
        return false;
    }
    out.role = name == "user"                  ? Role::User
        : name == "assistant"                  ? Role::Assistant
        : name == "system"                     ? Role::System
        : name == "tool" || name == "function" ? Role::Tool
        : name == "developer"                  ? Role::Developer
                                               : Role::Other;
    return true;
}

bool RequestReader::content(JsonValue value, Message& out, const std::string& path)
{
    const std::optional<JsonType> kind = m_json.type(value);
    if (kind == JsonType::null) {
        return m_json.skip(value);
    }
    if (kind == JsonType::string) {
        std::string_view view;
        if (!m_json.string(value, view)) {
            return false;
        }
        append(out.text, view);
        return true;
    }
    if (kind != JsonType::array) {
        return wrong(path, "a string or an array of parts");
    }
    return m_json.eachElement(value, [&](JsonValue element, std::size_t index) {
        return part(element, out, path + "[" + std::to_string(index) + "]");
    });
}

bool RequestReader::part(JsonValue value, Message& out, const std::string& path)
{
    const std::optional<JsonType> kind = m_json.type(value);
    if (kind == JsonType::string) {
        std::string_view view;
        const bool ok = m_json.string(value, view);
        append(out.text, view);
        return ok;
    }
    if (kind != JsonType::object) {
        return wrong(path, "an object with a type");
    }
    std::string type;
    std::string partText;
    bool hasText = false;
    std::vector<std::string_view> seen;
    TextSpan span = m_json.tokenSpan(value);
    const bool ok = m_json.eachField(value, [&](JsonField& member) {
        if (seen.size() > fieldsMax) {
            return wrong(path, "an object with few fields");
        }
        if (!once(member.key, seen, path)) {
            return false;
        }
        if (member.key == "type") {
            return text(member.value, path + ".type", type);
        }
        if ((member.key == "text" || member.key == "refusal")
            && m_json.type(member.value) == JsonType::string) {
            hasText = true;
            return text(member.value, path + ".text", partText);
        }
        return m_json.skip(member.value);
    });
    if (!ok) {
        return false;
    }
    span.end = m_json.endOfLast(span);
    if (type == "image_url" || type == "input_image" || type == "image") {
        ++out.imageParts;
    } else if (type == "input_audio" || type == "audio" || type == "audio_url") {
        ++out.audioParts;
    } else if (type == "file" || type == "input_file" || type == "video_url"
        || type == "document") {
        ++out.fileParts;
    } else if (hasText
        && (type == "text" || type == "refusal" || type == "input_text" || type == "output_text"
            || type.empty())) {
        append(out.text, partText);
    } else if (type == "text") {
        return wrong(path + ".text", "a string");
    } else {
        // What a provider makes of an unknown part is not known; its text is not free.
        append(out.text, m_json.text(span));
    }
    return true;
}

bool RequestReader::toolCalls(JsonValue value, Message& out, const std::string& path)
{
    const std::optional<JsonType> kind = m_json.type(value);
    if (kind == JsonType::null) {
        return m_json.skip(value);
    }
    if (kind != JsonType::array) {
        return wrong(path, "an array");
    }
    return m_json.eachElement(value, [&](JsonValue element, std::size_t index) {
        out.hasToolCalls = true;
        return toolCall(element, out, path + "[" + std::to_string(index) + "]");
    });
}

bool RequestReader::toolCall(JsonValue value, Message& out, const std::string& path)
{
    if (m_json.type(value) != JsonType::object) {
        return wrong(path, "an object");
    }
    FieldRemover remover;
    const bool read = m_json.eachField(value, [&](JsonField& member) {
        remover.begin(member.begin);
        TextSpan span = m_json.tokenSpan(member.value);
        bool ok = false;
        if (member.key == "id" || member.key == "type" || member.key == "index") {
            ok = m_json.skip(member.value);
        } else if (member.key == "function" || member.key == "custom") {
            ok = functionCall(member.value, out.toolCallText, path + "." + std::string(member.key));
        } else {
            ok = extra(member.value, out.toolCallText);
        }
        span.end = ok ? m_json.endOfLast(span) : span.end;
        remover.end(span.end, !(ok && isOurSeal(member.key, m_json.text(span))));
        return ok;
    });
    m_sealed.insert(m_sealed.end(), remover.ranges().begin(), remover.ranges().end());
    return read;
}

bool RequestReader::functionCall(JsonValue value, std::string& out, const std::string& path)
{
    if (m_json.type(value) != JsonType::object) {
        return wrong(path, "an object with name and arguments");
    }
    return m_json.eachField(value, [&](JsonField& member) {
        if (m_json.type(member.value) != JsonType::string) {
            return extra(member.value, out);
        }
        std::string_view view;
        const bool ok = m_json.string(member.value, view);
        append(out, view);
        return ok;
    });
}

bool isNull(std::string_view body, ByteRange range)
{
    return range.present() && body[range.begin] == 'n';
}

void addCeiling(std::vector<Splice>& splices, std::string& added, std::string_view body,
    const RequestView& request, const RequestEdits& edits)
{
    const std::string number = std::to_string(*edits.outputCeiling);
    bool written = false;
    for (const ByteRange range : {request.maxTokensValue, request.maxCompletionTokensValue}) {
        if (range.present() && !isNull(body, range)) {
            splices.push_back({range.begin, range.end, number});
            written = true;
        }
    }
    if (written) {
        return;
    }
    // A null stands for "not given": it is replaced where the field is the one to write.
    const ByteRange own = edits.ceilingField == "max_tokens" ? request.maxTokensValue
                                                             : request.maxCompletionTokensValue;
    if (own.present()) {
        splices.push_back({own.begin, own.end, number});
    } else {
        added += ",\"" + edits.ceilingField + "\":" + number;
    }
}

void addUsage(std::vector<Splice>& splices, std::string& added, std::string_view body,
    const RequestView& request)
{
    const ByteRange options = request.streamOptionsValue;
    if (request.includeUsageValue.present()) {
        splices.push_back({request.includeUsageValue.begin, request.includeUsageValue.end, "true"});
    } else if (!options.present()) {
        added += ",\"stream_options\":{\"include_usage\":true}";
    } else if (isNull(body, options)) {
        splices.push_back({options.begin, options.end, "{\"include_usage\":true}"});
    } else {
        const std::string_view inside
            = body.substr(options.begin + 1, options.end - options.begin - 2);
        const bool empty = inside.find_first_not_of(" \t\r\n") == std::string_view::npos;
        splices.push_back({options.begin + 1, options.begin + 1,
            empty ? "\"include_usage\":true" : "\"include_usage\":true,"});
    }
}

} // namespace

Result<RequestView> readChatRequest(std::string_view body)
{
    RequestReader reader;
    return reader.read(body);
}

std::string offendingField(const Error& error)
{
    const std::string& text = error.message;
    const std::size_t space = text.find(' ');
    if (space == std::string::npos || text.empty() || (text[0] >= 'A' && text[0] <= 'Z')) {
        return {};
    }
    const std::string_view rest = std::string_view(text).substr(space);
    return rest.starts_with(" must be ") || rest.starts_with(" is missing") ? text.substr(0, space)
                                                                            : std::string();
}

std::string editChatRequest(
    std::string_view body, const RequestView& request, const RequestEdits& edits)
{
    std::vector<Splice> splices;
    std::string added;
    splices.push_back({request.modelValue.begin, request.modelValue.end,
        boost::json::serialize(boost::json::string(edits.model))});
    if (edits.outputCeiling) {
        addCeiling(splices, added, body, request, edits);
    }
    if (edits.injectUsage) {
        addUsage(splices, added, body, request);
    }
    // The model is always there and always kept, so a new field has a safe place behind it.
    splices.push_back({request.modelValue.end, request.modelValue.end, added});
    for (const ByteRange range : request.stripped) {
        splices.push_back({range.begin, range.end, {}});
    }
    return spliced(body, std::move(splices));
}

} // namespace headgate::wire
