// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A thread that runs queued jobs one after the other: queries of the console, provider tests. A
// newer job of the same slot replaces one that waits, so that typing in a filter never builds up a
// queue. Closing drops what has not begun.

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

namespace headgate::service {

class Worker {
public:
    /// `stillWanted` tells a running job whether a newer one of its slot has come.
    using StillWanted = std::function<bool()>;
    using Job = std::function<void(const StillWanted& stillWanted)>;

    Worker();
    ~Worker();
    /// An empty slot is never replaced. False: the queue is full or closed; the job is dropped.
    bool add(const std::string& slot, Job job);
    void close();

private:
    struct Item {
        std::string slot;
        std::uint64_t number = 0;
        Job job;
    };
    void run();
    [[nodiscard]] bool isNewest(const Item& item);

    std::mutex m_mutex;
    std::condition_variable m_wake;
    std::deque<Item> m_queue;
    std::unordered_map<std::string, std::uint64_t> m_newest;
    std::uint64_t m_next = 0;
    bool m_closed = false;
    std::thread m_thread;
};

} // namespace headgate::service
