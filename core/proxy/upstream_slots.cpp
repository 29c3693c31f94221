// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/upstream_slots.h"

#include "core/base/limits.h"
#include "core/proxy/asio.h"
#include "core/proxy/event.h"

#include <algorithm>
#include <utility>

namespace headgate::proxy {

namespace asio = boost::asio;

namespace {

/// A client that left is noticed this often.
constexpr int lookAgainMs = 1'000;

int limitOf(int callsMax)
{
    const auto general = static_cast<int>(limits::upstreamConnectionsPerProviderMax);
    return callsMax > 0 ? std::min(callsMax, general) : general;
}

} // namespace

/// In line. `granted` belongs to the mutex of the slots, the rest to the waiting loop.
struct UpstreamSlots::Waiter final : Sweepable {
    explicit Waiter(asio::any_io_executor executor) : event(std::move(executor)) { }
    void onDeadline() override { event.set(); }
    void onShutdown() override
    {
        stopping = true;
        event.set();
    }
    Event event;
    bool stopping = false;
    bool granted = false;
};

bool UpstreamSlots::hasFree(const std::string& provider, int callsMax) const
{
    const std::scoped_lock lock(m_mutex);
    const auto it = m_lines.find(provider);
    return it == m_lines.end()
        || (it->second.used < limitOf(callsMax) && it->second.waiters.empty());
}

std::size_t UpstreamSlots::waiting(const std::string& provider) const
{
    const std::scoped_lock lock(m_mutex);
    const auto it = m_lines.find(provider);
    return it == m_lines.end() ? 0 : it->second.waiters.size();
}

std::vector<ProviderLoad> UpstreamSlots::loads() const
{
    const std::scoped_lock lock(m_mutex);
    std::vector<ProviderLoad> out;
    out.reserve(m_lines.size());
    for (const auto& [provider, line] : m_lines) {
        out.push_back({provider, line.used, static_cast<std::int64_t>(line.waiters.size())});
    }
    return out;
}

/// Hands free places to those in front. The mutex is held.
void UpstreamSlots::serve(Line& line)
{
    while (!line.waiters.empty() && line.used < line.limit) {
        auto first = std::move(line.waiters.front());
        line.waiters.pop_front();
        ++line.used;
        first->granted = true;
        const auto executor = first->event.executor();
        asio::post(executor, [first = std::move(first)] { first->event.set(); });
    }
}

UpstreamSlots::Wait UpstreamSlots::take(const Wish& wish, const std::shared_ptr<Waiter>& waiter)
{
    const std::scoped_lock lock(m_mutex);
    auto& line = m_lines[wish.provider];
    line.limit = limitOf(wish.callsMax); // of the newest configuration
    if (line.waiters.size() >= limits::upstreamQueueMax) {
        return Wait::Full;
    }
    if (line.used < line.limit && line.waiters.empty()) {
        ++line.used;
        return Wait::Granted;
    }
    line.waiters.push_back(waiter);
    serve(line);
    return Wait::TimedOut; // not yet granted: has to wait
}

bool UpstreamSlots::leave(const std::string& provider, const std::shared_ptr<Waiter>& waiter)
{
    const std::scoped_lock lock(m_mutex);
    std::erase(m_lines[provider].waiters, waiter);
    return waiter->granted;
}

asio::awaitable<UpstreamSlots::Wait> UpstreamSlots::acquire(Wish wish, Sweeper& sweeper)
{
    auto executor = co_await asio::this_coro::executor;
    const auto waiter = std::make_shared<Waiter>(std::move(executor));
    const auto taken = take(wish, waiter);
    if (taken != Wait::TimedOut) {
        co_return taken;
    }
    const auto giveUpMs = sweeper.nowMs() + std::max(wish.waitMs, 1);
    sweeper.add(*waiter);
    auto out = Wait::TimedOut;
    for (;;) {
        waiter->deadlineMs = sweeper.at(std::min(giveUpMs, sweeper.nowMs() + lookAgainMs));
        co_await waiter->event.wait();
        const bool gone = waiter->stopping || (wish.abandoned != nullptr && *wish.abandoned);
        const bool late = sweeper.nowMs() >= giveUpMs;
        {
            const std::scoped_lock lock(m_mutex);
            if (waiter->granted) {
                out = Wait::Granted;
                break;
            }
        }
        if (gone || late) {
            out = leave(wish.provider, waiter) ? Wait::Granted
                : gone                         ? Wait::Abandoned
                                               : Wait::TimedOut;
            break;
        }
    }
    waiter->unlink(); // it may outlive this loop's sweep in a posted wake-up
    co_return out;
}

void UpstreamSlots::release(const std::string& provider)
{
    const std::scoped_lock lock(m_mutex);
    auto& line = m_lines[provider];
    --line.used;
    serve(line);
}

} // namespace headgate::proxy
