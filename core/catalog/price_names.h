// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Names and dates as price lists write them. Pure functions.

#include "core/base/clock.h"

#include <optional>
#include <string_view>

namespace headgate::catalog {

/// Whether `asked` is `listed` plus a date or version that does not change the price:
/// "-2024-08-06", "-20250514", "@20250514", "-0613", "-001", "-latest", "-0". A short number such
/// as "-5" is another model ("claude-opus-4-5" is not "claude-opus-4"), and so is a word
/// ("gpt-4o-audio-preview" is not "gpt-4o").
[[nodiscard]] bool extendsByVersion(std::string_view asked, std::string_view listed);

/// Midnight UTC of "2026-09-28".
[[nodiscard]] std::optional<TimeUs> dateUs(std::string_view date);

} // namespace headgate::catalog
