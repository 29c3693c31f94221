// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the pre-tokenizers need to know of a code point, from generated two-stage tables, and a
// UTF-8 reader. Constant data, safe on any thread. Not a general Unicode library.

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace headgate::tokens {

/// Low byte of a table word. "Upper" and "lower" are the two letter sets of the o200k pattern:
/// [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}] and [\p{Ll}\p{Lm}\p{Lo}\p{M}].
enum ClassBit : unsigned { Letter = 1, Number = 2, Upper = 4, Lower = 8, WhiteSpace = 16 };

/// High byte of a table word, for the estimators.
enum class Script : std::uint8_t {
    AsciiLetter,
    Latin,
    Cyrillic,
    Greek,
    Arabic,
    Hebrew,
    Devanagari,
    OtherIndic,
    SoutheastAsian,
    GeorgianArmenianEthiopic,
    Han,
    Kana,
    Hangul,
    Pictograph,
    Digit,
    WhiteSpace,
    AsciiSign,
    Other
};
inline constexpr std::size_t scriptCount = 18;

extern const std::uint8_t unicodePage[0x1100];
extern const std::uint16_t unicodeWord[];

[[nodiscard]] inline unsigned unicodeWordOf(std::uint32_t code)
{
    return unicodeWord[(static_cast<unsigned>(unicodePage[code >> 8]) << 8) | (code & 0xFF)];
}
[[nodiscard]] inline Script scriptOf(std::uint32_t code)
{
    return static_cast<Script>(unicodeWordOf(code) >> 8);
}

/// One code point and how many bytes it took.
struct CodePoint {
    std::uint32_t code = 0;
    std::uint32_t size = 0;
};

/// Reads at `at` (< text.size()). The text must be valid UTF-8; see validUtf8Prefix().
[[nodiscard]] inline CodePoint codePointAt(std::string_view text, std::size_t at)
{
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[at + i]); };
    const std::uint32_t first = byte(0);
    if (first < 0x80) {
        return {first, 1};
    }
    if (first < 0xE0) {
        return {((first & 0x1F) << 6) | (byte(1) & 0x3Fu), 2};
    }
    if (first < 0xF0) {
        return {((first & 0x0F) << 12) | ((byte(1) & 0x3Fu) << 6) | (byte(2) & 0x3Fu), 3};
    }
    return {((first & 0x07) << 18) | ((byte(1) & 0x3Fu) << 12) | ((byte(2) & 0x3Fu) << 6)
            | (byte(3) & 0x3Fu),
        4};
}

/// Length of the longest prefix that is valid UTF-8 (no overlong forms, no surrogates).
[[nodiscard]] std::size_t validUtf8Prefix(std::string_view text);

} // namespace headgate::tokens
