// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/hosted_uses.h"

#include "core/wire/body_edit.h"
#include "core/wire/json_dom.h"
#include "core/wire/json_reader.h"

#include <algorithm>
#include <vector>

namespace headgate::wire {

namespace {

namespace json = boost::json;

constexpr std::string_view usesField = "max_uses";

/// Anthropic's tools that know the field; others refuse it.
bool canBeLimited(std::string_view type)
{
    return type.starts_with("web_search_") || type.starts_with("web_fetch_");
}

/// One tool of an Anthropic request that has no limit, and where one goes.
struct Place {
    std::size_t begin = 0;
    std::size_t end = 0;
    bool whole = false; ///< a null stands there; else a field is to be added
};

/// Looks at the tools of an Anthropic body.
class ToolReader {
public:
    bool read(std::string_view body)
    {
        return m_json.readObject(body, [this](JsonField& field) {
            if (field.key != "tools" || m_json.type(field.value) != JsonType::array) {
                return m_json.skip(field.value);
            }
            return m_json.eachElement(field.value,
                [this](JsonValue element, std::size_t /*index*/) { return tool(element); });
        });
    }
    [[nodiscard]] Error error() const { return m_json.error(); }
    [[nodiscard]] const std::vector<Place>& places() const { return m_places; }

private:
    bool tool(JsonValue element)
    {
        if (m_json.type(element) != JsonType::object) {
            return m_json.skip(element);
        }
        const std::size_t inside = m_json.tokenSpan(element).begin + 1;
        std::string type;
        Place place{inside, inside, false};
        bool limited = false;
        const bool ok = m_json.eachField(element, [&](JsonField& field) {
            if (field.key == "type" && m_json.type(field.value) == JsonType::string) {
                std::string_view text;
                const bool read = m_json.string(field.value, text);
                type = text;
                return read;
            }
            const bool isLimit = field.key == usesField;
            const bool isNull = isLimit && m_json.isNull(field.value);
            TextSpan span;
            if (!m_json.skip(field.value, span)) {
                return false;
            }
            limited = limited || (isLimit && !isNull);
            if (isNull) {
                place = {span.begin, span.end, true};
            }
            return true;
        });
        if (ok && canBeLimited(type) && !limited) {
            m_places.push_back(place);
        }
        return ok;
    }

    JsonReader m_json{"The body"};
    std::vector<Place> m_places;
};

HostedUses usesOfAnthropic(std::string_view body, const RequestView& view)
{
    HostedUses out;
    const Result<json::object> root = dom::parseObject(body, "The body");
    const json::array* tools = root ? dom::arrayAt(*root, "tools") : nullptr;
    if (tools == nullptr) {
        return out;
    }
    int known = 0;
    for (const json::value& entry : *tools) {
        const json::object* tool = entry.if_object();
        if (tool == nullptr) {
            continue;
        }
        const auto uses = dom::wholeAt(*tool, usesField);
        const bool limits = canBeLimited(dom::stringAt(*tool, "type"));
        const json::value* field = dom::find(*tool, usesField);
        if (limits && (field == nullptr || field->is_null())) {
            ++out.unlimited;
            ++known;
        } else if (uses && *uses >= 0) {
            out.given += std::min<std::int64_t>(*uses, 1'000'000);
            ++known;
        }
    }
    return known == view.hostedTools ? out : HostedUses();
}

} // namespace

HostedUses hostedUsesOf(std::string_view body, const RequestView& view)
{
    if (view.hostedTools == 0 || view.hostedUsesMax) {
        return {};
    }
    switch (view.dialect) {
    case Dialect::Responses:
        return {1, 0};
    case Dialect::Anthropic:
        return usesOfAnthropic(body, view);
    case Dialect::Chat:
    case Dialect::Gemini:
    case Dialect::Ollama:
        break;
    }
    return {};
}

Result<std::string> limitHostedUses(std::string_view body, Dialect dialect, std::int64_t uses)
{
    const std::string number = std::to_string(uses);
    if (dialect == Dialect::Responses) {
        return editBody(body, {{"max_tool_calls", number}});
    }
    ToolReader reader;
    if (!reader.read(body)) {
        return reader.error();
    }
    std::vector<Splice> splices;
    for (const Place& place : reader.places()) {
        splices.push_back(
            {place.begin, place.end, place.whole ? number : "\"max_uses\":" + number + ","});
    }
    return spliced(body, std::move(splices));
}

void limitHostedUses(Conversation& conversation, std::int64_t uses)
{
    for (Tool& tool : conversation.tools) {
        if (!tool.hosted) {
            continue;
        }
        if (!tool.native.value.is_object()) {
            tool.native = {conversation.source, json::object()};
        }
        json::object& fields = tool.native.value.get_object();
        const auto own = dom::wholeAt(fields, usesField);
        if (!own || *own < 0 || *own > uses) {
            fields[usesField] = uses;
        }
    }
}

} // namespace headgate::wire
