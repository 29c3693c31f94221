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

Provider preset(const char* name, Dialect dialect, const char* baseUrl)
{
    Provider provider;
    provider.name = name;
    provider.dialect = dialect;
    provider.baseUrl = baseUrl;
    return provider;
}

Provider openAiLike(const char* name, const char* baseUrl)
{
    return preset(name, Dialect::OpenAi, baseUrl);
}

/// Servers in the house: most run without a key, and a key may be set all the same.
Provider local(Provider provider)
{
    provider.needsKey = false;
    return provider;
}

} // namespace

Provider simProvider()
{
    Provider provider;
    provider.name = "sim";
    provider.simulated = true;
    provider.needsKey = false;
    provider.ceilingField = "max_completion_tokens";
    return provider;
}

std::vector<Model> simModels()
{
    std::vector<Model> models{simModel("sim-small", "Sim small", 1),
        simModel("sim-medium", "Sim medium", 2), simModel("sim-large", "Sim large", 3)};
    models[0].prices.push_back(simSheet(100'000, 400'000));
    models[1].prices.push_back(simSheet(600'000, 2'400'000));
    models[2].prices.push_back(simSheet(3'000'000, 15'000'000));
    Model embed = simModel("sim-embed", "Sim embed", 1);
    embed.embedding = true;
    embed.can = Capabilities();
    embed.contextTokens = 8'192;
    embed.maxOutputTokens = 0;
    embed.prices.push_back(simSheet(20'000, 0));
    models.push_back(std::move(embed));
    return models;
}

std::vector<Provider> providerPresets()
{
    std::vector<Provider> presets{
        openAiLike("openai", "https://api.openai.com/v1"),
        preset("anthropic", Dialect::Anthropic, "https://api.anthropic.com/v1"),
        preset("google", Dialect::Gemini, "https://generativelanguage.googleapis.com/v1beta"),
        openAiLike("openrouter", "https://openrouter.ai/api/v1"),
        openAiLike("groq", "https://api.groq.com/openai/v1"),
        openAiLike("mistral", "https://api.mistral.ai/v1"),
        openAiLike("deepseek", "https://api.deepseek.com/v1"),
        openAiLike("xai", "https://api.x.ai/v1"),
        openAiLike("together", "https://api.together.xyz/v1"),
        local(openAiLike("vllm", "http://127.0.0.1:8000/v1")),
        local(openAiLike("litellm", "http://127.0.0.1:4000/v1")),
        local(openAiLike("lmstudio", "http://127.0.0.1:1234/v1")),
        local(preset("ollama", Dialect::Ollama, "http://127.0.0.1:11434")),
    };
    for (Provider& provider : presets) {
        // Mistral refuses fields it does not know and reports usage in every stream anyway.
        provider.injectUsage = provider.name != "mistral";
        // These three document the newer name and call "max_tokens" deprecated.
        const bool newName
            = provider.name == "openai" || provider.name == "groq" || provider.name == "xai";
        provider.ceilingField = newName ? "max_completion_tokens" : "max_tokens";
        // Others have it as a trial or in some versions only; chat says the same to them.
        provider.servesResponses = provider.name == "openai" || provider.name == "xai";
    }
    return presets;
}

std::optional<Provider> providerPreset(std::string_view name)
{
    for (Provider& provider : providerPresets()) {
        if (provider.name == name) {
            return std::move(provider);
        }
    }
    return std::nullopt;
}

Provider providerFor(std::string name, Dialect dialect, std::string baseUrl)
{
    Provider provider = providerPreset(name).value_or(Provider());
    if (provider.dialect != dialect || provider.name.empty()) {
        provider = Provider();
        provider.dialect = dialect;
    }
    const bool own = provider.baseUrl == baseUrl;
    provider.name = std::move(name);
    provider.baseUrl = std::move(baseUrl);
    if (isOpenAiItself(provider)) {
        provider.ceilingField = "max_completion_tokens";
        provider.servesResponses
            = provider.servesResponses || provider.baseUrl.starts_with("https://api.openai.com/");
    }
    if (!own && provider.servesResponses
        && !provider.baseUrl.starts_with("https://api.openai.com/")) {
        provider.servesResponses = false; // a gateway of that name may know chat only
    }
    return provider;
}

} // namespace headgate::catalog
