// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/prompt_tokens.h"

#include <algorithm>
#include <string_view>

namespace headgate::proxy {

tokens::Count promptTokens(
    const wire::RequestView& request, const std::string& family, std::int64_t tokensPerImage)
{
    tokens::Count total = tokens::countText(family, {}); // nothing, but exact or not
    total.tokens += tokens::tokensPerReply;
    total.atMost += tokens::tokensPerReply;
    const auto addFixed = [&total](std::int64_t tokens) {
        total.tokens += tokens;
        total.atMost += tokens;
    };
    const auto add = [&](const std::string& text) {
        if (!text.empty()) {
            const tokens::Count count = tokens::countTextCached(family, text);
            total.tokens += count.tokens;
            total.atMost += count.atMost;
        }
    };
    for (const wire::Message& message : request.messages) {
        addFixed(tokens::tokensPerMessage);
        add(message.text);
        add(message.toolCallText);
        addFixed(message.hasName ? tokens::tokensPerName : 0);
        addFixed(message.imageParts * tokensPerImage);
    }
    add(request.toolsText);
    add(request.schemaText);
    add(request.outputText);
    addFixed(request.rawTokens);
    return total;
}

bool isPlainPrompt(const wire::RequestView& request)
{
    std::size_t bytes = 0;
    std::size_t foreign = 0;
    const auto add = [&](std::string_view text) {
        bytes += text.size();
        foreign += static_cast<std::size_t>(std::count_if(
            text.begin(), text.end(), [](char c) { return static_cast<signed char>(c) < 0; }));
    };
    for (const wire::Message& message : request.messages) {
        add(message.text);
        add(message.toolCallText);
    }
    add(request.toolsText);
    add(request.schemaText);
    add(request.outputText);
    return foreign * 100 <= bytes * 3;
}

std::int64_t promptTokensAtMost(
    const wire::RequestView& request, const std::string& family, std::int64_t tokensPerImage)
{
    return promptTokens(request, family, tokensPerImage).atMost;
}

} // namespace headgate::proxy
