// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The one façade for app and ui: commands in, snapshots and events out. Owns the home folder's
// files, the ledger, the log, the proxy and the control socket. Commands may be called from any
// thread and return when the change is durable and the proxy uses it (one commit: some ms).
// Queries run on the reports thread and answer through callbacks there. The GUI holds no truth.

#include "core/activity/activity_log.h"
#include "core/base/result.h"
#include "core/base/secret.h"
#include "core/catalog/price_import.h"
#include "core/ledger/explain.h"
#include "core/ledger/ledger.h"
#include "core/proxy/proxy.h"
#include "core/routing/plan.h"
#include "core/service/burn_down.h"
#include "core/service/config.h"
#include "core/service/demo_traffic.h"
#include "core/service/key_vault.h"
#include "core/service/provider_status.h"
#include "core/tokens/margins.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace headgate::service {

struct ServiceOptions {
    std::string home; ///< $HEADGATE_HOME; made with mode 0700 when absent
    bool control = true; ///< open the control socket for command-line verbs
    int simLatencyPermille = 1000;
    bool logToStderr = false;
    KeychainMaker keychain; ///< empty: the operating system's, unless HEADGATE_KEYS=file
};

/// $HEADGATE_HOME, else the platform's application data folder.
[[nodiscard]] std::string defaultHome();

struct Status {
    bool serving = false;
    std::string url; ///< empty when not serving
    bool paused = false;
    std::int64_t inFlight = 0;
    Money held;
    Money spentToday; ///< of the settings zone's day, from the log's roll-ups
    /// Cap of the tightest fixed hard org pool of a day, if any: "today $15.50 of $50.00".
    std::optional<Money> capToday;
    std::int64_t revision = 0;
    TimeUs startedAtUs = 0;
    std::int64_t requests = 0;
    std::int64_t refused = 0;
    std::int64_t tokenCounts = 0; ///< of the requests: free of charge, and in no report
    std::int64_t tokenCountsAsked = 0; ///< of those: counted by a provider
    std::string home;
    std::string warning; ///< standing problem for a banner: ledger unavailable, log spilling, …
    std::string version;
    std::string keys; ///< "Keys are kept in the OS keychain."
};

struct Event {
    enum class Kind {
        ConfigChanged, ///< a new revision is in force
        MoneyMoved, ///< balances changed (coalesced: at most 4 a second)
        DecisionsAppended, ///< `decisions` holds them (coalesced)
        StatusChanged, ///< serving, paused, warning
        Alert ///< text: threshold, overrun, recovery, store failed
    } kind
        = Kind::StatusChanged;
    std::string text;
    std::vector<activity::Decision> decisions;
};

struct NewPool {
    std::string name;
    ledger::Scope scope;
    ledger::Window window;
    Money cap;
    std::string zone; ///< empty: settings.zone
    int reservePercent = 0;
    bool hard = true;
    int fiscalStartDay = 1; ///< of months, quarters and years
};

/// What changes; absent fields stay.
struct PoolEdit {
    std::optional<std::string> name;
    std::optional<Money> cap;
    std::optional<ledger::Window> window;
    std::optional<int> reservePercent;
    std::optional<bool> hard;
    std::optional<std::string> zone;
    std::optional<int> fiscalStartDay;
    std::optional<bool> frozen;
    std::optional<bool> archived;
};

/// Money moved by hand. It stays in the journal for ever; an undo books the opposite.
struct MoneyOrder {
    enum class Kind { TopUp, Adjust } kind = Kind::TopUp;
    PoolId pool;
    std::string value; ///< the account of a pool that covers each value
    Money amount; ///< adjust: positive adds to what is spent
    std::string reason;
};

/// One line of the audit: a pool's configuration changed, or its money moved by hand.
struct PoolChange {
    struct Field {
        std::string name; ///< "cap", "window", "settled", …
        std::string before;
        std::string after;
    };
    TimeUs atUs = 0;
    std::string actor;
    PoolId pool;
    std::string name; ///< of the pool, after the change
    std::string account; ///< money in a pool that covers each value
    std::string what; ///< "add", "edit", "archive", "restore", "top-up", "adjust", "unfreeze"
    std::string summary; ///< one sentence
    std::string reason; ///< money only
    std::vector<Field> fields;
    std::int64_t revision = 0; ///< configuration
    std::int64_t entry = 0; ///< money: the journal line
    std::int64_t undoes = 0; ///< the revision or entry that this one took back
    bool undone = false; ///< a later change took this one back
};

/// A hold with the decision that asked for it, if the activity log still has it.
struct HoldTale {
    ledger::HoldStory hold;
    std::optional<activity::Decision> decision;
};

struct NewKey {
    std::string name;
    std::string team;
    std::string user;
    std::vector<std::string> tags;
    TimeUs expiresAtUs = 0;
};

struct CreatedKey {
    KeyRecord record;
    Secret key; ///< shown once: "hg-…"
};

struct NewProvider {
    std::string name;
    catalog::Dialect dialect = catalog::Dialect::OpenAi;
    std::string url;
    Secret key; ///< may be empty (local servers)
    /// When set, everything but the key comes from here.
    std::optional<catalog::Provider> as;
    bool addBookModels = true; ///< take the models of the price book known for this name
};

struct RevisionInfo {
    std::int64_t revision = 0;
    TimeUs atUs = 0;
    std::string actor;
    std::string summary;
};

/// A dry run of routing on one chat request body: no hold, no call, no spend.
struct DryRun {
    routing::Facts facts;
    routing::Plan plan;
};

struct KeyUse {
    KeyId key;
    TimeUs lastUsedUs = 0;
};

class Service {
public:
    /// Locks the home folder (one owner), opens ledger, log, configuration; recovers. The first
    /// start ever makes revision 1: the simulated provider and its models, one org pool
    /// "organisation-day" ($25.00 a day, hard), the built-in policy. Errors name file and remedy:
    /// locked by a running Headgate, newer files, unwritable folder, corrupt.
    [[nodiscard]] static Result<std::unique_ptr<Service>> open(ServiceOptions options);
    ~Service();

    // --- life
    [[nodiscard]] Result<void> serve(const std::string& host, int port);
    /// Drains up to `waitMs`, then stops the proxy; the service stays usable.
    void stopServing(int waitMs);
    [[nodiscard]] Status status() const;
    /// Calls `listener` on any thread for every event until unsubscribed; must return quickly.
    int subscribe(std::function<void(const Event&)> listener);
    void unsubscribe(int subscription);

    // --- snapshots (memory only)
    [[nodiscard]] std::shared_ptr<const Config> config() const;
    [[nodiscard]] std::vector<ledger::PoolState> poolStates() const;
    /// Of one account in memory; nothing when it is not among the current ones.
    [[nodiscard]] std::optional<ledger::Balance> liveBalance(
        PoolId pool, const ledger::AccountKey& account) const;
    [[nodiscard]] std::vector<ledger::OpenHold> openHolds() const;
    [[nodiscard]] std::vector<KeyUse> keysLastUsed() const;
    /// What was learned of models whose answers told their usage; by model.
    [[nodiscard]] std::vector<tokens::Margin> margins() const;
    /// How providers, their models and their keys do.
    [[nodiscard]] std::vector<proxy::HealthRow> providerHealth() const;
    /// The same summed up by provider, in the order of the configuration.
    [[nodiscard]] std::vector<ProviderStatus> providerStatuses() const;

    // --- commands; `actor` is "console" or "cli"
    [[nodiscard]] Result<void> setPaused(bool paused, const std::string& actor);
    [[nodiscard]] Result<ledger::Pool> addPool(const NewPool& pool, const std::string& actor);
    [[nodiscard]] Result<ledger::Pool> editPool(
        PoolId pool, const PoolEdit& edit, const std::string& actor);
    /// Books it and returns the number of the journal line.
    [[nodiscard]] Result<std::int64_t> moveMoney(const MoneyOrder& order, const std::string& actor);
    [[nodiscard]] Result<void> topUpPool(
        PoolId pool, Money amount, const std::string& reason, const std::string& actor);
    [[nodiscard]] Result<void> adjustPool(PoolId pool, const std::string& accountValue,
        Money amount, const std::string& reason, const std::string& actor);
    /// Takes back the newest change of any pool that is not taken back yet: configuration by
    /// restoring what that change altered, money by a correcting entry. Returns what it undid.
    [[nodiscard]] Result<PoolChange> undoPoolChange(const std::string& actor);
    /// Books the opposite of a journal line made by hand.
    [[nodiscard]] Result<void> undoMoneyMove(std::int64_t entry, const std::string& actor);
    [[nodiscard]] Result<CreatedKey> createKey(const NewKey& key, const std::string& actor);
    [[nodiscard]] Result<void> revokeKey(KeyId key, const std::string& actor);
    /// Takes a revocation back (undo): the same key works again.
    [[nodiscard]] Result<void> restoreKey(KeyId key, const std::string& actor);
    [[nodiscard]] Result<catalog::Provider> addProvider(
        NewProvider provider, const std::string& actor);
    [[nodiscard]] Result<void> editProvider(
        const catalog::Provider& provider, const std::string& actor);
    [[nodiscard]] Result<void> setProviderKey(
        const std::string& provider, Secret key, const std::string& actor);
    /// Another key beside the first; "user:password" of the proxy on the way (empty removes).
    [[nodiscard]] Result<catalog::ExtraKey> addProviderKey(
        const std::string& provider, std::string label, Secret key, const std::string& actor);
    [[nodiscard]] Result<void> removeProviderKey(
        const std::string& provider, const std::string& label, const std::string& actor);
    [[nodiscard]] Result<void> setProxyAuth(
        const std::string& provider, Secret auth, const std::string& actor);
    /// Forgets failures, pauses and exhaustion: the next request finds out anew.
    [[nodiscard]] Result<void> forgetHealth(const std::string& provider, const std::string& actor);
    [[nodiscard]] Result<void> removeProvider(
        const std::string& provider, const std::string& actor);
    /// Reaches the provider (GET {base}/models, no tokens spent); text for a person on success.
    void testProvider(
        const std::string& provider, const std::function<void(Result<std::string>)>& done);
    /// Adds, or replaces the model of the same id. A new price is appended with its date; past
    /// sheets stay.
    [[nodiscard]] Result<void> putModel(const catalog::Model& model, const std::string& actor);
    [[nodiscard]] Result<void> removeModel(const std::string& modelId, const std::string& actor);
    /// What a price list (its text) would change; nothing is applied.
    [[nodiscard]] Result<catalog::ImportDiff> previewPrices(
        const std::string& text, const catalog::ImportOptions& options) const;
    /// Applies what previewPrices() shows, as one revision. Errors: prices that moved too far and
    /// were not accepted, a catalog that changed since `seenRevision` (0: not asked).
    struct ImportConsent {
        bool acceptLarge = false;
        std::int64_t seenRevision = 0;
    };
    [[nodiscard]] Result<catalog::ImportDiff> importPrices(const std::string& text,
        const catalog::ImportOptions& options, const ImportConsent& consent,
        const std::string& actor);
    /// Reads a price list from an https address. Blocks for up to a minute: not on the GUI thread.
    [[nodiscard]] static Result<std::string> fetchPrices(const std::string& url);
    /// What the provider takes off every bill, for calls from now on.
    [[nodiscard]] Result<void> setDiscount(
        const std::string& provider, int permille, const std::string& actor);
    [[nodiscard]] Result<void> setPolicy(const routing::Policy& policy, const std::string& actor);
    [[nodiscard]] Result<void> setSettings(const Settings& settings, const std::string& actor);
    /// Makes the content of an earlier revision the newest one (keys revoked since stay revoked,
    /// money is not touched). The undo of every configuration change.
    [[nodiscard]] Result<void> restoreRevision(std::int64_t revision, const std::string& actor);
    /// Ends the standing warning about an older ledger.db; NotFound when there is none.
    [[nodiscard]] Result<void> acceptOldLedger(const std::string& actor);
    [[nodiscard]] std::vector<RevisionInfo> revisions(int limit) const;
    /// The configuration as it was; NotFound.
    [[nodiscard]] Result<Config> configAt(std::int64_t revision) const;
    [[nodiscard]] Result<DryRun> dryRun(
        const std::string& body, const ledger::Identity& identity) const;

    // --- queries on the reports thread; the newest query of a `slot` cancels older ones
    void page(const std::string& slot, activity::PageQuery query,
        const std::function<void(Result<activity::Page>)>& done);
    void decision(DecisionId id, const std::function<void(Result<activity::Decision>)>& done);
    void report(const std::string& slot, activity::ReportQuery query,
        const std::function<void(Result<std::vector<activity::ReportRow>>)>& done);
    void facet(const std::string& slot, activity::Filter filter, std::string field, int limit,
        const std::function<void(Result<std::vector<activity::Facet>>)>& done);
    void latency(TimeUs fromUs, TimeUs toUs,
        const std::function<void(Result<activity::LatencySummary>)>& done);
    void journal(std::optional<PoolId> pool, std::int64_t beforeSequence, int limit,
        const std::function<void(Result<std::vector<ledger::Entry>>)>& done);
    /// Who changed what of a pool (or of all), newest first.
    void poolHistory(std::optional<PoolId> pool, int limit,
        const std::function<void(Result<std::vector<PoolChange>>)>& done);
    /// The stories behind numbers; see core/ledger/explain.h. Also with a ledger that is closed
    /// because its books do not add up.
    void explainHold(const std::string& holdOrRequest,
        const std::function<void(Result<std::vector<HoldTale>>)>& done);
    void explainAccount(PoolId pool, const std::string& value,
        const std::function<void(Result<ledger::AccountStory>)>& done);
    /// Where an account is heading; `value` as in explainAccount.
    void burnDown(const std::string& slot, PoolId pool, const std::string& value,
        const std::function<void(Result<BurnDown>)>& done);
    /// Charges of the last quarter of an hour by account: the present rate.
    void recentSpends(const std::function<void(Result<ledger::RecentSpends>)>& done);
    void verifyLedger(const std::function<void(Result<ledger::VerifyReport>)>& done);

    // --- for verbs that stream or need the parts
    [[nodiscard]] activity::ActivityLog& activityLog();
    [[nodiscard]] Result<proxy::SimBill> simBill() const;
    [[nodiscard]] Result<void> resetSimBill();

    // --- demo traffic: a client of the proxy with keys of its own (created, revoked at the end)
    /// `seconds` 0: until stopDemo().
    [[nodiscard]] Result<void> startDemo(int requestsPerMinute, int seconds = 0);
    void stopDemo();
    [[nodiscard]] bool demoRunning() const;
    /// Of the demo that runs or ran last.
    [[nodiscard]] DemoCounts demoCounts() const;

private:
    struct Impl;
    explicit Service(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

} // namespace headgate::service
