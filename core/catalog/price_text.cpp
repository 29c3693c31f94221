// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_text.h"

#include "core/base/limits.h"

#include <simdjson.h>

#include <algorithm>
#include <limits>

namespace headgate::catalog {

namespace {

namespace ondemand = simdjson::ondemand;

std::string_view trimmedEnd(std::string_view text)
{
    const auto last = text.find_last_not_of(" \t\r\n");
    return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

// simdjson reports through exceptions here; they end in parseJsonText().
JsonText read(ondemand::value value, std::size_t depth);

JsonText readObject(ondemand::object object, std::size_t depth)
{
    JsonText node;
    node.kind = JsonText::Kind::Object;
    for (auto field : object) {
        const std::string_view key = field.unescaped_key();
        std::string name(key);
        node.members.emplace_back(std::move(name), read(field.value(), depth));
    }
    return node;
}

JsonText readArray(ondemand::array array, std::size_t depth)
{
    JsonText node;
    node.kind = JsonText::Kind::Array;
    for (auto entry : array) {
        node.members.emplace_back(std::string(), read(entry.value(), depth));
    }
    return node;
}

JsonText read(ondemand::value value, std::size_t depth)
{
    if (depth > limits::jsonDepthMax) {
        throw simdjson::simdjson_error(simdjson::DEPTH_ERROR);
    }
    JsonText node;
    const ondemand::json_type type = value.type();
    if (type == ondemand::json_type::object) {
        return readObject(value.get_object(), depth + 1);
    }
    if (type == ondemand::json_type::array) {
        return readArray(value.get_array(), depth + 1);
    }
    if (type == ondemand::json_type::string) {
        node.kind = JsonText::Kind::String;
        node.text = std::string_view(value.get_string());
    } else if (type == ondemand::json_type::number) {
        node.kind = JsonText::Kind::Number;
        node.text = trimmedEnd(value.raw_json_token());
    } else if (type == ondemand::json_type::boolean) {
        node.kind = JsonText::Kind::Boolean;
        node.text = bool(value.get_bool()) ? "true" : "false";
    } else if (!value.is_null()) {
        throw simdjson::simdjson_error(simdjson::N_ATOM_ERROR);
    }
    return node;
}

Error notDecimal(std::string_view decimal)
{
    return {ErrorCode::InvalidArgument,
        "\"" + std::string(decimal.substr(0, 40)) + "\" is not a price.",
        "Write a decimal that is not negative, such as 0.15 or 1.5e-07."};
}

/// Digits without the dot, and the power of ten that belongs to them.
struct Digits {
    std::string digits;
    std::int64_t exponent = 0;
};

Result<Digits> splitDecimal(std::string_view decimal)
{
    Digits parts;
    bool dot = false;
    std::size_t at = 0;
    for (; at < decimal.size() && decimal[at] != 'e' && decimal[at] != 'E'; ++at) {
        const char c = decimal[at];
        if (c == '.' && !dot) {
            dot = true;
        } else if (c >= '0' && c <= '9') {
            parts.digits += c;
            parts.exponent -= dot ? 1 : 0;
        } else {
            return notDecimal(decimal);
        }
    }
    if (parts.digits.empty() || parts.digits.size() > 60) {
        return notDecimal(decimal);
    }
    if (at == decimal.size()) {
        return parts;
    }
    ++at;
    const bool minus = at < decimal.size() && decimal[at] == '-';
    at += at < decimal.size() && (decimal[at] == '-' || decimal[at] == '+') ? 1 : 0;
    std::int64_t exponent = 0;
    if (at == decimal.size() || decimal.size() - at > 3) {
        return notDecimal(decimal);
    }
    for (; at < decimal.size(); ++at) {
        if (decimal[at] < '0' || decimal[at] > '9') {
            return notDecimal(decimal);
        }
        exponent = exponent * 10 + (decimal[at] - '0');
    }
    parts.exponent += minus ? -exponent : exponent;
    return parts;
}

} // namespace

const JsonText* JsonText::find(std::string_view key) const
{
    if (kind != Kind::Object) {
        return nullptr;
    }
    const auto found = std::find_if(
        members.begin(), members.end(), [&](const auto& member) { return member.first == key; });
    return found != members.end() ? &found->second : nullptr;
}

std::string_view JsonText::string(std::string_view key) const
{
    const JsonText* member = find(key);
    return member != nullptr && member->kind == Kind::String ? std::string_view(member->text)
                                                             : std::string_view();
}

bool JsonText::boolean(std::string_view key, bool otherwise) const
{
    const JsonText* member = find(key);
    return member != nullptr && member->kind == Kind::Boolean ? member->text == "true" : otherwise;
}

Result<JsonText> parseJsonText(std::string_view json)
{
    try {
        const simdjson::padded_string padded(json);
        ondemand::parser parser;
        ondemand::document document = parser.iterate(padded);
        // A document that is a bare scalar is of no use to any caller.
        JsonText node;
        const ondemand::json_type type = document.type();
        if (type == ondemand::json_type::object) {
            node = readObject(document.get_object(), 1);
        } else if (type == ondemand::json_type::array) {
            node = readArray(document.get_array(), 1);
        } else {
            return Error(ErrorCode::InvalidArgument, "The JSON is neither an object nor a list.");
        }
        if (document.current_location().error() == simdjson::SUCCESS) { // not at the end
            return Error(ErrorCode::InvalidArgument, "The JSON has text after its end.");
        }
        return node;
    } catch (const simdjson::simdjson_error& error) {
        return Error(ErrorCode::InvalidArgument,
            std::string("The JSON is malformed: ") + error.what() + ".");
    }
}

std::string duplicateName(const JsonText& root)
{
    if (root.isObject()) {
        std::vector<std::string_view> names;
        names.reserve(root.members.size());
        for (const auto& member : root.members) {
            names.push_back(member.first);
        }
        std::sort(names.begin(), names.end());
        const auto twice = std::adjacent_find(names.begin(), names.end());
        if (twice != names.end()) {
            return twice->empty() ? std::string("\"\"") : std::string(*twice);
        }
    }
    for (const auto& member : root.members) { // as deep as the parser allows, which is not deep
        if (std::string inner = duplicateName(member.second); !inner.empty()) {
            return inner;
        }
    }
    return {};
}

Result<std::int64_t> scaledDecimalUp(std::string_view decimal, int scale)
{
    const Result<Digits> split = splitDecimal(decimal);
    if (!split) {
        return split.error();
    }
    const Digits& parts = split.value();
    std::string digits = parts.digits;
    const std::int64_t shift = parts.exponent + scale;
    bool rest = false;
    for (std::int64_t i = shift; i < 0 && !digits.empty(); ++i) {
        rest = rest || digits.back() != '0';
        digits.pop_back();
    }
    std::int64_t value = 0;
    const bool zero = digits.find_first_not_of('0') == std::string::npos;
    if (!zero && shift > 0) {
        digits.append(static_cast<std::size_t>(std::min<std::int64_t>(shift, 40)), '0');
    }
    for (const char c : digits) {
        if (__builtin_mul_overflow(value, std::int64_t{10}, &value)
            || __builtin_add_overflow(value, std::int64_t{c - '0'}, &value)) {
            return Error(ErrorCode::OutOfRange,
                "The price \"" + std::string(decimal.substr(0, 40)) + "\" is too large.");
        }
    }
    if (rest && __builtin_add_overflow(value, std::int64_t{1}, &value)) {
        return Error(ErrorCode::OutOfRange, "A price is too large.");
    }
    return value;
}

} // namespace headgate::catalog
