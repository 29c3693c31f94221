// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/routing/policy.h"

#include <QTest>

#include <string>

using namespace headgate;
using namespace headgate::routing;

class TestPolicy : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void refuses_data();
    void refuses();
    void emptyIsTheDefault();
    void roundTrips();
    void matches_data();
    void matches();
    void clock_data();
    void clock();
    void firstRuleWins();
};

void TestPolicy::refuses_data()
{
    QTest::addColumn<QByteArray>("json");
    QTest::addColumn<QByteArray>("says");
    const auto row = [](const char* json, const char* says) {
        QTest::newRow(json) << QByteArray(json) << QByteArray(says);
    };
    row("", "not valid JSON");
    row("[]", "must be a JSON object");
    row("{\"a\":1}", "a is not a field");
    row(R"({"output_celing":5})", "output_celing is not a field");
    row(R"({"output_ceiling":0})", "output_ceiling must be");
    row(R"({"output_ceiling":"5"})", "output_ceiling must be");
    row(R"({"output_ceiling":1.5})", "output_ceiling must be");
    row(R"({"may_downgrade":"yes"})", "may_downgrade must be");
    row(R"({"tier_thresholds":[600,300]})", "tier_thresholds must be");
    row(R"({"tier_thresholds":[1,2,3,4]})", "tier_thresholds must be");
    row(R"({"tier_thresholds":[1001]})", "tier_thresholds must be");
    row(R"({"task_tiers":{"cooking":1}})", "task_tiers.cooking must be");
    row(R"({"task_tiers":{"chat":5}})", "task_tiers.chat must be");
    row(R"({"rules":{}})", "rules must be an array");
    row(R"({"rules":[5]})", "rules[0] must be an object");
    row(R"({"rules":[{}]})", "rules[0].name must be");
    row(R"({"rules":[{"name":"a","teir":2}]})", "rules[0] (a).teir is not a field");
    row(R"({"rules":[{"name":"a","tier":5}]})", "rules[0] (a).tier must be");
    row(R"({"rules":[{"name":"a","tier":3,"tier_max":2}]})", "tier must be at most tier_max");
    row(R"({"rules":[{"name":"a","when":[]}]})", "rules[0] (a).when must be");
    row(R"({"rules":[{"name":"a","when":{"taks":[]}}]})", "rules[0] (a).when.taks is not a field");
    row(R"({"rules":[{"name":"a","when":{"tasks":["cooking"]}}]})", "when.tasks must be");
    row(R"({"rules":[{"name":"a","when":{"priority":"urgent"}}]})", "when.priority must be");
    row(R"({"rules":[{"name":"a","when":{"client_regex":"("}}]})", "when.client_regex must be");
    row(R"({"rules":[{"name":"a","when":{"zone":"Mars/Base"}}]})", "when.zone must be");
    row(R"({"rules":[{"name":"a","when":{"hour_from":24}}]})", "when.hour_from must be");
    row(R"({"rules":[{"name":"a","when":{"tools":null}}]})", "when.tools must be");
    row(R"({"rules":[{"name":"a","when":{"teams":"x"}}]})", "when.teams must be");
    row(R"({"rules":[{"name":"a"},{"name":"a"}]})", "is there twice");
}

void TestPolicy::refuses()
{
    QFETCH(QByteArray, json);
    QFETCH(QByteArray, says);
    const Result<Policy> policy = policyFromJson(json.toStdString());
    QVERIFY(!policy);
    QVERIFY2(QByteArray::fromStdString(policy.error().message).contains(says),
        policy.error().message.c_str());
}

void TestPolicy::emptyIsTheDefault()
{
    const Result<Policy> policy = policyFromJson("{}");
    QVERIFY(policy);
    QCOMPARE(policyToJson(*policy), policyToJson(Policy()));
}

void TestPolicy::roundTrips()
{
    const std::string text = R"({
        "rules": [
            {"name": "night \"x\"", "when": {"tasks": ["code_fix", "maths"], "difficulty_at_least": 0,
              "difficulty_below": 500, "input_tokens_at_least": 1, "input_tokens_below": 9, "tools": false,
              "structured_output": true, "images": false, "code": true, "teams": ["a"], "users": ["u"],
              "keys": ["k"], "tags": ["p:q"], "priority": "high", "task_tag_regex": "^x", "client_regex": "y$",
              "budget_used_percent_at_least": 80, "hour_from": 22, "hour_to": 6, "zone": "Europe/Berlin"},
             "tier": 2, "tier_max": 3, "models": ["sim/sim-small"], "output_ceiling": 100, "may_downgrade": false},
            {"name": "rest"}],
        "tier_thresholds": [100, 200], "task_tiers": {"chat": 2}, "may_downgrade": false,
        "may_downgrade_explicit": true, "output_ceiling": 9, "least_useful_output": 3, "baseline_model": "b"})";
    const Result<Policy> policy = policyFromJson(text);
    QVERIFY2(policy, policy ? "" : policy.error().message.c_str());
    const std::string written = policyToJson(*policy);
    const Result<Policy> again = policyFromJson(written);
    QVERIFY2(again, written.c_str());
    QCOMPARE(policyToJson(*again), written);
    const Rule& rule = again->rules.at(0);
    QCOMPARE(rule.name, std::string("night \"x\""));
    QVERIFY(rule.when.tools == false && rule.when.code == true && rule.when.difficultyAtLeast == 0);
    QVERIFY(rule.when.priority == ledger::Priority::High && rule.when.zone == "Europe/Berlin");
    QVERIFY(rule.tierMax == 3 && rule.mayDowngrade == false && rule.outputCeiling == 100);
    QCOMPARE(again->tierThresholds, (std::vector<int>{100, 200}));
    QCOMPARE(again->leastUsefulOutput, std::int64_t(3));
}

void TestPolicy::matches_data()
{
    QTest::addColumn<QByteArray>("when");
    QTest::addColumn<bool>("matched");
    const auto row = [](const char* when, bool matched) {
        QTest::newRow(when) << QByteArray(when) << matched;
    };
    row("{}", true);
    row(R"({"tasks":["maths","chat"]})", true);
    row(R"({"tasks":["maths"]})", false);
    row(R"({"difficulty_at_least":400})", true);
    row(R"({"difficulty_at_least":401})", false);
    row(R"({"difficulty_below":400})", false);
    row(R"({"input_tokens_at_least":100,"input_tokens_below":101})", true);
    row(R"({"tools":true})", true);
    row(R"({"tools":false})", false);
    row(R"({"images":true})", false);
    row(R"({"code":true})", false);
    row(R"({"structured_output":true})", true);
    row(R"({"teams":["search","ads"]})", true);
    row(R"({"teams":["ads"]})", false);
    row(R"({"users":["bob"]})", false);
    row(R"({"tags":["x:y","env:prod"]})", true);
    row(R"({"tags":["env:test"]})", false);
    row(R"({"priority":"normal"})", true);
    row(R"({"priority":"low"})", false);
    row(R"({"task_tag_regex":"^nightly"})", true);
    row(R"({"task_tag_regex":"^weekly"})", false);
    row(R"({"client_regex":"(?i)openai"})", true);
    row(R"({"budget_used_percent_at_least":80})", true);
    row(R"({"budget_used_percent_at_least":81})", false);
    row(R"({"teams":["search"],"tasks":["maths"]})", false);
}

void TestPolicy::matches()
{
    QFETCH(QByteArray, when);
    QFETCH(bool, matched);
    const Result<Policy> policy
        = policyFromJson(R"({"rules":[{"name":"a","when":)" + when.toStdString() + "}]}");
    QVERIFY2(policy, policy ? "" : policy.error().message.c_str());
    Facts facts;
    facts.difficulty = 400;
    facts.inputTokens = 100;
    facts.tools = 2;
    facts.jsonSchema = true;
    facts.taskTag = "nightly-batch";
    facts.client = "OpenAI/JS";
    ledger::Identity identity;
    identity.team = "search";
    identity.tags = {"env:prod"};
    const MatchContext context{&facts, &identity, 0, 80};
    QCOMPARE(matchingRule(*policy, context) != nullptr, matched);
}

void TestPolicy::clock_data()
{
    QTest::addColumn<int>("from");
    QTest::addColumn<int>("to");
    QTest::addColumn<QByteArray>("zone");
    QTest::addColumn<int>("utcHour");
    QTest::addColumn<bool>("matched");
    // 22 November 2026: Berlin is one hour ahead of UTC.
    QTest::newRow("inside") << 9 << 17 << QByteArray("UTC") << 9 << true;
    QTest::newRow("end is out") << 9 << 17 << QByteArray("UTC") << 17 << false;
    QTest::newRow("before midnight") << 22 << 6 << QByteArray("UTC") << 23 << true;
    QTest::newRow("after midnight") << 22 << 6 << QByteArray("UTC") << 5 << true;
    QTest::newRow("noon") << 22 << 6 << QByteArray("UTC") << 12 << false;
    QTest::newRow("zone in") << 9 << 17 << QByteArray("Europe/Berlin") << 8 << true;
    QTest::newRow("zone out") << 9 << 17 << QByteArray("Europe/Berlin") << 16 << false;
    QTest::newRow("equal is always") << 5 << 5 << QByteArray("UTC") << 12 << true;
    QTest::newRow("to midnight") << 20 << 24 << QByteArray("UTC") << 23 << true;
}

void TestPolicy::clock()
{
    QFETCH(int, from);
    QFETCH(int, to);
    QFETCH(QByteArray, zone);
    QFETCH(int, utcHour);
    QFETCH(bool, matched);
    constexpr TimeUs midnight = 1'795'305'600LL * usPerSecond; // 2026-11-22 00:00 UTC
    Condition when;
    when.hourFrom = from;
    when.hourTo = to;
    when.zone = zone.toStdString();
    const Facts facts;
    const ledger::Identity identity;
    const MatchContext context{&facts, &identity, midnight + utcHour * usPerHour, 0};
    QCOMPARE(routing::matches(when, context), matched);
}

void TestPolicy::firstRuleWins()
{
    const Result<Policy> policy = policyFromJson(
        R"({"rules":[{"name":"no","when":{"images":true}},{"name":"one"},{"name":"two"}]})");
    QVERIFY(policy);
    const Facts facts;
    const ledger::Identity identity;
    const MatchContext context{&facts, &identity, 0, 0};
    QCOMPARE(matchingRule(*policy, context)->name, std::string("one"));
}

QTEST_GUILESS_MAIN(TestPolicy)
#include "tst_policy.moc"
