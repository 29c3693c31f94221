// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What an operator defines: pools. Plain values with their text forms (the words of the command
// line); no clock, no I/O. Terms as in the ledger's README.

#include "core/base/calendar.h"
#include "core/base/ids.h"
#include "core/base/money.h"

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headgate::ledger {

enum class ScopeKind { Org, Team, User, Key, Session, Request, Tag, Tier, Model, Provider };

/// Whom a pool covers. Text: "org", "team=search", "each-team", "request", "tag=k:v", "tier>=2", …
struct Scope {
    ScopeKind kind = ScopeKind::Org;
    bool each = false; ///< one account per value, made at the first request of that value
    std::string value; ///< the one value; "k:v" for tags; the tier number for tiers
    [[nodiscard]] static Result<Scope> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    bool operator==(const Scope&) const = default;
};

enum class WindowKind { Fixed, Sliding, Bucket, Lifetime, Session, Request };

/// When a pool's money renews. Text: "hour" … "year", "sliding:24h",
/// "bucket:CAPACITY/RATE-per-hour", "lifetime", "session:30m", "request".
struct Window {
    WindowKind kind = WindowKind::Fixed;
    Period period = Period::Day; ///< Fixed only
    std::int64_t durationUs = 0; ///< Sliding: length; Session: idle expiry
    Money bucketCapacity; ///< Bucket only
    Money bucketRefillPerHour; ///< Bucket only
    [[nodiscard]] static Result<Window> parse(std::string_view text);
    [[nodiscard]] std::string text() const;
    bool operator==(const Window&) const = default;
};

/// Whether this build enforces such a pool; it does for all kinds. A cap that is shown must be a
/// cap that holds: adding a pool of a kind that is not enforced would be refused.
[[nodiscard]] bool isEnforced(const Scope& scope, const Window& window);

struct Pool {
    PoolId id;
    std::string name; ///< unique among pools that are not archived
    Scope scope;
    Window window;
    Money cap;
    bool hard = true; ///< false: watch only, never refuses
    int reservePercent = 0; ///< share only for priority high
    std::string zone = "UTC";
    int fiscalStartDay = 1;
    bool frozen = false; ///< refuses everything until unfrozen
    bool archived = false; ///< kept for its history, matches nothing
    bool operator==(const Pool&) const = default;
};

/// A bucket's capacity is its pool's cap. Whichever of the two an edit changed wins, and a cap that
/// was left out is taken from the window; two different new amounts are an error. `before` is the
/// pool as it was, or null.
[[nodiscard]] Result<void> fitBucket(Pool& wanted, const Pool* before);

enum class Priority { Low, Normal, High };

/// Who asks and for what: everything that pools match on.
struct Identity {
    std::string org = "default";
    std::string team;
    std::string user;
    std::string key; ///< key name
    std::string session;
    std::vector<std::string> tags; ///< "k:v"
    Priority priority = Priority::Normal;
};

/// What would be called: the part of an ask that the plan decides.
struct Target {
    std::string provider;
    std::string model;
    int tier = 1;
};

} // namespace headgate::ledger
