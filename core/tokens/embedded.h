// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Files of resources/tokenizers compiled into the program, so that an installed copy needs no path.

#include <string_view>

namespace headgate::tokens {

[[nodiscard]] std::string_view embeddedO200k();
[[nodiscard]] std::string_view embeddedCl100k();
[[nodiscard]] std::string_view embeddedRatios();

} // namespace headgate::tokens
