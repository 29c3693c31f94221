// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/chat_request.h"

#include "core/base/limits.h"
#include "core/wire/chat_view_reader.h"
#include "core/wire/conversation_view.h"

#include <boost/json/serialize.hpp>
#include <boost/json/string.hpp>

#include <algorithm>
#include <array>

namespace headgate::wire {

namespace chat {

namespace {

constexpr std::int64_t choicesMax = 128;

} // namespace

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
        addLine(out, raw);
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
        addLine(m_out.toolsText, m_json.text(span));
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

} // namespace chat

namespace {

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
    chat::RequestReader reader;
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
