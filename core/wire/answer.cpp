// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/answer.h"

#include "core/base/limits.h"

#include <boost/json/array.hpp>

#include <algorithm>
#include <utility>

namespace headgate::wire {

namespace {

namespace json = boost::json;

/// Readers number choices as the request does, which allows 128.
constexpr int choicesMax = 256;

/// Where a part's further fields keep its citations.
const char* citationsKey(Dialect dialect)
{
    return dialect == Dialect::Anthropic ? "citations" : "annotations";
}

/// The field of a part that its deltas add to.
std::string& grownBy(Part& part)
{
    switch (part.kind) {
    case Part::Kind::ToolCall:
        return part.arguments;
    case Part::Kind::Image:
    case Part::Kind::Audio:
    case Part::Kind::File:
        return part.data;
    default:
        return part.text;
    }
}

bool isMedia(Part::Kind kind)
{
    return kind == Part::Kind::Image || kind == Part::Kind::Audio || kind == Part::Kind::File;
}

void appendAll(json::value& to, const json::value& more)
{
    if (!to.is_array()) {
        to = json::array();
    }
    if (const json::array* many = more.if_array()) {
        to.get_array().insert(to.get_array().end(), many->begin(), many->end());
    } else if (!more.is_null()) {
        to.get_array().push_back(more);
    }
}

void merge(Native& to, const Native& more)
{
    if (!more.present()) {
        return;
    }
    const json::object* fields = more.value.if_object();
    if (fields == nullptr || to.dialect != more.dialect || !to.value.is_object()) {
        to = more;
        return;
    }
    for (const auto& [key, value] : *fields) {
        to.value.get_object()[key] = value;
    }
}

void annotate(Part& part, const AnswerEvent& event)
{
    if (event.annotations.is_null()) {
        return;
    }
    if (!part.native.value.is_object() || part.native.dialect != event.annotationsBy) {
        part.native = {event.annotationsBy, json::object()};
    }
    appendAll(part.native.value.get_object()[citationsKey(event.annotationsBy)], event.annotations);
}

void overwrite(std::string& to, const std::string& by)
{
    if (!by.empty()) {
        to = by;
    }
}

/// What is known of a part only at its end.
void complete(Part& part, const Part& end)
{
    overwrite(part.id, end.id);
    overwrite(part.name, end.name);
    overwrite(part.mime, end.mime);
    overwrite(part.url, end.url);
    overwrite(part.fileId, end.fileId);
    overwrite(part.fileName, end.fileName);
    if (!end.signature.empty()) {
        part.signature = end.signature;
        part.signedBy = end.signedBy;
    }
    part.redacted = part.redacted || end.redacted;
    if (!end.content.empty()) {
        part.content = end.content;
    }
    merge(part.native, end.native);
}

Answer::Choice* choiceOf(Answer& answer, int index)
{
    if (index < 0 || index >= choicesMax) {
        return nullptr;
    }
    const auto at = static_cast<std::size_t>(index);
    if (answer.choices.size() <= at) {
        answer.choices.resize(at + 1);
    }
    return &answer.choices[at];
}

void addDelta(Answer::Choice& choice, const AnswerEvent& event)
{
    if (!event.logprobs.is_null()) {
        appendAll(choice.logprobs, event.logprobs);
    }
    const auto at = static_cast<std::size_t>(event.block);
    if (event.block < 0 || at >= choice.parts.size()) {
        return;
    }
    Part& part = choice.parts[at];
    grownBy(part) += event.text;
    if (part.kind == Part::Kind::Audio) {
        part.text += event.part.text;
    }
    annotate(part, event);
}

void addToChoice(Answer::Choice& choice, const AnswerEvent& event)
{
    const auto at = static_cast<std::size_t>(std::max(event.block, 0));
    switch (event.kind) {
    case AnswerEvent::Kind::BlockStart:
        if (at == choice.parts.size()) {
            choice.parts.push_back(event.part);
        }
        break;
    case AnswerEvent::Kind::Delta:
        addDelta(choice, event);
        break;
    case AnswerEvent::Kind::BlockEnd:
        if (at < choice.parts.size()) {
            complete(choice.parts[at], event.part);
        }
        break;
    default:
        choice.stop = event.stop;
        choice.stopText = event.stopText;
        choice.stopSequence = event.stopSequence;
        merge(choice.native, event.native);
        break;
    }
}

AnswerEvent eventOf(AnswerEvent::Kind kind, int choice, int block)
{
    AnswerEvent event;
    event.kind = kind;
    event.choice = choice;
    event.block = block;
    return event;
}

/// Start, one delta and the end of a part.
class PartEvents {
public:
    PartEvents(const Part& part, int choice, int block)
        : m_start(eventOf(AnswerEvent::Kind::BlockStart, choice, block)),
          m_delta(eventOf(AnswerEvent::Kind::Delta, choice, block)),
          m_end(eventOf(AnswerEvent::Kind::BlockEnd, choice, block))
    {
        m_start.part = part;
        Part& start = m_start.part;
        m_delta.part.kind = part.kind;
        m_delta.text = std::exchange(grownBy(start), {});
        if (part.kind == Part::Kind::Audio) {
            m_delta.part.text = std::exchange(start.text, {});
        }
        m_end.part.kind = part.kind;
        m_end.part.signature = std::exchange(start.signature, {});
        m_end.part.signedBy = part.signedBy;
        m_end.part.redacted = part.redacted;
        if (part.kind != Part::Kind::Native) {
            m_end.part.native = std::exchange(start.native, {});
            takeCitations(m_end.part.native);
        }
    }

    void addTo(std::vector<AnswerEvent>& out, json::value& logprobs)
    {
        const bool carries
            = m_start.part.kind == Part::Kind::Text || m_start.part.kind == Part::Kind::Refusal;
        if (carries) {
            m_delta.logprobs = std::exchange(logprobs, nullptr);
        }
        const bool says = !m_delta.text.empty() || !m_delta.part.text.empty()
            || !m_delta.logprobs.is_null() || !m_delta.annotations.is_null();
        out.push_back(std::move(m_start));
        if (says) {
            out.push_back(std::move(m_delta));
        }
        out.push_back(std::move(m_end));
    }

private:
    void takeCitations(Native& native)
    {
        json::object* fields = native.value.if_object();
        if (fields == nullptr) {
            return;
        }
        const char* const key = citationsKey(native.dialect);
        json::value* found = fields->if_contains(key);
        if (found == nullptr || !found->is_array()) {
            return;
        }
        m_delta.annotations = std::move(*found);
        m_delta.annotationsBy = native.dialect;
        fields->erase(key);
        if (fields->empty()) {
            native = {};
        }
    }

    AnswerEvent m_start;
    AnswerEvent m_delta;
    AnswerEvent m_end;
};

void keepText(AnswerFacts& facts, std::string_view text)
{
    facts.textBytes += static_cast<std::int64_t>(text.size());
    const std::size_t room
        = limits::textKeptBytesMax - std::min(limits::textKeptBytesMax, facts.text.size());
    facts.text += text.substr(0, room);
}

} // namespace

const char* stopReasonName(StopReason reason)
{
    switch (reason) {
    case StopReason::None:
        return "none";
    case StopReason::End:
        return "end";
    case StopReason::Length:
        return "length";
    case StopReason::StopSequence:
        return "stop_sequence";
    case StopReason::ToolCall:
        return "tool_call";
    case StopReason::Refusal:
        return "refusal";
    case StopReason::Pause:
        return "pause";
    case StopReason::Other:
        break;
    }
    return "other";
}

void AnswerBuilder::add(const AnswerEvent& event)
{
    switch (event.kind) {
    case AnswerEvent::Kind::Start:
        m_answer.id = event.id;
        m_answer.model = event.model;
        m_answer.createdS = event.createdS;
        merge(m_answer.native, event.native);
        break;
    case AnswerEvent::Kind::Usage:
        m_answer.usage = event.usage;
        break;
    case AnswerEvent::Kind::Error:
        m_answer.error = event.text;
        m_answer.errorType = event.stopText;
        break;
    default:
        if (Answer::Choice* choice = choiceOf(m_answer, event.choice)) {
            addToChoice(*choice, event);
        }
        break;
    }
}

std::vector<AnswerEvent> eventsOf(const Answer& answer)
{
    std::vector<AnswerEvent> out;
    AnswerEvent start = eventOf(AnswerEvent::Kind::Start, 0, 0);
    start.id = answer.id;
    start.model = answer.model;
    start.createdS = answer.createdS;
    start.native = answer.native;
    out.push_back(std::move(start));
    int index = 0;
    for (const Answer::Choice& choice : answer.choices) {
        json::value logprobs = choice.logprobs;
        int block = 0;
        for (const Part& part : choice.parts) {
            PartEvents(part, index, block++).addTo(out, logprobs);
        }
        AnswerEvent finish = eventOf(AnswerEvent::Kind::Finish, index++, 0);
        finish.stop = choice.stop;
        finish.stopText = choice.stopText;
        finish.stopSequence = choice.stopSequence;
        finish.native = choice.native;
        out.push_back(std::move(finish));
    }
    if (answer.usage) {
        AnswerEvent usage = eventOf(AnswerEvent::Kind::Usage, 0, 0);
        usage.usage = *answer.usage;
        out.push_back(std::move(usage));
    }
    if (!answer.error.empty()) {
        AnswerEvent error = eventOf(AnswerEvent::Kind::Error, 0, 0);
        error.text = answer.error;
        error.stopText = answer.errorType;
        out.push_back(std::move(error));
    }
    return out;
}

void addFacts(AnswerFacts& facts, const AnswerEvent& event)
{
    switch (event.kind) {
    case AnswerEvent::Kind::Start:
        overwrite(facts.providerRequestId, event.id);
        overwrite(facts.model, event.model);
        break;
    case AnswerEvent::Kind::BlockStart:
        facts.refusal = facts.refusal || event.part.kind == Part::Kind::Refusal;
        keepText(facts, event.part.name);
        break;
    case AnswerEvent::Kind::Delta:
        keepText(facts, isMedia(event.part.kind) ? event.part.text : event.text);
        break;
    case AnswerEvent::Kind::BlockEnd:
        break;
    case AnswerEvent::Kind::Finish:
        facts.refusal = facts.refusal || event.stop == StopReason::Refusal;
        if (event.choice == 0) {
            facts.finishReason
                = event.stopText.empty() ? stopReasonName(event.stop) : event.stopText;
        }
        break;
    case AnswerEvent::Kind::Usage:
        facts.usage = event.usage;
        break;
    case AnswerEvent::Kind::Error:
        facts.error
            = event.text.empty() ? "The provider reported an error without a message." : event.text;
        break;
    }
}

AnswerFacts factsOf(const Answer& answer)
{
    AnswerFacts facts;
    for (const AnswerEvent& event : eventsOf(answer)) {
        addFacts(facts, event);
    }
    facts.done = true;
    return facts;
}

} // namespace headgate::wire
