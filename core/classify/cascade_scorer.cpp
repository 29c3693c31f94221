// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/classify/cascade_scorer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace headgate::classify {

namespace {

constexpr std::size_t folds = 4;

double logit(double p)
{
    return std::log(p / (1 - p));
}

double sigmoid(double z)
{
    return 1.0 / (1.0 + std::exp(-z));
}

bool isNumberPart(char c)
{
    return (c >= '0' && c <= '9') || c == '.' || c == ',' || c == '-' || c == '+' || c == '$'
        || c == '%';
}

std::string plainNumber(std::string text)
{
    text.erase(std::remove_if(text.begin(), text.end(),
                   [](char c) { return c == ',' || c == '$' || c == '%' || c == '+'; }),
        text.end());
    if (text.find('.') != std::string::npos) {
        text.erase(text.find_last_not_of('0') + 1);
    }
    if (!text.empty() && text.back() == '.') {
        text.pop_back();
    }
    return text;
}

/// Logistic regression of few inputs by gradient descent with momentum; a ridge keeps it calm.
template <std::size_t N, typename Target>
std::array<double, N> fitLogistic(
    const std::vector<std::array<double, N>>& rows, const Target& target)
{
    constexpr int steps = 400;
    constexpr double rate = 0.3;
    constexpr double momentum = 0.9;
    constexpr double ridge = 2e-3;
    std::array<double, N> weights{};
    std::array<double, N> speed{};
    const double count = std::max(1.0, static_cast<double>(rows.size()));
    for (int step = 0; step < steps; ++step) {
        std::array<double, N> slope{};
        for (std::size_t i = 0; i < rows.size(); ++i) {
            double sum = 0;
            for (std::size_t k = 0; k < N; ++k) {
                sum += weights[k] * rows[i][k];
            }
            const double error = sigmoid(sum) - target(i);
            for (std::size_t k = 0; k < N; ++k) {
                slope[k] += error * rows[i][k] / count;
            }
        }
        for (std::size_t k = 0; k < N; ++k) {
            speed[k]
                = momentum * speed[k] - (1 - momentum) * rate * (slope[k] + ridge * weights[k]);
            weights[k] += speed[k] / (1 - momentum);
        }
    }
    return weights;
}

} // namespace

std::string normalisedAnswer(std::string_view answer)
{
    std::string out;
    for (const char c : answer) {
        const bool blank = c == ' ' || c == '\t' || c == '\n' || c == '\r';
        if (!blank && c != '"' && c != '\'' && c != '`') {
            out += static_cast<char>(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
        }
    }
    if (!out.empty() && std::all_of(out.begin(), out.end(), isNumberPart)) {
        return plainNumber(std::move(out));
    }
    if (out.size() > 1 && out.back() == '.') {
        out.pop_back();
    }
    return out;
}

CascadeScorer::Opinions CascadeScorer::opinionsOf(std::span<const JudgedAttempt> attempts,
    const std::vector<std::size_t>& rows, std::uint64_t seed)
{
    std::vector<Example> prompts;
    std::vector<Example> answers;
    for (const std::size_t row : rows) {
        const JudgedAttempt& one = attempts[row];
        const std::vector<Outcome> outcomes{{0, one.cheap}, {1, one.strong}};
        prompts.push_back({one.attempt.prompt, outcomes});
        answers.push_back({&one.attempt.answer, outcomes});
    }
    Opinions out{Classifier::create({"cheap", "strong"}).value(),
        Classifier::create({"cheap", "strong"}).value()};
    TrainOptions options;
    options.seed = seed;
    options.forestShare = 0.4F; // choosing it again in every fold would cost four times as much
    out.prompt.learn(prompts, options);
    out.answer.learn(answers, options);
    return out;
}

CascadeScorer::Inputs CascadeScorer::inputsOf(const Opinions& opinions, const Attempt& attempt)
{
    const double agrees = attempt.agreement == Agreement::Agrees ? 1
        : attempt.agreement == Agreement::Differs                ? -1
                                                                 : 0;
    const double cheapByPrompt = logit(opinions.prompt.probability(*attempt.prompt, 0));
    const double cheapByAnswer = logit(opinions.answer.probability(attempt.answer, 0));
    return {1.0, cheapByPrompt, logit(opinions.prompt.probability(*attempt.prompt, 1)),
        cheapByAnswer, logit(opinions.answer.probability(attempt.answer, 1)), agrees,
        agrees * cheapByPrompt, agrees * cheapByAnswer, attempt.extracted ? 0.0 : 1.0,
        std::log1p(attempt.answerChars) / 4 - 1.5};
}

double CascadeScorer::weighed(const Weights& weights, const Inputs& inputs)
{
    const double cheap
        = std::inner_product(inputs.begin(), inputs.end(), weights.cheap.begin(), 0.0);
    const double strong
        = std::inner_product(inputs.begin(), inputs.end(), weights.strong.begin(), 0.0);
    return sigmoid(strong) - sigmoid(cheap);
}

CascadeScorer::Weights CascadeScorer::weigh(const std::vector<Inputs>& rows,
    std::span<const JudgedAttempt> attempts, const std::vector<std::size_t>& which)
{
    std::vector<Inputs> used;
    used.reserve(which.size());
    for (const std::size_t row : which) {
        used.push_back(rows[row]);
    }
    Weights out;
    out.cheap = fitLogistic(
        used, [&](std::size_t i) { return static_cast<double>(attempts[which[i]].cheap); });
    out.strong = fitLogistic(
        used, [&](std::size_t i) { return static_cast<double>(attempts[which[i]].strong); });
    return out;
}

Result<CascadeScorer> CascadeScorer::learn(
    std::span<const JudgedAttempt> attempts, std::uint64_t seed)
{
    if (attempts.size() < attemptsMin) {
        return Error(ErrorCode::InvalidArgument,
            "A cascade's scorer needs " + std::to_string(attemptsMin)
                + " prompts that both models answered, not " + std::to_string(attempts.size())
                + ".",
            "Let more shadow tests run.");
    }
    std::vector<std::size_t> all(attempts.size());
    std::iota(all.begin(), all.end(), std::size_t{0});
    // Opinions on what was learned by heart are too sure: the weighing sees those of folds.
    std::vector<Inputs> held(attempts.size());
    for (std::size_t fold = 0; fold < folds; ++fold) {
        std::vector<std::size_t> rest;
        for (const std::size_t row : all) {
            if (row % folds != fold) {
                rest.push_back(row);
            }
        }
        const Opinions opinions = opinionsOf(attempts, rest, seed);
        for (std::size_t row = fold; row < attempts.size(); row += folds) {
            held[row] = inputsOf(opinions, attempts[row].attempt);
        }
    }
    CascadeScorer out(opinionsOf(attempts, all, seed));
    out.m_weights = weigh(held, attempts, all);
    out.m_heldOut.resize(attempts.size());
    for (std::size_t fold = 0; fold < folds; ++fold) {
        std::vector<std::size_t> rest;
        for (const std::size_t row : all) {
            if (row % folds != fold) {
                rest.push_back(row);
            }
        }
        const Weights weights = weigh(held, attempts, rest);
        for (std::size_t row = fold; row < attempts.size(); row += folds) {
            out.m_heldOut[row] = weighed(weights, held[row]);
        }
    }
    return out;
}

double CascadeScorer::score(const Attempt& attempt) const
{
    return weighed(m_weights, inputsOf(m_opinions, attempt));
}

CascadePoint cascadeAt(std::span<const CascadeRow> rows, double threshold)
{
    CascadePoint out;
    out.threshold = threshold;
    double quality = 0;
    double strong = 0;
    double spent = 0;
    double always = 0;
    double escalations = 0;
    for (const CascadeRow& row : rows) {
        const bool up = row.score >= threshold;
        quality += up ? row.strong : row.cheap;
        strong += row.strong;
        spent += row.tried + (up ? row.escalated : 0);
        always += row.always;
        escalations += up ? 1 : 0;
    }
    if (!rows.empty() && strong > 0 && always > 0) {
        out.escalation = escalations / static_cast<double>(rows.size());
        out.kept = quality / strong;
        out.saving = 1 - spent / always;
    }
    return out;
}

CascadePoint cheapestKeeping(std::span<const CascadeRow> rows, double keep)
{
    std::vector<CascadeRow> order(rows.begin(), rows.end());
    std::sort(order.begin(), order.end(),
        [](const CascadeRow& a, const CascadeRow& b) { return a.score > b.score; });
    double strong = 0;
    double quality = 0;
    for (const CascadeRow& row : order) {
        strong += row.strong;
        quality += row.cheap;
    }
    if (quality >= keep * strong) {
        return cascadeAt(rows, std::numeric_limits<double>::infinity());
    }
    for (std::size_t i = 0; i < order.size(); ++i) {
        quality += order[i].strong - order[i].cheap;
        const bool tie = i + 1 < order.size() && order[i + 1].score == order[i].score;
        if (!tie && quality >= keep * strong) {
            return cascadeAt(rows, order[i].score);
        }
    }
    return cascadeAt(rows, -std::numeric_limits<double>::infinity());
}

} // namespace headgate::classify
