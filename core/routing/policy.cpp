// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/routing/policy.h"

#include "core/routing/pattern.h"

#include <algorithm>

namespace headgate::routing {

namespace {

constexpr int secondsPerHour = 3'600;
constexpr int hoursPerDay = 24;

template <typename T>
bool isAmong(const std::vector<T>& values, const T& value)
{
    return values.empty() || std::find(values.begin(), values.end(), value) != values.end();
}

bool matchesFacts(const Condition& when, const Facts& facts)
{
    const bool structured = facts.jsonObject || facts.jsonSchema;
    const bool code
        = facts.codeBlocks > 0 || facts.codeLines >= 3 || facts.stackTrace || facts.diff;
    return isAmong(when.tasks, facts.task)
        && (!when.difficultyAtLeast || facts.difficulty >= *when.difficultyAtLeast)
        && (!when.difficultyBelow || facts.difficulty < *when.difficultyBelow)
        && (!when.inputTokensAtLeast || facts.inputTokens >= *when.inputTokensAtLeast)
        && (!when.inputTokensBelow || facts.inputTokens < *when.inputTokensBelow)
        && (!when.tools || *when.tools == (facts.tools > 0))
        && (!when.structuredOutput || *when.structuredOutput == structured)
        && (!when.images || *when.images == (facts.images > 0))
        && (!when.code || *when.code == code)
        && (when.taskTagRegex.empty() || patternMatches(when.taskTagRegex, facts.taskTag))
        && (when.clientRegex.empty() || patternMatches(when.clientRegex, facts.client));
}

bool matchesIdentity(const Condition& when, const ledger::Identity& identity)
{
    const bool tagged = when.tags.empty()
        || std::any_of(when.tags.begin(), when.tags.end(), [&](const std::string& tag) {
               return std::find(identity.tags.begin(), identity.tags.end(), tag)
                   != identity.tags.end();
           });
    return tagged && isAmong(when.teams, identity.team) && isAmong(when.users, identity.user)
        && isAmong(when.keys, identity.key)
        && (!when.priority || *when.priority == identity.priority);
}

/// [from, to) in local hours; 22 to 6 wraps midnight, equal hours mean the whole day.
bool matchesClock(const Condition& when, TimeUs nowUs)
{
    if (!when.hourFrom && !when.hourTo) {
        return true;
    }
    const int from = when.hourFrom.value_or(0);
    const int to = when.hourTo.value_or(hoursPerDay);
    const std::int64_t local = nowUs / usPerSecond + utcOffsetSeconds(nowUs, when.zone);
    const auto hour = static_cast<int>((local / secondsPerHour) % hoursPerDay);
    if (from == to) {
        return true;
    }
    return from < to ? hour >= from && hour < to : hour >= from || hour < to;
}

} // namespace

bool matches(const Condition& condition, const MatchContext& context)
{
    return matchesFacts(condition, *context.facts) && matchesIdentity(condition, *context.identity)
        && (!condition.budgetUsedPercentAtLeast
            || context.budgetUsedPercent >= *condition.budgetUsedPercentAtLeast)
        && matchesClock(condition, context.nowUs);
}

const Rule* matchingRule(const Policy& policy, const MatchContext& context)
{
    const auto found = std::find_if(policy.rules.begin(), policy.rules.end(),
        [&](const Rule& rule) { return matches(rule.when, context); });
    return found == policy.rules.end() ? nullptr : &*found;
}

} // namespace headgate::routing
