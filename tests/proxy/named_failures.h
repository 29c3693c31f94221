// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the tests of the named failures share: many requests at once, waiting, amounts. Tests only.

#include "support/billed_provider.h"
#include "support/test_house.h"
#include "tests/unit/service/service_test.h"

#include <fmt/format.h>

#include <atomic>
#include <set>
#include <thread>

namespace headgate::testing {

inline constexpr const char* nothing = "0.000000001";

template <typename Condition>
bool waitFor(Condition condition, int timeoutMs = 10'000)
{
    for (int i = 0; i < timeoutMs / 2 && !condition(); ++i) {
        std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    return condition();
}

/// Sends every body at once, each on a connection of its own, and returns the statuses.
inline std::vector<int> askAll(TestHouse& house, const std::vector<std::string>& bodies,
    const std::vector<std::string>& headers, std::atomic<int>* refused = nullptr)
{
    std::vector<int> statuses(bodies.size());
    std::vector<std::thread> threads;
    threads.reserve(bodies.size());
    for (std::size_t i = 0; i < bodies.size(); ++i) {
        threads.emplace_back([&, i] {
            statuses[i] = house.chat(bodies[i], headers.empty() ? "" : headers[i]).status;
            if (refused != nullptr && statuses[i] != 200) {
                refused->fetch_add(1);
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    return statuses;
}

inline Money usd(const char* text)
{
    return *Money::parse(text);
}

} // namespace headgate::testing
