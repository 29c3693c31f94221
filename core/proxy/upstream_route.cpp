// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/upstream_route.h"

#include <fmt/format.h>

#include <algorithm>

namespace headgate::proxy {

using wire::Dialect;

namespace {

/// A model's name in a path: everything that would mean something else there is escaped.
std::string escaped(std::string_view name)
{
    std::string out;
    for (const char c : name) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9')
            || std::string_view("-._~/@").find(c) != std::string_view::npos;
        out += plain ? std::string(1, c)
                     : fmt::format("%{:02X}", static_cast<unsigned>(static_cast<unsigned char>(c)));
    }
    return out;
}

std::string geminiPath(const UpstreamRoute& route)
{
    const bool named
        = route.model.starts_with("models/") || route.model.starts_with("tunedModels/");
    const char* method = route.kind == CallKind::CountTokens ? "countTokens"
        : route.stream                                       ? "streamGenerateContent?alt=sse"
                                                             : "generateContent";
    return fmt::format("/v1beta/{}{}:{}", named ? "" : "models/", escaped(route.model), method);
}

std::string fullPath(const UpstreamRoute& route)
{
    switch (route.dialect) {
    case Dialect::Anthropic:
        return fmt::format("/v1/messages{}{}",
            route.kind == CallKind::CountTokens ? "/count_tokens" : "",
            route.beta ? "?beta=true" : "");
    case Dialect::Gemini:
        return geminiPath(route);
    case Dialect::Ollama:
        return "/api/chat";
    case Dialect::Responses:
        return "/responses";
    case Dialect::Chat:
        break;
    }
    return route.kind == CallKind::Embeddings ? "/embeddings" : "/chat/completions";
}

/// "https://host/proxy/v1" → "/proxy/v1".
std::string_view pathOf(std::string_view url)
{
    const auto scheme = url.find("://");
    const auto host = scheme == std::string_view::npos ? 0 : scheme + 3;
    const auto slash = url.find('/', host);
    auto path = slash == std::string_view::npos ? std::string_view() : url.substr(slash);
    while (!path.empty() && path.back() == '/') {
        path.remove_suffix(1);
    }
    return path;
}

} // namespace

Dialect upstreamDialectOf(const catalog::Provider& provider, Dialect client)
{
    if (provider.simulated) {
        return Dialect::Chat;
    }
    switch (provider.dialect) {
    case catalog::Dialect::Anthropic:
        return Dialect::Anthropic;
    case catalog::Dialect::Gemini:
        return Dialect::Gemini;
    case catalog::Dialect::Ollama:
        return Dialect::Ollama;
    case catalog::Dialect::OpenAi:
        break;
    }
    return client == Dialect::Responses && provider.servesResponses ? Dialect::Responses
                                                                    : Dialect::Chat;
}

std::string upstreamPathOf(const catalog::Provider& provider, const UpstreamRoute& route)
{
    auto path = fullPath(route);
    const auto base = pathOf(provider.baseUrl);
    const auto version = path.substr(0, path.find('/', 1)); // "/v1", "/v1beta", "/api"
    if (path.size() > version.size() && base.ends_with(version)) {
        path.erase(0, version.size());
    }
    // Ollama serves embeddings in OpenAI's way, beside its own routes.
    if (provider.dialect == catalog::Dialect::Ollama && route.kind == CallKind::Embeddings
        && !base.ends_with("/v1")) {
        path.insert(0, "/v1");
    }
    return path;
}

bool isStreamOf(
    Dialect dialect, const std::vector<std::pair<std::string, std::string>>& lowerCaseHeaders)
{
    const std::string_view wanted = dialect == Dialect::Ollama ? "ndjson" : "text/event-stream";
    return std::any_of(
        lowerCaseHeaders.begin(), lowerCaseHeaders.end(), [wanted](const auto& header) {
            return header.first == "content-type"
                && header.second.find(wanted) != std::string::npos;
        });
}

} // namespace headgate::proxy
