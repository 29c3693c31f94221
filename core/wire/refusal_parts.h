// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What refusals of all dialects share: status, headers, a message no client acts on by mistake.
// Each codec adds only its own body (and another status where its clients need one). Pure.

#include "core/wire/refusal.h"

#include <boost/json/object.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headgate::wire {

/// A refusal of this field as not found has a code of its own, by which clients know what to do.
inline constexpr std::string_view responseParam = "previous_response_id";

struct RefusalParts {
    int status = 500; ///< as in chat
    const char* code = ""; ///< "budget_exceeded", …: the same in all dialects
    const char* chatType = ""; ///< OpenAI's error.type
    std::vector<std::pair<std::string, std::string>> headers; ///< x-should-retry, retry-after
    std::string message; ///< valid UTF-8, bounded, without the words that make clients retry
    std::string param; ///< may be empty
    boost::json::object details; ///< the refusal's metadata; may be empty
};

[[nodiscard]] RefusalParts refusalParts(const Refusal& refusal);

/// Valid UTF-8 without control characters, bounded, cut at a whole character: for messages of
/// providers, too.
[[nodiscard]] std::string cleanText(std::string_view text);

} // namespace headgate::wire
