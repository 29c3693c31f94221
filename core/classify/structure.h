// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The shape of a prompt in numbers: length, marks, lines, listed options, telling words. Each lies
// in a fixed range, so that no statistics of a user's traffic have to be kept. Pure.

#include "core/classify/words.h"

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace headgate::classify {

inline constexpr std::size_t structureCount = 72;

/// Values scaled to 0…1 within each feature's range.
using Structure = std::array<float, structureCount>;

struct StructureSpec {
    std::string_view name; ///< for people
    float low;
    float high;
    int bins; ///< of the linear head
};
[[nodiscard]] const std::array<StructureSpec, structureCount>& structureSpecs();

/// `words` are those of `text.head` followed by those of `text.tail`.
[[nodiscard]] Structure measureStructure(const ReadText& text, std::span<const Word> words);

} // namespace headgate::classify
