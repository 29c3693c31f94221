// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Turns and parts of a conversation made by hand, for the tests of the codecs. Tests only.

#include "core/wire/conversation.h"

#include <utility>
#include <vector>

namespace headgate::wire::test {

inline Turn turnOf(Role role, std::vector<Part> parts)
{
    Turn turn;
    turn.role = role;
    turn.parts = std::move(parts);
    return turn;
}

inline Part textPart(const char* text)
{
    Part part;
    part.text = text;
    return part;
}

} // namespace headgate::wire::test
