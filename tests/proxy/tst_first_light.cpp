// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The first light: whole and streamed answers of the simulated provider through real sockets, with
// the money held, settled and recorded.

#include "support/test_house.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QTest>

using namespace headgate;
using namespace headgate::testing;

namespace {

QJsonObject parse(const std::string& text)
{
    return QJsonDocument::fromJson(QByteArray::fromStdString(text)).object();
}

/// The data of each event of a stream.
std::vector<std::string> events(const std::string& stream)
{
    std::vector<std::string> out;
    std::size_t at = 0;
    while (at < stream.size()) {
        const auto end = stream.find("\n\n", at);
        if (stream.compare(at, 6, "data: ") != 0 || end == std::string::npos) {
            return {};
        }
        out.push_back(stream.substr(at + 6, end - at - 6));
        at = end + 2;
    }
    return out;
}

} // namespace

class TestFirstLight : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void wholeAnswer();
    void streamedAnswer();
    void streamWithUsage();
    void keepAliveAndPipelining();
    void autoTakesTheCheapest();
    void models();
    void toolsAndJson();
    void choices();
};

void TestFirstLight::wholeAnswer()
{
    TestHouse house;
    QVERIFY2(house.error().empty(), house.error().c_str());
    const auto reply = house.chat(chatBody("sim-small", "Say something."));
    QCOMPARE(reply.status, 200);
    const auto body = parse(reply.body);
    const auto text = body[u"choices"][0][u"message"][u"content"].toString();
    QVERIFY(text.size() > 10);
    const auto usage = body[u"usage"].toObject();
    QVERIFY(usage[u"completion_tokens"].toInt() > 0);
    QVERIFY(house.waitIdle());
    QCOMPARE(house.bill().total.nano(), house.settled().nano());
    QCOMPARE(house.held().nano(), 0);
    QCOMPARE(reply.header("x-headgate-cost-usd"), house.settled().toDecimal());
    QVERIFY(!reply.header("x-headgate-decision").empty());
    QCOMPARE(reply.header("x-headgate-model"), std::string("sim/sim-small"));
    const auto rows = house.waitRows(1);
    QCOMPARE(rows.size(), std::size_t(1));
    QCOMPARE(rows[0].status, activity::Status::Ok);
    QCOMPARE(rows[0].cost.nano(), house.settled().nano());
    QCOMPARE(rows[0].outputTokens, usage[u"completion_tokens"].toInteger());
    QCOMPARE(rows[0].inputTokens, usage[u"prompt_tokens"].toInteger());
}

void TestFirstLight::streamedAnswer()
{
    TestHouse house;
    const auto reply = house.chat(chatBody("sim-medium", "Say something.", R"(,"stream":true)"));
    QCOMPARE(reply.status, 200);
    QVERIFY(reply.complete);
    QVERIFY(reply.header("content-type").find("text/event-stream") == 0);
    const auto list = events(reply.body);
    QVERIFY(list.size() > 3);
    QCOMPARE(list.back(), std::string("[DONE]"));
    for (const auto& event : list) {
        QVERIFY2(
            event.find("\"choices\":[]") == std::string::npos, "the usage chunk was not asked for");
    }
    QVERIFY(house.waitIdle());
    QCOMPARE(house.bill().total.nano(), house.settled().nano());
    QCOMPARE(house.waitRows(1)[0].status, activity::Status::Ok);
}

void TestFirstLight::streamWithUsage()
{
    TestHouse house;
    const auto reply = house.chat(chatBody("sim-small", "Say something.",
        R"(,"stream":true,"stream_options":{"include_usage":true})"));
    const auto list = events(reply.body);
    QVERIFY(list.size() > 3);
    const auto usage = parse(list[list.size() - 2]);
    QVERIFY(usage[u"choices"].toArray().isEmpty());
    QVERIFY(usage[u"usage"][u"completion_tokens"].toInt() > 0);
    QVERIFY(house.waitIdle());
    QCOMPARE(house.bill().total.nano(), house.settled().nano());
}

void TestFirstLight::keepAliveAndPipelining()
{
    TestHouse house;
    RawRequest request;
    request.key = house.key();
    request.body = chatBody("sim-small", "One.");
    RawClient client(house.port());
    QVERIFY(client.send(wireText(house.port(), request)));
    QCOMPARE(client.receive().status, 200);
    request.body = chatBody("sim-small", "Two.", R"(,"stream":true)");
    const auto two = wireText(house.port(), request);
    request.body = chatBody("sim-small", "Three.");
    QVERIFY(client.send(two + wireText(house.port(), request)));
    const auto second = client.receive();
    QCOMPARE(second.status, 200);
    QVERIFY(second.complete);
    QCOMPARE(client.receive().status, 200);
    QVERIFY(house.waitIdle());
    QCOMPARE(house.bill().requests, 3);
    QCOMPARE(house.bill().total.nano(), house.settled().nano());
}

void TestFirstLight::autoTakesTheCheapest()
{
    TestHouse house;
    const auto reply = house.chat(chatBody("auto", "Hi."));
    QCOMPARE(reply.status, 200);
    QCOMPARE(reply.header("x-headgate-model"), std::string("sim/sim-small"));
    QCOMPARE(parse(reply.body)[u"model"].toString(), QStringLiteral("sim-small"));
}

void TestFirstLight::models()
{
    TestHouse house;
    RawRequest request;
    request.method = "GET";
    request.key = house.key();
    request.target = "/v1/models?x=1";
    const auto list = parse(ask(house.port(), request).body)[u"data"].toArray();
    QCOMPARE(list.size(), 7);
    QCOMPARE(list[0][u"id"].toString(), QStringLiteral("auto"));
    request.target = "/models/sim-large";
    const auto one = ask(house.port(), request);
    QCOMPARE(one.status, 200);
    QCOMPARE(parse(one.body)[u"id"].toString(), QStringLiteral("sim-large"));
    request.target = "/v1/models/auto:best";
    QCOMPARE(ask(house.port(), request).status, 200);
    request.target = "/v1/models/nothing";
    QCOMPARE(ask(house.port(), request).status, 404);
}

void TestFirstLight::toolsAndJson()
{
    TestHouse house;
    const std::string tools
        = R"(,"tools":[{"type":"function","function":{"name":"get_weather","parameters":{)"
          R"("type":"object","properties":{"city":{"type":"string"},"days":{"type":"integer"},)"
          R"("unit":{"type":"string","enum":["c","f"]}},"required":["city","unit"]}}}])";
    const auto reply = house.chat(chatBody("sim-small", "What is the weather in Oslo?", tools));
    const auto call = parse(reply.body)[u"choices"][0][u"message"][u"tool_calls"][0].toObject();
    QCOMPARE(call[u"function"][u"name"].toString(), QStringLiteral("get_weather"));
    const auto arguments = parse(call[u"function"][u"arguments"].toString().toStdString());
    QCOMPARE(arguments[u"unit"].toString(), QStringLiteral("c"));
    QVERIFY(arguments.contains(u"city"));
    const auto streamed = house.chat(
        chatBody("sim-small", "What is the weather in Oslo?", tools + R"(,"stream":true)"));
    QVERIFY(streamed.body.find("tool_calls") != std::string::npos);
    const auto json = house.chat(
        chatBody("sim-small", "Give me JSON.", R"(,"response_format":{"type":"json_object"})"));
    const auto text = parse(json.body)[u"choices"][0][u"message"][u"content"].toString();
    QVERIFY(!parse(text.toStdString()).isEmpty());
    QVERIFY(house.waitIdle());
    QCOMPARE(house.bill().total.nano(), house.settled().nano());
}

void TestFirstLight::choices()
{
    TestHouse house;
    const auto reply = house.chat(chatBody("sim-small", "Say something.", R"(,"n":3)"));
    const auto body = parse(reply.body);
    QCOMPARE(body[u"choices"].toArray().size(), 3);
    QVERIFY(house.waitIdle());
    QCOMPARE(house.bill().total.nano(), house.settled().nano());
}

QTEST_GUILESS_MAIN(TestFirstLight)
#include "tst_first_light.moc"
