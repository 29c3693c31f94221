// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The text of resources/prices/book.json, compiled in so that an installed program needs no path.

#include <string_view>

namespace headgate::catalog {

[[nodiscard]] std::string_view embeddedBook();

} // namespace headgate::catalog
