// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// `models import https://…` from a server of the test, through the real program: what cannot be
// trusted, redirected, packed, too long or never ends changes nothing; a good list is shown, then
// applied, and each price keeps where it is from and when it was read.

#include <QFile>
#include <QJsonArray>
#include <QTemporaryDir>
#include <QTest>

#include "core/proxy/https_get.h"
#include "support/script_server.h"
#include "support/tunnel.h"
#include "tests/cli/headgate_process.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <thread>

using namespace headgate;
using namespace headgate::clitest;
using namespace headgate::testing;

namespace {

/// A LiteLLM list with one model, as dollars a token; ' stands for ".
std::string list(const std::string& input)
{
    std::string text = "{'gpt-9':{'litellm_provider':'openai','mode':'chat','input_cost_per_token':"
        + input + ",'output_cost_per_token':2e-06}}";
    std::replace(text.begin(), text.end(), '\'', '"');
    return text;
}

std::string replyWith(const std::string& head, const std::string& body)
{
    return "HTTP/1.1 " + head + fmt::format("content-length: {}\r\n\r\n", body.size()) + body;
}

QString text(const QJsonObject& row, const char* field)
{
    return row[QLatin1String(field)].toString();
}

/// What a path is answered with.
bool answer(const std::string& target, ScriptLink& link)
{
    if (target == "/prices.json?x=1") {
        return link.write(httpReply(200, list("1e-06")));
    }
    if (target == "/dearer.json") {
        return link.write(httpReply(200, list("3e-06")));
    }
    if (target == "/moved.json") {
        return link.write(replyWith("302 Found\r\nlocation: /prices.json?x=1\r\n", ""));
    }
    if (target == "/packed.json") {
        return link.write(
            replyWith("200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n",
                "\x1f\x8b\x08"));
    }
    if (target == "/page.html") {
        return link.write(httpReply(200, "<!doctype html><title>Hello</title>", "text/html"));
    }
    if (target == "/cut.json") {
        static_cast<void>(link.write("HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n{"));
        return false;
    }
    if (target == "/endless.json") { // more than any list has
        static_cast<void>(link.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"));
        const auto piece = chunk(std::string(1'000'000, ' '));
        while (link.write(piece)) { }
        return false;
    }
    if (target == "/slow.json") { // a byte now and then, for ever
        static_cast<void>(link.write("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"));
        while (link.write(chunk(" "))) {
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
        return false;
    }
    return link.write(httpReply(404, "not here", "text/plain"));
}

} // namespace

class TestCliImport : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void cleanupTestCase();
    void refused_data();
    void refused();
    void slowIsGivenUp();
    void unknownAuthority();
    void certificateOfAnotherName();
    void shownThenApplied();
    void plainHttpOfThisMachine();
    void booksPricesSayTheirDate();

private:
    [[nodiscard]] QString at(const char* path) const
    {
        return QStringLiteral("https://127.0.0.1:%1%2")
            .arg(m_server->port())
            .arg(QLatin1String(path));
    }
    [[nodiscard]] Ran import(const QString& url, const QStringList& more = {}) const
    {
        return m_home.run(QStringList{QStringLiteral("models"), QStringLiteral("import"), url,
                              QStringLiteral("--json")}
            + more);
    }
    [[nodiscard]] QJsonObject model(const char* id) const
    {
        for (const QJsonObject& row : m_home.json("models list").rows()) {
            if (text(row, "id") == QLatin1String(id)) {
                return row;
            }
        }
        return {};
    }

    QTemporaryDir m_dir;
    Home m_home;
    std::unique_ptr<ScriptServer> m_server;
    std::unique_ptr<ScriptServer> m_otherName;
    std::unique_ptr<Serving> m_serving;
    Certificate m_good;
};

void TestCliImport::initTestCase()
{
    ::signal(SIGPIPE, SIG_IGN); // clients leave in the middle of an answer
    m_good = makeCertificate(m_dir.path(), QStringLiteral("good"), QStringLiteral("IP:127.0.0.1"));
    const auto other
        = makeCertificate(m_dir.path(), QStringLiteral("other"), QStringLiteral("IP:127.0.0.9"));
    if (m_good.certificate.empty() || other.certificate.empty()) {
        QSKIP("the openssl command is not here to make certificates");
    }
    const auto script = [](const ScriptRequest& request, ScriptLink& link) {
        const auto end = request.head.find(' ', 4);
        return answer(request.head.substr(4, end - 4), link);
    };
    m_server = std::make_unique<ScriptServer>(
        script, ScriptServer::TlsFiles{m_good.certificate, m_good.key});
    m_otherName = std::make_unique<ScriptServer>(
        script, ScriptServer::TlsFiles{other.certificate, other.key});
    QByteArray both;
    for (const auto& path : {m_good.certificate, other.certificate}) {
        QFile file(QString::fromStdString(path));
        QVERIFY(file.open(QIODevice::ReadOnly));
        both += file.readAll();
    }
    m_home.setServeVariable(
        QStringLiteral("SSL_CERT_FILE"), m_home.write(QStringLiteral("both.pem"), both));
    QString why;
    m_serving = Serving::start(m_home, &why);
    QVERIFY2(m_serving != nullptr, qPrintable(why));
    QCOMPARE(m_home.run("providers add --name openai").code, 0);
}

void TestCliImport::cleanupTestCase()
{
    if (m_serving) {
        m_serving->signal(SIGTERM);
        QCOMPARE(m_serving->waitForEnd(), 0);
    }
}

void TestCliImport::refused_data()
{
    QTest::addColumn<QString>("url");
    QTest::addColumn<QByteArray>("said");
    const auto row = [](const char* name, const QString& url, const char* said) {
        QTest::newRow(name) << url << QByteArray(said);
    };
    row("redirect", at("/moved.json"), "redirects are not followed");
    row("not found", at("/none.json"), "status 404");
    row("packed", at("/packed.json"), "packed (gzip)");
    row("a page", at("/page.html"), "JSON");
    row("cut", at("/cut.json"), "cut off");
    row("too long", at("/endless.json"), "longer than any price list");
    row("nobody there", QStringLiteral("https://127.0.0.1:1/p.json"), "cannot be read");
    row("plain http", QStringLiteral("http://prices.example/p.json"), "Use the https:// address");
    row("metadata", QStringLiteral("https://169.254.169.254/p.json"), "metadata");
    row("metadata in IPv6", QStringLiteral("https://[::ffff:169.254.169.254]/p.json"), "metadata");
    row("metadata name", QStringLiteral("https://metadata.google.internal/p.json"), "metadata");
    row("link-local", QStringLiteral("https://[fe80::1]/p.json"), "link-local");
    row("plain link-local", QStringLiteral("http://169.254.1.1/p.json"), "link-local");
    row("user info", QStringLiteral("https://a:b@prices.example/p.json"), "user names");
    row("fragment", at("/prices.json#x"), "fragments");
    row("line break", at("/prices.json?a=1\r\nx-evil: 1"), "characters");
    row("bad port", QStringLiteral("https://prices.example:999999/p.json"), "port");
}

void TestCliImport::refused()
{
    QFETCH(QString, url);
    QFETCH(QByteArray, said);
    const auto before = m_home.json("config revisions --limit 1").row();
    const Ran ran = import(url, {QStringLiteral("--apply")});
    QCOMPARE(ran.code, 1);
    QVERIFY2(ran.err.contains(said), ran.err.constData());
    QVERIFY(ran.out.isEmpty());
    QCOMPARE(m_home.json("config revisions --limit 1").row(), before);
    QVERIFY(m_serving->isAlive());
}

/// The program itself waits a minute; here with less patience.
void TestCliImport::slowIsGivenUp()
{
    qputenv("SSL_CERT_FILE", QByteArray::fromStdString(m_good.certificate));
    const auto read = proxy::httpsGet(at("/slow.json").toStdString(), {1'000, 1'000'000});
    qunsetenv("SSL_CERT_FILE");
    QVERIFY(!read);
    QVERIFY2(read.error().text().find("in time") != std::string::npos, read.error().text().c_str());
}

void TestCliImport::unknownAuthority()
{
    const auto read = proxy::httpsGet(at("/prices.json?x=1").toStdString(), {20'000, 1'000'000});
    QVERIFY(!read);
    const auto said = read.error().text();
    QVERIFY2(said.find("SSL_CERT_FILE") != std::string::npos, said.c_str());
}

void TestCliImport::certificateOfAnotherName()
{
    const auto before = m_otherName->requests();
    const Ran ran
        = import(QStringLiteral("https://127.0.0.1:%1/prices.json").arg(m_otherName->port()));
    QCOMPARE(ran.code, 1);
    QVERIFY2(ran.err.contains("cannot be trusted"), ran.err.constData());
    QCOMPARE(m_otherName->requests(), before);
}

void TestCliImport::shownThenApplied()
{
    const QString url = at("/prices.json?x=1");
    const Ran shown = import(url);
    QVERIFY2(shown.code == 0, shown.err.constData());
    QCOMPARE(text(shown.rows().last(), "change"), QStringLiteral("not applied"));
    QVERIFY(model("openai/gpt-9").isEmpty());
    const Ran applied = import(url, {QStringLiteral("--apply")});
    QVERIFY2(applied.code == 0, applied.err.constData());
    QCOMPARE(text(applied.rows().last(), "change"), QStringLiteral("applied"));
    QJsonObject row = model("openai/gpt-9");
    QCOMPARE(text(row, "input_usd_per_million"), QStringLiteral("1.00"));
    QCOMPARE(text(row, "source"), QStringLiteral("LiteLLM (%1)").arg(url));
    QCOMPARE(text(row, "price_age"), QStringLiteral("today"));
    QVERIFY(row[QLatin1String("fetched_us")].toInteger() > 0);
    const Ran dearer = import(at("/dearer.json"), {QStringLiteral("--apply")});
    QVERIFY2(dearer.code == 0, dearer.err.constData());
    row = model("openai/gpt-9");
    QCOMPARE(text(row, "input_usd_per_million"), QStringLiteral("3.00"));
    QVERIFY(text(row, "source").contains(QStringLiteral("/dearer.json")));
    QCOMPARE(row[QLatin1String("prices")].toArray().size(), 2); // the old one is kept
    const auto asked = m_server->seen().back().head;
    QVERIFY2(asked.find("accept-encoding: identity") != std::string::npos, asked.c_str());
    QVERIFY2(asked.find("authorization") == std::string::npos, asked.c_str());
    const Ran people = m_home.run("models list");
    QVERIFY(people.out.contains("today"));
}

/// Nobody is between this program and a server on the same machine.
void TestCliImport::plainHttpOfThisMachine()
{
    ScriptServer plain([](const ScriptRequest&, ScriptLink& link) {
        return link.write(httpReply(200, list("3e-06")));
    });
    const Ran ran = import(QStringLiteral("http://127.0.0.1:%1/p.json").arg(plain.port()));
    QVERIFY2(ran.code == 0, ran.err.constData());
}

void TestCliImport::booksPricesSayTheirDate()
{
    int seen = 0;
    for (const QJsonObject& row : m_home.json("models list").rows()) {
        if (text(row, "provider") != QLatin1String("openai")) {
            continue;
        }
        ++seen;
        QVERIFY2(!text(row, "price_age").isEmpty(), qPrintable(text(row, "id")));
        for (const auto& price : row[QLatin1String("prices")].toArray()) {
            QVERIFY(!price[QLatin1String("source")].toString().isEmpty());
            QVERIFY(price[QLatin1String("fetched_us")].toInteger() > 0);
        }
    }
    QVERIFY(seen > 5);
}

QTEST_GUILESS_MAIN(TestCliImport)
#include "tst_cli_import.moc"
