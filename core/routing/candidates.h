// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One model held against one request: is it capable, what would it cost, how much output can the
// tightest pool pay for. Pure; used by plan() only.

#include "core/routing/plan.h"

namespace headgate::routing {

/// How well the money left serves a candidate.
enum class Fit {
    Unknown, ///< not asked yet
    Full, ///< the ceiling holds the output that such a task usually needs
    Shrunk, ///< less than that, but at least what is useful
    None
};

struct Option {
    const catalog::Model* model = nullptr;
    const catalog::PriceSheet* sheet = nullptr; ///< null: unpriced
    Candidate candidate;
    bool capable = false; ///< nothing but tier and money can speak against it
    std::int64_t wish = 0; ///< ceiling before money is looked at
    std::int64_t floor = 1; ///< the least ceiling worth a call
    std::int64_t usual = 0; ///< output such a task usually needs, at most the wish
    Fit fit = Fit::Unknown;
    bool waiting = false; ///< it would fit when the money now held came back
    std::optional<ledger::Denial> denial; ///< Fit::None: the account that cannot pay
};

/// The frame of one decision.
struct Frame {
    const PlanInput& input;
    const Rule* rule = nullptr;
    bool isExplicit = false; ///< the client named a model
    bool realProviders = false; ///< a real provider is set up, so simulated ones do not compete
    bool someLogprobs = false; ///< a usable model returns log-probabilities
};

[[nodiscard]] bool isUsable(const catalog::Provider& provider);
[[nodiscard]] bool hasRealProvider(const catalog::Catalog& catalog, bool embedding);
/// Output tokens that a task of this kind usually needs; a prior for ranking, never a bound.
[[nodiscard]] std::int64_t usualOutput(const Facts& facts, const catalog::Model& model);

/// Fills everything but the fit. `asked`: this is the model that the client named.
[[nodiscard]] Option makeOption(const Frame& frame, const catalog::Model& model, bool asked);
/// Asks the pools; fills fit, ceiling, bound, waiting and denial. Once an option.
void fitMoney(const Frame& frame, Option& option);
/// Cost with the usual output at the plain prices; for ranking and the baseline.
[[nodiscard]] Money expectedCost(const Frame& frame, const Option& option);

} // namespace headgate::routing
