// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Reading an OpenAI chat-completions request without copying it, and editing it by byte ranges so
// that unknown fields survive untouched. No I/O; a ChatRequest points into the body it was read
// from and must not outlive it.

#include "core/base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire {

/// A half-open byte range of the body; empty (0, 0) when the field is absent.
struct ByteRange {
    std::size_t begin = 0;
    std::size_t end = 0;
    [[nodiscard]] bool present() const { return end > begin; }
};

enum class Role { System, Developer, User, Assistant, Tool, Other };

struct Message {
    Role role = Role::User;
    std::string text; ///< all text parts, unescaped, joined by "\n"
    bool hasName = false;
    bool hasToolCalls = false;
    std::string toolCallText; ///< names and arguments of tool calls: they are counted as tokens
    int imageParts = 0;
    int audioParts = 0;
    int fileParts = 0;
};

/// What was understood of a request. Everything not named here is forwarded as it came.
struct ChatRequest {
    std::string model;
    bool stream = false;
    std::optional<bool> includeUsage; ///< stream_options.include_usage as the client wrote it
    std::optional<std::int64_t> maxTokens; ///< the smaller of max_tokens and max_completion_tokens
    std::int64_t n = 1;
    std::vector<Message> messages;
    int tools = 0;
    std::string toolsText; ///< raw JSON of tools (and functions): counted as tokens
    bool forcesTool = false; ///< tool_choice "required" or a named one
    bool jsonObject = false; ///< response_format json_object
    bool jsonSchema = false; ///< response_format json_schema
    std::string schemaText; ///< raw JSON of response_format.json_schema
    bool logprobs = false;
    bool hasReasoningEffort = false;
    std::string serviceTier;
    std::string user; ///< user, else safety_identifier, else metadata.user_id when a plain word
    std::string sessionId; ///< metadata.session_id, else prompt_cache_key
    std::string outputText; ///< prediction and the like: other text that is billed as input

    // where the editable fields are
    ByteRange modelValue; ///< the JSON string with its quotes
    ByteRange maxTokensValue; ///< the number
    ByteRange maxCompletionTokensValue;
    ByteRange streamOptionsValue; ///< the object
    ByteRange includeUsageValue; ///< the literal inside stream_options
    /// Fields that must not reach a provider (api_base, base_url, api_key, …): name and value with
    /// the comma that goes with them.
    std::vector<ByteRange> stripped;
};

/// Reads a body. Errors (InvalidArgument) name the field and the remedy: malformed JSON, duplicate
/// keys of fields that are edited or priced, wrong types, missing messages or model, n outside
/// 1…128, depth or counts above limits.h. `body` needs no padding.
[[nodiscard]] Result<ChatRequest> readChatRequest(std::string_view body);

/// The field an error of readChatRequest() is about ("messages[2].content"); empty when none.
[[nodiscard]] std::string offendingField(const Error& error);

struct ChatEdits {
    std::string model; ///< always written
    std::optional<std::int64_t> outputCeiling; ///< per choice; written into max_completion_tokens
                                               ///< or max_tokens, whichever the client used (both
                                               ///< if both), else `ceilingField` is added
    std::string ceilingField = "max_completion_tokens";
    bool injectUsage = false; ///< stream_options.include_usage = true
};

/// The client's bytes with the edits spliced in; everything else byte for byte.
[[nodiscard]] std::string editChatRequest(
    std::string_view body, const ChatRequest& request, const ChatEdits& edits);

} // namespace headgate::wire
