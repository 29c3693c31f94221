// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/evaluate/routing_bench.h"

#include "core/base/rng.h"
#include "core/classify/blend.h"
#include "core/classify/dial.h"
#include "core/classify/publish.h"
#include "core/routing/facts.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace headgate::evaluate {

namespace {

using classify::Classifier;
using classify::Scored;

constexpr std::size_t folds = 4;
constexpr int bootstrapDraws = 300;
constexpr std::uint64_t benchSeed = 20240601;

using Rows = std::vector<const PreparedRow*>;

double outcome(const PreparedRow& row, const std::string& model)
{
    return *row.row->scoreOf(model);
}

Rows labelled(const std::vector<PreparedRow>& rows, const PairTask& task)
{
    Rows out;
    for (const PreparedRow& row : rows) {
        if ((task.source.empty() || row.row->source == task.source)
            && row.row->scoreOf(task.cheap) != nullptr
            && row.row->scoreOf(task.strong) != nullptr) {
            out.push_back(&row);
        }
    }
    return out;
}

std::uint64_t stemHash(const PreparedRow& row, std::uint64_t salt)
{
    return classify::mixHash(classify::textHash(row.row->stem) + salt);
}

/// In an order that the stem decides: smaller training sets are parts of larger ones.
void orderByStem(Rows& rows, std::uint64_t salt)
{
    std::stable_sort(rows.begin(), rows.end(), [&](const PreparedRow* a, const PreparedRow* b) {
        return stemHash(*a, salt) < stemHash(*b, salt);
    });
}

std::vector<classify::Example> examplesOf(const Rows& rows, const PairTask& task)
{
    std::vector<classify::Example> out;
    for (const PreparedRow* row : rows) {
        classify::Example example;
        example.features = &row->features;
        if (const double* const score = row->row->scoreOf(task.cheap)) {
            example.outcomes.push_back({0, static_cast<float>(*score)});
        }
        if (const double* const score = row->row->scoreOf(task.strong)) {
            example.outcomes.push_back({1, static_cast<float>(*score)});
        }
        out.push_back(std::move(example));
    }
    return out;
}

Result<Classifier> trained(const std::vector<classify::Example>& examples, const PairTask& task)
{
    Result<Classifier> model = Classifier::create({task.cheap, task.strong});
    if (model) {
        classify::TrainOptions options;
        options.seed = benchSeed;
        options.forestShare = 0.4F; // choosing it brought nothing here and takes four times as long
        model->learn(examples, options);
    }
    return model;
}

Rows without(const Rows& rows, std::size_t fold, std::size_t of)
{
    Rows out;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        if (i % of != fold) {
            out.push_back(rows[i]);
        }
    }
    return out;
}

/// The classifier with its prior, as it would decide: what each is worth was found on folds of the
/// rows it learned from.
class Router {
public:
    [[nodiscard]] static Result<Router> learn(const Rows& rows, const PairTask& task)
    {
        constexpr std::size_t parts = 3;
        std::vector<Scored> gains(rows.size());
        std::vector<Scored> priors(rows.size());
        std::vector<double> lengths;
        std::vector<double> heuristics;
        std::vector<double> difficulties(rows.size());
        for (const PreparedRow* row : rows) {
            lengths.push_back(row->length);
            heuristics.push_back(row->heuristic);
        }
        for (std::size_t part = 0; part < parts; ++part) {
            const Result<Classifier> model
                = trained(examplesOf(without(rows, part, parts), task), task);
            if (!model) {
                return model.error();
            }
            for (std::size_t i = part; i < rows.size(); i += parts) {
                gains[i] = {model->gain(rows[i]->features, 0, 1), outcome(*rows[i], task.cheap),
                    outcome(*rows[i], task.strong)};
                difficulties[i] = model->difficulty(rows[i]->features, 0);
            }
        }
        Result<Classifier> model = trained(examplesOf(rows, task), task);
        if (!model) {
            return model.error();
        }
        Router out(std::move(*model));
        out.m_length = classify::ScoreRank(lengths);
        out.m_heuristic = classify::ScoreRank(heuristics);
        out.m_difficulty = classify::ScoreRank(difficulties);
        for (std::size_t i = 0; i < rows.size(); ++i) {
            priors[i] = gains[i];
            priors[i].score = out.prior(*rows[i], difficulties[i]);
        }
        const Result<classify::Blend> blend = classify::Blend::choose(gains, priors);
        if (!blend) {
            return blend.error();
        }
        out.m_blend = *blend;
        return out;
    }
    [[nodiscard]] double score(const PreparedRow& row) const
    {
        return m_blend.score(
            m_model.gain(row.features, 0, 1), prior(row, m_model.difficulty(row.features, 0)));
    }
    [[nodiscard]] const Classifier& model() const { return m_model; }
    [[nodiscard]] double share() const { return m_blend.share(); }

private:
    explicit Router(Classifier model) : m_model(std::move(model)) { }
    [[nodiscard]] double prior(const PreparedRow& row, double difficulty) const
    {
        return (m_length.of(row.length) + m_heuristic.of(row.heuristic)
                   + m_difficulty.of(difficulty))
            / 3;
    }
    Classifier m_model;
    classify::Blend m_blend;
    classify::ScoreRank m_length;
    classify::ScoreRank m_heuristic;
    classify::ScoreRank m_difficulty;
};

/// What each router says of the rows of one test part.
struct PartScores {
    std::vector<double> length;
    std::vector<double> heuristic;
    std::vector<double> gain;
    std::vector<double> classifier;
    std::vector<double> difficulty;
    std::vector<double> hybrid;
    std::vector<double> prior;
};

/// Where the hand-written score is sure of itself it decides; between, the learned one.
constexpr double heuristicSureBelow = 60;
constexpr double heuristicSureFrom = 850;

/// Without a router the gain decides alone.
PartScores scoresOf(const Classifier& model, const Router* router, const Rows& rows)
{
    PartScores out;
    for (const PreparedRow* row : rows) {
        out.length.push_back(row->length);
        out.heuristic.push_back(row->heuristic);
        out.gain.push_back(model.gain(row->features, 0, 1));
        out.classifier.push_back(router != nullptr ? router->score(*row) : out.gain.back());
        out.difficulty.push_back(model.difficulty(row->features, 0));
        out.hybrid.push_back(row->heuristic < heuristicSureBelow ? -2 + row->heuristic / 1000
                : row->heuristic >= heuristicSureFrom            ? 2 + row->heuristic / 1000
                                                                 : out.classifier.back());
    }
    out.length = ranked(out.length);
    out.heuristic = ranked(out.heuristic);
    out.gain = ranked(out.gain);
    out.classifier = ranked(out.classifier);
    out.difficulty = ranked(out.difficulty);
    out.hybrid = ranked(out.hybrid);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        out.prior.push_back((out.length[i] + out.heuristic[i] + out.difficulty[i]) / 3);
    }
    return out;
}

struct Collected {
    PairTask task;
    Rows rows;
    PartScores scores;
    std::vector<classify::Forecast> cheapForecasts;
    std::size_t trained = 0;
};

void append(std::vector<double>& to, const std::vector<double>& from)
{
    to.insert(to.end(), from.begin(), from.end());
}

void collect(const Classifier& model, const Router* router, const Rows& rows, Collected& out)
{
    const PairTask& task = out.task;
    const PartScores part = scoresOf(model, router, rows);
    append(out.scores.length, part.length);
    append(out.scores.heuristic, part.heuristic);
    append(out.scores.gain, part.gain);
    append(out.scores.classifier, part.classifier);
    append(out.scores.difficulty, part.difficulty);
    append(out.scores.hybrid, part.hybrid);
    append(out.scores.prior, part.prior);
    for (const PreparedRow* row : rows) {
        out.rows.push_back(row);
        out.cheapForecasts.push_back(
            {model.probability(row->features, 0), outcome(*row, task.cheap)});
    }
}

std::vector<Scored> scored(
    const Rows& rows, const std::vector<double>& scores, const PairTask& task)
{
    std::vector<Scored> out(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        out[i] = {scores[i], outcome(*rows[i], task.cheap), outcome(*rows[i], task.strong)};
    }
    return out;
}

RouterFigures figuresOf(const std::string& router, const std::vector<Scored>& rows)
{
    RouterFigures out;
    out.router = router;
    const classify::RoutingCurve curve(rows);
    out.apgr = curve.apgr();
    out.cpt50 = curve.callsFor(0.5);
    out.cpt80 = curve.callsFor(0.8);
    out.auc = classify::failureAuc(rows);
    out.interval = classify::bootstrap(
        rows, [](std::span<const Scored> drawn) { return classify::RoutingCurve(drawn).apgr(); },
        bootstrapDraws, benchSeed);
    return out;
}

PairResult resultOf(const Collected& all)
{
    const PairTask& task = all.task;
    PairResult out;
    out.task = task;
    out.trained = all.trained;
    out.tested = all.rows.size();
    const std::vector<double> same(all.rows.size(), 0.0);
    std::vector<double> best;
    for (const PreparedRow* row : all.rows) {
        best.push_back(outcome(*row, task.strong) - outcome(*row, task.cheap));
    }
    const std::array<std::pair<const char*, const std::vector<double>*>, 9> routers{
        {{"random", &same}, {"length", &all.scores.length}, {"heuristic", &all.scores.heuristic},
            {"difficulty", &all.scores.difficulty}, {"prior", &all.scores.prior},
            {"gain", &all.scores.gain}, {"classifier", &all.scores.classifier},
            {"hybrid", &all.scores.hybrid}, {"oracle", &best}}};
    for (const auto& [name, scores] : routers) {
        out.routers.push_back(figuresOf(name, scored(all.rows, *scores, task)));
    }
    const classify::RoutingCurve curve(scored(all.rows, same, task));
    out.cheapQuality = curve.cheapQuality();
    out.strongQuality = curve.strongQuality();
    out.calibration = classify::calibrationOf(all.cheapForecasts);
    for (std::size_t i = 0; i < all.rows.size(); ++i) {
        out.scores.push_back({all.rows[i]->row->id, all.scores.classifier[i]});
    }
    return out;
}

/// Would the program have published a model learned from these rows? Their last quarter is held
/// out; hashes of stems stand in for the order of time, which the data does not have.
Result<classify::Verdict> verdictOn(const Rows& rows, const PairTask& task)
{
    const std::size_t begin = classify::holdOutBegin(rows.size());
    const Rows before(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(begin));
    const Rows after(rows.begin() + static_cast<std::ptrdiff_t>(begin), rows.end());
    const Result<Router> fresh = Router::learn(before, task);
    std::vector<classify::Example> examples = examplesOf(before, task);
    Rng rng(benchSeed);
    for (std::size_t i = examples.size(); i > 1; --i) {
        std::swap(examples[i - 1].outcomes, examples[rng.below(i)].outcomes);
    }
    const Result<Classifier> shuffled = trained(examples, task);
    if (!fresh || !shuffled) {
        return fresh ? shuffled.error() : fresh.error();
    }
    classify::Candidates candidates;
    const PartScores told = scoresOf(fresh->model(), &*fresh, after);
    candidates.fresh = scored(after, told.classifier, task);
    candidates.length = scored(after, told.length, task);
    candidates.shuffled = scored(after, scoresOf(*shuffled, nullptr, after).gain, task);
    return classify::judge(candidates, benchSeed);
}

/// Learns on `learn` (as many as the task allows) and adds what it says of `test`.
Result<classify::Verdict> runPart(Rows learn, const Rows& test, Collected& out)
{
    const PairTask& task = out.task;
    orderByStem(learn, benchSeed);
    if (task.labels > 0) {
        learn.resize(std::min(learn.size(), task.labels));
    }
    const Result<Router> router = Router::learn(learn, task);
    if (!router) {
        return router.error();
    }
    collect(router->model(), &*router, test, out);
    out.trained += learn.size();
    return verdictOn(learn, task);
}

Error noOutcomes(const PairTask& task)
{
    return Error(ErrorCode::NotFound,
        "No prompt has outcomes of both " + task.cheap + " and " + task.strong
            + (task.source.empty() ? "." : " in " + task.source + "."),
        "Name models and a source as the rows have them.");
}

void split(const Rows& rows, std::size_t fold, Rows& learn, Rows& test)
{
    constexpr std::uint64_t foldSalt = 77;
    for (const PreparedRow* row : rows) {
        (stemHash(*row, foldSalt) % folds == fold ? test : learn).push_back(row);
    }
}

} // namespace

std::vector<double> ranked(const std::vector<double>& scores)
{
    std::vector<std::size_t> order(scores.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::sort(order.begin(), order.end(),
        [&](std::size_t a, std::size_t b) { return scores[a] < scores[b]; });
    std::vector<double> out(scores.size());
    for (std::size_t i = 0; i < order.size();) {
        std::size_t end = i;
        while (end < order.size() && scores[order[end]] == scores[order[i]]) {
            ++end;
        }
        const double rank = static_cast<double>(i + end) / 2 / static_cast<double>(order.size());
        for (; i < end; ++i) {
            out[order[i]] = rank;
        }
    }
    return out;
}

std::vector<PreparedRow> prepare(const std::vector<OutcomeRow>& rows)
{
    std::vector<PreparedRow> out(rows.size());
    classify::FeatureReader reader;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        out[i].row = &rows[i];
        reader.read(rows[i].prompt, {}, out[i].features);
        out[i].length = static_cast<double>(rows[i].prompt.size());
        wire::RequestView request;
        wire::Message message;
        message.text = rows[i].prompt;
        request.messages.push_back(std::move(message));
        out[i].heuristic = routing::extractFacts(request, {}).difficulty;
    }
    return out;
}

Result<PairResult> benchPair(const std::vector<PreparedRow>& train,
    const std::vector<PreparedRow>& test, const PairTask& task)
{
    const Rows known = labelled(train, task);
    const Rows asked = labelled(test, task);
    if (known.empty() || (!test.empty() && asked.empty())) {
        return noOutcomes(task);
    }
    Collected all;
    all.task = task;
    bool published = true;
    std::string why;
    const std::size_t parts = test.empty() ? folds : 1;
    for (std::size_t part = 0; part < parts; ++part) {
        Rows learn = known;
        Rows told = asked;
        if (test.empty()) {
            learn.clear();
            split(known, part, learn, told);
        }
        if (learn.empty() || told.empty()) {
            return noOutcomes(task);
        }
        const Result<classify::Verdict> verdict = runPart(std::move(learn), told, all);
        if (!verdict) {
            return verdict.error();
        }
        published = published && verdict->publish;
        why = verdict->why;
    }
    all.trained /= parts;
    PairResult out = resultOf(all);
    out.published = published;
    out.verdict = why;
    return out;
}

Result<PairResult> benchUnseenSource(const std::vector<PreparedRow>& rows, const PairTask& task)
{
    const Rows asked = labelled(rows, task);
    if (asked.empty() || task.source.empty()) {
        return noOutcomes(task);
    }
    std::vector<std::string> stems;
    for (const PreparedRow* row : asked) {
        stems.push_back(row->row->stem);
    }
    std::sort(stems.begin(), stems.end());
    Rows learn;
    for (const PreparedRow& row : rows) {
        const bool known
            = row.row->scoreOf(task.cheap) != nullptr || row.row->scoreOf(task.strong) != nullptr;
        if (known && row.row->source != task.source
            && !std::binary_search(stems.begin(), stems.end(), row.row->stem)) {
            learn.push_back(&row);
        }
    }
    if (learn.empty()) {
        return noOutcomes(task);
    }
    Collected all;
    all.task = task;
    const Result<Classifier> model = trained(examplesOf(learn, task), task);
    if (!model) {
        return model.error();
    }
    collect(*model, nullptr, asked, all);
    all.trained = learn.size();
    return resultOf(all);
}

Result<std::vector<DialMeasure>> benchDial(
    const std::vector<PreparedRow>& rows, const PairTask& task)
{
    constexpr std::size_t calibrationPrompts = 1000;
    constexpr int resamples = 200;
    Rows learn;
    Rows rest;
    Rows both = labelled(rows, task);
    orderByStem(both, benchSeed);
    for (std::size_t i = 0; i < both.size(); ++i) {
        (i % 3 == 0 ? learn : rest).push_back(both[i]);
    }
    if (rest.size() < 2 * calibrationPrompts) {
        return noOutcomes(task);
    }
    const Result<Router> router = Router::learn(learn, task);
    if (!router) {
        return router.error();
    }
    std::vector<Scored> pool
        = scored(rest, scoresOf(router->model(), &*router, rest).classifier, task);
    std::vector<DialMeasure> out;
    for (const auto& [rule, name] : {std::pair(classify::DialRule::UpperConfidence, "upper bound"),
             std::pair(classify::DialRule::ConformalRisk, "conformal")}) {
        for (const double worse : {0.01, 0.02, 0.05}) {
            DialMeasure measure{name, worse, calibrationPrompts, resamples, 0, 0};
            Rng rng(benchSeed);
            for (int draw = 0; draw < resamples; ++draw) {
                for (std::size_t i = pool.size(); i > 1; --i) {
                    std::swap(pool[i - 1], pool[rng.below(i)]);
                }
                const std::span<const Scored> all(pool);
                const classify::Setting setting
                    = classify::settingFor(all.first(calibrationPrompts), {worse, 0.9, rule});
                double lost = 0;
                double strong = 0;
                double cheap = 0;
                // The whole pool stands for the traffic the sample was drawn from.
                for (const Scored& row : all) {
                    const bool toCheap = row.score < setting.threshold;
                    lost += toCheap ? row.strong - row.cheap : 0;
                    strong += row.strong;
                    cheap += toCheap ? 1 : 0;
                }
                measure.brokenShare += lost > worse * strong ? 1.0 / resamples : 0;
                measure.cheapShare += cheap / static_cast<double>(all.size()) / resamples;
            }
            out.push_back(measure);
        }
    }
    return out;
}

} // namespace headgate::evaluate
