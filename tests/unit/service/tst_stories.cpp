// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// The words for what the ledger and the audit know: pure functions fed with values.

#include <QtTest>

// After Qt: moc stumbles over the standard library when it meets it first.
#include "core/service/burn_down.h"
#include "core/service/story.h"

using namespace headgate;
using namespace headgate::service;

namespace {

QString joined(const Story& story)
{
    QStringList words;
    for (const auto& sentence : story.sentences) {
        words << QString::fromStdString(sentence);
    }
    for (const auto& fact : story.facts) {
        words << QString::fromStdString(fact.label + ": " + fact.value);
    }
    return words.join(QLatin1Char('\n'));
}

ledger::HoldStory holdStory(ledger::HoldState state)
{
    ledger::HoldStory hold;
    hold.hold = HoldId{7};
    hold.requestId = "2:d17";
    hold.state = state;
    hold.amount = Money::fromCents(10);
    hold.charged = Money::fromCents(4);
    hold.provider = "sim";
    hold.model = "sim-small";
    hold.atUs = 1'790'000'000'000'000;
    hold.endedUs = hold.atUs + 1'500'000;
    return hold;
}

ledger::Pool pool(const char* scope, const char* window)
{
    ledger::Pool made;
    made.id = PoolId{3};
    made.name = "mine";
    made.scope = *ledger::Scope::parse(scope);
    made.window = *ledger::Window::parse(window);
    made.cap = Money::fromCents(500);
    return made;
}

} // namespace

class TestStories : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void everyEndOfAHoldIsTold_data()
    {
        QTest::addColumn<int>("state");
        QTest::addColumn<QString>("words");
        using State = ledger::HoldState;
        const auto row = [](const char* name, State state, const char* words) {
            QTest::newRow(name) << int(state) << QString::fromLatin1(words);
        };
        row("held", State::Held, "It is held now");
        row("sent", State::Dispatched, "It is under way now");
        row("exact", State::Settled, "$0.04 was charged and $0.06 returned");
        row("estimate", State::Estimated, "$0.04 was charged as an estimate");
        row("unknown", State::Unknown, "Its outcome is unknown");
        row("released", State::Released, "Nothing was sent");
    }
    void everyEndOfAHoldIsTold()
    {
        QFETCH(int, state);
        QFETCH(QString, words);
        const auto told = joined(tellHold(holdStory(static_cast<ledger::HoldState>(state)), {}));
        QVERIFY2(told.contains(words), qPrintable(told));
    }
    void anOverrunIsTold()
    {
        auto hold = holdStory(ledger::HoldState::Settled);
        hold.charged = Money::fromCents(13);
        const auto told = joined(tellHold(hold, {}));
        QVERIFY2(told.contains(QStringLiteral("$0.03 more than was held")), qPrintable(told));
    }
    void theBoundIsExplainedFromTheDecision()
    {
        Config config;
        catalog::Model model;
        model.provider = "sim";
        model.name = "sim-small";
        catalog::PriceSheet sheet;
        sheet.input = *Price::parsePerMillion("0.15");
        sheet.output = *Price::parsePerMillion("0.60");
        model.prices.push_back(sheet);
        config.models.push_back(model);
        activity::Decision decision;
        decision.key = "laptop";
        decision.candidatesJson = "[{\"model\":\"sim/sim-small\",\"tier\":1,\"lost\":\"chosen\","
                                  "\"why\":\"\",\"input_tokens\":612,\"output_ceiling\":100,"
                                  "\"bound_usd\":\"0.10\",\"expected_usd\":\"0.01\"}]";
        decision.costLinesJson = "[{\"what\":\"input\",\"quantity\":600,\"price_pico\":150000,"
                                 "\"amount_nano\":90000}]";
        const auto told
            = joined(tellHold(holdStory(ledger::HoldState::Settled), {&config, &decision, 0}));
        QVERIFY2(told.contains(QStringLiteral("at most 612 tokens in at $0.15 a million and at "
                                              "most 100 out at $0.60 a million")),
            qPrintable(told));
        QVERIFY2(told.contains(QStringLiteral("600 input at $0.15 a million = $0.00009")),
            qPrintable(told));
        QVERIFY2(told.contains(QStringLiteral("by key \"laptop\"")), qPrintable(told));
        // Broken words of the log are no reason to fail.
        decision.candidatesJson = "[{";
        decision.costLinesJson = "{}";
        QVERIFY(!joined(tellHold(holdStory(ledger::HoldState::Settled), {&config, &decision, 0}))
                     .isEmpty());
    }
    void anAccountAddsUpOrSaysSo()
    {
        ledger::AccountStory account;
        account.pool = pool("each-team", "sliding:24h");
        account.key = {PoolId{3}, "search", 0};
        account.stored.settled = Money::fromCents(120);
        account.journal.settled = Money::fromCents(120);
        account.sums.push_back(
            {ledger::EntryKind::Settle, false, 9, {}, Money::fromCents(150), {}});
        account.sums.push_back(
            {ledger::EntryKind::Expire, false, 2, {}, Money::fromCents(-30), {}});
        account.windows = 1;
        auto told = joined(tellAccount(account, {}));
        QVERIFY2(told.contains(QStringLiteral("$1.20 of $5.00 is settled")), qPrintable(told));
        QVERIFY2(
            told.contains(QStringLiteral("charged exactly: $1.50 (9 lines)")), qPrintable(told));
        QVERIFY2(
            told.contains(QStringLiteral("Left the window: -$0.30 (2 lines)")), qPrintable(told));
        QVERIFY2(told.contains(QStringLiteral("The journal says the same")), qPrintable(told));
        account.journal.settled = Money::fromCents(119);
        told = joined(tellAccount(account, {}));
        QVERIFY2(told.contains(QStringLiteral("does NOT agree")), qPrintable(told));
    }
    void differencesNameEachField()
    {
        const auto before = pool("org", "day");
        auto after = before;
        after.cap = Money::fromCents(900);
        after.window = *ledger::Window::parse("sliding:24h");
        after.frozen = true;
        const auto fields = poolDifference(&before, after);
        QCOMPARE(fields.size(), std::size_t(3));
        QCOMPARE(fields[0].name, std::string("window"));
        QCOMPARE(fields[1].before, std::string("5.00"));
        QCOMPARE(fields[1].after, std::string("9.00"));
        QVERIFY(poolDifference(nullptr, after).size() >= 6);
        QVERIFY(poolDifference(&after, after).empty());
    }
    void aBurnDownForecasts()
    {
        const auto day = pool("org", "day");
        const TimeUs now = 1'790'000'000'000'000;
        const auto span = curveSpan(day, now);
        QVERIFY(span.startUs <= now && now < span.endUs);
        ledger::AccountCurve curve;
        curve.key = {day.id, {}, span.startUs};
        curve.fromUs = span.startUs;
        const auto passed = now - span.startUs;
        Money settled;
        for (int i = 1; i <= 10; ++i) {
            settled = Money::fromCents(40 * i);
            curve.points.push_back(
                {span.startUs + passed * i / 10, settled, {}, {}, Money::fromCents(40)});
        }
        curve.now.settled = settled;
        const auto burn = burnDownOf(day, curve, now);
        QVERIFY(burn.hasPace);
        QVERIFY(burn.forecast.isKnown);
        QVERIFY(burn.forecast.expected >= settled);
        QVERIFY(burn.forecast.low <= burn.forecast.expected);
        QVERIFY(burn.forecast.high >= burn.forecast.expected);
        // The window before says nothing about this one.
        curve.key.windowStartUs = span.startUs - usPerDay;
        QVERIFY(burnDownOf(day, curve, now).curve.now.settled.isZero());
    }
    void lastingIsToldFromTheRate()
    {
        auto day = pool("org", "lifetime");
        ledger::AccountView account;
        account.key = {day.id, {}, 0};
        account.balance.settled = Money::fromCents(100);
        const TimeUs now = 1'790'000'000'000'000;
        ledger::RecentSpends recent;
        recent.sinceUs = now - 10 * usPerMinute;
        QVERIFY(!lastsUntil(day, account, recent, now)); // nothing was spent lately
        recent.accounts.push_back({account.key, Money::fromCents(10), recent.sinceUs});
        const auto gone = lastsUntil(day, account, recent, now);
        QVERIFY(gone.has_value());
        QCOMPARE(*gone, now + 400 * usPerMinute); // $4.00 left at a cent a minute
        account.balance.settled = Money::fromCents(500);
        QVERIFY(!lastsUntil(day, account, recent, now));
    }
};

QTEST_GUILESS_MAIN(TestStories)
#include "tst_stories.moc"
