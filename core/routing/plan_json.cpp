// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/routing/plan.h"

#include "core/routing/json_text.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <array>
#include <limits>
#include <utility>

namespace headgate::routing {

namespace {

namespace json = boost::json;

constexpr std::array lostNames{
    std::pair{Lost::None, "chosen"},
    std::pair{Lost::Disabled, "disabled"},
    std::pair{Lost::ProviderDisabled, "provider_disabled"},
    std::pair{Lost::NoKey, "no_key"},
    std::pair{Lost::NotInRule, "not_in_rule"},
    std::pair{Lost::TierTooLow, "tier_too_low"},
    std::pair{Lost::TierTooHigh, "tier_too_high"},
    std::pair{Lost::NoTools, "no_tools"},
    std::pair{Lost::NoImages, "no_images"},
    std::pair{Lost::NoAudio, "no_audio"},
    std::pair{Lost::NoJsonSchema, "no_json_schema"},
    std::pair{Lost::ContextTooSmall, "context_too_small"},
    std::pair{Lost::Unpriced, "unpriced"},
    std::pair{Lost::DoesNotFit, "does_not_fit"},
    std::pair{Lost::OutputTooSmall, "output_too_small"},
    std::pair{Lost::Dearer, "dearer"},
    std::pair{Lost::NotAsked, "not_asked"},
    std::pair{Lost::Excluded, "excluded"},
    std::pair{Lost::Embedding, "embedding"},
    std::pair{Lost::NoFiles, "no_files"},
    std::pair{Lost::NoLogprobs, "no_logprobs"},
    std::pair{Lost::Unfit, "unfit"},
};

Error wrong(std::size_t index, const char* field)
{
    return {ErrorCode::InvalidArgument,
        "Candidate " + std::to_string(index) + ": " + field + " is missing or wrong."};
}

bool take(const json::object& object, const char* name, std::int64_t& out)
{
    const json::value* found = object.if_contains(name);
    if (found == nullptr || !found->is_int64()) {
        return false;
    }
    out = found->get_int64();
    return true;
}

bool take(const json::object& object, const char* name, std::string& out)
{
    const json::value* found = object.if_contains(name);
    if (found == nullptr || !found->is_string()) {
        return false;
    }
    out = std::string(found->get_string());
    return true;
}

/// Money travels as decimal text: a JSON number would become a double in many readers.
bool take(const json::object& object, const char* name, Money& out)
{
    std::string text;
    if (!take(object, name, text)) {
        return false;
    }
    const Result<Money> money = Money::parse(text);
    if (!money) {
        return false;
    }
    out = *money;
    return true;
}

Result<Candidate> candidateFrom(const json::value& value, std::size_t index)
{
    if (!value.is_object()) {
        return wrong(index, "the object");
    }
    const json::object& object = value.get_object();
    Candidate candidate;
    std::int64_t tier = 0;
    std::string lost;
    if (!take(object, "model", candidate.model)) {
        return wrong(index, "model");
    }
    if (!take(object, "tier", tier) || tier < 0 || tier > std::numeric_limits<int>::max()) {
        return wrong(index, "tier");
    }
    candidate.tier = static_cast<int>(tier);
    if (!take(object, "lost", lost)) {
        return wrong(index, "lost");
    }
    bool known = false;
    for (const auto& [reason, name] : lostNames) {
        if (lost == name) {
            candidate.lost = reason;
            known = true;
        }
    }
    if (!known) {
        return wrong(index, "lost");
    }
    if (!take(object, "why", candidate.why) || !take(object, "input_tokens", candidate.inputTokens)
        || !take(object, "output_ceiling", candidate.outputCeiling)
        || !take(object, "bound_usd", candidate.bound)
        || !take(object, "expected_usd", candidate.expected)) {
        return wrong(index, "a field");
    }
    static_cast<void>(
        take(object, "input_estimate", candidate.inputEstimate)); // later than the rest
    return candidate;
}

} // namespace

const char* lostName(Lost lost)
{
    for (const auto& [reason, name] : lostNames) {
        if (reason == lost) {
            return name;
        }
    }
    return "unknown";
}

std::string candidatesToJson(const std::vector<Candidate>& candidates)
{
    std::string out = "[";
    for (const Candidate& candidate : candidates) {
        if (out.size() > 1) {
            out += ',';
        }
        JsonObjectText object(out);
        object.text("model", candidate.model);
        object.integer("tier", candidate.tier);
        object.text("lost", lostName(candidate.lost));
        object.text("why", candidate.why);
        object.integer("input_tokens", candidate.inputTokens);
        object.integer("input_estimate", candidate.inputEstimate);
        object.integer("output_ceiling", candidate.outputCeiling);
        object.text("bound_usd", candidate.bound.toDecimal());
        object.text("expected_usd", candidate.expected.toDecimal());
        object.close();
    }
    out += ']';
    return out;
}

Result<std::vector<Candidate>> candidatesFromJson(std::string_view text)
{
    boost::system::error_code code;
    const json::value value = json::parse(json::string_view(text.data(), text.size()), code);
    if (code || !value.is_array()) {
        return Error(ErrorCode::InvalidArgument, "The candidates are not a JSON array.");
    }
    std::vector<Candidate> out;
    for (const json::value& element : value.get_array()) {
        Result<Candidate> candidate = candidateFrom(element, out.size());
        if (!candidate) {
            return candidate.error();
        }
        out.push_back(std::move(*candidate));
    }
    return out;
}

} // namespace headgate::routing
