// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What a request's target asks for: the table of routes (wire.md) in all dialects. Pure functions
// over the target; nothing here looks at a key, a body or the configuration.

#include "core/wire/codec.h"

#include <string>
#include <string_view>
#include <vector>

namespace headgate::proxy {

enum class Route {
    Root,
    Health,
    Answer, ///< chat, responses, messages, generateContent, /api/chat: a model's answer
    Embeddings,
    CountTokens, ///< messages/count_tokens, :countTokens
    Models,
    Model,
    Version, ///< Ollama's
    None
};

struct RoutedPath {
    Route route = Route::None;
    wire::Dialect dialect = wire::Dialect::Chat; ///< refusals are written in it
    wire::RequestPath request; ///< Gemini: model and method; Ollama: its route
    std::string argument; ///< Model: its id
    std::string path; ///< without query and without /v1
    /// Gemini streams without alt=sse are one JSON array.
    bool arrayStream = false;
};

/// Query ignored but for Gemini's `alt`; "/v1" optional. Percent-escapes are decoded in a model's
/// id only.
[[nodiscard]] RoutedPath routePath(std::string_view target);

/// The value of a query parameter, decoded; empty when absent.
[[nodiscard]] std::string queryValue(std::string_view target, std::string_view name);
[[nodiscard]] std::string decodePercent(std::string_view text);

/// "GET, HEAD" or "POST"; empty for Route::None.
[[nodiscard]] const char* methodsOf(Route route);
/// One sentence that lists what is served, for who asked for something else.
[[nodiscard]] const char* servedRoutes();
/// Other programs serve this path, this one does not.
[[nodiscard]] bool isKnownElsewhere(std::string_view path);

} // namespace headgate::proxy
