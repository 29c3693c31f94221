// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/service_impl.h"

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/catalog/price_book.h"
#include "core/routing/near_names.h"
#include "core/service/private_file.h"
#include "core/service/provider_probe.h"
#include "core/service/validate.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace headgate::service {

namespace {

constexpr std::size_t healthBytesMax = 1024 * 1024;

catalog::Provider* findProvider(Config& config, const std::string& name)
{
    const auto found = std::find_if(config.providers.begin(), config.providers.end(),
        [&](const catalog::Provider& provider) { return provider.name == name; });
    return found == config.providers.end() ? nullptr : &*found;
}

/// The label that was asked for, or the next "key2", "key3", …
Result<std::string> freeLabel(const catalog::Provider& provider, std::string label)
{
    const auto taken = [&](const std::string& wanted) {
        return std::any_of(provider.extraKeys.begin(), provider.extraKeys.end(),
            [&](const catalog::ExtraKey& other) { return other.label == wanted; });
    };
    for (std::size_t i = 2; label.empty(); ++i) {
        const auto wanted = fmt::format("key{}", i);
        label = taken(wanted) ? std::string() : wanted;
    }
    if (auto fine = checkName(label, "key label"); !fine) {
        return fine.error();
    }
    if (label == "key" || label.find('/') != std::string::npos || taken(label)) {
        return Error(ErrorCode::AlreadyExists,
            "The provider \"" + provider.name + "\" has a key \"" + label
                + "\" or it cannot be called so.",
            "Choose another --label.");
    }
    return label;
}

} // namespace

std::string secretName(const std::string& provider, const std::string& label)
{
    return "provider:" + provider + (label.empty() ? std::string() : "/" + label);
}

std::string proxySecretName(const std::string& provider)
{
    return "proxy:" + provider;
}

Error noProvider(const Config& config, const std::string& name)
{
    std::vector<std::string> known;
    for (const auto& provider : config.providers) {
        known.push_back(provider.name);
    }
    const auto meant = routing::didYouMean(routing::nearWords(known, name));
    return Error(ErrorCode::NotFound, "There is no provider \"" + name + "\".",
        (meant.empty() ? "" : meant + " ") + "`headgate providers list` shows the names.");
}

Result<catalog::Provider> Service::addProvider(NewProvider given, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    auto provider
        = given.as ? *given.as : catalog::providerFor(given.name, given.dialect, given.url);
    provider.hasKey = !given.key.empty();
    provider.keyHint = given.key.empty() ? std::string() : given.key.hint();
    if (auto fine = checkProvider(*m_impl->current(), provider, true); !fine) {
        return fine.error();
    }
    if (auto fine = checkSecret(given.key); !fine) {
        return fine.error();
    }
    provider.baseUrl = *checkedUrl(provider.baseUrl);
    if (auto done = m_impl->secrets->put(secretName(provider.name), given.key); !done) {
        return done.error();
    }
    auto done = m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        next.providers.push_back(provider);
        std::size_t models = 0;
        for (const auto& model : catalog::defaultBook().models) {
            if (given.addBookModels && model.provider == provider.name) {
                next.models.push_back(model);
                ++models;
            }
        }
        return fmt::format("Add provider {} with {} models", provider.name, models);
    });
    if (!done) {
        static_cast<void>(m_impl->secrets->remove(secretName(provider.name)));
        return done.error();
    }
    return provider;
}

Result<void> Service::editProvider(const catalog::Provider& given, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    return m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        const auto found = std::find_if(next.providers.begin(), next.providers.end(),
            [&](const catalog::Provider& provider) { return provider.name == given.name; });
        if (found == next.providers.end()) {
            return noProvider(next, given.name);
        }
        catalog::Provider provider = given;
        provider.simulated = found->simulated;
        provider.hasKey = found->hasKey; // the key has a command of its own
        provider.keyHint = found->keyHint;
        provider.extraKeys = found->extraKeys;
        provider.hasProxyAuth = found->hasProxyAuth;
        if (auto fine = checkProvider(next, provider, false); !fine) {
            return fine.error();
        }
        if (!provider.simulated) {
            provider.baseUrl = *checkedUrl(given.baseUrl);
        }
        *found = std::move(provider);
        return "Change provider " + given.name;
    });
}

Result<void> Service::setProviderKey(const std::string& name, Secret key, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    const auto config = m_impl->current();
    const auto known = std::find_if(config->providers.begin(), config->providers.end(),
        [&](const catalog::Provider& provider) { return provider.name == name; });
    if (known == config->providers.end()) {
        return noProvider(*config, name);
    }
    if (auto fine = checkSecret(key); !fine) {
        return fine;
    }
    const auto before = m_impl->secrets->get(secretName(name));
    if (auto done = m_impl->secrets->put(secretName(name), key); !done) {
        return done;
    }
    auto done = m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        for (auto& provider : next.providers) {
            if (provider.name == name) {
                provider.hasKey = !key.empty();
                provider.keyHint = key.empty() ? std::string() : key.hint();
            }
        }
        return (key.empty() ? "Remove the key of provider " : "Set the key of provider ") + name;
    });
    if (!done) {
        static_cast<void>(before ? m_impl->secrets->put(secretName(name), *before)
                                 : m_impl->secrets->remove(secretName(name)));
    } else {
        m_impl->health.forgetKey(name, "key");
    }
    return done;
}

Result<void> Service::removeProvider(const std::string& name, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    std::vector<std::string> names{secretName(name), proxySecretName(name)};
    for (const auto& provider : m_impl->current()->providers) {
        for (const auto& key : provider.extraKeys) {
            if (provider.name == name) {
                names.push_back(secretName(name, key.label));
            }
        }
    }
    std::vector<std::shared_ptr<const Secret>> before;
    before.reserve(names.size());
    for (const auto& secret : names) {
        before.push_back(m_impl->secrets->get(secret));
    }
    auto done = m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        const auto gone = std::erase_if(next.providers,
            [&](const catalog::Provider& provider) { return provider.name == name; });
        if (gone == 0) {
            return noProvider(next, name);
        }
        std::erase_if(
            next.models, [&](const catalog::Model& model) { return model.provider == name; });
        for (auto& model : next.models) { // nobody can stand in who is not there
            std::erase_if(
                model.fallbacks, [&](const std::string& id) { return id.starts_with(name + "/"); });
        }
        // A removed provider's keys are removed for good, also when the removal is undone.
        for (const auto& secret : names) {
            if (auto removed = m_impl->secrets->remove(secret); !removed) {
                return removed.error();
            }
        }
        return "Remove provider " + name;
    });
    for (std::size_t i = 0; !done && i < names.size(); ++i) {
        if (before[i]) {
            static_cast<void>(m_impl->secrets->put(names[i], *before[i]));
        }
    }
    if (done) {
        m_impl->health.forget(name);
    }
    return done;
}

void Service::testProvider(
    const std::string& name, const std::function<void(Result<std::string>)>& done)
{
    const auto config = m_impl->current();
    const auto found = std::find_if(config->providers.begin(), config->providers.end(),
        [&](const catalog::Provider& provider) { return provider.name == name; });
    if (found == config->providers.end()) {
        done(noProvider(*config, name));
        return;
    }
    proxy::UpstreamKeys keys;
    {
        const std::lock_guard commands(m_impl->commandMutex);
        keys.key = m_impl->secrets->get(secretName(name));
        keys.proxyAuth = m_impl->secrets->get(proxySecretName(name));
    }
    const bool queued = m_impl->probes.add(
        {}, [provider = *found, keys, done](const Worker::StillWanted& wanted) {
            auto result = probeProvider(provider, keys);
            if (wanted()) {
                done(std::move(result));
            }
        });
    if (!queued) {
        done(Error(ErrorCode::Unavailable, "Too many tests wait.", "Try again in a moment."));
    }
}

// --- more keys

std::string Service::Impl::labelOfKey(const catalog::Provider& provider, const Secret& key) const
{
    const auto isSame = [&](const std::string& label) {
        const auto kept = secrets->get(secretName(provider.name, label));
        return kept && kept->reveal() == key.reveal();
    };
    if (isSame({})) {
        return "key";
    }
    const auto found = std::find_if(provider.extraKeys.begin(), provider.extraKeys.end(),
        [&](const catalog::ExtraKey& extra) { return isSame(extra.label); });
    return found == provider.extraKeys.end() ? std::string() : found->label;
}

Result<catalog::ExtraKey> Service::addProviderKey(
    const std::string& name, std::string label, Secret key, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    Config now = *m_impl->current();
    const auto* provider = findProvider(now, name);
    if (provider == nullptr) {
        return noProvider(now, name);
    }
    if (key.empty()) {
        return Error(ErrorCode::InvalidArgument, "The key is empty.",
            "Give it with --key-env VARIABLE or --key-stdin.");
    }
    if (auto fine = checkSecret(key); !fine) {
        return fine.error();
    }
    if (!provider->hasKey) {
        return Error(ErrorCode::InvalidArgument,
            "The provider \"" + name + "\" has no first key yet.",
            "Set that one: `headgate providers set " + name + " --key-stdin`.");
    }
    const auto free = freeLabel(*provider, std::move(label));
    if (!free) {
        return free.error();
    }
    label = *free;
    if (const auto owner = m_impl->labelOfKey(*provider, key); !owner.empty()) {
        return Error(ErrorCode::AlreadyExists,
            fmt::format("The provider \"{}\" has this key already, as \"{}\".", name, owner),
            "Another key of the same account shares its limits; give one of another account.");
    }
    if (provider->extraKeys.size() + 1 >= limits::keysPerProviderMax) {
        return Error(ErrorCode::InvalidArgument,
            fmt::format("A provider takes {} keys.", limits::keysPerProviderMax),
            "Remove one that is not needed.");
    }
    const catalog::ExtraKey added{label, key.hint()};
    if (auto done = m_impl->secrets->put(secretName(name, label), key); !done) {
        return done.error();
    }
    auto done = m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        findProvider(next, name)->extraKeys.push_back(added);
        return fmt::format("Add key {} to provider {}", label, name);
    });
    if (!done) {
        static_cast<void>(m_impl->secrets->remove(secretName(name, label)));
        return done.error();
    }
    return added;
}

Result<void> Service::removeProviderKey(
    const std::string& name, const std::string& label, const std::string& actor)
{
    const Error noKey(ErrorCode::NotFound,
        "The provider \"" + name + "\" has no key \"" + label + "\".",
        "`headgate providers list --json` shows its keys.");
    if (label.empty() || label == "key") {
        Config now = *m_impl->current();
        const auto* known = findProvider(now, name);
        return known != nullptr && !known->hasKey ? Result<void>(noKey)
                                                  : setProviderKey(name, Secret(), actor);
    }
    const std::lock_guard commands(m_impl->commandMutex);
    auto done = m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        auto* provider = findProvider(next, name);
        if (provider == nullptr) {
            return noProvider(next, name);
        }
        const auto gone = std::erase_if(
            provider->extraKeys, [&](const catalog::ExtraKey& key) { return key.label == label; });
        if (gone == 0) {
            return noKey;
        }
        return fmt::format("Remove key {} of provider {}", label, name);
    });
    if (!done) {
        return done;
    }
    m_impl->health.forgetKey(name, label);
    done = m_impl->secrets->remove(secretName(name, label));
    m_impl->noteKeys();
    return done;
}

Result<void> Service::setProxyAuth(const std::string& name, Secret auth, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    Config now = *m_impl->current();
    if (findProvider(now, name) == nullptr) {
        return noProvider(now, name);
    }
    if (auto done = m_impl->secrets->put(proxySecretName(name), auth); !done) {
        return done;
    }
    return m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        findProvider(next, name)->hasProxyAuth = !auth.empty();
        return "Set the proxy password of provider " + name;
    });
}

// --- health

Result<void> Service::forgetHealth(const std::string& name, const std::string& actor)
{
    Config now = *m_impl->current();
    if (findProvider(now, name) == nullptr) {
        return noProvider(now, name);
    }
    m_impl->health.forget(name);
    log::info("What was held against provider {} is forgotten by {}.", name, actor);
    return {};
}

void Service::Impl::loadHealth()
{
    health.setOnAlert([this](const std::string& text) {
        log::warning("{}", text);
        if (events) {
            events->alert(text);
        }
    });
    const auto text = readPrivate(paths.health, healthBytesMax);
    if (!text) {
        if (text.error().code != ErrorCode::NotFound) {
            log::warning("{}", text.error().text());
        }
        return;
    }
    if (const auto read = health.readJson(*text); !read) {
        log::warning("{} is ignored. {}", paths.health, read.error().text());
    }
}

void Service::Impl::saveHealth()
{
    const std::int64_t changes = health.changes();
    if (changes == healthSaved) {
        return;
    }
    if (const auto written = writePrivate(paths.health, health.toJson()); written) {
        healthSaved = changes;
    } else {
        log::warning("{}", written.error().text());
    }
}

/// Tells the console when somebody became well or unwell.
void Service::Impl::watchHealth()
{
    std::string now;
    for (const auto& row : health.rows()) {
        if (row.state != proxy::HealthState::Healthy) {
            now += fmt::format("{}/{}/{}:{}:{} ", row.provider, row.model, row.key,
                proxy::healthStateName(row.state), row.untilUs);
        }
    }
    if (now != healthSeen) {
        healthSeen = std::move(now);
        events->configChanged();
    }
}

// --- keys that are out of reach

std::string Service::Impl::missingKeys() const
{
    for (const auto& provider : current()->providers) {
        if (provider.hasKey && !secrets->get(secretName(provider.name))) {
            return fmt::format("The key of provider \"{}\" cannot be had: the OS keychain that "
                               "keeps it is locked or gone. Unlock it, or set the key again.",
                provider.name);
        }
    }
    return {};
}

/// Waits for the keychain with no lock that anybody else needs but other commands.
void Service::Impl::retryKeychain()
{
    const std::lock_guard commands(commandMutex);
    if (!secrets->retry() && keysText == secrets->text()) {
        return;
    }
    auto forProxy = proxyConfig(*current());
    if (const auto running = runningProxy()) {
        running->setConfig(std::move(forProxy));
    }
    noteKeys();
}

void Service::Impl::noteKeys()
{
    const auto problem = missingKeys();
    const std::lock_guard state(stateMutex);
    keysText = secrets->text();
    keysProblem = problem;
}

} // namespace headgate::service
