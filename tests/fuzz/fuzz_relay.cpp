// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// A provider's stream on its way to a client of the same or another dialect: any slicing gives the
// same bytes and the same facts, the same dialect is handed on byte for byte, and what is written
// in another one can be read in it.

#include "core/wire/stream_relay.h"
#include "fuzz.h"

using namespace headgate;
using headgate::fuzz::must;
using wire::Dialect;

namespace {

struct Relayed {
    bool ok = true;
    std::string out;
    std::string text;
    std::int64_t inputTokens = 0;
    std::int64_t outputTokens = 0;
    bool done = false;
    bool operator==(const Relayed&) const = default;
};

Relayed relay(std::string_view text, const wire::RelayOptions& options, std::uint8_t seed)
{
    Relayed relayed;
    wire::StreamRelay stream(options);
    fuzz::eachSlice(text, seed, [&](std::string_view slice) {
        relayed.ok = static_cast<bool>(stream.feed(slice, relayed.out));
        return relayed.ok;
    });
    if (relayed.ok) {
        stream.finish(relayed.out);
    } else {
        stream.fail(wire::Refusal{}, relayed.out);
    }
    const auto& facts = stream.facts();
    relayed.text = facts.text;
    relayed.done = facts.done;
    if (facts.usage) {
        relayed.inputTokens = facts.usage->inputTotal();
        relayed.outputTokens = facts.usage->output;
    }
    return relayed;
}

void readBack(std::string_view bytes, Dialect dialect)
{
    const auto reader = wire::codecOf(dialect).eventReader();
    wire::StreamSplitter splitter(dialect == Dialect::Ollama ? wire::StreamSplitter::Framing::Ndjson
                                                             : wire::StreamSplitter::Framing::Sse);
    must(static_cast<bool>(splitter.feed(bytes)), "what is written has events of a bearable size");
    wire::StreamSplitter::Event event;
    std::vector<wire::AnswerEvent> events;
    while (splitter.next(event)) {
        if (!event.data.empty()) {
            must(static_cast<bool>(reader->read(event.name, event.data, events)),
                "what is written can be read");
        }
    }
    must(!splitter.last(event), "what is written ends with a whole event");
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    static constexpr Dialect dialects[]{
        Dialect::Chat, Dialect::Responses, Dialect::Anthropic, Dialect::Gemini, Dialect::Ollama};
    fuzz::Input input(data, size);
    wire::RelayOptions options;
    const auto choice = input.byte();
    options.upstream = dialects[choice % 5U];
    options.client = dialects[(choice / 5U) % 5U];
    options.stripUsage = choice >= 125;
    options.context.model = "m";
    options.context.id = "id";
    options.context.nowS = 1'790'000'000;
    options.context.includeUsage = !options.stripUsage;
    const auto seed = input.byte();
    const auto whole = relay(input.rest(), options, 0);
    const auto sliced = relay(input.rest(), options, seed);
    must(whole == sliced, "any slicing gives the same bytes");
    if (options.client == options.upstream) {
        must(!whole.ok || options.stripUsage || whole.out == input.rest(),
            "the same dialect is handed on byte for byte");
    } else {
        readBack(whole.out, options.client);
    }
    return 0;
}
