// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A request in no dialect: what the readers of all dialects read into and their writers write from.
// What only one dialect knows is kept as that dialect's own JSON ("native") and written back only
// there; a writer of another dialect names it as a loss. Values only: no I/O, any thread.

#include "core/wire/dialect.h"

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire {

enum class Role { System, Developer, User, Assistant, Tool, Other };

/// JSON of one dialect alone. Null value: nothing.
struct Native {
    Dialect dialect = Dialect::Chat;
    boost::json::value value;
    [[nodiscard]] bool present() const { return !value.is_null(); }
    /// The value when it is this dialect's, else null.
    [[nodiscard]] const boost::json::value* of(Dialect wanted) const
    {
        return present() && dialect == wanted ? &value : nullptr;
    }
};

/// One piece of content, of a request or of an answer.
struct Part {
    enum class Kind {
        Text,
        Refusal, ///< text by which a model declines
        Thinking, ///< text (maybe empty or a summary) and a signature that only its maker can read
        Image,
        Audio,
        File, ///< a document
        ToolCall,
        ToolResult,
        Native ///< known to one dialect only (hosted tool calls, executable code, …)
    };
    Kind kind = Kind::Text;
    std::string text; ///< Text, Refusal, Thinking; Audio: the transcript

    // Image, Audio, File: exactly one of data, url, fileId (or text for a plain document)
    std::string mime; ///< "image/png"; may be empty with a url
    std::string data; ///< base64
    std::string url;
    std::string fileId;
    std::string fileName;
    std::string detail; ///< image detail: "low", "high", "auto", "original"

    // ToolCall and ToolResult
    std::string id; ///< call id; a reader makes one up ("call_<n>") where its dialect has none
    std::string name; ///< of the tool; results too (Gemini wants it), found from their call
    std::string arguments; ///< ToolCall: JSON text of an object, or free text when `custom`
    bool custom = false; ///< a tool with free-text input
    std::vector<Part> content; ///< ToolResult: text, images, files
    bool isError = false; ///< ToolResult

    // Thinking; Gemini also signs text and tool calls
    std::string signature; ///< opaque
    Dialect signedBy = Dialect::Chat; ///< the protocol whose provider made the signature
    bool redacted = false; ///< the thinking itself is inside the signature

    bool cacheControl = false; ///< the prompt cache may be written up to here (Anthropic)
    std::string cacheTtl; ///< "", "5m", "1h"
    /// Kind::Native: the part itself. Otherwise its further fields (citations, item ids, status).
    Native native;
};

struct Turn {
    Role role = Role::User; ///< System, Developer, User, Assistant, Tool
    std::string name; ///< of the speaker; mostly empty
    std::vector<Part> parts;
    Native native; ///< further fields of the message
};

struct Tool {
    bool custom = false; ///< free-text input; its grammar is in `native`
    bool hosted = false; ///< runs at the provider: all of it is in `native`, name is its type
    std::string name;
    std::string description;
    boost::json::value parameters; ///< JSON schema; null: none given
    std::optional<bool> strict;
    bool cacheControl = false;
    std::string cacheTtl;
    Native native; ///< further fields, or a hosted tool whole
};

struct ToolChoice {
    enum class Kind { Unset, Auto, None, Required, Named };
    Kind kind = Kind::Unset;
    std::vector<std::string> names; ///< Named: usually one
    std::optional<bool> parallel; ///< may it call several tools at once
    Native native; ///< forms that only one dialect has (a hosted tool by type, allowed tools …)
};

struct AnswerFormat {
    enum class Kind { Unset, Text, JsonObject, JsonSchema };
    Kind kind = Kind::Unset;
    std::string name;
    std::string description;
    boost::json::value schema;
    std::optional<bool> strict;
    Native native; ///< as it was read, where the fields above do not say all of it
};

struct Reasoning {
    bool disabled = false; ///< thinking off, named so by the client
    bool adaptive = false; ///< Anthropic: as much as the model sees fit
    std::string effort; ///< "", "none", "minimal", "low", "medium", "high", "xhigh", "max"
    std::optional<std::int64_t> budgetTokens;
    std::string summary; ///< Responses: "auto", "concise", "detailed"; "auto" for includeThoughts
    Native native; ///< as it was read, where the fields above do not say all of it
    [[nodiscard]] bool asked() const
    {
        return disabled || adaptive || !effort.empty() || budgetTokens || !summary.empty();
    }
};

struct Conversation {
    Dialect source = Dialect::Chat; ///< the dialect it was read from
    std::string model;
    bool stream = false;
    /// System and developer texts are turns too, in their place.
    std::vector<Turn> turns;
    std::vector<Tool> tools;
    ToolChoice toolChoice;
    AnswerFormat format;
    std::string verbosity;
    Reasoning reasoning;
    std::optional<std::int64_t> maxOutput;
    std::int64_t n = 1;
    std::optional<double> temperature;
    std::optional<double> topP;
    std::optional<std::int64_t> topK;
    std::optional<double> presencePenalty;
    std::optional<double> frequencyPenalty;
    std::optional<std::int64_t> seed;
    std::vector<std::string> stop;
    std::optional<bool> logprobs;
    std::optional<std::int64_t> topLogprobs;
    std::string serviceTier;
    std::string user; ///< end user id as the client gave it (may be a JSON blob)
    std::string safetyIdentifier;
    std::string promptCacheKey;
    boost::json::object metadata;
    std::vector<std::string> modalities; ///< wanted outputs other than text: "audio", "image"
    std::string previousResponseId; ///< stateful responses
    /// Fields at the root (and, by their dialect's reader, deeper) that have no place above.
    Native extra;
};

/// What a translation could not carry over, in words, for the log and the docs.
using Losses = std::vector<std::string>;

} // namespace headgate::wire
