// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/routing/plan.h"

#include "core/routing/candidates.h"
#include "core/routing/near_names.h"

#include <algorithm>
#include <array>
#include <limits>
#include <tuple>

namespace headgate::routing {

namespace {

constexpr int tierMost = 4;
constexpr std::string_view autoCheap = "auto:cheap";
constexpr std::string_view autoBest = "auto:best";

bool isAuto(std::string_view name)
{
    return name == "auto" || name == autoCheap || name == autoBest;
}

/// Percent of the fullest hard pool, for rules on the state of the budget.
int budgetUsedPercent(const PlanInput& input)
{
    const ledger::BudgetView view = input.budget(ledger::Target{});
    std::int64_t most = 0;
    for (const ledger::BudgetLine& line : view.lines) {
        if (!line.hard) {
            continue;
        }
        const std::int64_t used = line.settled.plusSaturated(line.held).nano();
        const Result<std::int64_t> percent = line.cap.nano() > 0
            ? mulDivUp(std::max<std::int64_t>(0, used), 100, line.cap.nano())
            : Result<std::int64_t>(100);
        most = std::max(most, percent ? *percent : 100);
    }
    return static_cast<int>(std::min<std::int64_t>(most, 100));
}

bool asksBudget(const Policy& policy)
{
    return std::any_of(policy.rules.begin(), policy.rules.end(),
        [](const Rule& rule) { return rule.when.budgetUsedPercentAtLeast.has_value(); });
}

const Rule* ruleFor(const PlanInput& input)
{
    MatchContext context;
    context.facts = input.facts;
    context.identity = &input.identity;
    context.nowUs = input.nowUs;
    context.budgetUsedPercent = asksBudget(*input.policy) ? budgetUsedPercent(input) : 0;
    return matchingRule(*input.policy, context);
}

int tierOfDifficulty(const Policy& policy, int difficulty)
{
    int tier = 1;
    for (const int threshold : policy.tierThresholds) {
        tier += difficulty >= threshold ? 1 : 0;
    }
    return tier;
}

int taskTier(const Policy& policy, TaskType task)
{
    const auto found = policy.taskTiers.find(taskTypeName(task));
    return found == policy.taskTiers.end() ? defaultTier(task) : found->second;
}

/// The cheapest first; equal costs by lower tier, then by name, so that the choice is stable.
bool isCheaper(const Option* a, const Option* b)
{
    return std::tie(a->candidate.expected, a->candidate.tier, a->candidate.model)
        < std::tie(b->candidate.expected, b->candidate.tier, b->candidate.model);
}

/// One decision on its way.
class Planner {
public:
    explicit Planner(const PlanInput& input) : m_input(input), m_frame{input} { }
    Plan run();

private:
    void prepare();
    void makeOptions();
    void planAuto();
    void planExplicit();
    void wantTier(const std::vector<Option*>& capable);
    [[nodiscard]] std::vector<Option*> capableOptions();
    [[nodiscard]] Option* firstThat(const std::vector<Option*>& options, Fit fit);
    void choose(Option& option, Outcome outcome, const std::string& reason);
    void refuseMoney(
        std::vector<Option*> wanted, const std::vector<Option*>& cheaper, bool mayDowngrade);
    void refuseIncapable();
    void refuseUnpriced(const Option& option);
    void explainLosers();
    void explainLoser(Option& option);
    void setBaseline();
    void collect();
    [[nodiscard]] bool isHard(const catalog::Model& model) const;
    /// Its tokens have a price, its web searches have none.
    [[nodiscard]] bool lacksFee(const Option& option) const;
    [[nodiscard]] std::string taskText() const;

    const PlanInput& m_input;
    Frame m_frame;
    Plan m_plan;
    std::vector<Option> m_options;
    Option* m_chosen = nullptr;
    Option* m_asked = nullptr;
    int m_tierMax = tierMost;
    bool m_mayDowngrade = true;
};

Plan Planner::run()
{
    prepare();
    if (m_frame.isExplicit && m_input.catalog->model(m_input.askedModel) == nullptr) {
        m_plan.outcome = Outcome::RefuseUnknownModel;
        m_plan.reason = unknownModelText(*m_input.catalog, m_input.askedModel);
    }
    makeOptions();
    if (m_asked != nullptr) {
        planExplicit();
    } else if (!m_frame.isExplicit) {
        planAuto();
    }
    explainLosers();
    setBaseline();
    collect();
    return std::move(m_plan);
}

void Planner::prepare()
{
    m_frame.isExplicit = !isAuto(m_input.askedModel);
    m_frame.rule = ruleFor(m_input);
    m_frame.realProviders = hasRealProvider(*m_input.catalog, m_input.embedding);
    m_plan.rule = m_frame.rule == nullptr ? "default" : m_frame.rule->name;
    m_mayDowngrade = m_input.policy->mayDowngrade;
    if (m_frame.rule != nullptr) {
        m_tierMax = m_frame.rule->tierMax.value_or(tierMost);
        m_mayDowngrade = m_frame.rule->mayDowngrade.value_or(m_mayDowngrade);
    }
    m_frame.someLogprobs = m_input.logprobs
        && std::any_of(m_input.catalog->models.begin(), m_input.catalog->models.end(),
            [](const catalog::Model& model) { return model.enabled && model.can.logprobs; });
}

void Planner::makeOptions()
{
    const catalog::Model* asked
        = m_frame.isExplicit ? m_input.catalog->model(m_input.askedModel) : nullptr;
    m_options.reserve(m_input.catalog->models.size());
    for (const catalog::Model& model : m_input.catalog->models) {
        // Models of the other kind are no candidates: they would only fill every record.
        if (model.embedding != m_input.embedding && &model != asked) {
            continue;
        }
        m_options.push_back(makeOption(m_frame, model, &model == asked));
        if (&model == asked) {
            m_asked = &m_options.back();
        }
    }
}

std::vector<Option*> Planner::capableOptions()
{
    std::vector<Option*> capable;
    for (Option& option : m_options) {
        if (!option.capable || option.sheet == nullptr) {
            continue;
        }
        if (option.candidate.tier > m_tierMax) {
            option.candidate.lost = Lost::TierTooHigh;
            option.candidate.why
                = "The rule allows no tier above " + std::to_string(m_tierMax) + ".";
            continue;
        }
        capable.push_back(&option);
    }
    std::sort(capable.begin(), capable.end(), isCheaper);
    return capable;
}

std::string Planner::taskText() const
{
    std::string task = taskTypeName(m_input.facts->task);
    std::replace(task.begin(), task.end(), '_', ' ');
    return task + ", difficulty " + std::to_string(m_input.facts->difficulty);
}

/// The tier asked for, brought into what the capable models offer.
void Planner::wantTier(const std::vector<Option*>& capable)
{
    int lowest = tierMost;
    int highest = 1;
    for (const Option* option : capable) {
        lowest = std::min(lowest, option->candidate.tier);
        highest = std::max(highest, option->candidate.tier);
    }
    if (m_input.embedding) { // no task is asked of it
        m_plan.wantedTier = lowest;
        return;
    }
    int wanted = std::max(taskTier(*m_input.policy, m_input.facts->task),
        tierOfDifficulty(*m_input.policy, m_input.facts->difficulty));
    if (m_frame.rule != nullptr && m_frame.rule->tier) {
        wanted = *m_frame.rule->tier;
    }
    if (m_input.askedModel == autoCheap) {
        wanted = lowest;
    } else if (m_input.askedModel == autoBest) {
        wanted = highest;
    }
    m_plan.wantedTier = std::clamp(std::min(wanted, m_tierMax), 1, std::max(1, highest));
}

Option* Planner::firstThat(const std::vector<Option*>& options, Fit fit)
{
    for (Option* option : options) {
        fitMoney(m_frame, *option);
        if (option->fit == fit) {
            return option;
        }
    }
    return nullptr;
}

void Planner::planAuto()
{
    const std::vector<Option*> capable = capableOptions();
    if (capable.empty()) {
        refuseIncapable();
        return;
    }
    wantTier(capable);
    std::vector<Option*> wanted;
    std::vector<Option*> below;
    for (Option* option : capable) {
        (option->candidate.tier >= m_plan.wantedTier ? wanted : below).push_back(option);
    }
    // Going down, stay as near to the wanted tier as money allows.
    std::stable_sort(below.begin(), below.end(),
        [](const Option* a, const Option* b) { return a->candidate.tier > b->candidate.tier; });
    const std::string tier = "tier " + std::to_string(m_plan.wantedTier);
    const std::string cheapest = "the cheapest capable model of at least " + tier;
    if (Option* option = firstThat(wanted, Fit::Full)) {
        return choose(*option, Outcome::Route, taskText() + ": " + cheapest + ".");
    }
    if (Option* option = m_mayDowngrade ? firstThat(below, Fit::Full) : nullptr) {
        return choose(*option, Outcome::Downgrade,
            taskText() + ": the money left does not pay for " + tier + ", so a cheaper model.");
    }
    // Nothing can answer at the usual length: a short answer of the wanted tier uses the pool up.
    const std::string shortened = ", with a shorter answer because little money is left.";
    if (Option* option = firstThat(wanted, Fit::Shrunk)) {
        return choose(*option, Outcome::Route, taskText() + ": " + cheapest + shortened);
    }
    if (Option* option = m_mayDowngrade ? firstThat(below, Fit::Shrunk) : nullptr) {
        return choose(*option, Outcome::Downgrade,
            taskText() + ": the money left does not pay for " + tier + ", so a cheaper model"
                + shortened);
    }
    refuseMoney(wanted, below, m_mayDowngrade);
}

void Planner::planExplicit()
{
    Option& asked = *m_asked;
    m_plan.wantedTier = asked.candidate.tier;
    const std::string name = "\"" + m_input.askedModel + "\"";
    if (asked.capable && asked.sheet == nullptr) {
        if (isHard(*asked.model)) {
            return refuseUnpriced(asked);
        }
        return choose(asked, Outcome::Route,
            "The client asked for " + name
                + (lacksFee(asked) ? "; the fee for its web searches is not known"
                                   : "; it has no price")
                + " and no hard pool applies.");
    }
    const bool mayChange = m_input.policy->mayDowngradeExplicit && m_mayDowngrade;
    std::vector<Option*> cheaper;
    if (asked.capable) {
        cheaper = capableOptions();
        std::erase_if(cheaper, [&](const Option* option) {
            return option == &asked || option->candidate.tier > asked.candidate.tier
                || option->candidate.expected >= asked.candidate.expected;
        });
    } else {
        m_plan.outcome = Outcome::RefuseNoCapable;
        m_plan.reason = "The model " + name + " cannot take this request: " + asked.candidate.why;
        return;
    }
    // A tier limit of a rule steers automatic routing; a named model stands.
    asked.candidate.lost = Lost::None;
    asked.candidate.why.clear();
    std::stable_sort(cheaper.begin(), cheaper.end(),
        [](const Option* a, const Option* b) { return a->candidate.tier > b->candidate.tier; });
    fitMoney(m_frame, asked);
    const std::string tooDear = "The money left does not pay for " + name + ", so a cheaper model.";
    if (asked.fit == Fit::Full) {
        return choose(asked, Outcome::Route, "The client asked for " + name + ".");
    }
    if (Option* option = mayChange ? firstThat(cheaper, Fit::Full) : nullptr) {
        return choose(*option, Outcome::Downgrade, tooDear);
    }
    if (asked.fit == Fit::Shrunk) {
        return choose(asked, Outcome::Route,
            "The client asked for " + name + "; a shorter answer because little money is left.");
    }
    if (Option* option = mayChange ? firstThat(cheaper, Fit::Shrunk) : nullptr) {
        return choose(*option, Outcome::Downgrade, tooDear);
    }
    refuseMoney({&asked}, cheaper, mayChange);
}

void Planner::choose(Option& option, Outcome outcome, const std::string& reason)
{
    m_chosen = &option;
    m_plan.outcome = outcome;
    m_plan.model = option.candidate.model;
    m_plan.provider = option.model->provider;
    m_plan.modelName = option.model->name;
    m_plan.tier = option.candidate.tier;
    m_plan.inputTokens = option.candidate.inputTokens;
    m_plan.outputCeiling = option.candidate.outputCeiling;
    m_plan.bound = option.candidate.bound;
    m_plan.reason = reason;
    option.candidate.lost = Lost::None;
    option.candidate.why = "Chosen: " + reason;
}

void Planner::refuseMoney(
    std::vector<Option*> wanted, const std::vector<Option*>& cheaper, bool mayDowngrade)
{
    m_plan.outcome = Outcome::RefuseBudget;
    if (!mayDowngrade) {
        // Only to be able to say it: the cheapest that would have answered.
        std::vector<Option*> byCost = cheaper;
        std::sort(byCost.begin(), byCost.end(), isCheaper);
        for (Option* option : byCost) {
            fitMoney(m_frame, *option);
            if (option->fit == Fit::Full || option->fit == Fit::Shrunk) {
                m_plan.cheaperModel = option->candidate.model;
                break;
            }
        }
    } else {
        wanted.insert(wanted.end(), cheaper.begin(), cheaper.end());
    }
    // Where waiting helps one of them, the proxy may wait; else the first says what is missing.
    const auto waiting = std::find_if(wanted.begin(), wanted.end(),
        [](const Option* option) { return option->denial && option->waiting; });
    const auto denied = waiting != wanted.end()
        ? waiting
        : std::find_if(wanted.begin(), wanted.end(),
            [](const Option* option) { return option->denial.has_value(); });
    if (denied == wanted.end()) {
        m_plan.reason
            = "No amount of money covers this request: its bound is too large. Ask for fewer "
              "answers (\"n\") or less output.";
        return;
    }
    m_plan.denial = (*denied)->denial;
    m_plan.inputTokens = (*denied)->candidate.inputTokens;
    const ledger::Denial& denial = *m_plan.denial;
    m_plan.reason = "The pool \"" + denial.poolName + "\" cannot pay for this request: it needs "
        + denial.asked.toDisplay() + "; " + denial.settled.toDisplay() + " used and "
        + denial.held.toDisplay() + " held of " + denial.cap.toDisplay() + ".";
}

void Planner::refuseUnpriced(const Option& option)
{
    m_plan.outcome = Outcome::RefuseUnpriced;
    const catalog::Model& model = *option.model;
    if (lacksFee(option)) {
        m_plan.reason = "The price list has no fee for web searches of \"" + model.id()
            + "\". Leave the tool out, or set its fee with `headgate models set " + model.id()
            + " --web-search DOLLARS` (for each search; 0 where it has none).";
        return;
    }
    m_plan.reason = "The model \"" + model.id()
        + "\" has no price, so a hard pool cannot be kept. Set its price in the console under "
          "Catalog, or run `headgate models add --provider "
        + model.provider + " --name " + model.name + " --tier " + std::to_string(model.tier)
        + " --input PRICE --output PRICE` (dollars per million tokens).";
}

void Planner::refuseIncapable()
{
    m_plan.outcome = Outcome::RefuseNoCapable;
    const auto unpriced = std::find_if(m_options.begin(), m_options.end(),
        [](const Option& option) { return option.candidate.lost == Lost::Unpriced; });
    if (unpriced != m_options.end()) {
        return refuseUnpriced(*unpriced);
    }
    if (m_options.empty() && m_input.embedding) {
        m_plan.reason = "No model in the catalog makes embeddings. Add one in the console under "
                        "Catalog, or name one of a provider that does.";
        return;
    }
    if (m_options.empty()) {
        m_plan.reason = "The catalog is empty. Add a provider and a model in the console under "
                        "Catalog, or with `headgate models add`.";
        return;
    }
    m_plan.reason = "No model in the catalog can take this request.";
    // The nearest miss tells most: what a model lacked that was otherwise ready.
    for (const Lost lost : {Lost::ContextTooSmall, Lost::NoFiles, Lost::NoImages, Lost::NoAudio,
             Lost::NoTools, Lost::NoJsonSchema, Lost::NoLogprobs, Lost::TierTooHigh,
             Lost::NotInRule, Lost::Unfit, Lost::Excluded, Lost::NoKey}) {
        for (const Option& option : m_options) {
            if (option.candidate.lost == lost) {
                m_plan.reason += " " + option.candidate.model + ": " + option.candidate.why;
                return;
            }
        }
    }
}

bool Planner::lacksFee(const Option& option) const
{
    return option.sheet == nullptr && option.model->priceAt(m_input.nowUs) != nullptr;
}

bool Planner::isHard(const catalog::Model& model) const
{
    return m_input.budget(ledger::Target{model.provider, model.name, model.tier}).hasHardPool();
}

void Planner::explainLosers()
{
    for (Option& option : m_options) {
        if (&option != m_chosen && option.capable && option.candidate.lost == Lost::None) {
            explainLoser(option);
        }
    }
}

void Planner::explainLoser(Option& option)
{
    Candidate& candidate = option.candidate;
    const std::string ceiling = std::to_string(candidate.outputCeiling);
    if (option.fit == Fit::None) {
        candidate.lost = Lost::DoesNotFit;
        candidate.why = "It needs " + candidate.bound.toDisplay() + ", more than is left";
        candidate.why += option.denial ? " in pool \"" + option.denial->poolName + "\"." : ".";
    } else if (option.fit == Fit::Shrunk) {
        candidate.lost = Lost::OutputTooSmall;
        candidate.why = "The money left pays for only " + ceiling + " tokens of its output.";
    } else if (m_frame.isExplicit) {
        candidate.lost = Lost::NotAsked;
        candidate.why = "The client asked for another model.";
    } else if (candidate.tier < m_plan.wantedTier) {
        candidate.lost = Lost::TierTooLow;
        candidate.why = "Tier " + std::to_string(candidate.tier) + " is below the wanted tier "
            + std::to_string(m_plan.wantedTier) + ".";
    } else {
        candidate.lost = Lost::Dearer;
        candidate.why = "It would cost about " + candidate.expected.toDisplay();
        candidate.why += m_chosen == nullptr
            ? "."
            : ", the chosen one " + m_chosen->candidate.expected.toDisplay() + ".";
    }
}

/// What the answer would be expected to cost without routing.
void Planner::setBaseline()
{
    const catalog::Model* declared = m_frame.isExplicit
        ? m_input.catalog->model(m_input.askedModel)
        : m_input.catalog->model(m_input.policy->baselineModel);
    Money dearest;
    for (Option& option : m_options) {
        const bool counts = declared != nullptr ? option.model == declared : option.capable;
        if (!counts || option.sheet == nullptr) {
            continue;
        }
        if (option.candidate.inputTokens == 0) {
            option.candidate.inputTokens = m_input.inputTokens(*option.model).atMost;
            option.usual = m_input.embedding ? 0 : usualOutput(*m_input.facts, *option.model);
        }
        dearest = std::max(dearest, expectedCost(m_frame, option));
    }
    m_plan.baseline = dearest;
}

/// Chosen first, then what came near, then what was out of the question.
int rank(Lost lost)
{
    constexpr std::array order{Lost::None, Lost::Dearer, Lost::OutputTooSmall, Lost::DoesNotFit,
        Lost::TierTooLow, Lost::TierTooHigh, Lost::Unpriced, Lost::ContextTooSmall, Lost::NoTools,
        Lost::NoImages, Lost::NoAudio, Lost::NoFiles, Lost::NoJsonSchema, Lost::NoLogprobs,
        Lost::NotInRule, Lost::Unfit, Lost::Excluded, Lost::NotAsked, Lost::NoKey,
        Lost::ProviderDisabled, Lost::Disabled, Lost::Embedding};
    return static_cast<int>(std::find(order.begin(), order.end(), lost) - order.begin());
}

void Planner::collect()
{
    m_plan.candidates.reserve(m_options.size());
    for (Option& option : m_options) {
        m_plan.candidates.push_back(std::move(option.candidate));
    }
    std::sort(m_plan.candidates.begin(), m_plan.candidates.end(),
        [](const Candidate& a, const Candidate& b) {
            return std::make_tuple(rank(a.lost), a.expected, std::string_view(a.model))
                < std::make_tuple(rank(b.lost), b.expected, std::string_view(b.model));
        });
}

} // namespace

Plan plan(const PlanInput& input)
{
    Planner planner(input);
    return planner.run();
}

const char* outcomeName(Outcome outcome)
{
    switch (outcome) {
    case Outcome::Route:
        return "route";
    case Outcome::Downgrade:
        return "downgrade";
    case Outcome::RefuseBudget:
        return "refuse_budget";
    case Outcome::RefuseUnpriced:
        return "refuse_unpriced";
    case Outcome::RefuseUnknownModel:
        return "refuse_unknown_model";
    case Outcome::RefuseNoCapable:
        return "refuse_no_capable";
    }
    return "refuse_no_capable";
}

} // namespace headgate::routing
