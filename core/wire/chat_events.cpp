// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/limits.h"
#include "core/catalog/price_book.h"
#include "core/wire/chat_chunk.h"
#include "core/wire/chat_parts.h"
#include "core/wire/json_dom.h"

#include <map>

namespace headgate::wire::chat {

namespace {

namespace json = boost::json;
using Kind = AnswerEvent::Kind;

constexpr std::int64_t choiceIndexMax = 255;
/// Details of thinking are handed back by the few clients that know them; more is not kept.
constexpr std::size_t detailsMax = 4096;

std::string textOf(std::string_view view)
{
    return std::string(view);
}

/// JSON that was validated already; null when it cannot be had.
json::value valueOf(std::string_view text)
{
    if (text.empty()) {
        return nullptr;
    }
    Result<json::value> value = dom::parse(text, "The answer");
    return value ? std::move(*value) : json::value();
}

/// Same words as in answers of other servers that speak this dialect.
StopReason stopOf(std::string_view word)
{
    if (word == "stop" || word == "eos" || word == "end_turn") {
        return StopReason::End;
    }
    if (word == "length" || word == "max_tokens" || word == "model_length") {
        return StopReason::Length;
    }
    if (word == "tool_calls" || word == "function_call" || word == "tool_use") {
        return StopReason::ToolCall;
    }
    return word == "content_filter" ? StopReason::Refusal : StopReason::Other;
}

/// The blocks of one choice.
struct ChoiceState {
    int blocks = 0;
    int open = -1; ///< text, refusal or thinking: one at a time
    Part::Kind openKind = Part::Kind::Text;
    int audio = -1;
    json::object audioEnd;
    std::map<std::int64_t, int> tools; ///< tool index → block; open until the end
    std::map<int, std::string> toolIds;
    std::map<int, json::value> toolExtra;
    std::string signature;
    json::array details;
    bool refused = false;
    bool finished = false;
};

class ChatEventReader final : public EventReader {
public:
    [[nodiscard]] Result<void> read(
        std::string_view name, std::string_view data, std::vector<AnswerEvent>& out) override;
    void finish(std::vector<AnswerEvent>& out) override;
    [[nodiscard]] bool done() const override { return m_done || (m_usage && m_finished); }
    [[nodiscard]] bool lastWasUsageOnly() const override { return m_usageOnly; }
    [[nodiscard]] bool sawChoices() const { return m_hasChoices; }

private:
    AnswerEvent& emit(Kind kind, std::int64_t choice, int block);
    void start(const ChatChunk& chunk);
    void choice(const ChatChoiceDelta& delta);
    void piece(const ChatChoiceDelta& delta, const ChatChoiceDelta::Piece& said);
    void annotations(const ChatChoiceDelta& delta);
    void strayLogprobs(const ChatChoiceDelta& delta);
    void audio(const ChatChoiceDelta& delta);
    void images(const ChatChoiceDelta& delta);
    void tool(const ChatChoiceDelta& delta, const ChatToolDelta& call, std::size_t position);
    int toolBlock(const ChatChoiceDelta& delta, const ChatToolDelta& call, std::int64_t index);
    int open(std::int64_t choice, Part::Kind kind);
    void closeOpen(std::int64_t choice);
    void end(const ChatChoiceDelta& delta);
    void usage(const ChatChunk& chunk);
    void failure(const ChatChunk& chunk);

    std::map<std::int64_t, ChoiceState> m_choices;
    std::vector<AnswerEvent>* m_out = nullptr;
    std::string m_serviceTier;
    bool m_started = false;
    bool m_usage = false;
    bool m_finished = false; ///< some choice is
    bool m_usageOnly = false;
    bool m_hasChoices = false;
    bool m_logprobsGiven = false; ///< of the delta being read
    bool m_refusalLogprobsGiven = false;
    bool m_done = false;
};

AnswerEvent& ChatEventReader::emit(Kind kind, std::int64_t choice, int block)
{
    AnswerEvent& event = m_out->emplace_back();
    event.kind = kind;
    event.choice = static_cast<int>(choice);
    event.block = block;
    return event;
}

Result<void> ChatEventReader::read(
    std::string_view /*name*/, std::string_view data, std::vector<AnswerEvent>& out)
{
    m_out = &out;
    m_usageOnly = false;
    if (data == "[DONE]") {
        m_done = true;
        return {};
    }
    ChatChunk chunk;
    if (!chunk.read(data, !m_started)) {
        return chunk.error();
    }
    m_hasChoices = m_hasChoices || chunk.hasChoices;
    if (!m_started && !chunk.failed) {
        start(chunk);
    }
    if (!chunk.serviceTier.empty()) {
        m_serviceTier = chunk.serviceTier;
    }
    for (const ChatChoiceDelta& delta : chunk.choices) {
        choice(delta);
    }
    if (!chunk.usage.empty()) {
        usage(chunk);
    }
    if (chunk.failed) {
        failure(chunk);
    }
    return {};
}

void ChatEventReader::finish(std::vector<AnswerEvent>& /*out*/)
{
    // Some servers never send [DONE]: a stream in which every choice ended is complete.
    bool all = !m_choices.empty();
    for (const auto& [index, state] : m_choices) {
        all = all && state.finished;
    }
    m_done = m_done || all;
}

void ChatEventReader::start(const ChatChunk& chunk)
{
    m_started = true;
    AnswerEvent& event = emit(Kind::Start, 0, 0);
    event.id = chunk.id;
    event.model = chunk.model;
    event.createdS = chunk.createdS;
    json::object extra;
    for (const auto& [key, text] : chunk.extra) {
        extra[dom::key(key)] = valueOf(text);
    }
    if (!extra.empty()) {
        event.native = {Dialect::Chat, std::move(extra)};
    }
}

void ChatEventReader::choice(const ChatChoiceDelta& delta)
{
    if (delta.index < 0 || delta.index > choiceIndexMax || m_choices[delta.index].finished) {
        return;
    }
    m_logprobsGiven = false;
    m_refusalLogprobsGiven = false;
    using Piece = ChatChoiceDelta::Piece;
    for (const Piece& said : delta.pieces) {
        if (said.kind == Piece::Kind::Thinking) {
            piece(delta, said);
        }
    }
    ChoiceState& state = m_choices[delta.index];
    state.signature += delta.signature;
    if (const json::value details = valueOf(delta.thinkingDetails); details.is_array()) {
        for (const json::value& detail : details.get_array()) {
            if (state.details.size() < detailsMax) {
                state.details.push_back(detail);
            }
        }
    }
    for (const Piece& said : delta.pieces) {
        if (said.kind != Piece::Kind::Thinking) {
            piece(delta, said);
        }
    }
    strayLogprobs(delta);
    annotations(delta);
    audio(delta);
    images(delta);
    for (std::size_t i = 0; i < delta.tools.size(); ++i) {
        tool(delta, delta.tools[i], i);
    }
    if (!delta.finish.empty()) {
        end(delta);
    }
}

void ChatEventReader::piece(const ChatChoiceDelta& delta, const ChatChoiceDelta::Piece& said)
{
    using Piece = ChatChoiceDelta::Piece;
    const Part::Kind kind = said.kind == Piece::Kind::Thinking ? Part::Kind::Thinking
        : said.kind == Piece::Kind::Refusal                    ? Part::Kind::Refusal
                                                               : Part::Kind::Text;
    const int block = open(delta.index, kind);
    m_choices[delta.index].refused |= kind == Part::Kind::Refusal;
    AnswerEvent& event = emit(Kind::Delta, delta.index, block);
    event.text = said.text;
    // Those of all pieces, given with the first one.
    if (kind == Part::Kind::Text && !std::exchange(m_logprobsGiven, true)) {
        event.logprobs = valueOf(delta.logprobs);
    } else if (kind == Part::Kind::Refusal && !std::exchange(m_refusalLogprobsGiven, true)) {
        event.logprobs = valueOf(delta.refusalLogprobs);
    }
}

/// Logprobs of a token whose text is still to come.
void ChatEventReader::strayLogprobs(const ChatChoiceDelta& delta)
{
    if (!m_logprobsGiven && delta.logprobs.size() > 2) {
        const int block = open(delta.index, Part::Kind::Text);
        emit(Kind::Delta, delta.index, block).logprobs = valueOf(delta.logprobs);
    }
}

void ChatEventReader::annotations(const ChatChoiceDelta& delta)
{
    json::value list = valueOf(delta.annotations);
    if (!list.is_array() || list.get_array().empty()) {
        return;
    }
    const int block = open(delta.index, Part::Kind::Text);
    AnswerEvent& event = emit(Kind::Delta, delta.index, block);
    event.annotations = std::move(list);
    event.annotationsBy = Dialect::Chat;
}

void ChatEventReader::audio(const ChatChoiceDelta& delta)
{
    const json::value value = valueOf(delta.audio);
    const json::object* fields = value.if_object();
    if (fields == nullptr) {
        return;
    }
    closeOpen(delta.index);
    ChoiceState& state = m_choices[delta.index];
    if (state.audio < 0) {
        state.audio = state.blocks++;
        Part& part = emit(Kind::BlockStart, delta.index, state.audio).part;
        part.kind = Part::Kind::Audio;
        part.id = dom::stringAt(*fields, "id");
    }
    const std::string_view data = dom::stringAt(*fields, "data");
    const std::string_view transcript = dom::stringAt(*fields, "transcript");
    if (!data.empty() || !transcript.empty()) {
        AnswerEvent& event = emit(Kind::Delta, delta.index, state.audio);
        event.part.kind = Part::Kind::Audio;
        event.text = data;
        event.part.text = transcript;
    }
    if (const json::value* expires = dom::find(*fields, "expires_at")) {
        state.audioEnd["expires_at"] = *expires;
    }
}

void ChatEventReader::images(const ChatChoiceDelta& delta)
{
    const json::value list = valueOf(delta.images);
    if (!list.is_array()) {
        return;
    }
    for (const json::value& entry : list.get_array()) {
        const json::object* object = entry.if_object();
        const json::object* image
            = object != nullptr ? dom::objectAt(*object, "image_url") : nullptr;
        if (image == nullptr) {
            continue;
        }
        closeOpen(delta.index);
        Part part;
        part.kind = Part::Kind::Image;
        setUrl(part, dom::stringAt(*image, "url"));
        const std::string data = std::exchange(part.data, {});
        const int block = m_choices[delta.index].blocks++;
        emit(Kind::BlockStart, delta.index, block).part = part;
        if (!data.empty()) {
            AnswerEvent& event = emit(Kind::Delta, delta.index, block);
            event.part.kind = Part::Kind::Image;
            event.text = data;
        }
        emit(Kind::BlockEnd, delta.index, block).part.kind = Part::Kind::Image;
    }
}

/// The block of text, refusal or thinking that is open, or a new one.
int ChatEventReader::open(std::int64_t choice, Part::Kind kind)
{
    ChoiceState& state = m_choices[choice];
    if (state.open >= 0 && state.openKind == kind) {
        return state.open;
    }
    closeOpen(choice);
    state.open = state.blocks++;
    state.openKind = kind;
    Part& part = emit(Kind::BlockStart, choice, state.open).part;
    part.kind = kind;
    part.signedBy = Dialect::Chat;
    return state.open;
}

void ChatEventReader::closeOpen(std::int64_t choice)
{
    ChoiceState& state = m_choices[choice];
    if (state.open < 0) {
        return;
    }
    Part& part = emit(Kind::BlockEnd, choice, std::exchange(state.open, -1)).part;
    part.kind = state.openKind;
    if (part.kind == Part::Kind::Thinking) {
        part.signature = std::exchange(state.signature, {});
        if (!state.details.empty()) {
            json::object native;
            native["reasoning_details"] = std::exchange(state.details, {});
            part.native = {Dialect::Chat, std::move(native)};
        }
    }
}

int ChatEventReader::toolBlock(
    const ChatChoiceDelta& delta, const ChatToolDelta& call, std::int64_t index)
{
    ChoiceState& state = m_choices[delta.index];
    const auto found = state.tools.find(index);
    // Some servers give every call the index 0: another id with a name is another call.
    const bool another = found != state.tools.end() && !call.id.empty() && !call.name.empty()
        && state.toolIds[found->second] != call.id;
    if (found != state.tools.end() && !another) {
        return found->second;
    }
    if (state.toolIds.size() >= limits::toolsMax) {
        return -1;
    }
    closeOpen(delta.index);
    const int block = state.blocks++;
    state.tools[index] = block;
    Part& part = emit(Kind::BlockStart, delta.index, block).part;
    part.kind = Part::Kind::ToolCall;
    part.id = call.id.empty() ? "call_" + std::to_string(block) : textOf(call.id);
    part.name = call.name;
    part.custom = call.custom;
    state.toolIds[block] = part.id;
    return block;
}

void ChatEventReader::tool(
    const ChatChoiceDelta& delta, const ChatToolDelta& call, std::size_t position)
{
    const int block
        = toolBlock(delta, call, call.index.value_or(static_cast<std::int64_t>(position)));
    if (block < 0) {
        return;
    }
    if (!call.arguments.empty()) {
        AnswerEvent& event = emit(Kind::Delta, delta.index, block);
        event.part.kind = Part::Kind::ToolCall;
        event.text = call.arguments;
    }
    if (!call.extra.empty()) {
        m_choices[delta.index].toolExtra[block] = valueOf(call.extra);
    }
}

void ChatEventReader::end(const ChatChoiceDelta& delta)
{
    ChoiceState& state = m_choices[delta.index];
    closeOpen(delta.index);
    if (state.audio >= 0) {
        Part& part = emit(Kind::BlockEnd, delta.index, state.audio).part;
        part.kind = Part::Kind::Audio;
        if (!state.audioEnd.empty()) {
            part.native = {Dialect::Chat, std::move(state.audioEnd)};
        }
    }
    for (const auto& [block, id] : state.toolIds) {
        Part& part = emit(Kind::BlockEnd, delta.index, block).part;
        part.kind = Part::Kind::ToolCall;
        if (const auto extra = state.toolExtra.find(block); extra != state.toolExtra.end()) {
            json::object native;
            native["extra_content"] = std::move(extra->second);
            part.native = {Dialect::Chat, std::move(native)};
        }
    }
    state.finished = true;
    m_finished = true;
    AnswerEvent& event = emit(Kind::Finish, delta.index, 0);
    event.stopText = delta.finish;
    event.stop = stopOf(delta.finish);
    // A forced tool ends with "stop"; what other dialects call the end depends on what was said.
    if (event.stop == StopReason::End && !state.toolIds.empty()) {
        event.stop = StopReason::ToolCall;
    } else if (event.stop == StopReason::End && state.refused) {
        event.stop = StopReason::Refusal;
    } else if (event.stop == StopReason::End && !delta.stopSequence.empty()) {
        event.stop = StopReason::StopSequence;
        event.stopSequence = delta.stopSequence;
    }
    json::object native;
    native["finish_reason"] = dom::key(delta.finish);
    event.native = {Dialect::Chat, std::move(native)};
}

void ChatEventReader::usage(const ChatChunk& chunk)
{
    // A usage that cannot be read is no usage: the caller then estimates.
    Result<catalog::Usage> read = catalog::usageFromRaw("openai", "chat", chunk.usage);
    if (!read) {
        return;
    }
    m_usage = true;
    m_usageOnly = chunk.hasChoices && chunk.choices.empty() && !chunk.failed;
    AnswerEvent& event = emit(Kind::Usage, 0, 0);
    event.usage = std::move(*read);
    if (event.usage.serviceTier.empty()) {
        event.usage.serviceTier = m_serviceTier;
    }
}

void ChatEventReader::failure(const ChatChunk& chunk)
{
    AnswerEvent& event = emit(Kind::Error, 0, 0);
    event.text = chunk.errorMessage.empty()
        ? std::string("The provider reported an error without a message.")
        : textOf(chunk.errorMessage);
    event.stopText = chunk.errorType.empty() ? chunk.errorCode : chunk.errorType;
}

} // namespace

std::unique_ptr<EventReader> eventReader()
{
    return std::make_unique<ChatEventReader>();
}

/// A whole answer is one chunk whose deltas are messages.
Result<Answer> readAnswer(std::string_view body)
{
    ChatEventReader reader;
    std::vector<AnswerEvent> events;
    if (Result<void> read = reader.read({}, body, events); !read) {
        return read.error();
    }
    AnswerBuilder builder;
    for (const AnswerEvent& event : events) {
        builder.add(event);
    }
    Answer answer = builder.take();
    if (!reader.sawChoices() && !answer.usage && answer.error.empty()) {
        return Error(ErrorCode::InvalidArgument,
            "The answer has neither choices nor usage: it is no chat completion.");
    }
    return answer;
}

} // namespace headgate::wire::chat
