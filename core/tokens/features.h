// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the estimators look at: o200k tokens and bytes of a text per script group, a piece belonging
// to the group of its first letter (else of its first character that is not a space). Pure.

#include "core/tokens/unicode.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace headgate::tokens {

struct TextFeatures {
    std::array<std::int64_t, scriptCount> tokens{};
    std::array<std::int64_t, scriptCount> bytes{};
};

[[nodiscard]] TextFeatures textFeatures(std::string_view text);

} // namespace headgate::tokens
