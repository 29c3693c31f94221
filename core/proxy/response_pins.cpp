// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/response_pins.h"

#include "core/base/limits.h"

namespace headgate::proxy {

void ResponsePins::remember(const std::string& responseId, ResponsePin pin)
{
    if (responseId.empty() || responseId.size() > limits::requestIdBytesMax) {
        return;
    }
    const std::scoped_lock lock(m_mutex);
    if (const auto it = m_byId.find(responseId); it != m_byId.end()) {
        m_order.erase(it->second);
        m_byId.erase(it);
    }
    m_order.emplace_front(responseId, std::move(pin));
    m_byId.emplace(responseId, m_order.begin());
    if (m_order.size() > limits::responsePinsMax) {
        m_byId.erase(m_order.back().first);
        m_order.pop_back();
    }
}

std::optional<ResponsePin> ResponsePins::find(const std::string& responseId)
{
    const std::scoped_lock lock(m_mutex);
    const auto it = m_byId.find(responseId);
    if (it == m_byId.end()) {
        return std::nullopt;
    }
    m_order.splice(m_order.begin(), m_order, it->second);
    return it->second->second;
}

} // namespace headgate::proxy
