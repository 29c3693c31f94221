// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the simulated provider says: plausible answers, deterministic by seed and request, made of
// pieces whose token counts are known, so that an answer has exactly the length it is billed for.
// Pure; safe on any thread.

#include "core/wire/chat_request.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::proxy {

struct SimPiece {
    std::string text;
    std::int64_t tokens = 0;
};

enum class SimAnswerKind { Text, Json, ToolCall };

struct SimAnswer {
    SimAnswerKind kind = SimAnswerKind::Text;
    std::string toolName; ///< ToolCall only; the pieces are its arguments
    std::vector<SimPiece> pieces; ///< of the whole answer, before any ceiling
    std::int64_t overheadTokens = 0; ///< ToolCall: its name
};

/// `tokensWanted` is the length of a text answer; JSON and tool calls take what they need.
[[nodiscard]] SimAnswer makeSimAnswer(
    const wire::RequestView& request, std::uint64_t seed, std::int64_t tokensWanted);

/// Length of an answer in tokens, 20…400: a bell over exponents, so that most are short and some
/// long, scaled by the model's talkativeness (tier) and by what is asked for.
[[nodiscard]] std::int64_t simAnswerLength(
    const wire::RequestView& request, int tier, std::uint64_t seed);

/// Text cut where the tokenizer cuts it: words with their leading space, punctuation, line ends.
[[nodiscard]] std::vector<SimPiece> splitIntoPieces(std::string_view text);

} // namespace headgate::proxy
