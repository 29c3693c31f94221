// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/verbs.h"

#include <boost/json.hpp>

#include <future>
#include <utility>

namespace headgate::service {

namespace json = boost::json;

namespace {

json::object providerRow(const catalog::Provider& provider, const Config& config)
{
    std::int64_t models = 0;
    for (const auto& model : config.models) {
        models += model.provider == provider.name ? 1 : 0;
    }
    return {{"name", provider.name}, {"dialect", catalog::dialectName(provider.dialect)},
        {"url", provider.baseUrl}, {"simulated", provider.simulated}, {"enabled", provider.enabled},
        {"has_key", provider.hasKey}, {"key_hint", provider.keyHint}, {"models", models},
        {"discount_permille", provider.discountPermille}};
}

void putPrice(json::object& row, const char* name, const std::optional<Price>& price)
{
    if (price) {
        row[name] = price->toPerMillion();
    } else {
        row[name] = nullptr;
    }
}

/// What only some models have, left out where it is not there.
void putMore(json::object& row, const catalog::PriceSheet& sheet)
{
    for (const auto& field : catalog::tokenPriceFields) {
        const std::string name = std::string(field.storedName) + "_usd_per_million";
        if (const auto& price = sheet.*field.member; price && !row.contains(name)) {
            row[name] = price->toPerMillion();
        }
    }
    json::array tiers;
    for (const auto& tier : sheet.contextTiers) {
        json::object one{{"above_tokens", tier.above}};
        putPrice(one, "input_usd_per_million", tier.prices.input);
        putPrice(one, "output_usd_per_million", tier.prices.output);
        tiers.push_back(std::move(one));
    }
    if (!tiers.empty()) {
        row["context_tiers"] = std::move(tiers);
    }
    json::object services;
    for (const auto& [name, tier] : sheet.serviceTiers) {
        json::object one;
        putPrice(one, "input_usd_per_million", tier.prices.input);
        putPrice(one, "output_usd_per_million", tier.prices.output);
        services[name] = std::move(one);
    }
    if (!services.empty()) {
        row["service_tiers"] = std::move(services);
    }
    json::object fees;
    for (const auto& [name, fee] : sheet.perTool) {
        fees[name] = fee.toDecimal();
    }
    if (!sheet.perCall.isZero()) {
        fees["call"] = sheet.perCall.toDecimal();
    }
    if (!fees.empty()) {
        row["fees_usd"] = std::move(fees);
    }
    if (!sheet.windows.empty()) {
        row["time_windows"] = sheet.windows.size();
    }
}

json::object sheetRow(const catalog::PriceSheet& sheet)
{
    json::object row;
    putPrice(row, "input_usd_per_million", sheet.input);
    putPrice(row, "output_usd_per_million", sheet.output);
    putPrice(row, "cache_read_usd_per_million", sheet.cacheRead);
    putPrice(row, "cache_write_usd_per_million", sheet.cacheWrite5m);
    putTime(row, "effective", sheet.validFrom);
    row["source"] = sheet.source;
    putTime(row, "fetched", sheet.fetchedAtUs);
    putMore(row, sheet);
    return row;
}

void putMargin(json::object& row, const tokens::Margin& margin)
{
    row["margin"] = tokens::marginText(margin.permille);
    row["margin_extra_tokens"] = margin.extraTokens;
    row["margin_learned"] = margin.learned;
    row["margin_observations"] = margin.observations;
    if (margin.worstPermille > 0) {
        row["margin_worst"] = tokens::marginText(margin.worstPermille);
    } else {
        row["margin_worst"] = nullptr;
    }
    row["margin_overruns"] = margin.overruns;
}

json::object modelRow(const catalog::Model& model, TimeUs nowUs)
{
    json::object row{{"id", model.id()}, {"provider", model.provider}, {"name", model.name},
        {"tier", model.tier}, {"context_tokens", model.contextTokens},
        {"max_output_tokens", model.maxOutputTokens}, {"tokenizer", model.tokenizer},
        {"enabled", model.enabled}, {"embedding", model.embedding}};
    const auto* sheet = model.priceAt(nowUs);
    for (const auto& member : sheetRow(sheet != nullptr ? *sheet : catalog::PriceSheet())) {
        row[member.key()] = member.value();
    }
    row["priced"] = sheet != nullptr;
    const std::string age = sheet != nullptr ? catalog::priceAgeText(*sheet, nowUs) : "";
    const bool old = sheet != nullptr && catalog::isPriceOld(*sheet, nowUs);
    row["price_age"] = old ? age + ", old" : age;
    row["price_old"] = old;
    json::array prices;
    for (const auto& one : model.prices) {
        prices.push_back(sheetRow(one));
    }
    row["prices"] = std::move(prices);
    return row;
}

Result<void> listProviders(const VerbCall& call)
{
    const auto config = call.service.config();
    for (const auto& provider : config->providers) {
        if (auto done = send(call, providerRow(provider, *config)); !done) {
            return done;
        }
    }
    return {};
}

Result<void> addProvider(const VerbCall& call)
{
    const auto name = neededArg(call.args, "name");
    const auto url = neededArg(call.args, "url");
    if (!name || !url) {
        return !name ? name.error() : url.error();
    }
    NewProvider provider;
    provider.name = *name;
    provider.url = *url;
    const std::string dialect
        = hasArg(call.args, "dialect") ? textArg(call.args, "dialect") : "openai";
    const auto known = catalog::dialectFromName(dialect);
    if (!known) {
        return Error(ErrorCode::InvalidArgument, "The dialect \"" + dialect + "\" is unknown.",
            "Use openai, anthropic, gemini or ollama.");
    }
    provider.dialect = *known;
    provider.key = Secret(textArg(call.args, "key"));
    provider.addBookModels = flagArg(call.args, "book_models", true);
    const auto added = call.service.addProvider(std::move(provider), actorArg(call.args));
    if (!added) {
        return added.error();
    }
    return send(call, providerRow(*added, *call.service.config()));
}

Result<void> testProvider(const VerbCall& call)
{
    const auto name = neededArg(call.args, "name");
    if (!name) {
        return name.error();
    }
    // Shared, because the answer may come after a closing service has dropped it.
    auto promise = std::make_shared<std::promise<Result<std::string>>>();
    auto answer = promise->get_future();
    call.service.testProvider(
        *name, [promise](Result<std::string> result) { promise->set_value(std::move(result)); });
    if (answer.wait_for(std::chrono::seconds(30)) != std::future_status::ready) {
        return Error(ErrorCode::Unavailable, "The test did not end within 30 seconds.");
    }
    const auto result = answer.get();
    if (!result) {
        return result.error();
    }
    return send(call, {{"name", *name}, {"ok", true}, {"text", *result}});
}

Result<void> removeProvider(const VerbCall& call)
{
    const auto name = neededArg(call.args, "name");
    if (!name) {
        return name.error();
    }
    if (auto done = call.service.removeProvider(*name, actorArg(call.args)); !done) {
        return done;
    }
    return send(call, {{"name", *name}, {"removed", true}});
}

Result<void> readPrice(const json::object& args, const char* name, std::optional<Price>& out)
{
    if (!hasArg(args, name)) {
        return {};
    }
    const auto price = Price::parsePerMillion(textArg(args, name));
    if (!price) {
        return price.error();
    }
    out = *price;
    return {};
}

Result<catalog::PriceSheet> sheetOf(const json::object& args)
{
    catalog::PriceSheet sheet;
    sheet.source = "operator";
    const std::pair<const char*, std::optional<Price>*> all[] = {
        {"input", &sheet.input},
        {"output", &sheet.output},
        {"cache_read", &sheet.cacheRead},
        {"cache_write", &sheet.cacheWrite5m},
        {"cache_write_1h", &sheet.cacheWrite1h},
        {"audio_in", &sheet.inputAudio},
        {"audio_out", &sheet.outputAudio},
        {"image_out", &sheet.outputImage},
    };
    for (const auto& [name, price] : all) {
        if (auto done = readPrice(args, name, *price); !done) {
            return done.error();
        }
    }
    if (hasArg(args, "web_search")) {
        const auto fee = Money::parse(textArg(args, "web_search"));
        if (!fee) {
            return fee.error();
        }
        sheet.perTool[std::string(catalog::toolWebSearch)] = *fee;
    }
    const auto from = timeArg(args, "effective");
    if (!from) {
        return from.error();
    }
    sheet.validFrom = *from;
    return sheet;
}

Result<void> readCounts(const json::object& args, catalog::Model& model)
{
    const auto tier = intArg(args, "tier", model.tier);
    const auto context = intArg(args, "context", model.contextTokens);
    const auto output = intArg(args, "max_output", model.maxOutputTokens);
    for (const auto* number : {&tier, &context, &output}) {
        if (!*number) {
            return number->error();
        }
    }
    if (*tier < 1 || *tier > 4) {
        return Error(ErrorCode::InvalidArgument, "The tier must be 1 (cheapest) to 4 (strongest).");
    }
    model.tier = static_cast<int>(*tier);
    model.contextTokens = *context;
    model.maxOutputTokens = *output;
    return {};
}

Result<void> addModel(const VerbCall& call)
{
    const auto provider = neededArg(call.args, "provider");
    const auto name = neededArg(call.args, "name");
    if (!provider || !name) {
        return !provider ? provider.error() : name.error();
    }
    catalog::Model model;
    const auto config = call.service.config();
    const catalog::Catalog all{config->providers, config->models};
    if (const auto* known = all.model(*provider + "/" + *name)) {
        model = *known; // what is not given stays
    }
    model.provider = *provider;
    model.name = *name;
    if (hasArg(call.args, "tokenizer")) {
        model.tokenizer = textArg(call.args, "tokenizer");
    } else if (model.tokenizer.empty()) {
        model.tokenizer = "unknown"; // the widest margin until someone says better
    }
    if (auto done = readCounts(call.args, model); !done) {
        return done;
    }
    if (hasArg(call.args, "input") || hasArg(call.args, "output")) {
        auto sheet = sheetOf(call.args);
        if (!sheet) {
            return sheet.error();
        }
        // Without a date a new price of a known model holds from now on, of a new one always.
        if (sheet->validFrom == 0 && !model.prices.empty()) {
            sheet->validFrom = SystemClock().nowUs();
        }
        model.prices = {std::move(*sheet)};
    }
    if (auto done = call.service.putModel(model, actorArg(call.args)); !done) {
        return done;
    }
    const auto now = call.service.config();
    for (const auto& stored : now->models) {
        if (stored.id() == model.id()) {
            auto row = modelRow(stored, SystemClock().nowUs());
            putMargin(row, tokens::marginOf(call.service.margins(), stored.id(), stored.tokenizer));
            return send(call, row);
        }
    }
    return {};
}

Result<void> listModels(const VerbCall& call)
{
    const auto config = call.service.config();
    const TimeUs nowUs = SystemClock().nowUs();
    const auto margins = call.service.margins();
    for (const auto& model : config->models) {
        auto row = modelRow(model, nowUs);
        putMargin(row, tokens::marginOf(margins, model.id(), model.tokenizer));
        if (auto done = send(call, row); !done) {
            return done;
        }
    }
    return {};
}

} // namespace

void addCatalogVerbs(VerbTable& table)
{
    table["providers.list"] = listProviders;
    table["providers.add"] = addProvider;
    table["providers.test"] = testProvider;
    table["providers.remove"] = removeProvider;
    table["models.list"] = listModels;
    table["models.add"] = addModel;
}

} // namespace headgate::service
