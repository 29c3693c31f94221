// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/provider_health.h"

#include "core/base/calendar.h"
#include "core/proxy/provider_keys.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

namespace headgate::proxy {

namespace json = boost::json;

namespace {

/// More accounts than that are not remembered from a file: nobody has them.
constexpr std::size_t rememberedMax = 1'000;
constexpr std::size_t wordsBytesMax = 300;

const char* keyName(const std::string& label)
{
    return label.empty() ? "key" : label.c_str();
}

std::string whyOf(const Health& health, HealthState state, TimeUs nowUs)
{
    const auto until = health.untilAt(nowUs);
    const auto text = until > 0 ? clockText(until, nowUs) : std::string();
    std::string out;
    switch (state) {
    case HealthState::CoolingDown:
        out = "cools down until " + text;
        break;
    case HealthState::Open:
        out = fmt::format("failed {} times in a row and is left alone until {}",
            std::max(health.consecutive, health::failuresToOpen), text);
        break;
    case HealthState::HalfOpen:
        out = "is being tried with one request after it failed again and again";
        break;
    case HealthState::KeyRefused:
        out = "refuses its key; it is asked again at " + text;
        break;
    case HealthState::Exhausted:
        out = "has an exhausted account until " + text;
        break;
    case HealthState::Healthy:
        break;
    }
    return out;
}

/// What an outcome says of the provider as a whole, of its model and of its key.
struct Shares {
    CallOutcome provider;
    CallOutcome model;
    CallOutcome key;
};

Shares sharesOf(const CallOutcome& outcome, bool severalKeys)
{
    CallOutcome reached; // any answer at all: it is there and took the key
    reached.end = CallEnd::ClientError;
    const CallOutcome nothing;
    switch (outcome.end) {
    case CallEnd::Ok:
        return {outcome, outcome, outcome};
    case CallEnd::Unreachable:
        return {outcome, nothing, nothing};
    case CallEnd::TimedOut:
    case CallEnd::Broke: // it may have been there or not
        return {nothing, outcome, nothing};
    case CallEnd::KeyRefused:
        if (outcome.status == 403 && !severalKeys) { // it may be allowed other models
            auto pause = outcome;
            pause.end = CallEnd::RateLimited;
            return {reached, pause, nothing};
        }
        return {reached, nothing, outcome};
    case CallEnd::Exhausted:
        return {reached, nothing, outcome};
    case CallEnd::RateLimited: // limits are per key: with several the next one goes on
        return severalKeys ? Shares{reached, nothing, outcome} : Shares{reached, outcome, reached};
    case CallEnd::ServerError:
    case CallEnd::Overloaded:
    case CallEnd::ClientError:
        return {reached, outcome, reached};
    case CallEnd::Neutral:
        break;
    }
    return {nothing, nothing, nothing};
}

void countOnly(Health& health, const CallOutcome& outcome, TimeUs nowUs)
{
    if (outcome.end == CallEnd::Ok) {
        static_cast<void>(health.end(outcome, nowUs));
    } else if (outcome.end != CallEnd::Neutral && outcome.end != CallEnd::ClientError) {
        ++health.failures;
        health.lastError = outcome.words;
        health.lastErrorAtUs = nowUs;
    }
}

bool isSoft(HealthState state)
{
    return state == HealthState::CoolingDown || state == HealthState::KeyRefused;
}

} // namespace

ProviderKey providerKey(std::string label, std::shared_ptr<const Secret> secret)
{
    ProviderKey key;
    key.label = std::move(label);
    if (secret) {
        key.fingerprint = strongHashHex("headgate provider key " + secret->reveal()).substr(0, 16);
    }
    key.secret = std::move(secret);
    return key;
}

std::string clockText(TimeUs atUs, TimeUs nowUs)
{
    const auto zone = systemZone();
    const auto whole = formatInZone(atUs, zone); // "2026-11-23 00:00 Europe/Berlin"
    if (whole.size() < 16) {
        return whole;
    }
    if (whole.substr(0, 10) != formatInZone(nowUs, zone).substr(0, 10)) {
        return whole.substr(0, 16);
    }
    return fmt::format("{}:{:02}", whole.substr(11, 5), atUs / usPerSecond % 60);
}

// --- one call

ProviderHealth::Call::Call(Call&& other) noexcept
    : m_health(std::exchange(other.m_health, nullptr)),
      m_provider(std::move(other.m_provider)),
      m_model(std::move(other.m_model)),
      m_key(std::move(other.m_key)),
      m_simulated(other.m_simulated),
      m_severalKeys(other.m_severalKeys)
{
}

ProviderHealth::Call& ProviderHealth::Call::operator=(Call&& other) noexcept
{
    if (this != &other) {
        end({});
        m_health = std::exchange(other.m_health, nullptr);
        m_provider = std::move(other.m_provider);
        m_model = std::move(other.m_model);
        m_key = std::move(other.m_key);
        m_simulated = other.m_simulated;
        m_severalKeys = other.m_severalKeys;
    }
    return *this;
}

void ProviderHealth::Call::end(CallOutcome outcome)
{
    if (auto* health = std::exchange(m_health, nullptr)) {
        outcome.words = outcome.words.substr(0, wordsBytesMax);
        health->end(*this, outcome);
    }
}

// --- the holder

void ProviderHealth::setOnAlert(std::function<void(const std::string&)> callback)
{
    const std::scoped_lock lock(m_mutex);
    m_onAlert = std::move(callback);
}

const Health* ProviderHealth::find(const Name& name) const
{
    const auto it = m_entries.find(name);
    return it == m_entries.end() ? nullptr : &it->second.health;
}

std::optional<Trouble> ProviderHealth::troubleOf(const Name& name, TimeUs nowUs) const
{
    const auto* health = find(name);
    if (health == nullptr || health->mayCall(nowUs)) {
        return std::nullopt;
    }
    Trouble trouble;
    trouble.provider = std::get<0>(name);
    trouble.model = std::get<1>(name) == Kind::Model ? std::get<2>(name) : std::string();
    trouble.state = health->stateAt(nowUs);
    trouble.untilUs = health->untilAt(nowUs);
    trouble.soft = isSoft(trouble.state);
    trouble.why = whyOf(*health, trouble.state, nowUs);
    if (!health->lastError.empty()) {
        trouble.why += " (" + health->lastError + ")";
    }
    return trouble;
}

std::optional<Trouble> ProviderHealth::keyTrouble(
    const ProxyConfig& config, const std::string& provider, TimeUs nowUs) const
{
    std::optional<Trouble> first;
    for (const auto& key : keysOf(config, provider)) {
        auto one = troubleOf({provider, Kind::Key, key.fingerprint}, nowUs);
        if (!one) {
            return std::nullopt;
        }
        // The one that ends first says when to come back; a soft one lets a request through.
        if (!first || (one->soft && !first->soft)
            || (one->soft == first->soft && one->untilUs < first->untilUs)) {
            first = std::move(one);
        }
    }
    return first;
}

std::optional<Trouble> ProviderHealth::worst(const ProxyConfig& config, const std::string& provider,
    const std::string& model, TimeUs nowUs) const
{
    std::array<std::optional<Trouble>, 3> all{troubleOf({provider, Kind::Provider, ""}, nowUs),
        keyTrouble(config, provider, nowUs), troubleOf({provider, Kind::Model, model}, nowUs)};
    std::optional<Trouble> out;
    for (auto& one : all) {
        if (one && (!out || (out->soft && !one->soft))) {
            out = std::move(one);
        }
    }
    return out;
}

std::vector<Trouble> ProviderHealth::troubles(const ProxyConfig& config) const
{
    std::vector<Trouble> out;
    if (m_quiet.load(std::memory_order_relaxed)) {
        return out;
    }
    const auto nowUs = m_clock.nowUs();
    const std::scoped_lock lock(m_mutex);
    std::string lastProvider;
    for (const auto& [name, entry] : m_entries) {
        const auto& [provider, kind, what] = name;
        if (kind != Kind::Key) {
            if (auto one = troubleOf(name, nowUs)) {
                out.push_back(std::move(*one));
            }
        } else if (provider != lastProvider) {
            lastProvider = provider;
            if (auto one = keyTrouble(config, provider, nowUs)) {
                out.push_back(std::move(*one));
            }
        }
    }
    return out;
}

std::optional<Trouble> ProviderHealth::trouble(
    const ProxyConfig& config, const catalog::Provider& provider, const std::string& model) const
{
    if (m_quiet.load(std::memory_order_relaxed) || provider.simulated) {
        return std::nullopt;
    }
    const auto nowUs = m_clock.nowUs();
    const std::scoped_lock lock(m_mutex);
    return worst(config, provider.name, model, nowUs);
}

const ProviderKey* ProviderHealth::pickKey(const std::vector<ProviderKey>& keys,
    const catalog::Provider& provider, bool only, TimeUs nowUs)
{
    const bool takesTurns = provider.keyRotation == catalog::KeyRotation::RoundRobin;
    const std::size_t start
        = takesTurns && !keys.empty() ? m_turns[provider.name]++ % keys.size() : 0;
    const ProviderKey* last = nullptr; // the one to try when every key is set aside
    TimeUs lastUntilUs = 0;
    for (std::size_t i = 0; i < keys.size(); ++i) {
        const auto& key = keys[(start + i) % keys.size()];
        const auto* health = find({provider.name, Kind::Key, key.fingerprint});
        if (health == nullptr || health->mayCall(nowUs)) {
            return &key;
        }
        const bool maybe = isSoft(health->stateAt(nowUs)) || health->mayProbeExhausted(nowUs);
        const auto untilUs = health->untilAt(nowUs);
        if (maybe && (last == nullptr || untilUs < lastUntilUs)) {
            last = &key;
            lastUntilUs = untilUs;
        }
    }
    return only ? last : nullptr;
}

Result<ProviderHealth::Call> ProviderHealth::begin(const ProxyConfig& config,
    const catalog::Provider& provider, const std::string& model, bool only)
{
    Call call;
    call.m_provider = provider.name;
    call.m_model = model;
    call.m_simulated = provider.simulated;
    const auto& keys = keysOf(config, provider.name);
    call.m_severalKeys = keys.size() > 1;
    const auto nowUs = m_clock.nowUs();
    const std::scoped_lock lock(m_mutex);
    if (provider.simulated) {
        call.m_health = this;
        return call;
    }
    const Name whole{provider.name, Kind::Provider, ""};
    const Name one{provider.name, Kind::Model, model};
    for (const auto& name : {whole, one}) {
        const auto stopped = troubleOf(name, nowUs);
        if (stopped && !(only && stopped->soft)) {
            return Error(ErrorCode::Unavailable, stopped->why);
        }
    }
    const auto* key = pickKey(keys, provider, only, nowUs);
    if (key == nullptr) {
        const auto stopped = keyTrouble(config, provider.name, nowUs);
        return Error(ErrorCode::Unavailable, stopped ? stopped->why : "has no key to use");
    }
    for (const auto& name : {whole, one, Name{provider.name, Kind::Key, key->fingerprint}}) {
        if (const auto it = m_entries.find(name); it != m_entries.end()) {
            it->second.health.begin(nowUs);
        }
    }
    call.m_key = *key;
    call.m_health = this;
    return call;
}

/// Books one outcome; returns an alert, if one is due.
std::string ProviderHealth::note(
    const Name& name, const CallOutcome& outcome, TimeUs nowUs, const std::string& label)
{
    auto& entry = m_entries[name];
    entry.label = label;
    const auto exhaustedBefore = entry.health.exhaustedUntilUs;
    const bool alarming = entry.health.end(outcome, nowUs);
    if (entry.health.exhaustedUntilUs != exhaustedBefore) {
        m_changes.fetch_add(1);
    }
    if (!entry.health.isCalm(nowUs)) {
        m_quiet.store(false);
    }
    if (!alarming) {
        return {};
    }
    const auto& [provider, kind, what] = name;
    std::string who = fmt::format("The provider \"{}\"", provider);
    if (kind == Kind::Model) {
        who = fmt::format("The model \"{}/{}\"", provider, what);
    } else if (kind == Kind::Key && !label.empty()) {
        who += fmt::format(" (key \"{}\")", label);
    }
    const auto state = entry.health.stateAt(nowUs);
    auto words = outcome.words;
    while (words.ends_with('.')) {
        words.pop_back();
    }
    return fmt::format("{} {}{}.", who, whyOf(entry.health, state, nowUs),
        words.empty() ? std::string() : " (" + words + ")");
}

void ProviderHealth::end(const Call& call, const CallOutcome& outcome)
{
    const auto nowUs = m_clock.nowUs();
    const Name model{call.m_provider, Kind::Model, call.m_model};
    std::array<std::string, 3> alerts;
    std::function<void(const std::string&)> tell;
    {
        const std::scoped_lock lock(m_mutex);
        if (call.m_simulated) {
            countOnly(m_entries[model].health, outcome, nowUs);
            return;
        }
        const auto shares = sharesOf(outcome, call.m_severalKeys);
        alerts[0] = note({call.m_provider, Kind::Provider, ""}, shares.provider, nowUs, {});
        alerts[1] = note(model, shares.model, nowUs, {});
        alerts[2] = note({call.m_provider, Kind::Key, call.m_key.fingerprint}, shares.key, nowUs,
            call.m_key.label);
        tell = m_onAlert;
    }
    for (const auto& alert : alerts) {
        if (tell && !alert.empty()) {
            tell(alert);
        }
    }
}

std::vector<HealthRow> ProviderHealth::rows() const
{
    const auto nowUs = m_clock.nowUs();
    std::vector<HealthRow> out;
    const std::scoped_lock lock(m_mutex);
    for (const auto& [name, entry] : m_entries) {
        const auto& [provider, kind, what] = name;
        HealthRow row;
        row.provider = provider;
        row.model = kind == Kind::Model ? what : std::string();
        row.key = kind == Kind::Key ? keyName(entry.label) : "";
        row.state = entry.health.stateAt(nowUs);
        row.untilUs = entry.health.untilAt(nowUs);
        row.successes = entry.health.successes;
        row.failures = entry.health.failures;
        row.consecutive = entry.health.consecutive;
        row.latencyUs = entry.health.latencyUs;
        row.lastError = entry.health.lastError;
        row.lastErrorAtUs = entry.health.lastErrorAtUs;
        row.words = whyOf(entry.health, row.state, nowUs);
        out.push_back(std::move(row));
    }
    return out;
}

void ProviderHealth::forget(const std::string& provider)
{
    const std::scoped_lock lock(m_mutex);
    std::erase_if(m_entries, [&](const auto& item) { return std::get<0>(item.first) == provider; });
    m_changes.fetch_add(1);
}

void ProviderHealth::forgetKey(const std::string& provider, const std::string& label)
{
    const std::scoped_lock lock(m_mutex);
    std::erase_if(m_entries, [&](const auto& item) {
        const auto& [name, kind, what] = item.first;
        return name == provider && kind == Kind::Key && keyName(item.second.label) == label;
    });
    m_changes.fetch_add(1);
}

// --- what a restart remembers

std::string ProviderHealth::toJson() const
{
    const auto nowUs = m_clock.nowUs();
    json::array accounts;
    const std::scoped_lock lock(m_mutex);
    for (const auto& [name, entry] : m_entries) {
        const auto& [provider, kind, what] = name;
        if (kind == Kind::Key && entry.health.stateAt(nowUs) == HealthState::Exhausted) {
            accounts.push_back(json::object{{"provider", provider}, {"key", what},
                {"label", entry.label}, {"until_us", entry.health.exhaustedUntilUs},
                {"at_us", entry.health.lastErrorAtUs}, {"words", entry.health.lastError}});
        }
    }
    return json::serialize(json::object{{"exhausted", std::move(accounts)}});
}

Result<void> ProviderHealth::readJson(std::string_view text)
{
    const Error bad(ErrorCode::Corrupt, "It is not a list of exhausted accounts.",
        "It may be removed: providers are asked again then.");
    boost::system::error_code ec;
    const auto value = json::parse(json::string_view(text.data(), text.size()), ec);
    const auto* list
        = ec || !value.is_object() ? nullptr : value.as_object().if_contains("exhausted");
    if (list == nullptr || !list->is_array() || list->as_array().size() > rememberedMax) {
        return bad;
    }
    std::map<Name, Entry> read;
    for (const auto& item : list->as_array()) {
        const auto* row = item.if_object();
        if (row == nullptr) {
            return bad;
        }
        const auto textOf = [row](const char* name) {
            const auto* field = row->if_contains(name);
            const auto* found = field == nullptr ? nullptr : field->if_string();
            return found == nullptr ? std::string() : std::string(*found);
        };
        const auto timeOf = [row](const char* name) {
            const auto* field = row->if_contains(name);
            const auto* found = field == nullptr ? nullptr : field->if_int64();
            return found == nullptr ? TimeUs(0) : *found;
        };
        Entry entry;
        entry.label = textOf("label");
        entry.health.exhaustedUntilUs = timeOf("until_us");
        entry.health.lastErrorAtUs = timeOf("at_us");
        entry.health.lastError = textOf("words").substr(0, wordsBytesMax);
        if (textOf("provider").empty() || entry.health.exhaustedUntilUs <= 0) {
            return bad;
        }
        read[{textOf("provider"), Kind::Key, textOf("key")}] = std::move(entry);
    }
    const std::scoped_lock lock(m_mutex);
    m_quiet.store(m_quiet.load() && read.empty());
    m_entries.merge(read);
    return {};
}

} // namespace headgate::proxy
