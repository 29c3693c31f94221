// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/evaluate/report.h"

#include <boost/json/array.hpp>
#include <fmt/format.h>

#include <map>

namespace headgate::evaluate {

std::vector<PairTask> tablePairs()
{
    const std::string mixtral = "mixtral-8x7b-instruct";
    const std::string gpt4 = "gpt-4-1106-preview";
    const std::string flash = "gemini-1.5-flash-002";
    const std::string pro = "gemini-1.5-pro-002";
    const std::string haiku = "claude-3-haiku";
    const std::string sonnet = "claude-3.5-sonnet-0620";
    return {{"mmlu", mixtral, gpt4, 100}, {"mmlu", mixtral, gpt4, 300},
        {"mmlu", mixtral, gpt4, 1500}, {"mmlu", mixtral, gpt4, 0}, {"gsm8k", mixtral, gpt4, 400},
        {"gsm8k", mixtral, gpt4, 0}, {"", mixtral, gpt4, 1500}, {"", mixtral, gpt4, 0},
        {"mmlu_pro", flash, pro, 300}, {"mmlu_pro", flash, pro, 1500}, {"mmlu_pro", flash, pro, 0},
        {"bfcl", haiku, sonnet, 300}, {"bfcl", haiku, sonnet, 1000}, {"crux", haiku, sonnet, 0},
        {"gsm8k", haiku, sonnet, 0}, {"", haiku, sonnet, 1000}};
}

std::vector<PairTask> tableUnseen()
{
    std::vector<PairTask> out;
    const auto add
        = [&](const char* cheap, const char* strong, std::initializer_list<const char*> sources) {
              for (const char* source : sources) {
                  out.push_back({source, cheap, strong, 0});
              }
          };
    add("mixtral-8x7b-instruct", "gpt-4-1106-preview", {"mmlu", "gsm8k", "bfcl", "mt_bench"});
    add("claude-3-haiku", "claude-3.5-sonnet-0620", {"gsm8k", "crux", "bfcl"});
    add("gpt-4o-mini", "gpt-4o-0806", {"gsm8k", "crux"});
    add("llama-3.1-8b-instruct", "llama-3.1-70b-instruct", {"gsm8k", "crux", "mmlu_pro"});
    return out;
}

std::string headingText()
{
    return fmt::format("{:<28}{:>8}{:>8}  {:<11}{:>6}  {:<15}{:>7}{:>7}{:>7}\n", "pair, source",
        "labels", "tested", "router", "APGR", "95 %", "CPT50", "CPT80", "AUC");
}

std::string pairText(const PairResult& result)
{
    const PairTask& task = result.task;
    const std::string source = task.source.empty() ? "all sources" : task.source;
    const std::string quality
        = fmt::format("quality {:.3f} to {:.3f}", result.cheapQuality, result.strongQuality);
    const std::string brier = fmt::format(
        "Brier {:.3f} (mean {:.3f})", result.calibration.brier, result.calibration.brierOfMean);
    const std::string error
        = fmt::format("calibration {:.3f}", result.calibration.calibrationError);
    const std::vector<std::string> notes{task.cheap, "> " + task.strong, source, quality, brier,
        error,
        result.verdict.empty() ? ""
            : result.published ? "would publish"
                               : "not published"};
    std::string out;
    for (std::size_t i = 0; i < result.routers.size(); ++i) {
        const RouterFigures& row = result.routers[i];
        out += fmt::format("{:<28}{:>8}{:>8}  {:<11}{:>6.3f}  {:<15}{:>6.1f}%{:>6.1f}%{:>7.3f}\n",
            i < notes.size() ? notes[i] : "", i == 0 ? std::to_string(result.trained) : "",
            i == 0 ? std::to_string(result.tested) : "", row.router, row.apgr,
            fmt::format("{:.3f} .. {:.3f}", row.interval.low, row.interval.high), row.cpt50 * 100,
            row.cpt80 * 100, row.auc);
    }
    return out + "\n";
}

boost::json::object pairJson(const PairResult& result)
{
    boost::json::object routers;
    for (const RouterFigures& row : result.routers) {
        routers[row.router] = boost::json::object{{"apgr", row.apgr},
            {"apgr_low", row.interval.low}, {"apgr_high", row.interval.high}, {"cpt50", row.cpt50},
            {"cpt80", row.cpt80}, {"auc", row.auc}};
    }
    return {{"cheap", result.task.cheap}, {"strong", result.task.strong},
        {"source", result.task.source}, {"labels", result.trained}, {"tested", result.tested},
        {"cheap_quality", result.cheapQuality}, {"strong_quality", result.strongQuality},
        {"brier", result.calibration.brier}, {"brier_of_mean", result.calibration.brierOfMean},
        {"calibration_error", result.calibration.calibrationError},
        {"would_publish", result.published}, {"verdict", result.verdict}, {"routers", routers}};
}

std::string dialText(const DialMeasure& measure)
{
    return fmt::format("at most {:.0f} % worse, 90 %: {:<12} broken in {:>5.1f} % of {} resamples "
                       "({} prompts), {:>5.1f} % to the cheap model\n",
        measure.worseAtMost * 100, measure.rule, measure.brokenShare * 100, measure.resamples,
        measure.calibrationPrompts, measure.cheapShare * 100);
}

boost::json::object dialJson(const DialMeasure& measure)
{
    return {{"dial", measure.rule}, {"worse_at_most", measure.worseAtMost},
        {"calibration_prompts", measure.calibrationPrompts}, {"resamples", measure.resamples},
        {"broken_share", measure.brokenShare}, {"cheap_share", measure.cheapShare}};
}

std::string meanText(const std::vector<PairResult>& results)
{
    if (results.empty()) {
        return {};
    }
    std::string out
        = fmt::format("mean APGR over {} sources of which no label was seen:", results.size());
    for (std::size_t i = 0; i < results.front().routers.size(); ++i) {
        double sum = 0;
        for (const PairResult& result : results) {
            sum += result.routers[i].apgr;
        }
        out += fmt::format(" {} {:.3f}", results.front().routers[i].router,
            sum / static_cast<double>(results.size()));
    }
    return out + "\n";
}

} // namespace headgate::evaluate
