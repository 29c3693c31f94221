// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/event.h"

#include "core/base/check.h"
#include "core/proxy/asio.h"

namespace headgate::proxy {

struct Event::Waiter {
    virtual ~Waiter() = default;
    virtual void post(const boost::asio::any_io_executor& executor) = 0;
};

template <typename Handler>
struct Event::WaiterOf final : Event::Waiter {
    explicit WaiterOf(Handler h) : handler(std::move(h)) { }
    void post(const boost::asio::any_io_executor& executor) override
    {
        boost::asio::post(executor, std::move(handler));
    }
    Handler handler;
};

Event::Event(boost::asio::any_io_executor executor) : m_executor(std::move(executor)) { }

Event::~Event() = default;

void Event::set()
{
    m_set = true;
    if (m_waiter) {
        const auto waiter = std::move(m_waiter);
        waiter->post(m_executor);
    }
}

boost::asio::awaitable<void> Event::wait()
{
    if (!m_set) {
        HEADGATE_CHECK(!m_waiter);
        auto initiate = [this](auto handler) {
            using Handler = decltype(handler);
            m_waiter = std::make_unique<WaiterOf<Handler>>(std::move(handler));
        };
        auto wait = boost::asio::async_initiate<const boost::asio::deferred_t, void()>(
            initiate, boost::asio::deferred);
        co_await std::move(wait); // NOLINT(performance-move-const-arg): only an rvalue is awaited
    }
    m_set = false;
}

} // namespace headgate::proxy
