// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The failures of other gateways that must be impossible here, each a test of its name (ledger.md,
// last paragraph): what the books forget. The witness is always a provider's own bill, over real
// sockets.

#include <QTest>

#include "named_failures.h"

using namespace headgate;
using namespace headgate::testing;

class TestNamedFailuresBooks : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void resetThatOverwritesConcurrentSpend();
    void editOfALimitThatZeroesUsage_data();
    void editOfALimitThatZeroesUsage();
    void retryOrJudgeCallOutsideTheBudget();
    void restartThatForgetsCounters();
    void classifierCostLeftOutOfSavings();
};

void TestNamedFailuresBooks::resetThatOverwritesConcurrentSpend()
{
    ManualClock clock(1'790'002'800'000'000 - usPerSecond); // a second before a full hour
    std::atomic<bool> open{false};
    BilledProvider provider([&](const BilledCall& call, int) {
        Manner manner;
        if (call.body.find("slow") != std::string::npos) {
            manner.before = [&] { waitFor([&] { return open.load(); }); };
        }
        return manner;
    });
    HouseOptions options;
    options.cap.clear();
    options.clock = &clock;
    options.pools.push_back(poolOf("hourly", "org", "hour", "0.0100"));
    TestHouse house(options);
    QVERIFY2(house.error().empty(), house.error().c_str());
    house.addProvider(provider.url());
    const auto extra = R"(,"max_tokens":100)";
    std::thread slow([&] { static_cast<void>(house.chat(chatBody("m", "slow", extra))); });
    QVERIFY(waitFor([&] { return provider.requests() == 1; }));
    clock.advanceUs(2 * usPerSecond); // the hour ends while the call is under way
    QCOMPARE(house.chat(chatBody("m", "quick", extra)).status, 200);
    open.store(true);
    slow.join();
    QVERIFY(house.waitIdle());
    QCOMPARE(provider.calls().size(), std::size_t(2));
    const auto after = house.pool("hourly");
    QVERIFY(after);
    QCOMPARE(after->lifetimeSettled.nano(), provider.billed().nano());
    const auto quick = Money::fromNano(provider.billed().nano() / 3);
    QVERIFY(after->accounts.at(0).balance.settled >= quick);
    // Many at once, while the hours pass and the operator edits the pool all the time.
    std::vector<std::thread> threads;
    for (int i = 0; i < 8; ++i) {
        threads.emplace_back([&] {
            for (int n = 0; n < 10; ++n) {
                static_cast<void>(house.chat(chatBody("m", "quick", extra)));
            }
        });
    }
    for (int i = 0; i < 40; ++i) {
        auto pool = after->pool;
        pool.cap = i % 2 == 0 ? usd("0.0200") : usd("0.0100");
        QVERIFY(house.books().setPools({pool}));
        clock.advanceUs(i % 5 == 0 ? usPerHour : usPerSecond);
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    QVERIFY(house.waitIdle());
    QVERIFY(provider.requests() > 2);
    QCOMPARE(house.pool("hourly")->lifetimeSettled.nano(), provider.billed().nano());
    const auto verified = house.books().verify();
    QVERIFY(verified && verified->ok);
}

void TestNamedFailuresBooks::editOfALimitThatZeroesUsage_data()
{
    QTest::addColumn<QString>("edit");
    for (const char* edit : {"lower", "rename", "reserve", "zone", "soft and hard",
             "freeze and thaw", "archive and back", "week", "month", "year", "lifetime"}) {
        QTest::newRow(edit) << QString::fromLatin1(edit);
    }
}

void TestNamedFailuresBooks::editOfALimitThatZeroesUsage()
{
    QFETCH(QString, edit);
    const service::testing::Home home;
    auto service = service::testing::opened(home);
    QVERIFY(service && service->serve("127.0.0.1", 0));
    service::NewPool wanted;
    wanted.name = "limit";
    wanted.window = *ledger::Window::parse("day");
    wanted.cap = usd("0.0002");
    const auto pool = service->addPool(wanted, "test");
    service::NewKey newKey;
    newKey.name = "robot";
    auto key = service->createKey(newKey, "test");
    QVERIFY(pool && key);
    const auto spendAll = [&] {
        while (service::testing::ask(
                   service->status().url, key->key.reveal(), service::testing::hello())
                   .status
            == 200) { }
    };
    const auto change = [&](const std::function<void(service::PoolEdit&)>& fill) {
        service::PoolEdit what;
        fill(what);
        return static_cast<bool>(service->editPool(pool->id, what, "test"));
    };
    spendAll();
    const auto billed = service->simBill()->total;
    QVERIFY(billed > usd("0.00015"));
    if (edit == QStringLiteral("lower")) {
        QVERIFY(change([](auto& what) { what.cap = *Money::parse("0.0001"); }));
    } else if (edit == QStringLiteral("rename")) {
        QVERIFY(change([](auto& what) { what.name = "renamed"; }));
    } else if (edit == QStringLiteral("reserve")) {
        QVERIFY(change([](auto& what) { what.reservePercent = 10; }));
    } else if (edit == QStringLiteral("zone")) {
        QVERIFY(change([](auto& what) { what.zone = "America/New_York"; }));
    } else if (edit == QStringLiteral("soft and hard")) {
        QVERIFY(change([](auto& what) { what.hard = false; }));
        QVERIFY(change([](auto& what) { what.hard = true; }));
    } else if (edit == QStringLiteral("freeze and thaw")) {
        QVERIFY(change([](auto& what) { what.frozen = true; }));
        QVERIFY(change([](auto& what) { what.frozen = false; }));
    } else if (edit == QStringLiteral("archive and back")) {
        QVERIFY(change([](auto& what) { what.archived = true; }));
        QVERIFY(change([](auto& what) { what.archived = false; }));
    } else {
        const auto window = ledger::Window::parse(edit.toStdString());
        QVERIFY(change([&](auto& what) { what.window = *window; }));
    }
    spendAll();
    QVERIFY2(service->simBill()->total <= usd("0.0002"), "the edit gave spent money back");
    // More cap is more money, by exactly the difference.
    QVERIFY(change([](auto& what) { what.cap = *Money::parse("0.0004"); }));
    spendAll();
    const auto total = service->simBill()->total;
    QVERIFY(total > usd("0.0003"));
    QVERIFY(total <= usd("0.0004"));
    for (const ledger::PoolState& state : service->poolStates()) {
        if (state.pool.id == pool->id) {
            QCOMPARE(state.lifetimeSettled.nano(), total.nano());
        }
    }
}

void TestNamedFailuresBooks::retryOrJudgeCallOutsideTheBudget()
{
    // Ours: a provider that took nothing is replaced, and the second call has a hold of its own.
    BilledProvider busy([](const BilledCall&, int) {
        Manner manner;
        manner.status = 503;
        return manner;
    });
    BilledProvider sound;
    TestHouse house;
    house.addProvider(busy.url(), "busy", "b");
    house.addProvider(sound.url(), "sound", "s");
    auto config = house.config();
    for (auto& model : config.catalog.models) {
        if (model.name == "b") { // a little cheaper: tried first
            model.prices.front().input = Price::fromPico(900'000);
        }
    }
    house.reconfigure(config);
    QCOMPARE(house.chat(chatBody("auto", "Hi.", R"(,"max_tokens":50)")).status, 200);
    QVERIFY(house.waitIdle());
    QCOMPARE(busy.requests() + sound.requests(), 2);
    const auto journal = house.books().journal(std::nullopt, 0, 100);
    QVERIFY(journal);
    std::set<std::int64_t> holds;
    for (const ledger::Entry& entry : *journal) {
        if (entry.hold.value != 0) {
            holds.insert(entry.hold.value);
        }
    }
    QCOMPARE(holds.size(), std::size_t(2));
    QCOMPARE(house.settled().nano(), sound.billed().nano());
    // The client's: each of its retries of a call that broke after it was billed is paid for.
    BilledProvider broken([](const BilledCall&, int) {
        Manner manner;
        manner.reset = true;
        return manner;
    });
    HouseOptions options;
    options.cap = "0.0100";
    TestHouse retried(options);
    retried.addProvider(broken.url());
    int status = 0;
    int tries = 0;
    while (status != 402 && ++tries < 1'000) {
        retried.proxy().health().forget(retried.config().catalog.providers.back().name);
        status = retried
                     .chat(chatBody("m", "Hi.", R"(,"max_tokens":100)"),
                         fmt::format("x-stainless-retry-count: {}\r\n", tries))
                     .status;
    }
    QCOMPARE(status, 402);
    QCOMPARE(broken.requests(), tries - 1);
    QVERIFY(broken.billed() <= retried.settled());
    QVERIFY(retried.settled() <= usd("0.0100"));
}

void TestNamedFailuresBooks::restartThatForgetsCounters()
{
    std::atomic<bool> open{true};
    BilledProvider provider([&](const BilledCall&, int) {
        Manner manner;
        manner.before = [&] { waitFor([&] { return open.load(); }, 2'000); };
        return manner;
    });
    HouseOptions options;
    options.cap = "0.0100";
    options.keepFolder = true;
    options.pools.push_back(poolOf("each user", "each-user", "month", "0.0090"));
    Money before;
    for (int life = 0; life < 6; ++life) {
        options.keepFolder = life < 5;
        TestHouse house(options);
        QVERIFY2(house.error().empty(), house.error().c_str());
        options.folder = house.folder();
        options.key = house.key();
        QCOMPARE(house.settled().nano(), before.nano());
        house.addProvider(provider.url());
        const auto body = chatBody("m", "Hi.", R"(,"max_tokens":100)");
        for (int i = 0; i < 2; ++i) {
            static_cast<void>(house.chat(body, "x-headgate-user: ann\r\n"));
        }
        // One is under way when the program stops.
        open.store(false);
        std::thread last([&] { static_cast<void>(house.chat(body)); });
        waitFor([&] { return house.books().openHoldCount() > 0; }, 1'000);
        house.stop(0);
        open.store(true);
        last.join();
        QVERIFY(house.settled() >= before);
        before = house.settled();
        QVERIFY(before >= provider.billed());
    }
    QVERIFY(provider.billed() <= usd("0.0100"));
    QVERIFY(before <= usd("0.0100"));
    QVERIFY(before > usd("0.0085")); // and the cap was usable
}

void TestNamedFailuresBooks::classifierCostLeftOutOfSavings()
{
    // An attempt that failed and was billed all the same is part of what the answer cost; it must
    // neither be forgotten nor make the baseline look dearer.
    ScriptServer exhausted([](const ScriptRequest&, ScriptLink& link) {
        return link.write(
            httpReply(500, R"({"error":{"message":"no credit","code":"insufficient_quota"}})"));
    });
    BilledProvider sound([](const BilledCall&, int) {
        Manner manner;
        manner.outputTokens = 40;
        return manner;
    });
    const std::string text(3'000, 'x');
    const auto body = chatBody("auto", text, R"(,"max_tokens":50)");
    const auto rowOf = [&](bool failing) {
        TestHouse house;
        if (failing) {
            house.addProvider(exhausted.url(), "failing", "f");
        }
        house.addProvider(sound.url(), "sound", "s");
        house.addProvider(sound.url(), "dear", "d");
        auto config = house.config();
        for (auto& model : config.catalog.models) {
            if (model.name == "f") {
                model.prices.front().output = Price::fromPico(9'000'000);
            } else if (model.name == "d") {
                model.prices.front().input = Price::fromPico(50'000'000);
                model.prices.front().output = Price::fromPico(50'000'000);
            }
        }
        house.reconfigure(config);
        static_cast<void>(house.chat(body));
        static_cast<void>(house.waitIdle());
        return house.waitRows(1).front();
    };
    const auto plain = rowOf(false);
    const auto failed = rowOf(true);
    QCOMPARE(plain.status, activity::Status::Ok);
    QCOMPARE(failed.status, activity::Status::Ok);
    QCOMPARE(failed.attempts.size(), std::size_t(2));
    QVERIFY(failed.attempts[0].charged > Money());
    QCOMPARE(failed.cost.nano(),
        failed.attempts[0].charged.plusSaturated(failed.attempts[1].charged).nano());
    QCOMPARE(failed.attempts[1].charged.nano(), plain.cost.nano());
    QCOMPARE(failed.baseline.nano(), plain.baseline.nano());
    const auto saved = plain.baseline.minusSaturated(plain.cost);
    const auto savedLess = failed.baseline.minusSaturated(failed.cost);
    QCOMPARE(saved.minusSaturated(savedLess).nano(), failed.attempts[0].charged.nano());
}

QTEST_GUILESS_MAIN(TestNamedFailuresBooks)
#include "tst_named_failures_books.moc"
