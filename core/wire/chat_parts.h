// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The halves of the chat codec: requests as a tree, answers and streams as events. Internal to
// chat_codec.cpp; stateless, any thread.

#include "core/wire/codec.h"

namespace headgate::wire::chat {

[[nodiscard]] Result<Conversation> readRequest(std::string_view body);
[[nodiscard]] Result<std::string> writeRequest(
    const Conversation& conversation, const WriteOptions& options, Losses& losses);

[[nodiscard]] Result<Answer> readAnswer(std::string_view body);
[[nodiscard]] std::string writeAnswer(const Answer& answer, const AnswerContext& context);
[[nodiscard]] std::unique_ptr<EventReader> eventReader();
[[nodiscard]] std::unique_ptr<EventWriter> eventWriter(const AnswerContext& context);

/// An image in a URL: "data:image/png;base64,…" becomes mime and data.
void setUrl(Part& part, std::string_view url);
[[nodiscard]] std::string urlOf(const Part& part);

/// The request used functions, the form before tools: its answer must use it, too.
inline constexpr std::string_view legacyMark = "functions";
[[nodiscard]] bool usesFunctions(const Conversation* request);

} // namespace headgate::wire::chat
