// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Names and dates as price lists write them. Pure functions.

#include "core/base/clock.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace headgate::catalog {

/// Whether `asked` is `listed` plus a date or version that does not change the price:
/// "-2024-08-06", "-20250514", "@20250514", "-0613", "-001", "-latest", "-0". A short number such
/// as "-5" is another model ("claude-opus-4-5" is not "claude-opus-4"), and so is a word
/// ("gpt-4o-audio-preview" is not "gpt-4o").
[[nodiscard]] bool extendsByVersion(std::string_view asked, std::string_view listed);

/// Midnight UTC of "2026-09-28".
[[nodiscard]] std::optional<TimeUs> dateUs(std::string_view date);

/// Our name for a provider that a list calls otherwise: "x-ai" is "xai", "gemini" is "google".
[[nodiscard]] std::string canonicalProvider(std::string_view listed);

/// Lists differ by one token about where a context tier starts (271,999, 272,000 or 272,001): all
/// mean "above 272,000", which is what publishers write.
[[nodiscard]] std::int64_t contextThreshold(std::int64_t listed);

/// Minutes since midnight of "16:30", "16:30:00" or "16:30:00Z".
[[nodiscard]] std::optional<int> minuteOfDay(std::string_view text);

} // namespace headgate::catalog
