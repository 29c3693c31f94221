// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/responses_internal.h"

#include "core/base/limits.h"
#include "core/wire/reasoning_table.h"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <set>
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

const char* roleName(Role role)
{
    switch (role) {
    case Role::System:
        return "system";
    case Role::Developer:
        return "developer";
    case Role::Assistant:
        return "assistant";
    default:
        return "user";
    }
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

/// Writes one request.
class RequestWriter {
public:
    RequestWriter(const Conversation& from, const WriteOptions& options, Losses& losses)
        : m_from(from),
          m_options(options),
          m_losses(losses),
          m_own(from.source == Dialect::Responses)
    {
    }
    [[nodiscard]] Result<std::string> write();

private:
    void writeInput();
    void writeTurn(const Turn& turn);
    void writeMessage(const Turn& turn);
    void writeToolTurn(const Turn& turn);
    void writeTools();
    void writeText();
    void writeReasoning();
    void writeSampling();
    void writeIdentity();
    void nameLosses();
    void lose(std::string what) { m_losses.push_back(std::move(what)); }

    const Conversation& m_from;
    const WriteOptions& m_options;
    Losses& m_losses;
    bool m_own;
    json::object m_out;
    json::array m_items;
    std::string m_instructions;
    std::set<std::string> m_customCalls;
};

std::string joined(const std::vector<Part>& parts)
{
    std::string text;
    for (const Part& part : parts) {
        if (part.kind == Part::Kind::Text) {
            text += (text.empty() ? "" : "\n\n") + part.text;
        }
    }
    return text;
}

void RequestWriter::writeMessage(const Turn& turn)
{
    const json::object* own = nativeOf(turn.native);
    json::object item;
    item["role"] = roleName(turn.role);
    if (!turn.name.empty()) {
        lose("The name of a speaker is left out.");
    }
    const bool oneText = turn.parts.size() == 1 && turn.parts.front().kind == Part::Kind::Text
        && !turn.parts.front().native.present();
    const bool asString = m_own ? own != nullptr && trueAt(*own, stringNote) : oneText;
    if (asString) {
        item["content"] = turn.parts.empty() ? std::string() : turn.parts.front().text;
    } else {
        json::array content;
        for (const Part& part : turn.parts) {
            if (part.kind == Part::Kind::ToolResult) {
                continue; // an item of its own
            }
            json::value written = contentOf(part, false, m_losses);
            if (!written.is_null()) {
                content.push_back(std::move(written));
            }
        }
        if (content.empty() && own == nullptr) {
            return;
        }
        item["content"] = std::move(content);
    }
    if (own != nullptr) {
        if (const json::value* role = find(*own, "role")) {
            item["role"] = *role;
        }
        addMissing(item, *own);
    }
    m_items.push_back(std::move(item));
}

void RequestWriter::writeToolTurn(const Turn& turn)
{
    for (const Part& part : turn.parts) {
        Part copy;
        const Part* written = &part;
        if (part.kind == Part::Kind::ToolResult && !part.custom
            && m_customCalls.contains(part.id)) {
            copy = part;
            copy.custom = true;
            written = &copy;
        }
        json::value item = itemOf(*written, m_losses);
        if (!item.is_null()) {
            m_items.push_back(std::move(item));
        }
    }
}

void RequestWriter::writeTurn(const Turn& turn)
{
    const json::object* own = nativeOf(turn.native);
    const bool instructions = own != nullptr
        ? trueAt(*own, instructionsNote)
        : !m_own && turn.role == Role::System && m_items.empty();
    if (instructions) {
        m_instructions += (m_instructions.empty() ? "" : "\n\n") + joined(turn.parts);
        return;
    }
    if (turn.role == Role::Assistant) {
        for (const Part& part : turn.parts) {
            if (part.kind == Part::Kind::ToolCall && part.custom) {
                m_customCalls.insert(part.id);
            }
        }
        for (json::value& item : itemsOf(turn.parts, m_losses)) {
            m_items.push_back(std::move(item));
        }
        return;
    }
    const bool nativeItems = own == nullptr && turn.role == Role::Developer && !turn.parts.empty()
        && turn.parts.front().kind == Part::Kind::Native;
    if (turn.role == Role::Tool || nativeItems) {
        writeToolTurn(turn);
        return;
    }
    const auto isResult = [](const Part& part) { return part.kind == Part::Kind::ToolResult; };
    if (std::any_of(turn.parts.begin(), turn.parts.end(), isResult)) { // Anthropic's way
        Turn results;
        std::copy_if(
            turn.parts.begin(), turn.parts.end(), std::back_inserter(results.parts), isResult);
        writeToolTurn(results);
        if (results.parts.size() == turn.parts.size()) {
            return;
        }
    }
    writeMessage(turn);
}

void RequestWriter::writeInput()
{
    if (m_from.turns.empty()) {
        return;
    }
    const Turn& last = m_from.turns.back();
    const json::object* own = nativeOf(last.native);
    for (const Turn& turn : m_from.turns) {
        if (own != nullptr && own->contains("@input") && &turn == &last) {
            m_out["input"] = last.parts.empty() ? std::string() : last.parts.front().text;
            break;
        }
        writeTurn(turn);
    }
    if (!m_instructions.empty()) {
        m_out["instructions"] = m_instructions;
    }
    const json::object* extra = nativeOf(m_from.extra);
    const bool empty = m_items.empty() && extra != nullptr && !extra->contains("input");
    if (!m_out.contains("input") && !empty) {
        m_out["input"] = std::move(m_items);
    }
}

void RequestWriter::writeTools()
{
    json::array tools = responses::writeTools(m_from.tools, m_own, m_losses);
    const bool any = !tools.empty();
    if (any) {
        m_out["tools"] = std::move(tools);
    }
    json::value choice = writeToolChoice(m_from.toolChoice, m_from.tools, m_losses);
    if (!choice.is_null() && (any || m_own)) {
        m_out["tool_choice"] = std::move(choice);
    }
    if (m_from.toolChoice.parallel && (any || m_own)) {
        m_out["parallel_tool_calls"] = *m_from.toolChoice.parallel;
    }
}

void RequestWriter::writeText()
{
    json::object text;
    if (const json::object* own = nativeOf(m_from.format.native)) {
        text["format"] = *own;
    } else if (json::value format = writeFormat(m_from.format); !format.is_null()) {
        text["format"] = std::move(format);
    }
    if (!m_from.verbosity.empty()) {
        text["verbosity"] = m_from.verbosity;
    }
    if (!text.empty()) {
        m_out["text"] = std::move(text);
    }
}

void RequestWriter::writeReasoning()
{
    const Reasoning& reasoning = m_from.reasoning;
    if (const json::object* own = nativeOf(reasoning.native)) {
        m_out["reasoning"] = *own;
        return;
    }
    json::object out;
    if (!reasoning.effort.empty()) {
        out["effort"] = reasoning.effort;
    } else if (reasoning.disabled && m_options.reasoningModel) {
        out["effort"] = "none";
    } else if (reasoning.budgetTokens) {
        out["effort"] = effortOfBudget(*reasoning.budgetTokens);
        lose("A thinking budget in tokens becomes a word of effort.");
    }
    const bool thinks = !reasoning.disabled && (reasoning.budgetTokens || reasoning.adaptive);
    if (!reasoning.summary.empty()) {
        out["summary"] = reasoning.summary;
    } else if (thinks) {
        out["summary"] = "auto"; // the client shows thinking
    }
    if (!out.empty()) {
        m_out["reasoning"] = std::move(out);
    }
}

void RequestWriter::writeSampling()
{
    const bool drop = !m_own && m_options.reasoningModel;
    if (drop && (m_from.temperature || m_from.topP || m_from.logprobs || m_from.topLogprobs)) {
        lose("Reasoning models take no temperature, top_p or logprobs; they are left out.");
    }
    if (!drop && m_from.temperature) {
        m_out["temperature"] = numberOf(*m_from.temperature);
    }
    if (!drop && m_from.topP) {
        m_out["top_p"] = numberOf(*m_from.topP);
    }
    if (!drop && m_from.topLogprobs) {
        m_out["top_logprobs"] = *m_from.topLogprobs;
    }
    if (!drop && !m_own && m_from.logprobs.value_or(false)) {
        m_out["include"] = json::array{logprobsInclude};
    }
    if (m_own && m_from.presencePenalty) {
        m_out["presence_penalty"] = numberOf(*m_from.presencePenalty);
    }
    if (m_own && m_from.frequencyPenalty) {
        m_out["frequency_penalty"] = numberOf(*m_from.frequencyPenalty);
    }
    const std::optional<std::int64_t> ceiling
        = m_options.outputCeiling ? m_options.outputCeiling : m_from.maxOutput;
    if (ceiling) {
        m_out["max_output_tokens"] = *ceiling;
    }
}

void RequestWriter::writeIdentity()
{
    const std::array<std::pair<const char*, const std::string*>, 5> fields{{
        {"service_tier", &m_from.serviceTier},
        {"user", &m_from.user},
        {"safety_identifier", &m_from.safetyIdentifier},
        {"prompt_cache_key", &m_from.promptCacheKey},
        {"previous_response_id", &m_from.previousResponseId},
    }};
    for (const auto& [key, value] : fields) {
        if (!value->empty()) {
            m_out[key] = *value;
        }
    }
    if (!m_from.metadata.empty()) {
        m_out["metadata"] = m_from.metadata;
    }
    if (m_options.stream) {
        m_out["stream"] = true;
    }
    if (!m_own) {
        m_out["store"] = false; // what other dialects' clients expect
        json::array include;
        if (const json::array* already = arrayAt(m_out, "include")) {
            include = *already;
        }
        if (m_options.reasoningModel) {
            include.push_back("reasoning.encrypted_content");
        }
        if (!include.empty()) {
            m_out["include"] = std::move(include);
        }
    }
}

void RequestWriter::nameLosses()
{
    if (m_own) {
        return;
    }
    const std::array<std::pair<bool, const char*>, 6> gone{{
        {!m_from.stop.empty(), "stop sequences"},
        {m_from.seed.has_value(), "seed"},
        {m_from.topK.has_value(), "top_k"},
        {m_from.presencePenalty.has_value(), "presence_penalty"},
        {m_from.frequencyPenalty.has_value(), "frequency_penalty"},
        {std::any_of(m_from.modalities.begin(), m_from.modalities.end(),
             [](const std::string& wanted) { return wanted != "text"; }),
            "outputs other than text"},
    }};
    for (const auto& [lost, what] : gone) {
        if (lost) {
            lose(std::string("Responses has no ") + what + ".");
        }
    }
    const json::object* extra = m_from.extra.value.if_object();
    if (extra != nullptr) {
        for (const auto& entry : *extra) {
            if (!entry.key().empty() && entry.key().front() != '@') {
                lose("The field \"" + std::string(entry.key()) + "\" of "
                    + dialectName(m_from.source) + " is left out.");
            }
        }
    }
}

Result<std::string> RequestWriter::write()
{
    if (m_from.n > 1) {
        return Error(ErrorCode::Unsupported, "The responses protocol gives one answer a request.",
            "Ask for one answer, or choose a model that is served over chat completions.");
    }
    m_out["model"] = m_options.model.empty() ? m_from.model : m_options.model;
    writeInput();
    writeTools();
    writeText();
    writeReasoning();
    writeSampling();
    writeIdentity();
    nameLosses();
    if (const json::object* extra = nativeOf(m_from.extra)) {
        if (const json::object* left = objectAt(*extra, "text")) {
            json::object merged;
            if (const json::object* text = objectAt(m_out, "text")) {
                merged = *text;
            }
            addMissing(merged, *left);
            m_out["text"] = std::move(merged);
        }
        addMissing(m_out, *extra);
    }
    return json::serialize(m_out);
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

Result<std::string> writeRequest(
    const Conversation& conversation, const WriteOptions& options, Losses& losses)
{
    return RequestWriter(conversation, options, losses).write();
}

} // namespace headgate::wire::responses
