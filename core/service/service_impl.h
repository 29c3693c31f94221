// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The inside of Service, shared by its source files. Two locks: commandMutex serialises changes
// (held over disk writes), stateMutex guards pointers and small values (never held over anything
// slow). Order: command before state.

#include "core/service/config_store.h"
#include "core/service/control.h"
#include "core/service/demo_traffic.h"
#include "core/service/event_hub.h"
#include "core/service/home.h"
#include "core/service/key_vault.h"
#include "core/service/response_store.h"
#include "core/service/service.h"
#include "core/service/worker.h"

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace headgate::service {

/// Names in the key vault.
[[nodiscard]] std::string secretName(const std::string& provider, const std::string& label = {});
[[nodiscard]] std::string proxySecretName(const std::string& provider);
/// Names those that are near.
[[nodiscard]] Error noProvider(const Config& config, const std::string& name);

/// Names of the keys that demo traffic uses begin with this.
inline constexpr const char* demoKeyPrefix = "demo-";

struct Service::Impl {
    explicit Impl(ServiceOptions given);
    ~Impl();

    // --- opening, in this order
    [[nodiscard]] Result<void> openHome();
    [[nodiscard]] Result<void> openConfig();
    [[nodiscard]] Result<void> openLedger();
    [[nodiscard]] Result<void> openActivity();
    [[nodiscard]] Result<void> noticeOldLedger();
    [[nodiscard]] Result<void> dropStaleDemoKeys();

    // --- changing; commandMutex is held
    /// `edit` changes a copy and returns the summary of the revision.
    [[nodiscard]] Result<void> change(
        const std::string& actor, const std::function<Result<std::string>(Config&)>& edit);
    [[nodiscard]] Result<void> commit(Config next, const std::string& actor, std::string summary);
    [[nodiscard]] std::shared_ptr<const proxy::ProxyConfig> proxyConfig(const Config& config) const;
    [[nodiscard]] Result<ledger::SqliteLedger*> openedLedger() const;
    [[nodiscard]] Result<std::int64_t> bookMoney(const MoneyOrder& order, const std::string& actor);
    [[nodiscard]] Result<void> undoRevision(const PoolChange& change, const std::string& actor);
    [[nodiscard]] Result<void> undoMoney(const PoolChange& change, const std::string& actor);
    [[nodiscard]] Result<std::vector<PoolChange>> history(std::optional<PoolId> pool, int limit);
    [[nodiscard]] Result<void> revisionHistory(
        std::optional<PoolId> pool, int limit, std::vector<PoolChange>& out);

    // --- watching, on the hub's thread
    void tick();
    void refreshSpend();
    void refreshCap();
    void rememberSequence();
    void loadMargins();
    void saveMargins(); ///< when there is something new
    void loadResponses();
    void saveResponses(); ///< when there is something new
    void loadHealth();
    void saveHealth(); ///< when there is something new
    void watchHealth();
    void retryKeychain();
    void noteKeys(); ///< where keys are kept, for people; commandMutex is held
    /// Under which label the provider has the very same key; empty: it has not.
    [[nodiscard]] std::string labelOfKey(
        const catalog::Provider& provider, const Secret& key) const; ///< commandMutex is held
    [[nodiscard]] std::string missingKeys() const; ///< commandMutex is held
    [[nodiscard]] std::string warningText() const;
    void onLedgerEvent(const ledger::LedgerEvent& event);

    [[nodiscard]] std::shared_ptr<const Config> current() const;
    [[nodiscard]] std::shared_ptr<proxy::Proxy> runningProxy() const;
    [[nodiscard]] std::string zone() const;
    void stopDemoLocked(); ///< commandMutex is held
    void endFinishedDemo();
    void shutDown();

    const ServiceOptions options;
    const HomePaths paths;
    SystemClock clock;
    TimeUs startedAtUs = 0;

    std::optional<HomeLock> lock;
    std::optional<ConfigStore> store; ///< guarded by commandMutex
    std::optional<KeyVault> secrets; ///< guarded by commandMutex
    std::optional<ResponseStore> responseStore; ///< the hub's thread only
    tokens::Margins margins; ///< outlives every proxy
    proxy::ProviderHealth health{clock}; ///< likewise
    proxy::ResponsePins responses; ///< likewise
    std::unique_ptr<EventHub> events;
    std::unique_ptr<ledger::SqliteLedger> ledger; ///< null when its books do not add up
    std::string ledgerProblem;
    std::unique_ptr<activity::ActivityLog> activityLog;
    std::unique_ptr<ControlServer> control;
    std::unique_ptr<DemoTraffic> demo; ///< guarded by commandMutex
    std::atomic<bool> demoRuns{false};
    DemoCounts demoCounted; ///< of the demo before; guarded by commandMutex

    mutable std::mutex commandMutex;
    mutable std::mutex stateMutex;
    std::shared_ptr<const Config> config;
    std::shared_ptr<proxy::Proxy> proxy;
    std::int64_t requestsBefore = 0; ///< of proxies that were stopped
    std::int64_t refusedBefore = 0;
    Money spentToday;
    std::optional<Money> capToday;
    std::string warning;
    std::string oldLedger; ///< a standing warning
    std::string storeFailed; ///< empty when the ledger's store works
    std::string keysText; ///< where provider keys are kept
    std::string keysProblem; ///< a standing warning: keys that cannot be had now

    // the hub's thread only
    Span today;
    std::string todayZone;
    std::int64_t operationsSeen = -1;
    std::int64_t rowsSeen = -1;
    std::int64_t revisionSeen = -1;
    std::int64_t ticks = 0;
    std::int64_t sequenceSaved = 0;
    std::int64_t marginsSaved = 0; ///< changes() of what is in the file
    std::int64_t healthSaved = 0; ///< likewise
    bool responsesFailed = false; ///< the last attempt to write them
    std::string healthSeen; ///< who was not well at the last look
    std::int64_t sequenceLost = 0; ///< entries that restored older copies lacked

    Worker reports;
    Worker probes;
};

} // namespace headgate::service
