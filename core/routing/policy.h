// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The operator's rules: ordered, first match wins, with a default. A policy is an immutable value
// inside the configuration; its JSON form is what `policy show|set` prints and reads.

#include "core/base/clock.h"
#include "core/ledger/pool.h"
#include "core/routing/facts.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::routing {

/// All given conditions must hold; an empty condition matches everything.
struct Condition {
    std::vector<TaskType> tasks;
    std::optional<int> difficultyAtLeast; ///< 0…1000
    std::optional<int> difficultyBelow;
    std::optional<std::int64_t> inputTokensAtLeast;
    std::optional<std::int64_t> inputTokensBelow;
    std::optional<bool> tools;
    std::optional<bool> structuredOutput;
    std::optional<bool> images;
    std::optional<bool> code;
    std::vector<std::string> teams;
    std::vector<std::string> users;
    std::vector<std::string> keys;
    std::vector<std::string> tags;
    std::optional<ledger::Priority> priority;
    std::string taskTagRegex; ///< RE2; empty: any
    std::string clientRegex;
    std::optional<int> budgetUsedPercentAtLeast; ///< of the tightest hard pool
    std::optional<int> hourFrom; ///< local hours of `zone`, [from, to), may wrap midnight
    std::optional<int> hourTo;
    std::string zone = "UTC";
};

struct Rule {
    std::string name;
    Condition when;
    std::optional<int> tier; ///< wanted tier
    std::optional<int> tierMax; ///< never above
    std::vector<std::string> models; ///< only these ("provider/name" or name); empty: any
    std::optional<std::int64_t> outputCeiling;
    std::optional<bool> mayDowngrade;
};

struct Policy {
    std::vector<Rule> rules;
    /// Difficulty at which a higher tier is wanted: {300, 600, 850} → tiers 2, 3, 4.
    std::vector<int> tierThresholds{300, 600, 850};
    std::map<std::string, int> taskTiers; ///< task type name → least tier; empty: defaults
    bool mayDowngrade = true; ///< a cheaper model when the wanted one does not fit
    bool mayDowngradeExplicit = false; ///< also when the client named a model
    std::int64_t outputCeiling = 4096; ///< when the client names none
    std::int64_t leastUsefulOutput = 16; ///< a ceiling fitted below this is not worth a call
    std::string baselineModel; ///< savings are measured against it; empty: dearest enabled model
};

/// What conditions are held against.
struct MatchContext {
    const Facts* facts = nullptr;
    const ledger::Identity* identity = nullptr;
    TimeUs nowUs = 0;
    int budgetUsedPercent = 0; ///< of the tightest hard pool; 0 when there is none
};
[[nodiscard]] bool matches(const Condition& condition, const MatchContext& context);
/// The first rule that matches; null when none does.
[[nodiscard]] const Rule* matchingRule(const Policy& policy, const MatchContext& context);

[[nodiscard]] std::string policyToJson(const Policy& policy); ///< indented
/// Errors name the rule and the field; unknown fields are errors, so that a typing slip is seen.
[[nodiscard]] Result<Policy> policyFromJson(std::string_view json);

} // namespace headgate::routing
