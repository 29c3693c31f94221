// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Regular expressions of rules: RE2, linear time on untrusted text. Compiled once a thread and
// kept; safe on any thread.

#include "core/base/result.h"

#include <string>
#include <string_view>

namespace headgate::routing {

/// Errors: the pattern does not compile or is too large.
[[nodiscard]] Result<void> checkPattern(std::string_view pattern);
/// Does the pattern occur in the text? A pattern that does not compile matches nothing.
[[nodiscard]] bool patternMatches(const std::string& pattern, std::string_view text);

} // namespace headgate::routing
