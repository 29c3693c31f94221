// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Limits for tools that run at the provider, where a dialect has a field for one: a request that
// names none can be given one, so that what it may cost is bounded. Everything else of the body
// stays byte for byte. Pure; no I/O.

#include "core/base/result.h"
#include "core/wire/conversation.h"
#include "core/wire/request_view.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace headgate::wire {

struct HostedUses {
    int unlimited = 0; ///< tools without a limit that can be given one; 0: nothing can be done
    std::int64_t given = 0; ///< uses that the other tools' own limits allow
    /// Of the whole request when each unlimited one may be used so often.
    [[nodiscard]] std::int64_t with(std::int64_t uses) const { return given + unlimited * uses; }
};

/// Of a body that its codec could read. Responses has one limit for all tools, Anthropic one for
/// each search and fetch; where one tool cannot be limited, none is.
[[nodiscard]] HostedUses hostedUsesOf(std::string_view body, const RequestView& view);
/// Writes `uses` into every tool that has no limit (Responses: into the request).
[[nodiscard]] Result<std::string> limitHostedUses(
    std::string_view body, Dialect dialect, std::int64_t uses);
/// The same for a request that goes to a provider of another dialect: on each hosted tool, where
/// the writers of dialects with such a limit find it. A smaller limit of its own stays.
void limitHostedUses(Conversation& conversation, std::int64_t uses);

} // namespace headgate::wire
