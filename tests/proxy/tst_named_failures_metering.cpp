// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The failures of other gateways that must be impossible here, each a test of its name (ledger.md,
// last paragraph): what a provider, a client or a broken connection leaves uncounted. The witness
// is always a provider's own bill, over real sockets.

#include <QTest>

#include "named_failures.h"

using namespace headgate;
using namespace headgate::testing;

class TestNamedFailuresMetering : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void streamWithoutAUsageFrameCountedAsZero_data();
    void streamWithoutAUsageFrameCountedAsZero();
    void clientThatOmitsIncludeUsageToAvoidMetering_data();
    void clientThatOmitsIncludeUsageToAvoidMetering();
    void disconnectRefundsTheWholeHold_data();
    void disconnectRefundsTheWholeHold();
    void holdLeakedOnAnUpstreamErrorBeforeTheFirstByte_data();
    void holdLeakedOnAnUpstreamErrorBeforeTheFirstByte();
};

void TestNamedFailuresMetering::streamWithoutAUsageFrameCountedAsZero_data()
{
    QTest::addColumn<bool>("stream");
    QTest::addColumn<int>("tokens");
    for (const bool stream : {true, false}) {
        for (const int tokens : {1, 20, 400}) {
            QTest::addRow("%s %d", stream ? "stream" : "whole", tokens) << stream << tokens;
        }
    }
}

void TestNamedFailuresMetering::streamWithoutAUsageFrameCountedAsZero()
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

void TestNamedFailuresMetering::clientThatOmitsIncludeUsageToAvoidMetering_data()
{
    QTest::addColumn<QString>("options");
    QTest::newRow("says nothing") << QString();
    QTest::newRow("says no") << QStringLiteral(",\"stream_options\":{\"include_usage\":false}");
    QTest::newRow("empty options") << QStringLiteral(",\"stream_options\":{}");
}

void TestNamedFailuresMetering::clientThatOmitsIncludeUsageToAvoidMetering()
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

void TestNamedFailuresMetering::disconnectRefundsTheWholeHold_data()
{
    QTest::addColumn<bool>("stream");
    QTest::addColumn<int>("bytes");
    QTest::newRow("before the first byte") << false << 0;
    QTest::newRow("before the stream") << true << 0;
    QTest::newRow("at the head") << true << 20;
    QTest::newRow("in the first event") << true << 700;
    QTest::newRow("in the middle") << true << 6'000;
}

void TestNamedFailuresMetering::disconnectRefundsTheWholeHold()
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

void TestNamedFailuresMetering::holdLeakedOnAnUpstreamErrorBeforeTheFirstByte_data()
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

void TestNamedFailuresMetering::holdLeakedOnAnUpstreamErrorBeforeTheFirstByte()
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

QTEST_GUILESS_MAIN(TestNamedFailuresMetering)
#include "tst_named_failures_metering.moc"
