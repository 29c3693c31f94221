// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/sweeper.h"

namespace headgate::proxy {

void Sweeper::sweep(std::int64_t nowMs)
{
    if (nowMs < m_soonestMs) {
        return;
    }
    m_soonestMs = std::numeric_limits<std::int64_t>::max(); // what onDeadline() sets counts, too
    for (Sweepable& item : m_items) {
        if (item.deadlineMs != 0 && item.deadlineMs <= nowMs) {
            item.deadlineMs = 0;
            item.onDeadline();
        }
        if (item.deadlineMs != 0) {
            m_soonestMs = std::min(m_soonestMs, item.deadlineMs);
        }
    }
}

void Sweeper::shutdown()
{
    for (Sweepable& item : m_items) {
        item.onShutdown();
    }
}

} // namespace headgate::proxy
