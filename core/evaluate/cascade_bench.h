// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Measures cascades on recorded answers: try the cheap model, judge its answer, escalate. The
// recorded answers stand for the providers. Scorers and thresholds come from one half of the
// prompts, figures from the other. Blocking; the caller's thread.

#include "core/classify/cascade_scorer.h"
#include "core/evaluate/routing_bench.h"

#include <boost/json/object.hpp>

#include <array>
#include <map>
#include <string>
#include <vector>

namespace headgate::evaluate {

struct CascadeTask {
    std::vector<std::string> sources;
    std::string cheap;
    std::string second; ///< a second cheap model whose agreement is asked for
    std::string strong;
};
[[nodiscard]] std::vector<CascadeTask> tableCascades();

/// Dollars per million tokens.
struct TokenRates {
    double input = 0;
    double output = 0;
};
[[nodiscard]] Result<std::map<std::string, TokenRates>> readRates(const std::string& path);

struct CascadeFigures {
    std::string way; ///< "before the call", "scorer", "agreement + scorer"
    classify::CascadePoint chosen; ///< on the half that chose; means over halvings
    classify::CascadePoint reported; ///< on the other half
    bool pays = false; ///< what the half that chose says, in every halving
};

struct CascadeResult {
    CascadeTask task;
    std::size_t prompts = 0;
    double keep = 0.99;
    double ratio = 0; ///< what a strong call costs beside a cheap one
    double cheapQuality = 0;
    double strongQuality = 0;
    double agreementAuc = 0.5; ///< of "both agree" for "the cheap answer is right"
    std::vector<CascadeFigures> ways;
};

/// Errors: models without answers or rates.
[[nodiscard]] Result<CascadeResult> benchCascade(const std::vector<PreparedRow>& rows,
    const std::vector<AnswerRow>& answers, const std::map<std::string, TokenRates>& rates,
    const CascadeTask& task);

[[nodiscard]] std::string cascadeText(const CascadeResult& result);
[[nodiscard]] boost::json::object cascadeJson(const CascadeResult& result);

} // namespace headgate::evaluate
