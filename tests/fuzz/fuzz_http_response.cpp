// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// A provider's answer, in slices: any slicing gives the same head and the same body.

#include "core/proxy/http_parser.h"
#include "fuzz.h"

using namespace headgate;
using headgate::fuzz::must;

namespace {

struct Parsed {
    bool ok = true;
    bool head = false;
    bool done = false;
    bool keepAlive = false;
    int status = 0;
    std::string body;
    std::vector<std::pair<std::string, std::string>> headers;
    bool operator==(const Parsed&) const = default;
};

Parsed parse(std::string_view text, std::uint8_t seed)
{
    Parsed parsed;
    proxy::ResponseParser parser;
    std::string in;
    fuzz::eachSlice(text, seed, [&](std::string_view slice) {
        in.append(slice);
        parsed.ok = static_cast<bool>(parser.feed(in, parsed.body));
        return parsed.ok && !parser.done();
    });
    if (!parsed.ok) {
        return parsed;
    }
    if (!parser.done()) {
        parsed.ok = static_cast<bool>(parser.feedEnd());
    }
    parsed.head = parser.headDone();
    parsed.done = parser.done();
    if (parsed.ok && parsed.head) {
        parsed.status = parser.status();
        parsed.keepAlive = parser.keepAlive();
        parsed.headers = parser.takeHeaders();
    }
    return parsed;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::Input input(data, size);
    const auto seed = input.byte();
    const auto whole = parse(input.rest(), 0);
    const auto sliced = parse(input.rest(), seed);
    must(whole.ok == sliced.ok, "any slicing is accepted or refused alike");
    if (whole.ok) {
        must(whole == sliced, "any slicing reads the same answer");
        must(!whole.done || whole.status >= 200, "an interim answer is not the answer");
    }
    return 0;
}
