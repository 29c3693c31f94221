// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Under which ids of its own a Responses request asks the provider to go on. Whoever lets several
// clients use one account has to know them: the provider would give any of them to anyone. Pure.

#include <string>
#include <string_view>

namespace headgate::wire {

struct HeldIds {
    std::string previousResponse; ///< previous_response_id; may be empty
    std::string conversation; ///< conversation, or its id; may be empty
};

/// Of a body that the Responses codec could read; anything else has none.
[[nodiscard]] HeldIds heldIdsOf(std::string_view body);

} // namespace headgate::wire
