// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The promise, seen from the provider's own bill: the cap holds under concurrency, disconnects and
// faults, the books are never below the bill, and no hold outlives its request.

#include "support/test_house.h"

#include <fmt/format.h>

#include <QTest>

#include <algorithm>
#include <thread>

using namespace headgate;
using namespace headgate::testing;

class TestMoney : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void thousandOnAPoolForSeven();
    void capIsUsedToTheEnd();
    void refusalsAreFinal();
    void waitsForMoneyThatIsHeld();
    void givesUpWaiting();
    void clientLeavesAfterBytes_data();
    void clientLeavesAfterBytes();
    void clientLeavesBeforeTheAnswer();
    void clientLeavesWhileWaitingForMoney();
    void faults_data();
    void faults();
    void overrunFreezesThePool();
    void drainLimit();
    void requestIdTwice();
    void stopsInMidStream();
    void pauseAll();
    void unboundedParts();
};

namespace {

/// The bill of one request whose answer hits the ceiling, which equals its bound.
Money exactBound(const std::string& body)
{
    TestHouse house;
    const auto reply = house.chat(body);
    Q_ASSERT(reply.status == 200);
    Q_ASSERT(reply.header("x-headgate-cost-usd") == reply.header("x-headgate-held-usd"));
    return *Money::parse(reply.header("x-headgate-cost-usd"));
}

} // namespace

void TestMoney::thousandOnAPoolForSeven()
{
    const auto body = chatBody("sim-small", "Write something.", R"(,"max_tokens":16)");
    const auto each = exactBound(body);
    HouseOptions options;
    options.cap = Money::fromNano(each.nano() * 7 + each.nano() / 2).toDecimal();
    TestHouse house(options);
    QVERIFY2(house.error().empty(), house.error().c_str());
    RawRequest request;
    request.key = house.key();
    request.body = body;
    const auto text = wireText(house.port(), request);
    std::vector<std::unique_ptr<RawClient>> clients;
    for (int i = 0; i < 1'000; ++i) {
        clients.push_back(std::make_unique<RawClient>(house.port()));
        QVERIFY2(clients.back()->connected(), "the system allows too few open files");
    }
    for (const auto& client : clients) {
        QVERIFY(client->send(text));
    }
    int served = 0;
    int refused = 0;
    for (const auto& client : clients) {
        const auto reply = client->receive();
        served += reply.status == 200 ? 1 : 0;
        refused += reply.status == 402 ? 1 : 0;
    }
    QCOMPARE(served, 7);
    QCOMPARE(refused, 993);
    QVERIFY(house.waitIdle());
    QCOMPARE(house.bill().requests, 7);
    QVERIFY(house.bill().total <= *Money::parse(options.cap));
    QCOMPARE(house.bill().total.nano(), house.settled().nano());
    const auto verified = house.books().verify();
    QVERIFY(verified && verified->ok);
}

void TestMoney::capIsUsedToTheEnd()
{
    HouseOptions options;
    options.cap = "0.01";
    TestHouse house(options);
    const auto body = chatBody("sim-small", "Write something.", R"(,"max_tokens":64)");
    RawReply reply;
    int served = 0;
    while ((reply = house.chat(body)).status == 200) {
        ++served;
    }
    QCOMPARE(reply.status, 402);
    QVERIFY(served > 100);
    QVERIFY(house.settled().nano() >= 9'700'000); // 97 % of the cap
    QVERIFY(house.settled() <= *Money::parse(options.cap));
    QCOMPARE(house.bill().total.nano(), house.settled().nano());
}

void TestMoney::refusalsAreFinal()
{
    HouseOptions options;
    options.cap = "0.000000001";
    TestHouse house(options);
    const auto reply = house.chat(chatBody("auto", "Hi."));
    QCOMPARE(reply.status, 402);
    QCOMPARE(reply.header("x-should-retry"), std::string("false"));
    QVERIFY(reply.header("retry-after").empty());
    QVERIFY(reply.body.find("budget_exceeded") != std::string::npos);
    QVERIFY(reply.body.find("test") != std::string::npos);
    const auto rows = house.waitRows(1);
    QCOMPARE(rows[0].status, activity::Status::Refused);
    QCOMPARE(rows[0].pool, std::string("test"));
    QCOMPARE(house.bill().requests, 0);
}

void TestMoney::waitsForMoneyThatIsHeld()
{
    const auto body = chatBody("sim-small", "Write something.", R"(,"max_tokens":100)");
    HouseOptions options;
    options.latencyPermille = 500;
    options.cap = "0.00006"; // one bound at a time, several bills
    TestHouse house(options);
    std::vector<std::thread> threads;
    std::atomic<int> served{0};
    for (int i = 0; i < 3; ++i) {
        threads.emplace_back([&] { served += house.chat(body).status == 200 ? 1 : 0; });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    QVERIFY(served.load() >= 1);
    QVERIFY(house.waitIdle());
    QVERIFY(house.settled() <= *Money::parse(options.cap));
    QCOMPARE(house.bill().total.nano(), house.settled().nano());
}

void TestMoney::givesUpWaiting()
{
    HouseOptions options;
    options.cap = "0.00003";
    options.inFlightWaitMs = 100;
    TestHouse house(options);
    RawRequest request;
    request.key = house.key();
    request.body = chatBody("sim-small", "[[sim:stall]]", R"(,"max_tokens":64)");
    RawClient stalled(house.port());
    QVERIFY(stalled.send(wireText(house.port(), request)));
    while (house.held().isZero()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    const auto reply = house.chat(chatBody("sim-small", "Hi.", R"(,"max_tokens":64)"));
    QCOMPARE(reply.status, 429);
    QVERIFY(!reply.header("retry-after").empty());
    QVERIFY(reply.body.find("budget_in_flight") != std::string::npos);
}

void TestMoney::clientLeavesAfterBytes_data()
{
    QTest::addColumn<int>("bytes");
    for (const int bytes : {1, 10, 100, 300, 700, 1'200, 2'500, 5'000, 9'000, 15'000}) {
        QTest::addRow("%d", bytes) << bytes;
    }
}

void TestMoney::clientLeavesAfterBytes()
{
    QFETCH(int, bytes);
    HouseOptions options;
    options.latencyPermille = 20;
    TestHouse house(options);
    RawRequest request;
    request.key = house.key();
    request.body = chatBody("sim-small", "Explain the plan.", R"(,"stream":true)");
    {
        RawClient client(house.port());
        QVERIFY(client.send(wireText(house.port(), request)));
        client.readSome(static_cast<std::size_t>(bytes));
        if (bytes % 3 == 0) {
            client.reset();
        }
    }
    const auto rows = house.waitRows(1);
    QVERIFY(house.waitIdle());
    QCOMPARE(house.held().nano(), 0);
    QCOMPARE(house.bill().total.nano(), house.settled().nano()); // drained to the true usage
    QCOMPARE(rows.size(), std::size_t(1));
}

void TestMoney::clientLeavesBeforeTheAnswer()
{
    HouseOptions options;
    options.latencyPermille = 1'000;
    TestHouse house(options);
    RawRequest request;
    request.key = house.key();
    request.body = chatBody("sim-small", "Hi.", R"(,"max_tokens":8)");
    {
        RawClient client(house.port());
        QVERIFY(client.send(wireText(house.port(), request)));
        while (house.bill().requests == 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }
    const auto rows = house.waitRows(1);
    QVERIFY(house.waitIdle());
    QCOMPARE(rows[0].status, activity::Status::ClientLeft);
    QCOMPARE(house.bill().total.nano(), house.settled().nano());
}

void TestMoney::clientLeavesWhileWaitingForMoney()
{
    HouseOptions options;
    options.cap = "0.00003";
    TestHouse house(options);
    RawRequest request;
    request.key = house.key();
    request.body = chatBody("sim-small", "[[sim:stall]]", R"(,"max_tokens":64)");
    RawClient stalled(house.port());
    QVERIFY(stalled.send(wireText(house.port(), request)));
    while (house.held().isZero()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    {
        RawClient waiting(house.port());
        request.body = chatBody("sim-small", "Hi.", R"(,"max_tokens":64)");
        QVERIFY(waiting.send(wireText(house.port(), request)));
        while (house.proxy().stats().inFlight < 2) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }
    const auto rows = house.waitRows(1); // long before the wait would end by itself
    QCOMPARE(rows[0].status, activity::Status::ClientLeft);
    QCOMPARE(rows[0].attempts.size(), std::size_t(0));
    QCOMPARE(house.bill().requests, 1);
}

void TestMoney::faults_data()
{
    QTest::addColumn<QString>("mark");
    QTest::addColumn<bool>("stream");
    QTest::addColumn<int>("status");
    QTest::addColumn<bool>("equal"); // books equal the bill, not only cover it
    const auto add = [](const char* mark, bool stream, int status, bool equal) {
        QTest::addRow("%s%s", mark, stream ? " stream" : "")
            << QString::fromLatin1(mark) << stream << status << equal;
    };
    add("reset", false, 502, false);
    add("reset", true, 502, false);
    add("stall", false, 504, false);
    add("stall", true, 504, false);
    add("no-usage", false, 200, false);
    add("no-usage", true, 200, false);
    add("cut", false, 502, false);
    add("cut", true, 200, false);
    add("500", false, 500, true);
    add("500", true, 500, true);
    add("ignore-max", false, 200, true);
    add("ignore-max", true, 200, true);
}

void TestMoney::faults()
{
    QFETCH(QString, mark);
    QFETCH(bool, stream);
    QFETCH(int, status);
    QFETCH(bool, equal);
    TestHouse house;
    auto config = house.config();
    config.catalog.providers[0].firstByteTimeoutMs = 300;
    house.reconfigure(std::move(config));
    const auto text = fmt::format("Explain this. [[sim:{}]]", mark.toStdString());
    const auto reply = house.chat(chatBody("sim-medium", text,
        fmt::format(R"(,"max_tokens":200{})", stream ? R"(,"stream":true)" : "")));
    QCOMPARE(reply.status, status);
    QVERIFY(reply.complete);
    QVERIFY(house.waitIdle());
    QCOMPARE(house.held().nano(), 0);
    QVERIFY2(house.settled() >= house.bill().total, "the books are below the bill");
    QVERIFY(house.bill().total > Money());
    if (equal) {
        QCOMPARE(house.settled().nano(), house.bill().total.nano());
    }
    const auto rows = house.waitRows(1);
    QCOMPARE(rows.size(), std::size_t(1));
    QVERIFY(rows[0].status != activity::Status::Ok || mark == QStringLiteral("ignore-max"));
    if (stream && mark == QStringLiteral("cut")) {
        QVERIFY(reply.body.find("\"error\"") != std::string::npos);
        QVERIFY(reply.body.find("[DONE]") != std::string::npos);
    }
    // and the next good request works
    QCOMPARE(house.chat(chatBody("sim-small", "Hi.")).status, 200);
}

void TestMoney::overrunFreezesThePool()
{
    const auto text = "[[sim:ignore-max]]";
    const auto body = chatBody("sim-small", text, R"(,"max_tokens":100)");
    HouseOptions options;
    options.cap = "0.00005";
    TestHouse house(options);
    QCOMPARE(house.chat(body).status, 200); // billed twice its ceiling, booked in full
    QVERIFY(house.waitIdle());
    QVERIFY(house.settled() > *Money::parse(options.cap));
    QCOMPARE(house.settled().nano(), house.bill().total.nano());
    QCOMPARE(house.chat(chatBody("sim-small", "Hi.")).status, 402);
}

void TestMoney::drainLimit()
{
    HouseOptions options;
    options.drainTimeoutMs = 1;
    options.latencyPermille = 3'000;
    TestHouse house(options);
    RawRequest request;
    request.key = house.key();
    request.body = chatBody("sim-small", "Hi.", R"(,"stream":true,"max_tokens":200)");
    {
        RawClient client(house.port());
        QVERIFY(client.send(wireText(house.port(), request)));
        while (house.bill().requests == 0) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
    }
    const auto rows = house.waitRows(1);
    QCOMPARE(rows[0].attempts[0].outcome, std::string("unknown"));
    QCOMPARE(rows[0].cost.nano(), rows[0].bound.nano());
    house.stop();
    QVERIFY(house.settled() >= house.bill().total);
}

void TestMoney::requestIdTwice()
{
    TestHouse house;
    const auto body = chatBody("sim-small", "Hi.");
    QCOMPARE(house.chat(body, "x-headgate-request-id: a\r\n").status, 200);
    const auto again = house.chat(body, "x-headgate-request-id: a\r\n");
    QCOMPARE(again.status, 400);
    QVERIFY(again.body.find("already used") != std::string::npos);
    QCOMPARE(house.chat(body, "idempotency-key: b\r\n").status, 200);
    QVERIFY(house.waitIdle());
    QCOMPARE(house.bill().requests, 2);
    HouseOptions poor;
    poor.cap = "0.000000001";
    TestHouse empty(poor);
    const auto first = empty.chat(body, "idempotency-key: c\r\n");
    const auto second = empty.chat(body, "idempotency-key: c\r\n");
    QCOMPARE(first.status, 402);
    QCOMPARE(second.status, 402);
    QCOMPARE(second.body, first.body);
}

void TestMoney::stopsInMidStream()
{
    HouseOptions options;
    options.latencyPermille = 2'000;
    TestHouse house(options);
    RawRequest request;
    request.key = house.key();
    request.body = chatBody("sim-large", "Explain why.", R"(,"stream":true)");
    RawClient client(house.port());
    QVERIFY(client.send(wireText(house.port(), request)));
    client.readSome(600);
    house.stop(50);
    QCOMPARE(house.books().openHoldCount(), 0);
    QVERIFY(house.settled() >= house.bill().total);
    const auto reply = client.receive();
    QVERIFY(reply.body.find("Headgate is stopping") != std::string::npos);
    QCOMPARE(house.sink().rows().size(), std::size_t(1));
}

void TestMoney::pauseAll()
{
    TestHouse house;
    auto config = house.config();
    config.paused = true;
    house.reconfigure(config);
    QCOMPARE(house.chat(chatBody("auto", "Hi.")).status, 503);
    QCOMPARE(house.waitRows(1)[0].outcome, std::string("paused"));
    config.paused = false;
    house.reconfigure(config);
    QCOMPARE(house.chat(chatBody("auto", "Hi.")).status, 200);
}

void TestMoney::unboundedParts()
{
    const std::string body
        = R"({"model":"auto","messages":[{"role":"user","content":[{"type":"file",)"
          R"("file":{"file_id":"f1"}},{"type":"text","text":"Read it."}]}]})";
    TestHouse capped;
    const auto reply = capped.chat(body);
    QCOMPARE(reply.status, 400);
    QCOMPARE(capped.bill().requests, 0);
    HouseOptions options;
    options.cap.clear();
    TestHouse uncapped(options);
    QCOMPARE(uncapped.chat(body).status, 200);
}

QTEST_GUILESS_MAIN(TestMoney)
#include "tst_money_on_the_wire.moc"
