// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The places at each provider, shared by all loops: who finds none waits in line, first come first
// served, bounded in length and time. Thread-safe; a waiting coroutine belongs to its own loop.

#include "core/proxy/provider_load.h"
#include "core/proxy/sweeper.h"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace headgate::proxy {

class UpstreamSlots {
public:
    struct Waiter;
    enum class Wait { Granted, Full, TimedOut, Abandoned };
    struct Wish {
        std::string provider;
        int callsMax = 0; ///< 0: only the general limit
        int waitMs = 0;
        const bool* abandoned = nullptr; ///< see UpstreamKeys
    };

    /// Somebody would be served at once.
    [[nodiscard]] bool hasFree(const std::string& provider, int callsMax) const;
    /// Granted: the place is the caller's until release().
    boost::asio::awaitable<Wait> acquire(Wish wish, Sweeper& sweeper);
    void release(const std::string& provider);
    [[nodiscard]] std::size_t waiting(const std::string& provider) const;
    /// Of every provider that was called since the start.
    [[nodiscard]] std::vector<ProviderLoad> loads() const;

private:
    struct Line {
        int used = 0;
        int limit = 0;
        std::deque<std::shared_ptr<Waiter>> waiters;
    };
    /// Nothing: taken at once. A waiter to wait with, or Full.
    [[nodiscard]] Wait take(const Wish& wish, const std::shared_ptr<Waiter>& waiter);
    /// True when it was granted a place meanwhile.
    [[nodiscard]] bool leave(const std::string& provider, const std::shared_ptr<Waiter>& waiter);
    static void serve(Line& line);

    mutable std::mutex m_mutex;
    std::map<std::string, Line> m_lines;
};

} // namespace headgate::proxy
