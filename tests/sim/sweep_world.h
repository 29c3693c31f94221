// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A fixed working day of the production ledger on a simulated disk, with clients that keep their
// own bill: what they were told, what a provider charged, what must still be there after a crash.
// One thread. Knows nothing of how the ledger decides.

#include "core/base/clock.h"
#include "core/ledger/engine.h"
#include "tests/sim/disk.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace headgate::sim {

class SweepWorld {
public:
    explicit SweepWorld(std::uint64_t seed);

    /// The whole day. Empty: every promise was kept; else the first that was not.
    [[nodiscard]] std::string run();
    [[nodiscard]] SimDisk& disk() { return m_disk; }
    [[nodiscard]] int starts() const { return m_starts; }

private:
    struct Call {
        ledger::Ask ask;
        HoldId hold;
        bool isGranted = false; ///< told so
        bool isSent = false; ///< a provider got it
        Money billed; ///< what the provider charged for it
        std::optional<Money> charged; ///< told so by the ledger
        int day = 0; ///< of the grant
    };
    struct Wanted {
        const char* id = "";
        const char* amount = "0";
        bool dispatch = true;
        const char* bill = "0";
        const char* team = "search";
        ledger::Priority priority = ledger::Priority::Normal;
    };

    // the program
    void startProgram();
    void closeAndStart();
    void checkpoint();
    void work(std::deque<ledger::LedgerOp> ops);
    void waitABit();

    // the clients
    void ask(const Wanted& wanted);
    void askTooMuch(const Wanted& wanted);
    void askTogether(const std::vector<Wanted>& wanted);
    void send(const char* id);
    void settle(const char* id, ledger::SettleKind kind);
    void release(const char* id);
    void askAgain(const char* id);
    [[nodiscard]] ledger::Ask askOf(const Wanted& wanted) const;
    void onDecision(const Wanted& wanted, const ledger::Decision& decision);
    void bill(Call& call);
    void checkOutcome(Call& call, const Result<ledger::Settled>& outcome);

    // the operator
    using Command = std::function<Result<void>(ledger::Books&)>;
    [[nodiscard]] Result<void> command(const Command& run);
    void setPools(const char* orgCap, const char* teamCap);
    void doOnce(const char* reason, const Command& run);
    [[nodiscard]] bool isInJournal(const std::string& reason);

    // the auditor
    void fail(const std::string& what);
    void checkAfterRestart();
    void checkBills();
    void checkFile();
    void morning();
    void afternoon();
    void evening();

    ManualClock m_clock;
    SimDisk m_disk;
    std::unique_ptr<ledger::LedgerEngine> m_engine;
    std::map<std::string, Call> m_calls;
    std::map<int, Money> m_billed; ///< by day, without what went above a bound
    Money m_searchBilled;
    std::map<int, Money> m_orgCap; ///< the largest of the day
    Money m_teamCap;
    Money m_adjusted;
    int m_day = 0;
    int m_starts = 0;
    std::string m_problem;
};

} // namespace headgate::sim
