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

TokenPrices pricesOf(std::string_view input, std::string_view output)
{
    TokenPrices prices;
    prices.input = perMillion(input);
    prices.output = perMillion(output);
    return prices;
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
    ContextTier above;
    above.above = 1'000;
    above.prices.input = perMillion("4");
    above.prices.output = perMillion("15");
    above.prices.cacheRead = perMillion("0.4");
    above.prices.cacheWrite5m = perMillion("5");
    sheet.contextTiers = {above};
    sheet.serviceTiers["priority"] = {pricesOf("4", "20"), {}};
    sheet.serviceTiers["priority"].prices.cacheRead = perMillion("0.4");
    sheet.serviceTiers["flex"] = {pricesOf("1", "5"), {}};
    return sheet;
}

/// Everything a list can have: two context tiers, windows, regions, fees, audio and images.
PriceSheet richSheet()
{
    PriceSheet sheet = fullSheet();
    ContextTier second;
    second.above = 2'000;
    second.prices = pricesOf("6", "30");
    sheet.contextTiers.push_back(second);
    ContextTier own;
    own.above = 500;
    own.prices = pricesOf("9", "45");
    sheet.serviceTiers["priority"].contextTiers = {own};
    sheet.outputReasoning = perMillion("12");
    sheet.inputAudio = perMillion("7");
    sheet.outputAudio = perMillion("33");
    sheet.cacheReadAudio = perMillion("0.7");
    sheet.inputImage = perMillion("5");
    sheet.outputImage = perMillion("41");
    sheet.perTool["web_search"] = Money::fromCents(1);
    sheet.perTool["maps"] = Money::fromNano(25'000'000);
    sheet.perImageIn = Money::fromNano(1'000);
    sheet.perImageOut = Money::fromNano(39'000'000);
    sheet.perCall = Money::fromNano(17);
    sheet.geoPermille["us"] = 1'100;
    TimeWindow day;
    day.zone = "Asia/Shanghai";
    day.startMinute = 9 * 60;
    day.endMinute = 18 * 60;
    day.prices = pricesOf("5", "25");
    TimeWindow night;
    night.startMinute = 22 * 60;
    night.endMinute = 2 * 60;
    night.prices = pricesOf("0.5", "2.5");
    sheet.windows = {day, night};
    sheet.discountPermille = 50;
    return sheet;
}

PriceSheet plainSheet()
{
    PriceSheet sheet;
    sheet.input = perMillion("3");
    sheet.output = perMillion("15");
    return sheet;
}

Usage randomUsage(Rng& rng, bool rich)
{
    Usage usage;
    usage.inputUncached = rng.between(0, 1'200);
    usage.cacheRead = rng.between(0, 600);
    usage.cacheWrite5m = rng.between(0, 300);
    usage.cacheWrite1h = rng.between(0, 300);
    usage.output = rng.between(0, 2'000);
    if (rich && rng.below(2) == 0) {
        usage.reasoning = rng.between(0, usage.output);
        usage.inputAudio = rng.between(0, usage.inputUncached);
        usage.inputImage = rng.between(0, usage.inputUncached);
        usage.cacheReadAudio = rng.between(0, usage.cacheRead);
        usage.cacheReadImage = rng.between(0, usage.cacheRead);
        usage.outputAudio = rng.between(0, usage.output);
        usage.outputImage = rng.between(0, usage.output);
        usage.imagesIn = rng.between(0, 3);
        usage.imagesOut = rng.between(0, 3);
        usage.webSearches = rng.between(0, 3);
        usage.toolCalls["maps"] = rng.between(0, 3);
    }
    return usage;
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
        sheet.perTool["web_search"] = Money::fromCents(1);
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
        const PriceSheet sheets[]
            = {fullSheet(), plainSheet(), *simModels()[1].priceAt(0), richSheet(), richSheet()};
        const char* const tiers[] = {"", "default", "flex", "priority", "batch", "ON_DEMAND_FLEX"};
        const char* const regions[] = {"", "global", "us", "eu"};
        for (int i = 0; i < 10'000; ++i) {
            const PriceSheet& sheet = sheets[rng.below(5)];
            const bool rich = !sheet.windows.empty();
            Usage usage = randomUsage(rng, rich);
            usage.serviceTier = tiers[rng.below(6)];
            if (servedTier(usage.serviceTier) == "priority" && sheet.serviceTiers.empty()) {
                continue;
            }
            BoundOptions options;
            options.serviceTier = usage.serviceTier;
            options.audio = usage.inputAudio + usage.cacheReadAudio + usage.outputAudio > 0;
            options.images = usage.inputImage + usage.cacheReadImage > 0;
            options.webSearchesMax = usage.webSearches;
            options.toolCallsMax = usage.toolCalls;
            options.imagesInMax = usage.imagesIn + rng.between(0, 1);
            options.imagesOutMax = usage.imagesOut;
            usage.geo = regions[rng.below(4)];
            // A region that was asked for is where it runs; none leaves it to the account.
            options.geo = rng.below(2) == 0 ? std::string_view() : std::string_view(usage.geo);
            const std::int64_t input = usage.inputTotal() + rng.between(0, 200);
            const std::int64_t output = usage.output + rng.between(0, 50);
            const Money bound = boundOfRequest(input, output, sheet, options).value();
            QVERIFY(costOfUsage(usage, sheet).value().total <= bound);
            const TimeUs endedAt
                = rng.between(0, 400) * usPerHour + rng.between(0, 59) * usPerMinute;
            QVERIFY(costOfUsage(usage, sheet, endedAt).value().total <= bound);
            const BoundPrices prices = boundPrices(input, sheet, options).value();
            CostSum fitted;
            fitted.add(input, prices.input);
            fitted.add(output, prices.output);
            fitted.add(prices.fixed);
            QVERIFY(fitted.total().value() >= bound);
        }
    }

    void severalContextTiersAndThoseOfAService()
    {
        PriceSheet sheet = richSheet();
        sheet.windows.clear();
        sheet.discountPermille = 0;
        sheet.perCall = Money();
        QCOMPARE(nanoOf(usageOf(1'000, 1), sheet), 1'000 * 2'000 + 10'000);
        QCOMPARE(nanoOf(usageOf(1'001, 1), sheet), 1'001 * 4'000 + 15'000);
        QCOMPARE(nanoOf(usageOf(2'000, 1), sheet), 2'000 * 4'000 + 15'000);
        QCOMPARE(nanoOf(usageOf(2'001, 1), sheet), 2'001 * 6'000 + 30'000);
        Usage priority = usageOf(500, 1);
        priority.serviceTier = "priority";
        QCOMPARE(nanoOf(priority, sheet), 500 * 4'000 + 20'000);
        priority.inputUncached = 501; // its own threshold goes before the sheet's
        QCOMPARE(nanoOf(priority, sheet), 501 * 9'000 + 45'000);
    }

    void windowsHoldAtTheInstantTheAnswerEnded_data()
    {
        QTest::addColumn<int>("utcMinute");
        QTest::addColumn<qint64>("nano");
        // 9:00 to 18:00 in Shanghai is 1:00 to 10:00 UTC; the first window that holds counts.
        QTest::newRow("before") << 0 * 60 + 59 << qint64(10 * 500 + 2'500);
        QTest::newRow("first minute") << 1 * 60 << qint64(10 * 5'000 + 25'000);
        QTest::newRow("last minute") << 9 * 60 + 59 << qint64(10 * 5'000 + 25'000);
        QTest::newRow("end is exclusive") << 10 * 60 << qint64(10 * 2'000 + 10'000);
        QTest::newRow("before the night") << 21 * 60 + 59 << qint64(10 * 2'000 + 10'000);
        QTest::newRow("night") << 22 * 60 << qint64(10 * 500 + 2'500);
        QTest::newRow("across midnight") << 0 << qint64(10 * 500 + 2'500);
    }
    void windowsHoldAtTheInstantTheAnswerEnded()
    {
        QFETCH(int, utcMinute);
        QFETCH(qint64, nano);
        PriceSheet sheet = richSheet();
        sheet.discountPermille = 0;
        sheet.perCall = Money();
        const TimeUs at = 20'000 * usPerDay + utcMinute * usPerMinute;
        QCOMPARE(qint64(costOfUsage(usageOf(10, 1), sheet, at).value().total.nano()), nano);
        // Without an instant the dearest of the three counts.
        QCOMPARE(nanoOf(usageOf(10, 1), sheet), 10 * 5'000 + 25'000);
    }

    void aWindowNeverMakesCheaperWhatItDoesNotList()
    {
        PriceSheet sheet = fullSheet();
        TimeWindow night;
        night.startMinute = 0;
        night.endMinute = 0; // the whole day
        night.prices = pricesOf("1", "5");
        sheet.windows = {night};
        Usage usage;
        usage.cacheRead = 100;
        QCOMPARE(costOfUsage(usage, sheet, TimeUs{0}).value().total.nano(), 100 * 200);
        sheet.windows[0].prices = pricesOf("4", "20");
        QCOMPARE(costOfUsage(usage, sheet, TimeUs{0}).value().total.nano(), 100 * 400);
    }

    void regionsMultiplyTokensAndDiscountsTheWholeBill()
    {
        PriceSheet sheet = plainSheet();
        sheet.geoPermille["us"] = 1'100;
        sheet.perCall = Money::fromNano(100);
        Usage usage = usageOf(10, 1);
        usage.geo = "us";
        QCOMPARE(nanoOf(usage, sheet), 33'000 + 16'500 + 100);
        usage.geo = "eu";
        QCOMPARE(nanoOf(usage, sheet), 45'000 + 100);
        sheet.discountPermille = 55;
        const Cost cost = costOfUsage(usage, sheet).value();
        QCOMPARE(cost.total.nano(), 42'620); // 45,100 × 0.945 = 42,619.5
        QCOMPARE(cost.lines.back().what, std::string("discount"));
        QCOMPARE(cost.lines.back().amount.nano(), 42'620 - 45'100);
        sheet.discountPermille = 1'001;
        QVERIFY(!costOfUsage(usage, sheet));
        QVERIFY(!boundOfRequest(1, 1, sheet));
    }

    void feesThatAreNotKnownAreErrors()
    {
        Usage usage = usageOf(1, 1);
        usage.webSearches = 1;
        QVERIFY(costOfUsage(usage, plainSheet()).error().message.find("web_search")
            != std::string::npos);
        BoundOptions options;
        options.toolCallsMax["maps"] = 1;
        QVERIFY(!boundOfRequest(1, 1, plainSheet(), options));
        PriceSheet sheet = plainSheet();
        sheet.perTool["web_search"] = Money(); // free, and known to be
        QCOMPARE(nanoOf(usage, sheet), 3'000 + 15'000);
        usage.toolCalls["maps"] = 2;
        sheet.perTool["maps"] = Money::fromCents(2);
        QCOMPARE(nanoOf(usage, sheet), 18'000 + 40'000'000);
        usage = usageOf(1, 10);
        usage.outputImage = 4; // text prices never stand in for images that were made
        QVERIFY(!costOfUsage(usage, sheet));
        sheet.outputImage = perMillion("30");
        QCOMPARE(nanoOf(usage, sheet), 3'000 + 6 * 15'000 + 4 * 30'000);
        usage.imagesOut = 2;
        sheet.perImageOut = Money::fromNano(5);
        QCOMPARE(nanoOf(usage, sheet), 3'000 + 6 * 15'000 + 4 * 30'000 + 10);
    }

    void cachedAudioAndReasoningHaveTheirOwnPrices()
    {
        PriceSheet sheet = fullSheet();
        sheet.inputAudio = perMillion("7");
        Usage usage;
        usage.cacheRead = 10;
        usage.cacheReadAudio = 4;
        QCOMPARE(nanoOf(usage, sheet), 6 * 200 + 4 * 7'000); // no cached price: the audio price
        sheet.cacheReadAudio = perMillion("0.7");
        QCOMPARE(nanoOf(usage, sheet), 6 * 200 + 4 * 700);
        usage = usageOf(1, 10);
        usage.reasoning = 8;
        sheet.outputReasoning = perMillion("3");
        QCOMPARE(nanoOf(usage, sheet), 2'000 + 2 * 10'000 + 8 * 3'000);
        QCOMPARE(boundOfRequest(1, 10, sheet).value().nano(), 4'000 + 10 * 10'000);
    }

    void tierWordsOfEveryProvider_data()
    {
        QTest::addColumn<QByteArray>("word");
        QTest::addColumn<QByteArray>("tier");
        const auto row = [](const char* word, const char* tier) {
            QTest::newRow(word) << QByteArray(word) << QByteArray(tier);
        };
        row("standard", "");
        row("default", "");
        row("auto", "");
        row("scale", "");
        row("SERVICE_TIER_STANDARD", "");
        row("ON_DEMAND", "");
        row("PROVISIONED_THROUGHPUT", "");
        row("ON_DEMAND_PRIORITY", "priority");
        row("ON_DEMAND_FLEX", "flex");
        row("SERVICE_TIER_FLEX", "flex");
        row("Batch", "batch");
        row("something", "something");
    }
    void tierWordsOfEveryProvider()
    {
        QFETCH(QByteArray, word);
        QFETCH(QByteArray, tier);
        QCOMPARE(servedTier(word.toStdString()), tier.toStdString());
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

    void modalitiesTiersAndRegions()
    {
        const Usage gemini = usageFromRaw("google", "default",
            R"({"promptTokenCount":100,"candidatesTokenCount":1290,"cachedContentTokenCount":60,
            "trafficType":"ON_DEMAND_PRIORITY",
            "promptTokensDetails":[{"modality":"AUDIO","tokenCount":40},{"modality":"IMAGE","tokenCount":20}],
            "cacheTokensDetails":[{"modality":"AUDIO","tokenCount":30}],
            "candidatesTokensDetails":[{"modality":"IMAGE","tokenCount":1290}]})")
                                 .value();
        QCOMPARE(gemini.inputAudio, 10);
        QCOMPARE(gemini.cacheReadAudio, 30);
        QCOMPARE(gemini.inputImage, 20);
        QCOMPARE(gemini.outputImage, 1290);
        QCOMPARE(gemini.serviceTier, std::string("priority"));
        QVERIFY(!gemini.clamped);
        const Usage claude = usageFromRaw("anthropic", "default",
            R"({"input_tokens":1,"output_tokens":2,"speed":"fast","service_tier":"standard",
            "inference_geo":"us","cache_read_input_tokens":0,"server_tool_use":
            {"web_search_requests":1,"web_fetch_requests":3,"code_execution_requests":2}})")
                                 .value();
        QCOMPARE(claude.serviceTier, std::string("fast"));
        QCOMPARE(claude.geo, std::string("us"));
        QCOMPARE(claude.toolCalls.size(), std::size_t{1}); // fetching is free
        QCOMPARE(claude.toolCalls.at("code_execution"), 2);
        const Usage global = usageFromRaw("anthropic", "default",
            R"({"input_tokens":1,"output_tokens":2,"cache_read_input_tokens":0,
            "inference_geo":"not_available"})")
                                 .value();
        QVERIFY(global.geo.empty());
        const Usage audio = usageFromRaw("openai", "chat",
            R"({"prompt_tokens":100,"completion_tokens":9,"prompt_tokens_details":
            {"cached_tokens":80,"audio_tokens":50,"image_tokens":10}})")
                                .value();
        // Of 50 audio tokens at most 20 were not cached.
        QCOMPARE(audio.inputAudio + audio.cacheReadAudio, 50);
        QVERIFY(audio.inputAudio + audio.inputImage <= audio.inputUncached);
        QVERIFY(!audio.clamped);
    }

    void revisedUsageIsReadLikeTheFirst()
    {
        // message_delta brings cumulative counts; what it leaves out is for the codec to keep.
        const Usage delta = usageFromRaw("anthropic", "default",
            R"({"input_tokens":5,"cache_creation_input_tokens":0,"cache_read_input_tokens":9,
            "output_tokens":20})")
                                .value();
        QCOMPARE(delta.inputTotal(), 14);
        QCOMPARE(delta.output, 20);
        // A field that is null counts as absent, and an absent one as nothing.
        const Usage nulls = usageFromRaw("anthropic", "default",
            R"({"input_tokens":5,"cache_creation_input_tokens":null,
            "cache_read_input_tokens":null,"cache_creation":null,"server_tool_use":null,
            "output_tokens":1,"service_tier":null})")
                                .value();
        QCOMPARE(nulls.inputTotal(), 5);
        QVERIFY(nulls.serviceTier.empty());
        // The split says more than the total: the parts are billed.
        const Usage more = usageFromRaw("anthropic", "default",
            R"({"input_tokens":1,"output_tokens":1,"cache_creation_input_tokens":4,
            "cache_creation":{"ephemeral_5m_input_tokens":3,"ephemeral_1h_input_tokens":3}})")
                               .value();
        QVERIFY(more.clamped);
        QCOMPARE(more.inputTotal(), 7);
    }
};

QTEST_GUILESS_MAIN(TestCost)
#include "tst_cost.moc"
