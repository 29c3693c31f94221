// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One wake-up for one waiting coroutine. Belongs to one executor: set() and wait() are called on
// its thread only; other threads post to the executor first. Never loses a set() before the wait().

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <memory>

namespace headgate::proxy {

class Event {
public:
    explicit Event(boost::asio::any_io_executor executor);
    ~Event();
    Event(const Event&) = delete;
    Event& operator=(const Event&) = delete;

    /// Wakes the waiter by way of the executor's queue: safe inside anybody's call chain.
    void set();
    /// Until set() was called; forgets it then. One waiter at a time.
    boost::asio::awaitable<void> wait();
    [[nodiscard]] const boost::asio::any_io_executor& executor() const { return m_executor; }

private:
    struct Waiter;
    template <typename Handler>
    struct WaiterOf;
    boost::asio::any_io_executor m_executor;
    std::unique_ptr<Waiter> m_waiter;
    bool m_set = false;
};

} // namespace headgate::proxy
