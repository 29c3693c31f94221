// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One pass over a prompt: words, lines and marks. Pure; bounded work for any text.

#include "core/routing/lexicon.h"

#include <array>
#include <string_view>

namespace headgate::routing {

inline constexpr std::size_t taskTypeCount = 14;

struct TextScan {
    int codeFences = 0;
    int codeLines = 0;
    bool stackTrace = false;
    bool diff = false;
    int mathMarks = 0;
    int tableLines = 0;
    int listItems = 0;
    int urls = 0;
    int numbers = 0;
    int questionMarks = 0;
    int words = 0;
    std::int64_t bytes = 0; ///< scanned
    std::int64_t nonAscii = 0;
    std::array<std::int64_t, 6> letters{}; ///< latin, cjk, cyrillic, arabic, devanagari, other

    std::array<int, 13> kinds{}; ///< by WordKind: how often
    std::array<const Lexeme*, 13> firstOfKind{};
    std::array<int, taskTypeCount> taskScore{};
    std::array<const Lexeme*, taskTypeCount> evidence{};
    bool startsWithQuestion = false;
    bool startsWithGreeting = false;
};

/// Scans at most the first and the last 16 KiB: instructions stand at the ends, what lies between
/// is material.
[[nodiscard]] TextScan scanText(std::string_view text);

} // namespace headgate::routing
