// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QtTest>

#include "core/base/limits.h"
#include "core/catalog/price_import.h"
#include "tests/unit/catalog/price_lists.h"

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

using namespace headgate;
using namespace headgate::catalog;

namespace {

constexpr TimeUs now = 1'795'000'000'000'000; // in November 2026

Price perMillion(std::string_view text)
{
    return Price::parsePerMillion(text).value();
}

/// openai with one model at $2.50 in and $10 out, and the simulated provider.
Catalog someCatalog()
{
    Catalog catalog;
    Provider openai;
    openai.name = "openai";
    openai.baseUrl = "https://api.openai.com/v1";
    catalog.providers = {simProvider(), openai};
    Model model;
    model.provider = "openai";
    model.name = "gpt-4o";
    PriceSheet sheet;
    sheet.input = perMillion("2.5");
    sheet.output = perMillion("10");
    sheet.cacheRead = perMillion("1.25");
    sheet.cacheWrite1h = perMillion("5");
    sheet.perTool["web_search"] = Money::fromCents(1);
    model.prices = {sheet};
    catalog.models = {model};
    return catalog;
}

ImportOptions atNow()
{
    ImportOptions options;
    options.nowUs = now;
    return options;
}

std::string sharedFile(const std::string& name)
{
    const char* shared = std::getenv("HEADGATE_SHARED");
    const std::string root = shared != nullptr ? shared : HEADGATE_SOURCE_DIR "/../shared";
    std::ifstream file(root + "/data/prices/" + name, std::ios::binary);
    std::ostringstream out;
    out << file.rdbuf();
    return out.str();
}

const PriceDelta* deltaOf(const ModelChange& change, const std::string& what)
{
    for (const PriceDelta& delta : change.prices) {
        if (delta.what == what) {
            return &delta;
        }
    }
    return nullptr;
}

} // namespace

class TestPriceImport : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void hostileListsAreRefusedWhole_data()
    {
        QTest::addColumn<QByteArray>("text");
        for (const NamedList& list : hostileLists()) {
            QTest::newRow(list.name) << QByteArray::fromStdString(list.text);
        }
    }
    void hostileListsAreRefusedWhole()
    {
        QFETCH(QByteArray, text);
        const auto diff = diffPriceText(someCatalog(), text.toStdString(), atNow());
        QVERIFY(!diff);
        QVERIFY(!diff.error().message.empty());
        QVERIFY(diff.error().message.size() < 600);
    }

    void everyCutOfAListIsRefusedOrRead()
    {
        for (const NamedList& list : honestLists()) {
            for (std::size_t size = 0; size < list.text.size(); ++size) {
                QVERIFY(!diffPriceText(someCatalog(), list.text.substr(0, size), atNow()));
            }
            QVERIFY(diffPriceText(someCatalog(), list.text, atNow()).has_value());
        }
    }

    void tooLargeIsRefusedUnread()
    {
        const std::string large(limits::priceListBytesMax + 1, ' ');
        QCOMPARE(diffPriceText(someCatalog(), large, atNow()).error().code, ErrorCode::OutOfRange);
    }

    void unknownProvidersAreErrors()
    {
        ImportOptions options = atNow();
        options.provider = "nobody";
        QVERIFY(!diffPriceText(someCatalog(), honestLists()[0].text, options));
        Catalog onlySim;
        onlySim.providers = {simProvider()};
        QVERIFY(!diffPriceText(onlySim, honestLists()[0].text, atNow()));
    }

    void formatsSayTheSame_data()
    {
        QTest::addColumn<QByteArray>("text");
        for (const NamedList& list : honestLists()) {
            QTest::newRow(list.name) << QByteArray::fromStdString(list.text);
        }
    }
    void formatsSayTheSame()
    {
        QFETCH(QByteArray, text);
        const auto diff = diffPriceText(someCatalog(), text.toStdString(), atNow()).value();
        QCOMPARE(diff.list, std::string(QTest::currentDataTag()));
        QCOMPARE(diff.changes.size(), std::size_t{1});
        const ModelChange& change = diff.changes[0];
        QCOMPARE(change.kind, ModelChange::Kind::Changed);
        const PriceDelta* input = deltaOf(change, "input");
        QVERIFY(input != nullptr);
        QCOMPARE(input->before, std::string("2.50"));
        QCOMPARE(input->after, std::string("3.00"));
        QCOMPARE(*input->permille, 200);
        QCOMPARE(deltaOf(change, "output")->after, std::string("12.00"));
        QVERIFY(!diff.large);
        const PriceSheet& sheet = change.model.prices.at(0);
        QCOMPARE(sheet.validFrom, now);
        QCOMPARE(sheet.fetchedAtUs, now);
        // What the list does not know stays, dearer in step with the input: $5 × 3 ÷ 2.5.
        QCOMPARE(sheet.cacheWrite1h->toPerMillion(), std::string("6.00"));
        QCOMPARE(sheet.perTool.at("web_search"), Money::fromCents(1));
    }

    void samePricesAreNoChange()
    {
        Catalog catalog = someCatalog();
        const std::string list = liteLlmList("gpt-4o",
            "\"input_cost_per_token\":2.5e-06,\"output_cost_per_token\":1e-05,"
            "\"cache_read_input_token_cost\":1.25e-06");
        const auto diff = diffPriceText(catalog, list, atNow()).value();
        QCOMPARE(diff.unchanged, 1);
        QVERIFY(diff.changes.empty());
    }

    void newAndUnlistedModels()
    {
        const std::string list = liteLlmList(
            "gpt-9", "\"input_cost_per_token\":1e-06,\"output_cost_per_token\":6e-06");
        auto diff = diffPriceText(someCatalog(), list, atNow()).value();
        QCOMPARE(diff.count(ModelChange::Kind::Added), 1);
        QCOMPARE(diff.count(ModelChange::Kind::Unlisted), 1);
        const ModelChange& added = diff.changes.back();
        QCOMPARE(added.model.id(), std::string("openai/gpt-9"));
        QCOMPARE(added.model.tier, 3);
        QCOMPARE(added.model.tokenizer, std::string("o200k_base"));
        ImportOptions options = atNow();
        options.onlyKnown = true;
        diff = diffPriceText(someCatalog(), list, options).value();
        QCOMPARE(diff.count(ModelChange::Kind::Added), 0);
    }

    void mixedUpUnitsAreFlagged_data()
    {
        QTest::addColumn<QByteArray>("input");
        QTest::addColumn<bool>("large");
        QTest::newRow("a little less") << QByteArray("1.0") << false;
        QTest::newRow("ten times less") << QByteArray("0.25") << false;
        QTest::newRow("99 times less") << QByteArray("0.02526") << false;
        QTest::newRow("100 times less") << QByteArray("0.025") << true;
        QTest::newRow("dollars a token") << QByteArray("0.0000025") << true;
        QTest::newRow("nothing") << QByteArray("0") << true;
        QTest::newRow("99 times more") << QByteArray("247") << false;
        QTest::newRow("dollars a thousand million") << QByteArray("2500") << true;
    }
    void mixedUpUnitsAreFlagged()
    {
        QFETCH(QByteArray, input);
        QFETCH(bool, large);
        const std::string list = "{\"openai\":{\"models\":{\"gpt-4o\":{\"cost\":{\"input\":"
            + input.toStdString() + ",\"output\":10}}}}}";
        const auto diff = diffPriceText(someCatalog(), list, atNow()).value();
        QCOMPARE(diff.large, large);
    }

    void newModelsInAnotherUnitAreFlagged()
    {
        const std::string list = "{\"openai\":{\"models\":{\"new\":{\"cost\":{\"input\":0.0000025,"
                                 "\"output\":0.00001}}}}}";
        QVERIFY(diffPriceText(someCatalog(), list, atNow()).value().large);
    }

    void otherProvidersAreCountedOrShown()
    {
        const std::string list
            = "{\"anthropic\":{\"models\":{\"c\":{\"cost\":{\"input\":3,\"output\":15}}}},"
              "\"openai\":{\"models\":{}}}";
        auto diff = diffPriceText(someCatalog(), list, atNow()).value();
        QCOMPARE(diff.otherProviders, 1);
        ImportOptions options = atNow();
        options.all = true;
        diff = diffPriceText(someCatalog(), list, options).value();
        QCOMPARE(diff.otherProviders, 0);
        QCOMPARE(diff.changes.back().configured, false);
    }

    void futurePricesAreKeptWithTheirDate()
    {
        const std::string list
            = "[{\"id\":\"openai\",\"models\":[{\"id\":\"gpt-4o\",\"match\":{\"equals\":\"gpt-4o\"}"
              ","
              "\"prices\":[{\"prices\":{\"input_mtok\":2.5,\"output_mtok\":10,\"cache_read_mtok\":"
              "1.25,"
              "\"cache_write_1h_mtok\":5,\"web_searches_kcount\":10}},"
              "{\"constraint\":{\"type\":\"start_date\",\"start_date\":\"2027-01-01\"},"
              "\"prices\":{\"input_mtok\":2,\"output_mtok\":8}}]}]}]";
        const auto diff = diffPriceText(someCatalog(), list, atNow()).value();
        QCOMPARE(diff.changes.size(), std::size_t{1});
        QCOMPARE(diff.changes[0].model.prices.size(), std::size_t{1});
        QVERIFY(diff.changes[0].model.prices[0].validFrom > now);
        QCOMPARE(diff.changes[0].model.prices[0].input->toPerMillion(), std::string("2.00"));
    }

    void agesAreTold()
    {
        PriceSheet sheet;
        QVERIFY(priceAgeText(sheet, now).empty());
        QVERIFY(!isPriceOld(sheet, now));
        sheet.fetchedAtUs = now - usPerHour;
        QCOMPARE(priceAgeText(sheet, now), std::string("today"));
        sheet.fetchedAtUs = now - usPerDay;
        QCOMPARE(priceAgeText(sheet, now), std::string("1 day"));
        sheet.fetchedAtUs = now - 41 * usPerDay;
        QCOMPARE(priceAgeText(sheet, now), std::string("41 days"));
        QVERIFY(!isPriceOld(sheet, now));
        sheet.fetchedAtUs = now - 46 * usPerDay;
        QVERIFY(isPriceOld(sheet, now));
    }

    void realLists_data()
    {
        QTest::addColumn<QString>("file");
        QTest::newRow("LiteLLM") << QStringLiteral("litellm_model_prices.json");
        QTest::newRow("models.dev") << QStringLiteral("models_dev_2026-09-28.json");
        QTest::newRow("genai-prices") << QStringLiteral("genai_prices_0.1.8.json");
    }
    void realLists()
    {
        QFETCH(QString, file);
        const std::string text = sharedFile(file.toStdString());
        if (text.empty()) {
            QSKIP("the price lists are not beside this checkout");
        }
        Catalog catalog;
        for (const char* name : {"openai", "anthropic", "google", "mistral", "xai", "groq",
                 "deepseek", "openrouter", "together"}) {
            Provider provider;
            provider.name = name;
            catalog.providers.push_back(provider);
        }
        for (const Model& model : defaultBook().models) {
            if (catalog.provider(model.provider) != nullptr) {
                catalog.models.push_back(model);
            }
        }
        const auto started = std::chrono::steady_clock::now();
        const auto diff = diffPriceText(catalog, text, atNow());
        QVERIFY2(diff.has_value(), diff ? "" : diff.error().message.c_str());
        const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
            std::chrono::steady_clock::now() - started);
        std::cout << diff->list << ": " << diff->count(ModelChange::Kind::Added) << " added, "
                  << diff->count(ModelChange::Kind::Changed) << " changed, " << diff->unchanged
                  << " unchanged, " << diff->count(ModelChange::Kind::Unlisted)
                  << " not in the list, " << diff->skipped.size() << " skipped, "
                  << diff->otherProviders << " of others, large " << diff->large << ", "
                  << took.count() << " ms\n";
        for (const ModelChange& change : diff->changes) {
            for (const PriceDelta& delta : change.prices) {
                if (delta.large) {
                    std::cout << "  " << change.model.id() << " " << delta.what << " "
                              << delta.before << " -> " << delta.after << "\n";
                }
            }
        }
        QVERIFY(diff->count(ModelChange::Kind::Added) > 20);
        QVERIFY(diff->changes.size() > 30);
        // Applied, the same list changes nothing.
        for (const ModelChange& change : diff->changes) {
            if (change.kind == ModelChange::Kind::Unlisted) {
                continue;
            }
            const auto known = std::find_if(catalog.models.begin(), catalog.models.end(),
                [&](const Model& model) { return model.id() == change.model.id(); });
            if (known == catalog.models.end()) {
                catalog.models.push_back(change.model);
            } else {
                known->prices.insert(
                    known->prices.end(), change.model.prices.begin(), change.model.prices.end());
            }
        }
        const auto again = diffPriceText(catalog, text, atNow()).value();
        for (const ModelChange& change : again.changes) {
            for (const PriceDelta& delta : change.prices) {
                std::cout << "  again " << change.model.id() << " " << delta.what << " "
                          << delta.before << " -> " << delta.after << "\n";
            }
        }
        QCOMPARE(again.count(ModelChange::Kind::Added), 0);
        QCOMPARE(again.count(ModelChange::Kind::Changed), 0);
    }
};

QTEST_GUILESS_MAIN(TestPriceImport)
#include "tst_price_import.moc"
