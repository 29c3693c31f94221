// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The RequestView of a conversation: what routing, bounds, identity and the loop detector look at,
// the same for all dialects. Pure.

#include "core/wire/conversation.h"
#include "core/wire/request_view.h"

#include <string>
#include <string_view>

namespace headgate::wire {

/// Every text that a provider may bill as input is in it; parts known to one dialect only count
/// with their whole JSON. The caller adds what only its dialect says (held context, ranges).
[[nodiscard]] RequestView viewOf(const Conversation& conversation);

/// Text that a provider may bill, one piece a line; an empty piece adds none.
void addLine(std::string& to, std::string_view text);

} // namespace headgate::wire
