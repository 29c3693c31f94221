// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include <QTest>

#include "core/classify/cascade_scorer.h"

#include "core/base/rng.h"

#include <cmath>
#include <string>
#include <vector>

using namespace headgate;
using namespace headgate::classify;

namespace {

struct World {
    std::vector<PromptFeatures> prompts;
    std::vector<JudgedAttempt> attempts;
};

/// The cheap answer is right where a second model agrees; its words say nothing.
World makeWorld(std::size_t rows)
{
    World world;
    Rng rng(9);
    FeatureReader reader;
    world.prompts.resize(rows);
    for (std::size_t i = 0; i < rows; ++i) {
        reader.read("question " + std::to_string(rng.below(50)), {}, world.prompts[i]);
        JudgedAttempt one;
        one.attempt.prompt = &world.prompts[i];
        reader.read("answer " + std::to_string(rng.below(50)), {}, one.attempt.answer);
        const bool right = rng.below(100) < 60;
        one.attempt.agreement
            = right == (rng.below(10) > 0) ? Agreement::Agrees : Agreement::Differs;
        one.attempt.extracted = true;
        one.attempt.answerChars = 20;
        one.cheap = right ? 1.0F : 0.0F;
        one.strong = rng.below(10) > 0 ? 1.0F : 0.0F;
        world.attempts.push_back(std::move(one));
    }
    return world;
}

} // namespace

class TestCascadeScorer : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void needsAttempts()
    {
        QVERIFY(!CascadeScorer::learn({}, 1).has_value());
        const World world = makeWorld(CascadeScorer::attemptsMin - 1);
        QVERIFY(!CascadeScorer::learn(world.attempts, 1).has_value());
    }

    void normalises_data()
    {
        QTest::addColumn<QString>("answer");
        QTest::addColumn<QString>("plain");
        QTest::newRow("empty") << ""
                               << "";
        QTest::newRow("letter") << " B. "
                                << "b";
        QTest::newRow("thousands") << "$1,250.00"
                                   << "1250";
        QTest::newRow("decimals") << "0.50"
                                  << "0.5";
        QTest::newRow("minus") << "-3"
                               << "-3";
        QTest::newRow("quotes") << "'Hello World'"
                                << "helloworld";
        QTest::newRow("dot") << "."
                             << "";
    }
    void normalises()
    {
        QFETCH(QString, answer);
        QFETCH(QString, plain);
        QCOMPARE(QString::fromStdString(normalisedAnswer(answer.toStdString())), plain);
    }

    void trustsAgreement()
    {
        const World world = makeWorld(400);
        const Result<CascadeScorer> scorer = CascadeScorer::learn(world.attempts, 1);
        QVERIFY(scorer.has_value());
        Attempt attempt = world.attempts.front().attempt;
        attempt.agreement = Agreement::Agrees;
        const double agrees = scorer->score(attempt);
        attempt.agreement = Agreement::Differs;
        QVERIFY(scorer->score(attempt) > agrees + 0.3);
        QCOMPARE(scorer->heldOutScores().size(), world.attempts.size());
        QCOMPARE(CascadeScorer::learn(world.attempts, 1)->score(attempt), scorer->score(attempt));
    }

    void pointsByHand()
    {
        // Four prompts; the first two need the strong model. Cheap costs 1, strong 10.
        const std::vector<CascadeRow> rows{
            {4, 0, 1, 1, 10, 10}, {3, 0, 1, 1, 10, 10}, {2, 1, 1, 1, 10, 10}, {1, 1, 1, 1, 10, 10}};
        const CascadePoint point = cascadeAt(rows, 3);
        QCOMPARE(point.escalation, 0.5);
        QCOMPARE(point.kept, 1.0);
        QCOMPARE(point.saving, 1 - 24.0 / 40);
        const CascadePoint all = cheapestKeeping(rows, 0.99);
        QCOMPARE(all.saving, point.saving);
        QCOMPARE(cheapestKeeping(rows, 0.5).escalation, 0.0);
        QCOMPARE(cheapestKeeping(rows, 0.75).escalation, 0.25);
        // No promise can be kept by nothing.
        QCOMPARE(cascadeAt({}, 0).saving, 0.0);
        QCOMPARE(cheapestKeeping({}, 0.99).kept, 0.0);
    }

    void alwaysEscalatingCostsMore()
    {
        const std::vector<CascadeRow> rows{{1, 0, 1, 3, 10, 10}, {1, 1, 0, 3, 10, 10}};
        QVERIFY(cascadeAt(rows, -1).saving < 0);
    }
};

QTEST_GUILESS_MAIN(TestCascadeScorer)
#include "tst_cascade_scorer.moc"
