// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/responses_internal.h"

#include "core/base/limits.h"

#include <algorithm>
#include <array>
#include <utility>

namespace headgate::wire::responses {

namespace {

constexpr std::string_view logprobsInclude = "message.output_text.logprobs";

Error invalid(std::string_view field, std::string_view rule)
{
    return Error(ErrorCode::InvalidArgument,
        "The field \"" + std::string(field) + "\" " + std::string(rule) + ".");
}

Role roleOf(std::string_view name)
{
    constexpr std::array<std::pair<std::string_view, Role>, 4> roles{{{"user", Role::User},
        {"assistant", Role::Assistant}, {"system", Role::System}, {"developer", Role::Developer}}};
    for (const auto& [word, role] : roles) {
        if (word == name) {
            return role;
        }
    }
    return Role::Other;
}

/// Reads one request; every step leaves what it does not understand in `rest`.
class RequestReader {
public:
    explicit RequestReader(json::object body) : m_rest(std::move(body)) { }
    [[nodiscard]] Result<Conversation> read();

private:
    [[nodiscard]] Result<void> readScalars();
    [[nodiscard]] Result<void> readNumbers();
    [[nodiscard]] Result<void> readText();
    [[nodiscard]] Result<void> readToolFields();
    [[nodiscard]] Result<void> readInput();
    void readItem(const json::object& item);
    void readMessage(const json::object& item);
    void readResult(const json::object& item);
    void readNestedTools(const json::object& item);
    [[nodiscard]] Result<std::string> takeString(std::string_view key);
    [[nodiscard]] Result<std::optional<std::int64_t>> takeCount(std::string_view key);
    [[nodiscard]] Result<std::optional<double>> takeNumber(std::string_view key);
    /// The turn that parts of this role go into: consecutive items of one role share it.
    Turn& turnFor(Role role);

    json::object m_rest;
    Conversation m_out;
    ToolNames m_names;
    std::map<std::string, std::string> m_callNames;
    bool m_joinable = false; ///< the last turn takes further items of its role
};

Result<std::string> RequestReader::takeString(std::string_view key)
{
    const json::value* value = find(m_rest, key);
    if (value == nullptr) {
        return std::string();
    }
    if (!value->is_string()) {
        return invalid(key, "must be a string");
    }
    std::string out = stringAt(m_rest, key);
    m_rest.erase(dom::key(key));
    return out;
}

Result<std::optional<std::int64_t>> RequestReader::takeCount(std::string_view key)
{
    const json::value* value = find(m_rest, key);
    if (value == nullptr) {
        return std::optional<std::int64_t>();
    }
    const std::optional<std::int64_t> count = dom::wholeOf(*value);
    if (!count || *count < 0) {
        return invalid(key, "must be a whole number of zero or more that fits 64 bits");
    }
    m_rest.erase(dom::key(key));
    return count;
}

Result<std::optional<double>> RequestReader::takeNumber(std::string_view key)
{
    if (find(m_rest, key) == nullptr) {
        return std::optional<double>();
    }
    const std::optional<double> number = dom::numberAt(m_rest, key);
    if (!number) {
        return invalid(key, "must be a number");
    }
    m_rest.erase(dom::key(key));
    return number;
}

Turn& RequestReader::turnFor(Role role)
{
    if (!m_joinable || m_out.turns.empty() || m_out.turns.back().role != role) {
        m_out.turns.emplace_back();
        m_out.turns.back().role = role;
    }
    m_joinable = true;
    return m_out.turns.back();
}

Result<void> RequestReader::readScalars()
{
    const std::array<std::pair<std::string_view, std::string*>, 7> fields{{
        {"model", &m_out.model},
        {"service_tier", &m_out.serviceTier},
        {"user", &m_out.user},
        {"safety_identifier", &m_out.safetyIdentifier},
        {"prompt_cache_key", &m_out.promptCacheKey},
        {"previous_response_id", &m_out.previousResponseId},
        {"instructions", nullptr},
    }};
    for (const auto& [key, target] : fields) {
        Result<std::string> text = takeString(key);
        if (!text) {
            return text.error();
        }
        if (target != nullptr) {
            *target = std::move(*text);
        } else if (!text->empty()) {
            Turn turn;
            turn.role = Role::System;
            turn.native = nativeFrom(json::object{{instructionsNote, true}});
            turn.parts.emplace_back().text = std::move(*text);
            m_out.turns.push_back(std::move(turn));
        }
    }
    if (m_out.model.empty()) {
        return invalid("model", "is missing: name a model of the catalog or \"auto\"");
    }
    if (const json::value* stream = find(m_rest, "stream")) {
        if (!stream->is_bool()) {
            return invalid("stream", "must be true or false");
        }
        m_out.stream = stream->get_bool();
        m_rest.erase("stream");
    }
    return {};
}

Result<void> RequestReader::readNumbers()
{
    Result<std::optional<std::int64_t>> ceiling = takeCount("max_output_tokens");
    if (!ceiling) {
        return ceiling.error();
    }
    m_out.maxOutput = *ceiling;
    Result<std::optional<std::int64_t>> logprobs = takeCount("top_logprobs");
    if (!logprobs) {
        return logprobs.error();
    }
    m_out.topLogprobs = *logprobs;
    Result<std::optional<std::int64_t>> n = takeCount("n");
    if (!n) {
        return n.error();
    }
    m_out.n = n->value_or(1);
    const std::array<std::pair<std::string_view, std::optional<double>*>, 4> numbers{{
        {"temperature", &m_out.temperature},
        {"top_p", &m_out.topP},
        {"presence_penalty", &m_out.presencePenalty},
        {"frequency_penalty", &m_out.frequencyPenalty},
    }};
    for (const auto& [key, target] : numbers) {
        Result<std::optional<double>> number = takeNumber(key);
        if (!number) {
            return number.error();
        }
        *target = *number;
    }
    return {};
}

Result<void> RequestReader::readText()
{
    if (const json::object* text = objectAt(m_rest, "text")) {
        json::object left = *text;
        if (const json::object* format = objectAt(*text, "format")) {
            m_out.format = readFormat(*format);
            m_out.format.native = nativeFrom(*format);
            left.erase("format");
        }
        m_out.verbosity = stringAt(*text, "verbosity");
        if (!m_out.verbosity.empty()) {
            left.erase("verbosity");
        }
        m_rest["text"] = std::move(left);
    }
    if (const json::object* reasoning = objectAt(m_rest, "reasoning")) {
        m_out.reasoning.effort = stringAt(*reasoning, "effort");
        m_out.reasoning.disabled = m_out.reasoning.effort == "none";
        m_out.reasoning.summary = stringAt(*reasoning, "summary");
        m_out.reasoning.native = nativeFrom(*reasoning);
        m_rest.erase("reasoning");
    }
    if (const json::object* metadata = objectAt(m_rest, "metadata")) {
        m_out.metadata = *metadata;
        m_rest.erase("metadata");
    }
    if (const json::array* include = arrayAt(m_rest, "include")) {
        for (const json::value& entry : *include) {
            if (dom::textOf(entry) == logprobsInclude) {
                m_out.logprobs = true;
            }
        }
    }
    return {};
}

Result<void> RequestReader::readToolFields()
{
    if (const json::value* tools = find(m_rest, "tools")) {
        const json::array* list = tools->if_array();
        if (list == nullptr) {
            return invalid("tools", "must be a list");
        }
        const bool typed = std::all_of(list->begin(), list->end(), [](const json::value& entry) {
            return entry.is_object() && !stringAt(entry.get_object(), "type").empty();
        });
        if (!typed) {
            return invalid("tools", "has a tool without a type");
        }
        m_out.tools = readTools(*list, m_names);
        if (m_out.tools.size() > limits::toolsMax) {
            return invalid("tools", "has more than " + std::to_string(limits::toolsMax) + " tools");
        }
        if (!list->empty()) {
            m_rest.erase("tools");
        }
    }
    if (const json::value* choice = find(m_rest, "tool_choice")) {
        if (!choice->is_string() && !choice->is_object()) {
            return invalid("tool_choice", "must be a word or an object");
        }
        m_out.toolChoice = readToolChoice(*choice);
        m_rest.erase("tool_choice");
    }
    if (const json::value* parallel = find(m_rest, "parallel_tool_calls")) {
        if (!parallel->is_bool()) {
            return invalid("parallel_tool_calls", "must be true or false");
        }
        m_out.toolChoice.parallel = parallel->get_bool();
        m_rest.erase("parallel_tool_calls");
    }
    return {};
}

void RequestReader::readMessage(const json::object& item)
{
    const std::string word = stringAt(item, "role");
    const Role role = roleOf(word);
    if (role == Role::Assistant) {
        Turn& turn = turnFor(role);
        for (Part& part : partsOfItem(item, m_names)) {
            turn.parts.push_back(std::move(part));
        }
        return;
    }
    m_joinable = false;
    Turn turn;
    turn.role = role;
    json::object fields = without(item, {"role", "content"});
    if (role == Role::Other) {
        fields["role"] = word;
    }
    if (const json::value* content = find(item, "content")) {
        turn.parts = partsOfContent(*content, false);
        if (content->is_string()) {
            fields[stringNote] = true;
        }
    }
    turn.native = nativeFrom(std::move(fields));
    m_out.turns.push_back(std::move(turn));
}

void RequestReader::readResult(const json::object& item)
{
    Part part;
    part.kind = Part::Kind::ToolResult;
    part.custom = stringAt(item, "type") == "custom_tool_call_output";
    part.id = stringAt(item, "call_id");
    const auto name = m_callNames.find(part.id);
    if (name != m_callNames.end()) {
        part.name = name->second;
    }
    json::object fields = without(item, {"type", "call_id", "output"});
    if (const json::value* output = find(item, "output")) {
        part.content = partsOfContent(*output, false);
        if (output->is_string()) {
            fields[stringNote] = true;
        }
    }
    part.native = nativeFrom(std::move(fields));
    turnFor(Role::Tool).parts.push_back(std::move(part));
}

/// Tools that an item makes available are tools of the request for every other dialect.
void RequestReader::readNestedTools(const json::object& item)
{
    const json::array* list = arrayAt(item, "tools");
    if (list == nullptr) {
        return;
    }
    for (Tool& tool : readTools(*list, m_names)) {
        const bool known = std::any_of(m_out.tools.begin(), m_out.tools.end(),
            [&tool](const Tool& other) { return !other.hosted && other.name == tool.name; });
        if (known || m_out.tools.size() >= limits::toolsMax) {
            continue;
        }
        json::object fields;
        if (const json::object* own = nativeOf(tool.native)) {
            fields = *own;
        }
        fields[nestedNote] = true;
        tool.native = nativeFrom(std::move(fields));
        m_out.tools.push_back(std::move(tool));
    }
}

void RequestReader::readItem(const json::object& item)
{
    const std::string type = stringAt(item, "type");
    if (type == "message" || (type.empty() && item.contains("role"))) {
        readMessage(item);
        return;
    }
    if (type == "function_call_output" || type == "custom_tool_call_output") {
        readResult(item);
        return;
    }
    if (type == "additional_tools" || type == "tool_search_output") {
        readNestedTools(item);
    }
    const Role role = type == "additional_tools" ? Role::Developer
        : type.ends_with("_output")              ? Role::Tool
                                                 : Role::Assistant;
    for (Part& part : partsOfItem(item, m_names)) {
        if (part.kind == Part::Kind::ToolCall) {
            m_callNames[part.id] = part.name;
        }
        turnFor(role).parts.push_back(std::move(part));
    }
}

Result<void> RequestReader::readInput()
{
    const json::value* input = find(m_rest, "input");
    if (input == nullptr) {
        const bool held = find(m_rest, "prompt") != nullptr
            || find(m_rest, "conversation") != nullptr || !m_out.previousResponseId.empty();
        return held ? Result<void>()
                    : invalid("input", "is missing: send a text or a list of items");
    }
    if (input->is_string()) {
        Turn turn;
        turn.native = nativeFrom(json::object{{"@input", true}});
        turn.parts.emplace_back().text = stringAt(m_rest, "input");
        m_out.turns.push_back(std::move(turn));
        m_rest.erase("input");
        return {};
    }
    const json::array* items = input->if_array();
    if (items == nullptr) {
        return invalid("input", "must be a text or a list of items");
    }
    if (items->size() > limits::messagesMax) {
        return invalid("input", "has more than " + std::to_string(limits::messagesMax) + " items");
    }
    for (const json::value& entry : *items) {
        const json::object* item = entry.if_object();
        if (item == nullptr) {
            return invalid("input", "has an item that is not an object");
        }
        readItem(*item);
    }
    m_rest.erase("input");
    return {};
}

Result<Conversation> RequestReader::read()
{
    m_out.source = Dialect::Responses;
    const std::array steps{&RequestReader::readScalars, &RequestReader::readNumbers,
        &RequestReader::readText, &RequestReader::readToolFields, &RequestReader::readInput};
    for (const auto step : steps) {
        if (Result<void> done = (this->*step)(); !done) {
            return done.error();
        }
    }
    m_out.extra = nativeFrom(std::move(m_rest));
    return std::move(m_out);
}

} // namespace

Result<Conversation> readRequest(std::string_view body)
{
    Result<json::object> object = parseObject(body, "The body");
    if (!object) {
        return object.error();
    }
    return RequestReader(std::move(*object)).read();
}

} // namespace headgate::wire::responses
