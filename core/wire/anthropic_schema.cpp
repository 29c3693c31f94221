// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/anthropic_wire.h"

#include <algorithm>
#include <array>

namespace headgate::wire::anthropic {

namespace json = boost::json;

namespace {

/// Keywords that structured outputs refuse. What they say goes into the description, as Anthropic's
/// own SDKs do it, so that the model still reads it.
constexpr std::array<std::string_view, 25> refused{"minimum", "maximum", "exclusiveMinimum",
    "exclusiveMaximum", "multipleOf", "minLength", "maxLength", "maxItems", "uniqueItems",
    "minProperties", "maxProperties", "prefixItems", "patternProperties", "propertyNames",
    "dependentRequired", "dependentSchemas", "if", "then", "else", "not", "contains", "minContains",
    "maxContains", "unevaluatedProperties", "unevaluatedItems"};
/// Say nothing about what is accepted.
constexpr std::array<std::string_view, 3> silent{"$schema", "$id", "propertyOrdering"};
constexpr std::array<std::string_view, 10> formats{
    "date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"};

template <typename List>
bool has(const List& list, std::string_view word)
{
    return std::find(list.begin(), list.end(), word) != list.end();
}

class Adapter {
public:
    explicit Adapter(std::set<std::string>& removed) : m_removed(removed) { }

    json::value adapt(const json::value& schema)
    {
        const json::object* object = schema.if_object();
        return object != nullptr ? json::value(adaptObject(*object)) : schema;
    }

private:
    json::object adaptObject(const json::object& schema)
    {
        json::object out;
        json::object notes;
        for (const auto& member : schema) {
            const std::string_view name(member.key().data(), member.key().size());
            if (has(silent, name)) {
                continue;
            }
            if (refuses(name, member.value())) {
                m_removed.insert(std::string(name));
                notes.emplace(member.key(), member.value());
                continue;
            }
            put(out, name, member.value());
        }
        closeObject(out);
        splitTypes(out);
        if (!notes.empty()) {
            std::string text(dom::stringAt(out, "description"));
            text += text.empty() ? "" : "\n\n";
            out["description"] = text + dom::write(notes);
        }
        return out;
    }

    static bool refuses(std::string_view name, const json::value& value)
    {
        if (name == "minItems") {
            return dom::wholeOf(value).value_or(2) > 1;
        }
        if (name == "format") {
            return !has(formats, dom::textOf(value));
        }
        return has(refused, name);
    }

    void put(json::object& out, std::string_view name, const json::value& value)
    {
        if (name == "properties" || name == "$defs" || name == "definitions") {
            out[dom::key(name)] = adaptMembers(value);
        } else if (name == "anyOf" || name == "allOf" || name == "oneOf") {
            // Exactly one of several is not checked there; any of them is.
            out[dom::key(name == "oneOf" ? "anyOf" : name)] = adaptElements(value);
        } else if (name == "items") {
            out[dom::key(name)] = adapt(value);
        } else {
            out[dom::key(name)] = value;
        }
    }

    json::value adaptMembers(const json::value& value)
    {
        const json::object* members = value.if_object();
        if (members == nullptr) {
            return value;
        }
        json::object out;
        for (const auto& member : *members) {
            out.emplace(member.key(), adapt(member.value()));
        }
        return out;
    }

    json::value adaptElements(const json::value& value)
    {
        const json::array* elements = value.if_array();
        if (elements == nullptr) {
            return value;
        }
        json::array out;
        for (const json::value& element : *elements) {
            out.push_back(adapt(element));
        }
        return out;
    }

    void closeObject(json::object& schema)
    {
        if (dom::stringAt(schema, "type") != "object" && !schema.contains("properties")) {
            return;
        }
        const json::value* open = dom::find(schema, "additionalProperties");
        if (open != nullptr && (!open->is_bool() || open->get_bool())) {
            m_removed.insert("additionalProperties");
        }
        schema["additionalProperties"] = false;
    }

    /// {"type": ["string", "null"]} is refused; any of two schemas is not.
    static void splitTypes(json::object& schema)
    {
        const json::array* types = dom::arrayAt(schema, "type");
        if (types == nullptr || schema.contains("anyOf")) {
            return;
        }
        json::object base = schema;
        base.erase("type");
        json::value description;
        if (const json::value* text = dom::find(base, "description")) {
            description = *text;
            base.erase("description");
        }
        json::array any;
        for (const json::value& type : *types) {
            json::object one;
            one["type"] = type;
            if (dom::textOf(type) != "null") {
                dom::addMissing(one, base);
            }
            any.push_back(std::move(one));
        }
        schema.clear();
        if (!description.is_null()) {
            schema["description"] = std::move(description);
        }
        schema["anyOf"] = std::move(any);
    }

    std::set<std::string>& m_removed;
};

} // namespace

json::value adaptSchema(const json::value& schema, std::set<std::string>& removed)
{
    return Adapter(removed).adapt(schema);
}

} // namespace headgate::wire::anthropic
