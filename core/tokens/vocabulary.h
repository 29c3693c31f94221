// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Token bytes → rank, an open-addressing table over the vocabulary file compiled into the program
// (format in resources/tokenizers/README.md). Built once, then constant and safe on any thread.

#include <cstdint>
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

    [[nodiscard]] static std::uint64_t hashOf(std::string_view bytes);

    std::string_view m_blob;
    std::vector<std::uint32_t> m_offsets;
    std::vector<Slot> m_slots;
    std::size_t m_mask = 0;
    std::size_t m_sizeMax = 0;
};

} // namespace headgate::tokens
