// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// A child process works on the ledger and is killed at a random moment; the parent knows from a
// pipe what the child had been told, and asks the reopened ledger for it.

#include "core/base/rng.h"
#include "tests/unit/ledger/ledger_fixture.h"

#include <QTemporaryDir>

#include <map>
#include <thread>

#ifndef _WIN32
#include <csignal>
#include <sys/wait.h>
#include <unistd.h>
#endif

using namespace headgate;
using namespace headgate::ledger;
using namespace headgate::ledger::test;

namespace {

/// What the child reports after the ledger answered; smaller than PIPE_BUF, so written in one
/// piece.
struct Report {
    char what = 0; ///< 'd' dispatched hold, 'h' held, 's' settled
    std::int64_t hold = 0;
    std::int64_t nano = 0;
};

#ifndef _WIN32

void tell(int fd, Report report)
{
    static_cast<void>(!::write(fd, &report, sizeof report));
}

[[noreturn]] void work(const std::string& path, int fd, int run)
{
    SystemClock clock;
    auto ledger = openLedger(path, clock);
    if (!ledger
        || !ledger->setPools(
            {makePool(1, "org", "year", "500"), makePool(2, "each-team", "lifetime", "900")})) {
        ::_exit(1);
    }
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 100'000; ++i) {
                Ask ask = makeAsk(
                    std::to_string(run) + "-" + std::to_string(t) + "-" + std::to_string(i),
                    Money::fromCents(2));
                ask.dispatch = i % 2 == 0;
                const HoldId hold = holdOf(reserve(*ledger, ask));
                if (!hold) {
                    continue;
                }
                tell(fd, {ask.dispatch ? 'd' : 'h', hold.value, ask.amount.nano()});
                if (!ask.dispatch && !markDispatched(*ledger, hold)) {
                    continue;
                }
                const Money cost = Money::fromNano(1'000'000 + i);
                if (settle(*ledger, {hold, SettleKind::Exact, cost})) {
                    tell(fd, {'s', hold.value, cost.nano()});
                }
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    ::_exit(0);
}

#endif

} // namespace

class TestLedgerCrash : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void killedAtRandomMoments()
    {
#ifdef _WIN32
        QSKIP("Needs fork and kill.");
#else
        QTemporaryDir folder;
        const std::string path = folder.filePath(QStringLiteral("ledger.db")).toStdString();
        Rng rng(4711);
        std::map<std::int64_t, Money> settled;
        std::map<std::int64_t, char> granted;
        for (int run = 0; run < 12; ++run) {
            int ends[2] = {};
            QCOMPARE(::pipe(ends), 0);
            const pid_t child = ::fork();
            if (child == 0) {
                ::close(ends[0]);
                work(path, ends[1], run);
            }
            ::close(ends[1]);
            // Read for a while, then kill; what is left in the pipe was told before.
            std::vector<Report> reports;
            const auto wanted = static_cast<std::size_t>(rng.below(1'500)) + (run == 0 ? 1 : 0);
            Report report;
            while (reports.size() < wanted
                && ::read(ends[0], &report, sizeof report) == sizeof report) {
                reports.push_back(report);
            }
            ::kill(child, SIGKILL);
            while (::read(ends[0], &report, sizeof report) == sizeof report) {
                reports.push_back(report);
            }
            ::close(ends[0]);
            int status = 0;
            ::waitpid(child, &status, 0);
            QVERIFY2(WIFSIGNALED(status), "the child ended by itself");
            for (const Report& told : reports) {
                if (told.what == 's') {
                    settled[told.hold] = Money::fromNano(told.nano);
                } else {
                    granted[told.hold] = told.what;
                }
            }
            checkBooks(path, granted, settled);
        }
        QVERIFY(!settled.empty());
#endif
    }

private:
    static void checkBooks(const std::string& path, const std::map<std::int64_t, char>& granted,
        const std::map<std::int64_t, Money>& settled)
    {
        SystemClock clock;
        const auto ledger = openLedger(path, clock);
        QVERIFY(ledger);
        HEADGATE_VERIFY_BOOKS(*ledger);
        QCOMPARE(ledger->openHoldCount(), 0);
        Money known;
        for (const auto& [hold, kind] : granted) {
            const auto outcome = settle(*ledger, {HoldId{hold}, SettleKind::Exact, Money()});
            QVERIFY2(outcome, "a granted hold is gone");
            const auto told = settled.find(hold);
            if (told != settled.end()) {
                QCOMPARE(outcome.value().charged, told->second);
            } else if (kind == 'd') {
                QVERIFY(!outcome.value().charged.isZero()); // sent, so never free
            }
            known = *known.plus(outcome.value().charged);
        }
        QVERIFY(ledger->verify().value().settledTotal >= known);
        if (!ledger->poolStates().empty()) {
            QCOMPARE(ledger->poolStates().front().lifetimeSettled,
                ledger->verify().value().settledTotal);
        }
    }
};

QTEST_GUILESS_MAIN(TestLedgerCrash)
#include "tst_ledger_crash.moc"
