// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Which headers a provider gets of a client's request, and which of its own it answers with. Pure.
// Never passed on: keys, hop-by-hop fields, fields that choose whose account pays.

#include "core/proxy/http_parser.h"
#include "core/wire/dialect.h"

#include <string>
#include <utility>
#include <vector>

namespace headgate::proxy {

struct ProviderHeaderOptions {
    wire::Dialect upstream = wire::Dialect::Chat;
    bool sameDialect = true;
    bool stream = false;
};
[[nodiscard]] std::vector<std::pair<std::string, std::string>> providerHeaders(
    const RequestHead& head, const ProviderHeaderOptions& options);

/// The provider's own name for a call; empty when it gave none.
[[nodiscard]] std::string upstreamIdOf(
    const std::vector<std::pair<std::string, std::string>>& lowerCaseHeaders);

} // namespace headgate::proxy
