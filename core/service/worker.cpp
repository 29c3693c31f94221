// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/worker.h"

#include <algorithm>
#include <utility>

namespace headgate::service {

namespace {

/// A console asks for a dozen things at once; more waiting means that something is stuck.
constexpr std::size_t queueMax = 1'000;

} // namespace

Worker::Worker() : m_thread([this] { run(); }) { }

Worker::~Worker()
{
    close();
}

void Worker::close()
{
    {
        const std::lock_guard lock(m_mutex);
        m_closed = true;
        m_queue.clear();
    }
    m_wake.notify_all();
    if (m_thread.joinable()) {
        m_thread.join();
    }
}

bool Worker::add(const std::string& slot, Job job)
{
    const std::lock_guard lock(m_mutex);
    if (m_closed) {
        return false;
    }
    if (!slot.empty()) {
        std::erase_if(m_queue, [&slot](const Item& item) { return item.slot == slot; });
    }
    if (m_queue.size() >= queueMax) {
        return false;
    }
    Item item{slot, ++m_next, std::move(job)};
    if (!slot.empty()) {
        m_newest[slot] = item.number;
    }
    m_queue.push_back(std::move(item));
    m_wake.notify_one();
    return true;
}

bool Worker::isNewest(const Item& item)
{
    const std::lock_guard lock(m_mutex);
    return !m_closed && (item.slot.empty() || m_newest[item.slot] == item.number);
}

void Worker::run()
{
    for (;;) {
        Item item;
        {
            std::unique_lock lock(m_mutex);
            m_wake.wait(lock, [this] { return m_closed || !m_queue.empty(); });
            if (m_closed) {
                return;
            }
            item = std::move(m_queue.front());
            m_queue.pop_front();
        }
        item.job([this, &item] { return isNewest(item); });
    }
}

} // namespace headgate::service
