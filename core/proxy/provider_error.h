// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What a provider's error means: for the client (status and body in its dialect), for the money
// (may it have been billed?) and for a fallback (was the request processed at all?). Pure.

#include "core/proxy/upstream.h"
#include "core/wire/dialect.h"
#include "core/wire/refusal.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headgate::proxy {

struct ProviderError {
    wire::Refusal refusal; ///< for the log
    wire::RefusalReply reply; ///< for the client
    bool mayHaveBilled = false; ///< it read the request and failed later
    bool notProcessed = false; ///< it says that it did nothing (429, 503)
};

/// In which dialect the error came, and in which it goes on.
struct ErrorRoute {
    wire::Dialect upstream = wire::Dialect::Chat;
    wire::Dialect client = wire::Dialect::Chat;
};
[[nodiscard]] ProviderError readProviderError(const std::string& provider, const UpstreamHead& head,
    const std::string& body, ErrorRoute route = {});

} // namespace headgate::proxy
