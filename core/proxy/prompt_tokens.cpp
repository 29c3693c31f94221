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

tokens::ScriptGroup promptScript(const wire::RequestView& request)
{
    tokens::ScriptMeter meter;
    for (const wire::Message& message : request.messages) {
        meter.add(message.text);
        meter.add(message.toolCallText);
    }
    meter.add(request.toolsText);
    meter.add(request.schemaText);
    meter.add(request.outputText);
    return meter.group();
}

std::int64_t promptTokensAtMost(
    const wire::RequestView& request, const std::string& family, std::int64_t tokensPerImage)
{
    return promptTokens(request, family, tokensPerImage).atMost;
}

} // namespace headgate::proxy
