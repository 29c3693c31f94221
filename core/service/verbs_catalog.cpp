// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/verbs.h"

#include "core/base/limits.h"
#include "core/catalog/price_book.h"
#include "core/proxy/provider_health.h"
#include "core/routing/near_names.h"
#include "core/service/validate.h"

#include <algorithm>
#include <boost/json.hpp>

#include <future>
#include <tuple>
#include <utility>

namespace headgate::service {

namespace json = boost::json;

namespace {

json::object healthRow(const proxy::HealthRow& row)
{
    json::object out{{"model", row.model}, {"key", row.key},
        {"state", proxy::healthStateName(row.state)}, {"successes", row.successes},
        {"failures", row.failures}, {"consecutive_failures", row.consecutive},
        {"latency_us", row.latencyUs}, {"last_error", row.lastError}};
    putTime(out, "until", row.untilUs);
    putTime(out, "last_error_at", row.lastErrorAtUs);
    return out;
}

void putHealth(json::object& row, const std::string& name, const VerbCall& call)
{
    for (const auto& status : call.service.providerStatuses()) {
        if (status.provider != name) {
            continue;
        }
        json::array details;
        for (const auto& one : status.rows) {
            details.push_back(healthRow(one));
        }
        row["health"] = proxy::healthStateName(status.state);
        putTime(row, "health_until", status.untilUs);
        row["health_text"] = status.words;
        row["in_flight"] = status.inFlight;
        row["waiting"] = status.waiting;
        row["answers"] = status.answers;
        row["errors"] = status.errors;
        row["last_error"] = status.lastError;
        putTime(row, "last_error_at", status.lastErrorAtUs);
        row["health_details"] = std::move(details);
    }
}

json::object providerRow(
    const catalog::Provider& provider, const Config& config, const VerbCall& call)
{
    std::int64_t models = 0;
    for (const auto& model : config.models) {
        models += model.provider == provider.name ? 1 : 0;
    }
    json::array keys;
    if (provider.hasKey) {
        keys.push_back(json::object{{"label", "key"}, {"hint", provider.keyHint}});
    }
    for (const auto& key : provider.extraKeys) {
        keys.push_back(json::object{{"label", key.label}, {"hint", key.hint}});
    }
    json::object row{{"name", provider.name}, {"dialect", catalog::dialectName(provider.dialect)},
        {"url", provider.baseUrl}, {"simulated", provider.simulated}, {"enabled", provider.enabled},
        {"has_key", provider.hasKey}, {"key_hint", provider.keyHint}, {"models", models},
        {"discount_permille", provider.discountPermille}, {"keys", std::move(keys)},
        {"key_rotation", catalog::keyRotationName(provider.keyRotation)},
        {"needs_key", provider.needsKey}, {"keys_kept", call.service.status().keys},
        {"concurrency", provider.concurrencyMax}, {"connect_timeout_ms", provider.connectTimeoutMs},
        {"first_byte_timeout_ms", provider.firstByteTimeoutMs},
        {"idle_timeout_ms", provider.idleTimeoutMs}, {"proxy", provider.proxy},
        {"proxy_auth", provider.hasProxyAuth}, {"ca_file", provider.caFile},
        {"responses", provider.servesResponses}, {"stream_options", provider.injectUsage},
        {"ceiling_field", provider.ceilingField}};
    putHealth(row, provider.name, call);
    return row;
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
    row["fallbacks"] = json::array(model.fallbacks.begin(), model.fallbacks.end());
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
        if (auto done = send(call, providerRow(provider, *config, call)); !done) {
            return done;
        }
    }
    return {};
}

Result<void> readNumber(const json::object& args, const char* name, int most, int& out)
{
    if (!hasArg(args, name)) {
        return {};
    }
    const auto value = intArg(args, name, out);
    if (!value) {
        return value.error();
    }
    if (*value < 0 || *value > most) {
        return Error(ErrorCode::InvalidArgument,
            std::string("\"") + name + "\" must be 0 (the default) to " + std::to_string(most)
                + ".");
    }
    out = static_cast<int>(*value);
    return {};
}

/// What is not given stays.
Result<void> readProviderFields(const json::object& args, catalog::Provider& provider)
{
    constexpr int timeoutMsMax = 3'600'000;
    const std::tuple<const char*, int, int*> numbers[]
        = {{"concurrency", 10'000, &provider.concurrencyMax},
            {"connect_timeout", timeoutMsMax, &provider.connectTimeoutMs},
            {"first_byte_timeout", timeoutMsMax, &provider.firstByteTimeoutMs},
            {"idle_timeout", timeoutMsMax, &provider.idleTimeoutMs}};
    for (const auto& [name, most, out] : numbers) {
        if (auto done = readNumber(args, name, most, *out); !done) {
            return done;
        }
    }
    const std::pair<const char*, std::string*> texts[] = {{"url", &provider.baseUrl},
        {"ca_file", &provider.caFile}, {"ceiling_field", &provider.ceilingField}};
    for (const auto& [name, out] : texts) {
        if (hasArg(args, name)) {
            *out = textArg(args, name);
        }
    }
    if (hasArg(args, "proxy")) {
        const auto proxy = textArg(args, "proxy");
        provider.proxy = proxy == "none" ? std::string() : proxy;
    }
    provider.servesResponses = flagArg(args, "responses", provider.servesResponses);
    provider.injectUsage = flagArg(args, "stream_options", provider.injectUsage);
    provider.needsKey = flagArg(args, "needs_key", provider.needsKey);
    provider.enabled = flagArg(args, "enabled", provider.enabled);
    if (hasArg(args, "key_rotation")) {
        const auto rotation = catalog::keyRotationFromName(textArg(args, "key_rotation"));
        if (!rotation) {
            return Error(ErrorCode::InvalidArgument, "The key rotation is unknown.",
                "Use failover or round-robin.");
        }
        provider.keyRotation = *rotation;
    }
    return {};
}

Result<void> sendProvider(const VerbCall& call, const std::string& name)
{
    const auto config = call.service.config();
    for (const auto& provider : config->providers) {
        if (provider.name == name) {
            return send(call, providerRow(provider, *config, call));
        }
    }
    return {};
}

Result<void> takeProxyAuth(const VerbCall& call, const std::string& name)
{
    return hasArg(call.args, "proxy_auth") ? call.service.setProxyAuth(
               name, Secret(textArg(call.args, "proxy_auth")), actorArg(call.args))
                                           : Result<void>();
}

/// Name, dialect and URL; what is not given comes from the preset of that name.
Result<catalog::Provider> newProvider(const json::object& args)
{
    const auto name = neededArg(args, "name");
    if (!name) {
        return name.error();
    }
    const auto preset = catalog::providerPreset(*name);
    auto dialect = preset ? preset->dialect : catalog::Dialect::OpenAi;
    if (hasArg(args, "dialect")) {
        const auto known = catalog::dialectFromName(textArg(args, "dialect"));
        if (!known) {
            return Error(ErrorCode::InvalidArgument,
                "The dialect \"" + textArg(args, "dialect") + "\" is unknown.",
                "Use openai, anthropic, gemini or ollama.");
        }
        dialect = *known;
    }
    const bool ofPreset = preset && preset->dialect == dialect;
    if (!hasArg(args, "url") && !ofPreset) {
        std::vector<std::string> known;
        for (const auto& one : catalog::providerPresets()) {
            known.push_back(one.name);
        }
        const auto meant
            = preset ? std::string() : routing::didYouMean(routing::nearWords(known, *name));
        return Error(ErrorCode::InvalidArgument, "The URL of \"" + *name + "\" is needed.",
            meant.empty() ? "Give --url, or the name of a known provider such as groq."
                          : meant + " Else give --url.");
    }
    return catalog::providerFor(
        *name, dialect, hasArg(args, "url") ? textArg(args, "url") : preset->baseUrl);
}

Result<void> addProvider(const VerbCall& call)
{
    auto fields = newProvider(call.args);
    if (!fields) {
        return fields.error();
    }
    if (auto done = readProviderFields(call.args, *fields); !done) {
        return done;
    }
    NewProvider provider;
    provider.name = fields->name;
    provider.as = std::move(*fields);
    provider.key = Secret(textArg(call.args, "key"));
    provider.addBookModels = flagArg(call.args, "book_models", true);
    const auto added = call.service.addProvider(std::move(provider), actorArg(call.args));
    if (!added) {
        return added.error();
    }
    if (auto done = takeProxyAuth(call, added->name); !done) {
        return done;
    }
    return sendProvider(call, added->name);
}

Result<void> setProvider(const VerbCall& call)
{
    const auto name = neededArg(call.args, "name");
    if (!name) {
        return name.error();
    }
    const auto config = call.service.config();
    const auto known = std::find_if(config->providers.begin(), config->providers.end(),
        [&](const catalog::Provider& provider) { return provider.name == *name; });
    catalog::Provider provider = known != config->providers.end() ? *known : catalog::Provider();
    provider.name = *name;
    if (auto done = readProviderFields(call.args, provider); !done) {
        return done;
    }
    if (auto done = readDiscount(call.args, provider.discountPermille); !done) {
        return done; // before anything is changed
    }
    if (auto done = checkSecret(Secret(textArg(call.args, "key"))); !done) {
        return done;
    }
    const auto isSecret = [](const auto& arg) {
        return arg.key() == "name" || arg.key() == "actor" || arg.key() == "key"
            || arg.key() == "proxy_auth";
    };
    // A key alone makes no second revision that changes nothing.
    if (known == config->providers.end()
        || !std::all_of(call.args.begin(), call.args.end(), isSecret)) {
        if (auto done = call.service.editProvider(provider, actorArg(call.args)); !done) {
            return done;
        }
    }
    if (hasArg(call.args, "key")) {
        auto done = call.service.setProviderKey(
            *name, Secret(textArg(call.args, "key")), actorArg(call.args));
        if (!done) {
            return done;
        }
    }
    if (auto done = takeProxyAuth(call, *name); !done) {
        return done;
    }
    return sendProvider(call, *name);
}

Result<void> addProviderKey(const VerbCall& call)
{
    const auto name = neededArg(call.args, "name");
    if (!name) {
        return name.error();
    }
    const auto added = call.service.addProviderKey(
        *name, textArg(call.args, "label"), Secret(textArg(call.args, "key")), actorArg(call.args));
    return added ? sendProvider(call, *name) : Result<void>(added.error());
}

Result<void> removeProviderKey(const VerbCall& call)
{
    const auto name = neededArg(call.args, "name");
    const auto label = neededArg(call.args, "label");
    if (!name || !label) {
        return !name ? name.error() : label.error();
    }
    auto done = call.service.removeProviderKey(*name, *label, actorArg(call.args));
    return done ? sendProvider(call, *name) : done;
}

Result<void> clearProvider(const VerbCall& call)
{
    const auto name = neededArg(call.args, "name");
    if (!name) {
        return name.error();
    }
    auto done = call.service.forgetHealth(*name, actorArg(call.args));
    return done ? sendProvider(call, *name) : done;
}

/// "A,B": ids or names of models, tried in this order; "none" takes them away. Two that name each
/// other are fine: only the chain of the model that was asked for is followed.
Result<void> readFallbacks(
    const catalog::Catalog& all, const std::string& text, catalog::Model& model)
{
    model.fallbacks.clear();
    std::string_view rest = text == "none" ? std::string_view() : std::string_view(text);
    while (!rest.empty()) {
        const auto comma = rest.find(',');
        const std::string wanted(rest.substr(0, comma));
        const auto* other = all.model(wanted);
        if (other == nullptr || other->id() == model.id()) {
            const auto meant = other != nullptr
                ? std::string()
                : routing::didYouMean(routing::nearNames(all, wanted));
            return Error(ErrorCode::NotFound,
                "\"" + wanted + "\" cannot stand in for " + model.id()
                    + (other != nullptr ? ": it is the same." : ": there is no such model."),
                (meant.empty() ? "" : meant + " ")
                    + "Name other models of `headgate models list`, separated by commas.");
        }
        if (std::find(model.fallbacks.begin(), model.fallbacks.end(), other->id())
            != model.fallbacks.end()) {
            return Error(ErrorCode::InvalidArgument,
                "\"" + wanted + "\" stands in for " + model.id() + " twice.", "Name it once.");
        }
        model.fallbacks.push_back(other->id());
        rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
    if (model.fallbacks.size() > limits::fallbacksMax) {
        return Error(ErrorCode::InvalidArgument,
            "At most " + std::to_string(limits::fallbacksMax) + " models can stand in for one.",
            "More are never tried: name the best ones.");
    }
    return {};
}

/// The fee from now on, beside the prices that hold now.
Result<void> setWebSearchFee(const std::string& dollars, catalog::Model& model, TimeUs nowUs)
{
    const auto fee = Money::parse(dollars);
    if (!fee) {
        return fee.error();
    }
    const auto* sheet = model.priceAt(nowUs);
    if (sheet == nullptr) {
        return Error(ErrorCode::NotFound, "The model " + model.id() + " has no price yet.",
            "Set it with `headgate models add`, which takes --web-search, too.");
    }
    catalog::PriceSheet next = *sheet;
    next.source = "operator";
    next.validFrom = nowUs;
    next.perTool[std::string(catalog::toolWebSearch)] = *fee;
    model.prices = {std::move(next)};
    return {};
}

Result<void> setModel(const VerbCall& call)
{
    const auto name = neededArg(call.args, "name");
    if (!name) {
        return name.error();
    }
    if (!hasArg(call.args, "fallback") && !hasArg(call.args, "embeddings")
        && !hasArg(call.args, "web_search")) {
        return Error(ErrorCode::InvalidArgument, "Nothing to change was named.",
            "Name --fallback, --embeddings or --web-search.");
    }
    const auto config = call.service.config();
    const catalog::Catalog all{config->providers, config->models};
    const auto* known = all.model(*name);
    if (known == nullptr) {
        const auto meant = routing::didYouMean(routing::nearNames(all, *name));
        return Error(ErrorCode::NotFound, "There is no model \"" + *name + "\".",
            (meant.empty() ? "" : meant + " ")
                + "`headgate models list` shows them as provider/name.");
    }
    catalog::Model model = *known;
    model.embedding = flagArg(call.args, "embeddings", model.embedding);
    if (hasArg(call.args, "fallback")) {
        if (auto done = readFallbacks(all, textArg(call.args, "fallback"), model); !done) {
            return done;
        }
    }
    model.prices.clear(); // those that are known stay
    if (hasArg(call.args, "web_search")) {
        model.prices = known->prices;
        if (auto done
            = setWebSearchFee(textArg(call.args, "web_search"), model, SystemClock().nowUs());
            !done) {
            return done;
        }
    }
    if (auto done = call.service.putModel(model, actorArg(call.args)); !done) {
        return done;
    }
    const auto now = call.service.config();
    const catalog::Catalog kept{now->providers, now->models}; // outlives what is looked up
    const auto* stored = kept.model(model.id());
    return stored != nullptr ? send(call, modelRow(*stored, SystemClock().nowUs()))
                             : Result<void>();
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
    model.embedding = flagArg(call.args, "embeddings", model.embedding);
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
    table["providers.set"] = setProvider;
    table["providers.add-key"] = addProviderKey;
    table["providers.remove-key"] = removeProviderKey;
    table["providers.clear"] = clearProvider;
    table["providers.test"] = testProvider;
    table["providers.remove"] = removeProvider;
    table["models.list"] = listModels;
    table["models.add"] = addModel;
    table["models.set"] = setModel;
}

} // namespace headgate::service
