// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What Headgate has to know of a request in any dialect to price it, route it and edit it, and
// where in the body the editable fields lie. No I/O; ranges count in the body it was read from.

#include "core/wire/conversation.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace headgate::wire {

/// A half-open byte range of the body; empty (0, 0) when the field is absent.
struct ByteRange {
    std::size_t begin = 0;
    std::size_t end = 0;
    [[nodiscard]] bool present() const { return end > begin; }
};

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
struct RequestView {
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

    // what a bound has to know beside the text
    Dialect dialect = Dialect::Chat;
    /// Tokens of input that came as numbers (embeddings), counted as they are.
    std::int64_t rawTokens = 0;
    /// Tools that run at the provider: each use adds input (and often a fee) nobody here sees.
    int hostedTools = 0;
    /// The most uses of hosted tools the request allows; absent: it names no limit.
    std::optional<std::int64_t> hostedUsesMax;
    int webSearchTools = 0; ///< of the hosted ones
    std::vector<std::string> hostedNames; ///< of the hosted ones, in the dialect's words
    /// Context that the provider keeps and bills (previous_response_id, conversation, cached
    /// content): its name; empty when everything billed as input is in the body.
    std::string heldContext;
    bool heldContextIsResponse = false; ///< `heldContext` is a response id that we may know
    bool audioOut = false;
    std::optional<std::int64_t> thinkingBudget; ///< tokens, where the dialect has such a field
    bool cacheControl = false; ///< asks for a prompt cache to be written
    bool cacheOneHour = false; ///< … for an hour

    // where the editable fields are
    ByteRange modelValue; ///< the JSON string with its quotes
    ByteRange maxTokensValue; ///< the number
    ByteRange maxCompletionTokensValue;
    /// Dotted path of the output ceiling as the client spelled it, for editBody (Gemini, Ollama).
    std::string ceilingPath;
    ByteRange streamOptionsValue; ///< the object
    ByteRange includeUsageValue; ///< the literal inside stream_options
    /// Fields that must not reach a provider (api_base, base_url, api_key, …): name and value with
    /// the comma that goes with them.
    std::vector<ByteRange> stripped;
};

struct RequestEdits {
    std::string model; ///< always written
    std::optional<std::int64_t> outputCeiling; ///< per choice; written into max_completion_tokens
                                               ///< or max_tokens, whichever the client used (both
                                               ///< if both), else `ceilingField` is added
    std::string ceilingField = "max_completion_tokens";
    bool injectUsage = false; ///< stream_options.include_usage = true
};

} // namespace headgate::wire
