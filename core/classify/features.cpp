// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/classify/features.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <utility>

namespace headgate::classify {

namespace {

enum class Field : std::uint64_t { Word = 1, Pair, Skip, FirstLine, Tag, Shape };

// Measured on training data: the words of a prompt weigh two together, however many they are; the
// shape and the tags come on top.
constexpr double wordsNorm = 2.0;
constexpr float shapeWeight = 0.3F;
/// The counts of telling words stand in the table as words already; the trees see all of the shape.
constexpr std::size_t shapeInTable = 48;
constexpr float tagWeight = 1.0F;
constexpr std::uint64_t startOfText = 0x5e;

std::uint32_t slotOf(Field field, std::uint64_t first, std::uint64_t second = 0)
{
    const std::uint64_t salted
        = first + 0x9E3779B97F4A7C15ULL * (static_cast<std::uint64_t>(field) + 8 * second);
    return static_cast<std::uint32_t>(mixHash(salted) & (tableSlots - 1));
}

/// Calls `emit(slot, field, index of the word, index of its partner)` for every n-gram.
template <typename Emit>
void eachNgram(std::span<const Word> words, const Emit& emit)
{
    std::uint64_t previous = startOfText;
    std::uint64_t beforeThat = 0;
    for (std::size_t i = 0; i < words.size(); ++i) {
        const std::uint64_t hash = words[i].hash;
        emit(slotOf(Field::Word, hash), Field::Word, i);
        emit(slotOf(Field::Pair, previous, hash), Field::Pair, i);
        if (i >= 2) {
            emit(slotOf(Field::Skip, beforeThat, hash), Field::Skip, i);
        }
        if (words[i].line == 0) {
            emit(slotOf(Field::FirstLine, hash), Field::FirstLine, i);
        }
        beforeThat = previous;
        previous = hash;
    }
}

/// Two passes of nine bits: comparing would take most of the time of a long prompt.
void sortSlots(std::vector<std::uint32_t>& slots, std::vector<std::uint32_t>& spare)
{
    constexpr std::size_t half = tableBits / 2;
    static_assert(half * 2 == tableBits);
    constexpr std::uint32_t mask = (1U << half) - 1;
    spare.resize(slots.size());
    for (std::size_t shift = 0; shift < tableBits; shift += half) {
        std::array<std::uint32_t, std::size_t{1} << half> next{};
        for (const std::uint32_t slot : slots) {
            ++next[(slot >> shift) & mask];
        }
        std::uint32_t sum = 0;
        for (std::uint32_t& begin : next) {
            begin = std::exchange(sum, sum + begin);
        }
        for (const std::uint32_t slot : slots) {
            spare[next[(slot >> shift) & mask]++] = slot;
        }
        slots.swap(spare);
    }
}

/// Sorted slots: equal ones become one feature of 1 + log(times), all together scaled to
/// `wordsNorm`.
void foldCounts(const std::vector<std::uint32_t>& slots, std::vector<Feature>& out)
{
    double squares = 0;
    for (std::size_t i = 0; i < slots.size();) {
        std::size_t end = i + 1;
        while (end < slots.size() && slots[end] == slots[i]) {
            ++end;
        }
        const float value = end - i == 1 ? 1.0F : 1.0F + std::log(static_cast<float>(end - i));
        squares += static_cast<double>(value) * value;
        out.push_back({slots[i], value});
        i = end;
    }
    const auto scale = static_cast<float>(squares > 0 ? wordsNorm / std::sqrt(squares) : 0);
    for (Feature& feature : out) {
        feature.value *= scale;
    }
}

/// Each value lies between two neighbouring bins and fills both in part, so that a small change of
/// the prompt changes the score a little.
template <typename Emit>
void eachShapeBin(const Structure& structure, const Emit& emit)
{
    for (std::size_t id = 0; id < shapeInTable; ++id) {
        const int last = structureSpecs()[id].bins - 1;
        const float position = structure[id] * static_cast<float>(last);
        const int low = std::min(static_cast<int>(position), last - 1);
        const float upper = position - static_cast<float>(low);
        const auto bin = static_cast<std::uint64_t>(low);
        if (upper < 1) {
            emit(slotOf(Field::Shape, id, bin), (1 - upper) * shapeWeight, id);
        }
        if (upper > 0) {
            emit(slotOf(Field::Shape, id, bin + 1), upper * shapeWeight, id);
        }
    }
}

struct NamedTag {
    const char* name;
    std::string_view value;
};

std::array<NamedTag, 4> tagList(const PromptTags& tags)
{
    return {{{"route", tags.route}, {"system prompt", tags.systemHash}, {"tools", tags.toolsHash},
        {"client", tags.client}}};
}

template <typename Emit>
void eachTag(const PromptTags& tags, const Emit& emit)
{
    std::uint64_t id = 0;
    for (const NamedTag& tag : tagList(tags)) {
        if (!tag.value.empty()) {
            emit(slotOf(Field::Tag, textHash(tag.value), id), tag);
        }
        ++id;
    }
}

/// Words of both ends; returns how many are in the head.
std::size_t readWords(const ReadText& text, std::vector<Word>& words)
{
    words.clear();
    const std::uint32_t line = appendWords(text.head, 0, words);
    const std::size_t inHead = words.size();
    if (!text.tail.empty()) {
        appendWords(text.tail, line + 1, words);
    }
    // Marks only, as in a binary paste: the rest says nothing new.
    constexpr std::size_t wordsMax = featuresMax / 4;
    words.resize(std::min(words.size(), wordsMax));
    return std::min(inHead, words.size());
}

/// Two features of one slot become one, so that a head is asked once for it. The first `sorted` are
/// in order.
void mergeSlots(std::vector<Feature>& table, std::size_t sorted)
{
    const auto bySlot = [](const Feature& a, const Feature& b) { return a.slot < b.slot; };
    const auto middle = table.begin() + static_cast<std::ptrdiff_t>(sorted);
    std::stable_sort(middle, table.end(), bySlot);
    std::inplace_merge(table.begin(), middle, table.end(), bySlot);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < table.size(); ++i) {
        if (kept > 0 && table[kept - 1].slot == table[i].slot) {
            table[kept - 1].value += table[i].value;
        } else {
            table[kept++] = table[i];
        }
    }
    table.resize(kept);
}

} // namespace

void FeatureReader::read(std::string_view text, const PromptTags& tags, PromptFeatures& out)
{
    const ReadText ends = readEnds(text);
    readWords(ends, m_words);
    m_slots.clear();
    eachNgram(m_words, [&](std::uint32_t slot, Field, std::size_t) { m_slots.push_back(slot); });
    out.table.clear();
    sortSlots(m_slots, m_spare);
    foldCounts(m_slots, out.table);
    const std::size_t sorted = out.table.size();
    out.structure = measureStructure(ends, m_words);
    eachShapeBin(out.structure, [&](std::uint32_t slot, float value, std::size_t) {
        out.table.push_back({slot, value});
    });
    eachTag(tags, [&](std::uint32_t slot, const NamedTag&) {
        out.table.push_back({slot, tagWeight});
    });
    mergeSlots(out.table, sorted);
}

std::vector<std::pair<std::uint32_t, std::string>> nameFeatures(
    std::string_view text, const PromptTags& tags)
{
    const ReadText ends = readEnds(text);
    std::vector<Word> words;
    const std::size_t inHead = readWords(ends, words);
    const auto wordAt
        = [&](std::size_t i) { return readableWord(i < inHead ? ends.head : ends.tail, words[i]); };
    std::map<std::uint32_t, std::string> names;
    eachShapeBin(measureStructure(ends, words), [&](std::uint32_t slot, float, std::size_t id) {
        names.emplace(slot, std::string(structureSpecs()[id].name));
    });
    eachTag(tags, [&](std::uint32_t slot, const NamedTag& tag) {
        names.emplace(slot, std::string(tag.name) + " " + std::string(tag.value.substr(0, 40)));
    });
    eachNgram(words, [&](std::uint32_t slot, Field field, std::size_t i) {
        if (field == Field::Pair) {
            names.emplace(
                slot, "\"" + (i == 0 ? "begins with" : wordAt(i - 1)) + " " + wordAt(i) + "\"");
        } else if (field == Field::Skip) {
            names.emplace(slot, "\"" + wordAt(i - 2) + " … " + wordAt(i) + "\"");
        } else {
            names.emplace(slot,
                "\"" + wordAt(i) + "\"" + (field == Field::FirstLine ? " in the first line" : ""));
        }
    });
    return {names.begin(), names.end()};
}

} // namespace headgate::classify
