// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Time is handed in, never taken: production uses SystemClock, tests and the simulator ManualClock.
// Wall time may step; monotonic time never goes back. Both clocks are safe on any thread.

#include <atomic>
#include <cstdint>
#include <string>

namespace headgate {

/// Microseconds since 1970-01-01 00:00 UTC.
using TimeUs = std::int64_t;

inline constexpr std::int64_t usPerMs = 1'000;
inline constexpr std::int64_t usPerSecond = 1'000'000;
inline constexpr std::int64_t usPerMinute = 60 * usPerSecond;
inline constexpr std::int64_t usPerHour = 60 * usPerMinute;
inline constexpr std::int64_t usPerDay = 24 * usPerHour;

class Clock {
public:
    virtual ~Clock() = default;
    /// Wall clock, microseconds UTC.
    [[nodiscard]] virtual TimeUs nowUs() const = 0;
    /// Monotonic, microseconds since an arbitrary start.
    [[nodiscard]] virtual std::int64_t monotonicUs() const = 0;
};

class SystemClock final : public Clock {
public:
    [[nodiscard]] TimeUs nowUs() const override;
    [[nodiscard]] std::int64_t monotonicUs() const override;
};

class ManualClock final : public Clock {
public:
    explicit ManualClock(TimeUs startUs = 1'790'000'000'000'000) : m_nowUs(startUs) { }
    [[nodiscard]] TimeUs nowUs() const override { return m_nowUs.load(); }
    [[nodiscard]] std::int64_t monotonicUs() const override { return m_monotonicUs.load(); }
    /// Both clocks move on.
    void advanceUs(std::int64_t us)
    {
        m_nowUs += us;
        m_monotonicUs += us;
    }
    /// Only the wall clock jumps, as when someone sets the time.
    void stepWallUs(std::int64_t us) { m_nowUs += us; }

private:
    std::atomic<TimeUs> m_nowUs;
    std::atomic<std::int64_t> m_monotonicUs{0};
};

/// "2026-11-22T02:44:23.123456Z".
[[nodiscard]] std::string toIso8601(TimeUs at);

} // namespace headgate
