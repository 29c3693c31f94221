// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
// JSON text written straight into a string, for the records that every request leaves behind: a
// tree of values first would cost more than the routing itself. Any thread; it never reads JSON
// and never changes bytes outside ASCII.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace headgate::routing {

inline void appendJsonText(std::string& out, std::string_view text)
{
    constexpr std::string_view digits = "0123456789abcdef";
    out += '"';
    std::size_t plainFrom = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = static_cast<unsigned char>(text[i]);
        if (byte >= 0x20 && byte != '"' && byte != '\\') {
            continue;
        }
        out += text.substr(plainFrom, i - plainFrom);
        plainFrom = i + 1;
        out += '\\';
        if (byte >= 0x20) {
            out += text[i];
        } else {
            out += "u00";
            out += digits[byte >> 4U];
            out += digits[byte & 0x0FU];
        }
    }
    out += text.substr(plainFrom);
    out += '"';
}

/// Writes one flat object; the caller gives each name once.
class JsonObjectText {
public:
    explicit JsonObjectText(std::string& out) : m_out(out) { m_out += '{'; }

    std::string& name(std::string_view name)
    {
        if (!m_isFirst) {
            m_out += ',';
        }
        m_isFirst = false;
        appendJsonText(m_out, name);
        m_out += ':';
        return m_out;
    }
    void text(std::string_view key, std::string_view value) { appendJsonText(name(key), value); }
    void integer(std::string_view key, std::int64_t value) { name(key) += std::to_string(value); }
    void flag(std::string_view key, bool value) { name(key) += value ? "true" : "false"; }
    void close() { m_out += '}'; }

private:
    std::string& m_out;
    bool m_isFirst = true;
};

} // namespace headgate::routing
