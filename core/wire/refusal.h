// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What a client gets when it does not get an answer: status, headers and body in its own dialect,
// chosen so that each client stops at once instead of retrying. Pure; no I/O.

#include "core/catalog/catalog.h"
#include "core/ledger/rules.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headgate::wire {

enum class RefusalKind {
    BudgetExceeded, ///< 402 in chat, x-should-retry: false, no retry-after
    BudgetInFlight, ///< 429 with retry-after 1…5
    LoopDetected, ///< 429, x-should-retry: false: the client goes round in circles
    BadRequest, ///< 400
    Unauthorized, ///< 401
    Forbidden, ///< 403
    NotFound, ///< 404 unknown route or model
    MethodNotAllowed, ///< 405
    TooLarge, ///< 413
    UnsupportedMedia, ///< 415
    Misdirected, ///< 421 wrong Host
    Unpriced, ///< 400: model without a price under a hard pool
    NoCapableModel, ///< 400
    Paused, ///< 503: Pause all
    Overloaded, ///< 503: too many requests in flight
    LedgerUnavailable, ///< 503
    UpstreamFailed, ///< 502: after the provider failed; x-should-retry: false
    UpstreamTimeout, ///< 504
    Internal ///< 500
};

struct Refusal {
    RefusalKind kind = RefusalKind::Internal;
    std::string message; ///< for a person: what and what to do
    std::string param; ///< the offending field; may be empty
    /// Shown under error.metadata: pool, used_usd, held_usd, cap_usd, needed_usd, resets_at, …
    std::vector<std::pair<std::string, std::string>> metadata;
    std::string requestId; ///< of the decision, for dialects whose errors name one; may be empty
    int retryAfterSeconds = 0; ///< only BudgetInFlight, Paused and Overloaded
};

struct RefusalReply {
    int status = 500;
    std::vector<std::pair<std::string, std::string>> headers; ///< besides content-type/-length
    std::string body;
};

/// OpenAI chat/embeddings shape.
[[nodiscard]] RefusalReply writeChatRefusal(const Refusal& refusal);
/// The event that ends a stream that must stop: `data: {"error":{…}}` and `data: [DONE]`.
[[nodiscard]] std::string writeChatStreamError(const Refusal& refusal);

/// The refusal for a denial: which cap, used / held / cap, what was needed, when it resets with its
/// zone, and what to do. `cheaperModel` (may be empty) would have fitted.
[[nodiscard]] Refusal refusalFor(const ledger::Denial& denial, std::string_view cheaperModel);

} // namespace headgate::wire
