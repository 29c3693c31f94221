// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/engine.h"

#include "core/base/limits.h"
#include "core/base/log.h"

#include <fmt/format.h>

#include <utility>

namespace headgate::ledger {

namespace {

/// A broken store is tried again no more often than this.
constexpr std::int64_t retryPauseUs = 200 * usPerMs;
constexpr std::int64_t tidyPauseUs = usPerMinute;

Denial unavailable(const Ask& ask, std::string why)
{
    Denial denial;
    denial.reason = DenialReason::LedgerUnavailable;
    denial.asked = ask.amount;
    denial.detail = std::move(why);
    return denial;
}

/// Money that has moved must be recorded; everything else can be refused.
bool mustHappen(const LedgerOp& op)
{
    return std::holds_alternative<SettleOp>(op) || std::holds_alternative<ReleaseOp>(op);
}

} // namespace

void refuse(LedgerOp& op, const Error& why)
{
    if (auto* reserve = std::get_if<ReserveOp>(&op)) {
        reserve->done(unavailable(reserve->ask, why.text()));
    } else if (auto* dispatch = std::get_if<DispatchOp>(&op)) {
        dispatch->done(why);
    } else if (auto* settle = std::get_if<SettleOp>(&op)) {
        settle->done(why);
    } else if (auto* release = std::get_if<ReleaseOp>(&op)) {
        release->done(why);
    } else if (auto* command = std::get_if<CommandOp>(&op)) {
        command->done(why);
    }
}

void LedgerEngine::answer(Decided& decided)
{
    if (auto* reserve = std::get_if<ReserveOp>(&decided.op)) {
        reserve->done(std::move(std::get<Decision>(decided.answer)));
    } else if (auto* dispatch = std::get_if<DispatchOp>(&decided.op)) {
        dispatch->done(std::get<Result<void>>(decided.answer));
    } else if (auto* settle = std::get_if<SettleOp>(&decided.op)) {
        settle->done(std::move(std::get<Result<Settled>>(decided.answer)));
    } else if (auto* release = std::get_if<ReleaseOp>(&decided.op)) {
        release->done(std::move(std::get<Result<Settled>>(decided.answer)));
    }
}

LedgerEngine::LedgerEngine(std::unique_ptr<SqliteStore> store, const Clock& clock, Hooks hooks)
    : m_clock(clock),
      m_hooks(std::move(hooks)),
      m_store(std::move(store)),
      m_books(*m_store, clock),
      m_lastTidyUs(clock.monotonicUs())
{
}

/// Nothing was sent under a HELD hold; under a DISPATCHED one
/// everything may have been.
Result<void> LedgerEngine::recover()
{
    if (auto same = m_store->compareWithJournal(); !same) {
        return same;
    }
    const auto state = m_store->load();
    if (!state) {
        return state.error();
    }
    if (auto loaded = m_books.load(*state); !loaded) {
        return loaded;
    }
    std::int64_t unknown = 0;
    Money charged;
    for (const OpenHold& open : m_books.openHolds()) {
        const bool wasHeld = open.state == HoldState::Held;
        const auto ended = wasHeld ? m_books.release(open.hold, "restart")
                                   : m_books.settle({open.hold, SettleKind::Unknown, {}});
        if (!ended) {
            return ended.error();
        }
        unknown += wasHeld ? 0 : 1;
        charged = wasHeld ? charged : charged.plusSaturated(open.amount);
    }
    if (const BatchRows& rows = m_books.finishBatch(); !rows.empty()) {
        if (auto written = m_store->write(rows); !written) {
            return written;
        }
    }
    m_books.commit();
    if (unknown != 0) {
        m_recoveryEvents.push_back({LedgerEvent::Kind::RecoveryUnknown, {},
            fmt::format("{} calls were under way when Headgate last ended: their bounds ({}) were "
                        "charged in full.",
                unknown, charged.toDisplay()),
            0});
    }
    return m_store->seal();
}

void LedgerEngine::start()
{
    for (const LedgerEvent& event : std::exchange(m_recoveryEvents, {})) {
        raise(event);
    }
    announce();
}

void LedgerEngine::work(std::deque<LedgerOp> ops)
{
    if (m_failure && !storeWorksAgain()) {
        for (LedgerOp& op : ops) {
            if (mustHappen(op)) {
                m_retained.push_back(std::move(op));
            } else {
                refuse(op, *m_failure);
            }
        }
        return;
    }
    if (!m_retained.empty()) {
        std::deque<LedgerOp> owed = std::exchange(m_retained, {});
        process(owed);
    }
    process(ops);
}

/// Splits what is waiting into batches; a command is a batch of its own, in its turn.
void LedgerEngine::process(std::deque<LedgerOp>& ops)
{
    std::vector<LedgerOp> batch;
    while (!ops.empty()) {
        LedgerOp op = std::move(ops.front());
        ops.pop_front();
        auto* commandOp = std::get_if<CommandOp>(&op);
        if (commandOp == nullptr) {
            batch.push_back(std::move(op));
        }
        const bool isFull = batch.size() >= limits::ledgerBatchMax;
        if (!batch.empty() && (isFull || commandOp != nullptr || ops.empty())) {
            decideAndStore(std::exchange(batch, {}));
        }
        if (commandOp != nullptr) {
            runCommand(*commandOp);
        }
    }
}

void LedgerEngine::decide(LedgerOp op, std::vector<Decided>& decided)
{
    Decided one{std::move(op), {}};
    if (auto* reserve = std::get_if<ReserveOp>(&one.op)) {
        const auto& why = m_mismatch ? m_mismatch : m_failure;
        one.answer = why ? Decision(unavailable(reserve->ask, why->text()))
                         : m_books.reserve(reserve->ask);
    } else if (auto* dispatch = std::get_if<DispatchOp>(&one.op)) {
        one.answer = m_books.markDispatched(dispatch->hold);
    } else if (auto* settle = std::get_if<SettleOp>(&one.op)) {
        one.answer = m_books.settle(settle->settle);
    } else if (auto* release = std::get_if<ReleaseOp>(&one.op)) {
        one.answer = m_books.release(release->hold, release->reason);
    }
    decided.push_back(std::move(one));
}

void LedgerEngine::decideAndStore(std::vector<LedgerOp> batch)
{
    std::vector<Decided> decided;
    decided.reserve(batch.size());
    for (LedgerOp& op : batch) {
        if (m_failure) {
            decided.push_back({std::move(op), {}}); // the batch before failed: do not wait again
        } else {
            decide(std::move(op), decided);
        }
    }
    if (m_failure) {
        failBatch(decided);
        return;
    }
    if (!storeBatch(decided.size())) {
        failBatch(decided);
        return;
    }
    for (Decided& one : decided) {
        answer(one);
    }
    announce();
}

/// False: nothing was stored and the books are as before.
bool LedgerEngine::storeBatch(std::size_t operations)
{
    const BatchRows& rows = m_books.finishBatch();
    if (rows.empty()) {
        m_books.commit();
        return true;
    }
    const std::int64_t begunUs = m_clock.monotonicUs();
    const auto written = m_store->write(rows);
    if (!written) {
        m_books.rollback();
        storeFailed(written.error());
        return false;
    }
    m_books.commit();
    const std::int64_t tookUs = m_clock.monotonicUs() - begunUs;
    m_store->checkpointWhenLong();
    if (m_hooks.onCommit) {
        m_hooks.onCommit(operations, tookUs);
    }
    return true;
}

void LedgerEngine::failBatch(std::vector<Decided>& decided)
{
    const Error why = m_mismatch ? *m_mismatch : *m_failure;
    for (Decided& one : decided) {
        if (mustHappen(one.op)) {
            m_retained.push_back(std::move(one.op));
        } else {
            refuse(one.op, why);
        }
    }
}

void LedgerEngine::storeFailed(const Error& error)
{
    // A guard or a hold state that SQL refuses is no bad disk: retrying cannot cure it.
    const bool isMismatch = error.code == ErrorCode::Refused || error.code == ErrorCode::Corrupt;
    auto& kept = isMismatch ? m_mismatch : m_failure;
    const bool isNew = !kept;
    kept = error;
    m_lastTryUs = m_clock.monotonicUs();
    if (!isNew) {
        return;
    }
    log::error("The ledger refuses requests: {}", error.text());
    raise({LedgerEvent::Kind::StoreFailed, {}, "The ledger refuses requests: " + error.text(), 0});
}

bool LedgerEngine::storeWorksAgain()
{
    const std::int64_t nowUs = m_clock.monotonicUs();
    if (nowUs - m_lastTryUs < retryPauseUs) {
        return false;
    }
    m_lastTryUs = nowUs;
    if (const auto probed = m_store->probe(); !probed) {
        m_failure = probed.error();
        return false;
    }
    m_failure.reset();
    log::info("The ledger can write again.");
    raise({LedgerEvent::Kind::StoreRecovered, {}, "The ledger can write again.", 0});
    return true;
}

void LedgerEngine::runCommand(const CommandOp& command)
{
    if (m_mismatch || m_failure) {
        command.done(m_mismatch ? *m_mismatch : *m_failure);
        return;
    }
    const auto decided = command.run(m_books);
    if (!decided) {
        m_books.rollback();
        command.done(decided);
        return;
    }
    if (!storeBatch(1)) {
        command.done(m_mismatch ? *m_mismatch : *m_failure);
        return;
    }
    command.done({});
    announce();
}

void LedgerEngine::raise(const LedgerEvent& event)
{
    if (m_hooks.onEvent) {
        m_hooks.onEvent(event);
    }
}

/// After a commit, and with no lock held: others may call back into the ledger.
void LedgerEngine::announce()
{
    for (const LedgerEvent& event : m_books.takeEvents()) {
        raise(event);
    }
    if (m_books.takeMoneyReturned() && m_hooks.onMoneyReturned) {
        m_hooks.onMoneyReturned();
    }
}

void LedgerEngine::releaseExpired()
{
    std::deque<LedgerOp> expired;
    for (const HoldId hold : m_books.takeExpired()) {
        expired.push_back(ReleaseOp{hold, "never dispatched in time", [](const auto&) {}});
    }
    if (!expired.empty()) {
        work(std::move(expired));
    }
}

void LedgerEngine::housekeep()
{
    releaseExpired();
    if (m_books.isUpkeepDue()) {
        runCommand({[](Books& books) { return books.upkeep(); }, [](const Result<void>&) {}});
    }
    const std::int64_t nowUs = m_clock.monotonicUs();
    if (nowUs - m_lastTidyUs >= tidyPauseUs) {
        m_lastTidyUs = nowUs;
        m_books.dropIdle();
    }
}

void LedgerEngine::close(const Error& why)
{
    for (LedgerOp& op : std::exchange(m_retained, {})) {
        refuse(op, why);
    }
    if (m_mismatch || m_failure) {
        return;
    }
    if (const auto sealed = m_store->seal(); !sealed) {
        log::warning("ledger.db could not be sealed: {}", sealed.error().text());
    }
}

} // namespace headgate::ledger
