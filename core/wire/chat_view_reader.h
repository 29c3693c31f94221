// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The plan of the reader of chat requests: chat_request.cpp reads the fields of the root and edits
// them, chat_messages.cpp reads the messages. Nothing else includes this. Pure; one use an object.

#include "core/wire/body_edit.h"
#include "core/wire/json_reader.h"
#include "core/wire/request_view.h"
#include "core/wire/user_id.h"

#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire::chat {

/// The API knows about forty fields; a flood of keys would make the search for duplicates slow.
inline constexpr std::size_t fieldsMax = 512;

[[nodiscard]] inline ByteRange rangeOf(TextSpan span)
{
    return {span.begin, span.end};
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

} // namespace headgate::wire::chat
