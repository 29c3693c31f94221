// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/request_ids.h"

namespace headgate::proxy {

namespace {
/// An hour of named requests at 18 a second; each costs some 200 bytes.
constexpr std::size_t namesMax = 65'536;
} // namespace

RequestIds::First RequestIds::claim(const std::string& name)
{
    const std::scoped_lock lock(m_mutex);
    const auto [it, inserted] = m_byName.try_emplace(name);
    First first;
    first.fresh = inserted;
    first.refusal = it->second;
    if (inserted) {
        m_order.push_back(name);
        if (m_order.size() > namesMax) {
            m_byName.erase(m_order.front());
            m_order.pop_front();
        }
    }
    return first;
}

void RequestIds::refused(const std::string& name, const wire::RefusalReply& reply)
{
    const std::scoped_lock lock(m_mutex);
    if (const auto it = m_byName.find(name); it != m_byName.end()) {
        it->second = reply;
    }
}

} // namespace headgate::proxy
