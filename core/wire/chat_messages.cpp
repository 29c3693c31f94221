// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/limits.h"
#include "core/wire/chat_view_reader.h"
#include "core/wire/conversation_view.h"

#include <algorithm>
#include <array>

namespace headgate::wire::chat {

namespace {

/// The signature of a call that Gemini made and our answers carry in chat: providers of this
/// dialect refuse fields that they do not know.
bool isOurSeal(std::string_view key, std::string_view value)
{
    return key == "extra_content" && value.find("\"headgate\"") != std::string_view::npos;
}

} // namespace

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
        addLine(out.toolCallText, name);
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
        addLine(out.text, view);
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
        addLine(out.text, view);
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
        addLine(out.text, partText);
    } else if (type == "text") {
        return wrong(path + ".text", "a string");
    } else {
        // What a provider makes of an unknown part is not known; its text is not free.
        addLine(out.text, m_json.text(span));
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
        addLine(out, view);
        return ok;
    });
}

} // namespace headgate::wire::chat
