// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What a test and the preloaded shim share through a mapped file: counters of the program's calls,
// the call at which it dies, clock offsets, a full disk. The file outlives a kill, so the counts
// do too. Plain data only: the shim lives inside the program under test. Any thread.

#include <array>
#include <atomic>
#include <cstdint>

namespace headgate::crash {

/// What a call is about: the file it names, or who is at the other end of the socket.
enum class Place { Ledger, Config, Activity, Bill, Client, Upstream, Control };
inline constexpr std::array placeNames{
    "ledger", "config", "activity", "bill", "client", "upstream", "control"};

enum class Call { Write, Sync, Truncate, Unlink };
inline constexpr std::array callNames{"write", "sync", "truncate", "unlink"};

inline constexpr std::size_t placeCount = placeNames.size();
inline constexpr std::size_t callCount = callNames.size();
inline constexpr std::size_t kindCount = placeCount * callCount;

[[nodiscard]] constexpr std::size_t kindOf(Place place, Call call)
{
    return static_cast<std::size_t>(place) * callCount + static_cast<std::size_t>(call);
}

/// Relative to the call; Torn lets half of the bytes through (writes and sends only).
enum class When { Before, After, Torn };
inline constexpr std::array whenNames{"before", "after", "torn"};

struct Shared {
    std::array<std::atomic<std::int64_t>, kindCount> counts; ///< calls begun since the start
    std::atomic<std::int64_t> armedKind; ///< kind + 1; 0: none
    std::atomic<std::int64_t> armedCount; ///< dies at the call that makes the count this
    std::atomic<std::int64_t> armedWhen;
    std::atomic<std::int64_t> killedKind; ///< kind + 1 of the call that it died at
    std::atomic<std::int64_t> realtimeNs; ///< added to CLOCK_REALTIME
    std::atomic<std::int64_t> monotonicNs; ///< added to CLOCK_MONOTONIC
    std::atomic<std::int64_t> fullPlaces; ///< bit (1 << place): writing there gives ENOSPC
};

inline constexpr const char* controlVariable = "HEADGATE_CRASH_CONTROL";
/// "ledger-sync:17:after": armed from the start, for reproducing by hand.
inline constexpr const char* crashAtVariable = "HEADGATE_CRASH_AT";

} // namespace headgate::crash
