// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/ledger.h"

#include "core/base/limits.h"
#include "core/ledger/engine.h"
#include "core/ledger/store_lock.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>

namespace headgate::ledger {

namespace {

using namespace std::chrono_literals;

/// How often the ledger thread looks at expiry and a broken store when nothing else happens.
constexpr auto idleWake = 200ms;
/// Between tries to store what has already happened, at the program's end.
constexpr auto closingPause = 200ms;
constexpr auto checkpointPause = 500ms;
/// Tries to store what has already happened before the program gives up at its end; what is lost is
/// then charged in full at the next start.
constexpr int closingTries = 5;

} // namespace

const char* holdStateName(HoldState state)
{
    constexpr std::array names{"held", "dispatched", "settled", "released", "estimated", "unknown"};
    const auto index = static_cast<std::size_t>(state);
    return index < names.size() ? names[index] : "damaged";
}

const char* entryKindName(EntryKind kind)
{
    constexpr std::array names{"hold", "dispatch", "settle", "estimate", "unknown", "release",
        "adjust", "top_up", "freeze", "unfreeze", "expire", "refill"};
    const auto index = static_cast<std::size_t>(kind);
    return index < names.size() ? names[index] : "damaged";
}

struct SqliteLedger::Impl {
    Impl(LedgerOptions given, const Clock& clock, std::unique_ptr<SqliteStore> store,
        StoreLock theLock)
        : options(std::move(given)),
          lock(std::move(theLock)),
          engine(std::move(store), clock,
              {.onEvent = options.onEvent,
                  .onMoneyReturned = [this] { wakeWaiters(); },
                  .onCommit = [this](std::size_t operations,
                                  std::int64_t tookUs) { countCommit(operations, tookUs); }})
    {
    }

    // ledger thread
    void run();
    void wakeWaiters();
    void countCommit(std::size_t operations, std::int64_t tookUs);
    void close(std::deque<LedgerOp> rest);

    // checkpoint thread
    void checkpointNowAndThen();

    // any thread
    void push(LedgerOp op, bool isBounded); ///< refused at once when closing, or bounded and full
    Result<void> command(std::function<Result<void>(Books&)> run);
    Result<void> withReader(const std::function<Result<void>(sqlite::Connection&)>& use);

    LedgerOptions options;
    StoreLock lock;
    LedgerEngine engine; ///< ledger thread; its books are read from any

    std::mutex queueMutex;
    std::condition_variable queueFilled;
    std::deque<LedgerOp> queue;
    bool isClosing = false;

    std::mutex waitersMutex;
    std::vector<std::function<void()>> waiters;

    mutable std::mutex statsMutex;
    Stats counted;
    std::array<std::int64_t, 1024> commitUs{};
    std::size_t commitUsCount = 0;

    std::mutex readerMutex;
    sqlite::Connection reader;

    std::mutex checkpointMutex;
    std::condition_variable checkpointStop;
    bool checkpointsEnd = false;

    std::thread thread;
    std::thread checkpointThread;
};

// --- ledger thread

void SqliteLedger::Impl::run()
{
    engine.start();
    for (;;) {
        std::deque<LedgerOp> ops;
        bool closing = false;
        {
            std::unique_lock guard(queueMutex);
            queueFilled.wait_for(guard, idleWake, [&] { return !queue.empty() || isClosing; });
            ops.swap(queue);
            closing = isClosing;
        }
        if (closing) {
            close(std::move(ops));
            return;
        }
        engine.work(std::move(ops));
        engine.housekeep();
    }
}

void SqliteLedger::Impl::wakeWaiters()
{
    std::vector<std::function<void()>> wake;
    {
        const std::scoped_lock guard(waitersMutex);
        wake.swap(waiters);
    }
    for (const auto& one : wake) {
        one();
    }
}

void SqliteLedger::Impl::countCommit(std::size_t operations, std::int64_t tookUs)
{
    const std::scoped_lock guard(statsMutex);
    ++counted.commits;
    counted.operations += static_cast<std::int64_t>(operations);
    commitUs[commitUsCount++ % commitUs.size()] = tookUs;
}

void SqliteLedger::Impl::close(std::deque<LedgerOp> rest)
{
    engine.work(std::move(rest));
    for (int tries = 0; engine.owes() && tries < closingTries; ++tries) {
        std::this_thread::sleep_for(closingPause);
        engine.work({});
    }
    const Error lost(ErrorCode::Unavailable, "The ledger closed before it could store this.",
        "It is charged in full at the next start.");
    engine.close(lost);
    wakeWaiters(); // nobody waits for a ledger that is gone
    // Callbacks may have asked for more while this ran.
    std::deque<LedgerOp> late;
    {
        const std::scoped_lock guard(queueMutex);
        late.swap(queue);
    }
    for (LedgerOp& op : late) {
        refuse(op, lost);
    }
}

// --- checkpoint thread

/// Checkpoints are the tail of commit times, so another thread makes most of them.
void SqliteLedger::Impl::checkpointNowAndThen()
{
    auto connection = sqlite::Connection::open({.path = options.path,
        .powerSafe = options.powerSafe,
        .walAutocheckpointPages = 0,
        .vfs = options.vfs});
    std::unique_lock guard(checkpointMutex);
    while (!checkpointStop.wait_for(guard, checkpointPause, [&] { return checkpointsEnd; })) {
        if (!connection) {
            return; // the writer checkpoints too
        }
        guard.unlock();
        // A connection that has never read the database checkpoints nothing, silently.
        static_cast<void>(connection->queryInt("SELECT value FROM meta LIMIT 1"));
        sqlite3_wal_checkpoint_v2(
            connection->handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
        guard.lock();
    }
}

// --- any thread

void SqliteLedger::Impl::push(LedgerOp op, bool isBounded)
{
    bool isClosed = false;
    bool isTaken = false;
    bool isFirst = false;
    {
        const std::scoped_lock guard(queueMutex);
        isClosed = isClosing;
        if (!isClosed && (!isBounded || queue.size() < limits::ledgerQueueMax)) {
            queue.push_back(std::move(op));
            isTaken = true;
            isFirst = queue.size() == 1; // else someone before has woken the thread
        }
    }
    if (isFirst) { // without the lock, or the thread would wake only to wait for it
        queueFilled.notify_one();
    }
    if (isTaken) {
        return;
    }
    refuse(op,
        Error(ErrorCode::Unavailable,
            isClosed ? "The ledger is closing." : "The ledger has too much to do.",
            "Try again in a moment."));
}

Result<void> SqliteLedger::Impl::command(std::function<Result<void>(Books&)> run)
{
    if (std::this_thread::get_id() == thread.get_id()) {
        return Error(ErrorCode::Internal, "Commands cannot wait on the ledger's own thread.");
    }
    std::promise<Result<void>> promise;
    auto outcome = promise.get_future();
    push(CommandOp{std::move(run),
             [&promise](const Result<void>& done) { promise.set_value(done); }},
        false);
    return outcome.get();
}

Result<void> SqliteLedger::Impl::withReader(
    const std::function<Result<void>(sqlite::Connection&)>& use)
{
    const std::scoped_lock guard(readerMutex);
    if (!reader.isOpen()) {
        auto opened = openForReading(options.path);
        if (!opened) {
            return opened.error();
        }
        reader = std::move(*opened);
    }
    return use(reader);
}

// --- SqliteLedger

SqliteLedger::SqliteLedger(std::unique_ptr<Impl> impl) : m_impl(std::move(impl)) { }

Result<std::unique_ptr<SqliteLedger>> SqliteLedger::open(LedgerOptions options, const Clock& clock)
{
    auto lock = StoreLock::acquire(options.path);
    if (!lock) {
        return lock.error();
    }
    auto store = SqliteStore::open(options.path, options.powerSafe, options.vfs);
    if (!store) {
        return store.error();
    }
    auto impl
        = std::make_unique<Impl>(std::move(options), clock, std::move(*store), std::move(*lock));
    if (auto recovered = impl->engine.recover(); !recovered) {
        return recovered.error();
    }
    Impl* running = impl.get();
    running->thread = std::thread([running] { running->run(); });
    running->checkpointThread = std::thread([running] { running->checkpointNowAndThen(); });
    return std::unique_ptr<SqliteLedger>(new SqliteLedger(std::move(impl)));
}

SqliteLedger::~SqliteLedger()
{
    {
        const std::scoped_lock guard(m_impl->queueMutex);
        m_impl->isClosing = true;
    }
    m_impl->queueFilled.notify_one();
    {
        const std::scoped_lock guard(m_impl->checkpointMutex);
        m_impl->checkpointsEnd = true;
    }
    m_impl->checkpointStop.notify_one();
    m_impl->thread.join();
    m_impl->checkpointThread.join();
}

void SqliteLedger::reserve(Ask ask, std::function<void(Decision)> done)
{
    m_impl->push(ReserveOp{std::move(ask), std::move(done)}, true);
}

void SqliteLedger::markDispatched(HoldId hold, std::function<void(Result<void>)> done)
{
    m_impl->push(DispatchOp{hold, std::move(done)}, false);
}

void SqliteLedger::settle(Settle settle, std::function<void(Result<Settled>)> done)
{
    m_impl->push(SettleOp{settle, std::move(done)}, false);
}

void SqliteLedger::release(
    HoldId hold, std::string reason, std::function<void(Result<Settled>)> done)
{
    m_impl->push(ReleaseOp{hold, std::move(reason), std::move(done)}, false);
}

BudgetView SqliteLedger::view(const Identity& identity, const Target& target) const
{
    return m_impl->engine.books().view(identity, target);
}

void SqliteLedger::onceMoneyReturns(std::function<void()> changed)
{
    {
        const std::scoped_lock guard(m_impl->waitersMutex);
        if (m_impl->waiters.size() < limits::ledgerQueueMax) {
            m_impl->waiters.push_back(std::move(changed));
            return;
        }
    }
    changed(); // too many wait: waking one too early only makes it ask again
}

Result<void> SqliteLedger::setPools(std::vector<Pool> pools)
{
    return m_impl->command(
        [pools = std::move(pools)](Books& books) { return books.setPools(pools); });
}

Result<void> SqliteLedger::topUp(PoolId pool, Money amount, const std::string& actor,
    const std::string& reason, const std::string& accountValue)
{
    return m_impl->command([&](Books& books) {
        return books.topUp({pool, accountValue, amount, actor, reason});
    });
}

Result<void> SqliteLedger::adjust(PoolId pool, const std::string& accountValue, Money amount,
    const std::string& actor, const std::string& reason)
{
    return m_impl->command([&](Books& books) {
        return books.adjust({pool, accountValue, amount, actor, reason});
    });
}

Result<void> SqliteLedger::unfreezeAccounts(PoolId pool, const std::string& actor)
{
    return m_impl->command([&](Books& books) { return books.unfreezeAccounts(pool, actor); });
}

std::vector<PoolState> SqliteLedger::poolStates() const
{
    return m_impl->engine.books().poolStates();
}

std::vector<OpenHold> SqliteLedger::openHolds() const
{
    return m_impl->engine.books().openHolds();
}

Money SqliteLedger::heldTotal() const
{
    return m_impl->engine.books().heldTotal();
}

std::int64_t SqliteLedger::openHoldCount() const
{
    return m_impl->engine.books().openHoldCount();
}

Result<std::vector<Entry>> SqliteLedger::journal(
    std::optional<PoolId> pool, std::int64_t beforeSequence, int limit) const
{
    std::vector<Entry> entries;
    const auto done = m_impl->withReader([&](sqlite::Connection& reader) -> Result<void> {
        auto found = readJournal(reader, pool, beforeSequence, limit);
        if (!found) {
            return found.error();
        }
        entries = std::move(*found);
        return {};
    });
    if (!done) {
        return done.error();
    }
    return entries;
}

Result<VerifyReport> SqliteLedger::verify() const
{
    // A connection of its own: a long comparison must not hold up pages of the journal.
    return verifyFile(m_impl->options.path);
}

Result<VerifyReport> SqliteLedger::verifyFile(const std::string& path)
{
    const auto connection = openForReading(path);
    if (!connection) {
        return connection.error();
    }
    return verifyConnection(*connection);
}

SqliteLedger::Stats SqliteLedger::stats() const
{
    const std::scoped_lock guard(m_impl->statsMutex);
    Stats stats = m_impl->counted;
    std::vector<std::int64_t> times(m_impl->commitUs.begin(),
        m_impl->commitUs.begin()
            + static_cast<std::ptrdiff_t>(
                std::min(m_impl->commitUsCount, m_impl->commitUs.size())));
    if (!times.empty()) {
        const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
        std::nth_element(times.begin(), middle, times.end());
        stats.commitUsMedian = *middle;
    }
    return stats;
}

} // namespace headgate::ledger
