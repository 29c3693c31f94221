// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/sim_ledger.h"

#include "tests/sim/disk.h"

#include <utility>

namespace headgate::sim {

using namespace headgate::ledger;

namespace {

Error gone()
{
    return {ErrorCode::Unavailable, "The ledger closed before it could store this."};
}

} // namespace

SimLedger::SimLedger(World& world, SimDisk& disk, Options options)
    : m_world(world),
      m_disk(disk),
      m_options(std::move(options))
{
}

SimLedger::~SimLedger()
{
    *m_alive = false;
}

Result<std::unique_ptr<SimLedger>> SimLedger::open(World& world, SimDisk& disk, Options options)
{
    auto store = SqliteStore::open(options.path, options.powerSafe, disk.vfs());
    if (!store) {
        return store.error();
    }
    std::unique_ptr<SimLedger> self(new SimLedger(world, disk, std::move(options)));
    LedgerEngine::Hooks hooks;
    hooks.onEvent = self->m_options.onEvent;
    hooks.onMoneyReturned = [ledger = self.get()] { ledger->wakeWaiters(); };
    hooks.onCommit = [ledger = self.get()](std::size_t, std::int64_t) {
        if (!ledger->m_disk.isDown() && ledger->m_options.onCommit) {
            ledger->m_options.onCommit();
        }
    };
    self->m_engine
        = std::make_unique<LedgerEngine>(std::move(*store), world.clock, std::move(hooks));
    if (auto recovered = self->m_engine->recover(); !recovered) {
        return recovered.error();
    }
    self->m_engine->start();
    return self;
}

void SimLedger::push(LedgerOp op)
{
    if (m_isDead) {
        refuse(op, gone());
        return;
    }
    m_queue.push_back(std::move(op));
    if (!m_isScheduled) {
        m_isScheduled = true;
        const std::int64_t us = m_world.rng.between(50, m_options.commitUsMax);
        m_world.after(us, Where::Host, [this, alive = m_alive] {
            if (*alive) {
                commit();
            }
        });
    }
}

void SimLedger::commit()
{
    m_isScheduled = false;
    if (m_isDead) {
        return;
    }
    m_engine->work(std::exchange(m_queue, {}));
    m_engine->housekeep();
    if (m_disk.isDown() && m_options.onDiskDown) {
        m_options.onDiskDown();
    }
}

void SimLedger::tick()
{
    if (!m_isDead && !m_isScheduled) {
        commit();
    }
}

bool SimLedger::isBusy() const
{
    return !m_isDead
        && (m_isScheduled || m_engine->owes() || m_engine->books().openHoldCount() > 0);
}

void SimLedger::reserve(Ask ask, std::function<void(Decision)> done)
{
    push(ReserveOp{std::move(ask), std::move(done)});
}

void SimLedger::markDispatched(HoldId hold, std::function<void(Result<void>)> done)
{
    push(DispatchOp{hold, std::move(done)});
}

void SimLedger::settle(Settle settle, std::function<void(Result<Settled>)> done)
{
    push(SettleOp{settle, std::move(done)});
}

void SimLedger::release(HoldId hold, std::string reason, std::function<void(Result<Settled>)> done)
{
    push(ReleaseOp{hold, std::move(reason), std::move(done)});
}

BudgetView SimLedger::view(const Identity& identity, const Target& target) const
{
    return m_engine->books().view(identity, target);
}

void SimLedger::onceMoneyReturns(std::function<void()> changed)
{
    if (m_isDead) {
        changed();
        return;
    }
    m_waiters.push_back(std::move(changed));
}

void SimLedger::wakeWaiters()
{
    for (const auto& wake : std::exchange(m_waiters, {})) {
        wake();
    }
}

void SimLedger::command(
    std::function<Result<void>(Books&)> run, std::function<void(Result<void>)> done)
{
    push(CommandOp{std::move(run), std::move(done)});
}

void SimLedger::die()
{
    m_isDead = true;
    for (LedgerOp& op : std::exchange(m_queue, {})) {
        refuse(op, gone());
    }
    m_engine->close(gone()); // on a disk that is down: only lets go of what is kept
    wakeWaiters();
}

void SimLedger::close()
{
    m_engine->work(std::exchange(m_queue, {}));
    for (int tries = 0; m_engine->owes() && tries < 5; ++tries) {
        m_world.clock.advanceTo(m_world.clock.trueUs() + 200 * usPerMs);
        m_engine->work({});
    }
    m_isDead = true;
    m_engine->close(gone());
    wakeWaiters();
    for (LedgerOp& op : std::exchange(m_queue, {})) {
        refuse(op, gone());
    }
}

} // namespace headgate::sim
