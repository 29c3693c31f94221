// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One row of the decision log: what was asked, what was decided and why, what it cost. Plain value.
// Holds no prompt text and no secret.

#include "core/base/clock.h"
#include "core/base/ids.h"
#include "core/base/money.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::activity {

enum class Status {
    Ok, ///< answered, exact usage
    Estimated, ///< answered or cut, usage estimated
    Refused, ///< by a cap
    Rejected, ///< bad request, unknown model, not authorised for it
    Failed, ///< the provider failed before an answer
    Cut, ///< the stream ended before its end
    ClientLeft ///< the client disconnected
};
[[nodiscard]] const char* statusName(Status status); ///< "ok", "refused", "client_left", …
[[nodiscard]] std::optional<Status> statusFromName(std::string_view name);

/// One upstream call of a decision.
struct Attempt {
    HoldId hold;
    std::string model; ///< id
    Money bound;
    Money charged;
    std::string outcome; ///< hold state name, or "denied"
    std::string error; ///< what the provider said, redacted; empty when fine
    int httpStatus = 0;
    std::string upstreamId; ///< the provider's own name for the call; may be empty
    std::string key; ///< label of the provider's key; empty: the first one
};

struct Decision {
    DecisionId id; ///< microseconds, unique (see ids.h)
    TimeUs atUs = 0; ///< when the request was read; never after id
    std::string requestId; ///< x-request-id of the client or ours
    std::int64_t revision = 0; ///< of the configuration
    std::string org, team, user, key, session;
    std::vector<std::string> tags;
    std::string priority = "normal";
    std::string client; ///< first word of user-agent
    std::string task; ///< task type name
    std::string askedModel;
    std::string model; ///< id used; empty when refused
    std::string provider;
    int tier = 0;
    int wantedTier = 0;
    std::string outcome; ///< routing::outcomeName, or "paused", "rejected"
    std::string rule;
    std::string reason; ///< one sentence
    Status status = Status::Ok;
    int httpStatus = 200;
    std::string error; ///< message for a person; empty when fine
    bool stream = false;
    std::int64_t inputTokens = 0;
    std::int64_t outputTokens = 0;
    std::int64_t cachedTokens = 0;
    int difficulty = 0;
    Money bound; ///< of the last hold
    Money cost; ///< all attempts together
    Money baseline; ///< for savings
    Money remaining; ///< tightest hard pool after it; negative one nano when no hard pool
    std::string pool; ///< refused: the pool that said no
    std::int64_t addedUs = 0; ///< time inside Headgate before the first upstream byte
    std::int64_t firstByteUs = 0; ///< from request read to first byte to the client; 0: none
    std::int64_t totalUs = 0;
    int escalations = 0;
    std::string factsJson;
    std::string candidatesJson;
    std::string costLinesJson; ///< itemised cost of the answer
    std::vector<Attempt> attempts;
    std::string auditHash; ///< chained hash of the row; filled by the log
};

[[nodiscard]] std::string decisionToJson(const Decision& decision); ///< one line, for exports
/// Reads what decisionToJson() wrote; the spill file of the log is made of such lines.
[[nodiscard]] Result<Decision> decisionFromJson(std::string_view json);
/// The public id: "d" + decimal; and back (the "d" may be left out).
[[nodiscard]] std::string decisionIdText(DecisionId id);
[[nodiscard]] Result<DecisionId> decisionIdFromText(std::string_view text);

} // namespace headgate::activity
