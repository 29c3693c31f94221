// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "core/base/sqlite.h"
#include "tests/bench/loopback.h"
#include "tests/cli/headgate_process.h"

#include <QDir>
#include <QFile>
#include <QTest>

#include <algorithm>
#include <sys/mount.h>

using namespace headgate::clitest;
namespace sqlite = headgate::sqlite;

namespace {

/// A file system of a given size at a folder; gone with this.
class SmallDisk {
public:
    explicit SmallDisk(const QString& path) : m_path(path.toLocal8Bit())
    {
        QDir().mkpath(path);
        m_mounted = ::mount("headgate-test", m_path.constData(), "tmpfs", 0, "size=24m") == 0;
    }
    ~SmallDisk()
    {
        if (m_mounted) {
            ::umount2(m_path.constData(), MNT_DETACH);
        }
    }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;
    [[nodiscard]] bool mounted() const { return m_mounted; }
    void fill() const
    {
        QFile filler(QString::fromLocal8Bit(m_path) + QStringLiteral("/filler"));
        if (filler.open(QIODevice::WriteOnly | QIODevice::Unbuffered)) {
            const QByteArray page(4096, 'x');
            while (filler.write(page) == page.size()) { }
        }
    }
    void empty() const
    {
        QFile::remove(QString::fromLocal8Bit(m_path) + QStringLiteral("/filler"));
    }

private:
    QByteArray m_path;
    bool m_mounted = false;
};

std::string good()
{
    return chatBody("auto", "Say hello.", 16);
}

} // namespace

class TestCliBadInput : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void badRequestsAreNamedAndTheNextGoodOneWorks_data()
    {
        QTest::addColumn<QByteArray>("body");
        QTest::addColumn<int>("status");
        QTest::addColumn<QString>("says"); // part of the message, lower case
        const auto row
            = [](const char* name, const std::string& body, int status, const char* says) {
                  QTest::newRow(name)
                      << QByteArray::fromStdString(body) << status << QString::fromLatin1(says);
              };
        row("empty", "", 400, "json");
        row("not json", "hello", 400, "json");
        row("cut off", R"({"model":"auto","messages":[{"role":"user","content":"x"}])", 400,
            "json");
        row("two documents", good() + good(), 400, "json");
        row("an array", "[1,2]", 400, "object");
        row("model is a number", R"({"model":7,"messages":[{"role":"user","content":"x"}]})", 400,
            "model");
        row("no messages", R"({"model":"auto"})", 400, "messages");
        row("messages is text", R"({"model":"auto","messages":"x"})", 400, "messages");
        row("max_tokens is text",
            R"({"model":"auto","max_tokens":"many","messages":[{"role":"user","content":"x"}]})",
            400, "max_tokens");
        row("max_tokens is negative", chatBody("auto", "x", -5), 400, "max_tokens");
        row("stream is text", chatBody("auto", "x", 5, R"("stream":"yes")"), 400, "stream");
        row("model twice", chatBody("auto", "x", 5, R"("model":"sim-large")"), 400, "model");
        row("unknown model", chatBody("no-such-model", "x", 5), 404, "no-such-model");
        row("unknown provider", chatBody("nobody/sim-small", "x", 5), 404, "nobody");
        row("deep", R"({"model":"auto","messages":)" + std::string(5000, '[') + "}", 400, "");
    }

    void badRequestsAreNamedAndTheNextGoodOneWorks()
    {
        QFETCH(QByteArray, body);
        QFETCH(int, status);
        QFETCH(QString, says);
        const auto& [serving, key] = shared();
        const Answer answer = post(serving.port, key, body.toStdString());
        QVERIFY2(answer.status == status,
            (QByteArray::number(answer.status) + ": " + QByteArray::fromStdString(answer.body))
                .constData());
        const QString message = answer.errorMessage();
        QVERIFY2(message.size() > 10, answer.body.c_str());
        QVERIFY2(message.toLower().contains(says), qPrintable(message));
        QCOMPARE(post(serving.port, key, good()).status, 200);
    }

    void wrongKeysAre401()
    {
        const auto& [serving, key] = shared();
        for (const std::string& wrong : {std::string("hg-wrong"), std::string(), key + "x"}) {
            const Answer answer = post(serving.port, wrong, good());
            QCOMPARE(answer.status, 401);
            QVERIFY2(answer.errorMessage().contains(QLatin1String("key")), answer.body.c_str());
        }
        QCOMPARE(post(serving.port, key, good()).status, 200);
    }

    void hugeBodiesAreRefusedUnread()
    {
        const auto& [serving, key] = shared();
        const Connection connection(serving.port);
        std::string head = headgate::bench::httpPost(serving.port, "/v1/chat/completions", key, "");
        const auto at = head.find("Content-Length: 0");
        head.replace(at, 17, "Content-Length: 99000000000");
        QVERIFY(connection.send(head));
        const Answer answer = connection.answer();
        QVERIFY2(answer.status == 413, answer.body.c_str());
        QVERIFY2(answer.errorMessage().contains(QLatin1String("64")), answer.body.c_str());
        QCOMPARE(post(serving.port, key, good()).status, 200);
    }

    void largeButAllowedBodiesPass()
    {
        const auto& [serving, key] = shared();
        const Answer answer
            = post(serving.port, key, chatBody("sim-small", std::string(300'000, 'a'), 16));
        QVERIFY2(answer.status == 200, answer.body.c_str());
    }

    void unpricedModelsAreRefusedUnderAHardPool()
    {
        const auto& [serving, key] = shared();
        QCOMPARE(m_home
                     .run("models add --provider sim --name sim-future --tier 1 --input 1 "
                          "--output 1 --effective 2099-01-01")
                     .code,
            0);
        const Answer answer = post(serving.port, key, chatBody("sim/sim-future", "x", 5));
        QVERIFY2(answer.status == 400, answer.body.c_str());
        QVERIFY2(answer.errorMessage().contains(QLatin1String("price")), answer.body.c_str());
        QCOMPARE(post(serving.port, key, good()).status, 200);
    }

    void aTakenPortIsNamedAndNothingMoves()
    {
        const auto& [serving, key] = shared();
        const Home other;
        const QString listen = QStringLiteral("127.0.0.1:%1").arg(serving.port);
        const Ran ran = other.run({QStringLiteral("serve"), QStringLiteral("--listen"), listen,
            QStringLiteral("--json")});
        QCOMPARE(ran.code, 3);
        QVERIFY2(ran.err.contains(QByteArray::number(serving.port)), ran.err.constData());
        QVERIFY2(ran.out.isEmpty(), ran.out.constData());
        QCOMPARE(post(serving.port, key, good()).status, 200);
        // The failed start used up no key: the next one prints the first.
        const auto next = Serving::start(other);
        QVERIFY(next != nullptr);
        QVERIFY(!next->key.empty());
    }

    void aWideBindIsRefused()
    {
        const Ran ran = Home().run("serve --listen 0.0.0.0:0 --json");
        QCOMPARE(ran.code, 3);
        QVERIFY2(ran.err.contains("127.0.0.1"), ran.err.constData());
    }

    void aSecondHeadgateOnTheSameHomeSaysWho()
    {
        (void)shared();
        const Ran ran = m_home.run("serve --listen 127.0.0.1:0");
        QCOMPARE(ran.code, 3);
        QVERIFY2(ran.err.contains("Another Headgate"), ran.err.constData());
    }

    void unwritableFoldersAreNamed_data()
    {
        QTest::addColumn<QString>("path");
        QTest::newRow("below a file")
            << m_home.write(QStringLiteral("file"), "x") + QStringLiteral("/home");
        QTest::newRow("proc") << QStringLiteral("/proc/headgate-home");
    }

    void unwritableFoldersAreNamed()
    {
        QFETCH(QString, path);
        Home home;
        home.setPath(path);
        for (const char* words : {"serve --listen 127.0.0.1:0 --json", "pools list"}) {
            const Ran ran = home.run(words);
            QCOMPARE(ran.code, QByteArray(words).startsWith("serve") ? 3 : 1);
            QVERIFY2(ran.err.contains(path.toLocal8Bit()), ran.err.constData());
        }
    }

    void newerDatabasesAreRefusedUntouched_data()
    {
        QTest::addColumn<QString>("file");
        QTest::newRow("ledger") << QStringLiteral("ledger.db");
        QTest::newRow("activity") << QStringLiteral("activity.db");
    }

    void newerDatabasesAreRefusedUntouched()
    {
        QFETCH(QString, file);
        const Home home;
        QVERIFY(home.run("status").code == 0);
        const QString path = home.path() + QLatin1Char('/') + file;
        QVERIFY(QFile::exists(path));
        std::int64_t version = 0;
        {
            sqlite::OpenOptions options;
            options.path = path.toStdString();
            auto connection = sqlite::Connection::open(options);
            QVERIFY(connection.has_value());
            version = *connection->queryInt("PRAGMA user_version");
            QVERIFY(connection->exec("PRAGMA user_version = 999").has_value());
        }
        const Ran refused = home.run("serve --listen 127.0.0.1:0 --json");
        QCOMPARE(refused.code, 3);
        QVERIFY2(refused.err.contains(file.toUtf8()) && refused.err.contains("newer"),
            refused.err.constData());
        {
            sqlite::OpenOptions options;
            options.path = path.toStdString();
            auto connection = sqlite::Connection::open(options);
            QVERIFY(connection.has_value());
            QCOMPARE(*connection->queryInt("PRAGMA user_version"), std::int64_t{999});
            QVERIFY(
                connection->exec("PRAGMA user_version = " + std::to_string(version)).has_value());
        }
        QVERIFY(Serving::start(home) != nullptr);
    }

    void damagedFilesAreNamed_data()
    {
        QTest::addColumn<QString>("name");
        for (const char* name : {"config.db", "ledger.db", "activity.db"}) {
            QTest::newRow(name) << QString::fromLatin1(name);
        }
    }

    void damagedFilesAreNamed()
    {
        QFETCH(QString, name);
        const Home home;
        QVERIFY(home.run("status").code == 0);
        QFile file(home.path() + QLatin1Char('/') + name);
        QVERIFY(file.exists());
        QVERIFY(file.open(QIODevice::ReadWrite));
        file.write(QByteArray(4096, 'x'));
        file.close();
        const Ran ran = home.run("serve --listen 127.0.0.1:0 --json");
        QVERIFY2(ran.code == 3, ran.err.constData());
        QVERIFY2(ran.err.contains(name.toLocal8Bit()), ran.err.constData());
    }

    void aFullDiskRefusesAndComesBack()
    {
        Home home;
        const SmallDisk disk(home.tempPath() + QStringLiteral("/disk"));
        if (!disk.mounted()) {
            QSKIP("mounting a small file system needs root");
        }
        home.setPath(home.tempPath() + QStringLiteral("/disk/home"));
        QString why;
        auto serving = Serving::start(home, &why);
        QVERIFY2(serving != nullptr, qPrintable(why));
        QCOMPARE(post(serving->port, serving->key, good()).status, 200);
        disk.fill();
        // Files may have slack; keep asking until the disk shows.
        headgate::bench::Load load;
        load.port = serving->port;
        load.connections = 32;
        load.requests = 400;
        load.request = headgate::bench::httpPost(
            serving->port, "/v1/chat/completions", serving->key, good());
        bool refused = false;
        for (int i = 0; i < 40 && !refused; ++i) {
            refused = headgate::bench::runLoad(load).answered < load.requests;
        }
        QVERIFY2(refused, "a full disk must stop admission");
        const Answer answer = post(serving->port, serving->key, good());
        if (answer.status != 200) {
            QVERIFY2(answer.status >= 500, answer.body.c_str());
            QVERIFY2(answer.errorMessage().size() > 10, answer.body.c_str());
        }
        disk.empty();
        int status = 0;
        for (int i = 0; i < 200 && status != 200; ++i) {
            QTest::qWait(100);
            status = post(serving->port, serving->key, good()).status;
        }
        QCOMPARE(status, 200);
        const Ran verified = home.json("ledger verify");
        QVERIFY2(verified.code == 0, (verified.out + verified.err).constData());
    }

    void aFullDiskAtTheStartIsNamed()
    {
        Home home;
        const SmallDisk disk(home.tempPath() + QStringLiteral("/disk"));
        if (!disk.mounted()) {
            QSKIP("mounting a small file system needs root");
        }
        home.setPath(home.tempPath() + QStringLiteral("/disk/home"));
        disk.fill();
        const Ran ran = home.run("serve --listen 127.0.0.1:0 --json");
        QCOMPARE(ran.code, 3);
        QVERIFY2(ran.err.toLower().contains("space") || ran.err.toLower().contains("full"),
            ran.err.constData());
        disk.empty();
        QVERIFY(Serving::start(home) != nullptr);
    }

    void refusedVerbsSayWhyAndChangeNothing_data()
    {
        QTest::addColumn<QString>("words");
        QTest::addColumn<QByteArray>("says");
        const auto row = [](const char* words, const char* says) {
            QTest::newRow(words) << QString::fromLatin1(words) << QByteArray(says);
        };
        row("pools set no-such --cap 5", "no-such");
        row("pools freeze no-such", "no-such");
        row("pools add --name organisation-day --scope org --window day --cap 5",
            "organisation-day");
        row("pools add --name x --scope org --window day --cap -5", "");
        row("pools add --name x --scope org --window day --cap 5 --zone Mars/Olympus", "Mars");
        row("keys revoke no-such", "no-such");
        row("keys create --name default", "default");
        row("providers test no-such", "no-such");
        row("providers remove no-such", "no-such");
        row("providers add --name bad --dialect openai --url ftp://127.0.0.1/", "");
        row("providers add --name bad --dialect openai --url http://127.0.0.1:1/v1 --key-env "
            "HEADGATE_NO_SUCH",
            "HEADGATE_NO_SUCH");
        row("models add --provider no-such --name x --tier 1 --input 1 --output 1", "no-such");
        row("decisions show 12345", "12345");
        row("policy rollback 999999", "999999");
        row("policy dry-run /nonexistent.json", "/nonexistent.json");
    }

    void refusedVerbsSayWhyAndChangeNothing()
    {
        QFETCH(QString, words);
        QFETCH(QByteArray, says);
        (void)shared();
        const auto before = m_home.json("pools list").rows();
        const Ran ran = m_home.run(words.split(QLatin1Char(' ')));
        QVERIFY2(ran.code == 1, (QByteArray::number(ran.code) + " " + ran.err).constData());
        QVERIFY2(ran.err.contains(says) && ran.err.size() > 20, ran.err.constData());
        QCOMPARE(m_home.json("pools list").rows().size(), before.size());
    }

private:
    /// One proxy for the rows that only send requests.
    std::pair<const Serving&, const std::string&> shared()
    {
        if (!m_serving) {
            QString why;
            m_serving = Serving::start(m_home, &why);
            if (!m_serving) {
                qFatal("headgate did not start: %s", qPrintable(why));
            }
        }
        return {*m_serving, m_serving->key};
    }
    Home m_home;
    std::unique_ptr<Serving> m_serving;
};

QTEST_GUILESS_MAIN(TestCliBadInput)
#include "tst_cli_bad_input.moc"
