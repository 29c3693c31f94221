// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Byte pair encoding of one piece in linear time, also for hostile input. It takes the longest
// token and steps back where byte pair merging would have put a boundary elsewhere; the result is
// exactly that of merging the lowest rank first. Method: H. van Antwerpen and A. Neubeck, "So many
// tokens, so little time" (GitHub, 2024). Built once, then constant and safe on any thread.

#include "core/tokens/vocabulary.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace headgate::tokens {

class Merger {
public:
    explicit Merger(const Vocabulary& vocabulary);

    /// Calls onToken(id) for each token of `piece` in order.
    template <typename OnToken>
    void forEachToken(std::string_view piece, OnToken&& onToken) const
    {
        if (piece.size() <= smallBytes) {
            std::uint32_t ids[smallBytes];
            std::uint64_t open[smallBytes / 64 + 1];
            for (const std::uint32_t id : encode(piece, ids, open)) {
                onToken(id);
            }
            return;
        }
        std::vector<std::uint32_t> ids(piece.size());
        std::vector<std::uint64_t> open(piece.size() / 64 + 1);
        for (const std::uint32_t id : encode(piece, ids.data(), open.data())) {
            onToken(id);
        }
    }

private:
    /// Nearly every piece of ordinary text fits; larger ones allocate.
    static constexpr std::size_t smallBytes = 256;
    static constexpr std::uint32_t none = Vocabulary::none;

    struct Pair {
        std::uint32_t left = none;
        std::uint32_t right = none;
    };
    struct PairSlot {
        Pair pair;
        std::uint32_t id = none;
    };
    struct Edge {
        std::uint32_t key = none; ///< node × 256 + byte
        std::uint32_t child = 0;
        std::uint32_t token = none; ///< the token that ends at the child
    };

    std::span<const std::uint32_t> encode(
        std::string_view piece, std::uint32_t* ids, std::uint64_t* open) const;
    [[nodiscard]] std::uint32_t longestToken(std::string_view text) const;
    [[nodiscard]] bool isValidPair(std::uint32_t left, std::uint32_t right) const;
    [[nodiscard]] std::uint32_t joined(Pair pair) const;
    /// The edge, or one without a child.
    [[nodiscard]] Edge edgeOf(std::uint32_t node, unsigned char byte) const;
    [[nodiscard]] std::size_t sizeOf(std::uint32_t id) const { return m_sizes[id]; }

    void addToTrie(std::string_view token, std::uint32_t id);
    Edge& edgeSlot(std::uint32_t key);
    Edge& addEdge(std::uint32_t node, unsigned char byte);
    void growEdges();
    void fillStarts();
    void addPair(Pair pair, std::uint32_t id);
    [[nodiscard]] Pair findSplit(const Vocabulary& vocabulary, std::uint32_t id) const;
    void dropUnreachable();

    std::vector<std::uint8_t> m_sizes;
    std::vector<std::uint32_t> m_shorter; ///< the longest proper prefix that is a token
    std::vector<Pair> m_splits; ///< the last merge that makes a token; (id, id) for single bytes
    std::vector<bool> m_reachable; ///< merging can produce it; else only a whole piece can be it
    std::vector<PairSlot> m_pairs;
    std::vector<Edge> m_edges;
    std::vector<Edge> m_starts; ///< the node after each two bytes, and the longest token up to it
    std::uint32_t m_nodeCount = 1;
};

} // namespace headgate::tokens
