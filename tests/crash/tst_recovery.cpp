// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "core/base/clock.h"
#include "core/base/sqlite.h"
#include "tests/bench/loopback.h"
#include "tests/crash/crash_house.h"

#include <QDir>
#include <QElapsedTimer>
#include <QFile>
#include <QJsonArray>
#include <QTest>

#include <algorithm>
#include <csignal>
#include <thread>

using namespace headgate::crash;
using headgate::Money;
using headgate::usPerDay;
using headgate::usPerHour;
using headgate::clitest::Answer;
using headgate::clitest::chatBody;
using headgate::clitest::Connection;
using headgate::clitest::Ran;

namespace {

const std::string stream = R"("stream":true)";
constexpr int patienceMs = 20'000;

std::string hello(const char* model = "sim-small")
{
    return chatBody(model, "Hello there.", 10);
}

QJsonObject poolOf(const House& house, const char* name)
{
    for (const QJsonObject& row : house.verb("pools list").rows()) {
        if (row[QLatin1String("name")].toString() == QLatin1String(name)) {
            return row;
        }
    }
    return {};
}

std::int64_t nanoOf(const QJsonObject& row, const char* field)
{
    const auto money = Money::parse(row[QLatin1String(field)].toString().toStdString());
    return money ? money->nano() : -1;
}

QString warningOf(const House& house)
{
    return house.verb("status").row()[QLatin1String("warning")].toString();
}

template <typename Condition>
bool eventually(Condition&& holds)
{
    QElapsedTimer timer;
    timer.start();
    while (!holds()) {
        if (timer.elapsed() > patienceMs) {
            return false;
        }
        QTest::qSleep(50);
    }
    return true;
}

/// Only the wall clock: someone sets the time, or the machine slept (Linux's monotonic clock does
/// not run then).
void stepWall(const House& house, std::int64_t us)
{
    (*house.control)->realtimeNs += us * 1'000;
}

/// A stream that has begun; it goes on when read.
std::unique_ptr<Connection> openStream(const House& house, const char* model, int tokens)
{
    auto connection = std::make_unique<Connection>(house.serving->port);
    if (!connection->send(headgate::bench::httpPost(house.serving->port, "/v1/chat/completions",
            house.key, chatBody(model, "Tell me a story.", tokens, stream)))) {
        return nullptr;
    }
    return connection->read(16).starts_with("HTTP/1.1 200") ? std::move(connection) : nullptr;
}

void readToEnd(const Connection& connection)
{
    std::string all;
    for (std::string more = connection.read(); !more.empty(); more = connection.read()) {
        all += more;
        if (all.ends_with("0\r\n\r\n")) { // the connection itself stays open
            return;
        }
    }
}

void stop(const House& house)
{
    house.serving->signal(SIGTERM);
    QCOMPARE(house.serving->waitForEnd(), 0);
}

void open(House& house, const char* cap = "1000")
{
    QVERIFY2(house.start(), house.why.c_str());
    const std::string unfurnished = house.furnish(cap);
    QVERIFY2(unfurnished.empty(), unfurnished.c_str());
    QCOMPARE(house.ask(hello()).status, 200);
    QCOMPARE(house.ask(hello("billed")).status, 200);
}

/// Everything is as it should be after a start, and nothing is uncertain that need not be.
void allIsWell(House& house, bool exactly)
{
    const std::string wrong = house.compare();
    QVERIFY2(wrong.empty(), wrong.c_str());
    if (exactly) {
        QCOMPARE(house.compared.charged, house.compared.billed);
    }
    const std::string shut = house.admits();
    QVERIFY2(shut.empty(), shut.c_str());
}

QString file(const House& house, const char* name)
{
    return house.home.path() + QLatin1Char('/') + QLatin1String(name);
}

bool copyFile(const QString& from, const QString& to)
{
    QFile::remove(to);
    return QFile::copy(from, to);
}

/// `serve` must end with 3 and say what to do.
QByteArray refusedStart(const House& house)
{
    const Ran ran = house.home.run("serve --listen 127.0.0.1:0 --json");
    return ran.code == 3 ? ran.err : "it ended with " + QByteArray::number(ran.code) + ran.err;
}

} // namespace

/// What surrounds the program breaks: disk, lock, file, clock. Nothing is admitted while money
/// cannot be recorded, the message names the remedy, and the journal explains the state afterwards.
class TestRecovery : public QObject {
    Q_OBJECT

    BillingUpstream m_upstream;

    void refusesWith(House& house, const char* what, const char* remedy)
    {
        const std::int64_t before = m_upstream.requests();
        for (const char* model : {"billed", "sim-small"}) {
            const Answer answer = house.ask(hello(model));
            QVERIFY2(answer.status == 503, answer.body.c_str());
            const QString said = answer.errorMessage();
            QVERIFY2(said.contains(QLatin1String(what)), qPrintable(said));
            QVERIFY2(said.contains(QLatin1String(remedy)), qPrintable(said));
        }
        QCOMPARE(m_upstream.requests(), before);
        QVERIFY2(eventually([&] { return warningOf(house).contains(QLatin1String(remedy)); }),
            qPrintable(warningOf(house)));
    }

private Q_SLOTS:
    // --- full disk

    void aFullDiskRefusesAndKeepsWhatIsOwed_data()
    {
        QTest::addColumn<bool>("killed");
        QTest::newRow("then there is room") << false;
        QTest::newRow("then it is killed") << true;
    }

    void aFullDiskRefusesAndKeepsWhatIsOwed()
    {
        QFETCH(bool, killed);
        House house(m_upstream);
        open(house);
        const auto running = openStream(house, "billed", 60);
        QVERIFY(running != nullptr);
        (*house.control)->fullPlaces = 1 << static_cast<int>(Place::Ledger);
        // Its end is kept back until the settle is stored, so it is not read here.
        QTest::qSleep(50);
        m_upstream.waitUntilIdle();
        QTest::qSleep(100);
        refusesWith(house, "disk is full", "Free some space");
        QVERIFY(nanoOf(poolOf(house, "all"), "held_usd") > 0); // what the stream owes is not lost
        if (killed) {
            house.serving->kill9();
            (*house.control)->fullPlaces = 0;
            QVERIFY2(house.start(), house.why.c_str());
        } else {
            (*house.control)->fullPlaces = 0;
            QVERIFY(eventually([&] { return house.ask(hello()).status == 200; }));
            QVERIFY(eventually([&] { return nanoOf(poolOf(house, "all"), "held_usd") == 0; }));
            QVERIFY(eventually([&] { return warningOf(house).isEmpty(); }));
        }
        allIsWell(house, !killed);
    }

    void aFullDiskAtTheStartIsNamed()
    {
        House house(m_upstream);
        open(house);
        house.serving->kill9();
        (*house.control)->fullPlaces = ~0;
        QVERIFY(!house.start());
        QVERIFY2(house.why.find("disk is full") != std::string::npos, house.why.c_str());
        QVERIFY2(house.why.find("Free some space") != std::string::npos, house.why.c_str());
        (*house.control)->fullPlaces = 0;
        QVERIFY2(house.start(), house.why.c_str());
        allIsWell(house, true);
    }

    // --- locked

    void aLockedLedgerRefusesUntilItIsFree()
    {
        House house(m_upstream);
        open(house);
        {
            const auto other = headgate::sqlite::Connection::open(
                {.path = file(house, "ledger.db").toStdString(), .vfs = {}});
            QVERIFY(other);
            QVERIFY(other->exec("BEGIN IMMEDIATE"));
            refusesWith(house, "another program has locked", "Close the other program");
            stop(house);
            const QByteArray said = refusedStart(house);
            QVERIFY2(said.contains("another program has locked"), said.constData());
            QVERIFY2(said.contains("Close the other program"), said.constData());
        }
        QVERIFY2(house.start(), house.why.c_str());
        allIsWell(house, true);
    }

    // --- damaged

    void aDamagedLedgerAdmitsNothingAndABackupHeals_data()
    {
        QTest::addColumn<QString>("damage");
        for (const char* damage :
            {"header", "empty page", "half of the file", "balance", "journal", "noise"}) {
            QTest::newRow(damage) << QString::fromLatin1(damage);
        }
    }

    static bool damageFile(const QString& path, const QString& damage)
    {
        QFile file(path);
        if (!file.open(QIODevice::ReadWrite)) {
            return false;
        }
        constexpr int page = 4096;
        if (damage == QLatin1String("header")) {
            file.write(QByteArray(100, 'x'));
        } else if (damage == QLatin1String("empty page")) {
            for (qint64 at = page; at < file.size(); at += 2 * page) {
                file.seek(at);
                file.write(QByteArray(page, '\0'));
            }
        } else if (damage == QLatin1String("half of the file")) {
            file.resize(file.size() / 2);
        } else if (damage == QLatin1String("noise")) {
            for (qint64 at = page + 8; at < file.size(); at += page) {
                file.seek(at);
                file.write(QByteArray(200, '\x5a'));
            }
        } else {
            file.close();
            const auto connection
                = headgate::sqlite::Connection::open({.path = path.toStdString(), .vfs = {}});
            const bool isBalance = damage == QLatin1String("balance");
            return connection
                && connection->exec(isBalance
                        ? "UPDATE account SET settled = settled - 1 WHERE settled > 0"
                        : "INSERT INTO entry SELECT max(seq) + 1, max(at_us) + 1, 2, 0, "
                          "max(hold_id), "
                          "max(set_id), 0, -5, 0, '', '' FROM entry");
        }
        return true;
    }

    void aDamagedLedgerAdmitsNothingAndABackupHeals()
    {
        QFETCH(QString, damage);
        House house(m_upstream);
        open(house);
        stop(house);
        const QString path = file(house, "ledger.db");
        const QString backup = house.home.tempPath() + QStringLiteral("/backup");
        QVERIFY(copyFile(path, backup));
        QVERIFY(damageFile(path, damage));
        const QByteArray said = refusedStart(house);
        QVERIFY2(said.contains("ledger.db"), said.constData());
        QVERIFY2(said.toLower().contains("restore"), said.constData());
        QVERIFY(house.verb("ledger verify").code != 0);
        for (const char* end : {"-wal", "-shm"}) {
            QFile::remove(path + QLatin1String(end));
        }
        QVERIFY(copyFile(backup, path));
        QVERIFY2(house.start(), house.why.c_str());
        QCOMPARE(warningOf(house), QString());
        allIsWell(house, true);
    }

    // --- restored

    void anOlderLedgerIsNeverTakenSilently_data()
    {
        QTest::addColumn<bool>("gone");
        QTest::newRow("older copy") << false;
        QTest::newRow("no file at all") << true;
    }

    void anOlderLedgerIsNeverTakenSilently()
    {
        QFETCH(bool, gone);
        House house(m_upstream);
        open(house);
        stop(house);
        const QString path = file(house, "ledger.db");
        const QString backup = house.home.tempPath() + QStringLiteral("/backup");
        QVERIFY(copyFile(path, backup));
        QVERIFY2(house.start(), house.why.c_str());
        for (int i = 0; i < 5; ++i) {
            QCOMPARE(house.ask(hello()).status, 200);
        }
        stop(house);
        QVERIFY(gone ? QFile::remove(path) : copyFile(backup, path));
        for (int start = 0; start < 2; ++start) { // it stands, whatever was booked since
            QVERIFY2(house.start(), house.why.c_str());
            for (int i = 0; i < 8; ++i) {
                QCOMPARE(house.ask(hello()).status, 200);
            }
            const QString warning = warningOf(house);
            QVERIFY2(warning.contains(QLatin1String("older copy"))
                    && warning.contains(QLatin1String("pools adjust"))
                    && warning.contains(QLatin1String("ledger accept")),
                qPrintable(warning));
            QVERIFY(house.verb("ledger verify").code == 0);
            stop(house);
        }
        QVERIFY2(house.start(), house.why.c_str());
        QCOMPARE(house.home.run("ledger accept").code, 0);
        QVERIFY(eventually([&] { return warningOf(house).isEmpty(); }));
        stop(house);
        QVERIFY2(house.start(), house.why.c_str());
        QCOMPARE(warningOf(house), QString());
    }

    /// A copy put under the log of a killed program: two histories in one pair of files.
    void anOlderLedgerUnderANewerLogIsNeverTakenSilently()
    {
        House house(m_upstream);
        open(house);
        stop(house);
        const QString path = file(house, "ledger.db");
        const QString backup = house.home.tempPath() + QStringLiteral("/backup");
        QVERIFY(copyFile(path, backup));
        QVERIFY2(house.start(), house.why.c_str());
        for (int i = 0; i < 30; ++i) {
            QCOMPARE(house.ask(hello()).status, 200);
        }
        house.serving->kill9();
        QVERIFY(copyFile(backup, path));
        const bool started = house.start();
        if (started && warningOf(house).isEmpty()) {
            allIsWell(house, true); // the log holds all that the copy lacks
        } else {
            const QString said = started ? warningOf(house) : QString::fromStdString(house.why);
            QVERIFY2(said.contains(QLatin1String("ledger.db")), qPrintable(said));
        }
    }

    // --- clocks

    void aClockThatStepsReopensNoWindow()
    {
        House house(m_upstream);
        open(house, "0.004");
        const auto spendAll = [&house] {
            int served = 0;
            while (served < 1'000 && house.ask(chatBody("billed", "Go on.", 50)).status == 200) {
                ++served;
            }
            return served;
        };
        QCOMPARE(house.home.run("pools top-up all 100 --reason room").code, 0);
        QVERIFY(spendAll() > 0); // "today" is used up
        const auto usedUp = [&house] { return house.ask(chatBody("billed", "Go on.", 50)).status; };
        QVERIFY(usedUp() != 200);
        stepWall(house, -3 * usPerDay);
        QVERIFY(usedUp() != 200); // a day that is over does not come again
        stepWall(house, 3 * usPerDay - 2 * usPerHour);
        QVERIFY(usedUp() != 200);
        stepWall(house, 2 * usPerHour + usPerDay);
        QVERIFY(spendAll() > 0); // tomorrow is a new window
        QVERIFY(usedUp() != 200);
        stepWall(house, -usPerDay); // and back: neither today nor tomorrow opens again
        QVERIFY(usedUp() != 200);
        house.serving->kill9();
        QVERIFY2(house.start(), house.why.c_str());
        QVERIFY(usedUp() != 200);
        const std::string wrong = house.compare();
        QVERIFY2(wrong.empty(), wrong.c_str());
        stepWall(house, 3 * usPerDay);
        allIsWell(house, false);
    }

    void aSleepOfHoursLosesNoCharge_data()
    {
        QTest::addColumn<bool>("monotonicToo");
        QTest::newRow("the wall clock moves on") << false;
        QTest::newRow("both clocks move on") << true;
    }

    void aSleepOfHoursLosesNoCharge()
    {
        QFETCH(bool, monotonicToo);
        House house(m_upstream);
        open(house);
        const auto mine = openStream(house, "billed", 60);
        const auto other = openStream(house, "sim-medium", 60);
        QVERIFY(mine != nullptr && other != nullptr);
        house.serving->signal(SIGSTOP);
        QTest::qSleep(20);
        const std::int64_t hours = 9 * usPerHour * 1'000;
        (*house.control)->realtimeNs += hours;
        (*house.control)->monotonicNs += monotonicToo ? hours : 0;
        house.serving->signal(SIGCONT);
        readToEnd(*mine);
        readToEnd(*other);
        QVERIFY(eventually([&] { return nanoOf(poolOf(house, "all"), "held_usd") == 0; }));
        const std::string shut = house.admits();
        QVERIFY2(shut.empty(), shut.c_str());
        stop(house);
        QVERIFY2(house.start(), house.why.c_str());
        allIsWell(house, !monotonicToo); // a timer that ran out while asleep may charge in full
    }

    // --- durability

    void aCommitSyncsOnceWhenPowerSafeAndNeverWhenProcessSafe_data()
    {
        QTest::addColumn<bool>("powerSafe");
        QTest::newRow("power-safe") << true;
        QTest::newRow("process-safe") << false;
    }

    void aCommitSyncsOnceWhenPowerSafeAndNeverWhenProcessSafe()
    {
        QFETCH(bool, powerSafe);
        House house(m_upstream);
        open(house);
        stop(house);
        if (!powerSafe) {
            const auto config = headgate::sqlite::Connection::open(
                {.path = file(house, "config.db").toStdString(), .vfs = {}});
            QVERIFY(config);
            QVERIFY(config->exec("UPDATE revision SET body = replace(body, '\"power_safe\":true', "
                                 "'\"power_safe\":false')"));
        }
        QVERIFY2(house.start(), house.why.c_str());
        QCOMPARE(house.ask(hello()).status, 200);
        const std::size_t kind = kindOf(Place::Ledger, Call::Sync);
        const std::int64_t before = (*house.control)->counts[kind];
        constexpr int requests
            = 25; // one after the other: each holds in one commit, settles in one
        for (int i = 0; i < requests; ++i) {
            QCOMPARE(house.ask(hello()).status, 200);
        }
        const std::int64_t syncs = (*house.control)->counts[kind] - before;
        qInfo("%lld syncs of ledger.db for %d requests", static_cast<long long>(syncs), requests);
        if (powerSafe) {
            QVERIFY(syncs >= 2 * requests && syncs <= 2 * requests + 10); // and some checkpoints
        } else {
            QVERIFY(syncs <= 10);
        }
        house.serving->kill9();
        QVERIFY2(house.start(), house.why.c_str());
        allIsWell(house, true); // a kill loses nothing either way
    }
};

QTEST_GUILESS_MAIN(TestRecovery)
#include "tst_recovery.moc"
