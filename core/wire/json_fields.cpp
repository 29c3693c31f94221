// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/json_fields.h"

#include "core/wire/json_dom.h"

#include <boost/json/array.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace headgate::wire::dom {

namespace json = boost::json;

std::optional<std::string> text(const json::value& value)
{
    const json::string* string = value.if_string();
    if (string == nullptr) {
        return std::nullopt;
    }
    return std::string(string->data(), string->size());
}

std::optional<std::int64_t> whole(const json::value& value)
{
    if (const std::optional<std::int64_t> number = wholeOf(value)) {
        return number;
    }
    if (const json::string* digits = value.if_string()) {
        std::int64_t number = 0;
        const char* end = digits->data() + digits->size();
        const auto [at, failed] = std::from_chars(digits->data(), end, number);
        if (failed == std::errc() && at == end && !digits->empty()) {
            return number;
        }
    }
    return std::nullopt;
}

std::optional<double> number(const json::value& value)
{
    if (const double* real = value.if_double()) {
        return std::isfinite(*real) ? std::optional(*real) : std::nullopt;
    }
    if (const std::int64_t* integer = value.if_int64()) {
        return static_cast<double>(*integer);
    }
    return std::nullopt;
}

std::optional<bool> boolean(const json::value& value)
{
    const bool* flag = value.if_bool();
    return flag != nullptr ? std::optional(*flag) : std::nullopt;
}

std::optional<std::vector<std::string>> texts(const json::value& value)
{
    const json::array* array = value.if_array();
    if (array == nullptr) {
        return std::nullopt;
    }
    std::vector<std::string> out;
    for (const json::value& entry : *array) {
        const json::string* string = entry.if_string();
        if (string == nullptr) {
            return std::nullopt;
        }
        out.emplace_back(string->data(), string->size());
    }
    return out;
}

json::value plainNumber(double number)
{
    const std::optional<std::int64_t> integer = wholeOf(json::value(number));
    return integer ? json::value(*integer) : json::value(number);
}

std::string snakeCase(std::string_view camelCase)
{
    std::string out;
    for (const char c : camelCase) {
        if (c >= 'A' && c <= 'Z') {
            out += '_';
            out += static_cast<char>(c - 'A' + 'a');
        } else {
            out += c;
        }
    }
    return out;
}

void mergeMissing(json::object& object, const json::object& more)
{
    for (const auto& [key, value] : more) {
        json::value* there = object.if_contains(key);
        if (there == nullptr) {
            object[key] = value;
        } else if (there->is_object() && value.is_object()) {
            mergeMissing(there->get_object(), value.get_object());
        }
    }
}

const json::value* Fields::peek(std::string_view name) const
{
    const json::value* value = m_object->if_contains(key(name));
    if (value == nullptr && m_spelling == Spelling::SnakeToo) {
        value = m_object->if_contains(key(snakeCase(name)));
    }
    return value;
}

std::string Fields::spelled(std::string_view name) const
{
    if (m_object->if_contains(key(name)) != nullptr) {
        return std::string(name);
    }
    std::string other = snakeCase(name);
    const bool there
        = m_spelling == Spelling::SnakeToo && m_object->if_contains(key(other)) != nullptr;
    return there ? other : std::string();
}

const json::value* Fields::take(std::string_view name)
{
    const json::value* value = peek(name);
    if (value == nullptr || value->is_null()) {
        return nullptr;
    }
    m_taken.push_back(value);
    return value;
}

const json::object* Fields::takeObject(std::string_view name)
{
    const json::value* value = peek(name);
    const json::object* object = value != nullptr ? value->if_object() : nullptr;
    if (object != nullptr) {
        m_taken.push_back(value);
    }
    return object;
}

template <typename T>
std::optional<T> Fields::takeAs(std::string_view name, std::optional<T> (*read)(const json::value&))
{
    const json::value* value = peek(name);
    std::optional<T> out = value != nullptr ? read(*value) : std::nullopt;
    if (out) {
        m_taken.push_back(value);
    }
    return out;
}

std::optional<std::string> Fields::takeText(std::string_view name)
{
    return takeAs<std::string>(name, text);
}

std::optional<std::int64_t> Fields::takeWhole(std::string_view name)
{
    return takeAs<std::int64_t>(name, whole);
}

std::optional<double> Fields::takeNumber(std::string_view name)
{
    return takeAs<double>(name, number);
}

std::optional<bool> Fields::takeBoolean(std::string_view name)
{
    return takeAs<bool>(name, boolean);
}

std::optional<std::vector<std::string>> Fields::takeTexts(std::string_view name)
{
    return takeAs<std::vector<std::string>>(name, texts);
}

json::object Fields::rest() const
{
    json::object out;
    for (const auto& member : *m_object) {
        if (std::find(m_taken.begin(), m_taken.end(), &member.value()) == m_taken.end()) {
            out[member.key()] = member.value();
        }
    }
    return out;
}

} // namespace headgate::wire::dom
