// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include <QTest>

#include "core/classify/classifier.h"

#include "core/base/rng.h"

#include <cmath>
#include <set>
#include <string>
#include <vector>

using namespace headgate;
using namespace headgate::classify;

namespace {

/// Prompts whose kind decides: the cheap model fails at proofs, the strong one does not.
struct World {
    std::vector<std::string> texts;
    std::vector<PromptFeatures> features;
    std::vector<Example> examples;
};

World makeWorld(std::size_t rows, std::uint64_t seed)
{
    World world;
    Rng rng(seed);
    const std::vector<std::string> topics{"rivers", "tables", "primes", "colours", "trees"};
    FeatureReader reader;
    world.features.resize(rows);
    for (std::size_t i = 0; i < rows; ++i) {
        const bool hard = rng.below(2) == 0;
        const std::string& topic = topics[rng.below(topics.size())];
        world.texts.push_back(hard ? "Prove the theorem about " + topic + " with x^2 + y = 7?"
                                   : "What is the colour of " + topic + "?");
        reader.read(world.texts.back(), {}, world.features[i]);
        Example example;
        example.features = &world.features[i];
        const bool noise = rng.below(10) == 0;
        example.outcomes = {{0, hard == noise ? 1.0F : 0.0F}, {1, 1.0F}};
        world.examples.push_back(example);
    }
    return world;
}

Classifier learned(const World& world, std::uint64_t seed = 1)
{
    Classifier out = Classifier::create({"cheap", "strong"}).value();
    TrainOptions options;
    options.seed = seed;
    out.learn(world.examples, options);
    return out;
}

PromptFeatures featuresOf(const std::string& text, const PromptTags& tags = {})
{
    PromptFeatures out;
    FeatureReader reader;
    reader.read(text, tags, out);
    return out;
}

} // namespace

class TestClassifier : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void refusesBadNames()
    {
        QVERIFY(!Classifier::create({}).has_value());
        QVERIFY(!Classifier::create({"a", "a"}).has_value());
        QVERIFY(!Classifier::create({""}).has_value());
        QVERIFY(!Classifier::create({"a\nb"}).has_value());
        QVERIFY(!Classifier::create(std::vector<std::string>(headsMax + 1, "m")).has_value());
    }

    void refusesForeignBytes()
    {
        const std::string good = learned(makeWorld(80, 3)).toBytes();
        QVERIFY(Classifier::fromBytes(good).has_value());
        QCOMPARE(Classifier::fromBytes("").error().code, ErrorCode::Corrupt);
        QCOMPARE(Classifier::fromBytes("HGCLASS\n").error().code, ErrorCode::Corrupt);
        QCOMPARE(Classifier::fromBytes("SQLite format 3").error().code, ErrorCode::Corrupt);
        for (std::size_t size = 0; size < good.size(); size += 997) {
            QVERIFY(!Classifier::fromBytes(good.substr(0, size)).has_value());
        }
        Rng rng(5);
        for (int i = 0; i < 200; ++i) {
            std::string bad = good;
            bad[rng.below(bad.size())] ^= static_cast<char>(1 + rng.below(255));
            QVERIFY(!Classifier::fromBytes(bad).has_value());
        }
    }

    void refusesHostileBytesWithARightChecksum()
    {
        const std::string good = learned(makeWorld(80, 3)).toBytes();
        Rng rng(6);
        int refused = 0;
        for (int i = 0; i < 300; ++i) {
            std::string body = good.substr(0, good.size() - 8);
            for (int k = 0; k < 4; ++k) {
                body[8 + rng.below(body.size() - 8)] = static_cast<char>(rng.below(256));
            }
            const std::uint64_t sum = textHash(body);
            for (int k = 0; k < 8; ++k) {
                body += static_cast<char>((sum >> (8 * k)) & 0xFF);
            }
            const Result<Classifier> read = Classifier::fromBytes(body);
            refused += read.has_value() ? 0 : 1;
            if (read.has_value()) {
                // Whatever was let in gives a probability.
                const double p = read->probability(featuresOf("Prove it."), 0);
                QVERIFY(p > 0 && p < 1);
            }
        }
        QVERIFY(refused > 50);
    }

    void readsWhatItWrote()
    {
        const World world = makeWorld(300, 7);
        const Classifier one = learned(world);
        const Classifier two = Classifier::fromBytes(one.toBytes()).value();
        QCOMPARE(two.heads(), std::size_t{2});
        QCOMPARE(two.model(1), std::string("strong"));
        QCOMPARE(two.labels(0), std::int64_t{300});
        for (const PromptFeatures& features : world.features) {
            QCOMPARE(one.probability(features, 0), two.probability(features, 0));
        }
        QCOMPARE(two.toBytes(), one.toBytes());
        QVERIFY(one.memoryBytes() < 20U * 1000 * 1000 / headsMax * 2);
    }

    void learnsTheSameFromTheSame()
    {
        const World world = makeWorld(250, 11);
        QCOMPARE(learned(world, 4).toBytes(), learned(world, 4).toBytes());
        QVERIFY(learned(world, 4).toBytes() != learned(world, 5).toBytes());
    }

    void tellsHardFromEasy()
    {
        const Classifier model = learned(makeWorld(800, 13));
        const PromptFeatures hard = featuresOf("Prove the theorem about rivers with x^2 + y = 7?");
        const PromptFeatures easy = featuresOf("What is the colour of rivers?");
        QVERIFY(model.gain(hard, 0, 1) > 0.5);
        QVERIFY(model.gain(easy, 0, 1) < 0.3);
        QVERIFY(model.difficulty(hard, 0) > 0.6);
        std::vector<double> all;
        model.predict(hard, all);
        QCOMPARE(all.size(), std::size_t{2});
        QCOMPARE(all[0], model.probability(hard, 0));
    }

    void goesOnLearning()
    {
        const World before = makeWorld(300, 17);
        World after = makeWorld(600, 18);
        for (Example& example : after.examples) {
            example.outcomes[0].score = 1.0F - example.outcomes[0].score;
        }
        Classifier model = learned(before);
        const PromptFeatures hard = featuresOf("Prove the theorem about rivers with x^2 + y = 7?");
        const double first = model.probability(hard, 0);
        for (int i = 0; i < 3; ++i) {
            model.learn(after.examples, {});
        }
        QVERIFY(model.probability(hard, 0) > first + 0.2);
        QCOMPARE(model.labels(0), std::int64_t{300 + 3 * 600});
    }

    void leavesOutWhatItCannotUse()
    {
        World world = makeWorld(20, 19);
        for (Example& example : world.examples) {
            example.outcomes = {{7, 1.0F}, {0, std::nanf("")}};
        }
        Classifier model = Classifier::create({"cheap"}).value();
        model.learn(world.examples, {});
        QCOMPARE(model.labels(0), std::int64_t{0});
        QCOMPARE(model.probability(world.features[0], 0), 0.5);
    }

    void explainsAScore()
    {
        const Classifier model = learned(makeWorld(800, 23));
        const std::string text = "Prove the theorem about rivers with x^2 + y = 7?";
        const Explanation why = model.explainGain(text, {}, 0, 1);
        QVERIFY(std::abs(why.score - model.gain(featuresOf(text), 0, 1)) < 1e-12);
        QVERIFY(!why.top.empty() && why.top.size() <= explainedMax);
        for (std::size_t i = 1; i < why.top.size(); ++i) {
            QVERIFY(std::abs(why.top[i - 1].moved) >= std::abs(why.top[i].moved));
        }
        std::set<std::string> names;
        for (const Contribution& part : why.top) {
            QVERIFY(!part.name.empty());
            names.insert(part.name);
        }
        QCOMPARE(names.size(), why.top.size());
    }

    void readsAnyText_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::newRow("empty") << QByteArray();
        QTest::newRow("zero bytes") << QByteArray(100, '\0');
        QTest::newRow("one word of 5 MB") << QByteArray(5'000'000, 'a');
        QTest::newRow("marks only") << QByteArray(200'000, '=');
        QTest::newRow("lines only") << QByteArray(200'000, '\n');
        QTest::newRow("cut UTF-8") << QByteArray(50'000, '\xE4');
        QTest::newRow("not UTF-8") << QByteArray(50'000, '\xFF');
        QTest::newRow("options") << QByteArray("A. ").repeated(5'000);
    }
    void readsAnyText()
    {
        QFETCH(QByteArray, text);
        const PromptFeatures features = featuresOf(text.toStdString(), {"r", "s", "t", "c"});
        QVERIFY(features.table.size() <= featuresMax + 2 * structureCount + 4);
        for (std::size_t i = 0; i < features.table.size(); ++i) {
            QVERIFY(std::isfinite(features.table[i].value));
            QVERIFY(features.table[i].slot < tableSlots);
            QVERIFY(i == 0 || features.table[i - 1].slot < features.table[i].slot);
        }
        for (const float value : features.structure) {
            QVERIFY(value >= 0 && value <= 1);
        }
        QVERIFY(nameFeatures(text.toStdString(), {}).size() <= featuresMax + 2 * structureCount);
    }

    void tagsAreFeatures()
    {
        const PromptFeatures plain = featuresOf("hello");
        const PromptFeatures tagged = featuresOf("hello", {"route a", {}, {}, "codex"});
        QCOMPARE(tagged.table.size(), plain.table.size() + 2);
        bool named = false;
        for (const auto& [slot, name] : nameFeatures("hello", {"route a", {}, {}, "codex"})) {
            named = named || name == "client codex";
        }
        QVERIFY(named);
    }
};

QTEST_GUILESS_MAIN(TestClassifier)
#include "tst_classifier.moc"
