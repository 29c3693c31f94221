// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What a provider's error means: for the client (status and body in its dialect), for the money
// (may it have been billed?), for a fallback (was the request processed at all?) and for the
// provider's health. Pure.

#include "core/proxy/health_state.h"
#include "core/proxy/upstream.h"
#include "core/wire/dialect.h"
#include "core/wire/refusal.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headgate::proxy {

struct ProviderAnswer {
    const std::string& provider;
    const UpstreamHead& head;
    const std::string& body;
    wire::Dialect upstream = wire::Dialect::Chat; ///< what the provider speaks
    wire::Dialect client = wire::Dialect::Chat; ///< what the client speaks
    TimeUs nowUs = 0; ///< for dates; 0: none are read
};

struct ProviderError {
    wire::Refusal refusal; ///< for the log
    wire::RefusalReply reply; ///< for the client
    bool mayHaveBilled = false; ///< it read the request and failed later
    /// It says that it did nothing: 401, 403, 429, 503, no money, Anthropic's 529 with
    /// "overloaded_error" in its body. Any other 529 may have been billed.
    bool notProcessed = false;
    CallOutcome outcome; ///< for its health
};

[[nodiscard]] ProviderError readProviderError(const ProviderAnswer& answer);

/// The day a text names, with its time if there is one, as UTC: "regain access on 2026-12-01 at
/// 00:00 UTC". 0: none.
[[nodiscard]] TimeUs dateIn(std::string_view text);

} // namespace headgate::proxy
