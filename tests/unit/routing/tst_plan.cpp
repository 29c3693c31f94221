// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_book.h"
#include "core/routing/plan.h"

#include <QTest>

#include <string>

using namespace headgate;
using namespace headgate::routing;

namespace {

constexpr TimeUs now = 1'790'000'000'000'000;

ledger::BudgetLine hardLine(Money cap, Money settled = {}, Money held = {})
{
    ledger::BudgetLine line;
    line.poolName = "org-day";
    line.cap = cap;
    line.settled = settled;
    line.held = held;
    line.zone = "UTC";
    return line;
}

/// A request against the simulated models, to be changed by each test.
struct Scene {
    Facts facts;
    catalog::Catalog catalog;
    Policy policy;
    ledger::BudgetView view;
    PlanInput input;

    Scene()
    {
        catalog.providers.push_back(catalog::simProvider());
        catalog.models = catalog::simModels();
        facts.inputTokens = 100;
        facts.lastUserTokens = 90;
        facts.task = TaskType::Chat;
        facts.difficulty = 100;
        input.askedModel = "auto";
        input.nowUs = now;
    }
    Plan operator()()
    {
        input.facts = &facts;
        input.catalog = &catalog;
        input.policy = &policy;
        input.inputTokens = [this](const catalog::Model&) {
            return InputTokens{facts.inputTokens, facts.inputTokens};
        };
        input.budget = [this](const ledger::Target&) { return view; };
        return plan(input);
    }
    catalog::Model& add(
        const std::string& provider, const std::string& name, int tier, bool priced = true)
    {
        if (catalog.provider(provider) == nullptr) {
            catalog::Provider added;
            added.name = provider;
            added.baseUrl = "https://example.org/v1";
            added.hasKey = true;
            catalog.providers.push_back(added);
        }
        catalog::Model model;
        model.provider = provider;
        model.name = name;
        model.tier = tier;
        model.contextTokens = 100'000;
        model.tokenizer = "o200k_base";
        if (priced) {
            catalog::PriceSheet sheet;
            sheet.input = Price::fromPico(1'000'000);
            sheet.output = Price::fromPico(4'000'000);
            model.prices.push_back(sheet);
        }
        catalog.models.push_back(model);
        return catalog.models.back();
    }
};

const Candidate* candidate(const Plan& plan, std::string_view id)
{
    for (const Candidate& each : plan.candidates) {
        if (each.model == id) {
            return &each;
        }
    }
    return nullptr;
}

} // namespace

class TestPlan : public QObject {
    Q_OBJECT
private Q_SLOTS:
    void unknownModel();
    void emptyCatalog();
    void unpriced();
    void noKey();
    void noCapable();
    void noMoney();
    void inFlight();
    void frozen();
    void requestCeiling();
    void hugeRequestDoesNotOverflow();
    void tiers_data();
    void tiers();
    void autoNames();
    void rules();
    void explicitIsHonoured();
    void explicitMayBeDowngraded();
    void downgrades();
    void shortensWhenNothingElseIsLeft();
    void poolIsUsableToItsEnd();
    void ceilings();
    void choicesMultiplyTheBound();
    void simulatedStepsBack();
    void mediaUnderAHardPool();
    void excludedModels();
    void baseline();
    void candidatesRoundTrip();
    void badCandidates_data();
    void badCandidates();
};

void TestPlan::unknownModel()
{
    Scene scene;
    for (const char* asked : {"sim-smal", "", "auto:fast", "nothing-like-it-at-all"}) {
        scene.input.askedModel = asked;
        const Plan result = scene();
        QVERIFY(result.outcome == Outcome::RefuseUnknownModel);
        QVERIFY(result.model.empty() && result.bound.isZero());
        QVERIFY(result.reason.find("models add") != std::string::npos);
    }
    scene.input.askedModel = "sim-smal";
    QVERIFY(scene().reason.find("sim/sim-small") != std::string::npos);
}

void TestPlan::emptyCatalog()
{
    Scene scene;
    scene.catalog = {};
    const Plan result = scene();
    QVERIFY(result.outcome == Outcome::RefuseNoCapable);
    QVERIFY(result.reason.find("Add a provider") != std::string::npos);
}

void TestPlan::unpriced()
{
    Scene scene;
    scene.add("acme", "mystery", 1, false);
    scene.input.askedModel = "mystery";
    Plan result = scene();
    QVERIFY(result.outcome == Outcome::Route);
    QVERIFY(result.bound.isZero());
    scene.view.lines = {hardLine(Money::fromCents(100))};
    result = scene();
    QVERIFY(result.outcome == Outcome::RefuseUnpriced);
    QVERIFY(result.reason.find("headgate models add --provider acme --name mystery")
        != std::string::npos);
    scene.view.lines[0].hard = false;
    QVERIFY(scene().outcome == Outcome::Route);
    scene.input.askedModel = "auto";
    scene.view.lines.clear();
    QVERIFY(scene().outcome == Outcome::RefuseUnpriced);
}

void TestPlan::noKey()
{
    Scene scene;
    scene.add("acme", "m", 1);
    scene.catalog.providers.back().hasKey = false;
    scene.input.askedModel = "acme/m";
    const Plan result = scene();
    QVERIFY(result.outcome == Outcome::RefuseNoCapable);
    QVERIFY(candidate(result, "acme/m")->lost == Lost::NoKey);
    for (const char* url :
        {"http://127.0.0.1:8000/v1", "http://localhost/v1", "http://[::1]:9/v1"}) {
        scene.catalog.providers.back().baseUrl = url;
        QVERIFY(scene().outcome == Outcome::Route);
    }
    for (const char* url :
        {"http://127.0.0.1.evil.org/", "http://localhost.evil.org", "http://127.0.0.1@evil.org"}) {
        scene.catalog.providers.back().baseUrl = url;
        QVERIFY(scene().outcome == Outcome::RefuseNoCapable);
    }
}

void TestPlan::noCapable()
{
    Scene scene;
    for (catalog::Model& model : scene.catalog.models) {
        model.can.tools = false;
        model.contextTokens = 8'000;
    }
    scene.facts.tools = 1;
    Plan result = scene();
    QVERIFY(result.outcome == Outcome::RefuseNoCapable);
    QVERIFY(result.reason.find("tools") != std::string::npos);
    scene.facts.tools = 0;
    scene.facts.inputTokens = 8'000;
    result = scene();
    QVERIFY(result.outcome == Outcome::RefuseNoCapable);
    QVERIFY(candidate(result, "sim/sim-small")->lost == Lost::ContextTooSmall);
}

void TestPlan::noMoney()
{
    Scene scene;
    scene.view.lines = {hardLine(Money::fromCents(500), Money::fromCents(500))};
    const Plan result = scene();
    QVERIFY(result.outcome == Outcome::RefuseBudget);
    QVERIFY(result.denial.has_value());
    QVERIFY(result.denial->reason == ledger::DenialReason::CapReached);
    QCOMPARE(result.denial->poolName, std::string("org-day"));
    QVERIFY(result.denial->asked > Money());
    QVERIFY(result.model.empty());
    for (const Candidate& each : result.candidates) {
        QVERIFY(each.lost == Lost::DoesNotFit);
    }
}

void TestPlan::inFlight()
{
    Scene scene;
    scene.view.lines = {hardLine(Money::fromCents(500), {}, Money::fromCents(500))};
    QVERIFY(scene().denial->reason == ledger::DenialReason::InFlight);
    // Money held in one pool does not help when another is used up.
    scene.view.lines.push_back(hardLine(Money::fromCents(100), Money::fromCents(100)));
    QVERIFY(scene().denial->reason == ledger::DenialReason::CapReached);
}

void TestPlan::frozen()
{
    Scene scene;
    scene.view.lines = {hardLine(Money::fromCents(500))};
    scene.view.lines[0].frozen = true;
    QVERIFY(scene().outcome == Outcome::RefuseBudget);
    QVERIFY(scene().denial->reason == ledger::DenialReason::Frozen);
    scene.view.lines[0].hard = false; // one that only watches refuses, too, once it is frozen
    QVERIFY(scene().outcome == Outcome::RefuseBudget);
    QVERIFY(scene().denial->reason == ledger::DenialReason::Frozen);
    scene.view.lines[0].hard = true;
    for (catalog::Model& model : scene.catalog.models) {
        model.prices[0].input = Price();
        model.prices[0].output = Price();
    }
    QVERIFY(scene().outcome == Outcome::RefuseBudget);
}

void TestPlan::requestCeiling()
{
    Scene scene;
    scene.view.lines = {hardLine(Money::fromNano(1))};
    scene.view.lines[0].scope.kind = ledger::ScopeKind::Request;
    QVERIFY(scene().denial->reason == ledger::DenialReason::RequestCeiling);
}

void TestPlan::hugeRequestDoesNotOverflow()
{
    Scene scene;
    scene.view.lines = {hardLine(Money::fromCents(500))};
    scene.input.clientMaxTokens = std::numeric_limits<std::int64_t>::max();
    scene.input.choices = 128;
    for (catalog::Model& model : scene.catalog.models) {
        model.contextTokens = std::numeric_limits<std::int64_t>::max();
        model.maxOutputTokens = 0;
    }
    const Plan result = scene();
    QVERIFY(result.outcome == Outcome::Route);
    QVERIFY(result.bound > Money() && result.bound <= Money::fromCents(500));
}

void TestPlan::tiers_data()
{
    QTest::addColumn<int>("task");
    QTest::addColumn<int>("difficulty");
    QTest::addColumn<QByteArray>("model");
    const auto row = [](const char* name, TaskType task, int difficulty, const char* model) {
        QTest::newRow(name) << static_cast<int>(task) << difficulty << QByteArray(model);
    };
    row("easy chat", TaskType::Chat, 0, "sim/sim-small");
    row("just below", TaskType::Chat, 299, "sim/sim-small");
    row("threshold", TaskType::Chat, 300, "sim/sim-medium");
    row("task tier", TaskType::CodeFix, 100, "sim/sim-medium");
    row("hard", TaskType::CodeFix, 600, "sim/sim-large");
    row("above what there is", TaskType::Reasoning, 1000, "sim/sim-large");
}

void TestPlan::tiers()
{
    QFETCH(int, task);
    QFETCH(int, difficulty);
    QFETCH(QByteArray, model);
    Scene scene;
    scene.facts.task = static_cast<TaskType>(task);
    scene.facts.difficulty = difficulty;
    const Plan result = scene();
    QVERIFY(result.outcome == Outcome::Route);
    QCOMPARE(QByteArray::fromStdString(result.model), model);
    QCOMPARE(result.candidates.size(), std::size_t(3));
    QCOMPARE(result.candidates[0].model, result.model);
}

void TestPlan::autoNames()
{
    Scene scene;
    scene.facts.difficulty = 400;
    scene.input.askedModel = "auto:cheap";
    QCOMPARE(scene().model, std::string("sim/sim-small"));
    scene.input.askedModel = "auto:best";
    QCOMPARE(scene().model, std::string("sim/sim-large"));
    scene.policy.taskTiers["chat"] = 3;
    scene.input.askedModel = "auto";
    QCOMPARE(scene().model, std::string("sim/sim-large"));
}

void TestPlan::rules()
{
    Scene scene;
    Rule rule;
    rule.name = "cheap search";
    rule.when.teams = {"search"};
    rule.tierMax = 1;
    scene.policy.rules = {rule};
    scene.facts.difficulty = 900;
    QCOMPARE(scene().rule, std::string("default"));
    scene.input.identity.team = "search";
    Plan result = scene();
    QCOMPARE(result.rule, std::string("cheap search"));
    QCOMPARE(result.model, std::string("sim/sim-small"));
    QVERIFY(candidate(result, "sim/sim-large")->lost == Lost::TierTooHigh);
    scene.policy.rules[0].tierMax.reset();
    scene.policy.rules[0].models = {"sim-medium"};
    result = scene();
    QCOMPARE(result.model, std::string("sim/sim-medium"));
    QVERIFY(candidate(result, "sim/sim-large")->lost == Lost::NotInRule);
    scene.policy.rules[0].models.clear();
    scene.policy.rules[0].tier = 1;
    scene.policy.rules[0].outputCeiling = 50;
    result = scene();
    QCOMPARE(result.model, std::string("sim/sim-small"));
    QCOMPARE(result.outputCeiling, std::int64_t(50));
}

void TestPlan::explicitIsHonoured()
{
    Scene scene;
    Rule rule;
    rule.name = "low";
    rule.tierMax = 1;
    scene.policy.rules = {rule};
    scene.input.askedModel = "sim-large";
    const Plan result = scene();
    QVERIFY(result.outcome == Outcome::Route);
    QCOMPARE(result.model, std::string("sim/sim-large"));
    QCOMPARE(result.modelName, std::string("sim-large"));
    QCOMPARE(result.provider, std::string("sim"));
    QVERIFY(candidate(result, "sim/sim-small")->lost == Lost::NotAsked);
}

void TestPlan::explicitMayBeDowngraded()
{
    Scene scene;
    scene.input.askedModel = "sim-large";
    scene.facts.inputTokens = 10'000;
    scene.view.lines = {hardLine(Money::fromCents(1))}; // sim-large's input alone costs three cents
    Plan result = scene();
    QVERIFY(result.outcome == Outcome::RefuseBudget);
    QCOMPARE(result.cheaperModel, std::string("sim/sim-small"));
    scene.policy.mayDowngradeExplicit = true;
    result = scene();
    QVERIFY(result.outcome == Outcome::Downgrade);
    QCOMPARE(result.model, std::string("sim/sim-medium"));
    QVERIFY(result.bound <= Money::fromCents(1));
    QVERIFY(result.baseline > result.bound);
}

void TestPlan::downgrades()
{
    Scene scene;
    scene.facts.difficulty = 700;
    scene.facts.inputTokens = 10'000;
    scene.view.lines = {hardLine(Money::fromCents(1))};
    Plan result = scene();
    QVERIFY(result.outcome == Outcome::Downgrade);
    QCOMPARE(result.wantedTier, 3);
    QCOMPARE(result.model, std::string("sim/sim-medium"));
    QVERIFY(candidate(result, "sim/sim-large")->lost == Lost::DoesNotFit);
    scene.policy.mayDowngrade = false;
    result = scene();
    QVERIFY(result.outcome == Outcome::RefuseBudget);
    QCOMPARE(result.cheaperModel, std::string("sim/sim-small"));
}

void TestPlan::shortensWhenNothingElseIsLeft()
{
    Scene scene;
    // sim-small: 100 tokens in cost 10,000 nano-dollars, each token out 400: 50 tokens out are
    // left.
    scene.view.lines = {hardLine(Money::fromNano(10'000 + 50 * 400))};
    Plan result = scene();
    QVERIFY(result.outcome == Outcome::Route);
    QCOMPARE(result.outputCeiling, std::int64_t(50));
    QCOMPARE(result.bound, Money::fromNano(30'000));
    scene.view.lines = {hardLine(Money::fromNano(10'000 + 15 * 400))};
    QVERIFY(scene().outcome == Outcome::RefuseBudget);
    scene.input.clientMaxTokens = 5; // the client's own small number is the floor then
    result = scene();
    QVERIFY(result.outcome == Outcome::Route);
    QCOMPARE(result.outputCeiling, std::int64_t(5));
}

void TestPlan::poolIsUsableToItsEnd()
{
    Scene scene;
    const Money cap = Money::fromCents(1);
    Money settled;
    int served = 0;
    for (;; ++served) {
        scene.view.lines = {hardLine(cap, settled)};
        const Plan result = scene();
        if (result.outcome == Outcome::RefuseBudget) {
            break;
        }
        QVERIFY(result.bound <= cap.minusSaturated(settled));
        // It answers with at most a hundred tokens and bills what it used.
        const std::int64_t out = std::min<std::int64_t>(100, result.outputCeiling);
        settled = settled.plusSaturated(Money::fromNano(10'000 + out * 400));
        QVERIFY(served < 1'000);
    }
    QVERIFY2(settled.nano() * 100 >= cap.nano() * 97, settled.toDecimal().c_str());
}

void TestPlan::ceilings()
{
    Scene scene;
    QCOMPARE(scene().outputCeiling,
        std::min<std::int64_t>(4096, scene.catalog.models[0].maxOutputTokens));
    scene.catalog.models[0].maxOutputTokens = 1'000;
    QCOMPARE(scene().outputCeiling, std::int64_t(1'000));
    scene.catalog.models[0].maxOutputTokens = 50'000;
    scene.catalog.models[0].contextTokens = 100'000;
    scene.input.clientMaxTokens = 20'000;
    QCOMPARE(scene().outputCeiling, std::int64_t(20'000));
    scene.catalog.models[0].contextTokens = 5'100;
    QCOMPARE(scene().outputCeiling, std::int64_t(5'000));
    scene.input.clientMaxTokens = 3;
    QCOMPARE(scene().outputCeiling, std::int64_t(3));
}

void TestPlan::choicesMultiplyTheBound()
{
    Scene scene;
    scene.input.clientMaxTokens = 1'000;
    const Money one = scene().bound;
    scene.input.choices = 5;
    QCOMPARE(scene().bound.nano() - one.nano(), std::int64_t(4 * 1'000 * 400));
    // The pool pays for four choices of 200 tokens: the ceiling is shared between them.
    scene.input.choices = 4;
    scene.view.lines = {hardLine(Money::fromNano(10'000 + 4 * 200 * 400))};
    const Plan result = scene();
    QCOMPARE(result.outputCeiling, std::int64_t(200));
    QVERIFY(result.bound <= scene.view.lines[0].cap);
}

void TestPlan::simulatedStepsBack()
{
    Scene scene;
    scene.add("acme", "m", 1);
    Plan result = scene();
    QCOMPARE(result.model, std::string("acme/m"));
    QVERIFY(candidate(result, "sim/sim-small")->lost == Lost::NotAsked);
    scene.input.askedModel = "sim-small";
    QCOMPARE(scene().model, std::string("sim/sim-small"));
    scene.input.askedModel = "auto";
    scene.catalog.providers.back().hasKey = false;
    QCOMPARE(scene().model, std::string("sim/sim-small"));
    scene.catalog.providers.back().hasKey = true;
    scene.catalog.providers.back().enabled = false;
    QCOMPARE(scene().model, std::string("sim/sim-small"));
}

void TestPlan::mediaUnderAHardPool()
{
    Scene scene;
    catalog::Model& known = scene.add("acme", "gpt-4o", 1);
    known.can.images = true;
    catalog::Model& unknown = scene.add("acme", "weird", 1);
    unknown.can.images = true;
    scene.facts.images = 2;
    scene.view.lines = {hardLine(Money::fromCents(500))};
    const Plan result = scene();
    QCOMPARE(result.model, std::string("acme/gpt-4o"));
    QCOMPARE(result.inputTokens, std::int64_t(100 + 2 * 1'445));
    QVERIFY(candidate(result, "acme/weird")->lost == Lost::NoImages);
    scene.facts.images = 0;
    scene.facts.files = 1;
    QVERIFY(scene().outcome == Outcome::RefuseNoCapable);
    scene.view.lines.clear();
    QVERIFY(scene().outcome == Outcome::Route);
}

void TestPlan::excludedModels()
{
    Scene scene;
    scene.input.excludedModels = {"sim/sim-small"};
    const Plan result = scene();
    QCOMPARE(result.model, std::string("sim/sim-medium"));
    QVERIFY(candidate(result, "sim/sim-small")->lost == Lost::Excluded);
}

void TestPlan::baseline()
{
    Scene scene;
    const Money dearest = scene().baseline;
    QCOMPARE(dearest, candidate(scene(), "sim/sim-large")->expected);
    scene.policy.baselineModel = "sim-medium";
    QCOMPARE(scene().baseline, candidate(scene(), "sim/sim-medium")->expected);
    scene.input.askedModel = "sim-small";
    QCOMPARE(scene().baseline, candidate(scene(), "sim/sim-small")->expected);
}

void TestPlan::candidatesRoundTrip()
{
    Scene scene;
    scene.add("acme", "no\"price", 2, false);
    scene.view.lines = {hardLine(Money::fromCents(1))};
    const Plan result = scene();
    const std::string json = candidatesToJson(result.candidates);
    const Result<std::vector<Candidate>> back = candidatesFromJson(json);
    QVERIFY2(back, back ? "" : back.error().message.c_str());
    QCOMPARE(candidatesToJson(*back), json);
    QCOMPARE(back->size(), std::size_t(4));
    QVERIFY(back->front().lost == result.candidates.front().lost);
}

void TestPlan::badCandidates_data()
{
    QTest::addColumn<QByteArray>("json");
    for (const char* json :
        {"", "{}", "[1]", "[{}]", R"([{"model":"a","tier":"1"}])",
            R"([{"model":"a","tier":1,"lost":"cooked","why":"","input_tokens":1,"output_ceiling":1,"bound_usd":"0","expected_usd":"0"}])",
            R"([{"model":"a","tier":1,"lost":"dearer","why":"","input_tokens":1,"output_ceiling":1,"bound_usd":0.5,"expected_usd":"0"}])"}) {
        QTest::newRow(json) << QByteArray(json);
    }
}

void TestPlan::badCandidates()
{
    QFETCH(QByteArray, json);
    QVERIFY(!candidatesFromJson(json.toStdString()));
}

QTEST_GUILESS_MAIN(TestPlan)
#include "tst_plan.moc"
