// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The real process against those who send without end: bodies, heads, slow clients, providers that
// never stop. It goes on serving the others, and its memory stays bounded.

#include "core/base/limits.h"
#include "support/raw_client.h"
#include "support/script_server.h"
#include "tests/cli/headgate_process.h"

#include <fmt/format.h>

#include <QElapsedTimer>
#include <QFile>
#include <QTest>

#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>

using namespace headgate;
using namespace headgate::clitest;
using headgate::testing::RawClient;
using headgate::testing::ScriptLink;
using headgate::testing::ScriptRequest;
using headgate::testing::ScriptServer;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized = true; // their shadow memory says nothing about ours
#else
constexpr bool sanitized = false;
#endif

/// The most memory the process ever had resident, in MiB.
qint64 peakMiB(qint64 pid)
{
    QFile status(QStringLiteral("/proc/%1/status").arg(pid));
    if (!status.open(QIODevice::ReadOnly)) {
        return -1;
    }
    const QByteArray text = status.readAll();
    const auto at = text.indexOf("VmHWM:");
    return at < 0 ? -1
                  : text.mid(at + 6, text.indexOf("kB", at) - at - 6).trimmed().toLongLong() / 1024;
}

/// Sends pieces until the other side does not take them any more; what it took.
std::int64_t pourInto(RawClient& client, const std::string& piece, std::int64_t most)
{
    std::int64_t sent = 0;
    while (sent < most && client.send(piece)) {
        sent += static_cast<std::int64_t>(piece.size());
    }
    return sent;
}

bool waitUntil(const std::function<bool()>& holds, int timeoutMs)
{
    QElapsedTimer timer;
    timer.start();
    while (!holds()) {
        if (timer.elapsed() > timeoutMs) {
            return false;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    return true;
}

} // namespace

class TestRobustness : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void init();
    void cleanup();
    void hugeDeclaredBody();
    void hugeChunkedBody();
    void endlessHead_data();
    void endlessHead();
    void slowLoris();
    void manyIdleConnections();
    void endlessProvider_data();
    void endlessProvider();

private:
    [[nodiscard]] std::string headOf(const std::string& more) const
    {
        return fmt::format("POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n"
                           "x-api-key: {}\r\ncontent-type: application/json\r\n{}",
            m_serving->port, m_serving->key, more);
    }
    [[nodiscard]] bool stillServes() const
    {
        const auto body = chatBody("sim-small", "Hi.", 16);
        return m_serving->isAlive() && post(m_serving->port, m_serving->key, body).status == 200;
    }
    void verifyMemory(qint64 mostMiB) const
    {
        const auto peak = peakMiB(m_serving->pid());
        QVERIFY(peak > 0);
        qInfo("peak resident memory: %lld MiB", static_cast<long long>(peak));
        if (!sanitized) {
            QVERIFY2(peak < mostMiB, qPrintable(QStringLiteral("%1 MiB").arg(peak)));
        }
    }
    rlim_t m_files = 0;
    std::unique_ptr<Home> m_home;
    std::unique_ptr<Serving> m_serving;
};

void TestRobustness::initTestCase()
{
    // Both ends of a thousand connections: here, and inherited by the process under test.
    rlimit files{};
    QCOMPARE(::getrlimit(RLIMIT_NOFILE, &files), 0);
    files.rlim_cur
        = files.rlim_max == RLIM_INFINITY ? 8'192 : std::min<rlim_t>(files.rlim_max, 8'192);
    QCOMPARE(::setrlimit(RLIMIT_NOFILE, &files), 0);
    m_files = files.rlim_cur;
}

void TestRobustness::init()
{
    m_home = std::make_unique<Home>();
    QString why;
    m_serving = Serving::start(*m_home, &why);
    QVERIFY2(m_serving, qPrintable(why));
}

void TestRobustness::cleanup()
{
    if (m_serving) {
        m_serving->signal(SIGTERM);
        QCOMPARE(m_serving->waitForEnd(), 0);
    }
    m_serving.reset();
    m_home.reset();
}

void TestRobustness::hugeDeclaredBody()
{
    for (int i = 0; i < 5; ++i) {
        RawClient client(m_serving->port);
        QVERIFY(client.send(headOf("content-length: 104857600\r\n\r\n")));
        pourInto(client, std::string(1024 * 1024, ' '), 100LL * 1024 * 1024);
        const auto reply = client.receive();
        QVERIFY2(reply.status == 413 || reply.status == 0, std::to_string(reply.status).c_str());
    }
    QVERIFY(stillServes());
    verifyMemory(200);
}

void TestRobustness::hugeChunkedBody()
{
    RawClient client(m_serving->port);
    QVERIFY(client.send(headOf("transfer-encoding: chunked\r\n\r\n")));
    const auto piece = "100000\r\n" + std::string(1024 * 1024, ' ') + "\r\n";
    pourInto(client, piece, 100LL * 1024 * 1024);
    const auto reply = client.receive();
    QVERIFY2(reply.status == 413 || reply.status == 0, std::to_string(reply.status).c_str());
    QVERIFY(stillServes());
    verifyMemory(400); // a body is kept up to its limit, in a buffer that grew
}

void TestRobustness::endlessHead_data()
{
    QTest::addColumn<QByteArray>("begin");
    QTest::addColumn<QByteArray>("piece");
    QTest::newRow("method") << QByteArray() << QByteArray(1000, 'A');
    QTest::newRow("target") << QByteArray("GET /") << QByteArray(1000, 'a');
    QTest::newRow("lines") << QByteArray("GET / HTTP/1.1\r\n") << QByteArray("x-a: b\r\n");
    QTest::newRow("one value") << QByteArray("GET / HTTP/1.1\r\nx: ") << QByteArray(1000, 'v');
    QTest::newRow("line ends") << QByteArray() << QByteArray("\r\n");
    QTest::newRow("trailers") << QByteArray(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
        "transfer-encoding: chunked\r\n\r\n0\r\n")
                              << QByteArray("x-a: b\r\n");
}

void TestRobustness::endlessHead()
{
    QFETCH(QByteArray, begin);
    QFETCH(QByteArray, piece);
    RawClient client(m_serving->port);
    QVERIFY(client.send(begin.toStdString()));
    const std::int64_t most = 64LL * 1024 * 1024;
    const auto sent = pourInto(client, piece.repeated(64).toStdString(), most);
    QVERIFY2(sent < most, "it took a head without end");
    const auto reply = client.receive();
    QVERIFY2(reply.status == 0 || (reply.status >= 400 && reply.status < 500),
        std::to_string(reply.status).c_str());
    QVERIFY(stillServes());
    verifyMemory(200);
}

/// Fifty clients that send their head byte by byte and twenty their body: all are let go of in the
/// end, and the others are served meanwhile.
void TestRobustness::slowLoris()
{
    std::vector<std::unique_ptr<RawClient>> heads;
    std::vector<std::unique_ptr<RawClient>> bodies;
    for (int i = 0; i < 50; ++i) {
        heads.push_back(std::make_unique<RawClient>(m_serving->port));
        QVERIFY(heads.back()->send("GET / HTTP/1.1\r\nx: "));
    }
    for (int i = 0; i < 20; ++i) {
        bodies.push_back(std::make_unique<RawClient>(m_serving->port));
        QVERIFY(bodies.back()->send(headOf("content-length: 100000\r\n\r\n{")));
    }
    // A byte at a time until the other side has closed (its RST makes sending fail).
    const auto dripUntilClosed = [this](auto& clients, int timeoutMs) {
        return waitUntil(
            [&] {
                std::erase_if(clients, [](const auto& client) { return !client->send(" "); });
                return clients.empty();
            },
            timeoutMs);
    };
    QVERIFY(stillServes());
    QVERIFY2(dripUntilClosed(heads, 6 * limits::headTimeoutMs), "slow heads are kept for ever");
    QVERIFY(stillServes());
    QVERIFY2(dripUntilClosed(bodies, 3 * limits::bodyTimeoutMs), "slow bodies are kept for ever");
    QVERIFY(stillServes());
    verifyMemory(200);
}

void TestRobustness::manyIdleConnections()
{
    constexpr int count = 1'000;
    if (m_files < 2 * count) {
        QSKIP("too few files may be open here for a thousand connections");
    }
    QVERIFY(stillServes());
    const auto before = peakMiB(m_serving->pid());
    std::vector<std::unique_ptr<RawClient>> idle;
    for (int i = 0; i < count; ++i) {
        idle.push_back(std::make_unique<RawClient>(m_serving->port));
        QVERIFY(idle.back()->connected());
        if (i % 2 == 0) { // half of them after an answer, half before a request
            QVERIFY(idle.back()->send(fmt::format(
                "GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\r\n", m_serving->port)));
            QCOMPARE(idle.back()->receive().status, 200);
        }
    }
    QVERIFY(stillServes());
    verifyMemory(before + 50);
    for (std::size_t i = 0; i < idle.size(); i += 50) { // they are all still good
        QVERIFY(idle[i]->send(
            fmt::format("GET /healthz HTTP/1.1\r\nhost: 127.0.0.1:{}\r\n\r\n", m_serving->port)));
        QCOMPARE(idle[i]->receive().status, 200);
    }
}

void TestRobustness::endlessProvider_data()
{
    QTest::addColumn<QByteArray>("begin");
    QTest::addColumn<QByteArray>("piece");
    QTest::addColumn<bool>("stream");
    QTest::addColumn<QString>("dialect");
    const auto row = [](const char* name, const QByteArray& begin, const QByteArray& piece,
                         bool stream, const char* dialect = "openai") {
        QTest::newRow(name) << begin << piece << stream << QString::fromLatin1(dialect);
    };
    const QByteArray chunked("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n");
    const QByteArray json = chunked + "content-type: application/json\r\n\r\n";
    const QByteArray events = chunked + "content-type: text/event-stream\r\n\r\n";
    const auto chunk = [](const QByteArray& bytes) {
        return QByteArray::number(bytes.size(), 16) + "\r\n" + bytes + "\r\n";
    };
    const QByteArray delta(R"(data: {"choices":[{"index":0,"delta":{"content":"more and more"}}]})"
                           "\n\n");
    const QByteArray lines = chunked + "content-type: application/x-ndjson\r\n\r\n";
    const QByteArray line(
        R"({"model":"m","message":{"role":"assistant","content":"more"},"done":false})"
        "\n");
    row("status line", "HTTP/1.1 200 ", QByteArray(10'000, 'O'), false);
    row("head lines", "HTTP/1.1 200 OK\r\n", QByteArray("x-a: b\r\n").repeated(500), false);
    row("one header", "HTTP/1.1 200 OK\r\nx: ", QByteArray(10'000, 'v'), false);
    row("interim answers", {}, QByteArray("HTTP/1.1 100 Continue\r\n\r\n").repeated(100), false);
    row("body", json + chunk("{\"a\":\""), chunk(QByteArray(1'000'000, 'x')), false);
    row("body without a length", "HTTP/1.1 200 OK\r\n\r\n{\"a\":\"", QByteArray(1'000'000, 'x'),
        false);
    row("error body", "HTTP/1.1 500 No\r\n\r\n{\"a\":\"", QByteArray(1'000'000, 'x'), false);
    row("one event", events + chunk("data: "), chunk(QByteArray(100'000, 'x')), true);
    row("data lines", events, chunk(QByteArray("data: x\n").repeated(10'000)), true);
    row("deltas", events, chunk(delta.repeated(1'000)), true);
    row("comments", events, chunk(QByteArray(": still here\n\n").repeated(5'000)), true);
    row("chunk extension", events + "1;", QByteArray(10'000, 'e'), true);
    row("chunks of one byte", events, QByteArray("1\r\nx\r\n").repeated(10'000), true);
    row("one NDJSON line", lines + chunk("{\"model\":\""), chunk(QByteArray(100'000, 'x')), true,
        "ollama");
    row("NDJSON lines", lines, chunk(line.repeated(1'000)), true, "ollama");
    row("one event to translate", events + chunk("data: "), chunk(QByteArray(100'000, 'x')), true,
        "anthropic");
}

void TestRobustness::endlessProvider()
{
    QFETCH(QByteArray, begin);
    QFETCH(QByteArray, piece);
    QFETCH(bool, stream);
    QFETCH(QString, dialect);
    std::atomic<bool> stopped{false};
    const auto bytes = piece.toStdString();
    ScriptServer endless([&](const ScriptRequest&, ScriptLink& link) {
        link.write(begin.toStdString());
        while (!stopped && link.write(bytes)) { }
        return false;
    });
    QVERIFY(
        m_home
            ->run({QStringLiteral("providers"), QStringLiteral("add"), QStringLiteral("--name"),
                QStringLiteral("endless"), QStringLiteral("--dialect"), dialect,
                QStringLiteral("--url"),
                QStringLiteral("http://127.0.0.1:%1%2")
                    .arg(endless.port())
                    .arg(dialect == QLatin1String("ollama") ? QString() : QStringLiteral("/v1"))})
            .code
        == 0);
    QVERIFY(m_home->run("models add --provider endless --name m --tier 1 --input 1 --output 2").code
        == 0);
    RawClient client(m_serving->port, 120'000);
    const auto body = chatBody("m", "Hi.", 100, stream ? R"("stream":true)" : "");
    QVERIFY(client.send(headOf(fmt::format("content-length: {}\r\n\r\n{}", body.size(), body))));
    const auto reply = client.receive(); // to its end: the proxy ends it, not the provider
    QVERIFY2(reply.status == 502 || reply.status == 500 || (stream && reply.status == 200),
        std::to_string(reply.status).c_str());
    if (reply.status == 200) {
        QVERIFY2(reply.body.find("\"error\"") != std::string::npos, "cut without a word");
    }
    QVERIFY2(
        waitUntil(
            [this] {
                return m_home->json("status").row()[QLatin1String("held_usd")].toString().toDouble()
                    == 0;
            },
            3 * limits::drainTimeoutMs),
        "the hold is never settled");
    stopped = true;
    QVERIFY(stillServes());
    verifyMemory(700); // a whole answer may be kept up to limits::answerBytesMax
}

QTEST_GUILESS_MAIN(TestRobustness)
#include "tst_robustness.moc"
