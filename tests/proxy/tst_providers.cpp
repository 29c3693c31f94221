// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// Providers over real sockets: keys in the right header, several keys, who is left out and for how
// long, what stands in for whom, each attempt with a hold of its own; proxies on the way.

#include <QTest>

#include "support/script_server.h"
#include "support/test_house.h"

#include <fmt/format.h>

using namespace headgate;
using namespace headgate::testing;

namespace {

ScriptServer::Script says(int status, std::string body, std::string headers = {})
{
    return [=](const ScriptRequest&, ScriptLink& link) {
        auto reply = httpReply(status, body);
        reply.insert(reply.find("\r\n") + 2, headers);
        return link.write(reply);
    };
}

std::string sound()
{
    return completion(10, 3);
}

bool has(const ScriptRequest& request, const std::string& text)
{
    return request.head.find(text) != std::string::npos;
}

catalog::Provider& providerOf(proxy::ProxyConfig& config, const std::string& name)
{
    for (auto& provider : config.catalog.providers) {
        if (provider.name == name) {
            return provider;
        }
    }
    return config.catalog.providers.front();
}

catalog::Model& modelOf(proxy::ProxyConfig& config, const std::string& name)
{
    for (auto& model : config.catalog.models) {
        if (model.name == name) {
            return model;
        }
    }
    return config.catalog.models.front();
}

void addKeys(TestHouse& house, const std::string& name, const std::vector<std::string>& secrets)
{
    auto config = house.config();
    auto& keys = config.providerKeys[name];
    keys.clear();
    for (std::size_t i = 0; i < secrets.size(); ++i) {
        keys.push_back(proxy::providerKey(
            i == 0 ? "" : fmt::format("key{}", i + 1), std::make_shared<const Secret>(secrets[i])));
    }
    house.reconfigure(config);
}

} // namespace

class TestProviders : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void keyHeaders_data();
    void keyHeaders();
    void refusedKeyGivesWayToTheNext();
    void keysTakeTurns();
    void breakerOpensAndTries();
    void exhaustedUntilItsDate();
    void aPauseIsKept();
    void chainOfFallbacks();
    void overloadedGivesWay_data();
    void overloadedGivesWay();
    void capEndsTheChain();
    void unreachableProviderGivesWay();
    void countsWithTheNextKey_data();
    void countsWithTheNextKey();
    void throughAPlainProxy();
    void proxyThatRefusesTheTunnel();
    void metadataNamesAreNeverCalled();
};

void TestProviders::keyHeaders_data()
{
    QTest::addColumn<int>("dialect");
    QTest::addColumn<QString>("expected");
    QTest::addColumn<QString>("absent");
    const auto row
        = [](const char* name, catalog::Dialect dialect, const char* expected, const char* absent) {
              QTest::newRow(name) << static_cast<int>(dialect) << QString::fromLatin1(expected)
                                  << QString::fromLatin1(absent);
          };
    row("openai", catalog::Dialect::OpenAi, "authorization: Bearer sk-operator-secret",
        "x-api-key");
    row("anthropic", catalog::Dialect::Anthropic, "x-api-key: sk-operator-secret", "authorization");
    row("anthropic version", catalog::Dialect::Anthropic, "anthropic-version: 2023-06-01",
        "authorization");
    row("gemini", catalog::Dialect::Gemini, "x-goog-api-key: sk-operator-secret", "authorization");
    row("ollama", catalog::Dialect::Ollama, "authorization: Bearer sk-operator-secret",
        "x-api-key");
}

void TestProviders::keyHeaders()
{
    QFETCH(int, dialect);
    QFETCH(QString, expected);
    QFETCH(QString, absent);
    ScriptServer server(says(400, R"({"error":{"message":"seen"}})"));
    TestHouse house;
    house.addProvider(server.url());
    auto config = house.config();
    providerOf(config, "script").dialect = static_cast<catalog::Dialect>(dialect);
    house.reconfigure(config);
    static_cast<void>(house.chat(chatBody("m", "Hi."), "x-api-key: from-the-client\r\n"));
    QCOMPARE(server.requests(), 1);
    const auto seen = server.seen().front();
    QVERIFY2(has(seen, expected.toStdString()), seen.head.c_str());
    QVERIFY2(!has(seen, absent.toStdString()), seen.head.c_str());
    QVERIFY2(!has(seen, "from-the-client"), seen.head.c_str());
}

void TestProviders::refusedKeyGivesWayToTheNext()
{
    ScriptServer server([](const ScriptRequest& request, ScriptLink& link) {
        return has(request, "Bearer bad")
            ? link.write(httpReply(401, R"({"error":{"message":"no"}})"))
            : link.write(httpReply(200, sound()));
    });
    TestHouse house;
    house.addProvider(server.url());
    addKeys(house, "script", {"bad-key-1", "good-key-2"});
    QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 200);
    const auto row = house.waitRows(1)[0];
    QCOMPARE(row.attempts.size(), std::size_t(2));
    QCOMPARE(row.attempts[0].httpStatus, 401);
    QCOMPARE(row.attempts[0].key, std::string());
    QCOMPARE(row.attempts[0].charged.nano(), 0);
    QCOMPARE(row.attempts[1].key, std::string("key2"));
    QVERIFY(row.attempts[0].hold != row.attempts[1].hold);
    QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 200);
    QCOMPARE(server.requests(), 3); // set aside: the bad one is not asked again
    QVERIFY(house.waitIdle());
    QCOMPARE(house.settled().nano(),
        house.waitRows(2)[0].cost.plusSaturated(house.waitRows(2)[1].cost).nano());
}

void TestProviders::keysTakeTurns()
{
    ScriptServer server(says(200, sound()));
    TestHouse house;
    house.addProvider(server.url());
    addKeys(house, "script", {"first-key", "second-key"});
    auto config = house.config();
    providerOf(config, "script").keyRotation = catalog::KeyRotation::RoundRobin;
    house.reconfigure(config);
    for (int i = 0; i < 4; ++i) {
        QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 200);
    }
    int first = 0;
    for (const auto& request : server.seen()) {
        first += has(request, "Bearer first-key") ? 1 : 0;
    }
    QCOMPARE(first, 2);
}

void TestProviders::breakerOpensAndTries()
{
    std::atomic<bool> broken{true};
    ScriptServer server([&broken](const ScriptRequest&, ScriptLink& link) {
        return broken ? link.write(httpReply(500, R"({"error":{"message":"oh"}})"))
                      : link.write(httpReply(200, sound()));
    });
    ManualClock clock;
    HouseOptions options;
    options.clock = &clock;
    TestHouse house(options);
    house.addProvider(server.url());
    for (int i = 0; i < 5; ++i) {
        QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 500);
    }
    const auto refused = house.chat(chatBody("m", "Hi."));
    QCOMPARE(refused.status, 502);
    QVERIFY2(refused.body.find("left alone until") != std::string::npos, refused.body.c_str());
    QCOMPARE(server.requests(), 5);
    QVERIFY(house.waitRows(6)[5].attempts.empty()); // no hold, no charge
    QCOMPARE(house.alerts().size(), std::size_t(1));
    clock.advanceUs(6 * usPerSecond);
    QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 500); // the trial
    QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 502);
    QCOMPARE(server.requests(), 6);
    broken = false;
    clock.advanceUs(11 * usPerSecond);
    QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 200);
    QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 200);
    QVERIFY(house.waitIdle());
}

void TestProviders::exhaustedUntilItsDate()
{
    ScriptServer poor(says(400,
        R"({"error":{"message":"You have reached your specified API usage limits. You will regain access on 2099-12-01 at 00:00 UTC.","type":"invalid_request_error"}})"));
    ScriptServer rich(says(200, sound()));
    TestHouse house;
    house.addProvider(poor.url());
    house.addProvider(rich.url(), "other", "m2");
    auto config = house.config();
    modelOf(config, "m").fallbacks = {"other/m2"};
    house.reconfigure(config);
    QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 200);
    const auto row = house.waitRows(1)[0];
    QCOMPARE(row.attempts.size(), std::size_t(2));
    QCOMPARE(row.model, std::string("other/m2"));
    QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 200);
    QCOMPARE(poor.requests(), 1); // exhausted: not asked again
    // Alone it is refused with the reason, and not in the words of a cap of ours.
    modelOf(config, "m").fallbacks.clear();
    house.reconfigure(config);
    const auto refused = house.chat(chatBody("m", "Hi."));
    QCOMPARE(refused.status, 502);
    QVERIFY2(refused.body.find("exhausted account") != std::string::npos, refused.body.c_str());
    QVERIFY(refused.body.find("insufficient_quota") == std::string::npos);
    const auto kept = house.proxy().health().toJson();
    QVERIFY2(kept.find("script") != std::string::npos, kept.c_str());
}

void TestProviders::aPauseIsKept()
{
    ScriptServer busy(says(429, R"({"error":{"message":"slow"}})", "retry-after: 3600\r\n"));
    TestHouse house;
    house.addProvider(busy.url());
    const auto reply = house.chat(chatBody("m", "Hi."));
    QCOMPARE(reply.status, 429);
    QCOMPARE(reply.header("retry-after"), std::string("20"));
    const auto rows = house.proxy().health().rows();
    const auto cooling = std::find_if(rows.begin(), rows.end(),
        [](const auto& row) { return row.state == proxy::HealthState::CoolingDown; });
    QVERIFY(cooling != rows.end());
    QCOMPARE(cooling->model, std::string("m"));
}

void TestProviders::chainOfFallbacks()
{
    ScriptServer a(says(429, R"({"error":{"message":"slow"}})"));
    ScriptServer b(says(503, "down"));
    ScriptServer c(says(200, sound()));
    TestHouse house;
    house.addProvider(a.url(), "a", "ma");
    house.addProvider(b.url(), "b", "mb");
    house.addProvider(c.url(), "c", "mc");
    auto config = house.config();
    modelOf(config, "ma").fallbacks = {"b/mb", "c/mc"};
    house.reconfigure(config);
    const auto reply = house.chat(chatBody("ma", "Hi."));
    QCOMPARE(reply.status, 200);
    QCOMPARE(reply.header("x-headgate-model"), std::string("c/mc"));
    const auto row = house.waitRows(1)[0];
    QCOMPARE(row.attempts.size(), std::size_t(3));
    QVERIFY(row.attempts[0].hold != row.attempts[1].hold);
    QVERIFY(row.attempts[1].hold != row.attempts[2].hold);
    QCOMPARE(row.attempts[0].httpStatus, 429);
    QCOMPARE(row.attempts[1].httpStatus, 503);
    QVERIFY(house.waitIdle());
    QCOMPARE(house.settled().nano(), row.cost.nano());
}

void TestProviders::overloadedGivesWay_data()
{
    QTest::addColumn<QString>("body");
    QTest::addColumn<bool>("givesWay");
    QTest::newRow("only the number") << QStringLiteral("busy") << false;
    QTest::newRow("another error")
        << QStringLiteral("{\"error\":{\"type\":\"api_error\"}}") << false;
    QTest::newRow("said so") << QStringLiteral(
        "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"m\"}}")
                             << true;
}

void TestProviders::overloadedGivesWay()
{
    QFETCH(QString, body);
    QFETCH(bool, givesWay);
    ScriptServer busy(says(529, body.toStdString(), "retry-after: 7\r\n"));
    ScriptServer other(says(200, sound()));
    TestHouse house;
    house.addProvider(busy.url(), "busy", "mb");
    house.addProvider(other.url(), "other", "mo");
    auto config = house.config();
    providerOf(config, "busy").dialect = catalog::Dialect::Anthropic;
    modelOf(config, "mb").fallbacks = {"other/mo"};
    house.reconfigure(config);
    const auto reply = house.chat(chatBody("mb", "Hi."));
    QCOMPARE(reply.status, givesWay ? 200 : 529);
    QCOMPARE(other.requests(), givesWay ? 1 : 0);
    const auto row = house.waitRows(1)[0];
    QCOMPARE(row.attempts[0].httpStatus, 529);
    QCOMPARE(row.attempts[0].charged.isZero(), givesWay);
    if (!givesWay) {
        QCOMPARE(reply.header("x-should-retry"), std::string("false"));
        return;
    }
    // Without another way the client hears when to come again.
    TestHouse alone;
    alone.addProvider(busy.url(), "busy", "mb");
    config = alone.config();
    providerOf(config, "busy").dialect = catalog::Dialect::Anthropic;
    alone.reconfigure(config);
    const auto told = alone.chat(chatBody("mb", "Hi."));
    QCOMPARE(told.status, 529);
    QCOMPARE(told.header("retry-after"), std::string("7"));
    QVERIFY(alone.waitIdle());
    QCOMPARE(alone.settled(), Money());
    QCOMPARE(alone.held(), Money());
}

void TestProviders::capEndsTheChain()
{
    ScriptServer a(says(429, R"({"error":{"message":"slow"}})"));
    ScriptServer b(says(200, sound()));
    HouseOptions options;
    options.cap = "0.01";
    TestHouse house(options);
    house.addProvider(a.url(), "a", "ma");
    house.addProvider(b.url(), "b", "mb");
    auto config = house.config();
    modelOf(config, "ma").fallbacks = {"b/mb"};
    auto& sheet = modelOf(config, "mb").prices.front();
    sheet.input = Price::fromPico(900'000'000);
    sheet.output = Price::fromPico(900'000'000);
    house.reconfigure(config);
    const auto reply = house.chat(chatBody("ma", "Hi.", R"(,"max_tokens":50)"));
    QCOMPARE(reply.status, 402);
    QCOMPARE(b.requests(), 0);
    QVERIFY(house.waitIdle());
    QCOMPARE(house.settled().nano(), 0);
}

void TestProviders::unreachableProviderGivesWay()
{
    std::string gone;
    {
        ScriptServer server(says(200, sound()));
        gone = server.url();
    }
    ScriptServer other(says(200, sound()));
    TestHouse house;
    house.addProvider(gone, "gone", "mg");
    house.addProvider(other.url(), "other", "mo");
    auto config = house.config();
    modelOf(config, "mg").fallbacks = {"other/mo"};
    house.reconfigure(config);
    for (int i = 0; i < 6; ++i) {
        QCOMPARE(house.chat(chatBody("mg", "Hi.")).status, 200);
    }
    const auto rows = house.waitRows(6);
    QCOMPARE(rows[0].attempts.size(), std::size_t(2));
    QCOMPARE(rows[5].attempts.size(), std::size_t(1)); // the breaker is open: not even tried
    QCOMPARE(other.requests(), 6);
    QVERIFY(house.waitIdle());
}

void TestProviders::countsWithTheNextKey_data()
{
    QTest::addColumn<int>("status");
    QTest::addColumn<bool>("next"); // the second key is tried
    QTest::addColumn<bool>("kept"); // the first key is not used for a while
    QTest::newRow("401") << 401 << true << true;
    QTest::newRow("429") << 429 << true << false; // counts have limits of their own
    QTest::newRow("402") << 402 << true << true;
    QTest::newRow("404") << 404 << false << false;
    QTest::newRow("500") << 500 << false << false;
}

void TestProviders::countsWithTheNextKey()
{
    QFETCH(int, status);
    QFETCH(bool, next);
    QFETCH(bool, kept);
    ScriptServer server([status](const ScriptRequest& request, ScriptLink& link) {
        return has(request, "x-api-key: bad-key")
            ? link.write(httpReply(status, R"({"error":{"message":"no"}})"))
            : link.write(httpReply(200, R"({"input_tokens":4711})"));
    });
    TestHouse house;
    house.addProvider(server.url());
    addKeys(house, "script", {"bad-key", "good-key"});
    auto config = house.config();
    providerOf(config, "script").dialect = catalog::Dialect::Anthropic;
    house.reconfigure(config);
    RawRequest request;
    request.key = house.key();
    request.target = "/v1/messages/count_tokens";
    request.body = R"({"model":"m","messages":[{"role":"user","content":"Hello"}]})";
    const auto reply = ask(house.port(), request);
    QCOMPARE(reply.status, 200); // counted here if need be
    QCOMPARE(reply.body.find("4711") != std::string::npos, next);
    QCOMPARE(server.requests(), next ? 2 : 1);
    static_cast<void>(ask(house.port(), request));
    QCOMPARE(server.requests() - (next ? 2 : 1), next && !kept ? 2 : 1);
    const auto stats = house.proxy().stats();
    QCOMPARE(stats.tokenCounts, 2);
    QCOMPARE(stats.tokenCountsAsked, next ? 2 : 0);
    QCOMPARE(house.settled(), Money());
    QVERIFY(house.sink().rows().empty());
}

void TestProviders::throughAPlainProxy()
{
    ScriptServer relay(says(200, sound()));
    TestHouse house;
    house.addProvider("http://provider.invalid:8080/v1");
    auto config = house.config();
    providerOf(config, "script").proxy = relay.url().substr(0, relay.url().rfind("/v1"));
    config.proxyAuth["script"] = std::make_shared<const Secret>(std::string("user:pa:ss"));
    house.reconfigure(config);
    const auto reply = house.chat(chatBody("m", "Hi."));
    QVERIFY2(reply.status == 200, reply.body.c_str());
    const auto seen = relay.seen().front();
    QVERIFY2(has(seen, "POST http://provider.invalid:8080/v1/chat/completions HTTP/1.1"),
        seen.head.c_str());
    QVERIFY2(has(seen, "proxy-authorization: Basic dXNlcjpwYTpzcw=="), seen.head.c_str());
}

void TestProviders::proxyThatRefusesTheTunnel()
{
    ScriptServer relay(says(407, "who are you"));
    TestHouse house;
    house.addProvider("https://provider.invalid/v1");
    auto config = house.config();
    providerOf(config, "script").proxy = relay.url().substr(0, relay.url().rfind("/v1"));
    house.reconfigure(config);
    const auto reply = house.chat(chatBody("m", "Hi."));
    QCOMPARE(reply.status, 502);
    QVERIFY2(reply.body.find("407") != std::string::npos, reply.body.c_str());
    QVERIFY(has(relay.seen().front(), "CONNECT provider.invalid:443 HTTP/1.1"));
    QVERIFY(!has(relay.seen().front(), "sk-operator-secret")); // the key only inside the tunnel
    QVERIFY(house.waitIdle());
    QCOMPARE(house.settled().nano(), 0);
}

void TestProviders::metadataNamesAreNeverCalled()
{
    ScriptServer relay(says(200, sound()));
    for (const char* url : {"http://169.254.169.254/v1", "http://metadata.google.internal/v1",
             "http://[fe80::1]/v1", "http://METADATA.google.internal./v1"}) {
        TestHouse house;
        house.addProvider(url);
        auto config = house.config();
        providerOf(config, "script").proxy = relay.url().substr(0, relay.url().rfind("/v1"));
        house.reconfigure(config);
        QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 502);
        QCOMPARE(relay.requests(), 0);
    }
}

QTEST_GUILESS_MAIN(TestProviders)
#include "tst_providers.moc"
