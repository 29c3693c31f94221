// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/codec.h"

#include <array>
#include <utility>

namespace headgate::wire {

namespace {

constexpr std::array<std::pair<Dialect, const char*>, 5> names{{
    {Dialect::Chat, "chat"},
    {Dialect::Responses, "responses"},
    {Dialect::Anthropic, "anthropic"},
    {Dialect::Gemini, "gemini"},
    {Dialect::Ollama, "ollama"},
}};

} // namespace

const char* dialectName(Dialect dialect)
{
    for (const auto& [value, name] : names) {
        if (value == dialect) {
            return name;
        }
    }
    return "unknown";
}

std::optional<Dialect> dialectFromName(std::string_view name)
{
    for (const auto& [value, known] : names) {
        if (name == known) {
            return value;
        }
    }
    return std::nullopt;
}

const Codec& codecOf(Dialect dialect)
{
    switch (dialect) {
    case Dialect::Responses:
        return responsesCodec();
    case Dialect::Anthropic:
        return anthropicCodec();
    case Dialect::Gemini:
        return geminiCodec();
    case Dialect::Ollama:
        return ollamaCodec();
    case Dialect::Chat:
        break;
    }
    return chatCodec();
}

} // namespace headgate::wire
