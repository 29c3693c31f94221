// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/response_pins.h"

#include "core/base/limits.h"
#include "core/base/secret.h"

namespace headgate::proxy {

namespace {

/// 128 bits: nobody finds two ids with one name.
constexpr std::size_t nameDigits = 32;

std::string nameOf(const std::string& text)
{
    auto hash = strongHashHex(text);
    hash.resize(nameDigits);
    return hash;
}

} // namespace

std::string responseName(KeyId owner, std::string_view responseId)
{
    return nameOf("response " + std::to_string(owner.value) + " " + std::string(responseId));
}

std::string conversationName(std::string_view conversationId)
{
    return nameOf("conversation " + std::string(conversationId));
}

void ResponsePins::put(const std::string& name, ResponsePin pin)
{
    if (const auto it = m_byName.find(name); it != m_byName.end()) {
        m_order.erase(it->second);
        m_byName.erase(it);
    }
    m_order.emplace_front(name, std::move(pin));
    m_byName.emplace(name, m_order.begin());
    if (m_order.size() > limits::responsePinsMax) {
        m_changed.erase(m_order.back().first);
        m_byName.erase(m_order.back().first);
        m_order.pop_back();
    }
}

void ResponsePins::remember(const std::string& name, ResponsePin pin)
{
    const std::scoped_lock lock(m_mutex);
    put(name, std::move(pin));
    m_changed.insert(name);
}

void ResponsePins::restore(const std::string& name, ResponsePin pin)
{
    const std::scoped_lock lock(m_mutex);
    put(name, std::move(pin));
}

std::optional<ResponsePin> ResponsePins::find(const std::string& name, TimeUs nowUs)
{
    const std::scoped_lock lock(m_mutex);
    const auto it = m_byName.find(name);
    if (it == m_byName.end() || nowUs - it->second->second.atUs > responsePinAgeUs) {
        return std::nullopt;
    }
    m_order.splice(m_order.begin(), m_order, it->second);
    return it->second->second;
}

NamedPins ResponsePins::takeChanges()
{
    const std::scoped_lock lock(m_mutex);
    NamedPins out;
    out.reserve(m_changed.size());
    for (const auto& name : m_changed) {
        if (const auto it = m_byName.find(name); it != m_byName.end()) {
            out.push_back(*it->second);
        }
    }
    m_changed.clear();
    return out;
}

void ResponsePins::changedAgain(const NamedPins& pins)
{
    const std::scoped_lock lock(m_mutex);
    for (const auto& [name, pin] : pins) {
        if (m_byName.contains(name)) {
            m_changed.insert(name);
        }
    }
}

} // namespace headgate::proxy
