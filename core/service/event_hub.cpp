// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/event_hub.h"

#include <chrono>
#include <utility>

namespace headgate::service {

namespace {

constexpr auto tickPause = std::chrono::milliseconds(250);
/// A feed shows some dozens of rows; whoever wants all of them reads pages.
constexpr std::size_t decisionsMax = 500;
constexpr std::size_t alertsMax = 100;

} // namespace

EventHub::EventHub(std::function<void()> tick) : m_tick(std::move(tick)) { }

EventHub::~EventHub()
{
    stop();
}

void EventHub::start()
{
    m_thread = std::thread([this] { run(); });
}

void EventHub::stop()
{
    {
        const std::lock_guard lock(m_mutex);
        m_stopping = true;
    }
    m_wake.notify_all();
    if (m_thread.joinable()) {
        m_thread.join();
    }
}

int EventHub::subscribe(std::function<void(const Event&)> listener)
{
    const std::lock_guard lock(m_listenerMutex);
    m_listeners[m_nextListener] = std::move(listener);
    return m_nextListener++;
}

void EventHub::unsubscribe(int subscription)
{
    const std::lock_guard lock(m_listenerMutex);
    m_listeners.erase(subscription);
}

void EventHub::configChanged()
{
    const std::lock_guard lock(m_mutex);
    m_config = m_urgent = true;
    m_wake.notify_all();
}

void EventHub::statusChanged()
{
    const std::lock_guard lock(m_mutex);
    m_status = m_urgent = true;
    m_wake.notify_all();
}

void EventHub::alert(std::string text)
{
    const std::lock_guard lock(m_mutex);
    if (m_alerts.size() < alertsMax) {
        m_alerts.push_back(std::move(text));
    }
    m_urgent = true;
    m_wake.notify_all();
}

void EventHub::moneyMoved()
{
    const std::lock_guard lock(m_mutex);
    m_money = true;
}

void EventHub::appended(const std::vector<activity::Decision>& decisions)
{
    const std::lock_guard lock(m_mutex);
    // Only the newest are kept when they come faster than they go out.
    const std::size_t take = std::min(decisions.size(), decisionsMax);
    m_decisions.insert(
        m_decisions.end(), decisions.end() - static_cast<std::ptrdiff_t>(take), decisions.end());
    if (m_decisions.size() > decisionsMax) {
        m_decisions.erase(
            m_decisions.begin(), m_decisions.end() - static_cast<std::ptrdiff_t>(decisionsMax));
    }
}

std::vector<Event> EventHub::takeEvents()
{
    std::vector<Event> events;
    const std::lock_guard lock(m_mutex);
    m_urgent = false;
    for (auto& text : std::exchange(m_alerts, {})) {
        events.push_back({Event::Kind::Alert, std::move(text), {}});
    }
    if (std::exchange(m_config, false)) {
        events.push_back({Event::Kind::ConfigChanged, {}, {}});
    }
    if (std::exchange(m_status, false)) {
        events.push_back({Event::Kind::StatusChanged, {}, {}});
    }
    return events;
}

void EventHub::send(const std::vector<Event>& events)
{
    const std::lock_guard lock(m_listenerMutex);
    for (const auto& event : events) {
        const auto listeners = m_listeners; // one may unsubscribe while it is called
        for (const auto& [number, listener] : listeners) {
            if (m_listeners.contains(number)) {
                listener(event);
            }
        }
    }
}

void EventHub::run()
{
    auto nextTick = std::chrono::steady_clock::now() + tickPause;
    for (;;) {
        {
            std::unique_lock lock(m_mutex);
            m_wake.wait_until(lock, nextTick, [this] { return m_stopping || m_urgent; });
            if (m_stopping) {
                return;
            }
        }
        std::vector<Event> events = takeEvents();
        if (std::chrono::steady_clock::now() >= nextTick) {
            m_tick();
            nextTick = std::chrono::steady_clock::now() + tickPause;
            const std::lock_guard lock(m_mutex);
            if (std::exchange(m_money, false)) {
                events.push_back({Event::Kind::MoneyMoved, {}, {}});
            }
            if (!m_decisions.empty()) {
                events.push_back(
                    {Event::Kind::DecisionsAppended, {}, std::exchange(m_decisions, {})});
            }
        }
        send(events);
    }
}

} // namespace headgate::service
