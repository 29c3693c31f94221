// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/provider_headers.h"

#include "core/base/limits.h"
#include "core/proxy/identity.h"

#include <algorithm>
#include <array>

namespace headgate::proxy {

namespace {

/// A header of one provider's making, longer than this, is no feature list.
constexpr std::size_t passedOnBytesMax = 2'048;

const char* acceptOf(const ProviderHeaderOptions& options)
{
    if (!options.stream) {
        return "application/json";
    }
    return options.upstream == wire::Dialect::Ollama ? "application/x-ndjson" : "text/event-stream";
}

/// Features that a client switches on. "anthropic-dangerous-direct-browser-access" and the like are
/// harmless; unknown ones belong to versions that this program has not seen yet.
bool isPassedOn(std::string_view lowerName, const ProviderHeaderOptions& options)
{
    if (!options.sameDialect) {
        return false;
    }
    switch (options.upstream) {
    case wire::Dialect::Anthropic:
        // Not anthropic-organization-… and -workspace-…: they choose whose account pays.
        return lowerName.starts_with("anthropic-")
            && lowerName.find("organization") == std::string_view::npos
            && lowerName.find("workspace") == std::string_view::npos;
    case wire::Dialect::Chat:
    case wire::Dialect::Responses:
        // Not openai-organization and -project, for the same reason.
        return lowerName == "openai-beta";
    case wire::Dialect::Gemini:
    case wire::Dialect::Ollama:
        break;
    }
    return false;
}

} // namespace

std::vector<std::pair<std::string, std::string>> providerHeaders(
    const RequestHead& head, const ProviderHeaderOptions& options)
{
    std::vector<std::pair<std::string, std::string>> out;
    out.emplace_back("content-type", "application/json");
    out.emplace_back("accept", acceptOf(options));
    out.emplace_back("accept-encoding", "identity");
    const auto agent = printable(head.header("user-agent"), 256);
    out.emplace_back(
        "user-agent", "headgate/" HEADGATE_VERSION + (agent.empty() ? "" : " (" + agent + ")"));
    for (const HeaderView& field : head.headers) {
        auto name = toLower(field.name);
        if (isPassedOn(name, options)) {
            out.emplace_back(std::move(name), printable(field.value, passedOnBytesMax));
        }
    }
    return out;
}

std::string upstreamIdOf(const std::vector<std::pair<std::string, std::string>>& lowerCaseHeaders)
{
    constexpr std::array<std::string_view, 3> names{
        "x-request-id", "request-id", "x-generation-id"};
    for (const auto name : names) {
        const auto found = std::find_if(lowerCaseHeaders.begin(), lowerCaseHeaders.end(),
            [name](const auto& header) { return header.first == name; });
        if (found != lowerCaseHeaders.end() && !found->second.empty()) {
            return printable(found->second, limits::requestIdBytesMax);
        }
    }
    return {};
}

} // namespace headgate::proxy
