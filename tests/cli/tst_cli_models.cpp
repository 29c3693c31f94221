// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// What a model makes, what a search with it costs and who serves responses, set from outside.

#include "tests/cli/headgate_process.h"

#include <QJsonArray>
#include <QTest>

using namespace headgate::clitest;

class TestCliModels : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase();
    void wrongUse_data();
    void wrongUse();
    void help_data();
    void help();
    void embeddings();
    void webSearchFee();
    void responses();

private:
    [[nodiscard]] QJsonObject find(const char* verb, const char* field, const QString& name) const;
    [[nodiscard]] QJsonObject model(const char* id) const
    {
        return find("models list", "id", QString::fromLatin1(id));
    }
    Home m_home;
    std::unique_ptr<Serving> m_serving;
};

QJsonObject TestCliModels::find(const char* verb, const char* field, const QString& name) const
{
    for (const QJsonObject& row : m_home.json(verb).rows()) {
        if (row[QLatin1String(field)].toString() == name) {
            return row;
        }
    }
    return {};
}

void TestCliModels::initTestCase()
{
    QString why;
    m_serving = Serving::start(m_home, &why);
    QVERIFY2(m_serving != nullptr, qPrintable(why));
    const Ran added = m_home.run("providers add --name local --dialect openai "
                                 "--url http://127.0.0.1:9/v1 --needs-key no");
    QVERIFY2(added.code == 0, added.err.constData());
    const Ran known = m_home.run("models add --provider local --name known --tier 2 "
                                 "--input 1 --output 4");
    QVERIFY2(known.code == 0, known.err.constData());
}

void TestCliModels::wrongUse_data()
{
    QTest::addColumn<QString>("words");
    QTest::addColumn<int>("code");
    QTest::addColumn<QString>("names");
    const auto row = [](const char* words, int code, const char* names) {
        QTest::newRow(words) << QString::fromLatin1(words) << code << QString::fromLatin1(names);
    };
    row("models set", 2, "name");
    row("models set local/known", 1, "--embeddings");
    row("models set local/known --embeddings perhaps", 2, "perhaps");
    row("models set local/known --embeddings", 2, "--embeddings");
    row("models set local/nobody --embeddings yes", 1, "nobody");
    row("models set local/known --web-search dear", 1, "dear");
    row("models set local/known --web-search -1", 1, "");
    row("models set local/known --fallback local/known", 1, "stand in");
    row("providers set local --responses perhaps", 2, "perhaps");
}

void TestCliModels::wrongUse()
{
    QFETCH(QString, words);
    QFETCH(int, code);
    QFETCH(QString, names);
    const Ran ran = m_home.run(words.split(QLatin1Char(' ')));
    QVERIFY2(ran.code == code, ran.err.constData());
    QVERIFY2(ran.err.contains(names.toUtf8()), ran.err.constData());
}

void TestCliModels::help_data()
{
    QTest::addColumn<QString>("verb");
    QTest::addColumn<QString>("option");
    QTest::newRow("add") << QStringLiteral("models add --help") << QStringLiteral("--embeddings");
    QTest::newRow("set") << QStringLiteral("models set --help") << QStringLiteral("--embeddings");
    QTest::newRow("fee") << QStringLiteral("models set --help") << QStringLiteral("--web-search");
    QTest::newRow("provider") << QStringLiteral("providers add --help")
                              << QStringLiteral("--responses");
}

void TestCliModels::help()
{
    QFETCH(QString, verb);
    QFETCH(QString, option);
    const Ran ran = m_home.run(verb.split(QLatin1Char(' ')));
    QCOMPARE(ran.code, 0);
    QVERIFY2(ran.out.contains(option.toUtf8()), ran.out.constData());
}

void TestCliModels::embeddings()
{
    const Ran added = m_home.run("models add --provider local --name vectors --tier 1 "
                                 "--input 0.02 --output 0 --embeddings");
    QVERIFY2(added.code == 0, added.err.constData());
    QVERIFY(model("local/vectors")[QLatin1String("embedding")].toBool());
    QVERIFY(!model("local/known")[QLatin1String("embedding")].toBool());
    // A new price leaves it what it is.
    QCOMPARE(m_home
                 .run("models add --provider local --name vectors --tier 1 --input 0.01 "
                      "--output 0")
                 .code,
        0);
    QVERIFY(model("local/vectors")[QLatin1String("embedding")].toBool());
    QCOMPARE(m_home.run("models set local/vectors --embeddings no").code, 0);
    QVERIFY(!model("local/vectors")[QLatin1String("embedding")].toBool());
    QCOMPARE(m_home.run("models set local/vectors --embeddings yes").code, 0);
    const QJsonObject row = model("local/vectors");
    QVERIFY(row[QLatin1String("embedding")].toBool());
    QCOMPARE(row[QLatin1String("input_usd_per_million")].toString(), QStringLiteral("0.01"));
}

void TestCliModels::webSearchFee()
{
    const Ran set = m_home.run("models set local/known --web-search 0.01");
    QVERIFY2(set.code == 0, set.err.constData());
    const auto row = model("local/known");
    QCOMPARE(row[QLatin1String("input_usd_per_million")].toString(), QStringLiteral("1.00"));
    const auto bytes = m_home.json("models list").out;
    QVERIFY2(bytes.contains("web_search"), bytes.constData());
    const Ran unpriced = m_home.run("models set local/known --fallback none --web-search 0");
    QCOMPARE(unpriced.code, 0);
}

void TestCliModels::responses()
{
    const auto serves = [this](const char* name) {
        return find("providers list", "name", QString::fromLatin1(name))[QLatin1String("responses")]
            .toBool();
    };
    QVERIFY(!serves("local"));
    QCOMPARE(m_home.run("providers set local --responses yes").code, 0);
    QVERIFY(serves("local"));
    QCOMPARE(m_home.run("providers set local --responses no").code, 0);
    QVERIFY(!serves("local"));
    const Ran added = m_home.run("providers add --name other --dialect openai "
                                 "--url http://127.0.0.1:9/v1 --needs-key no --responses yes");
    QVERIFY2(added.code == 0, added.err.constData());
    QVERIFY(serves("other"));
}

QTEST_GUILESS_MAIN(TestCliModels)
#include "tst_cli_models.moc"
