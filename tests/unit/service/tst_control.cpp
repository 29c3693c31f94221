// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "core/service/control_socket.h"
#include "core/service/verbs.h"
#include "tests/unit/service/service_test.h"

#include <sys/stat.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>

using namespace headgate;
using namespace headgate::service;
using namespace headgate::service::testing;

class TestControl : public QObject {
    Q_OBJECT

private Q_SLOTS:
    // --- bad input

    void badLinesGetAnAnswer_data()
    {
        QTest::addColumn<QByteArray>("line");
        QTest::addColumn<QByteArray>("code");
        QTest::newRow("not json") << QByteArray("hello") << QByteArray("invalid_argument");
        QTest::newRow("array") << QByteArray("[1]") << QByteArray("invalid_argument");
        QTest::newRow("no verb") << QByteArray("{}") << QByteArray("not_found");
        QTest::newRow("unknown verb") << QByteArray("{\"verb\":\"rm\"}") << QByteArray("not_found");
        QTest::newRow("args not an object")
            << QByteArray("{\"verb\":\"pools.add\",\"args\":7}") << QByteArray("invalid_argument");
        QTest::newRow("deep") << QByteArray("{\"verb\":") + QByteArray(1000, '[')
                              << QByteArray("invalid_argument");
    }
    void badLinesGetAnAnswer()
    {
        QFETCH(QByteArray, line);
        QFETCH(QByteArray, code);
        const Home home;
        const auto service = opened(home);
        auto socket = LineSocket::connect(*controlPath(home.path));
        QVERIFY(socket);
        socket->setTimeouts(10, 10);
        QVERIFY(socket->writeLine(line.toStdString()));
        const auto answer = socket->readLine(1000000);
        QVERIFY(answer);
        const auto value = json::parse(*answer);
        QCOMPARE(text(string(value.at("error").as_object(), "code")), code);
        QCOMPARE(verb(*service, "status").size(), std::size_t{1}); // still works
    }

    void badArgumentsAreNamed_data()
    {
        QTest::addColumn<QString>("verbName");
        QTest::addColumn<QByteArray>("args");
        const auto row = [](const char* label, const char* name, const char* args) {
            QTest::newRow(label) << QString::fromLatin1(name) << QByteArray(args);
        };
        row("no name", "pools.add", "{\"scope\":\"org\",\"window\":\"day\",\"cap\":\"1\"}");
        row("cap", "pools.add",
            "{\"name\":\"p\",\"scope\":\"org\",\"window\":\"day\",\"cap\":\"1.2.3\"}");
        row("scope", "pools.add",
            "{\"name\":\"p\",\"scope\":\"moon\",\"window\":\"day\",\"cap\":\"1\"}");
        row("window", "pools.add",
            "{\"name\":\"p\",\"scope\":\"org\",\"window\":\"never\",\"cap\":\"1\"}");
        row("reserve", "pools.add",
            "{\"name\":\"p\",\"scope\":\"org\",\"window\":\"day\",\"cap\":\"1\",\"reserve\":"
            "\"lots\"}");
        row("amount", "pools.top-up",
            "{\"name\":\"organisation-day\",\"amount\":\"x\",\"reason\":\"r\"}");
        row("no reason", "pools.top-up", "{\"name\":\"organisation-day\",\"amount\":\"1\"}");
        row("negative top-up", "pools.top-up",
            "{\"name\":\"organisation-day\",\"amount\":\"-1\",\"reason\":\"r\"}");
        row("tag", "keys.create", "{\"name\":\"k\",\"tag\":[\"novalue\"]}");
        row("expiry in the past", "keys.create", "{\"name\":\"k\",\"expires\":\"2020-01-01\"}");
        row("dialect", "providers.add",
            "{\"name\":\"p\",\"url\":\"https://a.example\",\"dialect\":\"klingon\"}");
        row("tier", "models.add", "{\"provider\":\"sim\",\"name\":\"m\",\"tier\":\"9\"}");
        row("price", "models.add",
            "{\"provider\":\"sim\",\"name\":\"m\",\"input\":\"-1\",\"output\":\"1\"}");
        row("half a price", "models.add", "{\"provider\":\"sim\",\"name\":\"m\",\"input\":\"1\"}");
        row("since", "decisions.list", "{\"since\":\"yesterday\"}");
        row("filter", "decisions.list", "{\"filter\":[\"team\"]}");
        row("filter field", "decisions.list", "{\"filter\":[\"1=1;--=x\"]}");
        row("limit", "decisions.list", "{\"limit\":0}");
        row("id", "decisions.show", "{\"id\":\"x\"}");
        row("format", "decisions.export", "{\"format\":\"xml\"}");
        row("by", "report.spend", "{\"by\":\"password\"}");
        row("rollup", "report.spend", "{\"rollup\":\"century\"}");
        row("policy", "policy.set", "{\"policy\":{\"no_such_field\":true}}");
        row("policy text", "policy.set", "{\"policy\":\"{\"}");
        row("dry run", "policy.dry-run", "{\"body\":\"{}\"}");
    }
    void badArgumentsAreNamed()
    {
        QFETCH(QString, verbName);
        QFETCH(QByteArray, args);
        const Home home;
        const auto service = opened(home);
        std::string code;
        verb(*service, verbName.toStdString(), json::parse(args.toStdString()).as_object(), &code);
        QCOMPARE(text(code), QByteArray("invalid_argument"));
        QCOMPARE(service->config()->revision, 1);
    }

    void missingThingsAreNotFound()
    {
        const Home home;
        const auto service = opened(home);
        for (const char* name :
            {"pools.set", "pools.freeze", "keys.revoke", "providers.test", "providers.remove"}) {
            std::string code;
            verb(*service, name, {{"name", "nobody"}}, &code);
            QCOMPARE(text(code), QByteArray("not_found"));
        }
        std::string code;
        verb(*service, "decisions.show", {{"id", "d17"}}, &code);
        QCOMPARE(text(code), QByteArray("not_found"));
        verb(*service, "config.restore", {{"revision", 9}}, &code);
        QCOMPARE(text(code), QByteArray("not_found"));
        verb(*service, "decisions.export", {{"format", "focus"}}, &code);
        QCOMPARE(text(code), QByteArray("unsupported"));
    }

    void times_data()
    {
        QTest::addColumn<QString>("given");
        QTest::addColumn<qlonglong>("expected");
        const qlonglong now = 1790000000000000;
        QTest::newRow("hour") << QStringLiteral("1h") << now - qlonglong(usPerHour);
        QTest::newRow("days") << QStringLiteral("7d") << now - 7 * qlonglong(usPerDay);
        QTest::newRow("date") << QStringLiteral("2026-09-21") << qlonglong(1789948800000000);
        QTest::newRow("time") << QStringLiteral("2026-09-21T01:02:03Z")
                              << qlonglong(1789952523000000);
        QTest::newRow("own output")
            << QStringLiteral("2026-09-21T01:02:03.123456Z") << qlonglong(1789952523000000);
        QTest::newRow("minutes only")
            << QStringLiteral("2026-09-21 01:02") << qlonglong(1789952520000000);
        for (const char* bad : {"1", "h", "-1h", "1y", "2026-13-01", "2026-01-32", "2026-1-1x",
                 "2026-01-01T25:00", "2026-01-01Zzz", "now"}) {
            QTest::newRow(bad) << QString::fromLatin1(bad) << qlonglong(-1);
        }
    }
    void times()
    {
        QFETCH(QString, given);
        QFETCH(qlonglong, expected);
        const auto parsed = parseTime(given.toStdString(), 1790000000000000);
        QCOMPARE(parsed ? qlonglong(*parsed) : -1, expected);
    }

    // --- working

    void socketIsForTheOwnerOnly()
    {
        const Home home;
        const auto service = opened(home);
        struct stat info { };
        QCOMPARE(::stat((home.path + "/control.sock").c_str(), &info), 0);
        QCOMPARE(info.st_mode & 0777U, 0600U);
        QVERIFY(isRunning(home.path));
    }

    void longHomesHaveAShortSocket()
    {
        Home home;
        home.path += std::string(60, 'x') + std::string(60, 'y');
        const auto path = controlPath(home.path);
        QVERIFY(path);
        QVERIFY(path->size() < 100);
        const auto service = opened(home);
        QVERIFY(service);
        QVERIFY(isRunning(home.path));
        QCOMPARE(verbAt(home, "status").size(), std::size_t{1});
    }

    void verbWithoutAServerOpensTheHome()
    {
        const Home home;
        QVERIFY(!isRunning(home.path));
        const auto rows = verbAt(home, "status");
        QCOMPARE(rows.size(), std::size_t{1});
        QVERIFY(!rows.front().at("serving").as_bool());
        const auto bill = verbAt(home, "sim.bill"); // before the first request ever
        QCOMPARE(text(string(bill.front(), "total_usd")), QByteArray("0.00"));
        const auto created = verbAt(home, "keys.create", {{"name", "k"}, {"tag", "a:b"}});
        QVERIFY(string(created.front(), "key").starts_with("hg-"));
        const auto keys = verbAt(home, "keys.list");
        QCOMPARE(keys.size(), std::size_t{1});
        QVERIFY(!keys.front().contains("key"));
        QCOMPARE(keys.front().at("tags").as_array().size(), std::size_t{1});
        verbAt(home, "keys.revoke", {{"name", "k"}});
        QVERIFY(verbAt(home, "keys.list").front().at("revoked").as_bool());
    }

    void verbsReachTheRunningOne()
    {
        const Home home;
        const auto service = opened(home);
        QVERIFY(service->serve("127.0.0.1", 0));
        const auto created = verbAt(home, "keys.create", {{"name", "k"}, {"team", "search"}});
        const std::string key = string(created.front(), "key");
        QCOMPARE(service->config()->keys.size(), std::size_t{1});
        const std::string url = service->status().url;
        QCOMPARE(ask(url, key, hello()).status, 200);
        const auto pools = verbAt(home, "pools.add",
            {{"name", "team"}, {"scope", "team=search"}, {"window", "day"},
                {"cap", "0.000000001"}});
        QCOMPARE(text(string(pools.front(), "cap_usd")), QByteArray("0.000000001"));
        QCOMPARE(ask(url, key, hello()).status, 402);
        verbAt(home, "pools.set", {{"name", "team"}, {"watch", true}});
        QCOMPARE(ask(url, key, hello()).status, 200);
        verbAt(home, "pools.freeze", {{"name", "organisation-day"}});
        QCOMPARE(ask(url, key, hello()).status, 402);
        verbAt(home, "pools.unfreeze", {{"name", "organisation-day"}});
        verbAt(home, "pause");
        QCOMPARE(ask(url, key, hello()).status, 503);
        verbAt(home, "resume");
        QCOMPARE(ask(url, key, hello()).status, 200);
        verbAt(home, "keys.revoke", {{"name", "k"}});
        QCOMPARE(ask(url, key, hello()).status, 401);

        const auto listed
            = verbAt(home, "decisions.list", {{"filter", json::array{"outcome=route"}}});
        QCOMPARE(listed.size(), std::size_t{3});
        const auto shown = verbAt(home, "decisions.show", {{"id", string(listed.front(), "id")}});
        QVERIFY(shown.front().at("candidates").is_array());
        QVERIFY(shown.front().at("attempts").is_array());
        const auto csv = verbAt(home, "decisions.export", {{"format", "csv"}});
        QVERIFY(csv.size() >= 4);
        QVERIFY(string(csv.front(), "line").starts_with("\"id\""));
        const auto spend = verbAt(home, "report.spend", {{"by", "model"}, {"filter", "status=ok"}});
        const auto bill = verbAt(home, "sim.bill");
        QCOMPARE(text(string(spend.front(), "cost_usd")), text(string(bill.front(), "total_usd")));
        for (const char* rollup : {"hour", "day", "month"}) {
            const auto buckets = verbAt(home, "report.spend",
                {{"by", "model"}, {"rollup", rollup}, {"filter", "status=ok"}});
            QCOMPARE(
                text(string(buckets.front(), "cost_usd")), text(string(bill.front(), "total_usd")));
            QVERIFY(buckets.front().at("bucket_us").is_int64());
        }
        const auto verified = verbAt(home, "ledger.verify");
        QVERIFY(verified.front().at("ok").as_bool());
        QCOMPARE(text(string(verified.front(), "settled_total_usd")),
            text(string(bill.front(), "total_usd")));
        const auto tested = verbAt(home, "providers.test", {{"name", "sim"}});
        QVERIFY(tested.front().at("ok").as_bool());
    }

    void catalogVerbs()
    {
        const Home home;
        const auto service = opened(home);
        const auto added = verb(*service, "models.add",
            {{"provider", "sim"}, {"name", "extra"}, {"tier", "2"}, {"input", "0.15"},
                {"output", "0.60"}, {"context", 128000}});
        QCOMPARE(text(string(added.front(), "id")), QByteArray("sim/extra"));
        QCOMPARE(text(string(added.front(), "input_usd_per_million")), QByteArray("0.15"));
        QVERIFY(added.front().at("priced").as_bool());
        const auto dearer = verb(*service, "models.add",
            {{"provider", "sim"}, {"name", "extra"}, {"input", "0.20"}, {"output", "0.60"}});
        QCOMPARE(dearer.front().at("prices").as_array().size(), std::size_t{2});
        QCOMPARE(dearer.front().at("tier").as_int64(), 2);
        QCOMPARE(text(string(dearer.front(), "input_usd_per_million")), QByteArray("0.20"));
        QCOMPARE(verb(*service, "models.list").size(), std::size_t{5});
        const auto listed = verb(*service, "providers.list");
        QCOMPARE(listed.front().at("models").as_int64(), 5);
    }

    void aChainIsSetAndToldBack()
    {
        const Home home;
        const auto service = opened(home);
        const auto set = verb(*service, "models.set",
            {{"name", "sim/sim-large"}, {"fallback", "sim-medium,sim/sim-small"}});
        const auto& told = set.front().at("fallbacks").as_array();
        QCOMPARE(told.size(), std::size_t{2});
        QCOMPARE(std::string(told.front().as_string()), std::string("sim/sim-medium"));
        QCOMPARE(text(string(set.front(), "input_usd_per_million")), QByteArray("3.00"));
        const auto gone
            = verb(*service, "models.set", {{"name", "sim/sim-large"}, {"fallback", "none"}});
        QVERIFY(gone.front().at("fallbacks").as_array().empty());
        QVERIFY(verb(*service, "status").front().at("unwell_providers").as_array().empty());
    }

    void policyVerbs()
    {
        const Home home;
        const auto service = opened(home);
        const auto shown = verb(*service, "policy.show");
        auto policy = shown.front().at("policy").as_object();
        QVERIFY(!policy.empty());
        verb(*service, "policy.set", {{"policy", policy}});
        QCOMPARE(service->config()->revision, 2);
        verb(*service, "policy.rollback", {{"revision", 1}});
        QCOMPARE(service->config()->revision, 3);
        verb(*service, "policy.set", {{"policy", json::serialize(shown.front())}});
        QCOMPARE(service->config()->revision, 4);
        const auto run = verb(*service, "policy.dry-run", {{"body", hello()}});
        QCOMPARE(text(string(run.front(), "outcome")), QByteArray("route"));
        QVERIFY(run.front().at("candidates").as_array().size() == 3);
        const auto revisions = verb(*service, "config.revisions");
        QCOMPARE(revisions.size(), std::size_t{4});
        verb(*service, "config.restore", {{"revision", 1}});
        QCOMPARE(service->config()->revision, 5);
    }

    void manyVerbsAtOnce()
    {
        const Home home;
        const auto service = opened(home);
        std::atomic<int> made{0};
        std::vector<std::thread> threads;
        for (int i = 0; i < 8; ++i) {
            threads.emplace_back([&home, &made, i] {
                for (int n = 0; n < 5; ++n) {
                    const std::string name = std::to_string(i) + "-" + std::to_string(n);
                    const auto done = runVerbAt(home.path, "keys.create", {{"name", name}},
                        [&made](const json::object&) { return ++made > 0; });
                    if (!done) {
                        qWarning("%s", done.error().text().c_str());
                    }
                }
            });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        QCOMPARE(made.load(), 40);
        QCOMPARE(service->config()->keys.size(), std::size_t{40});
        QCOMPARE(service->config()->revision, 41);
    }

    void otherProcessesWaitTheirTurn()
    {
#ifdef __SANITIZE_THREAD__
        QSKIP("ThreadSanitizer allows no threads in a forked child");
#endif
        // Verbs of several processes on a home that nobody serves: each opens it for itself.
        const Home home;
        QVERIFY(opened(home));
        std::vector<pid_t> children;
        for (int i = 0; i < 4; ++i) {
            const pid_t child = ::fork();
            if (child == 0) {
                const auto done = runVerbAt(home.path, "keys.create",
                    {{"name", "k" + std::to_string(i)}}, [](const json::object&) { return true; });
                ::_exit(done ? 0 : 1);
            }
            children.push_back(child);
        }
        for (const pid_t child : children) {
            int status = 0;
            QCOMPARE(::waitpid(child, &status, 0), child);
            QCOMPARE(status, 0);
        }
        QCOMPARE(verbAt(home, "keys.list").size(), std::size_t{4});
    }
};

QTEST_GUILESS_MAIN(TestControl)
#include "tst_control.moc"
