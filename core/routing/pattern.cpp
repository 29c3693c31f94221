// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/routing/pattern.h"

#include <re2/re2.h>

#include <memory>
#include <unordered_map>

namespace headgate::routing {

namespace {

constexpr std::size_t patternBytesMax = 1'024;
constexpr std::int64_t automatonBytesMax = 1024 * 1024;
/// A policy has tens of patterns; when edits have filled the cache it starts anew.
constexpr std::size_t patternsKeptMax = 256;

RE2::Options options()
{
    RE2::Options chosen(RE2::Quiet);
    chosen.set_max_mem(automatonBytesMax);
    return chosen;
}

re2::StringPiece piece(std::string_view text)
{
    return {text.data(), text.size()};
}

} // namespace

Result<void> checkPattern(std::string_view pattern)
{
    if (pattern.size() > patternBytesMax) {
        return Error(ErrorCode::InvalidArgument,
            "The pattern is longer than " + std::to_string(patternBytesMax) + " bytes.");
    }
    const RE2 compiled(piece(pattern), options());
    if (!compiled.ok()) {
        return Error(ErrorCode::InvalidArgument,
            "The pattern \"" + std::string(pattern) + "\" is not valid: " + compiled.error() + ".",
            "Use RE2 syntax.");
    }
    return {};
}

bool patternMatches(const std::string& pattern, std::string_view text)
{
    thread_local std::unordered_map<std::string, std::unique_ptr<RE2>> compiled;
    auto found = compiled.find(pattern);
    if (found == compiled.end()) {
        if (compiled.size() >= patternsKeptMax) {
            compiled.clear();
        }
        found = compiled.emplace(pattern, std::make_unique<RE2>(pattern, options())).first;
    }
    return found->second->ok() && RE2::PartialMatch(piece(text), *found->second);
}

} // namespace headgate::routing
