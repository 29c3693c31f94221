// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/classify/words.h"

#include <algorithm>
#include <array>

namespace headgate::classify {

namespace {

enum class Byte : std::uint8_t { Other, Letter, Digit, Mark, Wide };

constexpr std::array<Byte, 256> makeByteTable()
{
    std::array<Byte, 256> table{};
    for (std::size_t c = 0; c < 256; ++c) {
        const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
        // From U+1000 on most scripts write without spaces: each character is a word of its own.
        const bool wide = c >= 0xE1 && c <= 0xF4;
        table[c] = wide            ? Byte::Wide
            : letter               ? Byte::Letter
            : c >= '0' && c <= '9' ? Byte::Digit
                                   : Byte::Other;
    }
    for (const char c : std::string_view("+=*/<>^$\\_%{}[]|")) {
        table[static_cast<unsigned char>(c)] = Byte::Mark;
    }
    return table;
}
constexpr std::array<Byte, 256> byteTable = makeByteTable();

Byte byteClass(char c)
{
    return byteTable[static_cast<unsigned char>(c)];
}

constexpr unsigned char lower(char c)
{
    return static_cast<unsigned char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

constexpr std::size_t digitsTold = 6;

std::uint64_t numberHash(std::size_t digits)
{
    return mixHash(0x6e756d62ULL + std::min(digits, digitsTold));
}

/// End of the word that begins at `at`.
std::size_t wordEnd(std::string_view text, std::size_t at)
{
    const Byte first = byteClass(text[at]);
    std::size_t end = at + 1;
    if (first == Byte::Mark) {
        return end;
    }
    if (first == Byte::Wide) {
        while (end < text.size() && end < at + 4
            && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) {
            ++end;
        }
        return end;
    }
    while (end < text.size() && byteClass(text[end]) == first) {
        ++end;
    }
    return end;
}

std::uint64_t hashOf(std::string_view word)
{
    std::uint64_t hash = textHashStart;
    for (const char c : word) {
        hash = textHashStep(hash, lower(c));
    }
    return mixHash(hash);
}

} // namespace

ReadText readEnds(std::string_view text)
{
    ReadText out;
    out.wholeBytes = text.size();
    if (text.size() <= 2 * windowBytes) {
        out.head = text;
    } else {
        out.head = text.substr(0, windowBytes);
        out.tail = text.substr(text.size() - windowBytes);
    }
    return out;
}

std::uint32_t appendWords(std::string_view text, std::uint32_t firstLine, std::vector<Word>& words)
{
    std::uint32_t line = firstLine;
    std::size_t at = 0;
    while (at < text.size()) {
        const Byte kind = byteClass(text[at]);
        if (kind == Byte::Other) {
            line += text[at] == '\n' ? 1U : 0U;
            ++at;
            continue;
        }
        const std::size_t end = wordEnd(text, at);
        const std::string_view piece = text.substr(at, end - at);
        Word word;
        word.begin = static_cast<std::uint32_t>(at);
        word.size = static_cast<std::uint32_t>(piece.size());
        word.line = line;
        word.kind = kind == Byte::Digit ? WordClass::Number
            : kind == Byte::Mark        ? WordClass::Mark
                                        : WordClass::Letters;
        // The value of a number says little; how long it is says more. Single digits stay.
        word.hash
            = kind == Byte::Digit && piece.size() > 1 ? numberHash(piece.size()) : hashOf(piece);
        words.push_back(word);
        at = end;
    }
    return line;
}

std::string readableWord(std::string_view text, const Word& word)
{
    if (word.kind == WordClass::Number && word.size > 1) {
        return word.size >= digitsTold ? "long number"
                                       : std::to_string(word.size) + "-digit number";
    }
    constexpr std::size_t shownMax = 40;
    std::string out(text.substr(word.begin, std::min<std::size_t>(word.size, shownMax)));
    std::transform(
        out.begin(), out.end(), out.begin(), [](char c) { return static_cast<char>(lower(c)); });
    return out;
}

} // namespace headgate::classify
