// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/evaluate/cascade_bench.h"

#include <boost/json/parse.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

namespace headgate::evaluate {

namespace json = boost::json;

namespace {

using classify::CascadePoint;
using classify::CascadeRow;
using classify::CascadeScorer;
using classify::JudgedAttempt;

constexpr double keptShare = 0.99;
constexpr double charsPerToken = 4;
constexpr std::uint64_t cascadeSeed = 7;
constexpr std::size_t halvings = 2; ///< each used both ways

struct Item {
    const PreparedRow* row = nullptr;
    classify::PromptFeatures answer; ///< of the cheap model's text
    double answerChars = 0;
    bool extracted = false;
    bool agrees = false;
    float cheap = 0;
    float strong = 0;
    double cheapSpent = 0;
    double secondSpent = 0;
    double strongSpent = 0;
};

double spentOn(const TokenRates& rates, const PreparedRow& row, const AnswerRow& answer)
{
    constexpr double million = 1e6;
    return (row.length / charsPerToken * rates.input + answer.chars / charsPerToken * rates.output)
        / million;
}

using AnswerIndex = std::unordered_map<std::string, const AnswerRow*>;

AnswerIndex indexOf(const std::vector<AnswerRow>& answers, const std::string& model)
{
    AnswerIndex out;
    for (const AnswerRow& answer : answers) {
        if (answer.model == model) {
            out.emplace(answer.id, &answer);
        }
    }
    return out;
}

/// What one of the three ways knows of an item.
enum class Way { Before, Scorer, Agreement };

JudgedAttempt attemptOf(const Item& item, Way way)
{
    JudgedAttempt out;
    out.attempt.prompt = &item.row->features;
    out.attempt.answer = item.answer;
    out.attempt.answerChars = item.answerChars;
    out.attempt.extracted = item.extracted;
    if (way == Way::Agreement) {
        out.attempt.agreement
            = item.agrees ? classify::Agreement::Agrees : classify::Agreement::Differs;
    }
    out.cheap = item.cheap;
    out.strong = item.strong;
    return out;
}

CascadeRow rowOf(const Item& item, Way way, double score)
{
    CascadeRow out;
    out.score = score;
    out.cheap = static_cast<double>(item.cheap);
    out.strong = static_cast<double>(item.strong);
    out.tried = item.cheapSpent + (way == Way::Agreement ? item.secondSpent : 0);
    // Who is routed before the call does not pay for a try.
    out.escalated = item.strongSpent - (way == Way::Before ? item.cheapSpent : 0);
    out.always = item.strongSpent;
    return out;
}

std::vector<classify::Example> examplesOf(const std::vector<const Item*>& items)
{
    std::vector<classify::Example> out;
    out.reserve(items.size());
    for (const Item* item : items) {
        out.push_back({&item->row->features, {{0, item->cheap}, {1, item->strong}}});
    }
    return out;
}

/// Gains of `asked` by a classifier that learned from `known`.
std::vector<double> gains(
    const std::vector<const Item*>& known, const std::vector<const Item*>& asked)
{
    classify::Classifier model = classify::Classifier::create({"cheap", "strong"}).value();
    classify::TrainOptions options;
    options.forestShare = 0.4F; // as the scorer, so that only the answer makes the difference
    model.learn(examplesOf(known), options);
    std::vector<double> out;
    out.reserve(asked.size());
    for (const Item* item : asked) {
        out.push_back(model.gain(item->row->features, 0, 1));
    }
    return out;
}

struct HalfScores {
    std::vector<double> chosen; ///< held-out scores of the half that learns
    std::vector<double> reported;
};

HalfScores scoresBefore(
    const std::vector<const Item*>& learn, const std::vector<const Item*>& report)
{
    constexpr std::size_t folds = 4;
    HalfScores out;
    out.chosen.resize(learn.size());
    for (std::size_t fold = 0; fold < folds; ++fold) {
        std::vector<const Item*> known;
        std::vector<const Item*> asked;
        for (std::size_t i = 0; i < learn.size(); ++i) {
            (i % folds == fold ? asked : known).push_back(learn[i]);
        }
        const std::vector<double> told = gains(known, asked);
        for (std::size_t k = 0; k < told.size(); ++k) {
            out.chosen[fold + k * folds] = told[k];
        }
    }
    out.reported = gains(learn, report);
    return out;
}

Result<HalfScores> scoresAfter(
    const std::vector<const Item*>& learn, const std::vector<const Item*>& report, Way way)
{
    std::vector<JudgedAttempt> attempts;
    attempts.reserve(learn.size());
    for (const Item* item : learn) {
        attempts.push_back(attemptOf(*item, way));
    }
    const Result<CascadeScorer> scorer = CascadeScorer::learn(attempts, cascadeSeed);
    if (!scorer) {
        return scorer.error();
    }
    HalfScores out;
    out.chosen = scorer->heldOutScores();
    for (const Item* item : report) {
        out.reported.push_back(scorer->score(attemptOf(*item, way).attempt));
    }
    return out;
}

std::vector<CascadeRow> rowsOf(
    const std::vector<const Item*>& items, const std::vector<double>& scores, Way way)
{
    std::vector<CascadeRow> out;
    for (std::size_t i = 0; i < items.size(); ++i) {
        out.push_back(rowOf(*items[i], way, scores[i]));
    }
    return out;
}

void addMean(CascadePoint& to, const CascadePoint& point, double weight)
{
    to.threshold += point.threshold * weight;
    to.escalation += point.escalation * weight;
    to.kept += point.kept * weight;
    to.saving += point.saving * weight;
}

Result<CascadeFigures> measureWay(const std::vector<Item>& items, Way way)
{
    CascadeFigures out;
    out.way = way == Way::Before ? "before the call"
        : way == Way::Scorer     ? "scorer"
                                 : "agreement + scorer";
    out.pays = true;
    constexpr double weight = 0.5 / halvings;
    for (std::size_t half = 0; half < 2 * halvings; ++half) {
        std::vector<const Item*> learn;
        std::vector<const Item*> report;
        for (const Item& item : items) {
            const std::uint64_t hash
                = classify::mixHash(classify::textHash(item.row->row->stem) + half / 2);
            (hash % 2 == half % 2 ? learn : report).push_back(&item);
        }
        const Result<HalfScores> scores = way == Way::Before
            ? Result<HalfScores>(scoresBefore(learn, report))
            : scoresAfter(learn, report, way);
        if (!scores) {
            return scores.error();
        }
        const CascadePoint chosen
            = classify::cheapestKeeping(rowsOf(learn, scores->chosen, way), keptShare);
        addMean(out.chosen, chosen, weight);
        addMean(out.reported,
            classify::cascadeAt(rowsOf(report, scores->reported, way), chosen.threshold), weight);
        out.pays = out.pays && chosen.saving >= classify::savingWorthwhile;
    }
    return out;
}

Result<TokenRates> ratesOf(const std::map<std::string, TokenRates>& rates, const std::string& model)
{
    const auto found = rates.find(model);
    if (found == rates.end()) {
        return Error(
            ErrorCode::NotFound, "There is no price of " + model + ".", "Add it to the prices.");
    }
    return found->second;
}

std::vector<Item> itemsOf(const std::vector<PreparedRow>& rows,
    const std::vector<AnswerRow>& answers, const CascadeTask& task,
    const std::array<TokenRates, 3>& rates)
{
    const AnswerIndex cheap = indexOf(answers, task.cheap);
    const AnswerIndex second = indexOf(answers, task.second);
    const AnswerIndex strong = indexOf(answers, task.strong);
    classify::FeatureReader reader;
    std::vector<Item> out;
    for (const PreparedRow& row : rows) {
        const bool wanted = std::find(task.sources.begin(), task.sources.end(), row.row->source)
            != task.sources.end();
        const auto a = cheap.find(row.row->id);
        const auto s = strong.find(row.row->id);
        const auto b = second.find(row.row->id);
        if (!wanted || a == cheap.end() || s == strong.end()
            || (!task.second.empty() && b == second.end())) {
            continue;
        }
        Item item;
        item.row = &row;
        reader.read(a->second->text, {}, item.answer);
        item.answerChars = a->second->chars;
        item.extracted = !a->second->extracted.empty();
        item.cheap = static_cast<float>(a->second->right);
        item.strong = static_cast<float>(s->second->right);
        item.cheapSpent = spentOn(rates[0], row, *a->second);
        item.strongSpent = spentOn(rates[2], row, *s->second);
        if (!task.second.empty()) {
            item.secondSpent = spentOn(rates[1], row, *b->second);
            item.agrees = item.extracted
                && classify::normalisedAnswer(a->second->extracted)
                    == classify::normalisedAnswer(b->second->extracted);
        }
        out.push_back(std::move(item));
    }
    return out;
}

void sumUp(const std::vector<Item>& items, CascadeResult& out)
{
    double cheap = 0;
    double strong = 0;
    std::vector<classify::Scored> agreement;
    const auto count = static_cast<double>(items.size());
    for (const Item& item : items) {
        cheap += item.cheapSpent;
        strong += item.strongSpent;
        out.cheapQuality += static_cast<double>(item.cheap) / count;
        out.strongQuality += static_cast<double>(item.strong) / count;
        agreement.push_back({item.agrees ? 0.0 : 1.0, static_cast<double>(item.cheap),
            static_cast<double>(item.strong)});
    }
    out.ratio = cheap > 0 ? strong / cheap : 0;
    out.agreementAuc = classify::failureAuc(agreement);
    out.prompts = items.size();
}

} // namespace

std::vector<CascadeTask> tableCascades()
{
    const std::string sonnet = "claude-3.5-sonnet-0620";
    const std::string llama8 = "llama-3.1-8b-instruct";
    const std::string gemma = "gemma-2-9b-it";
    return {{{"mmlu_pro"}, "gemini-1.5-flash-002", llama8, "gemini-1.5-pro-002"},
        {{"gsm8k", "crux"}, "claude-3-haiku", gemma, sonnet},
        {{"gsm8k", "crux"}, llama8, gemma, sonnet},
        {{"gsm8k", "crux"}, llama8, gemma, "llama-3.1-70b-instruct"},
        {{"mmlu_pro"}, llama8, "phi-3-mini-4k", "llama-3.1-70b-instruct"}};
}

Result<std::map<std::string, TokenRates>> readRates(const std::string& path)
{
    const Result<std::string> text = readMaybePacked(path);
    if (!text) {
        return text.error();
    }
    boost::system::error_code failed;
    const json::value value = json::parse(*text, failed);
    if (failed || !value.is_object()) {
        return Error(ErrorCode::InvalidArgument, path + " is not a JSON object.",
            "It maps models to [input, output] in dollars per million tokens.");
    }
    std::map<std::string, TokenRates> out;
    for (const auto& pair : value.get_object()) {
        const json::array* const list = pair.value().if_array();
        if (list == nullptr || list->size() < 2) {
            continue; // notes stand beside the models
        }
        boost::system::error_code bad;
        TokenRates rates;
        rates.input = (*list)[0].to_number<double>(bad);
        rates.output = bad ? 0 : (*list)[1].to_number<double>(bad);
        if (!bad && rates.input > 0 && rates.output > 0) {
            out.emplace(std::string(pair.key()), rates);
        }
    }
    return out;
}

Result<CascadeResult> benchCascade(const std::vector<PreparedRow>& rows,
    const std::vector<AnswerRow>& answers, const std::map<std::string, TokenRates>& rates,
    const CascadeTask& task)
{
    std::array<TokenRates, 3> used{};
    const std::array<const std::string*, 3> models{&task.cheap, &task.second, &task.strong};
    for (std::size_t i = 0; i < models.size(); ++i) {
        if (models[i]->empty()) {
            continue;
        }
        const Result<TokenRates> known = ratesOf(rates, *models[i]);
        if (!known) {
            return known.error();
        }
        used[i] = *known;
    }
    const std::vector<Item> items = itemsOf(rows, answers, task, used);
    CascadeResult out;
    out.task = task;
    out.keep = keptShare;
    sumUp(items, out);
    for (const Way way : {Way::Before, Way::Scorer, Way::Agreement}) {
        if (way == Way::Agreement && task.second.empty()) {
            continue;
        }
        const Result<CascadeFigures> measured = measureWay(items, way);
        if (!measured) {
            return measured.error();
        }
        out.ways.push_back(*measured);
    }
    return out;
}

std::string cascadeText(const CascadeResult& result)
{
    std::string sources;
    for (const std::string& source : result.task.sources) {
        sources += (sources.empty() ? "" : " + ") + source;
    }
    std::string out = fmt::format("{} > {} on {} ({} prompts)\n  quality {:.3f} to {:.3f}, strong "
                                  "costs {:.1f} x cheap; {} agrees: AUC {:.3f}\n",
        result.task.cheap, result.task.strong, sources, result.prompts, result.cheapQuality,
        result.strongQuality, result.ratio, result.task.second, result.agreementAuc);
    for (const CascadeFigures& way : result.ways) {
        out += fmt::format("  {:<20} saves {:>6.1f} %, keeps {:>6.2f} %, escalates {:>5.1f} %  "
                           "(chosen at: saves {:.1f} %, keeps {:.2f} %) {}\n",
            way.way, way.reported.saving * 100, way.reported.kept * 100,
            way.reported.escalation * 100, way.chosen.saving * 100, way.chosen.kept * 100,
            way.pays ? "pays" : "does not pay");
    }
    return out + "\n";
}

json::object cascadeJson(const CascadeResult& result)
{
    json::object ways;
    for (const CascadeFigures& way : result.ways) {
        ways[way.way] = json::object{{"saving", way.reported.saving}, {"kept", way.reported.kept},
            {"escalation", way.reported.escalation}, {"pays", way.pays}};
    }
    json::array sources(result.task.sources.begin(), result.task.sources.end());
    return {{"cascade", true}, {"cheap", result.task.cheap}, {"second", result.task.second},
        {"strong", result.task.strong}, {"sources", std::move(sources)},
        {"prompts", result.prompts}, {"keep", result.keep}, {"ratio", result.ratio},
        {"agreement_auc", result.agreementAuc}, {"ways", ways}};
}

} // namespace headgate::evaluate
