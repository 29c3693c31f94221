// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/scenario.h"

#include <fmt/format.h>

#include <algorithm>

namespace headgate::sim {

namespace {

using ledger::Pool;
using ledger::Scope;
using ledger::Window;

constexpr std::array<const char*, faultCount> faultNames{"client leaves", "repeated name",
    "absurd max_tokens", "unknown model", "bad request", "slow client", "connect fails",
    "reset before", "reset after", "cut", "no usage", "repeated usage", "ignores max_tokens", "429",
    "500", "529", "stall", "slow provider", "disk full", "disk bad", "disk locked",
    "one disk fault", "slow commits", "kill", "kill in commit", "power loss",
    "power loss in commit", "clock back", "clock forward", "suspend", "quiet hours", "cap change",
    "window change", "price change", "top-up", "adjust", "freeze pool", "archive pool", "pause all",
    "clean restart"};

/// A new kind of window is one line here; kinds that the build does not enforce are left out.
constexpr std::array windowTexts{"hour", "day", "week", "month", "quarter", "year", "lifetime",
    "lifetime", "day", "hour", "sliding:10m", "sliding:1h", "sliding:24h",
    "bucket:0.05/0.20-per-hour", "bucket:0.20/2-per-hour", "session:5m", "session:1h", "request"};
constexpr std::array scopeTexts{"org", "org", "team=search", "each-team", "each-user", "each-key",
    "each-session", "key=laptop", "user=ann", "tag=project:apollo", "tier>=2", "tier>=3",
    "model=large", "provider=beta", "session=s1", "request"};
constexpr std::array zones{
    "UTC", "Europe/Berlin", "Europe/Berlin", "America/New_York", "Asia/Kolkata"};

/// Around these moments clocks change in Europe/Berlin and America/New_York, or periods turn.
constexpr std::array<TimeUs, 6> interestingTimesUs{
    1'774'746'000'000'000, // 2026-03-29 01:00 UTC
    1'792'890'000'000'000, // 2026-10-25 01:00 UTC
    1'772'953'200'000'000, // 2026-03-08 07:00 UTC
    1'793'512'800'000'000, // 2026-11-01 06:00 UTC
    1'798'761'600'000'000, // 2027-01-01 00:00 UTC
    1'782'864'000'000'000, // 2026-07-01 00:00 UTC
};

template <typename Array>
auto pick(const Array& from, Rng& rng)
{
    return from[rng.below(from.size())];
}

Price perMillion(std::int64_t cents)
{
    return Price::fromPico(cents * 10'000);
}

catalog::Model makeModel(const char* provider, const char* name, int tier, Rng& rng)
{
    catalog::Model model;
    model.provider = provider;
    model.name = name;
    model.displayName = name;
    model.tier = tier;
    model.contextTokens = 128'000;
    model.maxOutputTokens = rng.chancePermille(300) ? 1'000 : 16'384;
    model.tokenizer = "o200k_base";
    model.can.images = tier > 1;
    model.can.tools = tier > 1 || rng.chancePermille(500);
    catalog::PriceSheet sheet;
    const std::int64_t scale = tier == 1 ? 1 : tier == 2 ? 5 : 20;
    sheet.input = perMillion(rng.between(8, 40) * scale);
    sheet.output = perMillion(rng.between(30, 200) * scale);
    sheet.cacheRead = perMillion(rng.between(1, 8) * scale);
    if (rng.chancePermille(150)) {
        sheet.perCall = Money::fromNano(rng.between(1, 50) * 1'000);
    }
    sheet.source = "sim";
    model.prices.push_back(sheet);
    return model;
}

void drawCatalog(Scenario& scenario, Rng& rng)
{
    for (const char* name : {"alpha", "beta", "gamma"}) {
        catalog::Provider provider;
        provider.name = name;
        provider.baseUrl = fmt::format("https://{}.example/v1", name);
        provider.hasKey = true;
        provider.connectTimeoutMs = 3'000;
        provider.firstByteTimeoutMs = static_cast<int>(rng.between(5, 60)) * 1'000;
        provider.idleTimeoutMs = static_cast<int>(rng.between(3, 30)) * 1'000;
        if (scenario.has(Fault::SlowProvider)) { // then answers outlast a hold's own time
            provider.firstByteTimeoutMs *= 10;
            provider.idleTimeoutMs *= 10;
        }
        provider.injectUsage = scenario.isCalm || rng.chancePermille(800);
        scenario.providers.push_back(provider);
    }
    scenario.models = {makeModel("alpha", "mini", 1, rng), makeModel("alpha", "large", 3, rng),
        makeModel("beta", "mid", 2, rng), makeModel("beta", "small", 1, rng),
        makeModel("gamma", "frontier", 4, rng)};
    scenario.models[2].tokenizer = "cl100k_base";
    scenario.models[3].tokenizer = "claude";
    scenario.models[4].can.reasoning = rng.chancePermille(500);
}

void drawKeys(Scenario& scenario)
{
    scenario.keys = {{"hg-canary-laptop-7f3a90c1", 1, "laptop", "search", "ann", {}},
        {"hg-canary-server-55b1e2d8", 2, "server", "search", "", {"project:apollo"}},
        {"hg-canary-batch-0c9d4471", 3, "batch", "ops", "", {}},
        {"hg-canary-intern-e8812bb6", 4, "intern", "", "bob", {"project:zeus", "env:dev"}}};
}

Money drawCap(const Scenario& scenario, Rng& rng)
{
    if (scenario.isCalm) {
        return Money::fromNano(rng.between(20'000'000, 80'000'000));
    }
    // From what a request or two may cost up to more than the whole run spends.
    const std::int64_t decade
        = pick(std::array<std::int64_t, 4>{3'000'000, 15'000'000, 60'000'000, 400'000'000}, rng);
    return Money::fromNano(rng.between(decade / 3, decade * 3));
}

Pool drawPool(const Scenario& scenario, std::int64_t id, Rng& rng)
{
    Pool pool;
    pool.id = PoolId{id};
    pool.name = fmt::format("pool-{}", id);
    for (;;) {
        const auto scope = Scope::parse(pick(scopeTexts, rng));
        if (!scope) {
            continue;
        }
        pool.scope = *scope;
        pool.window = drawWindow(pool.scope, rng);
        if (ledger::isEnforced(pool.scope, pool.window)) {
            break;
        }
    }
    pool.cap = drawCap(scenario, rng);
    if (pool.window.kind == ledger::WindowKind::Bucket) {
        pool.cap = pool.window.bucketCapacity;
    }
    pool.hard = rng.chancePermille(850);
    pool.reservePercent = rng.chancePermille(300) ? static_cast<int>(rng.between(5, 50)) : 0;
    pool.zone = pick(zones, rng);
    pool.fiscalStartDay = rng.chancePermille(200) ? static_cast<int>(rng.between(1, 28)) : 1;
    return pool;
}

void drawPools(Scenario& scenario, Rng& rng)
{
    if (scenario.isCalm) {
        Pool pool;
        pool.id = PoolId{1};
        pool.name = "pool-1";
        pool.scope = Scope::parse("org").value();
        pool.window = Window::parse(rng.chancePermille(500) ? "lifetime" : "month").value();
        pool.cap = drawCap(scenario, rng);
        scenario.pools.push_back(pool);
        return;
    }
    const std::int64_t count = rng.between(1, 5);
    for (std::int64_t id = 1; id <= count; ++id) {
        scenario.pools.push_back(drawPool(scenario, id, rng));
    }
    scenario.pools.front().hard = true;
}

void drawFaults(Scenario& scenario, Rng& rng)
{
    const std::uint64_t share = pick(std::array<std::uint64_t, 4>{80, 200, 350, 600}, rng);
    for (std::size_t i = 0; i < faultCount; ++i) {
        scenario.faults[i] = rng.chancePermille(share);
        scenario.permille[i] = pick(std::array<std::uint64_t, 4>{10, 40, 120, 350}, rng);
    }
    // A power cut may take back what synchronous=NORMAL has not synced: documented, not tested.
    scenario.powerSafe = rng.chancePermille(600);
    for (const Fault fault : {Fault::PowerLoss, Fault::PowerLossInCommit}) {
        if (!scenario.powerSafe) {
            scenario.faults[static_cast<std::size_t>(fault)] = false;
        }
    }
}

} // namespace

const char* faultName(Fault fault)
{
    return faultNames.at(static_cast<std::size_t>(fault));
}

Window drawWindow(const Scope& scope, Rng& rng)
{
    for (;;) {
        const auto window = Window::parse(pick(windowTexts, rng));
        if (window && ledger::isEnforced(scope, *window)) {
            return *window;
        }
    }
}

Scenario drawScenario(std::uint64_t seed)
{
    Rng rng(seed * 0x9E3779B97F4A7C15ULL + 0x5CE7A210ULL);
    Scenario scenario;
    scenario.seed = seed;
    scenario.isCalm = seed % 8 == 0;
    if (!scenario.isCalm) {
        drawFaults(scenario, rng);
    }
    scenario.startUs = rng.chancePermille(500)
        ? pick(interestingTimesUs, rng) - rng.between(0, 3 * usPerHour)
        : 1'790'000'000'000'000 + rng.between(0, 300 * usPerDay);
    drawCatalog(scenario, rng);
    drawKeys(scenario);
    drawPools(scenario, rng);
    scenario.requests = scenario.isCalm ? 600 : static_cast<int>(rng.between(100, 400));
    scenario.burstMax = scenario.isCalm ? 4 : static_cast<int>(pick(std::array{1, 4, 16, 60}, rng));
    scenario.gapUsMax
        = pick(std::array{200 * usPerMs, 3 * usPerSecond, 20 * usPerSecond, 3 * usPerMinute}, rng);
    scenario.outputTokensMax
        = scenario.isCalm ? 60 : pick(std::array<std::int64_t, 3>{40, 250, 1'200}, rng);
    scenario.promptWordsMax
        = scenario.isCalm ? 40 : pick(std::array<std::int64_t, 3>{20, 150, 900}, rng);
    scenario.commitUsMax
        = scenario.has(Fault::SlowCommits) ? 2 * usPerSecond : rng.between(200, 8'000);
    scenario.operatorGapUs
        = pick(std::array{2 * usPerSecond, 15 * usPerSecond, 2 * usPerMinute}, rng);
    scenario.inFlightWaitMs
        = scenario.isCalm ? 15'000 : static_cast<int>(pick(std::array{0, 1'000, 15'000}, rng));
    scenario.drainTimeoutMs = static_cast<int>(pick(std::array{1, 2'000, 30'000}, rng));
    return scenario;
}

std::string Scenario::text() const
{
    std::string out = fmt::format("seed {}{}: {} requests in bursts of up to {}, {}", seed,
        isCalm ? " (calm)" : "", requests, burstMax, powerSafe ? "power-safe" : "process-safe");
    for (const Pool& pool : pools) {
        out += fmt::format("; {} {} {} {} {}{}{}", pool.name, pool.scope.text(), pool.window.text(),
            pool.cap.toDecimal(), pool.hard ? "hard" : "watch",
            pool.reservePercent > 0 ? fmt::format(" reserve {}%", pool.reservePercent) : "",
            pool.zone == "UTC" ? "" : " " + pool.zone);
    }
    out += "; faults:";
    for (std::size_t i = 0; i < faultCount; ++i) {
        if (faults[i]) {
            out += fmt::format(" {} {}‰,", faultNames.at(i), permille[i]);
        }
    }
    return out;
}

} // namespace headgate::sim
