// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/service.h"

#include "core/base/log.h"
#include "core/catalog/price_book.h"
#include "core/service/private_file.h"
#include "core/service/service_impl.h"

#include <fmt/format.h>

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <utility>

namespace headgate::service {

namespace {

/// A verb holds the home folder for moments only; a start waits for it this long.
constexpr int lockWaitMs = 5'000;
/// What a start waits for streams when nobody said otherwise (destructor).
constexpr int drainAtEndMs = 2'000;
/// The ledger's position is remembered every this many ticks of a quarter second.
constexpr std::int64_t rememberEveryTicks = 40;
/// Learned margins are kept every half minute; what is lost is learned again.
constexpr std::int64_t marginsEveryTicks = 120;
constexpr std::size_t marginsBytesMax = 64 * 1024 * 1024;
/// In config.db: the journal's length as last seen with what restores lost of it, that loss, how
/// many restores were noticed, how many accepted.
constexpr std::array oldLedgerCounters{
    "ledger_sequence", "ledger_lost", "ledger_restores", "ledger_restores_accepted"};

Config firstConfig(TimeUs nowUs)
{
    Config config;
    config.revision = 1;
    config.atUs = nowUs;
    config.actor = "setup";
    config.summary = "First start: simulated provider and a cap of $25.00 a day";
    config.providers.push_back(catalog::simProvider());
    config.models = catalog::simModels();
    ledger::Pool pool;
    pool.id = PoolId{1};
    pool.name = "organisation-day";
    pool.cap = Money::fromCents(2'500);
    pool.zone = systemZone();
    config.pools.push_back(std::move(pool));
    config.nextId = 2;
    return config;
}

} // namespace

std::string defaultHome()
{
    const auto variable = [](const char* name) {
        // Headgate never sets a variable, and this runs before its threads.
        const char* value = std::getenv(name); // NOLINT(concurrency-mt-unsafe)
        return std::string(value == nullptr ? "" : value);
    };
    if (auto home = variable("HEADGATE_HOME"); !home.empty()) {
        while (home.size() > 1 && home.ends_with('/')) {
            home.pop_back();
        }
        return home;
    }
    if (const auto data = variable("XDG_DATA_HOME"); data.starts_with('/')) {
        return data + "/headgate";
    }
    auto user = variable("HOME");
    if (user.empty()) {
        const passwd* entry = ::getpwuid(::getuid()); // NOLINT(concurrency-mt-unsafe)
        user = entry != nullptr ? entry->pw_dir : "/tmp";
    }
    return user + "/.local/share/headgate";
}

// --- opening

Service::Impl::Impl(ServiceOptions given)
    : options(std::move(given)),
      paths(homePaths(options.home))
{
    events = std::make_unique<EventHub>([this] { tick(); });
}

Service::Impl::~Impl()
{
    shutDown();
}

void Service::Impl::shutDown()
{
    control.reset(); // no new commands
    {
        const std::lock_guard commands(commandMutex);
        stopDemoLocked();
    }
    std::shared_ptr<proxy::Proxy> last;
    {
        const std::lock_guard state(stateMutex);
        last = std::exchange(proxy, nullptr);
    }
    if (last) {
        last->drainAndStop(drainAtEndMs);
        last.reset();
    }
    probes.close();
    reports.close();
    events->stop();
    if (ledger && store) {
        rememberSequence();
    }
    if (lock) {
        saveMargins();
        saveResponses();
    }
    ledger.reset(); // answers and commits what is queued
    activityLog.reset(); // flushes
    if (lock) {
        log::info("Closed {}.", paths.home);
        log::stop();
    }
}

Result<void> Service::Impl::openHome()
{
    if (auto done = prepareHome(paths.home); !done) {
        return done;
    }
    auto taken = HomeLock::take(paths, lockWaitMs);
    if (!taken) {
        return taken.error();
    }
    lock.emplace(std::move(*taken));
    log::start(paths.logFile, log::Level::Info, options.logToStderr);
    startedAtUs = clock.nowUs();
    loadMargins();
    return {};
}

Result<void> Service::Impl::openConfig()
{
    auto opened = ConfigStore::open(paths.config);
    if (!opened) {
        return opened.error();
    }
    store.emplace(std::move(*opened));
    auto newest = store->newest();
    if (!newest) {
        return newest.error();
    }
    Config first;
    if (!*newest) {
        first = firstConfig(startedAtUs);
        if (auto done = store->save(first); !done) {
            return done;
        }
    } else {
        first = std::move(**newest);
    }
    config = std::make_shared<const Config>(std::move(first));
    auto box = SecretStore::open(paths.secrets, paths.secretsKey);
    if (!box) {
        return box.error();
    }
    auto maker = options.keychain;
    if (!maker) {
        maker = [home = paths.home] { return openSystemKeychain(home); };
    }
    secrets.emplace(std::move(*box), std::move(maker));
    keysText = secrets->text();
    keysProblem = missingKeys();
    log::info("{}", keysText);
    loadHealth();
    loadResponses();
    return {};
}

Result<void> Service::Impl::openLedger()
{
    ledger::LedgerOptions ledgerOptions;
    ledgerOptions.path = paths.ledger;
    ledgerOptions.powerSafe = config->settings.powerSafe;
    ledgerOptions.onEvent = [this](const ledger::LedgerEvent& event) { onLedgerEvent(event); };
    auto opened = ledger::SqliteLedger::open(std::move(ledgerOptions), clock);
    if (!opened && opened.error().code == ErrorCode::Corrupt) {
        // Nothing may be spent on books that do not add up, but the console must be able to show
        // them.
        ledgerProblem = opened.error().text();
        log::error("The ledger stays closed: {}", ledgerProblem);
        return {};
    }
    if (!opened) {
        return opened.error();
    }
    ledger = std::move(*opened);
    if (auto done = noticeOldLedger(); !done) { // before anything new is written
        return done;
    }
    return ledger->setPools(config->pools);
}

/// config.db remembers how far the journal had come; entries that a restore lost are added to what
/// is found, so that the sum only grows and each restore is noticed once. The warning stands, also
/// after restarts, until the operator accepts it.
Result<void> Service::Impl::noticeOldLedger()
{
    const auto newest = ledger->journal(std::nullopt, 0, 1);
    if (!newest) {
        return newest.error();
    }
    std::array<std::int64_t, oldLedgerCounters.size()> counted{};
    for (std::size_t i = 0; i < counted.size(); ++i) {
        const auto value = store->counter(oldLedgerCounters[i]);
        if (!value) {
            return value.error();
        }
        counted[i] = *value;
    }
    auto [seen, lost, noticed, accepted] = counted;
    const std::int64_t found = newest->empty() ? 0 : newest->front().sequence;
    if (found + lost < seen) {
        oldLedger = fmt::format(
            "ledger.db went back by {} entries to entry {}: ", seen - lost - found, found);
        lost = seen - found;
        ++noticed;
        // In this order: a crash in between makes it be noticed twice, never not at all.
        for (const auto& [name, value] :
            {std::pair{"ledger_restores", noticed}, std::pair{"ledger_lost", lost}}) {
            if (auto done = store->setCounter(name, value); !done) {
                return done;
            }
        }
    }
    sequenceLost = lost;
    sequenceSaved = std::max(seen, found + lost);
    if (noticed > accepted) {
        oldLedger
            += "An older copy of ledger.db was restored, so spending since it was made is "
               "missing from the caps. Put the newer file back, or book what is missing with "
               "\"headgate pools adjust\"; then \"headgate ledger accept\" ends this warning.";
        log::warning("{}", oldLedger);
    }
    return {};
}

Result<void> Service::acceptOldLedger(const std::string& actor)
{
    const std::lock_guard commands(m_impl->commandMutex);
    const auto noticed = m_impl->store->counter("ledger_restores");
    if (!noticed) {
        return noticed.error();
    }
    {
        const std::lock_guard state(m_impl->stateMutex);
        if (m_impl->oldLedger.empty()) {
            return Error(ErrorCode::NotFound, "No older copy of ledger.db was noticed.");
        }
    }
    // A revision of its own, so that it is known who took the responsibility.
    auto done = m_impl->change(actor,
        [](Config&) -> Result<std::string> { return std::string("Accept the restored ledger"); });
    if (done) {
        done = m_impl->store->setCounter("ledger_restores_accepted", *noticed);
    }
    if (done) {
        const std::lock_guard state(m_impl->stateMutex);
        if (m_impl->warning == m_impl->oldLedger) {
            m_impl->warning.clear();
        }
        m_impl->oldLedger.clear();
    }
    m_impl->events->statusChanged();
    return done;
}

Result<void> Service::Impl::openActivity()
{
    activity::ActivityOptions logOptions;
    logOptions.path = paths.activity;
    logOptions.spillPath = paths.spill;
    logOptions.onAppended
        = [this](const std::vector<activity::Decision>& rows) { events->appended(rows); };
    auto opened = activity::ActivityLog::open(std::move(logOptions));
    if (!opened) {
        return opened.error();
    }
    activityLog = std::move(*opened);
    return {};
}

/// Demo keys that a killed program left behind open nothing: their secrets are gone with it.
Result<void> Service::Impl::dropStaleDemoKeys()
{
    const auto isStale = [](const KeyRecord& key) {
        return key.revokedAtUs == 0 && key.name.starts_with(demoKeyPrefix)
            && std::find(key.tags.begin(), key.tags.end(), "demo:traffic") != key.tags.end();
    };
    if (std::none_of(config->keys.begin(), config->keys.end(), isStale)) {
        return {};
    }
    return change("setup", [&](Config& next) -> Result<std::string> {
        for (auto& key : next.keys) {
            key.revokedAtUs = isStale(key) ? clock.nowUs() : key.revokedAtUs;
        }
        return std::string("Revoke keys of earlier demo traffic");
    });
}

Result<std::unique_ptr<Service>> Service::open(ServiceOptions options)
{
    if (options.home.empty()) {
        options.home = defaultHome();
    }
    auto impl = std::make_unique<Impl>(std::move(options));
    for (const auto step : {&Impl::openHome, &Impl::openConfig, &Impl::openLedger,
             &Impl::openActivity, &Impl::dropStaleDemoKeys}) {
        if (auto done = ((*impl).*step)(); !done) {
            return done.error();
        }
    }
    impl->tick();
    impl->events->start();
    log::info("Opened {} at revision {}.", impl->paths.home, impl->config->revision);
    const bool control = impl->options.control;
    const std::string home = impl->paths.home;
    std::unique_ptr<Service> service(new Service(std::move(impl)));
    if (control) {
        auto server = ControlServer::start(*service, home);
        if (!server) {
            return server.error();
        }
        service->m_impl->control = std::move(*server);
    }
    return service;
}

Service::Service(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) { }

Service::~Service() = default;

// --- life

std::shared_ptr<const Config> Service::Impl::current() const
{
    const std::lock_guard state(stateMutex);
    return config;
}

std::shared_ptr<proxy::Proxy> Service::Impl::runningProxy() const
{
    const std::lock_guard state(stateMutex);
    return proxy;
}

std::string Service::Impl::zone() const
{
    const auto now = current();
    return now->settings.zone.empty() ? systemZone() : now->settings.zone;
}

Result<ledger::SqliteLedger*> Service::Impl::openedLedger() const
{
    if (!ledger) {
        return Error(ErrorCode::Unavailable, "The ledger is closed: " + ledgerProblem,
            "Restore ledger.db from a backup; `headgate ledger verify` lists the differences.");
    }
    return ledger.get();
}

Result<void> Service::serve(const std::string& host, int port)
{
    const std::lock_guard commands(m_impl->commandMutex);
    const auto ledger = m_impl->openedLedger();
    if (!ledger) {
        return ledger.error();
    }
    if (m_impl->runningProxy()) {
        return Error(ErrorCode::AlreadyExists, "The proxy is serving already.");
    }
    proxy::ProxyOptions options;
    options.host = host;
    options.port = port;
    options.sim.billPath = m_impl->paths.simBill;
    options.sim.latencyPermille = m_impl->options.simLatencyPermille;
    options.margins = &m_impl->margins;
    options.health = &m_impl->health;
    options.responses = &m_impl->responses;
    options.onAlert = [impl = m_impl.get()](const std::string& text) {
        log::warning("{}", text);
        impl->events->alert(text);
    };
    auto started = proxy::Proxy::start(std::move(options), m_impl->proxyConfig(*m_impl->current()),
        **ledger, *m_impl->activityLog, m_impl->clock);
    if (!started) {
        return started.error();
    }
    log::info("Serving on {}.", (*started)->url());
    {
        const std::lock_guard state(m_impl->stateMutex);
        m_impl->proxy = std::move(*started);
    }
    m_impl->events->statusChanged();
    return {};
}

void Service::stopServing(int waitMs)
{
    std::shared_ptr<proxy::Proxy> last;
    {
        const std::lock_guard commands(m_impl->commandMutex);
        m_impl->stopDemoLocked();
        last = m_impl->runningProxy();
    }
    if (!last) {
        return;
    }
    last->drainAndStop(waitMs);
    const auto stats = last->stats();
    {
        const std::lock_guard state(m_impl->stateMutex);
        if (m_impl->proxy == last) {
            m_impl->requestsBefore += stats.requests;
            m_impl->refusedBefore += stats.refused;
            m_impl->proxy.reset();
        }
    }
    log::info("Stopped serving.");
    m_impl->activityLog->flush();
    m_impl->events->statusChanged();
}

Status Service::status() const
{
    Status out;
    const auto proxy = m_impl->runningProxy();
    const auto config = m_impl->current();
    if (proxy) {
        const auto stats = proxy->stats();
        out.serving = true;
        out.url = proxy->url();
        out.inFlight = stats.inFlight;
        out.requests = stats.requests;
        out.refused = stats.refused;
        out.tokenCounts = stats.tokenCounts;
        out.tokenCountsAsked = stats.tokenCountsAsked;
    }
    out.paused = config->paused;
    out.held = m_impl->ledger ? m_impl->ledger->heldTotal() : Money();
    out.revision = config->revision;
    out.startedAtUs = m_impl->startedAtUs;
    out.home = m_impl->paths.home;
    out.version = HEADGATE_VERSION;
    const std::lock_guard state(m_impl->stateMutex);
    out.requests += m_impl->requestsBefore;
    out.refused += m_impl->refusedBefore;
    out.spentToday = m_impl->spentToday;
    out.capToday = m_impl->capToday;
    out.warning = m_impl->warning;
    out.keys = m_impl->keysText;
    return out;
}

int Service::subscribe(std::function<void(const Event&)> listener)
{
    return m_impl->events->subscribe(std::move(listener));
}

void Service::unsubscribe(int subscription)
{
    m_impl->events->unsubscribe(subscription);
}

// --- watching

void Service::Impl::onLedgerEvent(const ledger::LedgerEvent& event)
{
    using Kind = ledger::LedgerEvent::Kind;
    log::warning("{}", event.text);
    if (event.kind == Kind::StoreFailed || event.kind == Kind::StoreRecovered) {
        const std::lock_guard state(stateMutex);
        storeFailed = event.kind == Kind::StoreFailed ? event.text : std::string();
    }
    events->alert(event.text);
}

std::string Service::Impl::warningText() const
{
    if (!ledgerProblem.empty()) {
        return "Nothing is admitted: " + ledgerProblem;
    }
    const auto stats = activityLog->stats();
    const std::lock_guard state(stateMutex);
    if (!storeFailed.empty()) {
        return storeFailed;
    }
    if (!oldLedger.empty()) {
        return oldLedger;
    }
    if (!keysProblem.empty()) {
        return keysProblem;
    }
    if (stats.lost > 0) {
        return fmt::format("{} rows of the decision log are lost; check the disk.", stats.lost);
    }
    if (stats.spillPending > 0) {
        return fmt::format(
            "The decision log cannot be written: {} rows wait in activity.spill. Check the disk.",
            stats.spillPending);
    }
    return {};
}

void Service::Impl::tick()
{
    ++ticks;
    if (ledger) {
        const std::int64_t operations = ledger->stats().operations;
        if (std::exchange(operationsSeen, operations) != operations) {
            events->moneyMoved();
        }
    }
    refreshSpend();
    refreshCap();
    endFinishedDemo();
    if (ledger && ticks % rememberEveryTicks == 0) {
        rememberSequence();
    }
    if (ticks % marginsEveryTicks == 0) {
        saveMargins();
        retryKeychain();
    }
    saveHealth();
    saveResponses();
    watchHealth();
    std::string now = warningText();
    bool changed = false;
    {
        const std::lock_guard state(stateMutex);
        changed = warning != now;
        warning = std::move(now);
    }
    if (changed) {
        events->statusChanged();
    }
}

/// Today's spending from hours, and from minutes where the zone's day begins inside an hour.
void Service::Impl::refreshSpend()
{
    const std::int64_t rows = activityLog->stats().rows;
    const TimeUs now = clock.nowUs();
    const std::string name = zone();
    const bool sameDay = todayZone == name && now >= today.startUs && now < today.endUs;
    if (sameDay && rowsSeen == rows) {
        return;
    }
    const auto day = periodContaining(Period::Day, now, name);
    if (!day) {
        return;
    }
    const TimeUs hourUs = (day->startUs + usPerHour - 1) / usPerHour * usPerHour;
    Money sum;
    const auto addUp = [&](activity::Rollup rollup, TimeUs fromUs, TimeUs toUs) {
        const auto report = activityLog->report({fromUs, toUs, rollup, {}, {}});
        if (!report) {
            return false;
        }
        for (const auto& row : *report) {
            sum = sum.plusSaturated(row.cost);
        }
        return true;
    };
    if ((hourUs == day->startUs || addUp(activity::Rollup::Minute, day->startUs, hourUs))
        && addUp(activity::Rollup::Hour, hourUs, day->endUs)) {
        rowsSeen = rows;
        today = *day;
        todayZone = name;
        const std::lock_guard state(stateMutex);
        spentToday = sum;
    }
}

void Service::Impl::refreshCap()
{
    const auto now = current();
    std::optional<Money> least;
    if (ledger) {
        ledger::Identity identity;
        identity.org = now->settings.org;
        identity.priority = ledger::Priority::High;
        for (const auto& line : ledger->view(identity, {}).lines) {
            const auto isDay = [&line](const ledger::Pool& pool) {
                return pool.id == line.pool && pool.scope.kind == ledger::ScopeKind::Org
                    && pool.window.kind == ledger::WindowKind::Fixed
                    && pool.window.period == Period::Day;
            };
            if (line.hard && std::any_of(now->pools.begin(), now->pools.end(), isDay)) {
                least = least ? std::min(*least, line.cap) : line.cap;
            }
        }
    }
    const std::lock_guard state(stateMutex);
    capToday = least;
}

void Service::Impl::rememberSequence()
{
    const auto newest = ledger->journal(std::nullopt, 0, 1);
    if (!newest || newest->empty() || newest->front().sequence + sequenceLost <= sequenceSaved) {
        return;
    }
    const std::lock_guard commands(commandMutex);
    const std::int64_t reached = newest->front().sequence + sequenceLost;
    if (store->setCounter(oldLedgerCounters.front(), reached)) {
        sequenceSaved = reached;
    }
}

/// A file that cannot be read only means that every model begins at its start again.
void Service::Impl::loadMargins()
{
    const auto text = readPrivate(paths.margins, marginsBytesMax);
    if (!text) {
        if (text.error().code != ErrorCode::NotFound) {
            log::warning("{}", text.error().text());
        }
        return;
    }
    if (const auto read = margins.readJson(*text); !read) {
        log::warning("{} is ignored. {}", paths.margins, read.error().text());
    }
}

void Service::Impl::saveMargins()
{
    const std::int64_t changes = margins.changes();
    if (changes == marginsSaved) {
        return;
    }
    if (const auto written = writePrivate(paths.margins, margins.toJson()); written) {
        marginsSaved = changes;
    } else {
        log::warning("{}", written.error().text());
    }
}

/// Without the file, clients that go on from an older response send their conversation in full.
void Service::Impl::loadResponses()
{
    auto opened = ResponseStore::open(paths.responses);
    if (!opened) {
        log::warning("{}", opened.error().text());
        return;
    }
    responseStore.emplace(std::move(*opened));
    if (const auto loaded = responseStore->load(responses, clock.nowUs()); !loaded) {
        log::warning("{}", loaded.error().text());
    }
}

void Service::Impl::saveResponses()
{
    if (!responseStore) {
        return;
    }
    const auto saved = responseStore->save(responses, clock.nowUs());
    if (!saved && !std::exchange(responsesFailed, true)) { // once, not four times a second
        log::warning("{}", saved.error().text());
    }
    responsesFailed = !saved;
}

// --- snapshots

std::vector<proxy::HealthRow> Service::providerHealth() const
{
    return m_impl->health.rows();
}

std::vector<ProviderStatus> Service::providerStatuses() const
{
    const auto proxy = m_impl->runningProxy();
    return summedUp(*m_impl->current(), m_impl->health.rows(),
        proxy ? proxy->loads() : std::vector<proxy::ProviderLoad>());
}

std::vector<tokens::Margin> Service::margins() const
{
    return m_impl->margins.list();
}

std::shared_ptr<const Config> Service::config() const
{
    return m_impl->current();
}

std::vector<ledger::PoolState> Service::poolStates() const
{
    if (m_impl->ledger) {
        return m_impl->ledger->poolStates();
    }
    std::vector<ledger::PoolState> out;
    for (const auto& pool : m_impl->current()->pools) {
        out.push_back({pool, {}, 0, {}});
    }
    return out;
}

std::vector<ledger::OpenHold> Service::openHolds() const
{
    return m_impl->ledger ? m_impl->ledger->openHolds() : std::vector<ledger::OpenHold>();
}

std::vector<KeyUse> Service::keysLastUsed() const
{
    std::vector<KeyUse> out;
    if (const auto proxy = m_impl->runningProxy()) {
        for (const auto& [key, at] : proxy->keysLastUsed()) {
            out.push_back({key, at});
        }
    }
    return out;
}

// --- queries

namespace {

Error tooBusy()
{
    return Error(ErrorCode::Unavailable, "Too many queries wait.", "Try again in a moment.");
}

} // namespace

void Service::page(const std::string& slot, activity::PageQuery query,
    const std::function<void(Result<activity::Page>)>& done)
{
    const bool queued = m_impl->reports.add(
        slot, [this, query = std::move(query), done](const Worker::StillWanted& stillWanted) {
            auto result = m_impl->activityLog->page(query);
            if (stillWanted()) {
                done(std::move(result));
            }
        });
    if (!queued) {
        done(tooBusy());
    }
}

void Service::decision(DecisionId id, const std::function<void(Result<activity::Decision>)>& done)
{
    const bool queued
        = m_impl->reports.add({}, [this, id, done](const Worker::StillWanted& wanted) {
              auto result = m_impl->activityLog->decision(id);
              if (wanted()) {
                  done(std::move(result));
              }
          });
    if (!queued) {
        done(tooBusy());
    }
}

void Service::report(const std::string& slot, activity::ReportQuery query,
    const std::function<void(Result<std::vector<activity::ReportRow>>)>& done)
{
    const bool queued = m_impl->reports.add(
        slot, [this, query = std::move(query), done](const Worker::StillWanted& wanted) {
            auto result = m_impl->activityLog->report(query);
            if (wanted()) {
                done(std::move(result));
            }
        });
    if (!queued) {
        done(tooBusy());
    }
}

void Service::facet(const std::string& slot, activity::Filter filter, std::string field, int limit,
    const std::function<void(Result<std::vector<activity::Facet>>)>& done)
{
    const bool queued = m_impl->reports.add(slot,
        [this, filter = std::move(filter), field = std::move(field), limit, done](
            const Worker::StillWanted& wanted) {
            auto result = m_impl->activityLog->facet(filter, field, limit);
            if (wanted()) {
                done(std::move(result));
            }
        });
    if (!queued) {
        done(tooBusy());
    }
}

void Service::latency(
    TimeUs fromUs, TimeUs toUs, const std::function<void(Result<activity::LatencySummary>)>& done)
{
    const bool queued
        = m_impl->reports.add({}, [this, fromUs, toUs, done](const Worker::StillWanted& wanted) {
              auto result = m_impl->activityLog->latency(fromUs, toUs);
              if (wanted()) {
                  done(std::move(result));
              }
          });
    if (!queued) {
        done(tooBusy());
    }
}

void Service::journal(std::optional<PoolId> pool, std::int64_t beforeSequence, int limit,
    const std::function<void(Result<std::vector<ledger::Entry>>)>& done)
{
    const bool queued = m_impl->reports.add(
        {}, [this, pool, beforeSequence, limit, done](const Worker::StillWanted& wanted) {
            const auto ledger = m_impl->openedLedger();
            auto result = ledger ? (*ledger)->journal(pool, beforeSequence, limit)
                                 : Result<std::vector<ledger::Entry>>(ledger.error());
            if (wanted()) {
                done(std::move(result));
            }
        });
    if (!queued) {
        done(tooBusy());
    }
}

void Service::verifyLedger(const std::function<void(Result<ledger::VerifyReport>)>& done)
{
    const bool queued = m_impl->reports.add({}, [this, done](const Worker::StillWanted& wanted) {
        auto result = m_impl->ledger ? m_impl->ledger->verify()
                                     : ledger::SqliteLedger::verifyFile(m_impl->paths.ledger);
        if (wanted()) {
            done(std::move(result));
        }
    });
    if (!queued) {
        done(tooBusy());
    }
}

activity::ActivityLog& Service::activityLog()
{
    return *m_impl->activityLog;
}

Result<proxy::SimBill> Service::simBill() const
{
    return proxy::readSimBill(m_impl->paths.simBill);
}

Result<void> Service::resetSimBill()
{
    return proxy::resetSimBill(m_impl->paths.simBill);
}

} // namespace headgate::service
