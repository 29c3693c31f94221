// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/health_state.h"

#include <algorithm>

namespace headgate::proxy {

namespace {

/// `first` doubled `steps` times, at most `most`.
TimeUs doubled(TimeUs first, int steps, TimeUs most)
{
    TimeUs out = first;
    for (int i = 0; i < steps && out < most; ++i) {
        out *= 2;
    }
    return std::min(out, most);
}

/// A clock that was set back must not make a pause of minutes one of months.
bool isAhead(TimeUs untilUs, TimeUs nowUs, TimeUs most)
{
    return untilUs > nowUs && untilUs - nowUs <= most;
}

bool isFailure(CallEnd end)
{
    return end != CallEnd::Ok && end != CallEnd::ClientError && end != CallEnd::Neutral;
}

} // namespace

const char* healthStateName(HealthState state)
{
    switch (state) {
    case HealthState::Healthy:
        return "healthy";
    case HealthState::CoolingDown:
        return "cooling_down";
    case HealthState::Open:
        return "open";
    case HealthState::HalfOpen:
        return "half_open";
    case HealthState::KeyRefused:
        return "key_refused";
    case HealthState::Exhausted:
        return "exhausted";
    }
    return "healthy";
}

HealthState Health::stateAt(TimeUs nowUs) const
{
    if (isAhead(exhaustedUntilUs, nowUs, health::exhaustedMaxUs)) {
        return HealthState::Exhausted;
    }
    if (open) {
        return isAhead(openUntilUs, nowUs, health::openMaxUs) ? HealthState::Open
                                                              : HealthState::HalfOpen;
    }
    if (isAhead(refusedUntilUs, nowUs, health::keyRefusedUs)) {
        return HealthState::KeyRefused;
    }
    return isAhead(coolUntilUs, nowUs, health::coolMaxUs) ? HealthState::CoolingDown
                                                          : HealthState::Healthy;
}

TimeUs Health::untilAt(TimeUs nowUs) const
{
    switch (stateAt(nowUs)) {
    case HealthState::Exhausted:
        return exhaustedUntilUs;
    case HealthState::Open:
        return openUntilUs;
    case HealthState::KeyRefused:
        return refusedUntilUs;
    case HealthState::CoolingDown:
        return coolUntilUs;
    case HealthState::Healthy:
    case HealthState::HalfOpen:
        break;
    }
    return 0;
}

bool Health::isCalm(TimeUs nowUs) const
{
    return stateAt(nowUs) == HealthState::Healthy;
}

bool Health::mayCall(TimeUs nowUs) const
{
    switch (stateAt(nowUs)) {
    case HealthState::Healthy:
        return true;
    case HealthState::HalfOpen:
        return probeAtUs == 0
            || !isAhead(probeAtUs + health::probeMaxUs, nowUs, health::probeMaxUs);
    case HealthState::CoolingDown:
    case HealthState::Open:
    case HealthState::KeyRefused:
    case HealthState::Exhausted:
        break;
    }
    return false;
}

bool Health::mayProbeExhausted(TimeUs nowUs) const
{
    return !isAhead(probeAtUs + health::exhaustedProbeUs, nowUs, health::exhaustedProbeUs)
        && !isAhead(lastErrorAtUs + health::exhaustedProbeUs, nowUs, health::exhaustedProbeUs);
}

void Health::begin(TimeUs nowUs)
{
    const auto state = stateAt(nowUs);
    if (state == HealthState::HalfOpen || state == HealthState::Exhausted) {
        probeAtUs = nowUs;
    }
}

void Health::coolDown(const CallOutcome& outcome, TimeUs nowUs)
{
    TimeUs pause = doubled(health::coolFirstUs, coolSteps, health::coolUnaskedMaxUs);
    if (outcome.retryAfterS > 0) {
        const auto most = health::coolMaxUs / usPerSecond;
        pause = std::min<TimeUs>(outcome.retryAfterS, most) * usPerSecond;
    }
    coolSteps = std::min(coolSteps + 1, 10);
    coolUntilUs = nowUs + pause;
}

/// True when the circuit breaker opens that was closed.
bool Health::fail(TimeUs nowUs)
{
    if (open) {
        if (stateAt(nowUs) == HealthState::HalfOpen) { // the trial failed: wait twice as long
            openSteps = std::min(openSteps + 1, 10);
            openUntilUs = nowUs + doubled(health::openFirstUs, openSteps, health::openMaxUs);
        }
        return false; // a call that began before it opened changes nothing
    }
    if (consecutive < health::failuresToOpen) {
        return false;
    }
    open = true;
    openSteps = 0;
    openUntilUs = nowUs + health::openFirstUs;
    return true;
}

bool Health::end(const CallOutcome& outcome, TimeUs nowUs)
{
    const bool wasExhausted = stateAt(nowUs) == HealthState::Exhausted;
    probeAtUs = outcome.end == CallEnd::Exhausted ? probeAtUs : 0;
    if (outcome.end == CallEnd::Neutral) {
        return false;
    }
    if (isFailure(outcome.end)) {
        ++failures;
        lastError = outcome.words;
        lastErrorAtUs = nowUs;
    }
    switch (outcome.end) {
    case CallEnd::Ok:
        latencyUs
            = successes == 0 ? outcome.latencyUs : latencyUs + (outcome.latencyUs - latencyUs) / 8;
        ++successes;
        [[fallthrough]];
    case CallEnd::ClientError: // it read the request and said no: it works
        consecutive = 0;
        open = false;
        coolSteps = 0;
        coolUntilUs = 0;
        exhaustedUntilUs = outcome.end == CallEnd::Ok ? 0 : exhaustedUntilUs;
        refusedUntilUs = 0;
        return false;
    case CallEnd::RateLimited: // it works, for others
        consecutive = 0;
        open = false;
        coolDown(outcome, nowUs);
        return false;
    case CallEnd::Overloaded:
        ++consecutive;
        coolDown(outcome, nowUs);
        return fail(nowUs);
    case CallEnd::Unreachable:
    case CallEnd::TimedOut:
    case CallEnd::Broke:
    case CallEnd::ServerError:
        ++consecutive;
        return fail(nowUs);
    case CallEnd::KeyRefused:
        refusedUntilUs = nowUs + health::keyRefusedUs;
        return false;
    case CallEnd::Exhausted: {
        const bool named = isAhead(outcome.untilUs, nowUs, health::exhaustedMaxUs);
        exhaustedUntilUs = named ? outcome.untilUs : nowUs + health::exhaustedUs;
        return !wasExhausted;
    }
    case CallEnd::Neutral:
        break;
    }
    return false;
}

} // namespace headgate::proxy
