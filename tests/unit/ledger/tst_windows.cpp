// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// Sliding windows, token buckets and sessions against formulas and brute force that share no code
// with the ledger: first the pure functions, then the books.

#include "tests/unit/ledger/ledger_fixture.h"

#include "tests/unit/ledger/memory_store.h"

#include <QTemporaryDir>

#include "core/base/rng.h"
#include "core/ledger/books.h"
#include "core/ledger/sqlite_store.h"

using namespace headgate;
using namespace headgate::ledger;
using namespace headgate::ledger::test;

namespace {

__extension__ typedef __int128 Wide;

Window windowOf(const char* text)
{
    return Window::parse(text).value();
}

/// Books over a store in memory, one committed batch an operation.
class Bench {
public:
    explicit Bench(const std::vector<Pool>& pools)
    {
        static_cast<void>(books.load(StoredState{}));
        static_cast<void>(books.setPools(pools));
        static_cast<void>(write());
    }
    bool write()
    {
        const auto written = store.write(books.finishBatch());
        if (written) {
            books.commit();
        } else {
            books.rollback();
        }
        return written.has_value();
    }
    HoldId ask(Money amount, const std::string& session = "s1")
    {
        Ask ask = makeAsk("r" + std::to_string(++m_requests), amount);
        ask.identity.session = session;
        ask.dispatch = true;
        const HoldId hold = holdOf(books.reserve(ask));
        return write() ? hold : HoldId{};
    }
    bool settle(HoldId hold, Money charge)
    {
        return books.settle({hold, SettleKind::Exact, charge}).has_value() && write();
    }

    MemoryStore store;
    ManualClock clock;
    Books books{store, clock};

private:
    int m_requests = 0;
};

/// What an account should show: brute force over every charge there ever was.
Wide expected(const Pool& pool, const std::vector<std::pair<TimeUs, Money>>& charges, TimeUs now)
{
    const Window& window = pool.window;
    const Wide rate = window.bucketRefillPerHour.nano();
    Wide sum = 0; // a bucket in nano-dollars × microseconds, so that nothing is rounded
    TimeUs last = 0;
    for (const auto& [at, amount] : charges) {
        switch (window.kind) {
        case WindowKind::Fixed:
            sum += at >= windowAt(pool, now, 0).value().startUs ? amount.nano() : 0;
            break;
        case WindowKind::Sliding: {
            const TimeUs slot = (window.durationUs + 59) / 60;
            sum += at / slot * slot + slot + window.durationUs > now ? amount.nano() : 0;
            break;
        }
        case WindowKind::Bucket:
            sum = std::max<Wide>(0, sum - rate * (at - last)) + Wide{amount.nano()} * usPerHour;
            last = at;
            break;
        default:
            sum += amount.nano();
        }
    }
    if (window.kind == WindowKind::Bucket) {
        sum = std::max<Wide>(0, sum - rate * (now - last)) / usPerHour;
    }
    return sum;
}

struct Charge {
    TimeUs fromUs = 0; ///< the grant
    TimeUs toUs = 0; ///< the settle
    Money amount;
};

} // namespace

class TestWindows : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void slotsLeaveAsAWhole()
    {
        const Window window = windowOf("sliding:1h");
        QCOMPARE(slotLengthUs(window), usPerMinute);
        QCOMPARE(slotStartUs(window, 90 * usPerSecond), usPerMinute);
        QCOMPARE(slotLeavesAtUs(window, usPerMinute), 62 * usPerMinute);
        const std::vector<Slot> slots{{0, usd("1"), usd("2")}, {usPerMinute, usd("4"), {}}};
        QCOMPARE(leftAt(window, slots, 61 * usPerMinute - 1).settled, Money());
        QCOMPARE(leftAt(window, slots, 61 * usPerMinute).settled, usd("1"));
        QCOMPARE(leftAt(window, slots, 61 * usPerMinute).toppedUp, usd("2"));
        QCOMPARE(leftAt(window, slots, 62 * usPerMinute).settled, usd("5"));
        // Windows that sixty does not divide keep their money a little longer, never shorter.
        QVERIFY(slotLengthUs(windowOf("sliding:61s")) * slotsPerWindow >= 61 * usPerSecond);
    }

    void slotsGiveBackTheOldest()
    {
        const Window window = windowOf("sliding:1h");
        std::vector<Slot> slots;
        addToSlots(window, slots, 0, usd("3"));
        addToSlots(window, slots, usPerMinute, usd("4"));
        addToSlots(window, slots, 1, usd("1"));
        QCOMPARE(slots.size(), 2U);
        addToSlots(window, slots, usPerHour, usd("-5"));
        QCOMPARE(slots.size(), 1U);
        QCOMPARE(slots.front(), (Slot{usPerMinute, usd("3"), {}}));
        topUpSlots(window, slots, usPerHour, usd("2"));
        topUpSlots(window, slots, usPerMinute, usd("2"));
        topUpSlots(window, slots, usPerHour, usd("-3"));
        QCOMPARE(slots.size(), 1U);
        QCOMPARE(slots.front().toppedUp, usd("1"));
    }

    /// However often it is looked at, a bucket refills by rate × time, rounded down once.
    void bucketsDoNotDrift()
    {
        Rng rng(11);
        for (int round = 0; round < 200; ++round) {
            Window window;
            window.kind = WindowKind::Bucket;
            window.bucketCapacity = usd("1000000");
            window.bucketRefillPerHour = Money::fromNano(rng.between(1, 1'000'000'000'000));
            Balance balance;
            balance.settled = window.bucketCapacity;
            WindowState state;
            state.anchorUs = rng.between(0, 1'000'000'000'000);
            const TimeUs begunUs = state.anchorUs;
            TimeUs at = begunUs;
            for (int i = 0; i < 100; ++i) {
                at += rng.between(0, rng.chancePermille(100) ? usPerHour : 1'000);
                const Refill refill = refillAt(window, balance, state, at);
                balance.settled = *balance.settled.minus(refill.amount);
                state.anchorUs = refill.anchorUs;
                state.remainder = refill.remainder;
                const Wide exact
                    = Wide{window.bucketRefillPerHour.nano()} * (at - begunUs) / usPerHour;
                const Wide left = std::max<Wide>(0, window.bucketCapacity.nano() - exact);
                QCOMPARE(balance.settled.nano(), static_cast<std::int64_t>(left));
            }
        }
    }

    void hugeBucketsDoNotWrap()
    {
        Window window;
        window.kind = WindowKind::Bucket;
        const Money most = Money::fromNano(std::numeric_limits<std::int64_t>::max());
        window.bucketCapacity = most;
        window.bucketRefillPerHour = most;
        QCOMPARE(fillTimeUs(window), usPerHour);
        Balance balance;
        balance.settled = most;
        const TimeUs late = std::numeric_limits<TimeUs>::max();
        QCOMPARE(refillAt(window, balance, {}, late).amount, most);
        QVERIFY(refillAt(window, balance, {}, late).isFull);
        window.bucketRefillPerHour = Money::fromNano(1);
        QCOMPARE(fillTimeUs(window), late);
        QCOMPARE(*fallsAtUs(window, balance, {}, most), late);
        QCOMPARE(refillAt(window, balance, {{}, 100, 0}, 50).anchorUs, 100); // time went back
    }

    /// `fallsAtUs` names the first moment at which it has fallen.
    void fallsAreToldExactly()
    {
        Rng rng(5);
        for (int round = 0; round < 500; ++round) {
            const bool isBucket = round % 2 == 0;
            Window window = windowOf(isBucket ? "bucket:10/1-per-hour" : "sliding:2h");
            WindowState state;
            Balance balance;
            TimeUs at = 1'000 * usPerHour;
            if (isBucket) {
                window.bucketRefillPerHour = Money::fromNano(rng.between(1, 10'000'000'000));
                balance.settled = usd("9");
                state.anchorUs = at;
            }
            for (int i = 0; !isBucket && i < 5; ++i) {
                at += rng.between(0, 30 * usPerMinute);
                const Money amount = Money::fromNano(rng.between(1, 1'000));
                addToSlots(window, state.slots, at, amount);
                balance.settled = *balance.settled.plus(amount);
            }
            const Money need = Money::fromNano(rng.between(1, balance.settled.nano()));
            const TimeUs falls = fallsAtUs(window, balance, state, need).value();
            const Money target = *balance.settled.minus(need);
            QVERIFY(balanceAt(window, balance, state, falls).settled <= target);
            QVERIFY(balanceAt(window, balance, state, falls - 1).settled > target);
        }
    }

    /// The promise of a sliding window, by brute force: what was charged in any interval of its
    /// length, together with what was still held in it, never exceeds the cap.
    void slidingWindowsHoldEverywhere_data()
    {
        QTest::addColumn<int>("seed");
        for (int seed = 1; seed <= 12; ++seed) {
            QTest::addRow("seed %d", seed) << seed;
        }
    }
    void slidingWindowsHoldEverywhere()
    {
        QFETCH(int, seed);
        Rng rng(static_cast<std::uint64_t>(seed));
        Bench bench({makePool(1, "org", "sliding:1h", "10")});
        std::map<HoldId, Charge> open;
        std::vector<Charge> done;
        int granted = 0;
        for (int i = 0; i < 600; ++i) {
            const auto dice = rng.below(100);
            if (dice < 45) {
                const Money amount = Money::fromCents(rng.between(1, 400));
                if (const HoldId hold = bench.ask(amount)) {
                    open[hold] = {bench.clock.nowUs(), 0, amount};
                    ++granted;
                }
            } else if (dice < 80 && !open.empty()) {
                const auto ended
                    = std::next(open.begin(), static_cast<std::ptrdiff_t>(rng.below(open.size())));
                Charge charge = ended->second;
                charge.amount = Money::fromNano(rng.between(0, charge.amount.nano()));
                charge.toUs = bench.clock.nowUs();
                QVERIFY(bench.settle(ended->first, charge.amount));
                done.push_back(charge);
                open.erase(ended);
            } else if (dice < 82) {
                bench.clock.stepWallUs(-rng.between(0, usPerHour));
                bench.clock.stepWallUs(rng.between(usPerHour, 2 * usPerHour));
            } else {
                bench.clock.advanceUs(
                    rng.between(0, rng.chancePermille(50) ? 2 * usPerHour : 5 * usPerMinute));
            }
            QVERIFY(bench.store.isConsistent());
        }
        QVERIFY(granted > 30);
        // Each charge may have been billed anywhere between its grant and its settle; the worst
        // case for a window that ends at a settle takes all that settled in it.
        for (const Charge& last : done) {
            Wide sum = 0;
            for (const Charge& charge : done) {
                const bool isInside
                    = charge.toUs <= last.toUs && charge.toUs > last.toUs - usPerHour;
                const bool isOpen = charge.fromUs <= last.toUs && charge.toUs > last.toUs;
                sum += isInside || isOpen ? charge.amount.nano() : 0;
            }
            QVERIFY(sum <= usd("10").nano());
        }
    }

    /// A bucket in the books against an exact model that knows no rounding: capacity plus what was
    /// refilled bounds what is granted over any stretch of time.
    void bucketsInTheBooksHoldEverywhere()
    {
        for (std::uint64_t seed = 1; seed <= 12; ++seed) {
            Rng rng(seed);
            Bench bench({makePool(1, "org", "bucket:10/3-per-hour", "10")});
            std::vector<Charge> done;
            for (int i = 0; i < 400; ++i) {
                const Money amount = Money::fromNano(rng.between(1, 3'000'000'000));
                if (const HoldId hold = bench.ask(amount)) {
                    const Charge charge{bench.clock.nowUs(), bench.clock.nowUs(),
                        Money::fromNano(rng.between(amount.nano() / 2, amount.nano()))};
                    QVERIFY(bench.settle(hold, charge.amount));
                    done.push_back(charge);
                }
                bench.clock.advanceUs(rng.between(0, 40 * usPerMinute));
                QVERIFY(bench.store.isConsistent());
            }
            for (std::size_t first = 0; first < done.size(); ++first) {
                Wide sum = 0;
                for (std::size_t last = first; last < done.size(); ++last) {
                    sum += done[last].amount.nano();
                    // Lines of the journal are microseconds apart: time runs ahead by a few.
                    const Wide elapsed = done[last].toUs - done[first].fromUs + 10'000;
                    QVERIFY(sum <= usd("10").nano() + Wide{usd("3").nano()} * elapsed / usPerHour);
                }
            }
            QVERIFY(done.size() > 50);
        }
    }

    /// Usable to the end: what has refilled is granted to the last nano-dollar.
    void bucketsAreUsableToTheEnd()
    {
        Bench bench({makePool(1, "org", "bucket:10/3.6-per-hour", "10")});
        QVERIFY(bench.settle(bench.ask(usd("10")), usd("10")));
        Money spent;
        for (int i = 0; i < 2'000; ++i) {
            bench.clock.advanceUs(usPerSecond); // refills exactly a tenth of a cent
            const HoldId hold = bench.ask(usd("0.001"));
            if (hold && bench.settle(hold, usd("0.001"))) {
                spent = *spent.plus(usd("0.001"));
            }
        }
        QVERIFY(spent >= usd("1.999"));
        QVERIFY(spent <= usd("2"));
    }

    /// Sessions against a model: a value's account lasts while calls come within the idle time.
    void sessionsEndAsTheModelSays()
    {
        struct Model {
            Money spent;
            TimeUs lastUs = 0;
            int open = 0;
        };
        constexpr std::int64_t idleUs = 30 * usPerMinute;
        for (std::uint64_t seed = 1; seed <= 12; ++seed) {
            Rng rng(seed);
            Bench bench({makePool(1, "each-session", "session:30m", "5")});
            std::map<std::string, Model> models;
            std::vector<std::pair<HoldId, std::string>> open;
            for (int i = 0; i < 500; ++i) {
                bench.clock.advanceUs(rng.between(1'000, 10 * usPerMinute));
                const std::string session = "s" + std::to_string(rng.below(4));
                const TimeUs now = bench.clock.nowUs();
                if (rng.chancePermille(300) && !open.empty()) {
                    Model& model = models[open.back().second];
                    QVERIFY(bench.settle(open.back().first, usd("1")));
                    model.lastUs = now;
                    --model.open;
                    open.pop_back();
                    continue;
                }
                Model& model = models[session];
                if (model.open == 0 && now - model.lastUs >= idleUs) {
                    model.spent = {};
                }
                const bool fits = model.spent <= usd("4");
                const HoldId hold = bench.ask(usd("1"), session);
                QCOMPARE(static_cast<bool>(hold), fits);
                if (!fits) {
                    continue;
                }
                model.spent = *model.spent.plus(usd("1"));
                model.lastUs = now;
                if (rng.chancePermille(500)) {
                    QVERIFY(bench.settle(hold, usd("1")));
                } else {
                    ++model.open;
                    open.emplace_back(hold, session);
                }
                if (rng.chancePermille(50)) {
                    bench.books.dropIdle();
                }
            }
            QVERIFY(bench.store.isConsistent());
        }
    }

    /// Whatever the window was before, an edited pool shows what its new window would have seen.
    void editsShowWhatTheNewWindowSaw_data()
    {
        QTest::addColumn<int>("seed");
        for (int seed = 1; seed <= 10; ++seed) {
            QTest::addRow("seed %d", seed) << seed;
        }
    }
    void editsShowWhatTheNewWindowSaw()
    {
        QFETCH(int, seed);
        Rng rng(static_cast<std::uint64_t>(seed));
        const std::vector<const char*> windows{"hour", "day", "month", "lifetime", "sliding:1h",
            "sliding:7h", "sliding:24h", "bucket:100/1-per-hour", "bucket:100/20-per-hour",
            "session:1h"};
        QTemporaryDir folder;
        const std::string path = folder.filePath(QStringLiteral("ledger.db")).toStdString();
        auto store = SqliteStore::open(path, false).value();
        ManualClock clock;
        Books books(*store, clock);
        QVERIFY(books.load(store->load().value()));
        const auto write = [&] {
            const auto written = store->write(books.finishBatch());
            books.commit();
            return written.has_value();
        };
        std::vector<std::pair<TimeUs, Money>> charges;
        std::vector<HoldId> open;
        Pool pool = makePool(1, "org", "day", "100");
        QVERIFY(books.setPools({pool}) && write());
        bool hasChangedBucket = false;
        for (int i = 0; i < 250; ++i) {
            const auto dice = rng.below(100);
            if (dice < 40) {
                Ask ask = makeAsk("r" + std::to_string(i), Money::fromCents(rng.between(100, 300)));
                ask.dispatch = true;
                const Decision decision = books.reserve(ask);
                if (isGrant(decision)) {
                    open.push_back(holdOf(decision));
                }
            } else if (dice < 70 && !open.empty()) {
                const Money charge = Money::fromCents(rng.between(0, 100));
                QVERIFY(books.settle({open.back(), SettleKind::Exact, charge}));
                charges.emplace_back(clock.nowUs(), charge);
                open.pop_back();
            } else if (dice < 90) {
                clock.advanceUs(rng.between(1'000, 90 * usPerMinute));
            } else {
                const Window before
                    = std::exchange(pool.window, windowOf(windows[rng.below(windows.size())]));
                if (before != pool.window) {
                    hasChangedBucket = pool.window.kind == WindowKind::Bucket
                        && before.kind == WindowKind::Bucket;
                }
                QVERIFY(books.setPools({pool}));
            }
            QVERIFY(write());
            if (rng.chancePermille(30)) {
                books.dropIdle();
            }
            const Ask who = makeAsk("x", {});
            const auto line = books.view(who.identity, who.target).lines.front();
            const Wide wanted = expected(pool, charges, clock.nowUs());
            const Wide shown = line.settled.nano();
            if (pool.window.kind == WindowKind::Bucket) {
                // An edited rate keeps what was in it; a replay rounds to seconds, and up.
                const Wide slack = usd("0.01").nano();
                QVERIFY(hasChangedBucket || (shown >= wanted - slack && shown <= wanted + slack));
            } else if (pool.window.kind != WindowKind::Session) {
                QVERIFY2(shown == wanted, qPrintable(QString::number(i)));
            }
            QVERIFY(shown >= 0);
        }
        HEADGATE_COMPARE_TEXT(verifyText(SqliteLedger::verifyFile(path)), "");
    }

    /// A store that fails leaves nothing behind: rings, buckets and sessions are as before.
    void failedBatchesChangeNothing_data()
    {
        QTest::addColumn<QString>("window");
        QTest::newRow("sliding") << "sliding:1h";
        QTest::newRow("bucket") << "bucket:10/6-per-hour";
        QTest::newRow("session") << "session:30m";
    }
    void failedBatchesChangeNothing()
    {
        QFETCH(QString, window);
        Bench bench({makePool(1, "org", window.toUtf8().constData(), "10")});
        Rng rng(3);
        for (int i = 0; i < 300; ++i) {
            bench.clock.advanceUs(rng.between(0, 40 * usPerMinute));
            const Ask who = makeAsk("x", usd("1"));
            const auto before = bench.books.view(who.identity, who.target).lines.front();
            bench.store.failNext = true;
            QVERIFY(!bench.ask(usd("1")));
            bench.store.failNext = false;
            const auto after = bench.books.view(who.identity, who.target).lines.front();
            QVERIFY(after.settled <= before.settled);
            QVERIFY(before.settled.minusSaturated(after.settled) < usd("0.001"));
            QCOMPARE(after.held, before.held);
            const HoldId hold = bench.ask(usd("3"));
            if (!hold) {
                continue;
            }
            bench.store.failNext = true;
            QVERIFY(!bench.settle(hold, usd("2")));
            bench.store.failNext = false;
            QVERIFY(bench.settle(hold, usd("2")));
            QVERIFY(bench.store.isConsistent());
        }
    }
};

QTEST_GUILESS_MAIN(TestWindows)
#include "tst_windows.moc"
