// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The one formula for the tokens of a chat prompt: the bound of a request and the bill of the
// simulated provider use the same, so that a bound equals the bill when an answer hits its ceiling.
// Pure; safe on any thread.

#include "core/tokens/script_meter.h"
#include "core/tokens/tokens.h"
#include "core/wire/chat_request.h"

#include <cstdint>
#include <string>

namespace headgate::proxy {

/// What the simulated provider bills for an image (a low-detail image at the same publisher).
inline constexpr std::int64_t imageTokensSimulated = 85;

/// Messages with their framing, tool calls, tool definitions, schema and other billed text.
/// `atMost` is never below the true count where the family's encoding is exact.
[[nodiscard]] tokens::Count promptTokens(
    const wire::RequestView& request, const std::string& family, std::int64_t tokensPerImage);
/// Which writing most of it is in: margins are learned apart for each (tokens/margins.h).
[[nodiscard]] tokens::ScriptGroup promptScript(const wire::RequestView& request);
[[nodiscard]] std::int64_t promptTokensAtMost(
    const wire::RequestView& request, const std::string& family, std::int64_t tokensPerImage);

} // namespace headgate::proxy
