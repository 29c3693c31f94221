// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_book.h"

namespace headgate::catalog {

namespace {

Model simModel(const char* name, const char* displayName, int tier)
{
    Model model;
    model.provider = "sim";
    model.name = name;
    model.displayName = displayName;
    model.tier = tier;
    model.contextTokens = 128'000;
    model.maxOutputTokens = 16'384;
    model.can.tools = true;
    model.can.images = true;
    model.can.jsonSchema = true;
    model.tokenizer = "o200k_base";
    return model;
}

/// Prices in pico-dollars a token, that is millionths of a dollar per million tokens.
PriceSheet simSheet(std::int64_t inputPico, std::int64_t outputPico)
{
    PriceSheet sheet;
    sheet.input = Price::fromPico(inputPico);
    sheet.output = Price::fromPico(outputPico);
    sheet.source = "simulated";
    return sheet;
}

Provider preset(const char* name, const char* baseUrl)
{
    Provider provider;
    provider.name = name;
    provider.dialect = Dialect::OpenAi;
    provider.baseUrl = baseUrl;
    return provider;
}

} // namespace

Provider simProvider()
{
    Provider provider;
    provider.name = "sim";
    provider.simulated = true;
    return provider;
}

std::vector<Model> simModels()
{
    std::vector<Model> models{simModel("sim-small", "Sim small", 1),
        simModel("sim-medium", "Sim medium", 2), simModel("sim-large", "Sim large", 3)};
    models[0].prices.push_back(simSheet(100'000, 400'000));
    models[1].prices.push_back(simSheet(600'000, 2'400'000));
    models[2].prices.push_back(simSheet(3'000'000, 15'000'000));
    return models;
}

std::vector<Provider> providerPresets()
{
    std::vector<Provider> presets{
        preset("openai", "https://api.openai.com/v1"),
        preset("openrouter", "https://openrouter.ai/api/v1"),
        preset("groq", "https://api.groq.com/openai/v1"),
        preset("mistral", "https://api.mistral.ai/v1"),
        preset("deepseek", "https://api.deepseek.com/v1"),
        preset("xai", "https://api.x.ai/v1"),
        preset("together", "https://api.together.xyz/v1"),
        // Their OpenAI-compatible doors.
        preset("anthropic", "https://api.anthropic.com/v1"),
        preset("google", "https://generativelanguage.googleapis.com/v1beta/openai"),
        preset("ollama", "http://127.0.0.1:11434/v1"),
        preset("vllm", "http://127.0.0.1:8000/v1"),
        preset("litellm", "http://127.0.0.1:4000/v1"),
        preset("lmstudio", "http://127.0.0.1:1234/v1"),
    };
    for (Provider& provider : presets) {
        // Mistral refuses fields it does not know and reports usage in every stream anyway.
        provider.injectUsage = provider.name != "mistral";
        provider.servesResponses = provider.name == "openai" || provider.name == "xai";
    }
    return presets;
}

} // namespace headgate::catalog
