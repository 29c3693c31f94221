// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/ledger_calls.h"

#include "core/proxy/asio.h"
#include "core/proxy/event.h"

#include <optional>

namespace headgate::proxy {

namespace asio = boost::asio;

namespace {

template <typename T>
struct Answer {
    explicit Answer(asio::any_io_executor executor) : event(std::move(executor)) { }
    Event event;
    std::optional<T> value;
};

/// For the ledger thread: hands the value over to the coroutine's executor.
template <typename T>
std::function<void(T)> handOver(std::shared_ptr<Answer<T>> answer)
{
    return [answer = std::move(answer)](T value) {
        const auto& executor = answer->event.executor();
        asio::post(executor, [answer, value = std::move(value)]() mutable {
            answer->value.emplace(std::move(value));
            answer->event.set();
        });
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
