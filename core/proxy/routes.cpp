// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/routes.h"

#include <algorithm>
#include <array>

namespace headgate::proxy {

using wire::Dialect;

namespace {

struct Fixed {
    std::string_view path;
    Route route;
    Dialect dialect;
};
constexpr std::array fixedRoutes{
    Fixed{"/", Route::Root, Dialect::Chat},
    Fixed{"/healthz", Route::Health, Dialect::Chat},
    Fixed{"/chat/completions", Route::Answer, Dialect::Chat},
    Fixed{"/responses", Route::Answer, Dialect::Responses},
    Fixed{"/embeddings", Route::Embeddings, Dialect::Chat},
    Fixed{"/messages", Route::Answer, Dialect::Anthropic},
    Fixed{"/messages/count_tokens", Route::CountTokens, Dialect::Anthropic},
    Fixed{"/models", Route::Models, Dialect::Chat},
    Fixed{"/api/chat", Route::Answer, Dialect::Ollama},
    Fixed{"/api/generate", Route::Answer, Dialect::Ollama},
    Fixed{"/api/tags", Route::Models, Dialect::Ollama},
    Fixed{"/api/version", Route::Version, Dialect::Ollama},
};

/// Routes that other programs serve under these names and this build does not.
constexpr std::array<std::string_view, 9> knownElsewhere{"/completions", "/moderations",
    "/audio/speech", "/audio/transcriptions", "/images/generations", "/messages/batches",
    "/batches", "/api/embed", "/api/pull"};

/// Takes `prefix` off the front of `path`; false when it does not begin so.
bool cut(std::string_view& path, std::string_view prefix)
{
    if (!path.starts_with(prefix)) {
        return false;
    }
    path.remove_prefix(prefix.size());
    return true;
}

/// "models/M:method", "tunedModels/M:method". M may hold slashes and colons of its own.
bool geminiCall(std::string_view path, RoutedPath& out)
{
    const auto colon = path.rfind(':');
    if (colon == std::string_view::npos) {
        return false;
    }
    const auto method = path.substr(colon + 1);
    auto model = decodePercent(path.substr(0, colon));
    if (method == "generateContent" || method == "streamGenerateContent") {
        out.route = Route::Answer;
        out.request.stream = method == "streamGenerateContent";
    } else if (method == "countTokens") {
        out.route = Route::CountTokens;
    } else {
        return false;
    }
    if (model.starts_with("models/")) {
        model.erase(0, std::string_view("models/").size());
    }
    out.request.model = std::move(model);
    out.dialect = Dialect::Gemini;
    return true;
}

bool isGeminiFolder(std::string_view path)
{
    return path.starts_with("/models/") || path.starts_with("/tunedModels/");
}

/// Whose refusals a client at an unknown path understands.
Dialect familyOf(std::string_view path, bool beta)
{
    if (path.starts_with("/api/")) {
        return Dialect::Ollama;
    }
    if (beta) {
        return Dialect::Gemini;
    }
    return path.starts_with("/messages") ? Dialect::Anthropic : Dialect::Chat;
}

} // namespace

std::string decodePercent(std::string_view text)
{
    const auto digit = [](char c) -> int {
        if (c >= '0' && c <= '9') {
            return c - '0';
        }
        const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
        return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
    };
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] == '%' && i + 2 < text.size() && digit(text[i + 1]) >= 0
            && digit(text[i + 2]) >= 0) {
            out += static_cast<char>(digit(text[i + 1]) * 16 + digit(text[i + 2]));
            i += 2;
        } else {
            out += text[i];
        }
    }
    return out;
}

std::string queryValue(std::string_view target, std::string_view name)
{
    const auto mark = target.find('?');
    if (mark == std::string_view::npos) {
        return {};
    }
    auto query = target.substr(mark + 1);
    query = query.substr(0, query.find('#'));
    while (!query.empty()) {
        const auto end = query.find('&');
        const auto pair = query.substr(0, end);
        const auto equals = pair.find('=');
        if (pair.substr(0, equals) == name) {
            return equals == std::string_view::npos ? std::string()
                                                    : decodePercent(pair.substr(equals + 1));
        }
        query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    }
    return {};
}

RoutedPath routePath(std::string_view target)
{
    RoutedPath out;
    auto path = target.substr(0, target.find_first_of("?#"));
    while (path.size() > 1 && path.back() == '/') {
        path.remove_suffix(1);
    }
    const bool beta = path == "/v1beta" || path.starts_with("/v1beta/");
    if (beta) {
        path.remove_prefix(std::string_view("/v1beta").size());
    } else if (path == "/v1" || path.starts_with("/v1/")) {
        path.remove_prefix(std::string_view("/v1").size());
    }
    path = path.empty() ? "/" : path;
    out.path = std::string(path);
    out.dialect = familyOf(path, beta);
    if (isGeminiFolder(path) && geminiCall(path.substr(1), out)) {
        out.arrayStream = out.request.stream && queryValue(target, "alt") != "sse";
        return out;
    }
    auto id = path;
    if (cut(id, "/models/") && !id.empty()) {
        out.route = Route::Model;
        out.argument = decodePercent(id);
        return out;
    }
    for (const Fixed& fixed : fixedRoutes) {
        // Under /v1beta there is only what Gemini has there.
        if (path == fixed.path && (!beta || fixed.route == Route::Models)) {
            out.route = fixed.route;
            out.dialect = beta ? Dialect::Gemini : fixed.dialect;
            out.request.generate = path == "/api/generate";
        }
    }
    return out;
}

const char* methodsOf(Route route)
{
    switch (route) {
    case Route::Answer:
    case Route::Embeddings:
    case Route::CountTokens:
        return "POST";
    case Route::Root:
    case Route::Health:
    case Route::Models:
    case Route::Model:
    case Route::Version:
        return "GET, HEAD";
    case Route::None:
        break;
    }
    return "";
}

const char* servedRoutes()
{
    return "Served here: POST /v1/chat/completions, /v1/responses, /v1/embeddings, /v1/messages, "
           "/v1/messages/count_tokens, /v1beta/models/{model}:generateContent, "
           ":streamGenerateContent and :countTokens, /api/chat, /api/generate; GET /v1/models, "
           "/v1/models/{id}, /v1beta/models, /api/tags, /healthz.";
}

bool isKnownElsewhere(std::string_view path)
{
    return std::find(knownElsewhere.begin(), knownElsewhere.end(), path) != knownElsewhere.end();
}

} // namespace headgate::proxy
