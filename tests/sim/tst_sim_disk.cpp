// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// The simulated disk must be worth its name: SQLite keeps its promises on it, and breaks them where
// a real disk would make it.

#include <QtTest>

#include "core/base/sqlite.h"
#include "tests/sim/disk.h"

#include <fmt/format.h>

using namespace headgate;
using namespace headgate::sim;

namespace {

constexpr const char* path = "/simulated/test.db";

Result<sqlite::Connection> openOn(const SimDisk& disk, bool powerSafe)
{
    return sqlite::Connection::open(
        {.path = path, .powerSafe = powerSafe, .walAutocheckpointPages = 20, .vfs = disk.vfs()});
}

/// Rows of random size in transactions, until the disk goes down or `transactions` are done.
/// Returns the numbers of those that were committed.
class Writer {
public:
    Writer(SimDisk& disk, Rng& rng) : m_disk(disk), m_rng(rng) { }
    std::int64_t committed = 0; ///< the last one that COMMIT said yes to
    std::int64_t tried = 0; ///< the last one begun

    void run(bool powerSafe, int transactions)
    {
        auto connection = openOn(m_disk, powerSafe);
        if (!connection
            || !connection->exec("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY, n INTEGER, "
                                 "body BLOB)")) {
            return;
        }
        for (int i = 0; i < transactions && !m_disk.isDown(); ++i) {
            write(*connection);
        }
    }

private:
    void write(const sqlite::Connection& connection)
    {
        const std::int64_t number = ++tried;
        auto transaction = sqlite::Transaction::begin(connection);
        if (!transaction) {
            return;
        }
        const auto rows = 1 + m_rng.below(4);
        for (std::uint64_t i = 0; i < rows; ++i) {
            const auto id = m_rng.below(200);
            const auto bytes = m_rng.below(3'000);
            if (!connection.exec(
                    fmt::format("INSERT OR REPLACE INTO t VALUES ({}, {}, randomblob({}))", id,
                        number, bytes))) {
                return;
            }
        }
        if (!connection.exec(
                fmt::format("INSERT OR REPLACE INTO t VALUES (1000, {}, zeroblob(10))", number))) {
            return;
        }
        if (transaction->commit() && !m_disk.isDown()) {
            committed = number;
        }
    }

    SimDisk& m_disk;
    Rng& m_rng;
};

/// The number of the last transaction in the file; -1: damaged, with what in `why`.
std::int64_t lastIn(const SimDisk& disk, std::string& why)
{
    const auto connection = openOn(disk, true);
    if (!connection) {
        why = connection.error().text();
        return -1;
    }
    auto check = connection->prepare("PRAGMA integrity_check");
    if (!check || !check->step() || check->columnText(0) != "ok") {
        why = check ? check->columnText(0) : check.error().text();
        return -1;
    }
    const auto found = connection->queryInt("SELECT n FROM t WHERE id = 1000");
    return found ? *found : 0;
}

} // namespace

class TestSimDisk : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void callsAfterACrashFail()
    {
        SimDisk disk("sim-test", 1);
        auto connection = openOn(disk, true);
        QVERIFY(connection);
        QVERIFY(connection->exec("CREATE TABLE t (a)"));
        disk.endProcess();
        QVERIFY(disk.isDown());
        QVERIFY(!connection->exec("INSERT INTO t VALUES (1)"));
        QVERIFY(!openOn(disk, true));
        disk.restart();
        QVERIFY(!connection->exec("INSERT INTO t VALUES (2)")); // of a program that has ended
        const auto next = openOn(disk, true);
        QVERIFY(next);
        QCOMPARE(*next->queryInt("SELECT count(*) FROM t"), 0);
        connection->close();
        QCOMPARE(*next->queryInt("SELECT count(*) FROM t"), 0);
    }

    void aNameThatWasNeverSyncedMayVanish()
    {
        bool vanished = false;
        bool stayed = false;
        for (std::uint64_t seed = 1; seed <= 40; ++seed) {
            SimDisk disk("sim-test", seed);
            disk.failAt(1, DiskFault::PowerFailsBefore, DiskCall::Sync);
            static_cast<void>(openOn(disk, true));
            if (!disk.isDown()) {
                QVERIFY(!openOn(disk, true) || !disk.isDown());
            }
            (disk.files().empty() ? vanished : stayed) = true;
        }
        QVERIFY(vanished);
        QVERIFY(stayed);
    }

    /// Whatever COMMIT said yes to with synchronous=FULL is there after a power cut at any call.
    void powerCutsKeepWhatWasCommitted()
    {
        std::int64_t cuts = 0;
        std::int64_t lost = 0;
        for (std::uint64_t seed = 1; seed <= 250; ++seed) {
            SimDisk disk("sim-test", seed);
            Rng rng(seed);
            Writer writer(disk, rng);
            for (int i = 0; i < 12; ++i) {
                const auto fault
                    = rng.below(2) == 0 ? DiskFault::PowerFailsBefore : DiskFault::PowerFailsAfter;
                disk.failAt(rng.between(1, i % 3 == 0 ? 60 : 900), fault);
                writer.run(true, 40);
                if (!disk.isDown()) {
                    disk.failPower();
                }
                ++cuts;
                disk.clearFaults();
                disk.restart();
                std::string why;
                const std::int64_t last = lastIn(disk, why);
                QVERIFY2(last >= writer.committed && last <= writer.tried,
                    qPrintable(QStringLiteral("seed %1, cut %2: %3 is last, %4 was committed; %5")
                                   .arg(seed)
                                   .arg(i)
                                   .arg(last)
                                   .arg(writer.committed)
                                   .arg(QString::fromStdString(why))));
                lost += last < writer.tried ? 1 : 0;
            }
        }
        QVERIFY(cuts >= 3'000);
        QVERIFY(lost > 0);
    }

    /// synchronous=NORMAL: the file stays whole in a power cut, but commits may be lost; else the
    /// disk would be kinder than real ones.
    void processSafeCommitsMayBeLostInAPowerCut()
    {
        int lost = 0;
        for (std::uint64_t seed = 1; seed <= 200; ++seed) {
            SimDisk disk("sim-test", seed);
            Rng rng(seed);
            Writer writer(disk, rng);
            writer.run(false, 30);
            Writer second(disk, rng);
            disk.failAt(rng.between(100, 900), DiskFault::PowerFailsBefore);
            second.tried = writer.tried;
            second.committed = writer.committed;
            second.run(false, 60);
            if (!disk.isDown()) {
                disk.failPower();
            }
            disk.clearFaults();
            disk.restart();
            std::string why;
            const std::int64_t last = lastIn(disk, why);
            QVERIFY2(last >= 0 && last <= second.tried, why.c_str());
            lost += last < second.committed ? 1 : 0;
        }
        QVERIFY(lost > 20);
    }

    void processEndsKeepWhatWasCommitted()
    {
        for (std::uint64_t seed = 1; seed <= 150; ++seed) {
            SimDisk disk("sim-test", seed);
            Rng rng(seed);
            Writer writer(disk, rng);
            for (int i = 0; i < 8; ++i) {
                const auto fault = rng.below(2) == 0 ? DiskFault::ProcessEndsBefore
                                                     : DiskFault::ProcessEndsAfter;
                disk.failAt(rng.between(1, 900), fault);
                writer.run(false, 40);
                disk.endProcess();
                disk.clearFaults();
                disk.restart();
                std::string why;
                const std::int64_t last = lastIn(disk, why);
                QVERIFY2(last >= writer.committed && last <= writer.tried, why.c_str());
            }
        }
    }

    /// Errors at any call damage nothing, and the connection goes on.
    void errorsAtAnyCallDamageNothing()
    {
        for (std::uint64_t seed = 1; seed <= 150; ++seed) {
            SimDisk disk("sim-test", seed);
            Rng rng(seed);
            Writer writer(disk, rng);
            writer.run(true, 3);
            for (int i = 0; i < 12; ++i) {
                disk.failAt(rng.between(1, 900), static_cast<DiskFault>(rng.below(4)));
            }
            writer.run(true, 60);
            disk.clearFaults();
            writer.run(true, 1);
            QCOMPARE(writer.committed, writer.tried);
            std::string why;
            QCOMPARE(lastIn(disk, why), writer.committed);
        }
    }

    void lastingFaults()
    {
        SimDisk disk("sim-test", 1);
        Rng rng(1);
        Writer writer(disk, rng);
        std::int64_t sleptUs = 0;
        disk.onSleep = [&](std::int64_t us) { sleptUs += us; };
        auto connection = openOn(disk, true);
        QVERIFY(connection->exec("CREATE TABLE t (a)"));
        disk.setFull(true);
        const auto full = connection->exec("INSERT INTO t VALUES (zeroblob(100000))");
        QVERIFY(!full && full.error().message.find("disk is full") != std::string::npos);
        disk.setFull(false);
        disk.setBad(true);
        QVERIFY(!connection->exec("INSERT INTO t VALUES (1)"));
        disk.setBad(false);
        disk.setLocked(true);
        QCOMPARE(connection->exec("INSERT INTO t VALUES (1)").error().code, ErrorCode::Unavailable);
        QVERIFY(sleptUs >= 1'000'000); // it waited, but nobody had to
        QVERIFY(disk.faultsStruck() >= 3);
        disk.setLocked(false);
        QVERIFY(connection->exec("INSERT INTO t VALUES (1)"));
        QCOMPARE(*connection->queryInt("SELECT count(*) FROM t"), 1);
    }

    void twoConnectionsSeeEachOther()
    {
        SimDisk disk("sim-test", 1);
        const auto writer = openOn(disk, true);
        QVERIFY(writer->exec("CREATE TABLE t (a)"));
        const auto reader = sqlite::Connection::open(
            {.path = path, .readOnly = true, .busyTimeoutMs = 10, .vfs = disk.vfs()});
        QVERIFY(reader);
        for (int i = 1; i <= 200; ++i) {
            QVERIFY(writer->exec("INSERT INTO t VALUES (zeroblob(3000))"));
            QCOMPARE(*reader->queryInt("SELECT count(*) FROM t"), i);
        }
        QVERIFY(writer->exec("BEGIN IMMEDIATE"));
        const auto second = openOn(disk, true);
        QCOMPARE(second->exec("INSERT INTO t VALUES (1)").error().code, ErrorCode::Unavailable);
        QVERIFY(writer->exec("COMMIT"));
        QVERIFY(second->exec("INSERT INTO t VALUES (1)"));
        QCOMPARE(*reader->queryInt("SELECT count(*) FROM t"), 201);
    }

    void sameSeedSameDisk()
    {
        const auto run = [](std::uint64_t seed) {
            SimDisk disk("sim-test", seed);
            Rng rng(7);
            Writer writer(disk, rng);
            disk.failAt(700, DiskFault::PowerFailsAfter);
            writer.run(true, 60);
            return std::make_pair(disk.readFile(path), disk.readFile(path + std::string("-wal")));
        };
        QVERIFY(run(3) == run(3));
        QVERIFY(run(3) != run(4));
    }
};

QTEST_GUILESS_MAIN(TestSimDisk)
#include "tst_sim_disk.moc"
