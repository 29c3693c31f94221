// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include <QTest>

#include "core/classify/blend.h"
#include "core/classify/curve.h"
#include "core/classify/dial.h"
#include "core/classify/publish.h"

#include "core/base/rng.h"

#include <algorithm>
#include <cmath>
#include <vector>

using namespace headgate;
using namespace headgate::classify;

namespace {

bool near(double a, double b, double within = 1e-9)
{
    return std::abs(a - b) <= within;
}

double uniform(Rng& rng)
{
    return static_cast<double>(rng.below(1'000'000)) / 1e6;
}

/// Harm grows with the score: p(strong right) = 0.9, p(cheap right) = 0.9 − 0.6 · score.
std::vector<Scored> draw(Rng& rng, std::size_t rows)
{
    std::vector<Scored> out(rows);
    for (Scored& row : out) {
        row.score = uniform(rng);
        row.strong = uniform(rng) < 0.9 ? 1 : 0;
        row.cheap = uniform(rng) < 0.9 - 0.6 * row.score ? 1 : 0;
    }
    return out;
}

/// What is truly lost, of the strong model's quality, when scores below `threshold` go cheap.
double trueLoss(double threshold)
{
    const double t = std::clamp(threshold, 0.0, 1.0);
    return 0.6 * t * t / 2 / 0.9;
}

std::vector<Scored> withScores(const std::vector<Scored>& rows, Rng& rng, double noise)
{
    std::vector<Scored> out = rows;
    for (Scored& row : out) {
        row.score = (1 - noise) * row.score + noise * uniform(rng);
    }
    return out;
}

} // namespace

class TestCurve : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void nothingIsNoCurve()
    {
        const RoutingCurve empty(std::vector<Scored>{});
        QCOMPARE(empty.apgr(), 0.5);
        QCOMPARE(empty.callsFor(0.5), 0.0);
        const RoutingCurve noGap(std::vector<Scored>{{1, 1, 1}, {2, 0, 0}});
        QCOMPARE(noGap.apgr(), 0.5);
        QCOMPARE(failureAuc({}), 0.5);
        QCOMPARE(calibrationOf({}).brier, 0.0);
        QVERIFY(convexHull({}).empty());
        QCOMPARE(averageQuality({}, 0, 1), 0.0);
        QCOMPARE(bootstrap(
                     {}, [](std::span<const Scored>) { return 1.0; }, 10, 1)
                     .high,
            0.0);
    }

    void apgrByHand_data()
    {
        QTest::addColumn<QVector<double>>("scores");
        QTest::addColumn<double>("apgr");
        QTest::addColumn<double>("half");
        // Four prompts; only the first gains from the strong model.
        QTest::newRow("best first") << QVector<double>{4, 3, 2, 1} << 0.875 << 0.125;
        QTest::newRow("best last") << QVector<double>{1, 2, 3, 4} << 0.125 << 0.875;
        QTest::newRow("second") << QVector<double>{3, 4, 2, 1} << 0.625 << 0.375;
        QTest::newRow("all equal") << QVector<double>{1, 1, 1, 1} << 0.5 << 0.5;
        QTest::newRow("tie of two") << QVector<double>{2, 2, 1, 1} << 0.75 << 0.25;
    }
    void apgrByHand()
    {
        QFETCH(QVector<double>, scores);
        std::vector<Scored> rows{{0, 0, 1}, {0, 1, 1}, {0, 1, 1}, {0, 0, 0}};
        for (std::size_t i = 0; i < rows.size(); ++i) {
            rows[i].score = scores[static_cast<int>(i)];
        }
        const RoutingCurve curve(rows);
        QTEST(curve.apgr(), "apgr");
        QFETCH(double, half);
        QVERIFY(near(curve.callsFor(0.5), half, 1e-6));
        QCOMPARE(curve.cheapQuality(), 0.5);
        QCOMPARE(curve.strongQuality(), 0.75);
    }

    void savingByHand()
    {
        // The strong model has 3 of 4; 2/3 of that are 2 of 4: no strong call is needed.
        const std::vector<Scored> rows{{4, 0, 1}, {3, 1, 1}, {2, 1, 1}, {1, 0, 0}};
        const RoutingCurve curve(rows);
        QVERIFY(near(curve.savingAt(2.0 / 3, 10), 0.9));
        QVERIFY(near(curve.callsForQuality(1), 0.25, 1e-6));
        QVERIFY(near(curve.savingAt(1, 10), 0.75 * 0.9, 1e-6));
    }

    void aucByHand()
    {
        QCOMPARE(failureAuc(std::vector<Scored>{{2, 0, 1}, {1, 1, 1}}), 1.0);
        QCOMPARE(failureAuc(std::vector<Scored>{{1, 0, 1}, {2, 1, 1}}), 0.0);
        QCOMPARE(failureAuc(std::vector<Scored>{{1, 0, 1}, {1, 1, 1}}), 0.5);
        QCOMPARE(failureAuc(std::vector<Scored>{{1, 0, 1}}), 0.5);
    }

    void calibrationByHand()
    {
        std::vector<Forecast> rows;
        for (int i = 0; i < 100; ++i) {
            rows.push_back({0.8, i % 5 == 0 ? 0.0 : 1.0});
        }
        const Calibration found = calibrationOf(rows);
        QVERIFY(near(found.brier, 0.16));
        QVERIFY(near(found.brierOfMean, 0.16));
        QVERIFY(near(found.calibrationError, 0));
    }

    void hullLeavesOutWhatIsDominated()
    {
        const auto hull = convexHull({{1, 0.5}, {2, 0.55}, {3, 0.9}, {4, 0.8}, {1, 0.4}});
        QCOMPARE(hull.size(), std::size_t{2});
        QCOMPARE(hull[1].quality, 0.9);
        QVERIFY(near(averageQuality(hull, 1, 3), 0.7));
        QVERIFY(near(averageQuality(hull, 1, 5), 0.8));
    }

    void bootstrapIsSeeded()
    {
        Rng rng(3);
        const std::vector<Scored> rows = draw(rng, 500);
        const auto figure
            = [](std::span<const Scored> drawn) { return RoutingCurve(drawn).apgr(); };
        const Interval one = bootstrap(rows, figure, 100, 7);
        const Interval two = bootstrap(rows, figure, 100, 7);
        QCOMPARE(one.low, two.low);
        QVERIFY(one.low < RoutingCurve(rows).apgr() && RoutingCurve(rows).apgr() < one.high);
        QVERIFY(one.low > 0.5);
    }

    void normalQuantiles()
    {
        QVERIFY(near(normalQuantile(0.5), 0, 1e-6));
        QVERIFY(near(normalQuantile(0.9), 1.281552, 1e-5));
        QVERIFY(near(normalQuantile(0.01), -2.326348, 1e-5));
    }

    void dialSaysWhatIsMissing()
    {
        Rng rng(1);
        const Setting setting = settingFor(draw(rng, 120), {});
        QVERIFY(!setting.enough);
        QCOMPARE(setting.missing, std::size_t{180});
        QCOMPARE(setting.strongShare, 1.0);
        // All prompts score at least the threshold.
        QVERIFY(setting.threshold < -1e300);
        QVERIFY(setting.why.find("180 more") != std::string::npos);
    }

    void dialStaysSafeWhenCheapIsBad()
    {
        std::vector<Scored> rows(1000);
        for (Scored& row : rows) {
            row = {0.5, 0, 1};
        }
        const Setting setting = settingFor(rows, {});
        QVERIFY(setting.enough);
        QCOMPARE(setting.strongShare, 1.0);
        QVERIFY(!(0.5 < setting.threshold));
    }

    void dialKeepsItsPromise_data()
    {
        QTest::addColumn<int>("rule");
        QTest::addColumn<double>("worse");
        QTest::newRow("upper 2 %") << static_cast<int>(DialRule::UpperConfidence) << 0.02;
        QTest::newRow("upper 5 %") << static_cast<int>(DialRule::UpperConfidence) << 0.05;
        QTest::newRow("conformal 5 %") << static_cast<int>(DialRule::ConformalRisk) << 0.05;
    }
    void dialKeepsItsPromise()
    {
        QFETCH(int, rule);
        QFETCH(double, worse);
        Rng rng(11);
        Promise promise;
        promise.worseAtMost = worse;
        promise.rule = static_cast<DialRule>(rule);
        int broken = 0;
        double cheapShare = 0;
        constexpr int draws = 300;
        for (int i = 0; i < draws; ++i) {
            const Setting setting = settingFor(draw(rng, 1000), promise);
            broken += trueLoss(setting.threshold) > worse ? 1 : 0;
            cheapShare += (1 - setting.strongShare) / draws;
        }
        QVERIFY2(broken <= draws / 10, qPrintable(QString::number(broken)));
        if (promise.rule == DialRule::UpperConfidence) {
            // A promise that is kept by never saving anything would be easy.
            QVERIFY2(cheapShare > 0.08, qPrintable(QString::number(cheapShare)));
        }
    }

    void conformalIsStricter()
    {
        Rng rng(13);
        const std::vector<Scored> rows = draw(rng, 2000);
        Promise promise;
        promise.worseAtMost = 0.05;
        const double upper = settingFor(rows, promise).strongShare;
        promise.rule = DialRule::ConformalRisk;
        QVERIFY(settingFor(rows, promise).strongShare >= upper);
    }

    void publishesOnlyWhatIsBetter_data()
    {
        QTest::addColumn<int>("rows");
        QTest::addColumn<double>("fresh");
        QTest::addColumn<double>("old");
        QTest::addColumn<double>("length");
        QTest::addColumn<bool>("publish");
        QTest::newRow("too few") << 50 << 0.0 << 1.0 << 1.0 << false;
        QTest::newRow("better than all") << 1500 << 0.0 << 0.9 << 1.0 << true;
        QTest::newRow("as good as the old") << 1500 << 0.0 << 0.0 << 1.0 << false;
        QTest::newRow("as good as length") << 1500 << 0.0 << 1.0 << 0.0 << false;
        QTest::newRow("learned nothing") << 1500 << 1.0 << 1.0 << 1.0 << false;
    }
    void publishesOnlyWhatIsBetter()
    {
        QFETCH(int, rows);
        QFETCH(double, fresh);
        QFETCH(double, old);
        QFETCH(double, length);
        Rng rng(17);
        const std::vector<Scored> truth = draw(rng, static_cast<std::size_t>(rows));
        Candidates candidates;
        candidates.fresh = withScores(truth, rng, fresh);
        candidates.old = withScores(truth, rng, old);
        candidates.length = withScores(truth, rng, length);
        candidates.shuffled = withScores(truth, rng, 1.0);
        const Verdict verdict = judge(candidates, 1);
        QTEST(verdict.publish, "publish");
        QVERIFY(!verdict.why.empty());
        QCOMPARE(judge(candidates, 1).overLength.low, verdict.overLength.low);
    }

    void ranksOfScores()
    {
        QCOMPARE(ScoreRank().of(3), 1.0);
        std::vector<double> seen;
        for (int i = 0; i <= 640; ++i) {
            seen.push_back(i);
        }
        const ScoreRank rank(seen);
        QCOMPARE(rank.of(-1), 0.0);
        QCOMPARE(rank.of(1e9), 1.0);
        QVERIFY(near(rank.of(160), 0.25));
        QVERIFY(near(rank.of(325), 325.0 / 640));
        // A score that all have is neither high nor low.
        QCOMPARE(ScoreRank(std::vector<double>(100, 5.0)).of(5), 0.5);
    }

    void blendsByWhatIsWorthMore_data()
    {
        QTest::addColumn<double>("learnedNoise");
        QTest::addColumn<double>("priorNoise");
        QTest::addColumn<double>("least");
        QTest::addColumn<double>("most");
        QTest::newRow("the prior says nothing") << 0.0 << 1.0 << 0.7 << 1.0;
        QTest::newRow("nothing was learned") << 1.0 << 0.0 << 0.0 << 0.3;
        QTest::newRow("both say something") << 0.7 << 0.7 << 0.2 << 0.8;
    }
    void blendsByWhatIsWorthMore()
    {
        QFETCH(double, learnedNoise);
        QFETCH(double, priorNoise);
        QFETCH(double, least);
        QFETCH(double, most);
        Rng rng(29);
        const std::vector<Scored> truth = draw(rng, 3000);
        const Result<Blend> blend = Blend::choose(
            withScores(truth, rng, learnedNoise), withScores(truth, rng, priorNoise));
        QVERIFY2(blend->share() >= least && blend->share() <= most,
            qPrintable(QString::number(blend->share())));
        QVERIFY(!Blend::choose(truth, {}).has_value());
        QVERIFY(!Blend::choose({}, {}).has_value());
    }

    void publishingNeedsTheSamePrompts()
    {
        Rng rng(19);
        Candidates candidates;
        candidates.fresh = draw(rng, 300);
        QVERIFY(!judge(candidates, 1).publish);
        QCOMPARE(holdOutBegin(100), std::size_t{75});
        QCOMPARE(holdOutBegin(0), std::size_t{0});
        QCOMPARE(holdOutBegin(10, 5000), std::size_t{0});
    }
};

QTEST_GUILESS_MAIN(TestCurve)
#include "tst_curve.moc"
