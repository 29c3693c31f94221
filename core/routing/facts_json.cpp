// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/routing/facts.h"

#include "core/routing/json_text.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <limits>

namespace headgate::routing {

namespace {

namespace json = boost::json;

/// The one list of fields, for writing and for reading.
template <typename F, typename Visitor>
void eachField(F& facts, Visitor&& visit)
{
    visit("input_tokens", facts.inputTokens);
    visit("last_user_tokens", facts.lastUserTokens);
    visit("system_tokens", facts.systemTokens);
    visit("turns", facts.turns);
    visit("messages", facts.messages);
    visit("code_blocks", facts.codeBlocks);
    visit("code_lines", facts.codeLines);
    visit("stack_trace", facts.stackTrace);
    visit("diff", facts.diff);
    visit("math_marks", facts.mathMarks);
    visit("table_lines", facts.tableLines);
    visit("list_items", facts.listItems);
    visit("urls", facts.urls);
    visit("numbers", facts.numbers);
    visit("question_marks", facts.questionMarks);
    visit("constraint_words", facts.constraintWords);
    visit("reasoning_words", facts.reasoningWords);
    visit("non_ascii_percent", facts.nonAsciiPercent);
    visit("script", facts.script);
    visit("tools", facts.tools);
    visit("tool_schema_bytes", facts.toolSchemaBytes);
    visit("tool_results", facts.toolResults);
    visit("json_object", facts.jsonObject);
    visit("json_schema", facts.jsonSchema);
    visit("images", facts.images);
    visit("audio", facts.audio);
    visit("files", facts.files);
    visit("stream", facts.stream);
    visit("follow_up_contradicts", facts.followUpContradicts);
    visit("follow_up_repeats", facts.followUpRepeats);
    visit("requested_output_tokens", facts.requestedOutputTokens);
    visit("task_tag", facts.taskTag);
    visit("request_class", facts.requestClass);
    visit("system_hash", facts.systemHash);
    visit("tools_hash", facts.toolsHash);
    visit("client", facts.client);
    visit("task", facts.task);
    visit("task_reason", facts.taskReason);
    visit("difficulty", facts.difficulty);
    visit("difficulty_reasons", facts.difficultyReasons);
}

class Writer {
public:
    explicit Writer(std::string& out) : m_object(out) { }
    void operator()(const char* name, TaskType value) { m_object.text(name, taskTypeName(value)); }
    void operator()(const char* name, const std::string& value) { m_object.text(name, value); }
    void operator()(const char* name, bool value) { m_object.flag(name, value); }
    void operator()(const char* name, int value) { m_object.integer(name, value); }
    void operator()(const char* name, std::int64_t value) { m_object.integer(name, value); }
    void operator()(const char* name, const std::vector<std::string>& value)
    {
        std::string& out = m_object.name(name);
        out += '[';
        for (const std::string& element : value) {
            if (&element != &value.front()) {
                out += ',';
            }
            appendJsonText(out, element);
        }
        out += ']';
    }
    void close() { m_object.close(); }

private:
    JsonObjectText m_object;
};

class Reader {
public:
    explicit Reader(const json::object& object) : m_object(object) { }
    void operator()(const char* name, bool& value)
    {
        if (const json::value* found = find(name)) {
            found->is_bool() ? void(value = found->get_bool()) : wrong(name, "true or false");
        }
    }
    void operator()(const char* name, std::int64_t& value)
    {
        if (const json::value* found = find(name)) {
            found->is_int64() ? void(value = found->get_int64()) : wrong(name, "a whole number");
        }
    }
    void operator()(const char* name, int& value)
    {
        std::int64_t wide = value;
        (*this)(name, wide);
        if (wide < 0 || wide > std::numeric_limits<int>::max()) {
            wrong(name, "a count");
            return;
        }
        value = static_cast<int>(wide);
    }
    void operator()(const char* name, std::string& value)
    {
        if (const json::value* found = find(name)) {
            found->is_string() ? void(value = std::string(found->get_string()))
                               : wrong(name, "a string");
        }
    }
    void operator()(const char* name, TaskType& value)
    {
        std::string word = taskTypeName(value);
        (*this)(name, word);
        const std::optional<TaskType> type = taskTypeFromName(word);
        type ? void(value = *type) : wrong(name, "a task type");
    }
    void operator()(const char* name, std::vector<std::string>& value)
    {
        const json::value* found = find(name);
        if (found == nullptr) {
            return;
        }
        value.clear();
        if (!found->is_array()) {
            wrong(name, "an array of strings");
            return;
        }
        for (const json::value& element : found->get_array()) {
            if (!element.is_string()) {
                wrong(name, "an array of strings");
                return;
            }
            value.emplace_back(element.get_string());
        }
    }
    std::string m_error;

private:
    const json::value* find(const char* name) const { return m_object.if_contains(name); }
    void wrong(const char* name, const char* must)
    {
        if (m_error.empty()) {
            m_error = std::string(name) + " of the facts must be " + must + ".";
        }
    }
    const json::object& m_object;
};

} // namespace

std::string factsToJson(const Facts& facts)
{
    std::string out;
    out.reserve(1'200); // all names with short values
    Writer writer(out);
    eachField(facts, writer);
    writer.close();
    return out;
}

Result<Facts> factsFromJson(std::string_view text)
{
    boost::system::error_code code;
    const json::value value = json::parse(json::string_view(text.data(), text.size()), code);
    if (code || !value.is_object()) {
        return Error(ErrorCode::InvalidArgument, "The facts are not a JSON object.");
    }
    Facts facts;
    Reader reader(value.get_object());
    eachField(facts, reader);
    if (!reader.m_error.empty()) {
        return Error(ErrorCode::InvalidArgument, reader.m_error);
    }
    return facts;
}

} // namespace headgate::routing
