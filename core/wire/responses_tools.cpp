// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/responses_internal.h"

#include <algorithm>
#include <array>
#include <utility>

namespace headgate::wire::responses {

namespace {

/// Tools that the client itself carries out: the provider only asks for them.
constexpr std::array<std::string_view, 6> clientTools{
    "local_shell", "apply_patch", "computer", "computer_use_preview", "computer-preview", "shell"};

Tool readTool(const json::object& tool)
{
    Tool out;
    const std::string type = stringAt(tool, "type");
    out.custom = type == "custom";
    out.hosted = type != "function" && !out.custom;
    if (out.hosted) {
        out.name = type;
        out.native = nativeFrom(tool);
        return out;
    }
    out.name = stringAt(tool, "name");
    out.description = stringAt(tool, "description");
    json::object rest = without(tool, {"type", "name"});
    if (!out.description.empty()) {
        rest.erase("description");
    }
    if (objectAt(tool, "parameters") != nullptr) {
        out.parameters = *find(tool, "parameters");
        rest.erase("parameters");
    }
    if (const json::value* strict = find(tool, "strict")) {
        if (const bool* yes = strict->if_bool()) {
            out.strict = *yes;
            rest.erase("strict");
        }
    }
    out.native = nativeFrom(std::move(rest));
    return out;
}

void countNames(const json::array& tools, std::map<std::string, int>& counts)
{
    for (const json::value& entry : tools) {
        const json::object* tool = entry.if_object();
        if (tool == nullptr) {
            continue;
        }
        const json::array* inner = arrayAt(*tool, "tools");
        if (stringAt(*tool, "type") == "namespace" && inner != nullptr) {
            countNames(*inner, counts);
        } else {
            ++counts[stringAt(*tool, "name")];
        }
    }
}

void setNote(Tool& tool, std::string_view key, json::value value)
{
    json::object fields;
    if (const json::object* own = nativeOf(tool.native)) {
        fields = *own;
    }
    fields[key] = std::move(value);
    tool.native = nativeFrom(std::move(fields));
}

/// The tools of a namespace as tools of their own, each knowing where it stood.
void readNamespace(const json::object& space, const std::map<std::string, int>& counts,
    std::vector<Tool>& out, ToolNames& names)
{
    const json::object shell = without(space, {"tools"});
    const std::string spaceName = stringAt(space, "name");
    for (const json::value& entry : *arrayAt(space, "tools")) {
        const json::object* inner = entry.if_object();
        if (inner == nullptr) {
            continue;
        }
        Tool tool = readTool(*inner);
        const auto count = counts.find(tool.name);
        if (!tool.hosted && count != counts.end() && count->second > 1) {
            setNote(tool, nameNote, json::string(tool.name));
            names[{spaceName, tool.name}] = spaceName + "__" + tool.name;
            tool.name = spaceName + "__" + tool.name;
        } else {
            names[{spaceName, tool.name}] = tool.name;
        }
        setNote(tool, namespaceNote, shell);
        out.push_back(std::move(tool));
    }
}

json::object functionOf(const Tool& tool, bool own, Losses& losses)
{
    json::object out;
    out["type"] = tool.custom ? "custom" : "function";
    out["name"] = tool.name;
    if (!tool.description.empty()) {
        out["description"] = tool.description;
    }
    if (!tool.parameters.is_null()) {
        out["parameters"] = tool.parameters;
    } else if (!own && !tool.custom) {
        out["parameters"] = json::object{{"type", "object"}, {"properties", json::object()}};
    }
    if (tool.strict) {
        out["strict"] = *tool.strict;
    } else if (!own && !tool.custom) {
        out["strict"] = false; // this dialect's default is true, all others' is false
    }
    if (const json::object* fields = nativeOf(tool.native)) {
        if (const json::value* name = find(*fields, nameNote)) {
            out["name"] = *name;
        }
        addMissing(out, *fields);
    } else if (tool.custom) {
        // Chat keeps a grammar one level deeper under the same names.
        const json::object* foreign = tool.native.value.if_object();
        const json::object* format = foreign != nullptr ? objectAt(*foreign, "format") : nullptr;
        const json::object* grammar = format != nullptr ? objectAt(*format, "grammar") : nullptr;
        if (grammar != nullptr) {
            json::object flat = *grammar;
            flat["type"] = "grammar";
            out["format"] = std::move(flat);
        } else if (format != nullptr) {
            out["format"] = *format;
        }
    } else if (tool.native.present()) {
        losses.emplace_back("Further fields of the tool " + tool.name + " are left out.");
    }
    return out;
}

json::value toolOf(const Tool& tool, bool own, Losses& losses)
{
    if (!tool.hosted) {
        return functionOf(tool, own, losses);
    }
    const json::object* fields = nativeOf(tool.native);
    if (fields == nullptr) {
        losses.emplace_back("The hosted tool " + tool.name + " of "
            + dialectName(tool.native.dialect) + " does not exist in responses.");
        return nullptr;
    }
    json::object out;
    addMissing(out, *fields);
    return out;
}

} // namespace

std::vector<Tool> readTools(const json::array& tools, ToolNames& names)
{
    std::map<std::string, int> counts;
    countNames(tools, counts);
    std::vector<Tool> out;
    for (const json::value& entry : tools) {
        const json::object* tool = entry.if_object();
        if (tool == nullptr) {
            continue;
        }
        const json::array* inner = arrayAt(*tool, "tools");
        if (stringAt(*tool, "type") == "namespace" && inner != nullptr && !inner->empty()) {
            readNamespace(*tool, counts, out, names);
        } else {
            out.push_back(readTool(*tool));
        }
    }
    return out;
}

json::array writeTools(const std::vector<Tool>& tools, bool own, Losses& losses)
{
    json::array out;
    json::value lastSpace;
    for (const Tool& tool : tools) {
        const json::object* fields = nativeOf(tool.native);
        if (fields != nullptr && trueAt(*fields, nestedNote)) {
            continue;
        }
        json::value written = toolOf(tool, own, losses);
        if (written.is_null()) {
            continue;
        }
        const json::object* space = fields != nullptr ? objectAt(*fields, namespaceNote) : nullptr;
        if (space == nullptr) {
            lastSpace = nullptr;
            out.push_back(std::move(written));
        } else if (lastSpace == *space) {
            out.back().get_object()["tools"].get_array().push_back(std::move(written));
        } else {
            lastSpace = *space;
            json::object group = *space;
            group["tools"] = json::array{std::move(written)};
            out.push_back(std::move(group));
        }
    }
    return out;
}

ToolChoice readToolChoice(const json::value& choice)
{
    ToolChoice out;
    const auto kindOf = [](std::string_view word) {
        return word == "none"    ? ToolChoice::Kind::None
            : word == "required" ? ToolChoice::Kind::Required
                                 : ToolChoice::Kind::Auto;
    };
    if (const json::string* word = choice.if_string()) {
        out.kind = kindOf({word->data(), word->size()});
        return out;
    }
    const json::object* object = choice.if_object();
    if (object == nullptr) {
        return out;
    }
    const std::string type = stringAt(*object, "type");
    if (type == "function" || type == "custom") {
        out.kind = ToolChoice::Kind::Named;
        out.names.push_back(stringAt(*object, "name"));
        out.native = nativeFrom(*object);
    } else if (type == "allowed_tools") {
        out.kind = kindOf(stringAt(*object, "mode"));
        out.native = nativeFrom(*object);
    } else {
        // A hosted tool: other dialects do not have it, so nothing can be forced there.
        out.kind = ToolChoice::Kind::Auto;
        out.native = nativeFrom(*object);
    }
    return out;
}

json::value writeToolChoice(
    const ToolChoice& choice, const std::vector<Tool>& tools, Losses& losses)
{
    if (const json::object* own = nativeOf(choice.native)) {
        return *own;
    }
    if (choice.native.present()) {
        losses.emplace_back("The form of tool_choice is reduced to what responses has.");
    }
    switch (choice.kind) {
    case ToolChoice::Kind::Unset:
        return nullptr;
    case ToolChoice::Kind::Auto:
        return "auto";
    case ToolChoice::Kind::None:
        return "none";
    case ToolChoice::Kind::Required:
        return "required";
    case ToolChoice::Kind::Named:
        break;
    }
    const auto custom = [&tools](const std::string& name) {
        return std::any_of(tools.begin(), tools.end(),
            [&name](const Tool& tool) { return tool.custom && tool.name == name; });
    };
    json::array named;
    for (const std::string& name : choice.names) {
        named.push_back(
            json::object{{"type", custom(name) ? "custom" : "function"}, {"name", name}});
    }
    if (named.size() == 1) {
        return named.front();
    }
    return json::object{{"type", "allowed_tools"}, {"mode", "required"}, {"tools", named}};
}

AnswerFormat readFormat(const json::object& format)
{
    AnswerFormat out;
    const std::string type = stringAt(format, "type");
    if (type == "text") {
        out.kind = AnswerFormat::Kind::Text;
    } else if (type == "json_object") {
        out.kind = AnswerFormat::Kind::JsonObject;
    } else if (type == "json_schema") {
        out.kind = AnswerFormat::Kind::JsonSchema;
        out.name = stringAt(format, "name");
        out.description = stringAt(format, "description");
        if (const json::value* schema = find(format, "schema")) {
            out.schema = *schema;
        }
        if (const json::value* strict = find(format, "strict")) {
            if (const bool* yes = strict->if_bool()) {
                out.strict = *yes;
            }
        }
    }
    return out;
}

json::value writeFormat(const AnswerFormat& format)
{
    switch (format.kind) {
    case AnswerFormat::Kind::Unset:
        return nullptr;
    case AnswerFormat::Kind::Text:
        return json::object{{"type", "text"}};
    case AnswerFormat::Kind::JsonObject:
        return json::object{{"type", "json_object"}};
    case AnswerFormat::Kind::JsonSchema:
        break;
    }
    json::object out;
    out["type"] = "json_schema";
    out["name"] = format.name.empty() ? std::string("answer") : format.name;
    if (!format.description.empty()) {
        out["description"] = format.description;
    }
    out["schema"] = format.schema;
    if (format.strict) {
        out["strict"] = *format.strict;
    }
    return out;
}

bool runsAtProvider(const Tool& tool)
{
    if (!tool.hosted
        || std::find(clientTools.begin(), clientTools.end(), tool.name) != clientTools.end()) {
        const json::object* own = nativeOf(tool.native);
        const json::object* place
            = own != nullptr && tool.name == "shell" ? objectAt(*own, "environment") : nullptr;
        // A shell in the provider's container is the provider's.
        return place != nullptr && stringAt(*place, "type") != "local";
    }
    if (tool.name == "tool_search") {
        const json::object* own = nativeOf(tool.native);
        return own == nullptr || stringAt(*own, "execution") != "client";
    }
    return tool.name != "namespace";
}

CallNames::CallNames(const Conversation* request)
{
    if (request == nullptr || request->source != Dialect::Responses) {
        return;
    }
    for (const Tool& tool : request->tools) {
        if (!tool.hosted) {
            m_tools.emplace(tool.name, tool);
        }
    }
}

bool CallNames::restore(Part& call) const
{
    const auto found = m_tools.find(call.name);
    if (found == m_tools.end()) {
        return false;
    }
    const Tool& tool = found->second;
    const bool wrapped = tool.custom && !call.custom;
    call.custom = call.custom || tool.custom;
    const json::object* fields = nativeOf(tool.native);
    const json::object* space = fields != nullptr ? objectAt(*fields, namespaceNote) : nullptr;
    if (space != nullptr && nativeOf(call.native) == nullptr) {
        json::object own;
        own["namespace"] = stringAt(*space, "name");
        call.native = nativeFrom(std::move(own));
    }
    const std::string name = fields != nullptr ? stringAt(*fields, nameNote) : std::string();
    if (!name.empty()) {
        call.name = name;
    }
    return wrapped;
}

std::string CallNames::unwrapped(const std::string& arguments)
{
    const Result<json::object> object = parseObject(arguments, "The input");
    if (object && object->size() == 1) {
        const json::value* input = find(*object, "input");
        if (input != nullptr && input->is_string()) {
            return stringAt(*object, "input");
        }
    }
    return arguments;
}

} // namespace headgate::wire::responses
