// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/sweeper.h"

#include <chrono>

namespace headgate::proxy {

void Sweeper::sweep(std::int64_t nowMs)
{
    for (Sweepable& item : m_items) {
        if (item.deadlineMs != 0 && item.deadlineMs <= nowMs) {
            item.deadlineMs = 0;
            item.onDeadline();
        }
    }
}

void Sweeper::shutdown()
{
    for (Sweepable& item : m_items) {
        item.onShutdown();
    }
}

std::int64_t Sweeper::nowMs() const
{
    return std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

} // namespace headgate::proxy
