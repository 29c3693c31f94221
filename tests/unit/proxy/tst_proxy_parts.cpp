// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/admission.h"
#include "core/proxy/identity.h"
#include "core/proxy/provider_error.h"
#include "core/proxy/request_ids.h"
#include "core/proxy/upstream_http.h"

#include "core/base/limits.h"

#include <QTest>

using namespace headgate;
using namespace headgate::proxy;

class TestProxyParts : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void baseUrls_data();
    void baseUrls();
    void routes_data();
    void routes();
    void identity();
    void hostileScopeValues();
    void providerErrors_data();
    void providerErrors();
    void overloaded_data();
    void overloaded();
    void requestIds();
};

void TestProxyParts::baseUrls_data()
{
    QTest::addColumn<QString>("url");
    QTest::addColumn<QString>("host"); // empty: refused
    QTest::addColumn<QString>("port");
    QTest::addColumn<QString>("path");
    for (const char* bad : {"", "ftp://a/", "http://", "http:///v1", "https://u:p@host/",
             "http://a b/", "http://a?x=1", "http://a#f", "http://[::1", "http://[::1]x",
             "http://a:x/", "http://a:123456", "http://a\\b", "file:///etc/passwd", "//host/v1"}) {
        QTest::newRow(bad) << QString::fromLatin1(bad) << QString() << QString() << QString();
    }
    QTest::newRow("plain") << "http://127.0.0.1:8000/v1/"
                           << "127.0.0.1"
                           << "8000"
                           << "/v1";
    QTest::newRow("tls") << "https://api.openai.com/v1"
                         << "api.openai.com"
                         << "443"
                         << "/v1";
    QTest::newRow("v6") << "http://[::1]:9"
                        << "::1"
                        << "9"
                        << "";
}

void TestProxyParts::baseUrls()
{
    QFETCH(QString, url);
    QFETCH(QString, host);
    QFETCH(QString, port);
    QFETCH(QString, path);
    const auto parsed = parseBaseUrl(url.toStdString());
    QCOMPARE(bool(parsed), !host.isEmpty());
    if (parsed) {
        QCOMPARE(parsed->host, host.toStdString());
        QCOMPARE(parsed->port, port.toStdString());
        QCOMPARE(parsed->path, path.toStdString());
    }
}

void TestProxyParts::routes_data()
{
    QTest::addColumn<QString>("target");
    QTest::addColumn<int>("route");
    QTest::addColumn<QString>("argument");
    const auto add = [](const char* target, Route route, const char* argument = "") {
        QTest::newRow(target) << QString::fromLatin1(target) << static_cast<int>(route)
                              << QString::fromLatin1(argument);
    };
    add("/", Route::Root);
    add("/v1", Route::Root);
    add("/v1/chat/completions?x=%2F", Route::Answer);
    add("/chat/completions/", Route::Answer);
    add("/v1/v1/chat/completions", Route::None);
    add("/chat/completionsx", Route::None);
    add("/CHAT/completions", Route::None);
    add("/v1/models", Route::Models);
    add("/models/openai%2Fgpt-4o", Route::Model, "openai/gpt-4o");
    add("/v1/models/llama3:8b", Route::Model, "llama3:8b");
    add("/v1/models/g:generateContent", Route::Answer);
    add("/healthz", Route::Health);
    add("/v1/embeddings", Route::Embeddings);
}

void TestProxyParts::routes()
{
    QFETCH(QString, target);
    QFETCH(int, route);
    QFETCH(QString, argument);
    const auto path = routePath(target.toStdString());
    QCOMPARE(static_cast<int>(path.route), route);
    QCOMPARE(path.argument, argument.toStdString());
}

void TestProxyParts::identity()
{
    ProxyConfig config;
    config.org = "acme";
    ClientKey key;
    key.name = "laptop";
    key.team = "search";
    key.tags = {"project:alpha"};
    RequestHead head;
    head.headers = {{"X-Headgate-Session", "s1"}, {"session-id", "s2"}, {"x-headgate-user", "eve"},
        {"x-headgate-tags", "project:beta, stage=test"}, {"x-headgate-priority", "High"}};
    wire::RequestView chat;
    chat.user = "body-user";
    chat.sessionId = "body-session";
    auto who = identityOf(config, key, head, chat);
    QCOMPARE(who.org, std::string("acme"));
    QCOMPARE(who.session, std::string("s1"));
    QCOMPARE(who.user, std::string("eve"));
    QCOMPARE(who.priority, ledger::Priority::High);
    const std::vector<std::string> tags{"project:alpha", "stage:test"}; // the key's own tag wins
    QCOMPARE(who.tags, tags);
    key.user = "alice";
    head.headers.clear();
    who = identityOf(config, key, head, chat);
    QCOMPARE(who.user, std::string("alice"));
    QCOMPARE(who.session, std::string("body-session"));
}

void TestProxyParts::hostileScopeValues()
{
    const std::string longA(limits::scopeValueBytesMax + 1, 'a');
    auto longB = longA;
    longB.back() = 'b';
    QVERIFY(scopeValue(longA) != scopeValue(longB)); // two long values never share an account
    QVERIFY(scopeValue(longA).size() <= limits::scopeValueBytesMax);
    QVERIFY(scopeValue("a\nb").find('\n') == std::string::npos);
    QCOMPARE(scopeValue("  x "), std::string("x"));
    QCOMPARE(printable("a\r\nset-cookie: x\x01", 100), std::string("a??set-cookie: x?"));
}

void TestProxyParts::providerErrors_data()
{
    QTest::addColumn<int>("status");
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<int>("told");
    QTest::addColumn<bool>("billed");
    QTest::addColumn<bool>("untouched");
    QTest::newRow("400") << 400 << QByteArray(R"({"error":{"message":"m"}})") << 400 << false
                         << false;
    QTest::newRow("401") << 401 << QByteArray("{}") << 502 << false << true;
    QTest::newRow("402") << 402 << QByteArray("{}") << 502 << false << true;
    QTest::newRow("quota") << 429 << QByteArray(R"({"error":{"code":"insufficient_quota"}})") << 502
                           << false << true;
    QTest::newRow("429") << 429 << QByteArray("busy") << 429 << false << true;
    QTest::newRow("500") << 500 << QByteArray("x") << 500 << true << false;
    QTest::newRow("503") << 503 << QByteArray("x") << 503 << false << true;
    QTest::newRow("529") << 529 << QByteArray("x") << 529 << true << false;
    QTest::newRow("302") << 302 << QByteArray() << 502 << false << false;
    QTest::newRow("999") << 999 << QByteArray() << 502 << true << false;
}

void TestProxyParts::providerErrors()
{
    QFETCH(int, status);
    QFETCH(QByteArray, body);
    QFETCH(int, told);
    QFETCH(bool, billed);
    QFETCH(bool, untouched);
    UpstreamHead head;
    head.status = status;
    head.headers.emplace_back("retry-after", "3600");
    const auto text = body.toStdString();
    const std::string name("p");
    const ProviderAnswer answer{name, head, text};
    const auto error = readProviderError(answer);
    QCOMPARE(error.reply.status, told);
    QCOMPARE(error.mayHaveBilled, billed);
    QCOMPARE(error.notProcessed, untouched);
    QVERIFY(error.reply.body.find("\"error\"") != std::string::npos);
    for (const auto& [header, value] : error.reply.headers) {
        QVERIFY(header != "retry-after" || std::stoi(value) <= 20);
    }
}

void TestProxyParts::overloaded_data()
{
    QTest::addColumn<int>("upstream");
    QTest::addColumn<QByteArray>("body");
    QTest::addColumn<bool>("untouched");
    const auto row = [](const char* name, wire::Dialect dialect, const char* body, bool untouched) {
        QTest::newRow(name) << static_cast<int>(dialect) << QByteArray(body) << untouched;
    };
    const char* overloaded
        = "{\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"}}";
    const char* other = "{\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\"}}";
    using wire::Dialect;
    row("no body", Dialect::Anthropic, "", false);
    row("no json", Dialect::Anthropic, "overloaded_error", false);
    row("cut json", Dialect::Anthropic, "{\"error\":{\"type\":\"overloaded_error\"", false);
    row("outside of error", Dialect::Anthropic, "{\"type\":\"overloaded_error\"}", false);
    row("only in the message", Dialect::Anthropic,
        "{\"error\":{\"type\":\"api_error\",\"message\":\"overloaded_error\"}}", false);
    row("another type", Dialect::Anthropic, other, false);
    row("another protocol", Dialect::Chat, overloaded, false);
    row("anthropic", Dialect::Anthropic, overloaded, true);
}

void TestProxyParts::overloaded()
{
    QFETCH(int, upstream);
    QFETCH(QByteArray, body);
    QFETCH(bool, untouched);
    for (const auto client : {wire::Dialect::Anthropic, wire::Dialect::Chat}) {
        UpstreamHead head;
        head.status = 529;
        head.headers.emplace_back("retry-after", "3600");
        const auto text = body.toStdString();
        const std::string name("p");
        ProviderAnswer answer{name, head, text};
        answer.upstream = static_cast<wire::Dialect>(upstream);
        answer.client = client;
        const auto error = readProviderError(answer);
        QCOMPARE(error.reply.status, 529);
        QCOMPARE(error.outcome.end, CallEnd::Overloaded);
        QCOMPARE(error.notProcessed, untouched);
        QCOMPARE(error.mayHaveBilled, !untouched);
        std::string said;
        for (const auto& [header, value] : error.reply.headers) {
            said += header + ": " + value + ";";
        }
        QCOMPARE(said, std::string(untouched ? "retry-after: 20;" : "x-should-retry: false;"));
    }
}

void TestProxyParts::requestIds()
{
    RequestIds ids;
    QVERIFY(ids.claim("a").fresh);
    QVERIFY(!ids.claim("a").fresh);
    QVERIFY(!ids.claim("a").refusal);
    wire::RefusalReply reply;
    reply.status = 402;
    ids.refused("a", reply);
    QCOMPARE(ids.claim("a").refusal->status, 402);
    for (int i = 0; i < 70'000; ++i) {
        QVERIFY(ids.claim("n" + std::to_string(i)).fresh);
    }
    QVERIFY(ids.claim("a").fresh); // bounded: the oldest are forgotten
}

QTEST_GUILESS_MAIN(TestProxyParts)
#include "tst_proxy_parts.moc"
