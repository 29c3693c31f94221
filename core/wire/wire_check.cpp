// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/wire_check.h"

#include "core/wire/codec.h"
#include "core/wire/json_dom.h"
#include "core/wire/losses.h"
#include "core/wire/meaning.h"
#include "core/wire/stream_relay.h"

#include <algorithm>
#include <array>
#include <map>

namespace headgate::wire {

namespace {

namespace json = boost::json;

constexpr std::array dialects{
    Dialect::Chat, Dialect::Responses, Dialect::Anthropic, Dialect::Gemini, Dialect::Ollama};
/// Streams up to here are cut at each of their bytes in turn.
constexpr std::size_t everyCutBytesMax = 2 * 1024;
constexpr std::array<std::size_t, 4> sliceSizes{1, 3, 61, 1021};

/// A model that each dialect's writer takes all of a request for.
std::string modelFor(Dialect dialect, bool thinks)
{
    switch (dialect) {
    case Dialect::Anthropic:
        return thinks ? "claude-sonnet-4-5" : "claude-3-5-haiku-latest";
    case Dialect::Gemini:
        return "gemini-2.5-flash";
    case Dialect::Ollama:
        return "llama3.2";
    default:
        return thinks ? "gpt-5-nano" : "gpt-4o-mini";
    }
}

/// One captured case; every check says what is wrong, or nothing.
class CaseCheck {
public:
    explicit CaseCheck(const std::vector<WireSample>& samples) : m_samples(samples) { }

    std::vector<WireRow> rows()
    {
        std::vector<WireRow> out;
        for (const WireSample& sample : m_samples) {
            WireRow& row = out.emplace_back();
            row.caseName = sample.caseName;
            row.dialect = sample.dialect;
            row.file = sample.file;
            row.why = check(sample);
            row.ok = row.why.empty();
        }
        return out;
    }

private:
    std::string check(const WireSample& sample)
    {
        const std::string_view file = sample.file;
        if (file.ends_with("request.json")) {
            return request(sample);
        }
        if (file.ends_with("response.json")) {
            return answer(sample);
        }
        if (file.ends_with("response-streaming.json")) {
            return stream(sample);
        }
        return file.ends_with("error.json") ? error(sample) : "it is no file of a captured case";
    }

    // requests
    std::string request(const WireSample& sample);
    std::string edited(const WireSample& sample, const RequestPath& path);
    std::string rewritten(const WireSample& sample, const Conversation& read);
    std::string translated(const Conversation& read, Dialect to, const Meaning& meaning);
    std::string twins(const WireSample& sample, const Meaning& meaning);
    // answers
    std::string answer(const WireSample& sample);
    std::string answerIn(const Answer& read, Dialect to, const Meaning& meaning);
    // streams
    std::string stream(const WireSample& sample);
    std::string slices(const std::string& bytes, const WireSample& sample, const Meaning& meaning);
    std::string cuts(const std::string& bytes, StreamSplitter::Framing framing);
    std::string streamIn(const std::string& bytes, const WireSample& sample, Dialect to);
    std::string unknownStream(const std::string& bytes, const WireSample& sample);
    std::string error(const WireSample& sample);

    const std::vector<WireSample>& m_samples;
};

RequestPath pathOf(const WireSample& sample, const std::string& body)
{
    RequestPath path;
    if (sample.dialect == Dialect::Gemini) {
        const Result<json::object> root = dom::parseObject(body, "The sample");
        path.model = root ? std::string(dom::stringAt(*root, "model")) : std::string();
        if (path.model.empty()) {
            path.model = modelFor(Dialect::Gemini, false);
        }
    }
    return path;
}

RequestPath pathFor(Dialect dialect, const std::string& model, bool stream)
{
    RequestPath path;
    if (dialect == Dialect::Gemini) {
        path.model = model;
        path.stream = stream;
    }
    return path;
}

WriteOptions optionsFor(const Conversation& read, Dialect to)
{
    WriteOptions options;
    const bool same = to == read.source;
    options.reasoningModel = !same && read.reasoning.asked();
    options.model = same ? read.model : modelFor(to, options.reasoningModel);
    options.stream = read.stream;
    options.injectUsage = false;
    return options;
}

std::string about(Dialect dialect, const std::string& what)
{
    return std::string(dialectName(dialect)) + ": " + what;
}

/// Every loss must be one that the docs name.
std::string unnamed(const Losses& losses)
{
    for (const std::string& loss : losses) {
        if (lossClassOf(loss).empty()) {
            return "a loss without a name: " + loss;
        }
    }
    return {};
}

bool has(const Losses& losses, std::string_view name)
{
    return std::any_of(losses.begin(), losses.end(),
        [name](const std::string& loss) { return lossClassOf(loss) == name; });
}

/// What a translation does not say must be among its losses.
std::string unsaid(const Conversation& from, const Losses& losses, Dialect to)
{
    const auto foreign
        = [to](const Native& native) { return native.present() && native.dialect != to; };
    for (const Turn& turn : from.turns) {
        for (const Part& part : turn.parts) {
            const bool native = part.kind == Part::Kind::Native && foreign(part.native);
            if (native && !has(losses, "native-content") && !has(losses, "system-place")) {
                return "content that only the source knows is gone without a word";
            }
            const bool thought = part.kind == Part::Kind::Thinking && !part.text.empty();
            if (thought && part.signedBy != to && losses.empty() && to != Dialect::Ollama) {
                return "thinking is gone without a word";
            }
        }
    }
    for (const Tool& tool : from.tools) {
        if (tool.hosted && losses.empty() && foreign(tool.native)) {
            return "the hosted tool " + tool.name + " is gone without a word";
        }
    }
    return {};
}

/// Gemini names the model in the path; some captures repeat it in the body, where it must not be.
std::string bodyOf(const WireSample& sample)
{
    Result<json::object> root = dom::parseObject(sample.text, "The sample");
    if (sample.dialect != Dialect::Gemini || !root || !root->contains("model")) {
        return sample.text;
    }
    root->erase("model");
    return dom::write(*root);
}

std::string CaseCheck::edited(const WireSample& sample, const RequestPath& path)
{
    const Codec& codec = codecOf(sample.dialect);
    const std::string body = bodyOf(sample);
    const Result<RequestView> view = codec.readView(body, path);
    if (!view) {
        return "its view cannot be read: " + view.error().text();
    }
    RequestEdits edits;
    edits.model = view->model;
    const Result<std::string> same = codec.edit(body, *view, edits);
    if (!same) {
        return "it cannot be edited: " + same.error().text();
    }
    if (*same != body) {
        return "an edit that changes nothing changed bytes";
    }
    edits.model = "another-model";
    edits.outputCeiling = 77;
    const Result<std::string> changed = codec.edit(body, *view, edits);
    if (!changed) {
        return "it cannot be edited: " + changed.error().text();
    }
    RequestPath again = path;
    again.model = sample.dialect == Dialect::Gemini ? edits.model : path.model;
    const Result<RequestView> seen = codec.readView(*changed, again);
    return seen && seen->model == edits.model && seen->maxTokens == edits.outputCeiling
        ? std::string()
        : "a new model and ceiling did not take";
}

std::string CaseCheck::rewritten(const WireSample& sample, const Conversation& read)
{
    Losses losses;
    const Result<std::string> written
        = codecOf(sample.dialect).writeRequest(read, optionsFor(read, sample.dialect), losses);
    if (!written) {
        return "it cannot be written again: " + written.error().text();
    }
    if (!losses.empty()) {
        return "writing it again loses something: " + losses.front();
    }
    const Result<json::value> before = dom::parse(bodyOf(sample), "The sample");
    const Result<json::value> after = dom::parse(*written, "What was written");
    if (!before || !after) {
        return "what was written is no JSON";
    }
    return missingLeaf(sample.dialect, *before, *after);
}

std::string CaseCheck::translated(const Conversation& read, Dialect to, const Meaning& meaning)
{
    Losses losses;
    const WriteOptions options = optionsFor(read, to);
    const Result<std::string> written = codecOf(to).writeRequest(read, options, losses);
    if (!written) {
        // Said aloud to the client, so nothing is lost in silence; but it must be one that is
        // known.
        const ErrorCode code = written.error().code;
        return code == ErrorCode::Unsupported || code == ErrorCode::InvalidArgument
            ? std::string()
            : about(to, "it cannot be written: " + written.error().text());
    }
    if (std::string why = unnamed(losses); !why.empty()) {
        return about(to, why);
    }
    if (std::string why = unsaid(read, losses, to); !why.empty()) {
        return about(to, why);
    }
    const Result<Conversation> back
        = codecOf(to).readRequest(*written, pathFor(to, options.model, options.stream));
    if (!back) {
        return about(to, "its translation cannot be read: " + back.error().text());
    }
    if (has(losses, "first-turn") || has(losses, "media")) {
        return {};
    }
    const std::string difference = differenceOf(meaning, meaningOf(*back));
    return difference.empty() ? std::string() : about(to, difference);
}

/// Cases whose captures say different words in different dialects, so that comparing them shows
/// nothing ("Say ok." and "Hi", an image as data and by its address).
constexpr std::array twinsThatDiffer{std::string_view("codeInterpreterToolParam"),
    std::string_view("instructionsParam"), std::string_view("metadataParam"),
    std::string_view("multimodalRequest"), std::string_view("responsesToolSearchInputParam"),
    std::string_view("safetyIdentifierParam"), std::string_view("serviceTierParam"),
    std::string_view("stopSequencesParam"), std::string_view("textFormatJsonSchemaParam")};

/// The same file of the case in another captured dialect.
std::string CaseCheck::twins(const WireSample& sample, const Meaning& meaning)
{
    if (sample.file != "request.json") {
        return {}; // followups hold answers of different models
    }
    if (std::find(twinsThatDiffer.begin(), twinsThatDiffer.end(), sample.caseName)
        != twinsThatDiffer.end()) {
        return {};
    }
    for (const WireSample& other : m_samples) {
        if (other.file != sample.file || other.dialect == sample.dialect) {
            continue;
        }
        const Result<Conversation> read
            = codecOf(other.dialect).readRequest(other.text, pathOf(other, other.text));
        if (!read) {
            continue; // its own row says so
        }
        const std::string difference = differenceOf(meaning, meaningOf(*read));
        if (!difference.empty()) {
            return about(other.dialect, "its captured twin differs: " + difference);
        }
    }
    return {};
}

std::string CaseCheck::request(const WireSample& sample)
{
    const RequestPath path = pathOf(sample, sample.text);
    const Result<Conversation> read = codecOf(sample.dialect).readRequest(sample.text, path);
    if (!read) {
        return "it cannot be read: " + read.error().text();
    }
    if (std::string why = edited(sample, path); !why.empty()) {
        return why;
    }
    if (std::string why = rewritten(sample, *read); !why.empty()) {
        return why;
    }
    const Meaning meaning = meaningOf(*read);
    for (const Dialect to : dialects) {
        if (std::string why = translated(*read, to, meaning); !why.empty()) {
            return why;
        }
    }
    return twins(sample, meaning);
}

AnswerContext contextOf(const Answer& answer)
{
    AnswerContext context;
    context.model = answer.model;
    context.id = answer.id;
    context.nowS = answer.createdS;
    return context;
}

/// What a translated answer means; dialects that must have a usage make one up where none is known.
Meaning meaningBeside(const Answer& original, Answer translated)
{
    if (!original.usage) {
        translated.usage.reset();
    }
    return meaningOf(translated);
}

/// Audio, images and files of an answer have a place in two dialects only (loss "media").
Meaning sayable(Meaning meaning, Dialect to)
{
    if (to != Dialect::Chat && to != Dialect::Gemini) {
        std::erase_if(meaning, [](const std::string& line) {
            return line.starts_with("choice audio ") || line.starts_with("choice image ")
                || line.starts_with("choice file ");
        });
    }
    if (to == Dialect::Ollama) {
        std::erase_if(meaning, [](const std::string& line) { return line.starts_with("cached "); });
    }
    return meaning;
}

std::string CaseCheck::answerIn(const Answer& read, Dialect to, const Meaning& meaning)
{
    const std::string written = codecOf(to).writeAnswer(read, contextOf(read));
    const Result<Answer> back = codecOf(to).readAnswer(written);
    if (!back) {
        return about(to, "its translation cannot be read: " + back.error().text());
    }
    const std::string difference
        = differenceOf(sayable(meaning, to), sayable(meaningBeside(read, *back), to));
    return difference.empty() ? std::string() : about(to, difference);
}

std::string CaseCheck::answer(const WireSample& sample)
{
    const Codec& codec = codecOf(sample.dialect);
    const Result<Answer> read = codec.readAnswer(sample.text);
    if (!read) {
        return "it cannot be read: " + read.error().text();
    }
    const Result<json::value> before = dom::parse(sample.text, "The sample");
    const Result<json::value> after
        = dom::parse(codec.writeAnswer(*read, contextOf(*read)), "What was written");
    if (!before || !after) {
        return "what was written is no JSON";
    }
    if (std::string why = missingLeaf(sample.dialect, *before, *after); !why.empty()) {
        return why;
    }
    const Meaning meaning = meaningOf(*read);
    for (const Dialect to : dialects) {
        if (std::string why = answerIn(*read, to, meaning); !why.empty()) {
            return why;
        }
    }
    return {};
}

/// The captured objects as they came over the wire.
Result<std::string> bytesOf(const WireSample& sample)
{
    Result<json::value> events = dom::parse(sample.text, "The sample");
    if (!events || !events->is_array()) {
        return Error(ErrorCode::InvalidArgument, "It is no array of events.");
    }
    std::string out;
    for (const json::value& event : events->get_array()) {
        const json::object* object = event.if_object();
        const std::string_view type
            = object != nullptr ? dom::stringAt(*object, "type") : std::string_view();
        const bool named
            = sample.dialect == Dialect::Anthropic || sample.dialect == Dialect::Responses;
        if (named && !type.empty()) {
            out += "event: " + std::string(type) + "\n";
        }
        out += "data: " + dom::write(event) + "\n\n";
    }
    if (sample.dialect == Dialect::Chat) {
        out += "data: [DONE]\n\n";
    }
    return out;
}

StreamSplitter::Framing framingOf(Dialect dialect)
{
    return dialect == Dialect::Ollama ? StreamSplitter::Framing::Ndjson
                                      : StreamSplitter::Framing::Sse;
}

/// The answer that a stream makes when it comes in slices.
Result<Answer> answerOf(std::string_view bytes, Dialect dialect, std::size_t slice)
{
    StreamSplitter splitter(framingOf(dialect));
    const std::unique_ptr<EventReader> reader = codecOf(dialect).eventReader();
    AnswerBuilder builder;
    std::vector<AnswerEvent> events;
    StreamSplitter::Event event;
    while (!bytes.empty()) {
        const std::string_view piece = bytes.substr(0, slice);
        bytes.remove_prefix(piece.size());
        if (Result<void> fed = splitter.feed(piece); !fed) {
            return fed.error();
        }
        while (splitter.next(event)) {
            if (event.data.empty()) {
                continue;
            }
            if (Result<void> read = reader->read(event.name, event.data, events); !read) {
                return read.error();
            }
        }
    }
    reader->finish(events);
    if (events.empty()) {
        return Error(ErrorCode::NotFound, "no event of this protocol is in it");
    }
    for (const AnswerEvent& one : events) {
        builder.add(one);
    }
    if (!reader->done()) {
        return Error(ErrorCode::InvalidArgument, "the stream's end was not seen");
    }
    return builder.take();
}

/// All events, told apart by what the splitter says of them.
std::string eventsOf(
    std::string_view first, std::string_view second, StreamSplitter::Framing framing)
{
    StreamSplitter splitter(framing);
    std::string out;
    StreamSplitter::Event event;
    for (const std::string_view piece : {first, second}) {
        if (!splitter.feed(piece)) {
            return {};
        }
        while (splitter.next(event)) {
            out += std::to_string(event.raw.size()) + "|" + std::string(event.name) + "|"
                + std::string(event.data) + "\n";
        }
    }
    return out;
}

std::string CaseCheck::cuts(const std::string& bytes, StreamSplitter::Framing framing)
{
    const std::string_view view = bytes;
    const std::string whole = eventsOf(view, {}, framing);
    const std::size_t last = std::min(bytes.size(), everyCutBytesMax);
    for (std::size_t at = 1; at < last; ++at) {
        if (eventsOf(view.substr(0, at), view.substr(at), framing) != whole) {
            return "cut at byte " + std::to_string(at) + " it is another stream";
        }
    }
    return {};
}

std::string CaseCheck::slices(
    const std::string& bytes, const WireSample& sample, const Meaning& meaning)
{
    for (const std::size_t size : sliceSizes) {
        const Result<Answer> read = answerOf(bytes, sample.dialect, size);
        if (!read) {
            return "in slices of " + std::to_string(size) + ": " + read.error().text();
        }
        if (std::string why = differenceOf(meaning, meaningOf(*read)); !why.empty()) {
            return "in slices of " + std::to_string(size) + ": " + why;
        }
    }
    // Cutting is quadratic, so long streams show it on their beginning.
    const std::size_t end = bytes.find("\n\n", std::min(bytes.size(), everyCutBytesMax));
    return cuts(
        bytes.substr(0, end == std::string::npos ? end : end + 2), framingOf(sample.dialect));
}

/// Another dialect's stream, or the same one written anew, and what it says.
std::string CaseCheck::streamIn(const std::string& bytes, const WireSample& sample, Dialect to)
{
    const Result<Answer> original = answerOf(bytes, sample.dialect, bytes.size());
    RelayOptions options;
    options.upstream = sample.dialect;
    options.client = to;
    options.context = contextOf(*original);
    std::string written;
    if (to == sample.dialect) {
        StreamRelay relay(options);
        if (!relay.feed(bytes, written)) {
            return "it cannot be relayed";
        }
        relay.finish(written);
        if (written != bytes) {
            return "its bytes were changed on the way";
        }
        written.clear();
        const std::unique_ptr<EventWriter> writer = codecOf(to).eventWriter(options.context);
        for (const AnswerEvent& event : wire::eventsOf(*original)) {
            writer->write(event, written);
        }
        writer->end(written);
    } else {
        StreamRelay relay(options);
        if (Result<void> fed = relay.feed(bytes, written); !fed) {
            return about(to, "it cannot be translated: " + fed.error().text());
        }
        relay.finish(written);
    }
    const Result<Answer> back = answerOf(written, to, written.size());
    if (!back) {
        return about(to, "its translation cannot be read: " + back.error().text());
    }
    const std::string difference = differenceOf(
        sayable(meaningOf(*original), to), sayable(meaningBeside(*original, *back), to));
    return difference.empty() ? std::string() : about(to, difference);
}

/// One capture holds a protocol that its provider no longer speaks: it is handed on, never taken
/// for a complete answer.
std::string CaseCheck::unknownStream(const std::string& bytes, const WireSample& sample)
{
    RelayOptions options;
    options.upstream = sample.dialect;
    options.client = sample.dialect;
    StreamRelay relay(options);
    std::string out;
    if (!relay.feed(bytes, out)) {
        return "it cannot be relayed";
    }
    relay.finish(out);
    return out != bytes      ? "its bytes were changed on the way"
        : relay.facts().done ? "it was taken for a complete answer"
                             : std::string();
}

std::string CaseCheck::stream(const WireSample& sample)
{
    const Result<std::string> bytes = bytesOf(sample);
    if (!bytes) {
        return bytes.error().text();
    }
    const Result<Answer> read = answerOf(*bytes, sample.dialect, bytes->size());
    if (!read && read.error().code == ErrorCode::NotFound) {
        return unknownStream(*bytes, sample);
    }
    if (!read) {
        return "it cannot be read: " + read.error().text();
    }
    if (std::string why = slices(*bytes, sample, meaningOf(*read)); !why.empty()) {
        return why;
    }
    for (const Dialect to : dialects) {
        if (std::string why = streamIn(*bytes, sample, to); !why.empty()) {
            return why;
        }
    }
    return {};
}

std::string CaseCheck::error(const WireSample& sample)
{
    const ErrorText read = codecOf(sample.dialect).readError(sample.text);
    if (read.message.empty()) {
        return "its message cannot be read";
    }
    constexpr int status = 400;
    for (const Dialect to : dialects) {
        const std::string written = codecOf(to).writeError(status, read);
        if (codecOf(to).readError(written).message.find(read.message) == std::string::npos) {
            return about(to, "its message is gone");
        }
    }
    return {};
}

} // namespace

std::optional<Dialect> dialectOfFolder(std::string_view folder)
{
    constexpr std::array<std::pair<std::string_view, Dialect>, 5> folders{{
        {"chat-completions", Dialect::Chat},
        {"responses", Dialect::Responses},
        {"anthropic", Dialect::Anthropic},
        {"google", Dialect::Gemini},
        {"ollama", Dialect::Ollama},
    }};
    for (const auto& [name, dialect] : folders) {
        if (name == folder) {
            return dialect;
        }
    }
    return std::nullopt;
}

std::vector<WireRow> checkCase(const std::vector<WireSample>& samples)
{
    return CaseCheck(samples).rows();
}

} // namespace headgate::wire
