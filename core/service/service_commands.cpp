// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/log.h"
#include "core/catalog/price_book.h"
#include "core/proxy/prompt_tokens.h"
#include "core/service/provider_probe.h"
#include "core/service/service_impl.h"
#include "core/service/validate.h"
#include "core/wire/chat_request.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace headgate::service {

namespace {

template <typename List, typename IdType>
auto findById(List& list, IdType id)
{
    return std::find_if(list.begin(), list.end(), [id](const auto& item) { return item.id == id; });
}

Error noKey()
{
    return Error(
        ErrorCode::NotFound, "There is no such key.", "`headgate keys list` shows the names.");
}

/// The earlier content as the newest one: what may not come back stays as it is now.
Config restored(const Config& earlier, const Config& now, TimeUs nowUs)
{
    Config next = earlier;
    next.nextId = std::max(earlier.nextId, now.nextId);
    next.paused = now.paused;
    for (auto& key : next.keys) {
        const auto current = findById(now.keys, key.id);
        if (current != now.keys.end() && current->revokedAtUs != 0) {
            key = *current; // a revoked key never comes back by an undo of something else
        }
    }
    for (const auto& key : now.keys) {
        if (findById(next.keys, key.id) == next.keys.end()) {
            next.keys.push_back(key);
            auto& kept = next.keys.back();
            kept.revokedAtUs = kept.revokedAtUs != 0 ? kept.revokedAtUs : nowUs;
        }
    }
    for (const auto& pool : now.pools) {
        if (findById(next.pools, pool.id) == next.pools.end()) {
            next.pools.push_back(pool); // its history is in the ledger
            next.pools.back().archived = true;
        }
    }
    return next;
}

} // namespace

std::shared_ptr<const proxy::ProxyConfig> Service::Impl::proxyConfig(const Config& from) const
{
    auto out = std::make_shared<proxy::ProxyConfig>();
    out->revision = from.revision;
    out->catalog.providers = from.providers;
    out->catalog.models = from.models;
    out->catalog.applyDiscounts();
    out->policy = from.policy;
    out->org = from.settings.org;
    out->paused = from.paused;
    out->loops = from.settings.loops;
    for (const auto& key : from.keys) {
        proxy::ClientKey client;
        client.id = key.id;
        client.name = key.name;
        client.team = key.team;
        client.user = key.user;
        client.tags = key.tags;
        client.expiresAtUs = key.expiresAtUs;
        client.revoked = key.revokedAtUs != 0;
        out->keysByHash.emplace(key.hash, std::move(client));
    }
    for (const auto& provider : from.providers) {
        auto& keys = out->providerKeys[provider.name];
        if (auto secret = secrets->get(secretName(provider.name))) {
            keys.push_back(proxy::providerKey("", std::move(secret)));
        }
        for (const auto& extra : provider.extraKeys) {
            if (auto secret = secrets->get(secretName(provider.name, extra.label))) {
                keys.push_back(proxy::providerKey(extra.label, std::move(secret)));
            }
        }
        if (auto secret = secrets->get(proxySecretName(provider.name))) {
            out->proxyAuth[provider.name] = std::move(secret);
        }
    }
    return out;
}

Result<void> Service::Impl::change(
    const std::string& actor, const std::function<Result<std::string>(Config&)>& edit)
{
    Config next = *current();
    auto summary = edit(next);
    if (!summary) {
        return summary.error();
    }
    auto done = commit(std::move(next), actor, std::move(*summary));
    if (secrets) {
        noteKeys();
    }
    return done;
}

Result<void> Service::Impl::commit(Config next, const std::string& actor, std::string summary)
{
    const auto before = current();
    next.revision = before->revision + 1;
    next.atUs = std::max(clock.nowUs(), before->atUs);
    next.actor = actor;
    next.summary = std::move(summary);
    // The ledger first: no request may be admitted under pools that it does not know.
    const bool poolsChanged = !(next.pools == before->pools);
    if (poolsChanged && ledger) {
        if (auto done = ledger->setPools(next.pools); !done) {
            return done;
        }
    }
    if (auto done = store->save(next); !done) {
        if (poolsChanged && ledger) {
            if (const auto back = ledger->setPools(before->pools); !back) {
                log::error("The pools of revision {} cannot be put back: {}", before->revision,
                    back.error().text());
            }
        }
        return done;
    }
    auto published = std::make_shared<const Config>(std::move(next));
    auto forProxy = proxyConfig(*published);
    std::shared_ptr<proxy::Proxy> running;
    {
        const std::lock_guard state(stateMutex);
        config = published;
        running = proxy;
    }
    if (running) {
        running->setConfig(std::move(forProxy));
    }
    log::info("Revision {} by {}: {}", published->revision, published->actor, published->summary);
    events->configChanged();
    if (poolsChanged) {
        events->moneyMoved();
    }
    return {};
}

Result<void> Service::setPaused(bool paused, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    if (m_impl->current()->paused == paused) {
        return {};
    }
    auto done = m_impl->change(actor, [paused](Config& next) -> Result<std::string> {
        next.paused = paused;
        return std::string(paused ? "Pause all" : "Resume");
    });
    m_impl->events->statusChanged();
    return done;
}

// --- client keys

Result<CreatedKey> Service::createKey(const NewKey& given, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    CreatedKey created;
    created.key = Secret("hg-" + randomHex(32));
    auto& record = created.record;
    record.name = given.name;
    record.team = given.team;
    record.user = given.user;
    record.tags = given.tags;
    record.expiresAtUs = given.expiresAtUs;
    record.hash = strongHashHex(created.key.reveal());
    record.hint = created.key.hint();
    record.createdAtUs = m_impl->clock.nowUs();
    auto done = m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        record.id = KeyId{next.nextId++};
        if (auto fine = checkKey(next, record, record.createdAtUs); !fine) {
            return fine.error();
        }
        next.keys.push_back(record);
        return "Create key " + record.name;
    });
    if (!done) {
        return done.error();
    }
    return created;
}

Result<void> Service::revokeKey(KeyId id, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    return m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        const auto key = findById(next.keys, id);
        if (key == next.keys.end()) {
            return noKey();
        }
        if (key->revokedAtUs != 0) {
            return Error(
                ErrorCode::AlreadyExists, "The key \"" + key->name + "\" is revoked already.");
        }
        key->revokedAtUs = m_impl->clock.nowUs();
        return "Revoke key " + key->name;
    });
}

Result<void> Service::restoreKey(KeyId id, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    return m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        const auto key = findById(next.keys, id);
        if (key == next.keys.end()) {
            return noKey();
        }
        if (key->revokedAtUs == 0) {
            return Error(ErrorCode::AlreadyExists, "The key \"" + key->name + "\" is not revoked.");
        }
        KeyRecord back = *key;
        back.revokedAtUs = 0;
        const bool taken = std::any_of(next.keys.begin(), next.keys.end(), [&](const auto& other) {
            return other.id != id && other.revokedAtUs == 0 && other.name == back.name;
        });
        if (taken) {
            return Error(ErrorCode::AlreadyExists,
                "Another key is called \"" + back.name + "\" now.", "Revoke that one first.");
        }
        *key = std::move(back);
        return "Restore key " + key->name;
    });
}

// --- models, policy, settings

Result<void> Service::putModel(const catalog::Model& given, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    return m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        if (auto fine = checkModel(next, given); !fine) {
            return fine.error();
        }
        const auto found = std::find_if(next.models.begin(), next.models.end(),
            [&](const catalog::Model& model) { return model.id() == given.id(); });
        catalog::Model model = given;
        if (found == next.models.end()) {
            model.prices = mergedPrices({}, given.prices, m_impl->clock.nowUs());
            next.models.push_back(std::move(model));
            return "Add model " + given.id();
        }
        model.prices = mergedPrices(found->prices, given.prices, m_impl->clock.nowUs());
        const bool priced = model.prices.size() != found->prices.size();
        *found = std::move(model);
        return (priced ? "New price of model " : "Change model ") + given.id();
    });
}

Result<void> Service::removeModel(const std::string& modelId, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    return m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        const auto gone = std::erase_if(
            next.models, [&](const catalog::Model& model) { return model.id() == modelId; });
        if (gone == 0) {
            return Error(ErrorCode::NotFound, "There is no model \"" + modelId + "\".",
                "`headgate models list` shows them as provider/name.");
        }
        return "Remove model " + modelId;
    });
}

Result<void> Service::setPolicy(const routing::Policy& policy, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    return m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        // Through its text form, so that a policy that could not be read back is never stored.
        auto checked = routing::policyFromJson(routing::policyToJson(policy));
        if (!checked) {
            return checked.error();
        }
        if (auto fine = checkPolicy(next, *checked); !fine) {
            return fine.error();
        }
        next.policy = std::move(*checked);
        return fmt::format("Set the policy ({} rules)", next.policy.rules.size());
    });
}

Result<void> Service::setSettings(const Settings& settings, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    return m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        if (auto fine = checkSettings(settings); !fine) {
            return fine.error();
        }
        next.settings = settings;
        return std::string("Change settings");
    });
}

Result<void> Service::restoreRevision(std::int64_t revision, const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    auto earlier = m_impl->store->load(revision);
    if (!earlier) {
        return earlier.error();
    }
    return m_impl->change(actor, [&](Config& next) -> Result<std::string> {
        next = restored(*earlier, next, m_impl->clock.nowUs());
        for (auto& provider : next.providers) {
            const auto secret = m_impl->secrets->get(secretName(provider.name));
            provider.hasKey = secret != nullptr;
            provider.keyHint = secret ? secret->hint() : std::string();
            std::erase_if(provider.extraKeys, [&](const catalog::ExtraKey& key) {
                return !m_impl->secrets->get(secretName(provider.name, key.label));
            });
            provider.hasProxyAuth = m_impl->secrets->get(proxySecretName(provider.name)) != nullptr;
        }
        for (const auto& pool : next.pools) {
            if (auto fine = checkPool(next, pool); !fine) {
                return fine.error();
            }
        }
        return fmt::format("Restore revision {} ({})", revision, earlier->summary);
    });
}

std::vector<RevisionInfo> Service::revisions(int limit) const
{
    const std::lock_guard commands(m_impl->commandMutex);
    auto list = m_impl->store->list(std::clamp(limit, 1, 10'000));
    return list ? std::move(*list) : std::vector<RevisionInfo>();
}

Result<Config> Service::configAt(std::int64_t revision) const
{
    const std::lock_guard commands(m_impl->commandMutex);
    return m_impl->store->load(revision);
}

Result<DryRun> Service::dryRun(const std::string& body, const ledger::Identity& identity) const
{
    const auto config = m_impl->current();
    const auto request = wire::readChatRequest(body);
    if (!request) {
        return request.error();
    }
    DryRun out;
    out.facts = routing::extractFacts(*request, {});
    catalog::Catalog all{config->providers, config->models};
    all.applyDiscounts();
    routing::PlanInput input;
    input.facts = &out.facts;
    input.catalog = &all;
    input.policy = &config->policy;
    input.identity = identity;
    input.identity.org = config->settings.org;
    input.askedModel = request->model;
    input.clientMaxTokens = request->maxTokens;
    input.choices = request->n;
    input.serviceTier = request->serviceTier;
    input.logprobs = request->logprobs;
    input.nowUs = m_impl->clock.nowUs();
    const auto margins = m_impl->margins.table();
    const auto script = proxy::promptScript(*request);
    input.inputTokens = [&](const catalog::Model& model) {
        const auto count
            = proxy::promptTokens(*request, model.tokenizer, 0); // the plan adds images
        return routing::InputTokens{count.tokens, margins->inputAtMost(model.id(), count, script)};
    };
    input.budget = [&](const ledger::Target& target) {
        return m_impl->ledger ? m_impl->ledger->view(input.identity, target) : ledger::BudgetView();
    };
    out.plan = routing::plan(input);
    return out;
}

} // namespace headgate::service
