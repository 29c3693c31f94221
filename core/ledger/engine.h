// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The ledger without its thread: takes a queue of operations, decides them in batches with one
// commit each, answers, keeps what a broken store has not taken yet. Production runs it on the
// ledger thread, the simulator in its event loop. Whoever owns it calls it from one thread; only
// books() may be read from others. Takes time from the clock alone and never waits.

#include "core/ledger/books.h"
#include "core/ledger/sqlite_store.h"

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace headgate::ledger {

struct ReserveOp {
    Ask ask;
    std::function<void(Decision)> done;
};
struct DispatchOp {
    HoldId hold;
    std::function<void(Result<void>)> done;
};
struct SettleOp {
    Settle settle;
    std::function<void(Result<Settled>)> done;
};
struct ReleaseOp {
    HoldId hold;
    std::string reason;
    std::function<void(Result<Settled>)> done;
};
/// The operator's side: a batch of its own.
struct CommandOp {
    std::function<Result<void>(Books&)> run;
    std::function<void(Result<void>)> done;
};
using LedgerOp = std::variant<ReserveOp, DispatchOp, SettleOp, ReleaseOp, CommandOp>;

/// Answers an operation that will not be decided.
void refuse(LedgerOp& op, const Error& why);

class LedgerEngine {
public:
    /// All called from within the engine's functions, with no lock held; any may be empty.
    struct Hooks {
        std::function<void(const LedgerEvent&)> onEvent;
        std::function<void()> onMoneyReturned; ///< or pools changed
        std::function<void(std::size_t operations, std::int64_t tookUs)> onCommit;
    };

    LedgerEngine(std::unique_ptr<SqliteStore> store, const Clock& clock, Hooks hooks);

    /// Once, before anything else: HELD → released, DISPATCHED → unknown, balances compared.
    [[nodiscard]] Result<void> recover();
    /// Once, after recover(): raises what recovery found.
    void start();
    /// Decides, stores and answers everything given; a settle or release that the store does not
    /// take is kept and answered later. With nothing given it only tries a broken store again.
    void work(std::deque<LedgerOp> ops);
    /// Expiry and idle accounts; between batches, several times a second.
    void housekeep();
    /// Are settles or releases kept that the store has not taken?
    [[nodiscard]] bool owes() const { return !m_retained.empty(); }
    /// Gives up what is kept, then marks the file as compared. Nothing may be asked afterwards.
    void close(const Error& why);

    [[nodiscard]] Books& books() { return m_books; }
    [[nodiscard]] const Books& books() const { return m_books; }
    /// A store that does not work, or books and store that disagree; nothing is admitted.
    [[nodiscard]] const std::optional<Error>& failure() const { return m_failure; }
    [[nodiscard]] const std::optional<Error>& mismatch() const { return m_mismatch; }

private:
    /// An operation that was decided and waits for its commit.
    struct Decided {
        LedgerOp op;
        std::variant<std::monostate, Decision, Result<void>, Result<Settled>> answer;
    };

    void process(std::deque<LedgerOp>& ops);
    void decideAndStore(std::vector<LedgerOp> batch);
    void decide(LedgerOp op, std::vector<Decided>& decided);
    static void answer(Decided& decided);
    [[nodiscard]] bool storeBatch(std::size_t operations);
    void failBatch(std::vector<Decided>& decided);
    void runCommand(const CommandOp& command);
    [[nodiscard]] bool storeWorksAgain();
    void storeFailed(const Error& error);
    void announce();
    void raise(const LedgerEvent& event);
    void releaseExpired();

    const Clock& m_clock;
    Hooks m_hooks;
    std::unique_ptr<SqliteStore> m_store;
    Books m_books;
    std::deque<LedgerOp> m_retained; ///< settles and releases that the store has not taken yet
    std::optional<Error> m_failure; ///< the store does not work; nothing is admitted
    std::optional<Error> m_mismatch; ///< books and store disagree; nothing until a restart
    std::int64_t m_lastTryUs = 0; ///< monotonic
    std::int64_t m_lastTidyUs = 0;
    std::vector<LedgerEvent> m_recoveryEvents;
};

} // namespace headgate::ledger
