// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "app/local_verbs.h"

#include "app/output.h"
#include "core/base/clock.h"
#include "core/catalog/price_file.h"
#include "core/tokens/tokens.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <array>
#include <cstdio>
#include <fstream>
#include <functional>
#include <iostream>
#include <optional>

namespace headgate::app {

namespace {

using RowWork = std::function<Result<boost::json::object>(const boost::json::object&)>;

Result<boost::json::object> parseRow(const std::string& line)
{
    boost::json::parse_options options;
    options.allow_invalid_utf8 = true; // counted as the tokenizer counts it
    boost::json::error_code failed;
    const auto value = boost::json::parse(line, failed, {}, options);
    if (failed) {
        return Error(ErrorCode::InvalidArgument, "it is not JSON: " + failed.message() + ".");
    }
    if (!value.is_object()) {
        return Error(ErrorCode::InvalidArgument, "it is not a JSON object.");
    }
    return value.get_object();
}

/// Calls `work` for each line of the file and prints what it makes.
int eachLine(const std::string& path, const RowWork& work)
{
    std::ifstream file;
    if (path != "-") {
        file.open(path, std::ios::binary);
        if (!file) {
            return fail(Error(
                ErrorCode::Io, "Cannot read " + path + ".", "Check the path and its rights."));
        }
    }
    std::istream& in = path == "-" ? std::cin : file;
    std::string line;
    std::int64_t number = 0;
    std::int64_t bad = 0;
    while (std::getline(in, line)) {
        ++number;
        if (line.find_first_not_of(" \t\r") == std::string::npos) {
            continue;
        }
        const auto row = parseRow(line);
        auto made = row ? work(*row) : Result<boost::json::object>(row.error());
        if (!made) {
            ++bad;
            std::fprintf(stderr, "headgate: %s line %lld: %s\n", path.c_str(),
                static_cast<long long>(number), made.error().text().c_str());
            continue;
        }
        const std::string text = boost::json::serialize(*made) + "\n";
        if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
            return exitFailed;
        }
    }
    std::fflush(stdout);
    return bad == 0 ? exitDone : exitFailed;
}

Result<std::string> textField(const boost::json::object& row, const char* field)
{
    const auto* value = row.if_contains(field);
    if (value == nullptr || !value->is_string()) {
        return Error(
            ErrorCode::InvalidArgument, "the field \"" + std::string(field) + "\" must be a text.");
    }
    return std::string(value->get_string());
}

boost::json::value idOf(const boost::json::object& row)
{
    const auto* id = row.if_contains("id");
    return id == nullptr ? boost::json::value(nullptr) : *id;
}

void printIndented(const boost::json::value& value, int depth)
{
    const std::string pad(static_cast<std::size_t>(depth) * 2, ' ');
    if (value.is_object() && !value.get_object().empty()) {
        std::printf("{\n");
        std::size_t left = value.get_object().size();
        for (const auto& member : value.get_object()) {
            std::printf("%s  %s: ", pad.c_str(), boost::json::serialize(member.key()).c_str());
            printIndented(member.value(), depth + 1);
            std::printf("%s\n", --left > 0 ? "," : "");
        }
        std::printf("%s}", pad.c_str());
    } else if (value.is_array() && !value.get_array().empty()) {
        std::printf("[\n");
        std::size_t left = value.get_array().size();
        for (const auto& item : value.get_array()) {
            std::printf("%s  ", pad.c_str());
            printIndented(item, depth + 1);
            std::printf("%s\n", --left > 0 ? "," : "");
        }
        std::printf("%s]", pad.c_str());
    } else {
        std::printf("%s", boost::json::serialize(value).c_str());
    }
}

} // namespace

Result<std::string> readFile(const std::string& path)
{
    std::ifstream file;
    if (path != "-") {
        file.open(path, std::ios::binary);
    }
    std::istream& in = path == "-" ? std::cin : file;
    std::string text;
    std::array<char, 64 * 1024> chunk{};
    while (in.read(chunk.data(), chunk.size()), in.gcount() > 0) {
        text.append(chunk.data(), static_cast<std::size_t>(in.gcount()));
    }
    if (!in.eof()) {
        return Error(ErrorCode::Io, "Cannot read " + path + ".", "Check the path and its rights.");
    }
    return text;
}

int countTokens(const boost::json::object& args, bool)
{
    const auto encoding = tokens::Encoding::named(std::string(args.at("encoding").as_string()));
    if (!encoding) {
        return fail(encoding.error());
    }
    return eachLine(std::string(args.at("file").as_string()),
        [&](const boost::json::object& row) -> Result<boost::json::object> {
            const auto text = textField(row, "text");
            if (!text) {
                return text.error();
            }
            return boost::json::object{{"id", idOf(row)}, {"count", (*encoding)->count(*text)}};
        });
}

int priceUsages(const boost::json::object& args, bool)
{
    std::optional<catalog::PriceList> own;
    if (const auto* path = args.if_contains("book"); path != nullptr) {
        const auto text = readFile(std::string(path->as_string()));
        if (!text) {
            return fail(text.error());
        }
        auto parsed = catalog::PriceList::parse(text.value());
        if (!parsed) {
            return fail(parsed.error());
        }
        own = std::move(*parsed);
    }
    const catalog::PriceList& list = own ? *own : catalog::defaultPriceList();
    const TimeUs nowUs = SystemClock().nowUs();
    return eachLine(std::string(args.at("file").as_string()),
        [&](const boost::json::object& row) -> Result<boost::json::object> {
            const auto priced = catalog::priceRow(boost::json::serialize(row), list, nowUs);
            if (!priced) {
                return priced.error();
            }
            return boost::json::parse(*priced).as_object();
        });
}

int showJson(const boost::json::object& row)
{
    printIndented(row, 0);
    std::printf("\n");
    std::fflush(stdout);
    return exitDone;
}

} // namespace headgate::app
