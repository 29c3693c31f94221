// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Calendar periods in a named time zone. The one place that knows zones (QtCore's QTimeZone:
// libstdc++ 12 has none). Pure functions of their arguments; safe on any thread.

#include "core/base/clock.h"
#include "core/base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace headgate {

enum class Period { Hour, Day, Week, Month, Quarter, Year };

/// A half-open span of time: startUs ≤ t < endUs.
struct Span {
    TimeUs startUs = 0;
    TimeUs endUs = 0;
};

/// The period that contains `at` in IANA zone `zone` ("UTC", "Europe/Berlin"). Weeks start on
/// Monday. `fiscalStartDay` (1…28) moves the first day of month, quarter and year. Days, weeks and
/// longer are calendar spans (23, 24 or 25 hours around a DST change); an hour is always 3,600 s of
/// UTC aligned to the zone's standard offset, so that no hour overlaps another at a change.
[[nodiscard]] Result<Span> periodContaining(
    Period period, TimeUs at, std::string_view zone, int fiscalStartDay = 1);

[[nodiscard]] bool isKnownZone(std::string_view zone);
/// The machine's own zone id, "UTC" when it cannot be told.
[[nodiscard]] std::string systemZone();
/// Offset from UTC in seconds at `at`; 0 for an unknown zone.
[[nodiscard]] int utcOffsetSeconds(TimeUs at, std::string_view zone);
/// "2026-11-23 00:00 Europe/Berlin": what refusal messages and tooltips show.
[[nodiscard]] std::string formatInZone(TimeUs at, std::string_view zone);

} // namespace headgate
