// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The published splitting patterns of o200k_base and cl100k_base, written by hand: no regular
// expression engine, linear time on any input. Pure functions; the text must be valid UTF-8.

#include <cstddef>
#include <string_view>

namespace headgate::tokens {

enum class Split { O200k, Cl100k };

/// End of the piece that starts at `at` (< text.size()); always > at.
[[nodiscard]] std::size_t pieceEnd(Split split, std::string_view text, std::size_t at);

} // namespace headgate::tokens
