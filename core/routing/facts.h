// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Features of a request, computed once: same bytes, same facts. Later decisions (replay, dry run)
// need the facts only, never the text. Pure; safe on any thread.

#include "core/tokens/tokens.h"
#include "core/wire/chat_request.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::routing {

enum class TaskType {
    Classification,
    Extraction,
    Formatting,
    Translation,
    Summarisation,
    QuestionAnswering,
    Writing,
    CodeGeneration,
    CodeExplanation,
    CodeFix,
    Maths,
    Reasoning,
    ToolRouting,
    Chat
};
[[nodiscard]] const char* taskTypeName(TaskType type); ///< "classification", "code_fix", …
[[nodiscard]] std::optional<TaskType> taskTypeFromName(std::string_view name);
[[nodiscard]] int defaultTier(TaskType type); ///< what an operator starts from

/// Counts and flags over the request. Percentages and scores are integers, so that a replay is
/// exact.
struct Facts {
    std::int64_t inputTokens = 0; ///< best guess, o200k
    std::int64_t lastUserTokens = 0;
    std::int64_t systemTokens = 0;
    int turns = 0; ///< user messages
    int messages = 0;
    int codeBlocks = 0;
    int codeLines = 0;
    bool stackTrace = false;
    bool diff = false;
    int mathMarks = 0;
    int tableLines = 0;
    int listItems = 0;
    int urls = 0;
    int numbers = 0;
    int questionMarks = 0;
    int constraintWords = 0; ///< must, exactly, only, at least, …
    int reasoningWords = 0; ///< prove, derive, why, step by step, trade-off, …
    int nonAsciiPercent = 0;
    std::string script; ///< "latin", "cjk", "cyrillic", "arabic", "devanagari", "other"
    int tools = 0;
    int toolSchemaBytes = 0;
    bool toolResults = false; ///< the conversation holds tool results
    bool jsonObject = false;
    bool jsonSchema = false;
    int images = 0;
    int audio = 0;
    int files = 0;
    bool stream = false;
    bool followUpContradicts = false; ///< "that is wrong", "still fails", …
    bool followUpRepeats = false; ///< the last user message repeats an earlier one
    std::int64_t requestedOutputTokens = 0; ///< 0: not said
    std::string taskTag; ///< x-headgate-task
    std::string requestClass; ///< x-claude-code-request-class and the like
    std::string systemHash; ///< of the system prompt, 16 hex digits
    std::string toolsHash;
    std::string client; ///< first word of user-agent

    TaskType task = TaskType::Chat;
    std::string taskReason; ///< in words: why this task type
    int difficulty = 0; ///< heuristic, 0 (trivial) … 1000 (hardest)
    std::vector<std::string> difficultyReasons; ///< "+180 stack trace", largest first
};

/// What headers add to the body.
struct RequestHints {
    std::string taskTag;
    std::string requestClass;
    std::string userAgent;
};

[[nodiscard]] Facts extractFacts(const wire::RequestView& request, const RequestHints& hints);

/// All text of a request that is billed as input, with the chat framing of OpenAI's published
/// formula (per message, role, name, reply). Images, audio and files are not in it.
[[nodiscard]] tokens::Count countInput(const wire::RequestView& request, std::string_view family);

/// For storage beside the decision and for replay; round-trips.
[[nodiscard]] std::string factsToJson(const Facts& facts);
[[nodiscard]] Result<Facts> factsFromJson(std::string_view json);

} // namespace headgate::routing
