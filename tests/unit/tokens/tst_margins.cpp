// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "core/tokens/margins.h"

#include <QTest>

#include <thread>

using namespace headgate;
using namespace headgate::tokens;

namespace {

/// A long plain text of an estimated family, guessed at 10,000 tokens.
MarginObservation seen(std::int64_t actual, std::int64_t estimate = 10'000)
{
    MarginObservation out;
    out.model = "p/m";
    out.family = "claude";
    out.count = {estimate, estimate + estimate / 10, false};
    out.bound = estimate * 13 / 10;
    out.actual = actual;
    return out;
}

std::int64_t bound(const Margins& margins, std::int64_t estimate = 10'000, bool plain = true)
{
    return margins.table()->inputAtMost("p/m", seen(1, estimate).count, plain);
}

} // namespace

class TestMargins : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void badText_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::newRow("empty") << QByteArray();
        QTest::newRow("no JSON") << QByteArray("margin = 1.0");
        QTest::newRow("list") << QByteArray("[]");
        QTest::newRow("no format") << QByteArray("{\"models\":[]}");
        QTest::newRow("newer") << QByteArray("{\"format\":2,\"models\":[]}");
        QTest::newRow("no models") << QByteArray("{\"format\":1}");
        QTest::newRow("a number") << QByteArray("{\"format\":1,\"models\":[1]}");
        const QByteArray most("{\"format\":1,\"models\":[{\"model\":\"a\",\"family\":\"claude\","
                              "\"exact\":false,\"observations\":1,\"overruns\":0,"
                              "\"short_plain\":[],\"short_other\":[],\"long_other\":[],");
        QTest::newRow("below nothing") << most + "\"long_plain\":[-1]}]}";
        QTest::newRow("huge") << most + "\"long_plain\":[999999999999]}]}";
        QTest::newRow("fraction") << most + "\"long_plain\":[1.5]}]}";
        QTest::newRow("text") << most + "\"long_plain\":[\"1\"]}]}";
    }

    void badText()
    {
        QFETCH(QByteArray, text);
        Margins margins;
        margins.observe(seen(20'000));
        const auto before = bound(margins);
        const auto read = margins.readJson(text.toStdString());
        QVERIFY(!read);
        QCOMPARE(read.error().code, ErrorCode::Corrupt);
        QCOMPARE(bound(margins), before);
        QCOMPARE(margins.list().size(), std::size_t(1));
    }

    void nonsenseTeachesNothing()
    {
        Margins margins;
        QVERIFY(!margins.observe(seen(0)));
        QVERIFY(!margins.observe(seen(-5)));
        QVERIFY(!margins.observe(seen(100, 0)));
        QCOMPARE(margins.changes(), 0);
        QVERIFY(margins.list().empty());
        margins.observe(seen(std::int64_t(1) << 40)); // T11: not unaffordable for ever
        QVERIFY(bound(margins) <= 10'000 * 21);
    }

    void startsAtTheStart()
    {
        const Margins margins;
        QCOMPARE(bound(margins), 13'000);
        const Count wide{10'000, 25'000, false}; // the estimator's own limit is higher
        QCOMPARE(margins.table()->inputAtMost("p/m", wide, true), 25'000);
        const Count exact{10'000, 10'000, true};
        QCOMPARE(margins.table()->inputAtMost("p/m", exact, true), 10'000);
        QCOMPARE(marginOf({}, "p/m", "claude").permille, 1'300);
        QCOMPARE(marginOf({}, "p/m", "o200k_base").permille, 1'000);
        QCOMPARE(marginText(1'300), std::string("1.3"));
        QCOMPARE(marginText(1'000), std::string("1.0"));
        QCOMPARE(marginText(12'045), std::string("12.045"));
    }

    void fallsAfterEnoughObservations()
    {
        Margins margins;
        for (int i = 0; i < 49; ++i) {
            QVERIFY(!margins.observe(seen(10'500)));
        }
        QCOMPARE(bound(margins), 13'000);
        QVERIFY(!margins.list().front().learned);
        margins.observe(seen(10'500));
        QCOMPARE(bound(margins), 10'800); // the worst and a little
        const Margin margin = margins.list().front();
        QVERIFY(margin.learned);
        QCOMPARE(margin.permille, 1'080);
        QCOMPARE(margin.worstPermille, 1'050);
        QCOMPARE(margin.observations, 50);
        QCOMPARE(bound(margins, 10'000, false), 13'000); // other scripts stay at the start
        QCOMPARE(margins.table()->inputAtMost("p/other", seen(1).count, true), 13'000);
    }

    void neverBelowTheWorstOfTheLast()
    {
        Margins margins;
        margins.observe(seen(12'500));
        for (int i = 0; i < 511; ++i) {
            margins.observe(seen(10'100));
            QVERIFY(bound(margins) >= 12'500);
        }
        margins.observe(seen(10'100)); // the worst has left the last 512, and is one of 513
        QVERIFY(bound(margins) < 12'500);
        QVERIFY(bound(margins) >= 10'100);
        QCOMPARE(margins.list().front().worstPermille, 1'010);
    }

    void aQuantileRemembersLonger()
    {
        Margins margins;
        for (int i = 0; i < 20; ++i) {
            margins.observe(seen(12'000));
        }
        for (int i = 0; i < 1'000; ++i) {
            margins.observe(seen(10'100));
        }
        QVERIFY(bound(margins) >= 12'000); // 20 of 1,020 are more than 0.5 %
        for (int i = 0; i < 3'000; ++i) {
            margins.observe(seen(10'100));
        }
        QVERIFY(bound(margins) < 10'500);
    }

    void risesAtOnce()
    {
        Margins margins;
        for (int i = 0; i < 100; ++i) {
            margins.observe(seen(10'500));
        }
        QCOMPARE(bound(margins), 10'800);
        auto worse = seen(15'000);
        worse.bound = bound(margins);
        QVERIFY(margins.observe(worse));
        QVERIFY(bound(margins) >= 15'000);
        QCOMPARE(margins.list().front().overruns, 1);
    }

    void shortTextsLearnWhatIsAdded()
    {
        Margins margins;
        margins.observe(seen(20 + 346, 20)); // a hidden system prompt
        QVERIFY(bound(margins, 20) >= 366);
        QVERIFY(bound(margins, 100) >= 446);
        QCOMPARE(bound(margins), 13'000); // a factor of 18 it is not
        QVERIFY(margins.list().front().extraTokens >= 346);
    }

    void exactCountsRiseButNeverFall()
    {
        Margins margins;
        MarginObservation one;
        one.model = "p/m";
        one.family = "o200k_base";
        one.count = {1'000, 1'000, true};
        one.bound = 1'000;
        one.actual = 900;
        for (int i = 0; i < 200; ++i) {
            QVERIFY(!margins.observe(one));
        }
        QCOMPARE(margins.table()->inputAtMost("p/m", one.count, true), 1'000);
        one.actual = 1'200;
        QVERIFY(margins.observe(one));
        QCOMPARE(margins.table()->inputAtMost("p/m", one.count, true), 1'200);
        QCOMPARE(margins.list().front().permille, 1'200);
    }

    void anotherFamilyBeginsAnew()
    {
        Margins margins;
        for (int i = 0; i < 60; ++i) {
            margins.observe(seen(10'100));
        }
        auto other = seen(10'100);
        other.family = "gemini";
        margins.observe(other);
        QCOMPARE(margins.list().front().observations, 1);
        QCOMPARE(bound(margins), 13'000);
    }

    void isKept()
    {
        Margins margins;
        for (int i = 0; i < 700; ++i) {
            margins.observe(seen(10'000 + i % 300));
            margins.observe(seen(40 + i % 7, 40));
        }
        Margins again;
        QVERIFY(again.readJson(margins.toJson()));
        QCOMPARE(bound(again), bound(margins));
        QCOMPARE(bound(again, 40), bound(margins, 40));
        const Margin before = margins.list().front();
        const Margin after = again.list().front();
        QCOMPARE(after.permille, before.permille);
        QCOMPARE(after.observations, before.observations);
        QCOMPARE(after.worstPermille, before.worstPermille);
    }

    void scriptsLearnApart()
    {
        Margins margins;
        const auto cyrillic = [](std::int64_t actual) {
            auto one = seen(actual);
            one.script = ScriptGroup::Cyrillic;
            return one;
        };
        const auto boundIn = [&](ScriptGroup script) {
            return margins.table()->inputAtMost("p/m", seen(1).count, script);
        };
        for (int i = 0; i < 100; ++i) {
            margins.observe(seen(10'100));
            margins.observe(cyrillic(20'000));
        }
        QVERIFY(boundIn(ScriptGroup::Plain) < 11'000); // learned down, as before
        QCOMPARE(boundIn(ScriptGroup::Cyrillic), 20'300); // risen, with its headroom
        // Not seen yet: as bad as the worst of the others that are not plain.
        QCOMPARE(boundIn(ScriptGroup::Thai), 20'300);
        for (int i = 0; i < 10; ++i) {
            auto thai = seen(9'000);
            thai.script = ScriptGroup::Thai;
            margins.observe(thai);
        }
        // An opinion of its own now, which never falls below the start.
        QCOMPARE(boundIn(ScriptGroup::Thai), 13'000);
        const Margin told = margins.list().front();
        QCOMPARE(told.scripts.size(), std::size_t{3});
        QCOMPARE(told.scripts[1].script, ScriptGroup::Cyrillic);
        QCOMPARE(told.scripts[1].observations, 100);
        QCOMPARE(told.scripts[1].overruns, 100); // 20,000 above the 13,000 held each time
        QCOMPARE(told.scripts[1].medianPermille, 2'000);
        QCOMPARE(told.scripts[1].worstPermille, 2'000);
        QCOMPARE(told.scripts[1].marginPermille, 2'030);
        Margins again;
        QVERIFY(again.readJson(margins.toJson()));
        QCOMPARE(again.table()->inputAtMost("p/m", seen(1).count, ScriptGroup::Cyrillic), 20'300);
        QCOMPARE(again.list().front().scripts[1].observations, 100);
        QCOMPARE(again.list().front().scripts[1].overruns, 100);
        QCOMPARE(again.list().front().scripts[1].p95Permille, 2'000);
    }

    void badErrorsAreRefused_data()
    {
        QTest::addColumn<QByteArray>("errors");
        QTest::newRow("a number") << QByteArray("{\"thai\":1}");
        QTest::newRow("nothing in it") << QByteArray("{\"thai\":{}}");
        QTest::newRow("negative") << QByteArray(
            "{\"thai\":{\"observations\":-1,\"overruns\":0,\"ratios\":[]}}");
        QTest::newRow("huge") << QByteArray(
            "{\"thai\":{\"observations\":1,\"overruns\":0,\"ratios\":[99999999]}}");
    }
    void badErrorsAreRefused()
    {
        QFETCH(QByteArray, errors);
        const QByteArray text = "{\"format\":1,\"models\":[{\"model\":\"a\",\"family\":\"claude\","
                                "\"exact\":false,\"observations\":1,\"overruns\":0,\"errors\":"
            + errors + "}]}";
        Margins margins;
        QVERIFY(!margins.readJson(text.toStdString()));
    }

    void writingsAreTold_data()
    {
        QTest::addColumn<QString>("text");
        QTest::addColumn<QByteArray>("group");
        QTest::newRow("nothing") << QString() << QByteArray("plain");
        QTest::newRow("English") << QStringLiteral("Say hello — once.") + QString(200, u'a')
                                 << QByteArray("plain");
        QTest::newRow("Polish") << QStringLiteral("Zażółć gęślą jaźń") << QByteArray("latin");
        QTest::newRow("Russian") << QStringLiteral("Съешь ещё этих мягких булок")
                                 << QByteArray("cyrillic");
        QTest::newRow("Arabic") << QStringLiteral("مرحبا بالعالم") << QByteArray("arabic");
        QTest::newRow("Hebrew") << QStringLiteral("שלום עולם") << QByteArray("arabic");
        QTest::newRow("Hindi") << QStringLiteral("नमस्ते दुनिया") << QByteArray("devanagari");
        QTest::newRow("Thai") << QStringLiteral("สวัสดีชาวโลก") << QByteArray("thai");
        QTest::newRow("Chinese") << QStringLiteral("你好,世界") << QByteArray("cjk");
        QTest::newRow("Japanese") << QStringLiteral("こんにちは世界") << QByteArray("cjk");
        QTest::newRow("Korean") << QStringLiteral("안녕하세요 세계") << QByteArray("hangul");
        QTest::newRow("Greek") << QStringLiteral("Γειά σου Κόσμε") << QByteArray("other");
        QTest::newRow("mostly English code with Russian comments")
            << QStringLiteral("int x = 1; // переменная\n") << QByteArray("cyrillic");
    }
    void writingsAreTold()
    {
        QFETCH(QString, text);
        QFETCH(QByteArray, group);
        ScriptMeter meter;
        meter.add(text.toStdString());
        QCOMPARE(QByteArray(scriptGroupName(meter.group())), group);
        QCOMPARE(scriptGroupFromName(group.toStdString()), meter.group());
    }

    void bytesThatAreNoTextAreOther()
    {
        ScriptMeter meter;
        meter.add("\xff\xfe\x80 abc \xc3");
        QCOMPARE(meter.group(), ScriptGroup::Other);
    }

    void modelsAreBounded()
    {
        Margins margins;
        for (int i = 0; i < 2'100; ++i) {
            auto one = seen(10'100);
            one.model = "p/" + std::to_string(i);
            margins.observe(one);
        }
        QCOMPARE(margins.list().size(), std::size_t(2'000));
    }

    void manyThreads()
    {
        Margins margins;
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&margins] {
                for (int i = 0; i < 500; ++i) {
                    margins.observe(seen(10'000 + i));
                    static_cast<void>(bound(margins));
                }
            });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        QCOMPARE(margins.list().front().observations, 2'000);
        QVERIFY(bound(margins) >= 10'499);
    }
};

QTEST_APPLESS_MAIN(TestMargins)
#include "tst_margins.moc"
