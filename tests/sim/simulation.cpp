// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/simulation.h"

#include "core/base/secret.h"

#include <algorithm>

namespace headgate::sim {

namespace {
constexpr const char* ledgerPath = "/sim/ledger.db";
constexpr std::int64_t tickUs = 250 * usPerMs;
/// A run that does not come to rest within so many events is a finding of its own.
constexpr std::int64_t drainStepsMax = 400'000;
} // namespace

RunResult runSeed(const RunOptions& options)
{
    Simulation simulation(options);
    return simulation.run();
}

Simulation::Simulation(const RunOptions& options)
    : m_options(options),
      m_scenario(drawScenario(options.seed)),
      m_world(options.seed, m_scenario.startUs, options.isShown),
      m_disk(fmt::format("sim-{}", options.seed), options.seed),
      m_auditor(m_world, m_scenario, m_disk, ledgerPath),
      m_providers(m_world, m_scenario, m_auditor),
      m_mix(m_scenario, m_world.rng),
      m_margins(std::make_unique<tokens::Margins>()),
      m_pools(m_scenario.pools)
{
    m_catalog.providers = m_scenario.providers;
    m_catalog.models = m_scenario.models;
    m_decisions.onId = [this](int client, DecisionId id) { m_auditor.onDecisionId(client, id); };
    m_decisions.onDecision = [this](int client, const activity::Decision& decision) {
        m_auditor.onDecision(client, decision);
    };
}

Simulation::~Simulation()
{
    if (isUp()) {
        m_disk.endProcess();
        m_host->die();
    }
    m_auditor.hostEnded();
    m_host.reset();
}

RunResult Simulation::run()
{
    begin();
    const int requests = m_scenario.requests;
    while (!m_auditor.broken() && m_world.eventsRun() < m_options.eventsMax && m_requests < requests
        && m_world.step()) { }
    RunResult result;
    result.events = m_world.eventsRun();
    if (!m_auditor.broken()) {
        becomeQuiet();
    }
    if (!m_auditor.broken()) {
        finish();
    }
    result.broken = m_auditor.broken();
    result.hash = m_world.log.hash();
    result.scenario = m_scenario.text();
    result.tail.assign(m_world.log.tail().begin(), m_world.log.tail().end());
    result.counts = m_auditor.counts();
    result.billed = m_auditor.billedTotal();
    result.restarts = m_restarts;
    return result;
}

void Simulation::begin()
{
    m_world.note("{}", m_scenario.text());
    startHost();
    setPools();
    scheduleBurst();
    scheduleOperator();
}

// --- the host

void Simulation::configure()
{
    auto config = std::make_shared<proxy::ProxyConfig>();
    config->revision = 1;
    config->catalog = m_catalog;
    config->paused = m_isPaused;
    for (const KeyOwner& owner : m_scenario.keys) {
        proxy::ClientKey key;
        key.id = KeyId{owner.id};
        key.name = owner.name;
        key.team = owner.team;
        key.user = owner.user;
        key.tags = owner.tags;
        config->keysByHash.emplace(strongHashHex(owner.secret), key);
    }
    for (const catalog::Provider& provider : m_scenario.providers) {
        config->providerKeys[provider.name] = {proxy::providerKey(
            "", std::make_shared<const Secret>(std::string("hg-canary-provider")))};
    }
    m_host->setConfig(std::move(config));
}

void Simulation::startHost()
{
    SimLedger::Options options;
    options.path = ledgerPath;
    options.powerSafe = m_scenario.powerSafe;
    options.commitUsMax = m_scenario.commitUsMax;
    options.onCommit = [this] { m_auditor.onCommit(); };
    options.onEvent
        = [this](const ledger::LedgerEvent& event) { m_world.note("ledger says: {}", event.text); };
    options.onDiskDown = [this] { hostDies("ends inside a commit"); };
    const Host::Parts parts{m_world, m_scenario, m_disk, m_providers, m_decisions, *m_margins};
    m_host = std::make_unique<Host>(parts, std::move(options));
    if (const auto started = m_host->start(); !started) {
        m_world.note("host cannot start: {}", started.error().text());
        if (started.error().code == ErrorCode::Corrupt) {
            m_auditor.fail("I5", "The ledger does not open again: " + started.error().text());
        }
        m_host.reset();
        restartLater();
        return;
    }
    m_isDown = false;
    m_world.note("host is up");
    configure();
    if (m_isQuiet) {
        m_host->behave();
    }
    m_auditor.hostStarted(m_host->ledger().engine());
}

void Simulation::restartLater()
{
    m_world.after(m_world.rng.between(50'000, 30'000'000), Where::Host, [this] {
        m_host.reset();
        m_disk.restart();
        if (m_isQuiet) {
            m_disk.clearFaults();
        }
        ++m_restarts;
        startHost();
    });
}

/// The disk is down already: nothing that unwinds here leaves a trace.
void Simulation::hostDies(const char* how)
{
    if (m_isDown) {
        return;
    }
    m_world.note("host {}", how);
    m_isDown = true;
    m_auditor.hostEnded();
    m_host->die();
    m_margins = std::make_unique<tokens::Margins>();
    restartLater();
}

void Simulation::ensureTicks()
{
    if (m_isTicking) {
        return;
    }
    m_isTicking = true;
    m_world.after(tickUs, Where::Host, [this] { tick(); });
}

void Simulation::tick()
{
    m_isTicking = false;
    if (!isUp()) {
        return;
    }
    m_host->tick();
    if (!isUp()) {
        return;
    }
    if (const auto& mismatch = m_host->ledger().engine().mismatch()) {
        m_auditor.fail("I1", "Books and store disagree: " + mismatch->text());
    }
    applyDuePrices();
    if (m_host->isBusy()) {
        ensureTicks();
    }
}

// --- clients

void Simulation::scheduleBurst()
{
    const std::int64_t gap = m_world.rng.between(1'000, m_scenario.gapUsMax);
    m_world.after(std::max(gap, quietUs()), Where::Outside, [this] {
        if (!m_isQuiet && quietUs() > 0) { // nobody is at work
            scheduleBurst();
            return;
        }
        if (m_isQuiet || m_requests >= m_scenario.requests) {
            return;
        }
        const auto count = m_world.rng.between(1, m_scenario.burstMax);
        for (std::int64_t i = 0; i < count && m_requests < m_scenario.requests; ++i) {
            const auto request = m_mix.next(++m_requests);
            m_world.after(
                m_world.rng.between(0, 20'000), Where::Host, [this, request] { arrive(request); });
        }
        scheduleBurst();
    });
}

void Simulation::arrive(const std::shared_ptr<ClientRequest>& request)
{
    m_world.note("request {} of {} ({}{}{}): {} bytes for {}", request->number, request->key->name,
        request->identity.user, request->name.empty() ? "" : ", named " + request->name,
        request->isStream ? ", stream" : "", request->bytes.size(), request->model);
    if (!isUp()) {
        m_world.note("request {} finds nobody", request->number);
        return;
    }
    m_auditor.onClient(request);
    Rng& rng = m_world.rng;
    auto pipe = std::make_shared<ClientPipe>(
        m_world, request, !m_isQuiet && m_scenario.strikes(Fault::SlowClient, rng));
    if (!m_isQuiet && m_scenario.strikes(Fault::ClientLeaves, rng)) {
        const std::int64_t us = rng.chancePermille(300) ? 0 : rng.between(0, 8'000'000);
        m_world.after(us, Where::Host, [pipe] { pipe->leave(); });
    }
    m_host->serve(request, std::move(pipe));
    ensureTicks();
}

// --- the end

/// True when nothing is under way any more.
bool Simulation::drain(std::int64_t stepsMax)
{
    for (std::int64_t steps = 0; steps < stepsMax && !m_auditor.broken(); ++steps) {
        if (isUp() && !m_host->isBusy() && m_providers.isIdle() && !m_world.hostSleeps()) {
            return true;
        }
        if (isUp()) {
            ensureTicks();
        }
        if (!m_world.step()) {
            return false;
        }
    }
    return m_auditor.broken().has_value();
}

void Simulation::becomeQuiet()
{
    m_world.note("faults stop");
    m_isQuiet = true;
    m_isPaused = false;
    m_disk.clearFaults();
    m_providers.behave();
    if (isUp()) {
        m_host->behave();
        configure();
    }
    if (!drain(drainStepsMax)) {
        m_auditor.fail("I8",
            fmt::format("Something never ends: {} exchanges, {} open holds.",
                isUp() ? m_host->exchanges() : 0,
                isUp() ? m_host->ledger().engine().books().openHoldCount() : -1));
    }
    if (m_auditor.broken()) {
        return;
    }
    m_auditor.checkQuiet(m_host->ledger().engine());
    if (m_scenario.isCalm) {
        m_auditor.checkUtilisation();
    }
}

/// Money enough for a small request, in every pool. The store may have to be tried again first.
void Simulation::refill()
{
    for (ledger::Pool& pool : m_pools) {
        pool.frozen = false;
        pool.cap = pool.cap.plusSaturated(Money::fromCents(1'000));
        if (pool.window.kind == ledger::WindowKind::Bucket) {
            pool.window = ledger::Window::parse("lifetime").value();
        }
    }
    const auto wanted = m_pools;
    m_poolsInForce = false;
    for (int tries = 0; tries < 20 && !m_poolsInForce && !m_auditor.broken(); ++tries) {
        m_pools = wanted;
        setPools();
        passTime();
    }
    for (const ledger::Pool& pool : m_pools) {
        m_host->ledger().command(
            [id = pool.id](ledger::Books& books) { return books.unfreezeAccounts(id, "operator"); },
            [](const Result<void>&) {});
    }
    passTime();
    if (!m_poolsInForce) {
        m_auditor.fail("I8", "Faults have stopped, but the pools cannot be set.");
    }
}

/// Commands are no holds: gives them their commits.
void Simulation::passTime()
{
    for (int i = 0; i < 4; ++i) {
        m_world.clock.advanceTo(m_world.clock.trueUs() + tickUs);
        m_host->ledger().flush();
        m_world.settleDown();
    }
}

void Simulation::probeAll()
{
    std::vector<std::shared_ptr<ClientRequest>> probes;
    for (const KeyOwner& key : m_scenario.keys) {
        auto probe = m_mix.probe(++m_requests, key);
        probes.push_back(probe);
        m_world.after(1'000, Where::Host, [this, probe] { arrive(probe); });
    }
    const std::int64_t untilUs = m_world.clock.trueUs() + 2'000;
    while (m_world.clock.trueUs() < untilUs && m_world.step()) { }
    static_cast<void>(drain(drainStepsMax));
    for (const auto& probe : probes) {
        if (!m_auditor.broken()) {
            m_auditor.checkProbe(*probe);
        }
    }
}

void Simulation::finish()
{
    refill();
    if (!m_auditor.broken()) {
        probeAll();
    }
    if (m_auditor.broken()) {
        return;
    }
    m_auditor.checkQuiet(m_host->ledger().engine());
    m_host->stop();
    m_isDown = true;
    m_auditor.hostEnded();
    m_host.reset();
    m_auditor.checkAtRest();
    startHost();
    if (!isUp() && !m_auditor.broken()) {
        m_auditor.fail("I5", "The ledger does not open again after an orderly end.");
    }
}

} // namespace headgate::sim
