// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Blocking wrappers around the ledger for tests, and pools in a few words. Test threads only.

#include "core/base/clock.h"
#include "core/ledger/ledger.h"

#include <QtTest>

#include <future>

namespace headgate::ledger::test {

/// The wall stands still, monotonic time is real: for what the ledger thread does by itself.
class HalfManualClock final : public Clock {
public:
    [[nodiscard]] TimeUs nowUs() const override { return m_wall.nowUs(); }
    [[nodiscard]] std::int64_t monotonicUs() const override { return m_real.monotonicUs(); }

private:
    ManualClock m_wall;
    SystemClock m_real;
};

inline Money usd(const char* text)
{
    return Money::parse(text).value();
}

inline Pool makePool(std::int64_t id, const char* scope, const char* window, const char* cap)
{
    Pool pool;
    pool.id = PoolId{id};
    pool.name = "pool-" + std::to_string(id);
    pool.scope = Scope::parse(scope).value();
    pool.window = Window::parse(window).value();
    pool.cap = usd(cap);
    return pool;
}

inline Ask makeAsk(const std::string& requestId, Money amount)
{
    Ask ask;
    ask.requestId = requestId;
    ask.amount = amount;
    ask.identity.team = "search";
    ask.identity.user = "ann";
    ask.identity.key = "laptop";
    ask.identity.session = "s1";
    ask.target = {"sim", "small", 1};
    return ask;
}

inline Decision reserve(Ledger& ledger, Ask ask)
{
    std::promise<Decision> promise;
    auto future = promise.get_future();
    ledger.reserve(
        std::move(ask), [&](Decision decision) { promise.set_value(std::move(decision)); });
    return future.get();
}

inline Result<Settled> settle(Ledger& ledger, Settle what)
{
    std::promise<Result<Settled>> promise;
    auto future = promise.get_future();
    ledger.settle(what, [&](Result<Settled> done) { promise.set_value(std::move(done)); });
    return future.get();
}

inline Result<Settled> release(Ledger& ledger, HoldId hold)
{
    std::promise<Result<Settled>> promise;
    auto future = promise.get_future();
    ledger.release(hold, "test", [&](Result<Settled> done) { promise.set_value(std::move(done)); });
    return future.get();
}

inline Result<void> markDispatched(Ledger& ledger, HoldId hold)
{
    std::promise<Result<void>> promise;
    auto future = promise.get_future();
    ledger.markDispatched(hold, [&](Result<void> done) { promise.set_value(done); });
    return future.get();
}

inline bool isGrant(const Decision& decision)
{
    return std::holds_alternative<Grant>(decision);
}

inline HoldId holdOf(const Decision& decision)
{
    return isGrant(decision) ? std::get<Grant>(decision).hold : HoldId{};
}

inline std::string reasonOf(const Decision& decision)
{
    return isGrant(decision) ? "granted" : denialReasonName(std::get<Denial>(decision).reason);
}

inline std::unique_ptr<SqliteLedger> openLedger(const std::string& path, const Clock& clock,
    std::function<void(const LedgerEvent&)> onEvent = {}, bool powerSafe = false)
{
    auto opened = SqliteLedger::open({path, powerSafe, std::move(onEvent)}, clock);
    if (!opened) {
        qWarning("%s", opened.error().text().c_str());
        return nullptr;
    }
    return std::move(*opened);
}

/// The only account of a pool that has one.
inline Balance balanceOf(const SqliteLedger& ledger, std::int64_t pool)
{
    for (const PoolState& state : ledger.poolStates()) {
        if (state.pool.id.value == pool && !state.accounts.empty()) {
            return state.accounts.front().balance;
        }
    }
    return {};
}

inline std::string verifyText(const Result<VerifyReport>& report)
{
    if (!report) {
        return report.error().text();
    }
    std::string text;
    for (const std::string& difference : report->differences) {
        text += difference + "\n";
    }
    return text;
}

} // namespace headgate::ledger::test

#define HEADGATE_COMPARE_TEXT(actual, expected)                                                    \
    QCOMPARE(QString::fromStdString(actual), QString::fromStdString(expected))
#define HEADGATE_VERIFY_BOOKS(ledger) HEADGATE_COMPARE_TEXT(verifyText((ledger).verify()), "")
