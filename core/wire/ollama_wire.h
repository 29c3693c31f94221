// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the requests, answers and streams of Ollama share. Internal to the Ollama codec. Pure; any
// thread.

#include "core/wire/call_ids.h"
#include "core/wire/codec.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire::ollama {

/// Ids that were made up here for calls without one; taken off again on the way back.
inline constexpr std::string_view madeUpIdPrefix = "call_ol_";

/// Fields that only /api/generate has: a request with one of them cannot be said as a chat.
[[nodiscard]] bool needsGenerate(const boost::json::object& extra);

/// {"thinking", "content" or "response", "images", "tool_calls"} as parts, in that order.
[[nodiscard]] std::vector<Part> readMessageParts(
    const boost::json::object& message, const char* textField, CallIds& ids);
[[nodiscard]] boost::json::object toolCallObject(const Part& call, int index);

[[nodiscard]] Result<Conversation> readRequest(std::string_view body, const RequestPath& path);
[[nodiscard]] Result<std::string> writeRequest(
    const Conversation& conversation, const WriteOptions& options, Losses& losses);

/// Usage of a last line or whole answer. Counts that the server left out because the prompt was
/// cached are no zeros: then there is no usage.
[[nodiscard]] std::optional<catalog::Usage> readUsage(const boost::json::object& root);
[[nodiscard]] StopReason stopOf(std::string_view doneReason, bool calledTools);
[[nodiscard]] const char* doneReasonOf(StopReason stop);
[[nodiscard]] Result<Answer> readAnswer(std::string_view body);
[[nodiscard]] std::string writeAnswer(const Answer& answer, const AnswerContext& context);
[[nodiscard]] std::unique_ptr<EventReader> eventReader();
[[nodiscard]] std::unique_ptr<EventWriter> eventWriter(const AnswerContext& context);
/// {"error": "…"}.
[[nodiscard]] std::string errorBody(std::string_view message);
/// The message of an "error" field, a text or an object with a message; empty: there is none.
[[nodiscard]] std::string errorOf(const boost::json::object& root);

} // namespace headgate::wire::ollama
