// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/unit/ledger/ledger_fixture.h"

#include <QTemporaryDir>

using namespace headgate;
using namespace headgate::ledger;
using namespace headgate::ledger::test;

class TestLedgerPools : public QObject {
    Q_OBJECT

private:
    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<ManualClock> m_clock;
    std::string m_path;
    std::unique_ptr<SqliteLedger> m_ledger;
    int m_requests = 0;

    /// One call of that cost, from hold to settle.
    std::string spend(const char* amount)
    {
        Ask ask = makeAsk("r" + std::to_string(++m_requests), usd(amount));
        const Decision decision = reserve(*m_ledger, ask);
        if (isGrant(decision)) {
            return settle(*m_ledger, {holdOf(decision), SettleKind::Exact, usd(amount)}) ? "granted"
                                                                                         : "failed";
        }
        return reasonOf(decision);
    }
    void reopen()
    {
        m_ledger.reset();
        m_ledger = openLedger(m_path, *m_clock);
    }

private Q_SLOTS:
    void init()
    {
        m_folder = std::make_unique<QTemporaryDir>();
        m_clock = std::make_unique<ManualClock>(); // 2026-09-21 14:13 UTC, a Monday
        m_path = m_folder->filePath(QStringLiteral("ledger.db")).toStdString();
        m_ledger = openLedger(m_path, *m_clock);
        QVERIFY(m_ledger);
    }
    void cleanup()
    {
        if (m_ledger) {
            HEADGATE_VERIFY_BOOKS(*m_ledger);
        }
        m_ledger.reset();
    }

    void refusesBadPools_data()
    {
        QTest::addColumn<int>("what");
        QTest::addColumn<int>("code");
        const auto row = [](const char* name, int what, ErrorCode code) {
            QTest::newRow(name) << what << static_cast<int>(code);
        };
        row("no id", 0, ErrorCode::InvalidArgument);
        row("no name", 1, ErrorCode::InvalidArgument);
        row("negative cap", 2, ErrorCode::InvalidArgument);
        row("reserve above 100", 3, ErrorCode::InvalidArgument);
        row("fiscal day 31", 4, ErrorCode::InvalidArgument);
        row("unknown zone", 5, ErrorCode::InvalidArgument);
        row("sliding too short", 6, ErrorCode::InvalidArgument);
        row("name twice", 7, ErrorCode::AlreadyExists);
        row("id twice", 8, ErrorCode::InvalidArgument);
        row("long name", 9, ErrorCode::InvalidArgument);
    }
    void refusesBadPools()
    {
        QFETCH(int, what);
        QFETCH(int, code);
        QVERIFY(m_ledger->setPools({makePool(7, "org", "day", "1")}));
        Pool pool = makePool(1, "org", "day", "5");
        std::vector<Pool> pools{makePool(2, "org", "day", "5")};
        switch (what) {
        case 0:
            pool.id = {};
            break;
        case 1:
            pool.name.clear();
            break;
        case 2:
            pool.cap = usd("-1");
            break;
        case 3:
            pool.reservePercent = 101;
            break;
        case 4:
            pool.fiscalStartDay = 31;
            break;
        case 5:
            pool.zone = "Mars/Base";
            break;
        case 6:
            pool.window = Window::parse("sliding:59s").value();
            break;
        case 7:
            pool.name = pools.front().name;
            break;
        case 8:
            pool.id = pools.front().id;
            break;
        default:
            pool.name = std::string(200, 'n');
        }
        pools.push_back(pool);
        const auto done = m_ledger->setPools(pools);
        QVERIFY(!done);
        QCOMPARE(static_cast<int>(done.error().code), code);
        const auto states = m_ledger->poolStates(); // all or nothing
        QCOMPARE(states.size(), 1U);
        QCOMPARE(states.front().pool.id.value, 7);
    }

    void changingTheCapKeepsUsage()
    {
        QVERIFY(m_ledger->setPools({makePool(1, "org", "day", "5")}));
        QCOMPARE(spend("3"), "granted");
        QVERIFY(m_ledger->setPools({makePool(1, "org", "day", "2")}));
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("3"));
        QCOMPARE(spend("0.1"), "cap_reached");
        QVERIFY(m_ledger->setPools({makePool(1, "org", "day", "3.5")}));
        QCOMPARE(spend("0.6"), "cap_reached");
        QCOMPARE(spend("0.5"), "granted");
        reopen();
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("3.5"));
        m_clock->advanceUs(usPerDay);
        QCOMPARE(spend("3.5"), "granted");
    }

    void changingTheWindowKeepsUsage()
    {
        QVERIFY(m_ledger->setPools({makePool(1, "org", "day", "5")}));
        QCOMPARE(spend("4"), "granted");
        m_clock->advanceUs(usPerDay);
        QCOMPARE(spend("3"), "granted");
        QVERIFY(m_ledger->setPools({makePool(1, "org", "month", "8")}));
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("7"));
        QCOMPARE(spend("1.1"), "cap_reached");
        QCOMPARE(spend("1"), "granted");
        QVERIFY(m_ledger->setPools({makePool(1, "org", "hour", "8")}));
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("4"));
        QVERIFY(m_ledger->setPools({makePool(1, "org", "lifetime", "8")}));
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("8"));
        QVERIFY(m_ledger->setPools({makePool(1, "org", "day", "5")}));
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("4"));
        QCOMPARE(m_ledger->poolStates().front().lifetimeSettled, usd("8"));
        reopen();
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("4"));
        QCOMPARE(m_ledger->poolStates().front().lifetimeSettled, usd("8"));
    }

    void changingTheZoneKeepsUsage()
    {
        Pool pool = makePool(1, "org", "day", "5");
        QVERIFY(m_ledger->setPools({pool}));
        QCOMPARE(spend("4"), "granted");
        pool.zone = "Pacific/Auckland"; // there it is already the next day
        QVERIFY(m_ledger->setPools({pool}));
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("4"));
        QCOMPARE(spend("2"), "cap_reached");
    }

    void heldMoneyMovesWithTheWindow()
    {
        QVERIFY(m_ledger->setPools(
            {makePool(1, "org", "day", "5"), makePool(2, "each-team", "day", "9")}));
        const HoldId hold = holdOf(reserve(*m_ledger, makeAsk("open", usd("3"))));
        QVERIFY(m_ledger->setPools(
            {makePool(1, "org", "month", "5"), makePool(2, "each-team", "day", "9")}));
        QCOMPARE(balanceOf(*m_ledger, 1).held, usd("3"));
        QCOMPARE(m_ledger->heldTotal(), usd("3"));
        QCOMPARE(spend("2.1"), "in_flight");
        HEADGATE_VERIFY_BOOKS(*m_ledger);
        QVERIFY(settle(*m_ledger, {hold, SettleKind::Exact, usd("2.5")}));
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("2.5"));
        QCOMPARE(balanceOf(*m_ledger, 1).held, Money());
        QCOMPARE(spend("2.6"), "cap_reached");
    }

    /// The provider may bill an open hold in the new window, so that is where it counts.
    void openHoldsRollOverWhenAWindowEnds()
    {
        QVERIFY(m_ledger->setPools({makePool(1, "org", "day", "5"),
            makePool(2, "each-user", "hour", "9"), makePool(3, "org", "lifetime", "90")}));
        QCOMPARE(spend("1"), "granted");
        Ask ask = makeAsk("late", usd("4"));
        ask.dispatch = true;
        const HoldId late = holdOf(reserve(*m_ledger, ask));
        m_clock->advanceUs(3 * usPerDay + usPerHour);
        // Readers see it at once, before anything was written.
        QCOMPARE(*m_ledger->view(ask.identity, ask.target).tightest(), usd("1"));
        QCOMPARE(balanceOf(*m_ledger, 1).held, usd("4"));
        QCOMPARE(balanceOf(*m_ledger, 1).settled, Money());
        QCOMPARE(spend("1.1"), "in_flight");
        QCOMPARE(spend("1"), "granted");
        QVERIFY(settle(*m_ledger, {late, SettleKind::Exact, usd("3")}));
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("4"));
        QCOMPARE(balanceOf(*m_ledger, 1).held, Money());
        QCOMPARE(balanceOf(*m_ledger, 3).settled, usd("5"));
        QCOMPARE(spend("1.1"), "cap_reached");
        QCOMPARE(m_ledger->poolStates().front().lifetimeSettled, usd("5"));
        const auto entries = m_ledger->journal(PoolId{1}, 0, 100).value();
        QCOMPARE(std::count_if(entries.begin(), entries.end(),
                     [](const Entry& entry) { return entry.reason == "window ended"; }),
            2);
        reopen();
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("4"));
    }

    /// The whole wait happens in the store: a settle is the first thing after the boundary.
    void settlingAfterTheEndCountsInTheNewWindow()
    {
        QVERIFY(m_ledger->setPools({makePool(1, "org", "hour", "5")}));
        Ask ask = makeAsk("late", usd("5"));
        ask.dispatch = true;
        const HoldId late = holdOf(reserve(*m_ledger, ask));
        m_clock->advanceUs(usPerHour);
        QVERIFY(settle(*m_ledger, {late, SettleKind::Exact, usd("4")}));
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("4"));
        QCOMPARE(spend("1.1"), "cap_reached");
        QCOMPARE(spend("1"), "granted");
    }

    /// A reader saw the new window while the clock was wrong: windows never go back, so that is
    /// where the open hold counts from then on.
    void aWindowThatOnlyAReaderSawHasBegun()
    {
        QVERIFY(m_ledger->setPools({makePool(1, "org", "hour", "5")}));
        Ask ask = makeAsk("late", usd("5"));
        ask.dispatch = true;
        const HoldId late = holdOf(reserve(*m_ledger, ask));
        m_clock->stepWallUs(usPerHour);
        QCOMPARE(*m_ledger->view(ask.identity, ask.target).tightest(), Money());
        m_clock->stepWallUs(-usPerHour);
        QCOMPARE(spend("0.1"), "in_flight");
        QVERIFY(settle(*m_ledger, {late, SettleKind::Exact, usd("4")}));
        QCOMPARE(spend("1.1"), "cap_reached");
        QCOMPARE(spend("1"), "granted");
    }

    void aRestartAfterTheEndChargesTheNewWindow()
    {
        QVERIFY(m_ledger->setPools({makePool(1, "org", "hour", "5")}));
        Ask ask = makeAsk("late", usd("5"));
        ask.dispatch = true;
        QVERIFY(isGrant(reserve(*m_ledger, ask)));
        m_clock->advanceUs(usPerHour);
        reopen(); // outcome unknown: charged in full, now
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("5"));
        QCOMPARE(spend("0.1"), "cap_reached");
    }

    /// A freeze belongs to the window that was overrun, and so does a top-up.
    void freezesAndTopUpsEndWithTheirWindow()
    {
        QVERIFY(m_ledger->setPools({makePool(1, "org", "hour", "5")}));
        QVERIFY(m_ledger->topUp(PoolId{1}, usd("3"), "ann", "today only"));
        Ask ask = makeAsk("late", usd("7"));
        ask.dispatch = true;
        const HoldId late = holdOf(reserve(*m_ledger, ask));
        const HoldId over = holdOf(reserve(*m_ledger, makeAsk("over", usd("1"))));
        QVERIFY(settle(*m_ledger, {over, SettleKind::Exact, usd("2")}));
        QCOMPARE(spend("0.1"), "frozen");
        m_clock->advanceUs(usPerHour);
        QCOMPARE(spend("0.1"), "in_flight"); // 7 held of 5
        HEADGATE_VERIFY_BOOKS(*m_ledger);
        QVERIFY(settle(*m_ledger, {late, SettleKind::Exact, usd("1")}));
        QCOMPARE(spend("4"), "granted");
        QCOMPARE(balanceOf(*m_ledger, 1).toppedUp, Money());
    }

    void windowsEndWhereTheCalendarSays_data()
    {
        QTest::addColumn<QString>("window");
        QTest::addColumn<QString>("zone");
        QTest::addColumn<int>("fiscalDay");
        QTest::addColumn<QString>("from"); // UTC; an hour before it the window before had begun
        QTest::addColumn<QString>("to");
        const auto row = [](const char* name, const char* window, const char* zone, int fiscalDay,
                             const char* from, const char* to) {
            QTest::newRow(name) << QString::fromUtf8(window) << QString::fromUtf8(zone) << fiscalDay
                                << QString::fromUtf8(from) << QString::fromUtf8(to);
        };
        row("day of 25 hours", "day", "Europe/Berlin", 1, "2026-10-24T22:00", "2026-10-25T23:00");
        row("day of 23 hours", "day", "Europe/Berlin", 1, "2027-03-27T23:00", "2027-03-28T22:00");
        row("day of 25 hours west", "day", "America/New_York", 1, "2026-11-01T04:00",
            "2026-11-02T05:00");
        row("hour across a change", "hour", "Europe/Berlin", 1, "2026-10-25T01:00",
            "2026-10-25T02:00");
        row("week across a change", "week", "Europe/Berlin", 1, "2026-10-18T22:00",
            "2026-10-25T23:00");
        row("fiscal month", "month", "UTC", 15, "2026-10-15T00:00", "2026-11-15T00:00");
        row("fiscal month in a zone", "month", "Asia/Kolkata", 28, "2026-10-27T18:30",
            "2026-11-27T18:30");
        row("fiscal quarter", "quarter", "UTC", 10, "2026-10-10T00:00", "2027-01-10T00:00");
        row("fiscal year", "year", "Europe/Berlin", 5, "2027-01-04T23:00", "2028-01-04T23:00");
    }
    void windowsEndWhereTheCalendarSays()
    {
        QFETCH(QString, window);
        QFETCH(QString, zone);
        QFETCH(int, fiscalDay);
        QFETCH(QString, from);
        QFETCH(QString, to);
        const auto timeOf = [](const QString& text) {
            const auto at
                = QDateTime::fromString(text + QStringLiteral(":00Z"), Qt::DateFormat::ISODate);
            return static_cast<TimeUs>(at.toMSecsSinceEpoch()) * usPerMs;
        };
        const auto goTo = [&](TimeUs at) { m_clock->advanceUs(at - m_clock->nowUs()); };
        Pool pool = makePool(1, "org", window.toUtf8().constData(), "5");
        pool.zone = zone.toStdString();
        pool.fiscalStartDay = fiscalDay;
        QVERIFY(m_ledger->setPools({pool}));
        goTo(timeOf(from) - usPerMinute);
        QCOMPARE(spend("5"), "granted");
        QCOMPARE(spend("0.1"), "cap_reached");
        goTo(timeOf(from) + usPerMs);
        QCOMPARE(spend("2"), "granted");
        const auto denied = std::get<Denial>(reserve(*m_ledger, makeAsk("denied", usd("4"))));
        QCOMPARE(*denied.resetsAtUs, timeOf(to));
        Ask late = makeAsk("late", usd("3"));
        late.dispatch = true;
        const HoldId hold = holdOf(reserve(*m_ledger, late));
        goTo(timeOf(to) - usPerMinute);
        QCOMPARE(spend("0.1"), "in_flight");
        goTo(timeOf(to) + usPerMs);
        QCOMPARE(spend("2.1"), "in_flight"); // what is open counts in the new window
        QCOMPARE(spend("2"), "granted");
        QVERIFY(settle(*m_ledger, {hold, SettleKind::Exact, usd("3")}));
        QCOMPARE(spend("0.1"), "cap_reached");
    }

    void steppingTheClockBackReopensNothing()
    {
        QVERIFY(m_ledger->setPools({makePool(1, "org", "day", "5")}));
        QCOMPARE(spend("5"), "granted");
        m_clock->advanceUs(usPerDay);
        QCOMPARE(spend("5"), "granted");
        m_clock->stepWallUs(-usPerDay);
        QCOMPARE(spend("0.1"), "cap_reached");
        reopen();
        QCOMPARE(spend("0.1"), "cap_reached");
        m_clock->stepWallUs(-30 * usPerDay);
        QCOMPARE(spend("0.1"), "cap_reached");
        const Ask ask = makeAsk("x", usd("1"));
        QCOMPARE(*m_ledger->view(ask.identity, ask.target).tightest(), Money());
    }

    /// A reader saw the next day begin, then the clock went back: what is granted now is charged to
    /// that day and must be told to have happened in it.
    void aWindowThatWasSeenIsNotLeftAgain()
    {
        QVERIFY(m_ledger->setPools({makePool(1, "org", "day", "5")}));
        QCOMPARE(spend("5"), "granted");
        m_clock->advanceUs(usPerDay);
        const Ask ask = makeAsk("x", usd("1"));
        const auto seen = m_ledger->view(ask.identity, ask.target);
        m_clock->stepWallUs(-usPerDay);
        QCOMPARE(spend("5"), "granted");
        const auto lines = m_ledger->journal({}, 0, 1);
        QVERIFY(lines && !lines->empty());
        QVERIFY(lines->front().atUs >= *seen.lines.front().resetsAtUs - usPerDay);
        reopen();
        QCOMPARE(spend("0.1"), "cap_reached");
    }

    void archivedPoolsCoverNothingAndKeepTheirHistory()
    {
        QVERIFY(
            m_ledger->setPools({makePool(1, "org", "day", "5"), makePool(2, "org", "day", "50")}));
        QCOMPARE(spend("5"), "granted");
        const HoldId open = holdOf(reserve(*m_ledger, makeAsk("z", usd("0"))));
        QVERIFY(m_ledger->setPools({makePool(2, "org", "day", "50")}));
        QCOMPARE(spend("5"), "granted");
        QCOMPARE(m_ledger->poolStates().size(), 1U);
        QVERIFY(settle(*m_ledger, {open, SettleKind::Exact, usd("0")}));
        reopen();
        QVERIFY(
            m_ledger->setPools({makePool(1, "org", "day", "5"), makePool(2, "org", "day", "50")}));
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("5"));
        QCOMPARE(spend("0.1"), "cap_reached");
    }

    void topUpAddsToTheCap()
    {
        QVERIFY(m_ledger->setPools({makePool(1, "org", "lifetime", "5"),
            makePool(2, "each-user", "day", "50"), makePool(3, "request", "request", "50")}));
        QVERIFY(!m_ledger->topUp(PoolId{9}, usd("1"), "ann", "more"));
        QVERIFY(!m_ledger->topUp(PoolId{1}, usd("0"), "ann", "more"));
        QVERIFY(!m_ledger->topUp(PoolId{1}, usd("9223372036"), "ann", "more"));
        QVERIFY(!m_ledger->topUp(PoolId{1}, usd("-1"), "ann", "there is none"));
        QVERIFY(!m_ledger->topUp(PoolId{3}, usd("1"), "ann", "more"));
        QCOMPARE(spend("5"), "granted");
        QCOMPARE(spend("1"), "cap_reached");
        QVERIFY(m_ledger->topUp(PoolId{1}, usd("2"), "ann", "more"));
        QCOMPARE(spend("2"), "granted");
        QCOMPARE(spend("0.1"), "cap_reached");
        reopen();
        QCOMPARE(balanceOf(*m_ledger, 1).toppedUp, usd("2"));
        const auto entries = m_ledger->journal(PoolId{1}, 0, 100);
        const auto line = std::find_if(entries.value().begin(), entries.value().end(),
            [](const Entry& entry) { return entry.kind == EntryKind::TopUp; });
        QVERIFY(line != entries.value().end());
        QCOMPARE(line->toppedUpDelta, usd("2"));
        QCOMPARE(line->actor, "ann");
    }

    void topUpIsUndoneAndNamesAValue()
    {
        QVERIFY(m_ledger->setPools(
            {makePool(1, "org", "lifetime", "5"), makePool(2, "each-user", "day", "5")}));
        QVERIFY(m_ledger->topUp(PoolId{2}, usd("1"), "ann", "for bob", "bob"));
        QVERIFY(!m_ledger->topUp(PoolId{2}, usd("-1"), "ann", "not for ann", "ann"));
        QVERIFY(m_ledger->topUp(PoolId{2}, usd("2"), "ann", "for ann", "ann"));
        QVERIFY(m_ledger->topUp(PoolId{1}, usd("3"), "ann", "more"));
        QCOMPARE(spend("7"), "granted");
        QVERIFY(m_ledger->topUp(PoolId{1}, usd("-2"), "ann", "undo"));
        QVERIFY(m_ledger->topUp(PoolId{2}, usd("-2"), "ann", "undo", "ann"));
        QCOMPARE(balanceOf(*m_ledger, 1).toppedUp, usd("1"));
        QCOMPARE(spend("0.1"), "cap_reached"); // 7 of 6: what was spent stays spent
        reopen();
        QCOMPARE(balanceOf(*m_ledger, 1).toppedUp, usd("1"));
        QCOMPARE(spend("0.1"), "cap_reached");
    }

    void adjustCorrectsWithAReason()
    {
        QVERIFY(m_ledger->setPools(
            {makePool(1, "org", "day", "5"), makePool(2, "each-user", "day", "5")}));
        QCOMPARE(spend("3"), "granted");
        QVERIFY(!m_ledger->adjust(PoolId{1}, "", usd("-3.01"), "ann", "too much"));
        QVERIFY(m_ledger->adjust(PoolId{1}, "", usd("-1"), "ann", "refund"));
        QVERIFY(m_ledger->adjust(PoolId{2}, "bob", usd("9"), "ann", "spent elsewhere"));
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("2"));
        QCOMPARE(spend("3"), "cap_reached"); // ann's own pool: 3 of 5
        QCOMPARE(spend("2"), "granted");
        QCOMPARE(m_ledger->journal(PoolId{2}, 0, 100).value().back().kind, EntryKind::Hold);
        reopen();
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("4"));
    }

    void watchOnlyPoolsNeverRefuse()
    {
        Pool pool = makePool(1, "org", "day", "1");
        pool.hard = false;
        QVERIFY(m_ledger->setPools({pool}));
        QCOMPARE(spend("5"), "granted");
        QCOMPARE(balanceOf(*m_ledger, 1).settled, usd("5"));
        pool.hard = true; // made hard when it is already above its cap
        QVERIFY(m_ledger->setPools({pool}));
        QCOMPARE(spend("0.1"), "cap_reached");
        pool.hard = false;
        QVERIFY(m_ledger->setPools({pool}));
        QCOMPARE(spend("5"), "granted");
    }

    void manySessionsShareOneReserve()
    {
        QVERIFY(m_ledger->setPools({makePool(1, "each-session", "lifetime", "0.5")}));
        for (int i = 0; i < 1'100; ++i) {
            Ask ask = makeAsk("s" + std::to_string(i), usd("0.4"));
            ask.identity.session = "session-" + std::to_string(i);
            m_ledger->reserve(ask, [](const Decision&) {});
        }
        Ask again = makeAsk("again", usd("0.2"));
        again.identity.session = "session-3";
        QCOMPARE(reasonOf(reserve(*m_ledger, again)), "in_flight");
        const auto states = m_ledger->poolStates();
        QCOMPARE(states.front().accountsTotal, 1'100);
        QCOMPARE(states.front().accounts.size(), 1'000U);
        QCOMPARE(states.front().accounts.front().key.value, "session-1099");
    }
};

QTEST_GUILESS_MAIN(TestLedgerPools)
#include "tst_ledger_pools.moc"
