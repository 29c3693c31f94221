// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/meaning.h"

#include "core/wire/json_dom.h"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cstdio>
#include <map>

namespace headgate::wire {

namespace {

namespace json = boost::json;

constexpr std::size_t shownBytes = 160;

/// Without white space: dialects join the same texts with different seams.
std::string seamless(std::string_view text)
{
    std::string out;
    for (const char c : text) {
        if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
            out += c;
        }
    }
    return out;
}

std::string number(const json::value& value)
{
    // 1 and 1.0 are the same number; the last digits of a double depend on who printed it.
    char text[40];
    const double real = value.is_double() ? value.get_double()
        : value.is_int64()                ? static_cast<double>(value.get_int64())
                                          : static_cast<double>(value.get_uint64());
    std::snprintf(text, sizeof text, "%.12g", real);
    return text;
}

/// JSON with its members in order of their names.
void sortedText(const json::value& value, std::string& out)
{
    if (const json::object* object = value.if_object()) {
        std::map<std::string, const json::value*> members;
        for (const auto& member : *object) {
            members.emplace(std::string(member.key()), &member.value());
        }
        out += '{';
        for (const auto& [key, inner] : members) {
            out += key + ':';
            sortedText(*inner, out);
            out += ',';
        }
        out += '}';
    } else if (const json::array* array = value.if_array()) {
        out += '[';
        for (const json::value& inner : *array) {
            sortedText(inner, out);
            out += ',';
        }
        out += ']';
    } else {
        out += value.is_number() ? number(value) : json::serialize(value);
    }
}

/// Arguments as an object when they are one: white space and order say nothing.
std::string argumentsText(const Part& call)
{
    const std::string given = call.arguments.empty() ? "{}" : call.arguments;
    Result<json::value> value = dom::parse(given, "The arguments");
    if (!value) {
        return seamless(given);
    }
    const json::object* object = value->if_object();
    const json::value* input
        = object != nullptr && object->size() == 1 ? dom::find(*object, "input") : nullptr;
    // A tool with free text takes it as {"input": text} where tools have only objects.
    if (input != nullptr && input->is_string()) {
        return seamless(dom::textOf(*input));
    }
    std::string out;
    sortedText(*value, out);
    return out;
}

std::string mediaText(const Part& part)
{
    const char* const kind = part.kind == Part::Kind::Image ? "image "
        : part.kind == Part::Kind::Audio                    ? "audio "
                                                            : "file ";
    if (!part.data.empty()) {
        return kind + std::to_string(std::hash<std::string>()(part.data));
    }
    // What is behind an address is told by its end or not at all.
    return part.url.empty() ? kind + part.fileId : "media " + part.url;
}

/// Where a result must be an object, a text or a list becomes {"result": …} or {"output": …}.
std::string unwrapped(const std::string& text)
{
    const Result<json::object> object = dom::parseObject(text, "The result");
    if (!object || object->size() != 1) {
        return text;
    }
    for (const char* const key : {"result", "output", "error"}) {
        if (const json::value* inner = dom::find(*object, key)) {
            return seamless(
                inner->is_string() ? std::string(dom::textOf(*inner)) : dom::write(*inner));
        }
    }
    return text;
}

/// What one side says until the other one speaks.
class Segment {
public:
    void add(const Part& part)
    {
        switch (part.kind) {
        case Part::Kind::Text:
        case Part::Kind::Refusal:
            m_text += seamless(part.text);
            break;
        case Part::Kind::Image:
        case Part::Kind::Audio:
        case Part::Kind::File:
            if (part.text.empty() || part.kind == Part::Kind::Audio) {
                m_items.push_back(mediaText(part));
            } else {
                m_text += seamless(part.text);
            }
            break;
        case Part::Kind::ToolCall:
            m_items.push_back("call " + part.name + " " + argumentsText(part));
            break;
        case Part::Kind::ToolResult:
            result(part);
            break;
        default:
            break;
        }
    }

    void addTo(Meaning& out, const char* side)
    {
        std::sort(m_items.begin(), m_items.end());
        if (!m_text.empty()) {
            out.push_back(std::string(side) + " says " + m_text);
        }
        for (std::string& item : m_items) {
            out.push_back(std::string(side) + " " + item);
        }
        *this = {};
    }

private:
    void result(const Part& part)
    {
        std::string text = seamless(part.text);
        for (const Part& inner : part.content) {
            if (inner.kind == Part::Kind::Text) {
                text += seamless(inner.text);
            } else {
                add(inner);
            }
        }
        m_items.push_back("result " + unwrapped(text));
    }

    std::string m_text;
    std::vector<std::string> m_items;
};

bool says(const Part& part)
{
    const bool text = part.kind == Part::Kind::Text || part.kind == Part::Kind::Refusal;
    return part.kind != Part::Kind::Thinking && part.kind != Part::Kind::Native
        && (!text || !part.text.empty());
}

std::string stopText(StopReason stop)
{
    // No two dialects tell these apart in the same way.
    switch (stop) {
    case StopReason::StopSequence:
    case StopReason::Pause:
    case StopReason::Other:
        return stopReasonName(StopReason::End);
    default:
        return stopReasonName(stop);
    }
}

// --- the simplest form of a dialect's JSON

json::array oneText(const char* type, const json::value& text)
{
    json::object part;
    part["type"] = type;
    part["text"] = text;
    return json::array{std::move(part)};
}

/// Text given as a string becomes the one part that it stands for.
void partFor(json::object& object, const char* key, const char* type)
{
    if (json::value* value = object.if_contains(key); value != nullptr && value->is_string()) {
        if (value->get_string().empty()) {
            object.erase(key);
        } else {
            *value = oneText(type, json::value(*value));
        }
    }
}

void eachObject(json::object& root, const char* key, void (*work)(json::object&))
{
    json::value* list = root.if_contains(key);
    if (list == nullptr || !list->is_array()) {
        return;
    }
    for (json::value& entry : list->get_array()) {
        if (json::object* object = entry.if_object()) {
            work(*object);
        }
    }
}

void rename(json::object& object, const char* from, const char* to)
{
    if (const json::value* value = object.if_contains(from)) {
        const json::value copy = *value;
        object.erase(from);
        object[to] = copy;
    }
}

void simplifyChat(json::object& root)
{
    rename(root, "max_tokens", "max_completion_tokens");
    eachObject(
        root, "messages", [](json::object& message) { partFor(message, "content", "text"); });
}

void simplifyAnthropic(json::object& root)
{
    // Where an answer ran is only said again when it changes the price.
    if (json::value* usage = root.if_contains("usage"); usage != nullptr && usage->is_object()) {
        const std::string_view geo = dom::stringAt(usage->get_object(), "inference_geo");
        if (geo == "global" || geo == "not_available") {
            usage->get_object().erase("inference_geo");
        }
    }
    partFor(root, "system", "text");
    eachObject(root, "messages", [](json::object& message) {
        partFor(message, "content", "text");
        eachObject(
            message, "content", [](json::object& block) { partFor(block, "content", "text"); });
    });
}

void simplifyResponses(json::object& root)
{
    root.erase("output_text"); // made by the SDK that captured it, never sent
    if (json::value* input = root.if_contains("input"); input != nullptr && input->is_string()) {
        json::object message;
        message["role"] = "user";
        message["content"] = oneText("input_text", json::value(*input));
        *input = json::array{std::move(message)};
    }
    eachObject(root, "input", [](json::object& item) {
        const bool assistant = dom::stringAt(item, "role") == "assistant";
        partFor(item, "content", assistant ? "output_text" : "input_text");
        // A message is what an item is by default.
        if (item.contains("role")) {
            item.erase("type");
        }
    });
}

void simplify(Dialect dialect, json::value& value)
{
    json::object* root = value.if_object();
    if (root == nullptr) {
        return;
    }
    switch (dialect) {
    case Dialect::Chat:
        simplifyChat(*root);
        break;
    case Dialect::Anthropic:
        simplifyAnthropic(*root);
        break;
    case Dialect::Responses:
        simplifyResponses(*root);
        break;
    default:
        break;
    }
}

/// Null, an empty text and a count of zero say what leaving them out says.
bool saysNothing(const json::value& value, const std::string& path)
{
    const bool zero
        = value.is_number() && number(value) == "0" && path.find(".usage") != std::string::npos;
    return value.is_null() || zero || (value.is_string() && value.get_string().empty());
}

void leaves(
    const json::value& value, const std::string& path, std::map<std::string, std::string>& out)
{
    if (const json::object* object = value.if_object()) {
        for (const auto& member : *object) {
            leaves(member.value(), path + "." + std::string(member.key()), out);
        }
    } else if (const json::array* array = value.if_array()) {
        std::size_t index = 0;
        for (const json::value& inner : *array) {
            leaves(inner, path + "[" + std::to_string(index++) + "]", out);
        }
    } else if (!saysNothing(value, path)) {
        out.emplace(path, value.is_number() ? number(value) : json::serialize(value));
    }
}

} // namespace

Meaning meaningOf(const Conversation& conversation)
{
    Meaning out;
    std::string system;
    Segment segment;
    bool assistant = false;
    for (const Turn& turn : conversation.turns) {
        if (turn.role == Role::System || turn.role == Role::Developer) {
            // Where it stands depends on the dialect.
            for (const Part& part : turn.parts) {
                system += seamless(part.text);
            }
            continue;
        }
        // An empty turn, or one of thinking alone, may go; its neighbours then speak in one go.
        if (std::none_of(turn.parts.begin(), turn.parts.end(), says)) {
            continue;
        }
        const bool speaks = turn.role == Role::Assistant;
        if (speaks != assistant) {
            segment.addTo(out, assistant ? "assistant" : "user");
        }
        assistant = speaks;
        for (const Part& part : turn.parts) {
            segment.add(part);
        }
    }
    segment.addTo(out, assistant ? "assistant" : "user");
    if (!system.empty()) {
        out.push_back("system " + system);
    }
    // Tools that may not be called are as good as none.
    const bool callable = conversation.toolChoice.kind != ToolChoice::Kind::None;
    for (const Tool& tool : conversation.tools) {
        if (!tool.hosted && callable) {
            out.push_back("tool " + tool.name + " " + seamless(tool.description));
        }
    }
    return out;
}

Meaning meaningOf(const Answer& answer)
{
    Meaning out;
    for (const Answer::Choice& choice : answer.choices) {
        Segment segment;
        for (const Part& part : choice.parts) {
            segment.add(part);
        }
        segment.addTo(out, "choice");
        out.push_back("ends " + stopText(choice.stop));
    }
    if (answer.usage) {
        const catalog::Usage& usage = *answer.usage;
        out.push_back("input " + std::to_string(usage.inputTotal()));
        out.push_back("cached " + std::to_string(usage.cacheRead));
        out.push_back("output " + std::to_string(usage.output));
    }
    return out;
}

std::string differenceOf(const Meaning& original, const Meaning& other)
{
    const std::size_t lines = std::max(original.size(), other.size());
    for (std::size_t i = 0; i < lines; ++i) {
        const std::string a = i < original.size() ? original[i] : "nothing";
        const std::string b = i < other.size() ? other[i] : "nothing";
        if (a == b) {
            continue;
        }
        std::size_t same = 0;
        while (same < a.size() && same < b.size() && a[same] == b[same]) {
            ++same;
        }
        const std::size_t from = same > shownBytes / 4 ? same - shownBytes / 4 : 0;
        return "\"" + a.substr(0, 20) + "…" + a.substr(from, shownBytes) + "\" became \""
            + b.substr(0, 20) + "…" + b.substr(from, shownBytes) + "\"";
    }
    return {};
}

std::string missingLeaf(Dialect dialect, const json::value& original, const json::value& written)
{
    json::value simple = original;
    json::value simpleWritten = written;
    simplify(dialect, simple);
    simplify(dialect, simpleWritten);
    std::map<std::string, std::string> wanted;
    std::map<std::string, std::string> there;
    leaves(simple, {}, wanted);
    leaves(simpleWritten, {}, there);
    for (const auto& [path, value] : wanted) {
        const auto found = there.find(path);
        if (found == there.end()) {
            return path + " " + value.substr(0, shownBytes) + " is gone";
        }
        if (found->second != value) {
            return path + " " + value.substr(0, shownBytes) + " became "
                + found->second.substr(0, shownBytes);
        }
    }
    return {};
}

} // namespace headgate::wire
