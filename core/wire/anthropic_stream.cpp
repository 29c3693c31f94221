// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/anthropic_wire.h"

#include <map>
#include <utility>

namespace headgate::wire::anthropic {

namespace json = boost::json;

namespace {

using Kind = AnswerEvent::Kind;

Error foreign(const std::string& what)
{
    return Error(ErrorCode::InvalidArgument,
        "The provider's stream is not of the Messages API: " + what + ".");
}

class Reader final : public EventReader {
public:
    Result<void> read(
        std::string_view name, std::string_view data, std::vector<AnswerEvent>& out) override
    {
        if (name == "ping" || data.empty()) {
            return {};
        }
        Result<json::object> event = dom::parseObject(data, "The event");
        if (!event) {
            return event.error();
        }
        m_out = &out;
        const std::string_view given = dom::stringAt(*event, "type");
        return take(given.empty() ? name : given, *event);
    }
    [[nodiscard]] bool done() const override { return m_done; }

private:
    /// An open block, under the provider's index.
    struct Block {
        int number = 0;
        Part::Kind kind = Part::Kind::Text;
        std::string signature;
        Dialect signedBy = Dialect::Anthropic;
        std::string input; ///< a native block's, or what a call's start already held
        bool gotInput = false;
        json::value content; ///< of a native block that comes in pieces
    };

    Result<void> take(std::string_view type, const json::object& event)
    {
        if (type == "message_start") {
            messageStart(event);
            return {};
        }
        if (type == "content_block_start") {
            return blockStart(event);
        }
        if (type == "content_block_delta") {
            return blockDelta(event);
        }
        if (type == "content_block_stop") {
            const auto found = m_open.find(dom::wholeAt(event, "index").value_or(-1));
            if (found != m_open.end()) {
                blockStop(found->second);
                m_open.erase(found);
            }
        } else if (type == "message_delta") {
            messageDelta(event);
        } else if (type == "message_stop") {
            endAnswer(StopReason::End, {}, {});
            m_done = true;
        } else if (type == "error") {
            error(event);
        }
        return {}; // an event of a type not known yet means nothing
    }

    AnswerEvent& emit(Kind kind, int block = 0)
    {
        AnswerEvent& event = m_out->emplace_back();
        event.kind = kind;
        event.block = block;
        return event;
    }

    void messageStart(const json::object& event)
    {
        const json::object* message = dom::objectAt(event, "message");
        if (m_started || message == nullptr) {
            return;
        }
        m_started = true;
        AnswerEvent& start = emit(Kind::Start);
        start.id = dom::stringAt(*message, "id");
        start.model = dom::stringAt(*message, "model");
        start.native = {Dialect::Anthropic, messageFields(*message)};
        if (const json::object* usage = dom::objectAt(*message, "usage")) {
            // Kept back: a stream that breaks off now must not be settled as if it had put out
            // nothing.
            mergeUsage(m_usage, *usage);
        }
    }

    void mustHaveStarted()
    {
        if (!m_started) {
            m_started = true;
            emit(Kind::Start);
        }
    }

    Result<void> blockStart(const json::object& event)
    {
        const json::value* value = dom::find(event, "content_block");
        const auto index = dom::wholeAt(event, "index");
        if (value == nullptr || !index || m_open.count(*index) != 0) {
            return foreign("a block starts without an index of its own or without content");
        }
        Result<Part> read = readBlock(*value, "content_block");
        if (!read) {
            return read.error();
        }
        Part part = std::move(read).value();
        mustHaveStarted();
        Block block;
        block.number = m_blocks++;
        block.kind = part.kind;
        block.signature = std::exchange(part.signature, {});
        block.signedBy = part.signedBy;
        const std::string text = std::exchange(part.text, {});
        if (part.kind == Part::Kind::ToolCall) {
            block.input = std::exchange(part.arguments, {});
        }
        if (part.redacted) {
            part.signature = block.signature; // whole from the start
        }
        const json::value citations = takeCitations(part);
        emit(Kind::BlockStart, block.number).part = std::move(part);
        if (!text.empty()) {
            emit(Kind::Delta, block.number).text = text;
        }
        if (!citations.is_null()) {
            annotate(block.number, citations);
        }
        m_open.emplace(*index, std::move(block));
        return {};
    }

    /// Citations come as annotations only.
    static json::value takeCitations(Part& part)
    {
        json::object* fields = part.native.value.if_object();
        if (part.kind != Part::Kind::Text || fields == nullptr || fields->contains("type")) {
            return nullptr;
        }
        json::value citations;
        if (json::value* found = fields->if_contains("citations")) {
            const json::array* list = found->if_array();
            if (list != nullptr && !list->empty()) {
                citations = *found;
            }
            fields->erase("citations");
        }
        if (fields->empty()) {
            part.native = {};
        }
        return citations;
    }

    void annotate(int block, const json::value& citations)
    {
        AnswerEvent& event = emit(Kind::Delta, block);
        event.annotations = citations;
        event.annotationsBy = Dialect::Anthropic;
    }

    Result<void> blockDelta(const json::object& event)
    {
        const auto found = m_open.find(dom::wholeAt(event, "index").value_or(-1));
        const json::object* delta = dom::objectAt(event, "delta");
        if (found == m_open.end() || delta == nullptr) {
            return foreign("a delta belongs to no open block");
        }
        Block& block = found->second;
        const std::string_view type = dom::stringAt(*delta, "type");
        if (type == "text_delta") {
            text(block, dom::stringAt(*delta, "text"));
        } else if (type == "thinking_delta") {
            text(block, dom::stringAt(*delta, "thinking"));
        } else if (type == "input_json_delta") {
            input(block, dom::stringAt(*delta, "partial_json"));
        } else if (type == "signature_delta") {
            Part part;
            unwrapSignature(dom::stringAt(*delta, "signature"), part);
            block.signature += part.signature;
            block.signedBy = part.signedBy;
        } else if (type == "citations_delta") {
            if (const json::value* citation = dom::find(*delta, "citation")) {
                annotate(block.number, json::array{*citation});
            }
        } else if (block.kind == Part::Kind::Native) {
            if (const json::value* content = dom::find(*delta, "content")) {
                block.content = *content;
            }
        }
        return {};
    }

    void text(const Block& block, std::string_view more)
    {
        if (!more.empty()) {
            emit(Kind::Delta, block.number).text = more;
        }
    }

    void input(Block& block, std::string_view more)
    {
        if (more.empty()) {
            return;
        }
        if (block.kind == Part::Kind::Native) {
            block.input += more;
            return;
        }
        block.gotInput = true;
        emit(Kind::Delta, block.number).text = more;
    }

    void blockStop(Block& block)
    {
        if (block.kind == Part::Kind::ToolCall && !block.gotInput) {
            emit(Kind::Delta, block.number).text = block.input; // "{}" mostly
        }
        Part end;
        end.kind = block.kind;
        end.signature = std::move(block.signature);
        end.signedBy = block.signedBy;
        json::object native;
        if (block.kind == Part::Kind::Native && !block.input.empty()) {
            native["input"] = inputOf(block.input);
        }
        if (!block.content.is_null()) {
            native["content"] = std::move(block.content);
        }
        if (!native.empty()) {
            end.native = {Dialect::Anthropic, std::move(native)};
        }
        emit(Kind::BlockEnd, block.number).part = std::move(end);
    }

    void messageDelta(const json::object& event)
    {
        mustHaveStarted();
        if (const json::object* delta = dom::objectAt(event, "delta")) {
            const std::string_view word = dom::stringAt(*delta, "stop_reason");
            if (!word.empty()) {
                m_stopSequence = dom::stringAt(*delta, "stop_sequence");
                endAnswer(stopReasonOf(word), word, finishFields(*delta, event));
            }
        }
        const json::object* usage = dom::objectAt(event, "usage");
        if (usage == nullptr) {
            return;
        }
        mergeUsage(m_usage, *usage);
        if (dom::find(*usage, "output_tokens") == nullptr) {
            return; // the output that message_start names is that of its first token
        }
        if (std::optional<catalog::Usage> sum = usageOf(m_usage)) {
            emit(Kind::Usage).usage = std::move(*sum);
        }
    }

    void endAnswer(StopReason reason, std::string_view word, json::value fields)
    {
        if (m_finished) {
            return;
        }
        mustHaveStarted();
        m_finished = true;
        for (auto& [index, block] : m_open) {
            blockStop(block);
        }
        m_open.clear();
        AnswerEvent& event = emit(Kind::Finish);
        event.stop = reason;
        event.stopText = word;
        event.stopSequence = m_stopSequence;
        event.native = {Dialect::Anthropic, std::move(fields)};
    }

    void error(const json::object& event)
    {
        AnswerEvent& out = emit(Kind::Error);
        if (const json::object* fields = dom::objectAt(event, "error")) {
            out.text = dom::stringAt(*fields, "message");
            out.stopText = dom::stringAt(*fields, "type");
        }
    }

    std::vector<AnswerEvent>* m_out = nullptr;
    std::map<std::int64_t, Block> m_open;
    int m_blocks = 0;
    json::object m_usage;
    std::string m_stopSequence;
    bool m_started = false;
    bool m_finished = false;
    bool m_done = false;
};

} // namespace

std::unique_ptr<EventReader> eventReader()
{
    return std::make_unique<Reader>();
}

} // namespace headgate::wire::anthropic
