// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/clock.h"
#include "core/catalog/catalog.h"
#include "core/wire/json_dom.h"
#include "core/wire/json_fields.h"
#include "core/wire/ollama_wire.h"
#include "core/wire/refusal_parts.h"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <map>
#include <utility>

namespace headgate::wire::ollama {

namespace json = boost::json;

namespace {

/// No answer has more; a larger number is a broken or hostile server.
constexpr std::int64_t countMax = 1'000'000'000'000;
constexpr std::int64_t microsecondsPerSecond = 1'000'000;

std::optional<std::int64_t> countAt(const json::object& root, const char* name)
{
    const std::optional<std::int64_t> count = dom::wholeAt(root, name);
    return count && *count >= 0 && *count <= countMax ? count : std::nullopt;
}

/// The fields of a line that are not its text: model, time and, in chats, the message around it.
class Line {
public:
    Line(std::string model, std::int64_t nowS, bool generate)
        : m_model(std::move(model)),
          m_createdAt(toIso8601(nowS * microsecondsPerSecond)),
          m_generate(generate)
    {
    }
    void setModel(std::string model) { m_model = std::move(model); }

    /// `content` holds text ("content"), thinking, images, tool_calls.
    [[nodiscard]] json::object with(json::object content, bool done) const
    {
        json::object line;
        line["model"] = m_model;
        line["created_at"] = m_createdAt;
        if (m_generate) {
            const json::value* text = content.if_contains("content");
            line["response"] = text != nullptr ? *text : json::value("");
            for (const auto& [key, value] : content) {
                if (key != "content") {
                    line[key] = value;
                }
            }
        } else {
            json::object message{{"role", "assistant"}};
            if (!content.contains("content")) {
                message["content"] = "";
            }
            for (auto& [key, value] : content) {
                message[key] = std::move(value);
            }
            line["message"] = std::move(message);
        }
        line["done"] = done;
        return line;
    }

private:
    std::string m_model;
    std::string m_createdAt;
    bool m_generate;
};

void addEnd(json::object& line, StopReason stop, const std::optional<catalog::Usage>& usage)
{
    line["done_reason"] = doneReasonOf(stop);
    if (usage) {
        line["prompt_eval_count"] = usage->inputTotal();
        line["eval_count"] = usage->output;
    }
}

bool saysText(Part::Kind kind)
{
    return kind == Part::Kind::Text || kind == Part::Kind::Refusal;
}

/// Adds what a whole part says to the content of a message.
void addPart(json::object& content, const Part& part, int& calls)
{
    const auto grow = [&](const char* name) {
        const std::string before(dom::stringAt(content, name));
        content[name] = before + part.text;
    };
    const auto list = [&](const char* name) -> json::array& {
        if (!content.contains(name)) {
            content[name] = json::array();
        }
        return content[name].as_array();
    };
    if (saysText(part.kind)) {
        grow("content");
    } else if (part.kind == Part::Kind::Thinking && !part.text.empty()) {
        grow("thinking");
    } else if (part.kind == Part::Kind::Image && !part.data.empty()) {
        list("images").push_back(json::value(part.data));
    } else if (part.kind == Part::Kind::ToolCall) {
        list("tool_calls").push_back(toolCallObject(part, calls++));
    }
}

class Reader final : public EventReader {
public:
    Result<void> read(
        std::string_view name, std::string_view data, std::vector<AnswerEvent>& out) override;
    [[nodiscard]] bool done() const override { return m_done; }

private:
    void start(const json::object& line, std::vector<AnswerEvent>& out);
    void addPart(const Part& part, std::vector<AnswerEvent>& out);
    void close(std::vector<AnswerEvent>& out);
    void addLogprobs(const json::object& line, std::size_t from, std::vector<AnswerEvent>& out);
    void end(const json::object& line, std::vector<AnswerEvent>& out);

    bool m_started = false;
    bool m_done = false;
    bool m_open = false;
    bool m_calledTools = false;
    Part::Kind m_openKind = Part::Kind::Text;
    int m_nextBlock = 0;
    CallIds m_ids{madeUpIdPrefix};
};

void Reader::start(const json::object& line, std::vector<AnswerEvent>& out)
{
    if (m_started) {
        return;
    }
    m_started = true;
    AnswerEvent event;
    event.kind = AnswerEvent::Kind::Start;
    event.model = dom::stringAt(line, "model");
    // Nothing else tells one answer's made-up call ids from another's.
    m_ids = CallIds(madeUpIdPrefix, dom::stringAt(line, "created_at"));
    out.push_back(std::move(event));
}

void Reader::close(std::vector<AnswerEvent>& out)
{
    if (!m_open) {
        return;
    }
    m_open = false;
    AnswerEvent event;
    event.kind = AnswerEvent::Kind::BlockEnd;
    event.block = m_nextBlock - 1;
    event.part.kind = m_openKind;
    out.push_back(std::move(event));
}

void Reader::addPart(const Part& part, std::vector<AnswerEvent>& out)
{
    const bool flows = part.kind == Part::Kind::Text || part.kind == Part::Kind::Thinking;
    if (!flows || !m_open || m_openKind != part.kind) {
        close(out);
        AnswerEvent opening;
        opening.kind = AnswerEvent::Kind::BlockStart;
        opening.block = m_nextBlock++;
        opening.part = part;
        opening.part.text.clear();
        opening.part.arguments.clear();
        opening.part.data.clear();
        out.push_back(std::move(opening));
        m_open = true;
        m_openKind = part.kind;
    }
    AnswerEvent delta;
    delta.block = m_nextBlock - 1;
    delta.part.kind = part.kind;
    delta.text = part.kind == Part::Kind::ToolCall ? part.arguments : flows ? part.text : part.data;
    out.push_back(std::move(delta));
    if (!flows) {
        m_calledTools = m_calledTools || part.kind == Part::Kind::ToolCall;
        close(out);
    }
}

void Reader::addLogprobs(const json::object& line, std::size_t from, std::vector<AnswerEvent>& out)
{
    const json::array* logprobs = dom::arrayAt(line, "logprobs");
    for (std::size_t i = from; logprobs != nullptr && i < out.size(); ++i) {
        if (out[i].kind == AnswerEvent::Kind::Delta && out[i].part.kind == Part::Kind::Text) {
            out[i].logprobs = *logprobs;
            return;
        }
    }
}

void Reader::end(const json::object& line, std::vector<AnswerEvent>& out)
{
    close(out);
    m_done = true;
    AnswerEvent finish;
    finish.kind = AnswerEvent::Kind::Finish;
    finish.stopText = dom::stringAt(line, "done_reason");
    finish.stop = stopOf(finish.stopText, m_calledTools);
    out.push_back(std::move(finish));
    if (std::optional<catalog::Usage> usage = readUsage(line)) {
        AnswerEvent event;
        event.kind = AnswerEvent::Kind::Usage;
        event.usage = std::move(*usage);
        out.push_back(std::move(event));
    }
}

Result<void> Reader::read(
    std::string_view /*name*/, std::string_view data, std::vector<AnswerEvent>& out)
{
    const Result<json::object> line = dom::parseObject(data, "The line");
    if (!line) {
        return line.error();
    }
    std::string error = errorOf(*line);
    if (!error.empty()) {
        AnswerEvent event;
        event.kind = AnswerEvent::Kind::Error;
        event.text = std::move(error);
        out.push_back(std::move(event));
        return {};
    }
    if (m_done) {
        return {}; // nothing follows the end
    }
    start(*line, out);
    const std::size_t from = out.size();
    const json::object* message = dom::objectAt(*line, "message");
    for (const Part& part : readMessageParts(message != nullptr ? *message : *line,
             message != nullptr ? "content" : "response", m_ids)) {
        addPart(part, out);
    }
    addLogprobs(*line, from, out);
    if (dom::boolAt(*line, "done").value_or(false)) {
        end(*line, out);
    }
    return {};
}

class Writer final : public EventWriter {
public:
    explicit Writer(const AnswerContext& context)
        : m_line(context.model, context.nowS, context.generate)
    {
    }
    void write(const AnswerEvent& event, std::string& out) override;
    void end(std::string& out) override;
    void fail(const Refusal& refusal, std::string& out) override;

private:
    void delta(const AnswerEvent& event, std::string& out);
    void blockEnd(const AnswerEvent& event, std::string& out);
    void put(const json::object& line, std::string& out)
    {
        out += json::serialize(line);
        out += '\n';
    }

    Line m_line;
    bool m_closed = false;
    int m_calls = 0;
    StopReason m_stop = StopReason::End;
    std::optional<catalog::Usage> m_usage;
    std::map<int, Part> m_blocks;
};

void Writer::delta(const AnswerEvent& event, std::string& out)
{
    const auto found = m_blocks.find(event.block);
    if (found == m_blocks.end()) {
        return;
    }
    Part& part = found->second;
    if (saysText(part.kind)) {
        json::object line = m_line.with(json::object{{"content", event.text}}, false);
        if (event.logprobs.is_array()) {
            line["logprobs"] = event.logprobs;
        }
        put(line, out);
    } else if (part.kind == Part::Kind::Thinking) {
        put(m_line.with(json::object{{"thinking", event.text}}, false), out);
    } else if (part.kind == Part::Kind::ToolCall) {
        part.arguments += event.text;
    } else {
        part.data += event.text;
    }
}

void Writer::blockEnd(const AnswerEvent& event, std::string& out)
{
    const auto found = m_blocks.find(event.block);
    if (found == m_blocks.end()) {
        return;
    }
    const Part part = std::move(found->second);
    m_blocks.erase(found);
    if (part.kind != Part::Kind::ToolCall && part.kind != Part::Kind::Image) {
        return;
    }
    json::object content;
    ollama::addPart(content, part, m_calls);
    if (!content.empty()) {
        put(m_line.with(std::move(content), false), out);
    }
}

void Writer::write(const AnswerEvent& event, std::string& out)
{
    if (m_closed || event.choice != 0) {
        return; // there is one answer only in this protocol
    }
    switch (event.kind) {
    case AnswerEvent::Kind::Start:
        if (!event.model.empty()) {
            m_line.setModel(event.model);
        }
        break;
    case AnswerEvent::Kind::BlockStart:
        m_blocks[event.block] = event.part;
        break;
    case AnswerEvent::Kind::Delta:
        delta(event, out);
        break;
    case AnswerEvent::Kind::BlockEnd:
        blockEnd(event, out);
        break;
    case AnswerEvent::Kind::Finish:
        m_stop = event.stop;
        break;
    case AnswerEvent::Kind::Usage:
        m_usage = event.usage;
        break;
    case AnswerEvent::Kind::Error:
        out += errorBody(event.text) + "\n";
        m_closed = true;
        break;
    }
}

void Writer::end(std::string& out)
{
    if (m_closed) {
        return;
    }
    m_closed = true;
    json::object line = m_line.with({}, true);
    addEnd(line, m_stop, m_usage);
    put(line, out);
}

void Writer::fail(const Refusal& refusal, std::string& out)
{
    if (m_closed) {
        return;
    }
    m_closed = true;
    out += errorBody(refusalParts(refusal).message) + "\n";
}

} // namespace

std::optional<catalog::Usage> readUsage(const json::object& root)
{
    const std::optional<std::int64_t> input = countAt(root, "prompt_eval_count");
    if (!input) {
        return std::nullopt;
    }
    catalog::Usage usage;
    usage.inputUncached = *input;
    usage.output = countAt(root, "eval_count").value_or(0);
    return usage;
}

StopReason stopOf(std::string_view doneReason, bool calledTools)
{
    if (doneReason.empty() || doneReason == "stop") {
        return calledTools ? StopReason::ToolCall : StopReason::End;
    }
    return doneReason == "length" ? StopReason::Length : StopReason::Other;
}

const char* doneReasonOf(StopReason stop)
{
    return stop == StopReason::Length ? "length" : "stop";
}

std::string errorBody(std::string_view message)
{
    return json::serialize(json::object{{"error", cleanText(message)}});
}

std::string errorOf(const json::object& root)
{
    const json::value* error = dom::find(root, "error");
    if (error == nullptr) {
        return {};
    }
    std::string_view text = dom::textOf(*error);
    if (const json::object* object = error->if_object()) {
        text = dom::stringAt(*object, "message");
    }
    return text.empty() ? json::serialize(*error) : std::string(text);
}

Result<Answer> readAnswer(std::string_view body)
{
    const Result<json::object> root = dom::parseObject(body, "The answer");
    if (!root) {
        return root.error();
    }
    Answer answer;
    answer.error = errorOf(*root);
    if (!answer.error.empty()) {
        return answer;
    }
    dom::Fields fields(*root);
    answer.model = fields.takeText("model").value_or(std::string());
    CallIds ids(madeUpIdPrefix, dom::stringAt(*root, "created_at"));
    const json::object* message = fields.takeObject("message");
    if (message == nullptr && !fields.peek("response")) {
        return Error(ErrorCode::InvalidArgument,
            "The answer has neither a message nor a response: it is not of this protocol.");
    }
    Answer::Choice choice;
    choice.parts = readMessageParts(
        message != nullptr ? *message : *root, message != nullptr ? "content" : "response", ids);
    const bool calledTools = std::any_of(choice.parts.begin(), choice.parts.end(),
        [](const Part& part) { return part.kind == Part::Kind::ToolCall; });
    choice.stopText = fields.takeText("done_reason").value_or(std::string());
    if (fields.takeBoolean("done").value_or(false)) {
        choice.stop = stopOf(choice.stopText, calledTools);
    }
    if (const json::value* logprobs = fields.take("logprobs")) {
        choice.logprobs = *logprobs;
    }
    answer.usage = readUsage(*root);
    for (const char* name :
        {"response", "thinking", "images", "tool_calls", "prompt_eval_count", "eval_count"}) {
        fields.take(name);
    }
    answer.choices.push_back(std::move(choice));
    json::object rest = fields.rest();
    if (!rest.empty()) {
        answer.native = {Dialect::Ollama, std::move(rest)};
    }
    return answer;
}

std::string writeAnswer(const Answer& answer, const AnswerContext& context)
{
    if (!answer.error.empty()) {
        return errorBody(answer.error);
    }
    const Line line(
        answer.model.empty() ? context.model : answer.model, context.nowS, context.generate);
    json::object content;
    StopReason stop = StopReason::End;
    int calls = 0;
    const Answer::Choice* choice = answer.choices.empty() ? nullptr : &answer.choices.front();
    if (choice != nullptr) {
        stop = choice->stop;
        for (const Part& part : choice->parts) {
            addPart(content, part, calls);
        }
    }
    json::object root = line.with(std::move(content), true);
    addEnd(root, stop, answer.usage);
    if (choice != nullptr && choice->logprobs.is_array()) {
        root["logprobs"] = choice->logprobs;
    }
    if (const json::value* native = answer.native.of(Dialect::Ollama)) {
        if (const json::object* more = native->if_object()) {
            for (const auto& [key, value] : *more) {
                root[key] = value; // the time and durations as they were
            }
        }
    }
    return json::serialize(root);
}

std::unique_ptr<EventReader> eventReader()
{
    return std::make_unique<Reader>();
}

std::unique_ptr<EventWriter> eventWriter(const AnswerContext& context)
{
    return std::make_unique<Writer>(context);
}

} // namespace headgate::wire::ollama
