// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/tokens/embedded.h"
#include "core/tokens/features.h"
#include "core/tokens/pretokenizer.h"
#include "core/tokens/tokens.h"
#include "core/tokens/unicode.h"
#include "core/tokens/vocabulary.h"

#include <algorithm>
#include <array>
#include <limits>
#include <queue>

namespace headgate::tokens {

namespace {

/// Below this the quadratic search for the cheapest merge beats a heap.
constexpr std::size_t linearMergeBytesMax = 128;

constexpr std::uint32_t noRank = Vocabulary::none;

/// Byte pair merging of one short piece, the lowest rank first, leftmost first among equals.
template <typename Sink>
void mergeShort(const Vocabulary& vocabulary, std::string_view piece, Sink&& sink)
{
    struct Part {
        std::uint32_t start;
        std::uint32_t rank; ///< of this part joined with the next one
    };
    std::array<Part, linearMergeBytesMax + 2> parts;
    std::size_t count = piece.size() + 1; // the last one marks the end
    const auto rankAt = [&](std::size_t i) {
        return i + 2 < count
            ? vocabulary.find(piece.substr(parts[i].start, parts[i + 2].start - parts[i].start))
            : noRank;
    };
    for (std::size_t i = 0; i < count; ++i) {
        parts[i].start = static_cast<std::uint32_t>(i);
    }
    for (std::size_t i = 0; i < count; ++i) {
        parts[i].rank = rankAt(i);
    }
    for (;;) {
        std::size_t best = 0;
        std::uint32_t bestRank = noRank;
        for (std::size_t i = 0; i + 1 < count; ++i) {
            if (parts[i].rank < bestRank) {
                bestRank = parts[i].rank;
                best = i;
            }
        }
        if (bestRank == noRank) {
            break;
        }
        std::copy(parts.begin() + static_cast<std::ptrdiff_t>(best) + 2,
            parts.begin() + static_cast<std::ptrdiff_t>(count),
            parts.begin() + static_cast<std::ptrdiff_t>(best) + 1);
        --count;
        parts[best].rank = rankAt(best);
        if (best > 0) {
            parts[best - 1].rank = rankAt(best - 1);
        }
    }
    for (std::size_t i = 0; i + 1 < count; ++i) {
        sink(piece.substr(parts[i].start, parts[i + 1].start - parts[i].start));
    }
}

/// The same result for long pieces in n log n: a heap of (rank, position), entries that no longer
/// hold are skipped. A token has at most 128 bytes, so each look-up is bounded too.
template <typename Sink>
void mergeLong(const Vocabulary& vocabulary, std::string_view piece, Sink&& sink)
{
    const auto size = static_cast<std::uint32_t>(piece.size());
    std::vector<std::uint32_t> next(size); // start of the part after the one at this index
    std::vector<std::uint32_t> previous(size);
    std::vector<std::uint32_t> rank(size, noRank);
    std::vector<std::uint64_t> entries;
    entries.reserve(size);
    const auto rankAt = [&](std::uint32_t start) {
        const std::uint32_t middle = next[start];
        return middle < size ? vocabulary.find(piece.substr(start, next[middle] - start)) : noRank;
    };
    for (std::uint32_t i = 0; i < size; ++i) {
        next[i] = i + 1;
        previous[i] = i == 0 ? 0 : i - 1;
    }
    for (std::uint32_t i = 0; i < size; ++i) {
        rank[i] = rankAt(i);
        if (rank[i] != noRank) {
            entries.push_back((static_cast<std::uint64_t>(rank[i]) << 32) | i);
        }
    }
    std::priority_queue<std::uint64_t, std::vector<std::uint64_t>, std::greater<>> heap(
        std::greater<>(), std::move(entries));
    const auto refresh = [&](std::uint32_t start) {
        rank[start] = rankAt(start);
        if (rank[start] != noRank) {
            heap.push((static_cast<std::uint64_t>(rank[start]) << 32) | start);
        }
    };
    while (!heap.empty()) {
        const std::uint64_t entry = heap.top();
        heap.pop();
        const auto start = static_cast<std::uint32_t>(entry & 0xFFFFFFFFU);
        if (rank[start] != static_cast<std::uint32_t>(entry >> 32)) {
            continue;
        }
        const std::uint32_t merged = next[start];
        rank[merged] = noRank; // its entries are void from here on
        next[start] = next[merged];
        if (next[start] < size) {
            previous[next[start]] = start;
        }
        refresh(start);
        if (start > 0) {
            refresh(previous[start]);
        }
    }
    for (std::uint32_t at = 0; at < size; at = next[at]) {
        sink(piece.substr(at, next[at] - at));
    }
}

/// Each ill-formed byte becomes U+FFFD.
std::string repaired(std::string_view text)
{
    std::string out;
    out.reserve(text.size() + 16);
    while (!text.empty()) {
        const std::size_t good = validUtf8Prefix(text);
        out += text.substr(0, good);
        text.remove_prefix(good);
        if (!text.empty()) {
            out += "\xEF\xBF\xBD";
            text.remove_prefix(1);
        }
    }
    return out;
}

} // namespace

struct Encoding::Impl {
    Impl(Split splitBy, std::string_view file) : split(splitBy), vocabulary(file) { }
    Split split;
    Vocabulary vocabulary;

    /// Calls onToken(bytes) for each token of one piece, or onWhole(id) when it is one token.
    template <typename OnWhole, typename OnToken>
    void tokenizePiece(std::string_view piece, OnWhole&& onWhole, OnToken&& onToken) const
    {
        const std::uint32_t whole = vocabulary.find(piece);
        if (whole != Vocabulary::none) {
            onWhole(whole);
        } else if (piece.size() < linearMergeBytesMax) {
            mergeShort(vocabulary, piece, onToken);
        } else {
            mergeLong(vocabulary, piece, onToken);
        }
    }

    [[nodiscard]] std::int64_t countPiece(std::string_view piece) const
    {
        std::int64_t tokens = 0;
        tokenizePiece(
            piece, [&](std::uint32_t) { ++tokens; }, [&](std::string_view) { ++tokens; });
        return tokens;
    }
};

struct EncodingLoader {
    static const Encoding& o200k()
    {
        static const Loaded loaded(Split::O200k, embeddedO200k());
        return loaded.encoding;
    }
    static const Encoding& cl100k()
    {
        static const Loaded loaded(Split::Cl100k, embeddedCl100k());
        return loaded.encoding;
    }

    static TextFeatures features(std::string_view text);

private:
    struct Loaded {
        Loaded(Split split, std::string_view file)
        {
            encoding.m_impl = new Encoding::Impl(split, file);
        }
        Encoding encoding;
    };
};

Encoding::Encoding() : m_impl(nullptr) { }

Encoding::~Encoding()
{
    delete m_impl;
}

Result<const Encoding*> Encoding::named(std::string_view name)
{
    if (name == "o200k_base") {
        return &EncodingLoader::o200k();
    }
    if (name == "cl100k_base") {
        return &EncodingLoader::cl100k();
    }
    return Error(ErrorCode::NotFound, "The encoding \"" + std::string(name) + "\" is not known.",
        "Use o200k_base or cl100k_base.");
}

std::int64_t Encoding::count(std::string_view text) const
{
    if (validUtf8Prefix(text) != text.size()) {
        return count(repaired(text));
    }
    std::int64_t tokens = 0;
    for (std::size_t at = 0, end = 0; at < text.size(); at = end) {
        end = pieceEnd(m_impl->split, text, at);
        tokens += m_impl->countPiece(text.substr(at, end - at));
    }
    return tokens;
}

std::vector<std::uint32_t> Encoding::encode(std::string_view text) const
{
    if (validUtf8Prefix(text) != text.size()) {
        return encode(repaired(text));
    }
    std::vector<std::uint32_t> ids;
    ids.reserve(text.size() / 4);
    const auto whole = [&](std::uint32_t id) { ids.push_back(id); };
    const auto part
        = [&](std::string_view bytes) { ids.push_back(m_impl->vocabulary.find(bytes)); };
    for (std::size_t at = 0, end = 0; at < text.size(); at = end) {
        end = pieceEnd(m_impl->split, text, at);
        m_impl->tokenizePiece(text.substr(at, end - at), whole, part);
    }
    return ids;
}

namespace {

Script scriptOfPiece(std::string_view piece)
{
    std::uint32_t sign = ' ';
    for (std::size_t at = 0; at < piece.size();) {
        const CodePoint point = codePointAt(piece, at);
        const unsigned word = unicodeWordOf(point.code);
        if ((word & Letter) != 0) {
            return static_cast<Script>(word >> 8);
        }
        if (sign == ' ') {
            sign = point.code;
        }
        at += point.size;
    }
    return scriptOf(sign);
}

} // namespace

TextFeatures EncodingLoader::features(std::string_view text)
{
    if (validUtf8Prefix(text) != text.size()) {
        return features(repaired(text));
    }
    TextFeatures found;
    const auto add = [&](const Encoding& encoding, TextFeatures::Counts& tokens, bool bytesToo) {
        for (std::size_t at = 0, end = 0; at < text.size(); at = end) {
            end = pieceEnd(encoding.m_impl->split, text, at);
            const std::string_view piece = text.substr(at, end - at);
            const auto group = static_cast<std::size_t>(scriptOfPiece(piece));
            tokens[group] += encoding.m_impl->countPiece(piece);
            found.bytes[group] += bytesToo ? static_cast<std::int64_t>(piece.size()) : 0;
        }
    };
    add(o200k(), found.o200k, true);
    add(cl100k(), found.cl100k, false);
    return found;
}

TextFeatures textFeatures(std::string_view text)
{
    return EncodingLoader::features(text);
}

} // namespace headgate::tokens
