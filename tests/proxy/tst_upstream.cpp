// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// Providers that misbehave on the wire: what the client is told, what is charged, and that nothing
// is ever sent twice.

#include "support/script_server.h"
#include "support/test_house.h"

#include <fmt/format.h>

#include <QProcess>
#include <QTemporaryDir>
#include <QTest>

#include <thread>

using namespace headgate;
using namespace headgate::testing;

namespace {

using Script = ScriptServer::Script;

/// Writes `bytes` in slices of `size`.
bool writeSliced(ScriptLink& link, const std::string& bytes, std::size_t size)
{
    for (std::size_t at = 0; at < bytes.size(); at += size) {
        if (!link.write(bytes.substr(at, size))) {
            return false;
        }
    }
    return true;
}

std::string wholeStream(int completionTokens)
{
    return chunk(deltaEvent("hello")) + chunk(deltaEvent(" there")) + chunk(finishEvent())
        + chunk(usageEvent(10, completionTokens)) + chunk("data: [DONE]\n\n") + "0\r\n\r\n";
}

struct Case {
    const char* name;
    bool stream;
    Script script;
    int status;
    const char* outcome; ///< of the hold
};

std::vector<Case> cases()
{
    std::vector<Case> out;
    const auto say = [](std::string bytes, bool keep = false) -> Script {
        return [bytes, keep](
                   const ScriptRequest&, ScriptLink& link) { return link.write(bytes) && keep; };
    };
    const auto body = completion(10, 3);
    out.push_back({"whole", false, say(httpReply(200, body), true), 200, "settled"});
    out.push_back({"sliced by byte", false,
        [body](const ScriptRequest&, ScriptLink& link) {
            return writeSliced(link, httpReply(200, body), 1);
        },
        200, "settled"});
    out.push_back({"until close", false,
        say("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n" + body), 200, "settled"});
    out.push_back({"interim answer first", false,
        say("HTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + httpReply(200, body)), 200, "settled"});
    out.push_back({"chunked", false,
        say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + chunk(body.substr(0, 9))
            + chunk(body.substr(9)) + "0\r\nx-trailer: 1\r\n\r\n"),
        200, "settled"});
    out.push_back({"closes at once", false, say({}), 502, "unknown"});
    out.push_back({"half a head", false, say("HTTP/1.1 200 OK\r\ncont"), 502, "unknown"});
    out.push_back({"garbage head", false, say("SSH-2.0-OpenSSH_9.2\r\n\r\n"), 502, "unknown"});
    out.push_back({"garbage body", false, say(httpReply(200, "<html>")), 502, "unknown"});
    out.push_back({"short body", false,
        say("HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n" + body), 502, "unknown"});
    out.push_back({"bad chunk", false,
        say("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"), 502, "unknown"});
    out.push_back({"reset", false,
        [](const ScriptRequest&, ScriptLink& link) {
            link.reset();
            return false;
        },
        502, "unknown"});
    out.push_back({"no usage", false, say(httpReply(200, completion(0, -1))), 200, "estimated"});
    out.push_back(
        {"usage of nothing", false, say(httpReply(200, completion(0, 0))), 200, "estimated"});
    out.push_back({"redirect", false,
        say("HTTP/1.1 302 X\r\nlocation: /x\r\ncontent-length: 0\r\n\r\n"), 502, "settled"});
    out.push_back({"bad request", false,
        say(httpReply(400, R"({"error":{"message":"bad tool","type":"invalid_request_error"}})")),
        400, "settled"});
    out.push_back({"not its model", false, say(httpReply(404, "no")), 404, "settled"});
    out.push_back({"its key refused", false, say(httpReply(403, "no")), 502, "settled"});
    out.push_back({"its account empty", false,
        say(httpReply(429, R"({"error":{"message":"x","code":"insufficient_quota"}})")), 502,
        "settled"});
    out.push_back({"busy", false, say(httpReply(429, R"({"error":{"message":"slow down"}})")), 429,
        "settled"});
    out.push_back({"down", false, say(httpReply(503, "down")), 503, "settled"});
    out.push_back({"failed", false, say(httpReply(500, "oops")), 500, "estimated"});
    out.push_back({"gateway", false, say(httpReply(502, "oops")), 502, "estimated"});
    out.push_back({"stream", true, say(streamHead() + wholeStream(3), true), 200, "settled"});
    out.push_back({"stream sliced", true,
        [](const ScriptRequest&, ScriptLink& link) {
            return writeSliced(link, streamHead() + wholeStream(3), 3);
        },
        200, "settled"});
    out.push_back({"stream without usage", true,
        say(streamHead() + chunk(deltaEvent("hello")) + chunk(finishEvent())
            + chunk("data: [DONE]\n\n") + "0\r\n\r\n"),
        200, "estimated"});
    out.push_back(
        {"stream cut", true, say(streamHead() + chunk(deltaEvent("hello"))), 200, "estimated"});
    out.push_back({"stream cut after usage", true,
        say(streamHead() + chunk(deltaEvent("hello")) + chunk(finishEvent())
            + chunk(usageEvent(10, 3)) + chunk("data: [DONE]\n\n")),
        200, "settled"});
    out.push_back({"stream ends early", true,
        say(streamHead() + chunk(deltaEvent("hello")) + "0\r\n\r\n"), 200, "estimated"});
    out.push_back({"stream cut at once", true, say(streamHead()), 502, "unknown"});
    out.push_back({"stream stalls", true,
        [](const ScriptRequest&, ScriptLink& link) {
            link.write(streamHead() + chunk(deltaEvent("hello")));
            return !link.read().empty();
        },
        200, "unknown"});
    out.push_back({"stalls", false,
        [](const ScriptRequest&, ScriptLink& link) { return !link.read().empty(); }, 504,
        "unknown"});
    out.push_back({"answers a stream whole", true, say(httpReply(200, body)), 200, "settled"});
    return out;
}

} // namespace

class TestUpstream : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void misbehaviour_data();
    void misbehaviour();
    void errorsReachTheClient();
    void connectionRefused();
    void idleConnectionIsReused();
    void deadIdleConnectionIsNotUsed();
    void neverResends();
    void concurrencyLimit();
    void fallsBackOnlyWhenNothingWasSent();
    void tls();
};

void TestUpstream::misbehaviour_data()
{
    QTest::addColumn<int>("index");
    const auto all = cases();
    for (std::size_t i = 0; i < all.size(); ++i) {
        QTest::newRow(all[i].name) << static_cast<int>(i);
    }
}

void TestUpstream::misbehaviour()
{
    QFETCH(int, index);
    const auto one = cases()[static_cast<std::size_t>(index)];
    TestHouse house;
    ScriptServer server(one.script);
    house.addProvider(server.url());
    const auto reply = house.chat(chatBody("m", "Say hello.",
        one.stream ? R"(,"stream":true,"max_tokens":50)" : R"(,"max_tokens":50)"));
    QCOMPARE(reply.status, one.status);
    QVERIFY2(reply.complete, "never a silent close");
    const auto rows = house.waitRows(1);
    QVERIFY(house.waitIdle());
    QCOMPARE(rows[0].attempts.size(), std::size_t(1));
    QCOMPARE(rows[0].attempts[0].outcome, std::string(one.outcome));
    QCOMPARE(rows[0].cost.nano(), house.settled().nano());
    QCOMPARE(house.held().nano(), 0);
    QCOMPARE(server.requests(), 1);
    QVERIFY(rows[0].cost <= rows[0].bound);
    if (std::string(one.outcome) == "unknown") {
        QCOMPARE(rows[0].cost.nano(), rows[0].bound.nano());
    }
    if (one.stream && one.status == 200 && reply.header("content-type").find("event-stream") == 0) {
        QVERIFY(reply.body.find("data: [DONE]\n\n") != std::string::npos);
        QVERIFY2(reply.body.find("\"choices\":[]") == std::string::npos, "usage was not asked for");
    }
}

void TestUpstream::errorsReachTheClient()
{
    ScriptServer server([](const ScriptRequest&, ScriptLink& link) {
        return link.write(httpReply(400,
            R"({"error":{"message":"bad tool","type":"invalid_request_error","param":"tools"}})"));
    });
    TestHouse house;
    house.addProvider(server.url());
    const auto reply = house.chat(chatBody("m", "Hi."));
    QVERIFY(reply.body.find(R"("param":"tools")") != std::string::npos);
    QCOMPARE(reply.header("x-should-retry"), std::string("false"));
    QCOMPARE(house.waitRows(1)[0].status, activity::Status::Failed);
}

void TestUpstream::connectionRefused()
{
    int port = 0;
    {
        ScriptServer gone([](const ScriptRequest&, ScriptLink&) { return false; });
        port = gone.port();
    }
    TestHouse house;
    house.addProvider(fmt::format("http://127.0.0.1:{}/v1", port));
    const auto reply = house.chat(chatBody("m", "Hi."));
    QCOMPARE(reply.status, 502);
    QVERIFY(reply.body.find("cannot be reached") != std::string::npos);
    const auto rows = house.waitRows(1);
    QVERIFY(house.waitIdle());
    QCOMPARE(rows[0].attempts[0].outcome, std::string("released"));
    QCOMPARE(house.settled().nano(), 0);
}

void TestUpstream::idleConnectionIsReused()
{
    ScriptServer server([](const ScriptRequest&, ScriptLink& link) {
        return link.write(httpReply(200, completion(10, 3)));
    });
    HouseOptions options;
    options.threads = 1;
    TestHouse house(options);
    house.addProvider(server.url());
    for (int i = 0; i < 5; ++i) {
        QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 200);
    }
    QCOMPARE(server.requests(), 5);
    QCOMPARE(server.connections(), 1);
}

void TestUpstream::deadIdleConnectionIsNotUsed()
{
    ScriptServer server([](const ScriptRequest&, ScriptLink& link) {
        link.write(httpReply(200, completion(10, 3)));
        return false; // claims keep-alive, then closes
    });
    HouseOptions options;
    options.threads = 1;
    TestHouse house(options);
    house.addProvider(server.url());
    for (int i = 0; i < 5; ++i) {
        QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 200);
        std::this_thread::sleep_for(std::chrono::milliseconds(20)); // its FIN arrives
    }
    QCOMPARE(server.requests(), 5);
    QCOMPARE(server.connections(), 5);
}

void TestUpstream::neverResends()
{
    ScriptServer server([](const ScriptRequest& request, ScriptLink& link) {
        return request.number == 1 && link.write(httpReply(200, completion(10, 3)));
    });
    HouseOptions options;
    options.threads = 1;
    TestHouse house(options);
    house.addProvider(server.url());
    QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 200);
    QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 502); // closed after it was read
    QCOMPARE(server.requests(), 2);
}

void TestUpstream::concurrencyLimit()
{
    std::atomic<bool> go{false};
    ScriptServer server([&go](const ScriptRequest&, ScriptLink& link) {
        while (!go.load()) {
            std::this_thread::sleep_for(std::chrono::milliseconds(2));
        }
        return link.write(httpReply(200, completion(10, 3)));
    });
    TestHouse house;
    house.addProvider(server.url());
    auto config = house.config();
    config.catalog.providers.back().concurrencyMax = 1;
    config.catalog.providers.back().firstByteTimeoutMs = 20'000;
    house.reconfigure(config);
    std::thread first([&] { QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 200); });
    while (server.requests() == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    std::thread second([&] { QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 200); });
    QTest::qWait(300); // it waits in line, and its money is only held
    QCOMPARE(server.requests(), 1);
    go = true;
    first.join();
    second.join();
    QCOMPARE(server.requests(), 2);
    QVERIFY(house.waitIdle());
}

void TestUpstream::fallsBackOnlyWhenNothingWasSent()
{
    ScriptServer busy(
        [](const ScriptRequest&, ScriptLink& link) { return link.write(httpReply(503, "down")); });
    ScriptServer healthy([](const ScriptRequest&, ScriptLink& link) {
        return link.write(httpReply(200, completion(10, 3)));
    });
    TestHouse house;
    house.addProvider(busy.url());
    auto config = house.config();
    auto& sheet = config.catalog.models.back().prices.front();
    sheet.input = Price::fromPico(1'000); // the cheapest: auto tries it first
    sheet.output = Price::fromPico(1'000);
    house.reconfigure(config);
    const auto alone = house.chat(chatBody("auto", "Hi."));
    QCOMPARE(alone.status, 503); // nobody else: the provider's own word
    house.addProvider(healthy.url(), "other", "m2");
    house.proxy().health().forget(house.config().catalog.providers[1].name);
    const auto reply = house.chat(chatBody("auto", "Hi."));
    QCOMPARE(reply.status, 200);
    QCOMPARE(reply.header("x-headgate-model"), std::string("other/m2"));
    QCOMPARE(busy.requests(), 2);
    const auto row = house.waitRows(2)[1];
    QCOMPARE(row.attempts.size(), std::size_t(2));
    QCOMPARE(row.attempts[0].charged.nano(), 0);
    QVERIFY(house.waitIdle());
    QCOMPARE(house.settled().nano(), row.cost.nano());
    QCOMPARE(house.chat(chatBody("auto", "Hi.")).status, 200);
    QCOMPARE(busy.requests(), 2); // it cools down: not asked again
    QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 503); // a named model is never replaced
}

void TestUpstream::tls()
{
    QTemporaryDir dir;
    const auto run = [&dir](const QStringList& arguments) {
        QProcess process;
        process.setWorkingDirectory(dir.path());
        process.start(QStringLiteral("openssl"), arguments);
        return process.waitForFinished() && process.exitCode() == 0;
    };
    const auto selfSigned = [&run](const QString& name, const QString& address) {
        return run({QStringLiteral("req"), QStringLiteral("-x509"), QStringLiteral("-newkey"),
            QStringLiteral("ec"), QStringLiteral("-pkeyopt"),
            QStringLiteral("ec_paramgen_curve:prime256v1"), QStringLiteral("-nodes"),
            QStringLiteral("-keyout"), name + QStringLiteral(".key"), QStringLiteral("-out"),
            name + QStringLiteral(".pem"), QStringLiteral("-days"), QStringLiteral("2"),
            QStringLiteral("-subj"), QStringLiteral("/CN=headgate test"), QStringLiteral("-addext"),
            QStringLiteral("subjectAltName=IP:") + address});
    };
    if (!selfSigned(QStringLiteral("good"), QStringLiteral("127.0.0.1"))
        || !selfSigned(QStringLiteral("other"), QStringLiteral("127.0.0.9"))) {
        QSKIP("the openssl command is not here to make certificates");
    }
    const auto path = [&dir](const char* name) {
        return dir.filePath(QString::fromLatin1(name)).toStdString();
    };
    const auto script = [](const ScriptRequest&, ScriptLink& link) {
        return link.write(httpReply(200, completion(10, 3)));
    };
    ScriptServer good(script, {path("good.pem"), path("good.key")});
    ScriptServer wrongName(script, {path("other.pem"), path("other.key")});
    QFile both(dir.filePath(QStringLiteral("both.pem")));
    QVERIFY(both.open(QIODevice::WriteOnly));
    for (const char* name : {"good.pem", "other.pem"}) {
        QFile one(dir.filePath(QString::fromLatin1(name)));
        QVERIFY(one.open(QIODevice::ReadOnly));
        both.write(one.readAll());
    }
    both.close();
    {
        TestHouse house; // nobody trusts the certificate
        house.addProvider(good.url());
        const auto reply = house.chat(chatBody("m", "Hi."));
        QCOMPARE(reply.status, 502);
        QVERIFY(reply.body.find("TLS failed") != std::string::npos);
        QVERIFY(house.waitIdle());
        QCOMPARE(house.settled().nano(), 0);
        QCOMPARE(good.requests(), 0);
    }
    qputenv("SSL_CERT_FILE", QByteArray::fromStdString(path("both.pem")));
    {
        TestHouse house;
        house.addProvider(good.url());
        QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 200);
        QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 200);
        QCOMPARE(good.requests(), 2);
    }
    {
        TestHouse house; // trusted, but for another name
        house.addProvider(wrongName.url());
        QCOMPARE(house.chat(chatBody("m", "Hi.")).status, 502);
        QCOMPARE(wrongName.requests(), 0);
    }
    qunsetenv("SSL_CERT_FILE");
}

QTEST_GUILESS_MAIN(TestUpstream)
#include "tst_upstream.moc"
