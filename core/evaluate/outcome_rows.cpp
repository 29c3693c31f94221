// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/evaluate/outcome_rows.h"

#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>

namespace headgate::evaluate {

namespace json = boost::json;

namespace {

struct GzClose {
    void operator()(gzFile file) const { gzclose(file); }
};

std::string textOf(const json::object& row, const char* name)
{
    const json::value* const value = row.if_contains(name);
    const json::string* const text = value == nullptr ? nullptr : value->if_string();
    return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

/// A number as JSON has it; NaN when it is none.
double numberOf(const json::value* value)
{
    if (value == nullptr) {
        return std::nan("");
    }
    if (const double* const real = value->if_double()) {
        return *real;
    }
    if (const std::int64_t* const whole = value->if_int64()) {
        return static_cast<double>(*whole);
    }
    return std::nan("");
}

std::vector<std::pair<std::string, double>> numbersOf(
    const json::object& row, const char* name, double most)
{
    std::vector<std::pair<std::string, double>> out;
    const json::value* const value = row.if_contains(name);
    const json::object* const list = value == nullptr ? nullptr : value->if_object();
    if (list == nullptr) {
        return out;
    }
    for (const auto& pair : *list) {
        const double number = numberOf(&pair.value());
        if (std::isfinite(number) && number >= 0 && number <= most) {
            out.emplace_back(std::string(pair.key()), number);
        }
    }
    return out;
}

Error badLine(const std::string& path, std::size_t line, const std::string& why)
{
    return Error(ErrorCode::InvalidArgument, path + ", line " + std::to_string(line) + ": " + why,
        "Each line is one JSON object as in the routing data's README.");
}

/// Calls `take` with every line's object; its text names what is wrong, empty when nothing is.
template <typename Take>
Result<void> eachObject(const std::string& path, const Take& take)
{
    const Result<std::string> text = readMaybePacked(path);
    if (!text) {
        return text.error();
    }
    constexpr std::size_t depthMax = 8;
    json::parse_options options;
    options.max_depth = depthMax;
    std::string_view rest(*text);
    for (std::size_t line = 1; !rest.empty(); ++line) {
        const std::size_t end = std::min(rest.find('\n'), rest.size());
        const std::string_view one = rest.substr(0, end);
        rest.remove_prefix(std::min(end + 1, rest.size()));
        if (one.find_first_not_of(" \t\r") == std::string_view::npos) {
            continue;
        }
        boost::system::error_code failed;
        const json::value value = json::parse(one, failed, {}, options);
        if (failed || !value.is_object()) {
            return badLine(path, line, "not a JSON object.");
        }
        const std::string why = take(value.get_object());
        if (!why.empty()) {
            return badLine(path, line, why);
        }
    }
    return {};
}

} // namespace

const double* OutcomeRow::scoreOf(std::string_view model) const
{
    const auto at = std::find_if(
        scores.begin(), scores.end(), [&](const auto& score) { return score.first == model; });
    return at == scores.end() ? nullptr : &at->second;
}

double OutcomeRow::answerCharsOf(std::string_view model) const
{
    const auto at = std::find_if(answerChars.begin(), answerChars.end(),
        [&](const auto& chars) { return chars.first == model; });
    return at == answerChars.end() ? 0 : at->second;
}

Result<std::string> readMaybePacked(const std::string& path)
{
    // zlib reads plain files as they are.
    const std::unique_ptr<gzFile_s, GzClose> file(gzopen(path.c_str(), "rb"));
    if (!file) {
        return Error(ErrorCode::Io, "Cannot open " + path + ".", "Name a file that you may read.");
    }
    std::string out;
    std::array<char, 64 * 1024> buffer{};
    for (;;) {
        const int got = gzread(file.get(), buffer.data(), static_cast<unsigned>(buffer.size()));
        if (got < 0) {
            return Error(ErrorCode::Corrupt, path + " is damaged.", "Copy it again.");
        }
        if (got == 0) {
            break;
        }
        if (out.size() + static_cast<std::size_t>(got) > fileBytesMax) {
            return Error(ErrorCode::OutOfRange, path + " is too large.", "Name fewer rows.");
        }
        out.append(buffer.data(), static_cast<std::size_t>(got));
    }
    int state = Z_OK;
    gzerror(file.get(), &state);
    if (state != Z_OK || gzeof(file.get()) == 0) {
        return Error(ErrorCode::Corrupt, path + " is cut off.", "Copy it again.");
    }
    return out;
}

Result<std::vector<OutcomeRow>> readOutcomeRows(const std::string& path)
{
    std::vector<OutcomeRow> out;
    const Result<void> read = eachObject(path, [&](const json::object& row) -> std::string {
        OutcomeRow one;
        one.id = textOf(row, "id");
        one.stem = textOf(row, "stem");
        one.source = textOf(row, "src");
        one.prompt = textOf(row, "prompt");
        one.scores = numbersOf(row, "scores", 1.0);
        constexpr double charsMax = 1e9;
        one.answerChars = numbersOf(row, "out", charsMax);
        if (one.id.empty() || one.prompt.empty()) {
            return "\"id\" or \"prompt\" is missing.";
        }
        if (one.stem.empty()) {
            one.stem = one.id;
        }
        out.push_back(std::move(one));
        return {};
    });
    if (!read) {
        return read.error();
    }
    return out;
}

Result<std::vector<AnswerRow>> readAnswerRows(const std::string& path)
{
    std::vector<AnswerRow> out;
    const Result<void> read = eachObject(path, [&](const json::object& row) -> std::string {
        AnswerRow one;
        one.id = textOf(row, "id");
        one.model = textOf(row, "m");
        one.text = textOf(row, "o");
        one.extracted = textOf(row, "a");
        one.chars = numberOf(row.if_contains("len"));
        one.right = numberOf(row.if_contains("y"));
        if (one.id.empty() || one.model.empty() || !std::isfinite(one.right)
            || !std::isfinite(one.chars)) {
            return "\"id\", \"m\", \"len\" or \"y\" is missing.";
        }
        out.push_back(std::move(one));
        return {};
    });
    if (!read) {
        return read.error();
    }
    return out;
}

} // namespace headgate::evaluate
