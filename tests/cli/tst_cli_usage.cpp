// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "tests/cli/headgate_process.h"

#include <QDir>
#include <QJsonArray>
#include <QTest>

using namespace headgate::clitest;

class TestCliUsage : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void wrongUsageIsCode2_data()
    {
        QTest::addColumn<QString>("words");
        const char* const cases[] = {"nonsense", "pools", "pools nonsense", "pools list extra",
            "pools list --nonsense", "pools add", "pools add --name a",
            "pools add --name a --scope org --window day --cap abc",
            "pools add --name a --scope org --window day --cap 0.0000000001",
            "pools add --name a --scope org --window day --cap 1e3",
            "pools add --name a --scope planet --window day --cap 5",
            "pools add --name a --scope org --window fortnight --cap 5",
            "pools add --name a --scope org --window day --cap 5 --reserve 120%",
            "pools add --name a --scope org --window day --cap 5 --cap 6",
            "pools set organisation-day", "pools set organisation-day --watch --hard",
            "pools set organisation-day --cap", "pools top-up organisation-day 5",
            "pools top-up organisation-day five --reason x", "pools freeze", "keys create",
            "keys revoke", "providers add --name x --dialect smoke --url http://127.0.0.1:1/v1",
            "providers add --dialect openai", "models add --provider sim --name x",
            "models add --provider sim --name x --tier 5 --input 1 --output 1",
            "models add --provider sim --name x --tier 1 --input -1 --output 1",
            "models add --provider sim --name x --tier 1 --input 1 --output 1 --effective tomorrow",
            "decisions list --limit many", "decisions show", "report spend",
            "report spend --by colour", "report spend --by model --from yesterday", "tokens",
            "tokens /dev/null", "tokens /dev/null --encoding p50k_base", "policy rollback last",
            "serve --listen nowhere", "serve --listen 127.0.0.1:99999", "serve --listen :80",
            "demo --rate 0", "sim", "ledger", "--nonsense"};
        for (const char* words : cases) {
            QTest::newRow(words) << QString::fromLatin1(words);
        }
    }

    void wrongUsageIsCode2()
    {
        QFETCH(QString, words);
        const Home home;
        const Ran ran = home.run(words.split(QLatin1Char(' ')));
        QVERIFY2(ran.code == 2, (QByteArray::number(ran.code) + ": " + ran.err).constData());
        QVERIFY2(ran.out.isEmpty(), ran.out.constData());
        QVERIFY(!ran.err.isEmpty());
        QVERIFY2(!QDir(home.path()).exists(), "wrong usage must not touch the home folder");
    }

    void helpAndVersionAreCode0()
    {
        const Home home;
        for (const char* words : {"--help", "pools --help", "pools add --help", "serve --help"}) {
            const Ran ran = home.run(words);
            QCOMPARE(ran.code, 0);
            QVERIFY(ran.out.contains("--help"));
        }
        const Ran version = home.run("--version");
        QCOMPARE(version.code, 0);
        QCOMPARE(version.out.trimmed(), QByteArray("headgate " HEADGATE_VERSION));
        QVERIFY(!QDir(home.path()).exists());
    }

    void laterVerbsSaySo_data()
    {
        QTest::addColumn<QString>("words");
        for (const char* words : {"routing train", "routing status"}) {
            QTest::newRow(words) << QString::fromLatin1(words);
        }
    }

    void laterVerbsSaySo()
    {
        QFETCH(QString, words);
        const Ran ran = Home().run(words.split(QLatin1Char(' ')));
        QCOMPARE(ran.code, 1);
        QVERIFY2(ran.err.contains("not in this version"), ran.err.constData());
    }

    void withoutADisplayTheConsoleSaysHowToServe()
    {
        const Ran ran = Home().run(QStringList());
        QCOMPARE(ran.code, 3);
        QVERIFY2(ran.err.contains("headgate serve"), ran.err.constData());
    }

    void countsTokens()
    {
        const Home home;
        const QString file = home.write(QStringLiteral("t.jsonl"),
            "{\"id\":\"a\",\"text\":\"hello world\"}\n\n{\"id\":7,\"text\":\"\"}\n");
        const Ran ran = home.run({QStringLiteral("tokens"), file, QStringLiteral("--encoding"),
            QStringLiteral("o200k_base")});
        QVERIFY2(ran.code == 0, ran.err.constData());
        QCOMPARE(ran.out, QByteArray("{\"id\":\"a\",\"count\":2}\n{\"id\":7,\"count\":0}\n"));
        QVERIFY(!QDir(home.path()).exists());
    }

    void badRowsAreNamedAndOthersCounted()
    {
        const Home home;
        const QString file = home.write(QStringLiteral("t.jsonl"),
            "{\"id\":1,\"text\":5}\nnot json\n{\"id\":3,\"text\":\"hello world\"}\n");
        const Ran ran = home.run({QStringLiteral("tokens"), file, QStringLiteral("--encoding"),
            QStringLiteral("cl100k_base")});
        QCOMPARE(ran.code, 1);
        QCOMPARE(ran.out, QByteArray("{\"id\":3,\"count\":2}\n"));
        QVERIFY2(ran.err.contains("line 1") && ran.err.contains("line 2"), ran.err.constData());
    }

    void missingFilesAreCode1()
    {
        const Home home;
        QCOMPARE(home.run("tokens /nonexistent.jsonl --encoding o200k_base").code, 1);
        QCOMPARE(home.run("price /nonexistent.jsonl").code, 1);
        QCOMPARE(home.run("price /dev/null --book /nonexistent.json").code, 1);
    }

    void pricesUsages()
    {
        const Home home;
        const QString file = home.write(QStringLiteral("p.jsonl"),
            "{\"id\":\"a\",\"provider\":\"openai\",\"flavor\":\"chat\",\"model\":\"gpt-4o-mini\","
            "\"raw_usage\":{\"prompt_tokens\":1000,\"completion_tokens\":10,\"total_tokens\":1010}}"
            "\n"
            "{\"id\":\"b\",\"provider\":\"nobody\",\"flavor\":\"chat\",\"model\":\"no-such\","
            "\"raw_usage\":{\"prompt_tokens\":1,\"completion_tokens\":1,\"total_tokens\":2}}\n");
        const Ran ran = home.run({QStringLiteral("price"), file});
        QCOMPARE(ran.code, 1); // the second row has no price
        QVERIFY2(ran.err.contains("no-such"), ran.err.constData());
        const QJsonObject row = ran.row();
        QCOMPARE(row[QLatin1String("id")].toString(), QStringLiteral("a"));
        // $0.15 and $0.60 a million: 0.00015 + 0.000006.
        QCOMPARE(row[QLatin1String("cost_usd")].toString(), QStringLiteral("0.000156"));
        QVERIFY(row[QLatin1String("lines")].toArray().size() >= 2);
    }
};

QTEST_GUILESS_MAIN(TestCliUsage)
#include "tst_cli_usage.moc"
