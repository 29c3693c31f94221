// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_list_formats.h"

#include "core/base/text.h"
#include "core/catalog/price_names.h"

#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <set>

// genai-prices: a list of providers, each with models that match names by rules. Prices are dollars
// per million tokens; each may be stepped by the whole input, and a model may have several price
// lists with conditions, of which the last that holds counts.

namespace headgate::catalog {

namespace {

struct GenaiKey {
    const char* key;
    std::optional<Price> TokenPrices::*member;
};
constexpr std::array<GenaiKey, 12> genaiKeys{{
    {"input_mtok", &TokenPrices::input},
    {"output_mtok", &TokenPrices::output},
    {"output_reasoning_mtok", &TokenPrices::outputReasoning},
    {"cache_read_mtok", &TokenPrices::cacheRead},
    {"cache_write_mtok", &TokenPrices::cacheWrite5m},
    {"cache_write_1h_mtok", &TokenPrices::cacheWrite1h},
    {"input_audio_mtok", &TokenPrices::inputAudio},
    {"output_audio_mtok", &TokenPrices::outputAudio},
    {"cache_audio_read_mtok", &TokenPrices::cacheReadAudio},
    {"input_image_mtok", &TokenPrices::inputImage},
    {"output_image_mtok", &TokenPrices::outputImage},
    {"cache_image_read_mtok", &TokenPrices::cacheReadImage},
}};
constexpr std::array<std::string_view, 3> feeKeys{
    "requests_kcount", "web_searches_kcount", "storage_searches_kcount"};

/// RE2 has no look-ahead (it could not be linear then); the one form the list uses is "names that
/// do not hold this". Other patterns RE2 refuses match nothing.
bool matchesRegex(const std::string& name, std::string_view pattern)
{
    constexpr std::string_view unless = "^(?!";
    const bool negated = pattern.starts_with(unless) && pattern.ends_with(')');
    if (negated) {
        pattern.remove_prefix(unless.size());
        pattern.remove_suffix(1);
    }
    const RE2 compiled(
        negated ? "^(?:" + std::string(pattern) + ")" : std::string(pattern), RE2::Quiet);
    return compiled.ok() && RE2::PartialMatch(name, compiled) != negated;
}

bool matches(const JsonText& rule, const std::string& name)
{
    for (const auto& [kind, value] : rule.members) {
        const auto each = [&](const auto& entry) { return matches(entry.second, name); };
        if (kind == "or") {
            return std::any_of(value.members.begin(), value.members.end(), each);
        }
        if (kind == "and") {
            return std::all_of(value.members.begin(), value.members.end(), each);
        }
        if (kind == "equals") {
            return name == value.text;
        }
        if (kind == "starts_with") {
            return name.starts_with(value.text);
        }
        if (kind == "ends_with") {
            return name.ends_with(value.text);
        }
        if (kind == "contains") {
            return name.find(value.text) != std::string::npos;
        }
        if (kind == "regex") {
            return matchesRegex(name, value.text);
        }
    }
    return false;
}

/// By id, else by the first rule that matches the name in lower case.
const JsonText* modelIn(const JsonText& models, std::string_view name, const std::string& lowerName)
{
    for (const auto& model : models.members) {
        if (model.second.string("id") == name) {
            return &model.second;
        }
    }
    for (const auto& model : models.members) {
        const JsonText* rule = model.second.find("match");
        if (rule != nullptr && matches(*rule, lowerName)) {
            return &model.second;
        }
    }
    return nullptr;
}

/// A price, or the step of a stepped price for an input of that size.
const JsonText* stepOf(const JsonText* price, std::int64_t inputTokens)
{
    if (price == nullptr || !price->isObject()) {
        return price;
    }
    const JsonText* found = price->find("base");
    if (const JsonText* tiers = price->find("tiers")) {
        for (const auto& tier : tiers->members) {
            if (inputTokens > contextThreshold(tokenCount(tier.second.find("start")))) {
                found = tier.second.find("price");
            }
        }
    }
    return found;
}

std::set<std::int64_t> thresholds(const JsonText& prices)
{
    std::set<std::int64_t> out;
    for (const auto& entry : prices.members) {
        if (const JsonText* tiers = entry.second.find("tiers")) {
            for (const auto& tier : tiers->members) {
                out.insert(contextThreshold(tokenCount(tier.second.find("start"))));
            }
        }
    }
    return out;
}

TokenPrices pricesAt(PriceReader& reader, const JsonText& prices, std::int64_t inputTokens)
{
    TokenPrices out;
    for (const GenaiKey& key : genaiKeys) {
        out.*key.member = reader.price(stepOf(prices.find(key.key), inputTokens));
    }
    return out;
}

/// A class of use that has a price here and that no usage we read counts.
std::string unbilledKey(const JsonText& prices)
{
    for (const auto& entry : prices.members) {
        const bool token = std::any_of(genaiKeys.begin(), genaiKeys.end(),
            [&](const GenaiKey& key) { return entry.first == key.key; });
        const bool fee = std::find(feeKeys.begin(), feeKeys.end(), entry.first) != feeKeys.end();
        if (!token && !fee) {
            return entry.first;
        }
    }
    return {};
}

PriceSheet sheetOf(PriceReader& reader, const JsonText& prices)
{
    PriceSheet sheet;
    sheet.source = "genai-prices";
    static_cast<TokenPrices&>(sheet) = pricesAt(reader, prices, 0);
    for (const std::int64_t above : thresholds(prices)) {
        sheet.contextTiers.push_back({above, pricesAt(reader, prices, above + 1)});
    }
    const auto fee
        = [&](const char* key) { return reader.fee(prices.find(key), nanoPerDollarPerThousand); };
    sheet.perCall = fee("requests_kcount").value_or(Money());
    if (const auto search = fee("web_searches_kcount")) {
        sheet.perTool[std::string(toolWebSearch)] = *search;
    }
    if (const auto search = fee("storage_searches_kcount")) {
        sheet.perTool[std::string(toolFileSearch)] = *search;
    }
    return sheet;
}

/// Adds one price list with its condition to those before it, which it goes before.
bool addEntry(ListedModel& listed, PriceReader& reader, const JsonText& entry)
{
    const JsonText* prices = entry.find("prices");
    const JsonText* constraint = entry.find("constraint");
    if (prices == nullptr || !prices->isObject()) {
        return false;
    }
    PriceSheet sheet = sheetOf(reader, *prices);
    std::vector<PriceSheet>& sheets = listed.model.prices;
    if (constraint == nullptr || constraint->kind == JsonText::Kind::Null) {
        sheets = {std::move(sheet)};
        return true;
    }
    if (constraint->string("type") == "start_date") {
        const auto from = dateUs(constraint->string("start_date"));
        sheet.validFrom = from.value_or(0);
        sheets.push_back(std::move(sheet));
        return from.has_value();
    }
    const auto start = minuteOfDay(constraint->string("start_time"));
    const auto end = minuteOfDay(constraint->string("end_time"));
    if (constraint->string("type") != "time_of_date" || !start || !end) {
        return false;
    }
    for (PriceSheet& known : sheets) {
        known.windows.insert(known.windows.begin(), TimeWindow{"UTC", *start, *end, sheet});
    }
    return true;
}

} // namespace

const JsonText* findGenaiModel(
    const JsonText& root, std::string_view provider, std::string_view name)
{
    const std::string asked = toLower(name);
    for (const auto& entry : root.members) {
        const JsonText* models = entry.second.find("models");
        if (canonicalProvider(entry.second.string("id")) != provider || models == nullptr) {
            continue;
        }
        if (const JsonText* found = modelIn(*models, name, asked)) {
            return found;
        }
        const JsonText* others = entry.second.find("fallback_model_providers");
        for (std::size_t i = 0; others != nullptr && i < others->members.size(); ++i) {
            const std::string other = canonicalProvider(others->members[i].second.text);
            // One step only: two providers that fall back to each other would never end.
            for (const auto& candidate : root.members) {
                const JsonText* theirs = candidate.second.find("models");
                if (canonicalProvider(candidate.second.string("id")) != other
                    || theirs == nullptr) {
                    continue;
                }
                if (const JsonText* found = modelIn(*theirs, name, asked)) {
                    return found;
                }
            }
        }
    }
    return nullptr;
}

ListedModel readGenaiModel(std::string_view provider, const JsonText& model)
{
    ListedModel listed;
    listed.model.provider = std::string(provider);
    listed.model.name = std::string(model.string("id"));
    listed.model.displayName = std::string(model.string("name"));
    listed.model.contextTokens = tokenCount(model.find("context_window"));
    PriceReader reader(picoPerDollarPerMillion);
    const JsonText* prices = model.find("prices");
    bool fine = prices != nullptr && (prices->isObject() || prices->isArray());
    if (fine && prices->isObject()) {
        listed.model.prices = {sheetOf(reader, *prices)};
        listed.problem = unbilledKey(*prices);
    }
    if (fine && prices->isArray()) {
        for (const auto& entry : prices->members) {
            fine = fine && addEntry(listed, reader, entry.second);
            const JsonText* inner = entry.second.find("prices");
            listed.problem
                = inner != nullptr && listed.problem.empty() ? unbilledKey(*inner) : listed.problem;
        }
    }
    if (!listed.problem.empty()) {
        listed.problem = "\"" + listed.problem + "\" is billed apart, and no usage counts it.";
    }
    finishListed(listed, fine, reader);
    return listed;
}

std::vector<ListedModel> allGenaiModels(const JsonText& root)
{
    std::vector<ListedModel> out;
    for (const auto& entry : root.members) {
        const JsonText* models = entry.second.find("models");
        const std::string provider = canonicalProvider(entry.second.string("id"));
        for (std::size_t i = 0; models != nullptr && i < models->members.size(); ++i) {
            out.push_back(readGenaiModel(provider, models->members[i].second));
        }
    }
    return out;
}

} // namespace headgate::catalog
