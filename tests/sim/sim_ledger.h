// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The production ledger engine in the simulator's event loop: operations queue up, a commit comes
// after a drawn while and takes all of them, as the ledger thread does. On the simulated disk.

#include "core/ledger/engine.h"
#include "tests/sim/world.h"

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace headgate::sim {

class SimDisk;

class SimLedger final : public ledger::Ledger {
public:
    struct Options {
        std::string path;
        bool powerSafe = true;
        std::int64_t commitUsMax = 5'000;
        std::function<void()> onCommit; ///< after each commit, while nothing else has run
        std::function<void(const ledger::LedgerEvent&)> onEvent;
        std::function<void()> onDiskDown; ///< the process ended inside a commit
    };
    [[nodiscard]] static Result<std::unique_ptr<SimLedger>> open(
        World& world, SimDisk& disk, Options options);
    ~SimLedger() override;

    void reserve(ledger::Ask ask, std::function<void(ledger::Decision)> done) override;
    void markDispatched(HoldId hold, std::function<void(Result<void>)> done) override;
    void settle(ledger::Settle settle, std::function<void(Result<ledger::Settled>)> done) override;
    void release(HoldId hold, std::string reason,
        std::function<void(Result<ledger::Settled>)> done) override;
    [[nodiscard]] ledger::BudgetView view(
        const ledger::Identity& identity, const ledger::Target& target) const override;
    void onceMoneyReturns(std::function<void()> changed) override;

    /// An operator's command; `done` runs once it is committed or refused.
    void command(
        std::function<Result<void>(ledger::Books&)> run, std::function<void(Result<void>)> done);
    /// What the ledger thread does when nothing is asked: expiry, a broken store.
    void tick();
    /// A commit now, whatever is planned.
    void flush() { commit(); }
    [[nodiscard]] bool isBusy() const;
    [[nodiscard]] const ledger::LedgerEngine& engine() const { return *m_engine; }
    /// The process has ended: whoever waits is let go, nothing reaches the disk any more.
    void die();
    /// An orderly end.
    void close();

private:
    SimLedger(World& world, SimDisk& disk, Options options);
    void push(ledger::LedgerOp op);
    void commit();
    void wakeWaiters();

    World& m_world;
    SimDisk& m_disk;
    Options m_options;
    std::unique_ptr<ledger::LedgerEngine> m_engine;
    std::deque<ledger::LedgerOp> m_queue;
    std::vector<std::function<void()>> m_waiters;
    bool m_isScheduled = false;
    bool m_isDead = false;
    /// Events that are still queued must not touch a ledger that is gone.
    std::shared_ptr<bool> m_alive = std::make_shared<bool>(true);
};

} // namespace headgate::sim
