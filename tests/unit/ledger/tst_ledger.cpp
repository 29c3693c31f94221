// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/limits.h"
#include "core/base/sqlite.h"
#include "tests/unit/ledger/ledger_fixture.h"

#include <QTemporaryDir>

#include <atomic>
#include <thread>

using namespace headgate;
using namespace headgate::ledger;
using namespace headgate::ledger::test;

class TestLedger : public QObject {
    Q_OBJECT

private:
    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<ManualClock> m_clock;
    std::string m_path;
    std::vector<LedgerEvent> m_events;
    std::mutex m_eventsMutex;

    std::unique_ptr<SqliteLedger> open()
    {
        return openLedger(m_path, *m_clock, [this](const LedgerEvent& event) {
            const std::scoped_lock lock(m_eventsMutex);
            m_events.push_back(event);
        });
    }
    int eventCount(LedgerEvent::Kind kind)
    {
        const std::scoped_lock lock(m_eventsMutex);
        return static_cast<int>(std::count_if(m_events.begin(), m_events.end(),
            [&](const LedgerEvent& event) { return event.kind == kind; }));
    }

private Q_SLOTS:
    void init()
    {
        m_folder = std::make_unique<QTemporaryDir>();
        m_clock = std::make_unique<ManualClock>();
        m_path = m_folder->filePath(QStringLiteral("ledger.db")).toStdString();
        m_events.clear();
    }

    void refusesBadAsks()
    {
        const auto ledger = open();
        QVERIFY(ledger);
        QCOMPARE(reasonOf(reserve(*ledger, makeAsk("", usd("1")))), "ledger_unavailable");
        QCOMPARE(reasonOf(reserve(*ledger, makeAsk(std::string(300, 'x'), usd("1")))),
            "ledger_unavailable");
        QCOMPARE(reasonOf(reserve(*ledger, makeAsk("r", usd("-1")))), "ledger_unavailable");
        Ask longName = makeAsk("r", usd("1"));
        longName.identity.session = std::string(1000, 's');
        QCOMPARE(reasonOf(reserve(*ledger, longName)), "ledger_unavailable");
        QVERIFY(!settle(*ledger, {HoldId{77}, SettleKind::Exact, usd("1")}));
        QVERIFY(!markDispatched(*ledger, HoldId{77}));
        QVERIFY(!release(*ledger, HoldId{77}));
        QCOMPARE(ledger->openHoldCount(), 0);
        HEADGATE_VERIFY_BOOKS(*ledger);
    }

    void holdsThenSettles()
    {
        const auto ledger = open();
        QVERIFY(ledger->setPools({makePool(1, "org", "day", "5"),
            makePool(2, "each-team", "month", "3"), makePool(3, "request", "request", "1")}));
        const Decision decision = reserve(*ledger, makeAsk("r1", usd("0.80")));
        QVERIFY(isGrant(decision));
        QCOMPARE(std::get<Grant>(decision).lines.size(), 3U);
        QCOMPARE(std::get<Grant>(decision).lines[0].available(), usd("4.20"));
        QCOMPARE(ledger->heldTotal(), usd("0.80"));
        QCOMPARE(ledger->openHolds().size(), 1U);
        QVERIFY(markDispatched(*ledger, holdOf(decision)));
        QVERIFY(markDispatched(*ledger, holdOf(decision)));
        const auto settled = settle(*ledger, {holdOf(decision), SettleKind::Exact, usd("0.25")});
        QVERIFY(settled);
        QCOMPARE(settled.value().state, HoldState::Settled);
        QCOMPARE(settled.value().lines.size(), 3U);
        QCOMPARE(balanceOf(*ledger, 1).settled, usd("0.25"));
        QCOMPARE(balanceOf(*ledger, 1).held, Money());
        QCOMPARE(balanceOf(*ledger, 2).settled, usd("0.25"));
        QCOMPARE(ledger->heldTotal(), Money());
        QCOMPARE(ledger->openHoldCount(), 0);
        const auto report = ledger->verify();
        QCOMPARE(report.value().settledTotal, usd("0.25"));
        QCOMPARE(report.value().entries, 3);
        HEADGATE_VERIFY_BOOKS(*ledger);
    }

    void endsEachHoldOnce()
    {
        const auto ledger = open();
        QVERIFY(ledger->setPools({makePool(1, "org", "day", "5")}));
        const HoldId hold = holdOf(reserve(*ledger, makeAsk("r1", usd("1"))));
        QCOMPARE(
            settle(*ledger, {hold, SettleKind::Exact, usd("0.5")}).value().charged, usd("0.5"));
        QCOMPARE(
            settle(*ledger, {hold, SettleKind::Exact, usd("0.9")}).value().charged, usd("0.5"));
        QCOMPARE(release(*ledger, hold).value().charged, usd("0.5"));
        QCOMPARE(release(*ledger, hold).value().state, HoldState::Settled);
        QVERIFY(!markDispatched(*ledger, hold));
        QCOMPARE(balanceOf(*ledger, 1).settled, usd("0.5"));
        HEADGATE_VERIFY_BOOKS(*ledger);
    }

    void estimatedUnknownAndReleased()
    {
        const auto ledger = open();
        QVERIFY(ledger->setPools({makePool(1, "org", "day", "5")}));
        const HoldId a = holdOf(reserve(*ledger, makeAsk("a", usd("1"))));
        const HoldId b = holdOf(reserve(*ledger, makeAsk("b", usd("1"))));
        const HoldId c = holdOf(reserve(*ledger, makeAsk("c", usd("1"))));
        QCOMPARE(settle(*ledger, {a, SettleKind::Estimated, usd("0.3")}).value().state,
            HoldState::Estimated);
        QCOMPARE(settle(*ledger, {b, SettleKind::Unknown, usd("0.3")}).value().charged, usd("1"));
        QCOMPARE(release(*ledger, c).value().charged, Money());
        QCOMPARE(balanceOf(*ledger, 1).settled, usd("1.3"));
        QCOMPARE(balanceOf(*ledger, 1).held, Money());
        QVERIFY(!settle(*ledger,
            {holdOf(reserve(*ledger, makeAsk("d", usd("1")))), SettleKind::Exact, usd("-1")}));
        HEADGATE_VERIFY_BOOKS(*ledger);
    }

    void deniesWithReason()
    {
        const auto ledger = open();
        Pool tight = makePool(2, "team=search", "day", "1");
        QVERIFY(ledger->setPools({makePool(1, "org", "day", "5"), tight}));
        const HoldId hold = holdOf(reserve(*ledger, makeAsk("r1", usd("0.9"))));
        const Decision flight = reserve(*ledger, makeAsk("r2", usd("0.2")));
        QCOMPARE(reasonOf(flight), "in_flight");
        const Denial& denial = std::get<Denial>(flight);
        QCOMPARE(denial.pool.value, 2);
        QCOMPARE(denial.held, usd("0.9"));
        QCOMPARE(denial.cap, usd("1"));
        QCOMPARE(denial.asked, usd("0.2"));
        QVERIFY(denial.resetsAtUs);
        QVERIFY(settle(*ledger, {hold, SettleKind::Exact, usd("0.9")}));
        QCOMPARE(reasonOf(reserve(*ledger, makeAsk("r3", usd("0.2")))), "cap_reached");
        QCOMPARE(reasonOf(reserve(*ledger, makeAsk("r4", usd("0.1")))), "granted");
        tight.frozen = true;
        QVERIFY(ledger->setPools({makePool(1, "org", "day", "5"), tight}));
        QCOMPARE(reasonOf(reserve(*ledger, makeAsk("r5", usd("0.01")))), "frozen");
        HEADGATE_VERIFY_BOOKS(*ledger);
    }

    void firstRequestOfAnUnknownUserIsMetered()
    {
        const auto ledger = open();
        QVERIFY(ledger->setPools({makePool(1, "each-user", "lifetime", "1")}));
        Ask ask = makeAsk("r1", usd("1.01"));
        ask.identity.user = "never seen before";
        QCOMPARE(reasonOf(reserve(*ledger, ask)), "cap_reached");
        ask.identity.user.clear(); // leaving the value out is no way around the cap
        QCOMPARE(reasonOf(reserve(*ledger, ask)), "cap_reached");
        ask.amount = usd("1");
        QVERIFY(isGrant(reserve(*ledger, ask)));
        ask.requestId = "r2";
        QCOMPARE(reasonOf(reserve(*ledger, ask)), "in_flight");
    }

    void sameRequestIdGetsTheFirstDecision()
    {
        auto ledger = open();
        QVERIFY(ledger->setPools({makePool(1, "org", "day", "5")}));
        const Decision first = reserve(*ledger, makeAsk("r1", usd("3")));
        const Decision again = reserve(*ledger, makeAsk("r1", usd("3")));
        QCOMPARE(holdOf(first), holdOf(again));
        QVERIFY(!std::get<Grant>(first).repeated);
        QVERIFY(std::get<Grant>(again).repeated);
        QCOMPARE(reasonOf(reserve(*ledger, makeAsk("r1", usd("2")))), "duplicate");
        Ask second = makeAsk("r1", usd("1"));
        second.attempt = 2;
        QVERIFY(holdOf(reserve(*ledger, second)) != holdOf(first));
        QVERIFY(settle(*ledger, {holdOf(first), SettleKind::Exact, usd("1")}));
        QCOMPARE(holdOf(reserve(*ledger, makeAsk("r1", usd("3")))), holdOf(first));
        ledger.reset();
        ledger = open();
        QCOMPARE(holdOf(reserve(*ledger, makeAsk("r1", usd("3")))), holdOf(first));
        QCOMPARE(settle(*ledger, {holdOf(first), SettleKind::Exact, usd("2")}).value().charged,
            usd("1"));
        HEADGATE_VERIFY_BOOKS(*ledger);
    }

    void requestCeilingCoversAllCallsOfOneOperation()
    {
        const auto ledger = open();
        QVERIFY(ledger->setPools(
            {makePool(1, "request", "day", "1"), makePool(2, "org", "day", "100")}));
        QCOMPARE(reasonOf(reserve(*ledger, makeAsk("big", usd("1.1")))), "request_ceiling");
        Ask ask = makeAsk("r1", usd("0.6"));
        const HoldId first = holdOf(reserve(*ledger, ask));
        QVERIFY(first);
        ask.attempt = 2;
        QCOMPARE(reasonOf(reserve(*ledger, ask)), "request_ceiling");
        QVERIFY(settle(*ledger, {first, SettleKind::Exact, usd("0.5")}));
        QCOMPARE(reasonOf(reserve(*ledger, ask)), "request_ceiling");
        ask.amount = usd("0.5");
        QCOMPARE(reasonOf(reserve(*ledger, ask)), "granted");
        QCOMPARE(
            reasonOf(reserve(*ledger, makeAsk("r2", usd("1")))), "granted"); // another operation
        HEADGATE_VERIFY_BOOKS(*ledger);
    }

    void overrunIsBookedInFullAndFreezes()
    {
        const auto ledger = open();
        QVERIFY(
            ledger->setPools({makePool(1, "org", "day", "2"), makePool(2, "org", "month", "100")}));
        const HoldId hold = holdOf(reserve(*ledger, makeAsk("r1", usd("1"))));
        const auto settled = settle(*ledger, {hold, SettleKind::Exact, usd("2.5")});
        QVERIFY(settled && settled.value().overrun);
        QCOMPARE(settled.value().charged, usd("2.5"));
        QCOMPARE(balanceOf(*ledger, 1).settled, usd("2.5"));
        QVERIFY(balanceOf(*ledger, 1).frozen);
        QVERIFY(!balanceOf(*ledger, 2).frozen);
        QTRY_COMPARE(eventCount(LedgerEvent::Kind::Overrun), 1);
        QCOMPARE(reasonOf(reserve(*ledger, makeAsk("r2", usd("0.01")))), "frozen");
        QVERIFY(ledger->unfreezeAccounts(PoolId{1}, "ann"));
        QCOMPARE(reasonOf(reserve(*ledger, makeAsk("r3", usd("0.01")))), "cap_reached");
        HEADGATE_VERIFY_BOOKS(*ledger);
    }

    void overrunBelowTheCapOnlyAlerts()
    {
        const auto ledger = open();
        QVERIFY(ledger->setPools({makePool(1, "org", "day", "20")}));
        const HoldId hold = holdOf(reserve(*ledger, makeAsk("r1", usd("1"))));
        QVERIFY(settle(*ledger, {hold, SettleKind::Exact, usd("2.5")}).value().overrun);
        QVERIFY(!balanceOf(*ledger, 1).frozen);
        QTRY_COMPARE(eventCount(LedgerEvent::Kind::Overrun), 1);
        HEADGATE_VERIFY_BOOKS(*ledger);
    }

    void heldExpiresAndDispatchedNever()
    {
        const auto ledger = open();
        QVERIFY(ledger->setPools({makePool(1, "org", "day", "5")}));
        QVERIFY(isGrant(reserve(*ledger, makeAsk("held", usd("1")))));
        Ask sent = makeAsk("sent", usd("2"));
        sent.dispatch = true;
        QVERIFY(isGrant(reserve(*ledger, sent)));
        const HoldId later = holdOf(reserve(*ledger, makeAsk("later", usd("0.5"))));
        QVERIFY(markDispatched(*ledger, later));
        m_clock->advanceUs(std::int64_t{limits::holdTtlMs} * usPerMs + usPerSecond);
        QTRY_COMPARE(ledger->openHoldCount(), 2);
        QCOMPARE(ledger->heldTotal(), usd("2.5"));
        QCOMPARE(ledger->openHolds().front().state, HoldState::Dispatched);
        HEADGATE_VERIFY_BOOKS(*ledger);
    }

    void recoveryReleasesHeldAndChargesDispatched()
    {
        {
            // The file is copied while holds are open: what a power cut leaves behind.
            const auto ledger = open();
            QVERIFY(ledger->setPools({makePool(1, "org", "day", "5")}));
            QVERIFY(isGrant(reserve(*ledger, makeAsk("held", usd("1")))));
            Ask sent = makeAsk("sent", usd("2"));
            sent.dispatch = true;
            QVERIFY(isGrant(reserve(*ledger, sent)));
            for (const char* end : {"", "-wal"}) {
                QVERIFY(QFile::copy(QString::fromStdString(m_path + end),
                    QString::fromStdString(m_path + ".copy" + end)));
            }
        }
        m_path += ".copy";
        const auto ledger = open();
        QVERIFY(ledger);
        QCOMPARE(ledger->openHoldCount(), 0);
        QCOMPARE(balanceOf(*ledger, 1).settled, usd("2"));
        QCOMPARE(balanceOf(*ledger, 1).held, Money());
        QTRY_COMPARE(eventCount(LedgerEvent::Kind::RecoveryUnknown), 1);
        HEADGATE_VERIFY_BOOKS(*ledger);
    }

    void restartRemembersBalances()
    {
        auto ledger = open();
        QVERIFY(ledger->setPools(
            {makePool(1, "org", "day", "5"), makePool(2, "each-team", "day", "5")}));
        const HoldId hold = holdOf(reserve(*ledger, makeAsk("r1", usd("4"))));
        QVERIFY(settle(*ledger, {hold, SettleKind::Exact, usd("4")}));
        ledger.reset();
        ledger = open();
        QCOMPARE(balanceOf(*ledger, 1).settled, usd("4"));
        QCOMPARE(reasonOf(reserve(*ledger, makeAsk("r2", usd("2")))), "cap_reached");
        QCOMPARE(ledger->poolStates().front().lifetimeSettled, usd("4"));
    }

    void thresholdsAreRaisedOnce()
    {
        const auto ledger = open();
        QVERIFY(ledger->setPools({makePool(1, "org", "day", "10")}));
        for (int i = 0; i < 10; ++i) {
            const HoldId hold
                = holdOf(reserve(*ledger, makeAsk("r" + std::to_string(i), usd("1"))));
            QVERIFY(settle(*ledger, {hold, SettleKind::Exact, usd("1")}));
        }
        QTRY_COMPARE(eventCount(LedgerEvent::Kind::Threshold), 4);
    }

    void wakesWaitersWhenMoneyReturns()
    {
        const auto ledger = open();
        QVERIFY(ledger->setPools({makePool(1, "org", "day", "1")}));
        const HoldId hold = holdOf(reserve(*ledger, makeAsk("r1", usd("1"))));
        std::atomic<int> woken = 0;
        ledger->onceMoneyReturns([&] { ++woken; });
        QCOMPARE(reasonOf(reserve(*ledger, makeAsk("r2", usd("1")))), "in_flight");
        QCOMPARE(woken.load(), 0);
        QVERIFY(settle(*ledger, {hold, SettleKind::Exact, usd("0.1")}));
        QTRY_COMPARE(woken.load(), 1);
        QVERIFY(isGrant(reserve(*ledger, makeAsk("r3", usd("0.9")))));
        QCOMPARE(woken.load(), 1);
    }

    void viewShowsWhatMatches()
    {
        const auto ledger = open();
        Pool reserved = makePool(1, "org", "day", "10");
        reserved.reservePercent = 20;
        Pool watched = makePool(2, "each-user", "day", "1");
        watched.hard = false;
        QVERIFY(ledger->setPools({reserved, watched, makePool(3, "team=other", "day", "1")}));
        const Ask ask = makeAsk("r1", usd("3"));
        QVERIFY(isGrant(reserve(*ledger, ask)));
        const BudgetView view = ledger->view(ask.identity, ask.target);
        QCOMPARE(view.lines.size(), 2U);
        QCOMPARE(view.lines[0].cap, usd("8"));
        QCOMPARE(*view.tightest(), usd("5"));
        Identity high = ask.identity;
        high.priority = Priority::High;
        QCOMPARE(*ledger->view(high, ask.target).tightest(), usd("7"));
        QVERIFY(!BudgetView{}.tightest());
    }

    void priorityReserveIsNeverEaten()
    {
        const auto ledger = open();
        Pool pool = makePool(1, "org", "day", "10");
        pool.reservePercent = 20;
        QVERIFY(ledger->setPools({pool}));
        QVERIFY(isGrant(reserve(*ledger, makeAsk("r1", usd("8")))));
        QCOMPARE(reasonOf(reserve(*ledger, makeAsk("r2", usd("0.01")))), "in_flight");
        Ask high = makeAsk("r3", usd("2"));
        high.identity.priority = Priority::High;
        QVERIFY(isGrant(reserve(*ledger, high)));
        high.requestId = "r4";
        high.amount = usd("0.000000001");
        QCOMPARE(reasonOf(reserve(*ledger, high)), "in_flight");
    }

    void concurrentRequestsShareOneRemainder()
    {
        const auto ledger = open();
        QVERIFY(ledger->setPools(
            {makePool(1, "org", "day", "7.50"), makePool(2, "each-team", "day", "50")}));
        std::atomic<int> granted = 0;
        std::atomic<int> denied = 0;
        std::vector<std::thread> threads;
        for (int t = 0; t < 32; ++t) {
            threads.emplace_back([&, t] {
                for (int i = 0; i < 40; ++i) {
                    const std::string id = std::to_string(t) + "-" + std::to_string(i);
                    isGrant(reserve(*ledger, makeAsk(id, usd("0.10")))) ? ++granted : ++denied;
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        QCOMPARE(granted.load(), 75);
        QCOMPARE(denied.load(), 32 * 40 - 75);
        QCOMPARE(balanceOf(*ledger, 1).held, usd("7.5"));
        HEADGATE_VERIFY_BOOKS(*ledger);
    }

    void concurrentHoldsAndSettlesStayUnderTheCap()
    {
        const auto ledger = open();
        QVERIFY(ledger->setPools(
            {makePool(1, "org", "day", "20"), makePool(2, "each-user", "day", "6")}));
        std::atomic<std::int64_t> billed = 0;
        std::vector<std::thread> threads;
        for (int t = 0; t < 16; ++t) {
            threads.emplace_back([&, t] {
                for (int i = 0; i < 60; ++i) {
                    Ask ask = makeAsk(std::to_string(t) + "-" + std::to_string(i), usd("0.05"));
                    ask.identity.user = "user" + std::to_string(t % 4);
                    ask.dispatch = i % 2 == 0;
                    const Decision decision = reserve(*ledger, ask);
                    if (isGrant(decision)) {
                        const Money cost = Money::fromNano((t * 60 + i) % 50 * 1'000'000);
                        billed += cost.nano();
                        QVERIFY(settle(*ledger, {holdOf(decision), SettleKind::Exact, cost}));
                    }
                }
            });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        QCOMPARE(balanceOf(*ledger, 1).settled.nano(), billed.load());
        QVERIFY(balanceOf(*ledger, 1).settled <= usd("20"));
        QCOMPARE(ledger->openHoldCount(), 0);
        QVERIFY(ledger->stats().commits > 0);
        HEADGATE_VERIFY_BOOKS(*ledger);
    }

    void callbacksMayCallBack()
    {
        const auto ledger = open();
        QVERIFY(ledger->setPools({makePool(1, "org", "day", "5")}));
        std::promise<Money> promise;
        ledger->reserve(makeAsk("r1", usd("1")), [&](const Decision& decision) {
            ledger->settle({holdOf(decision), SettleKind::Exact, usd("0.4")},
                [&](const Result<Settled>& settled) {
                    promise.set_value(settled.value().charged);
                });
        });
        QCOMPARE(promise.get_future().get(), usd("0.4"));
    }

    void closingAnswersWhatIsQueued()
    {
        std::atomic<int> answered = 0;
        auto ledger = open();
        QVERIFY(ledger->setPools({makePool(1, "org", "day", "5")}));
        for (int i = 0; i < 1'000; ++i) {
            ledger->reserve(makeAsk("r" + std::to_string(i), usd("0.001")),
                [&](const Decision&) { ++answered; });
        }
        ledger.reset();
        QCOMPARE(answered.load(), 1'000);
        QVERIFY(SqliteLedger::verifyFile(m_path).value().ok);
    }

    void journalPagesNewestFirst()
    {
        const auto ledger = open();
        QVERIFY(ledger->setPools(
            {makePool(1, "org", "day", "5"), makePool(2, "team=other", "day", "5")}));
        for (int i = 0; i < 5; ++i) {
            QVERIFY(isGrant(reserve(*ledger, makeAsk("r" + std::to_string(i), usd("0.1")))));
        }
        const auto page = ledger->journal({}, 0, 2);
        QCOMPARE(page.value().size(), 2U);
        QCOMPARE(page.value().front().requestId, "r4");
        QCOMPARE(page.value().front().accounts.size(), 1U);
        const auto next = ledger->journal(PoolId{1}, page.value().back().sequence, 10);
        QCOMPARE(next.value().size(), 3U);
        QCOMPARE(next.value().front().requestId, "r2");
        QVERIFY(ledger->journal(PoolId{2}, 0, 10).value().empty());
    }
};

QTEST_GUILESS_MAIN(TestLedger)
#include "tst_ledger.moc"
