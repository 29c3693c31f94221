// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Hands events to listeners from one thread of its own, a few times a second: however fast money
// moves, a listener is called at most four times a second for it. Safe on any thread.

#include "core/service/service.h"

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

namespace headgate::service {

class EventHub {
public:
    /// `tick` runs on the hub's thread every quarter of a second, before events go out.
    explicit EventHub(std::function<void()> tick);
    ~EventHub();
    void start();
    void stop();

    int subscribe(std::function<void(const Event&)> listener);
    /// After it returns the listener is not called any more.
    void unsubscribe(int subscription);

    void configChanged(); ///< goes out at once
    void statusChanged(); ///< goes out at once
    void alert(std::string text); ///< goes out at once
    void moneyMoved(); ///< with the next tick
    void appended(const std::vector<activity::Decision>& decisions); ///< with the next tick

private:
    void run();
    [[nodiscard]] std::vector<Event> takeEvents();
    void send(const std::vector<Event>& events);

    std::function<void()> m_tick;
    std::mutex m_mutex;
    std::condition_variable m_wake;
    bool m_stopping = false;
    bool m_urgent = false;
    bool m_config = false;
    bool m_status = false;
    bool m_money = false;
    std::vector<std::string> m_alerts;
    std::vector<activity::Decision> m_decisions;

    std::recursive_mutex m_listenerMutex; ///< a listener may unsubscribe itself
    std::map<int, std::function<void(const Event&)>> m_listeners;
    int m_nextListener = 1;
    std::thread m_thread;
};

} // namespace headgate::service
