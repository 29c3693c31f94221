// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// Providers, their keys and their stand-ins from the command line, with a program serving and
// without; `wire check` over captured and over broken payloads. Bad input changes nothing.

#include "tests/cli/headgate_process.h"

#include <QDir>
#include <QFile>
#include <QJsonArray>
#include <QTest>

using namespace headgate::clitest;

namespace {

/// "a|b|c" as words: they may hold spaces.
QStringList words(const char* text)
{
    return QString::fromUtf8(text).split(QLatin1Char('|'));
}

QString text(const QJsonObject& row, const char* field)
{
    return row[QLatin1String(field)].toString();
}

QStringList labels(const QJsonObject& row)
{
    QStringList out;
    for (const auto& key : row[QLatin1String("keys")].toArray()) {
        out << key[QLatin1String("label")].toString();
    }
    return out;
}

QString samplesDir()
{
    const QByteArray shared = qgetenv("HEADGATE_SHARED");
    return QDir(
        QString::fromUtf8(shared.isEmpty() ? QByteArray(HEADGATE_SOURCE_DIR "/../shared") : shared))
        .filePath(QStringLiteral("data/wire-samples"));
}

} // namespace

class TestCliProviders : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase_data();
    void initTestCase();
    void badInputChangesNothing_data();
    void badInputChangesNothing();
    void keysThatCannotBeOne_data();
    void keysThatCannotBeOne();
    void presetsNeedNoAddress_data();
    void presetsNeedNoAddress();
    void everyFieldIsKept();
    void keysComeAndGo();
    void aChangeIsWholeOrNot();
    void standInsAreNamed();
    void clearForgets();
    void removedWithItsModels();
    void tablesForPeople();
    void wireCheckOfNothing_data();
    void wireCheckOfNothing();
    void wireCheckSaysWhatIsWrong();
    void wireCheckOfTheSamples();

private:
    struct World {
        Home home;
        std::unique_ptr<Serving> serving;
    };
    /// The world of this run: the same verbs with a program serving and without.
    [[nodiscard]] Home& home()
    {
        QFETCH_GLOBAL(bool, served);
        return (served ? m_served : m_alone).home;
    }
    [[nodiscard]] QJsonObject provider(const char* name)
    {
        for (const QJsonObject& row : home().json("providers list").rows()) {
            if (text(row, "name") == QLatin1String(name)) {
                return row;
            }
        }
        return {};
    }
    [[nodiscard]] QJsonObject model(const char* id)
    {
        for (const QJsonObject& row : home().json("models list").rows()) {
            if (text(row, "id") == QLatin1String(id)) {
                return row;
            }
        }
        return {};
    }
    [[nodiscard]] QJsonObject newest() { return home().json("config revisions --limit 1").row(); }
    [[nodiscard]] Ran withKey(const char* verb, const QByteArray& key)
    {
        return home().run(
            words(verb) << QStringLiteral("--key-stdin") << QStringLiteral("--json"), key + "\n");
    }

    World m_served;
    World m_alone;
};

#define RUNS(ran)                                                                                  \
    do {                                                                                           \
        const Ran ranHere = (ran);                                                                 \
        QVERIFY2(ranHere.code == 0, (#ran ": " + ranHere.err).constData());                        \
    } while (false)

void TestCliProviders::initTestCase_data()
{
    QTest::addColumn<bool>("served");
    QTest::newRow("served") << true;
    QTest::newRow("alone") << false;
}

void TestCliProviders::initTestCase()
{
    QString why;
    m_served.serving = Serving::start(m_served.home, &why);
    QVERIFY2(m_served.serving != nullptr, qPrintable(why));
    for (World* world : {&m_served, &m_alone}) {
        RUNS(world->home.run("providers add --name local --url http://127.0.0.1:9/v1"));
        RUNS(world->home.run(
            words("providers|set|local|--key-stdin"), QByteArrayLiteral("sk-local-1234567890\n")));
        for (const char* name : {"a", "b", "c", "d", "e", "f"}) {
            RUNS(world->home.run(words("models|add|--provider|local|--tier|1|--input|1|"
                                       "--output|2|--name")
                << QString::fromLatin1(name)));
        }
    }
}

void TestCliProviders::badInputChangesNothing_data()
{
    QTest::addColumn<QStringList>("args");
    QTest::addColumn<int>("code");
    QTest::addColumn<QByteArray>("said");
    const auto row = [](const char* args, int code, const char* said) {
        QTest::newRow(args) << words(args) << code << QByteArray(said);
    };
    row("providers|add|--name|grok", 1, "Did you mean \"groq\"?");
    row("providers|add|--name|antropic", 1, "Did you mean \"anthropic\"?");
    row("providers|add|--name|something-else", 1, "Give --url");
    row("providers|add|--name|groq|--dialect|gemini", 1, "Give --url");
    row("providers|add|--name|local|--url|http://127.0.0.1:9/v1", 1, "already");
    row("providers|add|--name|Upper|--url|https://x.example/v1", 1, "lower-case");
    row("providers|add|--name|a b|--url|https://x.example/v1", 1, "lower-case");
    row("providers|add|--name||--url|https://x.example/v1", 1, "name");
    row("providers|add|--name|x|--url|ftp://x.example/v1", 1, "https://");
    row("providers|add|--name|x|--url|https://", 1, "host");
    row("providers|add|--name|x|--url|https://x.example:99999/v1", 1, "port");
    row("providers|add|--name|x|--url|https://me:pw@x.example/v1", 1, "user name");
    row("providers|add|--name|x|--url|https://x.example/v1?key=1", 1, "query");
    row("providers|add|--name|x|--url|http://x.example/v1", 1, "https://");
    row("providers|add|--name|x|--url|http://169.254.169.254/v1", 1, "link-local");
    row("providers|add|--name|x|--url|https://169.254.0.1/v1", 1, "link-local");
    row("providers|add|--name|x|--url|https://metadata.google.internal/v1", 1, "link-local");
    row("providers|add|--name|x|--url|https://[fe80::1]/v1", 1, "link-local");
    row("providers|add|--name|x|--url|https://[fd00:ec2::254]/v1", 1, "link-local");
    row("providers|add|--name|x|--url|https://[::ffff:169.254.169.254]/v1", 1, "link-local");
    row("providers|add|--name|x|--url|https://100.100.100.200/v1", 1, "link-local");
    row("providers|add|--name|x|--dialect|smoke|--url|https://x.example/v1", 2, "dialect");
    row("providers|set|local|--concurrency|-1", 2, "whole number");
    row("providers|set|local|--concurrency|1.5", 2, "whole number");
    row("providers|set|local|--concurrency|10001", 1, "10000");
    row("providers|set|local|--connect-timeout|-5", 2, "whole number");
    row("providers|set|local|--idle-timeout|3600001", 1, "3600000");
    row("providers|set|local|--first-byte-timeout|99999999999999999999", 2, "whole number");
    row("providers|set|local|--key-rotation|random", 2, "failover");
    row("providers|set|local|--ceiling-field|tokens", 2, "max_tokens");
    row("providers|set|local|--needs-key|perhaps", 2, "yes nor no");
    row("providers|set|local|--proxy|ftp://proxy:1", 1, "http://host:port");
    row("providers|set|local|--proxy|http://me:pw@proxy:1", 1, "--proxy-auth-env");
    row("providers|set|local|--ca-file|relative.pem", 1, "full path");
    row("providers|set|local|--key-env|HEADGATE_NO_SUCH_VARIABLE", 1, "is empty");
    row("providers|set|local|--proxy-auth-env|HEADGATE_NO_SUCH_VARIABLE", 1, "is empty");
    row("providers|set|local|--key-env|HOME|--key-stdin", 2, "not both");
    row("providers|set|locla|--concurrency|2", 1, "Did you mean \"local\"?");
    row("providers|add-key|locla|--key-env|HOME", 1, "Did you mean \"local\"?");
    row("providers|remove-key|locla|key2", 1, "Did you mean \"local\"?");
    row("providers|remove-key|local|no-such", 1, "has no key \"no-such\"");
    row("providers|clear|locla", 1, "Did you mean \"local\"?");
    row("providers|test|locla", 1, "Did you mean \"local\"?");
    row("providers|remove|locla", 1, "Did you mean \"local\"?");
    row("providers|remove|nothing-like-it", 1, "headgate providers list");
    row("models|set|local/a|--fallback|local/a", 1, "the same");
    row("models|set|local/a|--fallback|local/b,local/zzz", 1, "no such model");
    row("models|set|local/a|--fallback|local/b,local/b", 1, "twice");
    row("models|set|local/a|--fallback|,", 1, "cannot stand in");
    row("models|set|local/a|--fallback|b,c,d,e,f", 1, "At most");
    row("models|set|local/zzz|--fallback|local/b", 1, "There is no model");
    row("models|set|sim/sim-smal|--fallback|local/b", 1, "Did you mean \"sim/sim-small\"");
}

void TestCliProviders::badInputChangesNothing()
{
    QFETCH(QStringList, args);
    QFETCH(int, code);
    QFETCH(QByteArray, said);
    const auto before = newest();
    QFETCH_GLOBAL(bool, served);
    const Ran ran = home().run(served ? args + QStringList(QStringLiteral("--json")) : args);
    QCOMPARE(ran.code, code);
    QVERIFY2(ran.err.contains(said), ran.err.constData());
    QVERIFY2(ran.out.isEmpty(), ran.out.constData());
    QCOMPARE(newest(), before);
    QCOMPARE(provider("local")[QLatin1String("has_key")].toBool(), true);
    QCOMPARE(text(provider("local"), "url"), QStringLiteral("http://127.0.0.1:9/v1"));
}

void TestCliProviders::keysThatCannotBeOne_data()
{
    QTest::addColumn<QByteArray>("key");
    QTest::newRow("empty") << QByteArray();
    QTest::newRow("blanks") << QByteArray("   ");
    QTest::newRow("space inside") << QByteArray("sk-one two");
    QTest::newRow("header") << QByteArray("sk-one\rx-evil: 1");
    QTest::newRow("control") << QByteArray("sk-\x01-1");
    QTest::newRow("not ASCII") << QByteArray("sk-\xc3\xa4");
    QTest::newRow("huge") << QByteArray(9'000, 'k');
    QTest::newRow("the same again") << QByteArray("sk-local-1234567890");
}

void TestCliProviders::keysThatCannotBeOne()
{
    QFETCH(QByteArray, key);
    const auto before = newest();
    const auto refused = withKey("providers|add-key|local", key);
    QVERIFY2(refused.code == 1 || refused.code == 2, refused.out.constData());
    QVERIFY(!refused.err.isEmpty());
    QVERIFY2(key.trimmed().isEmpty() || !refused.err.contains(key), refused.err.constData());
    if (QByteArray(QTest::currentDataTag()) != "the same again") {
        QVERIFY(withKey("providers|set|local", key).code != 0);
        QVERIFY(withKey("providers|add|--name|groq", key).code != 0);
    }
    QCOMPARE(newest(), before);
    QCOMPARE(labels(provider("local")), QStringList(QStringLiteral("key")));
    QCOMPARE(text(provider("local"), "key_hint"), QStringLiteral("…7890"));
}

void TestCliProviders::presetsNeedNoAddress_data()
{
    QTest::addColumn<QString>("dialect");
    QTest::addColumn<QString>("url");
    const auto row = [](const char* name, const char* dialect, const char* url) {
        QTest::newRow(name) << QString::fromLatin1(dialect) << QString::fromLatin1(url);
    };
    row("openai", "openai", "https://api.openai.com/v1");
    row("anthropic", "anthropic", "https://api.anthropic.com/v1");
    row("google", "gemini", "https://generativelanguage.googleapis.com/v1beta");
    row("openrouter", "openai", "https://openrouter.ai/api/v1");
    row("groq", "openai", "https://api.groq.com/openai/v1");
    row("mistral", "openai", "https://api.mistral.ai/v1");
    row("deepseek", "openai", "https://api.deepseek.com/v1");
    row("xai", "openai", "https://api.x.ai/v1");
    row("together", "openai", "https://api.together.xyz/v1");
    row("vllm", "openai", "http://127.0.0.1:8000/v1");
    row("litellm", "openai", "http://127.0.0.1:4000/v1");
    row("lmstudio", "openai", "http://127.0.0.1:1234/v1");
    row("ollama", "ollama", "http://127.0.0.1:11434");
}

void TestCliProviders::presetsNeedNoAddress()
{
    QFETCH(QString, dialect);
    QFETCH(QString, url);
    const QString name = QString::fromLatin1(QTest::currentDataTag());
    const Ran added = home().run({QStringLiteral("providers"), QStringLiteral("add"),
        QStringLiteral("--name"), name, QStringLiteral("--json")});
    QVERIFY2(added.code == 0, added.err.constData());
    QCOMPARE(text(added.row(), "dialect"), dialect);
    QCOMPARE(text(added.row(), "url"), url);
    QCOMPARE(added.row()[QLatin1String("has_key")].toBool(true), false);
    QCOMPARE(home().run({QStringLiteral("providers"), QStringLiteral("remove"), name}).code, 0);
    QVERIFY(provider(QTest::currentDataTag()).isEmpty());
}

void TestCliProviders::everyFieldIsKept()
{
    RUNS(home().run("providers add --name full --url https://full.example/v1/ --concurrency 7 "
                    "--connect-timeout 1000 --first-byte-timeout 2000 --idle-timeout 3000 "
                    "--proxy http://proxy.example:3128 --ca-file /etc/ssl/own.pem --responses yes "
                    "--stream-options no --ceiling-field max_completion_tokens --needs-key no "
                    "--key-rotation round-robin"));
    QJsonObject row = provider("full");
    QCOMPARE(text(row, "url"), QStringLiteral("https://full.example/v1"));
    QCOMPARE(row[QLatin1String("concurrency")].toInt(), 7);
    QCOMPARE(row[QLatin1String("connect_timeout_ms")].toInt(), 1000);
    QCOMPARE(row[QLatin1String("first_byte_timeout_ms")].toInt(), 2000);
    QCOMPARE(row[QLatin1String("idle_timeout_ms")].toInt(), 3000);
    QCOMPARE(text(row, "proxy"), QStringLiteral("http://proxy.example:3128"));
    QCOMPARE(text(row, "ca_file"), QStringLiteral("/etc/ssl/own.pem"));
    QCOMPARE(row[QLatin1String("responses")].toBool(), true);
    QCOMPARE(row[QLatin1String("stream_options")].toBool(true), false);
    QCOMPARE(row[QLatin1String("needs_key")].toBool(true), false);
    QCOMPARE(text(row, "ceiling_field"), QStringLiteral("max_completion_tokens"));
    QCOMPARE(text(row, "key_rotation"), QStringLiteral("round-robin"));
    // What is not named stays; 0 and "none" go back to the default.
    RUNS(home().run("providers set full --concurrency 0 --proxy none"));
    row = provider("full");
    QCOMPARE(row[QLatin1String("concurrency")].toInt(-1), 0);
    QCOMPARE(text(row, "proxy"), QString());
    QCOMPARE(row[QLatin1String("idle_timeout_ms")].toInt(), 3000);
    QCOMPARE(text(row, "ca_file"), QStringLiteral("/etc/ssl/own.pem"));
    RUNS(home().run("providers remove full"));
}

void TestCliProviders::keysComeAndGo()
{
    RUNS(home().run("providers add --name keyed --url https://keyed.example/v1"));
    QVERIFY(withKey("providers|add-key|keyed", "sk-second-22222222").err.contains("first key"));
    RUNS(withKey("providers|set|keyed", "sk-first-11111111"));
    QCOMPARE(text(provider("keyed"), "key_hint"), QStringLiteral("…1111"));
    RUNS(withKey("providers|add-key|keyed", "sk-second-22222222"));
    RUNS(withKey("providers|add-key|keyed|--label|spare", "sk-third-33333333"));
    const QStringList three{QStringLiteral("key"), QStringLiteral("key2"), QStringLiteral("spare")};
    QCOMPARE(labels(provider("keyed")), three);
    QVERIFY(withKey("providers|add-key|keyed|--label|spare", "sk-fourth-4444444").code == 1);
    const Ran twice = withKey("providers|add-key|keyed", "sk-second-22222222");
    QVERIFY2(twice.err.contains("already, as \"key2\""), twice.err.constData());
    QCOMPARE(labels(provider("keyed")), three);
    // Rotation: a new first key in the place of the old one, the others stay.
    RUNS(withKey("providers|set|keyed", "sk-newer-99999999"));
    QCOMPARE(text(provider("keyed"), "key_hint"), QStringLiteral("…9999"));
    QCOMPARE(labels(provider("keyed")), three);
    RUNS(home().run("providers remove-key keyed key2"));
    QCOMPARE(labels(provider("keyed")), (QStringList{three[0], three[2]}));
    RUNS(home().run("providers remove-key keyed key"));
    QCOMPARE(labels(provider("keyed")), QStringList(three[2]));
    QVERIFY(home().run("providers remove-key keyed key").err.contains("has no key \"key\""));
    // No verb ever says a key, and none is in the clear in the home folder.
    const Ran listed = home().json("providers list");
    QVERIFY(!listed.out.contains("sk-third"));
    const QDir dir(home().path());
    for (const QString& name : dir.entryList(QDir::Files | QDir::Hidden)) {
        QFile file(dir.filePath(name));
        QVERIFY(file.open(QIODevice::ReadOnly));
        QVERIFY2(!file.readAll().contains("sk-third-33333333"), qPrintable(name));
    }
    RUNS(home().run("providers remove keyed"));
}

void TestCliProviders::aChangeIsWholeOrNot()
{
    const auto before = newest();
    for (const char* bad : {"--discount|-1%", "--discount|100%", "--discount|1.23%",
             "--discount|much", "--idle-timeout|3600001", "--ca-file|here.pem"}) {
        const Ran ran = home().run(
            words("providers|set|local|--url|http://127.0.0.1:10/v1|--concurrency|3") + words(bad));
        QVERIFY2(ran.code == 1, bad);
        QCOMPARE(newest(), before);
    }
    QCOMPARE(text(provider("local"), "url"), QStringLiteral("http://127.0.0.1:9/v1"));
    RUNS(home().run("providers set local --concurrency 3 --discount 12.5%"));
    QCOMPARE(provider("local")[QLatin1String("discount_permille")].toInt(), 125);
    RUNS(home().run("providers set local --concurrency 0 --discount 0%"));
}

void TestCliProviders::standInsAreNamed()
{
    RUNS(home().run("models set local/a --fallback local/b,c"));
    QCOMPARE(model("local/a")[QLatin1String("fallbacks")].toArray(),
        (QJsonArray{QStringLiteral("local/b"), QStringLiteral("local/c")}));
    // Two that name each other: no circle, each only for the one that was asked for.
    RUNS(home().run("models set local/b --fallback local/a"));
    QFETCH_GLOBAL(bool, served);
    if (served) {
        const auto& serving = *m_served.serving;
        const Answer answer = post(serving.port, serving.key, chatBody("local/a", "Hi.", 16));
        QCOMPARE(answer.status, 502); // nobody listens at any of them
        QVERIFY(!answer.errorMessage().isEmpty());
        QCOMPARE(text(home().json("status").row(), "held_usd").toDouble(), 0.0);
    }
    const QString input = text(model("local/a"), "input_usd_per_million");
    RUNS(home().run("models set local/a --fallback none"));
    QVERIFY(model("local/a")[QLatin1String("fallbacks")].toArray().isEmpty());
    QCOMPARE(text(model("local/a"), "input_usd_per_million"), input);
    RUNS(home().run("models set local/b --fallback none"));
}

void TestCliProviders::clearForgets()
{
    QFETCH_GLOBAL(bool, served);
    if (served) {
        const auto& serving = *m_served.serving;
        for (int i = 0; i < 6; ++i) {
            QCOMPARE(post(serving.port, serving.key, chatBody("local/d", "Hi.", 16)).status, 502);
        }
        QVERIFY(text(provider("local"), "health") != QLatin1String("healthy"));
    }
    const Ran cleared = home().run("providers clear local --json");
    QVERIFY2(cleared.code == 0, cleared.err.constData());
    QCOMPARE(text(cleared.row(), "health"), QStringLiteral("healthy"));
    QCOMPARE(text(provider("local"), "health"), QStringLiteral("healthy"));
}

void TestCliProviders::removedWithItsModels()
{
    RUNS(home().run("providers add --name gone --url https://gone.example/v1"));
    RUNS(withKey("providers|set|gone", "sk-gone-12345678"));
    RUNS(home().run("models add --provider gone --name g --tier 1 --input 1 --output 2"));
    RUNS(home().run("models set local/a --fallback gone/g"));
    RUNS(home().run("providers remove gone"));
    QVERIFY(model("gone/g").isEmpty());
    QVERIFY(!model("local/a").isEmpty());
    QVERIFY2(
        !model("local/a")[QLatin1String("fallbacks")].toArray().contains(QStringLiteral("gone/g")),
        "a stand-in that is not there");
    // Undone it comes back without its key, which is gone for good.
    const auto earlier
        = home().json("config revisions --limit 2").rows().last()[QLatin1String("revision")];
    RUNS(home().run({QStringLiteral("config"), QStringLiteral("restore"),
        QString::number(earlier.toInteger())}));
    QCOMPARE(provider("gone")[QLatin1String("has_key")].toBool(true), false);
    RUNS(home().run("providers remove gone"));
}

void TestCliProviders::tablesForPeople()
{
    const Ran providers = home().run("providers list");
    QCOMPARE(providers.code, 0);
    QVERIFY(providers.out.contains("http://127.0.0.1:9/v1"));
    QVERIFY(!providers.out.contains('{'));
    const Ran models = home().run("models list");
    QVERIFY(models.out.contains("local/a"));
    QVERIFY(!models.out.contains('{'));
}

void TestCliProviders::wireCheckOfNothing_data()
{
    QTest::addColumn<bool>("make");
    QTest::newRow("absent") << false;
    QTest::newRow("empty") << true;
}

void TestCliProviders::wireCheckOfNothing()
{
    QFETCH(bool, make);
    const QString dir
        = home().tempPath() + (make ? QStringLiteral("/empty") : QStringLiteral("/absent"));
    QVERIFY(!make || QDir().mkpath(dir));
    for (const bool json : {false, true}) {
        QStringList args{QStringLiteral("wire"), QStringLiteral("check"), dir};
        args += json ? QStringList(QStringLiteral("--json")) : QStringList();
        const Ran ran = home().run(args);
        QCOMPARE(ran.code, 1);
        QVERIFY2(ran.err.contains(dir.toUtf8()), ran.err.constData());
        QVERIFY(ran.out.isEmpty());
    }
    QCOMPARE(home().run("wire check").code, 2);
}

void TestCliProviders::wireCheckSaysWhatIsWrong()
{
    const QString dir = home().tempPath() + QStringLiteral("/broken");
    QVERIFY(QDir().mkpath(dir + QStringLiteral("/one/chat-completions")));
    const auto put = [&](const char* name, const QByteArray& bytes) {
        QFile file(dir + QStringLiteral("/one/chat-completions/") + QLatin1String(name));
        QVERIFY(file.open(QIODevice::WriteOnly));
        file.write(bytes);
    };
    put("request.json",
        QByteArray("{'model':'m','messages':[{'role':'user','content':'hi'}]}").replace('\'', '"'));
    put("response.json", "{ not json");
    const Ran ran = home().run(
        {QStringLiteral("wire"), QStringLiteral("check"), dir, QStringLiteral("--json")});
    QCOMPARE(ran.code, 1);
    QCOMPARE(ran.rows().size(), 2);
    for (const QJsonObject& row : ran.rows()) {
        const bool good = text(row, "file") == QLatin1String("request.json");
        QCOMPARE(row[QLatin1String("ok")].toBool(!good), good);
        QCOMPARE(text(row, "why").isEmpty(), good);
    }
    QVERIFY2(ran.err.contains("1 ok, 1 not ok"), ran.err.constData());
}

void TestCliProviders::wireCheckOfTheSamples()
{
    if (!QDir(samplesDir()).exists()) {
        QSKIP("the captured samples are not here (../shared)");
    }
    const Ran ran = home().run(
        {QStringLiteral("wire"), QStringLiteral("check"), samplesDir(), QStringLiteral("--json")});
    QVERIFY2(ran.code == 0, ran.err.constData());
    QVERIFY(ran.rows().size() > 100);
    QVERIFY2(ran.err.contains(" 0 not ok"), ran.err.constData());
}

QTEST_GUILESS_MAIN(TestCliProviders)
#include "tst_cli_providers.moc"
