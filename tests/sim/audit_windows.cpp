// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/audit_windows.h"

#include <string>

namespace headgate::sim {

namespace {

struct Date {
    std::int64_t year = 0;
    std::int64_t month = 1; ///< 1…12
    std::int64_t day = 1;
};

std::int64_t floorDiv(std::int64_t a, std::int64_t b)
{
    return a / b - ((a % b != 0 && (a % b < 0) != (b < 0)) ? 1 : 0);
}

/// Days since 1970-01-01 of a date in the Gregorian calendar (Hinnant, "chrono-compatible low-level
/// date algorithms").
std::int64_t daysOf(const Date& date)
{
    const std::int64_t y = date.year - (date.month <= 2 ? 1 : 0);
    const std::int64_t era = floorDiv(y, 400);
    const std::int64_t yearOfEra = y - era * 400;
    const std::int64_t dayOfYear
        = (153 * (date.month + (date.month > 2 ? -3 : 9)) + 2) / 5 + date.day - 1;
    const std::int64_t dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
    return era * 146'097 + dayOfEra - 719'468;
}

Date dateOf(std::int64_t days)
{
    const std::int64_t z = days + 719'468;
    const std::int64_t era = floorDiv(z, 146'097);
    const std::int64_t dayOfEra = z - era * 146'097;
    const std::int64_t yearOfEra
        = (dayOfEra - dayOfEra / 1'460 + dayOfEra / 36'524 - dayOfEra / 146'096) / 365;
    const std::int64_t dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
    const std::int64_t shifted = (5 * dayOfYear + 2) / 153;
    const std::int64_t month = shifted + (shifted < 10 ? 3 : -9);
    return {yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month,
        dayOfYear - (153 * shifted + 2) / 5 + 1};
}

/// Monday is 0; 1970-01-01 was a Thursday.
std::int64_t weekday(std::int64_t days)
{
    return ((days + 3) % 7 + 7) % 7;
}

std::int64_t sundayOnOrAfter(std::int64_t days)
{
    return days + 6 - weekday(days);
}

TimeUs utc(std::int64_t days, std::int64_t hours)
{
    return days * usPerDay + hours * usPerHour;
}

/// European Union: from the last Sunday of March to that of October, 01:00 UTC.
bool isEuropeanSummer(TimeUs at, std::int64_t year)
{
    return at >= utc(sundayOnOrAfter(daysOf({year, 3, 25})), 1)
        && at < utc(sundayOnOrAfter(daysOf({year, 10, 25})), 1);
}

/// United States: from the second Sunday of March to the first of November, 02:00 local time.
bool isAmericanSummer(TimeUs at, std::int64_t year)
{
    return at >= utc(sundayOnOrAfter(daysOf({year, 3, 8})), 7)
        && at < utc(sundayOnOrAfter(daysOf({year, 11, 1})), 6);
}

std::int64_t standardOffsetSeconds(const std::string& zone)
{
    if (zone == "Europe/Berlin") {
        return 3'600;
    }
    if (zone == "America/New_York") {
        return -5 * 3'600;
    }
    return zone == "Asia/Kolkata" ? 19'800 : 0;
}

/// Local midnight. All clock changes of these zones are after 01:00, so it always exists, once.
TimeUs midnight(const Date& date, const std::string& zone)
{
    const TimeUs local = utc(daysOf(date), 0);
    const TimeUs guess = local - standardOffsetSeconds(zone) * usPerSecond;
    const TimeUs summer = guess - usPerHour;
    return ownOffsetSeconds(zone, summer) != standardOffsetSeconds(zone) ? summer : guess;
}

} // namespace

std::int64_t ownOffsetSeconds(const std::string& zone, TimeUs at)
{
    const std::int64_t year = dateOf(floorDiv(at, usPerDay)).year;
    const bool isSummer = (zone == "Europe/Berlin" && isEuropeanSummer(at, year))
        || (zone == "America/New_York" && isAmericanSummer(at, year));
    return standardOffsetSeconds(zone) + (isSummer ? 3'600 : 0);
}

TimeUs ownWindowStart(const ledger::Pool& pool, TimeUs at)
{
    if (pool.window.kind != ledger::WindowKind::Fixed) {
        return 0;
    }
    const std::string& zone = pool.zone;
    if (pool.window.period == Period::Hour) {
        const TimeUs offset = standardOffsetSeconds(zone) * usPerSecond;
        return floorDiv(at + offset, usPerHour) * usPerHour - offset;
    }
    const std::int64_t days = floorDiv(at + ownOffsetSeconds(zone, at) * usPerSecond, usPerDay);
    Date date = dateOf(days);
    switch (pool.window.period) {
    case Period::Day:
        return midnight(date, zone);
    case Period::Week:
        return midnight(dateOf(days - weekday(days)), zone);
    default:
        break;
    }
    if (date.day < pool.fiscalStartDay) { // still the month before
        date = dateOf(daysOf({date.year, date.month, 1}) - 1);
    }
    if (pool.window.period == Period::Quarter) {
        date.month = (date.month - 1) / 3 * 3 + 1;
    } else if (pool.window.period == Period::Year) {
        date.month = 1;
    }
    date.day = pool.fiscalStartDay;
    return midnight(date, zone);
}

} // namespace headgate::sim
