// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/calendar.h"

#include <QDateTime>
#include <QTimeZone>

#include <algorithm>
#include <set>

namespace headgate {

namespace {

QTimeZone zoneNamed(std::string_view zone)
{
    if (zone == "UTC" || zone.empty()) {
        return QTimeZone::utc();
    }
    return QTimeZone(QByteArray(zone.data(), static_cast<qsizetype>(zone.size())));
}

TimeUs startOfDayUs(const QDate& date, const QTimeZone& zone)
{
    // startOfDay gives the first valid moment, also where midnight does not exist.
    return date.startOfDay(zone).toMSecsSinceEpoch() * usPerMs;
}

int monthsIn(Period period)
{
    return period == Period::Month ? 1 : period == Period::Quarter ? 3 : 12;
}

Span monthsSpan(Period period, QDate date, const QTimeZone& zone, int fiscalStartDay)
{
    const int months = monthsIn(period);
    if (date.day() < fiscalStartDay) {
        date = QDate(date.year(), date.month(), 1).addDays(-1); // the period began last month
    }
    const int firstMonth = (date.month() - 1) / months * months + 1;
    const QDate start(date.year(), firstMonth, fiscalStartDay);
    return {startOfDayUs(start, zone), startOfDayUs(start.addMonths(months), zone)};
}

} // namespace

Result<Span> periodContaining(Period period, TimeUs at, std::string_view zone, int fiscalStartDay)
{
    const QTimeZone timeZone = zoneNamed(zone);
    if (!timeZone.isValid()) {
        return Error(ErrorCode::InvalidArgument,
            "The time zone \"" + std::string(zone) + "\" is not known.",
            "Use an IANA name such as UTC or Europe/Berlin.");
    }
    if (fiscalStartDay < 1 || fiscalStartDay > 28) {
        return Error(ErrorCode::InvalidArgument, "A fiscal start day must be between 1 and 28.");
    }
    if (period == Period::Hour) {
        // The standard offset: where summer time shifts by half an hour (Lord Howe), aligning to
        // the current offset would make the hours around the change overlap.
        const QDateTime moment = QDateTime::fromMSecsSinceEpoch(at / usPerMs, QTimeZone::utc());
        const std::int64_t offsetUs = timeZone.standardTimeOffset(moment) * usPerSecond;
        const std::int64_t local = at + offsetUs;
        const std::int64_t floor = local - ((local % usPerHour) + usPerHour) % usPerHour;
        return Span{floor - offsetUs, floor - offsetUs + usPerHour};
    }
    const std::int64_t ms = at >= 0 ? at / usPerMs : -((-at + usPerMs - 1) / usPerMs);
    const QDate date = QDateTime::fromMSecsSinceEpoch(ms, timeZone).date();
    if (period == Period::Day) {
        return Span{startOfDayUs(date, timeZone), startOfDayUs(date.addDays(1), timeZone)};
    }
    if (period == Period::Week) {
        const QDate monday = date.addDays(1 - date.dayOfWeek());
        return Span{startOfDayUs(monday, timeZone), startOfDayUs(monday.addDays(7), timeZone)};
    }
    return monthsSpan(period, date, timeZone, fiscalStartDay);
}

bool isKnownZone(std::string_view zone)
{
    return !zone.empty() && zoneNamed(zone).isValid();
}

std::string systemZone()
{
    const QByteArray id = QTimeZone::systemTimeZoneId();
    // One name for UTC everywhere: systems and containers say it in several ways.
    static const std::set<QByteArray> utcNames{"Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu",
        "Etc/GMT", "UCT", "Universal", "Zulu", "GMT"};
    const bool utc = id.isEmpty() || utcNames.count(id) > 0 || !QTimeZone(id).isValid();
    return utc ? "UTC" : id.toStdString();
}

int utcOffsetSeconds(TimeUs at, std::string_view zone)
{
    const QTimeZone timeZone = zoneNamed(zone);
    if (!timeZone.isValid()) {
        return 0;
    }
    return timeZone.offsetFromUtc(QDateTime::fromMSecsSinceEpoch(at / usPerMs, QTimeZone::utc()));
}

std::string formatInZone(TimeUs at, std::string_view zone)
{
    const QTimeZone timeZone = zoneNamed(zone);
    const QDateTime local = QDateTime::fromMSecsSinceEpoch(
        at / usPerMs, timeZone.isValid() ? timeZone : QTimeZone::utc());
    return local.toString(QStringLiteral("yyyy-MM-dd HH:mm")).toStdString() + " "
        + (timeZone.isValid() && !zone.empty() ? std::string(zone) : "UTC");
}

} // namespace headgate
