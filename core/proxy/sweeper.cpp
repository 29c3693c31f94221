// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/sweeper.h"

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

} // namespace headgate::proxy
