// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/text.h"
#include "core/wire/gemini_parts.h"

#include <algorithm>
#include <array>

namespace headgate::wire::gemini {

namespace json = boost::json;

namespace {

std::string_view view(json::string_view text)
{
    return {text.data(), text.size()};
}

std::string raised(std::string_view text)
{
    std::string out(text);
    for (char& c : out) {
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
    }
    return out;
}

bool oneOf(std::string_view word, std::initializer_list<std::string_view> words)
{
    return std::find(words.begin(), words.end(), word) != words.end();
}

bool holdsSchemaMap(std::string_view key)
{
    return oneOf(key, {"properties", "$defs", "defs", "definitions"});
}

bool holdsSchemaList(std::string_view key)
{
    return oneOf(key, {"anyOf", "any_of", "oneOf", "allOf", "prefixItems", "prefix_items"});
}

bool holdsSchema(std::string_view key)
{
    return oneOf(key, {"items", "additionalProperties", "additional_properties"});
}

/// Google writes 64-bit numbers as strings.
bool holdsCount(std::string_view key)
{
    return oneOf(toLower(key),
        {"minitems", "maxitems", "minlength", "maxlength", "minproperties", "maxproperties",
            "min_items", "max_items", "min_length", "max_length", "min_properties",
            "max_properties"});
}

/// "min_items" → "minItems": other protocols know only one spelling.
std::string camelCase(std::string_view name)
{
    std::string out;
    bool raise = false;
    for (const char c : name) {
        if (c == '_') {
            raise = true;
        } else {
            out += raise ? raised(std::string_view(&c, 1)) : std::string(1, c);
            raise = false;
        }
    }
    return out;
}

json::value mapped(const json::value& value, json::value (*convert)(const json::value&))
{
    if (const json::array* list = value.if_array()) {
        json::array out;
        for (const json::value& entry : *list) {
            out.push_back(convert(entry));
        }
        return out;
    }
    if (const json::object* map = value.if_object()) {
        json::object out;
        for (const auto& [name, entry] : *map) {
            out[name] = convert(entry);
        }
        return out;
    }
    return value;
}

json::value jsonSchemaOf(std::string_view key, const json::value& value)
{
    if (holdsSchemaMap(key) || holdsSchemaList(key)) {
        return mapped(value, toJsonSchema);
    }
    if (holdsSchema(key)) {
        return toJsonSchema(value);
    }
    if (holdsCount(key)) {
        const std::optional<std::int64_t> count = dom::whole(value);
        return count ? json::value(*count) : value;
    }
    return value;
}

void applyNullable(json::object& schema)
{
    json::value* type = schema.if_contains("type");
    if (type != nullptr && type->is_string()) {
        schema["type"] = json::array{*type, "null"};
    }
    if (json::value* list = schema.if_contains("enum")) {
        if (json::array* values = list->if_array()) {
            values->emplace_back(nullptr);
        }
    }
}

// --- the other way: null where Google's subset cannot say it

constexpr std::array<std::string_view, 20> plainKeywords{"title", "description", "required",
    "minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties", "minimum",
    "maximum", "pattern", "example", "default", "propertyOrdering", "nullable", "enum", "format",
    "type", "$schema"};

bool formatKnown(std::string_view type, std::string_view format)
{
    if (type == "string") {
        return oneOf(format, {"enum", "date-time"});
    }
    if (type == "integer") {
        return oneOf(format, {"int32", "int64"});
    }
    return type == "number" && oneOf(format, {"float", "double"});
}

/// "string", or ["string", "null"].
bool readType(const json::value& value, std::string& type, bool& nullable)
{
    if (const json::string* single = value.if_string()) {
        type = view(*single);
        return type != "null";
    }
    const json::array* list = value.if_array();
    if (list == nullptr || list->size() != 2) {
        return false;
    }
    for (const json::value& entry : *list) {
        const std::string word = dom::text(entry).value_or(std::string());
        if (word == "null") {
            nullable = true;
        } else {
            type = word;
        }
    }
    return nullable && !type.empty();
}

bool enumKnown(const json::object& schema, std::string_view type)
{
    const json::value* list = schema.if_contains("enum");
    return list == nullptr || (type == "string" && dom::texts(*list).has_value());
}

bool keywordsKnown(const json::object& schema)
{
    return std::all_of(schema.begin(), schema.end(), [](const auto& member) {
        const std::string_view key = view(member.key());
        return oneOf(key, {"properties", "items", "anyOf"})
            || std::find(plainKeywords.begin(), plainKeywords.end(), key) != plainKeywords.end();
    });
}

/// Converts each schema of a list or map; false when one of them goes beyond the subset.
bool convertAll(const json::value& from, json::value& to)
{
    to = mapped(from, toOpenApi);
    if (const json::array* list = to.if_array()) {
        return std::none_of(
            list->begin(), list->end(), [](const json::value& entry) { return entry.is_null(); });
    }
    const json::object* map = to.if_object();
    return map != nullptr && std::none_of(map->begin(), map->end(), [](const auto& member) {
        return member.value().is_null();
    });
}

bool convertMember(std::string_view key, const json::value& value, json::value& to)
{
    if (key == "properties" || key == "anyOf") {
        return convertAll(value, to);
    }
    to = key == "items" ? toOpenApi(value) : value;
    return !to.is_null();
}

} // namespace

json::value toJsonSchema(const json::value& schema)
{
    const json::object* object = schema.if_object();
    if (object == nullptr) {
        return schema;
    }
    json::object out;
    bool nullable = false;
    for (const auto& [key, value] : *object) {
        const std::string name = camelCase(view(key));
        const json::string* type = name == "type" ? value.if_string() : nullptr;
        if (type != nullptr) {
            const std::string word = toLower(view(*type));
            if (word != "type_unspecified") {
                out["type"] = word;
            }
        } else if (name == "nullable" && value.is_bool()) {
            nullable = value.get_bool();
        } else if (name != "propertyOrdering") { // the properties are in their order anyway
            out[name] = jsonSchemaOf(name, value);
        }
    }
    if (nullable) {
        applyNullable(out);
    }
    return out;
}

json::value toOpenApi(const json::value& schema)
{
    const json::object* object = schema.if_object();
    if (object == nullptr || !keywordsKnown(*object)) {
        return nullptr;
    }
    std::string type;
    bool nullable = false;
    const json::value* typeValue = object->if_contains("type");
    const bool typed = typeValue != nullptr && readType(*typeValue, type, nullable);
    if (typed ? !enumKnown(*object, type) : typeValue != nullptr || !object->contains("anyOf")) {
        return nullptr;
    }
    const json::object* properties = dom::objectAt(*object, "properties");
    if (type == "object" && (properties == nullptr || properties->empty())) {
        return nullptr; // refused by the API as OBJECT without properties
    }
    const std::string format = std::string(dom::stringAt(*object, "format"));
    if (!format.empty() && !formatKnown(type, format)) {
        return nullptr;
    }
    json::object out;
    for (const auto& [key, value] : *object) {
        const std::string_view name = view(key);
        if (name == "type") {
            out["type"] = raised(type);
        } else if (name != "$schema") {
            json::value converted;
            if (!convertMember(name, value, converted)) {
                return nullptr;
            }
            out[key] = std::move(converted);
        }
    }
    if (nullable) {
        out["nullable"] = true;
    }
    return out;
}

} // namespace headgate::wire::gemini
