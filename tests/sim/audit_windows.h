// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The auditor's own calendar: when a fixed window began, by the rules of four time zones written
// down here, independent of the calendar that the program uses. Pure.

#include "core/base/clock.h"
#include "core/ledger/pool.h"

namespace headgate::sim {

/// Start of the fixed window of `pool` that contains `at`; 0 for windows without a calendar.
[[nodiscard]] TimeUs ownWindowStart(const ledger::Pool& pool, TimeUs at);
/// UTC offset of the zone at `at`, in seconds.
[[nodiscard]] std::int64_t ownOffsetSeconds(const std::string& zone, TimeUs at);

} // namespace headgate::sim
