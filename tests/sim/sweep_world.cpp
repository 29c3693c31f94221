// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/sweep_world.h"

#include "core/base/limits.h"

#include <fmt/format.h>

namespace headgate::sim {

using namespace headgate::ledger;

namespace {

constexpr const char* path = "/simulated/ledger.db";
/// A fault strikes once, so the second try must do; a broken store is tried again only now and
/// then.
constexpr int triesMax = 6;

Money usd(const char* text)
{
    return Money::parse(text).value();
}

Pool makePool(std::int64_t id, const char* scope, const char* window, Money cap)
{
    Pool pool;
    pool.id = PoolId{id};
    pool.name = "pool-" + std::to_string(id);
    pool.scope = Scope::parse(scope).value();
    pool.window = Window::parse(window).value();
    pool.cap = cap;
    return pool;
}

} // namespace

SweepWorld::SweepWorld(std::uint64_t seed) : m_disk("headgate-sweep", seed)
{
    m_disk.onSleep = [this](std::int64_t us) { m_clock.advanceUs(us); };
}

void SweepWorld::fail(const std::string& what)
{
    if (m_problem.empty()) {
        m_problem = what;
    }
}

// --- the program

void SweepWorld::startProgram()
{
    std::string why;
    for (int i = 0; i < triesMax; ++i) {
        m_engine.reset();
        if (m_disk.isDown()) {
            m_disk.restart();
        }
        ++m_starts;
        auto store = SqliteStore::open(path, true, m_disk.vfs());
        if (!store) {
            why = store.error().text();
            continue;
        }
        m_engine
            = std::make_unique<LedgerEngine>(std::move(*store), m_clock, LedgerEngine::Hooks{});
        if (auto recovered = m_engine->recover(); !recovered) {
            why = recovered.error().text();
            continue;
        }
        m_engine->start();
        if (!m_disk.isDown()) {
            checkAfterRestart();
            return;
        }
    }
    fail("the ledger does not start: " + why);
}

void SweepWorld::closeAndStart()
{
    if (m_engine) {
        m_engine->close(Error(ErrorCode::Unavailable, "closing"));
    }
    startProgram();
}

void SweepWorld::work(std::deque<LedgerOp> ops)
{
    if (m_engine && m_problem.empty()) {
        m_engine->work(std::move(ops));
        if (!m_disk.isDown()) {
            m_engine->housekeep();
        }
    }
}

void SweepWorld::waitABit()
{
    m_clock.advanceUs(300 * usPerMs);
    work({});
    if (m_disk.isDown()) {
        startProgram();
    }
}

/// As the program's checkpoint thread does; it may fail.
void SweepWorld::checkpoint()
{
    const auto connection = sqlite::Connection::open(
        {.path = path, .powerSafe = true, .walAutocheckpointPages = 0, .vfs = m_disk.vfs()});
    if (connection) {
        static_cast<void>(connection->queryInt("SELECT value FROM meta LIMIT 1"));
        sqlite3_wal_checkpoint_v2(
            connection->handle(), nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
    }
    if (m_disk.isDown()) {
        startProgram();
    }
}

// --- the clients

Ask SweepWorld::askOf(const Wanted& wanted) const
{
    Ask ask;
    ask.requestId = wanted.id;
    ask.amount = usd(wanted.amount);
    ask.dispatch = wanted.dispatch;
    ask.identity.team = wanted.team;
    ask.identity.session = "s1";
    ask.identity.priority = wanted.priority;
    ask.target = {"sim", "small", 1};
    return ask;
}

void SweepWorld::bill(Call& call)
{
    call.isSent = true;
    const Money within = std::min(call.billed, call.ask.amount);
    m_billed[call.day] = *m_billed[call.day].plus(within);
    if (call.ask.identity.team == "search") {
        m_searchBilled = *m_searchBilled.plus(within);
    }
}

void SweepWorld::onDecision(const Wanted& wanted, const Decision& decision)
{
    Call& call = m_calls[wanted.id];
    const auto& grant = std::get<Grant>(decision);
    if (grant.repeated) {
        // Granted before a crash that kept the answer: ended at the start, never to be spent.
        call.hold = grant.hold;
        return;
    }
    if (call.isGranted) {
        fail(fmt::format("{} was granted twice", wanted.id));
    }
    call.hold = grant.hold;
    call.isGranted = true;
    call.billed = usd(wanted.bill);
    call.day = m_day;
    if (wanted.dispatch) {
        bill(call);
    }
}

void SweepWorld::ask(const Wanted& wanted)
{
    askTogether({wanted});
}

/// Asks that fit, in one batch: each is granted, in the end.
void SweepWorld::askTogether(const std::vector<Wanted>& wanted)
{
    std::vector<Wanted> left = wanted;
    for (int i = 0; i < triesMax && !left.empty() && m_problem.empty(); ++i) {
        std::vector<std::optional<Decision>> answers(left.size());
        std::deque<LedgerOp> ops;
        for (std::size_t k = 0; k < left.size(); ++k) {
            m_calls[left[k].id].ask = askOf(left[k]);
            ops.emplace_back(
                ReserveOp{askOf(left[k]), [this, &answers, k](Decision decision) {
                              if (!m_disk.isDown()) { // a program that is gone tells nobody
                                  answers[k] = std::move(decision);
                              }
                          }});
        }
        work(std::move(ops));
        std::vector<Wanted> again;
        for (std::size_t k = 0; k < left.size(); ++k) {
            if (answers[k] && std::holds_alternative<Grant>(*answers[k])) {
                onDecision(left[k], *answers[k]);
                continue;
            }
            if (!answers[k] && !m_disk.isDown()) {
                fail(fmt::format("{} got no answer", left[k].id));
            }
            if (answers[k]
                && std::get<Denial>(*answers[k]).reason != DenialReason::LedgerUnavailable) {
                fail(fmt::format("{} fits, but was denied: {}", left[k].id,
                    denialReasonName(std::get<Denial>(*answers[k]).reason)));
            }
            again.push_back(left[k]);
        }
        left = std::move(again);
        if (m_disk.isDown()) {
            startProgram();
        } else if (!left.empty()) {
            waitABit();
        }
    }
    if (!left.empty()) {
        fail(fmt::format("{} fits, but is never admitted", left.front().id));
    }
}

void SweepWorld::askTooMuch(const Wanted& wanted)
{
    std::optional<Decision> answer;
    std::deque<LedgerOp> ops;
    ops.emplace_back(ReserveOp{askOf(wanted), [&](Decision decision) { answer = decision; }});
    work(std::move(ops));
    if (m_disk.isDown()) {
        startProgram();
        return;
    }
    if (answer && std::holds_alternative<Grant>(*answer)) {
        fail(fmt::format("{} does not fit, but was granted", wanted.id));
    }
}

/// The same request id again: never money twice.
void SweepWorld::askAgain(const char* id)
{
    const Call& call = m_calls[id];
    std::optional<Decision> answer;
    std::deque<LedgerOp> ops;
    ops.emplace_back(ReserveOp{call.ask, [&](Decision decision) { answer = decision; }});
    work(std::move(ops));
    if (m_disk.isDown()) {
        startProgram();
        return;
    }
    const auto* grant = answer ? std::get_if<Grant>(&*answer) : nullptr;
    if (grant != nullptr && (!grant->repeated || grant->hold != call.hold)) {
        fail(fmt::format("{} was granted again", id));
    }
}

void SweepWorld::send(const char* id)
{
    Call& call = m_calls[id];
    for (int i = 0; i < triesMax && call.isGranted && m_problem.empty(); ++i) {
        std::optional<Result<void>> answer;
        std::deque<LedgerOp> ops;
        ops.emplace_back(DispatchOp{call.hold, [&](const Result<void>& done) { answer = done; }});
        work(std::move(ops));
        if (m_disk.isDown()) {
            startProgram(); // nothing was sent: the answer never came
            return;
        }
        if (answer && *answer) {
            bill(call);
            return;
        }
        if (call.charged) {
            return; // ended at a start
        }
        waitABit();
    }
    if (m_problem.empty() && call.isGranted && !call.charged) {
        fail(fmt::format("{} cannot be sent", id));
    }
}

void SweepWorld::checkOutcome(Call& call, const Result<Settled>& outcome)
{
    const std::string& id = call.ask.requestId;
    if (!outcome) {
        fail(fmt::format("{}: {}", id, outcome.error().text()));
        return;
    }
    if (outcome->state == HoldState::Held || outcome->state == HoldState::Dispatched) {
        fail(fmt::format("{} is still open", id));
    }
    if (call.charged && *call.charged != outcome->charged) {
        fail(fmt::format("{} was charged {}, now it is {}", id, call.charged->toDisplay(),
            outcome->charged.toDisplay()));
    }
    if (call.isSent && outcome->charged < call.billed && outcome->charged < call.ask.amount) {
        fail(fmt::format("{} was charged {}, but its provider billed {}", id,
            outcome->charged.toDisplay(), call.billed.toDisplay()));
    }
    call.charged = outcome->charged;
}

void SweepWorld::settle(const char* id, SettleKind kind)
{
    Call& call = m_calls[id];
    if (!call.isGranted) {
        return;
    }
    int answers = 0;
    const auto onDone = [&, engine = m_starts](const Result<Settled>& done) {
        if (!m_disk.isDown() && engine == m_starts) {
            ++answers;
            checkOutcome(call, done);
        }
    };
    std::deque<LedgerOp> ops;
    ops.emplace_back(SettleOp{{call.hold, kind, call.billed}, onDone});
    work(std::move(ops));
    for (int i = 0; i < triesMax && answers == 0 && m_problem.empty(); ++i) {
        if (m_disk.isDown()) {
            startProgram(); // asks for the outcome of every call
            return;
        }
        waitABit();
        if (call.charged) {
            return; // the crash was in waiting
        }
    }
    if (answers != 1) {
        fail(fmt::format("the settle of {} was answered {} times", id, answers));
    }
}

void SweepWorld::release(const char* id)
{
    Call& call = m_calls[id];
    if (!call.isGranted || call.isSent) {
        return;
    }
    std::optional<Money> charged;
    const auto onDone = [&, engine = m_starts](const Result<Settled>& done) {
        if (!m_disk.isDown() && engine == m_starts) {
            checkOutcome(call, done);
        }
    };
    std::deque<LedgerOp> ops;
    ops.emplace_back(ReleaseOp{call.hold, "not needed", onDone});
    work(std::move(ops));
    for (int i = 0; i < triesMax && !call.charged && m_problem.empty(); ++i) {
        if (m_disk.isDown()) {
            startProgram();
        } else {
            waitABit();
        }
    }
    if (!call.charged || !call.charged->isZero()) {
        fail(fmt::format("{} was not released", id));
    }
}

// --- the operator

Result<void> SweepWorld::command(const Command& run)
{
    std::optional<Result<void>> answer;
    std::deque<LedgerOp> ops;
    ops.emplace_back(CommandOp{run, [&](const Result<void>& done) { answer = done; }});
    work(std::move(ops));
    return answer ? *answer : Error(ErrorCode::Internal, "no answer");
}

void SweepWorld::setPools(const char* orgCap, const char* teamCap)
{
    Pool org = makePool(1, "org", "day", usd(orgCap));
    org.reservePercent = 20;
    const std::vector<Pool> pools{org, makePool(2, "team=search", "lifetime", usd(teamCap)),
        makePool(3, "each-session", "month", usd("1000")),
        makePool(4, "request", "request", usd("100")),
        makePool(5, "team=other", "sliding:1h", usd("50")),
        makePool(6, "org", "bucket:60/10-per-hour", usd("60")),
        makePool(7, "each-session", "session:30m", usd("70"))};
    for (int i = 0; i < triesMax && m_problem.empty(); ++i) {
        const auto done = command([&](Books& books) { return books.setPools(pools); });
        if (m_disk.isDown()) {
            startProgram();
        } else if (done) {
            m_orgCap[m_day] = std::max(m_orgCap[m_day], org.cap);
            m_teamCap = std::max(m_teamCap, usd(teamCap));
            return;
        } else {
            waitABit();
        }
    }
    fail("the pools cannot be set");
}

bool SweepWorld::isInJournal(const std::string& reason)
{
    const auto connection
        = sqlite::Connection::open({.path = path, .readOnly = true, .vfs = m_disk.vfs()});
    const auto entries = connection ? readJournal(*connection, {}, 0, 1'000)
                                    : Result<std::vector<Entry>>(connection.error());
    if (!entries) {
        // The fault struck this reader; it strikes once.
        return !m_disk.isDown() && m_problem.empty() && m_disk.faultsStruck() == 1
            && isInJournal(reason);
    }
    return std::any_of(entries->begin(), entries->end(),
        [&](const Entry& entry) { return entry.reason == reason; });
}

/// A command that must not be done twice: refused means not done; after a crash the operator looks.
void SweepWorld::doOnce(const char* reason, const Command& run)
{
    for (int i = 0; i < triesMax && m_problem.empty(); ++i) {
        const auto done = command(run);
        if (m_disk.isDown()) {
            startProgram();
            if (isInJournal(reason)) {
                return;
            }
        } else if (done) {
            return;
        } else {
            waitABit();
            if (isInJournal(reason)) {
                fail(fmt::format("\"{}\" was refused, but done", reason));
            }
        }
    }
    fail(fmt::format("\"{}\" cannot be done", reason));
}

// --- the auditor

/// After a start nothing is open, and whatever anyone was told is still true.
void SweepWorld::checkAfterRestart()
{
    if (m_engine->books().openHoldCount() != 0 || !m_engine->books().heldTotal().isZero()) {
        fail("holds are open after a start");
    }
    for (auto& [id, call] : m_calls) {
        if (call.isGranted) {
            checkOutcome(call, m_engine->books().settle({call.hold, SettleKind::Exact, {}}));
        }
    }
}

void SweepWorld::checkBills()
{
    for (const auto& [day, billed] : m_billed) {
        if (billed > m_orgCap[day]) {
            fail(fmt::format(
                "day {}: billed {} of {}", day, billed.toDisplay(), m_orgCap[day].toDisplay()));
        }
    }
    if (m_searchBilled > m_teamCap) {
        fail(fmt::format(
            "search: billed {} of {}", m_searchBilled.toDisplay(), m_teamCap.toDisplay()));
    }
    Money known = m_adjusted;
    for (const auto& [id, call] : m_calls) {
        if (call.isGranted && !call.charged) {
            fail(fmt::format("{} never ended", id));
        }
        known = known.plusSaturated(call.charged.value_or(Money()));
    }
    // A call that was granted and never answered may be charged too: more, never less.
    const auto states = m_engine->books().poolStates();
    if (states.empty() || states.front().lifetimeSettled < known) {
        fail("the organisation's pool lost charges");
    }
}

void SweepWorld::checkFile()
{
    const auto connection
        = sqlite::Connection::open({.path = path, .readOnly = true, .vfs = m_disk.vfs()});
    if (!connection) {
        fail(connection.error().text());
        return;
    }
    const auto report = verifyConnection(*connection);
    if (!report || !report->ok) {
        fail("verify: " + (report ? report->differences.front() : report.error().text()));
        return;
    }
    if (report->openHolds != 0) {
        fail("the file has open holds");
    }
    auto check = connection->prepare("PRAGMA integrity_check");
    if (!check || !check->step() || check->columnText(0) != "ok") {
        fail("integrity_check: " + (check ? check->columnText(0) : check.error().text()));
    }
}

// --- the day

void SweepWorld::morning()
{
    setPools("20", "12");
    ask({"a1", "1", true, "0.4"});
    settle("a1", SettleKind::Exact);
    askTooMuch({"a2", "17", true, "17"}); // into the reserve
    askTogether({{"a3", "1", false, "0.7"}, {"a4", "1", true, "0.9", "other"},
        {"a5", "0.5", false, "0.5"}});
    send("a3");
    settle("a4", SettleKind::Estimated);
    release("a5");
    settle("a3", SettleKind::Exact);
    askAgain("a3");
    setPools("15", "12");
    askTooMuch({"a6", "16", true, "16", "other", Priority::High});
    ask({"a7", "1", true, "1"});
    settle("a7", SettleKind::Unknown);
    doOnce("paid in", [](Books& books) {
        return books.topUp({PoolId{2}, "search", usd("1"), "ann", "paid in"});
    });
    m_teamCap = *m_teamCap.plus(usd("1"));
    checkpoint();
}

void SweepWorld::afternoon()
{
    ask({"b1", "1", true, "0.3"});
    m_disk.endProcess();
    startProgram(); // under way: charged in full
    ask({"b2", "1", false, "0.3"});
    ask({"b3", "1", true, "0.5", "other"});
    m_clock.advanceUs(std::int64_t{limits::holdTtlMs + 1'000} * usPerMs);
    work({}); // the held one expires
    if (m_disk.isDown()) {
        startProgram();
    }
    checkpoint();
    waitABit();
    release("b2");
    settle("b3", SettleKind::Exact);
    m_clock.stepWallUs(-3 * usPerHour);
    ask({"b4", "1", true, "0.25"});
    m_clock.advanceUs(usPerDay + 4 * usPerHour);
    ++m_day; // one call is under way at midnight
    m_orgCap[m_day] = usd("15");
    settle("b4", SettleKind::Exact);
    doOnce("refund", [](Books& books) {
        return books.adjust({PoolId{1}, {}, usd("0.1"), "ann", "refund"});
    });
    m_adjusted = *m_adjusted.plus(usd("0.1"));
}

void SweepWorld::evening()
{
    ask({"c1", "1", true, "1.5", "search"}); // more than its bound
    settle("c1", SettleKind::Exact);
    setPools("18", "14");
    for (const char* id : {"c4", "c5", "c6", "c7", "c8", "c9"}) { // new values, new accounts
        ask({id, "0.5", false, "0.25", id});
        send(id);
        settle(id, SettleKind::Exact);
    }
    checkpoint();
    closeAndStart();
    askTogether({{"c2", "1", true, "0.9", "other"}, {"c3", "1", true, "1", "other"}});
    settle("c2", SettleKind::Exact);
    settle("c3", SettleKind::Exact);
    closeAndStart();
}

std::string SweepWorld::run()
{
    startProgram();
    morning();
    afternoon();
    evening();
    if (m_disk.isDown()) {
        startProgram();
    }
    m_disk.clearFaults();
    m_disk.recordCalls(false);
    if (m_problem.empty()) {
        checkBills();
        checkFile();
        m_engine.reset();
        checkFile(); // as it is on the disk
    }
    return m_problem;
}

} // namespace headgate::sim
