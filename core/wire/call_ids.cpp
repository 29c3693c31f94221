// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/wire/call_ids.h"

#include <algorithm>
#include <utility>

namespace headgate::wire {

namespace {

/// Other protocols take ids of letters, digits, - and _ only, and at most 40 characters.
constexpr std::size_t tagBytesMax = 24;

} // namespace

CallIds::CallIds(std::string_view prefix, std::string_view tag) : m_prefix(prefix)
{
    for (const char c : tag.substr(0, tagBytesMax)) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
            || (c >= '0' && c <= '9') || c == '-' || c == '_';
        m_prefix += plain ? c : '_';
    }
    if (!tag.empty()) {
        m_prefix += '_';
    }
}

std::string CallIds::ofCall(std::string_view name, std::string id)
{
    if (id.empty()) {
        id = m_prefix + std::to_string(m_next++);
    }
    m_open.push_back({id, std::string(name)});
    return id;
}

std::string CallIds::ofResult(std::string_view name, std::string id)
{
    auto found = std::find_if(m_open.begin(), m_open.end(), [&](const Open& open) {
        return id.empty() ? name.empty() || open.name == name : open.id == id;
    });
    if (found != m_open.end()) {
        id = found->id;
        m_open.erase(found);
    }
    return id.empty() ? m_prefix + std::to_string(m_next++) : id;
}

} // namespace headgate::wire
