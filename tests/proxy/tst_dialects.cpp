// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// Every protocol of a client against every protocol of a provider, streamed and not, over real
// sockets: the text arrives, the usage is settled to the nano-dollar, errors are errors in the
// client's own form, and nothing ends in silence.

#include "support/dialect_provider.h"
#include "support/script_server.h"
#include "support/test_house.h"

#include <QTest>

using namespace headgate;
using namespace headgate::testing;
using wire::Dialect;

Q_DECLARE_METATYPE(headgate::wire::Dialect)

namespace {

constexpr Dialect all[]
    = {Dialect::Chat, Dialect::Responses, Dialect::Anthropic, Dialect::Gemini, Dialect::Ollama};

/// A house with one provider that speaks this dialect and nothing else.
void addSpeaker(TestHouse& house, const ScriptServer& server, Dialect dialect)
{
    house.addProvider(server.url(), "script", "m");
    auto config = house.config();
    auto& provider = config.catalog.providers.back();
    provider.servesResponses = dialect == Dialect::Responses;
    provider.dialect = dialect == Dialect::Anthropic ? catalog::Dialect::Anthropic
        : dialect == Dialect::Gemini                 ? catalog::Dialect::Gemini
        : dialect == Dialect::Ollama                 ? catalog::Dialect::Ollama
                                                     : catalog::Dialect::OpenAi;
    auto base = server.url();
    base.resize(base.size() - 3); // without /v1
    const bool openAi = provider.dialect == catalog::Dialect::OpenAi;
    provider.baseUrl = openAi ? server.url() : base;
    house.reconfigure(std::move(config));
}

/// What the provider should be asked in for a client of that dialect.
Dialect spoken(Dialect provider, Dialect client)
{
    // Responses are only spoken to clients that ask so; to others the same provider speaks chat.
    return provider == Dialect::Responses && client != Dialect::Responses ? Dialect::Chat
                                                                          : provider;
}

Money expectedCost()
{
    return Money::fromNano(providerInputTokens * 1'000 + providerOutputTokens * 10'000);
}

std::string name(Dialect client, Dialect provider, bool stream)
{
    return std::string(wire::dialectName(client)) + " to " + wire::dialectName(provider)
        + (stream ? " streamed" : " whole");
}

void addPairs()
{
    QTest::addColumn<Dialect>("client");
    QTest::addColumn<Dialect>("provider");
    QTest::addColumn<bool>("stream");
    for (const Dialect client : all) {
        for (const Dialect provider : all) {
            for (const bool stream : {false, true}) {
                QTest::newRow(name(client, provider, stream).c_str())
                    << client << provider << stream;
            }
        }
    }
}

} // namespace

class TestDialects : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void answers_data() { addPairs(); }
    void answers();
    void missingUsage_data() { addPairs(); }
    void missingUsage();
    void errors_data() { addPairs(); }
    void errors();
    void brokenStreams_data() { addPairs(); }
    void brokenStreams();
    void clientsThatLeave_data() { addPairs(); }
    void clientsThatLeave();
    void refusals_data();
    void refusals();
    void simulated_data();
    void simulated();
    void arrayStream();
    void betaHeadersPass();
    void statefulResponses();
    void hostedTools();
    void embeddings();
    void countedHere();
};

void TestDialects::answers()
{
    QFETCH(Dialect, client);
    QFETCH(Dialect, provider);
    QFETCH(bool, stream);
    const Dialect asked = spoken(provider, client);
    ScriptServer server([&](const ScriptRequest&, ScriptLink& link) {
        return stream ? link.write(streamBegin(asked) + streamText(asked) + streamEnd(asked))
                      : link.write(wholeAnswer(asked));
    });
    TestHouse house;
    addSpeaker(house, server, provider);
    auto request = clientRequest(client, "m", stream);
    request.key = house.key();
    const auto reply = ask(house.port(), request);
    QVERIFY2(reply.status == 200, reply.body.c_str());
    QVERIFY(reply.complete);
    const auto seen = server.seen();
    QCOMPARE(seen.size(), std::size_t{1});
    QVERIFY2(askedDialect(seen[0].head) == wire::dialectName(asked), seen[0].head.c_str());
    QVERIFY2(seen[0].body.find("50") != std::string::npos, seen[0].body.c_str()); // the ceiling
    QVERIFY2(shownText(client, stream, reply.body) == providerText, reply.body.c_str());
    QVERIFY2(shownUsage(client, stream, reply.body) == "11/7", reply.body.c_str());
    if (stream) {
        QVERIFY2(endsProperly(client, reply.body), reply.body.c_str());
        QCOMPARE(reply.header("x-headgate-upstream-request-id"), std::string("up-1"));
    }
    QVERIFY(!reply.header("x-headgate-decision").empty());
    QCOMPARE(reply.header("x-headgate-model"), std::string("script/m"));
    QVERIFY(house.waitIdle());
    QCOMPARE(house.settled(), expectedCost());
    const auto row = house.waitRows(1).at(0);
    QCOMPARE(row.status, activity::Status::Ok);
    QCOMPARE(row.cost, expectedCost());
}

/// The provider tells no usage: it is estimated from what was delivered, for the books and, where
/// the answer is written anew, for the client.
void TestDialects::missingUsage()
{
    QFETCH(Dialect, client);
    QFETCH(Dialect, provider);
    QFETCH(bool, stream);
    const Dialect asked = spoken(provider, client);
    const auto sent = streamBegin(asked) + streamText(asked, false) + streamEnd(asked, false);
    const auto whole = wholeAnswer(asked, false);
    ScriptServer server(
        [&](const ScriptRequest&, ScriptLink& link) { return link.write(stream ? sent : whole); });
    TestHouse house;
    addSpeaker(house, server, provider);
    auto request = clientRequest(client, "m", stream);
    request.key = house.key();
    const auto reply = ask(house.port(), request);
    QVERIFY2(reply.status == 200, reply.body.c_str());
    QVERIFY(reply.complete);
    QVERIFY2(shownText(client, stream, reply.body) == providerText, reply.body.c_str());
    QVERIFY(house.waitIdle());
    const auto row = house.waitRows(1).at(0);
    QCOMPARE(row.status, activity::Status::Estimated);
    QVERIFY(row.inputTokens > 0);
    QVERIFY(row.outputTokens > 1);
    QCOMPARE(row.cost, house.settled());
    QVERIFY(row.cost <= row.bound);
    const auto usage
        = QString::fromStdString(shownUsage(client, stream, reply.body)).split(QLatin1Char('/'));
    if (asked == client) { // the provider's bytes: nothing is added to them
        if (!stream) {
            QVERIFY2(whole.ends_with(reply.body), reply.body.c_str());
        }
        return;
    }
    QVERIFY2(usage.size() == 2, reply.body.c_str());
    const auto input = usage[0].toLongLong();
    const auto output = usage[1].toLongLong();
    QVERIFY(input > 0 && input <= row.inputTokens);
    QVERIFY(output > 1 && output <= row.outputTokens);
    QVERIFY(Money::fromNano(input * 1'000 + output * 10'000) <= row.cost);
}

void TestDialects::errors()
{
    QFETCH(Dialect, client);
    QFETCH(Dialect, provider);
    QFETCH(bool, stream);
    const Dialect asked = spoken(provider, client);
    ScriptServer server(
        [&](const ScriptRequest&, ScriptLink& link) { return link.write(errorAnswer(asked)); });
    TestHouse house;
    addSpeaker(house, server, provider);
    auto request = clientRequest(client, "m", stream);
    request.key = house.key();
    const auto reply = ask(house.port(), request);
    QCOMPARE(reply.status, 400);
    const auto error = shownError(client, false, reply.body);
    QVERIFY2(error.find("bad thing") != std::string::npos, reply.body.c_str());
    QCOMPARE(reply.header("x-should-retry"), std::string("false"));
    QVERIFY(house.waitIdle());
    QCOMPARE(house.settled(), Money());
}

void TestDialects::brokenStreams()
{
    QFETCH(Dialect, client);
    QFETCH(Dialect, provider);
    QFETCH(bool, stream);
    const Dialect asked = spoken(provider, client);
    ScriptServer server([&](const ScriptRequest&, ScriptLink& link) {
        if (stream) {
            link.write(streamBegin(asked) + streamText(asked));
        } else {
            const auto whole = wholeAnswer(asked);
            link.write(whole.substr(0, whole.size() - 20));
        }
        return false; // closes in the middle
    });
    TestHouse house;
    addSpeaker(house, server, provider);
    auto request = clientRequest(client, "m", stream);
    request.key = house.key();
    const auto reply = ask(house.port(), request);
    QCOMPARE(reply.status, stream ? 200 : 502);
    QVERIFY(reply.complete);
    const auto error = shownError(client, stream, reply.body);
    QVERIFY2(error.find("script") != std::string::npos, reply.body.c_str());
    QVERIFY(house.waitIdle());
    QVERIFY(house.settled() > Money());
    QCOMPARE(house.held(), Money());
}

void TestDialects::clientsThatLeave()
{
    QFETCH(Dialect, client);
    QFETCH(Dialect, provider);
    QFETCH(bool, stream);
    if (!stream) {
        return; // the same way for all
    }
    const Dialect asked = spoken(provider, client);
    std::atomic<bool> left{false};
    ScriptServer server([&](const ScriptRequest&, ScriptLink& link) {
        link.write(streamBegin(asked) + streamText(asked));
        for (int i = 0; i < 2'000 && !left.load(); ++i) {
            QTest::qSleep(1);
        }
        return link.write(streamEnd(asked));
    });
    TestHouse house;
    addSpeaker(house, server, provider);
    auto request = clientRequest(client, "m", stream);
    request.key = house.key();
    {
        RawClient raw(house.port());
        QVERIFY(raw.send(wireText(house.port(), request)));
        QVERIFY(raw.readSome(20) > 0);
        raw.close();
    }
    left.store(true);
    QVERIFY(house.waitIdle());
    QCOMPARE(house.settled(), expectedCost()); // read on to its end, and settled exactly
}

void TestDialects::refusals_data()
{
    QTest::addColumn<Dialect>("client");
    QTest::addColumn<int>("status");
    QTest::newRow("chat") << Dialect::Chat << 402;
    QTest::newRow("responses") << Dialect::Responses << 400;
    QTest::newRow("anthropic") << Dialect::Anthropic << 402;
    QTest::newRow("gemini") << Dialect::Gemini << 400;
    QTest::newRow("ollama") << Dialect::Ollama << 402;
}

void TestDialects::refusals()
{
    QFETCH(Dialect, client);
    QFETCH(int, status);
    HouseOptions options;
    options.cap = "0.000000001";
    TestHouse house(options);
    for (const bool stream : {false, true}) {
        auto request = clientRequest(client, "sim-small", stream);
        request.key = house.key();
        const auto reply = ask(house.port(), request);
        QVERIFY2(reply.status == status, reply.body.c_str());
        QCOMPARE(reply.header("retry-after"), std::string());
        if (client != Dialect::Gemini) {
            QCOMPARE(reply.header("x-should-retry"), std::string("false"));
        }
        const auto message = shownError(client, false, reply.body);
        QVERIFY2(message.find("\"test\"") != std::string::npos, reply.body.c_str());
        for (const char* word : {"try again", "rate limit", "overloaded"}) {
            QVERIFY(message.find(word) == std::string::npos);
        }
    }
    auto config = house.config();
    auto& key = config.keysByHash.begin()->second;
    key.rejectStatus = 418;
    key.hideAmounts = true;
    house.reconfigure(std::move(config));
    auto request = clientRequest(client, "sim-small", true);
    request.key = house.key();
    const auto reply = ask(house.port(), request);
    QCOMPARE(reply.status, 418);
    QVERIFY(reply.body.find("$") == std::string::npos);
}

void TestDialects::simulated_data()
{
    QTest::addColumn<Dialect>("client");
    QTest::addColumn<bool>("stream");
    for (const Dialect client : all) {
        QTest::newRow((std::string(wire::dialectName(client)) + " whole").c_str())
            << client << false;
        QTest::newRow((std::string(wire::dialectName(client)) + " streamed").c_str())
            << client << true;
    }
}

void TestDialects::simulated()
{
    QFETCH(Dialect, client);
    QFETCH(bool, stream);
    TestHouse house;
    for (const char* model : {"auto", "sim-small"}) {
        auto request = clientRequest(client, model, stream, "Say something short.");
        request.key = house.key();
        const auto reply = ask(house.port(), request);
        QVERIFY2(reply.status == 200, reply.body.c_str());
        QVERIFY2(!shownText(client, stream, reply.body).empty(), reply.body.c_str());
        QVERIFY(!shownUsage(client, stream, reply.body).empty());
    }
    QVERIFY(house.waitIdle());
    QCOMPARE(house.settled(), house.bill().total);
}

void TestDialects::arrayStream()
{
    for (const Dialect provider : {Dialect::Gemini, Dialect::Chat}) {
        ScriptServer server([&](const ScriptRequest&, ScriptLink& link) {
            return link.write(streamBegin(provider) + streamText(provider) + streamEnd(provider));
        });
        TestHouse house;
        addSpeaker(house, server, provider);
        auto request = clientRequest(Dialect::Gemini, "m", true);
        request.target = "/v1beta/models/m:streamGenerateContent";
        request.key = house.key();
        const auto reply = ask(house.port(), request);
        QCOMPARE(reply.status, 200);
        QVERIFY(reply.header("content-type").starts_with("application/json"));
        QVERIFY2(reply.body.starts_with("["), reply.body.c_str());
        QVERIFY2(reply.body.ends_with("]"), reply.body.c_str());
        QVERIFY(reply.body.find("hello there") != std::string::npos);
        QVERIFY(reply.body.find("data:") == std::string::npos);
    }
}

void TestDialects::betaHeadersPass()
{
    ScriptServer server([&](const ScriptRequest&, ScriptLink& link) {
        return link.write(wholeAnswer(Dialect::Anthropic));
    });
    TestHouse house;
    addSpeaker(house, server, Dialect::Anthropic);
    auto request = clientRequest(Dialect::Anthropic, "m", false);
    request.target = "/v1/messages?beta=true";
    request.key = house.key();
    request.extraHeaders = "anthropic-version: 2026-10-21\r\nanthropic-beta: a-1,b-2\r\n"
                           "anthropic-new-thing: yes\r\nx-stainless-retry-count: 2\r\n"
                           "anthropic-workspace-id: theirs\r\n";
    QCOMPARE(ask(house.port(), request).status, 200);
    const auto head = server.seen().at(0).head;
    QVERIFY2(head.starts_with("POST /v1/messages?beta=true "), head.c_str());
    for (const char* field : {"anthropic-version: 2026-10-21\r\n", "anthropic-beta: a-1,b-2\r\n",
             "anthropic-new-thing: yes\r\n"}) {
        QVERIFY2(head.find(field) != std::string::npos, head.c_str());
        QCOMPARE(head.find(field), head.rfind(field));
    }
    QVERIFY(head.find("anthropic-workspace-id") == std::string::npos);
    QVERIFY(head.find(house.key()) == std::string::npos);
    const auto row = house.waitRows(1).at(0);
    QVERIFY(std::find(row.tags.begin(), row.tags.end(), "client-retry:2") != row.tags.end());
}

void TestDialects::statefulResponses()
{
    ScriptServer server([&](const ScriptRequest&, ScriptLink& link) {
        return link.write(wholeAnswer(Dialect::Responses));
    });
    TestHouse house;
    addSpeaker(house, server, Dialect::Responses);
    auto request = clientRequest(Dialect::Responses, "m", false);
    request.key = house.key();
    QCOMPARE(ask(house.port(), request).status, 200);
    const auto first = house.waitRows(1).at(0);
    // Known: its whole context of 18 tokens is input again, at the model it came from.
    request.body = R"({"model":"auto","input":"Hi","max_output_tokens":50,)"
                   R"("previous_response_id":"resp_1"})";
    const auto known = ask(house.port(), request);
    QVERIFY2(known.status == 200, known.body.c_str());
    const auto second = house.waitRows(2).at(1);
    QCOMPARE(second.model, std::string("script/m"));
    QCOMPARE(second.bound.minusSaturated(first.bound), Money::fromNano(18'000));
    // Unknown: it may be another client's, and nobody knows how long it is.
    request.body = R"({"model":"m","input":"Hi","max_output_tokens":50,)"
                   R"("previous_response_id":"resp_else"})";
    QCOMPARE(ask(house.port(), request).status, 400);
    QCOMPARE(house.waitRows(3).size(), std::size_t{3});
    // A file that the provider keeps: the whole context is held.
    request.body = R"({"model":"m","input":"Hi","max_output_tokens":50,)"
                   R"("prompt":{"id":"pmpt_1"}})";
    QCOMPARE(ask(house.port(), request).status, 200);
    const auto fourth = house.waitRows(4).at(3);
    QVERIFY(fourth.bound >= Money::fromNano(128'000LL * 1'000));
    // Another provider does not have it.
    request.body = R"({"model":"sim-small","input":"Hi","previous_response_id":"resp_1"})";
    const auto elsewhere = ask(house.port(), request);
    QCOMPARE(elsewhere.status, 400);
    QVERIFY(elsewhere.body.find("script") != std::string::npos);
}

void TestDialects::hostedTools()
{
    ScriptServer server([&](const ScriptRequest&, ScriptLink& link) {
        return link.write(wholeAnswer(Dialect::Responses));
    });
    TestHouse house;
    addSpeaker(house, server, Dialect::Responses);
    auto request = clientRequest(Dialect::Responses, "m", false);
    request.key = house.key();
    request.body = R"({"model":"m","input":"Hi","max_output_tokens":50,)"
                   R"("tools":[{"type":"web_search"}]})";
    const auto unknownFee = ask(house.port(), request);
    QCOMPARE(unknownFee.status, 400);
    QVERIFY2(unknownFee.body.find("fee") != std::string::npos, unknownFee.body.c_str());
    QCOMPARE(server.requests(), 0);
    auto config = house.config();
    config.catalog.models.back().prices.back().perTool["web_search"] = *Money::parse("0.01");
    house.reconfigure(std::move(config));
    const auto reply = ask(house.port(), request);
    QVERIFY2(reply.status == 200, reply.body.c_str());
    QVERIFY(server.seen().at(0).body.find("\"max_tool_calls\":4") != std::string::npos);
    const auto rows = house.waitRows(2);
    // Five turns of a whole context and four fees are held, before the output.
    QVERIFY(rows.at(1).bound >= Money::fromNano(5LL * 128'000 * 1'000 + 40'000'000));
    request.body = R"({"model":"m","input":"Hi","tools":[{"type":"code_interpreter"}]})";
    QCOMPARE(ask(house.port(), request).status, 400);
}

void TestDialects::embeddings()
{
    TestHouse house;
    RawRequest request;
    request.target = "/v1/embeddings";
    request.key = house.key();
    request.body = R"({"model":"auto","input":["one text","another"],"dimensions":8})";
    const auto reply = ask(house.port(), request);
    QVERIFY2(reply.status == 200, reply.body.c_str());
    QCOMPARE(reply.header("x-headgate-model"), std::string("sim/sim-embed"));
    request.body = R"({"model":"sim-embed","input":"one text","encoding_format":"base64"})";
    const auto packed = ask(house.port(), request);
    QVERIFY2(packed.status == 200, packed.body.c_str());
    QVERIFY(packed.body.find("\"embedding\":\"") != std::string::npos);
    request.body = R"({"model":"sim-embed","input":[[1,2,3],[4,5]]})";
    QCOMPARE(ask(house.port(), request).status, 200);
    request.body = R"({"model":"sim-small","input":"one text"})";
    QCOMPARE(ask(house.port(), request).status, 400);
    QVERIFY(house.waitIdle());
    QVERIFY(house.settled() > Money());
    QCOMPARE(house.settled(), house.bill().total);
    HouseOptions poor;
    poor.cap = "0.000000001";
    TestHouse broke(poor);
    request.key = broke.key();
    request.body = R"({"model":"sim-embed","input":"one text and some more of it"})";
    QCOMPARE(ask(broke.port(), request).status, 402);
}

void TestDialects::countedHere()
{
    TestHouse house;
    RawRequest request;
    request.key = house.key();
    request.target = "/v1/messages/count_tokens?beta=true";
    request.body = R"({"model":"sim-small","messages":[{"role":"user","content":"Hello"}]})";
    auto reply = ask(house.port(), request);
    QVERIFY2(reply.status == 200, reply.body.c_str());
    QVERIFY2(reply.body.starts_with(R"({"input_tokens":)"), reply.body.c_str());
    request.target = "/v1beta/models/sim-small:countTokens";
    request.body = R"({"contents":[{"role":"user","parts":[{"text":"Hello"}]}]})";
    reply = ask(house.port(), request);
    QVERIFY2(reply.status == 200, reply.body.c_str());
    QVERIFY2(reply.body.find("\"totalTokens\":") != std::string::npos, reply.body.c_str());
    QCOMPARE(house.settled(), Money());
    ScriptServer server([&](const ScriptRequest&, ScriptLink& link) {
        return link.write(httpReply(200, R"({"input_tokens":4711})"));
    });
    addSpeaker(house, server, Dialect::Anthropic);
    request.target = "/v1/messages/count_tokens";
    request.body = R"({"model":"m","messages":[{"role":"user","content":"Hello"}]})";
    reply = ask(house.port(), request);
    QCOMPARE(reply.body, std::string(R"({"input_tokens":4711})"));
    QVERIFY(server.seen().at(0).head.starts_with("POST /v1/messages/count_tokens "));
    QVERIFY(house.waitIdle());
    QCOMPARE(house.settled(), Money());
}

QTEST_GUILESS_MAIN(TestDialects)
#include "tst_dialects.moc"
