// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// One JSON dialect (HEADGATE_FUZZ_DIALECT): requests, answers and errors. What is written, in this
// dialect or translated into another one, reads back; edits leave a request that still reads.

#include "core/wire/anthropic_wire.h"
#include "core/wire/codec.h"
#include "core/wire/json_dom.h"
#include "core/wire/stream_relay.h"
#include "fuzz.h"

using namespace headgate;
using headgate::fuzz::must;
using wire::Dialect;

namespace {

constexpr Dialect own = Dialect::HEADGATE_FUZZ_DIALECT;
constexpr Dialect dialects[]{
    Dialect::Chat, Dialect::Responses, Dialect::Anthropic, Dialect::Gemini, Dialect::Ollama};

wire::RequestPath pathFor(Dialect dialect, std::uint8_t choice)
{
    wire::RequestPath path;
    path.stream = (choice & 8U) != 0;
    path.generate = own == Dialect::Ollama && dialect == own && (choice & 16U) != 0;
    if (dialect == Dialect::Gemini) {
        path.model = "m";
    }
    return path;
}

void editRequest(std::string_view body, const wire::RequestPath& path)
{
    const auto& codec = wire::codecOf(own);
    const auto view = codec.readView(body, path);
    if (!view) {
        must(!view.error().message.empty(), "an error has a message");
        return;
    }
    for (const auto& range : {view->modelValue, view->maxTokensValue,
             view->maxCompletionTokensValue, view->streamOptionsValue, view->includeUsageValue}) {
        must(range.begin <= range.end && range.end <= body.size(), "ranges are in the body");
    }
    must(view->n >= 1 && view->rawTokens >= 0 && (!view->maxTokens || *view->maxTokens >= 0),
        "counts are sane");
    wire::RequestEdits edits;
    edits.model = "edited";
    edits.outputCeiling = 17;
    edits.injectUsage = view->stream;
    const auto edited = codec.edit(body, *view, edits);
    if (!edited) {
        must(!edited.error().message.empty(), "an error has a message");
        return;
    }
    const auto again = codec.readView(*edited, path);
    must(static_cast<bool>(again), "an edited request reads");
    must(own == Dialect::Gemini || again->model == "edited", "the model is edited");
    must(again->maxTokens && *again->maxTokens == 17, "the ceiling is edited");
    must(again->messages.size() == view->messages.size(), "the messages are as they were");
}

/// Fields may come in another order and short forms for long ones (so texts are compared by their
/// length, and those with our readers' notes not at all); this may not change.
std::string meaningOf(const wire::RequestView& view)
{
    std::string meaning = view.model + (view.stream ? "|stream" : "|whole");
    const auto add = [&meaning](std::int64_t number) { meaning += "|" + std::to_string(number); };
    add(view.maxTokens.value_or(-1));
    add(view.n);
    add(view.tools);
    add(view.hostedTools);
    for (const auto& message : view.messages) {
        add(static_cast<int>(message.role));
        add(static_cast<std::int64_t>(message.text.size()));
        add(message.hasToolCalls ? 1 : 0);
        add(message.imageParts);
        add(message.audioParts);
        add(message.fileParts);
    }
    return meaning;
}

void translateRequest(std::string_view body, const wire::RequestPath& path)
{
    if (!wire::codecOf(own).readView(body, path)) {
        return; // as in the proxy: what has no view is refused before it is translated
    }
    const auto conversation = wire::codecOf(own).readRequest(body, path);
    if (!conversation) {
        must(!conversation.error().message.empty(), "an error has a message");
        return;
    }
    wire::WriteOptions options;
    options.model = "m";
    options.outputCeiling = 17;
    options.stream = conversation->stream;
    for (const auto dialect : dialects) {
        wire::Losses losses;
        const auto& codec = wire::codecOf(dialect);
        const auto written = codec.writeRequest(*conversation, options, losses);
        if (!written) {
            must(!written.error().message.empty(), "an error has a message");
            continue;
        }
        wire::RequestPath there = path;
        there.model = dialect == Dialect::Gemini ? "m" : "";
        there.stream = options.stream;
        there.generate = path.generate && dialect == Dialect::Ollama;
        const auto again = codec.readRequest(*written, there);
        if (!again) {
            std::fprintf(stderr, "%s\n%s\n", written->c_str(), again.error().message.c_str());
        }
        must(static_cast<bool>(again), "a written request reads");
        const auto view = codec.readView(*written, there);
        must(static_cast<bool>(view), "and so does its view");
        wire::Losses none;
        const auto second = codec.writeRequest(*again, options, none);
        if (!second) {
            std::fprintf(stderr, "%s\n%s\n", written->c_str(), second.error().message.c_str());
        }
        must(static_cast<bool>(second), "what was read back is written again");
        const auto secondView = codec.readView(*second, there);
        const auto before = meaningOf(*view);
        const auto after = secondView ? meaningOf(*secondView) : secondView.error().message;
        if (before != after) {
            std::fprintf(stderr, "%s\n%s\n%s\n%s\n", written->c_str(), before.c_str(),
                second->c_str(), after.c_str());
        }
        must(before == after, "what is read back and written means the same");
    }
}

/// As it reads in `dialect`: Anthropic's answers say in words what they cannot carry.
std::string textOf(const wire::Answer& answer, Dialect dialect)
{
    using Kind = wire::Part::Kind;
    std::string text;
    for (const auto& choice : answer.choices) {
        for (const auto& part : choice.parts) {
            if (part.kind == Kind::Text) {
                text += part.text;
            } else if (dialect == Dialect::Anthropic
                && (part.kind == Kind::Image || part.kind == Kind::File)) {
                text += wire::anthropic::missingNote(part);
            }
        }
    }
    return text;
}

void streamAnswer(const wire::Answer& answer, const wire::AnswerContext& context, Dialect dialect)
{
    const auto& codec = wire::codecOf(dialect);
    const auto writer = codec.eventWriter(context);
    const auto reader = codec.eventReader();
    std::string out;
    for (const auto& event : wire::eventsOf(answer)) {
        writer->write(event, out);
    }
    writer->end(out);
    wire::StreamSplitter splitter(dialect == Dialect::Ollama ? wire::StreamSplitter::Framing::Ndjson
                                                             : wire::StreamSplitter::Framing::Sse);
    must(static_cast<bool>(splitter.feed(out)), "events of a bearable size");
    wire::StreamSplitter::Event event;
    std::vector<wire::AnswerEvent> events;
    while (splitter.next(event)) {
        if (!event.data.empty()) {
            must(static_cast<bool>(reader->read(event.name, event.data, events)),
                "a written event reads");
        }
    }
    reader->finish(events);
    wire::AnswerBuilder builder;
    for (const auto& each : events) {
        builder.add(each);
    }
    must(answer.choices.size() > 1 || !answer.error.empty()
            || textOf(builder.answer(), dialect) == textOf(answer, dialect),
        "a streamed answer has the same text");
}

void translateAnswer(std::string_view body)
{
    const auto answer = wire::codecOf(own).readAnswer(body);
    if (!answer) {
        must(!answer.error().message.empty(), "an error has a message");
        return;
    }
    wire::AnswerContext context;
    context.model = "m";
    context.id = "id";
    context.nowS = 1'790'000'000;
    for (const auto dialect : dialects) {
        const auto& codec = wire::codecOf(dialect);
        const auto written = codec.writeAnswer(*answer, context);
        must(static_cast<bool>(wire::dom::parseObject(written, "It")), "an answer is JSON");
        const bool saysNothing = answer->choices.empty() && !answer->usage;
        if (!answer->error.empty() || saysNothing) {
            continue;
        }
        const auto again = codec.readAnswer(written);
        if (!again) {
            std::fprintf(stderr, "%s\n%s\n", written.c_str(), again.error().message.c_str());
        }
        must(static_cast<bool>(again), "a written answer reads");
        must(answer->choices.size() > 1 || textOf(*again, dialect) == textOf(*answer, dialect),
            "with its text");
        streamAnswer(*answer, context, dialect);
    }
}

void readErrors(std::string_view body, std::uint8_t choice)
{
    const auto error = wire::codecOf(own).readError(body);
    for (const auto dialect : dialects) {
        const auto written = wire::codecOf(dialect).writeError(400 + choice % 200, error);
        must(static_cast<bool>(wire::dom::parseObject(written, "It")), "an error is JSON");
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::Input input(data, size);
    const auto choice = input.byte();
    const auto path = pathFor(own, choice);
    switch (choice % 4U) {
    case 0:
        editRequest(input.rest(), path);
        break;
    case 1:
        translateRequest(input.rest(), path);
        break;
    case 2:
        translateAnswer(input.rest());
        break;
    default:
        readErrors(input.rest(), choice);
        break;
    }
    return 0;
}
