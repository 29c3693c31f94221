// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// The cutter of SSE and NDJSON: any slicing gives the same events, and no byte is lost.

#include "core/wire/stream_relay.h"
#include "fuzz.h"

#include <vector>

using namespace headgate;
using headgate::fuzz::must;

namespace {

struct Seen {
    std::string raw;
    std::string name;
    std::string data;
    bool operator==(const Seen&) const = default;
};

void keep(std::vector<Seen>& seen, const wire::StreamSplitter::Event& event)
{
    if (event.late && !seen.empty()) {
        seen.back().raw += event.raw;
    } else {
        seen.push_back({std::string(event.raw), std::string(event.name), std::string(event.data)});
    }
}

std::vector<Seen> cut(
    std::string_view text, wire::StreamSplitter::Framing framing, std::uint8_t seed)
{
    std::vector<Seen> seen;
    wire::StreamSplitter splitter(framing);
    wire::StreamSplitter::Event event;
    fuzz::eachSlice(text, seed, [&](std::string_view slice) {
        must(static_cast<bool>(splitter.feed(slice)), "small events are taken");
        while (splitter.next(event)) {
            keep(seen, event);
        }
        return true;
    });
    if (splitter.last(event)) {
        keep(seen, event);
    }
    return seen;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    using Framing = wire::StreamSplitter::Framing;
    fuzz::Input input(data, size);
    const auto framing = input.byte() % 2U == 0 ? Framing::Sse : Framing::Ndjson;
    const auto seed = input.byte();
    const auto whole = cut(input.rest(), framing, 0);
    std::string bytes;
    for (const auto& event : whole) {
        bytes += event.raw;
    }
    must(bytes == input.rest(), "no byte is lost");
    must(whole == cut(input.rest(), framing, seed), "any slicing gives the same events");
    return 0;
}
