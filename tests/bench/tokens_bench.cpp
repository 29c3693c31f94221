// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/bench/tokens_bench.h"

#include "core/tokens/tokens.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <vector>

#ifndef HEADGATE_SOURCE_DIR
#define HEADGATE_SOURCE_DIR "."
#endif

namespace headgate::bench {

namespace {

namespace json = boost::json;

constexpr std::size_t textBytes = 100'000;
constexpr int rounds = 7;

struct Text {
    std::string kind;
    std::string text;
};

std::string repeated(std::string_view unit)
{
    std::string out;
    while (out.size() < textBytes) {
        out += unit;
    }
    return out;
}

/// Words in a fixed pseudo-random order, so that no cache of whole sentences helps either side.
std::string shuffled(const std::vector<std::string_view>& words, std::string_view separator)
{
    std::string out;
    std::uint64_t state = 42;
    while (out.size() < textBytes) {
        state = state * 6364136223846793005ULL + 1442695040888963407ULL;
        out += words[(state >> 33) % words.size()];
        out += separator;
    }
    return out;
}

std::vector<Text> texts()
{
    const std::vector<std::string_view> english{"The", "quick", "reservation", "system", "keeps",
        "every", "dollar", "accounted", "for,", "even", "when", "a", "thousand", "requests",
        "arrive", "at", "once.", "Engineers", "don't", "like", "surprises;", "operators", "like",
        "them", "less", "(about", "37%", "less),", "so", "the", "ledger", "refuses", "early.\n\n"};
    const std::vector<std::string_view> german{"Die", "Haushaltsüberschreitung", "wird", "vor",
        "jedem", "Aufruf", "geprüft,", "damit", "keine", "Rechnung", "größer", "ausfällt", "als",
        "das", "verbleibende", "Guthaben.", "Außerdem", "protokolliert", "das", "Programm"};
    const std::vector<std::string_view> chinese{"预算", "在", "每次", "调用", "之前", "预留，",
        "结算", "之后", "立即", "释放。", "系统", "记录", "所有", "决定", "以及", "原因", "和",
        "费用"};
    return {
        {"English", shuffled(english, " ")},
        {"German", shuffled(german, " ")},
        {"Chinese", shuffled(chinese, "")},
        {"code",
            repeated(
                "    for (std::size_t i = 0; i < parts.size(); ++i) {\n"
                "        const auto& [key, value] = parts[i]; // see README.md\n"
                "        total += value.tokens * 1'000 + lookup(\"cache_read\", key);\n    }\n\n"
                "def settle(self, hold_id: int, usage: dict[str, int]) -> None:\n"
                "    assert usage[\"prompt_tokens\"] >= 0, f\"bad {hold_id=}\"\n")},
        {"JSON",
            repeated(R"({"id":"msg_01XyZ","role":"user","content":[{"type":"text","text":"Hi"}],)"
                     R"("n":12345.678,"ok":true},)")},
        {"hostile a", std::string(textBytes, 'a')},
        {"hostile signs", repeated("=-*/")},
        {"hostile spaces", std::string(textBytes, ' ')},
    };
}

/// The fastest of some rounds: what the code can do, with the machine's noise left out.
std::int64_t fastestNs(const tokens::Encoding& encoding, const std::string& text)
{
    std::int64_t best = INT64_MAX;
    for (int i = 0; i < rounds; ++i) {
        const auto start = std::chrono::steady_clock::now();
        const std::int64_t count = encoding.count(text);
        const auto ns = std::chrono::steady_clock::now() - start;
        best = count > 0 ? std::min<std::int64_t>(best, ns.count()) : best;
    }
    return best;
}

std::string shellQuoted(const std::string& text)
{
    std::string out = "'";
    for (const char c : text) {
        out += c == '\'' ? std::string("'\\''") : std::string(1, c);
    }
    return out + "'";
}

std::string outputOf(const std::string& command)
{
    std::string out;
    FILE* pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) {
        return out;
    }
    std::array<char, 4096> buffer{};
    for (std::size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
        out.append(buffer.data(), n);
    }
    return pclose(pipe) == 0 ? out : std::string();
}

struct PeerResult {
    std::int64_t ns = 0;
    std::int64_t tokens = 0;
};

/// Nanoseconds and tokens of the peer for each text; empty when node or the package is missing.
std::map<std::string, PeerResult> peerResults(const std::vector<Text>& all)
{
    const char* folder = std::getenv("HEADGATE_BENCH_PEERS");
    const std::string bench = folder != nullptr ? folder : HEADGATE_SOURCE_DIR "/tests/bench";
    if (!std::filesystem::exists(bench + "/node_modules/tiktoken")) {
        return {};
    }
    json::array request;
    for (const Text& text : all) {
        request.push_back(json::object{{"kind", text.kind}, {"text", text.text}});
    }
    const std::string path = (std::filesystem::temp_directory_path()
        / fmt::format("headgate-tokens-bench-{}.json", ::getpid()))
                                 .string();
    std::ofstream(path) << json::serialize(request);
    const std::string out = outputOf("cd " + shellQuoted(bench) + " && node "
        + shellQuoted(HEADGATE_SOURCE_DIR "/tests/bench/tiktoken_peer.mjs") + " "
        + shellQuoted(path) + " 2>/dev/null");
    std::filesystem::remove(path);
    boost::system::error_code failed;
    const json::value answer = json::parse(out.empty() ? "null" : out, failed);
    std::map<std::string, PeerResult> results;
    if (!failed && answer.is_array()) {
        for (const json::value& row : answer.get_array()) {
            const auto& kind = row.at("kind").as_string();
            results[std::string(kind.data(), kind.size())] = {
                row.at("ns").to_number<std::int64_t>(), row.at("tokens").to_number<std::int64_t>()};
        }
    }
    return results;
}

/// Microseconds a kilobyte with two decimals, in integers.
std::string perKilobyte(std::int64_t ns, std::size_t bytes)
{
    const std::int64_t hundredths = ns * 100 / static_cast<std::int64_t>(bytes);
    return fmt::format("{}.{:02}", hundredths / 100, hundredths % 100);
}

std::string ratioOf(std::int64_t peerNs, std::int64_t ourNs)
{
    const std::int64_t tenths = peerNs * 10 / std::max<std::int64_t>(1, ourNs);
    return fmt::format("{}.{}", tenths / 10, tenths % 10);
}

} // namespace

int runTokensBench(bool json)
{
    const auto encoding = tokens::Encoding::named("o200k_base");
    if (!encoding) {
        fmt::print(stderr, "{}\n", encoding.error().text());
        return 1;
    }
    const std::vector<Text> all = texts();
    const std::map<std::string, PeerResult> peer = peerResults(all);
    if (!json) {
        fmt::print("o200k_base, microseconds a kB{}\n",
            peer.empty() ? "; peer missing: run `npm ci` in tests/bench for npm tiktoken" : "");
        fmt::print(
            "{:<16}{:>10}{:>12}{:>10}{:>8}\n", "text", "tokens", "headgate", "tiktoken", "ratio");
    }
    for (const Text& text : all) {
        const std::int64_t ns = fastestNs(**encoding, text.text);
        const std::int64_t count = (*encoding)->count(text.text);
        const auto other = peer.find(text.kind);
        const bool measured = other != peer.end();
        const std::string ours = perKilobyte(ns, text.text.size());
        const std::string theirs
            = measured ? perKilobyte(other->second.ns, text.text.size()) : std::string("-");
        const std::string ratio = measured ? ratioOf(other->second.ns, ns) : std::string("-");
        if (measured && other->second.tokens != count) {
            fmt::print(stderr, "{}: {} tokens here, {} at the peer\n", text.kind, count,
                other->second.tokens);
            return 1;
        }
        if (json) {
            fmt::print("{{\"bench\":\"tokens\",\"text\":\"{}\",\"tokens\":{},\"us_per_kb\":{},"
                       "\"peer\":\"tiktoken\",\"peer_us_per_kb\":{},\"ratio\":{}}}\n",
                text.kind, count, ours, measured ? theirs : "null", measured ? ratio : "null");
        } else {
            fmt::print("{:<16}{:>10}{:>12}{:>10}{:>8}\n", text.kind, count, ours, theirs, ratio);
        }
    }
    return 0;
}

} // namespace headgate::bench
