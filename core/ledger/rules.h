// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The pure heart of the ledger: which accounts a call falls under and whether they can pay. No
// clock, no I/O, no locks: production, the simulator, dry run and replay call these functions.

#include "core/ledger/windows.h"

#include <functional>
#include <string>
#include <vector>

namespace headgate::ledger {

/// One running balance: pool × scope value × window.
struct AccountKey {
    PoolId pool;
    std::string value; ///< scope value ("search"); empty for org and request scopes
    TimeUs windowStartUs = 0; ///< 0 for windows without a beginning; a session's first call
    auto operator<=>(const AccountKey&) const = default;
};

struct AccountView {
    AccountKey key;
    Balance balance;
    /// When the window ends, the next part leaves a sliding one, a bucket is full, an idle session
    /// ends; absent for lifetime and request windows.
    std::optional<TimeUs> resetsAtUs;
};

/// Where the pools of one identity and target stand: what plan() fits a ceiling into.
struct BudgetLine {
    PoolId pool;
    std::string poolName;
    std::string accountValue;
    Scope scope;
    bool hard = true;
    bool frozen = false;
    Money cap; ///< including top-ups, minus the reserve when the priority is not high
    Money settled;
    Money held;
    std::optional<TimeUs> resetsAtUs;
    std::string zone;
    [[nodiscard]] Money
    available() const; ///< max(0, cap − settled − held); cap-limited to 0 if frozen
};

struct BudgetView {
    std::vector<BudgetLine> lines; ///< every pool that matches
    /// The least available among hard lines; absent when no hard pool matches.
    [[nodiscard]] std::optional<Money> tightest() const;
    [[nodiscard]] bool hasHardPool() const;
};

enum class DenialReason {
    CapReached, ///< settled alone leaves too little: waiting does not help
    InFlight, ///< it would fit when the money now held came back
    Frozen,
    RequestCeiling, ///< the bound is above a per-request cap
    LedgerUnavailable, ///< the store failed or is closing: refuse
    Duplicate ///< same request id, other body
};
[[nodiscard]] const char* denialReasonName(DenialReason reason); ///< "cap_reached", "in_flight", …

struct Denial {
    DenialReason reason = DenialReason::CapReached;
    PoolId pool;
    std::string poolName;
    std::string accountValue;
    Money cap;
    Money settled;
    Money held;
    Money asked;
    std::optional<TimeUs> resetsAtUs;
    std::string zone;
    std::string detail; ///< LedgerUnavailable: why
};

/// A ceiling on one operation (scope or window "request"): its account shows totals, and what is
/// compared with the cap are the charges and holds of the same request id.
[[nodiscard]] bool isPerRequest(const Pool& pool);

/// Does the pool cover this call? Archived pools cover nothing. An each-pool covers every call:
/// those without a value ("" team) share one account, else leaving the value out would evade the
/// cap.
[[nodiscard]] bool matches(const Pool& pool, const Identity& identity, const Target& target);
/// The scope value of the account a matching call falls under.
[[nodiscard]] std::string accountValue(
    const Pool& pool, const Identity& identity, const Target& target);
/// The window of `pool` that contains `at`; a window index never goes back: `lastStartUs` is the
/// newest window already used and wins over an earlier one. Windows without a calendar have one
/// span.
[[nodiscard]] Result<Span> windowAt(const Pool& pool, TimeUs at, TimeUs lastStartUs);

/// Cap plus top-ups, minus the reserve (rounded up) unless the priority is high.
[[nodiscard]] Result<Money> limitFor(const Pool& pool, Money toppedUp, Priority priority);

/// One pool's verdict on an ask of `amount`; nothing when it can pay (watch-only pools always can,
/// unless the operator froze them).
[[nodiscard]] std::optional<Denial> check(
    const Pool& pool, const AccountView& account, Money amount, Priority priority);

/// Which of two denials to report: frozen, then what waiting does not cure, then the tightest.
[[nodiscard]] bool isWorse(const Denial& a, const Denial& b);

} // namespace headgate::ledger
