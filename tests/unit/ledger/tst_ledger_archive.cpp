// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// Ended accounts cost nothing and lose nothing; files of the first format are upgraded.

#include "tests/unit/ledger/ledger_fixture.h"

#include <QFile>
#include <QTemporaryDir>

#include "core/ledger/books.h"
#include "core/ledger/schema.h"
#include "core/ledger/sqlite_store.h"

using namespace headgate;
using namespace headgate::ledger;
using namespace headgate::ledger::test;

class TestLedgerArchive : public QObject {
    Q_OBJECT

private:
    std::unique_ptr<QTemporaryDir> m_folder;
    std::unique_ptr<ManualClock> m_clock;
    std::string m_path;
    std::unique_ptr<SqliteStore> m_store;
    std::unique_ptr<Books> m_books;
    int m_requests = 0;

    void open()
    {
        close();
        m_store = std::move(SqliteStore::open(m_path, false).value());
        QVERIFY(m_store->compareWithJournal());
        m_books = std::make_unique<Books>(*m_store, *m_clock);
        QVERIFY(m_books->load(m_store->load().value()));
    }
    void close()
    {
        m_books.reset();
        m_store.reset();
    }
    void store()
    {
        const auto written = m_store->write(m_books->finishBatch());
        QVERIFY2(written, written ? "" : written.error().text().c_str());
        m_books->commit();
    }
    void define(const std::vector<Pool>& pools)
    {
        const auto done = m_books->setPools(pools);
        QVERIFY2(done, done ? "" : done.error().text().c_str());
        store();
    }
    Decision ask(const std::string& session, const char* amount)
    {
        Ask ask = makeAsk("r" + std::to_string(++m_requests), usd(amount));
        ask.identity.session = session;
        ask.dispatch = true;
        return m_books->reserve(ask);
    }
    std::string spend(const std::string& session, const char* amount)
    {
        const Decision decision = ask(session, amount);
        store();
        if (!isGrant(decision)) {
            return reasonOf(decision);
        }
        const auto done = m_books->settle({holdOf(decision), SettleKind::Exact, usd(amount)});
        store();
        return done ? "granted" : done.error().text();
    }
    std::int64_t count(const char* what)
    {
        const auto connection = openForReading(m_path);
        return *connection.value().queryInt(
            "SELECT count(*) FROM account WHERE " + std::string(what));
    }
    std::string verified() { return verifyText(SqliteLedger::verifyFile(m_path)); }
    Money lifetime() { return m_books->poolStates().front().lifetimeSettled; }

private Q_SLOTS:
    void init()
    {
        m_folder = std::make_unique<QTemporaryDir>();
        m_clock = std::make_unique<ManualClock>();
        m_path = m_folder->filePath(QStringLiteral("ledger.db")).toStdString();
        m_requests = 0;
        open();
    }
    void cleanup()
    {
        if (m_books) {
            HEADGATE_COMPARE_TEXT(verified(), "");
        }
        close();
    }

    void endedAccountsAreArchived_data()
    {
        QTest::addColumn<QString>("window");
        QTest::addColumn<qint64>("laterUs");
        QTest::newRow("session") << "session:30m" << qint64{31 * usPerMinute};
        QTest::newRow("fixed") << "hour" << qint64{usPerHour};
        QTest::newRow("lifetime") << "lifetime" << qint64{8 * usPerDay};
        QTest::newRow("sliding") << "sliding:1h" << qint64{8 * usPerDay};
        QTest::newRow("bucket") << "bucket:5/1-per-hour" << qint64{8 * usPerDay};
    }
    void endedAccountsAreArchived()
    {
        QFETCH(QString, window);
        QFETCH(qint64, laterUs);
        define({makePool(1, "each-session", window.toUtf8().constData(), "5")});
        constexpr int sessions = 1'200;
        for (int i = 0; i < sessions; ++i) {
            const Decision decision = ask("s" + std::to_string(i), "1");
            QVERIFY(m_books->settle({holdOf(decision), SettleKind::Exact, usd("0.5")}));
        }
        store();
        m_books->dropIdle(); // nothing has ended yet
        QCOMPARE(count("archived <> 0"), 0);
        m_clock->advanceUs(laterUs);
        QVERIFY(isGrant(ask("open", "2")));
        store();
        m_books->dropIdle();
        QVERIFY(count("archived = 2") < sessions); // in steps
        m_books->dropIdle();
        QCOMPARE(count("archived = 2"), sessions);
        QCOMPARE(count("archived = 0"), 1);
        QCOMPARE(m_books->poolStates().front().accountsTotal, 1);
        QCOMPARE(lifetime(), usd("600"));
        HEADGATE_COMPARE_TEXT(verified(), "");
        open(); // before a seal they are compared all the same
        QCOMPARE(lifetime(), usd("600"));
        QVERIFY(m_store->seal());
        QCOMPARE(count("archived = 1"), sessions);
        open();
        QCOMPARE(lifetime(), usd("600"));
        QCOMPARE(m_books->poolStates().front().accountsTotal, 1);
    }

    /// An archived account is found by its first call, judged by what it had spent and by the cap
    /// of now, and counts again.
    void archivedAccountsWake()
    {
        define({makePool(1, "each-session", "lifetime", "5")});
        QCOMPARE(spend("a", "3"), "granted");
        QCOMPARE(spend("b", "3"), "granted");
        m_clock->advanceUs(8 * usPerDay);
        m_books->dropIdle();
        QCOMPARE(count("archived = 2"), 2);
        QCOMPARE(spend("a", "2.1"), "cap_reached");
        QCOMPARE(count("archived = 2"), 2); // a refusal writes nothing
        define({makePool(1, "each-session", "lifetime", "9")});
        QCOMPARE(spend("a", "6"), "granted");
        QCOMPARE(spend("a", "0.1"), "cap_reached");
        QCOMPARE(count("archived = 0"), 1);
        QCOMPARE(lifetime(), usd("12"));
        HEADGATE_COMPARE_TEXT(verified(), "");
        QVERIFY(m_store->seal());
        open();
        define({makePool(1, "each-session", "lifetime", "2")});
        QCOMPARE(spend("b", "0.1"), "cap_reached");
        define({makePool(1, "each-session", "lifetime", "4")});
        QCOMPARE(spend("b", "1"), "granted");
        QCOMPARE(lifetime(), usd("13"));
        open();
        QCOMPARE(lifetime(), usd("13"));
    }

    void wakingSurvivesAFailedBatch()
    {
        define({makePool(1, "each-session", "lifetime", "5")});
        QCOMPARE(spend("a", "3"), "granted");
        m_clock->advanceUs(8 * usPerDay);
        m_books->dropIdle();
        QVERIFY(isGrant(ask("a", "1")));
        static_cast<void>(m_books->finishBatch());
        m_books->rollback();
        QCOMPARE(spend("a", "1"), "granted");
        QCOMPARE(count("archived = 0"), 1);
        QCOMPARE(lifetime(), usd("4"));
    }

    void openAndFrozenAccountsStay()
    {
        define({makePool(1, "each-session", "hour", "5")});
        const Decision frozen = ask("frozen", "5");
        store();
        QVERIFY(m_books->settle({holdOf(frozen), SettleKind::Exact, usd("6")}));
        const HoldId open = holdOf(ask("open", "1"));
        const HoldId nothing = holdOf(ask("nothing", "0"));
        store();
        m_clock->advanceUs(2 * usPerHour);
        m_books->dropIdle();
        QCOMPARE(count("archived <> 0"), 1); // only the one whose open hold holds nothing
        QVERIFY(m_books->settle({nothing, SettleKind::Exact, Money()}));
        QVERIFY(m_books->settle({open, SettleKind::Exact, usd("1")}));
        store();
        m_books->dropIdle();
        QCOMPARE(count("frozen = 1 AND archived = 0"), 1);
    }

    void editsFindArchivedAccounts()
    {
        define({makePool(1, "each-session", "hour", "5")});
        QCOMPARE(spend("a", "3"), "granted");
        m_clock->advanceUs(usPerHour);
        m_books->dropIdle();
        QCOMPARE(count("archived = 2"), 1);
        for (const char* window : {"sliding:24h", "lifetime", "bucket:5/0.01-per-hour", "day"}) {
            define({makePool(1, "each-session", window, "5")});
            QCOMPARE(spend("a", "2.5"), "cap_reached");
            HEADGATE_COMPARE_TEXT(verified(), "");
            m_clock->advanceUs(usPerMinute);
            m_books->dropIdle();
        }
        QCOMPARE(lifetime(), usd("3"));
    }

    /// Starting, sealing and housekeeping must not walk what was archived.
    void archivedAccountsAreNotScanned_data()
    {
        QTest::addColumn<QString>("sql");
        QTest::newRow("seal") << "UPDATE account SET base_settled = settled WHERE archived = 0 AND "
                                 "(base_settled <> settled OR base_held <> held)";
        QTest::newRow("unsealed") << "UPDATE account SET archived = 1 WHERE archived = 2";
        QTest::newRow("busy") << "SELECT id FROM account WHERE archived = 0 AND (held <> 0 OR "
                                 "frozen = 1)";
        QTest::newRow("current")
            << "SELECT id, settled FROM account WHERE pool_id=1 AND window_start_us=2 AND "
               "archived=0 LIMIT 3";
        QTest::newRow("lifetime") << "SELECT sum(settled - carried) FROM account WHERE pool_id = 1 "
                                     "AND account.archived = 0";
        QTest::newRow("newest session")
            << "SELECT id, settled FROM account WHERE pool_id=1 AND value='a' AND session=1 ORDER "
               "BY window_start_us DESC LIMIT 1";
    }
    void archivedAccountsAreNotScanned()
    {
        QFETCH(QString, sql);
        const auto connection = openForReading(m_path);
        auto plan = connection.value().prepare("EXPLAIN QUERY PLAN " + sql.toStdString());
        QVERIFY(plan);
        while (*plan->step()) {
            const QString line = QString::fromStdString(plan->columnText(3));
            QVERIFY2(line.contains(QStringLiteral("account_live"))
                    || line.contains(QStringLiteral("account_unsealed"))
                    || line.contains(QStringLiteral("account_session")),
                qPrintable(line));
        }
    }

    void verifyFindsWhatWasTamperedWith_data()
    {
        QTest::addColumn<QString>("sql");
        QTest::newRow("slot") << "UPDATE account_slot SET settled = settled - 1";
        QTest::newRow("slot gone") << "DELETE FROM account_slot";
        QTest::newRow("archived sum") << "UPDATE pool SET archived_settled = 7";
        QTest::newRow("archived account")
            << "UPDATE account SET settled = settled + 1 WHERE archived <> 0";
    }
    void verifyFindsWhatWasTamperedWith()
    {
        QFETCH(QString, sql);
        define({makePool(1, "org", "sliding:1h", "50"), makePool(2, "each-session", "hour", "50")});
        QCOMPARE(spend("a", "3"), "granted");
        m_clock->advanceUs(usPerHour);
        QCOMPARE(spend("b", "3"), "granted");
        m_books->dropIdle();
        HEADGATE_COMPARE_TEXT(verified(), "");
        close();
        {
            const auto connection = sqlite::Connection::open({.path = m_path, .vfs = {}});
            QVERIFY(connection.value().exec(sql.toStdString()));
        }
        QVERIFY(!verified().empty());
    }

    /// A file as the first release wrote it, with a call under way.
    void upgradesTheFirstFormat()
    {
        close();
        QVERIFY(QFile::remove(QString::fromStdString(m_path)));
        const std::string at = std::to_string(m_clock->nowUs() - usPerHour);
        const std::string later = std::to_string(m_clock->nowUs() - usPerMinute);
        const TimeUs day = m_clock->nowUs() / usPerDay * usPerDay;
        {
            auto connection = sqlite::Connection::open({.path = m_path, .vfs = {}});
            constexpr std::array<std::string_view, 1> first{schemaStep1};
            QVERIFY(sqlite::migrate(*connection, first, "ledger.db"));
            const auto done = connection.value().exec(
                "INSERT INTO pool VALUES (1,'daily','org','day',5000000000,1,0,'UTC',1,0,0),"
                "(2,'old','each-user','month',9000000000,0,0,'UTC',1,0,1);"
                "INSERT INTO account (id,pool_id,value,window_start_us,settled,held,limit_nano) "
                "VALUES (1,1,'',"
                + std::to_string(day)
                + ",2000000000,1000000000,5000000000);"
                  "INSERT INTO account (id,pool_id,value,window_start_us,settled) "
                  "VALUES (2,2,'ann',0,700000000);"
                  "INSERT INTO account_set_member VALUES (1,1),(2,2);"
                  "INSERT INTO hold VALUES (1,'r1',1,2,3000000000,2000000000,1,'sim','small',"
                + at + "," + at + "),(2,'r2',1,1,1000000000,NULL,1,'sim','small'," + later
                + ",NULL);INSERT INTO entry VALUES (1," + at + ",0,0,1,1,3000000000,0,0,'',''),(2,"
                + at + "+1,2,0,1,1,-3000000000,2000000000,0,'',''),(3," + at
                + "+2,6,0,0,2,0,700000000,0,'ann','import'),(4," + later
                + ",0,0,2,1,1000000000,0,0,'','');");
            QVERIFY2(done, done ? "" : done.error().text().c_str());
        }
        QVERIFY(!SqliteLedger::verifyFile(m_path)); // says that it wants to be upgraded first
        {
            const auto ledger = openLedger(m_path, *m_clock);
            QVERIFY(ledger);
            HEADGATE_VERIFY_BOOKS(*ledger);
            QCOMPARE(balanceOf(*ledger, 1).settled, usd("3")); // unknown: charged in full
            QCOMPARE(reasonOf(reserve(*ledger, makeAsk("r3", usd("2.1")))), "cap_reached");
            QCOMPARE(reasonOf(reserve(*ledger, makeAsk("r1", usd("3")))), "granted"); // the first
            QVERIFY(ledger->setPools({makePool(1, "org", "sliding:24h", "5")}));
            QCOMPARE(balanceOf(*ledger, 1).settled, usd("3"));
            HEADGATE_VERIFY_BOOKS(*ledger);
        }
        QVERIFY(QFile::exists(QString::fromStdString(m_path + ".v1.bak")));
        open();
        QCOMPARE(lifetime(), usd("3"));
    }
};

QTEST_GUILESS_MAIN(TestLedgerArchive)
#include "tst_ledger_archive.moc"
