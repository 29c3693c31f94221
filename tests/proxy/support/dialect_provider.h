// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What a provider and a client of each protocol say, written by hand from the vendors' references
// and independent of core/wire: answers with a known usage, requests, and how a client finds the
// text in what it got. For tests.

#include "core/wire/dialect.h"
#include "support/raw_client.h"

#include <string>

namespace headgate::testing {

/// What every answer says, and what it costs: 11 tokens in, 7 out.
inline constexpr const char* providerText = "hello there";
inline constexpr int providerInputTokens = 11;
inline constexpr int providerOutputTokens = 7;

/// The bytes of a whole HTTP answer, not streamed. `usage` false: the provider tells none.
[[nodiscard]] std::string wholeAnswer(wire::Dialect dialect, bool usage = true);
/// The head of a stream; its parts up to and with the text; what ends it, with the usage.
[[nodiscard]] std::string streamBegin(wire::Dialect dialect);
[[nodiscard]] std::string streamText(wire::Dialect dialect, bool usage = true);
[[nodiscard]] std::string streamEnd(wire::Dialect dialect, bool usage = true);
/// An error of status 400, as the vendor writes it, with the message "bad thing".
[[nodiscard]] std::string errorAnswer(wire::Dialect dialect);
/// Which dialect a provider was asked in, by the path; empty: an unknown path.
[[nodiscard]] std::string askedDialect(const std::string& head);

/// A request for an answer of a client of that protocol.
[[nodiscard]] RawRequest clientRequest(
    wire::Dialect dialect, const std::string& model, bool stream, const std::string& text = "Hi");

/// The text that a client of that protocol shows; "" when it finds none.
[[nodiscard]] std::string shownText(wire::Dialect dialect, bool stream, const std::string& body);
/// The message of an error as that client shows it: of a whole body, or the last one of a stream.
[[nodiscard]] std::string shownError(wire::Dialect dialect, bool stream, const std::string& body);
/// Input and output tokens as that client reads them, "11/7"; "" when it finds none.
[[nodiscard]] std::string shownUsage(wire::Dialect dialect, bool stream, const std::string& body);
/// The stream has the end that this protocol wants.
[[nodiscard]] bool endsProperly(wire::Dialect dialect, const std::string& body);

} // namespace headgate::testing
