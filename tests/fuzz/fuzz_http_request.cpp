// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// A request head and body, in slices: any slicing ends in the same state with the same body, and
// an accepted head has a method, a target and no bytes that a second parser could read otherwise.

#include "core/base/limits.h"
#include "core/proxy/http_parser.h"
#include "fuzz.h"

using namespace headgate;
using headgate::fuzz::must;

namespace {

struct Parsed {
    bool ok = true;
    bool head = false;
    bool done = false;
    std::string method;
    std::string target;
    std::string body;
    std::string rest;
    std::size_t headers = 0;
    bool operator==(const Parsed&) const = default;
};

/// Feeds what is in `in` until the parser wants more.
bool drain(proxy::RequestParser& parser, std::string& in, Parsed& parsed)
{
    for (;;) {
        const auto state = parser.feed(in);
        if (!state) {
            must(!state.error().message.empty(), "an error has a message");
            parsed.ok = false;
            return false;
        }
        if (*state == proxy::RequestParser::State::Done) {
            parsed.done = true;
            return false;
        }
        if (*state == proxy::RequestParser::State::NeedMore) {
            return true;
        }
        must(parser.headDone(), "HeadDone says so");
    }
}

Parsed parse(std::string_view text, std::uint8_t seed)
{
    Parsed parsed;
    proxy::RequestParser parser;
    std::string in;
    std::size_t used = 0;
    fuzz::eachSlice(text, seed, [&](std::string_view slice) {
        in.append(slice);
        used += slice.size();
        return drain(parser, in, parsed);
    });
    parsed.head = parser.headDone();
    if (parsed.ok && parsed.head) {
        const auto& head = parser.head();
        parsed.method = head.method;
        parsed.target = head.target;
        parsed.headers = head.headers.size();
        parsed.body = parser.body();
        parsed.rest = in;
        parsed.rest.append(text.substr(used));
    }
    return parsed;
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size)
{
    fuzz::Input input(data, size);
    const auto seed = input.byte();
    auto whole = parse(input.rest(), 0);
    auto sliced = parse(input.rest(), seed);
    if (!whole.ok || !sliced.ok) { // one may still wait for a byte that shows it
        must(!whole.done && !sliced.done, "any slicing is accepted or refused alike");
        return 0;
    }
    must(whole.done == sliced.done, "any slicing is done alike");
    if (!whole.done) {
        whole.body.clear(); // how much of it is handed out so far may differ
        whole.rest.clear();
        sliced.body.clear();
        sliced.rest.clear();
    }
    must(whole == sliced, "any slicing reads the same request");
    if (whole.head) {
        must(!whole.method.empty() && !whole.target.empty(), "a method and a target");
        must(whole.headers <= limits::headersMax, "at most so many headers");
        must(whole.target.find_first_of(" \r\n") == std::string::npos, "a target of one word");
    }
    return 0;
}
