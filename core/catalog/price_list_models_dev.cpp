// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_list_formats.h"
#include "core/catalog/price_names.h"

#include <algorithm>
#include <array>

// models.dev: providers by id, each with models by name. Prices are dollars per million tokens;
// "context_over_200k" is a legacy alias of the first tier and is not read.

namespace headgate::catalog {

namespace {

TokenPrices pricesOf(PriceReader& reader, const JsonText& cost)
{
    TokenPrices prices;
    prices.input = reader.price(cost.find("input"));
    prices.output = reader.price(cost.find("output"));
    prices.outputReasoning = reader.price(cost.find("reasoning"));
    prices.cacheRead = reader.price(cost.find("cache_read"));
    prices.cacheWrite5m = reader.price(cost.find("cache_write"));
    prices.inputAudio = reader.price(cost.find("input_audio"));
    prices.outputAudio = reader.price(cost.find("output_audio"));
    return prices;
}

std::vector<ContextTier> tiersOf(PriceReader& reader, const JsonText& cost)
{
    std::vector<ContextTier> tiers;
    const JsonText* list = cost.find("tiers");
    for (std::size_t i = 0; list != nullptr && i < list->members.size(); ++i) {
        const JsonText& entry = list->members[i].second;
        const JsonText* rule = entry.find("tier");
        const std::int64_t size = rule != nullptr ? tokenCount(rule->find("size")) : 0;
        if (size > 0) {
            tiers.push_back({contextThreshold(size), pricesOf(reader, entry)});
        }
    }
    std::sort(tiers.begin(), tiers.end(),
        [](const ContextTier& a, const ContextTier& b) { return a.above < b.above; });
    return tiers;
}

/// Modes of an answer that have a price of their own: "fast", which OpenAI calls priority.
void addModes(PriceSheet& sheet, PriceReader& reader, const JsonText& model)
{
    const JsonText* experimental = model.find("experimental");
    const JsonText* modes = experimental != nullptr ? experimental->find("modes") : nullptr;
    for (std::size_t i = 0; modes != nullptr && i < modes->members.size(); ++i) {
        const auto& [name, mode] = modes->members[i];
        const JsonText* cost = mode.find("cost");
        if (cost == nullptr) {
            continue;
        }
        const ServiceTier tier{pricesOf(reader, *cost), tiersOf(reader, *cost)};
        sheet.serviceTiers[name] = tier;
        const JsonText* provider = mode.find("provider");
        const JsonText* body = provider != nullptr ? provider->find("body") : nullptr;
        const std::string word = body != nullptr ? servedTier(body->string("service_tier")) : "";
        if (!word.empty()) {
            sheet.serviceTiers[word] = tier;
        }
    }
}

} // namespace

const JsonText* findModelsDevModel(
    const JsonText& root, std::string_view provider, std::string_view name)
{
    for (const auto& entry : root.members) {
        const JsonText* models = entry.second.find("models");
        if (canonicalProvider(entry.first) == provider && models != nullptr) {
            return memberOrVersion(*models, name);
        }
    }
    return nullptr;
}

ListedModel readModelsDevModel(
    std::string_view provider, std::string_view name, const JsonText& model)
{
    ListedModel listed;
    Model& out = listed.model;
    out.provider = std::string(provider);
    out.name = model.string("id").empty() ? std::string(name) : std::string(model.string("id"));
    out.displayName = std::string(model.string("name"));
    if (const JsonText* limit = model.find("limit")) {
        out.contextTokens = tokenCount(limit->find("context"));
        out.maxOutputTokens = tokenCount(limit->find("output"));
    }
    const JsonText* modalities = model.find("modalities");
    const JsonText* inputs = modalities != nullptr ? modalities->find("input") : nullptr;
    out.can.tools = model.boolean("tool_call", true);
    out.can.images = listHas(inputs, "image");
    out.can.audio = listHas(inputs, "audio");
    out.can.jsonSchema = model.boolean("structured_output", out.can.tools);
    out.can.reasoning = model.boolean("reasoning", false);
    const JsonText* cost = model.find("cost");
    PriceReader reader(picoPerDollarPerMillion);
    if (cost != nullptr && cost->isObject()) {
        PriceSheet sheet;
        sheet.source = "models.dev";
        static_cast<TokenPrices&>(sheet) = pricesOf(reader, *cost);
        sheet.contextTiers = tiersOf(reader, *cost);
        addModes(sheet, reader, model);
        out.prices = {std::move(sheet)};
    }
    finishListed(listed, cost == nullptr || cost->isObject(), reader);
    return listed;
}

std::vector<ListedModel> allModelsDevModels(const JsonText& root)
{
    std::vector<ListedModel> out;
    for (const auto& entry : root.members) {
        const JsonText* models = entry.second.find("models");
        const std::string provider = canonicalProvider(entry.first);
        for (std::size_t i = 0; models != nullptr && i < models->members.size(); ++i) {
            const auto& [name, model] = models->members[i];
            out.push_back(readModelsDevModel(provider, name, model));
        }
    }
    return out;
}

} // namespace headgate::catalog
