// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// POST /v1/messages/count_tokens: a Messages request without max_tokens, answered with a number.
// Counts nothing itself and spends nothing. Pure.

#include "core/base/result.h"
#include "core/wire/request_view.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace headgate::wire {

[[nodiscard]] Result<RequestView> readCountTokens(std::string_view body);
[[nodiscard]] std::string writeCountTokens(std::int64_t inputTokens); ///< {"input_tokens":N}

} // namespace headgate::wire
