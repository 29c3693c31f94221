// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The failures of other gateways that must be impossible here, each a test of its name (ledger.md,
// last paragraph): what passes without being counted. The witness is always a provider's own bill,
// over real sockets.

#include <QTest>

#include "named_failures.h"

using namespace headgate;
using namespace headgate::testing;

class TestNamedFailuresAdmission : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void concurrentRequestsSharingOneRemainder();
    void firstRequestOfAnUnknownUserUnmetered();
    void limiterBuiltButNotWired();
    void earlyReturnSkippingTheBudget_data();
    void earlyReturnSkippingTheBudget();
    void unknownPriceCountedAsZero();
    void freeModelWithAPaidFallback();
};

void TestNamedFailuresAdmission::concurrentRequestsSharingOneRemainder()
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

void TestNamedFailuresAdmission::firstRequestOfAnUnknownUserUnmetered()
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
void TestNamedFailuresAdmission::limiterBuiltButNotWired()
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

void TestNamedFailuresAdmission::earlyReturnSkippingTheBudget_data()
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

void TestNamedFailuresAdmission::earlyReturnSkippingTheBudget()
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

void TestNamedFailuresAdmission::unknownPriceCountedAsZero()
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

void TestNamedFailuresAdmission::freeModelWithAPaidFallback()
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

QTEST_GUILESS_MAIN(TestNamedFailuresAdmission)
#include "tst_named_failures_admission.moc"
