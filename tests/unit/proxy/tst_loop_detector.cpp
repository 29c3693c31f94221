// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "core/base/limits.h"
#include "core/proxy/loop_detector.h"

#include <QTest>

#include <thread>

using namespace headgate;
using namespace headgate::proxy;

namespace {

wire::Message message(wire::Role role, const std::string& text, const std::string& calls = {})
{
    wire::Message out;
    out.role = role;
    out.text = text;
    out.toolCallText = calls;
    out.hasToolCalls = !calls.empty();
    return out;
}

wire::RequestView said(const std::string& text)
{
    wire::RequestView request;
    request.model = "m";
    request.messages.push_back(message(wire::Role::User, text));
    return request;
}

wire::RequestView steps(int count, bool progress = false)
{
    auto request = said("Fix it.");
    for (int i = 0; i < count; ++i) {
        request.messages.push_back(message(wire::Role::Assistant, "Let me see.", "run{\"a\":1}"));
        request.messages.push_back(
            message(wire::Role::Tool, progress ? "line " + std::to_string(i) : "failed"));
    }
    return request;
}

/// Asks and answers at once, a second apart; the number of requests let through.
int run(LoopDetector& detector, const LoopRules& rules, int times, const std::string& place = "1/s",
    bool session = true, std::int64_t stepUs = usPerSecond)
{
    int through = 0;
    for (int i = 0; i < times; ++i) {
        const std::int64_t now = 1'000 * usPerSecond + i * stepUs;
        const auto asked = detector.ask(rules, place, session, said("Same."), now);
        if (!asked.found) {
            ++through;
            detector.answered(rules, asked.watch, now + 10);
        }
    }
    return through;
}

} // namespace

class TestLoopDetector : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void sameRequestAgainAndAgain()
    {
        LoopDetector detector;
        QCOMPARE(run(detector, {}, 60), 20);
    }

    void offMeansOff()
    {
        LoopDetector detector;
        LoopRules rules;
        rules.on = false;
        QCOMPARE(run(detector, rules, 60), 60);
        QVERIFY(!detector.ask(rules, "1/s", true, steps(50), 0).found);
    }

    void slowRepeatsAreNone()
    {
        LoopDetector detector;
        QCOMPARE(run(detector, {}, 60, "1/s", true, 10 * usPerSecond), 60);
    }

    void withoutASession()
    {
        LoopDetector detector;
        LoopRules rules;
        QCOMPARE(run(detector, rules, 60, "1/", false), 60);
        rules.withoutSession = true;
        QCOMPARE(run(detector, rules, 60, "1/", false), 20);
    }

    void itPasses()
    {
        LoopDetector detector;
        QCOMPARE(run(detector, {}, 30), 20);
        const std::int64_t later = 1'000 * usPerSecond + 200 * usPerSecond;
        QVERIFY(!detector.ask({}, "1/s", true, said("Same."), later).found);
    }

    void manyAtOnceCountOnce()
    {
        LoopDetector detector;
        std::vector<LoopDetector::Asked> asked;
        for (int i = 0; i < 100; ++i) {
            asked.push_back(detector.ask({}, "1/s", true, said("Same."), usPerSecond));
            QVERIFY(!asked.back().found);
        }
        for (const auto& one : asked) {
            detector.answered({}, one.watch, 2 * usPerSecond);
        }
        QVERIFY(!detector.ask({}, "1/s", true, said("Same."), 3 * usPerSecond).found);
    }

    void failuresAreNotCounted()
    {
        LoopDetector detector; // asked again and again, never answered: the client's own retries
        for (int i = 0; i < 100; ++i) {
            QVERIFY(!detector.ask({}, "1/s", true, said("Same."), i).found);
        }
    }

    void sessionsAndKeysAreApart()
    {
        LoopDetector detector;
        QCOMPARE(run(detector, {}, 15, "1/s"), 15);
        QCOMPARE(run(detector, {}, 15, "1/t"), 15);
        QCOMPARE(run(detector, {}, 15, "2/s"), 15);
    }

    void toldOnce()
    {
        LoopDetector detector;
        run(detector, {}, 20);
        int first = 0;
        for (int i = 0; i < 5; ++i) {
            const auto asked
                = detector.ask({}, "1/s", true, said("Same."), 1'020 * usPerSecond + i);
            QVERIFY(asked.found);
            QVERIFY(asked.found->text.find("20 times within 120 seconds") != std::string::npos);
            first += asked.found->first ? 1 : 0;
        }
        QCOMPARE(first, 1);
    }

    void hashIgnoresSpaceOnly()
    {
        const auto base = requestHash(said("a b"));
        QCOMPARE(requestHash(said("a  \n b ")), base);
        QVERIFY(requestHash(said("a b c")) != base);
        QVERIFY(requestHash(said("ab")) != base);
        auto other = said("a b");
        other.model = "n";
        QVERIFY(requestHash(other) != base);
        other = said("a b");
        other.toolsText = "[{}]";
        QVERIFY(requestHash(other) != base);
        other = said("a b");
        other.messages.front().role = wire::Role::System;
        QVERIFY(requestHash(other) != base);
        other = said("a b");
        other.messages.push_back(message(wire::Role::User, ""));
        QVERIFY(requestHash(other) != base);
    }

    void toolCalls()
    {
        QCOMPARE(repeatedToolCalls({}), 0);
        QCOMPARE(repeatedToolCalls(said("Hi.")), 0);
        QCOMPARE(repeatedToolCalls(steps(1)), 1);
        QCOMPARE(repeatedToolCalls(steps(7)), 7);
        QCOMPARE(repeatedToolCalls(steps(7, true)), 1);
        auto spoken = steps(7);
        spoken.messages.push_back(message(wire::Role::User, "Stop that."));
        QCOMPARE(repeatedToolCalls(spoken), 0);
        auto mixed = steps(3);
        mixed.messages.push_back(message(wire::Role::Assistant, "", "other{}"));
        mixed.messages.push_back(message(wire::Role::Tool, "ok"));
        for (const auto& one : steps(2).messages) {
            mixed.messages.push_back(one);
        }
        QCOMPARE(repeatedToolCalls(mixed), 2);
        wire::RequestView lone; // a result without a call
        lone.messages.push_back(message(wire::Role::Tool, "ok"));
        QCOMPARE(repeatedToolCalls(lone), 0);
    }

    void toolLoopIsRefused()
    {
        LoopDetector detector;
        QVERIFY(!detector.ask({}, "1/", false, steps(7), 0).found);
        const auto asked = detector.ask({}, "1/", false, steps(8), 0);
        QVERIFY(asked.found && asked.found->first);
        QVERIFY(asked.found->text.find("8 times in a row") != std::string::npos);
        const auto again = detector.ask({}, "1/", false, steps(9), 0);
        QVERIFY(again.found && !again.found->first);
        QVERIFY(!detector.ask({}, "1/", false, steps(30, true), 0).found);
    }

    void memoryIsBounded()
    {
        LoopDetector detector;
        for (std::size_t i = 0; i < limits::loopSessionsMax + 10; ++i) {
            QCOMPARE(run(detector, {}, 1, "1/" + std::to_string(i)), 1);
        }
        QCOMPARE(run(detector, {}, 20, "1/0"), 20); // forgotten, begins anew
        for (std::size_t i = 0; i < 100; ++i) {
            const auto asked = detector.ask({}, "9/s", true, said(std::to_string(i)), 0);
            detector.answered({}, asked.watch, 1);
        }
        QCOMPARE(run(detector, {}, 60, "9/s"), 20);
    }

    void manyThreads()
    {
        LoopDetector detector;
        std::vector<std::thread> threads;
        for (int t = 0; t < 4; ++t) {
            threads.emplace_back([&detector, t] {
                for (int i = 0; i < 200; ++i) {
                    run(detector, {}, 3, std::to_string(t % 2) + "/" + std::to_string(i));
                }
            });
        }
        for (auto& thread : threads) {
            thread.join();
        }
        QCOMPARE(run(detector, {}, 60, "7/s"), 20);
    }
};

QTEST_APPLESS_MAIN(TestLoopDetector)
#include "tst_loop_detector.moc"
