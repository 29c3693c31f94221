// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Decisions as CSV lines: every cell quoted, exact numbers, a unit column, and no cell that a
// spreadsheet would run as a formula. Pure.

#include "core/activity/decision.h"

#include <string>
#include <string_view>

namespace headgate::service {

/// Quotes the cell; a leading = + - @ tab or return gets an apostrophe in front. Numbers that
/// Headgate made itself are exempt from that: `isNumber`.
[[nodiscard]] std::string csvCell(std::string_view text, bool isNumber = false);
[[nodiscard]] std::string decisionCsvHead();
[[nodiscard]] std::string decisionCsvLine(const activity::Decision& decision);

} // namespace headgate::service
