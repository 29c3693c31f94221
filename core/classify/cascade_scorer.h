// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// After the cheap model answered: is the dearer one worth asking? Looks at the answer (its shape
// and words, whether something could be extracted, whether a second cheap model agrees) and at what
// the prompt alone said. Learns from prompts that both models answered. Pure; same seed, same
// scorer.

#include "core/classify/classifier.h"

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace headgate::classify {

enum class Agreement : std::uint8_t { NotAsked, Agrees, Differs };

/// What is known after the cheap answer.
struct Attempt {
    const PromptFeatures* prompt = nullptr;
    PromptFeatures answer; ///< of the answer's text, by FeatureReader
    double answerChars = 0;
    bool extracted = false; ///< something that counts as the answer was found
    Agreement agreement = Agreement::NotAsked;
};

/// Beside it, for learning: how well both did.
struct JudgedAttempt {
    Attempt attempt;
    float cheap = 0;
    float strong = 0;
};

/// Answers as one compares them: without case, quotes, blanks and a closing full stop; numbers
/// without thousands separators and trailing zeros.
[[nodiscard]] std::string normalisedAnswer(std::string_view answer);

class CascadeScorer {
public:
    /// Errors: fewer attempts than can be learned from.
    [[nodiscard]] static Result<CascadeScorer> learn(
        std::span<const JudgedAttempt> attempts, std::uint64_t seed);
    /// p(strong right) − p(cheap answer right): higher, rather escalate.
    [[nodiscard]] double score(const Attempt& attempt) const;
    /// Scores of the attempts it learned from, each by scorers that did not see it.
    [[nodiscard]] const std::vector<double>& heldOutScores() const { return m_heldOut; }

    static constexpr std::size_t attemptsMin = 60;

private:
    static constexpr std::size_t inputs = 10;
    using Inputs = std::array<double, inputs>;
    /// The two classifiers whose opinions are weighed: of the prompt and of the answer.
    struct Opinions {
        Classifier prompt;
        Classifier answer;
    };
    static Opinions opinionsOf(std::span<const JudgedAttempt> attempts,
        const std::vector<std::size_t>& rows, std::uint64_t seed);
    static Inputs inputsOf(const Opinions& opinions, const Attempt& attempt);
    struct Weights {
        Inputs cheap{};
        Inputs strong{};
    };
    static double weighed(const Weights& weights, const Inputs& inputs);
    static Weights weigh(const std::vector<Inputs>& rows, std::span<const JudgedAttempt> attempts,
        const std::vector<std::size_t>& which);

    explicit CascadeScorer(Opinions opinions) : m_opinions(std::move(opinions)) { }
    Opinions m_opinions;
    Weights m_weights;
    std::vector<double> m_heldOut;
};

// --- whether it pays

/// One prompt of a pair after the fact. Money is in any unit, the same for all.
struct CascadeRow {
    double score = 0; ///< higher: rather escalate
    double cheap = 0; ///< quality
    double strong = 0;
    double tried = 0; ///< price of the cheap answer with samples and judges
    double escalated = 0; ///< price of escalating
    double always = 0; ///< price of asking the strong model alone
};

struct CascadePoint {
    double threshold = 0; ///< escalate from this score on
    double escalation = 0; ///< share
    double kept = 0; ///< quality, of the strong model's
    double saving = 0; ///< beside always asking the strong model; below 0 it costs more
};
/// What a threshold does to these prompts.
[[nodiscard]] CascadePoint cascadeAt(std::span<const CascadeRow> rows, double threshold);
/// The cheapest threshold that keeps this share of the strong model's quality here.
[[nodiscard]] CascadePoint cheapestKeeping(std::span<const CascadeRow> rows, double keep);
/// Whether a cascade is worth its first tries: it has to save this much at the quality asked for.
inline constexpr double savingWorthwhile = 0.15;

} // namespace headgate::classify
