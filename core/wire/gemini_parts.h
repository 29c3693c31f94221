// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the requests, answers and streams of Gemini share: parts, tool call ids, schemas, finish
// reasons. Internal to the Gemini codec. Pure; any thread.

#include "core/wire/answer.h"
#include "core/wire/call_ids.h"
#include "core/wire/codec.h"
#include "core/wire/json_dom.h"
#include "core/wire/json_fields.h"
#include "core/wire/losses.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire::gemini {

/// Older Gemini models give calls no id. Ids that were made up here begin so, and are taken off
/// again when they come back to a Gemini provider.
inline constexpr std::string_view madeUpIdPrefix = "call_gm_";
/// Google's documented stand-in for the signature of a call that Gemini did not make; without any,
/// Gemini 3 answers 400.
inline constexpr std::string_view placeholderSignature = "skip_thought_signature_validator";

[[nodiscard]] dom::Fields fieldsOf(const boost::json::object& object);
/// The array, or the one object that stands for an array of one (Google's servers take both).
[[nodiscard]] std::vector<const boost::json::object*> objectsOf(const boost::json::value& value);
/// "gemini-3-pro" → 3; 0 when the name does not say.
[[nodiscard]] int generationOf(std::string_view model);
/// Without "models/".
[[nodiscard]] std::string plainModel(std::string_view name);

/// Never fails: what it does not know becomes Part::Kind::Native.
[[nodiscard]] Part readPart(const boost::json::object& object, CallIds& ids);
/// Null value: the part cannot be said in this dialect; the loss is named.
[[nodiscard]] boost::json::value writePart(const Part& part, Losses& losses);
/// Other protocols have no place for a signature on a call: it travels on the thinking before it,
/// which their clients send back. Adds a call to parts that end so.
void appendWithSeal(std::vector<Part>& parts, Part call);
/// An empty thinking part with the signature of a call; null when the call has none.
[[nodiscard]] std::optional<Part> sealOf(const Part& call);
/// The parts with such signatures back on their calls, also those that chat clients send with them.
/// Thoughts that came back through others say nothing to Gemini without it: drop them.
enum class Thoughts { Keep, Drop };
[[nodiscard]] std::vector<Part> withoutSeals(const std::vector<Part>& parts, Thoughts thoughts);
/// {"response": …} of a tool result.
[[nodiscard]] boost::json::object responseOf(const Part& result);
/// The object that the arguments of a call are; free text becomes {"input": text}.
[[nodiscard]] boost::json::object argumentsOf(const Part& call);

/// Google's OpenAPI subset (upper-case types, nullable) as JSON schema.
[[nodiscard]] boost::json::value toJsonSchema(const boost::json::value& schema);
/// JSON schema in Google's OpenAPI subset; null when it goes beyond it.
[[nodiscard]] boost::json::value toOpenApi(const boost::json::value& schema);

[[nodiscard]] StopReason stopOf(std::string_view finishReason, bool calledTools);
[[nodiscard]] std::string finishReasonOf(StopReason stop, std::string_view stopText);
/// Chat's array of {token, logprob, bytes, top_logprobs}.
[[nodiscard]] boost::json::value toChatLogprobs(const boost::json::object& logprobsResult);
[[nodiscard]] boost::json::object fromChatLogprobs(const boost::json::array& logprobs);

/// Usage of a chunk or answer; nothing when it has none that can be read.
[[nodiscard]] std::optional<catalog::Usage> readUsage(const boost::json::object& root);
[[nodiscard]] boost::json::object writeUsage(const catalog::Usage& usage);
/// How often Google searched, as it bills it: per query from Gemini 3 on, before that per prompt.
[[nodiscard]] std::int64_t searchesOf(const boost::json::object& candidate, std::string_view model);

[[nodiscard]] Result<Conversation> readRequest(std::string_view body, const RequestPath& path);
[[nodiscard]] Result<Conversation> readRequest(
    const boost::json::object& root, const RequestPath& path);
[[nodiscard]] Result<std::string> writeRequest(
    const Conversation& conversation, const WriteOptions& options, Losses& losses);
[[nodiscard]] Result<Answer> readAnswer(std::string_view body);
[[nodiscard]] std::string writeAnswer(const Answer& answer, const AnswerContext& context);
[[nodiscard]] std::unique_ptr<EventReader> eventReader();
[[nodiscard]] std::unique_ptr<EventWriter> eventWriter(const AnswerContext& context);
/// {"error": {…}} for a refusal, and its status.
[[nodiscard]] RefusalReply refusalReply(const Refusal& refusal);

} // namespace headgate::wire::gemini
