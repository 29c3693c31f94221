// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// Every short sequence of everything that can happen to two nested pools, against an oracle that
// shares no code with the ledger: whole dollars in plain ints. Steps that would do nothing end a
// sequence, because a shorter one covers it.

#include "tests/unit/ledger/ledger_fixture.h"

#include "core/ledger/books.h"
#include "tests/unit/ledger/memory_store.h"

#include <array>
#include <map>

using namespace headgate;
using namespace headgate::ledger;
using namespace headgate::ledger::test;

namespace {

/// Without optimization the last step would take most of a minute.
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
constexpr int length = 5;
#else
constexpr int length = 4;
#endif

enum class Step {
    AskTeam, ///< 4 under both pools, low priority, sent at once
    AskOther, ///< 5 under the organisation's pool only, high priority, held
    AskFails, ///< the store does not take it
    Repeat, ///< the last request id again
    Dispatch, ///< the first held one
    SettleLess, ///< the first open one: 1
    SettleMore, ///< the first open one: 9
    SettleUnknown, ///< the first open one
    SettleTwice, ///< the first ended one again, with another amount
    Release, ///< the first open one
    EditCap, ///< the first pool's: 10 or 7
    Wait, ///< until the first pool's window has changed a little, or all
    TopUp, ///< 3 for the team
    Freeze, ///< the team's pool, or thaw it
    Restart,
    Count
};
constexpr std::array stepNames{"ask-team", "ask-other", "ask-fails", "repeat", "dispatch",
    "settle-less", "settle-more", "settle-unknown", "settle-twice", "release", "edit-cap", "wait",
    "top-up", "freeze", "restart"};
constexpr int stepCount = static_cast<int>(Step::Count);
static_assert(stepNames.size() == static_cast<std::size_t>(stepCount));

Money dollars(int amount)
{
    return Money::fromCents(amount * 100);
}

// --- what must be true

/// The first pool's window, and how long a step of waiting is.
struct Kind {
    const char* name;
    const char* scope;
    const char* window;
    std::int64_t stepUs;
};
constexpr std::array kinds{
    Kind{"day", "org", "day", usPerDay},
    Kind{"sliding", "org", "sliding:24h", 13 * usPerHour}, // two steps are more than the window
    Kind{"bucket", "org", "bucket:10/1-per-hour", 2 * usPerHour + usPerSecond},
    Kind{"session", "each-session", "session:30m", 31 * usPerMinute},
    Kind{"lifetime", "org", "lifetime", usPerDay},
};
enum KindIndex { Day, Sliding, BucketKind, SessionKind, Lifetime };

struct OracleAccount {
    int settled = 0;
    int held = 0;
    int toppedUp = 0;
    bool frozen = false;
};

struct OracleHold {
    int amount = 0;
    bool inTeam = false;
    bool isSent = false;
    bool isOpen = true;
    int charged = 0;
    bool isRepeatable = true;
};

/// The first pool keeps a fifth for high priority; the team's never renews.
struct Oracle {
    std::size_t kind = Day;
    int step = 0;
    std::map<int, int> chargedAt; ///< under the first pool, by step
    int orgCap = 10;
    bool teamFrozen = false;
    OracleAccount org;
    OracleAccount team;
    std::vector<OracleHold> holds;
    int orgLifetime = 0;

    [[nodiscard]] static std::string judge(
        const OracleAccount& account, int limit, int amount, bool isFrozen)
    {
        if (isFrozen || account.frozen) {
            return "frozen";
        }
        if (account.settled + account.held + amount <= limit) {
            return "granted";
        }
        return account.settled + amount <= limit ? "in_flight" : "cap_reached";
    }
    std::string ask(int amount, bool inTeam, bool isHigh)
    {
        const int reserve = isHigh ? 0 : (orgCap + 4) / 5; // a fifth; only whole dollars are asked
        const std::string a = judge(org, isHigh ? orgCap : orgCap - reserve, amount, false);
        const std::string b
            = inTeam ? judge(team, 6 + team.toppedUp, amount, teamFrozen) : "granted";
        for (const char* word : {"frozen", "cap_reached", "in_flight"}) {
            if (a == word || b == word) {
                return word;
            }
        }
        holds.push_back({amount, inTeam, false, true, 0, true});
        org.held += amount;
        team.held += inTeam ? amount : 0;
        return "granted";
    }
    void end(OracleHold& hold, int charged)
    {
        hold.isOpen = false;
        hold.charged = charged;
        orgLifetime += charged;
        chargedAt[step] += charged;
        apply(org, hold.amount, charged, orgCap);
        if (hold.inTeam) {
            apply(team, hold.amount, charged, 6 + team.toppedUp);
        }
    }
    void restart()
    {
        for (OracleHold& hold : holds) {
            if (hold.isOpen) {
                end(hold, hold.isSent ? hold.amount : 0);
            }
        }
    }
    /// Open holds always count on: they may be billed later.
    void wait()
    {
        ++step;
        switch (kind) {
        case Day:
            org.settled = 0;
            org.frozen = false; // of the account of the day before
            break;
        case Sliding:
            org.settled -= chargedAt[step - 2];
            break;
        case BucketKind:
            org.settled = std::max(0, org.settled - 2);
            break;
        case SessionKind:
            if (org.held == 0) {
                org = {};
            }
            break;
        default:
            break;
        }
    }
    [[nodiscard]] std::string text(bool isOrg) const
    {
        const OracleAccount& account = isOrg ? org : team;
        return std::to_string(account.settled) + ", " + std::to_string(account.held)
            + (account.frozen ? ", frozen" : "");
    }
    [[nodiscard]] int first(bool isOpen, bool onlyHeld = false) const
    {
        for (std::size_t i = 0; i < holds.size(); ++i) {
            if (holds[i].isOpen == isOpen && !(onlyHeld && holds[i].isSent)) {
                return static_cast<int>(i);
            }
        }
        return -1;
    }

private:
    static void apply(OracleAccount& account, int amount, int charged, int limit)
    {
        account.held -= amount;
        account.settled += charged;
        account.frozen
            = account.frozen || (charged > amount && account.settled + account.held > limit);
    }
};

// --- the books beside it

class Pair {
public:
    explicit Pair(std::size_t kind)
    {
        m_oracle.kind = kind;
        open();
        setPools();
    }
    /// Did the step do anything? What differs from the oracle is in problem().
    bool run(Step step)
    {
        switch (step) {
        case Step::AskTeam:
            return ask(4, true);
        case Step::AskOther:
            return ask(5, false);
        case Step::AskFails:
            return askFails();
        case Step::Repeat:
            return repeat();
        case Step::Dispatch:
            return dispatch();
        case Step::SettleLess:
            return settleFirst(SettleKind::Exact, 1);
        case Step::SettleMore:
            return settleFirst(SettleKind::Exact, 9);
        case Step::SettleUnknown:
            return settleFirst(SettleKind::Unknown, 0);
        case Step::SettleTwice:
            return settleTwice();
        case Step::Release:
            return releaseFirst();
        default:
            return operate(step);
        }
    }
    [[nodiscard]] const std::string& problem() const { return m_problem; }
    void compare()
    {
        const Ask call = makeCall(0, 1, true);
        Identity identity = call.identity;
        identity.priority = Priority::High;
        for (const BudgetLine& line : m_books->view(identity, call.target).lines) {
            const bool isOrg = line.pool == PoolId{1};
            if (!isSame(line, isOrg ? m_oracle.org : m_oracle.team)
                || line.cap != dollars(isOrg ? m_oracle.orgCap : 6 + m_oracle.team.toppedUp)
                || line.frozen
                    != (isOrg ? m_oracle.org.frozen
                              : m_oracle.team.frozen || m_oracle.teamFrozen)) {
                fail(line.poolName + ": settled " + line.settled.toDecimal() + ", held "
                    + line.held.toDecimal() + ", cap " + line.cap.toDecimal()
                    + (line.frozen ? ", frozen" : "") + " instead of " + m_oracle.text(isOrg));
            }
        }
        const auto states = m_books->poolStates();
        if (states.at(0).lifetimeSettled != dollars(m_oracle.orgLifetime)) {
            fail("the lifetime total differs");
        }
        if (!m_store.isConsistent()) {
            fail("lines and balances differ");
        }
    }

private:
    /// A bucket refills a little all the time.
    static bool isSame(const BudgetLine& line, const OracleAccount& account)
    {
        const std::int64_t off = dollars(account.settled).nano() - line.settled.nano();
        return off >= 0 && off < 10'000'000 && line.held == dollars(account.held);
    }
    void fail(std::string what)
    {
        if (m_problem.empty()) {
            m_problem = std::move(what);
        }
    }
    void open()
    {
        m_books = std::make_unique<Books>(m_store, m_clock);
        const auto state = m_store.load();
        if (!m_books->load(*state)) {
            fail("the books do not load");
        }
    }
    void write()
    {
        if (auto done = m_store.write(m_books->finishBatch()); !done) {
            m_books->rollback();
            fail(done.error().text());
            return;
        }
        m_books->commit();
    }
    void setPools()
    {
        const Kind& kind = kinds.at(m_oracle.kind);
        Pool org = makePool(1, kind.scope, kind.window, m_oracle.orgCap == 10 ? "10" : "7");
        org.reservePercent = 20;
        Pool team = makePool(2, "team=search", "lifetime", "6");
        team.frozen = m_oracle.teamFrozen;
        if (auto done = m_books->setPools({org, team}); !done) {
            fail(done.error().text());
        }
        write();
    }
    [[nodiscard]] static Ask makeCall(std::size_t number, int amount, bool inTeam)
    {
        Ask ask = makeAsk("r" + std::to_string(number), dollars(amount));
        ask.identity.team = inTeam ? "search" : "other";
        ask.identity.priority = inTeam ? Priority::Low : Priority::High;
        ask.dispatch = inTeam;
        return ask;
    }

    bool ask(int amount, bool inTeam)
    {
        const std::string expected = m_oracle.ask(amount, inTeam, !inTeam);
        const Ask call = makeCall(m_ids.size(), amount, inTeam);
        const Decision decision = m_books->reserve(call);
        write();
        if (reasonOf(decision) != expected) {
            fail(reasonOf(decision) + " instead of " + expected);
        }
        if (isGrant(decision)) {
            m_oracle.holds.back().isSent = call.dispatch;
            m_ids.push_back(holdOf(decision));
            m_calls.push_back(call);
        }
        return true;
    }
    bool askFails()
    {
        static_cast<void>(m_books->reserve(makeCall(1'000, 1, true)));
        m_books->rollback(); // what the owner does when the store fails
        return true;
    }
    bool repeat()
    {
        if (m_calls.empty()) {
            return false;
        }
        const Decision decision = m_books->reserve(m_calls.back());
        write();
        if (!isGrant(decision) || holdOf(decision) != m_ids.back()
            || !std::get<Grant>(decision).repeated) {
            fail("a repeated request was decided again");
        }
        return true;
    }
    bool dispatch()
    {
        const int index = m_oracle.first(true, true);
        if (index < 0) {
            return false;
        }
        if (auto done = m_books->markDispatched(m_ids[static_cast<std::size_t>(index)]); !done) {
            fail(done.error().text());
        }
        write();
        m_oracle.holds[static_cast<std::size_t>(index)].isSent = true;
        return true;
    }
    bool settleFirst(SettleKind kind, int amount)
    {
        const int index = m_oracle.first(true);
        if (index < 0) {
            return false;
        }
        OracleHold& hold = m_oracle.holds[static_cast<std::size_t>(index)];
        m_oracle.end(hold, kind == SettleKind::Unknown ? hold.amount : amount);
        expect(m_books->settle({m_ids[static_cast<std::size_t>(index)], kind, dollars(amount)}),
            hold.charged);
        return true;
    }
    bool settleTwice()
    {
        const int index = m_oracle.first(false);
        if (index < 0) {
            return false;
        }
        expect(m_books->settle(
                   {m_ids[static_cast<std::size_t>(index)], SettleKind::Exact, dollars(3)}),
            m_oracle.holds[static_cast<std::size_t>(index)].charged);
        return true;
    }
    bool releaseFirst()
    {
        const int index = m_oracle.first(true);
        if (index < 0) {
            return false;
        }
        m_oracle.end(m_oracle.holds[static_cast<std::size_t>(index)], 0);
        expect(m_books->release(m_ids[static_cast<std::size_t>(index)], "test"), 0);
        return true;
    }
    void expect(const Result<Settled>& outcome, int charged)
    {
        write();
        if (!outcome) {
            fail(outcome.error().text());
        } else if (outcome->charged != dollars(charged)) {
            fail("charged " + outcome->charged.toDecimal() + " instead of "
                + std::to_string(charged));
        }
    }

    bool operate(Step step)
    {
        if (step == Step::EditCap) {
            if (m_oracle.kind == BucketKind) {
                return false; // it would be another window: the journal tells what it starts with
            }
            m_oracle.orgCap = 17 - m_oracle.orgCap;
            setPools();
        } else if (step == Step::Freeze) {
            m_oracle.teamFrozen = !m_oracle.teamFrozen;
            setPools();
        } else if (step == Step::Wait) {
            m_clock.advanceUs(kinds.at(m_oracle.kind).stepUs);
            m_oracle.wait();
        } else if (step == Step::TopUp) {
            if (auto done = m_books->topUp({PoolId{2}, "search", dollars(3), "ann", "x"}); !done) {
                fail(done.error().text());
            }
            write();
            m_oracle.team.toppedUp += 3;
        } else {
            restart();
        }
        return true;
    }
    /// As the engine recovers.
    void restart()
    {
        open();
        for (const OpenHold& hold : m_books->openHolds()) {
            const bool wasHeld = hold.state == HoldState::Held;
            const auto ended = wasHeld ? m_books->release(hold.hold, "restart")
                                       : m_books->settle({hold.hold, SettleKind::Unknown, {}});
            if (!ended) {
                fail(ended.error().text());
            }
        }
        write();
        m_oracle.restart();
    }

    MemoryStore m_store;
    ManualClock m_clock;
    std::unique_ptr<Books> m_books;
    Oracle m_oracle;
    std::vector<HoldId> m_ids;
    std::vector<Ask> m_calls;
    std::string m_problem;
};

std::string textOf(const std::array<int, length>& steps, int count)
{
    std::string text;
    for (int i = 0; i < count; ++i) {
        text += stepNames.at(static_cast<std::size_t>(steps.at(static_cast<std::size_t>(i))));
        text += ' ';
    }
    return text;
}

} // namespace

class TestLedgerExhaustive : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void allShortSequences_data()
    {
        QTest::addColumn<int>("kind");
        for (std::size_t i = 0; i < kinds.size(); ++i) {
            QTest::newRow(kinds.at(i).name) << static_cast<int>(i);
        }
    }
    void allShortSequences()
    {
        QFETCH(int, kind);
        std::array<int, length> steps{};
        int sequences = 0;
        for (;;) {
            // Everything up to the last step that changed was compared in an earlier sequence.
            Pair pair(static_cast<std::size_t>(kind));
            std::size_t at = 0;
            bool isOver = false;
            for (; at < steps.size() && !isOver; ++at) {
                isOver = !pair.run(static_cast<Step>(steps[at]));
                const bool isFirst
                    = std::all_of(steps.begin() + static_cast<std::ptrdiff_t>(at) + 1, steps.end(),
                        [](int step) { return step == 0; });
                if (isFirst || at + 1 == steps.size()) {
                    pair.compare();
                }
                QVERIFY2(pair.problem().empty(),
                    (textOf(steps, static_cast<int>(at) + 1) + ": " + pair.problem()).c_str());
            }
            ++sequences;
            // On to the next one that differs in the steps run.
            std::fill(steps.begin() + static_cast<std::ptrdiff_t>(at), steps.end(), 0);
            while (at > 0 && ++steps[at - 1] == stepCount) {
                steps[--at] = 0;
            }
            if (at == 0) {
                break;
            }
        }
        qInfo("%d sequences of %d kinds of step, up to %d long", sequences, stepCount, length);
    }
};

QTEST_GUILESS_MAIN(TestLedgerExhaustive)
#include "tst_ledger_exhaustive.moc"
