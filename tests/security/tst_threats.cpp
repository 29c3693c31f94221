// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// One attack for each threat that the data plane answers for; the slots are named after the rows
// of the threat table.

#include "core/base/secret.h"
#include "core/proxy/upstream_http.h"
#include "support/script_server.h"
#include "support/test_house.h"

#include <boost/asio/ip/address.hpp>
#include <fmt/format.h>

#include <QTest>

#include <atomic>
#include <thread>

using namespace headgate;
using namespace headgate::testing;

class TestThreats : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase();
    void t1DnsRebinding_data();
    void t1DnsRebinding();
    void t2CrossSite_data();
    void t2CrossSite();
    void t2ContentType_data();
    void t2ContentType();
    void t2NoCorsHeaders();
    void t3Keys_data();
    void t3Keys();
    void t3RevokedInFlight();
    void t4WideBind_data();
    void t4WideBind();
    void t5ClientChosenUpstream();
    void t5MetadataAddresses_data();
    void t5MetadataAddresses();
    void t5NoRedirects();
    void t6SqlInjection();
    void t7Smuggling_data();
    void t7Smuggling();
    void t8SlowAndHuge();
    void t8BackPressure();
    void t9DeclaredSizes();
    void t11ProviderIgnoresLimits();
    void t14SecretsInAnswers();
    void t18ClientKeysOnlyInfer_data();
    void t18ClientKeysOnlyInfer();
    void t19PortTaken();
    void t24RunawayAgent_data();
    void t24RunawayAgent();
    void t24LoopDetectorIsWired();
    void t24OrdinaryTrafficIsNone();

private:
    std::unique_ptr<TestHouse> m_house;
    [[nodiscard]] bool stillServes() const
    {
        return m_house->chat(chatBody("sim-small", "Hi.")).status == 200;
    }
};

void TestThreats::initTestCase()
{
    m_house = std::make_unique<TestHouse>();
    QVERIFY2(m_house->error().empty(), m_house->error().c_str());
}

void TestThreats::cleanupTestCase()
{
    m_house.reset();
}

// --- T1

void TestThreats::t1DnsRebinding_data()
{
    QTest::addColumn<QString>("hosts");
    QTest::addColumn<int>("status");
    const auto port = m_house->port();
    const auto add = [port](const char* name, const char* lines, int status) {
        auto text = QString::fromLatin1(lines);
        QTest::newRow(name) << text.replace(QStringLiteral("PORT"), QString::number(port))
                            << status;
    };
    add("missing", "", 421);
    add("repeated", "host: 127.0.0.1:PORT\r\nhost: 127.0.0.1:PORT\r\n", 421);
    add("other name", "host: evil.example:PORT\r\n", 421);
    add("trailing dot", "host: localhost.:PORT\r\n", 421);
    add("no port", "host: localhost\r\n", 421);
    add("wrong port", "host: localhost:1\r\n", 421);
    add("leading zero", "host: localhost:0PORT\r\n", 421);
    add("user info", "host: a@localhost:PORT\r\n", 421);
    add("list", "host: localhost:PORT, evil.example\r\n", 421);
    add("empty", "host: \r\n", 421);
    add("decimal address", "host: 2130706433:PORT\r\n", 421);
    add("address", "host: 127.0.0.1:PORT\r\n", 200);
    add("name", "host: LocalHost:PORT\r\n", 200);
    add("v6", "host: [::1]:PORT\r\n", 200);
}

void TestThreats::t1DnsRebinding()
{
    QFETCH(QString, hosts);
    QFETCH(int, status);
    for (const char* target : {"/v1/models", "/healthz"}) {
        RawClient client(m_house->port());
        client.send(fmt::format("GET {} HTTP/1.1\r\n{}x-api-key: {}\r\n\r\n", target,
            hosts.toStdString(), m_house->key()));
        QCOMPARE(client.receive().status, status);
    }
}

// --- T2

void TestThreats::t2CrossSite_data()
{
    QTest::addColumn<QString>("headers");
    QTest::addColumn<int>("status");
    QTest::newRow("foreign origin") << "origin: https://evil.example\r\n" << 403;
    QTest::newRow("null origin") << "origin: null\r\n" << 403;
    QTest::newRow("two origins") << "origin: http://localhost\r\norigin: null\r\n" << 403;
    QTest::newRow("cross-site") << "sec-fetch-site: cross-site\r\n" << 403;
    QTest::newRow("same-site") << "sec-fetch-site: same-site\r\n" << 403;
    QTest::newRow("node fetch") << "sec-fetch-mode: cors\r\n" << 200;
}

void TestThreats::t2CrossSite()
{
    QFETCH(QString, headers);
    QFETCH(int, status);
    const auto before = m_house->bill().requests;
    const auto reply = m_house->chat(chatBody("sim-small", "Hi."), headers.toStdString());
    QCOMPARE(reply.status, status);
    QCOMPARE(m_house->bill().requests, before + (status == 200 ? 1 : 0));
}

void TestThreats::t2ContentType_data()
{
    QTest::addColumn<QString>("line");
    QTest::addColumn<int>("status");
    QTest::newRow("form") << "content-type: application/x-www-form-urlencoded\r\n" << 415;
    QTest::newRow("plain") << "content-type: text/plain\r\n" << 415;
    QTest::newRow("plain json") << "content-type: text/plain;application/json\r\n" << 415;
    QTest::newRow("none") << "x-content-type: no\r\n" << 415;
    QTest::newRow("two") << "content-type: application/json\r\ncontent-type: text/plain\r\n" << 415;
    QTest::newRow("charset") << "content-type: Application/JSON; charset=utf-8\r\n" << 200;
}

void TestThreats::t2ContentType()
{
    QFETCH(QString, line);
    QFETCH(int, status);
    QCOMPARE(m_house->chat(chatBody("sim-small", "Hi."), line.toStdString()).status, status);
}

void TestThreats::t2NoCorsHeaders()
{
    RawRequest request;
    request.method = "OPTIONS";
    request.key = m_house->key();
    request.extraHeaders = "access-control-request-method: POST\r\n";
    const auto preflight = ask(m_house->port(), request);
    QCOMPARE(preflight.status, 405);
    const auto reply = m_house->chat(chatBody("sim-small", "Hi."));
    for (const auto& answer : {preflight, reply}) {
        for (const auto& [name, value] : answer.headers) {
            QVERIFY2(name.rfind("access-control", 0) != 0, name.c_str());
        }
    }
}

// --- T3

void TestThreats::t3Keys_data()
{
    QTest::addColumn<QString>("target");
    QTest::addColumn<QString>("header");
    QTest::addColumn<int>("status");
    const auto key = QString::fromStdString(m_house->key());
    const QString models = QStringLiteral("/v1/models");
    QTest::newRow("none") << models << QString() << 401;
    QTest::newRow("wrong") << models << QStringLiteral("x-api-key: hg-0\r\n") << 401;
    QTest::newRow("prefix") << models << QStringLiteral("x-api-key: %1\r\n").arg(key.chopped(1))
                            << 401;
    QTest::newRow("its hash") << models
                              << QStringLiteral("x-api-key: %1\r\n")
                                     .arg(QString::fromStdString(strongHashHex(m_house->key())))
                              << 401;
    QTest::newRow("basic") << models << QStringLiteral("authorization: Basic %1\r\n").arg(key)
                           << 401;
    QTest::newRow("unknown route") << QStringLiteral("/admin") << QString() << 401;
    QTest::newRow("x-api-key") << models << QStringLiteral("x-api-key: %1\r\n").arg(key) << 200;
    QTest::newRow("bearer") << models << QStringLiteral("authorization: bearer %1\r\n").arg(key)
                            << 200;
    QTest::newRow("health") << QStringLiteral("/healthz") << QString() << 200;
    QTest::newRow("root") << QStringLiteral("/") << QString() << 200;
}

void TestThreats::t3Keys()
{
    QFETCH(QString, target);
    QFETCH(QString, header);
    QFETCH(int, status);
    RawRequest request;
    request.method = "GET";
    request.target = target.toStdString();
    request.extraHeaders = header.toStdString();
    const auto reply = ask(m_house->port(), request);
    QCOMPARE(reply.status, status);
    if (status == 401) {
        QVERIFY(reply.body.find("headgate keys create") != std::string::npos);
        QVERIFY(reply.body.find(m_house->key()) == std::string::npos);
    }
}

void TestThreats::t3RevokedInFlight()
{
    TestHouse house;
    RawRequest request;
    request.key = house.key();
    request.body = chatBody("sim-small", "Hi.");
    RawClient client(house.port());
    QVERIFY(client.send(wireText(house.port(), request)));
    QCOMPARE(client.receive().status, 200);
    auto config = house.config();
    config.keysByHash.begin()->second.revoked = true;
    house.reconfigure(config);
    QVERIFY(client.send(wireText(house.port(), request))); // the same connection
    const auto reply = client.receive();
    QCOMPARE(reply.status, 401);
    QVERIFY(reply.body.find("revoked") != std::string::npos);
    config.keysByHash.begin()->second.revoked = false;
    config.keysByHash.begin()->second.expiresAtUs = 1;
    house.reconfigure(config);
    QCOMPARE(house.chat(request.body).status, 401);
    QCOMPARE(house.bill().requests, 1);
}

// --- T4

void TestThreats::t4WideBind_data()
{
    QTest::addColumn<QString>("host");
    for (const char* host :
        {"0.0.0.0", "::", "192.168.0.1", "example.com", "127.0.0.1.evil.example"}) {
        QTest::newRow(host) << QString::fromLatin1(host);
    }
}

void TestThreats::t4WideBind()
{
    QFETCH(QString, host);
    const SystemClock clock;
    MemorySink sink;
    proxy::ProxyOptions options;
    options.host = host.toStdString();
    options.port = 0;
    options.sim.billPath = m_house->folder() + "/other-bill.log";
    const auto started = proxy::Proxy::start(
        options, std::make_shared<proxy::ProxyConfig>(), m_house->books(), sink, clock);
    QVERIFY(!started);
    QVERIFY(started.error().message.find("loopback") != std::string::npos);
}

// --- T5

void TestThreats::t5ClientChosenUpstream()
{
    ScriptServer mine([](const ScriptRequest&, ScriptLink& link) {
        return link.write(httpReply(200, completion(10, 3)));
    });
    ScriptServer theirs([](const ScriptRequest&, ScriptLink& link) {
        return link.write(httpReply(200, completion(10, 3)));
    });
    TestHouse house;
    house.addProvider(mine.url());
    const auto extra = fmt::format(
        R"(,"api_base":"{0}","base_url":"{0}","api_key":"sk-theirs","unknown_field":{{"a":[1]}})",
        theirs.url());
    const auto reply = house.chat(chatBody("m", "Hi.", extra),
        fmt::format("x-headgate-upstream: {}\r\nx-forwarded-host: evil\r\n", theirs.url()));
    QCOMPARE(reply.status, 200);
    QCOMPARE(theirs.connections(), 0);
    QCOMPARE(mine.requests(), 1);
    const auto seen = mine.seen().at(0);
    QVERIFY(seen.head.find("authorization: Bearer sk-operator-secret") != std::string::npos);
    QVERIFY2(seen.head.find(house.key()) == std::string::npos, "the client's key went upstream");
    QVERIFY(seen.head.find("x-forwarded-host") == std::string::npos);
    QVERIFY(seen.body.find("api_base") == std::string::npos);
    QVERIFY(seen.body.find("sk-theirs") == std::string::npos);
    QVERIFY(seen.body.find(R"("unknown_field":{"a":[1]})") != std::string::npos);
    RawClient client(house.port());
    client.send(fmt::format("GET {}/models HTTP/1.1\r\nhost: 127.0.0.1:{}\r\nx-api-key: {}\r\n\r\n",
        theirs.url(), house.port(), house.key()));
    QCOMPARE(client.receive().status, 400);
    QCOMPARE(theirs.connections(), 0);
}

void TestThreats::t5MetadataAddresses_data()
{
    QTest::addColumn<QString>("address");
    QTest::addColumn<bool>("forbidden");
    for (const char* bad :
        {"169.254.169.254", "169.254.0.1", "100.100.100.200", "0.0.0.0", "fe80::1", "fd00:ec2::254",
            "::ffff:169.254.169.254", "::", "192.0.0.192", "255.255.255.255"}) {
        QTest::newRow(bad) << QString::fromLatin1(bad) << true;
    }
    for (const char* good : {"127.0.0.1", "10.0.0.7", "192.168.1.5", "::1", "104.18.6.192"}) {
        QTest::newRow(good) << QString::fromLatin1(good) << false;
    }
}

void TestThreats::t5MetadataAddresses()
{
    QFETCH(QString, address);
    QFETCH(bool, forbidden);
    QCOMPARE(
        proxy::isForbiddenAddress(boost::asio::ip::make_address(address.toStdString())), forbidden);
    if (forbidden && !address.contains(u':')) {
        TestHouse house;
        house.addProvider("http://" + address.toStdString() + ":80/v1");
        const auto reply = house.chat(chatBody("m", "Hi."));
        QCOMPARE(reply.status, 502);
        QVERIFY(reply.body.find("metadata") != std::string::npos);
        QVERIFY(house.waitIdle());
        QCOMPARE(house.settled().nano(), 0); // nothing was sent: the hold came back
    }
}

void TestThreats::t5NoRedirects()
{
    ScriptServer elsewhere([](const ScriptRequest&, ScriptLink& link) {
        return link.write(httpReply(200, completion(10, 3)));
    });
    ScriptServer redirecting([&elsewhere](const ScriptRequest&, ScriptLink& link) {
        return link.write(fmt::format(
            "HTTP/1.1 307 X\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", elsewhere.url()));
    });
    TestHouse house;
    house.addProvider(redirecting.url());
    const auto reply = house.chat(chatBody("m", "Hi."));
    QCOMPARE(reply.status, 502);
    QCOMPARE(elsewhere.connections(), 0);
    QVERIFY(reply.header("location").empty());
}

// --- T6

void TestThreats::t6SqlInjection()
{
    TestHouse house;
    const std::string attack = "x'); DROP TABLE holds; --";
    const auto reply
        = house.chat(chatBody("sim-small", attack, R"(,"user":"'; DELETE FROM pools"))"),
            "x-headgate-session: " + attack + "\r\nx-headgate-tags: a:" + attack
                + "\r\nx-request-id: " + attack + "\r\nx-headgate-task: " + attack + "\r\n");
    QVERIFY(reply.status == 200 || reply.status == 400);
    RawRequest request;
    request.method = "GET";
    request.target = "/v1/models";
    request.key = attack;
    QCOMPARE(ask(house.port(), request).status, 401);
    QCOMPARE(
        house.chat(chatBody("sim-small", "Hi."), "x-headgate-session: " + attack + "\r\n").status,
        200);
    QVERIFY(house.waitIdle());
    const auto verified = house.books().verify();
    QVERIFY(verified && verified->ok);
}

// --- T7

void TestThreats::t7Smuggling_data()
{
    QTest::addColumn<QByteArray>("bytes");
    const QByteArray host = "host: 127.0.0.1:" + QByteArray::number(m_house->port()) + "\r\n";
    const QByteArray key = "x-api-key: " + QByteArray::fromStdString(m_house->key()) + "\r\n";
    const QByteArray post = "POST /v1/chat/completions HTTP/1.1\r\n" + host + key
        + "content-type: application/json\r\n";
    const QByteArray get = "GET /v1/models HTTP/1.1\r\n" + host + key;
    QTest::newRow("length and encoding")
        << post + "content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n";
    QTest::newRow("encoding and length")
        << post + "transfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n";
    QTest::newRow("length twice, same")
        << post + "content-length: 2\r\ncontent-length: 2\r\n\r\n{}";
    QTest::newRow("length twice") << post + "content-length: 2\r\ncontent-length: 3\r\n\r\n{}";
    QTest::newRow("length list") << post + "content-length: 2, 2\r\n\r\n{}";
    QTest::newRow("length signed") << post + "content-length: +2\r\n\r\n{}";
    QTest::newRow("length hex") << post + "content-length: 0x2\r\n\r\n{}";
    QTest::newRow("length negative") << post + "content-length: -2\r\n\r\n{}";
    QTest::newRow("length too long") << post + "content-length: 99999999999999999999999\r\n\r\n{}";
    QTest::newRow("encoding unknown") << post + "transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n";
    QTest::newRow("encoding hidden") << post + "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n";
    QTest::newRow("folded line") << get + "x-a: 1\r\n b\r\n\r\n";
    QTest::newRow("bare LF line") << get + "x-a: 1\nx-b: 2\r\n\r\n";
    QTest::newRow("bare LF end") << QByteArray("GET / HTTP/1.1\n" + host + "\n\n");
    QTest::newRow("bare CR") << get + "x-a: 1\rx-b: 2\r\n\r\n";
    QTest::newRow("NUL") << get + QByteArray("x-a: 1\0", 7) + "2\r\n\r\n";
    QTest::newRow("space before colon") << get + "x-a : 1\r\n\r\n";
    QTest::newRow("no colon") << get + "x-a\r\n\r\n";
    QTest::newRow("no name") << get + ": 1\r\n\r\n";
    QTest::newRow("101 headers") << get + QByteArray("x-a: 1\r\n").repeated(99) + "\r\n";
    QTest::newRow("33 KiB") << get + "x-a: " + QByteArray(33 * 1024, 'a') + "\r\n\r\n";
    QTest::newRow("endless head") << get + "x-a: " + QByteArray(200 * 1024, 'a');
    QTest::newRow("version") << QByteArray("GET / HTTP/2.0\r\n" + host + "\r\n");
    QTest::newRow("no version") << QByteArray("GET /\r\n" + host + "\r\n");
    QTest::newRow("garbage") << QByteArray("\x16\x03\x01\x02\x00\x01\r\n\r\n");
    QTest::newRow("chunk size bad") << post + "transfer-encoding: chunked\r\n\r\nxyz\r\n";
    QTest::newRow("chunk size huge")
        << post + "transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n";
    QTest::newRow("chunk without end") << post + "transfer-encoding: chunked\r\n\r\n2\r\n{}x\r\n";
}

void TestThreats::t7Smuggling()
{
    QFETCH(QByteArray, bytes);
    const auto before = m_house->bill().requests;
    RawClient client(m_house->port());
    client.send(
        bytes.toStdString() + wireText(m_house->port(), {"GET", "/healthz", {}, {}, {}, {}}));
    const auto reply = client.receive();
    QVERIFY2(reply.status == 400 || reply.status == 413, std::to_string(reply.status).c_str());
    QCOMPARE(reply.header("connection"), std::string("close"));
    QCOMPARE(client.receive().status, 0); // what follows is never read as a request
    QCOMPARE(m_house->bill().requests, before);
    QVERIFY(stillServes());
}

// --- T8, T9

void TestThreats::t8SlowAndHuge()
{
    RawRequest request;
    request.key = m_house->key();
    request.extraHeaders = "content-type: application/json\r\n";
    // A body above the limit is refused by its declaration, before it is sent.
    RawClient large(m_house->port());
    large.send(fmt::format("POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n"
                           "x-api-key: {}\r\ncontent-type: application/json\r\n"
                           "content-length: 70000000\r\n\r\n",
        m_house->port(), m_house->key()));
    const auto reply = large.receive();
    QVERIFY(reply.status == 413);
    // Clients that open a connection and say nothing, or half a head, do not stop the others.
    std::vector<std::unique_ptr<RawClient>> silent;
    for (int i = 0; i < 200; ++i) {
        silent.push_back(std::make_unique<RawClient>(m_house->port()));
        silent.back()->send(i % 2 == 0 ? "" : "POST /v1/chat/comp");
    }
    QVERIFY(stillServes());
    // Deep and odd JSON is a clear refusal.
    request.body = chatBody("sim-small", "x", ",\"a\":" + std::string(100'000, '['));
    QCOMPARE(ask(m_house->port(), request).status, 400);
    QVERIFY(stillServes());
}

void TestThreats::t8BackPressure()
{
    std::atomic<std::int64_t> written{0};
    std::atomic<bool> finished{false};
    ScriptServer flood([&](const ScriptRequest&, ScriptLink& link) {
        link.write(streamHead());
        const auto event = chunk(":" + std::string(60'000, 'x') + "\n\n");
        for (int i = 0; i < 2'000; ++i) {
            if (!link.write(event)) {
                finished = true;
                return false;
            }
            written += static_cast<std::int64_t>(event.size());
        }
        finished = true;
        return false;
    });
    TestHouse house;
    house.addProvider(flood.url());
    RawRequest request;
    request.key = house.key();
    request.body = chatBody("m", "Hi.", R"(,"stream":true)");
    RawClient client(house.port());
    QVERIFY(client.send(wireText(house.port(), request)));
    // Nobody reads: the flood must come to a stand far below its 120 MB.
    std::int64_t last = -1;
    for (int i = 0; i < 100 && written.load() != last; ++i) {
        last = written.load();
        std::this_thread::sleep_for(std::chrono::milliseconds(150));
    }
    QVERIFY(!finished.load());
    QVERIFY2(written.load() < 40'000'000, std::to_string(written.load()).c_str());
    client.close();
}

void TestThreats::t9DeclaredSizes()
{
    TestHouse house;
    // A body shorter than declared is never acted on.
    {
        RawClient client(house.port());
        const auto body = chatBody("sim-small", "Hi.");
        client.send(fmt::format("POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n"
                                "x-api-key: {}\r\ncontent-type: application/json\r\n"
                                "content-length: {}\r\n\r\n{}",
            house.port(), house.key(), body.size() + 10, body));
        client.shutdownSend();
        QCOMPARE(client.receive().status, 0);
    }
    QCOMPARE(house.bill().requests, 0);
    // Absurd ceilings are bounded by the model and the money, not believed.
    QCOMPARE(house.chat(chatBody("sim-small", "Hi.", R"(,"max_tokens":-5)")).status, 400);
    QCOMPARE(house.chat(chatBody("sim-small", "Hi.", R"(,"max_tokens":1e300)")).status, 400);
    QCOMPARE(house.chat(chatBody("sim-small", "Hi.", R"(,"n":1000000)")).status, 400);
    const auto huge
        = house.chat(chatBody("sim-small", "Hi.", R"(,"max_tokens":9223372036854775807)"));
    QVERIFY(huge.status == 200 || huge.status == 400);
    // A provider that promises more than it sends.
    ScriptServer shorter([](const ScriptRequest&, ScriptLink& link) {
        link.write("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                   "content-length: 999999999999\r\n\r\n{");
        return false;
    });
    house.addProvider(shorter.url());
    QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 502);
    QVERIFY(house.waitIdle());
    QCOMPARE(house.held().nano(), 0);
}

// --- T11, T14

void TestThreats::t11ProviderIgnoresLimits()
{
    ScriptServer endless([](const ScriptRequest&, ScriptLink& link) {
        link.write(streamHead());
        for (int i = 0; i < 100'000; ++i) {
            if (!link.write(
                    chunk(deltaEvent("one two three four five six seven eight nine ten")))) {
                return false;
            }
        }
        return false;
    });
    TestHouse house;
    house.addProvider(endless.url());
    const auto reply = house.chat(chatBody("m", "Hi.", R"(,"stream":true,"max_tokens":100)"));
    QCOMPARE(reply.status, 200);
    QVERIFY(reply.complete);
    QVERIFY(reply.body.size() < 200'000);
    QVERIFY(reply.body.find("beyond the agreed ceiling") != std::string::npos);
    const auto rows = house.waitRows(1);
    QVERIFY(house.waitIdle());
    QVERIFY(rows[0].cost > rows[0].bound); // booked in full, above the hold
    QCOMPARE(rows[0].status, activity::Status::Cut);
}

void TestThreats::t14SecretsInAnswers()
{
    ScriptServer angry([](const ScriptRequest& request, ScriptLink& link) {
        const auto at = request.head.find("Bearer ") + 7;
        const auto key = request.head.substr(at, request.head.find("\r\n", at) - at);
        return link.write(httpReply(
            401, R"({"error":{"message":"Incorrect API key provided: )" + key + R"("}})"));
    });
    TestHouse house;
    house.addProvider(angry.url());
    const auto reply = house.chat(chatBody("m", "Hi."));
    QCOMPARE(reply.status, 502);
    QVERIFY(reply.body.find("sk-operator") == std::string::npos);
    QVERIFY(reply.body.find("refused Headgate's own key") != std::string::npos);
    const auto row = house.waitRows(1)[0];
    QVERIFY(row.error.find("sk-operator-secret") == std::string::npos);
    QVERIFY(row.attempts[0].error.find("sk-operator-secret") == std::string::npos);
    QCOMPARE(house.settled().nano(), 0);
}

// --- T18, T19

void TestThreats::t18ClientKeysOnlyInfer_data()
{
    QTest::addColumn<QString>("method");
    QTest::addColumn<QString>("target");
    QTest::newRow("pools") << "GET"
                           << "/pools";
    QTest::newRow("keys") << "POST"
                          << "/v1/keys";
    QTest::newRow("config") << "PUT"
                            << "/config";
    QTest::newRow("metrics") << "GET"
                             << "/metrics";
    QTest::newRow("decisions") << "GET"
                               << "/v1/decisions";
    QTest::newRow("traversal") << "GET"
                               << "/v1/models/../../etc/passwd";
    QTest::newRow("delete model") << "DELETE"
                                  << "/v1/models/sim-small";
    QTest::newRow("connect") << "CONNECT"
                             << "/v1/chat/completions";
}

void TestThreats::t18ClientKeysOnlyInfer()
{
    QFETCH(QString, method);
    QFETCH(QString, target);
    RawRequest request;
    request.method = method.toStdString();
    request.target = target.toStdString();
    request.key = m_house->key();
    const auto status = ask(m_house->port(), request).status;
    QVERIFY2(status == 404 || status == 405, std::to_string(status).c_str());
}

void TestThreats::t19PortTaken()
{
    const SystemClock clock;
    MemorySink sink;
    proxy::ProxyOptions options;
    options.port = m_house->port();
    options.sim.billPath = m_house->folder() + "/other-bill.log";
    const auto second = proxy::Proxy::start(
        options, std::make_shared<proxy::ProxyConfig>(), m_house->books(), sink, clock);
    QVERIFY2(!second, "two programs on one port");
    const auto text = second.error().text();
    QVERIFY(text.find(std::to_string(options.port)) != std::string::npos);
    QVERIFY(text.find("--listen") != std::string::npos);
    QVERIFY(stillServes());
}

// --- T24

namespace {

std::string agentBody(int steps, bool progress)
{
    std::string messages = R"({"role":"user","content":"Fix the build."})";
    for (int i = 0; i < steps; ++i) {
        messages += fmt::format(
            R"(,{{"role":"assistant","content":null,"tool_calls":[{{"id":"call_{}",)"
            R"("type":"function","function":{{"name":"run","arguments":"{{\"cmd\":\"make\"}}"}}}}]}})"
            R"(,{{"role":"tool","tool_call_id":"call_{}","content":"{}"}})",
            i, i, progress ? fmt::format("error {}", i) : std::string("error"));
    }
    return R"({"model":"sim-small","max_tokens":16,"messages":[)" + messages + "]}";
}

} // namespace

void TestThreats::t24RunawayAgent_data()
{
    QTest::addColumn<QString>("scope");
    QTest::newRow("a cap for each key") << QStringLiteral("each-key");
    QTest::newRow("a cap for each session") << QStringLiteral("each-session");
}

/// The caps of one key and one session stop it; what others share is left to them.
void TestThreats::t24RunawayAgent()
{
    QFETCH(QString, scope);
    HouseOptions options;
    options.cap = "0.01"; // shared
    options.pools.push_back(poolOf("one agent", scope.toStdString().c_str(), "lifetime", "0.001"));
    TestHouse house(options);
    auto config = house.config();
    proxy::ClientKey other;
    other.id = {8};
    other.name = "other";
    config.keysByHash.emplace(strongHashHex("hg-other"), other);
    house.reconfigure(config);
    int served = 0;
    RawReply reply;
    do { // different each time: no loop, only a lot
        const auto text = fmt::format("Write more, {}.", served);
        reply = house.chat(
            chatBody("sim-small", text, R"(,"max_tokens":64)"), "x-headgate-session: runaway\r\n");
    } while (reply.status == 200 && ++served < 1'000);
    QCOMPARE(reply.status, 402);
    QVERIFY(house.bill().total <= *Money::parse("0.001"));
    RawRequest request;
    request.key = "hg-other";
    request.body = chatBody("sim-small", "Hi.", R"(,"max_tokens":64)");
    request.extraHeaders = "x-headgate-session: calm\r\n";
    QCOMPARE(ask(house.port(), request).status, 200);
}

void TestThreats::t24LoopDetectorIsWired()
{
    TestHouse house;
    const auto body = chatBody("sim-small", "What next?", R"(,"max_tokens":16)");
    const std::string session = "x-headgate-session: agent\r\n";
    for (int i = 0; i < 20; ++i) {
        QCOMPARE(house.chat(body, session).status, 200);
        QVERIFY(house.waitIdle()); // booked, not only answered
    }
    const auto before = house.bill();
    const auto reply = house.chat(body, session);
    QCOMPARE(reply.status, 429);
    QCOMPARE(reply.header("x-should-retry"), std::string("false"));
    QVERIFY(reply.header("retry-after").empty());
    QVERIFY(reply.body.find("\"loop_detected\"") != std::string::npos);
    QVERIFY(reply.body.find("20 times within 120 seconds") != std::string::npos);
    QVERIFY(reply.body.find("headgate settings set") != std::string::npos);
    QCOMPARE(house.chat(body, session).status, 429);
    QCOMPARE(house.chat(body, "x-headgate-session: another\r\n").status, 200);
    QCOMPARE(house.chat(chatBody("sim-small", "Something else."), session).status, 200);
    QVERIFY(house.waitIdle());
    QCOMPARE(house.bill().requests, before.requests + 2);
    const auto row = house.waitRows(21)[20];
    QCOMPARE(row.status, activity::Status::Refused);
    QCOMPARE(row.outcome, std::string("refuse_loop"));
    QVERIFY(row.reason.find("goes round in circles") != std::string::npos);
    QCOMPARE(row.session, std::string("agent"));
    QCOMPARE(house.alerts().size(), std::size_t(1)); // once a loop, not once a request
    QVERIFY(house.alerts()[0].find("agent") != std::string::npos);
    // the same tool call with the same result; the ids differ as agents make them
    QCOMPARE(house.chat(agentBody(7, false)).status, 200);
    QCOMPARE(house.chat(agentBody(12, true)).status, 200);
    const auto circling = house.chat(agentBody(8, false));
    QCOMPARE(circling.status, 429);
    QVERIFY(circling.body.find("8 times in a row") != std::string::npos);
    QCOMPARE(house.alerts().size(), std::size_t(2));
    auto config = house.config(); // and the operator's switch works at once
    config.loops.on = false;
    house.reconfigure(config);
    QCOMPARE(house.chat(body, session).status, 200);
    QCOMPARE(house.chat(agentBody(8, false)).status, 200);
}

void TestThreats::t24OrdinaryTrafficIsNone()
{
    TestHouse house;
    const auto body = chatBody("sim-small", "ping", R"(,"max_tokens":8)");
    for (int i = 0; i < 60; ++i) { // a monitor, a batch job, a benchmark: no session
        QCOMPARE(house.chat(body).status, 200);
    }
    HouseOptions slow;
    slow.latencyPermille = 1'000;
    TestHouse patient(slow);
    std::vector<std::thread> threads;
    std::atomic<int> served{0};
    for (int i = 0; i < 40; ++i) { // samples of one prompt in one session, at once
        threads.emplace_back([&] {
            served += patient.chat(body, "x-headgate-session: samples\r\n").status == 200 ? 1 : 0;
        });
    }
    for (auto& thread : threads) {
        thread.join();
    }
    QCOMPARE(served.load(), 40);
    QVERIFY(house.alerts().empty());
    QVERIFY(patient.alerts().empty());
}

QTEST_GUILESS_MAIN(TestThreats)
#include "tst_threats.moc"
