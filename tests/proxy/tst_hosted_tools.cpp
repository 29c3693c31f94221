// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// Tools that a provider runs: each use may read the whole context again and has a fee. What bounds
// the hold has to bound the provider, and a request that names no limit is given one.

#include "support/dialect_provider.h"
#include "support/script_server.h"
#include "support/test_house.h"

#include <QTest>

using namespace headgate;
using namespace headgate::testing;
using wire::Dialect;

namespace {

ScriptServer::Script answersIn(Dialect dialect)
{
    return [dialect](
               const ScriptRequest&, ScriptLink& link) { return link.write(wholeAnswer(dialect)); };
}

void addProvider(TestHouse& house, const ScriptServer& server, catalog::Dialect dialect)
{
    house.addProvider(server.url(), "script", "m");
    auto config = house.config();
    auto& provider = config.catalog.providers.back();
    provider.dialect = dialect;
    provider.servesResponses = dialect == catalog::Dialect::OpenAi;
    if (dialect != catalog::Dialect::OpenAi) {
        provider.baseUrl.resize(provider.baseUrl.size() - 3); // without /v1
    }
    // A use costs its fee and a context of 10,000 tokens: $0.02.
    config.catalog.models.back().contextTokens = 10'000;
    config.catalog.models.back().prices.back().perTool["web_search"] = *Money::parse("0.01");
    house.reconfigure(std::move(config));
}

RawRequest searching(const TestHouse& house, Dialect client, const std::string& limit = {})
{
    RawRequest request;
    request.key = house.key();
    if (client == Dialect::Anthropic) {
        request.target = "/v1/messages";
        request.body = "{\"model\":\"m\", \"max_tokens\":50,\"tools\":[ {\"type\":"
                       "\"web_search_20250305\",\"name\":\"web_search\""
            + limit + "} ],\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"}]}";
    } else {
        request.target = "/v1/responses";
        request.body = "{\"model\":\"m\", \"max_output_tokens\":50,\"tools\":[ {\"type\":"
                       "\"web_search\"} ],\"input\":\"Hi\""
            + limit + "}";
    }
    return request;
}

bool has(const std::string& text, const std::string& part)
{
    return text.find(part) != std::string::npos;
}

} // namespace

class TestHostedTools : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void limitFitsThePool_data();
    void limitFitsThePool();
    void clientsLimitStays();
    void nothingWithoutAHardPool();
    void otherToolsAreRefused();
    void translatedWithItsLimit();
    void noLimitNoTranslation();
    void noUsageChargesInFull();
    void noFeeKnown();
};

void TestHostedTools::limitFitsThePool_data()
{
    QTest::addColumn<QString>("cap");
    QTest::addColumn<int>("uses"); // 0: refused
    QTest::addColumn<bool>("anthropic");
    for (const bool anthropic : {true, false}) {
        const auto row = [anthropic](const char* cap, int uses) {
            QTest::addRow("%s %s", anthropic ? "anthropic" : "responses", cap)
                << QString::fromLatin1(cap) << uses << anthropic;
        };
        row("0.01", 0);
        row("0.035", 1);
        row("0.055", 2);
        row("0.075", 3);
        row("0.095", 4);
        row("1000.00", 4);
    }
}

void TestHostedTools::limitFitsThePool()
{
    QFETCH(QString, cap);
    QFETCH(int, uses);
    QFETCH(bool, anthropic);
    const auto client = anthropic ? Dialect::Anthropic : Dialect::Responses;
    ScriptServer server(answersIn(client));
    HouseOptions options;
    options.cap = cap.toStdString();
    TestHouse house(options);
    addProvider(house, server, anthropic ? catalog::Dialect::Anthropic : catalog::Dialect::OpenAi);
    const auto request = searching(house, client);
    const auto reply = ask(house.port(), request);
    if (uses == 0) {
        QVERIFY2(reply.status == (anthropic ? 402 : 400), reply.body.c_str());
        QVERIFY(has(reply.body, "\"test\"") || has(reply.body, "\\\"test\\\""));
        QCOMPARE(server.requests(), 0);
        return;
    }
    QVERIFY2(reply.status == 200, reply.body.c_str());
    auto expected = request.body;
    const auto number = std::to_string(uses);
    if (anthropic) {
        expected.insert(expected.find("{\"type\"") + 1, "\"max_uses\":" + number + ",");
        QCOMPARE(server.seen().at(0).body, expected);
    } else {
        QVERIFY2(has(server.seen().at(0).body, "\"max_tool_calls\":" + number),
            server.seen().at(0).body.c_str());
    }
    const auto row = house.waitRows(1).at(0);
    QVERIFY2(has(row.reason, "Limited to " + number + " use"), row.reason.c_str());
    QVERIFY(has(reply.header("x-headgate-reason"), "Limited to"));
    QVERIFY(row.bound <= *Money::parse(cap.toStdString()));
    QVERIFY(row.bound >= Money::fromNano(uses * 20'000'000LL));
}

void TestHostedTools::clientsLimitStays()
{
    ScriptServer server(answersIn(Dialect::Anthropic));
    TestHouse house;
    addProvider(house, server, catalog::Dialect::Anthropic);
    const auto request = searching(house, Dialect::Anthropic, ",\"max_uses\":7");
    QCOMPARE(ask(house.port(), request).status, 200);
    QCOMPARE(server.seen().at(0).body, request.body);
    QVERIFY(!has(house.waitRows(1).at(0).reason, "Limited"));
}

void TestHostedTools::nothingWithoutAHardPool()
{
    ScriptServer server(answersIn(Dialect::Anthropic));
    HouseOptions options;
    options.cap.clear();
    TestHouse house(options);
    addProvider(house, server, catalog::Dialect::Anthropic);
    const auto request = searching(house, Dialect::Anthropic);
    QCOMPARE(ask(house.port(), request).status, 200);
    QCOMPARE(server.seen().at(0).body, request.body);
}

void TestHostedTools::otherToolsAreRefused()
{
    ScriptServer server(answersIn(Dialect::Anthropic));
    TestHouse house;
    addProvider(house, server, catalog::Dialect::Anthropic);
    auto request = searching(house, Dialect::Anthropic);
    request.body = "{\"model\":\"m\",\"max_tokens\":50,\"tools\":[{\"type\":"
                   "\"code_execution_20250522\",\"name\":\"code_execution\"}],\"messages\":"
                   "[{\"role\":\"user\",\"content\":\"Hi\"}]}";
    const auto reply = ask(house.port(), request);
    QCOMPARE(reply.status, 400);
    QCOMPARE(server.requests(), 0);
}

/// The number that bounds the hold goes to a provider of another protocol, too.
void TestHostedTools::translatedWithItsLimit()
{
    ScriptServer server(answersIn(Dialect::Anthropic));
    TestHouse house;
    addProvider(house, server, catalog::Dialect::Anthropic);
    QCOMPARE(ask(house.port(), searching(house, Dialect::Responses)).status, 200);
    QVERIFY2(has(server.seen().at(0).body, "\"max_uses\":4"), server.seen().at(0).body.c_str());
    QCOMPARE(
        ask(house.port(), searching(house, Dialect::Responses, ",\"max_tool_calls\":2")).status,
        200);
    QVERIFY2(has(server.seen().at(1).body, "\"max_uses\":2"), server.seen().at(1).body.c_str());
}

void TestHostedTools::noLimitNoTranslation()
{
    ScriptServer server(answersIn(Dialect::Gemini));
    TestHouse house;
    addProvider(house, server, catalog::Dialect::Gemini);
    const auto reply = ask(house.port(), searching(house, Dialect::Anthropic, ",\"max_uses\":2"));
    QVERIFY2(reply.status == 400, reply.body.c_str());
    QVERIFY2(has(reply.body, "no limit for the tools"), reply.body.c_str());
    QCOMPARE(server.requests(), 0);
}

/// How often it searched, nobody knows then: the text that came says nothing of it.
void TestHostedTools::noUsageChargesInFull()
{
    ScriptServer server([](const ScriptRequest&, ScriptLink& link) {
        return link.write(wholeAnswer(Dialect::Anthropic, false));
    });
    TestHouse house;
    addProvider(house, server, catalog::Dialect::Anthropic);
    QCOMPARE(ask(house.port(), searching(house, Dialect::Anthropic)).status, 200);
    QVERIFY(house.waitIdle());
    const auto row = house.waitRows(1).at(0);
    QCOMPARE(row.status, activity::Status::Estimated);
    QCOMPARE(row.cost, row.bound);
    QCOMPARE(house.settled(), row.bound);
    QVERIFY(row.outputTokens > 1); // as far as it was seen
}

/// Under a hard pool it is refused; without one a client may name the model, but nothing chooses
/// it. Both say what would help.
void TestHostedTools::noFeeKnown()
{
    for (const char* cap : {"", "1000.00"}) {
        ScriptServer server(answersIn(Dialect::Anthropic));
        HouseOptions options;
        options.cap = cap;
        TestHouse house(options);
        addProvider(house, server, catalog::Dialect::Anthropic);
        auto config = house.config();
        config.catalog.models.back().prices.back().perTool.clear();
        house.reconfigure(std::move(config));
        const bool hard = *cap != '\0';
        auto request = searching(house, Dialect::Anthropic);
        const auto named = ask(house.port(), request);
        QVERIFY2(named.status == (hard ? 400 : 200), named.body.c_str());
        const auto reason = house.waitRows(1).at(0).reason;
        request.body.replace(request.body.find("\"m\""), 3, "\"auto\"");
        const auto chosen = ask(house.port(), request);
        QVERIFY2(chosen.status == 400, chosen.body.c_str());
        for (const auto* reply : {&named, &chosen}) {
            const bool refused = reply->status == 400;
            QVERIFY2(refused == has(reply->body, "headgate models set script/m --web-search"),
                reply->body.c_str());
            QVERIFY(refused == has(reply->body, " no fee for "));
            QVERIFY(!has(reply->body, "No amount of money"));
        }
        if (!hard) {
            QVERIFY2(has(reason, "the fee for its web searches is not known"), reason.c_str());
        }
    }
}

QTEST_GUILESS_MAIN(TestHostedTools)
#include "tst_hosted_tools.moc"
