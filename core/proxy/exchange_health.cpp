// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/exchange_impl.h"

#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/proxy/identity.h"
#include "core/proxy/provider_keys.h"

#include <fmt/format.h>

namespace headgate::proxy {

/// `softToo`: also what only asked for a pause, which a request without another way may ignore.
void Exchange::leaveOutUnwell(routing::PlanInput& input, bool softToo)
{
    m_unwell.clear();
    if (m_env.health == nullptr) {
        return;
    }
    for (const auto& trouble : m_env.health->troubles(m_config)) {
        if (trouble.soft && !softToo) {
            continue;
        }
        for (const auto& model : m_config.catalog.models) {
            if (model.provider == trouble.provider
                && (trouble.model.empty() || trouble.model == model.name)) {
                m_unwell.emplace(model.id(), "It " + trouble.why + ".");
            }
        }
    }
    input.unwell = m_unwell;
}

void Exchange::beginChain(const catalog::Model& model)
{
    if (!m_chainBegun) {
        m_chainBegun = true;
        m_chain = model.fallbacks;
    }
    nextInChain();
}

void Exchange::nextInChain()
{
    std::erase_if(m_chain, [this](const auto& id) { return m_excluded.contains(id); });
    m_askInstead.clear();
    if (!m_chain.empty()) {
        m_askInstead = m_chain.front();
        m_chain.erase(m_chain.begin());
    }
}

void Exchange::planAround(routing::PlanInput& input)
{
    const auto isStuck = [this] {
        return m_plan.outcome == routing::Outcome::RefuseNoCapable
            || m_plan.outcome == routing::Outcome::RefuseUnpriced
            || m_plan.outcome == routing::Outcome::RefuseUnknownModel;
    };
    for (;;) {
        input.askedModel = m_askInstead.empty() ? m_askedModel : m_askInstead;
        const auto* named
            = m_askInstead.empty() && isAuto() ? nullptr : m_config.catalog.model(input.askedModel);
        const bool hasChain = named != nullptr && !named->fallbacks.empty() && !m_chainBegun;
        // A model that a client names has no other way, unless an operator named one.
        m_onlyWay = !isAuto() && m_askInstead.empty() && !hasChain;
        leaveOutUnwell(input, !m_onlyWay);
        if (hasChain && m_unwell.contains(named->id())) {
            beginChain(*named);
            continue;
        }
        m_plan = routing::plan(input);
        if (isStuck() && isAuto() && m_askInstead.empty() && !m_unwell.empty()) {
            m_onlyWay = true; // what asked for a pause is better than nothing
            leaveOutUnwell(input, false);
            m_plan = routing::plan(input);
        }
        if (!isStuck() || m_askInstead.empty()) {
            break;
        }
        nextInChain(); // this one cannot take the request: the next, else what the client asked for
    }
    if (!isStuck() && m_lastFailure) {
        m_plan.reason += fmt::format(
            " It stands in for {}/{}, which took nothing.", m_replaced.provider, m_replaced.model);
    }
}

/// What the client is told when nobody is well enough to ask.
std::optional<Refusal> Exchange::refusalForUnwell() const
{
    if (m_plan.outcome != routing::Outcome::RefuseNoCapable || m_lastFailure || m_unwell.empty()) {
        return std::nullopt;
    }
    for (const auto& candidate : m_plan.candidates) {
        const auto why = m_unwell.find(candidate.model);
        if (candidate.lost != routing::Lost::Excluded || why == m_unwell.end()) {
            continue;
        }
        const auto* asked = isAuto() ? nullptr : m_config.catalog.model(m_view.model);
        if (asked != nullptr && asked->id() != candidate.model) {
            continue;
        }
        Refusal refusal;
        refusal.kind = RefusalKind::UpstreamFailed;
        refusal.message = fmt::format("\"{}\" is not asked now. {} An operator sees more in the "
                                      "console under Catalog.",
            candidate.model, why->second);
        return refusal;
    }
    return std::nullopt;
}

Result<UpstreamKeys> Exchange::takeKeys(const catalog::Provider& provider)
{
    UpstreamKeys keys;
    keys.abandoned = &m_left;
    if (const auto it = m_config.proxyAuth.find(provider.name); it != m_config.proxyAuth.end()) {
        keys.proxyAuth = it->second;
    }
    if (keysOutOfReach(m_config, provider)) {
        return Error(ErrorCode::Unavailable,
            fmt::format("The key of provider \"{}\" cannot be had: the OS keychain that keeps it "
                        "is locked or gone. An operator can unlock it or set the key again.",
                provider.name));
    }
    if (m_env.health == nullptr) {
        keys.key = keysOf(m_config, provider.name).front().secret;
        return keys;
    }
    m_healthCall = {}; // a trial that was claimed before is free again
    auto begun = m_env.health->begin(m_config, provider, m_plan.modelName, m_onlyWay);
    if (!begun) {
        return Error(ErrorCode::Unavailable,
            fmt::format("The provider \"{}\" {}.", provider.name, begun.error().message));
    }
    m_healthCall = std::move(*begun);
    keys.key = m_healthCall.key().secret;
    return keys;
}

// --- how it went

void Exchange::noteHealth(CallEnd end, const std::string& words)
{
    CallOutcome outcome;
    outcome.end = end;
    outcome.latencyUs = m_latencyUs;
    outcome.words = log::redacted(words);
    m_healthCall.end(std::move(outcome));
}

void Exchange::noteConnectFailed(const UpstreamError& error)
{
    noteHealth(error.ours || m_left || m_shutdown ? CallEnd::Neutral : CallEnd::Unreachable,
        error.message);
}

/// Whoever ended it first is to blame.
void Exchange::noteBrokenOff(const std::string& words)
{
    if (m_left || m_shutdown || m_drainExpired || m_overrun) {
        noteHealth(CallEnd::Neutral);
    } else {
        noteHealth(m_timedOut ? CallEnd::TimedOut : CallEnd::Broke, words);
    }
}

// --- what may be tried instead

bool Exchange::mayFallBack(const wire::RefusalReply& failure, const std::string& text, CallEnd end)
{
    if (m_fallbacks >= limits::fallbacksMax || m_left || m_shutdown || m_model == nullptr) {
        return false;
    }
    const bool keyMatters
        = end == CallEnd::KeyRefused || end == CallEnd::Exhausted || end == CallEnd::RateLimited;
    const bool anotherKey = keyMatters && m_env.health != nullptr
        && keysOf(m_config, m_plan.provider).size() > 1
        && !m_env.health->trouble(m_config, *m_provider, m_plan.modelName);
    if (!anotherKey) {
        m_excluded.insert(m_plan.model);
        for (const auto& model : m_config.catalog.models) {
            // Who cannot be reached, or has no money or no good key, has none for its other models.
            if (model.provider == m_plan.provider
                && (end == CallEnd::Unreachable || end == CallEnd::Exhausted)) {
                m_excluded.insert(model.id());
            }
        }
        beginChain(*m_model);
        if (m_askInstead.empty() && !isAuto()) {
            return false;
        }
    }
    ++m_fallbacks;
    m_replaced.provider = m_plan.provider;
    m_replaced.model = m_plan.modelName;
    m_replaced.tier = m_plan.tier;
    m_lastFailure = failure;
    m_lastFailureText = text;
    return true;
}

bool Exchange::mayFallBackFromRefusal()
{
    return mayFallBack(m_codec.writeRefusal(*m_refusal), m_refusal->message, CallEnd::Unreachable);
}

bool Exchange::lastFailureIsTruer(const Refusal& refusal) const
{
    // Nobody could take the place of the provider that failed. A cap that stopped the fallback is
    // told as the cap: raising it is what helps.
    return m_lastFailure
        && (refusal.kind == RefusalKind::NoCapableModel || refusal.kind == RefusalKind::NotFound
            || refusal.kind == RefusalKind::Unpriced);
}

} // namespace headgate::proxy
