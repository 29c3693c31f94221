// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/rng.h"
#include "core/catalog/price_book.h"

#include <QtTest>

#include <limits>

using namespace headgate;
using namespace headgate::catalog;

namespace {

Price perMillion(std::string_view text)
{
    return Price::parsePerMillion(text).value();
}

/// $2 in, $10 out, $0.20 cache read, $2.50 and $4 cache writes; double above 1,000 tokens.
PriceSheet fullSheet()
{
    PriceSheet sheet;
    sheet.input = perMillion("2");
    sheet.output = perMillion("10");
    sheet.cacheRead = perMillion("0.2");
    sheet.cacheWrite5m = perMillion("2.5");
    sheet.cacheWrite1h = perMillion("4");
    sheet.tierAbove = 1'000;
    sheet.tierInput = perMillion("4");
    sheet.tierOutput = perMillion("15");
    sheet.tierCacheRead = perMillion("0.4");
    sheet.tierCacheWrite = perMillion("5");
    sheet.serviceTiers["priority"] = {perMillion("4"), perMillion("20"), perMillion("0.4"), {}};
    sheet.serviceTiers["flex"] = {perMillion("1"), perMillion("5"), {}, {}};
    return sheet;
}

PriceSheet plainSheet()
{
    PriceSheet sheet;
    sheet.input = perMillion("3");
    sheet.output = perMillion("15");
    return sheet;
}

std::int64_t nanoOf(const Usage& usage, const PriceSheet& sheet)
{
    return costOfUsage(usage, sheet).value().total.nano();
}

Usage usageOf(std::int64_t input, std::int64_t output)
{
    Usage usage;
    usage.inputUncached = input;
    usage.output = output;
    return usage;
}

} // namespace

class TestCost : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void negativeAndHugeUsagesAreErrors()
    {
        QVERIFY(!costOfUsage(usageOf(-1, 0), plainSheet()));
        QVERIFY(!costOfUsage(usageOf(0, -1), plainSheet()));
        constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();
        QCOMPARE(costOfUsage(usageOf(most, 0), plainSheet()).error().code, ErrorCode::OutOfRange);
        QVERIFY(!boundOfRequest(-1, 0, plainSheet()));
        QVERIFY(!boundOfRequest(0, -1, plainSheet()));
        QCOMPARE(boundOfRequest(most, most, plainSheet()).error().code, ErrorCode::OutOfRange);
    }

    void missingPricesAreNamedNeverZero()
    {
        PriceSheet noOutput = plainSheet();
        noOutput.output.reset();
        QVERIFY(costOfUsage(usageOf(5, 1), noOutput).error().message.find("output")
            != std::string::npos);
        QCOMPARE(nanoOf(usageOf(5, 0), noOutput), 15'000);
        QVERIFY(!boundOfRequest(1, 1, noOutput));
        PriceSheet noInput = plainSheet();
        noInput.input.reset();
        QVERIFY(
            costOfUsage(usageOf(1, 0), noInput).error().message.find("input") != std::string::npos);
        QVERIFY(!boundOfRequest(1, 1, noInput));
        QVERIFY(!boundOfRequest(1, 1, PriceSheet()).error().remedy.empty());
        Usage fast = usageOf(1, 1);
        fast.serviceTier = "fast";
        QVERIFY(!costOfUsage(fast, plainSheet()));
    }

    void missingCachePricesFallBackToInput()
    {
        Usage usage;
        usage.cacheRead = 10;
        usage.cacheWrite5m = 10;
        usage.cacheWrite1h = 10;
        QCOMPARE(nanoOf(usage, plainSheet()), 30 * 3'000);
        PriceSheet sheet = plainSheet();
        sheet.cacheWrite5m = perMillion("3.75");
        QCOMPARE(
            nanoOf(usage, sheet), 10 * 3'000 + 20 * 3'750); // the longer write at least as dear
    }

    void audioNeedsItsPriceOnceTheSheetHasOne()
    {
        Usage usage = usageOf(10, 10);
        usage.inputAudio = 4;
        usage.outputAudio = 5;
        QCOMPARE(nanoOf(usage, plainSheet()), 10 * 3'000 + 10 * 15'000);
        PriceSheet sheet = plainSheet();
        sheet.inputAudio = perMillion("40");
        QVERIFY(!costOfUsage(usage, sheet));
        sheet.outputAudio = perMillion("80");
        QCOMPARE(nanoOf(usage, sheet), 6 * 3'000 + 4 * 40'000 + 5 * 15'000 + 5 * 80'000);
    }

    void contextTierPricesTheWholeRequest()
    {
        Usage usage;
        usage.inputUncached = 500;
        usage.cacheRead = 300;
        usage.cacheWrite5m = 150;
        usage.cacheWrite1h = 50;
        usage.output = 7;
        const PriceSheet sheet = fullSheet();
        // Exactly at the threshold: not above it.
        QCOMPARE(
            nanoOf(usage, sheet), 500 * 2'000 + 300 * 200 + 150 * 2'500 + 50 * 4'000 + 7 * 10'000);
        usage.inputUncached = 501;
        // The one-hour write is not listed for the tier: it doubles as the input does.
        QCOMPARE(
            nanoOf(usage, sheet), 501 * 4'000 + 300 * 400 + 150 * 5'000 + 50 * 8'000 + 7 * 15'000);
    }

    void serviceTiersAreBilledAsServed_data()
    {
        QTest::addColumn<QByteArray>("tier");
        QTest::addColumn<qint64>("nano");
        QTest::newRow("unset") << QByteArray() << qint64(100 * 2'000 + 10 * 10'000);
        QTest::newRow("default") << QByteArray("default") << qint64(100 * 2'000 + 10 * 10'000);
        QTest::newRow("priority") << QByteArray("priority") << qint64(100 * 4'000 + 10 * 20'000);
        QTest::newRow("flex") << QByteArray("flex") << qint64(100 * 1'000 + 10 * 5'000);
        QTest::newRow("batch, not listed")
            << QByteArray("batch") << qint64(100 * 2'000 + 10 * 10'000);
        QTest::newRow("a word of the provider's")
            << QByteArray("on_demand") << qint64(100 * 2'000 + 10 * 10'000);
    }
    void serviceTiersAreBilledAsServed()
    {
        QFETCH(QByteArray, tier);
        QFETCH(qint64, nano);
        Usage usage = usageOf(100, 10);
        usage.serviceTier = tier.toStdString();
        QCOMPARE(qint64(nanoOf(usage, fullSheet())), nano);
    }

    void totalsAreRoundedOnceAndLinesExplain()
    {
        PriceSheet sheet;
        sheet.input = Price::fromPico(100);
        sheet.output = Price::fromPico(100);
        sheet.perCall = Money::fromNano(7);
        sheet.perWebSearch = Money::fromCents(1);
        Usage usage = usageOf(1, 1);
        usage.webSearches = 2;
        const Cost cost = costOfUsage(usage, sheet).value();
        QCOMPARE(cost.total.nano(), 1 + 7 + 20'000'000);
        QCOMPARE(cost.lines.size(), std::size_t{4});
        QCOMPARE(cost.lines[0].what, std::string("input"));
        QCOMPARE(cost.lines[0].amount.nano(), 1);
        QCOMPARE(cost.lines[1].amount.nano(), 1); // lines may add up to more than the total
        QCOMPARE(cost.lines[2].what, std::string("web_search"));
        QCOMPARE(cost.lines[3].what, std::string("per_call"));
        QVERIFY(costOfUsage(Usage(), plainSheet()).value().lines.empty());
    }

    void boundUsesTheDearestThatCouldApply()
    {
        const PriceSheet sheet = fullSheet();
        // Below the threshold the one-hour cache write is the dearest input.
        QCOMPARE(boundOfRequest(999, 10, sheet).value().nano(), 999 * 4'000 + 10 * 10'000);
        QCOMPARE(boundOfRequest(1'000, 10, sheet).value().nano(), 1'000 * 8'000 + 10 * 15'000);
        BoundOptions priority;
        priority.serviceTier = "priority";
        // Priority doubles the one-hour write as it doubles the input.
        QCOMPARE(
            boundOfRequest(100, 10, sheet, priority).value().nano(), 100 * 8'000 + 10 * 20'000);
        BoundOptions flex;
        flex.serviceTier = "flex"; // may still be served, and billed, as standard
        QCOMPARE(
            boundOfRequest(100, 10, sheet, flex).value(), boundOfRequest(100, 10, sheet).value());
        BoundOptions fast;
        fast.serviceTier = "fast";
        QVERIFY(!boundOfRequest(100, 10, sheet, fast));
        PriceSheet audio = plainSheet();
        audio.inputAudio = perMillion("40");
        QCOMPARE(boundOfRequest(10, 0, audio).value().nano(), 30'000);
        BoundOptions withAudio;
        withAudio.audio = true;
        QCOMPARE(boundOfRequest(10, 0, audio, withAudio).value().nano(), 400'000);
    }

    void noUsageCostsMoreThanItsBound()
    {
        Rng rng(3);
        const PriceSheet sheets[] = {fullSheet(), plainSheet(), *simModels()[1].priceAt(0)};
        const char* const tiers[] = {"", "default", "flex", "priority", "batch"};
        for (int i = 0; i < 50'000; ++i) {
            const PriceSheet& sheet = sheets[rng.below(3)];
            Usage usage;
            usage.inputUncached = rng.between(0, 700);
            usage.cacheRead = rng.between(0, 300);
            usage.cacheWrite5m = rng.between(0, 300);
            usage.cacheWrite1h = rng.between(0, 300);
            usage.output = rng.between(0, 2'000);
            usage.serviceTier = tiers[rng.below(5)];
            if (usage.serviceTier == "priority" && sheet.serviceTiers.empty()) {
                continue;
            }
            BoundOptions options;
            options.serviceTier = usage.serviceTier;
            const std::int64_t slackIn = rng.between(0, 200);
            const Money bound = boundOfRequest(
                usage.inputTotal() + slackIn, usage.output + rng.between(0, 50), sheet, options)
                                    .value();
            QVERIFY(costOfUsage(usage, sheet).value().total <= bound);
        }
    }

    void badRawUsagesAreRefused_data()
    {
        QTest::addColumn<QByteArray>("flavor");
        QTest::addColumn<QByteArray>("raw");
        const auto row = [](const char* name, const char* flavor, const char* raw) {
            QTest::newRow(name) << QByteArray(flavor) << QByteArray(raw);
        };
        row("empty", "chat", "");
        row("not JSON", "chat", "{");
        row("a list", "chat", "[]");
        row("null", "chat", "null");
        row("no counts", "chat", "{}");
        row("unknown counts", "chat", R"({"tokens":5})");
        row("negative", "chat", R"({"prompt_tokens":-1,"completion_tokens":1})");
        row("a fraction", "chat", R"({"prompt_tokens":1.5,"completion_tokens":1})");
        row("text", "chat", R"({"prompt_tokens":"5","completion_tokens":1})");
        row("huge", "chat", R"({"prompt_tokens":18446744073709551615,"completion_tokens":1})");
        row("no output", "chat", R"({"prompt_tokens":5})");
        row("bad detail", "chat",
            R"({"prompt_tokens":5,"completion_tokens":1,"prompt_tokens_details":{"cached_tokens":[]}})");
        row("total below input", "chat", R"({"prompt_tokens":5,"total_tokens":4})");
    }
    void badRawUsagesAreRefused()
    {
        QFETCH(QByteArray, flavor);
        QFETCH(QByteArray, raw);
        QVERIFY(!usageFromRaw("openai", flavor.toStdString(), raw.toStdString()));
    }

    void openAiUsage()
    {
        const Usage usage = usageFromRaw("openai", "chat",
            R"({"prompt_tokens":100,"completion_tokens":50,"total_tokens":150,"prompt_tokens_details":
            {"cached_tokens":30,"audio_tokens":5,"cache_write_tokens":20},"completion_tokens_details":
            {"reasoning_tokens":40,"audio_tokens":2}})")
                                .value();
        QCOMPARE(usage.inputUncached, 50);
        QCOMPARE(usage.cacheRead, 30);
        QCOMPARE(usage.cacheWrite5m, 20);
        QCOMPARE(usage.inputTotal(), 100);
        QCOMPARE(usage.inputAudio, 5);
        QCOMPARE(usage.output, 50);
        QCOMPARE(usage.reasoning, 40);
        QCOMPARE(usage.outputAudio, 2);
        QVERIFY(!usage.clamped);
    }

    void partsLargerThanTheirTotalAreClamped()
    {
        const Usage usage = usageFromRaw("openai", "chat",
            R"({"prompt_tokens":10,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":99},
            "completion_tokens_details":{"reasoning_tokens":9}})")
                                .value();
        QVERIFY(usage.clamped);
        QCOMPARE(usage.inputTotal(), 10);
        QCOMPARE(usage.cacheRead, 10);
        QCOMPARE(usage.reasoning, 3);
    }

    void shapesOfOtherProviders()
    {
        // Reasoning beside the completion count, as the total shows.
        const Usage beside = usageFromRaw("xai", "chat",
            R"({"prompt_tokens":10,"completion_tokens":5,"total_tokens":35,
            "completion_tokens_details":{"reasoning_tokens":20}})")
                                 .value();
        QCOMPARE(beside.output, 25);
        const Usage hits = usageFromRaw("deepseek", "chat",
            R"({"prompt_tokens":10,"completion_tokens":5,"prompt_cache_hit_tokens":4})")
                               .value();
        QCOMPARE(hits.cacheRead, 4);
        const Usage embedding
            = usageFromRaw("openai", "embeddings", R"({"prompt_tokens":8})").value();
        QCOMPARE(embedding.inputUncached, 8);
        QCOMPARE(embedding.output, 0);
        const Usage claude = usageFromRaw("anthropic", "default",
            R"({"input_tokens":8,"cache_creation_input_tokens":12,"cache_read_input_tokens":3,
            "cache_creation":{"ephemeral_5m_input_tokens":2,"ephemeral_1h_input_tokens":7},
            "output_tokens":12,"server_tool_use":{"web_search_requests":2},"service_tier":"standard"})")
                                 .value();
        QCOMPARE(claude.inputTotal(), 8 + 12 + 3);
        QCOMPARE(claude.cacheWrite5m, 5); // what no lifetime claims has the default one
        QCOMPARE(claude.cacheWrite1h, 7);
        QCOMPARE(claude.webSearches, 2);
        const Usage gemini = usageFromRaw("google", "default",
            R"({"promptTokenCount":27,"candidatesTokenCount":262,"toolUsePromptTokenCount":3185,
            "thoughtsTokenCount":70,"cachedContentTokenCount":7,
            "promptTokensDetails":[{"modality":"AUDIO","tokenCount":4}]})")
                                 .value();
        QCOMPARE(gemini.inputTotal(), 27 + 3185);
        QCOMPARE(gemini.cacheRead, 7);
        QCOMPARE(gemini.output, 332);
        QCOMPARE(gemini.inputAudio, 4);
    }
};

QTEST_GUILESS_MAIN(TestCost)
#include "tst_cost.moc"
