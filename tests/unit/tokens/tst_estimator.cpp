// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/tokens/estimator.h"
#include "core/tokens/features.h"
#include "core/tokens/margins.h"
#include "tests/unit/tokens/golden.h"

#include <QtTest>

#include <filesystem>
#include <iostream>

using headgate::tokens::Count;
using headgate::tokens::countText;

namespace {

/// Family and the golden column that stands for it.
constexpr std::pair<const char*, const char*> references[] = {{"claude", "claude_old"},
    {"llama3", "llama3"}, {"llama2", "llama2"}, {"mistral", "mistral_v1"}, {"gemini", "gemma3"}};

} // namespace

class TestEstimator : public QObject {
    Q_OBJECT

private:
    static void checkBounds(const std::string& path)
    {
        const auto rows = golden::rows(path);
        QVERIFY(rows.size() > 100);
        for (const auto& [family, column] : references) {
            std::int64_t truth = 0;
            std::int64_t guess = 0;
            std::int64_t bound = 0;
            for (const boost::json::value& row : rows) {
                const std::int64_t actual = row.at("counts").at(column).as_int64();
                const Count count = countText(family, golden::textOf(row));
                const Count unknown = countText("unknown", golden::textOf(row));
                const std::string where
                    = std::string(family) + " row " + boost::json::serialize(row.at("id"));
                QVERIFY2(count.atMost >= actual, where.c_str());
                QVERIFY2(unknown.atMost >= actual, where.c_str());
                QVERIFY(count.atMost >= count.tokens);
                QVERIFY(!count.exact);
                truth += actual;
                guess += count.tokens;
                bound += count.atMost;
            }
            std::cout << family << ": golden " << truth << ", guessed " << guess << ", at most "
                      << bound << "\n";
            QVERIFY(std::abs(guess - truth) * 100 < truth * 10); // within 10 % over all texts
        }
    }

private Q_SLOTS:
    void unknownFamilyUsesTheWidestRatios()
    {
        const std::string text
            = "The quick brown fox jumps over the lazy dog. \xE4\xB8\xAD\xE6\x96\x87 1234567";
        const Count unknown = countText("some new family", text);
        for (const std::string_view family : headgate::tokens::estimatedFamilies()) {
            QVERIFY(unknown.atMost >= countText(family, text).atMost);
        }
    }

    void badBytesAreBounded()
    {
        const std::string text(1000, '\xFF');
        QVERIFY(countText("claude", text).atMost >= countText("cl100k_base", text).tokens);
    }

    void atMostIsNeverBelowTheGoldenSubset() { checkBounds(golden::subsetPath()); }

    void atMostIsNeverBelowTheGoldenFile()
    {
        if (!std::filesystem::exists(golden::fullPath())) {
            QSKIP("the full golden file is not beside this checkout");
        }
        checkBounds(golden::fullPath());
    }

    /// Whatever was learned from all of them, no text outside plain ones is bounded below its
    /// count.
    void learnedBoundsHoldOnTheGoldenFile()
    {
        using namespace headgate::tokens;
        const bool full = std::filesystem::exists(golden::fullPath());
        const auto rows = golden::rows(full ? golden::fullPath() : golden::subsetPath());
        for (const auto& [family, column] : references) {
            Margins margins;
            for (const int pass : {0, 1}) {
                for (const boost::json::value& row : rows) {
                    const std::string text = golden::textOf(row);
                    ScriptMeter meter;
                    meter.add(text);
                    MarginObservation seen;
                    seen.model = "p/m";
                    seen.family = family;
                    seen.count = countText(family, text);
                    seen.script = meter.group();
                    seen.actual = row.at("counts").at(column).as_int64();
                    seen.bound = margins.table()->inputAtMost("p/m", seen.count, seen.script);
                    if (pass == 0) {
                        if (margins.observe(seen)) {
                            std::cout << "  over: " << seen.actual << " of " << seen.bound
                                      << ", guess " << seen.count.tokens << ", at most "
                                      << seen.count.atMost << "\n";
                        }
                    } else if (seen.script != ScriptGroup::Plain) {
                        QVERIFY2(seen.bound >= seen.actual, text.substr(0, 80).c_str());
                    }
                }
            }
            const Margin learned = margins.list().front();
            for (const ScriptError& script : learned.scripts) {
                std::cout << family << " " << scriptGroupName(script.script) << ": "
                          << script.observations << " texts, median " << script.medianPermille
                          << ", p95 " << script.p95Permille << ", worst " << script.worstPermille
                          << ", above the bound " << script.overruns << "\n";
            }
        }
    }

    /// Writes the table that resources/tokenizers/fit_ratios.py reads when a path is given.
    void dumpFeatures()
    {
        const char* path = std::getenv("HEADGATE_DUMP_FEATURES");
        if (path == nullptr) {
            QSKIP("HEADGATE_DUMP_FEATURES is not set; only the fitting of ratios needs it");
        }
        std::ofstream out(path);
        for (const boost::json::value& row : golden::rows(golden::fullPath())) {
            const auto found = headgate::tokens::textFeatures(golden::textOf(row));
            for (std::size_t i = 0; i < headgate::tokens::scriptCount; ++i) {
                out << found.o200k[i] << '\t' << found.cl100k[i] << '\t' << found.bytes[i] << '\t';
            }
            for (const auto& reference : references) {
                out << row.at("counts").at(reference.second).as_int64() << '\t';
            }
            const auto& category = row.at("cat").as_string();
            out << std::string_view(category.data(), category.size()) << '\n';
        }
        QVERIFY(out.good());
    }
};

QTEST_GUILESS_MAIN(TestEstimator)
#include "tst_estimator.moc"
