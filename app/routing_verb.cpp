// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "app/local_verbs.h"
#include "app/output.h"
#include "core/evaluate/cascade_bench.h"
#include "core/evaluate/report.h"
#include "core/evaluate/routing_bench.h"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>

namespace headgate::app {

namespace {

using evaluate::OutcomeRow;
using evaluate::PairResult;
using evaluate::PairTask;
using evaluate::PreparedRow;

std::string textArg(const boost::json::object& args, const char* name)
{
    const boost::json::value* const value = args.if_contains(name);
    const boost::json::string* const text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string() : std::string(text->c_str());
}

/// Prints one result in the form that was asked for.
class Printer {
public:
    explicit Printer(bool json) : m_json(json) { }
    void text(const std::string& line) const
    {
        if (!m_json) {
            write(line);
        }
    }
    void result(const boost::json::object& row, const std::string& line) const
    {
        write(m_json ? boost::json::serialize(row) + "\n" : line);
    }

private:
    static void write(const std::string& line)
    {
        std::fwrite(line.data(), 1, line.size(), stdout);
        std::fflush(stdout);
    }
    bool m_json;
};

Result<void> writeScores(const std::string& path, const PairResult& result)
{
    std::ofstream out(path, std::ios::binary | std::ios::trunc);
    for (const evaluate::PromptScore& row : result.scores) {
        out << boost::json::serialize(boost::json::object{{"id", row.id}, {"score", row.score}})
            << '\n';
    }
    out.flush();
    if (!out) {
        return Error(
            ErrorCode::Io, "Cannot write " + path + ".", "Name a file that you may write.");
    }
    return {};
}

Result<PairTask> taskOf(const boost::json::object& args)
{
    PairTask task;
    const std::string pair = textArg(args, "pair");
    const std::size_t comma = pair.find(',');
    if (comma == std::string::npos || comma == 0 || comma + 1 == pair.size()) {
        return Error(ErrorCode::InvalidArgument, "\"" + pair + "\" is no pair of models.",
            "Write --pair CHEAP,STRONG.");
    }
    task.cheap = pair.substr(0, comma);
    task.strong = pair.substr(comma + 1);
    task.source = textArg(args, "src");
    if (const boost::json::value* const labels = args.if_contains("labels")) {
        const std::int64_t* const count = labels->if_int64();
        task.labels = count == nullptr ? 0 : static_cast<std::size_t>(*count);
    }
    return task;
}

struct Rows {
    std::vector<OutcomeRow> train;
    std::vector<OutcomeRow> test;
};

int onePair(const boost::json::object& args, const Rows& rows, const Printer& printer)
{
    const Result<PairTask> task = taskOf(args);
    if (!task) {
        return fail(task.error(), exitUsage);
    }
    const std::vector<PreparedRow> train = evaluate::prepare(rows.train);
    const std::vector<PreparedRow> test = evaluate::prepare(rows.test);
    const Result<PairResult> result = evaluate::benchPair(train, test, *task);
    if (!result) {
        return fail(result.error());
    }
    if (const std::string path = textArg(args, "scores_out"); !path.empty()) {
        if (const Result<void> written = writeScores(path, *result); !written) {
            return fail(written.error());
        }
    }
    printer.text(evaluate::headingText());
    printer.result(evaluate::pairJson(*result), evaluate::pairText(*result));
    return exitDone;
}

/// Named, or the file of that name beside the training rows when there is one.
std::string fileArg(const boost::json::object& args, const char* name, const char* beside)
{
    std::string path = textArg(args, name);
    if (path.empty()) {
        const std::filesystem::path other
            = std::filesystem::path(textArg(args, "train")).parent_path() / beside;
        std::error_code failed;
        path = std::filesystem::exists(other, failed) ? other.string() : std::string();
    }
    return path;
}

Result<void> cascades(
    const boost::json::object& args, const std::vector<PreparedRow>& rows, const Printer& printer)
{
    const std::string answersPath = fileArg(args, "answers", "answers_train.jsonl.gz");
    const std::string pricesPath = fileArg(args, "prices", "prices.json");
    if (answersPath.empty() || pricesPath.empty()) {
        printer.text("No recorded answers with prices: cascades are left out.\n");
        return {};
    }
    const auto answers = evaluate::readAnswerRows(answersPath);
    if (!answers) {
        return answers.error();
    }
    const auto rates = evaluate::readRates(pricesPath);
    if (!rates) {
        return rates.error();
    }
    printer.text("Cascades at 99 % of the strong model's quality\n\n");
    for (const evaluate::CascadeTask& task : evaluate::tableCascades()) {
        if (const auto result = evaluate::benchCascade(rows, *answers, *rates, task)) {
            printer.result(evaluate::cascadeJson(*result), evaluate::cascadeText(*result));
        }
    }
    return {};
}

void dials(const std::vector<PreparedRow>& rows, const Printer& printer)
{
    const PairTask dial{"mmlu", "mixtral-8x7b-instruct", "gpt-4-1106-preview", 0};
    printer.text("The dial (" + dial.source + ", " + dial.cheap + ")\n\n");
    if (const auto measures = evaluate::benchDial(rows, dial)) {
        for (const evaluate::DialMeasure& measure : *measures) {
            printer.result(evaluate::dialJson(measure), evaluate::dialText(measure));
        }
    }
    printer.text("\n");
}

int wholeTable(const boost::json::object& args, const Rows& rows, const Printer& printer)
{
    const std::vector<PreparedRow> train = evaluate::prepare(rows.train);
    const std::vector<PreparedRow> test = evaluate::prepare(rows.test);
    printer.text("In the domain\n\n" + evaluate::headingText());
    std::size_t printed = 0;
    for (const PairTask& task : evaluate::tablePairs()) {
        if (const Result<PairResult> result = evaluate::benchPair(train, test, task)) {
            printer.result(evaluate::pairJson(*result), evaluate::pairText(*result));
            ++printed;
        }
    }
    if (printed == 0) {
        return fail(Error(ErrorCode::NotFound, "None of the table's pairs is in the file.",
            "Name one of its pairs: --pair CHEAP,STRONG."));
    }
    printer.text("No label of the source was seen\n\n" + evaluate::headingText());
    std::vector<PairResult> unseen;
    for (const PairTask& task : evaluate::tableUnseen()) {
        if (Result<PairResult> result = evaluate::benchUnseenSource(train, task)) {
            boost::json::object row = evaluate::pairJson(*result);
            row["unseen_source"] = true;
            printer.result(row, evaluate::pairText(*result));
            unseen.push_back(std::move(*result));
        }
    }
    printer.text(evaluate::meanText(unseen) + "\n");
    dials(train, printer);
    const Result<void> cascaded = cascades(args, train, printer);
    return cascaded ? exitDone : fail(cascaded.error());
}

} // namespace

int benchRouting(const boost::json::object& args, bool json)
{
    Rows rows;
    Result<std::vector<OutcomeRow>> train = evaluate::readOutcomeRows(textArg(args, "train"));
    if (!train) {
        return fail(train.error());
    }
    rows.train = std::move(*train);
    if (const std::string path = textArg(args, "test"); !path.empty()) {
        Result<std::vector<OutcomeRow>> test = evaluate::readOutcomeRows(path);
        if (!test) {
            return fail(test.error());
        }
        rows.test = std::move(*test);
    }
    const Printer printer(json);
    return textArg(args, "pair").empty() ? wholeTable(args, rows, printer)
                                         : onePair(args, rows, printer);
}

} // namespace headgate::app
