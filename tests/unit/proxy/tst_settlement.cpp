// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/settlement.h"

#include <QTest>

using namespace headgate;
using namespace headgate::proxy;

namespace {

CallTerms someTerms()
{
    CallTerms terms;
    terms.sheet.input = Price::fromPico(1'000'000); // 1,000 nano-dollars a token
    terms.sheet.output = Price::fromPico(10'000'000);
    terms.tokenizer = "o200k_base";
    terms.inputTokens = 100;
    terms.outputCeiling = 200;
    return terms;
}

wire::AnswerFacts delivered(const std::string& text)
{
    wire::AnswerFacts facts;
    facts.text = text;
    facts.textBytes = static_cast<std::int64_t>(text.size());
    return facts;
}

} // namespace

class TestSettlement : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void usageOfNothing();
    void usageIsExact();
    void deliveredText();
    void estimateAloneIsNoOverrun();
    void reasoningIsNeverGuessed();
    void missingUsageIsTold();
    void inputOnly();
    void runningMeter();
};

void TestSettlement::usageOfNothing()
{
    auto facts = delivered("hello");
    QVERIFY(!chargeForUsage(someTerms(), facts));
    facts.usage = catalog::Usage();
    QVERIFY(!chargeForUsage(someTerms(), facts));
    facts.usage->inputUncached = 100; // but no output for a text
    QVERIFY(!chargeForUsage(someTerms(), facts));
}

void TestSettlement::usageIsExact()
{
    auto facts = delivered("hello");
    facts.usage = catalog::Usage();
    facts.usage->inputUncached = 100;
    facts.usage->output = 7;
    const auto charge = chargeForUsage(someTerms(), facts);
    QVERIFY(charge);
    QCOMPARE(charge->kind, ledger::SettleKind::Exact);
    QCOMPARE(charge->amount.nano(), 100 * 1'000 + 7 * 10'000);
    QVERIFY(charge->costLinesJson.find("\"what\":\"output\"") != std::string::npos);
}

void TestSettlement::deliveredText()
{
    const auto nothing = chargeForDelivered(someTerms(), delivered(""));
    QCOMPARE(nothing->amount.nano(), 100 * 1'000 + estimateSlackTokens * 10'000);
    std::string words;
    for (int i = 0; i < 190; ++i) {
        words += " word";
    }
    const auto atCeiling = chargeForDelivered(someTerms(), delivered(words));
    QCOMPARE(atCeiling->outputTokens, 200); // the ceiling bounds the slack
    words += words;
    const auto beyond = chargeForDelivered(someTerms(), delivered(words));
    QCOMPARE(beyond->outputTokens, 380); // what was delivered is charged, whatever was agreed
    QCOMPARE(beyond->kind, ledger::SettleKind::Estimated);
}

void TestSettlement::estimateAloneIsNoOverrun()
{
    auto terms = someTerms();
    terms.tokenizer = "claude";
    std::string words;
    for (int i = 0; i < 190; ++i) {
        words += " word";
    }
    const auto kept = chargeForDelivered(terms, delivered(words));
    QCOMPARE(kept->outputTokens, 200);
    const auto ignored = chargeForDelivered(terms, delivered(words + words));
    QVERIFY(ignored->outputTokens >= 380);
}

void TestSettlement::reasoningIsNeverGuessed()
{
    auto terms = someTerms();
    terms.billsUnseen = true;
    QVERIFY(!chargeForDelivered(terms, delivered("hello")));
    QCOMPARE(chargeInFull().kind, ledger::SettleKind::Unknown);
}

void TestSettlement::missingUsageIsTold()
{
    auto terms = someTerms();
    terms.inputCounted = 80;
    auto facts = delivered("hello");
    facts.usage = catalog::Usage();
    facts.usage->inputUncached = 100;
    facts.usage->output = 7;
    QVERIFY(!usageToTell(terms, facts)); // the provider's own word stands
    facts.usage->output = 0; // nothing for something
    QCOMPARE(usageToTell(terms, facts)->inputTotal(), 80);
    QCOMPARE(usageToTell(terms, facts)->output, 1);
    terms.inputCounted = 1'000; // never above what was held
    QCOMPARE(usageToTell(terms, facts)->inputTotal(), 100);
    // Thinking and a call's name and arguments are output, too.
    wire::Answer answer;
    answer.choices.resize(1);
    wire::Part thinking;
    thinking.kind = wire::Part::Kind::Thinking;
    thinking.text = "one two three";
    wire::Part call;
    call.kind = wire::Part::Kind::ToolCall;
    call.name = "look";
    call.arguments = "{\"a\":12}";
    answer.choices[0].parts = {thinking, call};
    const auto told = usageToTell(terms, wire::factsOf(answer));
    QVERIFY(told->output >= 7);
    QVERIFY(told->output <= chargeForDelivered(terms, wire::factsOf(answer))->outputTokens);
    terms.outputCeiling = 3;
    QCOMPARE(usageToTell(terms, wire::factsOf(answer))->output, 3);
    QCOMPARE(chargeInFull(terms, facts).kind, ledger::SettleKind::Unknown);
    QCOMPARE(chargeInFull(terms, facts).outputTokens, 1);
}

void TestSettlement::inputOnly()
{
    QCOMPARE(chargeForInput(someTerms()).amount.nano(), 100 * 1'000);
    QCOMPARE(chargeForInput(someTerms()).kind, ledger::SettleKind::Estimated);
    QCOMPARE(chargeNothing().amount.nano(), 0);
}

void TestSettlement::runningMeter()
{
    RunningMeter meter(someTerms());
    wire::AnswerFacts facts;
    bool exceeded = false;
    int words = 0;
    while (!exceeded && words < 5'000) {
        facts.text += " word";
        facts.textBytes += 5;
        ++words;
        exceeded = meter.exceeded(facts);
    }
    QVERIFY2(words > 264, "an answer within its ceiling is never cut");
    QVERIFY2(words < 600, "a provider that goes on and on is noticed");
    QVERIFY(!meter.runaway());
    auto unlimited = someTerms();
    unlimited.outputCeiling = 0;
    RunningMeter none(unlimited);
    QVERIFY(!none.exceeded(facts));
}

QTEST_GUILESS_MAIN(TestSettlement)
#include "tst_settlement.moc"
