// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the tests of the Anthropic codec share. JSON is written with single quotes, because raw
// strings confuse moc.

#include "core/wire/codec.h"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire::testing {

inline std::string js(std::string text)
{
    std::replace(text.begin(), text.end(), '\'', '"');
    return text;
}

inline boost::json::value parsed(std::string_view text)
{
    boost::json::parse_options options;
    options.max_depth = 300;
    return boost::json::parse(text, {}, options);
}

inline boost::json::value parsedJs(const std::string& text)
{
    return parsed(js(text));
}

inline Conversation conversationOf(const std::string& text)
{
    return anthropicCodec().readRequest(js(text), {}).value();
}

/// A request of another dialect that says "hi" and asks for at most 100 tokens.
inline Conversation chatHello()
{
    Conversation out;
    out.source = Dialect::Chat;
    out.model = "gpt-5";
    out.maxOutput = 100;
    Turn turn;
    turn.parts.emplace_back().text = "hi";
    out.turns.push_back(turn);
    return out;
}

inline Part textPart(std::string text)
{
    Part part;
    part.text = std::move(text);
    return part;
}

inline Part callPart(std::string id, std::string name, std::string arguments)
{
    Part part;
    part.kind = Part::Kind::ToolCall;
    part.id = std::move(id);
    part.name = std::move(name);
    part.arguments = std::move(arguments);
    return part;
}

inline Part resultPart(std::string id, std::string text)
{
    Part part;
    part.kind = Part::Kind::ToolResult;
    part.id = std::move(id);
    part.content.push_back(textPart(std::move(text)));
    return part;
}

inline Turn turnOf(Role role, std::vector<Part> parts)
{
    Turn turn;
    turn.role = role;
    turn.parts = std::move(parts);
    return turn;
}

/// What the provider is sent, or null with the error in `error`.
inline boost::json::value written(const Conversation& conversation, Losses& losses,
    std::string model = "claude-opus-4-7", std::optional<std::int64_t> ceiling = std::nullopt,
    std::string* error = nullptr)
{
    WriteOptions options;
    options.model = std::move(model);
    options.outputCeiling = ceiling;
    options.stream = conversation.stream;
    const Result<std::string> body = anthropicCodec().writeRequest(conversation, options, losses);
    if (!body) {
        if (error != nullptr) {
            *error = body.error().text();
        }
        return nullptr;
    }
    return parsed(*body);
}

inline bool lost(const Losses& losses, std::string_view word)
{
    return std::any_of(losses.begin(), losses.end(),
        [word](const std::string& loss) { return loss.find(word) != std::string::npos; });
}

} // namespace headgate::wire::testing
