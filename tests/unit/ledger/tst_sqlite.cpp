// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/sqlite.h"

#include <QTemporaryDir>
#include <QtTest>

#include <array>
#include <sys/stat.h>

using namespace headgate;
using namespace headgate::sqlite;

class TestSqlite : public QObject {
    Q_OBJECT

private:
    std::unique_ptr<QTemporaryDir> m_folder;
    std::string m_path;

    Connection open() { return std::move(*Connection::open({.path = m_path, .vfs = {}})); }

private Q_SLOTS:
    void init()
    {
        m_folder = std::make_unique<QTemporaryDir>();
        m_path = m_folder->filePath(QStringLiteral("some.db")).toStdString();
    }

    void badSqlAndParametersAreErrors()
    {
        const auto connection = open();
        QVERIFY(!connection.exec("NONSENSE"));
        QVERIFY(!connection.prepare("SELECT nothing"));
        auto statement = connection.prepare("SELECT ?1");
        QVERIFY(!statement.value().bind(2, 5).step()); // there is no second parameter
        QVERIFY(*statement.value().bind(1, 5).step());
        QVERIFY(!Statement().step());
        QCOMPARE(connection.queryInt("SELECT 1 WHERE 0").error().code, ErrorCode::NotFound);
    }

    void bindsAndReadsEveryKind()
    {
        const auto connection = open();
        auto statement = connection.prepare("SELECT ?1, ?2, ?3, ?4, ?5");
        statement.value().bindAll(std::int64_t{-7}, "text", std::string_view());
        statement.value().bindNull(4).bindBlob(5, std::string_view("a\0b", 3));
        QVERIFY(*statement.value().step());
        QCOMPARE(statement.value().columnInt(0), -7);
        QCOMPARE(statement.value().columnText(1), "text");
        QVERIFY(!statement.value().columnIsNull(2));
        QVERIFY(statement.value().columnIsNull(3));
        QCOMPARE(statement.value().columnText(4).size(), 3U);
        QVERIFY(!*statement.value().step());
    }

    void transactionsRollBackUnlessCommitted()
    {
        const auto connection = open();
        QVERIFY(connection.exec("CREATE TABLE t (a INTEGER)"));
        {
            auto transaction = Transaction::begin(connection);
            QVERIFY(connection.exec("INSERT INTO t VALUES (1)"));
        }
        QCOMPARE(*connection.queryInt("SELECT count(*) FROM t"), 0);
        auto transaction = Transaction::begin(connection);
        QVERIFY(connection.exec("INSERT INTO t VALUES (1)"));
        QVERIFY(!Transaction::begin(connection)); // no nesting
        QVERIFY(transaction.value().commit());
        QCOMPARE(*connection.queryInt("SELECT count(*) FROM t"), 1);
    }

    void anotherWriterIsALock()
    {
        const auto first = open();
        const auto second
            = std::move(*Connection::open({.path = m_path, .busyTimeoutMs = 1, .vfs = {}}));
        auto transaction = Transaction::begin(first);
        const auto refused = Transaction::begin(second);
        QVERIFY(!refused);
        QCOMPARE(refused.error().code, ErrorCode::Unavailable);
        QVERIFY(!refused.error().remedy.empty());
    }

    void migratesStepByStepWithABackup()
    {
        constexpr std::array<std::string_view, 1> one{"CREATE TABLE t (a INTEGER)"};
        constexpr std::array<std::string_view, 2> two{
            one[0], "ALTER TABLE t ADD COLUMN b INTEGER NOT NULL DEFAULT 5"};
        constexpr std::array<std::string_view, 3> broken{
            two[0], two[1], "INSERT INTO gone VALUES (1)"};
        {
            const auto connection = open();
            QVERIFY(migrate(connection, one, "some.db"));
            QVERIFY(connection.exec("INSERT INTO t VALUES (1)"));
        }
        const auto connection = open();
        QVERIFY(!requireVersion(connection, 2, "some.db"));
        QVERIFY(migrate(connection, two, "some.db"));
        QVERIFY(requireVersion(connection, 2, "some.db"));
        QCOMPARE(*connection.queryInt("SELECT b FROM t"), 5);
        const auto backup
            = Connection::open({.path = m_path + ".v1.bak", .readOnly = true, .vfs = {}});
        QVERIFY(backup);
        QCOMPARE(*backup.value().queryInt("SELECT count(*) FROM pragma_table_info('t')"), 1);
        QVERIFY(!migrate(connection, broken, "some.db"));
        QCOMPARE(*connection.queryInt("PRAGMA user_version"), 2);
        QCOMPARE(migrate(connection, one, "some.db").error().code, ErrorCode::TooNew);
        QVERIFY(migrate(connection, two, "some.db")); // the next good start works
    }

    void newFilesAreForTheirOwnerOnly()
    {
#ifdef _WIN32
        QSKIP("Folders of a profile are private there.");
#else
        const auto connection = open();
        struct stat info = {};
        QCOMPARE(::stat(m_path.c_str(), &info), 0);
        QCOMPARE(info.st_mode & 0777U, 0600U);
#endif
    }

    void readOnlyNeitherCreatesNorWrites()
    {
        QVERIFY(!Connection::open({.path = m_path, .readOnly = true, .vfs = {}}));
        QVERIFY(!QFile::exists(QString::fromStdString(m_path)));
        QVERIFY(open().exec("CREATE TABLE t (a INTEGER)"));
        const auto reader = Connection::open({.path = m_path, .readOnly = true, .vfs = {}});
        QVERIFY(reader);
        QVERIFY(!reader.value().exec("INSERT INTO t VALUES (1)"));
    }
};

QTEST_GUILESS_MAIN(TestSqlite)
#include "tst_sqlite.moc"
