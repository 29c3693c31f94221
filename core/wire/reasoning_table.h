// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One table for all dialects between words of reasoning effort and thinking budgets in tokens, so
// that a request means the same whichever way it is translated. Pure.
//
//   effort    minimal   low    medium   high     xhigh    max
//   budget    1,024     4,096  8,192    16,384   32,768   65,536
//
// A budget becomes the word whose budget is nearest; "none" is no budget at all.

#include <cstdint>
#include <optional>
#include <string_view>

namespace headgate::wire {

/// Absent for "none", empty and unknown words.
[[nodiscard]] std::optional<std::int64_t> budgetOfEffort(std::string_view effort);
/// "none" for 0; "medium" for the negative budgets that mean "as you see fit".
[[nodiscard]] const char* effortOfBudget(std::int64_t tokens);

} // namespace headgate::wire
