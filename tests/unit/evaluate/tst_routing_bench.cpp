// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include <QDir>
#include <QFile>
#include <QTemporaryDir>
#include <QTest>

#include "core/evaluate/cascade_bench.h"
#include "core/evaluate/report.h"
#include "core/evaluate/routing_bench.h"

#include <cmath>
#include <set>
#include <string>
#include <vector>

using namespace headgate;
using namespace headgate::evaluate;

namespace {

std::string written(const QTemporaryDir& dir, const char* name, const QByteArray& text)
{
    QFile file(dir.filePath(QString::fromLatin1(name)));
    if (!file.open(QIODevice::WriteOnly) || file.write(text) != text.size()) {
        return {};
    }
    return file.fileName().toStdString();
}

QString sharedFile(const char* name)
{
    const QByteArray shared = qgetenv("HEADGATE_SHARED");
    const QDir dir(QString::fromUtf8(
        shared.isEmpty() ? QByteArray(HEADGATE_SOURCE_DIR "/../shared") : shared));
    return dir.filePath(QStringLiteral("data/routing/") + QString::fromLatin1(name));
}

/// Proofs need the strong model, greetings do not; a stem has two rows.
std::vector<OutcomeRow> madeUp(std::size_t rows)
{
    std::vector<OutcomeRow> out(rows);
    for (std::size_t i = 0; i < rows; ++i) {
        const bool hard = (i * 7919) % 13 < 6;
        const std::string number = std::to_string(i / 2);
        out[i].id = "row-" + std::to_string(i);
        out[i].stem = "stem-" + number;
        out[i].source = i % 3 == 0 ? "a" : "b";
        out[i].prompt = hard ? "Prove lemma " + number + " by induction over the integers."
                             : "Say hello to guest " + number + " in one short line, please.";
        const bool lucky = i % 11 == 0;
        out[i].scores = {{"cheap", hard != lucky ? 0.0 : 1.0}, {"strong", i % 17 == 0 ? 0.0 : 1.0}};
    }
    return out;
}

double apgrOf(const PairResult& result, const std::string& router)
{
    for (const RouterFigures& row : result.routers) {
        if (row.router == router) {
            return row.apgr;
        }
    }
    return -1;
}

} // namespace

class TestRoutingBench : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesBadFiles_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::newRow("no JSON") << QByteArray("hello\n");
        QTest::newRow("a list") << QByteArray("[1]\n");
        QTest::newRow("no id") << QByteArray("{\"prompt\":\"x\"}\n");
        QTest::newRow("no prompt") << QByteArray("{\"id\":\"x\"}\n");
        QTest::newRow("second line") << QByteArray("{\"id\":\"x\",\"prompt\":\"y\"}\n{\n");
        QTest::newRow("too deep") << QByteArray("{\"id\":") + QByteArray(100, '[');
        QTest::newRow("cut gzip") << QByteArray("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x4b", 11);
    }
    void refusesBadFiles()
    {
        QFETCH(QByteArray, text);
        const QTemporaryDir dir;
        const std::string path = written(dir, "rows.jsonl", text);
        const auto rows = readOutcomeRows(path);
        QVERIFY(!rows.has_value());
        QVERIFY(!rows.error().remedy.empty());
        QVERIFY(!readAnswerRows(path).has_value());
        QVERIFY(!readOutcomeRows(path + ".none").has_value());
    }

    void readsRows()
    {
        const QTemporaryDir dir;
        const auto rows = readOutcomeRows(written(dir, "rows.jsonl",
            "\n{\"id\":\"1\",\"src\":\"s\",\"prompt\":\"p\",\"scores\":{\"m\":1,\"bad\":\"x\","
            "\"far\":7},\"out\":{\"m\":12}}\n"));
        QVERIFY(rows.has_value());
        QCOMPARE(rows->size(), std::size_t{1});
        QCOMPARE(rows->front().stem, std::string("1"));
        QCOMPARE(*rows->front().scoreOf("m"), 1.0);
        QVERIFY(rows->front().scoreOf("far") == nullptr);
        QCOMPARE(rows->front().answerCharsOf("m"), 12.0);
        QCOMPARE(rows->front().answerCharsOf("n"), 0.0);
    }

    void readsRatesAndNotes()
    {
        const QTemporaryDir dir;
        QVERIFY(!readRates(written(dir, "a.json", "[]")).has_value());
        const auto rates = readRates(written(
            dir, "b.json", "{\"_unit\":\"x\",\"m\":[1,2.5,\"RA\"],\"n\":[\"a\",1],\"o\":[0,1]}"));
        QCOMPARE(rates->size(), std::size_t{1});
        QCOMPARE(rates->at("m").output, 2.5);
    }

    void ranksShareTies()
    {
        QCOMPARE(ranked({3, 1, 1}), (std::vector<double>{2.5 / 3, 1.0 / 3, 1.0 / 3}));
        QVERIFY(ranked({}).empty());
    }

    void unknownPairsAreErrors()
    {
        const std::vector<OutcomeRow> rows = madeUp(40);
        const std::vector<PreparedRow> prepared = prepare(rows);
        QVERIFY(!benchPair(prepared, {}, {"", "cheap", "nobody", 0}).has_value());
        QVERIFY(!benchPair(prepared, {}, {"nowhere", "cheap", "strong", 0}).has_value());
        QVERIFY(!benchPair({}, {}, {"", "cheap", "strong", 0}).has_value());
        QVERIFY(!benchUnseenSource(prepared, {"", "cheap", "strong", 0}).has_value());
        QVERIFY(!benchDial(prepared, {"", "cheap", "strong", 0}).has_value());
    }

    void measuresWhatCanBeKnown()
    {
        const std::vector<OutcomeRow> rows = madeUp(900);
        const std::vector<PreparedRow> prepared = prepare(rows);
        const auto result = benchPair(prepared, {}, {"", "cheap", "strong", 0});
        QVERIFY(result.has_value());
        QCOMPARE(result->tested, std::size_t{900});
        QVERIFY(std::abs(apgrOf(*result, "random") - 0.5) < 1e-9);
        const double classifier = apgrOf(*result, "classifier");
        QVERIFY(classifier > 0.6);
        QVERIFY(classifier <= apgrOf(*result, "oracle"));
        QVERIFY(result->calibration.brier < result->calibration.brierOfMean);
        // Every row is told once, with an id that leads back to it.
        std::set<std::string> ids;
        for (const PromptScore& score : result->scores) {
            ids.insert(score.id);
        }
        QCOMPARE(ids.size(), rows.size());
        // The same run again.
        const auto again = benchPair(prepared, {}, {"", "cheap", "strong", 0});
        QCOMPARE(apgrOf(*again, "classifier"), classifier);
        QVERIFY(!pairText(*result).empty());
        QVERIFY(pairJson(*result).at("routers").as_object().contains("oracle"));
    }

    void shuffledOutcomesTeachNothing()
    {
        std::vector<OutcomeRow> rows = madeUp(900);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            rows[i].scores = {{"cheap", (i * 2654435761U) % 97 < 50 ? 1.0 : 0.0},
                {"strong", (i * 40503U) % 89 < 70 ? 1.0 : 0.0}};
        }
        const std::vector<PreparedRow> prepared = prepare(rows);
        const auto result = benchPair(prepared, {}, {"", "cheap", "strong", 0});
        QVERIFY(!result->published);
        QVERIFY(apgrOf(*result, "classifier") < 0.65);
    }

    void unseenSourcesShareNoStem()
    {
        std::vector<OutcomeRow> rows = madeUp(300);
        const std::vector<PreparedRow> prepared = prepare(rows);
        const auto result = benchUnseenSource(prepared, {"a", "cheap", "strong", 0});
        QVERIFY(result.has_value());
        std::set<std::string> stems;
        for (const OutcomeRow& row : rows) {
            if (row.source == "a") {
                stems.insert(row.stem);
            }
        }
        std::size_t expected = 0;
        for (const OutcomeRow& row : rows) {
            expected += row.source == "b" && !stems.contains(row.stem) ? 1U : 0U;
        }
        QCOMPARE(result->trained, expected);
    }

    void cascadesOnMadeUpAnswers()
    {
        std::vector<OutcomeRow> rows = madeUp(600);
        std::vector<AnswerRow> answers;
        for (const OutcomeRow& row : rows) {
            const bool right = *row.scoreOf("cheap") > 0;
            // Two cheap models agree where the first is right.
            answers.push_back({row.id, "cheap", "The answer is A.", 100, "A", right ? 1.0 : 0.0});
            answers.push_back({row.id, "second", "", 100, right ? "a" : "B", 0});
            answers.push_back({row.id, "strong", "A", 100, "A", 1});
        }
        const std::vector<PreparedRow> prepared = prepare(rows);
        const CascadeTask task{{"a", "b"}, "cheap", "second", "strong"};
        QVERIFY(!benchCascade(prepared, answers, {}, task).has_value());
        const std::map<std::string, TokenRates> rates{
            {"cheap", {1, 1}}, {"second", {1, 1}}, {"strong", {30, 30}}};
        const auto result = benchCascade(prepared, answers, rates, task);
        QVERIFY(result.has_value());
        QCOMPARE(result->prompts, rows.size());
        QCOMPARE(result->ways.size(), std::size_t{3});
        const CascadeFigures& agreement = result->ways.back();
        QVERIFY(agreement.pays);
        QVERIFY(agreement.reported.saving > 0.3);
        QVERIFY(agreement.reported.kept > 0.97);
        QVERIFY(agreement.reported.saving > result->ways.front().reported.saving);
        // The same answers at nearly the same price: nothing to gain.
        const std::map<std::string, TokenRates> level{
            {"cheap", {1, 1}}, {"second", {1, 1}}, {"strong", {1.5, 1.5}}};
        QVERIFY(!benchCascade(prepared, answers, level, task)->ways.back().pays);
        QVERIFY(!cascadeText(*result).empty());
    }

    void readsThePublishedRows()
    {
        const QString path = sharedFile("train.jsonl.gz");
        if (!QFile::exists(path)) {
            QSKIP("../shared/data/routing is not here");
        }
        const auto rows = readOutcomeRows(path.toStdString());
        QVERIFY2(rows.has_value(), rows ? "" : rows.error().text().c_str());
        QVERIFY(rows->size() > 20'000);
        const auto rates = readRates(sharedFile("prices.json").toStdString());
        QVERIFY(rates->size() > 20);
        std::vector<OutcomeRow> some;
        for (const OutcomeRow& row : *rows) {
            if (row.source == "bfcl") {
                some.push_back(row);
            }
        }
        const auto result = benchPair(
            prepare(some), {}, {"bfcl", "claude-3-haiku", "claude-3.5-sonnet-0620", 800});
        QVERIFY(result.has_value());
        QVERIFY2(apgrOf(*result, "classifier") > apgrOf(*result, "length") + 0.05,
            qPrintable(QString::number(apgrOf(*result, "classifier"))));
    }
};

QTEST_GUILESS_MAIN(TestRoutingBench)
#include "tst_routing_bench.moc"
