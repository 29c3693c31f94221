// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/responses_internal.h"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

namespace headgate::wire::responses {

namespace {

/// A block of the answer that an item or one of its content parts became.
struct OpenBlock {
    int number = 0;
    Part::Kind kind = Part::Kind::Text;
    std::size_t delivered = 0; ///< bytes given as deltas
    Native native; ///< of the content part, once it was given whole
    bool ended = false;
};

struct OpenItem {
    std::string id;
    json::object fields; ///< of a message, beside role and content
    std::map<std::int64_t, OpenBlock> blocks; ///< by content index; items without content: 0
    std::string thinkingBy; ///< the event type whose deltas are the thinking's text
    bool done = false;
};

class ResponsesReader final : public EventReader {
public:
    [[nodiscard]] Result<void> read(
        std::string_view name, std::string_view data, std::vector<AnswerEvent>& out) override;
    [[nodiscard]] bool done() const override { return m_done; }

private:
    using Handler = void (ResponsesReader::*)(const json::object&);
    [[nodiscard]] static Handler handlerOf(std::string_view type);

    void start(const json::object& event);
    void itemAdded(const json::object& event);
    void itemDone(const json::object& event);
    void contentAdded(const json::object& event);
    void contentDone(const json::object& event);
    void textDelta(const json::object& event);
    void refusalDelta(const json::object& event);
    void argumentsDelta(const json::object& event);
    void thinkingDelta(const json::object& event);
    void thinkingPart(const json::object& event);
    void annotation(const json::object& event);
    void terminal(const json::object& event);
    void failure(const json::object& event);

    OpenItem& itemOf(const json::object& event);
    void endEarlier(OpenItem& item);
    OpenBlock& blockOf(OpenItem& item, std::int64_t index, const Part& begun);
    void delta(OpenBlock& block, std::string_view text);
    void rest(OpenBlock& block, std::string_view whole);
    void end(OpenBlock& block, Part part);
    void finishItem(OpenItem& item, const json::object& json);
    void closeItems();
    void startFrom(const json::object* response);
    [[nodiscard]] bool seen(std::int64_t index, const json::object& item);
    AnswerEvent& push(AnswerEvent::Kind kind, int block = 0);

    std::vector<AnswerEvent>* m_out = nullptr;
    std::map<std::int64_t, OpenItem> m_items; ///< by output index
    int m_blocks = 0;
    bool m_called = false;
    bool m_refused = false;
    bool m_started = false;
    bool m_done = false;
};

std::int64_t indexAt(const json::object& event, std::string_view key)
{
    return dom::wholeAt(event, key).value_or(0);
}

ResponsesReader::Handler ResponsesReader::handlerOf(std::string_view type)
{
    using Reader = ResponsesReader;
    static constexpr std::array<std::pair<std::string_view, Handler>, 20> handlers{{
        {"response.output_text.delta", &Reader::textDelta},
        {"response.function_call_arguments.delta", &Reader::argumentsDelta},
        {"response.custom_tool_call_input.delta", &Reader::argumentsDelta},
        {"response.reasoning_summary_text.delta", &Reader::thinkingDelta},
        {"response.reasoning_text.delta", &Reader::thinkingDelta},
        {"response.refusal.delta", &Reader::refusalDelta},
        {"response.created", &Reader::start},
        {"response.in_progress", &Reader::start},
        {"response.queued", &Reader::start},
        {"response.output_item.added", &Reader::itemAdded},
        {"response.output_item.done", &Reader::itemDone},
        {"response.content_part.added", &Reader::contentAdded},
        {"response.content_part.done", &Reader::contentDone},
        {"response.reasoning_summary_part.added", &Reader::thinkingPart},
        {"response.output_text.annotation.added", &Reader::annotation},
        {"response.completed", &Reader::terminal},
        {"response.incomplete", &Reader::terminal},
        {"response.failed", &Reader::failure},
        {"response.cancelled", &Reader::terminal},
        {"error", &Reader::failure},
    }};
    for (const auto& [name, handler] : handlers) {
        if (name == type) {
            return handler;
        }
    }
    return nullptr;
}

Result<void> ResponsesReader::read(
    std::string_view name, std::string_view data, std::vector<AnswerEvent>& out)
{
    if (data == "[DONE]") { // not of this protocol, but some servers send it
        return {};
    }
    const Result<json::object> event = parseObject(data, "A stream event");
    if (!event) {
        return event.error();
    }
    if (m_done) {
        return {};
    }
    std::string type = stringAt(*event, "type");
    if (type.empty()) {
        type = objectAt(*event, "error") != nullptr ? std::string("error") : std::string(name);
    }
    if (const Handler handler = handlerOf(type)) {
        m_out = &out;
        (this->*handler)(*event);
    }
    return {};
}

AnswerEvent& ResponsesReader::push(AnswerEvent::Kind kind, int block)
{
    if (!m_started && kind != AnswerEvent::Kind::Start) {
        startFrom(nullptr);
    }
    AnswerEvent& event = m_out->emplace_back();
    event.kind = kind;
    event.block = block;
    return event;
}

void ResponsesReader::startFrom(const json::object* response)
{
    if (m_started) {
        return;
    }
    m_started = true;
    AnswerEvent& event = push(AnswerEvent::Kind::Start);
    if (response != nullptr) {
        event.id = stringAt(*response, "id");
        event.model = stringAt(*response, "model");
        event.createdS = dom::wholeAt(*response, "created_at").value_or(0);
    }
}

void ResponsesReader::start(const json::object& event)
{
    startFrom(objectAt(event, "response"));
}

OpenItem& ResponsesReader::itemOf(const json::object& event)
{
    const std::optional<std::int64_t> index = dom::wholeAt(event, "output_index");
    const std::string_view id = dom::stringAt(event, "item_id");
    std::int64_t at = m_items.empty() ? 0 : m_items.rbegin()->first;
    if (index) {
        at = *index;
    } else if (!id.empty()) {
        const auto known = std::find_if(m_items.begin(), m_items.end(),
            [id](const auto& entry) { return entry.second.id == id; });
        at = known != m_items.end() ? known->first : at;
    }
    OpenItem& item = m_items[at];
    if (item.id.empty()) {
        item.id = id;
    }
    return item;
}

OpenBlock& ResponsesReader::blockOf(OpenItem& item, std::int64_t index, const Part& begun)
{
    const auto found = item.blocks.find(index);
    if (found != item.blocks.end()) {
        return found->second;
    }
    endEarlier(item);
    OpenBlock block;
    block.kind = begun.kind;
    AnswerEvent& event = push(AnswerEvent::Kind::BlockStart, m_blocks);
    event.part = begun;
    block.number = m_blocks++;
    m_called = m_called || begun.kind == Part::Kind::ToolCall;
    m_refused = m_refused || begun.kind == Part::Kind::Refusal;
    return item.blocks.emplace(index, block).first->second;
}

/// A message's part ends when the next begins, with what is known of it by then.
void ResponsesReader::endEarlier(OpenItem& item)
{
    for (auto& [index, block] : item.blocks) {
        Part part;
        part.native = block.native;
        if (index == 0) {
            json::object fields;
            if (const json::object* own = nativeOf(part.native)) {
                fields = *own;
            }
            fields[messageNote] = item.fields;
            part.native = nativeFrom(std::move(fields));
        }
        end(block, std::move(part));
    }
}

void ResponsesReader::delta(OpenBlock& block, std::string_view text)
{
    if (text.empty() || block.ended) {
        return;
    }
    block.delivered += text.size();
    AnswerEvent& event = push(AnswerEvent::Kind::Delta, block.number);
    event.part.kind = block.kind;
    event.text = text;
}

/// What of the whole text no delta has brought.
void ResponsesReader::rest(OpenBlock& block, std::string_view whole)
{
    if (whole.size() > block.delivered) {
        delta(block, whole.substr(block.delivered));
    }
}

void ResponsesReader::end(OpenBlock& block, Part part)
{
    if (block.ended) {
        return;
    }
    block.ended = true;
    part.kind = block.kind;
    part.text.clear();
    part.arguments.clear();
    push(AnswerEvent::Kind::BlockEnd, block.number).part = std::move(part);
}

void ResponsesReader::itemAdded(const json::object& event)
{
    const json::object* json = objectAt(event, "item");
    if (json == nullptr) {
        return;
    }
    OpenItem& item = itemOf(event);
    item.id = stringAt(*json, "id");
    const std::string type = stringAt(*json, "type");
    if (type == "message" || type == "reasoning") {
        item.fields = without(*json, {"role", "content"});
        item.fields["status"] = "completed";
        return; // their blocks begin with their content
    }
    Part part = partsOfItem(*json, {}).front();
    part.arguments.clear();
    blockOf(item, 0, part);
}

void ResponsesReader::contentAdded(const json::object& event)
{
    const json::object* content = objectAt(event, "part");
    const std::string type = content != nullptr ? stringAt(*content, "type") : std::string();
    if (type == "output_text" || type == "refusal") {
        Part part;
        part.kind = type == "refusal" ? Part::Kind::Refusal : Part::Kind::Text;
        blockOf(itemOf(event), indexAt(event, "content_index"), part);
    }
}

void ResponsesReader::contentDone(const json::object& event)
{
    const json::object* content = objectAt(event, "part");
    if (content == nullptr) {
        return;
    }
    const Part part = partOfContent(*content, true);
    if (part.kind != Part::Kind::Text && part.kind != Part::Kind::Refusal) {
        return; // known when its item is done
    }
    OpenItem& item = itemOf(event);
    const auto found = item.blocks.find(indexAt(event, "content_index"));
    if (found != item.blocks.end()) {
        rest(found->second, part.text);
        found->second.native = part.native;
    }
}

void ResponsesReader::textDelta(const json::object& event)
{
    OpenBlock& block = blockOf(itemOf(event), indexAt(event, "content_index"), {});
    if (block.ended) {
        return;
    }
    const std::size_t before = m_out->size();
    delta(block, dom::stringAt(event, "delta"));
    const json::array* logprobs = arrayAt(event, "logprobs");
    if (logprobs != nullptr && !logprobs->empty()) {
        if (m_out->size() == before) {
            push(AnswerEvent::Kind::Delta, block.number).part.kind = block.kind;
        }
        m_out->back().logprobs = *logprobs;
    }
}

void ResponsesReader::refusalDelta(const json::object& event)
{
    Part part;
    part.kind = Part::Kind::Refusal;
    delta(blockOf(itemOf(event), indexAt(event, "content_index"), part),
        dom::stringAt(event, "delta"));
}

void ResponsesReader::argumentsDelta(const json::object& event)
{
    OpenItem& item = itemOf(event);
    if (item.blocks.empty()) {
        return; // a call that was never begun has no name: its item comes whole at its end
    }
    delta(item.blocks.begin()->second, dom::stringAt(event, "delta"));
}

void ResponsesReader::thinkingDelta(const json::object& event)
{
    OpenItem& item = itemOf(event);
    const std::string type = stringAt(event, "type");
    if (item.thinkingBy.empty()) {
        item.thinkingBy = type;
    }
    if (item.thinkingBy != type) {
        return; // the summary of a text that was given in full
    }
    Part part;
    part.kind = Part::Kind::Thinking;
    part.signedBy = Dialect::Responses;
    delta(blockOf(item, 0, part), dom::stringAt(event, "delta"));
}

void ResponsesReader::thinkingPart(const json::object& event)
{
    OpenItem& item = itemOf(event);
    const bool summary = item.thinkingBy == "response.reasoning_summary_text.delta";
    if (summary && !item.blocks.empty() && indexAt(event, "summary_index") > 0) {
        delta(item.blocks.begin()->second, "\n\n");
    }
}

void ResponsesReader::annotation(const json::object& event)
{
    const json::object* annotation = objectAt(event, "annotation");
    if (annotation == nullptr) {
        return;
    }
    const OpenBlock& block = blockOf(itemOf(event), indexAt(event, "content_index"), {});
    if (block.ended) {
        return;
    }
    AnswerEvent& out = push(AnswerEvent::Kind::Delta, block.number);
    out.part.kind = block.kind;
    out.annotations = json::array{*annotation};
    out.annotationsBy = Dialect::Responses;
}

void ResponsesReader::finishItem(OpenItem& item, const json::object& json)
{
    if (item.done) {
        return;
    }
    item.done = true;
    std::int64_t index = 0;
    for (Part& part : partsOfItem(json, {})) {
        Part begun = part;
        begun.text.clear();
        begun.arguments.clear();
        begun.signature.clear();
        OpenBlock& block = blockOf(item, index++, begun);
        if (part.kind == Part::Kind::ToolCall) {
            rest(block, part.arguments);
        } else if (part.kind != Part::Kind::Thinking || block.delivered == 0) {
            rest(block, part.text);
        }
        end(block, std::move(part));
    }
}

void ResponsesReader::itemDone(const json::object& event)
{
    if (const json::object* item = objectAt(event, "item")) {
        finishItem(itemOf(event), *item);
    }
}

bool ResponsesReader::seen(std::int64_t index, const json::object& item)
{
    const std::string id = stringAt(item, "id");
    const auto same = [&](const auto& entry) {
        return entry.second.done
            && (entry.first == index || (!id.empty() && entry.second.id == id));
    };
    return std::any_of(m_items.begin(), m_items.end(), same);
}

void ResponsesReader::closeItems()
{
    for (auto& [index, item] : m_items) {
        for (auto& [at, block] : item.blocks) {
            end(block, {});
        }
    }
}

void ResponsesReader::terminal(const json::object& event)
{
    const json::object* response = objectAt(event, "response");
    startFrom(response);
    m_done = true;
    if (response == nullptr) {
        closeItems();
        push(AnswerEvent::Kind::Finish).stop = StopReason::Other;
        return;
    }
    std::int64_t index = 0;
    const json::array* output = arrayAt(*response, "output");
    for (const json::value& entry : output != nullptr ? *output : json::array()) {
        const json::object* item = entry.if_object();
        if (item != nullptr && !seen(index, *item)) {
            finishItem(m_items[index], *item);
        }
        ++index;
    }
    closeItems();
    Answer::Choice ending;
    const auto add = [&ending](Part::Kind kind) { ending.parts.emplace_back().kind = kind; };
    if (m_called) {
        add(Part::Kind::ToolCall);
    }
    if (m_refused) {
        add(Part::Kind::Refusal);
    }
    readEnding(*response, ending);
    AnswerEvent& finish = push(AnswerEvent::Kind::Finish);
    finish.stop = ending.stop;
    finish.stopText = ending.stopText;
    finish.native = restOf(*response);
    if (std::optional<catalog::Usage> usage = usageOf(*response)) {
        push(AnswerEvent::Kind::Usage).usage = std::move(*usage);
    }
}

void ResponsesReader::failure(const json::object& event)
{
    const json::object* response = objectAt(event, "response");
    startFrom(response);
    closeItems();
    m_done = true;
    const json::object* error = objectAt(response != nullptr ? *response : event, "error");
    const json::object& told = error != nullptr ? *error : event;
    if (response != nullptr) {
        if (std::optional<catalog::Usage> usage = usageOf(*response)) {
            push(AnswerEvent::Kind::Usage).usage = std::move(*usage);
        }
    }
    AnswerEvent& out = push(AnswerEvent::Kind::Error);
    out.text = stringAt(told, "message");
    if (out.text.empty()) {
        out.text = "The provider reported an error without a message.";
    }
    out.stopText = stringAt(told, "code");
    if (out.stopText.empty() && error != nullptr) {
        out.stopText = stringAt(told, "type");
    }
}

} // namespace

std::unique_ptr<EventReader> eventReader()
{
    return std::make_unique<ResponsesReader>();
}

} // namespace headgate::wire::responses
