// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Letters of ASCII, whatever the locale says: names of headers, models and fields. Any thread.

#include <string>
#include <string_view>

namespace headgate {

[[nodiscard]] constexpr char toLower(char c)
{
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}
[[nodiscard]] std::string toLower(std::string_view text);

} // namespace headgate
