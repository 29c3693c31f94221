// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/classify/structure.h"

#include <algorithm>
#include <cmath>

namespace headgate::classify {

namespace {

// Ranges were chosen by looking at ordinary prompts; what lies outside falls into the last bin.
constexpr std::array<StructureSpec, structureCount> specs{{
    {"length (characters, log)", 3, 9.5F, 25},
    {"words (log)", 1, 8, 20},
    {"lines (log)", 0, 5, 12},
    {"share of digits", 0, 0.3F, 12},
    {"share of capitals", 0, 0.2F, 12},
    {"share of punctuation", 0, 0.3F, 12},
    {"mean length of words", 2, 9, 16},
    {"share of long words", 0, 0.6F, 12},
    {"share of function words", 0, 0.6F, 12},
    {"share of different words", 0.2F, 1, 12},
    {"numbers (log)", 0, 5, 12},
    {"longest number (digits)", 0, 12, 13},
    {"question marks (log)", 0, 2.5F, 6},
    {"brackets (log)", 0, 4, 9},
    {"quotation marks (log)", 0, 4, 9},
    {"commas (log)", 0, 5, 10},
    {"full stops (log)", 0, 5, 10},
    {"mathematical marks (log)", 0, 5, 10},
    {"share of other scripts", 0, 0.1F, 6},
    {"dollar signs (log)", 0, 3, 7},
    {"backslashes (log)", 0, 4, 7},
    {"braces (log)", 0, 5, 9},
    {"colons (log)", 0, 4, 8},
    {"underscores (log)", 0, 4, 8},
    {"semicolons (log)", 0, 3, 6},
    {"first line (log)", 1, 8, 14},
    {"last line (log)", 0, 8, 14},
    {"longest line (log)", 2, 8, 14},
    {"options", 0, 10, 11},
    {"mean length of options (log)", 0, 6, 14},
    {"spread of options (log)", 0, 6, 12},
    {"longest option (log)", 0, 7, 14},
    {"share of options in numbers", 0, 1, 5},
    {"length without options (log)", 3, 9, 20},
    {"digits beside capitals", 0, 1, 8},
    {"per cent signs (log)", 0, 2.5F, 6},
    {"longest word", 4, 20, 9},
    {"words of an option", 0, 20, 11},
    {"share of different words in options", 0, 1, 11},
    {"options' words that the question has", 0, 1, 11},
    {"words of the question (log)", 0, 7, 14},
    {"share of different words in the question", 0, 1, 11},
    {"numbers in the question (log)", 0, 3.5F, 8},
    {"numbers in the options (log)", 0, 4, 8},
    {"longest word of the options", 0, 20, 11},
    {"asks by a blank", 0, 3, 4},
    {"ends with a mark", 0, 1, 2},
    {"indented lines (log)", 0, 4, 8},
    {"words: which", 0, 3, 4},
    {"words: not, except, false", 0, 3, 4},
    {"words: following", 0, 3, 4},
    {"words: true", 0, 3, 4},
    {"words: all, none, both", 0, 3, 4},
    {"words: calculate, find, determine", 0, 3, 4},
    {"words: how", 0, 3, 4},
    {"words: what", 0, 3, 4},
    {"words: best, most, least", 0, 3, 4},
    {"words: if, when, suppose", 0, 3, 4},
    {"words: would, could, should", 0, 3, 4},
    {"words: according", 0, 3, 4},
    {"words: state, statement", 0, 3, 4},
    {"words: function, return, def", 0, 3, 4},
    {"words: each, per, every", 0, 4, 5},
    {"words: than, times, twice, half", 0, 4, 5},
    {"words: let, given", 0, 3, 4},
    {"words: prove, show, explain", 0, 3, 4},
    {"words: why, because, therefore", 0, 3, 4},
    {"words: he, she, his, her, they", 0, 6, 7},
    {"words: I, you, your, me", 0, 4, 5},
    {"words: write, create, list", 0, 3, 4},
    {"words: total, sum, average", 0, 3, 4},
    {"words: and, or", 0, 6, 7},
}};

constexpr std::size_t firstWordGroup = 48;
constexpr std::size_t wordGroups = structureCount - firstWordGroup;
constexpr std::uint8_t functionWord = 254; ///< "the", "of": tells prose from formulas
constexpr std::uint8_t plainWord = 255;

/// Words of the groups above, in their order; the last line are function words of no group.
constexpr std::array<std::string_view, wordGroups + 1> groupWords{"which",
    "not except false incorrect", "following", "true", "all none both",
    "calculate compute find determine evaluate", "how", "what", "best most least",
    "if when suppose", "would could should", "according", "state statement statements",
    "function return def", "each per every", "than times twice half", "let given",
    "prove show explain", "why because therefore", "he she his her they", "i you your me",
    "write create list give", "total sum average", "and or",
    "the of a an to in is for that on with as by it be are this from at was"};

struct GroupTable {
    static constexpr std::size_t slots = 512;
    std::array<std::uint64_t, slots> keys{};
    std::array<std::uint8_t, slots> groups{};

    GroupTable()
    {
        for (std::size_t group = 0; group < groupWords.size(); ++group) {
            std::string_view rest = groupWords[group];
            while (!rest.empty()) {
                const std::size_t end = std::min(rest.find(' '), rest.size());
                insert(textHash(rest.substr(0, end)),
                    group == wordGroups ? functionWord : static_cast<std::uint8_t>(group));
                rest.remove_prefix(std::min(end + 1, rest.size()));
            }
        }
    }
    void insert(std::uint64_t key, std::uint8_t group)
    {
        std::size_t slot = key % slots;
        while (keys[slot] != 0) {
            slot = (slot + 1) % slots;
        }
        keys[slot] = key;
        groups[slot] = group;
    }
    [[nodiscard]] std::uint8_t groupOf(std::uint64_t key) const
    {
        for (std::size_t slot = key % slots; keys[slot] != 0; slot = (slot + 1) % slots) {
            if (keys[slot] == key) {
                return groups[slot];
            }
        }
        return plainWord;
    }
};

const GroupTable& groupTable()
{
    static const GroupTable table;
    return table;
}

/// How many different hashes were put in. Answers about sets that outgrow it are too low, never
/// wrong in memory.
class SmallSet {
public:
    bool insert(std::uint64_t key)
    {
        if (m_size * 2 >= slots) {
            return false;
        }
        std::size_t slot = key % slots;
        while (m_keys[slot] != 0) {
            if (m_keys[slot] == key) {
                return false;
            }
            slot = (slot + 1) % slots;
        }
        m_keys[slot] = key;
        ++m_size;
        return true;
    }
    [[nodiscard]] bool has(std::uint64_t key) const
    {
        for (std::size_t slot = key % slots; m_keys[slot] != 0; slot = (slot + 1) % slots) {
            if (m_keys[slot] == key) {
                return true;
            }
        }
        return false;
    }
    [[nodiscard]] double size() const { return static_cast<double>(m_size); }

private:
    static constexpr std::size_t slots = 2048;
    std::array<std::uint64_t, slots> m_keys{};
    std::size_t m_size = 0;
};

/// Sets are filled from at most so many words; a share is as good from a part.
constexpr std::size_t setWordsMax = 900;

struct CharCounts {
    std::array<std::uint32_t, 256> of{};
    void add(std::string_view text)
    {
        for (const char c : text) {
            ++of[static_cast<unsigned char>(c)];
        }
    }
    [[nodiscard]] double any(std::string_view chars) const
    {
        double sum = 0;
        for (const char c : chars) {
            sum += of[static_cast<unsigned char>(c)];
        }
        return sum;
    }
    [[nodiscard]] double range(unsigned first, unsigned last) const
    {
        double sum = 0;
        for (unsigned c = first; c <= last; ++c) {
            sum += of[c];
        }
        return sum;
    }
};

struct LineCounts {
    double first = 0;
    double last = 0;
    double longest = 0;
    double options = 0;
    double optionChars = 0;
    double optionShortest = 1e9;
    double optionLongest = 0;
    double optionsInNumbers = 0;
    double indented = 0;
    std::vector<bool> isOption; ///< by line
};

bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

/// "B. text", "(b) text", "b) text": a listed choice.
std::size_t optionMarkSize(std::string_view line)
{
    const std::size_t at = !line.empty() && line[0] == '(' ? 1 : 0;
    if (line.size() < at + 3) {
        return 0;
    }
    const char letter = static_cast<char>(line[at] | 0x20);
    const char mark = line[at + 1];
    return letter >= 'a' && letter <= 'j' && (mark == '.' || mark == ')') ? at + 2 : 0;
}

void countLine(std::string_view line, LineCounts& out)
{
    const auto size = static_cast<double>(line.size());
    out.longest = std::max(out.longest, size);
    out.last = size;
    if (out.isOption.empty()) {
        out.first = size;
    }
    const std::size_t mark = optionMarkSize(line);
    out.isOption.push_back(mark > 0);
    out.indented += line.starts_with("  ") || line.starts_with('\t') ? 1 : 0;
    if (mark == 0) {
        return;
    }
    const std::string_view body = line.substr(mark);
    const auto chars = static_cast<double>(body.size());
    ++out.options;
    out.optionChars += chars;
    out.optionShortest = std::min(out.optionShortest, chars);
    out.optionLongest = std::max(out.optionLongest, chars);
    const auto digits = std::count_if(body.begin(), body.end(), isDigit);
    out.optionsInNumbers += static_cast<double>(digits) * 2 > chars ? 1 : 0;
}

void countLines(std::string_view text, LineCounts& out)
{
    std::size_t at = 0;
    while (at <= text.size()) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        countLine(text.substr(at, end - at), out);
        at = end + 1;
    }
}

struct WordCounts {
    double letters = 0; ///< words of letters
    double letterBytes = 0;
    double longWords = 0;
    double longest = 0;
    double functionWords = 0;
    double numbers = 0;
    double longestNumber = 0;
    double stemWords = 0;
    double stemNumbers = 0;
    double optionWords = 0;
    double optionNumbers = 0;
    double optionLongest = 0;
    double different = 0;
    double differentOf = 0;
    double stemDifferent = 0;
    double optionDifferent = 0;
    double optionDifferentOf = 0;
    double optionShared = 0;
    std::array<double, wordGroups> groups{};
};

void countLetters(const Word& word, WordCounts& out)
{
    const double size = word.size;
    ++out.letters;
    out.letterBytes += size;
    out.longWords += size >= 8 ? 1 : 0;
    out.longest = std::max(out.longest, size);
    const std::uint8_t group = groupTable().groupOf(word.hash);
    if (group < wordGroups) {
        ++out.groups[group];
    }
    constexpr std::size_t andOr = wordGroups - 1;
    out.functionWords += group == functionWord || group == andOr || group == 0 ? 1 : 0;
}

void countPlace(const Word& word, bool option, WordCounts& out)
{
    const bool number = word.kind == WordClass::Number;
    if (option) {
        ++out.optionWords;
        out.optionNumbers += number ? 1 : 0;
        out.optionLongest = std::max(out.optionLongest, static_cast<double>(word.size));
    } else {
        ++out.stemWords;
        out.stemNumbers += number ? 1 : 0;
    }
}

void countDifferent(std::span<const Word> words, const std::vector<bool>& isOption, WordCounts& out)
{
    SmallSet all;
    SmallSet stem;
    SmallSet options;
    double fromStem = 0;
    for (const Word& word : words.first(std::min(words.size(), setWordsMax))) {
        const bool option = word.line < isOption.size() && isOption[word.line];
        all.insert(word.hash);
        ++out.differentOf;
        if (!option) {
            stem.insert(word.hash);
            ++fromStem;
        } else {
            ++out.optionDifferentOf;
            if (options.insert(word.hash)) {
                out.optionShared += stem.has(word.hash) ? 1 : 0;
            }
        }
    }
    out.different = all.size();
    out.stemDifferent = fromStem > 0 ? stem.size() / fromStem : 1;
    out.optionDifferent = options.size();
}

WordCounts countWords(std::span<const Word> words, const std::vector<bool>& isOption)
{
    WordCounts out;
    for (const Word& word : words) {
        if (word.kind == WordClass::Letters) {
            countLetters(word, out);
        } else if (word.kind == WordClass::Number) {
            ++out.numbers;
            out.longestNumber = std::max(out.longestNumber, static_cast<double>(word.size));
        }
        countPlace(word, word.line < isOption.size() && isOption[word.line], out);
    }
    countDifferent(words, isOption, out);
    return out;
}

double share(double part, double whole)
{
    return whole > 0 ? part / whole : 0;
}

class Writer {
public:
    explicit Writer(Structure& out) : m_out(out) { }
    void put(double value)
    {
        const StructureSpec& spec = specs[m_at];
        const double scaled = (value - spec.low) / (spec.high - spec.low);
        m_out[m_at++] = static_cast<float>(std::clamp(scaled, 0.0, 1.0));
    }
    void log(double value) { put(std::log1p(value)); }

private:
    Structure& m_out;
    std::size_t m_at = 0;
};

void putMarks(const CharCounts& chars, const WordCounts& words, Writer& out)
{
    out.log(words.numbers);
    out.put(words.longestNumber);
    out.log(chars.any("?"));
    out.log(chars.any("()"));
    out.log(chars.any("\"'"));
    out.log(chars.any(","));
    out.log(chars.any("."));
    out.log(chars.any("+=*/<>^"));
    const double read = chars.range(0, 255);
    out.put(share(chars.range(0x80, 0xFF), read));
    out.log(chars.any("$"));
    out.log(chars.any("\\"));
    out.log(chars.any("{}[]"));
    out.log(chars.any(":"));
    out.log(chars.any("_"));
    out.log(chars.any(";"));
}

void putLines(const LineCounts& lines, double bytes, const CharCounts& chars, Writer& out)
{
    const bool any = lines.options > 0;
    out.log(lines.first);
    out.log(lines.last);
    out.log(lines.longest);
    out.put(lines.options);
    out.log(any ? lines.optionChars / lines.options : 0);
    out.log(any ? lines.optionLongest - lines.optionShortest : 0);
    out.log(any ? lines.optionLongest : 0);
    out.put(share(lines.optionsInNumbers, lines.options));
    out.log(std::max(0.0, bytes - lines.optionChars));
    const double digits = chars.range('0', '9');
    out.put(share(digits, digits + chars.range('A', 'Z')));
}

void putPlaces(const WordCounts& words, const LineCounts& lines, const ReadText& text, Writer& out)
{
    out.put(words.longest);
    out.put(share(words.optionWords, lines.options));
    out.put(words.optionDifferentOf > 0 ? words.optionDifferent / words.optionDifferentOf : 1);
    out.put(share(words.optionShared, words.optionDifferent));
    out.log(words.stemWords);
    out.put(words.stemDifferent);
    out.log(words.stemNumbers);
    out.log(words.optionNumbers);
    out.put(words.optionLongest);
    const bool blank = text.head.find("____") != std::string_view::npos;
    out.put(blank ? 1 : 0);
    const std::string_view end = text.tail.empty() ? text.head : text.tail;
    const char last = end.empty() ? '\0' : end.back();
    out.put(last == '.' || last == '?' || last == '!' || last == ':' ? 1 : 0);
    out.log(lines.indented);
}

} // namespace

const std::array<StructureSpec, structureCount>& structureSpecs()
{
    return specs;
}

Structure measureStructure(const ReadText& text, std::span<const Word> words)
{
    CharCounts chars;
    chars.add(text.head);
    chars.add(text.tail);
    LineCounts lines;
    countLines(text.head, lines);
    if (!text.tail.empty()) {
        countLines(text.tail, lines);
    }
    const WordCounts counted = countWords(words, lines.isOption);
    const auto bytes = static_cast<double>(text.wholeBytes);
    const double read = std::max(1.0, static_cast<double>(text.head.size() + text.tail.size()));

    Structure out{};
    Writer writer(out);
    writer.log(bytes);
    writer.log(counted.letters * bytes / read);
    writer.log(chars.any("\n") * bytes / read);
    writer.put(chars.range('0', '9') / read);
    writer.put(chars.range('A', 'Z') / read);
    const double punctuation = chars.range('!', '/') + chars.range(':', '@') + chars.range('[', '`')
        + chars.range('{', '~');
    writer.put(punctuation / read);
    writer.put(share(counted.letterBytes, counted.letters));
    writer.put(share(counted.longWords, counted.letters));
    writer.put(share(counted.functionWords, counted.letters));
    writer.put(share(counted.different, counted.differentOf));
    putMarks(chars, counted, writer);
    putLines(lines, bytes, chars, writer);
    writer.log(chars.any("%"));
    putPlaces(counted, lines, text, writer);
    for (const double group : counted.groups) {
        writer.put(group);
    }
    return out;
}

} // namespace headgate::classify
