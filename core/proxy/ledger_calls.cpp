// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/ledger_calls.h"

#include "core/proxy/asio.h"
#include "core/proxy/event.h"

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace headgate::proxy {

namespace asio = boost::asio;

namespace {

/// Takes the answers of one burst to a data plane thread with a single post: a commit answers many
/// requests, and every post from another thread may wake the loop and contend for its queue.
class Mailbox : public std::enable_shared_from_this<Mailbox> {
public:
    explicit Mailbox(asio::any_io_executor executor) : m_executor(std::move(executor)) { }
    [[nodiscard]] const asio::any_io_executor& executor() const { return m_executor; }

    /// Any thread; `letter` runs on the executor, in the order of the calls.
    void put(std::function<void()> letter)
    {
        {
            const std::scoped_lock lock(m_mutex);
            m_letters.push_back(std::move(letter));
            if (m_letters.size() > 1) {
                return; // the one before has called for the postman
            }
        }
        asio::post(m_executor,
            [round = std::make_shared<Round>(shared_from_this())] { round->deliver(); });
    }

private:
    /// Dropped without having run when its io_context ends: the box must not wait for it then.
    class Round {
    public:
        explicit Round(std::shared_ptr<Mailbox> box) : m_box(std::move(box)) { }
        Round(const Round&) = delete;
        Round& operator=(const Round&) = delete;
        ~Round()
        {
            if (m_box) {
                static_cast<void>(m_box->take());
            }
        }
        void deliver()
        {
            const auto box = std::exchange(m_box, nullptr);
            for (const auto& letter : box->take()) {
                letter();
            }
        }

    private:
        std::shared_ptr<Mailbox> m_box;
    };

    std::vector<std::function<void()>> take()
    {
        const std::scoped_lock lock(m_mutex);
        return std::exchange(m_letters, {});
    }

    const asio::any_io_executor m_executor;
    std::mutex m_mutex;
    std::vector<std::function<void()>> m_letters;
};

/// The box of this thread; a loop is one thread with one executor.
std::shared_ptr<Mailbox> mailboxOf(const asio::any_io_executor& executor)
{
    thread_local std::shared_ptr<Mailbox> box;
    if (!box || box->executor() != executor) {
        box = std::make_shared<Mailbox>(executor);
    }
    return box;
}

template <typename T>
struct Answer {
    explicit Answer(asio::any_io_executor executor) : event(std::move(executor)) { }
    Event event;
    std::optional<T> value;
};

/// On the coroutine's thread; what it returns is for the ledger thread and hands the value over.
template <typename T>
std::function<void(T)> handOver(std::shared_ptr<Answer<T>> answer)
{
    auto box = mailboxOf(answer->event.executor());
    return [answer = std::move(answer), box = std::move(box)](T value) {
        // Nobody looks at the value before the event is set, which happens on the executor.
        answer->value.emplace(std::move(value));
        box->put([answer] { answer->event.set(); });
    };
}

} // namespace

asio::awaitable<ledger::Decision> reserveHold(ledger::Ledger& ledger, ledger::Ask ask)
{
    auto executor = co_await asio::this_coro::executor;
    auto answer = std::make_shared<Answer<ledger::Decision>>(std::move(executor));
    ledger.reserve(std::move(ask), handOver(answer));
    co_await answer->event.wait();
    co_return std::move(*answer->value);
}

asio::awaitable<Result<void>> dispatchHold(ledger::Ledger& ledger, HoldId hold)
{
    auto executor = co_await asio::this_coro::executor;
    auto answer = std::make_shared<Answer<Result<void>>>(std::move(executor));
    ledger.markDispatched(hold, handOver(answer));
    co_await answer->event.wait();
    co_return std::move(*answer->value);
}

asio::awaitable<Result<ledger::Settled>> settleHold(ledger::Ledger& ledger, ledger::Settle settle)
{
    auto executor = co_await asio::this_coro::executor;
    auto answer = std::make_shared<Answer<Result<ledger::Settled>>>(std::move(executor));
    ledger.settle(settle, handOver(answer));
    co_await answer->event.wait();
    co_return std::move(*answer->value);
}

asio::awaitable<Result<ledger::Settled>> releaseHold(
    ledger::Ledger& ledger, HoldId hold, std::string reason)
{
    auto executor = co_await asio::this_coro::executor;
    auto answer = std::make_shared<Answer<Result<ledger::Settled>>>(std::move(executor));
    ledger.release(hold, std::move(reason), handOver(answer));
    co_await answer->event.wait();
    co_return std::move(*answer->value);
}

} // namespace headgate::proxy
