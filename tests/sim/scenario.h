// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What one seed is about: which faults exist at all, how often they strike, which pools, keys,
// models and prices there are, how many clients come. Drawn once, then constant. Pure.

#include "core/base/rng.h"
#include "core/catalog/catalog.h"
#include "core/ledger/pool.h"

#include <array>
#include <bitset>
#include <cstdint>
#include <string>
#include <vector>

namespace headgate::sim {

enum class Fault {
    // clients
    ClientLeaves,
    RepeatedName,
    AbsurdMax,
    UnknownModel,
    BadRequest,
    SlowClient,
    // providers
    ConnectFails,
    ResetBefore,
    ResetAfter,
    Cut,
    NoUsage,
    RepeatUsage,
    IgnoreMax,
    Status429,
    Status500,
    Status529,
    Stall,
    SlowProvider,
    // the host
    DiskFull,
    DiskBad,
    DiskLocked,
    DiskOnce,
    SlowCommits,
    Kill,
    KillInCommit,
    PowerLoss,
    PowerLossInCommit,
    ClockBack,
    ClockForward,
    Suspend,
    // the operator
    QuietHours,
    CapChange,
    WindowChange,
    PriceChange,
    TopUp,
    Adjust,
    FreezePool,
    ArchivePool,
    PauseAll,
    CleanRestart,
    Count
};
inline constexpr std::size_t faultCount = static_cast<std::size_t>(Fault::Count);
[[nodiscard]] const char* faultName(Fault fault);

struct KeyOwner {
    std::string secret; ///< what the client sends
    std::int64_t id = 0;
    std::string name;
    std::string team;
    std::string user; ///< empty: the request says
    std::vector<std::string> tags;
};

struct Scenario {
    std::uint64_t seed = 0;
    bool isCalm = false; ///< no faults, small requests: the cap must be usable to the end (I13)
    std::bitset<faultCount> faults;
    std::array<std::uint64_t, faultCount> permille{}; ///< how often, where it exists
    bool powerSafe = true;
    TimeUs startUs = 0;
    std::vector<ledger::Pool> pools;
    std::vector<KeyOwner> keys;
    std::vector<catalog::Provider> providers;
    std::vector<catalog::Model> models;
    int requests = 0;
    int burstMax = 1;
    std::int64_t gapUsMax = 0; ///< between bursts
    std::int64_t outputTokensMax = 0; ///< what providers would like to say
    std::int64_t promptWordsMax = 0;
    std::int64_t commitUsMax = 0;
    std::int64_t operatorGapUs = 0;
    int inFlightWaitMs = 0;
    int drainTimeoutMs = 0;

    [[nodiscard]] bool has(Fault fault) const { return faults[static_cast<std::size_t>(fault)]; }
    /// True when the fault exists in this seed and strikes now.
    [[nodiscard]] bool strikes(Fault fault, Rng& rng) const
    {
        return has(fault) && rng.chancePermille(permille[static_cast<std::size_t>(fault)]);
    }
    [[nodiscard]] std::string text() const; ///< one paragraph for a person
};

[[nodiscard]] Scenario drawScenario(std::uint64_t seed);
/// A window that this build enforces for the scope; any kind.
[[nodiscard]] ledger::Window drawWindow(const ledger::Scope& scope, Rng& rng);

} // namespace headgate::sim
