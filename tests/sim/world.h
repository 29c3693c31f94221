// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Virtual time and the order of things: a queue of events by (time, sequence), the host's two
// clocks, a seeded random source and the log whose hash two runs must share. One thread; never
// looks at a real clock, an address or an unordered container.

#include "core/base/clock.h"
#include "core/base/rng.h"
#include "core/proxy/event.h"

#include <boost/asio/io_context.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace headgate::sim {

/// The clocks of the host. True time goes on whatever the host believes.
class VirtualClock final : public Clock {
public:
    explicit VirtualClock(TimeUs wallStartUs) : m_wallOffsetUs(wallStartUs) { }
    [[nodiscard]] TimeUs nowUs() const override { return m_trueUs + m_wallOffsetUs; }
    [[nodiscard]] std::int64_t monotonicUs() const override { return m_trueUs - asleepUs(); }
    [[nodiscard]] std::int64_t trueUs() const { return m_trueUs; }
    void advanceTo(std::int64_t trueUs) { m_trueUs = trueUs; }
    void stepWallUs(std::int64_t us) { m_wallOffsetUs += us; }
    /// The monotonic clock of most systems stands still while the machine sleeps.
    void sleepUntil(std::int64_t trueUs)
    {
        if (m_trueUs >= m_sleepEndUs) {
            m_asleepUs = asleepUs();
            m_sleepStartUs = m_trueUs;
            m_sleepEndUs = m_trueUs;
        }
        m_sleepEndUs = std::max(m_sleepEndUs, trueUs);
    }

private:
    std::int64_t m_trueUs = usPerHour; ///< not zero: a deadline of zero means none
    /// Also for those who look before the wake-up has been noticed.
    [[nodiscard]] std::int64_t asleepUs() const
    {
        return m_asleepUs + std::min(m_trueUs, m_sleepEndUs) - m_sleepStartUs;
    }
    std::int64_t m_asleepUs = 0; ///< in earlier sleeps
    std::int64_t m_sleepStartUs = 0;
    std::int64_t m_sleepEndUs = 0;
    TimeUs m_wallOffsetUs;
};

/// Everything that somebody outside could see, in order.
class EventLog {
public:
    explicit EventLog(bool isShown) : m_isShown(isShown) { }
    void note(std::int64_t trueUs, const std::string& text);
    [[nodiscard]] std::uint64_t hash() const { return m_hash; }
    [[nodiscard]] std::int64_t lines() const { return m_lines; }
    /// The last lines, for the story of a failure.
    [[nodiscard]] const std::deque<std::string>& tail() const { return m_tail; }

private:
    bool m_isShown;
    std::uint64_t m_hash = 0xCBF29CE484222325ULL;
    std::int64_t m_lines = 0;
    std::deque<std::string> m_tail;
};

/// Whether an event needs the host to be awake.
enum class Where { Host, Outside };

class World {
public:
    World(std::uint64_t seed, TimeUs wallStartUs, bool isShown);
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World();

    void after(std::int64_t us, Where where, std::function<void()> run);
    /// Runs the next event and whatever it woke. False: there is none.
    bool step();
    /// Runs what coroutines have to do now.
    void settleDown();
    [[nodiscard]] std::int64_t eventsRun() const { return m_eventsRun; }
    [[nodiscard]] std::size_t eventsWaiting() const { return m_queue.size(); }

    /// The machine sleeps: nothing of the host runs until then.
    void suspendHost(std::int64_t us);
    [[nodiscard]] bool hostSleeps() const { return clock.trueUs() < m_awakeAtUs; }

    template <typename... Args>
    void note(fmt::format_string<Args...> format, Args&&... args)
    {
        log.note(clock.trueUs(), fmt::format(format, std::forward<Args>(args)...));
    }

    /// For a coroutine: `us` later, on the host, or when all are woken.
    boost::asio::awaitable<void> pause(std::int64_t us);
    void wakeAll();

    Rng rng;
    VirtualClock clock;
    EventLog log;
    boost::asio::io_context io; ///< only an executor

private:
    struct Event {
        std::int64_t atUs = 0;
        std::int64_t sequence = 0;
        Where where = Where::Outside;
        std::function<void()> run;
    };
    struct Later {
        bool operator()(const Event& a, const Event& b) const
        {
            return a.atUs != b.atUs ? a.atUs > b.atUs : a.sequence > b.sequence;
        }
    };
    void push(Event event);

    std::vector<Event> m_queue; ///< a heap
    std::int64_t m_lastSequence = 0;
    std::int64_t m_eventsRun = 0;
    std::int64_t m_awakeAtUs = 0;
    std::vector<std::weak_ptr<proxy::Event>> m_pauses;
};

} // namespace headgate::sim
