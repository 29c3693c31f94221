// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_file.h"
#include "core/catalog/price_names.h"

#include <QtTest>

#include <boost/json.hpp>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

using namespace headgate;
using namespace headgate::catalog;

namespace {

std::string sharedFile(const std::string& name)
{
    const char* shared = std::getenv("HEADGATE_SHARED");
    const std::string root = shared != nullptr ? shared : HEADGATE_SOURCE_DIR "/../shared";
    return root + "/data/prices/" + name;
}

std::string subsetFile(const std::string& name)
{
    return HEADGATE_SOURCE_DIR "/tests/unit/catalog/data/" + name;
}

std::string contents(const std::string& path)
{
    std::ifstream file(path, std::ios::binary);
    std::ostringstream out;
    out << file.rdbuf();
    return out.str();
}

/// The oracle adds floats, so its total can sit some 1e-16 beside a whole nano-dollar or beside a
/// fraction of one. Its decimal text is read to a tenth of a pico-dollar (well above that error,
/// well below the smallest price), and then rounded up as ours is.
std::int64_t oracleNano(const boost::json::value& total)
{
    std::ostringstream text;
    text.precision(13);
    text << std::fixed << total.to_number<double>(); // the oracle's own number, not our money
    std::string digits = text.str();
    digits.erase(digits.find('.'), 1);
    const std::int64_t tenthPico = std::stoll(digits);
    return (tenthPico + 9'999) / 10'000;
}

/// 2026-11-01: when the rows were captured and priced.
TimeUs capturedAt()
{
    return *dateUs("2026-11-01");
}

struct Tally {
    int rows = 0;
    int equal = 0;
    int unpriced = 0;
    int differing = 0;
};

Tally compare(const std::string& path, const PriceList& list)
{
    Tally tally;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) {
        const boost::json::value row = boost::json::parse(line);
        ++tally.rows;
        const Result<std::string> priced = priceRow(line, list, capturedAt());
        if (!priced) {
            ++tally.unpriced;
            std::cout << "  " << row.at("id") << " " << row.at("model") << ": "
                      << priced.error().text() << "\n";
            continue;
        }
        const boost::json::value answer = boost::json::parse(*priced);
        const auto& cost = answer.at("cost_usd").as_string();
        const std::int64_t ours = Money::parse({cost.data(), cost.size()}).value().nano();
        if (ours == oracleNano(row.at("total_price"))) {
            ++tally.equal;
        } else {
            ++tally.differing;
            std::cout << "  " << row.at("id") << " " << row.at("model") << " "
                      << row.at("raw_usage") << ": ours " << ours << ", oracle "
                      << row.at("total_price") << "\n";
        }
    }
    return tally;
}

} // namespace

class TestGoldenCosts : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void oracleFloatsAreReadAsDecimals()
    {
        QCOMPARE(oracleNano(boost::json::parse("0.00015800000000000002")), 158'000);
        QCOMPARE(oracleNano(boost::json::parse("0.007642649999999999")), 7'642'650);
        QCOMPARE(oracleNano(boost::json::parse("2.6999999999999996e-06")), 2'700);
        QCOMPARE(oracleNano(boost::json::parse("1.00025e-06")), 1'001);
    }

    void subsetWithTheDefaultBook()
    {
        const Tally tally = compare(subsetFile("golden_costs_subset.jsonl"), defaultPriceList());
        QVERIFY(tally.rows >= 20);
        QCOMPARE(tally.equal, tally.rows);
    }

    void everyRow_data()
    {
        QTest::addColumn<QString>("book");
        QTest::addColumn<int>("withoutPrice");
        QTest::addColumn<int>("otherPrice");
        QTest::newRow("the default book") << QString() << 0 << 0;
        QTest::newRow("genai-prices") << QStringLiteral("genai_prices_0.1.8.json") << 0 << 0;
        // It has dropped claude-sonnet-4, which 31 rows were captured with.
        QTest::newRow("models.dev") << QStringLiteral("models_dev_2026-09-28.json") << 31 << 0;
        // It is from before 2026-08-21, when gpt-5.6-sol became cheaper: one row.
        QTest::newRow("LiteLLM") << QStringLiteral("litellm_model_prices.json") << 0 << 1;
    }
    void everyRow()
    {
        QFETCH(QString, book);
        QFETCH(int, withoutPrice);
        QFETCH(int, otherPrice);
        const std::string rows = sharedFile("golden_costs.jsonl");
        if (!std::ifstream(rows)) {
            QSKIP("the golden costs are not beside this checkout");
        }
        const Result<PriceList> list = book.isEmpty()
            ? Result<PriceList>(defaultPriceList())
            : PriceList::parse(contents(sharedFile(book.toStdString())));
        QVERIFY2(list.has_value(), list ? "" : list.error().message.c_str());
        const Tally tally = compare(rows, *list);
        std::cout << QTest::currentDataTag() << ": " << tally.rows << " rows, " << tally.equal
                  << " equal, " << tally.differing << " differing, " << tally.unpriced
                  << " without a price\n";
        QCOMPARE(tally.rows, 205);
        QCOMPARE(tally.unpriced, withoutPrice);
        QCOMPARE(tally.differing, otherPrice);
    }
};

QTEST_GUILESS_MAIN(TestGoldenCosts)
#include "tst_golden_costs.moc"
