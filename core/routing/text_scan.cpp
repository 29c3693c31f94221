// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/routing/text_scan.h"

#include <algorithm>

namespace headgate::routing {

namespace {

constexpr std::size_t regionBytesMax = 16 * 1024;
/// Instructions stand at the beginning or at the end of a prompt; a word there counts three times.
constexpr std::size_t edgeBytes = 600;
constexpr int edgeFactor = 3;
/// Material in the middle may name any task; it must not outvote the instruction.
constexpr int middleVotesMax = 2;

bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

bool isAsciiLetter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool contains(std::string_view line, std::string_view what)
{
    return line.find(what) != std::string_view::npos;
}

enum Script { Latin, Cjk, Cyrillic, Arabic, Devanagari, OtherScript, NoScript };

/// By the first two bytes of a character; punctuation and pictographs have no script.
Script scriptOf(unsigned char first, unsigned char second)
{
    if (first < 0xC3 || first == 0xE2 || first >= 0xF0) {
        return NoScript;
    }
    if (first <= 0xC9) {
        return Latin;
    }
    if (first >= 0xD0 && first <= 0xD4) {
        return Cyrillic;
    }
    if (first >= 0xD8 && first <= 0xDB) {
        return Arabic;
    }
    if (first == 0xE0 && (second == 0xA4 || second == 0xA5)) {
        return Devanagari;
    }
    const bool kana = first == 0xE3 && second >= 0x81 && second <= 0x83;
    const bool han = first >= 0xE4 && first <= 0xE9;
    const bool hangul = first >= 0xEA && first <= 0xED;
    return kana || han || hangul ? Cjk : first == 0xE3 ? NoScript : OtherScript;
}

class Scanner {
public:
    explicit Scanner(TextScan& out) : m_out(out) { }
    void region(std::string_view text, bool atStart, bool atEnd);

private:
    void line(std::string_view text);
    [[nodiscard]] bool looksLikeCode(std::string_view text) const;
    void traces(std::string_view text);
    void structure(std::string_view text);
    void words(std::string_view text);
    void mark(std::string_view text, std::size_t at);
    void character(std::string_view text, std::size_t at);
    void wordEnded(std::uint64_t hash);
    void found(const Lexeme& lexeme);

    TextScan& m_out;
    bool m_inCode = false;
    bool m_edge = true;
    std::uint64_t m_previousWord = 0;
    std::array<int, taskTypeCount> m_middleVotes{};
};

void Scanner::region(std::string_view text, bool atStart, bool atEnd)
{
    m_out.bytes += static_cast<std::int64_t>(text.size());
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        m_edge = (atStart && at < edgeBytes) || (atEnd && end + edgeBytes >= text.size());
        std::string_view whole = text.substr(at, end - at);
        // One long line (pasted text without breaks) has edges of its own.
        if (whole.size() > 3 * edgeBytes && !m_inCode) {
            const bool head = atStart && at == 0;
            const bool tail = atEnd && end == text.size();
            m_edge = head;
            words(whole.substr(0, edgeBytes));
            m_edge = false;
            words(whole.substr(edgeBytes, whole.size() - 2 * edgeBytes));
            m_edge = tail;
            words(whole.substr(whole.size() - edgeBytes));
        } else {
            line(whole);
        }
        at = end + 1;
    }
}

void Scanner::line(std::string_view text)
{
    const std::size_t indent = std::min(text.find_first_not_of(" \t\r"), text.size());
    const std::string_view trimmed = text.substr(indent);
    if (trimmed.starts_with("```") || trimmed.starts_with("~~~")) {
        m_inCode = !m_inCode;
        m_out.codeFences += m_inCode ? 1 : 0;
        return;
    }
    traces(trimmed);
    if (m_inCode) {
        ++m_out.codeLines;
        return;
    }
    if (looksLikeCode(trimmed)) {
        ++m_out.codeLines;
        return;
    }
    structure(trimmed);
    words(text);
}

bool Scanner::looksLikeCode(std::string_view text) const
{
    if (text.size() < 2) {
        return text == "}" || text == "{";
    }
    const char last = text.back() == '\r' ? text[text.size() - 2] : text.back();
    if (last == ';' || last == '{' || text.starts_with("}")) {
        return true;
    }
    return (text.starts_with("def ") && last == ':') || text.starts_with("#include")
        || text.starts_with("import ") || (text.starts_with("from ") && contains(text, " import "))
        || (text.starts_with("class ") && last == ':') || text.starts_with("SELECT ")
        || text.starts_with("public ") || text.starts_with("private ")
        || (text.starts_with("return ") && contains(text, "(")) || text.starts_with("const ");
}

void Scanner::traces(std::string_view text)
{
    if (text.size() < 5) {
        return;
    }
    switch (text[0]) {
    case 'T':
        m_out.stackTrace = m_out.stackTrace || text.starts_with("Traceback (most recent");
        break;
    case 'F':
        m_out.stackTrace
            = m_out.stackTrace || (text.starts_with("File \"") && contains(text, ", line "));
        break;
    case 'a':
        m_out.stackTrace = m_out.stackTrace
            || (text.starts_with("at ") && contains(text, "(") && contains(text, ":"));
        break;
    case 'C':
        m_out.stackTrace = m_out.stackTrace || text.starts_with("Caused by: ");
        break;
    case 'E':
        m_out.stackTrace = m_out.stackTrace || text.starts_with("Exception in thread");
        break;
    case 'd':
        m_out.diff = m_out.diff || text.starts_with("diff --git ");
        break;
    case '@':
        m_out.diff = m_out.diff || text.starts_with("@@ -");
        break;
    default:
        break;
    }
    m_out.stackTrace = m_out.stackTrace || contains(text.substr(0, 200), " panicked at ")
        || text.starts_with("panic: ") || text.starts_with("error[E")
        || contains(text.substr(0, 200), "Segmentation fault")
        || contains(text.substr(0, 200), "Error: ") || contains(text.substr(0, 200), "Exception: ");
}

void Scanner::structure(std::string_view text)
{
    if (text.size() < 2) {
        return;
    }
    const bool bullet = (text[0] == '-' || text[0] == '*') && text[1] == ' ';
    std::size_t digits = 0;
    while (digits < text.size() && digits < 4 && isDigit(text[digits])) {
        ++digits;
    }
    const bool numbered = digits > 0 && digits + 1 < text.size()
        && (text[digits] == '.' || text[digits] == ')') && text[digits + 1] == ' ';
    m_out.listItems += bullet || numbered ? 1 : 0;
    const auto bars = std::count(text.begin(), text.end(), '|');
    const auto tabs = std::count(text.begin(), text.end(), '\t');
    m_out.tableLines += bars >= 2 || tabs >= 2 ? 1 : 0;
}

void Scanner::words(std::string_view text)
{
    std::uint64_t hash = wordHashStart;
    bool inWord = false;
    bool inNumber = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const auto byte = static_cast<unsigned char>(c);
        const bool letter = isAsciiLetter(c) || byte >= 0x80;
        if (letter || (inWord && isDigit(c))) {
            unsigned char folded
                = isAsciiLetter(c) ? static_cast<unsigned char>(byte | 0x20U) : byte;
            if (byte >= 0x80) {
                character(text, i);
                // À…Þ are À + 0x20 in lower case; × stands among them.
                const bool upper = i > 0 && text[i - 1] == '\xC3' && byte >= 0x80 && byte <= 0x9E;
                folded = upper && byte != 0x97 ? static_cast<unsigned char>(byte + 0x20) : byte;
            } else if (letter) {
                ++m_out.letters[Latin];
            }
            hash = wordHashStep(hash, folded);
            inWord = true;
            continue;
        }
        if (inWord) {
            wordEnded(hash);
            hash = wordHashStart;
            inWord = false;
        }
        m_out.numbers += isDigit(c) && !inNumber ? 1 : 0;
        inNumber = isDigit(c) || (inNumber && c == '.');
        mark(text, i);
    }
    if (inWord) {
        wordEnded(hash);
    }
}

void Scanner::mark(std::string_view text, std::size_t at)
{
    const char next = at + 1 < text.size() ? text[at + 1] : '\0';
    switch (text[at]) {
    case '?':
        ++m_out.questionMarks;
        break;
    case ':':
        m_out.urls += text.substr(at).starts_with("://") ? 1 : 0;
        break;
    case '=':
    case '^':
        ++m_out.mathMarks;
        break;
    case '\\':
        m_out.mathMarks += next == '(' || next == '[' || isAsciiLetter(next) ? 1 : 0;
        break;
    case '$':
        m_out.mathMarks += next == '$' || next == '\\' ? 1 : 0;
        break;
    default:
        break;
    }
}

void Scanner::character(std::string_view text, std::size_t at)
{
    ++m_out.nonAscii;
    const auto first = static_cast<unsigned char>(text[at]);
    if (first < 0xC0 || at + 1 >= text.size()) {
        return;
    }
    const auto second = static_cast<unsigned char>(text[at + 1]);
    const Script script = scriptOf(first, second);
    if (script != NoScript) {
        ++m_out.letters[static_cast<std::size_t>(script)];
    }
    // U+2200…U+22FF: mathematical operators.
    m_out.mathMarks += first == 0xE2 && second >= 0x88 && second <= 0x8B ? 1 : 0;
    const std::string_view rest = text.substr(at);
    m_out.questionMarks += rest.starts_with("？") || rest.starts_with("؟") ? 1 : 0;
}

void Scanner::wordEnded(std::uint64_t hash)
{
    const Lexeme* const single = lexemeFor(hash);
    const Lexeme* const pair
        = m_out.words > 0 ? lexemeFor(wordPairHash(m_previousWord, hash)) : nullptr;
    if (m_out.words == 0 && single != nullptr) {
        m_out.startsWithQuestion = single->kind == WordKind::Question;
        m_out.startsWithGreeting = single->kind == WordKind::Greeting;
    }
    if (pair != nullptr) {
        found(*pair);
    }
    if (single != nullptr) {
        found(*single);
    }
    m_previousWord = hash;
    ++m_out.words;
}

void Scanner::found(const Lexeme& lexeme)
{
    const auto kind = static_cast<std::size_t>(lexeme.kind);
    ++m_out.kinds[kind];
    if (m_out.firstOfKind[kind] == nullptr) {
        m_out.firstOfKind[kind] = &lexeme;
    }
    if (lexeme.kind != WordKind::Task && lexeme.kind != WordKind::Reasoning) {
        return;
    }
    const auto task = static_cast<std::size_t>(lexeme.task);
    if (m_edge) {
        m_out.taskScore[task] += lexeme.weight * edgeFactor;
    } else if (m_middleVotes[task] < middleVotesMax) {
        ++m_middleVotes[task];
        m_out.taskScore[task] += 1;
    }
    const Lexeme* const known = m_out.evidence[task];
    if (known == nullptr || known->weight < lexeme.weight) {
        m_out.evidence[task] = &lexeme;
    }
}

} // namespace

TextScan scanText(std::string_view text)
{
    TextScan out;
    Scanner scanner(out);
    if (text.size() <= 2 * regionBytesMax) {
        scanner.region(text, true, true);
    } else {
        scanner.region(text.substr(0, regionBytesMax), true, false);
        scanner.region(text.substr(text.size() - regionBytesMax), false, true);
    }
    return out;
}

} // namespace headgate::routing
