// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Base64 (RFC 4648, 4) by libsodium. Pure; not for secrets (it does not clear memory).

#include <optional>
#include <string>
#include <string_view>

namespace headgate {

/// With padding.
[[nodiscard]] std::string base64Of(std::string_view bytes);
/// Also the form for URLs, and without padding; line breaks are skipped. Nothing when it is
/// neither.
[[nodiscard]] std::optional<std::string> fromBase64(std::string_view text);

} // namespace headgate
