// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_list_formats.h"
#include "core/catalog/price_names.h"

#include <algorithm>
#include <array>
#include <set>

// LiteLLM: one flat object, keys with or without a provider prefix, prices in dollars per token as
// floats, context and service tiers as suffixes of the field names.

namespace headgate::catalog {

namespace {

struct LiteLlmKey {
    const char* key;
    std::optional<Price> TokenPrices::*member;
};
constexpr std::array<LiteLlmKey, 11> liteLlmKeys{{
    {"input_cost_per_token", &TokenPrices::input},
    {"output_cost_per_token", &TokenPrices::output},
    {"output_cost_per_reasoning_token", &TokenPrices::outputReasoning},
    {"cache_read_input_token_cost", &TokenPrices::cacheRead},
    {"cache_creation_input_token_cost", &TokenPrices::cacheWrite5m},
    {"cache_creation_input_token_cost_above_1hr", &TokenPrices::cacheWrite1h},
    {"input_cost_per_audio_token", &TokenPrices::inputAudio},
    {"output_cost_per_audio_token", &TokenPrices::outputAudio},
    {"cache_read_input_audio_token_cost", &TokenPrices::cacheReadAudio},
    {"input_cost_per_image_token", &TokenPrices::inputImage},
    {"output_cost_per_image_token", &TokenPrices::outputImage},
}};
constexpr std::string_view stepWord = "_above_";
constexpr std::string_view stepUnit = "k_tokens";

/// 272,000 of "…_above_272k_tokens" + `suffix`; 0 for other names.
std::int64_t stepOf(std::string_view name, std::string_view suffix)
{
    if (!name.ends_with(suffix)) {
        return 0;
    }
    name.remove_suffix(suffix.size());
    const std::size_t at = name.rfind(stepWord);
    if (at == std::string_view::npos || !name.ends_with(stepUnit)) {
        return 0;
    }
    const std::size_t first = at + stepWord.size();
    if (name.size() <= first + stepUnit.size()) {
        return 0;
    }
    constexpr int thousand = 3;
    const auto tokens
        = scaledDecimalUp(name.substr(first, name.size() - first - stepUnit.size()), thousand);
    return tokens ? *tokens : 0;
}

TokenPrices pricesOf(PriceReader& reader, const JsonText& model, const std::string& suffix)
{
    TokenPrices prices;
    for (const LiteLlmKey& key : liteLlmKeys) {
        prices.*key.member = reader.price(model.find(key.key + suffix));
    }
    return prices;
}

/// Context tiers of the standard service (`suffix` empty) or of a service tier ("_priority").
std::vector<ContextTier> tiersOf(
    PriceReader& reader, const JsonText& model, const std::string& suffix)
{
    std::set<std::int64_t> steps;
    for (const auto& entry : model.members) {
        const bool billed = entry.first.find("token_cost") != std::string::npos
            || entry.first.find("cost_per_token") != std::string::npos;
        if (const std::int64_t step = billed ? stepOf(entry.first, suffix) : 0; step > 0) {
            steps.insert(step);
        }
    }
    std::vector<ContextTier> tiers;
    for (const std::int64_t step : steps) {
        const std::string name
            = std::string(stepWord) + std::to_string(step / 1000) + std::string(stepUnit) + suffix;
        tiers.push_back({step, pricesOf(reader, model, name)});
    }
    return tiers;
}

/// "tiered_pricing": ranges of the input, each with prices of its own.
void addRanges(PriceSheet& sheet, PriceReader& reader, const JsonText& model)
{
    const JsonText* ranges = model.find("tiered_pricing");
    for (std::size_t i = 0; ranges != nullptr && i < ranges->members.size(); ++i) {
        const JsonText& entry = ranges->members[i].second;
        const JsonText* range = entry.find("range");
        if (range == nullptr || range->members.empty()) {
            continue;
        }
        const std::int64_t above = tokenCount(&range->members.front().second);
        const TokenPrices prices = pricesOf(reader, entry, {});
        if (above == 0) {
            static_cast<TokenPrices&>(sheet) = prices;
        } else {
            sheet.contextTiers.push_back({contextThreshold(above), prices});
        }
    }
    std::sort(sheet.contextTiers.begin(), sheet.contextTiers.end(),
        [](const ContextTier& a, const ContextTier& b) { return a.above < b.above; });
}

void addServices(PriceSheet& sheet, PriceReader& reader, const JsonText& model)
{
    for (const auto& [name, suffix] : {std::pair("batch", "_batches"), std::pair("flex", "_flex"),
             std::pair("priority", "_priority")}) {
        ServiceTier tier{pricesOf(reader, model, suffix), tiersOf(reader, model, suffix)};
        if (tier.prices.input || tier.prices.output) {
            sheet.serviceTiers[name] = std::move(tier);
        }
    }
}

/// {"us": 1.1, "fast": 6}: factors on all token prices.
void addFactors(PriceSheet& sheet, const JsonText& model)
{
    constexpr int permille = 3;
    const JsonText* factors = model.find("provider_specific_entry");
    for (std::size_t i = 0; factors != nullptr && i < factors->members.size(); ++i) {
        const auto& [name, value] = factors->members[i];
        const auto factor = value.kind == JsonText::Kind::Number
            ? scaledDecimalUp(value.text, permille)
            : Result<std::int64_t>(std::int64_t{0});
        constexpr std::int64_t most = 100'000;
        if (!factor || *factor <= 0 || *factor > most) {
            continue;
        }
        if (name != "fast") {
            sheet.geoPermille[name] = static_cast<int>(*factor);
            continue;
        }
        ServiceTier tier;
        for (const TokenPriceField& field : tokenPriceFields) {
            if (const auto& price = sheet.*field.member) {
                const auto pico = mulDivUp(price->pico(), *factor, 1000);
                tier.prices.*field.member
                    = pico ? std::optional(Price::fromPico(*pico)) : std::nullopt;
            }
        }
        sheet.serviceTiers[name] = tier;
    }
}

void addFees(PriceSheet& sheet, PriceReader& reader, const JsonText& model)
{
    sheet.perCall
        = reader.fee(model.find("input_cost_per_request"), nanoPerDollar).value_or(Money());
    // The size of a search's context is not told in any usage: the dearest is billed.
    if (const JsonText* sizes = model.find("search_context_cost_per_query")) {
        std::optional<Money> most;
        for (const auto& size : sizes->members) {
            most = std::max(most, reader.fee(&size.second, nanoPerDollar));
        }
        if (most) {
            sheet.perTool[std::string(toolWebSearch)] = *most;
        }
    }
    if (const auto fee
        = reader.fee(model.find("code_interpreter_cost_per_session"), nanoPerDollar)) {
        sheet.perTool[std::string(toolCodeExecution)] = *fee;
    }
    if (const auto fee
        = reader.fee(model.find("file_search_cost_per_1k_calls"), nanoPerDollarPerThousand)) {
        sheet.perTool[std::string(toolFileSearch)] = *fee;
    }
    // Beside a price by image tokens the one by image is the same money in other words.
    if (!sheet.outputImage && !sheet.output) {
        sheet.perImageOut = reader.fee(model.find("output_cost_per_image"), nanoPerDollar);
    }
}

PriceSheet sheetOf(PriceReader& reader, const JsonText& model)
{
    PriceSheet sheet;
    sheet.source = "LiteLLM";
    static_cast<TokenPrices&>(sheet) = pricesOf(reader, model, {});
    if (!sheet.cacheRead) { // DeepSeek's word
        sheet.cacheRead = reader.price(model.find("input_cost_per_token_cache_hit"));
    }
    sheet.contextTiers = tiersOf(reader, model, {});
    addRanges(sheet, reader, model);
    addServices(sheet, reader, model);
    addFees(sheet, reader, model);
    addFactors(sheet, model);
    return sheet;
}

std::string ownPrefix(std::string_view provider)
{
    return provider == "google"    ? "gemini"
        : provider == "together"   ? "together_ai"
        : provider == "fireworks"  ? "fireworks_ai"
        : provider == "moonshotai" ? "moonshot"
                                   : std::string(provider);
}

} // namespace

const JsonText* findLiteLlmModel(
    const JsonText& root, std::string_view provider, std::string_view name)
{
    const JsonText* model = memberOrVersion(root, ownPrefix(provider) + "/" + std::string(name));
    return model != nullptr ? model : memberOrVersion(root, name);
}

ListedModel readLiteLlmModel(
    std::string_view provider, std::string_view name, const JsonText& model)
{
    ListedModel listed;
    Model& out = listed.model;
    out.provider = std::string(provider);
    out.name = std::string(name);
    out.contextTokens = tokenCount(model.find("max_input_tokens"));
    out.maxOutputTokens = tokenCount(model.find("max_output_tokens"));
    const std::string_view mode = model.string("mode");
    out.embedding = mode == "embedding";
    out.can.tools = model.boolean("supports_function_calling", false);
    out.can.images = model.boolean("supports_vision", false);
    out.can.audio = model.boolean("supports_audio_input", false);
    out.can.jsonSchema = model.boolean("supports_response_schema", false);
    out.can.reasoning = model.boolean("supports_reasoning", false);
    PriceReader reader(picoPerDollarPerToken);
    if (model.isObject()) {
        out.prices = {sheetOf(reader, model)};
    }
    for (const std::string_view apart : {"citation_cost_per_token"}) {
        if (model.find(apart) != nullptr) {
            listed.problem
                = "\"" + std::string(apart) + "\" is billed apart, and no usage counts it.";
        }
    }
    finishListed(listed, model.isObject(), reader);
    return listed;
}

std::vector<ListedModel> allLiteLlmModels(const JsonText& root)
{
    std::vector<ListedModel> out;
    for (const auto& [key, model] : root.members) {
        const std::string_view listed = model.string("litellm_provider");
        if (key == "sample_spec" || listed.empty()) {
            continue;
        }
        const std::string provider = canonicalProvider(listed);
        std::string_view name = key;
        for (const std::string& prefix : {std::string(listed), ownPrefix(provider)}) {
            if (name.size() > prefix.size() + 1 && name.starts_with(prefix)
                && name[prefix.size()] == '/') {
                name.remove_prefix(prefix.size() + 1);
                break;
            }
        }
        out.push_back(readLiteLlmModel(provider, name, model));
    }
    return out;
}

} // namespace headgate::catalog
