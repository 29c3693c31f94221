// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/text.h"

namespace headgate {

std::string toLower(std::string_view text)
{
    std::string out(text);
    for (char& c : out) {
        c = toLower(c);
    }
    return out;
}

} // namespace headgate
