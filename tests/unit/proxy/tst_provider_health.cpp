// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include <QTest>

#include "core/proxy/provider_health.h"

#include <sstream>
#include <thread>

using namespace headgate;
using namespace headgate::proxy;

namespace {

const std::map<std::string, CallEnd> ends{{"ok", CallEnd::Ok}, {"refused", CallEnd::Unreachable},
    {"timeout", CallEnd::TimedOut}, {"broke", CallEnd::Broke}, {"500", CallEnd::ServerError},
    {"503", CallEnd::Overloaded}, {"429", CallEnd::RateLimited}, {"401", CallEnd::KeyRefused},
    {"402", CallEnd::Exhausted}, {"400", CallEnd::ClientError}, {"left", CallEnd::Neutral}};

/// "500*4 429/7 +3s ok": ends, repeated, with a retry-after; "+…" lets time pass.
void play(Health& health, TimeUs& nowUs, const std::string& script)
{
    std::istringstream words(script);
    for (std::string word; words >> word;) {
        if (word.front() == '+') {
            const TimeUs unit = word.back() == 's' ? usPerSecond
                : word.back() == 'm'               ? usPerMinute
                : word.back() == 'h'               ? usPerHour
                                                   : usPerDay;
            nowUs += std::stoll(word.substr(1)) * unit;
            continue;
        }
        const auto star = word.find('*');
        const int times = star == std::string::npos ? 1 : std::stoi(word.substr(star + 1));
        const auto name = word.substr(0, star);
        const auto slash = name.find('/');
        CallOutcome outcome;
        outcome.end = ends.at(name.substr(0, slash));
        outcome.retryAfterS = slash == std::string::npos ? 0 : std::stoi(name.substr(slash + 1));
        outcome.words = name;
        for (int i = 0; i < times; ++i) {
            health.begin(nowUs);
            static_cast<void>(health.end(outcome, nowUs));
        }
    }
}

ProxyConfig configWith(const std::vector<std::string>& secrets)
{
    ProxyConfig config;
    catalog::Provider provider;
    provider.name = "groq";
    config.catalog.providers.push_back(provider);
    for (std::size_t i = 0; i < secrets.size(); ++i) {
        config.providerKeys["groq"].push_back(providerKey(
            i == 0 ? "" : "k" + std::to_string(i), std::make_shared<const Secret>(secrets[i])));
    }
    return config;
}

CallOutcome outcomeOf(CallEnd end, int status = 0)
{
    CallOutcome outcome;
    outcome.end = end;
    outcome.status = status;
    outcome.words = "said so";
    return outcome;
}

} // namespace

class TestProviderHealth : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void states_data();
    void states();
    void halfOpenLetsOneThrough();
    void latencyIsAMovingAverage();
    void clockSetBack();
    void keysTakeTurns();
    void refusedKeyIsSetAside();
    void exhaustionIsRemembered();
    void hostileMemory_data();
    void hostileMemory();
    void simulatedProvidersAreOnlyCounted();
    void troublesNameWhatAndUntilWhen();
    void oneTrialAmongThreads();
    void forgets();
};

void TestProviderHealth::states_data()
{
    QTest::addColumn<QString>("script");
    QTest::addColumn<QString>("state");
    QTest::addColumn<int>("seconds"); // until it ends; 0: by itself never
    const auto row = [](const char* script, const char* state, int seconds) {
        QTest::newRow(script) << QString::fromLatin1(script) << QString::fromLatin1(state)
                              << seconds;
    };
    row("", "healthy", 0);
    row("ok", "healthy", 0);
    row("500*4", "healthy", 0);
    row("500*4 ok 500*4", "healthy", 0);
    row("500*4 400 500*4", "healthy", 0);
    row("500*4 429/1 +2s 500*4", "healthy", 0);
    row("left*50", "healthy", 0);
    row("400*50", "healthy", 0);
    row("500*5", "open", 5);
    row("refused*5", "open", 5);
    row("timeout*5", "open", 5);
    row("broke timeout 500 refused broke", "open", 5);
    row("500*9", "open", 5);
    row("500*5 +5s", "half_open", 0);
    row("500*5 +5s ok", "healthy", 0);
    row("500*5 +5s 400", "healthy", 0);
    row("500*5 +5s left", "half_open", 0);
    row("500*5 +5s 500", "open", 10);
    row("500*5 +5s 500 +10s 500", "open", 20);
    row("500*5 +5s 500 +10s 500 +20s 500 +40s 500 +80s 500 +160s 500 +300s 500", "open", 300);
    row("500*5 +5s ok 500*5", "open", 5);
    row("429", "cooling_down", 2);
    row("429 +2s 429", "cooling_down", 4);
    row("429 +2s", "healthy", 0);
    row("429 +2s ok 429", "cooling_down", 2);
    row("429*9", "cooling_down", 60);
    row("429/7", "cooling_down", 7);
    row("429/86400", "cooling_down", 300);
    row("503/9", "cooling_down", 9);
    row("503*5", "open", 5);
    row("401", "key_refused", 600);
    row("401 +10m", "healthy", 0);
    row("401 ok", "healthy", 0);
    row("402", "exhausted", 86400);
    row("402 +23h", "exhausted", 3600);
    row("402 +1d", "healthy", 0);
    row("402 400", "exhausted", 86400);
    row("402 ok", "healthy", 0);
    row("429/7 402", "exhausted", 86400);
}

void TestProviderHealth::states()
{
    QFETCH(QString, script);
    QFETCH(QString, state);
    QFETCH(int, seconds);
    Health health;
    TimeUs nowUs = 1'790'000'000'000'000;
    play(health, nowUs, script.toStdString());
    QCOMPARE(QString::fromLatin1(healthStateName(health.stateAt(nowUs))), state);
    QCOMPARE(health.untilAt(nowUs), seconds == 0 ? 0 : nowUs + seconds * usPerSecond);
    QCOMPARE(health.mayCall(nowUs), seconds == 0);
}

void TestProviderHealth::halfOpenLetsOneThrough()
{
    Health health;
    TimeUs nowUs = 1'790'000'000'000'000;
    play(health, nowUs, "500*5 +5s");
    QVERIFY(health.mayCall(nowUs));
    health.begin(nowUs);
    QVERIFY(!health.mayCall(nowUs));
    QVERIFY(!health.mayCall(nowUs + 59 * usPerSecond));
    QVERIFY(health.mayCall(nowUs + 60 * usPerSecond)); // a lost trial blocks nobody for ever
    static_cast<void>(health.end(outcomeOf(CallEnd::Ok), nowUs + 1));
    QCOMPARE(health.stateAt(nowUs + 1), HealthState::Healthy);
}

void TestProviderHealth::latencyIsAMovingAverage()
{
    Health health;
    auto outcome = outcomeOf(CallEnd::Ok);
    outcome.latencyUs = 8'000;
    static_cast<void>(health.end(outcome, 1));
    QCOMPARE(health.latencyUs, 8'000);
    outcome.latencyUs = 16'000;
    static_cast<void>(health.end(outcome, 2));
    QCOMPARE(health.latencyUs, 9'000);
    QCOMPARE(health.successes, 2);
}

void TestProviderHealth::clockSetBack()
{
    for (const char* script : {"429/200", "500*5", "401"}) {
        Health health;
        TimeUs nowUs = 1'790'000'000'000'000;
        play(health, nowUs, script);
        nowUs -= 30 * usPerDay; // a pause of minutes is not one of a month
        QVERIFY2(health.mayCall(nowUs), script);
    }
}

void TestProviderHealth::keysTakeTurns()
{
    ManualClock clock;
    ProviderHealth health(clock);
    const auto config = configWith({"a", "b", "c"});
    auto provider = config.catalog.providers.front();
    for (int i = 0; i < 3; ++i) {
        auto call = health.begin(config, provider, "m", false);
        QCOMPARE(call->key().label, std::string());
    }
    provider.keyRotation = catalog::KeyRotation::RoundRobin;
    std::string labels;
    for (int i = 0; i < 6; ++i) {
        auto call = health.begin(config, provider, "m", false);
        labels += call->key().label + ",";
    }
    QCOMPARE(labels, std::string(",k1,k2,,k1,k2,"));
}

void TestProviderHealth::refusedKeyIsSetAside()
{
    for (const auto end : {CallEnd::KeyRefused, CallEnd::Exhausted, CallEnd::RateLimited}) {
        ManualClock clock;
        ProviderHealth health(clock);
        const auto config = configWith({"a", "b"});
        const auto& provider = config.catalog.providers.front();
        health.begin(config, provider, "m", false)->end(outcomeOf(end, 403));
        QVERIFY(!health.trouble(config, provider, "m"));
        auto second = health.begin(config, provider, "m", false);
        QCOMPARE(second->key().label, std::string("k1"));
        second->end(outcomeOf(end, 403));
        const auto trouble = health.trouble(config, provider, "m");
        QVERIFY(trouble);
        QCOMPARE(trouble->soft, end != CallEnd::Exhausted);
        QVERIFY(!health.begin(config, provider, "m", false));
        // Another key in its place is another matter.
        const auto other = configWith({"a", "new"});
        QVERIFY(!health.trouble(other, provider, "m"));
        QCOMPARE(health.begin(other, provider, "m", false)->key().label, std::string("k1"));
    }
    // A lone key that is forbidden one model may be allowed others.
    ManualClock clock;
    ProviderHealth health(clock);
    const auto config = configWith({"a"});
    const auto& provider = config.catalog.providers.front();
    health.begin(config, provider, "m", false)->end(outcomeOf(CallEnd::KeyRefused, 403));
    QVERIFY(health.trouble(config, provider, "m"));
    QVERIFY(!health.trouble(config, provider, "other"));
}

void TestProviderHealth::exhaustionIsRemembered()
{
    ManualClock clock;
    std::string kept;
    const auto config = configWith({"a"});
    const auto& provider = config.catalog.providers.front();
    {
        ProviderHealth health(clock);
        std::vector<std::string> alerts;
        health.setOnAlert([&](const std::string& text) { alerts.push_back(text); });
        auto outcome = outcomeOf(CallEnd::Exhausted, 402);
        outcome.untilUs = clock.nowUs() + 40 * usPerDay;
        health.begin(config, provider, "m", false)->end(outcome);
        QCOMPARE(alerts.size(), std::size_t{1});
        QVERIFY2(alerts[0].find("groq") != std::string::npos, alerts[0].c_str());
        QVERIFY(health.changes() > 0);
        kept = health.toJson();
        QVERIFY(kept.find("\"a\"") == std::string::npos); // no secret
    }
    ProviderHealth health(clock);
    QVERIFY(health.readJson(kept));
    QCOMPARE(health.trouble(config, provider, "m")->state, HealthState::Exhausted);
    QVERIFY(!health.begin(config, provider, "m", false));
    QVERIFY(!health.begin(config, provider, "m", true)); // it was asked a moment ago
    clock.advanceUs(health::exhaustedProbeUs);
    QVERIFY(!health.begin(config, provider, "m", false));
    auto trial = health.begin(config, provider, "m", true);
    QVERIFY(trial);
    QVERIFY(!health.begin(config, provider, "m", true)); // one at a time
    trial->end(outcomeOf(CallEnd::Ok, 200));
    QVERIFY(!health.trouble(config, provider, "m"));
    // Past its date nobody has to try.
    ProviderHealth later(clock);
    QVERIFY(later.readJson(kept));
    clock.advanceUs(41 * usPerDay);
    QVERIFY(later.begin(config, provider, "m", false));
}

void TestProviderHealth::hostileMemory_data()
{
    QTest::addColumn<QString>("text");
    for (const char* text : {"", "[]", "{}", "{\"exhausted\":5}", "{\"exhausted\":[5]}",
             "{\"exhausted\":[{}]}", "{\"exhausted\":[{\"provider\":\"x\",\"until_us\":\"1\"}]}",
             "{\"exhausted\":[{\"provider\":\"x\",\"until_us\":-1}]}",
             "{\"exhausted\":[{\"until_us\":1}]}", "\xff"}) {
        QTest::newRow(text) << QString::fromLatin1(text);
    }
}

void TestProviderHealth::hostileMemory()
{
    QFETCH(QString, text);
    ManualClock clock;
    ProviderHealth health(clock);
    QVERIFY(!health.readJson(text.toStdString()));
    QVERIFY(health.rows().empty());
}

void TestProviderHealth::simulatedProvidersAreOnlyCounted()
{
    ManualClock clock;
    ProviderHealth health(clock);
    ProxyConfig config;
    config.catalog.providers.push_back({});
    auto& sim = config.catalog.providers.front();
    sim.name = "sim";
    sim.simulated = true;
    for (const auto end : {CallEnd::ServerError, CallEnd::Exhausted, CallEnd::RateLimited}) {
        for (int i = 0; i < 10; ++i) {
            health.begin(config, sim, "sim-small", false)->end(outcomeOf(end));
        }
    }
    QVERIFY(health.troubles(config).empty());
    QCOMPARE(health.rows().front().failures, 30);
}

void TestProviderHealth::troublesNameWhatAndUntilWhen()
{
    ManualClock clock;
    ProviderHealth health(clock);
    const auto config = configWith({"a"});
    const auto& provider = config.catalog.providers.front();
    QVERIFY(health.troubles(config).empty());
    auto pause = outcomeOf(CallEnd::RateLimited, 429);
    pause.retryAfterS = 30;
    health.begin(config, provider, "m", false)->end(pause);
    auto troubles = health.troubles(config);
    QCOMPARE(troubles.size(), std::size_t{1});
    QCOMPARE(troubles[0].model, std::string("m"));
    QCOMPARE(troubles[0].untilUs, clock.nowUs() + 30 * usPerSecond);
    QVERIFY2(troubles[0].why.starts_with("cools down until "), troubles[0].why.c_str());
    QVERIFY(health.begin(config, provider, "m", true)); // a pause stops nobody without a choice
    for (int i = 0; i < 5; ++i) {
        if (auto call = health.begin(config, provider, "n", false)) {
            call->end(outcomeOf(CallEnd::Unreachable));
        }
    }
    troubles = health.troubles(config);
    QCOMPARE(troubles.size(), std::size_t{2});
    QCOMPARE(troubles[0].model, std::string()); // the provider as a whole
    QCOMPARE(troubles[0].state, HealthState::Open);
    QVERIFY(!health.begin(config, provider, "m", true));
    clock.advanceUs(5 * usPerSecond);
    QVERIFY(health.begin(config, provider, "n", false));
}

void TestProviderHealth::oneTrialAmongThreads()
{
    ManualClock clock;
    ProviderHealth health(clock);
    const auto config = configWith({"a"});
    const auto& provider = config.catalog.providers.front();
    for (int i = 0; i < 5; ++i) {
        health.begin(config, provider, "m", false)->end(outcomeOf(CallEnd::ServerError, 500));
    }
    clock.advanceUs(6 * usPerSecond);
    std::atomic<int> trials{0};
    std::atomic<bool> go{false};
    std::vector<std::optional<ProviderHealth::Call>> kept(8);
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kept.size(); ++i) {
        threads.emplace_back([&, i] {
            while (!go.load()) { }
            if (auto call = health.begin(config, provider, "m", false)) {
                kept[i] = std::move(*call);
                ++trials;
            }
        });
    }
    go = true;
    for (auto& thread : threads) {
        thread.join();
    }
    QCOMPARE(trials.load(), 1);
}

void TestProviderHealth::forgets()
{
    ManualClock clock;
    ProviderHealth health(clock);
    const auto config = configWith({"a"});
    const auto& provider = config.catalog.providers.front();
    health.begin(config, provider, "m", false)->end(outcomeOf(CallEnd::Exhausted, 402));
    QVERIFY(!health.begin(config, provider, "m", false));
    health.forget("groq");
    QVERIFY(health.begin(config, provider, "m", false));
}

QTEST_GUILESS_MAIN(TestProviderHealth)
#include "tst_provider_health.moc"
