// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Writing to a socket without waiting: what its buffer takes at once needs neither a copy nor a
// turn of the event loop. Any thread that owns the socket; never blocks, never raises SIGPIPE.

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace headgate::proxy {

/// At most this many pieces go out in one call.
inline constexpr std::size_t sendPiecesMax = 4;

/// Bytes that the system took. Fewer than all of them, also when the connection failed: the
/// waiting write that follows says which it was.
[[nodiscard]] std::size_t sendNow(int socket, std::span<const std::string_view> pieces);

/// What is left of the pieces after their first `sent` bytes.
[[nodiscard]] std::string unsentOf(std::span<const std::string_view> pieces, std::size_t sent);

} // namespace headgate::proxy
