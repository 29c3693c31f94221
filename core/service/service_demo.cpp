// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/log.h"
#include "core/service/service_impl.h"

#include <algorithm>
#include <utility>

namespace headgate::service {

namespace {

/// Makes the persona's key, or puts a new secret into its revoked one, so that records do not pile
/// up with every demo.
Result<Secret> addDemoKey(Config& next, const DemoPersona& persona, TimeUs nowUs)
{
    const std::string name = demoKeyPrefix + persona.user;
    auto key = std::find_if(next.keys.begin(), next.keys.end(),
        [&name](const KeyRecord& known) { return known.name == name; });
    if (key == next.keys.end()) {
        next.keys.emplace_back();
        key = std::prev(next.keys.end());
        key->id = KeyId{next.nextId++};
        key->name = name;
    } else if (key->revokedAtUs == 0) {
        return Error(ErrorCode::AlreadyExists, "The key \"" + name + "\" is in use.",
            "Revoke it: demo traffic makes a key of that name.");
    }
    Secret secret("hg-" + randomHex(32));
    key->team = persona.team;
    key->user = persona.user;
    key->tags = {"demo:traffic"};
    key->createdAtUs = nowUs;
    key->revokedAtUs = 0;
    key->hash = strongHashHex(secret.reveal());
    key->hint = secret.hint();
    return secret;
}

} // namespace

Result<void> Service::startDemo(int requestsPerMinute, int seconds)
{
    const std::lock_guard commands(m_impl->commandMutex);
    const auto proxy = m_impl->runningProxy();
    if (!proxy) {
        return Error(ErrorCode::Unavailable, "The proxy is not serving.",
            "Start it first: demo traffic is a client like any other.");
    }
    if (requestsPerMinute < 1 || requestsPerMinute > 60'000) {
        return Error(ErrorCode::InvalidArgument, "The rate must be 1 to 60,000 requests a minute.");
    }
    m_impl->stopDemoLocked();
    DemoOptions options;
    options.url = proxy->url();
    options.requestsPerMinute = requestsPerMinute;
    options.seconds = seconds;
    options.seed = static_cast<std::uint64_t>(m_impl->clock.nowUs());
    auto done = m_impl->change("demo", [&](Config& next) -> Result<std::string> {
        for (const auto& persona : demoPersonas()) {
            auto secret = addDemoKey(next, persona, m_impl->clock.nowUs());
            if (!secret) {
                return secret.error();
            }
            options.clients.push_back({persona.team, persona.user, std::move(*secret)});
        }
        return std::string("Start demo traffic");
    });
    if (!done) {
        return done;
    }
    auto started = DemoTraffic::start(std::move(options));
    if (!started) {
        return started.error();
    }
    m_impl->demo = std::move(*started);
    m_impl->demoRuns = true;
    m_impl->events->statusChanged();
    return {};
}

void Service::Impl::stopDemoLocked()
{
    if (!demo) {
        return;
    }
    demoCounted = demo->counts();
    demo.reset();
    demoRuns = false;
    auto done = change("demo", [this](Config& next) -> Result<std::string> {
        for (auto& key : next.keys) {
            const bool ours
                = std::find(key.tags.begin(), key.tags.end(), "demo:traffic") != key.tags.end();
            if (ours && key.revokedAtUs == 0) {
                key.revokedAtUs = clock.nowUs();
            }
        }
        return std::string("Stop demo traffic");
    });
    if (!done) {
        log::warning("The demo keys cannot be revoked: {}", done.error().text());
    }
    events->statusChanged();
}

/// A demo with a duration ends by itself; its keys must not outlive it.
void Service::Impl::endFinishedDemo()
{
    const std::unique_lock commands(commandMutex, std::try_to_lock);
    if (commands.owns_lock() && demo && !demo->running()) {
        stopDemoLocked();
    }
}

DemoCounts Service::demoCounts() const
{
    const std::lock_guard commands(m_impl->commandMutex);
    return m_impl->demo ? m_impl->demo->counts() : m_impl->demoCounted;
}

void Service::stopDemo()
{
    const std::lock_guard commands(m_impl->commandMutex);
    m_impl->stopDemoLocked();
}

bool Service::demoRunning() const
{
    return m_impl->demoRuns;
}

} // namespace headgate::service
