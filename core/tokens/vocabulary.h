// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Token bytes → rank, an open-addressing table over the vocabulary file compiled into the program
// (format in resources/tokenizers/README.md). Built once, then constant and safe on any thread.

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace headgate::tokens {

class Vocabulary {
public:
    static constexpr std::uint32_t none = 0xFFFFFFFF;

    /// `file` must outlive the vocabulary. Aborts on a malformed file: it is part of the program.
    explicit Vocabulary(std::string_view file);

    /// Rank (= token id) of exactly these bytes, or none.
    [[nodiscard]] std::uint32_t find(std::string_view bytes) const
    {
        if (bytes.size() > m_sizeMax || bytes.empty()) {
            return none;
        }
        const std::uint64_t hash = hashOf(bytes);
        const auto tag = static_cast<std::uint32_t>(hash >> 32);
        for (std::size_t i = hash & m_mask;; i = (i + 1) & m_mask) {
            const Slot slot = m_slots[i];
            if (slot.rank == none) {
                return none;
            }
            if (slot.tag == tag && bytesOf(slot.rank) == bytes) {
                return slot.rank;
            }
        }
    }

    [[nodiscard]] std::string_view bytesOf(std::uint32_t rank) const
    {
        return m_blob.substr(m_offsets[rank], m_offsets[rank + 1] - m_offsets[rank]);
    }
    [[nodiscard]] std::size_t size() const { return m_offsets.size() - 1; }

private:
    struct Slot {
        std::uint32_t tag = 0;
        std::uint32_t rank = none;
    };

    template <typename Word>
    [[nodiscard]] static std::uint64_t load(const char* bytes)
    {
        Word word = 0;
        std::memcpy(&word, bytes, sizeof word);
        return word;
    }
    [[nodiscard]] static std::uint64_t mixed(std::uint64_t hash, std::uint64_t word)
    {
        hash = (hash ^ word) * 0xD6E8FEB86659FD93ULL;
        return hash ^ (hash >> 32);
    }
    /// Multiply and fold, eight bytes a step, the last step overlapping the one before. No key: a
    /// look-up compares the bytes, and the vocabulary, so the longest probe too, is fixed.
    [[nodiscard]] static std::uint64_t hashOf(std::string_view bytes)
    {
        const char* data = bytes.data();
        const std::size_t size = bytes.size();
        std::uint64_t hash = 0x9E3779B97F4A7C15ULL * (size + 1);
        if (size >= 8) {
            for (std::size_t at = 0; at + 8 < size; at += 8) {
                hash = mixed(hash, load<std::uint64_t>(data + at));
            }
            hash = mixed(hash, load<std::uint64_t>(data + size - 8));
        } else if (size >= 4) {
            hash = mixed(
                hash, load<std::uint32_t>(data) << 32 | load<std::uint32_t>(data + size - 4));
        } else {
            hash = mixed(hash,
                load<std::uint8_t>(data) << 16 | load<std::uint8_t>(data + size / 2) << 8
                    | load<std::uint8_t>(data + size - 1));
        }
        return mixed(hash, hash >> 29);
    }

    std::string_view m_blob;
    std::vector<std::uint32_t> m_offsets;
    std::vector<Slot> m_slots;
    std::size_t m_mask = 0;
    std::size_t m_sizeMax = 0;
};

} // namespace headgate::tokens
