// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/bench/classify_bench.h"

#include "core/base/rng.h"
#include "core/classify/classifier.h"

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

namespace headgate::bench {

namespace {

std::string promptOf(Rng& rng, std::size_t bytes)
{
    const std::vector<std::string> words{"the", "function", "returns", "what", "is", "of", "proof",
        "table", "42", "customer", "please", "why", "model", "a", "and", "route", "x", "=", "3.14"};
    std::string out;
    while (out.size() < bytes) {
        // Most words of real prompts are rare ones.
        out += rng.below(3) == 0 ? "w" + std::to_string(rng.below(5000))
                                 : words[rng.below(words.size())];
        out += rng.below(12) == 0 ? ".\n" : " ";
    }
    return out;
}

double cpuUs()
{
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

classify::Classifier trained(Rng& rng)
{
    constexpr std::size_t rows = 600;
    std::vector<classify::PromptFeatures> features(rows);
    std::vector<classify::Example> examples(rows);
    classify::FeatureReader reader;
    for (std::size_t i = 0; i < rows; ++i) {
        reader.read(promptOf(rng, 200 + rng.below(2000)), {}, features[i]);
        examples[i].features = &features[i];
        examples[i].outcomes = {{0, rng.below(2) == 0 ? 0.0F : 1.0F}, {1, 1.0F}};
    }
    classify::Classifier out = classify::Classifier::create({"cheap", "strong"}).value();
    out.learn(examples, {});
    return out;
}

} // namespace

int runClassifyBench(bool json)
{
    Rng rng(1);
    const classify::Classifier model = trained(rng);
    classify::FeatureReader reader;
    classify::PromptFeatures features;
    bool right = model.memoryBytes() < 20'000'000;
    for (const std::size_t bytes : {1'000U, 10'000U, 100'000U, 1'000'000U}) {
        constexpr std::size_t calls = 1'000;
        std::vector<double> spent;
        for (std::size_t i = 0; i < calls; ++i) {
            const std::string prompt = promptOf(rng, bytes);
            const double start = cpuUs();
            reader.read(prompt, {"route", "0123", "", "client"}, features);
            const double gain = model.gain(features, 0, 1);
            spent.push_back(cpuUs() - start);
            right = right && gain >= -1 && gain <= 1;
        }
        std::sort(spent.begin(), spent.end());
        std::printf(json ? "{\"bytes\":%zu,\"p50_us\":%.1f,\"p99_us\":%.1f}\n"
                         : "classify %7zu bytes: p50 %6.1f us, p99 %6.1f us\n",
            bytes, spent[calls / 2], spent[calls * 99 / 100]);
    }
    return right ? 0 : 1;
}

} // namespace headgate::bench
