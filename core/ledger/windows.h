// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Windows without a calendar: sliding rings, token buckets and sessions, as pure functions of an
// account's state and the time. Whole numbers; no clock, no I/O, no locks. What these say about a
// balance "now" is what the books write as journal lines later.

#include "core/ledger/pool.h"

#include <optional>
#include <vector>

namespace headgate::ledger {

struct Balance {
    Money settled; ///< spent, including estimated and unknown charges and adjustments
    Money held; ///< set aside by holds that have not ended
    Money toppedUp; ///< added to the cap by top-ups
    bool frozen = false; ///< an overrun froze this account
};

/// A part of a sliding window: what was spent and topped up in it leaves together.
struct Slot {
    TimeUs startUs = 0;
    Money settled;
    Money toppedUp;
    bool operator==(const Slot&) const = default;
};

/// What an account of a sliding or bucket window needs beyond its balance.
struct WindowState {
    std::vector<Slot> slots; ///< sliding: oldest first, none empty; their sum is the balance
    TimeUs anchorUs = 0; ///< bucket: it was refilled up to here
    std::int64_t remainder = 0; ///< bucket: microseconds × rate that did not make a nano-dollar yet
    bool operator==(const WindowState&) const = default;
};

/// Sliding windows are kept in this many parts: more would cost rows, fewer would hold on to money
/// for longer than the window (by one part).
inline constexpr int slotsPerWindow = 60;

[[nodiscard]] std::int64_t slotLengthUs(const Window& window);
/// Slots lie on a grid from time zero, so that a ring rebuilt from the journal is the same one.
[[nodiscard]] TimeUs slotStartUs(const Window& window, TimeUs at);
/// A slot leaves when its last moment is as old as the window is long.
[[nodiscard]] TimeUs slotLeavesAtUs(const Window& window, TimeUs startUs);
/// Sum of the slots that have left at `at`.
[[nodiscard]] Slot leftAt(const Window& window, const std::vector<Slot>& slots, TimeUs at);

struct Refill {
    Money amount; ///< to take off `settled`
    TimeUs anchorUs = 0;
    std::int64_t remainder = 0;
    bool isFull = false; ///< nothing accrues in a full bucket
};
/// Refilling never brings `settled` below what was topped up: that money comes once.
[[nodiscard]] Refill refillAt(
    const Window& window, const Balance& balance, const WindowState& state, TimeUs at);
/// How long an empty bucket takes to fill.
[[nodiscard]] std::int64_t fillTimeUs(const Window& window);

/// The balance as of `at`: what has left or was refilled since it was written is taken off.
[[nodiscard]] Balance balanceAt(
    const Window& window, const Balance& balance, const WindowState& state, TimeUs at);

/// When `settled` will have fallen by `need`; the first fall when it never falls that much; absent
/// when it does not fall by itself.
[[nodiscard]] std::optional<TimeUs> fallsAtUs(
    const Window& window, const Balance& balance, const WindowState& state, Money need);

/// Calls of a session that had no open hold for the idle time start a new account.
[[nodiscard]] bool isSessionOver(
    const Window& window, TimeUs lastUseUs, bool hasOpenHolds, TimeUs at);

/// Adds to the slot of `at`; a negative amount is taken from the oldest slots, so that what remains
/// stays the longest.
void addToSlots(const Window& window, std::vector<Slot>& slots, TimeUs at, Money amount);
/// Adds a top-up to the slot of `at`; a negative amount undoes the newest ones.
void topUpSlots(const Window& window, std::vector<Slot>& slots, TimeUs at, Money amount);

} // namespace headgate::ledger
