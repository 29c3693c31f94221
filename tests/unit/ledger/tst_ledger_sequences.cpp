// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// All sequences of up to five operations over two nested pools, and long random ones, against an
// oracle that shares no code with the ledger: whole cents in plain vectors.

#include "tests/unit/ledger/ledger_fixture.h"

#include <QTemporaryDir>

#include "core/base/rng.h"
#include "core/ledger/books.h"

#include <map>

using namespace headgate;
using namespace headgate::ledger;
using namespace headgate::ledger::test;

namespace {

/// A store that keeps nothing but its own sums of lines, and can be told to fail.
class SumStore final : public LedgerStore {
public:
    bool failNext = false;

    Result<void> write(const BatchRows& rows) override
    {
        if (std::exchange(failNext, false)) {
            return Error(ErrorCode::Io, "told to fail");
        }
        for (const NewAccountRow& row : rows.newAccounts) {
            m_accounts[row.id] = {};
        }
        for (const AccountSetRow& row : rows.newSets) {
            m_sets[row.id] = row.accounts;
        }
        for (const EntryRow& row : rows.entries) {
            if (row.atUs <= m_lastAtUs) {
                return Error(ErrorCode::Internal, "time went back");
            }
            m_lastAtUs = row.atUs;
            for (const std::int64_t account : m_sets[row.setId]) {
                m_accounts[account].lineHeld += row.held.nano();
                m_accounts[account].lineSettled += row.settled.nano();
            }
        }
        for (const AccountUpdateRow& row : rows.accountUpdates) {
            m_accounts[row.id].held += row.held.nano();
            m_accounts[row.id].settled += row.settled.nano();
        }
        return {};
    }
    [[nodiscard]] bool isConsistent() const
    {
        return std::all_of(m_accounts.begin(), m_accounts.end(), [](const auto& item) {
            const Sums& sums = item.second;
            return sums.held == sums.lineHeld && sums.settled == sums.lineSettled && sums.held >= 0;
        });
    }
    Result<void> probe() override { return {}; }
    Result<StoredState> load() override { return StoredState{}; }
    Result<std::vector<AccountRow>> loadAccounts(PoolId, TimeUs, int) override
    {
        return std::vector<AccountRow>{};
    }
    Result<std::optional<AccountRow>> findAccount(const AccountKey&) override
    {
        return std::optional<AccountRow>{};
    }
    Result<std::optional<HoldRow>> findHold(HoldId) override { return std::optional<HoldRow>{}; }
    Result<std::vector<Usage>> usageSince(PoolId, TimeUs) override { return std::vector<Usage>{}; }
    Result<std::vector<TimedUsage>> usageByTime(PoolId, TimeUs, std::int64_t) override
    {
        return std::vector<TimedUsage>{};
    }
    Result<std::vector<Slot>> loadSlots(std::int64_t) override { return std::vector<Slot>{}; }
    Result<std::vector<AccountRow>> loadEveryAccount(PoolId, TimeUs) override
    {
        return std::vector<AccountRow>{};
    }
    Result<std::vector<AccountRow>> loadSessions(PoolId, TimeUs, int) override
    {
        return std::vector<AccountRow>{};
    }
    Result<std::optional<AccountRow>> findNewestSession(PoolId, const std::string&) override
    {
        return std::optional<AccountRow>{};
    }
    Result<std::vector<AccountKey>> archive(const ArchiveStep&) override
    {
        return std::vector<AccountKey>{};
    }

private:
    struct Sums {
        std::int64_t held = 0;
        std::int64_t settled = 0;
        std::int64_t lineHeld = 0;
        std::int64_t lineSettled = 0;
    };
    std::map<std::int64_t, Sums> m_accounts;
    std::map<std::int64_t, std::vector<std::int64_t>> m_sets;
    TimeUs m_lastAtUs = 0;
};

constexpr int orgCap = 10;
constexpr int teamCap = 6;

/// What the rules promise, in whole dollars and small words.
class Oracle {
public:
    struct Hold {
        int amount = 0;
        bool inTeam = false;
        int day = 0;
        bool open = true;
    };
    struct Day {
        int settled = 0;
        int held = 0;
        bool frozen = false;
    };
    int day = 0;
    std::vector<Hold> holds;
    std::map<int, Day> org;
    std::map<int, Day> team;

    std::string ask(int amount, bool inTeam)
    {
        const std::string a = judge(org[day], orgCap, amount);
        const std::string b = inTeam ? judge(team[day], teamCap, amount) : "granted";
        for (const char* word : {"frozen", "cap_reached", "in_flight"}) {
            if (a == word || b == word) {
                return word;
            }
        }
        holds.push_back({amount, inTeam, day, true});
        org[day].held += amount;
        team[day].held += inTeam ? amount : 0;
        return "granted";
    }
    void end(std::size_t index, int charged)
    {
        Hold& hold = holds[index];
        hold.open = false;
        apply(org[hold.day], hold.amount, charged, orgCap);
        if (hold.inTeam) {
            apply(team[hold.day], hold.amount, charged, teamCap);
        }
    }
    /// Open holds count in the new day.
    void nextDay()
    {
        ++day;
        for (Hold& hold : holds) {
            if (hold.open) {
                hold.day = day;
                org[day].held += hold.amount;
                team[day].held += hold.inTeam ? hold.amount : 0;
            }
        }
    }
    [[nodiscard]] int firstOpen() const
    {
        const auto found
            = std::find_if(holds.begin(), holds.end(), [](const Hold& hold) { return hold.open; });
        return found == holds.end() ? -1 : static_cast<int>(found - holds.begin());
    }

private:
    static std::string judge(const Day& day, int cap, int amount)
    {
        if (day.frozen) {
            return "frozen";
        }
        if (day.settled + day.held + amount <= cap) {
            return "granted";
        }
        return day.settled + amount <= cap ? "in_flight" : "cap_reached";
    }
    static void apply(Day& day, int amount, int charged, int cap)
    {
        day.held -= amount;
        day.settled += charged;
        day.frozen = day.frozen || (charged > amount && day.settled + day.held > cap);
    }
};

enum class Step { AskTeam4, AskOther5, AskFails, SettleLess, SettleMore, Release, NextDay, Count };

Money dollars(int amount)
{
    return Money::fromCents(amount * 100);
}

std::vector<Pool> nestedPools()
{
    return {makePool(1, "org", "day", "10"), makePool(2, "team=search", "day", "6")};
}

Balance currentBalance(const std::vector<PoolState>& states, std::size_t pool)
{
    return states.at(pool).accounts.front().balance;
}

bool isSame(const Balance& balance, const Oracle::Day& day)
{
    return balance.settled == dollars(day.settled) && balance.held == dollars(day.held)
        && balance.frozen == day.frozen;
}

/// Books with a store, driven step by step beside the oracle.
class Pair {
public:
    Pair() : m_books(m_store, m_clock)
    {
        static_cast<void>(m_books.load({}));
        static_cast<void>(m_books.setPools(nestedPools()));
        write();
    }
    /// Empty when both agree.
    std::string run(Step step)
    {
        switch (step) {
        case Step::AskTeam4:
            return ask(4, true);
        case Step::AskOther5:
            return ask(5, false);
        case Step::AskFails:
            return askAndFail();
        case Step::SettleLess:
            return end(1, false);
        case Step::SettleMore:
            return end(9, false);
        case Step::Release:
            return end(0, true);
        default:
            m_clock.advanceUs(usPerDay);
            m_oracle.nextDay();
            return compare();
        }
    }

private:
    bool write()
    {
        if (!m_store.write(m_books.finishBatch())) {
            m_books.rollback();
            return false;
        }
        m_books.commit();
        return true;
    }
    Ask nextAsk(int amount, bool inTeam)
    {
        Ask ask = makeAsk("r" + std::to_string(++m_requests), dollars(amount));
        ask.identity.team = inTeam ? "search" : "other";
        return ask;
    }
    std::string ask(int amount, bool inTeam)
    {
        const Decision decision = m_books.reserve(nextAsk(amount, inTeam));
        const std::string expected = m_oracle.ask(amount, inTeam);
        write();
        if (isGrant(decision)) {
            m_ids.push_back(holdOf(decision));
        }
        return reasonOf(decision) == expected ? compare() : reasonOf(decision) + " not " + expected;
    }
    std::string askAndFail()
    {
        m_store.failNext = true;
        const Decision decision = m_books.reserve(nextAsk(1, true));
        write();
        m_store.failNext = false;
        static_cast<void>(decision);
        return compare();
    }
    std::string end(int charged, bool isRelease)
    {
        const int index = m_oracle.firstOpen();
        if (index < 0) {
            return {};
        }
        const HoldId id = m_ids[static_cast<std::size_t>(index)];
        const auto ended = isRelease ? m_books.release(id, "test")
                                     : m_books.settle({id, SettleKind::Exact, dollars(charged)});
        write();
        m_oracle.end(static_cast<std::size_t>(index), charged);
        return ended ? compare() : ended.error().text();
    }
    std::string compare()
    {
        const auto states = m_books.poolStates();
        const bool same = isSame(currentBalance(states, 0), m_oracle.org[m_oracle.day])
            && isSame(currentBalance(states, 1), m_oracle.team[m_oracle.day]);
        if (!m_store.isConsistent()) {
            return "lines and balances differ";
        }
        return same ? std::string() : "balances differ";
    }

    SumStore m_store;
    ManualClock m_clock;
    Books m_books;
    Oracle m_oracle;
    std::vector<HoldId> m_ids;
    int m_requests = 0;
};

} // namespace

class TestLedgerSequences : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void allShortSequences()
    {
        constexpr int stepCount = static_cast<int>(Step::Count);
        constexpr int length = 5;
        int total = 1;
        for (int i = 0; i < length; ++i) {
            total *= stepCount;
        }
        // Every shorter sequence is a beginning of one of these, compared after each step.
        for (int number = 0; number < total; ++number) {
            Pair pair;
            int rest = number;
            QString done;
            for (int i = 0; i < length; ++i, rest /= stepCount) {
                done += QString::number(rest % stepCount);
                const std::string difference = pair.run(static_cast<Step>(rest % stepCount));
                QVERIFY2(difference.empty(), qPrintable(done + QString::fromStdString(difference)));
            }
        }
    }

    void longRandomSequences()
    {
        for (std::uint64_t seed = 1; seed <= 50; ++seed) {
            Rng rng(seed);
            Pair pair;
            for (int i = 0; i < 300; ++i) {
                const auto step
                    = static_cast<Step>(rng.below(static_cast<std::uint64_t>(Step::Count)));
                const std::string difference = pair.run(step);
                QVERIFY2(difference.empty(),
                    qPrintable(QStringLiteral("seed %1 step %2: %3")
                                   .arg(seed)
                                   .arg(i)
                                   .arg(QString::fromStdString(difference))));
            }
        }
    }

    /// The whole ledger with its file, restarts and an operator who edits pools in between: the sum
    /// of what was charged in a window never exceeds the largest cap it had.
    void randomOperationsOnTheRealFile()
    {
        for (std::uint64_t seed = 1; seed <= 8; ++seed) {
            QTemporaryDir folder;
            const std::string path = folder.filePath(QStringLiteral("ledger.db")).toStdString();
            ManualClock clock;
            Rng rng(seed);
            auto ledger = openLedger(path, clock);
            const std::vector<const char*> windows{"day", "month", "hour", "lifetime", "sliding:2h",
                "sliding:24h", "session:1h", "bucket:10/2-per-hour", "bucket:6/0.1-per-hour"};
            std::vector<Pool> pools = nestedPools();
            QVERIFY(ledger->setPools(pools));
            std::vector<HoldId> open;
            Money charged;
            for (int i = 0; i < 250; ++i) {
                const auto dice = rng.below(100);
                if (dice < 55) {
                    Ask ask = makeAsk("r" + std::to_string(i),
                        Money::fromCents(static_cast<std::int64_t>(rng.below(200))));
                    ask.identity.team = dice % 2 == 0 ? "search" : "other";
                    ask.dispatch = true;
                    if (const HoldId hold = holdOf(reserve(*ledger, ask))) {
                        open.push_back(hold);
                    }
                } else if (dice < 85 && !open.empty()) {
                    const auto done
                        = settle(*ledger, {open.back(), SettleKind::Exact, Money::fromCents(1)});
                    QVERIFY(done);
                    charged = *charged.plus(done.value().charged);
                    open.pop_back();
                } else if (dice < 90) {
                    pools[dice % 2].window = *Window::parse(windows[rng.below(windows.size())]);
                    pools[dice % 2].cap = {}; // a bucket brings its own
                    if (pools[dice % 2].window.kind != WindowKind::Bucket) {
                        pools[dice % 2].cap = dollars(dice % 2 == 0 ? orgCap : teamCap);
                    }
                    QVERIFY(ledger->setPools(pools));
                    HEADGATE_VERIFY_BOOKS(*ledger);
                } else if (dice < 94) {
                    clock.advanceUs(static_cast<std::int64_t>(rng.below(5)) * usPerHour);
                } else if (dice < 97) {
                    clock.stepWallUs(-usPerDay);
                } else {
                    while (!open.empty()) {
                        charged = *charged.plus(
                            settle(*ledger, {open.back(), SettleKind::Exact, Money::fromCents(2)})
                                ->charged);
                        open.pop_back();
                    }
                    ledger.reset();
                    ledger = openLedger(path, clock);
                    QVERIFY(ledger);
                }
            }
            HEADGATE_VERIFY_BOOKS(*ledger);
            QCOMPARE(ledger->poolStates().front().lifetimeSettled, charged);
            QCOMPARE(ledger->verify().value().settledTotal, charged);
        }
    }
};

QTEST_GUILESS_MAIN(TestLedgerSequences)
#include "tst_ledger_sequences.moc"
