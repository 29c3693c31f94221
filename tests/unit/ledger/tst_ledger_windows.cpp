// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/unit/ledger/ledger_fixture.h"

#include <QTemporaryDir>

using namespace headgate;
using namespace headgate::ledger;
using namespace headgate::ledger::test;

/// Sliding windows, token buckets and sessions in the whole ledger with its file.
class TestLedgerWindows : public QObject {
    Q_OBJECT

private:
    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<ManualClock> m_clock;
    std::string m_path;
    std::unique_ptr<SqliteLedger> m_ledger;
    std::vector<LedgerEvent> m_events;
    int m_requests = 0;

    Ask nextAsk(const char* amount)
    {
        return makeAsk("r" + std::to_string(++m_requests), usd(amount));
    }
    std::string spend(const char* amount)
    {
        const Decision decision = reserve(*m_ledger, nextAsk(amount));
        if (isGrant(decision)) {
            return settle(*m_ledger, {holdOf(decision), SettleKind::Exact, usd(amount)}) ? "granted"
                                                                                         : "failed";
        }
        return reasonOf(decision);
    }
    Denial refusal(const char* amount)
    {
        const Decision decision = reserve(*m_ledger, nextAsk(amount));
        return isGrant(decision) ? Denial() : std::get<Denial>(decision);
    }
    void reopen()
    {
        m_ledger.reset();
        m_ledger = openLedger(
            m_path, *m_clock, [this](const LedgerEvent& event) { m_events.push_back(event); });
    }
    void define(const char* window, const char* cap, const char* scope = "org")
    {
        const auto done = m_ledger->setPools({makePool(1, scope, window, cap)});
        QVERIFY2(done, done ? "" : done.error().text().c_str());
    }
    Balance balance() { return balanceOf(*m_ledger, 1); }
    int countLines(EntryKind kind)
    {
        const auto entries = m_ledger->journal({}, 0, 10'000).value();
        return static_cast<int>(std::count_if(entries.begin(), entries.end(),
            [&](const Entry& entry) { return entry.kind == kind; }));
    }
    /// Events come after the answers: a command that waits its turn comes after both.
    void awaitEvents() { QVERIFY(m_ledger->unfreezeAccounts(PoolId{1}, "test")); }
    std::vector<int> thresholds()
    {
        awaitEvents();
        std::vector<int> percents;
        for (const LedgerEvent& event : m_events) {
            if (event.kind == LedgerEvent::Kind::Threshold) {
                percents.push_back(event.percent);
            }
        }
        return percents;
    }

private Q_SLOTS:
    void init()
    {
        m_folder = std::make_unique<QTemporaryDir>();
        m_clock = std::make_unique<ManualClock>(); // 2026-09-21 14:13:20 UTC
        m_path = m_folder->filePath(QStringLiteral("ledger.db")).toStdString();
        m_requests = 0;
        reopen();
        m_events.clear();
        QVERIFY(m_ledger);
    }
    void cleanup()
    {
        if (m_ledger) {
            HEADGATE_VERIFY_BOOKS(*m_ledger);
        }
        m_ledger.reset();
        m_events.clear();
    }

    // --- nonsense

    void refusesNonsense_data()
    {
        QTest::addColumn<QString>("window");
        QTest::addColumn<QString>("cap");
        QTest::newRow("bucket other than its cap") << "bucket:5/1-per-hour"
                                                   << "6";
        QTest::newRow("bucket that never fills") << "bucket:9000000000/0.000000001-per-hour"
                                                 << "9000000000";
        QTest::newRow("short sliding") << "sliding:30s"
                                       << "5";
    }
    void refusesNonsense()
    {
        QFETCH(QString, window);
        QFETCH(QString, cap);
        const auto done = m_ledger->setPools(
            {makePool(1, "org", window.toUtf8().constData(), cap.toUtf8().constData())});
        QVERIFY(!done);
        QCOMPARE(done.error().code, ErrorCode::InvalidArgument);
        QVERIFY(!done.error().remedy.empty());
    }

    void refusesWhatTextCannotSay()
    {
        Pool pool = makePool(1, "org", "session:30m", "5");
        pool.window.durationUs = 0;
        QVERIFY(!m_ledger->setPools({pool}));
        pool.window.durationUs = 1'500'000;
        QVERIFY(!m_ledger->setPools({pool}));
    }

    void aScopeCannotChange()
    {
        define("day", "5", "org");
        const auto done = m_ledger->setPools({makePool(1, "team=search", "day", "5")});
        QVERIFY(!done);
        QVERIFY(!done.error().remedy.empty());
        QCOMPARE(spend("5"), "granted");
    }

    // --- sliding

    void slidingChargesLeaveWithTheirWholeSlot()
    {
        define("sliding:1h", "10"); // slots of a minute
        QCOMPARE(spend("4"), "granted");
        m_clock->advanceUs(30 * usPerMinute);
        QCOMPARE(spend("6"), "granted");
        QCOMPARE(spend("0.1"), "cap_reached");
        m_clock->advanceUs(30 * usPerMinute); // the charge is an hour old, its slot is not yet
        QCOMPARE(spend("0.1"), "cap_reached");
        m_clock->advanceUs(usPerMinute);
        const Ask ask = nextAsk("4");
        QCOMPARE(*m_ledger->view(ask.identity, ask.target).tightest(), usd("4"));
        QCOMPARE(balance().settled, usd("6"));
        QCOMPARE(countLines(EntryKind::Expire), 0); // readers need no line
        QCOMPARE(spend("4.1"), "cap_reached");
        QCOMPARE(spend("4"), "granted");
        QCOMPARE(countLines(EntryKind::Expire), 1);
        QCOMPARE(m_ledger->poolStates().front().lifetimeSettled, usd("14"));
        reopen();
        QCOMPARE(balance().settled, usd("10"));
        QCOMPARE(m_ledger->poolStates().front().lifetimeSettled, usd("14"));
        m_clock->advanceUs(usPerDay);
        QCOMPARE(balance().settled, Money());
        QCOMPARE(spend("10"), "granted");
        QCOMPARE(spend("0.1"), "cap_reached");
    }

    void slidingHoldsCountUntilTheySettle()
    {
        define("sliding:1h", "10");
        Ask ask = nextAsk("10");
        ask.dispatch = true;
        const HoldId hold = holdOf(reserve(*m_ledger, ask));
        m_clock->advanceUs(5 * usPerHour);
        QCOMPARE(spend("0.1"), "in_flight");
        QVERIFY(settle(*m_ledger, {hold, SettleKind::Exact, usd("9")}));
        m_clock->advanceUs(59 * usPerMinute); // the time of the settle counts
        QCOMPARE(spend("1.1"), "cap_reached");
        m_clock->advanceUs(2 * usPerMinute);
        QCOMPARE(spend("10"), "granted");
    }

    void slidingDenialsSayWhenItFits()
    {
        define("sliding:1h", "10");
        QCOMPARE(spend("4"), "granted");
        const TimeUs first = m_clock->nowUs();
        m_clock->advanceUs(10 * usPerMinute);
        QCOMPARE(spend("6"), "granted");
        const auto leaves
            = [](TimeUs at) { return at / usPerMinute * usPerMinute + usPerMinute + usPerHour; };
        QCOMPARE(*refusal("4").resetsAtUs, leaves(first));
        QCOMPARE(*refusal("4.1").resetsAtUs, leaves(first + 10 * usPerMinute));
        const Ask ask = nextAsk("1");
        QCOMPARE(*m_ledger->view(ask.identity, ask.target).lines.front().resetsAtUs, leaves(first));
    }

    void slidingTopUpsLeaveToo()
    {
        define("sliding:1h", "10");
        QVERIFY(m_ledger->topUp(PoolId{1}, usd("5"), "ann", "rush"));
        QCOMPARE(spend("15"), "granted");
        QVERIFY(!m_ledger->topUp(PoolId{1}, usd("-6"), "ann", "too much"));
        QVERIFY(m_ledger->topUp(PoolId{1}, usd("-1"), "ann", "undo"));
        reopen();
        QCOMPARE(balance().toppedUp, usd("4"));
        m_clock->advanceUs(62 * usPerMinute);
        QCOMPARE(spend("10.1"), "cap_reached");
        QCOMPARE(spend("10"), "granted");
        QCOMPARE(balance().toppedUp, Money());
    }

    void slidingAdjustmentsAreTakenFromTheOldest()
    {
        define("sliding:1h", "10");
        QCOMPARE(spend("4"), "granted");
        m_clock->advanceUs(30 * usPerMinute);
        QCOMPARE(spend("4"), "granted");
        QVERIFY(!m_ledger->adjust(PoolId{1}, "", usd("-8.1"), "ann", "too much"));
        QVERIFY(m_ledger->adjust(PoolId{1}, "", usd("-3"), "ann", "refund"));
        QVERIFY(m_ledger->adjust(PoolId{1}, "", usd("2"), "ann", "by hand"));
        QCOMPARE(balance().settled, usd("7"));
        HEADGATE_VERIFY_BOOKS(*m_ledger);
        m_clock->advanceUs(31 * usPerMinute);
        QCOMPARE(balance().settled, usd("6"));
    }

    void slidingSurvivesClockSteps()
    {
        define("sliding:1h", "10");
        QCOMPARE(spend("10"), "granted");
        m_clock->stepWallUs(-10 * usPerHour);
        QCOMPARE(spend("0.1"), "cap_reached");
        reopen();
        QCOMPARE(spend("0.1"), "cap_reached");
        m_clock->stepWallUs(12 * usPerHour); // a suspended machine
        QCOMPARE(spend("10"), "granted");
    }

    // --- token bucket

    void bucketsRefillAndNeverOverflow()
    {
        define("bucket:10/2-per-hour", "10");
        QCOMPARE(spend("10"), "granted");
        QCOMPARE(spend("0.1"), "cap_reached");
        m_clock->advanceUs(usPerHour + usPerMs); // lines of the journal are microseconds apart
        const Ask ask = nextAsk("1");
        QVERIFY(*m_ledger->view(ask.identity, ask.target).tightest() >= usd("2"));
        QCOMPARE(spend("2.1"), "cap_reached");
        QCOMPARE(spend("2"), "granted");
        QVERIFY(countLines(EntryKind::Refill) > 0);
        reopen();
        QCOMPARE(spend("0.1"), "cap_reached");
        m_clock->advanceUs(100 * usPerHour);
        QCOMPARE(spend("10.1"), "cap_reached");
        QCOMPARE(spend("10"), "granted");
        QCOMPARE(spend("0.1"), "cap_reached");
        QCOMPARE(m_ledger->poolStates().front().lifetimeSettled, usd("22"));
    }

    void aFullBucketAccruesNothing()
    {
        define("bucket:10/2-per-hour", "10");
        QCOMPARE(spend("1"), "granted");
        m_clock->advanceUs(100 * usPerHour); // full long ago
        QCOMPARE(spend("10"), "granted");
        QCOMPARE(spend("0.1"), "cap_reached");
        m_clock->advanceUs(usPerHour);
        QCOMPARE(spend("2.1"), "cap_reached");
    }

    void bucketTopUpsComeOnce()
    {
        define("bucket:10/2-per-hour", "10");
        QVERIFY(m_ledger->topUp(PoolId{1}, usd("5"), "ann", "rush"));
        QCOMPARE(spend("15"), "granted");
        QCOMPARE(spend("0.1"), "cap_reached");
        m_clock->advanceUs(100 * usPerHour);
        QCOMPARE(spend("10.1"), "cap_reached");
        QCOMPARE(spend("10"), "granted");
    }

    void bucketDenialsSayWhenItFits()
    {
        define("bucket:10/2-per-hour", "10");
        QCOMPARE(spend("10"), "granted");
        const TimeUs emptyUs = m_clock->nowUs();
        const TimeUs whenUs = *refusal("4").resetsAtUs;
        QVERIFY(whenUs > emptyUs + 2 * usPerHour - usPerSecond);
        QVERIFY(whenUs <= emptyUs + 2 * usPerHour + usPerSecond);
        m_clock->advanceUs(whenUs - m_clock->nowUs());
        QCOMPARE(spend("4"), "granted");
    }

    void aBucketsCapIsItsCapacity()
    {
        define("bucket:10/2-per-hour", "0");
        QCOMPARE(m_ledger->poolStates().front().pool.cap, usd("10"));
        QCOMPARE(spend("8"), "granted");
        define("bucket:10/2-per-hour", "20"); // editing the cap edits the capacity
        QCOMPARE(m_ledger->poolStates().front().pool.window.bucketCapacity, usd("20"));
        QVERIFY(balance().settled > usd("7.99"));
        QCOMPARE(spend("13"), "cap_reached");
        define("bucket:30/2-per-hour", "20"); // and the other way round
        QCOMPARE(m_ledger->poolStates().front().pool.cap, usd("30"));
        QCOMPARE(spend("22"), "granted");
        QVERIFY(!m_ledger->setPools({makePool(1, "org", "bucket:40/2-per-hour", "50")}));
    }

    void bucketsSurviveClockSteps()
    {
        define("bucket:10/2-per-hour", "10");
        QCOMPARE(spend("10"), "granted");
        m_clock->stepWallUs(-10 * usPerHour);
        QCOMPARE(spend("0.1"), "cap_reached");
        m_clock->stepWallUs(10 * usPerHour);
        QCOMPARE(spend("0.1"), "cap_reached"); // the same time does not refill twice
        m_clock->stepWallUs(usPerHour + usPerMs);
        QCOMPARE(spend("2"), "granted");
    }

    // --- sessions

    void sessionsEndWhenIdle()
    {
        define("session:30m", "5", "each-session");
        QCOMPARE(spend("4"), "granted");
        m_clock->advanceUs(29 * usPerMinute);
        QCOMPARE(spend("2"), "cap_reached"); // refused calls do not keep it alive
        QCOMPARE(spend("1"), "granted");
        m_clock->advanceUs(29 * usPerMinute);
        QCOMPARE(spend("0.1"), "cap_reached");
        reopen();
        QCOMPARE(spend("0.1"), "cap_reached");
        QCOMPARE(*refusal("1").resetsAtUs / usPerMs, (m_clock->nowUs() + usPerMinute) / usPerMs);
        m_clock->advanceUs(usPerMinute + usPerMs);
        QCOMPARE(m_ledger->poolStates().front().accountsTotal, 0);
        QCOMPARE(spend("5"), "granted");
        QCOMPARE(m_ledger->poolStates().front().accountsTotal, 1);
        QCOMPARE(m_ledger->poolStates().front().lifetimeSettled, usd("10"));
        reopen();
        QCOMPARE(spend("0.1"), "cap_reached");
    }

    void openHoldsKeepASessionAlive()
    {
        define("session:30m", "5", "each-session");
        Ask ask = nextAsk("4");
        ask.dispatch = true;
        const HoldId hold = holdOf(reserve(*m_ledger, ask));
        m_clock->advanceUs(5 * usPerHour);
        QCOMPARE(spend("2"), "in_flight");
        QVERIFY(settle(*m_ledger, {hold, SettleKind::Exact, usd("4")}));
        m_clock->advanceUs(29 * usPerMinute);
        QCOMPARE(spend("2"), "cap_reached");
        m_clock->advanceUs(2 * usPerMinute);
        QCOMPARE(spend("2"), "granted");
    }

    void sessionsOfOtherValuesAreTheirOwn()
    {
        define("session:30m", "5", "each-session");
        QCOMPARE(spend("5"), "granted");
        Ask other = nextAsk("5");
        other.identity.session = "never seen";
        QVERIFY(isGrant(reserve(*m_ledger, other)));
        other = nextAsk("5");
        other.identity.session = "never seen";
        QCOMPARE(reasonOf(reserve(*m_ledger, other)), "in_flight");
    }

    // --- edits

    void editsNeverZeroUsage_data()
    {
        QTest::addColumn<QString>("from");
        QTest::addColumn<QString>("to");
        const std::vector<const char*> windows{"day", "month", "lifetime", "sliding:24h",
            "sliding:7d", "session:3h", "bucket:10/1-per-hour", "bucket:10/0.01-per-hour"};
        for (const char* from : windows) {
            for (const char* to : windows) {
                QTest::addRow("%s to %s", from, to)
                    << QString::fromUtf8(from) << QString::fromUtf8(to);
            }
        }
    }
    /// All was spent this hour, so no window of these may forget it.
    void editsNeverZeroUsage()
    {
        QFETCH(QString, from);
        QFETCH(QString, to);
        define(from.toUtf8().constData(), "10");
        QCOMPARE(spend("4"), "granted");
        Ask ask = nextAsk("2");
        ask.dispatch = true;
        const HoldId open = holdOf(reserve(*m_ledger, ask));
        m_clock->advanceUs(usPerMinute);
        QCOMPARE(spend("3"), "granted");
        for (int round = 0; round < 2; ++round) {
            define(to.toUtf8().constData(), "10");
            HEADGATE_VERIFY_BOOKS(*m_ledger);
            QVERIFY(balance().settled > usd("6.95"));
            QVERIFY(balance().settled <= usd("7"));
            QCOMPARE(balance().held, usd("2"));
            QCOMPARE(spend("1.1"), "in_flight");
            define(from.toUtf8().constData(), "10");
            QVERIFY(balance().settled > usd("6.95"));
            QCOMPARE(balance().held, usd("2"));
            reopen2(open);
        }
        QCOMPARE(m_ledger->poolStates().front().lifetimeSettled, usd("7"));
        QVERIFY(settle(*m_ledger, {open, SettleKind::Exact, usd("2")}));
        QCOMPARE(spend("1.1"), "cap_reached");
        QCOMPARE(spend("1"), "granted");
        define(to.toUtf8().constData(), "10");
        QCOMPARE(spend("0.1"), "cap_reached");
        QCOMPARE(m_ledger->poolStates().front().lifetimeSettled, usd("10"));
    }

private:
    /// A restart would end the open hold; asking for it again must not.
    void reopen2(HoldId open) { QCOMPARE(m_ledger->openHolds().front().hold, open); }

private Q_SLOTS:
    void slidingIsFilledByTime()
    {
        define("day", "10");
        QCOMPARE(spend("4"), "granted");
        m_clock->advanceUs(2 * usPerHour);
        QCOMPARE(spend("3"), "granted");
        define("sliding:3h", "10");
        QCOMPARE(balance().settled, usd("7"));
        m_clock->advanceUs(usPerHour + 4 * usPerMinute);
        QCOMPARE(balance().settled, usd("3"));
        define("lifetime", "10");
        QCOMPARE(balance().settled, usd("7"));
        define("sliding:3h", "10");
        QCOMPARE(balance().settled, usd("3"));
        define("day", "10");
        QCOMPARE(balance().settled, usd("7"));
        m_clock->advanceUs(10 * usPerHour);
        define("sliding:1h", "10");
        QCOMPARE(balance().settled, Money());
        QCOMPARE(spend("10"), "granted");
        define("lifetime", "20");
        QCOMPARE(spend("3.1"), "cap_reached");
    }

    void bucketsReplayTheCharges()
    {
        define("day", "10");
        QCOMPARE(spend("6"), "granted");
        m_clock->advanceUs(2 * usPerHour);
        QCOMPARE(spend("3"), "granted");
        define("bucket:10/1-per-hour", "10"); // 6 − 2 + 3
        QVERIFY(balance().settled > usd("6.99"));
        QVERIFY(balance().settled < usd("7.01"));
        QCOMPARE(spend("3.1"), "cap_reached");
    }

    void topUpsAndFreezesComeAlong()
    {
        define("lifetime", "5");
        QVERIFY(m_ledger->topUp(PoolId{1}, usd("3"), "ann", "more"));
        const HoldId over = holdOf(reserve(*m_ledger, nextAsk("8")));
        QVERIFY(settle(*m_ledger, {over, SettleKind::Exact, usd("9")}));
        for (const char* window : {"sliding:24h", "bucket:5/0.01-per-hour", "day", "session:1h"}) {
            define(window, "5");
            QCOMPARE(balance().toppedUp, usd("3"));
            QVERIFY(balance().frozen);
            QVERIFY(balance().settled > usd("8.99"));
            HEADGATE_VERIFY_BOOKS(*m_ledger);
        }
    }

    // --- events

    void thresholdsRearmOnlyFarBelow()
    {
        define("bucket:10/1-per-hour", "10");
        QCOMPARE(spend("5.1"), "granted");
        QCOMPARE(thresholds(), (std::vector<int>{50}));
        m_clock->advanceUs(30 * usPerMinute); // 4.6
        QCOMPARE(spend("0.5"), "granted"); // 5.1 again
        QCOMPARE(thresholds(), (std::vector<int>{50}));
        m_clock->advanceUs(90 * usPerMinute); // 3.6
        QCOMPARE(spend("0.1"), "granted");
        QCOMPARE(spend("2"), "granted");
        QCOMPARE(thresholds(), (std::vector<int>{50, 50}));
        QCOMPARE(spend("4.3"), "granted");
        QCOMPARE(thresholds(), (std::vector<int>{50, 50, 90}));
        m_events.clear();
        reopen();
        QCOMPARE(spend("0"), "granted");
        QCOMPARE(thresholds(), (std::vector<int>{}));
    }

    void watchOnlyPoolsReportToo()
    {
        Pool pool = makePool(1, "org", "sliding:1h", "10");
        pool.hard = false;
        QVERIFY(m_ledger->setPools({pool}));
        QCOMPARE(spend("5"), "granted");
        QCOMPARE(spend("20"), "granted");
        QCOMPARE(thresholds(), (std::vector<int>{50, 100}));
        m_clock->advanceUs(2 * usPerHour);
        QCOMPARE(spend("9"), "granted");
        QCOMPARE(thresholds(), (std::vector<int>{50, 100, 90}));
    }

    void exhaustionIsProjectedOnce_data()
    {
        QTest::addColumn<QString>("window");
        QTest::newRow("day") << "day";
        QTest::newRow("sliding") << "sliding:24h";
        QTest::newRow("bucket") << "bucket:24/1-per-hour";
        QTest::newRow("lifetime") << "lifetime";
    }
    void exhaustionIsProjectedOnce()
    {
        QFETCH(QString, window);
        m_clock->advanceUs(10 * usPerHour); // a new day in twenty minutes
        define(window.toUtf8().constData(), "24");
        const auto projected = [&] {
            awaitEvents();
            std::vector<LedgerEvent> found;
            for (const LedgerEvent& event : m_events) {
                if (event.kind == LedgerEvent::Kind::Projected) {
                    found.push_back(event);
                }
            }
            return found;
        };
        m_clock->advanceUs(usPerHour);
        for (int hour = 0; hour < 9; ++hour) {
            QCOMPARE(spend("0.9"), "granted"); // 21.6 a day
            m_clock->advanceUs(usPerHour);
        }
        if (window != QStringLiteral("lifetime")) {
            QCOMPARE(projected().size(), 0U);
        }
        m_events.clear();
        if (window == QStringLiteral("lifetime")) {
            return;
        }
        for (int hour = 0; hour < 4; ++hour) {
            QCOMPARE(spend("3"), "granted");
            m_clock->advanceUs(usPerHour);
        }
        QCOMPARE(projected().size(), 1U);
        const LedgerEvent event = projected().front();
        QVERIFY(event.exhaustedAtUs.has_value());
        QVERIFY(*event.exhaustedAtUs > m_clock->nowUs() - 4 * usPerHour);
        QVERIFY(*event.exhaustedAtUs < m_clock->nowUs() + 12 * usPerHour);
        QVERIFY(event.text.find("will be used up") != std::string::npos);
    }
};

QTEST_GUILESS_MAIN(TestLedgerWindows)
#include "tst_ledger_windows.moc"
