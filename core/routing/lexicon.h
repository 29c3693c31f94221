// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The words that tell what a prompt wants, in English, German, Spanish and French. A hand-written
// prior, not a measurement. Constant after the first use, safe on any thread; keeps no text.

#include "core/routing/facts.h"

#include <cstdint>
#include <string_view>

namespace headgate::routing {

enum class WordKind : std::uint8_t {
    Task, ///< names a task by itself ("translate")
    Make, ///< "write", "create": code or prose, as the nouns say
    Explain,
    Fix,
    CodeNoun,
    TextNoun,
    Question, ///< "what", "when"
    Reasoning,
    Constraint,
    Simple, ///< "just", "short"
    Greeting,
    Contradiction, ///< "wrong", "still fails"
    Language ///< "german": makes "into german" a translation
};

struct Lexeme {
    std::string_view text; ///< lower case; one word, or two with a space
    WordKind kind;
    TaskType task = TaskType::Chat; ///< Task only
    int weight = 1; ///< Task only
};

/// Hash of a lower-case word, fed byte by byte; two words are joined by wordPairHash().
inline constexpr std::uint64_t wordHashStart = 0xcbf29ce484222325ULL;
[[nodiscard]] constexpr std::uint64_t wordHashStep(std::uint64_t hash, unsigned char byte)
{
    return (hash ^ byte) * 0x100000001b3ULL;
}
[[nodiscard]] constexpr std::uint64_t wordPairHash(std::uint64_t first, std::uint64_t second)
{
    return (first * 0x9e3779b97f4a7c15ULL) ^ (second + 0x7f4a7c15ULL);
}

/// The lexeme with that hash; null when the word says nothing.
[[nodiscard]] const Lexeme* lexemeFor(std::uint64_t hash);

} // namespace headgate::routing
