// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The story behind a number, read from ledger.db: how one hold came and went, of what the balance
// of one account is made, and which moves of money an operator made. Reads only, on a connection of
// its own, beside a running ledger or on a closed file; may block on disk: never on the data
// plane's threads. Words are made elsewhere.

#include "core/ledger/ledger.h"

#include <optional>
#include <string>
#include <vector>

namespace headgate::ledger {

struct AccountName {
    AccountKey key;
    std::string pool;
    Window window;
    std::string zone;
};

struct StoryLine {
    Entry entry;
    bool carry = false; ///< copied by an edited window: not a new charge
};

struct HoldStory {
    HoldId hold;
    std::string requestId;
    int attempt = 1;
    HoldState state = HoldState::Held;
    Money amount; ///< the bound
    Money charged; ///< zero while open
    std::string provider;
    std::string model;
    TimeUs atUs = 0;
    TimeUs endedUs = 0; ///< 0: still open
    std::vector<AccountName> accounts; ///< where it ended (or stands)
    std::vector<StoryLine> lines; ///< oldest first
    [[nodiscard]] bool isOpen() const;
    [[nodiscard]] bool isOverrun() const { return charged > amount; }
};

/// Journal lines of one kind that touched an account, summed.
struct EntrySum {
    EntryKind kind = EntryKind::Hold;
    bool carry = false;
    std::int64_t count = 0;
    Money held;
    Money settled;
    Money toppedUp;
};

struct AccountStory {
    Pool pool;
    AccountKey key;
    std::optional<Span> window; ///< absent where the window has no edges
    Balance stored;
    Balance journal; ///< sums of the lines: equal to `stored` when the books agree
    std::vector<EntrySum> sums;
    std::vector<OpenHold> holds; ///< open ones, oldest first, at most explainHoldsMax
    std::vector<StoryLine> last; ///< newest first, at most explainLinesMax
    std::int64_t windows = 0; ///< how many accounts this value has had
    [[nodiscard]] bool agrees() const;
};
inline constexpr int explainHoldsMax = 100;
inline constexpr int explainLinesMax = 20;

/// A move of money by hand with what the account held before and after it.
struct MoneyMove {
    Entry entry; ///< one account
    std::string pool;
    Balance before;
    Balance after;
};

/// Where an account stood at the end of one step of time.
struct CurvePoint {
    TimeUs atUs = 0; ///< of the last line in the step
    Money settled;
    Money held;
    Money toppedUp;
    Money spent; ///< what the step added to `settled`; carried usage left out
};

/// How the balance of an account came about, for a chart: steps in which nothing moved are absent.
struct AccountCurve {
    AccountKey key;
    TimeUs fromUs = 0;
    Balance before; ///< at fromUs
    Balance now;
    std::vector<CurvePoint> points; ///< oldest first
};
inline constexpr int curvePointsMax = 240;

/// What each account has been charged lately (net of what left a window or refilled).
struct RecentSpend {
    AccountKey key;
    Money spent;
    TimeUs firstUs = 0; ///< of its first charge in that time
};
struct RecentSpends {
    TimeUs sinceUs = 0;
    std::vector<RecentSpend> accounts;
};

/// The newest account of that value from `span.startUs` on; startUs 0: from its first line.
[[nodiscard]] Result<AccountCurve> accountCurve(
    const std::string& path, const Pool& pool, const std::string& value, const Span& span);
[[nodiscard]] Result<RecentSpends> recentSpends(const std::string& path, TimeUs sinceUs);
/// By hold number, else every hold of that request id, in order. NotFound names the remedy.
[[nodiscard]] Result<std::vector<HoldStory>> explainHold(
    const std::string& path, const std::string& text);
/// The newest account of that value ("" for pools without values); one without lines when none was
/// ever made.
[[nodiscard]] Result<AccountStory> explainAccount(
    const std::string& path, const Pool& pool, const std::string& value);
/// Adjustments, top-ups and freezes by people, newest first; of one pool or all.
[[nodiscard]] Result<std::vector<MoneyMove>> moneyMoves(
    const std::string& path, std::optional<PoolId> pool, int limit);

} // namespace headgate::ledger
