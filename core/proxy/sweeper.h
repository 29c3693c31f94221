// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Time-outs by one coarse sweep a second per loop: a timer per operation costs a third of the
// request rate. Belongs to one loop's thread. A deadline may pass up to one sweep late, never
// early.

#include "core/base/clock.h"

#include <boost/intrusive/list.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>

namespace headgate::proxy {

/// Something with a deadline. Leaves the sweep by itself when it dies.
class Sweepable : public boost::intrusive::list_base_hook<
                      boost::intrusive::link_mode<boost::intrusive::auto_unlink>> {
public:
    Sweepable() = default;
    Sweepable(const Sweepable&) = delete;
    Sweepable& operator=(const Sweepable&) = delete;
    virtual ~Sweepable() = default;
    /// The deadline has passed (it is cleared before the call). Must not destroy any Sweepable.
    virtual void onDeadline() = 0;
    /// The program is stopping and the wait for streams is over: end now.
    virtual void onShutdown() { }

    std::int64_t deadlineMs = 0; ///< on the sweep's clock; 0: none
};

class Sweeper {
public:
    explicit Sweeper(const Clock& clock) : m_clock(clock) { }
    void add(Sweepable& item) { m_items.push_back(item); }
    /// Expires what is due; `nowMs` is the loop's monotonic clock.
    void sweep(std::int64_t nowMs);
    void shutdown();
    [[nodiscard]] std::int64_t nowMs() const
    {
        return m_clock.monotonicUs() / usPerMs;
    } ///< monotonic
    /// A deadline `ms` from now; 0 stays "none".
    [[nodiscard]] std::int64_t in(int ms) { return ms <= 0 ? 0 : at(nowMs() + ms); }
    /// As a deadline: every one that is set comes from here.
    [[nodiscard]] std::int64_t at(std::int64_t deadlineMs)
    {
        m_soonestMs = std::min(m_soonestMs, deadlineMs);
        return deadlineMs;
    }

private:
    const Clock& m_clock;
    /// Nothing is due before: thousands of streams with minutes left are not looked at each time.
    std::int64_t m_soonestMs = std::numeric_limits<std::int64_t>::max();
    boost::intrusive::list<Sweepable, boost::intrusive::constant_time_size<false>> m_items;
};

} // namespace headgate::proxy
