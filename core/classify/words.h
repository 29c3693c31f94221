// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Words of a prompt as the classifier sees them: lower-cased letters, numbers and the marks of
// mathematics and code. Pure and bounded; no text is kept longer than the call.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::classify {

/// Of longer prompts only the two ends are read: instructions stand there, and a bound on the time
/// of a decision needs a bound on the text.
inline constexpr std::size_t windowBytes = 6 * 1024;

enum class WordClass : std::uint8_t { Letters, Number, Mark };

struct Word {
    std::uint64_t hash = 0; ///< of the lower-cased text, numbers by their number of digits
    std::uint32_t begin = 0; ///< in the read text
    std::uint32_t size = 0; ///< bytes
    std::uint32_t line = 0;
    WordClass kind = WordClass::Letters;
};

/// The part of a prompt that is read: all of it, or its two ends.
struct ReadText {
    std::string_view head;
    std::string_view tail; ///< empty when the head is everything
    std::size_t wholeBytes = 0;
};
[[nodiscard]] ReadText readEnds(std::string_view text);

/// Appends the words of `text`, counting lines from `firstLine`; returns the number of the last.
std::uint32_t appendWords(std::string_view text, std::uint32_t firstLine, std::vector<Word>& words);

/// How a word is shown: lower case; a number as its digits' count ("3-digit number").
[[nodiscard]] std::string readableWord(std::string_view text, const Word& word);

[[nodiscard]] constexpr std::uint64_t mixHash(std::uint64_t z)
{
    // Finaliser of SplitMix64 (Steele, Lea and Flood 2014).
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
    return z ^ (z >> 31);
}
inline constexpr std::uint64_t textHashStart = 0xcbf29ce484222325ULL; // FNV-1a
[[nodiscard]] constexpr std::uint64_t textHashStep(std::uint64_t hash, unsigned char byte)
{
    return (hash ^ byte) * 0x100000001b3ULL;
}
[[nodiscard]] constexpr std::uint64_t textHash(std::string_view text)
{
    std::uint64_t hash = textHashStart;
    for (const char c : text) {
        hash = textHashStep(hash, static_cast<unsigned char>(c));
    }
    return mixHash(hash);
}

} // namespace headgate::classify
