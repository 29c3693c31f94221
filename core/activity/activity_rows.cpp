// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/activity/activity_rows.h"

#include "core/base/secret.h"

#include <boost/json.hpp>

#include <bit>
#include <charconv>

namespace headgate::activity {

namespace json = boost::json;

namespace {

struct Column {
    const char* name;
    bool integer;
};

constexpr std::array<Column, decisionColumnCount> columns{{
    {"id", true},
    {"at_us", true},
    {"request_id", false},
    {"revision", true},
    {"org", false},
    {"team", false},
    {"user", false},
    {"key", false},
    {"session", false},
    {"tags", false},
    {"priority", false},
    {"client", false},
    {"task", false},
    {"asked_model", false},
    {"model", false},
    {"provider", false},
    {"tier", true},
    {"wanted_tier", true},
    {"outcome", false},
    {"rule", false},
    {"reason", false},
    {"status", false},
    {"http_status", true},
    {"error", false},
    {"stream", true},
    {"input_tokens", true},
    {"output_tokens", true},
    {"cached_tokens", true},
    {"difficulty", true},
    {"bound", true},
    {"cost", true},
    {"baseline", true},
    {"remaining", true},
    {"pool", false},
    {"added_us", true},
    {"first_byte_us", true},
    {"total_us", true},
    {"escalations", true},
}};

// The id is the time, so the primary key is the only index a page needs. Sums are kept by a small
// number of the dimension tuple, because text keys in three roll-ups would cost more than the row.
constexpr std::string_view step1 = R"sql(
CREATE TABLE decision (
    id INTEGER PRIMARY KEY CHECK (id > 0), at_us INTEGER NOT NULL, request_id TEXT NOT NULL,
    revision INTEGER NOT NULL, org TEXT NOT NULL, team TEXT NOT NULL, user TEXT NOT NULL,
    key TEXT NOT NULL, session TEXT NOT NULL, tags TEXT NOT NULL, priority TEXT NOT NULL,
    client TEXT NOT NULL, task TEXT NOT NULL, asked_model TEXT NOT NULL, model TEXT NOT NULL,
    provider TEXT NOT NULL, tier INTEGER NOT NULL, wanted_tier INTEGER NOT NULL,
    outcome TEXT NOT NULL, rule TEXT NOT NULL, reason TEXT NOT NULL, status TEXT NOT NULL,
    http_status INTEGER NOT NULL, error TEXT NOT NULL, stream INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cached_tokens INTEGER NOT NULL,
    difficulty INTEGER NOT NULL, bound INTEGER NOT NULL, cost INTEGER NOT NULL,
    baseline INTEGER NOT NULL, remaining INTEGER NOT NULL, pool TEXT NOT NULL,
    added_us INTEGER NOT NULL, first_byte_us INTEGER NOT NULL, total_us INTEGER NOT NULL,
    escalations INTEGER NOT NULL
) STRICT;
CREATE TABLE decision_detail (
    id INTEGER PRIMARY KEY, seq INTEGER NOT NULL UNIQUE, hash TEXT NOT NULL,
    facts TEXT NOT NULL, candidates TEXT NOT NULL, cost_lines TEXT NOT NULL, attempts TEXT NOT NULL
) STRICT;
CREATE TABLE dimension (
    id INTEGER PRIMARY KEY, model TEXT NOT NULL, team TEXT NOT NULL, user TEXT NOT NULL,
    key TEXT NOT NULL, tier INTEGER NOT NULL, task TEXT NOT NULL, status TEXT NOT NULL,
    provider TEXT NOT NULL, outcome TEXT NOT NULL,
    UNIQUE (model, team, user, key, tier, task, status, provider, outcome)
) STRICT;
CREATE TABLE rollup_minute (
    bucket INTEGER NOT NULL, dimension INTEGER NOT NULL, requests INTEGER NOT NULL,
    refused INTEGER NOT NULL, downgraded INTEGER NOT NULL, failed INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost INTEGER NOT NULL,
    baseline INTEGER NOT NULL, PRIMARY KEY (bucket, dimension)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollup_hour (
    bucket INTEGER NOT NULL, dimension INTEGER NOT NULL, requests INTEGER NOT NULL,
    refused INTEGER NOT NULL, downgraded INTEGER NOT NULL, failed INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost INTEGER NOT NULL,
    baseline INTEGER NOT NULL, PRIMARY KEY (bucket, dimension)
) STRICT, WITHOUT ROWID;
CREATE TABLE rollup_day (
    bucket INTEGER NOT NULL, dimension INTEGER NOT NULL, requests INTEGER NOT NULL,
    refused INTEGER NOT NULL, downgraded INTEGER NOT NULL, failed INTEGER NOT NULL,
    input_tokens INTEGER NOT NULL, output_tokens INTEGER NOT NULL, cost INTEGER NOT NULL,
    baseline INTEGER NOT NULL, PRIMARY KEY (bucket, dimension)
) STRICT, WITHOUT ROWID;
CREATE TABLE latency (
    level INTEGER NOT NULL, bucket INTEGER NOT NULL, slot INTEGER NOT NULL,
    requests INTEGER NOT NULL, PRIMARY KEY (level, bucket, slot)
) STRICT, WITHOUT ROWID;
CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta VALUES ('last_id', '0'), ('chain_seq', '0'), ('chain_hash', '');
)sql";

constexpr std::array<std::string_view, 1> steps{step1};

std::string joinedTags(const std::vector<std::string>& tags)
{
    if (tags.empty()) {
        return {};
    }
    // A line break on both sides of every tag lets a filter look for a whole tag.
    std::string out = "\n";
    for (const auto& tag : tags) {
        out += tag;
        out += '\n';
    }
    return out;
}

std::vector<std::string> splitTags(std::string_view text)
{
    std::vector<std::string> out;
    while (!text.empty()) {
        const auto end = text.find('\n');
        if (end != 0) {
            out.emplace_back(text.substr(0, end));
        }
        if (end == std::string_view::npos) {
            break;
        }
        text.remove_prefix(end + 1);
    }
    return out;
}

std::string attemptsText(const std::vector<Attempt>& attempts)
{
    if (attempts.empty()) {
        return "[]";
    }
    json::array out;
    for (const auto& attempt : attempts) {
        json::object one{{"hold", attempt.hold.value}, {"model", attempt.model},
            {"bound", attempt.bound.nano()}, {"charged", attempt.charged.nano()},
            {"outcome", attempt.outcome}, {"error", attempt.error}, {"http", attempt.httpStatus}};
        if (!attempt.upstreamId.empty()) { // rows from before it was kept hash as they did
            one["upstream_id"] = attempt.upstreamId;
        }
        if (!attempt.key.empty()) {
            one["key"] = attempt.key;
        }
        out.push_back(std::move(one));
    }
    return json::serialize(out);
}

std::int64_t integerOf(const json::object& object, const char* name)
{
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_int64() ? value->as_int64() : 0;
}

std::string textOf(const json::object& object, const char* name)
{
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

std::vector<Attempt> attemptsFrom(std::string_view text)
{
    std::vector<Attempt> out;
    boost::system::error_code error;
    json::parse_options options;
    options.allow_invalid_utf8 = true;
    const auto value = json::parse(json::string_view(text.data(), text.size()), error, {}, options);
    if (error || !value.is_array()) {
        return out;
    }
    for (const auto& item : value.as_array()) {
        if (!item.is_object()) {
            continue;
        }
        const auto& object = item.as_object();
        Attempt attempt;
        attempt.hold.value = integerOf(object, "hold");
        attempt.model = textOf(object, "model");
        attempt.bound = Money::fromNano(integerOf(object, "bound"));
        attempt.charged = Money::fromNano(integerOf(object, "charged"));
        attempt.outcome = textOf(object, "outcome");
        attempt.error = textOf(object, "error");
        attempt.httpStatus = static_cast<int>(integerOf(object, "http"));
        attempt.key = textOf(object, "key");
        attempt.upstreamId = textOf(object, "upstream_id");
        out.push_back(std::move(attempt));
    }
    return out;
}

} // namespace

std::span<const std::string_view> schemaSteps()
{
    return steps;
}

const std::string& decisionColumns()
{
    static const std::string list = [] {
        std::string out;
        for (const auto& column : columns) {
            out += out.empty() ? "" : ", ";
            out += column.name;
        }
        return out;
    }();
    return list;
}

bool isIntegerColumn(int column)
{
    return column < decisionColumnCount && columns.at(static_cast<std::size_t>(column)).integer;
}

RowTexts textsOf(const Decision& d)
{
    const auto n = [](std::int64_t value) { return std::to_string(value); };
    return {n(d.id.value), n(d.atUs), d.requestId, n(d.revision), d.org, d.team, d.user, d.key,
        d.session, joinedTags(d.tags), d.priority, d.client, d.task, d.askedModel, d.model,
        d.provider, n(d.tier), n(d.wantedTier), d.outcome, d.rule, d.reason, statusName(d.status),
        n(d.httpStatus), d.error, n(d.stream ? 1 : 0), n(d.inputTokens), n(d.outputTokens),
        n(d.cachedTokens), n(d.difficulty), n(d.bound.nano()), n(d.cost.nano()),
        n(d.baseline.nano()), n(d.remaining.nano()), d.pool, n(d.addedUs), n(d.firstByteUs),
        n(d.totalUs), n(d.escalations), d.factsJson, d.candidatesJson, d.costLinesJson,
        attemptsText(d.attempts)};
}

void bindRow(sqlite::Statement& statement, const RowTexts& texts, int from, int count)
{
    for (int column = from; column < from + count; ++column) {
        const auto& text = texts.at(static_cast<std::size_t>(column));
        const int index = column - from + 1;
        if (isIntegerColumn(column)) {
            std::int64_t value = 0;
            std::from_chars(text.data(), text.data() + text.size(), value);
            statement.bind(index, value);
        } else {
            statement.bind(index, text);
        }
    }
}

Decision readDecision(const sqlite::Statement& row)
{
    Decision d;
    int at = 0;
    const auto text = [&] { return row.columnText(at++); };
    const auto integer = [&] { return row.columnInt(at++); };
    const auto small = [&] { return static_cast<int>(row.columnInt(at++)); };
    const auto money = [&] { return Money::fromNano(row.columnInt(at++)); };
    d.id.value = integer();
    d.atUs = integer();
    d.requestId = text();
    d.revision = integer();
    d.org = text();
    d.team = text();
    d.user = text();
    d.key = text();
    d.session = text();
    d.tags = splitTags(text());
    d.priority = text();
    d.client = text();
    d.task = text();
    d.askedModel = text();
    d.model = text();
    d.provider = text();
    d.tier = small();
    d.wantedTier = small();
    d.outcome = text();
    d.rule = text();
    d.reason = text();
    d.status = statusFromName(text()).value_or(Status::Failed);
    d.httpStatus = small();
    d.error = text();
    d.stream = integer() != 0;
    d.inputTokens = integer();
    d.outputTokens = integer();
    d.cachedTokens = integer();
    d.difficulty = small();
    d.bound = money();
    d.cost = money();
    d.baseline = money();
    d.remaining = money();
    d.pool = text();
    d.addedUs = integer();
    d.firstByteUs = integer();
    d.totalUs = integer();
    d.escalations = small();
    return d;
}

void readDetails(const sqlite::Statement& row, int from, Decision& decision)
{
    decision.factsJson = row.columnText(from);
    decision.candidatesJson = row.columnText(from + 1);
    decision.costLinesJson = row.columnText(from + 2);
    decision.attempts = attemptsFrom(row.columnView(from + 3));
}

void ChainHasher::add(std::string_view value)
{
    m_bytes += std::to_string(value.size());
    m_bytes += ':';
    m_bytes += value;
}

std::string ChainHasher::hash() const
{
    return strongHashHex(m_bytes);
}

int latencySlot(std::int64_t us)
{
    if (us < 4) {
        return us < 0 ? 0 : static_cast<int>(us);
    }
    const int exponent = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(us))) - 1;
    return (exponent - 1) * 4 + static_cast<int>((us >> (exponent - 2)) & 3);
}

std::int64_t latencySlotUpperUs(int slot)
{
    if (slot < 4) {
        return slot;
    }
    const int exponent = slot / 4 + 1;
    return ((std::int64_t{4} + slot % 4 + 1) << (exponent - 2)) - 1;
}

} // namespace headgate::activity
