// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The decision: which model, with which output ceiling and bound, and why every other candidate
// lost. Pure: (facts, request counts, catalog, policy, budget, now) → Plan. No clock, no I/O.

#include "core/catalog/catalog.h"
#include "core/ledger/rules.h"
#include "core/routing/facts.h"
#include "core/routing/policy.h"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace headgate::routing {

struct InputTokens {
    std::int64_t estimate = 0; ///< best guess
    std::int64_t atMost = 0; ///< what the bound is made of
};

/// What a provider bills as input although it is not in the request: context that it keeps itself,
/// results of tools that it runs itself.
struct UnseenInput {
    std::int64_t tokens = 0; ///< of a kept context whose size is known, at most
    bool wholeContext = false; ///< a kept context of unknown size
    std::vector<std::string> hostedTools; ///< in the client's words: "web_search_20250305"
    std::optional<std::int64_t> hostedUsesMax; ///< absent: the request names no limit
    std::string limitRemedy; ///< how the client's dialect says such a limit
    bool audioOut = false;
    [[nodiscard]] bool any() const { return tokens > 0 || wholeContext || !hostedTools.empty(); }
};

struct PlanInput {
    const Facts* facts = nullptr;
    const catalog::Catalog* catalog = nullptr;
    const Policy* policy = nullptr;
    ledger::Identity identity;
    std::string askedModel; ///< "auto", "auto:cheap", "auto:best", or a model
    std::optional<std::int64_t> clientMaxTokens;
    std::int64_t choices = 1; ///< n
    std::string serviceTier; ///< as asked
    /// The input's text as the model would count it, images left out. The plan asks for each
    /// candidate: the family's count with the model's own margin.
    std::function<InputTokens(const catalog::Model& model)> inputTokens;
    /// Where the pools stand for a target (tier, model and provider pools differ by candidate).
    std::function<ledger::BudgetView(const ledger::Target&)> budget;
    std::set<std::string> excludedModels; ///< ids that failed already
    /// Ids that are not to be called now, with what keeps them away: "It cools down until 14:05."
    std::map<std::string, std::string> unwell;
    TimeUs nowUs = 0;
    bool logprobs = false;
    bool embedding = false; ///< wants vectors: only models marked so, and no output
    UnseenInput unseen;
    /// Why a model's provider cannot be asked this at all; empty: it can. May be unset.
    std::function<std::string(const catalog::Model& model)> unfit;
    /// True when the way to this model's provider leaves hosted tools out: then none is billed. May
    /// be unset: they all arrive.
    std::function<bool(const catalog::Model& model)> leavesOutHosted;
};

enum class Lost {
    None, ///< chosen
    Disabled,
    ProviderDisabled,
    NoKey,
    NotInRule,
    TierTooLow,
    TierTooHigh,
    NoTools,
    NoImages,
    NoAudio,
    NoJsonSchema,
    ContextTooSmall,
    Unpriced,
    DoesNotFit,
    OutputTooSmall,
    Dearer,
    NotAsked,
    Excluded,
    Embedding,
    NoFiles,
    NoLogprobs,
    Unfit ///< its provider cannot be asked this
};
[[nodiscard]] const char* lostName(Lost lost); ///< "unpriced", "dearer", …

struct Candidate {
    std::string model; ///< id "provider/name"
    int tier = 1;
    Lost lost = Lost::None;
    std::string why; ///< one sentence for a person
    std::int64_t inputTokens = 0; ///< at most
    std::int64_t inputEstimate = 0; ///< best guess of the text alone; 0: not known
    std::int64_t outputCeiling = 0;
    Money bound;
    Money expected; ///< with the expected output, for ranking
};

enum class Outcome {
    Route, ///< the wanted model
    Downgrade, ///< a cheaper one, because the wanted did not fit and the policy allows it
    RefuseBudget, ///< a capable model exists; money does not suffice
    RefuseUnpriced, ///< the model has no price and a hard pool applies
    RefuseUnknownModel,
    RefuseNoCapable
};
[[nodiscard]] const char* outcomeName(
    Outcome outcome); ///< "route", "downgrade", "refuse_budget", …

struct Plan {
    Outcome outcome = Outcome::RefuseNoCapable;
    std::string model; ///< id; empty when refused
    std::string provider;
    std::string modelName; ///< what the provider is asked for
    int tier = 0;
    int wantedTier = 0;
    std::int64_t inputTokens = 0; ///< at most
    std::int64_t outputCeiling = 0; ///< per choice; written into the upstream request
    Money bound; ///< size of the hold
    Money baseline; ///< what the baseline model would be expected to cost
    std::string rule; ///< name of the rule that matched, or "default"
    std::string reason; ///< one sentence for a person
    std::optional<ledger::Denial> denial; ///< RefuseBudget: the tightest account
    std::string cheaperModel; ///< RefuseBudget: a model that would have fitted if allowed
    std::vector<Candidate> candidates; ///< every model, chosen first, then by why it lost
};

[[nodiscard]] Plan plan(const PlanInput& input);

/// For the log and the console.
[[nodiscard]] std::string candidatesToJson(const std::vector<Candidate>& candidates);
[[nodiscard]] Result<std::vector<Candidate>> candidatesFromJson(std::string_view json);

} // namespace headgate::routing
