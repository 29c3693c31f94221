// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/rules.h"
#include "tests/unit/ledger/ledger_fixture.h"

#include <limits>

using namespace headgate;
using namespace headgate::ledger;
using namespace headgate::ledger::test;

namespace {

/// Microseconds of a UTC time.
TimeUs utc(int year, int month, int day, int hour = 0, int minute = 0)
{
    const QDateTime at(QDate(year, month, day), QTime(hour, minute), Qt::UTC);
    return at.toMSecsSinceEpoch() * usPerMs;
}

} // namespace

class TestRules : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void matchesScope_data()
    {
        QTest::addColumn<QString>("scope");
        QTest::addColumn<bool>("expected");
        QTest::addColumn<QString>("value");
        QTest::newRow("other team") << "team=sales" << false << "";
        QTest::newRow("other user") << "user=bob" << false << "";
        QTest::newRow("other key") << "key=desk" << false << "";
        QTest::newRow("other session") << "session=s2" << false << "";
        QTest::newRow("other tag") << "tag=project:y" << false << "";
        QTest::newRow("half a tag") << "tag=project:"
                                       "xx"
                                    << false << "";
        QTest::newRow("higher tier") << "tier>=3" << false << "";
        QTest::newRow("other model") << "model=large" << false << "";
        QTest::newRow("other provider") << "provider=openai" << false << "";
        QTest::newRow("org") << "org" << true << "";
        QTest::newRow("request") << "request" << true << "";
        QTest::newRow("team") << "team=search" << true << "search";
        QTest::newRow("each team") << "each-team" << true << "search";
        QTest::newRow("user") << "user=ann" << true << "ann";
        QTest::newRow("each user") << "each-user" << true << "ann";
        QTest::newRow("key") << "key=laptop" << true << "laptop";
        QTest::newRow("each key") << "each-key" << true << "laptop";
        QTest::newRow("session") << "session=s1" << true << "s1";
        QTest::newRow("each session") << "each-session" << true << "s1";
        QTest::newRow("tag") << "tag=project:x" << true << "project:x";
        QTest::newRow("tier") << "tier>=2" << true << "2";
        QTest::newRow("model") << "model=small" << true << "small";
        QTest::newRow("provider") << "provider=sim" << true << "sim";
    }
    void matchesScope()
    {
        QFETCH(QString, scope);
        QFETCH(bool, expected);
        QFETCH(QString, value);
        Ask ask = makeAsk("r", usd("1"));
        ask.identity.tags = {"a:b", "project:x"};
        ask.target.tier = 2;
        Pool pool = makePool(1, scope.toUtf8().constData(), "day", "1");
        QCOMPARE(matches(pool, ask.identity, ask.target), expected);
        if (expected) {
            HEADGATE_COMPARE_TEXT(
                accountValue(pool, ask.identity, ask.target), value.toStdString());
        }
        pool.archived = true;
        QVERIFY(!matches(pool, ask.identity, ask.target));
    }

    void checks_data()
    {
        QTest::addColumn<QString>("cap");
        QTest::addColumn<QString>("settled");
        QTest::addColumn<QString>("held");
        QTest::addColumn<QString>("asked");
        QTest::addColumn<QString>("verdict");
        const char* huge = "9223372036";
        QTest::newRow("negative") << "5"
                                  << "0"
                                  << "0"
                                  << "-1"
                                  << "cap_reached";
        QTest::newRow("above the cap") << "5"
                                       << "0"
                                       << "0"
                                       << "5.000000001"
                                       << "cap_reached";
        QTest::newRow("above the rest") << "5"
                                        << "4"
                                        << "0"
                                        << "1.000000001"
                                        << "cap_reached";
        QTest::newRow("in flight") << "5"
                                   << "3"
                                   << "1"
                                   << "1.5"
                                   << "in_flight";
        QTest::newRow("in flight is no help") << "5"
                                              << "4"
                                              << "0.5"
                                              << "1.5"
                                              << "cap_reached";
        QTest::newRow("nothing left") << "5"
                                      << "5"
                                      << "0"
                                      << "0.000000001"
                                      << "cap_reached";
        QTest::newRow("cap lowered below use") << "5"
                                               << "6"
                                               << "0"
                                               << "0"
                                               << "cap_reached";
        QTest::newRow("cap zero") << "0"
                                  << "0"
                                  << "0"
                                  << "0.01"
                                  << "cap_reached";
        QTest::newRow("sum overflows") << huge << huge << "0" << huge << "cap_reached";
        QTest::newRow("held overflows") << huge << "1" << huge << "5"
                                        << "in_flight";
        QTest::newRow("exactly the rest") << "5"
                                          << "3"
                                          << "1"
                                          << "1"
                                          << "granted";
        QTest::newRow("free at the cap") << "5"
                                         << "5"
                                         << "0"
                                         << "0"
                                         << "granted";
        QTest::newRow("all of it") << huge << "0"
                                   << "0" << huge << "granted";
    }
    void checks()
    {
        QFETCH(QString, cap);
        QFETCH(QString, settled);
        QFETCH(QString, held);
        QFETCH(QString, asked);
        QFETCH(QString, verdict);
        Pool pool = makePool(1, "org", "day", cap.toUtf8().constData());
        AccountView account;
        account.balance.settled = usd(settled.toUtf8().constData());
        account.balance.held = usd(held.toUtf8().constData());
        const Money amount = usd(asked.toUtf8().constData());
        const auto denial = check(pool, account, amount, Priority::Normal);
        QCOMPARE(QString::fromUtf8(denial ? denialReasonName(denial->reason) : "granted"), verdict);
        pool.hard = false;
        QVERIFY(!check(pool, account, amount, Priority::Normal));
        pool.hard = true;
        account.balance.frozen = true;
        QCOMPARE(check(pool, account, amount, Priority::High).value().reason, DenialReason::Frozen);
    }

    void reserveIsRoundedUp()
    {
        Pool pool = makePool(1, "org", "day", "0.000000003");
        pool.reservePercent = 50;
        QCOMPARE(*limitFor(pool, {}, Priority::Low), usd("0.000000001"));
        QCOMPARE(*limitFor(pool, {}, Priority::High), usd("0.000000003"));
        QCOMPARE(*limitFor(pool, usd("0.000000003"), Priority::Normal), usd("0.000000003"));
    }

    void worseDenialWins()
    {
        Denial flight;
        flight.reason = DenialReason::InFlight;
        Denial capped;
        capped.reason = DenialReason::CapReached;
        capped.cap = usd("5");
        Denial tighter = capped;
        tighter.settled = usd("1");
        Denial frozen;
        frozen.reason = DenialReason::Frozen;
        QVERIFY(isWorse(capped, flight));
        QVERIFY(!isWorse(flight, capped));
        QVERIFY(isWorse(tighter, capped));
        QVERIFY(isWorse(frozen, tighter));
    }

    void linesShowWhatIsAvailable()
    {
        BudgetLine line;
        line.cap = usd("5");
        line.settled = usd("2");
        line.held = usd("1");
        QCOMPARE(line.available(), usd("2"));
        line.held = usd("4");
        QCOMPARE(line.available(), Money());
        line.held = Money();
        line.frozen = true;
        QCOMPARE(line.available(), Money());
    }

    void windowsAcrossDaylightSaving_data()
    {
        QTest::addColumn<QString>("window");
        QTest::addColumn<QString>("zone");
        QTest::addColumn<qint64>("at");
        QTest::addColumn<qint64>("start");
        QTest::addColumn<qint64>("end");
        // Berlin: 2026-03-29 has 23 hours, 2026-10-25 has 25.
        QTest::newRow("short day") << "day"
                                   << "Europe/Berlin" << qint64{utc(2026, 3, 29, 12)}
                                   << qint64{utc(2026, 3, 28, 23)} << qint64{utc(2026, 3, 29, 22)};
        QTest::newRow("long day") << "day"
                                  << "Europe/Berlin" << qint64{utc(2026, 10, 25, 12)}
                                  << qint64{utc(2026, 10, 24, 22)} << qint64{utc(2026, 10, 25, 23)};
        QTest::newRow("first of two equal hours")
            << "hour"
            << "Europe/Berlin" << qint64{utc(2026, 10, 25, 0, 30)} << qint64{utc(2026, 10, 25, 0)}
            << qint64{utc(2026, 10, 25, 1)};
        QTest::newRow("second of two equal hours")
            << "hour"
            << "Europe/Berlin" << qint64{utc(2026, 10, 25, 1, 30)} << qint64{utc(2026, 10, 25, 1)}
            << qint64{utc(2026, 10, 25, 2)};
        QTest::newRow("half-hour zone")
            << "hour"
            << "Asia/Kolkata" << qint64{utc(2026, 6, 1, 12, 45)} << qint64{utc(2026, 6, 1, 12, 30)}
            << qint64{utc(2026, 6, 1, 13, 30)};
        QTest::newRow("week") << "week"
                              << "UTC" << qint64{utc(2026, 11, 22, 5)} << qint64{utc(2026, 11, 16)}
                              << qint64{utc(2026, 11, 23)};
        QTest::newRow("leap month") << "month"
                                    << "UTC" << qint64{utc(2028, 2, 29, 23, 59)}
                                    << qint64{utc(2028, 2, 1)} << qint64{utc(2028, 3, 1)};
        QTest::newRow("lifetime") << "lifetime"
                                  << "UTC" << qint64{utc(2026, 1, 1)} << qint64{0}
                                  << std::numeric_limits<qint64>::max();
    }
    void windowsAcrossDaylightSaving()
    {
        QFETCH(QString, window);
        QFETCH(QString, zone);
        QFETCH(qint64, at);
        QFETCH(qint64, start);
        QFETCH(qint64, end);
        Pool pool = makePool(1, "org", window.toUtf8().constData(), "1");
        pool.zone = zone.toStdString();
        const auto span = windowAt(pool, at, 0);
        QVERIFY(span);
        QCOMPARE(qint64{span.value().startUs}, start);
        QCOMPARE(qint64{span.value().endUs}, end);
    }

    /// Walks two years in small steps: windows tile the time, without gap, overlap or step back.
    void windowsTileTheTime_data()
    {
        QTest::addColumn<QString>("window");
        QTest::addColumn<QString>("zone");
        for (const char* window : {"hour", "day", "week", "month", "quarter", "year"}) {
            for (const char* zone : {"UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu",
                     "Pacific/Apia", "America/New_York"}) {
                QTest::addRow("%s %s", window, zone)
                    << QString::fromUtf8(window) << QString::fromUtf8(zone);
            }
        }
    }
    void windowsTileTheTime()
    {
        QFETCH(QString, window);
        QFETCH(QString, zone);
        Pool pool = makePool(1, "org", window.toUtf8().constData(), "1");
        pool.zone = zone.toStdString();
        const bool isHour = window == QStringLiteral("hour");
        TimeUs at = utc(2026, 1, 1);
        const TimeUs last = isHour ? utc(2026, 12, 31) : utc(2028, 1, 1);
        TimeUs lastStart = 0;
        while (at < last) {
            const auto span = windowAt(pool, at, lastStart);
            QVERIFY(span);
            QVERIFY(span.value().startUs <= at && at < span.value().endUs);
            QVERIFY(span.value().startUs > lastStart);
            lastStart = span.value().startUs;
            at = span.value().endUs;
        }
    }

    void windowNeverGoesBack()
    {
        const Pool pool = makePool(1, "org", "day", "1");
        const auto today = windowAt(pool, utc(2026, 5, 2, 12), 0);
        const auto stepped = windowAt(pool, utc(2026, 5, 1, 12), today.value().startUs);
        QCOMPARE(stepped.value().startUs, today.value().startUs);
        QCOMPARE(stepped.value().endUs, today.value().endUs);
    }

    void unknownZonesAreErrors()
    {
        Pool nowhere = makePool(1, "org", "day", "1");
        nowhere.zone = "Mars/Base";
        QVERIFY(!windowAt(nowhere, utc(2026, 5, 1), 0));
    }
};

QTEST_GUILESS_MAIN(TestRules)
#include "tst_rules.moc"
