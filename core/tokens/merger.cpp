// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/tokens/merger.h"

#include <algorithm>
#include <bit>
#include <limits>

namespace headgate::tokens {

namespace {

constexpr std::uint64_t multiplier = 0x9E3779B97F4A7C15ULL;

std::size_t slotOf(std::uint64_t key, std::size_t slots)
{
    // The high bits of a multiplicative hash are the good ones.
    return static_cast<std::size_t>((key * multiplier) >> 32) & (slots - 1);
}

std::uint64_t keyOf(std::uint32_t left, std::uint32_t right)
{
    return (static_cast<std::uint64_t>(left) << 32 | right) * multiplier;
}

} // namespace

Merger::Merger(const Vocabulary& vocabulary)
{
    const auto count = static_cast<std::uint32_t>(vocabulary.size());
    m_sizes.resize(count);
    m_shorter.assign(count, none);
    m_splits.resize(count);
    m_reachable.assign(count, false);
    m_pairs.resize(std::bit_ceil(std::size_t{count} * 2));
    m_edges.resize(std::bit_ceil(std::size_t{count} * 4));
    for (std::uint32_t id = 0; id < count; ++id) {
        m_sizes[id] = static_cast<std::uint8_t>(vocabulary.bytesOf(id).size());
        addToTrie(vocabulary.bytesOf(id), id);
    }
    for (std::uint32_t id = 0; id < count; ++id) {
        const std::string_view token = vocabulary.bytesOf(id);
        std::uint32_t node = 0;
        for (const char c : token.substr(0, token.size() - 1)) {
            const Edge edge = edgeOf(node, static_cast<unsigned char>(c));
            node = edge.child;
            m_shorter[id] = edge.token != none ? edge.token : m_shorter[id];
        }
    }
    for (std::uint32_t id = 0; id < count; ++id) {
        m_splits[id] = {id, id};
        if (sizeOf(id) == 1) {
            m_reachable[id] = true;
            continue;
        }
        const Pair split = findSplit(vocabulary, id);
        if (split.left != none) {
            m_reachable[id] = true;
            m_splits[id] = split;
            addPair(split, id);
        }
    }
    dropUnreachable();
    fillStarts();
}

Merger::Edge Merger::edgeOf(std::uint32_t node, unsigned char byte) const
{
    const std::uint32_t key = node << 8 | byte;
    const Edge* edges = m_edges.data();
    const std::size_t slots = m_edges.size();
    for (std::size_t i = slotOf(key, slots);; i = (i + 1) & (slots - 1)) {
        if (edges[i].key == key || edges[i].key == none) {
            return edges[i];
        }
    }
}

Merger::Edge& Merger::edgeSlot(std::uint32_t key)
{
    std::size_t i = slotOf(key, m_edges.size());
    while (m_edges[i].key != none && m_edges[i].key != key) {
        i = (i + 1) & (m_edges.size() - 1);
    }
    return m_edges[i];
}

Merger::Edge& Merger::addEdge(std::uint32_t node, unsigned char byte)
{
    if (std::size_t{m_nodeCount} * 2 > m_edges.size()) {
        growEdges();
    }
    Edge& edge = edgeSlot(node << 8 | byte);
    edge = {node << 8 | byte, m_nodeCount++, none};
    return edge;
}

void Merger::growEdges()
{
    std::vector<Edge> old(m_edges.size() * 2);
    old.swap(m_edges);
    for (const Edge& edge : old) {
        if (edge.key != none) {
            edgeSlot(edge.key) = edge;
        }
    }
}

void Merger::addToTrie(std::string_view token, std::uint32_t id)
{
    std::uint32_t node = 0;
    for (std::size_t i = 0; i < token.size(); ++i) {
        const auto byte = static_cast<unsigned char>(token[i]);
        Edge* edge = &edgeSlot(node << 8 | byte);
        if (edge->key == none) {
            edge = &addEdge(node, byte);
        }
        if (i + 1 == token.size()) {
            edge->token = id;
        }
        node = edge->child;
    }
}

void Merger::fillStarts()
{
    m_starts.resize(0x10000);
    for (unsigned first = 0; first < 256; ++first) {
        const Edge one = edgeOf(0, static_cast<unsigned char>(first));
        for (unsigned second = 0; second < 256; ++second) {
            const Edge two = edgeOf(one.child, static_cast<unsigned char>(second));
            m_starts[first << 8 | second]
                = {0, two.child, two.token != none ? two.token : one.token};
        }
    }
}

std::uint32_t Merger::joined(Pair pair) const
{
    const PairSlot* slots = m_pairs.data();
    const std::size_t count = m_pairs.size();
    for (std::size_t i = slotOf(keyOf(pair.left, pair.right), count);; i = (i + 1) & (count - 1)) {
        const PairSlot& slot = slots[i];
        if (slot.id == none || (slot.pair.left == pair.left && slot.pair.right == pair.right)) {
            return slot.id;
        }
    }
}

void Merger::addPair(Pair pair, std::uint32_t id)
{
    std::size_t i = slotOf(keyOf(pair.left, pair.right), m_pairs.size());
    while (m_pairs[i].id != none) {
        i = (i + 1) & (m_pairs.size() - 1);
    }
    m_pairs[i] = {pair, id};
}

/// The two tokens whose merge makes `id`: the only split whose boundary merging itself would keep
/// until then.
Merger::Pair Merger::findSplit(const Vocabulary& vocabulary, std::uint32_t id) const
{
    const std::string_view token = vocabulary.bytesOf(id);
    for (std::uint32_t left = m_shorter[id]; left != none; left = m_shorter[left]) {
        const std::uint32_t right = vocabulary.find(token.substr(sizeOf(left)));
        if (right != none && left < id && right < id && m_reachable[left] && m_reachable[right]
            && isValidPair(left, right)) {
            return {left, right};
        }
    }
    return {};
}

void Merger::dropUnreachable()
{
    for (std::uint32_t& id : m_shorter) {
        while (id != none && !m_reachable[id]) {
            id = m_shorter[id];
        }
    }
    for (Edge& edge : m_edges) {
        edge.token = edge.token != none && m_reachable[edge.token] ? edge.token : none;
    }
}

std::uint32_t Merger::longestToken(std::string_view text) const
{
    const auto byteAt = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    if (text.size() < 2) {
        return edgeOf(0, byteAt(0)).token;
    }
    const Edge start = m_starts[static_cast<std::size_t>(byteAt(0) << 8 | byteAt(1))];
    std::uint32_t found = start.token;
    std::uint32_t node = start.child;
    for (std::size_t i = 2; node != 0 && i < text.size(); ++i) {
        const Edge edge = edgeOf(node, byteAt(i));
        node = edge.child;
        found = edge.token != none ? edge.token : found;
    }
    return found;
}

/// Whether merging the bytes of both tokens leaves a boundary between them: undoes merges from the
/// latest on and asks at each step whether a pair across the boundary would have been joined
/// earlier.
bool Merger::isValidPair(std::uint32_t left, std::uint32_t right) const
{
    std::uint32_t limit = std::numeric_limits<std::uint32_t>::max();
    for (;;) {
        if (joined({left, right}) < limit) {
            return false;
        }
        if (left > right) {
            limit = left;
            left = m_splits[left].right;
            if (left == limit) {
                limit = right + 1;
                right = m_splits[right].left;
                if (right + 1 == limit) {
                    return true;
                }
            }
        } else {
            limit = right + 1;
            right = m_splits[right].left;
            if (right + 1 == limit) {
                limit = left;
                left = m_splits[left].right;
                if (left == limit) {
                    return true;
                }
            }
        }
    }
}

std::span<const std::uint32_t> Merger::encode(
    std::string_view piece, std::uint32_t* ids, std::uint64_t* open) const
{
    // A position is closed once no tokenisation can pass through it, so each is tried only once.
    std::fill_n(open, piece.size() / 64 + 1, ~std::uint64_t{0});
    const auto isOpen = [&](std::size_t at) { return (open[at / 64] >> (at % 64) & 1) != 0; };
    std::size_t count = 0;
    std::size_t at = 0;
    std::uint32_t next = longestToken(piece);
    while (next != none) {
        const std::uint32_t last = count > 0 ? ids[count - 1] : none;
        const std::size_t end = at + sizeOf(next);
        if (isOpen(end) && (last == none || isValidPair(last, next))) {
            ids[count++] = next;
            at = end;
            next = at < piece.size() ? longestToken(piece.substr(at)) : none;
        } else if (m_shorter[next] != none) {
            next = m_shorter[next];
        } else if (count == 0) {
            break; // not reached while every byte is a token
        } else {
            open[at / 64] &= ~(std::uint64_t{1} << (at % 64));
            --count;
            at -= sizeOf(last);
            next = last;
        }
    }
    return {ids, count};
}

} // namespace headgate::tokens
