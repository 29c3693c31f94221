// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// How likely each model answers a prompt well: one logistic head a model over hashed features
// (AdaGrad, Duchi et al. 2011), blended with boosted trees over the shape of the prompt.
// A trained classifier is an immutable value for any number of threads; learning works on a copy.
// The same seed and examples give the same classifier.

#include "core/base/result.h"
#include "core/classify/features.h"
#include "core/classify/forest.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::classify {

/// A head is 1 MiB of weights and as much to learn on: nine stay below 20 MB.
inline constexpr std::size_t headsMax = 9;
inline constexpr std::size_t modelNameBytesMax = 256;

struct Outcome {
    std::size_t head = 0;
    float score = 0; ///< 0 (wrong) … 1 (right)
};

struct Example {
    const PromptFeatures* features = nullptr;
    std::vector<Outcome> outcomes; ///< of the models that answered; most logs hold one
};

struct TrainOptions {
    std::uint64_t seed = 1;
    int epochs = 4;
    float rate = 0.015F;
    std::optional<float> forestShare; ///< absent: chosen on folds of the examples
    ForestOptions forest;
};

/// A feature and how much it moved the score, in probability.
struct Contribution {
    std::string name;
    double moved = 0;
};

inline constexpr std::size_t explainedMax = 12;

struct Explanation {
    double score = 0;
    double withoutFeatures = 0; ///< what a prompt without features would get
    std::vector<Contribution> top; ///< largest first
};

class Classifier {
public:
    /// Heads for these models, all without labels. Errors: none, too many, doubled or bad names.
    [[nodiscard]] static Result<Classifier> create(const std::vector<std::string>& models);

    /// Goes on learning from new examples; outcomes of unknown heads are left out.
    void learn(std::span<const Example> examples, const TrainOptions& options);

    [[nodiscard]] std::size_t heads() const { return m_heads.size(); }
    [[nodiscard]] const std::string& model(std::size_t head) const { return m_heads[head].model; }
    [[nodiscard]] std::int64_t labels(std::size_t head) const { return m_heads[head].labels; }
    /// Index of the head, or heads() when there is none.
    [[nodiscard]] std::size_t headOf(std::string_view model) const;

    /// p(model answers well) of every head; `out` gets heads() values.
    void predict(const PromptFeatures& features, std::vector<double>& out) const;
    [[nodiscard]] double probability(const PromptFeatures& features, std::size_t head) const;
    /// p(strong) − p(cheap): what the dearer model is expected to add, −1 … 1.
    [[nodiscard]] double gain(
        const PromptFeatures& features, std::size_t cheap, std::size_t strong) const;
    /// 1 − p(cheap): for a pair that was never seen together.
    [[nodiscard]] double difficulty(const PromptFeatures& features, std::size_t cheap) const;

    /// Why a head, or the gain of a pair, has its value; the text is read again for the names.
    [[nodiscard]] Explanation explain(
        std::string_view text, const PromptTags& tags, std::size_t head) const;
    [[nodiscard]] Explanation explainGain(
        std::string_view text, const PromptTags& tags, std::size_t cheap, std::size_t strong) const;

    /// Versioned bytes with a checksum. Reading never trusts them: errors say what is wrong.
    [[nodiscard]] std::string toBytes() const;
    [[nodiscard]] static Result<Classifier> fromBytes(std::string_view bytes);
    /// Of the tables and trees; below 20 MB for any classifier.
    [[nodiscard]] std::size_t memoryBytes() const;

private:
    friend class ClassifierFile;
    friend class Explainer;
    struct Head {
        std::string model;
        float bias = 0;
        float biasSquares = 0;
        float forestShare = 0; ///< of the trees in the blend, 0 … 1
        std::int64_t labels = 0;
        Forest forest;
        std::vector<float> weights; ///< by slot
        std::vector<float> squares; ///< AdaGrad: sums of squared gradients
    };
    struct Row {
        const PromptFeatures* features = nullptr;
        float score = 0;
    };
    [[nodiscard]] static double linear(const Head& head, const PromptFeatures& features);
    [[nodiscard]] static double blended(
        const Head& head, const PromptFeatures& features, const Bins& bins);
    static void descend(Head& head, const std::vector<Row>& rows, const TrainOptions& options);
    static void grow(Head& head, const std::vector<Row>& rows, const TrainOptions& options);
    static void addShareLoss(const Head& head, const std::vector<Row>& rows,
        const TrainOptions& options, std::span<double> loss);
    std::vector<Head> m_heads;
};

} // namespace headgate::classify
