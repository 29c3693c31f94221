// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "core/service/service.h"
#include "tests/unit/service/service_test.h"

#include "core/base/sqlite.h"
#include "core/catalog/price_book.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

using namespace headgate;
using namespace headgate::service;
using namespace headgate::service::testing;

namespace {

NewPool poolOf(const std::string& name, const char* scope, const char* window, const char* cap)
{
    NewPool pool;
    pool.name = name;
    pool.scope = *ledger::Scope::parse(scope);
    pool.window = *ledger::Window::parse(window);
    pool.cap = *Money::parse(cap);
    return pool;
}

std::string keyOf(Service& service, const std::string& name)
{
    NewKey key;
    key.name = name;
    auto created = service.createKey(key, "test");
    return created ? created->key.reveal() : std::string();
}

std::string fileText(const std::filesystem::path& path)
{
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

} // namespace

class TestService : public QObject {
    Q_OBJECT

private Q_SLOTS:
    // --- bad homes

    void relativeHomeIsRefused()
    {
        ServiceOptions options;
        options.home = "relative/folder";
        const auto service = Service::open(std::move(options));
        QVERIFY(!service);
        QCOMPARE(service.error().code, ErrorCode::InvalidArgument);
        QVERIFY(!service.error().remedy.empty());
    }

    void homeOthersMayWriteToIsRefused()
    {
        const Home home;
        QCOMPARE(::mkdir(home.path.c_str(), 0777), 0);
        QCOMPARE(::chmod(home.path.c_str(), 0777), 0);
        const auto service = Service::open(optionsFor(home));
        QVERIFY(!service);
        QCOMPARE(service.error().code, ErrorCode::Unauthorized);
        QVERIFY(service.error().remedy.find("chmod 700") != std::string::npos);
    }

    void unwritableHomeIsRefused()
    {
        if (::geteuid() == 0) {
            QSKIP("root may write everywhere");
        }
        const Home home;
        QCOMPARE(::mkdir(home.path.c_str(), 0500), 0);
        const auto service = Service::open(optionsFor(home));
        QVERIFY(!service);
        QCOMPARE(service.error().code, ErrorCode::Io);
        ::chmod(home.path.c_str(), 0700);
    }

    void homeThatCannotBeMadeIsRefused()
    {
        ServiceOptions options;
        options.home = "/proc/headgate-home"; // not even root may make it
        const auto service = Service::open(std::move(options));
        QVERIFY(!service);
        QCOMPARE(service.error().code, ErrorCode::Io);
        QVERIFY(service.error().remedy.find("HEADGATE_HOME") != std::string::npos);
    }

    void homeIsAFile()
    {
        const Home home;
        std::ofstream(home.path) << "x";
        const auto service = Service::open(optionsFor(home));
        QVERIFY(!service);
        QCOMPARE(service.error().code, ErrorCode::Io);
    }

    void newerConfigurationIsRefusedAndLeftAlone()
    {
        const Home home;
        QVERIFY(opened(home));
        {
            auto db = sqlite::Connection::open(
                {home.path + "/config.db", false, false, 2'000, 1'000, {}});
            QVERIFY(db);
            QVERIFY(db->exec("PRAGMA user_version = 99"));
        }
        const auto service = Service::open(optionsFor(home));
        QVERIFY(!service);
        QCOMPARE(service.error().code, ErrorCode::TooNew);
        QVERIFY(service.error().message.find("config.db") != std::string::npos);
    }

    void corruptFilesAreRefusedByName_data()
    {
        QTest::addColumn<QString>("file");
        QTest::newRow("config") << QStringLiteral("config.db");
        QTest::newRow("activity") << QStringLiteral("activity.db");
    }
    void corruptFilesAreRefusedByName()
    {
        QFETCH(QString, file);
        const Home home;
        QVERIFY(opened(home));
        const std::string path = home.path + "/" + file.toStdString();
        std::filesystem::remove(path + "-wal");
        std::ofstream(path, std::ios::binary | std::ios::trunc) << std::string(8'192, 'x');
        const auto service = Service::open(optionsFor(home));
        QVERIFY(!service);
        QCOMPARE(service.error().code, ErrorCode::Corrupt);
        QVERIFY2(service.error().message.find(file.toStdString()) != std::string::npos,
            service.error().message.c_str());
        QVERIFY(!service.error().remedy.empty());
    }

    void secondOwnerIsRefused()
    {
        const Home home;
        const auto first = opened(home);
        QVERIFY(first);
        auto options = optionsFor(home);
        const auto second = Service::open(std::move(options));
        QVERIFY(!second);
        QCOMPARE(second.error().code, ErrorCode::Unavailable);
        QVERIFY(second.error().message.find(std::to_string(::getpid())) != std::string::npos);
    }

    void brokenBooksStopAdmissionButOpen()
    {
        const Home home;
        {
            const auto service = opened(home);
            QVERIFY(service->topUpPool(PoolId{1}, Money::fromCents(100), "test", "test"));
            QVERIFY(service->adjustPool(PoolId{1}, {}, Money::fromCents(100), "test", "test"));
        }
        {
            auto db = sqlite::Connection::open(
                {home.path + "/ledger.db", false, false, 2'000, 1'000, {}});
            QVERIFY(db);
            QVERIFY(db->exec("UPDATE account SET settled = settled + 1"));
        }
        const auto service = opened(home);
        QVERIFY(service);
        QVERIFY(!service->status().warning.empty());
        const auto served = service->serve("127.0.0.1", 0);
        QVERIFY(!served);
        QCOMPARE(served.error().code, ErrorCode::Unavailable);
        QCOMPARE(service->poolStates().size(), std::size_t{1});
        std::string code;
        const auto rows = verb(*service, "ledger.verify", {}, &code);
        QCOMPARE(text(code), QByteArray("corrupt"));
        QVERIFY(!rows.empty() && !rows.front().at("ok").as_bool());
    }

    void olderLedgerIsNoticed()
    {
        const Home home;
        {
            const auto service = opened(home);
            QVERIFY(service->adjustPool(PoolId{1}, {}, Money::fromCents(100), "test", "test"));
        }
        for (const char* end : {"", "-wal", "-shm"}) {
            std::filesystem::remove(home.path + "/ledger.db" + end);
        }
        {
            const auto service = opened(home);
            QVERIFY(service);
            QVERIFY2(service->status().warning.find("went back") != std::string::npos,
                service->status().warning.c_str());
            // Ten times as many entries as were lost do not make it forget.
            for (int i = 0; i < 10; ++i) {
                QVERIFY(service->adjustPool(PoolId{1}, {}, Money::fromCents(1), "test", "test"));
            }
        }
        {
            const auto service = opened(home);
            QVERIFY2(service->status().warning.find("ledger accept") != std::string::npos,
                service->status().warning.c_str());
            QVERIFY(service->acceptOldLedger("test"));
            QCOMPARE(text(service->status().warning), QByteArray());
            QCOMPARE(text(service->revisions(1).front().summary),
                QByteArray("Accept the restored ledger"));
            QCOMPARE(service->acceptOldLedger("test").error().code, ErrorCode::NotFound);
        }
        const auto service = opened(home);
        QCOMPARE(text(service->status().warning), QByteArray());
    }

    // --- first start

    void firstStartMakesRevisionOne()
    {
        const Home home;
        const auto service = opened(home);
        QVERIFY(service);
        const auto config = service->config();
        QCOMPARE(config->revision, 1);
        QCOMPARE(config->providers.size(), std::size_t{1});
        QVERIFY(config->providers.front().simulated);
        QCOMPARE(config->models.size(), std::size_t{4});
        QCOMPARE(config->pools.size(), std::size_t{1});
        QCOMPARE(text(config->pools.front().name), QByteArray("organisation-day"));
        QCOMPARE(config->pools.front().cap, Money::fromCents(2'500));
        struct stat info { };
        QCOMPARE(::stat(home.path.c_str(), &info), 0);
        QCOMPARE(info.st_mode & 0777U, 0700U);
        for (const char* file : {"config.db", "ledger.db", "activity.db", "secrets.key"}) {
            QCOMPARE(::stat((home.path + "/" + file).c_str(), &info), 0);
            QCOMPARE(info.st_mode & 0777U, 0600U);
        }
        QCOMPARE(service->status().capToday, std::optional<Money>(Money::fromCents(2'500)));
    }

    void stateSurvivesRestart()
    {
        const Home home;
        std::int64_t revision = 0;
        {
            const auto service = opened(home);
            QVERIFY(service->addPool(poolOf("team-search", "team=search", "day", "5.00"), "test"));
            QVERIFY(service->setPaused(true, "test"));
            revision = service->config()->revision;
        }
        const auto service = opened(home);
        QVERIFY(service);
        QCOMPARE(service->config()->revision, revision);
        QVERIFY(service->config()->paused);
        QCOMPARE(service->poolStates().size(), std::size_t{2});
    }

    // --- input of commands

    void badPoolsAreRefused_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("scope");
        QTest::addColumn<QString>("window");
        QTest::addColumn<QString>("cap");
        QTest::addColumn<QString>("zone");
        QTest::addColumn<int>("reserve");
        QTest::addColumn<QString>("code");
        const auto row
            = [](const char* label, const QString& name, const char* scope, const char* window,
                  const char* cap, const char* zone, int reserve, const char* code) {
                  QTest::newRow(label)
                      << name << QString::fromLatin1(scope) << QString::fromLatin1(window)
                      << QString::fromLatin1(cap) << QString::fromLatin1(zone) << reserve
                      << QString::fromLatin1(code);
              };
        const QString fine = QStringLiteral("p");
        row("empty name", {}, "org", "day", "1", "", 0, "invalid_argument");
        row("long name", QString(200, QLatin1Char('x')), "org", "day", "1", "", 0,
            "invalid_argument");
        row("control character", QStringLiteral("a\nb"), "org", "day", "1", "", 0,
            "invalid_argument");
        row("space at the end", QStringLiteral("a "), "org", "day", "1", "", 0, "invalid_argument");
        row("known name", QStringLiteral("organisation-day"), "org", "day", "1", "", 0,
            "already_exists");
        row("zero cap", fine, "org", "day", "0", "", 0, "invalid_argument");
        row("negative cap", fine, "org", "day", "-1", "", 0, "invalid_argument");
        row("unknown zone", fine, "org", "day", "1", "Mars/Olympus", 0, "invalid_argument");
        row("reserve", fine, "org", "day", "1", "", 100, "invalid_argument");
        row("bucket other than its cap", fine, "org", "bucket:5/1-per-hour", "1", "", 0,
            "invalid_argument");
    }
    void badPoolsAreRefused()
    {
        QFETCH(QString, name);
        QFETCH(QString, scope);
        QFETCH(QString, window);
        QFETCH(QString, cap);
        QFETCH(QString, zone);
        QFETCH(int, reserve);
        QFETCH(QString, code);
        const Home home;
        const auto service = opened(home);
        NewPool pool = poolOf(name.toStdString(), scope.toLatin1().constData(),
            window.toLatin1().constData(), cap.toLatin1().constData());
        pool.zone = zone.toStdString();
        pool.reservePercent = reserve;
        const auto added = service->addPool(pool, "test");
        QVERIFY(!added);
        QCOMPARE(QString::fromLatin1(errorCodeName(added.error().code)), code);
        QVERIFY(!added.error().message.empty());
        QCOMPARE(service->config()->revision, 1);
        QCOMPARE(service->poolStates().size(), std::size_t{1});
    }

    void badProvidersAreRefused_data()
    {
        QTest::addColumn<QString>("name");
        QTest::addColumn<QString>("url");
        const QString openai = QStringLiteral("openai");
        QTest::newRow("known name")
            << QStringLiteral("sim") << QStringLiteral("https://a.example/v1");
        QTest::newRow("capitals") << QStringLiteral("OpenAI")
                                  << QStringLiteral("https://a.example/v1");
        QTest::newRow("slash") << QStringLiteral("a/b") << QStringLiteral("https://a.example/v1");
        QTest::newRow("no scheme") << openai << QStringLiteral("api.openai.com/v1");
        QTest::newRow("file") << openai << QStringLiteral("file:///etc/passwd");
        QTest::newRow("plain http") << openai << QStringLiteral("http://api.openai.com/v1");
        QTest::newRow("metadata") << openai << QStringLiteral("http://169.254.169.254/latest");
        QTest::newRow("metadata tls") << openai << QStringLiteral("https://169.254.169.254/latest");
        QTest::newRow("password") << openai << QStringLiteral("https://me:pw@a.example/v1");
        QTest::newRow("query") << openai << QStringLiteral("https://a.example/v1?key=x");
        QTest::newRow("space") << openai << QStringLiteral("https://a.example/ v1");
        QTest::newRow("port") << openai << QStringLiteral("https://a.example:99999/v1");
        QTest::newRow("no host") << openai << QStringLiteral("https:///v1");
        QTest::newRow("line break") << openai << QStringLiteral("https://a.example/v1\r\nX: y");
    }
    void badProvidersAreRefused()
    {
        QFETCH(QString, name);
        QFETCH(QString, url);
        const Home home;
        const auto service = opened(home);
        NewProvider provider;
        provider.name = name.toStdString();
        provider.url = url.toStdString();
        provider.key = Secret("sk-should-not-be-kept-1234567890");
        const auto added = service->addProvider(std::move(provider), "test");
        QVERIFY(!added);
        QCOMPARE(service->config()->revision, 1);
        QVERIFY(fileText(home.path + "/secrets.box").empty());
    }

    void badModelsAreRefused()
    {
        const Home home;
        const auto service = opened(home);
        auto model = service->config()->models.front();
        model.tier = 5;
        QVERIFY(!service->putModel(model, "test"));
        model.tier = 1;
        model.provider = "nobody";
        QVERIFY(!service->putModel(model, "test"));
        model.provider = "sim";
        model.prices.front().output.reset();
        QVERIFY(!service->putModel(model, "test"));
        QVERIFY(!service->removeModel("sim/none", "test"));
        QCOMPARE(service->config()->revision, 1);
    }

    // --- changing

    void newPriceIsAppended()
    {
        const Home home;
        const auto service = opened(home);
        auto model = service->config()->models.front();
        const auto before = model.prices.size();
        QVERIFY(service->putModel(model, "test"));
        QCOMPARE(service->config()->models.front().prices.size(), before);
        model.prices.back().input = Price::fromPico(123'456);
        QVERIFY(service->putModel(model, "test"));
        const auto& now = service->config()->models.front();
        QCOMPARE(now.prices.size(), before + 1);
        QVERIFY(now.prices.front().input != Price::fromPico(123'456));
        QCOMPARE(now.prices.back().input, std::optional<Price>(Price::fromPico(123'456)));
        QVERIFY(now.prices.back().validFrom > now.prices.front().validFrom);
    }

    void revisionsComeBack()
    {
        const Home home;
        const auto service = opened(home);
        PoolEdit edit;
        edit.cap = Money::fromCents(800);
        QVERIFY(service->editPool(PoolId{1}, edit, "console"));
        QCOMPARE(service->config()->revision, 2);
        QVERIFY(
            service->config()->summary.find("lower cap from $25.00 to $8.00") != std::string::npos);
        const std::string key = keyOf(*service, "later");
        QVERIFY(service->addPool(poolOf("later", "org", "month", "9"), "test"));
        QVERIFY(service->restoreRevision(1, "console"));
        const auto config = service->config();
        QCOMPARE(config->revision, 5);
        QCOMPARE(config->pools.front().cap, Money::fromCents(2'500));
        QCOMPARE(config->pools.size(), std::size_t{2});
        QVERIFY(config->pools.back().archived);
        QVERIFY(config->keys.front().revokedAtUs != 0);
        QCOMPARE(service->poolStates().front().pool.cap, Money::fromCents(2'500));
        QVERIFY(!service->restoreRevision(77, "console"));
        const auto list = service->revisions(10);
        QCOMPARE(list.size(), std::size_t{5});
        QCOMPARE(list.front().revision, 5);
        QCOMPARE(text(list.back().actor), QByteArray("setup"));
    }

    void revokedKeyStaysRevokedThroughUndo()
    {
        const Home home;
        const auto service = opened(home);
        QVERIFY(!keyOf(*service, "a").empty());
        const auto id = service->config()->keys.front().id;
        const auto before = service->config()->revision;
        QVERIFY(service->revokeKey(id, "test"));
        QVERIFY(service->restoreRevision(before, "test"));
        QVERIFY(service->config()->keys.front().revokedAtUs != 0);
        QVERIFY(service->restoreKey(id, "test"));
        QCOMPARE(service->config()->keys.front().revokedAtUs, 0);
    }

    void failedSaveChangesNothing()
    {
        const Home home;
        const auto service = opened(home);
        {
            auto db = sqlite::Connection::open(
                {home.path + "/config.db", false, false, 2'000, 1'000, {}});
            QVERIFY(db);
            QVERIFY(db->exec("CREATE TRIGGER full BEFORE INSERT ON revision BEGIN"
                             " SELECT raise(ABORT, 'no'); END"));
        }
        QVERIFY(!service->addPool(poolOf("lost", "org", "day", "1"), "test"));
        QCOMPARE(service->config()->revision, 1);
        QCOMPARE(service->config()->pools.size(), std::size_t{1});
        for (const auto& state : service->poolStates()) {
            QVERIFY(state.pool.archived || state.pool.name != "lost");
        }
        {
            auto db = sqlite::Connection::open(
                {home.path + "/config.db", false, false, 2'000, 1'000, {}});
            QVERIFY(db->exec("DROP TRIGGER full"));
        }
        QVERIFY(service->addPool(poolOf("found", "org", "day", "1"), "test"));
    }

    void killInTheMiddleOfSaving()
    {
#ifdef __SANITIZE_THREAD__
        QSKIP("ThreadSanitizer allows no threads in a forked child");
#endif
        const Home home;
        QVERIFY(opened(home));
        for (int round = 0; round < 5; ++round) {
            const pid_t child = ::fork();
            if (child == 0) {
                const auto service = opened(home);
                for (int cents = 1; service; ++cents) {
                    PoolEdit edit;
                    edit.cap = Money::fromCents(2500 + cents % 7);
                    if (!service->editPool(PoolId{1}, edit, "child")) {
                        break;
                    }
                }
                ::_exit(1);
            }
            const auto before = std::chrono::milliseconds(150 + 37 * round);
            std::this_thread::sleep_for(before);
            ::kill(child, SIGKILL);
            int status = 0;
            QCOMPARE(::waitpid(child, &status, 0), child);
            QVERIFY(WIFSIGNALED(status));
            const auto service = opened(home);
            QVERIFY(service);
            const auto config = service->config();
            const auto revisions = service->revisions(10000);
            QCOMPARE(static_cast<std::int64_t>(revisions.size()), config->revision);
            QCOMPARE(service->poolStates().front().pool.cap, config->pools.front().cap);
            QVERIFY(service->configAt(1));
        }
    }

    void secretsNeverLeaveTheBox()
    {
        const Home home;
        const std::string canary = "sk-canary-0123456789abcdefghij";
        std::string clientKey;
        {
            const auto service = opened(home);
            NewProvider provider;
            provider.name = "local";
            provider.url = "http://127.0.0.1:9/v1/";
            provider.key = Secret(canary);
            const auto added = service->addProvider(std::move(provider), "test");
            QVERIFY(added);
            QCOMPARE(text(added->baseUrl), QByteArray("http://127.0.0.1:9/v1"));
            QCOMPARE(text(added->keyHint), QByteArray("…ghij"));
            clientKey = keyOf(*service, "client");
            std::promise<Result<std::string>> promise;
            service->testProvider(
                "local", [&](Result<std::string> r) { promise.set_value(std::move(r)); });
            const auto tested = promise.get_future().get();
            QVERIFY(!tested);
            QVERIFY(tested.error().text().find(canary) == std::string::npos);
            for (const char* list : {"providers.list", "keys.list", "config.revisions", "status"}) {
                for (const auto& row : verb(*service, list)) {
                    const auto line = json::serialize(row);
                    QVERIFY2(line.find(canary) == std::string::npos, list);
                    QVERIFY2(line.find(clientKey) == std::string::npos, list);
                }
            }
        }
        for (const auto& entry : std::filesystem::recursive_directory_iterator(home.path)) {
            if (entry.is_regular_file()) {
                const auto content = fileText(entry.path());
                QVERIFY2(content.find(canary) == std::string::npos, entry.path().c_str());
                QVERIFY2(content.find(clientKey) == std::string::npos, entry.path().c_str());
            }
        }
        const auto service = opened(home);
        QVERIFY(service);
        QVERIFY(service->config()->providers.back().hasKey);
        QVERIFY(service->removeProvider("local", "test"));
        QVERIFY(service->restoreRevision(2, "test"));
        QVERIFY(!service->config()->providers.back().hasKey); // removed for good
    }

    void bookModelsComeWithTheirProvider()
    {
        const Home home;
        const auto service = opened(home);
        NewProvider provider;
        provider.name = "openai";
        provider.url = "https://api.openai.com/v1";
        QVERIFY(service->addProvider(std::move(provider), "test"));
        std::size_t expected = 4;
        for (const auto& model : catalog::defaultBook().models) {
            expected += model.provider == "openai" ? 1 : 0;
        }
        QVERIFY(expected > 4);
        QCOMPARE(service->config()->models.size(), expected);
        QVERIFY(service->removeProvider("openai", "test"));
        QCOMPARE(service->config()->models.size(), std::size_t{4});
    }

    // --- serving

    void oneRequestIsRoutedCappedAndRecorded()
    {
        const Home home;
        const auto service = opened(home);
        QVERIFY(!service->status().serving);
        const auto served = service->serve("127.0.0.1", 0);
        QVERIFY2(served, served ? "" : served.error().text().c_str());
        const std::string key = keyOf(*service, "laptop");
        const auto url = service->status().url;
        const auto reply = ask(url, key, hello());
        QVERIFY2(reply.status == 200, reply.body.c_str());
        service->activityLog().flush();
        const auto page = service->activityLog().page({});
        QVERIFY(page);
        QCOMPARE(page->rows.size(), std::size_t{1});
        QCOMPARE(text(page->rows.front().key), QByteArray("laptop"));
        QVERIFY(page->rows.front().cost > Money());
        const auto bill = service->simBill();
        QVERIFY(bill);
        QCOMPARE(bill->total, page->rows.front().cost);
        QCOMPARE(service->poolStates().front().accounts.front().balance.settled, bill->total);
        QTRY_COMPARE(service->status().spentToday, bill->total);
        QCOMPARE(service->keysLastUsed().size(), std::size_t{1});

        // Revoked in flight, restored, paused: each at the next request.
        const auto id = service->config()->keys.front().id;
        QVERIFY(service->revokeKey(id, "test"));
        QCOMPARE(ask(url, key, hello()).status, 401);
        QVERIFY(service->restoreKey(id, "test"));
        QCOMPARE(ask(url, key, hello()).status, 200);
        QVERIFY(service->setPaused(true, "test"));
        QCOMPARE(ask(url, key, hello()).status, 503);
        QVERIFY(service->setPaused(false, "test"));
        QCOMPARE(ask(url, key, hello()).status, 200);

        PoolEdit edit;
        edit.cap = Money::fromNano(1);
        QVERIFY(service->editPool(PoolId{1}, edit, "test"));
        QCOMPARE(ask(url, key, hello()).status, 402);
        QVERIFY(!service->serve("127.0.0.1", 0));
        service->stopServing(1'000);
        QVERIFY(!service->status().serving);
        QVERIFY(service->status().requests >= 6);
    }

    void eventsTellWhatHappens()
    {
        const Home home;
        const auto service = opened(home);
        std::atomic<int> config{0};
        std::atomic<int> money{0};
        std::atomic<int> rows{0};
        const int subscription = service->subscribe([&](const Event& event) {
            config += event.kind == Event::Kind::ConfigChanged ? 1 : 0;
            money += event.kind == Event::Kind::MoneyMoved ? 1 : 0;
            rows += static_cast<int>(event.decisions.size());
        });
        QVERIFY(service->serve("127.0.0.1", 0));
        const std::string key = keyOf(*service, "laptop");
        QTRY_VERIFY(config.load() >= 1);
        for (int i = 0; i < 20; ++i) {
            QCOMPARE(ask(service->status().url, key, hello()).status, 200);
        }
        QTRY_COMPARE(rows.load(), 20);
        QTRY_VERIFY(money.load() >= 1);
        service->unsubscribe(subscription);
        const int before = config.load();
        QVERIFY(service->setPaused(true, "test"));
        QVERIFY(service->setPaused(false, "test"));
        QCOMPARE(config.load(), before);
    }

    void newestQueryOfASlotWins()
    {
        const Home home;
        const auto service = opened(home);
        std::atomic<int> answers{0};
        std::promise<void> last;
        std::promise<void> gate;
        auto opened = gate.get_future().share();
        service->page({}, {}, [opened](Result<activity::Page>) { opened.wait(); });
        for (int i = 0; i < 10; ++i) {
            service->page("table", {}, [&answers, &last, i](Result<activity::Page>) {
                ++answers;
                if (i == 9) {
                    last.set_value();
                }
            });
        }
        gate.set_value();
        last.get_future().get();
        QCOMPARE(answers.load(), 1);
    }

    void dryRunSpendsNothing()
    {
        const Home home;
        const auto service = opened(home);
        ledger::Identity identity;
        QVERIFY(!service->dryRun("not json", identity));
        const auto run = service->dryRun(hello(), identity);
        QVERIFY(run);
        QCOMPARE(run->plan.outcome, routing::Outcome::Route);
        QVERIFY(run->plan.bound > Money());
        QVERIFY(service->poolStates().front().lifetimeSettled.isZero());
    }

    void demoTrafficIsAClientLikeAnyOther()
    {
        const Home home;
        const auto service = opened(home);
        QVERIFY(!service->startDemo(100));
        QVERIFY(service->serve("127.0.0.1", 0));
        QVERIFY(service->startDemo(6'000));
        QVERIFY(service->demoRunning());
        QTRY_VERIFY_WITH_TIMEOUT(service->demoCounts().answered >= 40, 30'000);
        service->stopDemo();
        QVERIFY(!service->demoRunning());
        const auto counts = service->demoCounts();
        QCOMPARE(counts.failed, 0);
        for (const auto& key : service->config()->keys) {
            QVERIFY(key.revokedAtUs != 0);
        }
        service->stopServing(5'000);
        service->activityLog().flush();
        const auto tasks = service->activityLog().facet({}, "task", 100);
        QVERIFY(tasks);
        QVERIFY2(tasks->size() >= 5, "the demo should show many kinds of tasks");
        const auto verified = service->activityLog().verifyChain();
        QVERIFY(verified);
        const auto keys = service->config()->keys.size();
        QVERIFY(service->serve("127.0.0.1", 0));
        QVERIFY(service->startDemo(60));
        service->stopDemo();
        QCOMPARE(service->config()->keys.size(), keys); // records do not pile up
    }

    // --- loops

    void loopDetectorIsSetAndTells()
    {
        const Home home;
        auto service = opened(home);
        QVERIFY(service && service->serve("127.0.0.1", 0));
        std::string code;
        for (const char* bad : {"2", "0", "-1", "99999"}) {
            verb(*service, "settings.set", {{"loop_repeats", bad}}, &code);
            QCOMPARE(code, std::string("invalid_argument"));
        }
        verb(*service, "settings.set", {{"loops", "perhaps"}}, &code);
        QCOMPARE(code, std::string("invalid_argument"));
        verb(*service, "settings.set", {{"loop_within", "5"}}, &code);
        QCOMPARE(code, std::string("invalid_argument"));
        const auto rows = verb(*service, "settings.set",
            {{"loop_repeats", "3"}, {"loop_without_session", "on"}}, &code);
        QCOMPARE(code, std::string());
        QCOMPARE(rows.at(0).at("loop_repeats").as_int64(), 3);
        QCOMPARE(rows.at(0).at("loop_tool_calls").as_int64(), 8);
        QVERIFY(rows.at(0).at("loop_without_session").as_bool());
        std::atomic<int> told{0};
        service->subscribe([&told](const Event& event) {
            if (event.kind == Event::Kind::Alert
                && event.text.find("Loop stopped") != std::string::npos) {
                told.fetch_add(1);
            }
        });
        const auto key = keyOf(*service, "agent");
        const auto url = service->status().url;
        for (int i = 0; i < 3; ++i) {
            QCOMPARE(ask(url, key, hello()).status, 200);
            QTRY_COMPARE(service->status().inFlight, 0);
        }
        QCOMPARE(ask(url, key, hello()).status, 429);
        QCOMPARE(ask(url, key, hello()).status, 429);
        QTRY_COMPARE(told.load(), 1);
        verb(*service, "settings.set", {{"loops", "off"}}, &code);
        QCOMPARE(ask(url, key, hello()).status, 200);
    }
};

QTEST_GUILESS_MAIN(TestService)
#include "tst_service.moc"
