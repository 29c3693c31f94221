// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Measures routing scores on prompts whose outcomes are known: what `headgate routing bench`
// prints. Nothing is chosen on the rows that are reported. Blocking; the caller's thread.

#include "core/classify/classifier.h"
#include "core/classify/curve.h"
#include "core/evaluate/outcome_rows.h"

#include <functional>
#include <string>
#include <vector>

namespace headgate::evaluate {

struct PairTask {
    std::string source; ///< empty: all sources
    std::string cheap;
    std::string strong;
    std::size_t labels = 0; ///< labelled prompts to learn from; 0: all of the training part
};

struct RouterFigures {
    std::string router; ///< "random", "length", …, "oracle"
    double apgr = 0.5;
    classify::Interval interval; ///< 95 %, bootstrap over prompts
    double cpt50 = 0;
    double cpt80 = 0;
    double auc = 0.5; ///< that the cheap model fails
};

struct PromptScore {
    std::string id;
    double score = 0; ///< of the classifier
};

struct PairResult {
    PairTask task;
    std::size_t trained = 0; ///< labelled prompts (mean over folds)
    std::size_t tested = 0;
    double cheapQuality = 0;
    double strongQuality = 0;
    std::vector<RouterFigures> routers;
    classify::Calibration calibration; ///< of p(cheap model right)
    std::vector<PromptScore> scores;
    bool published = false; ///< every fold's model would have replaced length
    std::string verdict; ///< of the last fold
};

/// A row with what the bench needs of it more than once.
struct PreparedRow {
    const OutcomeRow* row = nullptr;
    classify::PromptFeatures features;
    double length = 0;
    double heuristic = 0; ///< core/routing's difficulty
};
[[nodiscard]] std::vector<PreparedRow> prepare(const std::vector<OutcomeRow>& rows);

/// Learns on `train` and reports on `test`; with an empty `test` over four folds by stem.
/// Errors: no row has outcomes of both models.
[[nodiscard]] Result<PairResult> benchPair(const std::vector<PreparedRow>& train,
    const std::vector<PreparedRow>& test, const PairTask& task);

/// Learns on all other sources and reports on this one. No label of the source is seen.
[[nodiscard]] Result<PairResult> benchUnseenSource(
    const std::vector<PreparedRow>& rows, const PairTask& task);

struct DialMeasure {
    std::string rule;
    double worseAtMost = 0;
    std::size_t calibrationPrompts = 0;
    int resamples = 0;
    double brokenShare = 0; ///< of the resamples
    double cheapShare = 0; ///< mean
};
/// How often a promise is broken on prompts that were not calibrated on.
[[nodiscard]] Result<std::vector<DialMeasure>> benchDial(
    const std::vector<PreparedRow>& rows, const PairTask& task);

/// Scores as the part of prompts below them, so that folds and routers can be put together.
[[nodiscard]] std::vector<double> ranked(const std::vector<double>& scores);

} // namespace headgate::evaluate
