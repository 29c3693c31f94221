// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// What is asked of a provider and what is held for it: ceilings fitted to the tightest account,
// margins learned from the bill, waiting for held money, one call for one request id.

#include "core/base/secret.h"
#include "core/routing/plan.h"
#include "support/billed_provider.h"
#include "support/test_house.h"
#include "tests/unit/service/service_test.h"

#include <fmt/format.h>

#include <QTest>

#include <atomic>
#include <fstream>
#include <thread>

using namespace headgate;
using namespace headgate::testing;

class TestBounds : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void ceilingIsWhatTheTightestPays_data();
    void ceilingIsWhatTheTightestPays();
    void ceilingIsNeverAboveTheClients_data();
    void ceilingIsNeverAboveTheClients();
    void reserveIsForHighPriority();
    void uselessCeilingIsRefused();

    void marginFallsWithTheBill();
    void hiddenSystemPromptRaisesAtOnce();
    void imagesTeachNothing();
    void marginsAreKept();

    void waitsAndIsServed();
    void waitsAndIsRefused();
    void waitingDoesNotHelpWhenItIsSpent();

    void oneCallForOneRequestId();
    void oneCallAcrossARestart();
    void requestIdsOfTwoKeysAreTwo();
};

namespace {

constexpr std::int64_t inputNano = 1'000; // of BilledProvider
constexpr std::int64_t outputNano = 10'000;

template <typename Condition>
bool waitFor(Condition condition, int timeoutMs = 10'000)
{
    for (int i = 0; i < timeoutMs / 2 && !condition(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return condition();
}

/// Some 600 tokens.
std::string longText(int number)
{
    std::string text = "Request " + std::to_string(number) + ".";
    for (int i = 0; i < 100; ++i) {
        text += " The quick brown fox jumps over";
    }
    return text;
}

void setTokenizer(TestHouse& house, const std::string& family)
{
    auto config = house.config();
    config.catalog.models.back().tokenizer = family;
    house.reconfigure(config);
}

} // namespace

// --- ceilings

void TestBounds::ceilingIsWhatTheTightestPays_data()
{
    QTest::addColumn<QString>("scope");
    QTest::addColumn<QString>("window");
    QTest::addColumn<int>("choices");
    QTest::addColumn<bool>("spentBefore");
    const auto row = [](const char* scope, const char* window, int choices, bool spentBefore) {
        QTest::addRow("%s %s n=%d%s", scope, window, choices, spentBefore ? " partly spent" : "")
            << QString::fromLatin1(scope) << QString::fromLatin1(window) << choices << spentBefore;
    };
    row("request", "request", 1, false);
    row("request", "request", 1, true);
    row("request", "request", 3, false);
    row("org", "day", 1, false);
    row("org", "day", 1, true);
    row("org", "lifetime", 2, true);
    row("each-user", "day", 1, false);
    row("each-user", "lifetime", 1, true);
    row("each-session", "lifetime", 1, true);
    row("team=search", "month", 1, true);
    row("model=m", "hour", 1, true);
    row("provider=script", "week", 4, true);
    row("tier>=1", "day", 1, true);
}

void TestBounds::ceilingIsWhatTheTightestPays()
{
    QFETCH(QString, scope);
    QFETCH(QString, window);
    QFETCH(int, choices);
    QFETCH(bool, spentBefore);
    BilledProvider provider([](const BilledCall&, int number) {
        Manner manner;
        manner.outputTokens = number == 1 ? 50 : 10;
        return manner;
    });
    HouseOptions options;
    options.pools.push_back(
        poolOf("tight", scope.toStdString().c_str(), window.toStdString().c_str(), "0.0100"));
    options.pools.push_back(poolOf("wide", "org", "day", "5.00"));
    TestHouse house(options);
    QVERIFY2(house.error().empty(), house.error().c_str());
    house.addProvider(provider.url());
    const std::string headers = "x-headgate-user: ann\r\nx-headgate-session: s\r\n";
    Money spent;
    if (spentBefore) {
        QCOMPARE(house.chat(chatBody("m", "Hi.", R"(,"max_tokens":50)"), headers).status, 200);
        QVERIFY(house.waitIdle());
        const bool perRequest = window == QStringLiteral("request");
        spent = perRequest ? Money() : provider.billed();
    }
    const auto reply = house.chat(
        chatBody("m", "Hi.", fmt::format(R"(,"max_tokens":16000,"n":{})", choices)), headers);
    QVERIFY2(reply.status == 200, reply.body.c_str());
    const BilledCall call = provider.calls().back();
    const std::int64_t left
        = 10'000'000 - spent.nano() - call.promptTokens * inputNano; // of $0.0100
    QCOMPARE(call.ceiling, left / outputNano / choices);
    const auto row = house.waitRows(spentBefore ? 2 : 1).back();
    QCOMPARE(row.bound.nano(), call.promptTokens * inputNano + call.ceiling * choices * outputNano);
}

void TestBounds::ceilingIsNeverAboveTheClients_data()
{
    QTest::addColumn<QString>("extra");
    QTest::addColumn<int>("ceiling");
    QTest::newRow("max_tokens") << QStringLiteral(R"(,"max_tokens":30)") << 30;
    QTest::newRow("max_completion_tokens")
        << QStringLiteral(R"(,"max_completion_tokens":31)") << 31;
    QTest::newRow("both") << QStringLiteral(R"(,"max_tokens":90,"max_completion_tokens":32)") << 32;
    QTest::newRow("the model's") << QStringLiteral(R"(,"max_tokens":999999)") << 16'384;
    QTest::newRow("the policy's") << QString() << 4'096;
}

void TestBounds::ceilingIsNeverAboveTheClients()
{
    QFETCH(QString, extra);
    QFETCH(int, ceiling);
    BilledProvider provider([](const BilledCall&, int) {
        Manner manner;
        manner.outputTokens = 5;
        return manner;
    });
    TestHouse house;
    house.addProvider(provider.url());
    QCOMPARE(house.chat(chatBody("m", "Hi.", extra.toStdString())).status, 200);
    QCOMPARE(provider.calls().at(0).ceiling, ceiling);
}

void TestBounds::reserveIsForHighPriority()
{
    BilledProvider provider([](const BilledCall&, int) {
        Manner manner;
        manner.outputTokens = 1;
        return manner;
    });
    HouseOptions options;
    options.pools.push_back(poolOf("tight", "org", "day", "0.0100"));
    options.pools.back().reservePercent = 20;
    TestHouse house(options);
    house.addProvider(provider.url());
    const auto ask = [&](const char* priority) {
        const auto before = house.pool("tight")->lifetimeSettled.nano();
        const auto status = house
                                .chat(chatBody("m", "Hi.", R"(,"max_tokens":16000)"),
                                    fmt::format("x-headgate-priority: {}\r\n", priority))
                                .status;
        const bool idle = house.waitIdle();
        const auto call = provider.calls().back();
        const std::int64_t cap = std::string(priority) == "high" ? 10'000'000 : 8'000'000;
        return status == 200 && idle
            && call.ceiling == (cap - before - call.promptTokens * inputNano) / outputNano;
    };
    QVERIFY(ask("normal"));
    QVERIFY(ask("low"));
    QVERIFY(ask("high"));
}

void TestBounds::uselessCeilingIsRefused()
{
    BilledProvider provider;
    HouseOptions options;
    options.cap = "0.0001"; // nine tokens of output
    TestHouse house(options);
    house.addProvider(provider.url());
    QCOMPARE(house.chat(chatBody("m", "Hi.", R"(,"max_tokens":500)")).status, 402);
    QCOMPARE(provider.requests(), 0);
    QCOMPARE(house.chat(chatBody("m", "Hi.", R"(,"max_tokens":5)")).status, 200); // asked for so
    QCOMPARE(provider.calls().at(0).ceiling, 5);
}

// --- margins

void TestBounds::marginFallsWithTheBill()
{
    BilledProvider provider([](const BilledCall&, int) {
        Manner manner;
        manner.inputPermille = 1'100; // a vocabulary of its own
        manner.outputTokens = 1;
        return manner;
    });
    TestHouse house;
    house.addProvider(provider.url());
    setTokenizer(house, "claude");
    constexpr int count = 60;
    for (int i = 0; i < count; ++i) {
        QCOMPARE(house.chat(chatBody("m", longText(i), R"(,"max_tokens":16)")).status, 200);
    }
    QVERIFY(house.waitIdle());
    const auto rows = house.waitRows(count);
    const auto calls = provider.calls();
    for (std::size_t i = 0; i < rows.size(); ++i) {
        QVERIFY2(rows[i].bound >= calls[i].billed, std::to_string(i).c_str());
    }
    QVERIFY(rows.back().bound < rows.front().bound);
    // What was estimated, what was held for and what it was stay with the decision.
    const auto candidates = routing::candidatesFromJson(rows.back().candidatesJson);
    QVERIFY(candidates);
    const auto& chosen = candidates->front();
    QVERIFY(chosen.inputEstimate > 0);
    QVERIFY(chosen.inputTokens >= rows.back().inputTokens);
    const auto before = routing::candidatesFromJson(rows.front().candidatesJson);
    QVERIFY(before && chosen.inputTokens < before->front().inputTokens);
    const auto margin = house.margins().list().front();
    QCOMPARE(margin.model, std::string("script/m"));
    QVERIFY(margin.learned);
    QVERIFY(margin.permille < 1'300);
    QCOMPARE(margin.observations, count);
    QCOMPARE(margin.overruns, 0);
}

void TestBounds::hiddenSystemPromptRaisesAtOnce()
{
    BilledProvider provider([](const BilledCall&, int) {
        Manner manner;
        manner.hiddenInputTokens = 500;
        manner.outputTokens = -1;
        return manner;
    });
    TestHouse house;
    house.addProvider(provider.url());
    const auto body = chatBody("m", "Hi.", R"(,"max_tokens":16)");
    for (int i = 0; i < 3; ++i) {
        QCOMPARE(house.chat(body).status, 200);
        QVERIFY(house.waitIdle());
    }
    const auto rows = house.waitRows(3);
    const auto calls = provider.calls();
    QVERIFY(rows[0].bound < calls[0].billed); // nobody could know: booked in full, above the hold
    QVERIFY(rows[1].bound >= calls[1].billed);
    QVERIFY(rows[2].bound >= calls[2].billed);
    QCOMPARE(house.settled().nano(), provider.billed().nano());
    QCOMPARE(house.margins().list().front().overruns, 1);
    QVERIFY(house.margins().list().front().extraTokens >= 500);
}

void TestBounds::imagesTeachNothing()
{
    BilledProvider provider([](const BilledCall&, int) {
        Manner manner;
        manner.hiddenInputTokens = 900; // the image
        return manner;
    });
    HouseOptions options;
    options.cap.clear(); // no hard pool: nothing must be bounded
    TestHouse house(options);
    house.addProvider(provider.url());
    auto config = house.config();
    config.catalog.models.back().can.images = true;
    house.reconfigure(config);
    const std::string body
        = R"({"model":"m","max_tokens":16,"messages":[{"role":"user","content":[{"type":"text",)"
          R"("text":"What is it?"},{"type":"image_url","image_url":{"url":"https://a.b/c"}}]}]})";
    QCOMPARE(house.chat(body).status, 200);
    QVERIFY(house.waitIdle());
    QVERIFY(house.margins().list().empty());
}

void TestBounds::marginsAreKept()
{
    BilledProvider provider([](const BilledCall&, int) {
        Manner manner;
        manner.hiddenInputTokens = 300;
        manner.outputTokens = 1;
        return manner;
    });
    const service::testing::Home home;
    const auto open = [&] { return service::testing::opened(home); };
    const auto path = home.path + "/margins.json";
    {
        auto service = open();
        QVERIFY(service && service->serve("127.0.0.1", 0));
        service::NewProvider added;
        added.name = "script";
        added.url = provider.url();
        added.addBookModels = false;
        QVERIFY(service->addProvider(std::move(added), "test"));
        catalog::Model model;
        model.provider = "script";
        model.name = "m";
        model.contextTokens = 100'000;
        model.tokenizer = "o200k_base";
        catalog::PriceSheet sheet;
        sheet.input = Price::fromPico(1'000'000);
        sheet.output = Price::fromPico(10'000'000);
        model.prices.push_back(sheet);
        QVERIFY(service->putModel(model, "test"));
        service::NewKey newKey;
        newKey.name = "robot";
        auto key = service->createKey(newKey, "test");
        QVERIFY(key);
        const auto body = chatBody("m", "Hi.", R"(,"max_tokens":16)");
        QCOMPARE(service::testing::ask(service->status().url, key->key.reveal(), body).status, 200);
        QVERIFY(waitFor([&] { return !service->margins().empty(); }));
        QVERIFY(service->margins().front().extraTokens >= 300);
        const auto rows = service::testing::verb(*service, "models.list");
        QCOMPARE(rows.back().at("margin").as_string(), "1.0");
        QVERIFY(rows.back().at("margin_extra_tokens").as_int64() >= 300);
        QCOMPARE(rows.back().at("margin_observations").as_int64(), 1);
        QCOMPARE(rows.back().at("margin_overruns").as_int64(), 1);
    }
    QCOMPARE(static_cast<int>(std::filesystem::status(path).permissions()), 0600);
    {
        auto service = open();
        QVERIFY(service);
        QCOMPARE(service->margins().size(), std::size_t(1));
        QVERIFY(service->margins().front().extraTokens >= 300);
        const auto run = service->dryRun(chatBody("m", "Hi."), {});
        QVERIFY(run);
        QVERIFY(run->plan.inputTokens >= 300);
    }
    std::ofstream(path) << "{\"format\":1,\"models\":[{\"model\":";
    {
        auto service = open(); // a wrong file is only a start from the beginning
        QVERIFY(service);
        QVERIFY(service->margins().empty());
    }
    std::ifstream log(home.path + "/logs/headgate.log");
    const std::string text(std::istreambuf_iterator<char>(log), {});
    QVERIFY(text.find("margins.json is ignored") != std::string::npos);
}

// --- waiting

void TestBounds::waitsAndIsServed()
{
    std::atomic<bool> open{false};
    BilledProvider provider([&](const BilledCall&, int number) {
        Manner manner;
        manner.outputTokens = 1;
        if (number == 1) {
            manner.before = [&] { waitFor([&] { return open.load(); }); };
        }
        return manner;
    });
    HouseOptions options;
    options.cap = "0.0015"; // one bound of 100 tokens at a time
    options.inFlightWaitMs = 10'000;
    TestHouse house(options);
    house.addProvider(provider.url());
    auto config = house.config();
    config.policy.leastUsefulOutput = 100;
    house.reconfigure(config);
    const auto body = chatBody("m", "Hi.", R"(,"max_tokens":100)");
    std::thread first([&] { static_cast<void>(house.chat(body)); });
    QVERIFY(waitFor([&] { return provider.requests() == 1; }));
    std::atomic<int> status{0};
    std::thread second([&] { status = house.chat(body).status; });
    QVERIFY(waitFor([&] { return house.proxy().stats().inFlight == 2; }));
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    QCOMPARE(provider.requests(), 1);
    QCOMPARE(status.load(), 0);
    open.store(true);
    first.join();
    second.join();
    QCOMPARE(status.load(), 200);
    QCOMPARE(provider.requests(), 2);
    QVERIFY(house.waitIdle());
    QCOMPARE(house.settled().nano(), provider.billed().nano());
}

void TestBounds::waitsAndIsRefused()
{
    std::atomic<bool> open{false};
    BilledProvider provider([&](const BilledCall&, int) {
        Manner manner;
        manner.before = [&] { waitFor([&] { return open.load(); }); };
        return manner;
    });
    HouseOptions options;
    options.cap = "0.0015";
    options.inFlightWaitMs = 200;
    TestHouse house(options);
    house.addProvider(provider.url());
    auto config = house.config();
    config.policy.leastUsefulOutput = 100;
    config.catalog.providers.back().firstByteTimeoutMs = 20'000;
    house.reconfigure(config);
    const auto body = chatBody("m", "Hi.", R"(,"max_tokens":100)");
    std::thread first([&] { static_cast<void>(house.chat(body)); });
    QVERIFY(waitFor([&] { return provider.requests() == 1; }));
    const auto reply = house.chat(body);
    QCOMPARE(reply.status, 429);
    const int seconds = std::atoi(reply.header("retry-after").c_str());
    QVERIFY(seconds >= 1 && seconds <= 5);
    QVERIFY(reply.body.find("budget_in_flight") != std::string::npos);
    QVERIFY(reply.header("x-should-retry") != "false"); // here another try is worth it
    QCOMPARE(provider.requests(), 1);
    open.store(true);
    first.join();
    QVERIFY(house.waitIdle());
    QCOMPARE(house.settled().nano(), provider.billed().nano());
}

void TestBounds::waitingDoesNotHelpWhenItIsSpent()
{
    BilledProvider provider; // bills its whole ceiling: nothing returns
    HouseOptions options;
    options.cap = "0.0015";
    options.inFlightWaitMs = 10'000;
    TestHouse house(options);
    house.addProvider(provider.url());
    auto config = house.config();
    config.policy.leastUsefulOutput = 100;
    house.reconfigure(config);
    const auto body = chatBody("m", "Hi.", R"(,"max_tokens":100)");
    std::thread first([&] { static_cast<void>(house.chat(body)); });
    std::thread second([&] { static_cast<void>(house.chat(body)); });
    first.join();
    second.join();
    QVERIFY(house.waitIdle());
    QCOMPARE(provider.requests(), 1);
    QCOMPARE(house.chat(body).status, 402); // and at once
}

// --- request ids

void TestBounds::oneCallForOneRequestId()
{
    std::atomic<bool> open{false};
    BilledProvider provider([&](const BilledCall&, int) {
        Manner manner;
        manner.before = [&] { waitFor([&] { return open.load(); }); };
        return manner;
    });
    TestHouse house;
    house.addProvider(provider.url());
    const auto body = chatBody("m", "Hi.", R"(,"max_tokens":20)");
    std::atomic<int> served{0};
    std::atomic<int> told{0};
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            const auto reply = house.chat(body, "idempotency-key: same\r\n");
            served += reply.status == 200 ? 1 : 0;
            told += reply.body.find("already used") != std::string::npos ? 1 : 0;
        });
    }
    QVERIFY(waitFor([&] { return told.load() == 7; }));
    open.store(true);
    for (auto& thread : threads) {
        thread.join();
    }
    QCOMPARE(served.load(), 1);
    QVERIFY(house.waitIdle());
    QCOMPARE(provider.requests(), 1);
    QCOMPARE(house.settled().nano(), provider.billed().nano());
}

void TestBounds::oneCallAcrossARestart()
{
    BilledProvider provider;
    HouseOptions options;
    options.keepFolder = true;
    const auto body = chatBody("m", "Hi.", R"(,"max_tokens":20)");
    {
        TestHouse house(options);
        house.addProvider(provider.url());
        QCOMPARE(house.chat(body, "x-headgate-request-id: once\r\n").status, 200);
        QVERIFY(house.waitIdle());
        options.folder = house.folder();
        options.key = house.key();
        options.keepFolder = false;
    }
    TestHouse house(options);
    QVERIFY2(house.error().empty(), house.error().c_str());
    house.addProvider(provider.url());
    for (const char* text : {"Hi.", "Something else, and much longer than before."}) {
        const auto reply = house.chat(
            chatBody("m", text, R"(,"max_tokens":20)"), "x-headgate-request-id: once\r\n");
        QVERIFY2(reply.status == 400, reply.body.c_str());
    }
    QCOMPARE(provider.requests(), 1);
    QCOMPARE(house.settled().nano(), provider.billed().nano());
    QCOMPARE(house.held().nano(), 0);
    QCOMPARE(house.chat(body, "x-headgate-request-id: twice\r\n").status, 200);
}

void TestBounds::requestIdsOfTwoKeysAreTwo()
{
    BilledProvider provider;
    TestHouse house;
    house.addProvider(provider.url());
    auto config = house.config();
    proxy::ClientKey other;
    other.id = {8};
    other.name = "other";
    config.keysByHash.emplace(strongHashHex("hg-other"), other);
    house.reconfigure(config);
    const auto body = chatBody("m", "Hi.", R"(,"max_tokens":20)");
    QCOMPARE(house.chat(body, "idempotency-key: same\r\n").status, 200);
    RawRequest request;
    request.key = "hg-other";
    request.body = body;
    request.extraHeaders = "idempotency-key: same\r\n";
    QCOMPARE(ask(house.port(), request).status, 200);
    QCOMPARE(provider.requests(), 2);
}

QTEST_GUILESS_MAIN(TestBounds)
#include "tst_bounds.moc"
