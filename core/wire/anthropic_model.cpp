// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/text.h"
#include "core/wire/anthropic_wire.h"

#include <algorithm>

namespace headgate::wire::anthropic {

namespace {

bool separates(char c)
{
    return c == '-' || c == '.' || c == '_' || c == '@' || c == ':' || c == '/';
}

/// A version number, not a date: one or two digits.
std::optional<int> versionNumber(std::string_view word)
{
    if (word.empty() || word.size() > 2) {
        return std::nullopt;
    }
    int number = 0;
    for (const char c : word) {
        if (c < '0' || c > '9') {
            return std::nullopt;
        }
        number = number * 10 + (c - '0');
    }
    return number;
}

/// 407 for "claude-opus-4-7" and "anthropic.claude-opus-4.7-v1:0", 307 for
/// "claude-3-7-sonnet-20250219", 400 for "claude-opus-4-20250514".
std::optional<int> versionOf(std::string_view name)
{
    std::optional<int> major;
    while (!name.empty()) {
        const auto end = std::find_if(name.begin(), name.end(), separates);
        const auto size = static_cast<std::size_t>(end - name.begin());
        const auto number = versionNumber(name.substr(0, size));
        if (major) {
            return *major * 100 + number.value_or(0);
        }
        major = number;
        name.remove_prefix(std::min(size + 1, name.size()));
    }
    return major ? std::optional(*major * 100) : std::nullopt;
}

} // namespace

ModelTraits traitsOf(std::string_view model)
{
    constexpr int firstThinking = 307;
    constexpr int firstOneSampling = 401;
    constexpr int firstAdaptive = 406;
    constexpr int adaptiveOnly = 407;
    constexpr int firstSystemAmid = 408;
    const std::string name = toLower(model);
    const std::size_t at = name.find("claude");
    ModelTraits traits;
    if (at == std::string::npos) {
        return traits; // other makers speak this protocol as it was in 2025: budgets
    }
    // A name without a number is a new one.
    const int version = versionOf(std::string_view(name).substr(at + 6)).value_or(firstSystemAmid);
    using Thinking = ModelTraits::Thinking;
    traits.thinking = version < firstThinking ? Thinking::None
        : version < firstAdaptive             ? Thinking::Budget
                                              : Thinking::Adaptive;
    traits.budgetToo = version >= firstThinking && version < adaptiveOnly;
    traits.canDisable = version >= firstThinking && name.find("fable") == std::string::npos
        && name.find("mythos") == std::string::npos;
    traits.xhigh = version >= adaptiveOnly;
    traits.sampling = version < adaptiveOnly;
    traits.bothSampling = version < firstOneSampling;
    traits.systemAmid = version >= firstSystemAmid;
    return traits;
}

} // namespace headgate::wire::anthropic
