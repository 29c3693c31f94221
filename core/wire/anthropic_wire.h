// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The rooms of the Anthropic Messages codec: content blocks, requests, answers, streams. Only
// anthropic_*.cpp and count_tokens.cpp include it. Pure; the stream objects belong to one thread.

#include "core/wire/codec.h"
#include "core/wire/json_dom.h"
#include "core/wire/losses.h"

#include <memory>
#include <set>
#include <string>
#include <string_view>

namespace headgate::wire::anthropic {

// --- anthropic_parts.cpp: content blocks, in requests and answers
/// `where` names the block in errors: "messages[3].content[0]".
[[nodiscard]] Result<Part> readBlock(const boost::json::value& block, const std::string& where);
/// A string or an array of blocks.
[[nodiscard]] Result<std::vector<Part>> readContent(
    const boost::json::value& content, const std::string& where);
/// The block of a part read from this dialect or made for it; null when it has none here.
[[nodiscard]] boost::json::value writeBlock(const Part& part);
/// What stands in an answer, which has no place for an image or a file: the client is told what it
/// misses.
[[nodiscard]] std::string missingNote(const Part& part);
/// A string for one plain text, else an array of blocks.
[[nodiscard]] boost::json::value writeContent(const std::vector<Part>& parts);
/// The arguments of a call as an object, whatever the model wrote.
[[nodiscard]] boost::json::value inputOf(const std::string& arguments);

/// Signatures of other protocols, also empty ones, travel through Anthropic clients in a wrapping
/// that names their maker, so that they come back and are never taken for Anthropic's own.
inline constexpr std::string_view signatureWrapping = "hg1.";
[[nodiscard]] std::string wrapSignature(const Part& part);
void unwrapSignature(std::string_view signature, Part& part);

// --- anthropic_request.cpp, anthropic_view.cpp: reading; anthropic_edit.cpp
[[nodiscard]] Result<Conversation> readRequest(std::string_view body);
[[nodiscard]] Result<RequestView> readView(std::string_view body);
/// Splices model and ceiling. Sent to another model than the client named, a request also loses
/// what that model refuses (thinking, effort, sampling, system messages amid the conversation).
[[nodiscard]] Result<std::string> edit(
    std::string_view body, const RequestView& view, const RequestEdits& edits);

// --- anthropic_model.cpp: what the name of a model says of what it takes
struct ModelTraits {
    enum class Thinking { None, Budget, Adaptive };
    Thinking thinking = Thinking::Budget;
    bool budgetToo = true; ///< takes a budget (beside adaptive thinking)
    bool canDisable = true; ///< knows thinking "disabled"
    bool xhigh = false; ///< knows the effort "xhigh"
    bool sampling = true; ///< takes temperature, top_p, top_k
    bool bothSampling = true; ///< takes temperature and top_p together
    bool systemAmid = true; ///< takes system messages amid the conversation
};
[[nodiscard]] ModelTraits traitsOf(std::string_view model);
/// The least budget the API takes.
inline constexpr std::int64_t thinkingBudgetMin = 1'024;

// --- anthropic_schema.cpp
/// A schema as structured outputs take it: every object closed, keywords they refuse taken out and
/// named in `removed`.
[[nodiscard]] boost::json::value adaptSchema(
    const boost::json::value& schema, std::set<std::string>& removed);

// --- anthropic_write.cpp, anthropic_turns.cpp: writing
[[nodiscard]] Result<std::string> writeRequest(
    const Conversation& conversation, const WriteOptions& options, Losses& losses);
/// `system` and `messages` of a conversation that another dialect wrote.
struct Turns {
    boost::json::array system;
    boost::json::array messages;
    /// The last turn answers tools and the turn that called them has no thinking of Anthropic's.
    bool toolLoopWithoutThinking = false;
};
[[nodiscard]] Result<Turns> turnsOf(const Conversation& conversation, Losses& losses);

// --- anthropic_answer.cpp
[[nodiscard]] Result<Answer> readAnswer(std::string_view body);
[[nodiscard]] std::string writeAnswer(const Answer& answer, const AnswerContext& context);
[[nodiscard]] StopReason stopReasonOf(std::string_view word);
[[nodiscard]] const char* stopWordOf(StopReason reason, std::string_view providersWord);
[[nodiscard]] std::string messageIdOf(std::string_view id, const AnswerContext& context);
/// Adds the fields of a later usage object to an earlier one; the last value of each wins.
void mergeUsage(boost::json::object& usage, const boost::json::object& later);
[[nodiscard]] std::optional<catalog::Usage> usageOf(const boost::json::object& usage);
[[nodiscard]] boost::json::object writeUsage(const catalog::Usage& usage);
/// Further fields of the end of an answer and of its message, kept for a writer of this dialect.
[[nodiscard]] boost::json::value finishFields(
    const boost::json::object& delta, const boost::json::object& root);
[[nodiscard]] boost::json::value messageFields(const boost::json::object& message);

// --- anthropic_stream.cpp, anthropic_event_writer.cpp
[[nodiscard]] std::unique_ptr<EventReader> eventReader();
[[nodiscard]] std::unique_ptr<EventWriter> eventWriter(const AnswerContext& context);
/// `event: error` of a refusal.
[[nodiscard]] std::string streamError(const Refusal& refusal);

// --- anthropic_error.cpp
[[nodiscard]] RefusalReply writeRefusal(const Refusal& refusal);
[[nodiscard]] ErrorText readError(std::string_view body);
[[nodiscard]] std::string writeError(int status, const ErrorText& error);

/// Only white space, which Anthropic refuses as a text.
[[nodiscard]] inline bool isBlank(std::string_view text)
{
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

} // namespace headgate::wire::anthropic
