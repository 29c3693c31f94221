// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/gemini_parts.h"

#include <algorithm>
#include <map>
#include <utility>

namespace headgate::wire::gemini {

namespace json = boost::json;

namespace {

/// More candidates than any provider gives: a hostile index must not make memory.
constexpr std::int64_t choicesMax = 128;

class Reader final : public EventReader {
public:
    Result<void> read(
        std::string_view name, std::string_view data, std::vector<AnswerEvent>& out) override;
    void finish(std::vector<AnswerEvent>& out) override;
    [[nodiscard]] bool done() const override;

private:
    struct Choice {
        int nextBlock = 0;
        bool open = false; ///< a block of text or thinking goes on
        Part::Kind openKind = Part::Kind::Text;
        bool calledTools = false;
        bool ended = false;
        std::string finishReason;
        StopReason blockedBy = StopReason::None;
        json::object rest; ///< further fields; later ones win
        CallIds ids{madeUpIdPrefix};
    };

    void start(const json::object& root, std::vector<AnswerEvent>& out);
    Choice& choiceAt(int index);
    void readCandidate(const json::object& candidate, int index, std::vector<AnswerEvent>& out);
    void addPart(int index, const Part& part, std::vector<AnswerEvent>& out);
    void close(int index, Part end, std::vector<AnswerEvent>& out);
    AnswerEvent event(AnswerEvent::Kind kind, int index) const;
    void readFeedback(const json::object& root);
    void readUsageOf(const json::object& root, std::vector<AnswerEvent>& out);

    bool m_started = false;
    bool m_finished = false;
    std::string m_id;
    std::string m_model;
    std::int64_t m_searches = 0;
    std::map<int, Choice> m_choices;
};

AnswerEvent Reader::event(AnswerEvent::Kind kind, int index) const
{
    AnswerEvent event;
    event.kind = kind;
    event.choice = index;
    return event;
}

void Reader::start(const json::object& root, std::vector<AnswerEvent>& out)
{
    if (m_started) {
        return;
    }
    m_started = true;
    dom::Fields fields = fieldsOf(root);
    fields.take("candidates");
    fields.take("usageMetadata");
    AnswerEvent event;
    event.kind = AnswerEvent::Kind::Start;
    event.id = m_id = fields.takeText("responseId").value_or(std::string());
    event.model = m_model = fields.takeText("modelVersion").value_or(std::string());
    json::object rest = fields.rest();
    if (!rest.empty()) {
        event.native = {Dialect::Gemini, std::move(rest)};
    }
    out.push_back(std::move(event));
}

Reader::Choice& Reader::choiceAt(int index)
{
    const auto [at, isNew] = m_choices.try_emplace(index);
    if (isNew) {
        const bool first = m_id.empty() || index == 0;
        at->second.ids = CallIds(madeUpIdPrefix, first ? m_id : m_id + std::to_string(index));
    }
    return at->second;
}

void Reader::close(int index, Part end, std::vector<AnswerEvent>& out)
{
    Choice& choice = choiceAt(index);
    AnswerEvent closing = event(AnswerEvent::Kind::BlockEnd, index);
    closing.block = choice.nextBlock - 1;
    closing.part = std::move(end);
    choice.open = false;
    out.push_back(std::move(closing));
}

/// Text and thinking go on over many chunks; everything else comes whole in one.
void Reader::addPart(int index, const Part& part, std::vector<AnswerEvent>& out)
{
    using Kind = Part::Kind;
    Choice& choice = choiceAt(index);
    const bool flows = part.kind == Kind::Text || part.kind == Kind::Thinking;
    const bool goesOn = flows && choice.open && choice.openKind == part.kind;
    if (flows && !goesOn && part.text.empty() && part.signature.empty()) {
        return; // chunks without text only say that the stream lives
    }
    if (!goesOn) {
        if (choice.open) {
            Part end;
            end.kind = choice.openKind;
            close(index, std::move(end), out);
        }
        AnswerEvent opening = event(AnswerEvent::Kind::BlockStart, index);
        opening.block = choice.nextBlock++;
        opening.part = part;
        opening.part.text.clear();
        opening.part.arguments.clear();
        opening.part.data.clear();
        opening.part.signature.clear();
        choice.open = true;
        choice.openKind = part.kind;
        choice.calledTools = choice.calledTools || part.kind == Kind::ToolCall;
        out.push_back(std::move(opening));
    }
    AnswerEvent delta = event(AnswerEvent::Kind::Delta, index);
    delta.block = choice.nextBlock - 1;
    delta.part.kind = part.kind;
    delta.text = part.kind == Kind::ToolCall ? part.arguments : flows ? part.text : part.data;
    if (!delta.text.empty()) {
        out.push_back(std::move(delta));
    }
    if (!flows || !part.signature.empty()) {
        Part end;
        end.kind = part.kind;
        end.signature = part.signature;
        end.signedBy = part.signedBy;
        close(index, std::move(end), out);
    }
}

void Reader::readCandidate(const json::object& candidate, int index, std::vector<AnswerEvent>& out)
{
    dom::Fields fields = fieldsOf(candidate);
    fields.take("index");
    Choice& choice = choiceAt(index);
    const std::size_t before = out.size();
    if (const json::object* content = fields.takeObject("content")) {
        if (const json::value* parts = dom::find(*content, "parts")) {
            for (const json::object* part : objectsOf(*parts)) {
                const Part read = readPart(*part, choice.ids);
                if (const std::optional<Part> seal = sealOf(read)) {
                    addPart(index, *seal, out);
                }
                addPart(index, read, out);
            }
        }
    }
    const json::object* logprobs = fields.takeObject("logprobsResult");
    for (std::size_t i = out.size(); logprobs != nullptr && i > before; --i) {
        if (out[i - 1].kind == AnswerEvent::Kind::Delta) {
            out[i - 1].logprobs = toChatLogprobs(*logprobs);
            break;
        }
    }
    if (std::optional<std::string> reason = fields.takeText("finishReason")) {
        choice.finishReason = *reason;
        choice.ended = true;
    }
    for (const auto& member : fields.rest()) {
        choice.rest[member.key()] = member.value();
    }
    m_searches = std::max(m_searches, searchesOf(candidate, m_model));
}

void Reader::readFeedback(const json::object& root)
{
    const json::value* value = fieldsOf(root).peek("promptFeedback");
    const json::object* feedback = value != nullptr ? value->if_object() : nullptr;
    const std::string reason
        = feedback != nullptr ? std::string(dom::stringAt(*feedback, "blockReason")) : "";
    if (!reason.empty() && m_choices.empty()) {
        Choice& choice = choiceAt(0);
        choice.ended = true;
        choice.finishReason = reason;
        choice.blockedBy = StopReason::Refusal;
    }
}

void Reader::readUsageOf(const json::object& root, std::vector<AnswerEvent>& out)
{
    std::optional<catalog::Usage> usage = readUsage(root);
    if (!usage) {
        return;
    }
    AnswerEvent event;
    event.kind = AnswerEvent::Kind::Usage;
    event.usage = std::move(*usage);
    event.usage.webSearches = m_searches;
    out.push_back(std::move(event));
}

Result<void> Reader::read(
    std::string_view /*name*/, std::string_view data, std::vector<AnswerEvent>& out)
{
    const Result<json::object> root = dom::parseObject(data, "The event");
    if (!root) {
        return root.error();
    }
    if (const json::object* error = dom::objectAt(*root, "error")) {
        AnswerEvent event;
        event.kind = AnswerEvent::Kind::Error;
        event.text = std::string(dom::stringAt(*error, "message"));
        event.stopText = std::string(dom::stringAt(*error, "status"));
        out.push_back(std::move(event));
        return {};
    }
    start(*root, out);
    if (const json::value* candidates = fieldsOf(*root).peek("candidates")) {
        const std::vector<const json::object*> objects = objectsOf(*candidates);
        for (std::size_t i = 0; i < objects.size(); ++i) {
            const json::value* index = dom::find(*objects[i], "index");
            const std::int64_t at = index != nullptr
                ? dom::whole(*index).value_or(static_cast<std::int64_t>(i))
                : static_cast<std::int64_t>(i);
            if (at < 0 || at >= choicesMax) {
                return Error(ErrorCode::InvalidArgument, "A candidate has an impossible index.");
            }
            readCandidate(*objects[i], static_cast<int>(at), out);
        }
    }
    readFeedback(*root);
    readUsageOf(*root, out);
    return {};
}

void Reader::finish(std::vector<AnswerEvent>& out)
{
    if (m_finished) {
        return;
    }
    m_finished = true;
    for (auto& [index, choice] : m_choices) {
        if (choice.open) {
            Part end;
            end.kind = choice.openKind;
            close(index, std::move(end), out);
        }
        if (!choice.ended) {
            continue; // cut off: that is not for this reader to call an end
        }
        AnswerEvent ending = event(AnswerEvent::Kind::Finish, index);
        ending.stopText = choice.finishReason;
        ending.stop = choice.blockedBy != StopReason::None
            ? choice.blockedBy
            : stopOf(choice.finishReason, choice.calledTools);
        if (!choice.rest.empty()) {
            ending.native = {Dialect::Gemini, std::move(choice.rest)};
        }
        out.push_back(std::move(ending));
    }
}

bool Reader::done() const
{
    return !m_choices.empty()
        && std::all_of(m_choices.begin(), m_choices.end(),
            [](const auto& entry) { return entry.second.ended; });
}

class Writer final : public EventWriter {
public:
    explicit Writer(const AnswerContext& context)
        : m_model(context.model),
          m_id(context.id),
          m_array(context.jsonArray)
    {
    }
    void write(const AnswerEvent& event, std::string& out) override;
    void end(std::string& out) override;
    void fail(const Refusal& refusal, std::string& out) override;

private:
    struct Block {
        Part part;
        std::string text;
    };
    struct Ending {
        std::string finishReason;
        Native native;
    };

    void delta(const AnswerEvent& event, std::string& out);
    void blockEnd(const AnswerEvent& event, std::string& out);
    void unseal(int choice, std::string& out);
    void chunk(json::array candidates, std::string& out);
    void part(int choice, json::value part, const json::value& logprobs, std::string& out);
    void frame(const json::object& object, std::string& out);

    std::string m_model;
    std::string m_id;
    bool m_array;
    bool m_begun = false;
    bool m_closed = false;
    std::optional<catalog::Usage> m_usage;
    std::map<std::pair<int, int>, Block> m_blocks; ///< by choice and block
    std::map<int, Ending> m_endings;
    std::map<int, Part> m_seals; ///< signed thinking whose text went out already
};

void Writer::frame(const json::object& object, std::string& out)
{
    if (!m_array) {
        out += "data: " + json::serialize(object) + "\r\n\r\n";
        return;
    }
    out += m_begun ? ",\r\n" : "[";
    m_begun = true;
    out += json::serialize(object);
}

void Writer::chunk(json::array candidates, std::string& out)
{
    json::object root;
    if (!candidates.empty()) {
        root["candidates"] = std::move(candidates);
    }
    if (m_usage) {
        root["usageMetadata"] = writeUsage(*m_usage);
    }
    root["modelVersion"] = m_model;
    root["responseId"] = m_id;
    frame(root, out);
}

void Writer::part(int choice, json::value part, const json::value& logprobs, std::string& out)
{
    if (part.is_null()) {
        return;
    }
    json::object content;
    content["parts"] = json::array{std::move(part)};
    content["role"] = "model";
    json::object candidate;
    candidate["content"] = std::move(content);
    candidate["index"] = choice;
    if (const json::array* list = logprobs.if_array()) {
        candidate["logprobsResult"] = fromChatLogprobs(*list);
    }
    json::array candidates;
    candidates.push_back(std::move(candidate));
    chunk(std::move(candidates), out);
}

void Writer::delta(const AnswerEvent& event, std::string& out)
{
    const auto found = m_blocks.find({event.choice, event.block});
    if (found == m_blocks.end()) {
        return;
    }
    Block& block = found->second;
    const Part::Kind kind = block.part.kind;
    block.text += event.text;
    if (kind == Part::Kind::Text || kind == Part::Kind::Refusal) {
        part(event.choice, json::object{{"text", event.text}}, event.logprobs, out);
    } else if (kind == Part::Kind::Thinking) {
        part(event.choice, json::object{{"text", event.text}, {"thought", true}}, event.logprobs,
            out);
    }
}

void Writer::blockEnd(const AnswerEvent& event, std::string& out)
{
    const auto found = m_blocks.find({event.choice, event.block});
    if (found == m_blocks.end()) {
        return;
    }
    Part whole = std::move(found->second.part);
    const std::string text = std::move(found->second.text);
    m_blocks.erase(found);
    if (!event.part.signature.empty()) {
        whole.signature = event.part.signature;
        whole.signedBy = event.part.signedBy;
    }
    if (event.part.native.present()) {
        whole.native = event.part.native;
    }
    Losses losses;
    switch (whole.kind) {
    case Part::Kind::Text:
    case Part::Kind::Refusal:
    case Part::Kind::Thinking:
        if (whole.signature.empty() || whole.signedBy != Dialect::Gemini) {
            return;
        }
        if (whole.kind == Part::Kind::Thinking) {
            m_seals[event.choice] = std::move(whole);
            return; // the signature may be that of the call that follows
        }
        break; // the text itself went out already: a signature follows it
    case Part::Kind::ToolCall:
        whole.arguments = text;
        break;
    case Part::Kind::Image:
    case Part::Kind::Audio:
    case Part::Kind::File:
        whole.data = text.empty() ? whole.data : text;
        break;
    case Part::Kind::ToolResult:
    case Part::Kind::Native:
        break;
    }
    if (m_seals.contains(event.choice) && whole.signature == m_seals[event.choice].signature) {
        m_seals.erase(event.choice);
    }
    unseal(event.choice, out);
    part(event.choice, writePart(whole, losses), nullptr, out);
}

/// Writes a signature of thinking that is not that of a call.
void Writer::unseal(int choice, std::string& out)
{
    const auto found = m_seals.find(choice);
    if (found != m_seals.end()) {
        Losses losses;
        part(choice, writePart(found->second, losses), nullptr, out);
        m_seals.erase(found);
    }
}

void Writer::write(const AnswerEvent& event, std::string& out)
{
    if (m_closed) {
        return;
    }
    switch (event.kind) {
    case AnswerEvent::Kind::Start:
        m_id = event.id.empty() ? m_id : event.id;
        m_model = event.model.empty() ? m_model : event.model;
        break;
    case AnswerEvent::Kind::BlockStart:
        m_blocks[{event.choice, event.block}].part = event.part;
        break;
    case AnswerEvent::Kind::Delta:
        delta(event, out);
        break;
    case AnswerEvent::Kind::BlockEnd:
        blockEnd(event, out);
        break;
    case AnswerEvent::Kind::Finish:
        unseal(event.choice, out);
        m_endings[event.choice] = {finishReasonOf(event.stop, event.stopText), event.native};
        break;
    case AnswerEvent::Kind::Usage:
        m_usage = event.usage;
        break;
    case AnswerEvent::Kind::Error: {
        Refusal refusal;
        refusal.kind = RefusalKind::UpstreamFailed;
        refusal.message = event.text;
        fail(refusal, out);
        break;
    }
    }
}

void Writer::end(std::string& out)
{
    if (m_closed) {
        return;
    }
    json::array candidates;
    for (auto& [choice, ending] : m_endings) {
        json::object candidate;
        json::array parts;
        parts.push_back(json::object{{"text", ""}});
        json::object content;
        content["parts"] = std::move(parts);
        content["role"] = "model";
        candidate["content"] = std::move(content);
        candidate["finishReason"] = ending.finishReason;
        candidate["index"] = choice;
        if (const json::value* native = ending.native.of(Dialect::Gemini)) {
            if (const json::object* more = native->if_object()) {
                dom::mergeMissing(candidate, *more);
            }
        }
        candidates.push_back(std::move(candidate));
    }
    chunk(std::move(candidates), out);
    m_closed = true;
    if (m_array) {
        out += "]";
    }
}

void Writer::fail(const Refusal& refusal, std::string& out)
{
    if (m_closed) {
        return;
    }
    m_closed = true;
    const Result<json::object> body = dom::parseObject(refusalReply(refusal).body, "The refusal");
    if (body) {
        frame(*body, out);
    }
    if (m_array) {
        out += "]";
    }
}

} // namespace

std::unique_ptr<EventReader> eventReader()
{
    return std::make_unique<Reader>();
}

std::unique_ptr<EventWriter> eventWriter(const AnswerContext& context)
{
    return std::make_unique<Writer>(context);
}

} // namespace headgate::wire::gemini
