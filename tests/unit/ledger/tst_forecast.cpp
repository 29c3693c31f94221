// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/forecast.h"

#include "core/base/rng.h"

#include <QtTest>

#include <limits>

using namespace headgate;
using namespace headgate::ledger;

namespace {

constexpr TimeUs start = 1'790'000'000'000'000;

Money cents(std::int64_t amount)
{
    return Money::fromCents(amount);
}

/// A day of which `hours` have passed, with one charge in the middle of each.
ForecastInput dayAfter(int hours, std::int64_t centsAnHour)
{
    ForecastInput input;
    input.window = {start, start + usPerDay};
    input.nowUs = start + hours * usPerHour;
    input.observedFromUs = start;
    input.limit = cents(1'000'000);
    for (int hour = 0; hour < hours; ++hour) {
        input.spent.push_back({start + hour * usPerHour + usPerHour / 2, cents(centsAnHour)});
    }
    input.settled = cents(centsAnHour * hours);
    return input;
}

} // namespace

class TestForecast : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void tooLittleIsUnknown()
    {
        QVERIFY(!forecast({}).isKnown);
        ForecastInput input = dayAfter(12, 10);
        input.observedFromUs = input.nowUs - usPerMinute; // a day wants 7.2 minutes
        const Forecast short1 = forecast(input);
        QVERIFY(!short1.isKnown);
        QCOMPARE(short1.expected, input.settled);
        QVERIFY(!short1.exhaustedAtUs);
    }

    void steadySpendingHasNoSpread()
    {
        const Forecast result = forecast(dayAfter(12, 10));
        QVERIFY(result.isKnown);
        QCOMPARE(result.expected, cents(240));
        QCOMPARE(result.low, cents(240));
        QCOMPARE(result.high, cents(240));
        QVERIFY(!result.exhaustedAtUs);
    }

    void nothingSpentStaysAsItIs()
    {
        ForecastInput input = dayAfter(12, 10);
        input.spent.clear();
        const Forecast result = forecast(input);
        QVERIFY(result.isKnown);
        QCOMPARE(result.low, input.settled);
        QCOMPARE(result.high, input.settled);
    }

    void burstsWidenTheInterval()
    {
        ForecastInput input = dayAfter(12, 0);
        input.spent = {{start + usPerHour, cents(120)}};
        input.settled = cents(120);
        const Forecast result = forecast(input);
        QCOMPARE(result.expected, cents(240));
        QCOMPARE(result.low, cents(120)); // never below what is spent
        QVERIFY(result.high > cents(300));
    }

    void tellsWhenTheMoneyIsGone()
    {
        ForecastInput input = dayAfter(12, 10);
        input.limit = cents(150);
        QCOMPARE(*forecast(input).exhaustedAtUs, input.nowUs + 3 * usPerHour);
        input.limit = cents(120);
        QCOMPARE(*forecast(input).exhaustedAtUs, input.nowUs);
        input.limit = cents(240); // at the very end: the window is over
        QVERIFY(!forecast(input).exhaustedAtUs);
        input.limit = cents(239);
        QVERIFY(forecast(input).exhaustedAtUs);
    }

    void lifetimesHaveNoEnd()
    {
        ForecastInput input = dayAfter(12, 10);
        input.window = {0, std::numeric_limits<TimeUs>::max()};
        input.limit = cents(120 + 24 * 100);
        const Forecast result = forecast(input);
        QVERIFY(result.isKnown);
        QCOMPARE(result.expected, input.settled);
        QCOMPARE(*result.exhaustedAtUs, input.nowUs + 240 * usPerHour);
    }

    void hugeAmountsDoNotWrap()
    {
        ForecastInput input = dayAfter(12, 0);
        const Money most = Money::fromNano(std::numeric_limits<std::int64_t>::max());
        input.settled = most;
        input.limit = most;
        for (int i = 0; i < 100; ++i) {
            input.spent.push_back({start + i % 12 * usPerHour, most});
        }
        const Forecast result = forecast(input);
        QCOMPARE(result.expected, most);
        QCOMPARE(result.high, most);
        QVERIFY(result.low <= most && result.low >= Money());
        QVERIFY(!exhaustionAt(input.nowUs, most, Money::fromNano(1), usPerDay));
    }

    /// Windows of random spending that goes on alike: about four in five end inside the interval.
    void theIntervalIsHonest()
    {
        int inside = 0;
        constexpr int rounds = 1'000;
        Rng rng(7);
        for (int round = 0; round < rounds; ++round) {
            ForecastInput input = dayAfter(12, 0);
            Money atEnd;
            for (int minute = 0; minute < 24 * 60; ++minute) {
                if (!rng.chancePermille(50)) {
                    continue;
                }
                const Money amount = cents(rng.between(1, 100));
                atEnd = atEnd.plusSaturated(amount);
                const TimeUs at = start + minute * usPerMinute;
                if (at < input.nowUs) {
                    input.settled = input.settled.plusSaturated(amount);
                    input.spent.push_back({at, amount});
                }
            }
            const Forecast result = forecast(input);
            inside += result.low <= atEnd && atEnd <= result.high ? 1 : 0;
        }
        QVERIFY2(inside > rounds * 70 / 100 && inside < rounds * 92 / 100,
            qPrintable(QString::number(inside)));
    }
};

QTEST_GUILESS_MAIN(TestForecast)
#include "tst_forecast.moc"
