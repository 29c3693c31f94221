// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_book.h"
#include "core/catalog/price_file.h"
#include "core/catalog/price_names.h"
#include "core/catalog/price_text.h"

#include <QtTest>

#include <set>

using namespace headgate;
using namespace headgate::catalog;

namespace {

constexpr const char* goodRow
    = R"({"provider":"p","name":"m","tier":1,"prices":[{"input":"1","output":"2"}]})";

std::string bookOf(const std::string& rows)
{
    return R"({"format":1,"date":"2026-09-28","sources":"test","models":[)" + rows + "]}";
}

Usage someUsage()
{
    Usage usage;
    usage.inputUncached = 10;
    usage.output = 10;
    return usage;
}

} // namespace

class TestPriceBook : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void badBooksAreRefusedWhole_data()
    {
        QTest::addColumn<QByteArray>("text");
        const auto row = [](const char* name, const std::string& text) {
            QTest::newRow(name) << QByteArray::fromStdString(text);
        };
        row("empty", "");
        row("not JSON", "{]");
        row("a number", "5");
        row("cut", bookOf(goodRow).substr(0, 60));
        row("text after the end", bookOf(goodRow) + "x");
        row("another format", R"({"format":2,"models":[]})");
        row("no models", R"({"format":1})");
        const auto second = [&](const char* name, const std::string& bad) {
            row(name, bookOf(std::string(goodRow) + "," + bad));
        };
        second("twice the same", goodRow);
        second("no provider", R"({"name":"n","tier":1,"prices":[{"input":"1","output":"2"}]})");
        second("no name", R"({"provider":"p","tier":1,"prices":[{"input":"1","output":"2"}]})");
        second("no prices", R"({"provider":"p","name":"n","tier":1})");
        second("empty prices", R"({"provider":"p","name":"n","tier":1,"prices":[]})");
        second(
            "no output price", R"({"provider":"p","name":"n","tier":1,"prices":[{"input":"1"}]})");
        second("price as a number",
            R"({"provider":"p","name":"n","tier":1,"prices":[{"input":1.5,"output":"2"}]})");
        second("negative price",
            R"({"provider":"p","name":"n","tier":1,"prices":[{"input":"-1","output":"2"}]})");
        second("too fine a price",
            R"({"provider":"p","name":"n","tier":1,"prices":[{"input":"0.0000001","output":"2"}]})");
        second("bad date",
            R"({"provider":"p","name":"n","tier":1,"prices":[{"validFrom":"2026-02-30","input":"1","output":"2"}]})");
        second("tier 5",
            R"({"provider":"p","name":"n","tier":5,"prices":[{"input":"1","output":"2"}]})");
        second("a fraction of a token",
            R"({"provider":"p","name":"n","tier":1,"context":1.5,"prices":[{"input":"1","output":"2"}]})");
        second("bad service tier",
            R"({"provider":"p","name":"n","tier":1,"prices":[{"input":"1","output":"2","serviceTiers":{"flex":{"input":"x"}}}]})");
        row("too deep", bookOf(std::string(1000, '[') + std::string(1000, ']')));
    }
    void badBooksAreRefusedWhole()
    {
        QFETCH(QByteArray, text);
        const auto book = parseBook(text.toStdString());
        QVERIFY(!book);
        QVERIFY(!book.error().message.empty());
    }

    void decimalsAreExact_data()
    {
        QTest::addColumn<QByteArray>("text");
        QTest::addColumn<qint64>("pico"); // -1: refused
        QTest::newRow("plain") << QByteArray("0.15") << qint64(150'000'000'000);
        QTest::newRow("exponent") << QByteArray("1.5e-07") << qint64(150'000);
        QTest::newRow("upper-case exponent") << QByteArray("3E-8") << qint64(30'000);
        QTest::newRow("float noise is rounded up")
            << QByteArray("2.9999999999999997e-06") << qint64(3'000'000);
        QTest::newRow("float noise above")
            << QByteArray("1.00000000000000015e-06") << qint64(1'000'001);
        QTest::newRow("zero") << QByteArray("0.0") << qint64(0);
        QTest::newRow("zero with an exponent") << QByteArray("0e400") << qint64(0);
        QTest::newRow("below one pico") << QByteArray("1e-30") << qint64(1);
        QTest::newRow("negative") << QByteArray("-1") << qint64(-1);
        QTest::newRow("empty") << QByteArray("") << qint64(-1);
        QTest::newRow("word") << QByteArray("free") << qint64(-1);
        QTest::newRow("two dots") << QByteArray("1.2.3") << qint64(-1);
        QTest::newRow("bare exponent") << QByteArray("1e") << qint64(-1);
        QTest::newRow("huge") << QByteArray("1e30") << qint64(-1);
        QTest::newRow("huge exponent") << QByteArray("1e999999") << qint64(-1);
    }
    void decimalsAreExact()
    {
        QFETCH(QByteArray, text);
        QFETCH(qint64, pico);
        const auto value = scaledDecimalUp(text.toStdString(), 12);
        QCOMPARE(value ? qint64(*value) : qint64(-1), pico);
    }

    void versionsExtendNamesAndWordsDoNot()
    {
        for (const char* asked : {"gpt-4o-2024-08-06", "gpt-4o-latest", "gpt-4o-0613",
                 "gpt-4o@20240806", "gpt-4o-0", "gpt-4o-001"}) {
            QVERIFY2(extendsByVersion(asked, "gpt-4o"), asked);
        }
        for (const char* asked : {"gpt-4o", "gpt-4o-", "gpt-4o-mini", "gpt-4o-mini-2024-07-18",
                 "gpt-4o-5", "gpt-4o-12", "gpt-4o2024", "gpt-4o-audio-preview", "gpt-4"}) {
            QVERIFY2(!extendsByVersion(asked, "gpt-4o"), asked);
        }
    }

    void defaultBookIsWhole()
    {
        const PriceBook& book = defaultBook();
        QVERIFY(book.models.size() >= 69);
        QCOMPARE(book.date, std::string("2026-09-28"));
        QVERIFY(!book.sources.empty());
        const TimeUs at = *dateUs("2026-11-01");
        for (const Model& model : book.models) {
            const std::string id = model.id();
            QVERIFY2(model.priceAt(at) != nullptr, id.c_str());
            QVERIFY2(!model.tokenizer.empty(), id.c_str());
            QVERIFY2(model.contextTokens > 0, id.c_str());
            QVERIFY2(
                boundOfRequest(1'000'000, 100'000, *model.priceAt(at)).has_value(), id.c_str());
        }
        QCOMPARE(book.find("openai", "gpt-4o-mini")->tier, 1);
        QCOMPARE(book.find("openai", "gpt-4o-mini")->prices[0].input->toPerMillion(),
            std::string("0.15"));
        QCOMPARE(book.find("openai", "gpt-4o-2024-08-06"), book.find("openai", "gpt-4o"));
        QCOMPARE(book.find("openai", "gpt-4o-mini-2024-07-18")->name, std::string("gpt-4o-mini"));
        QCOMPARE(book.find("openai", "no-such-model"), nullptr);
        QCOMPARE(book.find("nobody", "gpt-4o"), nullptr);
        QCOMPARE(book.find("anthropic", "claude-opus-4-5")->tokenizer, std::string("claude"));
    }

    void pricesAreEffectiveDated()
    {
        Model model;
        PriceSheet sheet;
        sheet.input = Price::fromPico(1);
        QCOMPARE(model.priceAt(0), nullptr);
        model.prices.push_back(sheet);
        QCOMPARE(model.priceAt(0), nullptr); // no output price
        model.prices[0].output = Price::fromPico(1);
        model.prices.push_back(model.prices[0]);
        model.prices[1].validFrom = 100;
        QCOMPARE(model.priceAt(-1), nullptr);
        QCOMPARE(model.priceAt(99), &model.prices[0]);
        QCOMPARE(model.priceAt(100), &model.prices[1]);
    }

    void modelsAreFoundByIdThenByName()
    {
        Catalog catalog;
        catalog.providers = {simProvider(), simProvider()};
        catalog.providers[0].name = "off";
        catalog.providers[0].enabled = false;
        catalog.models = {simModels()[0], simModels()[0], simModels()[1]};
        catalog.models[0].provider = "off";
        catalog.models[2].name = "vendor/model";
        QCOMPARE(catalog.model("nothing"), nullptr);
        QCOMPARE(catalog.model("sim/"), nullptr);
        QCOMPARE(catalog.model(""), nullptr);
        QCOMPARE(catalog.model("off/sim-small"), &catalog.models[0]);
        QCOMPARE(catalog.model("sim-small"), &catalog.models[1]); // the enabled provider's
        QCOMPARE(catalog.model("sim/vendor/model"), &catalog.models[2]);
        QCOMPARE(catalog.model("vendor/model"), &catalog.models[2]);
        QCOMPARE(catalog.provider("sim"), &catalog.providers[1]);
        QCOMPARE(catalog.provider("none"), nullptr);
        for (const Dialect dialect :
            {Dialect::OpenAi, Dialect::Anthropic, Dialect::Gemini, Dialect::Ollama}) {
            QCOMPARE(dialectFromName(dialectName(dialect)), std::optional(dialect));
        }
        QVERIFY(!dialectFromName("cobol"));
    }

    void simulatedModelsAndPresets()
    {
        const auto models = simModels();
        QCOMPARE(models.size(), std::size_t{4});
        QVERIFY(models[3].embedding);
        QVERIFY(models[3].priceAt(0)->output->pico() == 0);
        const char* const prices[][2] = {{"0.10", "0.40"}, {"0.60", "2.40"}, {"3.00", "15.00"}};
        for (std::size_t i = 0; i < 3; ++i) {
            QCOMPARE(models[i].tier, static_cast<int>(i) + 1);
            QCOMPARE(models[i].priceAt(0)->input->toPerMillion(), std::string(prices[i][0]));
            QCOMPARE(models[i].priceAt(0)->output->toPerMillion(), std::string(prices[i][1]));
        }
        std::set<std::string> names;
        for (const Provider& preset : providerPresets()) {
            QVERIFY(preset.baseUrl.starts_with("https://")
                || preset.baseUrl.starts_with("http://127.0.0.1:"));
            QVERIFY(!preset.baseUrl.ends_with('/'));
            QVERIFY(names.insert(preset.name).second);
        }
        for (const char* name : {"openai", "openrouter", "groq", "mistral", "deepseek", "xai",
                 "together", "vllm", "litellm", "lmstudio"}) {
            QVERIFY2(names.contains(name), name);
        }
    }

    void unknownListsAndRowsAreRefused()
    {
        for (const char* text : {"", "[]", "{}", "[1,2]", R"({"a":{"b":1}})"}) {
            QVERIFY2(!PriceList::parse(text), text);
        }
        for (const char* row :
            {"", "[]", "{}", R"({"provider":"openai","model":"gpt-4o"})",
                R"({"provider":"openai","model":"gpt-4o","raw_usage":5})",
                R"({"provider":"openai","model":"no","raw_usage":{"prompt_tokens":1,"completion_tokens":1}})"}) {
            QVERIFY2(!priceRow(row, defaultPriceList(), *dateUs("2026-11-01")), row);
        }
    }

    void conditionsOfGenaiPricesApply()
    {
        const auto list = PriceList::parse(R"([{"id":"x-ai","models":[
            {"id":"a","match":{"or":[{"equals":"a"},{"and":[{"starts_with":"a-"},{"regex":"[0-9]$"}]}]},
             "prices":[{"prices":{"input_mtok":1,"output_mtok":1}},
               {"constraint":{"type":"start_date","start_date":"2026-03-01"},
                "prices":{"input_mtok":{"base":2,"tiers":[{"start":100,"price":4},{"start":1999,"price":8}]},"output_mtok":2}},
               {"constraint":{"type":"time_of_date","start_time":"16:30:00Z","end_time":"00:30:00Z"},
                "prices":{"input_mtok":0.5,"output_mtok":0.5}}]}]}])")
                              .value();
        Usage usage = someUsage();
        const auto inputPrice = [&](const char* model, TimeUs at) {
            const auto sheet = list.sheetFor({"xai", model, at});
            if (!sheet) {
                return std::string("none");
            }
            const Cost cost = costOfUsage(usage, *sheet, at).value();
            return cost.lines.at(0).price.toPerMillion();
        };
        const TimeUs before = *dateUs("2026-02-01") + 12 * usPerHour;
        const TimeUs after = *dateUs("2026-03-01") + 12 * usPerHour;
        QCOMPARE(inputPrice("b", after), std::string("none"));
        QCOMPARE(inputPrice("a-x", after), std::string("none"));
        QCOMPARE(inputPrice("A-7", before), std::string("1.00"));
        QCOMPARE(inputPrice("a", before), std::string("1.00"));
        QCOMPARE(inputPrice("a", after), std::string("2.00"));
        QCOMPARE(inputPrice("a", after + 11 * usPerHour), std::string("0.50"));
        QCOMPARE(inputPrice("a", *dateUs("2026-03-02") + usPerMinute), std::string("0.50"));
        usage.inputUncached = 100;
        QCOMPARE(inputPrice("a", after), std::string("2.00")); // the step starts above its start
        usage.inputUncached = 101;
        QCOMPARE(inputPrice("a", after), std::string("4.00"));
        usage.inputUncached = 2'000; // a start of 1,999 means above 2,000
        QCOMPARE(inputPrice("a", after), std::string("4.00"));
        usage.inputUncached = 2'001;
        QCOMPARE(inputPrice("a", after), std::string("8.00"));
    }

    void otherListsAreRead()
    {
        Usage usage = someUsage();
        const auto dev
            = PriceList::parse(R"({"openai":{"models":{"gpt-9":{"cost":{"input":2.5,"output":15,
            "tiers":[{"input":5,"output":22.5,"tier":{"type":"context","size":200}}]},
            "experimental":{"modes":{"fast":{"cost":{"input":5,"output":30},
            "provider":{"body":{"service_tier":"priority"}}}}}}}}})")
                  .value();
        QCOMPARE(dev.format(), PriceList::Format::ModelsDev);
        const PriceSheet sheet = dev.sheetFor({"openai", "gpt-9-2026-01-01", 0}).value();
        QCOMPARE(sheet.output->toPerMillion(), std::string("15.00"));
        QCOMPARE(
            sheet.serviceTiers.at("priority").prices.input->toPerMillion(), std::string("5.00"));
        const auto lite = PriceList::parse(R"({"sample_spec":{"litellm_provider":"x"},
            "gemini/g":{"input_cost_per_token":3e-07,"input_cost_per_token_above_200k_tokens":6e-07,
            "output_cost_per_token":2.5e-06,"litellm_provider":"gemini"}})")
                              .value();
        QCOMPARE(lite.format(), PriceList::Format::LiteLlm);
        QCOMPARE(
            lite.sheetFor({"google", "g", 0}).value().input->toPerMillion(), std::string("0.30"));
        const auto price = [&] {
            const PriceSheet google = lite.sheetFor({"google", "g", 0}).value();
            return costOfUsage(usage, google).value().lines.at(0).price.toPerMillion();
        };
        usage.inputUncached = 200'000;
        QCOMPARE(price(), std::string("0.30"));
        usage.inputUncached = 200'001;
        QCOMPARE(price(), std::string("0.60"));
    }

    void aPricedRowExplainsItself()
    {
        const auto line
            = priceRow(R"({"id":"r1","provider":"openai","flavor":"chat","model":"gpt-4o-mini",
            "raw_usage":{"prompt_tokens":1000,"completion_tokens":100}})",
                defaultPriceList(), *dateUs("2026-11-01"));
        QCOMPARE(line.value(),
            std::string(
                R"({"id":"r1","cost_usd":"0.00021","lines":[)"
                R"({"what":"input","quantity":1000,"price_per_million_usd":"0.15","amount_usd":"0.00015"},)"
                R"({"what":"output","quantity":100,"price_per_million_usd":"0.60","amount_usd":"0.00006"}]})"));
    }
};

QTEST_GUILESS_MAIN(TestPriceBook)
#include "tst_price_book.moc"
