// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/pool.h"

#include <QtTest>

using namespace headgate;
using namespace headgate::ledger;

class TestPool : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void badScopes_data()
    {
        QTest::addColumn<QString>("text");
        for (const char* text :
            {"", " ", "Org", "org ", "team", "team=", "team", "each-", "each-tag", "each-org",
                "each-model", "tag=", "tag=x", "tag=:x", "tag=x:", "tier>=", "tier>=0", "tier>=10",
                "tier>=-1", "tier>=2x", "tier>=9999999999999999999999", "tier=2", "user=a\nb",
                "everything", "request=1", "teams=x"}) {
            QTest::newRow(text) << QString::fromUtf8(text);
        }
        QTest::newRow("long") << QStringLiteral("team=") + QString(300, QLatin1Char('x'));
    }
    void badScopes()
    {
        QFETCH(QString, text);
        const auto scope = Scope::parse(text.toStdString());
        QVERIFY(!scope);
        QCOMPARE(scope.error().code, ErrorCode::InvalidArgument);
        QVERIFY(!scope.error().remedy.empty());
    }

    void goodScopes_data()
    {
        QTest::addColumn<QString>("text");
        for (const char* text : {"org", "team=search", "each-team", "user=ann", "each-user",
                 "key=laptop", "each-key", "session=a=b", "each-session", "request",
                 "tag=project:x:y", "tier>=1", "tier>=4", "model=gpt-4o", "provider=sim"}) {
            QTest::newRow(text) << QString::fromUtf8(text);
        }
    }
    void goodScopes()
    {
        QFETCH(QString, text);
        const auto scope = Scope::parse(text.toStdString());
        QVERIFY(scope);
        QCOMPARE(QString::fromStdString(scope.value().text()), text);
    }

    void badWindows_data()
    {
        QTest::addColumn<QString>("text");
        for (const char* text : {"", "Day", "days", "minute", "sliding", "sliding:", "sliding:h",
                 "sliding:0h", "sliding:-1h", "sliding:24", "sliding:24y", "sliding:1.5h",
                 "sliding:99999999999999999999h", "sliding:367d", "session:", "session:0m",
                 "bucket:", "bucket:5", "bucket:5/1", "bucket:/1-per-hour", "bucket:5/-per-hour",
                 "bucket:0/1-per-hour", "bucket:5/0-per-hour", "bucket:-5/1-per-hour",
                 "bucket:-per-hour", "lifetime:1", "request:1"}) {
            QTest::newRow(text) << QString::fromUtf8(text);
        }
    }
    void badWindows()
    {
        QFETCH(QString, text);
        const auto window = Window::parse(text.toStdString());
        QVERIFY(!window);
        QCOMPARE(window.error().code, ErrorCode::InvalidArgument);
    }

    void goodWindows_data()
    {
        QTest::addColumn<QString>("text");
        for (const char* text :
            {"hour", "day", "week", "month", "quarter", "year", "lifetime", "request", "sliding:5h",
                "sliding:1d", "sliding:90s", "session:30m", "bucket:5.00/1.50-per-hour"}) {
            QTest::newRow(text) << QString::fromUtf8(text);
        }
    }
    void goodWindows()
    {
        QFETCH(QString, text);
        const auto window = Window::parse(text.toStdString());
        QVERIFY(window);
        QCOMPARE(QString::fromStdString(window.value().text()), text);
        QVERIFY(isEnforced(Scope{}, *window));
    }

    /// A bucket's capacity is its pool's cap, whichever of the two an edit changed.
    void bucketsFitTheirCap()
    {
        const auto pool = [](const char* window, const char* cap) {
            Pool made;
            made.window = Window::parse(window).value();
            made.cap = Money::parse(cap).value();
            return made;
        };
        const Pool before = pool("bucket:10/1-per-hour", "10");
        Pool other = pool("day", "7");
        QVERIFY(fitBucket(other, &before));
        QCOMPARE(other.cap, Money::fromCents(700)); // not a bucket: nothing to fit
        Pool without = pool("bucket:10/1-per-hour", "0");
        QVERIFY(fitBucket(without, nullptr));
        QCOMPARE(without.cap, Money::fromCents(1'000));
        Pool capEdited = pool("bucket:10/1-per-hour", "20");
        QVERIFY(!fitBucket(capEdited, nullptr));
        QVERIFY(fitBucket(capEdited, &before));
        QCOMPARE(capEdited.window.bucketCapacity, Money::fromCents(2'000));
        Pool windowEdited = pool("bucket:30/1-per-hour", "10");
        QVERIFY(fitBucket(windowEdited, &before));
        QCOMPARE(windowEdited.cap, Money::fromCents(3'000));
        Pool bothEdited = pool("bucket:30/1-per-hour", "20");
        QVERIFY(!fitBucket(bothEdited, &before));
        QVERIFY(!fitBucket(bothEdited, &before).error().remedy.empty());
        const Pool day = pool("day", "7");
        Pool becomesBucket = pool("bucket:10/1-per-hour", "7");
        QVERIFY(fitBucket(becomesBucket, &day));
        QCOMPARE(becomesBucket.cap, Money::fromCents(1'000));
    }

    void equalSpansHaveOneText()
    {
        QCOMPARE(Window::parse("sliding:24h").value().text(),
            Window::parse("sliding:1d").value().text());
        QCOMPARE(Window::parse("session:60m").value().durationUs, usPerHour);
    }
};

QTEST_GUILESS_MAIN(TestPool)
#include "tst_pool.moc"
