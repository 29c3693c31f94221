// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Prompts with the outcomes of several models, and what they answered: one JSON object a line,
// packed with gzip or plain. The caller's thread; never throws, errors name file and line.

#include "core/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headgate::evaluate {

/// Unpacked; the published data has 16 MB, ten times it would not fit a benchmark's minutes.
inline constexpr std::size_t fileBytesMax = std::size_t{512} << 20;

struct OutcomeRow {
    std::string id;
    std::string stem; ///< prompts of one stem are never on both sides of a split
    std::string source;
    std::string prompt;
    std::vector<std::pair<std::string, double>> scores; ///< model, 0 … 1
    std::vector<std::pair<std::string, double>> answerChars;
    [[nodiscard]] const double* scoreOf(std::string_view model) const;
    [[nodiscard]] double answerCharsOf(std::string_view model) const; ///< 0: not known
};
[[nodiscard]] Result<std::vector<OutcomeRow>> readOutcomeRows(const std::string& path);

struct AnswerRow {
    std::string id; ///< of the prompt
    std::string model;
    std::string text; ///< its end
    double chars = 0; ///< of the whole answer
    std::string extracted; ///< empty: none was found
    double right = 0;
};
[[nodiscard]] Result<std::vector<AnswerRow>> readAnswerRows(const std::string& path);

/// The file's text, unpacked when it is packed.
[[nodiscard]] Result<std::string> readMaybePacked(const std::string& path);

} // namespace headgate::evaluate
