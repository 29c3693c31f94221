// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/tokens/vocabulary.h"

#include <algorithm>
#include <stdexcept>

namespace headgate::tokens {

namespace {

constexpr std::size_t headerBytes = 16;

std::uint32_t readU32(std::string_view file, std::size_t at)
{
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
        value |= static_cast<std::uint32_t>(static_cast<unsigned char>(file[at + i])) << (8 * i);
    }
    return value;
}

} // namespace

Vocabulary::Vocabulary(std::string_view file)
{
    if (file.size() < headerBytes || file.substr(0, 4) != "BPEV" || readU32(file, 4) != 1) {
        throw std::logic_error("a vocabulary compiled into the program has a bad header");
    }
    const std::size_t count = readU32(file, 8);
    const std::size_t blobBytes = readU32(file, 12);
    if (file.size() != headerBytes + count + blobBytes) {
        throw std::logic_error("a vocabulary compiled into the program has a bad size");
    }
    m_blob = file.substr(headerBytes + count, blobBytes);
    m_offsets.resize(count + 1);
    for (std::size_t i = 0; i < count; ++i) {
        const std::size_t size = static_cast<unsigned char>(file[headerBytes + i]);
        m_offsets[i + 1] = m_offsets[i] + static_cast<std::uint32_t>(size);
        m_sizeMax = std::max(m_sizeMax, size);
    }
    if (m_offsets[count] != blobBytes) {
        throw std::logic_error("a vocabulary compiled into the program has a bad blob");
    }
    std::size_t slots = 1;
    while (slots < count * 2) {
        slots *= 2;
    }
    m_slots.resize(slots);
    m_mask = slots - 1;
    for (std::uint32_t rank = 0; rank < count; ++rank) {
        const std::uint64_t hash = hashOf(bytesOf(rank));
        std::size_t i = hash & m_mask;
        while (m_slots[i].rank != none) {
            i = (i + 1) & m_mask;
        }
        m_slots[i] = {static_cast<std::uint32_t>(hash >> 32), rank};
    }
}

} // namespace headgate::tokens
