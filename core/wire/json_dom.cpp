// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/json_dom.h"

#include "core/base/limits.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace headgate::wire::dom {

namespace json = boost::json;

namespace {

/// Up to here a double holds every whole number exactly.
constexpr double wholeDoubleMax = 9'007'199'254'740'992.0;

/// Boost reads 1e400 as infinity and 0e400 as no number, and writes them as words that are no JSON.
bool isFinite(const json::value& value)
{
    if (const auto* number = value.if_double()) {
        return std::isfinite(*number);
    }
    if (const auto* array = value.if_array()) {
        return std::all_of(array->begin(), array->end(), isFinite);
    }
    if (const auto* object = value.if_object()) {
        return std::all_of(object->begin(), object->end(),
            [](const json::key_value_pair& member) { return isFinite(member.value()); });
    }
    return true;
}

} // namespace

Result<json::value> parse(std::string_view text, std::string_view what)
{
    json::parse_options options;
    options.max_depth = limits::jsonDepthMax;
    boost::system::error_code failed;
    json::value value = json::parse(key(text), failed, {}, options);
    if (failed == json::error::too_deep) {
        return Error(ErrorCode::InvalidArgument, std::string(what) + " is nested too deeply.",
            "Send JSON with at most " + std::to_string(limits::jsonDepthMax) + " levels.");
    }
    if (failed) {
        return Error(ErrorCode::InvalidArgument,
            std::string(what) + " is not valid JSON: " + failed.message() + ".",
            "Send one JSON object in UTF-8.");
    }
    if (!isFinite(value)) {
        return Error(ErrorCode::InvalidArgument,
            std::string(what) + " has a number beyond what numbers can hold.",
            "Send numbers below 1.8e308.");
    }
    return value;
}

Result<json::object> parseObject(std::string_view text, std::string_view what)
{
    Result<json::value> value = parse(text, what);
    if (!value) {
        return value.error();
    }
    if (!value->is_object()) {
        return Error(ErrorCode::InvalidArgument, std::string(what) + " is not a JSON object.",
            "Send one JSON object in UTF-8.");
    }
    return std::move(value->get_object());
}

std::string write(const json::value& value)
{
    return json::serialize(value);
}

const json::value* find(const json::object& object, std::string_view name)
{
    const json::value* value = object.if_contains(key(name));
    return value != nullptr && !value->is_null() ? value : nullptr;
}

const json::object* objectAt(const json::object& object, std::string_view name)
{
    const json::value* value = find(object, name);
    return value != nullptr ? value->if_object() : nullptr;
}

const json::array* arrayAt(const json::object& object, std::string_view name)
{
    const json::value* value = find(object, name);
    return value != nullptr ? value->if_array() : nullptr;
}

std::string_view stringAt(const json::object& object, std::string_view name)
{
    const json::value* value = find(object, name);
    return value != nullptr ? textOf(*value) : std::string_view();
}

std::optional<std::int64_t> wholeAt(const json::object& object, std::string_view name)
{
    const json::value* value = find(object, name);
    return value != nullptr ? wholeOf(*value) : std::nullopt;
}

std::optional<double> numberAt(const json::object& object, std::string_view name)
{
    const json::value* value = find(object, name);
    if (value == nullptr) {
        return std::nullopt;
    }
    if (const double* real = value->if_double()) {
        return std::isfinite(*real) ? std::optional(*real) : std::nullopt;
    }
    const std::optional<std::int64_t> whole = wholeOf(*value);
    return whole ? std::optional(static_cast<double>(*whole)) : std::nullopt;
}

std::optional<bool> boolAt(const json::object& object, std::string_view name)
{
    const json::value* value = find(object, name);
    const bool* flag = value != nullptr ? value->if_bool() : nullptr;
    return flag != nullptr ? std::optional(*flag) : std::nullopt;
}

std::optional<std::int64_t> wholeOf(const json::value& value)
{
    if (const std::int64_t* number = value.if_int64()) {
        return *number;
    }
    const double* real = value.if_double();
    if (real != nullptr && std::abs(*real) <= wholeDoubleMax && std::trunc(*real) == *real) {
        return static_cast<std::int64_t>(*real);
    }
    return std::nullopt;
}

std::string_view textOf(const json::value& value)
{
    const json::string* text = value.if_string();
    return text != nullptr ? std::string_view(text->data(), text->size()) : std::string_view();
}

json::string_view key(std::string_view text)
{
    return {text.data(), text.size()};
}

json::value without(const json::object& object, std::initializer_list<std::string_view> keys)
{
    json::object rest;
    for (const auto& member : object) {
        const std::string_view name(member.key().data(), member.key().size());
        if (std::find(keys.begin(), keys.end(), name) == keys.end()) {
            rest.emplace(member.key(), member.value());
        }
    }
    return rest.empty() ? json::value() : json::value(std::move(rest));
}

void addMissing(json::object& object, const json::value& more)
{
    const json::object* members = more.if_object();
    if (members == nullptr) {
        return;
    }
    for (const auto& member : *members) {
        if (!object.contains(member.key())) {
            object.emplace(member.key(), member.value());
        }
    }
}

} // namespace headgate::wire::dom
