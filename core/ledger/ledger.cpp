// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/ledger.h"

#include "core/base/check.h"
#include "core/base/limits.h"
#include "core/base/log.h"
#include "core/ledger/books.h"
#include "core/ledger/sqlite_store.h"
#include "core/ledger/store_lock.h"

#include <fmt/format.h>

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
/// A broken store is tried again no more often than this.
constexpr auto retryPause = 200ms;
constexpr auto checkpointPause = 500ms;
constexpr auto tidyPause = 60s;
/// Tries to store what has already happened before the program gives up at its end; what is lost is
/// then charged in full at the next start.
constexpr int closingTries = 5;

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
using Op = std::variant<ReserveOp, DispatchOp, SettleOp, ReleaseOp, CommandOp>;

Denial unavailable(const Ask& ask, std::string why)
{
    Denial denial;
    denial.reason = DenialReason::LedgerUnavailable;
    denial.asked = ask.amount;
    denial.detail = std::move(why);
    return denial;
}

/// An operation that was decided and waits for its commit.
struct Decided {
    Op op;
    std::variant<std::monostate, Decision, Result<void>, Result<Settled>> answer;
};

void answer(Decided& decided)
{
    if (auto* reserve = std::get_if<ReserveOp>(&decided.op)) {
        reserve->done(std::move(std::get<Decision>(decided.answer)));
    } else if (auto* dispatch = std::get_if<DispatchOp>(&decided.op)) {
        dispatch->done(std::get<Result<void>>(decided.answer));
    } else if (auto* settle = std::get_if<SettleOp>(&decided.op)) {
        settle->done(std::move(std::get<Result<Settled>>(decided.answer)));
    } else if (auto* release = std::get_if<ReleaseOp>(&decided.op)) {
        release->done(std::move(std::get<Result<Settled>>(decided.answer)));
    } else if (auto* command = std::get_if<CommandOp>(&decided.op)) {
        command->done(std::get<Result<void>>(decided.answer));
    }
}

/// Money that has moved must be recorded; everything else can be refused.
bool mustHappen(const Op& op)
{
    return std::holds_alternative<SettleOp>(op) || std::holds_alternative<ReleaseOp>(op);
}

void refuse(Op& op, const Error& why)
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
        "adjust", "top_up", "freeze", "unfreeze"};
    const auto index = static_cast<std::size_t>(kind);
    return index < names.size() ? names[index] : "damaged";
}

struct SqliteLedger::Impl {
    Impl(LedgerOptions given, const Clock& theClock, std::unique_ptr<SqliteStore> theStore,
        StoreLock theLock)
        : options(std::move(given)),
          clock(theClock),
          lock(std::move(theLock)),
          store(std::move(theStore)),
          books(*store, clock)
    {
    }

    // ledger thread
    void run();
    void work(std::deque<Op> ops);
    void process(std::deque<Op>& ops);
    void decideAndStore(std::vector<Op> batch);
    void decide(Op op, std::vector<Decided>& decided);
    bool storeBatch(std::size_t operations);
    void failBatch(std::vector<Decided>& decided);
    void runCommand(const CommandOp& command);
    bool storeWorksAgain();
    void storeFailed(const Error& error);
    void announce();
    void wakeWaiters();
    void raise(const LedgerEvent& event);
    void releaseExpired();
    void housekeep();
    void close(std::deque<Op> rest);
    Result<void> recover();

    // checkpoint thread
    void checkpointNowAndThen();

    // any thread
    void push(Op op, bool isBounded); ///< refused at once when closing, or bounded and full
    Result<void> command(std::function<Result<void>(Books&)> run);
    Result<void> withReader(const std::function<Result<void>(sqlite::Connection&)>& use);

    LedgerOptions options;
    const Clock& clock;
    StoreLock lock;
    std::unique_ptr<SqliteStore> store;
    Books books;

    std::mutex queueMutex;
    std::condition_variable queueFilled;
    std::deque<Op> queue;
    bool isClosing = false;

    // ledger thread only
    std::deque<Op> retained; ///< settles and releases that the store has not taken yet
    std::optional<Error> failure; ///< the store does not work; nothing is admitted
    std::optional<Error> mismatch; ///< books and store disagree; nothing is admitted until restart
    std::chrono::steady_clock::time_point lastTry;
    std::chrono::steady_clock::time_point lastTidy = std::chrono::steady_clock::now();
    std::vector<LedgerEvent> pendingEvents;

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
    for (const LedgerEvent& event : std::exchange(pendingEvents, {})) {
        raise(event);
    }
    announce();
    for (;;) {
        std::deque<Op> ops;
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
        work(std::move(ops));
        housekeep();
    }
}

void SqliteLedger::Impl::work(std::deque<Op> ops)
{
    if (failure && !storeWorksAgain()) {
        for (Op& op : ops) {
            if (mustHappen(op)) {
                retained.push_back(std::move(op));
            } else {
                refuse(op, *failure);
            }
        }
        return;
    }
    if (!retained.empty()) {
        std::deque<Op> owed = std::exchange(retained, {});
        process(owed);
    }
    process(ops);
}

/// Splits what is waiting into batches; a command is a batch of its own, in its turn.
void SqliteLedger::Impl::process(std::deque<Op>& ops)
{
    std::vector<Op> batch;
    while (!ops.empty()) {
        Op op = std::move(ops.front());
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

void SqliteLedger::Impl::decide(Op op, std::vector<Decided>& decided)
{
    Decided one{std::move(op), {}};
    if (auto* reserve = std::get_if<ReserveOp>(&one.op)) {
        const auto& why = mismatch ? mismatch : failure;
        one.answer
            = why ? Decision(unavailable(reserve->ask, why->text())) : books.reserve(reserve->ask);
    } else if (auto* dispatch = std::get_if<DispatchOp>(&one.op)) {
        one.answer = books.markDispatched(dispatch->hold);
    } else if (auto* settle = std::get_if<SettleOp>(&one.op)) {
        one.answer = books.settle(settle->settle);
    } else if (auto* release = std::get_if<ReleaseOp>(&one.op)) {
        one.answer = books.release(release->hold, release->reason);
    }
    decided.push_back(std::move(one));
}

void SqliteLedger::Impl::decideAndStore(std::vector<Op> batch)
{
    std::vector<Decided> decided;
    decided.reserve(batch.size());
    for (Op& op : batch) {
        if (failure) {
            decided.push_back({std::move(op), {}}); // the batch before failed: do not wait again
        } else {
            decide(std::move(op), decided);
        }
    }
    if (failure) {
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
bool SqliteLedger::Impl::storeBatch(std::size_t operations)
{
    const BatchRows& rows = books.finishBatch();
    if (rows.empty()) {
        books.commit();
        return true;
    }
    const std::int64_t begunUs = clock.monotonicUs();
    const auto written = store->write(rows);
    if (!written) {
        books.rollback();
        storeFailed(written.error());
        return false;
    }
    books.commit();
    const std::int64_t tookUs = clock.monotonicUs() - begunUs;
    store->checkpointWhenLong();
    const std::scoped_lock guard(statsMutex);
    ++counted.commits;
    counted.operations += static_cast<std::int64_t>(operations);
    commitUs[commitUsCount++ % commitUs.size()] = tookUs;
    return true;
}

void SqliteLedger::Impl::failBatch(std::vector<Decided>& decided)
{
    const Error why = mismatch ? *mismatch : *failure;
    for (Decided& one : decided) {
        if (mustHappen(one.op)) {
            retained.push_back(std::move(one.op));
        } else {
            refuse(one.op, why);
        }
    }
}

void SqliteLedger::Impl::storeFailed(const Error& error)
{
    // A guard or a hold state that SQL refuses is no bad disk: retrying cannot cure it.
    const bool isMismatch = error.code == ErrorCode::Refused || error.code == ErrorCode::Corrupt;
    auto& kept = isMismatch ? mismatch : failure;
    const bool isNew = !kept;
    kept = error;
    lastTry = std::chrono::steady_clock::now();
    if (!isNew) {
        return;
    }
    log::error("The ledger refuses requests: {}", error.text());
    raise({LedgerEvent::Kind::StoreFailed, {}, "The ledger refuses requests: " + error.text(), 0});
}

bool SqliteLedger::Impl::storeWorksAgain()
{
    const auto now = std::chrono::steady_clock::now();
    if (now - lastTry < retryPause) {
        return false;
    }
    lastTry = now;
    if (const auto probed = store->probe(); !probed) {
        failure = probed.error();
        return false;
    }
    failure.reset();
    log::info("The ledger can write again.");
    raise({LedgerEvent::Kind::StoreRecovered, {}, "The ledger can write again.", 0});
    return true;
}

void SqliteLedger::Impl::runCommand(const CommandOp& command)
{
    if (mismatch || failure) {
        command.done(mismatch ? *mismatch : *failure);
        return;
    }
    const auto decided = command.run(books);
    if (!decided) {
        books.rollback();
        command.done(decided);
        return;
    }
    if (!storeBatch(1)) {
        command.done(mismatch ? *mismatch : *failure);
        return;
    }
    command.done({});
    announce();
}

void SqliteLedger::Impl::raise(const LedgerEvent& event)
{
    if (options.onEvent) {
        options.onEvent(event);
    }
}

/// After a commit, and with no lock held: others may call back into the ledger.
void SqliteLedger::Impl::announce()
{
    for (const LedgerEvent& event : books.takeEvents()) {
        raise(event);
    }
    if (books.takeMoneyReturned()) {
        wakeWaiters();
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

void SqliteLedger::Impl::releaseExpired()
{
    std::deque<Op> expired;
    for (const HoldId hold : books.takeExpired()) {
        expired.push_back(ReleaseOp{hold, "never dispatched in time", [](const auto&) {}});
    }
    if (!expired.empty()) {
        work(std::move(expired));
    }
}

void SqliteLedger::Impl::housekeep()
{
    releaseExpired();
    const auto now = std::chrono::steady_clock::now();
    if (now - lastTidy >= tidyPause) {
        lastTidy = now;
        books.dropIdle();
    }
}

void SqliteLedger::Impl::close(std::deque<Op> rest)
{
    work(std::move(rest));
    for (int tries = 0; !retained.empty() && tries < closingTries; ++tries) {
        std::this_thread::sleep_for(retryPause);
        work({});
    }
    const Error lost(ErrorCode::Unavailable, "The ledger closed before it could store this.",
        "It is charged in full at the next start.");
    for (Op& op : retained) {
        refuse(op, lost);
    }
    wakeWaiters(); // nobody waits for a ledger that is gone
    // Callbacks may have asked for more while this ran.
    std::deque<Op> late;
    {
        const std::scoped_lock guard(queueMutex);
        late.swap(queue);
    }
    for (Op& op : late) {
        refuse(op, lost);
    }
    if (!mismatch && !failure) {
        if (const auto sealed = store->seal(); !sealed) {
            log::warning("ledger.db could not be sealed: {}", sealed.error().text());
        }
    }
}

/// Runs before the thread starts. Nothing was sent under a HELD hold; under a DISPATCHED one
/// everything may have been.
Result<void> SqliteLedger::Impl::recover()
{
    if (auto same = store->compareWithJournal(); !same) {
        return same;
    }
    const auto state = store->load();
    if (!state) {
        return state.error();
    }
    if (auto loaded = books.load(*state); !loaded) {
        return loaded;
    }
    std::int64_t unknown = 0;
    Money charged;
    for (const OpenHold& open : books.openHolds()) {
        const bool wasHeld = open.state == HoldState::Held;
        const auto ended = wasHeld ? books.release(open.hold, "restart")
                                   : books.settle({open.hold, SettleKind::Unknown, {}});
        if (!ended) {
            return ended.error();
        }
        unknown += wasHeld ? 0 : 1;
        charged = wasHeld ? charged : charged.plusSaturated(open.amount);
    }
    if (const BatchRows& rows = books.finishBatch(); !rows.empty()) {
        if (auto written = store->write(rows); !written) {
            return written;
        }
    }
    books.commit();
    if (unknown != 0) {
        pendingEvents.push_back({LedgerEvent::Kind::RecoveryUnknown, {},
            fmt::format("{} calls were under way when Headgate last ended: their bounds ({}) were "
                        "charged in full.",
                unknown, charged.toDisplay()),
            0});
    }
    return store->seal();
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

void SqliteLedger::Impl::push(Op op, bool isBounded)
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
    if (auto recovered = impl->recover(); !recovered) {
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
    return m_impl->books.view(identity, target);
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

Result<void> SqliteLedger::topUp(
    PoolId pool, Money amount, const std::string& actor, const std::string& reason)
{
    return m_impl->command([&](Books& books) { return books.topUp(pool, amount, actor, reason); });
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
    return m_impl->books.poolStates();
}

std::vector<OpenHold> SqliteLedger::openHolds() const
{
    return m_impl->books.openHolds();
}

Money SqliteLedger::heldTotal() const
{
    return m_impl->books.heldTotal();
}

std::int64_t SqliteLedger::openHoldCount() const
{
    return m_impl->books.openHoldCount();
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
