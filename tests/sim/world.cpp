// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/world.h"

#include "core/proxy/asio.h"

#include <algorithm>
#include <cstdio>

namespace headgate::sim {

namespace {
constexpr std::size_t tailLinesMax = 60;
} // namespace

void EventLog::note(std::int64_t trueUs, const std::string& text)
{
    std::string line = fmt::format("{:>14} {}", trueUs, text);
    for (const char c : line) {
        m_hash = (m_hash ^ static_cast<unsigned char>(c)) * 0x100000001B3ULL;
    }
    ++m_lines;
    if (m_isShown) {
        std::printf("%s\n", line.c_str());
    }
    m_tail.push_back(std::move(line));
    if (m_tail.size() > tailLinesMax) {
        m_tail.pop_front();
    }
}

World::World(std::uint64_t seed, TimeUs wallStartUs, bool isShown)
    : rng(seed),
      clock(wallStartUs),
      log(isShown),
      io(1)
{
}

World::~World() = default;

void World::push(Event event)
{
    m_queue.push_back(std::move(event));
    std::push_heap(m_queue.begin(), m_queue.end(), Later());
}

void World::after(std::int64_t us, Where where, std::function<void()> run)
{
    push({clock.trueUs() + std::max<std::int64_t>(us, 0), ++m_lastSequence, where, std::move(run)});
}

bool World::step()
{
    if (m_queue.empty()) {
        return false;
    }
    std::pop_heap(m_queue.begin(), m_queue.end(), Later());
    Event event = std::move(m_queue.back());
    m_queue.pop_back();
    clock.advanceTo(std::max(clock.trueUs(), event.atUs));
    if (event.where == Where::Host && hostSleeps()) {
        event.atUs = m_awakeAtUs; // in its turn among the others that waited
        push(std::move(event));
        return true;
    }
    ++m_eventsRun;
    event.run();
    settleDown();
    return true;
}

void World::settleDown()
{
    if (!hostSleeps()) {
        io.restart();
        io.poll();
    }
}

void World::suspendHost(std::int64_t us)
{
    m_awakeAtUs = std::max(m_awakeAtUs, clock.trueUs() + us);
    clock.sleepUntil(m_awakeAtUs);
    after(us, Where::Host, [this] { note("host wakes"); });
}

boost::asio::awaitable<void> World::pause(std::int64_t us)
{
    const auto event = std::make_shared<proxy::Event>(io.get_executor());
    std::erase_if(m_pauses, [](const auto& one) { return one.expired(); });
    m_pauses.push_back(event);
    after(us, Where::Host, [event] { event->set(); });
    co_await event->wait();
}

void World::wakeAll()
{
    for (const auto& one : std::exchange(m_pauses, {})) {
        if (const auto event = one.lock()) {
            event->set();
        }
    }
}

} // namespace headgate::sim
