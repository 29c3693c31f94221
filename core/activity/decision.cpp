// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/activity/decision.h"

#include <boost/json.hpp>

#include <array>
#include <charconv>
#include <utility>

namespace headgate::activity {

namespace json = boost::json;

namespace {

constexpr std::array<std::pair<Status, const char*>, 7> statusNames{{
    {Status::Ok, "ok"},
    {Status::Estimated, "estimated"},
    {Status::Refused, "refused"},
    {Status::Rejected, "rejected"},
    {Status::Failed, "failed"},
    {Status::Cut, "cut"},
    {Status::ClientLeft, "client_left"},
}};

/// Stored JSON texts go in as values; what is not JSON stays readable as a string.
json::value nested(const std::string& text)
{
    if (text.empty()) {
        return nullptr;
    }
    boost::system::error_code error;
    json::value value = json::parse(text, error);
    return error ? json::value(text) : value;
}

std::string unnested(const json::value& value)
{
    if (value.is_null()) {
        return {};
    }
    return value.is_string() ? std::string(value.as_string()) : json::serialize(value);
}

/// Reads fields of one object; the first wrong one is kept.
class Reader {
public:
    explicit Reader(const json::object& object) : m_object(object) { }
    void text(const char* name, std::string& out)
    {
        if (const auto* value = find(name); value != nullptr && value->is_string()) {
            out = std::string(value->as_string());
        } else if (value != nullptr && !value->is_null()) {
            bad(name);
        }
    }
    template <typename T>
    void integer(const char* name, T& out)
    {
        if (const auto* value = find(name); value != nullptr && value->is_int64()) {
            out = static_cast<T>(value->as_int64());
        } else if (value != nullptr) {
            bad(name);
        }
    }
    void money(const char* name, Money& out)
    {
        std::string decimal;
        text(name, decimal);
        if (decimal.empty()) {
            return;
        }
        if (const auto parsed = Money::parse(decimal)) {
            out = *parsed;
        } else {
            bad(name);
        }
    }
    void flag(const char* name, bool& out)
    {
        if (const auto* value = find(name); value != nullptr && value->is_bool()) {
            out = value->as_bool();
        } else if (value != nullptr) {
            bad(name);
        }
    }
    void raw(const char* name, std::string& out)
    {
        if (const auto* value = find(name)) {
            out = unnested(*value);
        }
    }
    [[nodiscard]] const json::value* find(const char* name) const
    {
        return m_object.if_contains(name);
    }
    void bad(const char* name)
    {
        if (m_bad.empty()) {
            m_bad = name;
        }
    }
    [[nodiscard]] const std::string& firstBad() const { return m_bad; }

private:
    const json::object& m_object;
    std::string m_bad;
};

json::object attemptToJson(const Attempt& attempt)
{
    json::object out{{"hold", attempt.hold.value}, {"model", attempt.model},
        {"bound_usd", attempt.bound.toDecimal()}, {"charged_usd", attempt.charged.toDecimal()},
        {"outcome", attempt.outcome}, {"error", attempt.error},
        {"http_status", attempt.httpStatus}};
    if (!attempt.upstreamId.empty()) {
        out["upstream_request_id"] = attempt.upstreamId;
    }
    if (!attempt.key.empty()) {
        out["key"] = attempt.key;
    }
    return out;
}

void readAttempts(Reader& reader, Decision& out)
{
    const auto* list = reader.find("attempts");
    if (list == nullptr) {
        return;
    }
    if (!list->is_array()) {
        reader.bad("attempts");
        return;
    }
    for (const auto& value : list->as_array()) {
        if (!value.is_object()) {
            reader.bad("attempts");
            return;
        }
        Reader fields(value.as_object());
        Attempt attempt;
        fields.integer("hold", attempt.hold.value);
        fields.text("model", attempt.model);
        fields.money("bound_usd", attempt.bound);
        fields.money("charged_usd", attempt.charged);
        fields.text("outcome", attempt.outcome);
        fields.text("error", attempt.error);
        fields.integer("http_status", attempt.httpStatus);
        fields.text("upstream_request_id", attempt.upstreamId);
        fields.text("key", attempt.key);
        if (!fields.firstBad().empty()) {
            reader.bad("attempts");
        }
        out.attempts.push_back(std::move(attempt));
    }
}

void readTags(Reader& reader, Decision& out)
{
    const auto* list = reader.find("tags");
    if (list == nullptr || !list->is_array()) {
        return;
    }
    for (const auto& tag : list->as_array()) {
        if (tag.is_string()) {
            out.tags.emplace_back(tag.as_string());
        }
    }
}

void addWho(json::object& out, const Decision& d)
{
    out["id"] = decisionIdText(d.id);
    out["at"] = toIso8601(d.atUs);
    out["at_us"] = d.atUs;
    out["request_id"] = d.requestId;
    out["revision"] = d.revision;
    out["org"] = d.org;
    out["team"] = d.team;
    out["user"] = d.user;
    out["key"] = d.key;
    out["session"] = d.session;
    json::array tags;
    for (const auto& tag : d.tags) {
        tags.emplace_back(tag);
    }
    out["tags"] = std::move(tags);
    out["priority"] = d.priority;
    out["client"] = d.client;
}

void addWhat(json::object& out, const Decision& d)
{
    out["task"] = d.task;
    out["asked_model"] = d.askedModel;
    out["model"] = d.model;
    out["provider"] = d.provider;
    out["tier"] = d.tier;
    out["wanted_tier"] = d.wantedTier;
    out["outcome"] = d.outcome;
    out["rule"] = d.rule;
    out["reason"] = d.reason;
    out["status"] = statusName(d.status);
    out["http_status"] = d.httpStatus;
    out["error"] = d.error;
    out["stream"] = d.stream;
    out["input_tokens"] = d.inputTokens;
    out["output_tokens"] = d.outputTokens;
    out["cached_tokens"] = d.cachedTokens;
    out["difficulty"] = d.difficulty;
}

void addMoneyAndTime(json::object& out, const Decision& d)
{
    out["bound_usd"] = d.bound.toDecimal();
    out["cost_usd"] = d.cost.toDecimal();
    out["baseline_usd"] = d.baseline.toDecimal();
    out["remaining_usd"] = d.remaining.toDecimal();
    out["pool"] = d.pool;
    out["added_us"] = d.addedUs;
    out["first_byte_us"] = d.firstByteUs;
    out["total_us"] = d.totalUs;
    out["escalations"] = d.escalations;
}

void readWho(Reader& reader, Decision& d)
{
    std::string id;
    reader.text("id", id);
    if (const auto parsed = decisionIdFromText(id)) {
        d.id = *parsed;
    } else {
        reader.bad("id");
    }
    reader.integer("at_us", d.atUs);
    reader.text("request_id", d.requestId);
    reader.integer("revision", d.revision);
    reader.text("org", d.org);
    reader.text("team", d.team);
    reader.text("user", d.user);
    reader.text("key", d.key);
    reader.text("session", d.session);
    readTags(reader, d);
    reader.text("priority", d.priority);
    reader.text("client", d.client);
}

void readWhat(Reader& reader, Decision& d)
{
    reader.text("task", d.task);
    reader.text("asked_model", d.askedModel);
    reader.text("model", d.model);
    reader.text("provider", d.provider);
    reader.integer("tier", d.tier);
    reader.integer("wanted_tier", d.wantedTier);
    reader.text("outcome", d.outcome);
    reader.text("rule", d.rule);
    reader.text("reason", d.reason);
    std::string status;
    reader.text("status", status);
    if (const auto known = statusFromName(status)) {
        d.status = *known;
    } else {
        reader.bad("status");
    }
    reader.integer("http_status", d.httpStatus);
    reader.text("error", d.error);
    reader.flag("stream", d.stream);
    reader.integer("input_tokens", d.inputTokens);
    reader.integer("output_tokens", d.outputTokens);
    reader.integer("cached_tokens", d.cachedTokens);
    reader.integer("difficulty", d.difficulty);
}

void readMoneyAndTime(Reader& reader, Decision& d)
{
    reader.money("bound_usd", d.bound);
    reader.money("cost_usd", d.cost);
    reader.money("baseline_usd", d.baseline);
    reader.money("remaining_usd", d.remaining);
    reader.text("pool", d.pool);
    reader.integer("added_us", d.addedUs);
    reader.integer("first_byte_us", d.firstByteUs);
    reader.integer("total_us", d.totalUs);
    reader.integer("escalations", d.escalations);
}

} // namespace

const char* statusName(Status status)
{
    for (const auto& [value, name] : statusNames) {
        if (value == status) {
            return name;
        }
    }
    return "failed";
}

std::optional<Status> statusFromName(std::string_view name)
{
    for (const auto& [value, known] : statusNames) {
        if (name == known) {
            return value;
        }
    }
    return std::nullopt;
}

std::string decisionToJson(const Decision& decision)
{
    json::object out;
    addWho(out, decision);
    addWhat(out, decision);
    addMoneyAndTime(out, decision);
    json::array attempts;
    for (const auto& attempt : decision.attempts) {
        attempts.push_back(attemptToJson(attempt));
    }
    out["attempts"] = std::move(attempts);
    out["facts"] = nested(decision.factsJson);
    out["candidates"] = nested(decision.candidatesJson);
    out["cost_lines"] = nested(decision.costLinesJson);
    out["audit_hash"] = decision.auditHash;
    return json::serialize(out);
}

Result<Decision> decisionFromJson(std::string_view text)
{
    boost::system::error_code error;
    json::parse_options options;
    options.allow_invalid_utf8 = true; // header bytes of clients may be anything
    const json::value value
        = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
    if (error || !value.is_object()) {
        return Error(ErrorCode::Corrupt, "A decision record is not a JSON object.");
    }
    Decision decision;
    Reader reader(value.as_object());
    readWho(reader, decision);
    readWhat(reader, decision);
    readMoneyAndTime(reader, decision);
    readAttempts(reader, decision);
    reader.raw("facts", decision.factsJson);
    reader.raw("candidates", decision.candidatesJson);
    reader.raw("cost_lines", decision.costLinesJson);
    reader.text("audit_hash", decision.auditHash);
    if (!reader.firstBad().empty()) {
        return Error(ErrorCode::Corrupt,
            "A decision record has a wrong field \"" + reader.firstBad() + "\".");
    }
    return decision;
}

std::string decisionIdText(DecisionId id)
{
    return "d" + std::to_string(id.value);
}

Result<DecisionId> decisionIdFromText(std::string_view text)
{
    const std::string_view digits = text.starts_with('d') ? text.substr(1) : text;
    DecisionId id;
    const char* end = digits.data() + digits.size();
    const auto [at, error] = std::from_chars(digits.data(), end, id.value);
    if (digits.empty() || error != std::errc() || at != end || id.value <= 0) {
        return Error(ErrorCode::InvalidArgument,
            "\"" + std::string(text) + "\" is not a decision id.",
            "Ids look like d1790000000000000; `headgate decisions list` shows them.");
    }
    return id;
}

} // namespace headgate::activity
