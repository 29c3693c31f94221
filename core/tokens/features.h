// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the estimators look at: tokens of both exact encodings and bytes of a text per script group,
// a piece belonging to the group of its first letter (else of its first character that is not a
// space). Two encodings, because a word that is common only outside English is one token in
// o200k_base and several in cl100k_base, as in other older vocabularies. Pure.

#include "core/tokens/unicode.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace headgate::tokens {

struct TextFeatures {
    using Counts = std::array<std::int64_t, scriptCount>;
    Counts o200k{};
    Counts cl100k{};
    Counts bytes{};
};

[[nodiscard]] TextFeatures textFeatures(std::string_view text);

} // namespace headgate::tokens
