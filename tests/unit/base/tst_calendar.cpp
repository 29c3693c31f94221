// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/calendar.h"

#include <QtTest>

#include <chrono>

using namespace headgate;

namespace {

/// Microseconds of a UTC moment.
TimeUs utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0)
{
    const std::chrono::year_month_day date{
        std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)};
    return std::chrono::sys_days(date).time_since_epoch().count() * usPerDay + hour * usPerHour
        + minute * usPerMinute;
}

Span spanOf(Period period, TimeUs at, const char* zone, int fiscalStartDay = 1)
{
    return periodContaining(period, at, zone, fiscalStartDay).value();
}

} // namespace

Q_DECLARE_METATYPE(headgate::Period)

class TestCalendar : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void badZonesAndDaysAreRefused()
    {
        for (const char* zone : {"Mars/Olympus", "europe berlin", "../etc/passwd", "UTC+99"}) {
            QVERIFY(!isKnownZone(zone));
            QVERIFY(!periodContaining(Period::Day, 0, zone));
        }
        QVERIFY(!isKnownZone(""));
        for (const int day : {0, -1, 29, 31}) {
            QVERIFY(!periodContaining(Period::Month, 0, "UTC", day));
        }
        QVERIFY(isKnownZone("UTC"));
        QVERIFY(isKnownZone("Europe/Berlin"));
        QVERIFY(isKnownZone(systemZone()));
        QCOMPARE(utcOffsetSeconds(0, "Mars/Olympus"), 0);
    }

    void spans_data()
    {
        QTest::addColumn<Period>("period");
        QTest::addColumn<qint64>("at");
        QTest::addColumn<QByteArray>("zone");
        QTest::addColumn<int>("fiscal");
        QTest::addColumn<qint64>("start");
        QTest::addColumn<qint64>("end");
        const auto row = [](const char* name, Period period, TimeUs at, const char* zone,
                             int fiscal, TimeUs start, TimeUs end) {
            QTest::newRow(name) << period << qint64(at) << QByteArray(zone) << fiscal
                                << qint64(start) << qint64(end);
        };
        row("spring day of 23 hours", Period::Day, utc(2026, 3, 29, 12), "Europe/Berlin", 1,
            utc(2026, 3, 28, 23), utc(2026, 3, 29, 22));
        row("autumn day of 25 hours", Period::Day, utc(2026, 10, 25, 12), "Europe/Berlin", 1,
            utc(2026, 10, 24, 22), utc(2026, 10, 25, 23));
        row("first moment of a day", Period::Day, utc(2026, 10, 24, 22), "Europe/Berlin", 1,
            utc(2026, 10, 24, 22), utc(2026, 10, 25, 23));
        row("last moment of a day", Period::Day, utc(2026, 10, 24, 22) - 1, "Europe/Berlin", 1,
            utc(2026, 10, 23, 22), utc(2026, 10, 24, 22));
        row("a day whose midnight does not exist", Period::Day, utc(2026, 9, 6, 12),
            "America/Santiago", 1, utc(2026, 9, 6, 4), utc(2026, 9, 7, 3));
        row("week across the change", Period::Week, utc(2026, 3, 29, 12), "Europe/Berlin", 1,
            utc(2026, 3, 22, 23), utc(2026, 3, 29, 22));
        row("a Sunday belongs to the week before", Period::Week, utc(2026, 11, 22, 3), "UTC", 1,
            utc(2026, 11, 16), utc(2026, 11, 23));
        row("a Monday starts its week", Period::Week, utc(2026, 11, 23), "UTC", 1,
            utc(2026, 11, 23), utc(2026, 11, 30));
        row("month", Period::Month, utc(2026, 2, 28, 23), "UTC", 1, utc(2026, 2, 1),
            utc(2026, 3, 1));
        row("leap February", Period::Month, utc(2028, 2, 29), "UTC", 1, utc(2028, 2, 1),
            utc(2028, 3, 1));
        row("fiscal month, before its day", Period::Month, utc(2026, 3, 14, 23, 59), "UTC", 15,
            utc(2026, 2, 15), utc(2026, 3, 15));
        row("fiscal month, on its day", Period::Month, utc(2026, 3, 15), "UTC", 15,
            utc(2026, 3, 15), utc(2026, 4, 15));
        row("fiscal month across the year", Period::Month, utc(2026, 1, 1), "UTC", 15,
            utc(2025, 12, 15), utc(2026, 1, 15));
        row("quarter", Period::Quarter, utc(2026, 11, 22), "UTC", 1, utc(2026, 10, 1),
            utc(2027, 1, 1));
        row("fiscal quarter", Period::Quarter, utc(2026, 10, 9), "UTC", 10, utc(2026, 7, 10),
            utc(2026, 10, 10));
        row("year", Period::Year, utc(2026, 12, 31, 23), "UTC", 1, utc(2026, 1, 1),
            utc(2027, 1, 1));
        row("year elsewhere", Period::Year, utc(2026, 12, 31, 23), "Europe/Berlin", 1,
            utc(2026, 12, 31, 23), utc(2027, 12, 31, 23));
        row("fiscal year", Period::Year, utc(2026, 1, 3), "UTC", 6, utc(2025, 1, 6),
            utc(2026, 1, 6));
        row("hour", Period::Hour, utc(2026, 11, 22, 3, 59), "UTC", 1, utc(2026, 11, 22, 3),
            utc(2026, 11, 22, 4));
        row("hour in a half-hour zone", Period::Hour, utc(2026, 11, 22, 3, 10), "Asia/Kolkata", 1,
            utc(2026, 11, 22, 2, 30), utc(2026, 11, 22, 3, 30));
        row("hour in a three-quarter zone", Period::Hour, utc(2026, 11, 22, 3, 10),
            "Asia/Kathmandu", 1, utc(2026, 11, 22, 2, 15), utc(2026, 11, 22, 3, 15));
        row("before 1970", Period::Hour, -1, "UTC", 1, -usPerHour, 0);
        row("day before 1970", Period::Day, -1, "UTC", 1, -usPerDay, 0);
    }
    void spans()
    {
        QFETCH(Period, period);
        QFETCH(qint64, at);
        QFETCH(QByteArray, zone);
        QFETCH(int, fiscal);
        QFETCH(qint64, start);
        QFETCH(qint64, end);
        const Span span = spanOf(period, at, zone.constData(), fiscal);
        QCOMPARE(qint64(span.startUs), start);
        QCOMPARE(qint64(span.endUs), end);
    }

    /// Spans tile the time line: no moment is in two spans or in none, at any change of the clocks.
    void spansNeverOverlap_data()
    {
        QTest::addColumn<Period>("period");
        QTest::addColumn<QByteArray>("zone");
        for (const char* zone : {"UTC", "Europe/Berlin", "America/New_York", "America/Santiago",
                 "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "Africa/Casablanca"}) {
            for (const auto& [name, period] : {std::pair("hour", Period::Hour),
                     std::pair("day", Period::Day), std::pair("week", Period::Week),
                     std::pair("month", Period::Month), std::pair("quarter", Period::Quarter)}) {
                QTest::newRow((std::string(name) + " " + zone).c_str())
                    << period << QByteArray(zone);
            }
        }
    }
    void spansNeverOverlap()
    {
        QFETCH(Period, period);
        QFETCH(QByteArray, zone);
        const TimeUs end = period == Period::Hour ? utc(2026, 12, 31) : utc(2028, 1, 1);
        const std::int64_t stepUs = period == Period::Hour ? usPerHour / 2 : 6 * usPerHour;
        Span last = spanOf(period, utc(2026, 1, 1), zone.constData());
        for (TimeUs at = last.startUs; at < end; at += stepUs) {
            const Span span = spanOf(period, at, zone.constData());
            QVERIFY(span.startUs <= at && at < span.endUs);
            if (span.startUs != last.startUs) {
                QCOMPARE(qint64(span.startUs), qint64(last.endUs));
                last = span;
            }
            QCOMPARE(qint64(span.endUs), qint64(last.endUs));
        }
    }

    void timesAreShownInTheirZone()
    {
        QCOMPARE(formatInZone(utc(2026, 11, 22, 23), "Europe/Berlin"),
            std::string("2026-11-23 00:00 Europe/Berlin"));
        QCOMPARE(formatInZone(utc(2026, 7, 1, 22), "Europe/Berlin"),
            std::string("2026-07-02 00:00 Europe/Berlin"));
        QCOMPARE(formatInZone(0, ""), std::string("1970-01-01 00:00 UTC"));
        QCOMPARE(toIso8601(utc(2026, 11, 22, 2, 44) + 23 * usPerSecond + 123'456),
            std::string("2026-11-22T02:44:23.123456Z"));
        QCOMPARE(toIso8601(-1), std::string("1969-12-31T23:59:59.999999Z"));
    }

    void manualClockMovesAndSteps()
    {
        ManualClock clock(100);
        clock.advanceUs(5);
        clock.stepWallUs(-50);
        QCOMPARE(qint64(clock.nowUs()), 55);
        QCOMPARE(qint64(clock.monotonicUs()), 5);
        const SystemClock system;
        const std::int64_t before = system.monotonicUs();
        QVERIFY(system.monotonicUs() >= before);
        QVERIFY(system.nowUs() > utc(2024, 1, 1));
    }
};

QTEST_GUILESS_MAIN(TestCalendar)
#include "tst_calendar.moc"
