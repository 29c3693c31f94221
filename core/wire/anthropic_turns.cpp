// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/anthropic_wire.h"

#include "core/base/base64.h"
#include "core/wire/data_url.h"

#include <simdjson.h>

#include <algorithm>
#include <map>
#include <utility>

namespace headgate::wire::anthropic {

namespace json = boost::json;

namespace {

using Kind = Part::Kind;

Error cannot(std::string what, std::string remedy)
{
    return Error(ErrorCode::Unsupported, std::move(what), std::move(remedy));
}

bool mayStandInId(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'
        || c == '-';
}

/// The API takes ids of ^[a-zA-Z0-9_-]+$ only; others get one that is as unique.
class CallIds {
public:
    std::string idOf(const std::string& id)
    {
        const auto known = m_ids.find(id);
        if (known != m_ids.end()) {
            return known->second;
        }
        std::string made = id;
        std::replace_if(
            made.begin(), made.end(), [](char c) { return !mayStandInId(c); }, '_');
        made = made.empty() ? "call" : made;
        const std::string stem = made;
        for (int n = 2; !m_taken.insert(made).second; ++n) {
            made = stem + "_" + std::to_string(n);
        }
        m_ids.emplace(id, made);
        return made;
    }

private:
    std::map<std::string, std::string> m_ids;
    std::set<std::string> m_taken;
};

/// The kind of image by its first bytes, when the client did not say.
std::string mimeOfImage(std::string_view base64)
{
    if (base64.starts_with("/9j/")) {
        return "image/jpeg";
    }
    if (base64.starts_with("R0lG")) {
        return "image/gif";
    }
    return base64.starts_with("UklG") ? "image/webp" : "image/png";
}

class TurnWriter {
public:
    TurnWriter(const Conversation& conversation, Losses& losses)
        : m_conversation(conversation),
          m_losses(losses)
    {
    }

    Result<Turns> write()
    {
        for (const Turn& turn : m_conversation.turns) {
            if (Result<void> added = add(turn); !added) {
                return added.error();
            }
        }
        flush();
        complete();
        return std::move(m_out);
    }

private:
    Result<void> add(const Turn& turn)
    {
        if (turn.role == Role::System || turn.role == Role::Developer) {
            return addSystem(turn);
        }
        m_talking = true;
        const bool assistant = turn.role == Role::Assistant;
        if (m_open && assistant != m_assistant) {
            flush();
        }
        m_open = true;
        m_assistant = assistant;
        if (!turn.name.empty()) {
            addLoss(m_losses, "messages[].name: Anthropic's messages have no names");
        }
        for (const Part& part : turn.parts) {
            if (Result<void> added = addPart(part); !added) {
                return added.error();
            }
        }
        return {};
    }

    Result<void> addSystem(const Turn& turn)
    {
        if (m_talking) {
            // Only newer models take a system message in the middle ("role 'system' is not
            // supported on this model"); at the front it keeps its authority everywhere.
            addLoss(m_losses, "a system message amid the conversation moved to the front");
        }
        for (const Part& part : turn.parts) {
            if (part.kind != Kind::Text) {
                addLoss(m_losses, "parts of a system message that are no text");
            } else if (!isBlank(part.text)) {
                m_out.system.push_back(blockOf(part));
            }
        }
        return {};
    }

    Result<void> addPart(const Part& part)
    {
        switch (part.kind) {
        case Kind::Thinking:
            addThinking(part);
            return {};
        case Kind::ToolCall:
            addCall(part);
            return {};
        case Kind::ToolResult:
            return addResult(part);
        default: {
            Result<json::value> block = contentBlock(part);
            if (!block) {
                return block.error();
            }
            if (!block->is_null()) {
                m_blocks.push_back(std::move(*block));
            }
            return {};
        }
        }
    }

    void addThinking(const Part& part)
    {
        if (part.signedBy != Dialect::Anthropic || part.signature.empty()) {
            addLoss(m_losses, "thinking that another provider signed, or nobody");
            return;
        }
        Part copy = part;
        copy.cacheControl = false;
        m_thinking.push_back(writeBlock(copy));
    }

    void addCall(const Part& part)
    {
        if (!part.signature.empty()) {
            addLoss(m_losses, "the signature of a tool call that another provider made");
        }
        Part copy = part;
        copy.id = m_ids.idOf(part.id);
        copy.native = {};
        m_blocks.push_back(writeBlock(copy));
        m_calls = true;
    }

    Result<void> addResult(const Part& part)
    {
        Part copy = part;
        copy.native = {};
        copy.content.clear();
        copy.id = m_ids.idOf(part.id);
        json::object block = writeBlock(copy).as_object();
        json::array content;
        for (const Part& inner : part.content) {
            Result<json::value> made = contentBlock(inner);
            if (!made) {
                return made.error();
            }
            if (!made->is_null()) {
                content.push_back(std::move(*made));
            }
        }
        if (content.empty() && !isBlank(part.text)) {
            block["content"] = part.text;
        } else if (!content.empty()) {
            block["content"] = std::move(content);
        }
        m_results.push_back(std::move(block));
        return {};
    }

    /// Null: nothing of it can or need be said.
    Result<json::value> contentBlock(const Part& part)
    {
        switch (part.kind) {
        case Kind::Text:
        case Kind::Refusal:
            // The API refuses text blocks without a visible character.
            return isBlank(part.text) ? json::value() : blockOf(part);
        case Kind::Image:
            return image(part);
        case Kind::File:
            return document(part);
        case Kind::Audio:
            return cannot("Anthropic takes no audio input.",
                "Send a transcript, or name a model that takes audio.");
        default:
            if (part.native.of(Dialect::Anthropic) != nullptr) {
                return writeBlock(part);
            }
            addLoss(m_losses,
                "content that only the " + std::string(dialectName(part.native.dialect))
                    + " protocol knows");
            return json::value();
        }
    }

    static json::value blockOf(const Part& part)
    {
        Part copy = part;
        copy.kind = Kind::Text;
        copy.native = {};
        return writeBlock(copy);
    }

    Result<json::value> image(const Part& part)
    {
        Part copy = part;
        copy.native = {};
        if (takeDataUrl(copy, part.url)) {
            copy.url.clear();
        }
        if (copy.mime.empty() && !copy.data.empty()) {
            copy.mime = mimeOfImage(copy.data);
        }
        if (!part.detail.empty() && part.detail != "auto") {
            addLoss(m_losses, "the detail of an image: Anthropic scales images itself");
        }
        if (Result<void> source = checkSource(copy); !source) {
            return source.error();
        }
        return writeBlock(copy);
    }

    Result<json::value> document(const Part& part)
    {
        Part copy = part;
        copy.native = {};
        if (takeDataUrl(copy, part.url)) {
            copy.url.clear();
        }
        const bool text = copy.mime.starts_with("text/") || copy.mime == "application/json";
        if (text && copy.text.empty() && !copy.data.empty()) {
            std::optional<std::string> content = fromBase64(copy.data);
            if (!content) {
                return cannot("A file's data is not valid base64.", "Send it again.");
            }
            if (!simdjson::validate_utf8(*content)) {
                return cannot("A text file is not encoded in UTF-8.", "Send it in UTF-8.");
            }
            copy.text = std::move(*content);
            copy.data.clear();
        }
        if (copy.text.empty() && copy.url.empty()) {
            copy.mime = copy.mime.empty() ? "application/pdf" : copy.mime;
            if (copy.mime != "application/pdf" && copy.fileId.empty()) {
                return cannot("Anthropic takes no files of type " + copy.mime + ".",
                    "Send a PDF or plain text.");
            }
        }
        if (Result<void> source = checkSource(copy); !source) {
            return source.error();
        }
        return writeBlock(copy);
    }

    Result<void> checkSource(const Part& part) const
    {
        if (!part.fileId.empty() && m_conversation.source != Dialect::Anthropic) {
            return cannot("The file " + part.fileId + " is kept by another provider.",
                "Send its content, or name a model of that provider.");
        }
        if (!part.url.empty() && !part.url.starts_with("https://")
            && !part.url.starts_with("http://")) {
            return cannot("Anthropic cannot fetch " + part.url.substr(0, 60) + ".",
                "Send an https URL or the content itself.");
        }
        return {};
    }

    /// Thinking comes first in an answer; all results come first in a user's message.
    void flush()
    {
        json::array content = std::move(m_assistant ? m_thinking : m_results);
        for (json::value& block : m_blocks) {
            content.push_back(std::move(block));
        }
        if (m_open && !content.empty()) {
            if (m_assistant) {
                m_out.toolLoopWithoutThinking = m_calls && !startsWithThinking(content);
            }
            push(m_assistant ? "assistant" : "user", std::move(content));
        }
        m_open = false;
        m_calls = false;
        m_thinking.clear();
        m_results.clear();
        m_blocks.clear();
    }

    static bool startsWithThinking(const json::array& content)
    {
        const json::object* first = content.front().if_object();
        const std::string_view type = first != nullptr ? dom::stringAt(*first, "type") : "";
        return type == "thinking" || type == "redacted_thinking";
    }

    void push(std::string_view role, json::array content)
    {
        // A message whose content was all dropped must not leave two of one role in a row.
        if (!m_out.messages.empty() && m_lastRole == role) {
            json::array& last = m_out.messages.back().get_object()["content"].get_array();
            last.insert(last.end(), content.begin(), content.end());
            return;
        }
        json::object message;
        message["role"] = dom::key(role);
        message["content"] = std::move(content);
        m_out.messages.push_back(std::move(message));
        m_lastRole = role;
    }

    /// The API wants at least one message, the first of them a user's, and no space at the end of
    /// an answer to go on with.
    void complete()
    {
        if (m_out.messages.empty()) {
            json::array content = std::exchange(m_out.system, {});
            if (!content.empty()) {
                addLoss(m_losses, "system messages alone became a user message");
                push("user", std::move(content));
            }
            return;
        }
        json::object& first = m_out.messages.front().get_object();
        if (dom::stringAt(first, "role") == "assistant") {
            addLoss(m_losses, "a user message was put before a conversation that has none first");
            json::object opening{{"role", "user"}, {"content", "(The conversation goes on.)"}};
            m_out.messages.insert(m_out.messages.begin(), std::move(opening));
        }
        if (m_lastRole == "assistant") {
            trimEnd(m_out.messages.back().get_object()["content"]);
            m_out.toolLoopWithoutThinking = false;
        }
    }

    static void trimEnd(json::value& content)
    {
        json::object* last = content.is_array() && !content.get_array().empty()
            ? content.get_array().back().if_object()
            : nullptr;
        if (last == nullptr || dom::stringAt(*last, "type") != "text") {
            return;
        }
        const std::string_view text = dom::stringAt(*last, "text");
        (*last)["text"] = std::string(text.substr(0, text.find_last_not_of(" \t\r\n") + 1));
    }

    const Conversation& m_conversation;
    Losses& m_losses;
    Turns m_out;
    CallIds m_ids;
    bool m_talking = false; ///< past the leading system messages
    bool m_open = false; ///< a message is being gathered
    bool m_assistant = false;
    bool m_calls = false; ///< … and it calls tools
    std::string_view m_lastRole;
    json::array m_thinking;
    json::array m_results;
    json::array m_blocks;
};

} // namespace

Result<Turns> turnsOf(const Conversation& conversation, Losses& losses)
{
    return TurnWriter(conversation, losses).write();
}

} // namespace headgate::wire::anthropic
