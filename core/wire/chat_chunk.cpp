// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/chat_chunk.h"

namespace headgate::wire {

namespace {

/// What a hostile answer may make us collect of one object.
constexpr std::size_t choicesPerChunkMax = 256;
constexpr std::size_t extraFieldsMax = 64;

} // namespace

bool ChatChunk::read(std::string_view text, bool wantsExtra)
{
    m_wantsExtra = wantsExtra;
    return m_json.readObject(text, [this](JsonField& member) { return field(member); });
}

bool ChatChunk::text(JsonValue value, std::string_view& out)
{
    return m_json.type(value) == JsonType::string ? m_json.string(value, out) : m_json.skip(value);
}

bool ChatChunk::anyRaw(JsonValue value, std::string_view& out)
{
    TextSpan span;
    if (!m_json.skip(value, span)) {
        return false;
    }
    out = m_json.text(span);
    return true;
}

bool ChatChunk::raw(JsonValue value, JsonType kind, std::string_view& out)
{
    return m_json.type(value) == kind ? anyRaw(value, out) : m_json.skip(value);
}

bool ChatChunk::field(JsonField& member)
{
    if (member.key == "choices") {
        if (m_json.type(member.value) != JsonType::array) {
            return m_json.skip(member.value);
        }
        hasChoices = true;
        return m_json.eachElement(
            member.value, [this](JsonValue element, std::size_t) { return choice(element); });
    }
    if (member.key == "usage") {
        return raw(member.value, JsonType::object, usage);
    }
    if (member.key == "id") {
        return text(member.value, id);
    }
    if (member.key == "model") {
        return text(member.value, model);
    }
    if (member.key == "created") {
        std::int64_t seconds = 0;
        if (member.value.get_int64().get(seconds)) {
            return m_json.skip(member.value);
        }
        createdS = seconds;
        return true;
    }
    if (member.key == "error") {
        return failure(member.value);
    }
    if (member.key == "x_groq") {
        return usageIn(member.value);
    }
    if (member.key == "service_tier" && !m_wantsExtra) {
        return text(member.value, serviceTier);
    }
    const bool known = member.key == "object" || member.key == "obfuscation";
    if (!m_wantsExtra || known || extra.size() >= extraFieldsMax) {
        return m_json.skip(member.value);
    }
    if (member.key == "service_tier" && m_json.type(member.value) == JsonType::string) {
        TextSpan span = m_json.tokenSpan(member.value);
        extra.emplace_back(member.key, m_json.text(span));
        return text(member.value, serviceTier);
    }
    std::string_view json;
    const bool ok = anyRaw(member.value, json);
    if (ok && json != "null") {
        extra.emplace_back(member.key, json);
    }
    return ok;
}

/// Groq puts the usage of a stream into "x_groq".
bool ChatChunk::usageIn(JsonValue value)
{
    if (m_json.type(value) != JsonType::object) {
        return m_json.skip(value);
    }
    return m_json.eachField(value, [this](JsonField& member) {
        return member.key == "usage" ? raw(member.value, JsonType::object, usage)
                                     : m_json.skip(member.value);
    });
}

bool ChatChunk::failure(JsonValue value)
{
    const std::optional<JsonType> kind = m_json.type(value);
    if (kind == JsonType::null) {
        return m_json.skip(value);
    }
    failed = true;
    if (kind != JsonType::object) {
        return text(value, errorMessage);
    }
    return m_json.eachField(value, [this](JsonField& member) {
        if (member.key == "message") {
            return text(member.value, errorMessage);
        }
        if (member.key == "type") {
            return text(member.value, errorType);
        }
        if (member.key == "code" && m_json.type(member.value) == JsonType::number) {
            return anyRaw(member.value, errorCode);
        }
        return member.key == "code" ? text(member.value, errorCode) : m_json.skip(member.value);
    });
}

bool ChatChunk::choice(JsonValue value)
{
    if (m_json.type(value) != JsonType::object || choices.size() >= choicesPerChunkMax) {
        return m_json.skip(value);
    }
    ChatChoiceDelta& out = choices.emplace_back();
    return m_json.eachField(value, [&](JsonField& member) { return choiceField(member, out); });
}

bool ChatChunk::choiceField(JsonField& member, ChatChoiceDelta& out)
{
    if (member.key == "delta" || member.key == "message") {
        if (m_json.type(member.value) != JsonType::object) {
            return m_json.skip(member.value);
        }
        return m_json.eachField(
            member.value, [&](JsonField& inner) { return messageField(inner, out); });
    }
    if (member.key == "finish_reason") {
        return text(member.value, out.finish);
    }
    if (member.key == "index") {
        static_cast<void>(countOf(m_json.token(member.value), out.index));
        return m_json.skip(member.value);
    }
    if (member.key == "logprobs") {
        return logprobs(member.value, out);
    }
    if (member.key == "stop_reason") {
        return text(member.value, out.stopSequence);
    }
    // The legacy completions API.
    return member.key == "text" ? piece(member.value, Piece::Kind::Text, out)
                                : m_json.skip(member.value);
}

bool ChatChunk::messageField(JsonField& member, ChatChoiceDelta& out)
{
    if (member.key == "content") {
        return content(member.value, out);
    }
    if (member.key == "refusal") {
        return piece(member.value, Piece::Kind::Refusal, out);
    }
    // Servers name visible thinking one way or the other; some say it twice.
    if (member.key == "reasoning_content" || member.key == "reasoning") {
        const bool said = !out.pieces.empty() && out.pieces.back().kind == Piece::Kind::Thinking;
        return said ? m_json.skip(member.value) : piece(member.value, Piece::Kind::Thinking, out);
    }
    if (member.key == "reasoning_signature") {
        return text(member.value, out.signature);
    }
    if (member.key == "reasoning_details") {
        return raw(member.value, JsonType::array, out.thinkingDetails);
    }
    if (member.key == "tool_calls") {
        return toolCalls(member.value, out);
    }
    if (member.key == "function_call") {
        return functionCall(member.value, out);
    }
    if (member.key == "audio") {
        return raw(member.value, JsonType::object, out.audio);
    }
    if (member.key == "annotations") {
        return raw(member.value, JsonType::array, out.annotations);
    }
    if (member.key == "images") {
        return raw(member.value, JsonType::array, out.images);
    }
    return m_json.skip(member.value);
}

bool ChatChunk::piece(JsonValue value, Piece::Kind kind, ChatChoiceDelta& out)
{
    std::string_view said;
    if (!text(value, said)) {
        return false;
    }
    if (!said.empty()) {
        out.pieces.push_back({kind, said});
    }
    return true;
}

bool ChatChunk::content(JsonValue value, ChatChoiceDelta& out)
{
    if (m_json.type(value) != JsonType::array) {
        return piece(value, Piece::Kind::Text, out);
    }
    return m_json.eachElement(value, [&](JsonValue element, std::size_t) {
        return m_json.type(element) == JsonType::object ? contentPart(element, out)
                                                        : piece(element, Piece::Kind::Text, out);
    });
}

/// {"type": "text", "text": …}, or {"type": "thinking", "thinking": [{"text": …}]} (Mistral).
bool ChatChunk::contentPart(JsonValue value, ChatChoiceDelta& out)
{
    return m_json.eachField(value, [&](JsonField& member) {
        if (member.key == "text") {
            return piece(member.value, Piece::Kind::Text, out);
        }
        if (member.key == "refusal") {
            return piece(member.value, Piece::Kind::Refusal, out);
        }
        if (member.key != "thinking") {
            return m_json.skip(member.value);
        }
        if (m_json.type(member.value) != JsonType::array) {
            return piece(member.value, Piece::Kind::Thinking, out);
        }
        return m_json.eachElement(member.value, [&](JsonValue element, std::size_t) {
            if (m_json.type(element) != JsonType::object) {
                return piece(element, Piece::Kind::Thinking, out);
            }
            return m_json.eachField(element, [&](JsonField& inner) {
                return inner.key == "text" ? piece(inner.value, Piece::Kind::Thinking, out)
                                           : m_json.skip(inner.value);
            });
        });
    });
}

bool ChatChunk::logprobs(JsonValue value, ChatChoiceDelta& out)
{
    if (m_json.type(value) != JsonType::object) {
        return m_json.skip(value);
    }
    return m_json.eachField(value, [&](JsonField& member) {
        if (member.key == "content") {
            return raw(member.value, JsonType::array, out.logprobs);
        }
        return member.key == "refusal" ? raw(member.value, JsonType::array, out.refusalLogprobs)
                                       : m_json.skip(member.value);
    });
}

bool ChatChunk::toolCalls(JsonValue value, ChatChoiceDelta& out)
{
    if (m_json.type(value) != JsonType::array) {
        return m_json.skip(value);
    }
    return m_json.eachElement(value, [&](JsonValue element, std::size_t) {
        if (m_json.type(element) != JsonType::object || out.tools.size() >= limits::toolsMax) {
            return m_json.skip(element);
        }
        return toolCall(element, out.tools.emplace_back());
    });
}

bool ChatChunk::toolCall(JsonValue value, ChatToolDelta& out)
{
    return m_json.eachField(value, [&](JsonField& member) {
        if (member.key == "index") {
            std::int64_t index = 0;
            if (countOf(m_json.token(member.value), index) == CountKind::Count) {
                out.index = index;
            }
            return m_json.skip(member.value);
        }
        if (member.key == "id") {
            return text(member.value, out.id);
        }
        if (member.key == "function" || member.key == "custom") {
            out.custom = member.key == "custom";
            return functionOf(member.value, out);
        }
        if (member.key == "extra_content") {
            return raw(member.value, JsonType::object, out.extra);
        }
        return m_json.skip(member.value);
    });
}

bool ChatChunk::functionOf(JsonValue value, ChatToolDelta& out)
{
    if (m_json.type(value) != JsonType::object) {
        return m_json.skip(value);
    }
    return m_json.eachField(value, [&](JsonField& member) {
        if (member.key == "name") {
            return text(member.value, out.name);
        }
        if (member.key != "arguments" && member.key != "input") {
            return m_json.skip(member.value);
        }
        // Some servers forget that arguments are JSON inside a string.
        return m_json.type(member.value) == JsonType::object
            ? raw(member.value, JsonType::object, out.arguments)
            : text(member.value, out.arguments);
    });
}

bool ChatChunk::functionCall(JsonValue value, ChatChoiceDelta& out)
{
    if (m_json.type(value) != JsonType::object || !out.tools.empty()) {
        return m_json.skip(value);
    }
    out.legacy = true;
    ChatToolDelta& tool = out.tools.emplace_back();
    tool.index = 0;
    return functionOf(value, tool);
}

} // namespace headgate::wire
