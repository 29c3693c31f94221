// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// In which protocol a provider is asked, and where. Pure; nothing here knows a key.

#include "core/catalog/catalog.h"
#include "core/wire/dialect.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headgate::proxy {

enum class CallKind { Answer, Embeddings, CountTokens };

struct UpstreamRoute {
    wire::Dialect dialect = wire::Dialect::Chat;
    CallKind kind = CallKind::Answer;
    std::string model; ///< Gemini names it in the path
    bool stream = false;
    bool beta = false; ///< Anthropic: ?beta=true, as the client wrote it
};

/// The client's own dialect where the provider speaks it, so that its bytes pass through; else the
/// provider's first one.
[[nodiscard]] wire::Dialect upstreamDialectOf(
    const catalog::Provider& provider, wire::Dialect client);

/// The path below the provider's base URL; a version that the base URL ends with is not repeated.
[[nodiscard]] std::string upstreamPathOf(
    const catalog::Provider& provider, const UpstreamRoute& route);

[[nodiscard]] bool isStreamOf(wire::Dialect dialect,
    const std::vector<std::pair<std::string, std::string>>& lowerCaseHeaders);

} // namespace headgate::proxy
