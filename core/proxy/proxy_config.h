// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the data plane needs of the configuration: an immutable snapshot, swapped whole behind
// shared_ptr. Made by the service; read by every data-plane thread without locks.

#include "core/base/ids.h"
#include "core/base/secret.h"
#include "core/catalog/catalog.h"
#include "core/ledger/pool.h"
#include "core/proxy/loop_rules.h"
#include "core/routing/policy.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

namespace headgate::proxy {

/// A client key as admission sees it; the key itself is never kept.
struct ClientKey {
    KeyId id;
    std::string name;
    std::string team;
    std::string user;
    std::vector<std::string> tags;
    TimeUs expiresAtUs = 0; ///< 0: never
    bool revoked = false;
    bool hideAmounts = false;
    int rejectStatus = 0; ///< 0: the dialect's own
};

/// One key of a provider.
struct ProviderKey {
    std::string label; ///< of an extra key; empty: the first one
    std::shared_ptr<const Secret> secret;
    std::string fingerprint; ///< tells whether it is still the same key; says nothing else of it
};
[[nodiscard]] ProviderKey providerKey(std::string label, std::shared_ptr<const Secret> secret);

struct ProxyConfig {
    std::int64_t revision = 0;
    catalog::Catalog catalog;
    routing::Policy policy;
    /// By strongHashHex(key). Looked up by hash, so the comparison leaks nothing about keys.
    std::unordered_map<std::string, ClientKey> keysByHash;
    std::map<std::string, std::vector<ProviderKey>> providerKeys; ///< by provider name
    std::map<std::string, std::shared_ptr<const Secret>> proxyAuth; ///< "user:password", likewise
    std::string org = "default";
    bool paused = false;
    LoopRules loops;
};

} // namespace headgate::proxy
