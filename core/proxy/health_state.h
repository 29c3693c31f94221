// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// How well one provider's model (or a provider as a whole, or one of its keys) does: counts, pace,
// cool-down, circuit breaker, exhaustion. Pure state machine: every function is told the time.
// Never sleeps, never locks, never reads a clock.

#include "core/base/clock.h"

#include <cstdint>
#include <string>

namespace headgate::proxy {

/// How a call to a provider ended, as far as its health goes.
enum class CallEnd {
    Ok,
    Unreachable, ///< no connection
    TimedOut, ///< no answer in time
    Broke, ///< reset, cut or unreadable
    ServerError, ///< 5xx that is none of the next two
    Overloaded, ///< 503, 529: it is too busy now; whether it billed is provider_error's to say
    RateLimited, ///< 429
    KeyRefused, ///< 401, 403
    Exhausted, ///< its account has no money left
    ClientError, ///< other 4xx: the provider works
    Neutral ///< says nothing: the client left, Headgate stopped, no money
};

struct CallOutcome {
    CallEnd end = CallEnd::Neutral;
    int status = 0; ///< of its head; 0: none came
    std::int64_t latencyUs = 0; ///< until its head; Ok only
    int retryAfterS = 0; ///< as the provider said, not capped; 0: it did not
    TimeUs untilUs = 0; ///< Exhausted: the date that the provider named; 0: none
    std::string words; ///< for a person, redacted; empty when fine
};

enum class HealthState {
    Healthy,
    CoolingDown, ///< it asked for a pause
    Open, ///< failed again and again: nothing is sent until `untilUs`
    HalfOpen, ///< one call tries whether it works again
    KeyRefused,
    Exhausted
};
/// "healthy", "cooling_down", "open", "half_open", "key_refused", "exhausted".
[[nodiscard]] const char* healthStateName(HealthState state);

namespace health {
/// Five in a row: fewer are met by chance where one request in a hundred fails.
inline constexpr int failuresToOpen = 5;
inline constexpr TimeUs openFirstUs = 5 * usPerSecond;
inline constexpr TimeUs openMaxUs = 300 * usPerSecond;
/// Without a retry-after; doubled while the provider goes on refusing.
inline constexpr TimeUs coolFirstUs = 2 * usPerSecond;
inline constexpr TimeUs coolUnaskedMaxUs = 60 * usPerSecond;
/// No provider may switch itself off for longer by a header alone.
inline constexpr TimeUs coolMaxUs = 300 * usPerSecond;
/// A trial call that has not come back by then no longer keeps others from trying.
inline constexpr TimeUs probeMaxUs = 60 * usPerSecond;
/// Without a date of its own an exhausted account is asked again the next day.
inline constexpr TimeUs exhaustedUs = 24 * 3'600 * usPerSecond;
inline constexpr TimeUs exhaustedMaxUs = 400 * 24 * 3'600 * usPerSecond;
/// Credit may have been added meanwhile: so often one request may find out when it has no other
/// way.
inline constexpr TimeUs exhaustedProbeUs = 600 * usPerSecond;
/// A refused key may have been a mistake of the provider.
inline constexpr TimeUs keyRefusedUs = 600 * usPerSecond;
} // namespace health

/// Value; one per provider and model, per provider, and per key.
struct Health {
    std::int64_t successes = 0;
    std::int64_t failures = 0;
    int consecutive = 0; ///< failures since the last success
    std::int64_t latencyUs = 0; ///< moving average, an eighth of the newest each time
    TimeUs coolUntilUs = 0;
    int coolSteps = 0;
    bool open = false; ///< with openUntilUs passed: half-open
    TimeUs openUntilUs = 0;
    int openSteps = 0;
    TimeUs probeAtUs = 0; ///< a trial call went out then and has not come back; 0: none
    TimeUs exhaustedUntilUs = 0;
    TimeUs refusedUntilUs = 0;
    std::string lastError;
    TimeUs lastErrorAtUs = 0;

    [[nodiscard]] HealthState stateAt(TimeUs nowUs) const;
    /// When the state ends by itself; 0 when healthy or half-open.
    [[nodiscard]] TimeUs untilAt(TimeUs nowUs) const;
    /// Nothing of it matters to routing any more.
    [[nodiscard]] bool isCalm(TimeUs nowUs) const;
    /// A call may go out; in half-open it becomes the trial.
    [[nodiscard]] bool mayCall(TimeUs nowUs) const;
    void begin(TimeUs nowUs);
    /// True when the state became worse in a way that an operator wants to know: opened, exhausted.
    bool end(const CallOutcome& outcome, TimeUs nowUs);
    /// For an exhausted account with no other way: once every ten minutes.
    [[nodiscard]] bool mayProbeExhausted(TimeUs nowUs) const;

private:
    void coolDown(const CallOutcome& outcome, TimeUs nowUs);
    bool fail(TimeUs nowUs);
};

} // namespace headgate::proxy
