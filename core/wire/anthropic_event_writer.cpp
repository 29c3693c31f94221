// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/anthropic_wire.h"

#include <deque>
#include <utility>

namespace headgate::wire::anthropic {

namespace json = boost::json;

namespace {

using Kind = AnswerEvent::Kind;

/// Blocks of this protocol follow each other, while parallel tool calls of others alternate: one
/// block is written as it comes, those behind it wait until it ends.
class Writer final : public EventWriter {
public:
    explicit Writer(const AnswerContext& context) : m_context(context)
    {
        m_context.request = nullptr; // not needed, and it may not live as long
    }

    void write(const AnswerEvent& event, std::string& out) override
    {
        if (m_ended || event.choice != 0) {
            return;
        }
        start(event, out);
        switch (event.kind) {
        case Kind::Start:
            break;
        case Kind::BlockStart:
            m_blocks.push_back({event.block, event.part, {}, {}, nullptr, false, false});
            break;
        case Kind::Delta:
            if (Block* block = find(event.block)) {
                grow(*block, event);
            }
            break;
        case Kind::BlockEnd:
            if (Block* block = find(event.block)) {
                close(*block, event.part);
            }
            break;
        case Kind::Finish:
            m_finish = event;
            break;
        case Kind::Usage:
            m_usage = event.usage;
            break;
        case Kind::Error:
            error(event, out);
            return;
        }
        drain(out);
    }

    void end(std::string& out) override
    {
        if (m_ended) {
            return;
        }
        start({}, out);
        for (Block& block : m_blocks) {
            block.ended = true;
        }
        drain(out);
        const bool callsUnsaid = m_called && m_finish.stop == StopReason::End;
        json::object delta;
        delta["stop_reason"]
            = stopWordOf(callsUnsaid ? StopReason::ToolCall : m_finish.stop, m_finish.stopText);
        delta["stop_sequence"]
            = m_finish.stopSequence.empty() ? json::value() : json::value(m_finish.stopSequence);
        json::object event{{"type", "message_delta"}};
        putFinishFields(delta, event);
        event["delta"] = std::move(delta);
        event["usage"] = finalUsage();
        send("message_delta", event, out);
        send("message_stop", json::object{{"type", "message_stop"}}, out);
        m_ended = true;
    }

    void fail(const Refusal& refusal, std::string& out) override
    {
        if (!m_ended) {
            m_ended = true;
            out += streamError(refusal);
        }
    }

private:
    struct Block {
        int number = 0;
        Part part; ///< as it started
        std::string text; ///< not written yet
        std::vector<json::value> citations; ///< not written yet
        json::value native; ///< fields known at the end
        bool open = false; ///< its start is written
        bool ended = false;
    };

    static void send(std::string_view name, const json::object& event, std::string& out)
    {
        out += "event: ";
        out += name;
        out += "\ndata: ";
        out += dom::write(json::value(event));
        out += "\n\n";
    }

    void start(const AnswerEvent& event, std::string& out)
    {
        if (m_started) {
            return;
        }
        m_started = true;
        json::object message;
        message["id"] = messageIdOf(event.id, m_context);
        message["type"] = "message";
        message["role"] = "assistant";
        message["model"] = m_context.model.empty() ? event.model : m_context.model;
        message["content"] = json::array();
        message["stop_reason"] = nullptr;
        message["stop_sequence"] = nullptr;
        if (const json::value* native = event.native.of(Dialect::Anthropic)) {
            dom::addMissing(message, *native);
        }
        catalog::Usage usage;
        usage.inputUncached = m_context.inputTokens;
        message["usage"] = writeUsage(usage);
        json::object out1{{"type", "message_start"}};
        out1["message"] = std::move(message);
        send("message_start", out1, out);
    }

    Block* find(int number)
    {
        for (Block& block : m_blocks) {
            if (block.number == number) {
                return &block;
            }
        }
        return nullptr;
    }

    static void grow(Block& block, const AnswerEvent& event)
    {
        const bool media = block.part.kind == Part::Kind::Image
            || block.part.kind == Part::Kind::File || block.part.kind == Part::Kind::Audio;
        block.text += media ? event.part.text : event.text;
        if (event.annotationsBy != Dialect::Anthropic) {
            return;
        }
        if (const json::array* citations = event.annotations.if_array()) {
            block.citations.insert(block.citations.end(), citations->begin(), citations->end());
        }
    }

    static void close(Block& block, const Part& end)
    {
        block.ended = true;
        if (!end.signature.empty()) {
            block.part.signature = end.signature;
            block.part.signedBy = end.signedBy;
        }
        block.part.redacted = block.part.redacted || end.redacted;
        if (const json::value* native = end.native.of(Dialect::Anthropic)) {
            block.native = *native;
        }
    }

    /// Writes what may be written now: of the first block that has not ended.
    void drain(std::string& out)
    {
        while (!m_blocks.empty()) {
            Block& block = m_blocks.front();
            if (comesWhole(block.part)) {
                if (!block.ended) {
                    return;
                }
                writeWhole(block, out);
            } else {
                writePieces(block, out);
                if (!block.ended) {
                    return;
                }
                closeBlock(block, out);
            }
            m_blocks.pop_front();
        }
    }

    /// Blocks that this protocol sends in one event.
    static bool comesWhole(const Part& part)
    {
        return part.kind == Part::Kind::Native || part.kind == Part::Kind::Image
            || part.kind == Part::Kind::File || part.kind == Part::Kind::ToolResult
            || (part.redacted && part.signedBy == Dialect::Anthropic);
    }

    void writeWhole(Block& block, std::string& out)
    {
        const Part& part = block.part;
        if (part.kind == Part::Kind::ToolResult) {
            return;
        }
        if (part.kind == Part::Kind::Image || part.kind == Part::Kind::File) {
            json::object begin{{"type", "text"}, {"text", ""}};
            openBlock(std::move(begin), out);
            deltaOf("text_delta", "text", missingNote(part), out);
            stopBlock(out);
            return;
        }
        json::value whole = writeBlock(part);
        if (whole.is_null()) {
            return; // of another protocol
        }
        json::object& fields = whole.get_object();
        if (const json::object* more = block.native.if_object()) {
            for (const auto& member : *more) {
                fields[member.key()] = member.value();
            }
        }
        std::string input;
        if (dom::stringAt(fields, "type") == "server_tool_use" && fields.contains("input")) {
            input = dom::write(fields["input"]);
            fields["input"] = json::object();
        }
        openBlock(std::move(fields), out);
        if (!input.empty()) {
            deltaOf("input_json_delta", "partial_json", input, out);
        }
        stopBlock(out);
    }

    void writePieces(Block& block, std::string& out)
    {
        const bool call = block.part.kind == Part::Kind::ToolCall;
        const bool empty = block.text.empty() && block.citations.empty() && !call;
        if (!block.open && empty) {
            return; // a block that says nothing is not written at all
        }
        openIfNeeded(block, out);
        if (!block.text.empty()) {
            if (call) {
                deltaOf("input_json_delta", "partial_json", block.text, out);
            } else if (block.part.kind == Part::Kind::Thinking) {
                deltaOf("thinking_delta", "thinking", block.text, out);
            } else {
                deltaOf("text_delta", "text", block.text, out);
            }
            block.text.clear();
        }
        for (json::value& citation : block.citations) {
            json::object delta{{"type", "citations_delta"}};
            delta["citation"] = std::move(citation);
            sendDelta(std::move(delta), out);
        }
        block.citations.clear();
    }

    void openIfNeeded(Block& block, std::string& out)
    {
        if (block.open) {
            return;
        }
        block.open = true;
        json::object begin;
        if (block.part.kind == Part::Kind::ToolCall) {
            m_called = true;
            begin["type"] = "tool_use";
            begin["id"] = block.part.id.empty() ? "call_" + std::to_string(m_index) : block.part.id;
            begin["name"] = block.part.name;
            begin["input"] = json::object();
        } else if (block.part.kind == Part::Kind::Thinking) {
            begin = json::object{{"type", "thinking"}, {"thinking", ""}, {"signature", ""}};
        } else {
            begin = json::object{{"type", "text"}, {"text", ""}};
        }
        if (const json::value* native = block.part.native.of(Dialect::Anthropic)) {
            dom::addMissing(begin, *native);
        }
        openBlock(std::move(begin), out);
    }

    void closeBlock(Block& block, std::string& out)
    {
        const bool thinking = block.part.kind == Part::Kind::Thinking;
        if (thinking && (block.open || !block.part.signature.empty())) {
            openIfNeeded(block, out);
            const std::string signature = wrapSignature(block.part);
            if (!signature.empty()) {
                deltaOf("signature_delta", "signature", signature, out);
            }
        }
        if (block.open) {
            stopBlock(out);
        }
    }

    void openBlock(json::object content, std::string& out)
    {
        json::object event{{"type", "content_block_start"}, {"index", m_index}};
        event["content_block"] = std::move(content);
        send("content_block_start", event, out);
    }

    void deltaOf(const char* type, const char* field, std::string_view text, std::string& out)
    {
        json::object delta;
        delta["type"] = type;
        delta[field] = dom::key(text);
        sendDelta(std::move(delta), out);
    }

    void sendDelta(json::object delta, std::string& out)
    {
        json::object event{{"type", "content_block_delta"}, {"index", m_index}};
        event["delta"] = std::move(delta);
        send("content_block_delta", event, out);
    }

    void stopBlock(std::string& out)
    {
        const json::object event{{"type", "content_block_stop"}, {"index", m_index}};
        send("content_block_stop", event, out);
        ++m_index;
    }

    void putFinishFields(json::object& delta, json::object& event) const
    {
        const json::value* native = m_finish.native.of(Dialect::Anthropic);
        const json::object* fields = native != nullptr ? native->if_object() : nullptr;
        if (fields == nullptr) {
            return;
        }
        for (const auto& member : *fields) {
            const bool inEvent = member.key() == "context_management";
            (inEvent ? event : delta)[member.key()] = member.value();
        }
    }

    /// The whole usage: message_start could only say an estimate of the input.
    json::object finalUsage() const
    {
        catalog::Usage none;
        none.inputUncached = m_context.inputTokens;
        return writeUsage(m_usage.value_or(none));
    }

    void error(const AnswerEvent& event, std::string& out)
    {
        m_ended = true;
        const std::string body = writeError(500, {event.text, event.stopText, {}, {}});
        out += "event: error\ndata: " + body + "\n\n";
    }

    AnswerContext m_context;
    std::deque<Block> m_blocks; ///< in the order they started; those before are written whole
    int m_index = 0;
    AnswerEvent m_finish;
    std::optional<catalog::Usage> m_usage;
    bool m_started = false;
    bool m_called = false;
    bool m_ended = false;
};

} // namespace

std::unique_ptr<EventWriter> eventWriter(const AnswerContext& context)
{
    return std::make_unique<Writer>(context);
}

} // namespace headgate::wire::anthropic
