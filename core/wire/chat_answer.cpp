// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/chat_answer.h"

#include "core/base/limits.h"
#include "core/catalog/price_book.h"
#include "core/wire/json_reader.h"

#include <algorithm>

namespace headgate::wire {

namespace {

/// Reads one JSON object of an answer: a whole body or the data of one event.
class AnswerReader {
public:
    explicit AnswerReader(AnswerFacts& facts) : m_facts(facts) { }
    [[nodiscard]] bool read(std::string_view text);
    [[nodiscard]] Error error() const { return m_json.error(); }
    /// choices: [] and a usage object: the chunk that include_usage asks for.
    [[nodiscard]] bool usageOnly() const { return m_emptyChoices && m_usage && !m_error; }
    [[nodiscard]] const std::string& serviceTier() const { return m_serviceTier; }

private:
    bool field(JsonField& member);
    bool usage(JsonValue value);
    bool nestedUsage(JsonValue value);
    bool failure(JsonValue value);
    bool choices(JsonValue value);
    bool choice(JsonValue value);
    bool delta(JsonValue value);
    bool deltaField(JsonField& member);
    bool contentParts(JsonValue value);
    bool toolCalls(JsonValue value);
    bool call(JsonValue value);
    bool deliver(JsonValue value);
    bool assign(JsonValue value, std::string& out);

    JsonReader m_json{"The answer"};
    AnswerFacts& m_facts;
    std::string m_serviceTier;
    bool m_emptyChoices = false;
    bool m_usage = false;
    bool m_error = false;
};

bool AnswerReader::read(std::string_view text)
{
    return m_json.readObject(text, [this](JsonField& member) { return field(member); });
}

bool AnswerReader::field(JsonField& member)
{
    if (member.key == "choices") {
        return choices(member.value);
    }
    if (member.key == "usage") {
        return usage(member.value);
    }
    if (member.key == "id") {
        return assign(member.value, m_facts.providerRequestId);
    }
    if (member.key == "model") {
        return assign(member.value, m_facts.model);
    }
    if (member.key == "service_tier") {
        return assign(member.value, m_serviceTier);
    }
    if (member.key == "error") {
        return failure(member.value);
    }
    if (member.key == "x_groq") {
        return nestedUsage(member.value);
    }
    return m_json.skip(member.value);
}

bool AnswerReader::assign(JsonValue value, std::string& out)
{
    if (m_json.type(value) != JsonType::string) {
        return m_json.skip(value);
    }
    std::string_view view;
    if (!m_json.string(value, view)) {
        return false;
    }
    if (!view.empty()) {
        out = view;
    }
    return true;
}

bool AnswerReader::usage(JsonValue value)
{
    const bool isObject = m_json.type(value) == JsonType::object;
    TextSpan span;
    if (!m_json.skip(value, span)) {
        return false;
    }
    if (!isObject) {
        return true;
    }
    // A usage that cannot be read is no usage: the caller then estimates.
    if (Result<catalog::Usage> read = catalog::usageFromRaw("openai", "chat", m_json.text(span))) {
        m_facts.usage = std::move(*read);
        m_usage = true;
    }
    return true;
}

/// Groq puts the usage of a stream into "x_groq".
bool AnswerReader::nestedUsage(JsonValue value)
{
    if (m_json.type(value) != JsonType::object) {
        return m_json.skip(value);
    }
    return m_json.eachField(value, [this](JsonField& member) {
        return member.key == "usage" ? usage(member.value) : m_json.skip(member.value);
    });
}

bool AnswerReader::failure(JsonValue value)
{
    const std::optional<JsonType> kind = m_json.type(value);
    if (kind == JsonType::null) {
        return m_json.skip(value);
    }
    m_error = true;
    m_facts.error = "The provider reported an error without a message.";
    if (kind == JsonType::string) {
        return assign(value, m_facts.error);
    }
    if (kind != JsonType::object) {
        return m_json.skip(value);
    }
    return m_json.eachField(value, [this](JsonField& member) {
        return member.key == "message" ? assign(member.value, m_facts.error)
                                       : m_json.skip(member.value);
    });
}

bool AnswerReader::choices(JsonValue value)
{
    if (m_json.type(value) != JsonType::array) {
        return m_json.skip(value);
    }
    m_emptyChoices = true;
    return m_json.eachElement(value, [this](JsonValue element, std::size_t) {
        m_emptyChoices = false;
        return choice(element);
    });
}

bool AnswerReader::choice(JsonValue value)
{
    if (m_json.type(value) != JsonType::object) {
        return m_json.skip(value);
    }
    std::int64_t index = 0;
    std::string finish;
    const bool ok = m_json.eachField(value, [&](JsonField& member) {
        if (member.key == "delta" || member.key == "message") {
            return delta(member.value);
        }
        if (member.key == "finish_reason") {
            return assign(member.value, finish);
        }
        if (member.key == "index") {
            static_cast<void>(countOf(m_json.token(member.value), index));
        }
        return member.key == "text" ? deliver(member.value) : m_json.skip(member.value);
    });
    if (index == 0 && !finish.empty()) {
        m_facts.finishReason = finish;
    }
    return ok;
}

bool AnswerReader::delta(JsonValue value)
{
    if (m_json.type(value) != JsonType::object) {
        return m_json.skip(value);
    }
    return m_json.eachField(value, [this](JsonField& member) { return deltaField(member); });
}

bool AnswerReader::deltaField(JsonField& member)
{
    const std::optional<JsonType> kind = m_json.type(member.value);
    if (member.key == "content") {
        return kind == JsonType::array ? contentParts(member.value) : deliver(member.value);
    }
    if (member.key == "refusal") {
        m_facts.refusal = m_facts.refusal || kind == JsonType::string;
        return deliver(member.value);
    }
    // Visible thinking is output that was paid for.
    if (member.key == "reasoning_content" || member.key == "reasoning") {
        return deliver(member.value);
    }
    if (member.key == "tool_calls") {
        return toolCalls(member.value);
    }
    if (member.key == "function_call") {
        return kind == JsonType::object ? call(member.value) : m_json.skip(member.value);
    }
    return m_json.skip(member.value);
}

bool AnswerReader::contentParts(JsonValue value)
{
    return m_json.eachElement(value, [this](JsonValue element, std::size_t) {
        if (m_json.type(element) != JsonType::object) {
            return deliver(element);
        }
        return m_json.eachField(element, [this](JsonField& member) {
            return member.key == "text" ? deliver(member.value) : m_json.skip(member.value);
        });
    });
}

bool AnswerReader::toolCalls(JsonValue value)
{
    if (m_json.type(value) != JsonType::array) {
        return m_json.skip(value);
    }
    return m_json.eachElement(value, [this](JsonValue element, std::size_t) {
        if (m_json.type(element) != JsonType::object) {
            return m_json.skip(element);
        }
        return m_json.eachField(element, [this](JsonField& member) {
            const bool isCall = (member.key == "function" || member.key == "custom")
                && m_json.type(member.value) == JsonType::object;
            return isCall ? call(member.value) : m_json.skip(member.value);
        });
    });
}

bool AnswerReader::call(JsonValue value)
{
    return m_json.eachField(value, [this](JsonField& member) { return deliver(member.value); });
}

bool AnswerReader::deliver(JsonValue value)
{
    if (m_json.type(value) != JsonType::string) {
        return m_json.skip(value);
    }
    std::string_view view;
    if (!m_json.string(value, view)) {
        return false;
    }
    m_facts.textBytes += static_cast<std::int64_t>(view.size());
    const std::size_t room
        = limits::textKeptBytesMax - std::min(limits::textKeptBytesMax, m_facts.text.size());
    m_facts.text += view.substr(0, room);
    return true;
}

constexpr std::string_view byteOrderMark = "\xEF\xBB\xBF";

/// Where the line ends: at an LF or CR, else at the end of the bytes. string_view::find_first_of
/// calls memchr for every byte, which costs more than the rest of the framing.
std::size_t lineEndIn(std::string_view bytes)
{
    std::size_t at = 0;
    while (at < bytes.size() && bytes[at] != '\n' && bytes[at] != '\r') {
        ++at;
    }
    return at;
}

} // namespace

Result<AnswerFacts> readChatAnswer(std::string_view body)
{
    AnswerFacts facts;
    AnswerReader reader(facts);
    if (!reader.read(body)) {
        return reader.error();
    }
    if (facts.usage && facts.usage->serviceTier.empty()) {
        facts.usage->serviceTier = reader.serviceTier();
    }
    facts.done = true;
    return facts;
}

struct ChatStreamMeter::Impl {
    bool stripUsage = false;
    std::string event; ///< raw bytes of the event being received
    std::size_t lineBegin = 0; ///< of the current line inside `event`
    std::string data; ///< its data lines, joined by "\n"
    bool hasData = false;
    bool afterCr = false; ///< the last byte was a CR: an LF now belongs to the same line end
    bool lastKept = true; ///< what became of the last event, for an LF that comes late
    bool firstLine = true;
    std::string serviceTier;
    AnswerFacts facts;

    void takeLine(std::string_view line);
    void endEvent(std::string& out);
    [[nodiscard]] bool readData();
    [[nodiscard]] bool takeLateLineFeed(char c, std::string& out);
};

void ChatStreamMeter::Impl::takeLine(std::string_view line)
{
    if (firstLine && line.starts_with(byteOrderMark)) {
        line.remove_prefix(byteOrderMark.size());
    }
    firstLine = false;
    if (!line.starts_with("data")) {
        return;
    }
    line.remove_prefix(4);
    if (!line.empty() && line.front() != ':') {
        return; // another field, such as "database:"
    }
    line.remove_prefix(line.empty() ? 0 : 1);
    line.remove_prefix(!line.empty() && line.front() == ' ' ? 1 : 0);
    if (hasData) {
        data += '\n';
    }
    data += line;
    hasData = true;
}

/// Meters the event's data; true when the event only carries usage.
bool ChatStreamMeter::Impl::readData()
{
    if (data == "[DONE]") {
        facts.done = true;
        return false;
    }
    AnswerReader reader(facts);
    if (!reader.read(data)) {
        return false; // not ours to judge: it is relayed, and the missing usage is noticed later
    }
    if (!reader.serviceTier().empty()) {
        serviceTier = reader.serviceTier();
    }
    if (facts.usage && facts.usage->serviceTier.empty()) {
        facts.usage->serviceTier = serviceTier;
    }
    facts.done = facts.done || (facts.usage && !facts.finishReason.empty());
    return reader.usageOnly();
}

void ChatStreamMeter::Impl::endEvent(std::string& out)
{
    const bool usageOnly = hasData && readData();
    lastKept = !(usageOnly && stripUsage);
    if (lastKept) {
        out += event;
    }
    event.clear();
    data.clear();
    lineBegin = 0;
    hasData = false;
}

bool ChatStreamMeter::Impl::takeLateLineFeed(char c, std::string& out)
{
    const bool taken = afterCr && c == '\n';
    afterCr = false;
    if (!taken) {
        return false;
    }
    if (!event.empty()) {
        event += '\n';
        lineBegin = event.size();
    } else if (lastKept) {
        out += '\n';
    }
    return true;
}

ChatStreamMeter::ChatStreamMeter(bool stripUsage) : m_impl(new Impl)
{
    m_impl->stripUsage = stripUsage;
}

ChatStreamMeter::~ChatStreamMeter()
{
    delete m_impl;
}

Result<void> ChatStreamMeter::feed(std::string_view bytes, std::string& out)
{
    Impl& me = *m_impl;
    while (!bytes.empty()) {
        if (me.takeLateLineFeed(bytes.front(), out)) {
            bytes.remove_prefix(1);
            continue;
        }
        const std::size_t end = lineEndIn(bytes);
        if (me.event.size() + end > limits::sseLineBytesMax) {
            return Error(ErrorCode::OutOfRange,
                "The provider sent a stream event above " + std::to_string(limits::sseLineBytesMax)
                    + " bytes.");
        }
        me.event += bytes.substr(0, end);
        if (end == bytes.size()) {
            break;
        }
        const std::size_t lineEnd = me.event.size();
        me.event += bytes[end];
        me.afterCr = bytes[end] == '\r';
        bytes.remove_prefix(end + 1);
        if (lineEnd == me.lineBegin) {
            me.firstLine = false;
            me.endEvent(out);
        } else {
            me.takeLine(std::string_view(me.event).substr(me.lineBegin, lineEnd - me.lineBegin));
            me.lineBegin = me.event.size();
        }
    }
    return {};
}

void ChatStreamMeter::finish(std::string& out)
{
    Impl& me = *m_impl;
    if (me.event.empty()) {
        return;
    }
    if (me.lineBegin < me.event.size()) {
        me.takeLine(std::string_view(me.event).substr(me.lineBegin));
    }
    me.endEvent(out);
}

const AnswerFacts& ChatStreamMeter::facts() const
{
    return m_impl->facts;
}

} // namespace headgate::wire
