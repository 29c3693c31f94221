// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/routing/policy.h"

#include "core/base/limits.h"
#include "core/routing/pattern.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <array>
#include <set>
#include <utility>

namespace headgate::routing {

namespace {

namespace json = boost::json;

constexpr std::size_t rulesMax = 1'000;
constexpr std::int64_t tokensMax = 1'000'000'000;
constexpr int tierMin = 1;
constexpr int tierMost = 4;
constexpr int difficultyMost = 1'000;

constexpr std::array priorityNames{
    std::pair{ledger::Priority::Low, "low"},
    std::pair{ledger::Priority::Normal, "normal"},
    std::pair{ledger::Priority::High, "high"},
};

/// Reads one object: every access marks the field as known, the rest is an error at the end.
class ObjectReader {
public:
    ObjectReader(std::string path, const json::object& object, std::string& error)
        : m_path(std::move(path)),
          m_object(object),
          m_error(error)
    {
    }
    const json::value* find(const char* name)
    {
        m_known.insert(name);
        return m_object.if_contains(name);
    }
    [[nodiscard]] std::string pathOf(std::string_view name) const
    {
        return m_path.empty() ? std::string(name) : m_path + "." + std::string(name);
    }
    void wrong(std::string_view name, const std::string& must)
    {
        if (m_error.empty()) {
            m_error = pathOf(name) + " must be " + must + ".";
        }
    }
    void boolean(const char* name, bool& out)
    {
        if (const json::value* found = find(name)) {
            if (!found->is_bool()) {
                return wrong(name, "true or false");
            }
            out = found->get_bool();
        }
    }
    void boolean(const char* name, std::optional<bool>& out)
    {
        if (m_object.contains(name)) {
            bool value = false;
            boolean(name, value);
            out = value;
        }
        m_known.insert(name);
    }
    template <typename T>
    void whole(const char* name, T& out, std::int64_t least, std::int64_t most)
    {
        const json::value* found = find(name);
        if (found == nullptr) {
            return;
        }
        if (!found->is_int64() || found->get_int64() < least || found->get_int64() > most) {
            return wrong(name,
                "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
        }
        out = static_cast<T>(found->get_int64());
    }
    template <typename T>
    void whole(const char* name, std::optional<T>& out, std::int64_t least, std::int64_t most)
    {
        if (m_object.contains(name)) {
            T value{};
            whole(name, value, least, most);
            out = value;
        }
        m_known.insert(name);
    }
    void text(const char* name, std::string& out)
    {
        if (const json::value* found = find(name)) {
            if (!found->is_string()) {
                return wrong(name, "a string");
            }
            out = std::string(found->get_string());
        }
    }
    void texts(const char* name, std::vector<std::string>& out)
    {
        const json::value* found = find(name);
        if (found == nullptr) {
            return;
        }
        if (!found->is_array()) {
            return wrong(name, "an array of strings");
        }
        for (const json::value& element : found->get_array()) {
            if (!element.is_string()) {
                return wrong(name, "an array of strings");
            }
            out.emplace_back(element.get_string());
        }
    }
    void finish()
    {
        for (const auto& member : m_object) {
            const std::string name(member.key());
            if (m_error.empty() && !m_known.contains(name)) {
                m_error = pathOf(name) + " is not a field that a policy knows.";
            }
        }
    }

private:
    std::string m_path;
    const json::object& m_object;
    std::string& m_error;
    std::set<std::string> m_known;
};

void readTasks(ObjectReader& reader, Condition& when)
{
    std::vector<std::string> names;
    reader.texts("tasks", names);
    for (const std::string& name : names) {
        const std::optional<TaskType> type = taskTypeFromName(name);
        if (!type) {
            return reader.wrong("tasks", "task types; \"" + name + "\" is none");
        }
        when.tasks.push_back(*type);
    }
}

void readPattern(ObjectReader& reader, const char* name, std::string& out)
{
    reader.text(name, out);
    if (const Result<void> checked = checkPattern(out); !checked) {
        reader.wrong(name, "a regular expression: " + checked.error().message);
    }
}

void readPriority(ObjectReader& reader, Condition& when)
{
    std::string word;
    reader.text("priority", word);
    if (word.empty()) {
        return;
    }
    for (const auto& [priority, name] : priorityNames) {
        if (word == name) {
            when.priority = priority;
            return;
        }
    }
    reader.wrong("priority", "\"low\", \"normal\" or \"high\"");
}

void readCondition(
    const json::object& object, const std::string& path, Condition& when, std::string& error)
{
    ObjectReader reader(path, object, error);
    readTasks(reader, when);
    reader.whole("difficulty_at_least", when.difficultyAtLeast, 0, difficultyMost);
    reader.whole("difficulty_below", when.difficultyBelow, 0, difficultyMost + 1);
    reader.whole("input_tokens_at_least", when.inputTokensAtLeast, 0, tokensMax);
    reader.whole("input_tokens_below", when.inputTokensBelow, 0, tokensMax);
    reader.boolean("tools", when.tools);
    reader.boolean("structured_output", when.structuredOutput);
    reader.boolean("images", when.images);
    reader.boolean("code", when.code);
    reader.texts("teams", when.teams);
    reader.texts("users", when.users);
    reader.texts("keys", when.keys);
    reader.texts("tags", when.tags);
    readPriority(reader, when);
    readPattern(reader, "task_tag_regex", when.taskTagRegex);
    readPattern(reader, "client_regex", when.clientRegex);
    reader.whole("budget_used_percent_at_least", when.budgetUsedPercentAtLeast, 0, 100);
    reader.whole("hour_from", when.hourFrom, 0, 23);
    reader.whole("hour_to", when.hourTo, 0, 24);
    reader.text("zone", when.zone);
    if (!isKnownZone(when.zone)) {
        reader.wrong("zone", "a time zone such as \"Europe/Berlin\"");
    }
    reader.finish();
}

void readRule(const json::value& value, std::size_t index, Policy& policy, std::string& error)
{
    std::string path = "rules[" + std::to_string(index) + "]";
    if (!value.is_object()) {
        error = error.empty() ? path + " must be an object." : error;
        return;
    }
    Rule& rule = policy.rules.emplace_back();
    const json::object& object = value.get_object();
    if (const json::value* name = object.if_contains("name");
        name != nullptr && name->is_string()) {
        path += " (" + std::string(name->get_string()) + ")";
    }
    ObjectReader reader(path, object, error);
    reader.text("name", rule.name);
    if (rule.name.empty() || rule.name.size() > limits::nameBytesMax) {
        reader.wrong("name", "a name of 1 to " + std::to_string(limits::nameBytesMax) + " bytes");
    }
    if (const json::value* when = reader.find("when")) {
        if (when->is_object()) {
            readCondition(when->get_object(), reader.pathOf("when"), rule.when, error);
        } else {
            reader.wrong("when", "an object");
        }
    }
    reader.whole("tier", rule.tier, tierMin, tierMost);
    reader.whole("tier_max", rule.tierMax, tierMin, tierMost);
    if (rule.tier && rule.tierMax && *rule.tier > *rule.tierMax) {
        reader.wrong("tier", "at most tier_max");
    }
    reader.texts("models", rule.models);
    reader.whole("output_ceiling", rule.outputCeiling, 1, tokensMax);
    reader.boolean("may_downgrade", rule.mayDowngrade);
    reader.finish();
}

void readRules(ObjectReader& reader, Policy& policy, std::string& error)
{
    const json::value* rules = reader.find("rules");
    if (rules == nullptr) {
        return;
    }
    if (!rules->is_array() || rules->get_array().size() > rulesMax) {
        return reader.wrong("rules", "an array of at most " + std::to_string(rulesMax) + " rules");
    }
    std::set<std::string> names;
    for (const json::value& value : rules->get_array()) {
        readRule(value, policy.rules.size(), policy, error);
        if (!error.empty()) {
            return;
        }
        if (!names.insert(policy.rules.back().name).second) {
            return reader.wrong("rules",
                "rules of different names; \"" + policy.rules.back().name + "\" is there twice");
        }
    }
}

void readThresholds(ObjectReader& reader, Policy& policy)
{
    const json::value* thresholds = reader.find("tier_thresholds");
    if (thresholds == nullptr) {
        return;
    }
    const std::string must = "up to three rising whole numbers from 0 to 1000";
    if (!thresholds->is_array() || thresholds->get_array().size() > tierMost - tierMin) {
        return reader.wrong("tier_thresholds", must);
    }
    policy.tierThresholds.clear();
    for (const json::value& value : thresholds->get_array()) {
        const bool whole
            = value.is_int64() && value.get_int64() >= 0 && value.get_int64() <= difficultyMost;
        if (!whole
            || (!policy.tierThresholds.empty()
                && value.get_int64() <= policy.tierThresholds.back())) {
            return reader.wrong("tier_thresholds", must);
        }
        policy.tierThresholds.push_back(static_cast<int>(value.get_int64()));
    }
}

void readTaskTiers(ObjectReader& reader, Policy& policy)
{
    const json::value* tiers = reader.find("task_tiers");
    if (tiers == nullptr) {
        return;
    }
    if (!tiers->is_object()) {
        return reader.wrong("task_tiers", "an object of task types and tiers");
    }
    for (const auto& member : tiers->get_object()) {
        const std::string name(member.key());
        const std::string path = "task_tiers." + name;
        if (!taskTypeFromName(name)) {
            return reader.wrong(path, "named after a task type");
        }
        const json::value& tier = member.value();
        if (!tier.is_int64() || tier.get_int64() < tierMin || tier.get_int64() > tierMost) {
            return reader.wrong(path, "a tier from 1 to 4");
        }
        policy.taskTiers[taskTypeName(*taskTypeFromName(name))]
            = static_cast<int>(tier.get_int64());
    }
}

template <typename T>
void put(json::object& object, const char* name, const std::optional<T>& value)
{
    if (value) {
        object[name] = *value;
    }
}

void put(json::object& object, const char* name, const std::vector<std::string>& values)
{
    if (!values.empty()) {
        object[name] = json::array(values.begin(), values.end());
    }
}

void put(json::object& object, const char* name, const std::string& value)
{
    if (!value.empty()) {
        object[name] = value;
    }
}

json::object conditionJson(const Condition& when)
{
    json::object out;
    if (!when.tasks.empty()) {
        json::array tasks;
        for (const TaskType task : when.tasks) {
            tasks.emplace_back(taskTypeName(task));
        }
        out["tasks"] = std::move(tasks);
    }
    put(out, "difficulty_at_least", when.difficultyAtLeast);
    put(out, "difficulty_below", when.difficultyBelow);
    put(out, "input_tokens_at_least", when.inputTokensAtLeast);
    put(out, "input_tokens_below", when.inputTokensBelow);
    put(out, "tools", when.tools);
    put(out, "structured_output", when.structuredOutput);
    put(out, "images", when.images);
    put(out, "code", when.code);
    put(out, "teams", when.teams);
    put(out, "users", when.users);
    put(out, "keys", when.keys);
    put(out, "tags", when.tags);
    for (const auto& [priority, name] : priorityNames) {
        if (when.priority == priority) {
            out["priority"] = name;
        }
    }
    put(out, "task_tag_regex", when.taskTagRegex);
    put(out, "client_regex", when.clientRegex);
    put(out, "budget_used_percent_at_least", when.budgetUsedPercentAtLeast);
    put(out, "hour_from", when.hourFrom);
    put(out, "hour_to", when.hourTo);
    if (when.hourFrom || when.hourTo || when.zone != "UTC") {
        out["zone"] = when.zone;
    }
    return out;
}

json::object ruleJson(const Rule& rule)
{
    json::object out;
    out["name"] = rule.name;
    out["when"] = conditionJson(rule.when);
    put(out, "tier", rule.tier);
    put(out, "tier_max", rule.tierMax);
    put(out, "models", rule.models);
    put(out, "output_ceiling", rule.outputCeiling);
    put(out, "may_downgrade", rule.mayDowngrade);
    return out;
}

bool isShort(const json::value& value)
{
    constexpr std::size_t lineBytesMax = 80;
    if (!value.is_object() && !value.is_array()) {
        return true;
    }
    const bool nested
        = value.is_array() && !value.get_array().empty() && value.get_array().front().is_object();
    return !nested && json::serialize(value).size() <= lineBytesMax;
}

/// Objects and arrays that fit stay on one line, so that a rule reads like a sentence.
void indent(const json::value& value, std::size_t depth, std::string& out)
{
    if (depth > 0 && isShort(value)) {
        out += json::serialize(value);
        return;
    }
    const std::string pad(2 * (depth + 1), ' ');
    const bool isObject = value.is_object();
    out += isObject ? "{" : "[";
    bool first = true;
    const auto next = [&] {
        out += first ? "\n" : ",\n";
        out += pad;
        first = false;
    };
    if (isObject) {
        for (const auto& member : value.get_object()) {
            next();
            out += json::serialize(json::string(member.key())) + ": ";
            indent(member.value(), depth + 1, out);
        }
    } else {
        for (const json::value& element : value.get_array()) {
            next();
            indent(element, depth + 1, out);
        }
    }
    out += "\n" + std::string(2 * depth, ' ') + (isObject ? "}" : "]");
}

} // namespace

std::string policyToJson(const Policy& policy)
{
    json::object out;
    json::array rules;
    for (const Rule& rule : policy.rules) {
        rules.push_back(ruleJson(rule));
    }
    out["rules"] = std::move(rules);
    out["tier_thresholds"]
        = json::array(policy.tierThresholds.begin(), policy.tierThresholds.end());
    json::object tiers;
    for (const auto& [name, tier] : policy.taskTiers) {
        tiers[name] = tier;
    }
    out["task_tiers"] = std::move(tiers);
    out["may_downgrade"] = policy.mayDowngrade;
    out["may_downgrade_explicit"] = policy.mayDowngradeExplicit;
    out["output_ceiling"] = policy.outputCeiling;
    out["least_useful_output"] = policy.leastUsefulOutput;
    out["baseline_model"] = policy.baselineModel;
    std::string text;
    indent(out, 0, text);
    return text + "\n";
}

Result<Policy> policyFromJson(std::string_view text)
{
    boost::system::error_code code;
    const json::value value = json::parse(json::string_view(text.data(), text.size()), code);
    if (code) {
        return Error(
            ErrorCode::InvalidArgument, "The policy is not valid JSON: " + code.message() + ".");
    }
    if (!value.is_object()) {
        return Error(ErrorCode::InvalidArgument, "The policy must be a JSON object.",
            "`headgate policy show` prints one to start from.");
    }
    Policy policy;
    std::string error;
    ObjectReader reader("", value.get_object(), error);
    readRules(reader, policy, error);
    readThresholds(reader, policy);
    readTaskTiers(reader, policy);
    reader.boolean("may_downgrade", policy.mayDowngrade);
    reader.boolean("may_downgrade_explicit", policy.mayDowngradeExplicit);
    reader.whole("output_ceiling", policy.outputCeiling, 1, tokensMax);
    reader.whole("least_useful_output", policy.leastUsefulOutput, 1, tokensMax);
    reader.text("baseline_model", policy.baselineModel);
    reader.finish();
    if (!error.empty()) {
        return Error(ErrorCode::InvalidArgument, error, "The policy in force is unchanged.");
    }
    return policy;
}

} // namespace headgate::routing
