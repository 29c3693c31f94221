// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/clock.h"

#include <fmt/format.h>

#include <chrono>

namespace headgate {

TimeUs SystemClock::nowUs() const
{
    return std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::int64_t SystemClock::monotonicUs() const
{
    return std::chrono::duration_cast<std::chrono::microseconds>(
        std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

std::string toIso8601(TimeUs at)
{
    using namespace std::chrono;
    const sys_time<microseconds> moment{microseconds(at)};
    const auto day = floor<days>(moment);
    const year_month_day date(day);
    const hh_mm_ss<microseconds> time(moment - day);
    return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
        static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
        time.hours().count(), time.minutes().count(), time.seconds().count(),
        time.subseconds().count());
}

} // namespace headgate
