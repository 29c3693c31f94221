// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The real process behind a company's proxy: HTTPS_PROXY and NO_PROXY of its environment, a tunnel
// with TLS verified through it, an authority of the company's own, and a proxy that refuses: said
// with its name, and nothing is billed.

#include <QTemporaryDir>
#include <QTest>

#include "support/script_server.h"
#include "support/tunnel.h"
#include "tests/cli/headgate_process.h"

#include <fmt/format.h>

#include <csignal>

using namespace headgate::clitest;
using namespace headgate::testing;

namespace {

/// "me:p@ss:1"
constexpr const char* basicAuth = "bWU6cEBzczox";

QStringList words(const char* text)
{
    return QString::fromUtf8(text).split(QLatin1Char(' '));
}

} // namespace

class TestCorporateProxy : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void cleanup();
    void throughTheTunnel_data();
    void throughTheTunnel();
    void passwordKeptApart();
    void exemptIsDirect();
    void unknownAuthority();
    void authorityOfAnotherName();
    void refusals_data();
    void refusals();

private:
    /// A fresh home that serves with these variables; its provider is https://api.headgate.test.
    void serve(std::initializer_list<std::pair<const char*, std::string>> variables)
    {
        m_home = std::make_unique<Home>();
        for (const char* name : {"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy",
                 "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy"}) {
            m_home->setServeVariable(QString::fromLatin1(name), QString());
        }
        for (const auto& [name, value] : variables) {
            m_home->setServeVariable(QString::fromLatin1(name), QString::fromStdString(value));
        }
        QString why;
        m_serving = Serving::start(*m_home, &why);
        QVERIFY2(m_serving != nullptr, qPrintable(why));
    }
    void addProvider(const std::string& caFile)
    {
        QStringList add = words("providers add --name far --url https://api.headgate.test/v1 "
                                "--proxy env --key-stdin");
        if (!caFile.empty()) {
            add << QStringLiteral("--ca-file") << QString::fromStdString(caFile);
        }
        const Ran added = m_home->run(add, "sk-far-12345678\n");
        QVERIFY2(added.code == 0, added.err.constData());
        QCOMPARE(
            m_home->run("models add --provider far --name m --tier 1 --input 1 --output 2").code,
            0);
    }
    [[nodiscard]] Answer call() const
    {
        return post(m_serving->port, m_serving->key, chatBody("far/m", "Hi.", 16));
    }
    void nothingIsBilled() const
    {
        const auto row = m_home->json("status").row();
        QCOMPARE(row[QLatin1String("held_usd")].toString().toDouble(), 0.0);
        QCOMPARE(row[QLatin1String("spent_today_usd")].toString().toDouble(), 0.0);
        QCOMPARE(m_home->run("ledger verify").code, 0);
    }
    [[nodiscard]] static std::string hostOf(const ScriptServer& server)
    {
        return fmt::format("127.0.0.1:{}", server.port());
    }

    QTemporaryDir m_dir;
    Certificate m_good;
    Certificate m_other;
    std::unique_ptr<ScriptServer> m_provider;
    std::unique_ptr<Home> m_home;
    std::unique_ptr<Serving> m_serving;
};

void TestCorporateProxy::initTestCase()
{
    ::signal(SIGPIPE, SIG_IGN); // tunnels end in the middle of an answer
    m_good = makeCertificate(
        m_dir.path(), QStringLiteral("good"), QStringLiteral("DNS:api.headgate.test"));
    m_other = makeCertificate(
        m_dir.path(), QStringLiteral("other"), QStringLiteral("DNS:other.headgate.test"));
    if (m_good.certificate.empty() || m_other.certificate.empty()) {
        QSKIP("the openssl command is not here to make certificates");
    }
    m_provider = std::make_unique<ScriptServer>(
        [](const ScriptRequest&, ScriptLink& link) {
            return link.write(httpReply(200, completion(10, 3)));
        },
        ScriptServer::TlsFiles{m_good.certificate, m_good.key});
}

void TestCorporateProxy::cleanup()
{
    if (m_serving) {
        m_serving->signal(SIGTERM);
        QCOMPARE(m_serving->waitForEnd(), 0);
        const QByteArray said = m_serving->errors();
        QVERIFY2(!said.contains("p@ss") && !said.contains("p%40ss"), said.constData());
    }
    m_serving.reset();
    m_home.reset();
}

void TestCorporateProxy::throughTheTunnel_data()
{
    QTest::addColumn<QByteArray>("variable");
    QTest::addColumn<QByteArray>("userInfo");
    QTest::newRow("upper case") << QByteArray("HTTPS_PROXY") << QByteArray();
    QTest::newRow("lower case") << QByteArray("https_proxy") << QByteArray();
    QTest::newRow("for all") << QByteArray("ALL_PROXY") << QByteArray();
    QTest::newRow("with password") << QByteArray("HTTPS_PROXY") << QByteArray("me:p%40ss%3A1@");
}

void TestCorporateProxy::throughTheTunnel()
{
    QFETCH(QByteArray, variable);
    QFETCH(QByteArray, userInfo);
    ScriptServer proxy(tunnelTo(m_provider->port(), userInfo.isEmpty() ? "" : basicAuth));
    serve({{variable.constData(), "http://" + userInfo.toStdString() + hostOf(proxy)},
        {"NO_PROXY", "elsewhere.test,10.0.0.0/8"}});
    addProvider(m_good.certificate);
    const auto before = m_provider->requests();
    const Answer answer = call();
    QVERIFY2(answer.status == 200, answer.body.c_str());
    QCOMPARE(call().status, 200);
    QCOMPARE(m_provider->requests(), before + 2);
    QVERIFY(proxy.requests() <= 2); // each loop of the program keeps its own tunnel
    const auto seen = proxy.seen().front().head;
    QVERIFY2(seen.starts_with("CONNECT api.headgate.test:443 HTTP/1.1\r\n"), seen.c_str());
    QVERIFY2(seen.find("sk-far") == std::string::npos, "the key outside of the tunnel");
    const auto inside = m_provider->seen().back().head;
    QVERIFY2(
        inside.find("authorization: Bearer sk-far-12345678") != std::string::npos, inside.c_str());
    QVERIFY2(inside.find("proxy-authorization") == std::string::npos, inside.c_str());
    QVERIFY2(inside.find("host: api.headgate.test\r\n") != std::string::npos, inside.c_str());
}

void TestCorporateProxy::passwordKeptApart()
{
    ScriptServer proxy(tunnelTo(m_provider->port(), basicAuth));
    serve({{"HTTPS_PROXY", "http://" + hostOf(proxy)}});
    addProvider(m_good.certificate);
    QCOMPARE(call().status, 502);
    qputenv("HEADGATE_TEST_PROXY_AUTH", "me:p@ss:1");
    QCOMPARE(m_home->run("providers set far --proxy-auth-env HEADGATE_TEST_PROXY_AUTH").code, 0);
    qunsetenv("HEADGATE_TEST_PROXY_AUTH");
    const Answer answer = call();
    QVERIFY2(answer.status == 200, answer.body.c_str());
    QVERIFY(!m_home->json("providers list").out.contains("p@ss"));
}

void TestCorporateProxy::exemptIsDirect()
{
    ScriptServer proxy(tunnelTo(m_provider->port()));
    serve({{"HTTPS_PROXY", "http://" + hostOf(proxy)}, {"no_proxy", ".headgate.test"}});
    addProvider(m_good.certificate);
    const Answer answer = call();
    QCOMPARE(answer.status, 502); // no such name outside of the tunnel
    QVERIFY2(answer.errorMessage().contains(QStringLiteral("api.headgate.test")),
        qPrintable(answer.errorMessage()));
    QCOMPARE(proxy.connections(), 0);
    nothingIsBilled();
}

void TestCorporateProxy::unknownAuthority()
{
    ScriptServer proxy(tunnelTo(m_provider->port()));
    serve({{"HTTPS_PROXY", "http://" + hostOf(proxy)}});
    addProvider({});
    const auto before = m_provider->requests();
    const Answer answer = call();
    QCOMPARE(answer.status, 502);
    QVERIFY2(answer.errorMessage().contains(QStringLiteral("--ca-file")),
        qPrintable(answer.errorMessage()));
    QCOMPARE(m_provider->requests(), before);
    nothingIsBilled();
    // What the message says to do helps.
    QCOMPARE(m_home
                 ->run(words("providers set far --ca-file")
                     << QString::fromStdString(m_good.certificate))
                 .code,
        0);
    QCOMPARE(m_home->run("providers clear far").code, 0);
    QCOMPARE(call().status, 200);
}

/// A proxy that looks into the traffic with a certificate for another name is not let in.
void TestCorporateProxy::authorityOfAnotherName()
{
    ScriptServer interceptor(
        [](const ScriptRequest&, ScriptLink& link) {
            return link.write(httpReply(200, completion(10, 3)));
        },
        ScriptServer::TlsFiles{m_other.certificate, m_other.key});
    ScriptServer proxy(tunnelTo(interceptor.port()));
    serve({{"HTTPS_PROXY", "http://" + hostOf(proxy)}});
    addProvider(m_other.certificate); // trusted, but not for this name
    const Answer answer = call();
    QCOMPARE(answer.status, 502);
    QVERIFY2(answer.errorMessage().contains(QStringLiteral("TLS failed")),
        qPrintable(answer.errorMessage()));
    QCOMPARE(interceptor.requests(), 0);
    nothingIsBilled();
}

void TestCorporateProxy::refusals_data()
{
    QTest::addColumn<QByteArray>("says");
    QTest::addColumn<QString>("told");
    QTest::newRow("407") << QByteArray("HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n")
                         << QStringLiteral("--proxy-auth-env");
    QTest::newRow("403") << QByteArray("HTTP/1.1 403 No\r\ncontent-length: 4\r\n\r\nnope")
                         << QStringLiteral("403");
    QTest::newRow("502") << QByteArray("HTTP/1.1 502 Bad Gateway\r\n\r\n") << QStringLiteral("502");
    QTest::newRow("redirect") << QByteArray("HTTP/1.1 302 Found\r\nlocation: http://x/\r\n\r\n")
                              << QStringLiteral("302");
    QTest::newRow("no proxy") << QByteArray("220 smtp.example ESMTP\r\n\r\n")
                              << QStringLiteral("does not answer like one");
    QTest::newRow("closes") << QByteArray() << QStringLiteral("broke off");
    QTest::newRow("speaks first") << QByteArray("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
                                  << QStringLiteral("refused");
    QTest::newRow("endless head") << "HTTP/1.1 200 OK\r\nx: " + QByteArray(1'000'000, 'v')
                                  << QStringLiteral("does not answer like one");
}

void TestCorporateProxy::refusals()
{
    QFETCH(QByteArray, says);
    QFETCH(QString, told);
    ScriptServer proxy([&says](const ScriptRequest&, ScriptLink& link) {
        static_cast<void>(link.write(says.toStdString()));
        return false;
    });
    serve({{"HTTPS_PROXY", "http://me:p%40ss%3A1@" + hostOf(proxy)}});
    addProvider(m_good.certificate);
    const Answer answer = call();
    QCOMPARE(answer.status, 502);
    const QString message = answer.errorMessage();
    QVERIFY2(message.contains(told), qPrintable(message));
    QVERIFY2(message.contains(QString::fromStdString(hostOf(proxy))), qPrintable(message));
    QVERIFY2(!message.contains(QStringLiteral("p@ss")), qPrintable(message));
    nothingIsBilled();
    QVERIFY(proxy.seen().front().head.find("sk-far") == std::string::npos);
}

QTEST_GUILESS_MAIN(TestCorporateProxy)
#include "tst_corporate_proxy.moc"
