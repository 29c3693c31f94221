// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/routing/plan.h"

#include <QTest>

#include <random>
#include <string>

using namespace headgate;
using namespace headgate::routing;

namespace {

/// A random world from a seed.
struct World {
    explicit World(unsigned seed) : random(seed)
    {
        makeFacts();
        makeCatalog();
        makePolicy();
        makeBudget();
        static const char* const asked[]{
            "auto", "auto", "auto", "auto:cheap", "auto:best", "m0", "p1/m1", "nope"};
        input.askedModel = asked[below(8)];
        if (chance(50)) {
            input.clientMaxTokens = 1 + below(3'000);
        }
        input.choices = chance(20) ? 1 + below(8) : 1;
        input.logprobs = chance(10);
        input.nowUs = 1'790'000'000'000'000;
    }
    int below(int bound) { return static_cast<int>(random() % static_cast<unsigned>(bound)); }
    bool chance(int percent) { return below(100) < percent; }

    void makeFacts()
    {
        facts.task = static_cast<TaskType>(below(14));
        facts.difficulty = below(1001);
        facts.inputTokens = 1 + below(chance(20) ? 90'000 : 2'000);
        facts.lastUserTokens = facts.inputTokens;
        facts.tools = chance(30) ? 1 : 0;
        facts.jsonSchema = chance(20);
        facts.images = chance(15) ? 1 : 0;
        facts.files = chance(3) ? 1 : 0;
    }
    void makeCatalog()
    {
        for (int i = 0; i < 3; ++i) {
            catalog::Provider provider;
            provider.name = "p" + std::to_string(i);
            provider.simulated = i == 0;
            provider.enabled = chance(90);
            provider.hasKey = chance(80);
            provider.baseUrl = "https://example.org";
            catalog.providers.push_back(provider);
        }
        static const char* const names[]{"gpt-4o", "claude-x", "other"};
        for (int i = below(10); i >= 0; --i) {
            catalog::Model model;
            model.provider = "p" + std::to_string(below(3));
            model.name = (chance(50) ? "m" : names[below(3)]) + std::to_string(i);
            model.tier = 1 + below(4);
            model.contextTokens = chance(20) ? 0 : 1'000 + below(100'000);
            model.maxOutputTokens = chance(30) ? 0 : 1 + below(5'000);
            model.can.tools = chance(80);
            model.can.images = chance(50);
            model.can.jsonSchema = chance(80);
            model.can.logprobs = chance(50);
            model.can.reasoning = chance(20);
            model.enabled = chance(95);
            model.embedding = chance(5);
            if (chance(90)) {
                catalog::PriceSheet sheet;
                sheet.input = Price::fromPico(below(5'000'000));
                sheet.output = Price::fromPico(below(20'000'000));
                sheet.perCall = Money::fromNano(chance(10) ? below(100'000) : 0);
                model.prices.push_back(sheet);
            }
            catalog.models.push_back(model);
        }
    }
    void makePolicy()
    {
        policy.mayDowngrade = chance(70);
        policy.mayDowngradeExplicit = chance(30);
        policy.outputCeiling = 1 + below(4'096);
        policy.leastUsefulOutput = 1 + below(64);
        if (chance(40)) {
            Rule rule;
            rule.name = "r";
            rule.when.difficultyAtLeast = below(1000);
            if (chance(50)) {
                rule.tierMax = 1 + below(4);
            }
            if (chance(30)) {
                rule.outputCeiling = 1 + below(500);
            }
            policy.rules.push_back(rule);
        }
    }
    void makeBudget()
    {
        for (int i = below(4); i > 0; --i) {
            ledger::BudgetLine line;
            line.pool = PoolId{i};
            line.poolName = "pool" + std::to_string(i);
            line.hard = chance(80);
            line.frozen = chance(3);
            line.cap = Money::fromNano(below(50'000'000));
            line.settled = Money::fromNano(below(static_cast<int>(line.cap.nano()) + 1));
            line.held = Money::fromNano(
                below(static_cast<int>(line.cap.nano() - line.settled.nano()) + 1));
            view.lines.push_back(line);
        }
    }
    Plan decide(const Facts& with)
    {
        input.facts = &with;
        input.catalog = &catalog;
        input.policy = &policy;
        input.inputTokens = [tokens = with.inputTokens](const catalog::Model&) {
            return InputTokens{tokens, tokens};
        };
        input.budget = [this](const ledger::Target&) { return view; };
        return plan(input);
    }
    [[nodiscard]] bool hard() const { return view.hasHardPool(); }

    std::mt19937 random;
    Facts facts;
    catalog::Catalog catalog;
    Policy policy;
    ledger::BudgetView view;
    PlanInput input;
};

std::string dump(const Plan& plan)
{
    return std::string(outcomeName(plan.outcome)) + "|" + plan.model + "|" + plan.bound.toDecimal()
        + "|" + std::to_string(plan.outputCeiling) + "|" + plan.reason + "|" + plan.cheaperModel
        + "|" + plan.baseline.toDecimal() + "|" + plan.rule + "|"
        + candidatesToJson(plan.candidates);
}

/// What is wrong with the plan; empty when nothing is.
std::string fault(World& world, const Plan& plan)
{
    const bool isAuto = world.input.askedModel.starts_with("auto");
    // Models that make embeddings are no candidates for an answer unless they are named.
    const catalog::Model* asked = isAuto ? nullptr : world.catalog.model(world.input.askedModel);
    const auto answers = std::count_if(world.catalog.models.begin(), world.catalog.models.end(),
        [asked](const catalog::Model& model) { return !model.embedding || &model == asked; });
    if (std::ssize(plan.candidates) != answers) {
        return "a candidate is missing";
    }
    int chosen = 0;
    for (const Candidate& candidate : plan.candidates) {
        if (candidate.why.empty() && plan.outcome != Outcome::RefuseUnknownModel) {
            return "no reason for " + candidate.model;
        }
        chosen += candidate.lost == Lost::None ? 1 : 0;
    }
    const bool routed = plan.outcome == Outcome::Route || plan.outcome == Outcome::Downgrade;
    if (!routed) {
        if (plan.outcome == Outcome::RefuseBudget && !plan.denial) {
            return "refused for money without a denial";
        }
        return plan.reason.empty() ? "no reason"
            : !plan.model.empty()  ? "refused with a model"
                                   : "";
    }
    const catalog::Model* model = world.catalog.model(plan.model);
    if (model == nullptr || chosen != 1 || plan.candidates.front().model != plan.model) {
        return "the chosen model is not the first candidate";
    }
    const Facts& facts = world.facts;
    const bool capable = model->enabled && !model->embedding
        && (!isAuto
            || ((facts.tools == 0 || model->can.tools) && (facts.images == 0 || model->can.images)
                && (!facts.jsonSchema || model->can.jsonSchema)));
    if (!capable) {
        return "not capable";
    }
    if (model->contextTokens > 0 && plan.inputTokens + plan.outputCeiling > model->contextTokens) {
        return "beyond the context";
    }
    if (plan.outputCeiling < 1
        || (model->maxOutputTokens > 0 && plan.outputCeiling > model->maxOutputTokens)
        || (world.input.clientMaxTokens && plan.outputCeiling > *world.input.clientMaxTokens)) {
        return "ceiling out of range";
    }
    for (const ledger::BudgetLine& line : world.view.lines) {
        if (line.hard && (line.frozen || plan.bound > line.available())) {
            return "does not fit " + line.poolName;
        }
    }
    if (const catalog::PriceSheet* sheet = model->priceAt(world.input.nowUs)) {
        const Result<Money> bound = catalog::boundOfRequest(
            plan.inputTokens, world.input.choices * plan.outputCeiling, *sheet);
        if (!bound || *bound != plan.bound) {
            return "the bound is not the catalog's";
        }
    } else if (isAuto || world.hard()) {
        return "unpriced";
    }
    if (isAuto && plan.outcome == Outcome::Downgrade && plan.tier >= plan.wantedTier) {
        return "a downgrade that is none";
    }
    if (isAuto && plan.outcome == Outcome::Route && plan.tier < plan.wantedTier) {
        return "below the wanted tier";
    }
    if (plan.outcome == Outcome::Downgrade && !world.policy.mayDowngrade) {
        return "downgraded against the policy";
    }
    if (!isAuto && plan.outcome == Outcome::Downgrade && !world.policy.mayDowngradeExplicit) {
        return "downgraded an explicit model against the policy";
    }
    const Candidate& winner = plan.candidates.front();
    for (const Candidate& other : plan.candidates) {
        const bool rival = isAuto && plan.outcome == Outcome::Route && other.lost == Lost::Dearer
            && other.tier >= plan.wantedTier;
        if (rival && other.expected < winner.expected) {
            return "a cheaper one was left: " + other.model;
        }
    }
    return {};
}

} // namespace

class TestPlanProperties : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void holdInRandomWorlds();
};

void TestPlanProperties::holdInRandomWorlds()
{
    std::map<std::string, int> outcomes;
    for (unsigned seed = 1; seed <= 20'000; ++seed) {
        World world(seed);
        const Plan decided = world.decide(world.facts);
        ++outcomes[outcomeName(decided.outcome)];
        const std::string wrong = fault(world, decided);
        QVERIFY2(
            wrong.empty(), (std::to_string(seed) + ": " + wrong + "\n" + dump(decided)).c_str());
        // The same again, and again from the stored facts.
        QCOMPARE(dump(world.decide(world.facts)), dump(decided));
        const Result<Facts> stored = factsFromJson(factsToJson(world.facts));
        QVERIFY(stored);
        QCOMPARE(dump(world.decide(*stored)), dump(decided));
    }
    for (const char* name : {"route", "downgrade", "refuse_budget", "refuse_unpriced",
             "refuse_unknown_model", "refuse_no_capable"}) {
        QVERIFY2(outcomes[name] > 50, name);
    }
}

QTEST_GUILESS_MAIN(TestPlanProperties)
#include "tst_plan_properties.moc"
