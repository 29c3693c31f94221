// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/prompt_tokens.h"

#include "core/tokens/tokens.h"

namespace headgate::proxy {

std::int64_t promptTokensAtMost(
    const wire::ChatRequest& request, const std::string& family, std::int64_t tokensPerImage)
{
    const auto count = [&family](const std::string& text) {
        return text.empty() ? std::int64_t{0} : tokens::countTextCached(family, text).atMost;
    };
    std::int64_t total = tokens::tokensPerReply;
    for (const wire::Message& message : request.messages) {
        total += tokens::tokensPerMessage + count(message.text) + count(message.toolCallText);
        total += message.hasName ? tokens::tokensPerName : 0;
        total += message.imageParts * tokensPerImage;
    }
    return total + count(request.toolsText) + count(request.schemaText) + count(request.outputText);
}

} // namespace headgate::proxy
