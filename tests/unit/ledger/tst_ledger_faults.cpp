// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/sqlite.h"
#include "tests/unit/ledger/fault_vfs.h"
#include "tests/unit/ledger/ledger_fixture.h"

#include <QTemporaryDir>

#include <atomic>
#include <mutex>
#ifndef _WIN32
#include <unistd.h>
#endif

using namespace headgate;
using namespace headgate::ledger;
using namespace headgate::ledger::test;

class TestLedgerFaults : public QObject {
    Q_OBJECT

private:
    std::unique_ptr<QTemporaryDir> m_folder;
    HalfManualClock m_clock; // a broken store is tried again as real time passes
    std::string m_path;
    std::atomic<int> m_failures = 0;
    std::atomic<int> m_recoveries = 0;

    Result<std::unique_ptr<SqliteLedger>> open(bool powerSafe = true)
    {
        return SqliteLedger::open(
            {m_path, powerSafe,
                [this](const LedgerEvent& event) {
                    m_failures += event.kind == LedgerEvent::Kind::StoreFailed ? 1 : 0;
                    m_recoveries += event.kind == LedgerEvent::Kind::StoreRecovered ? 1 : 0;
                },
                FaultVfs::name},
            m_clock);
    }
    sqlite::Connection rawConnection()
    {
        return std::move(*sqlite::Connection::open({.path = m_path, .vfs = {}}));
    }
    void makeUsedLedger()
    {
        const auto ledger = open();
        QVERIFY(ledger);
        QVERIFY((*ledger)->setPools({makePool(1, "org", "day", "5")}));
        const HoldId hold = holdOf(reserve(**ledger, makeAsk("r1", usd("1"))));
        QVERIFY(settle(**ledger, {hold, SettleKind::Exact, usd("0.75")}));
    }

private Q_SLOTS:
    void initTestCase() { FaultVfs::install(); }
    void init()
    {
        FaultVfs::calm();
        m_folder = std::make_unique<QTemporaryDir>();
        m_path = m_folder->filePath(QStringLiteral("ledger.db")).toStdString();
        m_failures = 0;
        m_recoveries = 0;
    }

    void missingFolder()
    {
        m_path = m_folder->filePath(QStringLiteral("no/such/ledger.db")).toStdString();
        const auto ledger = open();
        QVERIFY(!ledger);
        QCOMPARE(ledger.error().code, ErrorCode::Io);
        QVERIFY(!ledger.error().remedy.empty());
    }

    void unwritableFolder()
    {
#ifndef _WIN32
        if (::geteuid() == 0) {
            QSKIP("The administrator may write everywhere.");
        }
#endif
        QFile::setPermissions(m_folder->path(), QFile::ReadOwner | QFile::ExeOwner);
        const auto ledger = open();
        QFile::setPermissions(
            m_folder->path(), QFile::ReadOwner | QFile::WriteOwner | QFile::ExeOwner);
        QVERIFY(!ledger);
        QCOMPARE(ledger.error().code, ErrorCode::Io);
        QVERIFY(!ledger.error().remedy.empty());
    }

    void notADatabase()
    {
        QFile file(QString::fromStdString(m_path));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(QByteArray(8192, 'x'));
        file.close();
        const auto ledger = open();
        QVERIFY(!ledger);
        QCOMPARE(ledger.error().code, ErrorCode::Corrupt);
        QVERIFY(!SqliteLedger::verifyFile(m_path));
        QVERIFY(file.open(QIODevice::ReadOnly));
        QCOMPARE(file.readAll(), QByteArray(8192, 'x')); // left as it was
    }

    void anotherProgramsDatabase()
    {
        QVERIFY(rawConnection().exec("CREATE TABLE stamps (id INTEGER PRIMARY KEY)"));
        const auto ledger = open();
        QVERIFY(!ledger);
        QCOMPARE(ledger.error().code, ErrorCode::Corrupt);
    }

    void damagedPages()
    {
        makeUsedLedger();
        QFile file(QString::fromStdString(m_path));
        QVERIFY(file.open(QIODevice::ReadWrite));
        QVERIFY(file.seek(4096));
        file.write(QByteArray(static_cast<qsizetype>(file.size()) - 4096, '\x5a'));
        file.close();
        const auto ledger = open();
        QVERIFY(!ledger);
        QCOMPARE(ledger.error().code, ErrorCode::Corrupt);
        QVERIFY(!ledger.error().remedy.empty());
    }

    void newerFile()
    {
        makeUsedLedger();
        QVERIFY(rawConnection().exec("PRAGMA user_version = 99"));
        const auto ledger = open();
        QVERIFY(!ledger);
        QCOMPARE(ledger.error().code, ErrorCode::TooNew);
        QVERIFY(!ledger.error().remedy.empty());
        QCOMPARE(SqliteLedger::verifyFile(m_path).error().code, ErrorCode::TooNew);
        QCOMPARE(*rawConnection().queryInt("PRAGMA user_version"), 99);
    }

    void oneProgramALedger()
    {
        const auto first = open();
        QVERIFY(first);
        const auto second = open();
        QVERIFY(!second);
        QCOMPARE(second.error().code, ErrorCode::Unavailable);
    }

    void tamperedBalanceIsFoundAndRefused_data()
    {
        QTest::addColumn<QString>("sql");
        QTest::addColumn<bool>("opens");
        const auto row = [](const char* name, const char* sql, bool opens) {
            QTest::newRow(name) << QString::fromUtf8(sql) << opens;
        };
        row("settled", "UPDATE account SET settled = 0", false);
        row("held", "UPDATE account SET held = 1", false);
        row("top-up", "UPDATE account SET topped_up = 1000", false);
        // Behind the seal: the start reads only what is new, the full comparison finds it.
        row("settled and seal", "UPDATE account SET settled = 0, base_settled = 0", true);
        row("hold", "UPDATE hold SET charged = 1", true);
        row("hold without lines",
            "INSERT INTO hold VALUES (99, 'x', 1, 2, 5, 5, 0, 'p', 'm', 1, 1)", true);
        row("line without hold",
            "INSERT INTO entry SELECT seq + 1, at_us + 1, 2, 0, 77, 0, 0, 0, 0, '', '' FROM entry "
            "ORDER BY seq DESC LIMIT 1",
            true);
        row("time going back",
            "INSERT INTO entry SELECT seq + 1, at_us - 10, 6, 0, 0, 0, 0, 0, 0, '', '' FROM entry "
            "ORDER BY seq DESC LIMIT 1",
            true);
    }
    void tamperedBalanceIsFoundAndRefused()
    {
        QFETCH(QString, sql);
        QFETCH(bool, opens);
        makeUsedLedger();
        QVERIFY(SqliteLedger::verifyFile(m_path).value().ok);
        QVERIFY(rawConnection().exec(sql.toStdString()));
        const auto report = SqliteLedger::verifyFile(m_path);
        QVERIFY(report);
        QVERIFY(!report.value().ok);
        QVERIFY(!report.value().differences.empty());
        const auto ledger = open();
        QCOMPARE(ledger.has_value(), opens);
        if (!opens) {
            QCOMPARE(ledger.error().code, ErrorCode::Corrupt);
        }
    }

    void journalCannotBeEdited()
    {
        makeUsedLedger();
        const auto raw = rawConnection();
        QVERIFY(!raw.exec("UPDATE entry SET settled_delta = 0"));
        QVERIFY(!raw.exec("DELETE FROM entry"));
        QVERIFY(!raw.exec("UPDATE account SET settled = 999000000000"));
        QVERIFY(!raw.exec("UPDATE account SET held = -1"));
        QVERIFY(SqliteLedger::verifyFile(m_path).value().ok);
    }

    /// The guard in SQL stops a grant that the books in memory wrongly allow.
    void secondGuardRefuses()
    {
        const auto ledger = open();
        QVERIFY((*ledger)->setPools({makePool(1, "org", "day", "5")}));
        const HoldId hold = holdOf(reserve(**ledger, makeAsk("r1", usd("1"))));
        QVERIFY(rawConnection().exec("UPDATE account SET limit_nano = 2000000000"));
        QCOMPARE(reasonOf(reserve(**ledger, makeAsk("r2", usd("2")))), "ledger_unavailable");
        QCOMPARE(reasonOf(reserve(**ledger, makeAsk("r3", usd("0.1")))), "ledger_unavailable");
        QVERIFY(settle(**ledger, {hold, SettleKind::Exact, usd("0.5")}));
        QTRY_COMPARE(m_failures.load(), 1);
        HEADGATE_VERIFY_BOOKS(**ledger);
    }

    void fullDiskRefusesKeepsChargesAndRecovers()
    {
        const auto ledger = open();
        QVERIFY((*ledger)->setPools({makePool(1, "org", "day", "5")}));
        Ask ask = makeAsk("r1", usd("1"));
        ask.dispatch = true;
        const HoldId hold = holdOf(reserve(**ledger, ask));
        FaultVfs::failWrites = true;
        const Decision denied = reserve(**ledger, makeAsk("r2", usd("1")));
        QCOMPARE(reasonOf(denied), "ledger_unavailable");
        QVERIFY(std::get<Denial>(denied).detail.find("disk is full") != std::string::npos);
        QVERIFY(!(*ledger)->topUp(PoolId{1}, usd("1"), "ann", "x"));
        QVERIFY(!(*ledger)->setPools({makePool(1, "org", "day", "9")}));
        QCOMPARE((*ledger)->poolStates().front().pool.cap, usd("5"));
        std::promise<Result<Settled>> promise;
        auto settled = promise.get_future();
        (*ledger)->settle({hold, SettleKind::Exact, usd("0.6")},
            [&](Result<Settled> done) { promise.set_value(std::move(done)); });
        QCOMPARE(reasonOf(reserve(**ledger, makeAsk("r3", usd("1")))), "ledger_unavailable");
        QCOMPARE((*ledger)->openHoldCount(), 1);
        QCOMPARE(balanceOf(**ledger, 1).held, usd("1"));
        FaultVfs::failWrites = false;
        QCOMPARE(settled.get().value().charged, usd("0.6"));
        QVERIFY(isGrant(reserve(**ledger, makeAsk("r2", usd("1")))));
        QCOMPARE(balanceOf(**ledger, 1).settled, usd("0.6"));
        QTRY_COMPARE(m_recoveries.load(), 1);
        QCOMPARE(m_failures.load(), 1);
        HEADGATE_VERIFY_BOOKS(**ledger);
    }

    void failingSyncRefuses()
    {
        const auto ledger = open();
        QVERIFY((*ledger)->setPools({makePool(1, "org", "day", "5")}));
        FaultVfs::failSyncs = true;
        QCOMPARE(reasonOf(reserve(**ledger, makeAsk("r1", usd("1")))), "ledger_unavailable");
        FaultVfs::failSyncs = false;
        QTRY_VERIFY(isGrant(reserve(**ledger, makeAsk("r1", usd("1")))));
        QCOMPARE((*ledger)->heldTotal(), usd("1"));
        HEADGATE_VERIFY_BOOKS(**ledger);
    }

    void lockedDatabaseRefusesAndRecovers()
    {
        const auto ledger = open();
        QVERIFY((*ledger)->setPools({makePool(1, "org", "day", "5")}));
        const HoldId hold = holdOf(reserve(**ledger, makeAsk("r1", usd("1"))));
        auto raw = rawConnection();
        QVERIFY(raw.exec("BEGIN IMMEDIATE"));
        const Decision denied = reserve(**ledger, makeAsk("r2", usd("1")));
        QCOMPARE(reasonOf(denied), "ledger_unavailable");
        QVERIFY(!std::get<Denial>(denied).detail.empty());
        QVERIFY(!markDispatched(**ledger, hold));
        std::promise<Result<Settled>> promise;
        auto released = promise.get_future();
        (*ledger)->release(
            hold, "test", [&](Result<Settled> done) { promise.set_value(std::move(done)); });
        QVERIFY(raw.exec("ROLLBACK"));
        QCOMPARE(released.get().value().state, HoldState::Released);
        QTRY_VERIFY(isGrant(reserve(**ledger, makeAsk("r2", usd("5")))));
        HEADGATE_VERIFY_BOOKS(**ledger);
    }

    void closingWithABrokenStoreChargesInFullLater()
    {
        {
            const auto ledger = open();
            QVERIFY((*ledger)->setPools({makePool(1, "org", "day", "5")}));
            Ask ask = makeAsk("r1", usd("1"));
            ask.dispatch = true;
            const HoldId hold = holdOf(reserve(**ledger, ask));
            FaultVfs::failWrites = true;
            std::atomic<bool> failed = false;
            (*ledger)->settle({hold, SettleKind::Exact, usd("0.6")},
                [&](const Result<Settled>& done) { failed = !done; });
            const_cast<std::unique_ptr<SqliteLedger>&>(*ledger).reset();
            QVERIFY(failed);
        }
        FaultVfs::calm();
        const auto ledger = open();
        QVERIFY(ledger);
        QCOMPARE(balanceOf(**ledger, 1).settled, usd("1"));
        HEADGATE_VERIFY_BOOKS(**ledger);
    }

    /// One write or sync fails, at every place in turn: the ledger answers everything, grants no
    /// more than the cap, loses no charge, and its books agree with its journal, also after a
    /// restart.
    void singleFaultSweep()
    {
        for (long at = 1; at < 400; ++at) {
            FaultVfs::calm();
            m_folder = std::make_unique<QTemporaryDir>();
            m_path = m_folder->filePath(QStringLiteral("ledger.db")).toStdString();
            FaultVfs::failOnceAt = at;
            Money billed;
            {
                auto ledger = open();
                if (!ledger) {
                    ledger = open(); // the fault hit the start; the next one must work
                }
                QVERIFY2(ledger, qPrintable(QString::number(at)));
                if (!(*ledger)->setPools(
                        {makePool(1, "org", "day", "2"), makePool(2, "each-team", "day", "9")})) {
                    QTRY_VERIFY((*ledger)->setPools(
                        {makePool(1, "org", "day", "2"), makePool(2, "each-team", "day", "9")}));
                }
                for (int i = 0; i < 6; ++i) {
                    Ask ask = makeAsk("r" + std::to_string(i), usd("0.5"));
                    ask.dispatch = i % 2 == 0;
                    const HoldId hold = holdOf(reserve(**ledger, ask));
                    if (!hold || (!ask.dispatch && !markDispatched(**ledger, hold))) {
                        if (hold) {
                            QVERIFY(release(**ledger, hold));
                        }
                        continue;
                    }
                    billed = *billed.plus(usd("0.4"));
                    QVERIFY(settle(**ledger, {hold, SettleKind::Exact, usd("0.4")}));
                }
                QVERIFY(billed <= usd("2"));
                QCOMPARE(balanceOf(**ledger, 1).settled, billed);
                QCOMPARE((*ledger)->openHoldCount(), 0);
                HEADGATE_VERIFY_BOOKS(**ledger);
            }
            const bool wasHit = FaultVfs::calls >= at;
            FaultVfs::calm();
            const auto ledger = open();
            QVERIFY2(ledger, qPrintable(QString::number(at)));
            QCOMPARE(balanceOf(**ledger, 1).settled, billed);
            HEADGATE_VERIFY_BOOKS(**ledger);
            if (!wasHit) {
                qInfo("%ld places of failure", at - 1);
                return;
            }
        }
    }
};

QTEST_GUILESS_MAIN(TestLedgerFaults)
#include "tst_ledger_faults.moc"
