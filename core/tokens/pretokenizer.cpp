// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/tokens/pretokenizer.h"

#include "core/tokens/unicode.h"

namespace headgate::tokens {

// o200k_base:
//   [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?
// | [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|…)?
// | \p{N}{1,3} | ?[^\s\p{L}\p{N}]+[\r\n/]* | \s*[\r\n]+ | \s+(?!\S) | \s+
// cl100k_base:
//   (?i:'s|'t|'re|'ve|'m|'ll|'d) | [^\r\n\p{L}\p{N}]?\p{L}+ | \p{N}{1,3}
// | ?[^\s\p{L}\p{N}]+[\r\n]* | \s*[\r\n]+ | \s+(?!\S) | \s+

namespace {

struct Char {
    unsigned bits = 0;
    std::uint32_t size = 0; ///< 0: the end of the text
    std::uint32_t code = 0;

    [[nodiscard]] bool is(unsigned wanted) const { return (bits & wanted) != 0; }
    [[nodiscard]] bool isLineBreak() const { return code == '\n' || code == '\r'; }
    /// [^\s\p{L}\p{N}]
    [[nodiscard]] bool isSign() const { return size != 0 && !is(WhiteSpace | Letter | Number); }
    /// [^\r\n\p{L}\p{N}]
    [[nodiscard]] bool isPrefix() const
    {
        return size != 0 && !is(Letter | Number) && !isLineBreak();
    }
};

/// Inlined by force: it is the inner loop, and most text is ASCII.
[[gnu::always_inline]] inline Char charAt(std::string_view text, std::size_t at)
{
    if (at >= text.size()) {
        return {};
    }
    const auto first = static_cast<unsigned char>(text[at]);
    if (first < 0x80) {
        return {unicodeWord[first] & 0xFFu, 1, first}; // page 0 comes first in the table
    }
    const CodePoint point = codePointAt(text, at);
    return {unicodeWordOf(point.code) & 0xFF, point.size, point.code};
}

char lowered(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
}

/// Length of (?i:'s|'t|'re|'ve|'m|'ll|'d) at `at`, or 0. U+017F (long s) folds to s.
std::size_t contractionSize(std::string_view text, std::size_t at)
{
    if (at + 1 >= text.size() || text[at] != '\'') {
        return 0;
    }
    const char first = lowered(text[at + 1]);
    if (first == 's' || first == 't' || first == 'm' || first == 'd') {
        return 2;
    }
    if (text.substr(at + 1).starts_with("\xC5\xBF")) {
        return 3;
    }
    const char second = at + 2 < text.size() ? lowered(text[at + 2]) : '\0';
    const bool pair = (first == 'r' && second == 'e') || (first == 'v' && second == 'e')
        || (first == 'l' && second == 'l');
    return pair ? 3 : 0;
}

std::size_t runEnd(std::string_view text, std::size_t at, unsigned bits)
{
    for (Char c = charAt(text, at); c.is(bits); c = charAt(text, at)) {
        at += c.size;
    }
    return at;
}

/// The two word alternatives of o200k_base from `at` on, without the optional prefix character:
/// upper* lower+, else upper+ lower*. Backing off the greedy upper* ends at the last character of
/// the run that is in both sets. 0 when neither matches.
std::size_t caseWordEnd(std::string_view text, std::size_t at)
{
    std::size_t end = at;
    std::size_t lastShared = 0;
    Char c = charAt(text, end);
    for (; c.is(Upper); c = charAt(text, end)) {
        end += c.size;
        if (c.is(Lower)) {
            lastShared = end;
        }
    }
    if (c.is(Lower)) {
        return runEnd(text, end, Lower);
    }
    if (lastShared != 0) {
        return lastShared;
    }
    return end > at ? end : 0;
}

/// As caseWordEnd, but whether the first alternative (which needs a lower letter) matched decides
/// between a match with the prefix and one without.
bool caseWordHasLower(std::string_view text, std::size_t at)
{
    Char c = charAt(text, at);
    for (; c.is(Upper); c = charAt(text, at)) {
        if (c.is(Lower)) {
            return true;
        }
        at += c.size;
    }
    return c.is(Lower);
}

/// 0 when the text at `at` does not start a word.
std::size_t o200kWordEnd(std::string_view text, std::size_t at, const Char& first)
{
    std::size_t end = 0;
    if (first.isPrefix()) {
        const std::size_t next = at + first.size;
        if (first.is(Lower) && !caseWordHasLower(text, next)) {
            end = next; // a combining mark alone satisfies the first alternative without a prefix
        } else {
            end = caseWordEnd(text, next);
        }
    } else if (first.is(Letter)) {
        end = caseWordEnd(text, at);
    }
    return end == 0 ? 0 : end + contractionSize(text, end);
}

std::size_t cl100kWordEnd(std::string_view text, std::size_t at, const Char& first)
{
    const std::size_t contraction = contractionSize(text, at);
    if (contraction != 0) {
        return at + contraction;
    }
    if (first.isPrefix()) {
        const std::size_t next = at + first.size;
        const std::size_t end = runEnd(text, next, Letter);
        return end > next ? end : 0;
    }
    return first.is(Letter) ? runEnd(text, at, Letter) : 0;
}

std::size_t signsEnd(std::string_view text, std::size_t at, bool slashToo)
{
    for (Char c = charAt(text, at); c.isSign(); c = charAt(text, at)) {
        at += c.size;
    }
    while (at < text.size()
        && (text[at] == '\n' || text[at] == '\r' || (slashToo && text[at] == '/'))) {
        ++at;
    }
    return at;
}

/// \s*[\r\n]+ | \s+(?!\S) | \s+
std::size_t whiteSpaceEnd(std::string_view text, std::size_t at)
{
    std::size_t end = at;
    std::size_t afterBreak = 0;
    std::size_t lastStart = at;
    for (Char c = charAt(text, end); c.is(WhiteSpace); c = charAt(text, end)) {
        lastStart = end;
        end += c.size;
        if (c.isLineBreak()) {
            afterBreak = end;
        }
    }
    if (afterBreak != 0) {
        return afterBreak;
    }
    return end == text.size() || lastStart == at ? end : lastStart;
}

} // namespace

std::size_t pieceEnd(Split split, std::string_view text, std::size_t at)
{
    const Char first = charAt(text, at);
    const std::size_t word
        = split == Split::O200k ? o200kWordEnd(text, at, first) : cl100kWordEnd(text, at, first);
    if (word != 0) {
        return word;
    }
    if (first.is(Number)) {
        std::size_t end = at;
        Char c = first;
        for (int i = 0; i < 3 && c.is(Number); ++i) {
            end += c.size;
            c = charAt(text, end);
        }
        return end;
    }
    const bool slashToo = split == Split::O200k;
    if (first.isSign()) {
        return signsEnd(text, at, slashToo);
    }
    if (first.code == ' ' && charAt(text, at + 1).isSign()) {
        return signsEnd(text, at + 1, slashToo);
    }
    return whiteSpaceEnd(text, at);
}

} // namespace headgate::tokens
