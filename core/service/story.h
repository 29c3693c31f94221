// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Words for what the ledger and the audit know: the tale of one hold, of one account, of a changed
// pool. Pure functions of their arguments, any thread. Console and command line tell the same.

#include "core/service/service.h"

#include <optional>
#include <string>
#include <vector>

namespace headgate::service {

struct StoryLine {
    TimeUs atUs = 0;
    std::int64_t sequence = 0;
    std::string what;
    Money held;
    Money settled;
    Money toppedUp;
    std::string accounts; ///< "organisation-day, teams-day/search"
    std::string who; ///< empty: the program itself
    std::string note;
};

struct Story {
    struct Fact {
        std::string label;
        std::string value;
    };
    std::string title;
    std::vector<std::string> sentences;
    std::vector<Fact> facts;
    std::vector<StoryLine> lines;
};

/// What a story needs besides the books, to name pools and to explain a bound.
struct StoryContext {
    const Config* config = nullptr;
    const activity::Decision* decision = nullptr; ///< of the hold's request; null: not in the log
    TimeUs nowUs = 0;
    /// The account as it stands now: what left a window or refilled is booked with the next call.
    std::optional<ledger::Balance> live = {};
};

[[nodiscard]] Story tellHold(const ledger::HoldStory& hold, const StoryContext& context);
[[nodiscard]] Story tellAccount(const ledger::AccountStory& account, const StoryContext& context);

/// "settled, exact", "charged in full because the outcome is unknown", …
[[nodiscard]] std::string holdStateWords(const ledger::HoldStory& hold);
/// "Hold", "Sent", "Settled", …
[[nodiscard]] std::string entryKindWords(ledger::EntryKind kind);
/// What differs between two versions of a pool, field by field; `before` null: the pool is new.
[[nodiscard]] std::vector<PoolChange::Field> poolDifference(
    const ledger::Pool* before, const ledger::Pool& after);

} // namespace headgate::service
