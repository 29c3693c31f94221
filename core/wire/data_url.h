// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// data: URLs (RFC 2397), in which every dialect but Gemini's puts what a client attaches. Pure.

#include "core/wire/conversation.h"

#include <string_view>

namespace headgate::wire {

/// "data:image/png;base64,…" into `part.mime` and `part.data` (always base64: what is written in
/// percent form is encoded). False, and the part as it was, when it is no data: URL at all.
[[nodiscard]] bool takeDataUrl(Part& part, std::string_view url);

/// The way back.
[[nodiscard]] std::string dataUrl(const Part& part, std::string_view mimeWhenNone);

} // namespace headgate::wire
