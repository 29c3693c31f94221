// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/verbs.h"

#include <boost/json.hpp>

#include <charconv>
#include <cstdio>

namespace headgate::service {

namespace json = boost::json;

namespace {

Error wrongArg(const char* name, const std::string& what, const std::string& remedy = {})
{
    return Error(ErrorCode::InvalidArgument, std::string("\"") + name + "\" " + what + ".", remedy);
}

template <typename T>
bool readWhole(std::string_view text, T& out)
{
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
    return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

const VerbTable& verbTable()
{
    static const VerbTable table = [] {
        VerbTable all;
        addGeneralVerbs(all);
        addLedgerVerbs(all);
        addPoolVerbs(all);
        addKeyVerbs(all);
        addCatalogVerbs(all);
        addPriceVerbs(all);
        addActivityVerbs(all);
        return all;
    }();
    return table;
}

std::int64_t daysFromCivil(std::int64_t year, unsigned month, unsigned day)
{
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms".
    year -= month <= 2 ? 1 : 0;
    const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
    const auto yearOfEra = static_cast<unsigned>(year - era * 400);
    const unsigned dayOfYear = (153 * (month + (month > 2 ? -3U : 9U)) + 2) / 5 + day - 1;
    const unsigned dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear;
    return era * 146097 + static_cast<std::int64_t>(dayOfEra) - 719468;
}

std::optional<TimeUs> parseIso(const std::string& text)
{
    int year = 0;
    unsigned month = 0;
    unsigned day = 0;
    unsigned hour = 0;
    unsigned minute = 0;
    unsigned second = 0;
    int used = 0;
    if (std::sscanf(text.c_str(), "%4d-%2u-%2u%n", &year, &month, &day, &used) != 3 || used != 10) {
        return std::nullopt;
    }
    std::string rest = text.substr(10);
    if (!rest.empty()) {
        int usedTime = 0;
        const char mark = rest.front();
        const char* clock = rest.c_str() + 1;
        if ((mark != 'T' && mark != ' ')
            || (std::sscanf(clock, "%2u:%2u:%2u%n", &hour, &minute, &second, &usedTime) != 3
                && std::sscanf(clock, "%2u:%2u%n", &hour, &minute, &usedTime) != 2)) {
            return std::nullopt;
        }
        const std::string end = rest.substr(1 + static_cast<std::size_t>(usedTime));
        const bool fraction
            = end.starts_with('.') && end.find_first_not_of("0123456789", 1) >= end.size() - 1;
        if (!end.empty() && end != "Z" && !fraction) {
            return std::nullopt;
        }
    }
    if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 59) {
        return std::nullopt;
    }
    return daysFromCivil(year, month, day) * usPerDay + hour * usPerHour + minute * usPerMinute
        + second * usPerSecond;
}

std::optional<TimeUs> parseBefore(const std::string& text, TimeUs nowUs)
{
    std::int64_t count = 0;
    if (text.size() < 2 || !readWhole(std::string_view(text).substr(0, text.size() - 1), count)
        || count < 0 || count > 100'000) {
        return std::nullopt;
    }
    switch (text.back()) {
    case 's':
        return nowUs - count * usPerSecond;
    case 'm':
        return nowUs - count * usPerMinute;
    case 'h':
        return nowUs - count * usPerHour;
    case 'd':
        return nowUs - count * usPerDay;
    case 'w':
        return nowUs - count * 7 * usPerDay;
    default:
        return std::nullopt;
    }
}

} // namespace

Result<void> runVerb(
    Service& service, const std::string& verb, const boost::json::object& args, const RowSink& row)
{
    const auto found = verbTable().find(verb);
    if (found == verbTable().end()) {
        return Error(ErrorCode::NotFound, "There is no verb \"" + verb + "\".",
            "`headgate --help` lists them.");
    }
    return found->second(VerbCall{service, args, row});
}

bool hasArg(const json::object& args, const char* name)
{
    const auto* value = args.if_contains(name);
    return value != nullptr && !value->is_null();
}

std::string textArg(const json::object& args, const char* name)
{
    const auto* value = args.if_contains(name);
    if (value == nullptr || value->is_null()) {
        return {};
    }
    return value->is_string() ? std::string(value->as_string()) : json::serialize(*value);
}

Result<std::string> neededArg(const json::object& args, const char* name)
{
    std::string text = textArg(args, name);
    if (text.empty()) {
        return wrongArg(name, "is missing");
    }
    return text;
}

Result<std::int64_t> intArg(const json::object& args, const char* name, std::int64_t otherwise)
{
    if (!hasArg(args, name)) {
        return otherwise;
    }
    std::int64_t out = 0;
    if (!readWhole(textArg(args, name), out)) {
        return wrongArg(name, "is not a whole number");
    }
    return out;
}

bool flagArg(const json::object& args, const char* name, bool otherwise)
{
    const auto* value = args.if_contains(name);
    return value != nullptr && value->is_bool() ? value->as_bool() : otherwise;
}

std::vector<std::string> listArg(const json::object& args, const char* name)
{
    std::vector<std::string> out;
    const auto* value = args.if_contains(name);
    if (value != nullptr && value->is_array()) {
        for (const auto& item : value->as_array()) {
            if (item.is_string()) {
                out.emplace_back(item.as_string());
            }
        }
    } else if (value != nullptr && value->is_string()) {
        out.emplace_back(value->as_string());
    }
    return out;
}

Result<int> percentArg(const json::object& args, const char* name)
{
    std::string text = textArg(args, name);
    if (text.ends_with('%')) {
        text.pop_back();
    }
    int percent = 0;
    if (!readWhole(text, percent)) {
        return wrongArg(name, "is not a percentage", "Write for instance 20%.");
    }
    return percent;
}

Result<TimeUs> parseTime(const std::string& text, TimeUs nowUs)
{
    if (const auto before = parseBefore(text, nowUs)) {
        return *before;
    }
    if (const auto at = parseIso(text)) {
        return *at;
    }
    return Error(ErrorCode::InvalidArgument, "\"" + text + "\" is not a time.",
        "Write 1h, 30m or 7d (before now), 2026-11-01, or 2026-11-01T12:00:00Z.");
}

Result<TimeUs> timeArg(const json::object& args, const char* name)
{
    const std::string text = textArg(args, name);
    return text.empty() ? Result<TimeUs>(TimeUs{0}) : parseTime(text, SystemClock().nowUs());
}

Result<std::vector<std::pair<std::string, std::string>>> filterArg(const json::object& args)
{
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& pair : listArg(args, "filter")) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos || equals == 0) {
            return Error(ErrorCode::InvalidArgument,
                "The filter \"" + pair + "\" is not of the form field=value.",
                "Write for instance --filter team=search.");
        }
        out.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
    }
    return out;
}

std::string actorArg(const json::object& args)
{
    const std::string actor = textArg(args, "actor");
    return actor.empty() ? "cli" : actor;
}

void putTime(json::object& row, const std::string& name, TimeUs at)
{
    if (at == 0) {
        row[name] = nullptr;
        row[name + "_us"] = nullptr;
    } else {
        row[name] = toIso8601(at);
        row[name + "_us"] = at;
    }
}

json::array textsJson(const std::vector<std::string>& list)
{
    json::array out;
    for (const auto& text : list) {
        out.emplace_back(text);
    }
    return out;
}

Result<void> send(const VerbCall& call, const json::object& row)
{
    if (!call.row(row)) {
        return Error(ErrorCode::Unavailable, "The receiver of the answer is gone.");
    }
    return {};
}

} // namespace headgate::service
