// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The protocols that clients and providers speak. A catalog::Dialect names a provider's family; a
// wire::Dialect names one protocol: an OpenAI provider speaks two of them.

#include <optional>
#include <string_view>

namespace headgate::wire {

enum class Dialect {
    Chat, ///< OpenAI chat completions; embeddings share its refusals
    Responses, ///< OpenAI responses
    Anthropic, ///< Anthropic messages
    Gemini, ///< Google generateContent
    Ollama ///< Ollama /api/chat and /api/generate; NDJSON
};
[[nodiscard]] const char* dialectName(Dialect dialect); ///< "chat", "responses", …
[[nodiscard]] std::optional<Dialect> dialectFromName(std::string_view name);

} // namespace headgate::wire
