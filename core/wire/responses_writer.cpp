// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/responses_writer.h"

#include "core/wire/refusal_parts.h"

#include <boost/json/serialize.hpp>

#include <algorithm>
#include <utility>

namespace headgate::wire::responses {

namespace {

/// English text has some four bytes a token; only for a usage that no provider gave.
constexpr std::int64_t bytesPerToken = 4;

/// Letters and digits of an id, for ids made from it.
std::string tailOf(std::string_view id)
{
    std::string out;
    for (const char c : id.substr(id.find('_') == std::string_view::npos ? 0 : id.find('_') + 1)) {
        const bool plain
            = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (plain) {
            out += c;
        }
    }
    return out;
}

json::object textPart(const Part& part, const std::string& text)
{
    if (part.kind == Part::Kind::Refusal) {
        return json::object{{"type", "refusal"}, {"refusal", text}};
    }
    return json::object{{"type", "output_text"}, {"annotations", json::array()},
        {"logprobs", json::array()}, {"text", text}};
}

/// A citation of another dialect in this one's words; null when there is no address to cite.
json::value citationOf(const json::object& from, Dialect by, std::size_t textBytes)
{
    if (by == Dialect::Responses) {
        return from;
    }
    const json::object* inner = objectAt(from, "url_citation");
    const json::object& source = inner != nullptr ? *inner : from;
    const std::string url = stringAt(source, "url");
    if (url.empty()) {
        return nullptr;
    }
    const auto end = static_cast<std::int64_t>(textBytes);
    json::object out{{"type", "url_citation"}};
    out["start_index"] = dom::wholeAt(source, "start_index").value_or(end);
    out["end_index"] = dom::wholeAt(source, "end_index").value_or(end);
    out["title"] = stringAt(source, "title");
    out["url"] = url;
    return out;
}

} // namespace

ResponsesWriter::ResponsesWriter(const AnswerContext& context)
    : m_response(responseObject(context)),
      m_names(context.request),
      m_model(context.model),
      m_inputEstimate(context.inputTokens)
{
}

void ResponsesWriter::emit(std::string_view type, json::object data)
{
    json::object event;
    event["type"] = type;
    for (auto& entry : data) {
        event.emplace(entry.key(), std::move(entry.value()));
    }
    event["sequence_number"] = m_sequence++;
    if (!m_quiet) {
        *m_out += eventText(type, event);
    }
}

void ResponsesWriter::emitResponse(std::string_view type)
{
    if (!m_quiet) {
        emit(type, json::object{{"response", m_response}});
    }
}

std::string ResponsesWriter::newId(const char* prefix)
{
    return std::string(prefix) + "_" + tailOf(stringAt(m_response, "id")) + "x"
        + std::to_string(m_idsGiven++);
}

json::object& ResponsesWriter::item(std::size_t index)
{
    return m_response["output"].get_array()[index].get_object();
}

/// Where an event of this block belongs.
json::object ResponsesWriter::about(const Block& block) const
{
    const json::array* output = arrayAt(m_response, "output");
    json::object out;
    out["item_id"] = stringAt((*output)[block.item].get_object(), "id");
    out["output_index"] = block.item;
    return out;
}

std::size_t ResponsesWriter::addItem(json::object added)
{
    json::array& output = m_response["output"].get_array();
    const std::size_t index = output.size();
    json::object event{{"output_index", index}};
    event["item"] = added;
    output.push_back(std::move(added));
    emit("response.output_item.added", std::move(event));
    return index;
}

void ResponsesWriter::itemDone(std::size_t index)
{
    json::object event{{"output_index", index}};
    event["item"] = item(index);
    emit("response.output_item.done", std::move(event));
}

void ResponsesWriter::start(const AnswerEvent& event)
{
    if (m_started) {
        return;
    }
    m_started = true;
    if (event.id.starts_with("resp_")) {
        m_response["id"] = event.id;
    } else if (stringAt(m_response, "id") == "resp_") {
        m_response["id"] = "resp_" + tailOf(event.id);
    }
    if (m_model.empty()) {
        m_response["model"] = event.model;
    }
    if (event.createdS > 0) {
        m_response["created_at"] = event.createdS;
    }
    // The output is empty yet, so these are the same object in two events.
    emitResponse("response.created");
    emitResponse("response.in_progress");
}

void ResponsesWriter::startText(Block& block)
{
    const json::object* own = nativeOf(block.part.native);
    const json::object* fields = own != nullptr ? objectAt(*own, messageNote) : nullptr;
    if (fields != nullptr) {
        closeMessage();
    }
    if (!m_message) {
        json::object message;
        const std::string id = fields != nullptr ? stringAt(*fields, "id") : std::string();
        message["id"] = id.empty() ? newId("msg") : id;
        message["type"] = "message";
        message["status"] = "in_progress";
        message["content"] = json::array();
        message["role"] = "assistant";
        if (fields != nullptr) {
            addMissing(message, *fields);
        }
        m_message = addItem(std::move(message));
    }
    block.begun = true;
    block.item = *m_message;
    json::array& content = item(block.item)["content"].get_array();
    block.content = content.size();
    content.push_back(textPart(block.part, ""));
    json::object event = about(block);
    event["content_index"] = block.content;
    event["part"] = content.back();
    emit("response.content_part.added", std::move(event));
    m_refused = m_refused || block.part.kind == Part::Kind::Refusal;
}

void ResponsesWriter::startCall(Block& block)
{
    closeMessage();
    block.wrapped = m_names.restore(block.part);
    const Part& part = block.part;
    const json::object* own = nativeOf(part.native);
    json::object call;
    const std::string id = own != nullptr ? stringAt(*own, "id") : std::string();
    call["id"] = id.empty() ? newId(part.custom ? "ctc" : "fc") : id;
    call["type"] = part.custom ? "custom_tool_call" : "function_call";
    call["status"] = "in_progress";
    call[part.custom ? "input" : "arguments"] = "";
    call["call_id"] = part.id;
    call["name"] = part.name;
    if (own != nullptr) {
        addMissing(call, *own);
    }
    block.begun = true;
    block.item = addItem(std::move(call));
}

void ResponsesWriter::startThinking(Block& block)
{
    closeMessage();
    const json::object* own = nativeOf(block.part.native);
    json::object reasoning;
    const std::string id = own != nullptr ? stringAt(*own, "id") : std::string();
    reasoning["id"] = id.empty() ? newId("rs") : id;
    reasoning["type"] = "reasoning";
    reasoning["summary"] = json::array();
    block.begun = true;
    block.item = addItem(std::move(reasoning));
}

void ResponsesWriter::startNative(Block& block)
{
    const json::object* own = nativeOf(block.part.native);
    if (own == nullptr || !own->contains("type")) {
        return; // another dialect's: nothing here can say it
    }
    closeMessage();
    json::object begun;
    addMissing(begun, *own);
    if (stringAt(begun, "id").empty()) {
        begun["id"] = newId("item");
    }
    if (begun.contains("status")) {
        begun["status"] = "in_progress";
    }
    block.begun = true;
    block.item = addItem(std::move(begun));
}

void ResponsesWriter::startBlock(int number, const Part& part)
{
    Block block;
    block.part = part;
    Block& kept = m_blocks.insert_or_assign(number, std::move(block)).first->second;
    switch (part.kind) {
    case Part::Kind::Text:
    case Part::Kind::Refusal:
        startText(kept);
        break;
    case Part::Kind::ToolCall:
        startCall(kept);
        break;
    case Part::Kind::Native:
        startNative(kept);
        break;
    default:
        break; // thinking begins with its text, media come whole
    }
}

void ResponsesWriter::annotate(Block& block, const AnswerEvent& event)
{
    const json::array* list = event.annotations.if_array();
    for (const json::value& entry : list != nullptr ? *list : json::array()) {
        const json::object* object = entry.if_object();
        json::value citation = object != nullptr
            ? citationOf(*object, event.annotationsBy, block.text.size())
            : json::value();
        if (citation.is_null()) {
            continue;
        }
        json::object out = about(block);
        out["content_index"] = block.content;
        out["annotation_index"] = block.annotations.size();
        out["annotation"] = citation;
        block.annotations.push_back(std::move(citation));
        emit("response.output_text.annotation.added", std::move(out));
    }
}

void ResponsesWriter::delta(const AnswerEvent& event)
{
    const auto found = m_blocks.find(event.block);
    if (found == m_blocks.end() || !found->second.open) {
        return;
    }
    Block& block = found->second;
    block.text += event.text;
    m_outputBytes += static_cast<std::int64_t>(event.text.size());
    const Part::Kind kind = block.part.kind;
    if (kind == Part::Kind::Thinking && !block.begun && !event.text.empty()) {
        startThinking(block);
        json::object out = about(block);
        out["summary_index"] = 0;
        out["part"] = json::object{{"type", "summary_text"}, {"text", ""}};
        emit("response.reasoning_summary_part.added", std::move(out));
    }
    if (!block.begun || block.wrapped) {
        return;
    }
    const bool text = kind == Part::Kind::Text || kind == Part::Kind::Refusal;
    const json::array* logprobs = text ? event.logprobs.if_array() : nullptr;
    if (!event.text.empty() || logprobs != nullptr) {
        json::object out = about(block);
        if (text) {
            out["content_index"] = block.content;
        } else if (kind == Part::Kind::Thinking) {
            out["summary_index"] = 0;
        }
        out["delta"] = event.text;
        if (kind == Part::Kind::Text) {
            out["logprobs"] = logprobs != nullptr ? *logprobs : json::array();
        }
        const char* const type = kind == Part::Kind::Text ? "response.output_text.delta"
            : kind == Part::Kind::Refusal                 ? "response.refusal.delta"
            : kind == Part::Kind::Thinking                ? "response.reasoning_summary_text.delta"
            : block.part.custom                           ? "response.custom_tool_call_input.delta"
                                : "response.function_call_arguments.delta";
        emit(type, std::move(out));
    }
    if (logprobs != nullptr) {
        block.logprobs.insert(block.logprobs.end(), logprobs->begin(), logprobs->end());
    }
    if (kind == Part::Kind::Text) {
        annotate(block, event);
    }
}

void ResponsesWriter::endText(Block& block)
{
    const bool refusal = block.part.kind == Part::Kind::Refusal;
    json::object part = textPart(block.part, block.text);
    if (!refusal) {
        part["annotations"] = block.annotations;
        part["logprobs"] = block.logprobs;
    }
    if (const json::object* own = nativeOf(block.part.native)) {
        for (const char* key : {"annotations", "logprobs"}) {
            const json::array* list = arrayAt(*own, key);
            if (list != nullptr && arrayAt(part, key) != nullptr && arrayAt(part, key)->empty()) {
                part[key] = *list;
            }
        }
        addMissing(part, *own);
    }
    item(block.item)["content"].get_array()[block.content] = part;
    json::object done = about(block);
    done["content_index"] = block.content;
    json::object partDone = done;
    done[refusal ? "refusal" : "text"] = block.text;
    if (!refusal) {
        done["logprobs"] = part["logprobs"];
    }
    emit(refusal ? "response.refusal.done" : "response.output_text.done", std::move(done));
    partDone["part"] = std::move(part);
    emit("response.content_part.done", std::move(partDone));
}

void ResponsesWriter::endCall(Block& block)
{
    const bool custom = block.part.custom;
    const char* const key = custom ? "input" : "arguments";
    std::string late; // what the client was not told yet
    if (block.wrapped) {
        block.text = CallNames::unwrapped(block.text);
        late = block.text;
    } else if (!custom && block.text.empty()) {
        block.text = late = "{}";
    }
    if (!late.empty()) {
        json::object event = about(block);
        event["delta"] = late;
        emit(custom ? "response.custom_tool_call_input.delta"
                    : "response.function_call_arguments.delta",
            std::move(event));
    }
    json::object& call = item(block.item);
    call[key] = block.text;
    call["status"] = "completed";
    if (const json::object* own = nativeOf(block.part.native)) {
        addMissing(call, *own);
    }
    json::object event = about(block);
    event[key] = block.text;
    emit(custom ? "response.custom_tool_call_input.done" : "response.function_call_arguments.done",
        std::move(event));
    itemDone(block.item);
}

void ResponsesWriter::endThinking(Block& block)
{
    const json::object* own = nativeOf(block.part.native);
    if (!block.begun) {
        if (block.part.signature.empty() && own == nullptr) {
            return; // nothing was thought aloud and nothing can be sent back
        }
        startThinking(block);
    }
    json::object& reasoning = item(block.item);
    if (!block.text.empty()) {
        json::object part{{"type", "summary_text"}, {"text", block.text}};
        json::object event = about(block);
        event["summary_index"] = 0;
        json::object partDone = event;
        event["text"] = block.text;
        emit("response.reasoning_summary_text.done", std::move(event));
        partDone["part"] = part;
        emit("response.reasoning_summary_part.done", std::move(partDone));
        const json::array* whole = own != nullptr ? arrayAt(*own, "summary") : nullptr;
        reasoning["summary"]
            = whole != nullptr && !whole->empty() ? *whole : json::array{std::move(part)};
    }
    if (!block.part.signature.empty() || own == nullptr) {
        // Also where there is no signature: the item is known again when the client sends it back.
        block.part.redacted = block.text.empty();
        if (const std::string sealed = sealedSignature(block.part); !sealed.empty()) {
            reasoning["encrypted_content"] = sealed;
        }
    }
    if (own != nullptr) {
        addMissing(reasoning, *own);
    }
    itemDone(block.item);
}

void ResponsesWriter::endMedia(Block& block)
{
    if (block.part.kind != Part::Kind::Image) {
        return; // this dialect has no sound and no files in answers
    }
    closeMessage();
    const std::string data = block.text.empty() ? block.part.data : block.text;
    const std::string& mime = block.part.mime;
    json::object image;
    image["id"] = newId("ig");
    image["type"] = "image_generation_call";
    image["status"] = "in_progress";
    image["result"] = nullptr;
    block.item = addItem(image);
    item(block.item)["status"] = "completed";
    item(block.item)["output_format"]
        = mime.starts_with("image/") ? mime.substr(sizeof "image/" - 1) : std::string("png");
    item(block.item)["result"] = data;
    itemDone(block.item);
}

void ResponsesWriter::endNative(Block& block)
{
    if (!block.begun) {
        startNative(block);
    }
    if (!block.begun) {
        return;
    }
    json::object done;
    done["id"] = stringAt(item(block.item), "id");
    if (const json::object* own = nativeOf(block.part.native)) {
        addMissing(done, *own);
    }
    item(block.item) = std::move(done);
    itemDone(block.item);
}

void ResponsesWriter::endBlock(Block& block, const Part& end)
{
    if (!block.open) {
        return;
    }
    block.open = false;
    Part& part = block.part;
    if (!end.signature.empty()) {
        part.signature = end.signature;
        part.signedBy = end.signedBy;
    }
    part.redacted = part.redacted || end.redacted;
    part.mime = end.mime.empty() ? part.mime : end.mime;
    if (nativeOf(end.native) != nullptr) {
        json::object merged = *nativeOf(end.native);
        if (const json::object* begun = nativeOf(part.native)) {
            addMissing(merged, *begun);
        }
        part.native = nativeFrom(std::move(merged));
    }
    switch (part.kind) {
    case Part::Kind::Text:
    case Part::Kind::Refusal:
        endText(block);
        break;
    case Part::Kind::ToolCall:
        endCall(block);
        break;
    case Part::Kind::Thinking:
        endThinking(block);
        break;
    case Part::Kind::Native:
        endNative(block);
        break;
    default:
        endMedia(block);
        break;
    }
}

/// The message ends when something else begins and none of its parts is open any more.
void ResponsesWriter::closeMessage()
{
    if (!m_message) {
        return;
    }
    const std::size_t index = *m_message;
    for (auto& [number, block] : m_blocks) {
        const bool text
            = block.part.kind == Part::Kind::Text || block.part.kind == Part::Kind::Refusal;
        if (text && block.open && block.begun && block.item == index) {
            endBlock(block, {});
        }
    }
    m_message.reset();
    item(index)["status"] = m_finish.stop == StopReason::Length ? "incomplete" : "completed";
    itemDone(index);
}

void ResponsesWriter::closeAll()
{
    for (auto& [number, block] : m_blocks) {
        const bool text
            = block.part.kind == Part::Kind::Text || block.part.kind == Part::Kind::Refusal;
        if (!text) {
            endBlock(block, {});
        }
    }
    closeMessage();
}

void ResponsesWriter::setUsage()
{
    if (m_usage) {
        m_response["usage"] = writeUsage(*m_usage);
        const std::string& tier = m_usage->serviceTier;
        m_response["service_tier"]
            = tier.empty() || tier == "standard" ? std::string("default") : tier;
        return;
    }
    // Clients' schemas ask for a usage; where the provider gave none it is an estimate.
    catalog::Usage estimate;
    estimate.inputUncached = m_inputEstimate;
    estimate.output = (m_outputBytes + bytesPerToken - 1) / bytesPerToken;
    m_response["usage"] = writeUsage(estimate);
    m_response["service_tier"] = "default";
}

void ResponsesWriter::finish()
{
    const json::object* own = nativeOf(m_finish.native);
    const bool filtered = m_finish.stop == StopReason::Refusal && !m_refused;
    const bool cut = m_finish.stop == StopReason::Length;
    std::string status = cut || filtered ? "incomplete" : "completed";
    if (own != nullptr && !stringAt(*own, "status").empty()) {
        status = stringAt(*own, "status");
        for (const auto& entry : *own) {
            if (entry.key() != "error" && !entry.value().is_null()) {
                m_response[entry.key()] = entry.value();
            }
        }
    } else if (status == "incomplete") {
        m_response["incomplete_details"]
            = json::object{{"reason", cut ? "max_output_tokens" : "content_filter"}};
    }
    m_response["status"] = status;
    if (status == "completed" && find(m_response, "completed_at") == nullptr) {
        m_response["completed_at"] = m_response["created_at"];
    }
    setUsage();
    emitResponse("response." + status);
}

void ResponsesWriter::failWith(json::object error)
{
    if (m_ended) {
        return;
    }
    start({});
    m_ended = true;
    m_response["status"] = "failed";
    m_response["error"] = std::move(error);
    if (m_usage) {
        m_response["usage"] = writeUsage(*m_usage);
    }
    emitResponse("response.failed");
}

void ResponsesWriter::write(const AnswerEvent& event, std::string& out)
{
    m_out = &out;
    if (m_ended || event.choice != 0) {
        return; // this dialect gives one answer
    }
    if (event.kind != AnswerEvent::Kind::Start) {
        start({});
    }
    switch (event.kind) {
    case AnswerEvent::Kind::Start:
        start(event);
        break;
    case AnswerEvent::Kind::BlockStart:
        startBlock(event.block, event.part);
        break;
    case AnswerEvent::Kind::Delta:
        delta(event);
        break;
    case AnswerEvent::Kind::BlockEnd:
        if (const auto found = m_blocks.find(event.block); found != m_blocks.end()) {
            endBlock(found->second, event.part);
        }
        break;
    case AnswerEvent::Kind::Finish:
        m_finish = event;
        break;
    case AnswerEvent::Kind::Usage:
        m_usage = event.usage;
        break;
    case AnswerEvent::Kind::Error:
        failWith(json::object{{"code", event.stopText.empty() ? "server_error" : event.stopText},
            {"message", cleanText(event.text)}});
        break;
    }
}

void ResponsesWriter::end(std::string& out)
{
    m_out = &out;
    if (m_ended) {
        return;
    }
    start({});
    closeAll();
    m_ended = true;
    finish();
}

void ResponsesWriter::fail(const Refusal& refusal, std::string& out)
{
    m_out = &out;
    failWith(failureOf(refusal));
}

std::unique_ptr<EventWriter> eventWriter(const AnswerContext& context)
{
    return std::make_unique<ResponsesWriter>(context);
}

std::string writeAnswer(const Answer& answer, const AnswerContext& context)
{
    ResponsesWriter writer(context);
    writer.beQuiet();
    std::string unused;
    for (AnswerEvent& event : eventsOf(answer)) {
        if (event.kind == AnswerEvent::Kind::BlockStart) {
            // A whole answer knows at its beginning what a stream says at its end.
            event.part.native = answer.choices[static_cast<std::size_t>(event.choice)]
                                    .parts[static_cast<std::size_t>(event.block)]
                                    .native;
        }
        writer.write(event, unused);
    }
    writer.end(unused);
    return json::serialize(writer.response());
}

} // namespace headgate::wire::responses
