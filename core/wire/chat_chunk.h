// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One JSON object of a chat answer, a whole body or one chunk, taken apart in one pass without
// copying: a stream has thousands of them. Internal to the chat codec; one thread.

#include "core/wire/json_reader.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire {

/// Views live as long as the chunk.
struct ChatToolDelta {
    std::optional<std::int64_t> index;
    std::string_view id;
    std::string_view name;
    std::string_view arguments;
    std::string_view extra; ///< JSON of "extra_content", where some servers put a signature
    bool custom = false;
};

struct ChatChoiceDelta {
    struct Piece {
        enum class Kind { Thinking, Text, Refusal };
        Kind kind = Kind::Text;
        std::string_view text;
    };
    std::int64_t index = 0;
    std::vector<Piece> pieces;
    std::vector<ChatToolDelta> tools;
    bool legacy = false; ///< the only tool came as "function_call"
    std::string_view signature; ///< of the thinking
    std::string_view thinkingDetails; ///< JSON of "reasoning_details"
    std::string_view annotations; ///< JSON array
    std::string_view images; ///< JSON array
    std::string_view audio; ///< JSON object
    std::string_view finish;
    std::string_view stopSequence;
    std::string_view logprobs; ///< JSON array of "content" …
    std::string_view refusalLogprobs; ///< … and of "refusal"
};

class ChatChunk {
public:
    [[nodiscard]] bool read(std::string_view text, bool wantsExtra);
    [[nodiscard]] Error error() const { return m_json.error(); }

    std::string_view id;
    std::string_view model;
    std::int64_t createdS = 0;
    std::string_view serviceTier;
    std::string_view usage; ///< JSON object
    bool hasChoices = false;
    bool failed = false; ///< it has an error
    std::string_view errorMessage;
    std::string_view errorType;
    std::string_view errorCode;
    std::vector<ChatChoiceDelta> choices;
    /// Further fields of the root with their JSON, when wanted.
    std::vector<std::pair<std::string_view, std::string_view>> extra;

private:
    using Piece = ChatChoiceDelta::Piece;

    bool field(JsonField& member);
    bool usageIn(JsonValue value);
    bool failure(JsonValue value);
    bool choice(JsonValue value);
    bool choiceField(JsonField& member, ChatChoiceDelta& out);
    bool messageField(JsonField& member, ChatChoiceDelta& out);
    bool content(JsonValue value, ChatChoiceDelta& out);
    bool contentPart(JsonValue value, ChatChoiceDelta& out);
    bool piece(JsonValue value, Piece::Kind kind, ChatChoiceDelta& out);
    bool logprobs(JsonValue value, ChatChoiceDelta& out);
    bool toolCalls(JsonValue value, ChatChoiceDelta& out);
    bool toolCall(JsonValue value, ChatToolDelta& out);
    bool functionOf(JsonValue value, ChatToolDelta& out);
    bool functionCall(JsonValue value, ChatChoiceDelta& out);
    /// Anything but a string is skipped and leaves `out` alone.
    bool text(JsonValue value, std::string_view& out);
    /// The JSON of a value of that kind; others are skipped.
    bool raw(JsonValue value, JsonType kind, std::string_view& out);
    bool anyRaw(JsonValue value, std::string_view& out);

    JsonReader m_json{"The answer"};
    bool m_wantsExtra = false;
};

} // namespace headgate::wire
