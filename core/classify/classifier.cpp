// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/classify/classifier.h"

#include "core/base/rng.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace headgate::classify {

namespace {

/// A probability of 0 or 1 would be a promise.
constexpr double leastProbability = 0.005;
/// With fewer labels the trees see nothing but chance.
constexpr std::size_t labelsForTreesMin = 60;
constexpr std::size_t labelsForShareMin = 200;
constexpr float usualShare = 0.4F;
constexpr float squaresStart = 1e-3F;

double sigmoid(double z)
{
    return 1.0 / (1.0 + std::exp(-z));
}

double bounded(double p)
{
    return std::clamp(p, leastProbability, 1.0 - leastProbability);
}

template <typename T>
void shuffle(std::vector<T>& list, Rng& rng)
{
    for (std::size_t i = list.size(); i > 1; --i) {
        std::swap(list[i - 1], list[rng.below(i)]);
    }
}

bool goodName(const std::string& name)
{
    return !name.empty() && name.size() <= modelNameBytesMax
        && std::none_of(
            name.begin(), name.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; });
}

} // namespace

Result<Classifier> Classifier::create(const std::vector<std::string>& models)
{
    if (models.empty() || models.size() > headsMax) {
        return Error(ErrorCode::InvalidArgument,
            "A classifier has one to " + std::to_string(headsMax) + " models, not "
                + std::to_string(models.size()) + ".",
            "Name the models that requests are routed to most.");
    }
    Classifier out;
    for (const std::string& model : models) {
        if (!goodName(model)) {
            return Error(ErrorCode::InvalidArgument, "A model's name is empty, long or unreadable.",
                "Use the name under which the provider lists it.");
        }
        if (out.headOf(model) != out.heads()) {
            return Error(ErrorCode::InvalidArgument, "The model " + model + " is named twice.",
                "Name each model once.");
        }
        Head head;
        head.model = model;
        head.weights.assign(tableSlots, 0.0F);
        head.squares.assign(tableSlots, squaresStart);
        head.biasSquares = squaresStart;
        out.m_heads.push_back(std::move(head));
    }
    return out;
}

std::size_t Classifier::headOf(std::string_view model) const
{
    const auto at = std::find_if(
        m_heads.begin(), m_heads.end(), [&](const Head& head) { return head.model == model; });
    return static_cast<std::size_t>(at - m_heads.begin());
}

double Classifier::linear(const Head& head, const PromptFeatures& features)
{
    float sum = head.bias;
    for (const Feature& feature : features.table) {
        sum += head.weights[feature.slot] * feature.value;
    }
    return static_cast<double>(sum);
}

double Classifier::blended(const Head& head, const PromptFeatures& features, const Bins& bins)
{
    const double line = sigmoid(linear(head, features));
    if (head.forest.trees.empty()) {
        return bounded(line);
    }
    const auto share = static_cast<double>(head.forestShare);
    const double trees = bounded(static_cast<double>(head.forest.value(bins)));
    return bounded((1 - share) * line + share * trees);
}

void Classifier::predict(const PromptFeatures& features, std::vector<double>& out) const
{
    const Bins bins = binsOf(features.structure);
    out.clear();
    for (const Head& head : m_heads) {
        out.push_back(blended(head, features, bins));
    }
}

double Classifier::probability(const PromptFeatures& features, std::size_t head) const
{
    return blended(m_heads[head], features, binsOf(features.structure));
}

double Classifier::gain(const PromptFeatures& features, std::size_t cheap, std::size_t strong) const
{
    const Bins bins = binsOf(features.structure);
    return blended(m_heads[strong], features, bins) - blended(m_heads[cheap], features, bins);
}

double Classifier::difficulty(const PromptFeatures& features, std::size_t cheap) const
{
    return 1.0 - probability(features, cheap);
}

// --- learning

void Classifier::descend(Head& head, const std::vector<Row>& rows, const TrainOptions& options)
{
    std::vector<Row> order = rows;
    Rng rng(mixHash(options.seed ^ textHash(head.model)));
    for (int epoch = 0; epoch < options.epochs; ++epoch) {
        shuffle(order, rng);
        for (const Row& row : order) {
            const auto p = static_cast<float>(sigmoid(linear(head, *row.features)));
            const float error = p - row.score;
            for (const Feature& feature : row.features->table) {
                const float slope = error * feature.value;
                float& squares = head.squares[feature.slot];
                squares += slope * slope;
                head.weights[feature.slot] -= options.rate * slope / std::sqrt(squares);
            }
            head.biasSquares += error * error;
            head.bias -= options.rate * error / std::sqrt(head.biasSquares);
        }
    }
}

void Classifier::grow(Head& head, const std::vector<Row>& rows, const TrainOptions& options)
{
    if (rows.size() < labelsForTreesMin) {
        return;
    }
    std::vector<Bins> bins;
    std::vector<float> scores;
    bins.reserve(rows.size());
    scores.reserve(rows.size());
    for (const Row& row : rows) {
        bins.push_back(binsOf(row.features->structure));
        scores.push_back(row.score);
    }
    Rng rng(mixHash(options.seed + 1) ^ textHash(head.model));
    growForest(head.forest, {bins, scores}, options.forest, rng);
}

namespace {

// Neither part alone: what is measured on folds is rough, and a blend is never far off.
constexpr std::array<float, 4> shares{0.2F, 0.4F, 0.6F, 0.8F};
using ShareLoss = std::array<double, shares.size()>;

} // namespace

/// Squared error under each share on rows that were not learned from, over three folds.
void Classifier::addShareLoss(const Head& head, const std::vector<Row>& rows,
    const TrainOptions& options, std::span<double> loss)
{
    constexpr std::size_t folds = 3;
    for (std::size_t fold = 0; fold < folds; ++fold) {
        Head trial = head;
        std::vector<Row> part;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            if (i % folds != fold) {
                part.push_back(rows[i]);
            }
        }
        descend(trial, part, options);
        grow(trial, part, options);
        for (std::size_t i = fold; i < rows.size(); i += folds) {
            const Bins bins = binsOf(rows[i].features->structure);
            for (std::size_t s = 0; s < shares.size(); ++s) {
                trial.forestShare = shares[s];
                const double error
                    = blended(trial, *rows[i].features, bins) - static_cast<double>(rows[i].score);
                loss[s] += error * error;
            }
        }
    }
}

void Classifier::learn(std::span<const Example> examples, const TrainOptions& options)
{
    std::vector<std::vector<Row>> rows(m_heads.size());
    std::size_t most = 0;
    for (const Example& example : examples) {
        for (const Outcome& outcome : example.outcomes) {
            if (outcome.head < m_heads.size() && std::isfinite(outcome.score)) {
                std::vector<Row>& list = rows[outcome.head];
                list.push_back({example.features, std::clamp(outcome.score, 0.0F, 1.0F)});
                most = std::max(most, list.size());
            }
        }
    }
    float share = options.forestShare.value_or(usualShare);
    if (!options.forestShare && most >= labelsForShareMin) {
        // One share for all heads: their errors together are less rough than each alone.
        ShareLoss loss{};
        for (std::size_t i = 0; i < m_heads.size(); ++i) {
            addShareLoss(m_heads[i], rows[i], options, loss);
        }
        share = shares[static_cast<std::size_t>(
            std::min_element(loss.begin(), loss.end()) - loss.begin())];
    }
    for (std::size_t i = 0; i < m_heads.size(); ++i) {
        if (!rows[i].empty()) {
            descend(m_heads[i], rows[i], options);
            grow(m_heads[i], rows[i], options);
            m_heads[i].forestShare = share;
            m_heads[i].labels += static_cast<std::int64_t>(rows[i].size());
        }
    }
}

std::size_t Classifier::memoryBytes() const
{
    std::size_t sum = 0;
    for (const Head& head : m_heads) {
        sum += (head.weights.size() + head.squares.size()) * sizeof(float)
            + head.forest.trees.size() * sizeof(Tree) + sizeof(Head);
    }
    return sum;
}

} // namespace headgate::classify
