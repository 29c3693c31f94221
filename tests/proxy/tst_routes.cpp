// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The table of routes (wire.md) over real sockets: where a key may be, who needs none, the lists of
// models in each dialect, and refusals before a body is read in the form that the client knows.

#include "support/dialect_provider.h"
#include "support/test_house.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTest>

using namespace headgate;
using namespace headgate::testing;
using wire::Dialect;

namespace {

QJsonObject parse(const std::string& text)
{
    return QJsonDocument::fromJson(QByteArray::fromStdString(text)).object();
}

RawReply get(const TestHouse& house, const std::string& target, const std::string& headers)
{
    RawRequest request;
    request.method = "GET";
    request.target = target;
    request.extraHeaders = headers;
    return ask(house.port(), request);
}

std::string bearer(const TestHouse& house)
{
    return "authorization: Bearer " + house.key() + "\r\n";
}

} // namespace

class TestRoutes : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void withoutKey();
    void keyPlaces();
    void unknownKeyBesideOurs();
    void refusalsBeforeTheBody_data();
    void refusalsBeforeTheBody();
    void badBodies();
    void prefixes();
    void modelLists();
    void oneModel();
};

void TestRoutes::withoutKey()
{
    TestHouse house;
    QCOMPARE(get(house, "/", {}).status, 200);
    QCOMPARE(get(house, "/healthz", {}).status, 200);
    QCOMPARE(get(house, "/api/version", {}).status, 200);
    QCOMPARE(get(house, "/v1/models", {}).status, 401);
    RawClient head(house.port());
    RawRequest request;
    request.method = "HEAD";
    request.target = "/";
    QVERIFY(head.send(wireText(house.port(), request)));
    QCOMPARE(head.receive(true).status, 200);
}

void TestRoutes::keyPlaces()
{
    TestHouse house;
    const auto& key = house.key();
    for (const char* target : {"/v1/models", "/models", "/v1beta/models", "/api/tags"}) {
        QCOMPARE(get(house, target, "x-api-key: " + key + "\r\n").status, 200);
        QCOMPARE(get(house, target, "x-goog-api-key: " + key + "\r\n").status, 200);
        QCOMPARE(get(house, target, bearer(house)).status, 200);
        QCOMPARE(get(house, std::string(target) + "?key=" + key, {}).status, 200);
        QCOMPARE(get(house, std::string(target) + "?key=hg-none", {}).status, 401);
    }
}

/// Claude Code sends a key of its environment beside the token that it was given for us.
void TestRoutes::unknownKeyBesideOurs()
{
    TestHouse house;
    QCOMPARE(get(house, "/v1/models", "x-api-key: sk-ant-x\r\n" + bearer(house)).status, 200);
    QCOMPARE(get(house, "/v1/models", "x-api-key: sk-ant-x\r\n").status, 401);
}

void TestRoutes::refusalsBeforeTheBody_data()
{
    QTest::addColumn<int>("client");
    for (const Dialect client :
        {Dialect::Chat, Dialect::Responses, Dialect::Anthropic, Dialect::Gemini, Dialect::Ollama}) {
        QTest::newRow(wire::dialectName(client)) << static_cast<int>(client);
    }
}

void TestRoutes::refusalsBeforeTheBody()
{
    QFETCH(int, client);
    const auto dialect = static_cast<Dialect>(client);
    TestHouse house;
    auto request = clientRequest(dialect, "sim-small", false);
    auto reply = ask(house.port(), request);
    QCOMPARE(reply.status, 401);
    QVERIFY2(shownError(dialect, false, reply.body).find("key") != std::string::npos,
        reply.body.c_str());
    request.key = house.key();
    request.method = "PUT";
    reply = ask(house.port(), request);
    QCOMPARE(reply.status, 405);
    QCOMPARE(reply.header("allow"), std::string("POST"));
    QVERIFY2(!shownError(dialect, false, reply.body).empty(), reply.body.c_str());
    QVERIFY(reply.body.find(house.key()) == std::string::npos);
}

void TestRoutes::badBodies()
{
    TestHouse house;
    for (const Dialect dialect :
        {Dialect::Chat, Dialect::Responses, Dialect::Anthropic, Dialect::Gemini, Dialect::Ollama}) {
        for (const char* body : {"", "{", "[]", "null", "{}", "{\"model\":\"sim-small\"}"}) {
            auto request = clientRequest(dialect, "sim-small", false);
            request.key = house.key();
            request.body = body;
            const auto reply = ask(house.port(), request);
            QVERIFY2(reply.status == 400, (request.target + " " + body + reply.body).c_str());
            QVERIFY2(!shownError(dialect, false, reply.body).empty(), reply.body.c_str());
        }
        auto request = clientRequest(dialect, "no-such-model", true);
        request.key = house.key();
        const auto reply = ask(house.port(), request);
        QCOMPARE(reply.status, 404);
        QVERIFY2(!shownError(dialect, false, reply.body).empty(), reply.body.c_str());
    }
    QCOMPARE(house.settled(), Money());
    QCOMPARE(house.bill().requests, 0);
}

void TestRoutes::prefixes()
{
    TestHouse house;
    for (const Dialect dialect : {Dialect::Chat, Dialect::Responses, Dialect::Anthropic}) {
        auto request = clientRequest(dialect, "auto", false);
        request.key = house.key();
        request.target.erase(0, 3);
        request.target += "/?x=1";
        QCOMPARE(ask(house.port(), request).status, 200);
    }
    for (const char* target : {"/v1/models/auto:generateContent", "/models/auto:generateContent",
             "/v1beta/models/sim/sim-small:generateContent",
             "/v1beta/models/sim%2Fsim-small:generateContent"}) {
        auto request = clientRequest(Dialect::Gemini, "auto", false);
        request.key = house.key();
        request.target = target;
        const auto reply = ask(house.port(), request);
        QVERIFY2(reply.status == 200, (target + reply.body).c_str());
    }
}

void TestRoutes::modelLists()
{
    TestHouse house;
    const auto chat = parse(get(house, "/v1/models", bearer(house)).body);
    QCOMPARE(chat[u"object"].toString(), QStringLiteral("list"));
    QCOMPARE(chat[u"data"][0][u"id"].toString(), QStringLiteral("auto"));
    const auto anthropic
        = parse(get(house, "/v1/models", bearer(house) + "anthropic-version: 2023-06-01\r\n").body);
    QCOMPARE(anthropic[u"data"][1][u"id"].toString(), QStringLiteral("auto:cheap"));
    QCOMPARE(anthropic[u"data"][1][u"type"].toString(), QStringLiteral("model"));
    QCOMPARE(anthropic[u"first_id"].toString(), QStringLiteral("auto"));
    QCOMPARE(anthropic[u"has_more"].toBool(true), false);
    const auto gemini = parse(get(house, "/v1beta/models", bearer(house)).body);
    QCOMPARE(gemini[u"models"][2][u"name"].toString(), QStringLiteral("models/auto:best"));
    const auto ollama = parse(get(house, "/api/tags", bearer(house)).body);
    QCOMPARE(ollama[u"models"][3][u"name"].toString(), QStringLiteral("sim-small"));
}

void TestRoutes::oneModel()
{
    TestHouse house;
    QCOMPARE(parse(get(house, "/v1/models/auto:best", bearer(house)).body)[u"id"].toString(),
        QStringLiteral("auto:best"));
    const auto anthropic = parse(
        get(house, "/v1/models/sim-large", bearer(house) + "anthropic-version: 2023-06-01\r\n")
            .body);
    QCOMPARE(anthropic[u"display_name"].toString(), QStringLiteral("Sim large"));
    const auto gemini = parse(get(house, "/v1beta/models/sim-large", bearer(house)).body);
    QCOMPARE(gemini[u"name"].toString(), QStringLiteral("models/sim-large"));
    QCOMPARE(get(house, "/v1/models/none", bearer(house)).status, 404);
}

QTEST_GUILESS_MAIN(TestRoutes)
#include "tst_routes.moc"
