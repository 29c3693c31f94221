// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/simulation.h"

#include <algorithm>
#include <array>

namespace headgate::sim {

namespace {

/// What strikes between requests; the others strike inside clients and providers.
constexpr std::array hostFaults{Fault::DiskFull, Fault::DiskBad, Fault::DiskLocked, Fault::DiskOnce,
    Fault::Kill, Fault::KillInCommit, Fault::PowerLoss, Fault::PowerLossInCommit, Fault::ClockBack,
    Fault::ClockForward, Fault::Suspend, Fault::QuietHours, Fault::CapChange, Fault::WindowChange,
    Fault::PriceChange, Fault::TopUp, Fault::Adjust, Fault::FreezePool, Fault::ArchivePool,
    Fault::PauseAll, Fault::CleanRestart};

/// Operators act less often than clients and providers fail.
constexpr std::uint64_t actionShare = 4;

std::int64_t shortOrLong(Rng& rng, std::int64_t most)
{
    return rng.chancePermille(500) ? rng.between(1, most / 100) : rng.between(1, most);
}

} // namespace

std::int64_t Simulation::quietUs() const
{
    return std::max<std::int64_t>(0, m_quietUntilUs - m_world.clock.trueUs());
}

void Simulation::scheduleOperator()
{
    const std::int64_t gap = m_world.rng.between(100'000, m_scenario.operatorGapUs);
    m_world.after(std::max(gap, quietUs()), Where::Outside, [this] {
        if (m_isQuiet) {
            return;
        }
        act();
        scheduleOperator();
    });
}

void Simulation::act()
{
    for (const Fault fault : hostFaults) {
        if (!m_scenario.strikes(fault, m_world.rng) || m_world.rng.below(actionShare) != 0) {
            continue;
        }
        m_world.note("now: {}", faultName(fault));
        switch (fault) {
        case Fault::ClockBack:
        case Fault::ClockForward:
        case Fault::Suspend:
        case Fault::QuietHours:
            stepClock(fault);
            break;
        case Fault::DiskFull:
        case Fault::DiskBad:
        case Fault::DiskLocked:
        case Fault::DiskOnce:
        case Fault::Kill:
        case Fault::KillInCommit:
        case Fault::PowerLoss:
        case Fault::PowerLossInCommit:
            breakDisk(fault);
            break;
        default:
            if (isUp() && !m_world.hostSleeps()) {
                edit(fault);
            }
            break;
        }
    }
}

void Simulation::breakDisk(Fault fault)
{
    Rng& rng = m_world.rng;
    constexpr std::array once{
        DiskFault::Full, DiskFault::ShortWrite, DiskFault::IoError, DiskFault::Busy};
    const auto lift = [this](void (SimDisk::*set)(bool)) {
        (m_disk.*set)(true);
        m_world.after(m_world.rng.between(100'000, 20'000'000), Where::Outside, [this, set] {
            m_world.note("the disk is well again");
            (m_disk.*set)(false);
        });
    };
    switch (fault) {
    case Fault::DiskFull:
        lift(&SimDisk::setFull);
        break;
    case Fault::DiskBad:
        lift(&SimDisk::setBad);
        break;
    case Fault::DiskLocked:
        lift(&SimDisk::setLocked);
        break;
    case Fault::DiskOnce:
        m_disk.failAt(rng.between(1, 60), once.at(rng.below(once.size())));
        break;
    case Fault::KillInCommit:
        m_disk.failAt(rng.between(1, 60),
            rng.chancePermille(500) ? DiskFault::ProcessEndsBefore : DiskFault::ProcessEndsAfter);
        break;
    case Fault::PowerLossInCommit:
        m_disk.failAt(rng.between(1, 60),
            rng.chancePermille(500) ? DiskFault::PowerFailsBefore : DiskFault::PowerFailsAfter);
        break;
    case Fault::Kill:
        if (isUp()) {
            m_disk.endProcess();
            hostDies("is killed");
        }
        break;
    default:
        if (isUp()) {
            m_disk.failPower();
            hostDies("loses its power");
        }
        break;
    }
}

void Simulation::stepClock(Fault fault)
{
    Rng& rng = m_world.rng;
    switch (fault) {
    case Fault::ClockBack:
        m_world.clock.stepWallUs(-shortOrLong(rng, 3 * usPerDay));
        break;
    case Fault::ClockForward:
        m_world.clock.stepWallUs(shortOrLong(rng, 3 * usPerDay));
        break;
    case Fault::Suspend: {
        const std::int64_t us = shortOrLong(rng, 10 * usPerHour);
        m_quietUntilUs = std::max(m_quietUntilUs, m_world.clock.trueUs() + us);
        m_world.suspendHost(us);
        break;
    }
    default:
        m_quietUntilUs
            = std::max(m_quietUntilUs, m_world.clock.trueUs() + shortOrLong(rng, 30 * usPerHour));
        break;
    }
    m_auditor.onClockStepped();
    m_world.note("the wall clock shows {}", m_world.clock.nowUs());
}

/// Sends the wanted set of pools; a refusal puts back what is in force.
void Simulation::setPools()
{
    if (!isUp()) {
        return;
    }
    m_host->ledger().command(
        [pools = m_pools](ledger::Books& books) { return books.setPools(pools); },
        [this](const Result<void>& done) {
            m_poolsInForce = done.has_value();
            m_world.note("pools are {}", done ? "set" : "not set: " + done.error().text());
            if (!done && !m_auditor.pools().empty()) {
                m_pools = m_auditor.pools();
            }
        });
    ensureTicks();
}

void Simulation::edit(Fault fault)
{
    Rng& rng = m_world.rng;
    ledger::Pool& pool = m_pools[rng.below(m_pools.size())];
    const auto told = [this](const Result<void>& done) {
        m_world.note("the ledger answers: {}", done ? "done" : done.error().text());
    };
    switch (fault) {
    case Fault::CapChange:
        pool.cap = Money::fromNano(pool.cap.nano() * rng.between(1, 30) / 10);
        if (rng.chancePermille(300)) {
            pool.reservePercent = static_cast<int>(rng.between(0, 60));
        }
        if (rng.chancePermille(150)) {
            pool.hard = !pool.hard;
        }
        setPools();
        break;
    case Fault::WindowChange:
        pool.window = drawWindow(pool.scope, rng);
        setPools();
        break;
    case Fault::FreezePool:
        pool.frozen = !pool.frozen;
        setPools();
        break;
    case Fault::ArchivePool:
        pool.archived = !pool.archived;
        setPools();
        break;
    case Fault::TopUp: {
        const Money amount
            = Money::fromNano(rng.between(1, std::max<std::int64_t>(2, pool.cap.nano())));
        m_host->ledger().command(
            [id = pool.id, amount](ledger::Books& books) {
                return books.topUp({id, {}, amount, "operator", "more"});
            },
            told);
        break;
    }
    case Fault::Adjust: {
        const Money amount
            = Money::fromNano(rng.between(-pool.cap.nano() / 4, pool.cap.nano() / 4));
        m_host->ledger().command(
            [id = pool.id, amount](ledger::Books& books) {
                return books.adjust({id, {}, amount, "operator", "corrected"});
            },
            told);
        break;
    }
    case Fault::PriceChange:
        changePrice();
        break;
    case Fault::PauseAll:
        m_isPaused = !m_isPaused;
        configure();
        break;
    default:
        cleanRestart();
        break;
    }
}

/// A careful operator: enters a rise before the provider charges it, a cut after.
void Simulation::changePrice()
{
    Rng& rng = m_world.rng;
    catalog::Model& model = m_catalog.models[rng.below(m_catalog.models.size())];
    const std::int64_t first = std::find_if(m_scenario.models.begin(), m_scenario.models.end(),
        [&](const catalog::Model& one) { return one.id() == model.id(); })
                                   ->prices.front()
                                   .input->pico();
    catalog::PriceSheet sheet = model.prices.front();
    const bool isRise = sheet.input->pico() < 4 * first
        && (sheet.input->pico() < first / 4 || rng.chancePermille(600));
    const std::int64_t percent = isRise ? rng.between(105, 300) : rng.between(30, 95);
    sheet.input = Price::fromPico(sheet.input->pico() * percent / 100);
    sheet.output = Price::fromPico(sheet.output->pico() * percent / 100);
    if (sheet.cacheRead) {
        sheet.cacheRead = Price::fromPico(sheet.cacheRead->pico() * percent / 100);
    }
    const bool isPending = std::any_of(m_dearer.begin(), m_dearer.end(),
        [&](const PriceStep& step) { return step.model == model.id(); });
    if (isPending) {
        return;
    }
    if (isRise) {
        m_dearer.push_back({model.id(), sheet, m_host->running()});
    } else {
        m_providers.setSheet(model.id(), sheet);
    }
    model.prices.front() = sheet;
    configure();
    m_world.note("{} costs {} % from now on", model.id(), percent);
}

void Simulation::applyDuePrices()
{
    const auto running = m_host->running();
    std::erase_if(m_dearer, [&](const PriceStep& step) {
        const bool isCountedOn
            = std::any_of(step.before.begin(), step.before.end(), [&](int number) {
                  return std::find(running.begin(), running.end(), number) != running.end();
              });
        if (!isCountedOn) {
            m_providers.setSheet(step.model, step.sheet);
        }
        return !isCountedOn;
    });
}

void Simulation::cleanRestart()
{
    m_world.note("host is stopped");
    m_host->stop();
    if (!isUp()) {
        return; // it died over it
    }
    m_isDown = true;
    m_auditor.hostEnded();
    m_host.reset();
    restartLater();
}

} // namespace headgate::sim
