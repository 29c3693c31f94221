// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One seed, from the first start to the last audit: lets clients come, providers answer and the
// operator act, kills and restarts the host, stops all faults, and says what was broken. The same
// seed and limit give the same event log on every run.

#include "core/proxy/proxy_config.h"
#include "tests/sim/auditor.h"
#include "tests/sim/disk.h"
#include "tests/sim/host.h"

#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace headgate::sim {

struct RunOptions {
    std::uint64_t seed = 1;
    std::int64_t eventsMax = std::numeric_limits<std::int64_t>::max(); ///< then faults stop
    bool isShown = false; ///< prints the event log
};

struct RunResult {
    std::optional<Broken> broken;
    std::uint64_t hash = 0;
    std::int64_t events = 0; ///< run when the invariant broke, or until faults stopped
    std::string scenario;
    std::vector<std::string> tail; ///< the last lines of the event log
    Auditor::Counts counts;
    Money billed;
    int restarts = 0;
};

[[nodiscard]] RunResult runSeed(const RunOptions& options);

class Simulation {
public:
    explicit Simulation(const RunOptions& options);
    ~Simulation();
    Simulation(const Simulation&) = delete;
    Simulation& operator=(const Simulation&) = delete;
    [[nodiscard]] RunResult run();

private:
    // simulation.cpp: the course of a run
    void begin();
    void startHost();
    void hostDies(const char* how);
    void restartLater();
    [[nodiscard]] bool isUp() const { return m_host != nullptr && !m_isDown; }
    void scheduleBurst();
    [[nodiscard]] std::int64_t quietUs() const; ///< from now
    void arrive(const std::shared_ptr<ClientRequest>& request);
    void ensureTicks();
    void tick();
    void configure();
    void becomeQuiet();
    [[nodiscard]] bool drain(std::int64_t stepsMax);
    void refill();
    void passTime();
    void probeAll();
    void finish();

    // operator.cpp: what the operator and the host's surroundings do
    void scheduleOperator();
    void act();
    void breakDisk(Fault fault);
    void stepClock(Fault fault);
    void edit(Fault fault);
    void changePrice();
    void applyDuePrices();
    void setPools();
    void cleanRestart();

    RunOptions m_options;
    Scenario m_scenario;
    World m_world;
    SimDisk m_disk;
    Auditor m_auditor;
    Providers m_providers;
    DecisionBook m_decisions;
    ClientMix m_mix;
    std::unique_ptr<tokens::Margins> m_margins; ///< what a crash loses is learned again
    std::unique_ptr<Host> m_host;
    catalog::Catalog m_catalog;
    std::vector<ledger::Pool> m_pools; ///< as the operator wants them
    struct PriceStep {
        std::string model;
        catalog::PriceSheet sheet;
        std::vector<int> before; ///< exchanges that still count with the old price
    };
    std::vector<PriceStep> m_dearer; ///< providers take these once nobody counts on the old ones
    bool m_isDown = true;
    bool m_isTicking = false;
    bool m_isQuiet = false; ///< no new clients, no new faults
    bool m_isPaused = false;
    bool m_poolsInForce = false; ///< the last edit of the set was taken
    int m_requests = 0;
    int m_restarts = 0;
    std::int64_t m_quietUntilUs = 0; ///< no clients and no operator before
};

} // namespace headgate::sim
