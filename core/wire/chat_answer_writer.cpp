// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/chat_parts.h"

#include "core/wire/data_url.h"
#include "core/wire/json_dom.h"

#include <map>
#include <set>

namespace headgate::wire::chat {

namespace {

namespace json = boost::json;

const char* finishWord(StopReason stop, bool refused, bool functions)
{
    switch (stop) {
    case StopReason::Length:
        return "length";
    case StopReason::ToolCall:
        return functions ? "function_call" : "tool_calls";
    case StopReason::Refusal:
        return refused ? "stop" : "content_filter";
    default:
        return "stop";
    }
}

/// The word the provider used when it speaks chat itself, else ours.
json::string finishReason(const Native& native, StopReason stop, bool refused, bool functions)
{
    if (const json::value* own = native.of(Dialect::Chat); own != nullptr && own->is_object()) {
        const std::string_view word = dom::stringAt(own->get_object(), "finish_reason");
        if (!word.empty() && !functions) {
            return json::string(word);
        }
    }
    return json::string(finishWord(stop, refused, functions));
}

json::object usageJson(const catalog::Usage& usage)
{
    json::object input;
    input["cached_tokens"] = usage.cacheRead;
    if (const std::int64_t written = usage.cacheWrite5m + usage.cacheWrite1h; written > 0) {
        input["cache_write_tokens"] = written;
    }
    input["audio_tokens"] = usage.inputAudio;
    json::object output;
    output["reasoning_tokens"] = usage.reasoning;
    output["audio_tokens"] = usage.outputAudio;
    output["accepted_prediction_tokens"] = 0;
    output["rejected_prediction_tokens"] = 0;
    json::object out;
    out["prompt_tokens"] = usage.inputTotal();
    out["completion_tokens"] = usage.output;
    out["total_tokens"] = usage.inputTotal() + usage.output;
    out["prompt_tokens_details"] = std::move(input);
    out["completion_tokens_details"] = std::move(output);
    return out;
}

/// A web page that a text cites, whatever dialect names it; null: of another kind.
json::value citationJson(const json::value& citation, Dialect by, std::int64_t textSize)
{
    const json::object* from = citation.if_object();
    if (from == nullptr || by == Dialect::Chat) {
        return citation;
    }
    const std::string_view url = dom::stringAt(*from, "url");
    if (url.empty()) {
        return nullptr;
    }
    json::object page;
    page["type"] = "url_citation";
    json::object& inner = page["url_citation"].emplace_object();
    inner["start_index"] = dom::wholeAt(*from, "start_index").value_or(0);
    inner["end_index"] = dom::wholeAt(*from, "end_index").value_or(textSize);
    inner["url"] = dom::key(url);
    inner["title"] = dom::key(dom::stringAt(*from, "title"));
    return page;
}

json::array citationsJson(const json::value& list, Dialect by, std::int64_t textSize)
{
    json::array out;
    if (const json::array* many = list.if_array()) {
        for (const json::value& one : *many) {
            if (json::value written = citationJson(one, by, textSize); !written.is_null()) {
                out.push_back(std::move(written));
            }
        }
    }
    return out;
}

std::int64_t codePoints(std::string_view text)
{
    std::int64_t count = 0;
    for (const char c : text) {
        count += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
    }
    return count;
}

json::object functionJson(const Part& call)
{
    json::object out;
    out["name"] = call.name;
    if (call.custom) {
        out["input"] = call.arguments;
    } else {
        // "" is no JSON: a tool without arguments gets an empty object.
        out["arguments"] = call.arguments.empty() ? "{}" : call.arguments;
    }
    return out;
}

/// Gemini 3 wants the signature of a call back. Clients send it with the call, where Google's own
/// chat endpoint has it, too; the name is ours, so that it can be taken off for other providers.
json::value geminiSeal(const Part& call)
{
    if (call.signature.empty() || call.signedBy != Dialect::Gemini) {
        return nullptr;
    }
    json::object out;
    out["extra_content"].emplace_object()["headgate"].emplace_object()["gemini"] = call.signature;
    return out;
}

json::object toolCallJson(const Part& call)
{
    json::object out;
    out["id"] = call.id;
    out["type"] = call.custom ? "custom" : "function";
    out[call.custom ? "custom" : "function"] = functionJson(call);
    if (const json::value* own = call.native.of(Dialect::Chat)) {
        dom::addMissing(out, *own);
    }
    dom::addMissing(out, geminiSeal(call));
    return out;
}

json::object imageJson(const Part& image)
{
    json::object out;
    out["type"] = "image_url";
    out["image_url"].emplace_object()["url"] = urlOf(image);
    return out;
}

void appendTo(json::object& message, const char* key, json::value value)
{
    json::value& list = message[key];
    if (!list.is_array()) {
        list = json::array();
    }
    list.get_array().push_back(std::move(value));
}

/// Tools with free text for which the provider's dialect had to put an object around it.
class WrappedTools {
public:
    explicit WrappedTools(const Conversation* request)
    {
        for (std::size_t i = 0; request != nullptr && i < request->tools.size(); ++i) {
            if (request->tools[i].custom) {
                m_names.insert(request->tools[i].name);
            }
        }
    }
    [[nodiscard]] bool wraps(const Part& call) const
    {
        return !call.custom && m_names.contains(call.name);
    }
    /// {"input": text} becomes the text.
    [[nodiscard]] static std::string unwrapped(const std::string& arguments)
    {
        const Result<json::object> object = dom::parseObject(arguments, "The input");
        const json::value* input
            = object && object->size() == 1 ? dom::find(*object, "input") : nullptr;
        return input != nullptr && input->is_string() ? std::string(dom::textOf(*input))
                                                      : arguments;
    }

private:
    std::set<std::string> m_names;
};

/// The message of a whole answer.
class MessageJson {
public:
    explicit MessageJson(const Conversation* request)
        : m_functions(usesFunctions(request)),
          m_wrapped(request)
    {
    }

    json::object of(const std::vector<Part>& parts)
    {
        for (const Part& part : parts) {
            add(part);
        }
        json::object out;
        out["role"] = "assistant";
        out["content"] = m_hasText ? json::value(json::string(m_text)) : json::value(nullptr);
        if (!m_thinking.empty()) {
            out["reasoning_content"] = m_thinking;
        }
        out["refusal"] = m_refused ? json::value(json::string(m_refusal)) : json::value(nullptr);
        out["annotations"] = std::move(m_citations);
        for (auto& [key, value] : m_more) {
            out[key] = std::move(value);
        }
        return out;
    }
    [[nodiscard]] bool refused() const { return m_refused; }

private:
    void add(const Part& part)
    {
        switch (part.kind) {
        case Part::Kind::Text:
            m_hasText = true;
            m_text += part.text;
            addCitations(part.native);
            break;
        case Part::Kind::Refusal:
            m_refused = true;
            m_refusal += part.text;
            break;
        case Part::Kind::Thinking:
            m_thinking += part.text;
            if (const json::value* own = part.native.of(Dialect::Chat)) {
                dom::addMissing(m_more, *own);
            }
            break;
        case Part::Kind::ToolCall:
            addCall(part);
            break;
        case Part::Kind::Audio:
            addAudio(part);
            break;
        case Part::Kind::Image:
            appendTo(m_more, "images", imageJson(part));
            break;
        default:
            break; // hosted tools and files have no place in an answer of this dialect
        }
    }

    void addCitations(const Native& native)
    {
        const json::object* fields = native.value.if_object();
        if (fields == nullptr) {
            return;
        }
        const json::value* list = dom::find(*fields, "annotations");
        list = list != nullptr ? list : dom::find(*fields, "citations");
        if (list != nullptr) {
            for (json::value& one : citationsJson(*list, native.dialect, codePoints(m_text))) {
                m_citations.push_back(std::move(one));
            }
        }
    }

    void addCall(const Part& part)
    {
        if (m_wrapped.wraps(part)) {
            Part call = part;
            call.custom = true;
            call.arguments = WrappedTools::unwrapped(part.arguments);
            appendTo(m_more, "tool_calls", toolCallJson(call));
        } else if (!m_functions) {
            appendTo(m_more, "tool_calls", toolCallJson(part));
        } else if (!m_more.contains("function_call")) {
            m_more["function_call"] = functionJson(part);
        }
    }

    void addAudio(const Part& part)
    {
        json::object audio;
        audio["id"] = part.id;
        audio["data"] = part.data;
        audio["transcript"] = part.text;
        if (const json::value* own = part.native.of(Dialect::Chat)) {
            dom::addMissing(audio, *own);
        }
        m_more["audio"] = std::move(audio);
    }

    bool m_functions;
    WrappedTools m_wrapped;
    bool m_hasText = false;
    bool m_refused = false;
    std::string m_text;
    std::string m_refusal;
    std::string m_thinking;
    json::array m_citations;
    json::object m_more;
};

json::object logprobsJson(const json::value& list, bool refused)
{
    json::object out;
    out["content"] = refused ? json::value(nullptr) : list;
    out["refusal"] = refused ? list : json::value(nullptr);
    return out;
}

json::object errorJson(const std::string& message, const std::string& type)
{
    json::object inner;
    inner["message"] = message;
    inner["type"] = type.empty() ? "upstream_error" : type;
    inner["param"] = nullptr;
    inner["code"] = nullptr;
    json::object out;
    out["error"] = std::move(inner);
    return out;
}

class ChatEventWriter final : public EventWriter {
public:
    explicit ChatEventWriter(const AnswerContext& context)
        : m_id(context.id),
          m_model(context.model),
          m_createdS(context.nowS),
          m_includeUsage(context.includeUsage),
          m_functions(usesFunctions(context.request)),
          m_wrapped(context.request)
    {
    }
    void write(const AnswerEvent& event, std::string& out) override;
    void end(std::string& out) override;
    void fail(const Refusal& refusal, std::string& out) override;

private:
    struct Block {
        Part part; ///< as it started; images collect their data
        int tool = -1; ///< its index among the tool calls
        bool said = false;
        bool wrapped = false; ///< its input comes inside an object, given at the end
    };
    struct Choice {
        std::map<int, Block> blocks;
        int tools = 0;
        std::int64_t textSize = 0;
        bool role = false;
        bool refused = false;
    };

    void chunk(json::object delta, int choice, std::string& out, const json::object& more = {});
    void send(const json::object& fields, std::string& out);
    void role(int choice, std::string& out);
    void blockStart(const AnswerEvent& event, std::string& out);
    void delta(const AnswerEvent& event, std::string& out);
    void textDelta(const AnswerEvent& event, const Block& block, std::string& out);
    void blockEnd(const AnswerEvent& event, std::string& out);
    void finish(const AnswerEvent& event, std::string& out);
    [[nodiscard]] json::object callDelta(const Block& block, std::string_view text) const;

    std::string m_id;
    std::string m_model;
    std::int64_t m_createdS;
    bool m_includeUsage;
    bool m_functions;
    WrappedTools m_wrapped;
    json::object m_root; ///< further fields of each chunk
    std::map<int, Choice> m_choices;
    std::optional<catalog::Usage> m_usage;
    bool m_failed = false;
};

void ChatEventWriter::send(const json::object& fields, std::string& out)
{
    out += "data: ";
    out += dom::write(fields);
    out += "\n\n";
}

void ChatEventWriter::chunk(
    json::object delta, int choice, std::string& out, const json::object& more)
{
    json::object fields;
    fields["id"] = m_id;
    fields["object"] = "chat.completion.chunk";
    fields["created"] = m_createdS;
    fields["model"] = m_model;
    dom::addMissing(fields, m_root);
    json::object entry;
    entry["index"] = choice;
    entry["delta"] = std::move(delta);
    entry["logprobs"] = nullptr;
    entry["finish_reason"] = nullptr;
    for (const auto& [key, value] : more) {
        entry[key] = value;
    }
    fields["choices"].emplace_array().push_back(std::move(entry));
    send(fields, out);
}

/// Clients take the role from the first chunk of a choice and nowhere else.
void ChatEventWriter::role(int choice, std::string& out)
{
    if (std::exchange(m_choices[choice].role, true)) {
        return;
    }
    json::object delta;
    delta["role"] = "assistant";
    delta["content"] = "";
    delta["refusal"] = nullptr;
    chunk(std::move(delta), choice, out);
}

void ChatEventWriter::write(const AnswerEvent& event, std::string& out)
{
    switch (event.kind) {
    case AnswerEvent::Kind::Start:
        m_id = event.id.empty() ? m_id : event.id;
        m_model = m_model.empty() ? event.model : m_model;
        m_createdS = event.createdS > 0 ? event.createdS : m_createdS;
        if (const json::value* own = event.native.of(Dialect::Chat)) {
            dom::addMissing(m_root, *own);
        }
        role(0, out);
        break;
    case AnswerEvent::Kind::BlockStart:
        blockStart(event, out);
        break;
    case AnswerEvent::Kind::Delta:
        delta(event, out);
        break;
    case AnswerEvent::Kind::BlockEnd:
        blockEnd(event, out);
        break;
    case AnswerEvent::Kind::Finish:
        finish(event, out);
        break;
    case AnswerEvent::Kind::Usage:
        m_usage = event.usage;
        break;
    case AnswerEvent::Kind::Error:
        m_failed = true;
        send(errorJson(event.text, event.stopText), out);
        break;
    }
}

json::object ChatEventWriter::callDelta(const Block& block, std::string_view text) const
{
    json::object function;
    function[block.part.custom ? "input" : "arguments"] = dom::key(text);
    if (m_functions) {
        json::object delta;
        delta["function_call"] = std::move(function);
        return delta;
    }
    json::object call;
    call["index"] = block.tool;
    call[block.part.custom ? "custom" : "function"] = std::move(function);
    json::object delta;
    delta["tool_calls"].emplace_array().push_back(std::move(call));
    return delta;
}

void ChatEventWriter::blockStart(const AnswerEvent& event, std::string& out)
{
    role(event.choice, out);
    Choice& choice = m_choices[event.choice];
    Block& block = choice.blocks[event.block];
    block.part = event.part;
    if (event.part.kind == Part::Kind::Refusal) {
        choice.refused = true;
    } else if (event.part.kind == Part::Kind::Audio) {
        json::object delta;
        delta["audio"].emplace_object()["id"] = event.part.id;
        chunk(std::move(delta), event.choice, out);
    } else if (event.part.kind == Part::Kind::ToolCall) {
        block.tool = choice.tools++;
        block.wrapped = m_wrapped.wraps(event.part);
        block.part.custom = block.part.custom || block.wrapped;
        if (m_functions && block.tool > 0) {
            return; // the old form has one call
        }
        json::object delta = callDelta(block, "");
        if (m_functions) {
            delta["function_call"].get_object()["name"] = event.part.name;
        } else {
            json::object& call = delta["tool_calls"].get_array()[0].get_object();
            call["id"] = event.part.id;
            const char* const type = block.part.custom ? "custom" : "function";
            call["type"] = type;
            call[type].get_object()["name"] = event.part.name;
        }
        chunk(std::move(delta), event.choice, out);
    }
}

void ChatEventWriter::textDelta(const AnswerEvent& event, const Block& block, std::string& out)
{
    Choice& choice = m_choices[event.choice];
    const bool refusal = block.part.kind == Part::Kind::Refusal;
    json::object delta;
    if (!event.text.empty() || !event.logprobs.is_null()) {
        delta[refusal ? "refusal" : "content"] = event.text;
        choice.textSize += codePoints(event.text);
    }
    json::array citations = citationsJson(event.annotations, event.annotationsBy, choice.textSize);
    if (!citations.empty()) {
        delta["annotations"] = std::move(citations);
    }
    json::object more;
    if (!event.logprobs.is_null()) {
        more["logprobs"] = logprobsJson(event.logprobs, refusal);
    }
    if (!delta.empty()) {
        chunk(std::move(delta), event.choice, out, more);
    }
}

void ChatEventWriter::delta(const AnswerEvent& event, std::string& out)
{
    Choice& choice = m_choices[event.choice];
    const auto found = choice.blocks.find(event.block);
    if (found == choice.blocks.end()) {
        return;
    }
    Block& block = found->second;
    block.said = block.said || !event.text.empty();
    json::object delta;
    switch (block.part.kind) {
    case Part::Kind::Text:
    case Part::Kind::Refusal:
        return textDelta(event, block, out);
    case Part::Kind::Thinking:
        delta["reasoning_content"] = event.text;
        break;
    case Part::Kind::ToolCall:
        if (m_functions && block.tool > 0) {
            return;
        }
        if (block.wrapped) {
            block.part.arguments += event.text;
            return;
        }
        delta = callDelta(block, event.text);
        break;
    case Part::Kind::Audio: {
        json::object& audio = delta["audio"].emplace_object();
        if (!event.text.empty()) {
            audio["data"] = event.text;
        }
        if (!event.part.text.empty()) {
            audio["transcript"] = event.part.text;
        }
        break;
    }
    case Part::Kind::Image:
        block.part.data += event.text;
        return;
    default:
        return;
    }
    chunk(std::move(delta), event.choice, out);
}

void ChatEventWriter::blockEnd(const AnswerEvent& event, std::string& out)
{
    Choice& choice = m_choices[event.choice];
    const auto found = choice.blocks.find(event.block);
    if (found == choice.blocks.end()) {
        return;
    }
    const Block& block = found->second;
    const json::value* own = event.part.native.of(Dialect::Chat);
    json::object delta;
    switch (block.part.kind) {
    case Part::Kind::ToolCall: {
        const bool silent = m_functions && block.tool > 0;
        // "" is no JSON: a tool without arguments gets an empty object.
        if (block.wrapped) {
            delta = callDelta(block, WrappedTools::unwrapped(block.part.arguments));
        } else if (!block.said && !block.part.custom && !silent) {
            delta = callDelta(block, "{}");
        }
        const json::value sealed = geminiSeal(event.part);
        if ((own != nullptr || !sealed.is_null()) && !m_functions) {
            if (delta.empty()) {
                delta = callDelta(block, "");
            }
            json::object& call = delta["tool_calls"].get_array()[0].get_object();
            dom::addMissing(call, own != nullptr ? *own : json::value());
            dom::addMissing(call, sealed);
        }
        break;
    }
    case Part::Kind::Audio:
        if (own != nullptr) {
            delta["audio"] = *own;
        }
        break;
    case Part::Kind::Thinking:
        if (own != nullptr) {
            dom::addMissing(delta, *own);
        }
        break;
    case Part::Kind::Image:
        appendTo(delta, "images", imageJson(block.part));
        break;
    default:
        break;
    }
    if (!delta.empty()) {
        chunk(std::move(delta), event.choice, out);
    }
}

void ChatEventWriter::finish(const AnswerEvent& event, std::string& out)
{
    role(event.choice, out);
    const Choice& choice = m_choices[event.choice];
    json::object more;
    more["finish_reason"]
        = finishReason(event.native, event.stop, choice.refused, m_functions && choice.tools > 0);
    chunk({}, event.choice, out, more);
}

void ChatEventWriter::end(std::string& out)
{
    if (m_includeUsage && m_usage && !m_failed) {
        json::object fields;
        fields["id"] = m_id;
        fields["object"] = "chat.completion.chunk";
        fields["created"] = m_createdS;
        fields["model"] = m_model;
        dom::addMissing(fields, m_root);
        fields["choices"].emplace_array();
        fields["usage"] = usageJson(*m_usage);
        send(fields, out);
    }
    out += "data: [DONE]\n\n";
}

void ChatEventWriter::fail(const Refusal& refusal, std::string& out)
{
    out += writeChatStreamError(refusal);
}

} // namespace

void setUrl(Part& part, std::string_view url)
{
    if (!takeDataUrl(part, url)) {
        part.url = url;
    }
}

std::string urlOf(const Part& part)
{
    return part.data.empty() ? part.url : dataUrl(part, "application/octet-stream");
}

bool usesFunctions(const Conversation* request)
{
    const json::value* own = request != nullptr ? request->extra.of(Dialect::Chat) : nullptr;
    return own != nullptr && own->is_object() && own->get_object().contains(legacyMark);
}

std::string writeAnswer(const Answer& answer, const AnswerContext& context)
{
    if (!answer.error.empty() && answer.choices.empty()) {
        return dom::write(errorJson(answer.error, answer.errorType));
    }
    json::object out;
    out["id"] = answer.id.empty() ? context.id : answer.id;
    out["object"] = "chat.completion";
    out["created"] = answer.createdS > 0 ? answer.createdS : context.nowS;
    out["model"] = context.model.empty() ? answer.model : context.model;
    json::array& choices = out["choices"].emplace_array();
    for (const Answer::Choice& choice : answer.choices) {
        MessageJson message(context.request);
        json::object entry;
        entry["index"] = choices.size();
        entry["message"] = message.of(choice.parts);
        const bool called = entry["message"].get_object().contains("function_call");
        entry["logprobs"] = choice.logprobs.is_null()
            ? json::value(nullptr)
            : json::value(logprobsJson(choice.logprobs, message.refused()));
        entry["finish_reason"]
            = finishReason(choice.native, choice.stop, message.refused(), called);
        choices.push_back(std::move(entry));
    }
    if (answer.usage) {
        out["usage"] = usageJson(*answer.usage);
    }
    if (const json::value* own = answer.native.of(Dialect::Chat)) {
        dom::addMissing(out, *own);
    }
    return dom::write(out);
}

std::unique_ptr<EventWriter> eventWriter(const AnswerContext& context)
{
    return std::make_unique<ChatEventWriter>(context);
}

} // namespace headgate::wire::chat
