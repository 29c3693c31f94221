// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The failures of other gateways that must be impossible here, each a test of its name (ledger.md,
// last paragraph). The witness is always a provider's own bill, over real sockets.

#include "support/billed_provider.h"
#include "support/test_house.h"
#include "tests/unit/service/service_test.h"

#include <fmt/format.h>

#include <QTest>

#include <atomic>
#include <set>
#include <thread>

using namespace headgate;
using namespace headgate::testing;

class TestNamedFailures : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void concurrentRequestsSharingOneRemainder();
    void firstRequestOfAnUnknownUserUnmetered();
    void limiterBuiltButNotWired();
    void earlyReturnSkippingTheBudget_data();
    void earlyReturnSkippingTheBudget();
    void unknownPriceCountedAsZero();
    void freeModelWithAPaidFallback();
    void streamWithoutAUsageFrameCountedAsZero_data();
    void streamWithoutAUsageFrameCountedAsZero();
    void clientThatOmitsIncludeUsageToAvoidMetering_data();
    void clientThatOmitsIncludeUsageToAvoidMetering();
    void disconnectRefundsTheWholeHold_data();
    void disconnectRefundsTheWholeHold();
    void holdLeakedOnAnUpstreamErrorBeforeTheFirstByte_data();
    void holdLeakedOnAnUpstreamErrorBeforeTheFirstByte();
    void resetThatOverwritesConcurrentSpend();
    void editOfALimitThatZeroesUsage_data();
    void editOfALimitThatZeroesUsage();
    void retryOrJudgeCallOutsideTheBudget();
    void restartThatForgetsCounters();
    void classifierCostLeftOutOfSavings();
};

namespace {

constexpr const char* nothing = "0.000000001";

template <typename Condition>
bool waitFor(Condition condition, int timeoutMs = 10'000)
{
    for (int i = 0; i < timeoutMs / 2 && !condition(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return condition();
}

/// Sends every body at once, each on a connection of its own, and returns the statuses.
std::vector<int> askAll(TestHouse& house, const std::vector<std::string>& bodies,
    const std::vector<std::string>& headers, std::atomic<int>* refused = nullptr)
{
    std::vector<int> statuses(bodies.size());
    std::vector<std::thread> threads;
    threads.reserve(bodies.size());
    for (std::size_t i = 0; i < bodies.size(); ++i) {
        threads.emplace_back([&, i] {
            statuses[i] = house.chat(bodies[i], headers.empty() ? "" : headers[i]).status;
            if (refused != nullptr && statuses[i] != 200) {
                refused->fetch_add(1);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    return statuses;
}

Money usd(const char* text)
{
    return *Money::parse(text);
}

} // namespace

void TestNamedFailures::concurrentRequestsSharingOneRemainder()
{
    constexpr std::size_t clients = 64;
    std::atomic<int> refused{0};
    std::atomic<int> arrived{0};
    // Nobody is answered before everybody was decided on: all looked at the same remainder.
    BilledProvider provider([&](const BilledCall&, int) {
        Manner manner;
        manner.before = [&] {
            arrived.fetch_add(1);
            waitFor([&] { return arrived.load() + refused.load() == static_cast<int>(clients); });
        };
        return manner;
    });
    HouseOptions options;
    options.cap = "0.0015"; // pays for one such call, not for two
    options.inFlightWaitMs = 0;
    TestHouse house(options);
    house.addProvider(provider.url());
    auto config = house.config();
    config.policy.leastUsefulOutput = 100;
    house.reconfigure(config);
    const auto body = chatBody("m", "Hi.", R"(,"max_tokens":100)");
    const auto statuses = askAll(house, std::vector(clients, body), {}, &refused);
    QCOMPARE(std::count(statuses.begin(), statuses.end(), 200), 1);
    QVERIFY(house.waitIdle());
    QCOMPARE(provider.requests(), 1);
    QVERIFY(provider.billed() <= usd("0.0015"));
    QCOMPARE(provider.billed().nano(), house.settled().nano());
}

void TestNamedFailures::firstRequestOfAnUnknownUserUnmetered()
{
    BilledProvider provider;
    HouseOptions options;
    options.inFlightWaitMs = 0;
    options.pools.push_back(poolOf("each user", "each-user", "lifetime", "0.0025"));
    TestHouse house(options);
    house.addProvider(provider.url());
    // The very first requests of three users, and of no user at all, eight at once for each.
    const std::vector<std::string> users{"ann", "bob", "cem", ""};
    std::vector<std::string> bodies;
    std::vector<std::string> headers;
    for (int i = 0; i < 32; ++i) {
        const auto& user = users[static_cast<std::size_t>(i) % users.size()];
        bodies.push_back(chatBody("m", "user=" + user + ";", R"(,"max_tokens":100)"));
        headers.push_back(user.empty() ? "" : "x-headgate-user: " + user + "\r\n");
    }
    const auto statuses = askAll(house, bodies, headers);
    QVERIFY(std::count(statuses.begin(), statuses.end(), 200) >= 4);
    QVERIFY(std::count(statuses.begin(), statuses.end(), 200) < 32);
    QVERIFY(house.waitIdle());
    const auto state = house.pool("each user");
    QVERIFY(state);
    QCOMPARE(state->accounts.size(), users.size());
    for (const auto& user : users) {
        Money billed;
        for (const BilledCall& call : provider.calls()) {
            if (call.body.find("user=" + user + ";") != std::string::npos) {
                billed = billed.plusSaturated(call.billed);
            }
        }
        QVERIFY(billed > Money());
        QVERIFY(billed <= usd("0.0025"));
        const auto account = std::find_if(state->accounts.begin(), state->accounts.end(),
            [&](const ledger::AccountView& view) { return view.key.value == user; });
        QVERIFY(account != state->accounts.end());
        QCOMPARE(account->balance.settled.nano(), billed.nano());
    }
    // And where the cap pays for no call, the first one is refused like any other.
    options.pools.front().cap = usd(nothing);
    TestHouse poor(options);
    poor.addProvider(provider.url());
    const int before = provider.requests();
    QCOMPARE(poor.chat(bodies[0], "x-headgate-user: never-seen\r\n").status, 402);
    QCOMPARE(provider.requests(), before);
}

/// Through the whole program as it is wired for its users: pools added by the operator's command.
void TestNamedFailures::limiterBuiltButNotWired()
{
    const service::testing::Home home;
    auto service = service::testing::opened(home);
    QVERIFY(service);
    QVERIFY(service->serve("127.0.0.1", 0));
    service::NewKey wanted;
    wanted.name = "robot";
    wanted.team = "search";
    wanted.user = "ann";
    wanted.tags = {"project:x"};
    auto key = service->createKey(wanted, "test");
    QVERIFY(key);
    const auto body = chatBody("sim-small", "Hi.", R"(,"prompt_cache_key":"s1")");
    const auto url = service->status().url;
    const auto ask = [&] { return service::testing::ask(url, key->key.reveal(), body); };
    QCOMPARE(ask().status, 200);
    const std::int64_t before = service->simBill()->requests;
    int enforced = 0;
    for (const char* scope : {"org", "team=search", "each-team", "user=ann", "each-user",
             "key=robot", "each-key", "session=s1", "each-session", "request", "tag=project:x",
             "tier>=1", "model=sim-small", "provider=sim"}) {
        for (const char* window :
            {"hour", "day", "week", "month", "quarter", "year", "lifetime", "request",
                "sliding:24h", "bucket:0.000000001/0.000000001-per-hour", "session:30m"}) {
            service::NewPool pool;
            pool.name = "limit";
            pool.scope = *ledger::Scope::parse(scope);
            pool.window = *ledger::Window::parse(window);
            pool.cap = usd(nothing);
            const auto added = service->addPool(pool, "test");
            if (!added) { // a pool that is shown is a pool that holds: this one is not shown
                QVERIFY(service->config()->pools.size() >= 1);
                continue;
            }
            ++enforced;
            const auto reply = ask();
            QVERIFY2(
                reply.status == 402, fmt::format("{} {}: {}", scope, window, reply.body).c_str());
            service::PoolEdit archive;
            archive.archived = true;
            QVERIFY(service->editPool(added->id, archive, "test"));
            QCOMPARE(service->simBill()->requests, before);
        }
    }
    QVERIFY2(enforced >= 14 * 8, std::to_string(enforced).c_str());
    QCOMPARE(ask().status, 200);
}

void TestNamedFailures::earlyReturnSkippingTheBudget_data()
{
    QTest::addColumn<QString>("target");
    QTest::addColumn<QString>("model");
    QTest::addColumn<QString>("extra");
    QTest::addColumn<QString>("headers");
    const auto row = [](const char* name, const char* extra, const char* headers = "",
                         const char* model = "m", const char* target = "/v1/chat/completions") {
        QTest::newRow(name) << QString::fromLatin1(target) << QString::fromLatin1(model)
                            << QString::fromLatin1(extra) << QString::fromLatin1(headers);
    };
    row("plain", "");
    row("stream", ",\"stream\":true");
    row("stream with usage", ",\"stream\":true,\"stream_options\":{\"include_usage\":true}");
    row("one token", ",\"max_tokens\":1");
    row("three choices", ",\"n\":3");
    row("tools", ",\"tools\":[{\"type\":\"function\",\"function\":{\"name\":\"f\"}}]");
    row("json", ",\"response_format\":{\"type\":\"json_object\"}");
    row("flex", ",\"service_tier\":\"flex\"");
    row("automatic", "", "", "auto");
    row("cheapest", "", "", "auto:cheap");
    row("best", "", "", "auto:best");
    row("by its id", "", "", "script/m");
    row("without v1", "", "", "m", "/chat/completions");
    row("query", "", "", "m", "/v1/chat/completions?beta=true");
    row("trailing slash", "", "", "m", "/v1/chat/completions/");
    row("high priority", "", "x-headgate-priority: high\r\n");
    row("named request", "", "x-headgate-request-id: r1\r\n");
    row("a client's retry", "", "x-stainless-retry-count: 2\r\n");
    row("background call", "", "x-claude-code-request-class: auxiliary\r\n");
    row("count tokens hint", "", "x-headgate-task: classification\r\n");
    row("health probe header", "", "x-health-check: true\r\n");
    row("chosen upstream", ",\"api_base\":\"http://127.0.0.1:1\"");
    row("chosen user", ",\"user\":\"root\"", "x-headgate-user: admin\r\n");
}

void TestNamedFailures::earlyReturnSkippingTheBudget()
{
    QFETCH(QString, target);
    QFETCH(QString, model);
    QFETCH(QString, extra);
    QFETCH(QString, headers);
    BilledProvider provider;
    HouseOptions options;
    options.cap = nothing;
    TestHouse house(options);
    house.addProvider(provider.url());
    RawRequest request;
    request.target = target.toStdString();
    request.key = house.key();
    request.extraHeaders = headers.toStdString();
    request.body = chatBody(model.toStdString(), "Hi.", extra.toStdString());
    const auto reply = ask(house.port(), request);
    QVERIFY2(reply.status == 402, reply.body.c_str());
    QCOMPARE(provider.requests(), 0);
    QCOMPARE(house.bill().requests, 0);
    QCOMPARE(house.waitRows(1)[0].status, activity::Status::Refused);
}

void TestNamedFailures::unknownPriceCountedAsZero()
{
    BilledProvider provider([](const BilledCall& call, int) {
        Manner manner;
        manner.outputTokens = 20;
        manner.cachedTokens = call.promptTokens / 2;
        return manner;
    });
    TestHouse house;
    house.addProvider(provider.url());
    const auto body = chatBody("m", "Hi. How are you?", R"(,"max_tokens":50)");
    auto config = house.config();
    auto& prices = config.catalog.models.back().prices;
    const auto whole = prices;
    prices.clear();
    house.reconfigure(config);
    const auto unpriced = house.chat(body);
    QCOMPARE(unpriced.status, 400);
    QVERIFY(unpriced.body.find("model_not_priced") != std::string::npos);
    prices = whole; // half a price is no price
    prices.front().output.reset();
    house.reconfigure(config);
    const auto half = house.chat(body);
    QVERIFY2(half.status == 400 || half.status == 402, half.body.c_str());
    QCOMPARE(provider.requests(), 0);
    prices = whole; // a class of tokens that the sheet does not name is not free
    QVERIFY(!prices.front().cacheRead);
    house.reconfigure(config);
    QCOMPARE(house.chat(body).status, 200);
    QVERIFY(house.waitIdle());
    QCOMPARE(provider.requests(), 1);
    QVERIFY(provider.billed() > Money());
    QVERIFY(house.settled() >= provider.billed());
    TestHouse free; // a price of nothing that somebody wrote down is a price
    free.addProvider(provider.url());
    config = free.config();
    config.catalog.models.back().prices.front().input = Price();
    config.catalog.models.back().prices.front().output = Price();
    config.catalog.models.back().prices.front().cacheRead = Price();
    free.reconfigure(config);
    QCOMPARE(free.chat(body).status, 200);
    QVERIFY(free.waitIdle());
    QCOMPARE(free.settled().nano(), 0);
}

void TestNamedFailures::freeModelWithAPaidFallback()
{
    BilledProvider busy([](const BilledCall&, int) {
        Manner manner;
        manner.status = 503;
        return manner;
    });
    BilledProvider paid;
    const auto furnish = [&](TestHouse& house) {
        house.addProvider(busy.url(), "gratis", "free");
        house.addProvider(paid.url(), "dear", "paid");
        auto config = house.config();
        auto& sheet = config.catalog.models[config.catalog.models.size() - 2].prices.front();
        sheet.input = Price();
        sheet.output = Price();
        house.reconfigure(config);
    };
    const auto body = chatBody("auto", "Hi.", R"(,"max_tokens":50)");
    HouseOptions options;
    options.cap = nothing;
    TestHouse poor(options);
    furnish(poor);
    const auto refused = poor.chat(body);
    QCOMPARE(busy.requests(), 1); // free of charge, so it was called
    QVERIFY2(refused.status == 402, refused.body.c_str());
    QCOMPARE(paid.requests(), 0);
    QVERIFY(poor.waitIdle());
    QCOMPARE(poor.settled().nano(), 0);
    TestHouse rich;
    furnish(rich);
    QCOMPARE(rich.chat(body).status, 200);
    QVERIFY(rich.waitIdle());
    QCOMPARE(paid.requests(), 1);
    QVERIFY(paid.billed() > Money());
    QCOMPARE(rich.settled().nano(), paid.billed().nano());
}

void TestNamedFailures::streamWithoutAUsageFrameCountedAsZero_data()
{
    QTest::addColumn<bool>("stream");
    QTest::addColumn<int>("tokens");
    for (const bool stream : {true, false}) {
        for (const int tokens : {1, 20, 400}) {
            QTest::addRow("%s %d", stream ? "stream" : "whole", tokens) << stream << tokens;
        }
    }
}

void TestNamedFailures::streamWithoutAUsageFrameCountedAsZero()
{
    QFETCH(bool, stream);
    QFETCH(int, tokens);
    BilledProvider provider([tokens](const BilledCall&, int) {
        Manner manner;
        manner.usage = false;
        manner.outputTokens = tokens;
        return manner;
    });
    TestHouse house;
    house.addProvider(provider.url());
    const auto reply = house.chat(chatBody(
        "m", "Count.", fmt::format(R"(,"max_tokens":500,"stream":{})", stream ? "true" : "false")));
    QCOMPARE(reply.status, 200);
    QVERIFY(house.waitIdle());
    QVERIFY(provider.billed() > Money());
    QVERIFY(house.settled() >= provider.billed());
    QCOMPARE(house.waitRows(1)[0].status, activity::Status::Estimated);
    QVERIFY(house.waitRows(1)[0].outputTokens >= tokens);
}

void TestNamedFailures::clientThatOmitsIncludeUsageToAvoidMetering_data()
{
    QTest::addColumn<QString>("options");
    QTest::newRow("says nothing") << QString();
    QTest::newRow("says no") << QStringLiteral(",\"stream_options\":{\"include_usage\":false}");
    QTest::newRow("empty options") << QStringLiteral(",\"stream_options\":{}");
}

void TestNamedFailures::clientThatOmitsIncludeUsageToAvoidMetering()
{
    QFETCH(QString, options);
    BilledProvider provider([](const BilledCall&, int) {
        Manner manner;
        manner.outputTokens = 30;
        manner.hiddenInputTokens = 2; // only the provider can know: an estimate would differ
        return manner;
    });
    TestHouse house;
    house.addProvider(provider.url());
    const auto reply = house.chat(
        chatBody("m", "Hi.", R"(,"max_tokens":90,"stream":true)" + options.toStdString()));
    QCOMPARE(reply.status, 200);
    QVERIFY(house.waitIdle());
    QCOMPARE(provider.calls().size(), std::size_t(1));
    QVERIFY(provider.calls()[0].usageAsked);
    QCOMPARE(house.settled().nano(), provider.billed().nano());
    QCOMPARE(house.waitRows(1)[0].status, activity::Status::Ok);
    QVERIFY(reply.body.find("\"choices\":[]") == std::string::npos); // the client did not ask
    QVERIFY(reply.body.find("[DONE]") != std::string::npos);
}

void TestNamedFailures::disconnectRefundsTheWholeHold_data()
{
    QTest::addColumn<bool>("stream");
    QTest::addColumn<int>("bytes");
    QTest::newRow("before the first byte") << false << 0;
    QTest::newRow("before the stream") << true << 0;
    QTest::newRow("at the head") << true << 20;
    QTest::newRow("in the first event") << true << 700;
    QTest::newRow("in the middle") << true << 6'000;
}

void TestNamedFailures::disconnectRefundsTheWholeHold()
{
    QFETCH(bool, stream);
    QFETCH(int, bytes);
    std::atomic<bool> left{false};
    BilledProvider provider([&](const BilledCall&, int) {
        Manner manner;
        manner.before = [&] {
            if (bytes == 0) {
                waitFor([&] { return left.load(); });
            }
        };
        return manner;
    });
    TestHouse house;
    house.addProvider(provider.url());
    RawRequest request;
    request.key = house.key();
    request.body = chatBody(
        "m", "Hi.", fmt::format(R"(,"max_tokens":300,"stream":{})", stream ? "true" : "false"));
    {
        RawClient client(house.port());
        QVERIFY(client.send(wireText(house.port(), request)));
        QVERIFY(waitFor([&] { return provider.requests() == 1; }));
        client.readSome(static_cast<std::size_t>(bytes));
        client.reset();
    }
    QVERIFY(waitFor([&] { return house.proxy().stats().connections == 0 || bytes > 0; }));
    left.store(true);
    QVERIFY(house.waitIdle());
    QVERIFY(provider.billed() >= usd("0.003"));
    QVERIFY(house.settled() >= provider.billed());
    QCOMPARE(house.held().nano(), 0);
}

void TestNamedFailures::holdLeakedOnAnUpstreamErrorBeforeTheFirstByte_data()
{
    QTest::addColumn<QString>("error");
    QTest::addColumn<bool>("billed");
    QTest::newRow("connection refused") << QStringLiteral("refused") << false;
    QTest::newRow("closes at once") << QStringLiteral("close") << true;
    QTest::newRow("reset") << QStringLiteral("reset") << true;
    QTest::newRow("not HTTP") << QStringLiteral("garbage") << true;
    QTest::newRow("silence") << QStringLiteral("silence") << true;
    QTest::newRow("400") << QStringLiteral("400") << false;
    QTest::newRow("401") << QStringLiteral("401") << false;
    QTest::newRow("429") << QStringLiteral("429") << false;
    QTest::newRow("500") << QStringLiteral("500") << true;
    QTest::newRow("503") << QStringLiteral("503") << false;
}

void TestNamedFailures::holdLeakedOnAnUpstreamErrorBeforeTheFirstByte()
{
    QFETCH(QString, error);
    QFETCH(bool, billed);
    ScriptServer broken([&](const ScriptRequest&, ScriptLink& link) {
        const int status = error.toInt();
        if (status != 0) {
            return link.write(httpReply(status, R"({"error":{"message":"no"}})"));
        }
        if (error == QStringLiteral("garbage")) {
            link.write("what do you want?\r\n\r\n");
        } else if (error == QStringLiteral("reset")) {
            link.reset();
        } else if (error == QStringLiteral("silence")) {
            link.read();
        }
        return false;
    });
    BilledProvider sound;
    HouseOptions options;
    options.cap = "0.0100";
    options.inFlightWaitMs = 0;
    TestHouse house(options);
    const bool refuses = error == QStringLiteral("refused");
    house.addProvider(refuses ? "http://127.0.0.1:1/v1" : broken.url(), "broken", "b");
    house.addProvider(sound.url(), "sound", "s");
    const auto body = chatBody("b", "Hi.", R"(,"max_tokens":100)");
    for (int i = 0; i < 3; ++i) { // a leak of each hold would leave nothing for the rest
        QVERIFY(house.chat(body).status >= 400);
    }
    QVERIFY(house.waitIdle());
    QCOMPARE(house.held().nano(), 0);
    QCOMPARE(house.books().openHoldCount(), 0);
    QCOMPARE(house.settled() > Money(), billed);
    // What is not spent can be spent: one call for nearly all of the rest.
    const auto rest = usd("0.0100").minusSaturated(house.settled());
    const auto tokens = (rest.nano() - 20'000) / 10'000;
    const auto reply = house.chat(chatBody("s", "Hi.", fmt::format(R"(,"max_tokens":{})", tokens)));
    QCOMPARE(reply.status, 200);
    QVERIFY(house.waitIdle());
    QCOMPARE(sound.calls().at(0).ceiling, tokens);
    QVERIFY(house.settled() <= usd("0.0100"));
    QVERIFY(house.settled() >= sound.billed());
}

void TestNamedFailures::resetThatOverwritesConcurrentSpend()
{
    ManualClock clock(1'790'002'800'000'000 - usPerSecond); // a second before a full hour
    std::atomic<bool> open{false};
    BilledProvider provider([&](const BilledCall& call, int) {
        Manner manner;
        if (call.body.find("slow") != std::string::npos) {
            manner.before = [&] { waitFor([&] { return open.load(); }); };
        }
        return manner;
    });
    HouseOptions options;
    options.cap.clear();
    options.clock = &clock;
    options.pools.push_back(poolOf("hourly", "org", "hour", "0.0100"));
    TestHouse house(options);
    QVERIFY2(house.error().empty(), house.error().c_str());
    house.addProvider(provider.url());
    const auto extra = R"(,"max_tokens":100)";
    std::thread slow([&] { static_cast<void>(house.chat(chatBody("m", "slow", extra))); });
    QVERIFY(waitFor([&] { return provider.requests() == 1; }));
    clock.advanceUs(2 * usPerSecond); // the hour ends while the call is under way
    QCOMPARE(house.chat(chatBody("m", "quick", extra)).status, 200);
    open.store(true);
    slow.join();
    QVERIFY(house.waitIdle());
    QCOMPARE(provider.calls().size(), std::size_t(2));
    const auto after = house.pool("hourly");
    QVERIFY(after);
    QCOMPARE(after->lifetimeSettled.nano(), provider.billed().nano());
    const auto quick = Money::fromNano(provider.billed().nano() / 3);
    QVERIFY(after->accounts.at(0).balance.settled >= quick);
    // Many at once, while the hours pass and the operator edits the pool all the time.
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 10; ++n) {
                static_cast<void>(house.chat(chatBody("m", "quick", extra)));
            }
        });
    }
    for (int i = 0; i < 40; ++i) {
        auto pool = after->pool;
        pool.cap = i % 2 == 0 ? usd("0.0200") : usd("0.0100");
        QVERIFY(house.books().setPools({pool}));
        clock.advanceUs(i % 5 == 0 ? usPerHour : usPerSecond);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    QVERIFY(house.waitIdle());
    QVERIFY(provider.requests() > 2);
    QCOMPARE(house.pool("hourly")->lifetimeSettled.nano(), provider.billed().nano());
    const auto verified = house.books().verify();
    QVERIFY(verified && verified->ok);
}

void TestNamedFailures::editOfALimitThatZeroesUsage_data()
{
    QTest::addColumn<QString>("edit");
    for (const char* edit : {"lower", "rename", "reserve", "zone", "soft and hard",
             "freeze and thaw", "archive and back", "week", "month", "year", "lifetime"}) {
        QTest::newRow(edit) << QString::fromLatin1(edit);
    }
}

void TestNamedFailures::editOfALimitThatZeroesUsage()
{
    QFETCH(QString, edit);
    const service::testing::Home home;
    auto service = service::testing::opened(home);
    QVERIFY(service && service->serve("127.0.0.1", 0));
    service::NewPool wanted;
    wanted.name = "limit";
    wanted.window = *ledger::Window::parse("day");
    wanted.cap = usd("0.0002");
    const auto pool = service->addPool(wanted, "test");
    service::NewKey newKey;
    newKey.name = "robot";
    auto key = service->createKey(newKey, "test");
    QVERIFY(pool && key);
    const auto spendAll = [&] {
        while (service::testing::ask(
                   service->status().url, key->key.reveal(), service::testing::hello())
                   .status
            == 200) { }
    };
    const auto change = [&](const std::function<void(service::PoolEdit&)>& fill) {
        service::PoolEdit what;
        fill(what);
        return static_cast<bool>(service->editPool(pool->id, what, "test"));
    };
    spendAll();
    const auto billed = service->simBill()->total;
    QVERIFY(billed > usd("0.00015"));
    if (edit == QStringLiteral("lower")) {
        QVERIFY(change([](auto& what) { what.cap = *Money::parse("0.0001"); }));
    } else if (edit == QStringLiteral("rename")) {
        QVERIFY(change([](auto& what) { what.name = "renamed"; }));
    } else if (edit == QStringLiteral("reserve")) {
        QVERIFY(change([](auto& what) { what.reservePercent = 10; }));
    } else if (edit == QStringLiteral("zone")) {
        QVERIFY(change([](auto& what) { what.zone = "America/New_York"; }));
    } else if (edit == QStringLiteral("soft and hard")) {
        QVERIFY(change([](auto& what) { what.hard = false; }));
        QVERIFY(change([](auto& what) { what.hard = true; }));
    } else if (edit == QStringLiteral("freeze and thaw")) {
        QVERIFY(change([](auto& what) { what.frozen = true; }));
        QVERIFY(change([](auto& what) { what.frozen = false; }));
    } else if (edit == QStringLiteral("archive and back")) {
        QVERIFY(change([](auto& what) { what.archived = true; }));
        QVERIFY(change([](auto& what) { what.archived = false; }));
    } else {
        const auto window = ledger::Window::parse(edit.toStdString());
        QVERIFY(change([&](auto& what) { what.window = *window; }));
    }
    spendAll();
    QVERIFY2(service->simBill()->total <= usd("0.0002"), "the edit gave spent money back");
    // More cap is more money, by exactly the difference.
    QVERIFY(change([](auto& what) { what.cap = *Money::parse("0.0004"); }));
    spendAll();
    const auto total = service->simBill()->total;
    QVERIFY(total > usd("0.0003"));
    QVERIFY(total <= usd("0.0004"));
    for (const ledger::PoolState& state : service->poolStates()) {
        if (state.pool.id == pool->id) {
            QCOMPARE(state.lifetimeSettled.nano(), total.nano());
        }
    }
}

void TestNamedFailures::retryOrJudgeCallOutsideTheBudget()
{
    // Ours: a provider that took nothing is replaced, and the second call has a hold of its own.
    BilledProvider busy([](const BilledCall&, int) {
        Manner manner;
        manner.status = 503;
        return manner;
    });
    BilledProvider sound;
    TestHouse house;
    house.addProvider(busy.url(), "busy", "b");
    house.addProvider(sound.url(), "sound", "s");
    auto config = house.config();
    for (auto& model : config.catalog.models) {
        if (model.name == "b") { // a little cheaper: tried first
            model.prices.front().input = Price::fromPico(900'000);
        }
    }
    house.reconfigure(config);
    QCOMPARE(house.chat(chatBody("auto", "Hi.", R"(,"max_tokens":50)")).status, 200);
    QVERIFY(house.waitIdle());
    QCOMPARE(busy.requests() + sound.requests(), 2);
    const auto journal = house.books().journal(std::nullopt, 0, 100);
    QVERIFY(journal);
    std::set<std::int64_t> holds;
    for (const ledger::Entry& entry : *journal) {
        if (entry.hold.value != 0) {
            holds.insert(entry.hold.value);
        }
    }
    QCOMPARE(holds.size(), std::size_t(2));
    QCOMPARE(house.settled().nano(), sound.billed().nano());
    // The client's: each of its retries of a call that broke after it was billed is paid for.
    BilledProvider broken([](const BilledCall&, int) {
        Manner manner;
        manner.reset = true;
        return manner;
    });
    HouseOptions options;
    options.cap = "0.0100";
    TestHouse retried(options);
    retried.addProvider(broken.url());
    int status = 0;
    int tries = 0;
    while (status != 402 && ++tries < 1'000) {
        retried.proxy().health().forget(retried.config().catalog.providers.back().name);
        status = retried
                     .chat(chatBody("m", "Hi.", R"(,"max_tokens":100)"),
                         fmt::format("x-stainless-retry-count: {}\r\n", tries))
                     .status;
    }
    QCOMPARE(status, 402);
    QCOMPARE(broken.requests(), tries - 1);
    QVERIFY(broken.billed() <= retried.settled());
    QVERIFY(retried.settled() <= usd("0.0100"));
}

void TestNamedFailures::restartThatForgetsCounters()
{
    std::atomic<bool> open{true};
    BilledProvider provider([&](const BilledCall&, int) {
        Manner manner;
        manner.before = [&] { waitFor([&] { return open.load(); }, 2'000); };
        return manner;
    });
    HouseOptions options;
    options.cap = "0.0100";
    options.keepFolder = true;
    options.pools.push_back(poolOf("each user", "each-user", "month", "0.0090"));
    Money before;
    for (int life = 0; life < 6; ++life) {
        options.keepFolder = life < 5;
        TestHouse house(options);
        QVERIFY2(house.error().empty(), house.error().c_str());
        options.folder = house.folder();
        options.key = house.key();
        QCOMPARE(house.settled().nano(), before.nano());
        house.addProvider(provider.url());
        const auto body = chatBody("m", "Hi.", R"(,"max_tokens":100)");
        for (int i = 0; i < 2; ++i) {
            static_cast<void>(house.chat(body, "x-headgate-user: ann\r\n"));
        }
        // One is under way when the program stops.
        open.store(false);
        std::thread last([&] { static_cast<void>(house.chat(body)); });
        waitFor([&] { return house.books().openHoldCount() > 0; }, 1'000);
        house.stop(0);
        open.store(true);
        last.join();
        QVERIFY(house.settled() >= before);
        before = house.settled();
        QVERIFY(before >= provider.billed());
    }
    QVERIFY(provider.billed() <= usd("0.0100"));
    QVERIFY(before <= usd("0.0100"));
    QVERIFY(before > usd("0.0085")); // and the cap was usable
}

void TestNamedFailures::classifierCostLeftOutOfSavings()
{
    // An attempt that failed and was billed all the same is part of what the answer cost; it must
    // neither be forgotten nor make the baseline look dearer.
    ScriptServer exhausted([](const ScriptRequest&, ScriptLink& link) {
        return link.write(
            httpReply(500, R"({"error":{"message":"no credit","code":"insufficient_quota"}})"));
    });
    BilledProvider sound([](const BilledCall&, int) {
        Manner manner;
        manner.outputTokens = 40;
        return manner;
    });
    const std::string text(3'000, 'x');
    const auto body = chatBody("auto", text, R"(,"max_tokens":50)");
    const auto rowOf = [&](bool failing) {
        TestHouse house;
        if (failing) {
            house.addProvider(exhausted.url(), "failing", "f");
        }
        house.addProvider(sound.url(), "sound", "s");
        house.addProvider(sound.url(), "dear", "d");
        auto config = house.config();
        for (auto& model : config.catalog.models) {
            if (model.name == "f") {
                model.prices.front().output = Price::fromPico(9'000'000);
            } else if (model.name == "d") {
                model.prices.front().input = Price::fromPico(50'000'000);
                model.prices.front().output = Price::fromPico(50'000'000);
            }
        }
        house.reconfigure(config);
        static_cast<void>(house.chat(body));
        static_cast<void>(house.waitIdle());
        return house.waitRows(1).front();
    };
    const auto plain = rowOf(false);
    const auto failed = rowOf(true);
    QCOMPARE(plain.status, activity::Status::Ok);
    QCOMPARE(failed.status, activity::Status::Ok);
    QCOMPARE(failed.attempts.size(), std::size_t(2));
    QVERIFY(failed.attempts[0].charged > Money());
    QCOMPARE(failed.cost.nano(),
        failed.attempts[0].charged.plusSaturated(failed.attempts[1].charged).nano());
    QCOMPARE(failed.attempts[1].charged.nano(), plain.cost.nano());
    QCOMPARE(failed.baseline.nano(), plain.baseline.nano());
    const auto saved = plain.baseline.minusSaturated(plain.cost);
    const auto savedLess = failed.baseline.minusSaturated(failed.cost);
    QCOMPARE(saved.minusSaturated(savedLess).nano(), failed.attempts[0].charged.nano());
}

QTEST_GUILESS_MAIN(TestNamedFailures)
#include "tst_named_failures.moc"
