// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The whole configuration as one immutable value with a revision number, and its JSON form as it is
// stored. No secrets inside: provider keys are in the secret store, client keys only as hashes.

#include "core/base/ids.h"
#include "core/catalog/catalog.h"
#include "core/ledger/pool.h"
#include "core/proxy/loop_rules.h"
#include "core/routing/policy.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::service {

struct KeyRecord {
    KeyId id;
    std::string name; ///< unique among keys that are not revoked
    std::string hash; ///< strongHashHex of the key
    std::string hint; ///< "…abcd"
    std::string team;
    std::string user;
    std::vector<std::string> tags;
    TimeUs createdAtUs = 0;
    TimeUs expiresAtUs = 0; ///< 0: never
    TimeUs revokedAtUs = 0; ///< 0: in force
};

struct Settings {
    std::string org = "default";
    std::string theme = "system"; ///< "light", "dark", "system"
    bool firstRunDone = false;
    bool powerSafe = true; ///< ledger durability, see LedgerOptions
    std::string zone; ///< default zone of new pools; empty: the machine's
    proxy::LoopRules loops;
};

struct Config {
    std::int64_t revision = 0;
    TimeUs atUs = 0;
    std::string actor; ///< who made this revision: "console", "cli", "setup"
    std::string summary; ///< "Raise cap of pool team-search from $5.00 to $8.00"
    std::vector<catalog::Provider> providers;
    std::vector<catalog::Model> models;
    std::vector<ledger::Pool> pools;
    std::vector<KeyRecord> keys;
    routing::Policy policy;
    Settings settings;
    bool paused = false;
    std::int64_t nextId = 1; ///< for pools and keys
};

[[nodiscard]] std::string configToJson(const Config& config);
[[nodiscard]] Result<Config> configFromJson(std::string_view json);
/// The list of pools alone, as it stands inside a configuration.
[[nodiscard]] Result<std::vector<ledger::Pool>> poolsFromJson(std::string_view json);

} // namespace headgate::service
