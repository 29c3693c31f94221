// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The ledger: money is set aside before a call and settled after it, and no hard cap is crossed.
// One thread owns all writes: it drains its queue, decides the whole batch with rules.h, commits
// once, then answers everyone (group commit). Callers never touch the database.
// Callbacks run on the ledger thread and must only hand the result on.

#include "core/base/ids.h"
#include "core/ledger/rules.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace headgate::ledger {

enum class HoldState { Held, Dispatched, Settled, Released, Estimated, Unknown };
[[nodiscard]] const char* holdStateName(HoldState state); ///< "held", "dispatched", …

struct Ask {
    std::string requestId; ///< one client request; several holds may share it
    int attempt = 1; ///< 1, 2, … within the request; (requestId, attempt) is idempotent
    Identity identity;
    Target target;
    Money amount; ///< the bound
    /// True: the hold is committed as DISPATCHED at once, because the caller has a connection in
    /// hand and will write as soon as it is granted. Saves one sync on the hot path; a crash in
    /// between charges in full (unknown) instead of releasing.
    bool dispatch = false;
};

struct Grant {
    HoldId hold;
    Money amount;
    std::vector<BudgetLine> lines; ///< after the hold
    /// The first decision for a request id that was seen before: only the first grant may be spent.
    bool repeated = false;
};

using Decision = std::variant<Grant, Denial>;

enum class SettleKind {
    Exact, ///< usage known
    Estimated, ///< computed from delivered text plus slack
    Unknown ///< outcome unknown: charged in full (amount is ignored)
};

struct Settle {
    HoldId hold;
    SettleKind kind = SettleKind::Exact;
    Money actual; ///< may exceed the hold: booked in full, accounts frozen, event raised
};

struct Settled {
    HoldId hold;
    HoldState state = HoldState::Settled;
    Money charged;
    bool overrun = false;
    std::vector<BudgetLine> lines; ///< after the settle
};

enum class EntryKind {
    Hold,
    Dispatch,
    Settle,
    Estimate,
    Unknown,
    Release,
    Adjust,
    TopUp,
    Freeze,
    Unfreeze,
    Expire, ///< a charge left a sliding window
    Refill ///< a token bucket filled up again
};
[[nodiscard]] const char* entryKindName(EntryKind kind);

struct Entry {
    std::int64_t sequence = 0;
    TimeUs atUs = 0; ///< never goes back
    EntryKind kind = EntryKind::Hold;
    HoldId hold;
    std::string requestId;
    Money heldDelta;
    Money settledDelta;
    Money toppedUpDelta;
    std::string actor; ///< adjust, top-up, freeze: who
    std::string reason;
    std::vector<AccountKey> accounts;
};

struct OpenHold {
    HoldId hold;
    std::string requestId;
    HoldState state = HoldState::Held;
    Money amount;
    std::string model;
    TimeUs atUs = 0;
};

/// A pool with its accounts, as the console and `pools list` show it.
struct PoolState {
    Pool pool;
    std::vector<AccountView> accounts; ///< current windows; newest first; at most 1,000
    std::int64_t accountsTotal = 0;
    Money lifetimeSettled; ///< kept for ever, whatever was edited
};

struct VerifyReport {
    bool ok = false;
    std::int64_t entries = 0;
    std::int64_t holds = 0;
    std::int64_t accounts = 0;
    std::int64_t openHolds = 0;
    Money settledTotal; ///< each hold counted once
    std::vector<std::string> differences; ///< empty when ok
};

struct LedgerEvent {
    enum class Kind {
        Overrun,
        Threshold,
        Projected, ///< at the present rate the cap is reached before the window ends
        RecoveryUnknown,
        StoreFailed,
        StoreRecovered
    } kind
        = Kind::Overrun;
    PoolId pool;
    std::string text; ///< one sentence for a person
    int percent = 0; ///< Threshold: 50, 75, 90, 100
    std::optional<TimeUs> exhaustedAtUs = {}; ///< Projected: when
};

struct LedgerOptions {
    std::string path; ///< ledger.db
    bool powerSafe = true; ///< synchronous=FULL; false: NORMAL (survives a kill, not a power cut)
    std::function<void(const LedgerEvent&)> onEvent; ///< on the ledger thread
    std::string vfs = {}; ///< SQLite file layer; empty: the system's. Tests name one that fails.
};

/// What Exchange uses. Production: SqliteLedger. Tests and the simulator may bind another.
class Ledger {
public:
    virtual ~Ledger() = default;

    /// All or nothing over every matching account, durable before `done` runs. The same
    /// (requestId, attempt) again gets the first decision.
    virtual void reserve(Ask ask, std::function<void(Decision)> done) = 0;
    /// HELD → DISPATCHED, durable before `done` runs. Must precede the first byte upstream.
    virtual void markDispatched(HoldId hold, std::function<void(Result<void>)> done) = 0;
    /// Idempotent by hold: a second settle returns the first outcome.
    virtual void settle(Settle settle, std::function<void(Result<Settled>)> done) = 0;
    /// Nothing was sent: the whole hold returns. Allowed for HELD, and for DISPATCHED only when the
    /// caller proves that no byte left (connection refused, reset before the first write).
    virtual void release(HoldId hold, std::string reason, std::function<void(Result<Settled>)> done)
        = 0;
    /// Where the matching pools stand now (memory, no database); safe on any thread.
    [[nodiscard]] virtual BudgetView view(const Identity& identity, const Target& target) const = 0;
    /// Calls `changed` once (on the ledger thread) after money has come back to any account or
    /// pools changed: how a request waits for in-flight money without polling.
    virtual void onceMoneyReturns(std::function<void()> changed) = 0;
};

/// The production ledger over SQLite.
class SqliteLedger final : public Ledger {
public:
    /// Opens or creates the file, migrates (numbered, one transaction each, backup first), refuses
    /// newer files (TooNew), recovers: HELD → released, DISPATCHED → unknown, balances rebuilt from
    /// the journal and compared; a difference is an error. Starts the thread.
    [[nodiscard]] static Result<std::unique_ptr<SqliteLedger>> open(
        LedgerOptions options, const Clock& clock);
    ~SqliteLedger() override; ///< answers what is queued, commits, closes

    void reserve(Ask ask, std::function<void(Decision)> done) override;
    void markDispatched(HoldId hold, std::function<void(Result<void>)> done) override;
    void settle(Settle settle, std::function<void(Result<Settled>)> done) override;
    void release(
        HoldId hold, std::string reason, std::function<void(Result<Settled>)> done) override;
    [[nodiscard]] BudgetView view(const Identity& identity, const Target& target) const override;
    void onceMoneyReturns(std::function<void()> changed) override;

    // --- the operator's side; these block the caller for one commit (not for the data plane)
    /// Replaces the set of pools (ids are the caller's). Editing never zeroes usage. Pools absent
    /// from the list are treated as archived.
    [[nodiscard]] Result<void> setPools(std::vector<Pool> pools);
    /// Adds to the cap of the pool's current window; negative takes a top-up back (no more than
    /// there is). `accountValue` names the account of an each-pool; else it is ignored.
    [[nodiscard]] Result<void> topUp(PoolId pool, Money amount, const std::string& actor,
        const std::string& reason, const std::string& accountValue = {});
    /// Adds to `settled` of the pool's current account(s); negative gives money back.
    /// `accountValue` names the account of an each-pool.
    [[nodiscard]] Result<void> adjust(PoolId pool, const std::string& accountValue, Money amount,
        const std::string& actor, const std::string& reason);
    /// Unfreezes accounts that an overrun froze (pool freeze itself is a flag of Pool).
    [[nodiscard]] Result<void> unfreezeAccounts(PoolId pool, const std::string& actor);

    // --- reading, safe on any thread
    [[nodiscard]] std::vector<PoolState> poolStates() const;
    [[nodiscard]] std::vector<OpenHold> openHolds() const;
    [[nodiscard]] Money heldTotal() const; ///< each open hold once
    [[nodiscard]] std::int64_t openHoldCount() const;
    /// Newest first; `beforeSequence` 0 starts at the end. Own read connection; may block on disk.
    [[nodiscard]] Result<std::vector<Entry>> journal(
        std::optional<PoolId> pool, std::int64_t beforeSequence, int limit) const;
    /// Rebuilds every balance from entries in SQL and compares with the accounts, in one read
    /// transaction.
    [[nodiscard]] Result<VerifyReport> verify() const;
    /// The same on a closed file (no recovery, read-only), for `headgate ledger verify`.
    [[nodiscard]] static Result<VerifyReport> verifyFile(const std::string& path);
    /// Batches and commits since start, for the benchmark and the status bar.
    struct Stats {
        std::int64_t commits = 0;
        std::int64_t operations = 0;
        std::int64_t commitUsMedian = 0;
    };
    [[nodiscard]] Stats stats() const;

private:
    struct Impl;
    explicit SqliteLedger(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

} // namespace headgate::ledger
