// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/config.h"

#include "core/service/json_fields.h"
#include "core/service/price_json.h"

#include <boost/json.hpp>

namespace headgate::service {

namespace json = boost::json;

namespace {

/// Raised when a field changes its meaning; a body of a later format is refused.
/// 2: prices have several context tiers, time windows and fees that format 1 would leave out.
constexpr std::int64_t formatKnown = 2;

json::array texts(const std::vector<std::string>& list)
{
    json::array out;
    for (const auto& text : list) {
        out.emplace_back(text);
    }
    return out;
}

// --- catalog

json::object toJson(const catalog::Provider& provider)
{
    json::array extraKeys;
    for (const auto& key : provider.extraKeys) {
        extraKeys.push_back(json::object{{"label", key.label}, {"hint", key.hint}});
    }
    return {{"name", provider.name}, {"dialect", catalog::dialectName(provider.dialect)},
        {"simulated", provider.simulated}, {"enabled", provider.enabled},
        {"base_url", provider.baseUrl}, {"has_key", provider.hasKey},
        {"key_hint", provider.keyHint}, {"needs_key", provider.needsKey},
        {"extra_keys", std::move(extraKeys)},
        {"key_rotation", catalog::keyRotationName(provider.keyRotation)},
        {"concurrency_max", provider.concurrencyMax},
        {"connect_timeout_ms", provider.connectTimeoutMs},
        {"first_byte_timeout_ms", provider.firstByteTimeoutMs},
        {"idle_timeout_ms", provider.idleTimeoutMs}, {"inject_usage", provider.injectUsage},
        {"ceiling_field", provider.ceilingField}, {"serves_responses", provider.servesResponses},
        {"proxy", provider.proxy}, {"has_proxy_auth", provider.hasProxyAuth},
        {"ca_file", provider.caFile}, {"discount_permille", provider.discountPermille}};
}

/// What earlier versions did not store is what they did.
void readNewerFields(JsonFields& fields, catalog::Provider& provider)
{
    const bool openAi = catalog::isOpenAiItself(provider);
    provider.needsKey = !provider.simulated;
    provider.ceilingField = openAi || provider.simulated ? "max_completion_tokens" : "max_tokens";
    provider.servesResponses = openAi && provider.baseUrl.starts_with("https://api.openai.com/");
    fields.read("needs_key", provider.needsKey);
    fields.read("ceiling_field", provider.ceilingField);
    fields.read("serves_responses", provider.servesResponses);
    fields.read("proxy", provider.proxy);
    fields.read("has_proxy_auth", provider.hasProxyAuth);
    fields.read("ca_file", provider.caFile);
    std::string rotation = catalog::keyRotationName(provider.keyRotation);
    fields.read("key_rotation", rotation);
    if (const auto known = catalog::keyRotationFromName(rotation)) {
        provider.keyRotation = *known;
    } else {
        fields.fail("key_rotation", "is unknown");
    }
    fields.eachObject("extra_keys", [&provider](JsonFields& item) {
        catalog::ExtraKey key;
        item.read("label", key.label);
        item.read("hint", key.hint);
        provider.extraKeys.push_back(std::move(key));
    });
}

catalog::Provider readProvider(JsonFields& fields)
{
    catalog::Provider provider;
    fields.read("name", provider.name);
    std::string dialect = catalog::dialectName(provider.dialect);
    fields.read("dialect", dialect);
    if (const auto known = catalog::dialectFromName(dialect)) {
        provider.dialect = *known;
    } else {
        fields.fail("dialect", "is unknown");
    }
    fields.read("simulated", provider.simulated);
    fields.read("enabled", provider.enabled);
    fields.read("base_url", provider.baseUrl);
    fields.read("has_key", provider.hasKey);
    fields.read("key_hint", provider.keyHint);
    fields.read("concurrency_max", provider.concurrencyMax);
    fields.read("connect_timeout_ms", provider.connectTimeoutMs);
    fields.read("first_byte_timeout_ms", provider.firstByteTimeoutMs);
    fields.read("idle_timeout_ms", provider.idleTimeoutMs);
    fields.read("inject_usage", provider.injectUsage);
    readNewerFields(fields, provider);
    fields.read("discount_permille", provider.discountPermille);
    return provider;
}

json::object toJson(const catalog::Model& model)
{
    json::object out{{"provider", model.provider}, {"name", model.name},
        {"display_name", model.displayName}, {"tier", model.tier},
        {"context_tokens", model.contextTokens}, {"max_output_tokens", model.maxOutputTokens},
        {"tokenizer", model.tokenizer}, {"enabled", model.enabled}, {"embedding", model.embedding}};
    out["can"] = json::object{{"tools", model.can.tools}, {"images", model.can.images},
        {"audio", model.can.audio}, {"json_schema", model.can.jsonSchema},
        {"reasoning", model.can.reasoning}, {"logprobs", model.can.logprobs}};
    json::array prices;
    for (const auto& sheet : model.prices) {
        prices.push_back(priceSheetToJson(sheet));
    }
    out["prices"] = std::move(prices);
    if (!model.fallbacks.empty()) {
        out["fallbacks"] = texts(model.fallbacks);
    }
    return out;
}

catalog::Model readModel(JsonFields& fields)
{
    catalog::Model model;
    fields.read("provider", model.provider);
    fields.read("name", model.name);
    fields.read("display_name", model.displayName);
    fields.read("tier", model.tier);
    fields.read("context_tokens", model.contextTokens);
    fields.read("max_output_tokens", model.maxOutputTokens);
    fields.read("tokenizer", model.tokenizer);
    fields.read("enabled", model.enabled);
    fields.read("embedding", model.embedding);
    fields.object("can", [&model](JsonFields& can) {
        can.read("tools", model.can.tools);
        can.read("images", model.can.images);
        can.read("audio", model.can.audio);
        can.read("json_schema", model.can.jsonSchema);
        can.read("reasoning", model.can.reasoning);
        can.read("logprobs", model.can.logprobs);
    });
    fields.eachObject("prices",
        [&model](JsonFields& sheet) { model.prices.push_back(priceSheetFromJson(sheet)); });
    fields.read("fallbacks", model.fallbacks);
    return model;
}

// --- pools and keys

json::object toJson(const ledger::Pool& pool)
{
    return {{"id", pool.id.value}, {"name", pool.name}, {"scope", pool.scope.text()},
        {"window", pool.window.text()}, {"cap_nano", pool.cap.nano()}, {"hard", pool.hard},
        {"reserve_percent", pool.reservePercent}, {"zone", pool.zone},
        {"fiscal_start_day", pool.fiscalStartDay}, {"frozen", pool.frozen},
        {"archived", pool.archived}};
}

ledger::Pool readPool(JsonFields& fields)
{
    ledger::Pool pool;
    std::string scope;
    std::string window;
    fields.read("id", pool.id.value);
    fields.read("name", pool.name);
    fields.read("scope", scope);
    fields.read("window", window);
    if (const auto parsed = ledger::Scope::parse(scope)) {
        pool.scope = *parsed;
    } else {
        fields.fail("scope", "is unknown");
    }
    if (const auto parsed = ledger::Window::parse(window)) {
        pool.window = *parsed;
    } else {
        fields.fail("window", "is unknown");
    }
    fields.read("cap_nano", pool.cap);
    fields.read("hard", pool.hard);
    fields.read("reserve_percent", pool.reservePercent);
    fields.read("zone", pool.zone);
    fields.read("fiscal_start_day", pool.fiscalStartDay);
    fields.read("frozen", pool.frozen);
    fields.read("archived", pool.archived);
    return pool;
}

json::object toJson(const KeyRecord& key)
{
    return {{"id", key.id.value}, {"name", key.name}, {"hash", key.hash}, {"hint", key.hint},
        {"team", key.team}, {"user", key.user}, {"tags", texts(key.tags)},
        {"created_at_us", key.createdAtUs}, {"expires_at_us", key.expiresAtUs},
        {"revoked_at_us", key.revokedAtUs}};
}

KeyRecord readKey(JsonFields& fields)
{
    KeyRecord key;
    fields.read("id", key.id.value);
    fields.read("name", key.name);
    fields.read("hash", key.hash);
    fields.read("hint", key.hint);
    fields.read("team", key.team);
    fields.read("user", key.user);
    fields.read("tags", key.tags);
    fields.read("created_at_us", key.createdAtUs);
    fields.read("expires_at_us", key.expiresAtUs);
    fields.read("revoked_at_us", key.revokedAtUs);
    return key;
}

json::object toJson(const Settings& settings)
{
    return {{"org", settings.org}, {"theme", settings.theme},
        {"first_run_done", settings.firstRunDone}, {"power_safe", settings.powerSafe},
        {"zone", settings.zone},
        {"loops",
            json::object{{"on", settings.loops.on}, {"repeats", settings.loops.repeats},
                {"within_seconds", settings.loops.withinSeconds},
                {"tool_repeats", settings.loops.toolRepeats},
                {"without_session", settings.loops.withoutSession}}}};
}

void readSettings(JsonFields& fields, Settings& settings)
{
    fields.read("org", settings.org);
    fields.read("theme", settings.theme);
    fields.read("first_run_done", settings.firstRunDone);
    fields.read("power_safe", settings.powerSafe);
    fields.read("zone", settings.zone);
    fields.object("loops", [&settings](JsonFields& loops) {
        loops.read("on", settings.loops.on);
        loops.read("repeats", settings.loops.repeats);
        loops.read("within_seconds", settings.loops.withinSeconds);
        loops.read("tool_repeats", settings.loops.toolRepeats);
        loops.read("without_session", settings.loops.withoutSession);
    });
}

template <typename T>
json::array listToJson(const std::vector<T>& list)
{
    json::array out;
    for (const auto& item : list) {
        out.push_back(toJson(item));
    }
    return out;
}

void readPolicy(JsonFields& fields, Config& config)
{
    const auto* value = fields.find("policy");
    if (value == nullptr) {
        return;
    }
    if (auto policy = routing::policyFromJson(json::serialize(*value))) {
        config.policy = std::move(*policy);
    } else {
        fields.fail("policy", "is wrong: " + policy.error().message);
    }
}

} // namespace

std::string configToJson(const Config& config)
{
    json::object out;
    out["format"] = formatKnown;
    out["revision"] = config.revision;
    out["at_us"] = config.atUs;
    out["actor"] = config.actor;
    out["summary"] = config.summary;
    out["providers"] = listToJson(config.providers);
    out["models"] = listToJson(config.models);
    out["pools"] = listToJson(config.pools);
    out["keys"] = listToJson(config.keys);
    out["policy"] = json::parse(routing::policyToJson(config.policy));
    out["settings"] = toJson(config.settings);
    out["paused"] = config.paused;
    out["next_id"] = config.nextId;
    return json::serialize(out);
}

Result<Config> configFromJson(std::string_view text)
{
    boost::system::error_code error;
    const auto value = json::parse(json::string_view(text.data(), text.size()), error);
    if (error || !value.is_object()) {
        return Error(ErrorCode::Corrupt, "The configuration is not a JSON object.",
            "Restore config.db from a backup.");
    }
    JsonFields fields(value.as_object());
    std::int64_t format = formatKnown;
    fields.read("format", format);
    if (format > formatKnown) {
        return Error(ErrorCode::TooNew, "The configuration was written by a newer Headgate.",
            "Install the newer Headgate.");
    }
    Config config;
    fields.read("revision", config.revision);
    fields.read("at_us", config.atUs);
    fields.read("actor", config.actor);
    fields.read("summary", config.summary);
    fields.eachObject(
        "providers", [&](JsonFields& item) { config.providers.push_back(readProvider(item)); });
    fields.eachObject(
        "models", [&](JsonFields& item) { config.models.push_back(readModel(item)); });
    fields.eachObject("pools", [&](JsonFields& item) { config.pools.push_back(readPool(item)); });
    fields.eachObject("keys", [&](JsonFields& item) { config.keys.push_back(readKey(item)); });
    readPolicy(fields, config);
    fields.object("settings", [&](JsonFields& item) { readSettings(item, config.settings); });
    fields.read("paused", config.paused);
    fields.read("next_id", config.nextId);
    if (!fields.problem().empty()) {
        return Error(ErrorCode::Corrupt, "The configuration cannot be read: " + fields.problem(),
            "Restore an earlier revision or config.db from a backup.");
    }
    return config;
}

Result<std::vector<ledger::Pool>> poolsFromJson(std::string_view text)
{
    boost::system::error_code error;
    auto value = json::parse(json::string_view(text.data(), text.size()), error);
    std::vector<ledger::Pool> pools;
    if (!error) {
        const json::object holder{{"pools", std::move(value)}};
        JsonFields fields(holder);
        fields.eachObject("pools", [&](JsonFields& item) { pools.push_back(readPool(item)); });
        if (fields.problem().empty()) {
            return pools;
        }
    }
    return Error(ErrorCode::Corrupt, "The pools of a revision cannot be read.",
        "Restore config.db from a backup.");
}

} // namespace headgate::service
