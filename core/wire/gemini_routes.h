// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The small routes of the Gemini API: countTokens and the list of models. Pure; no I/O, any
// thread. Counting the tokens is not done here: the request is only read.

#include "core/base/result.h"
#include "core/wire/codec.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire {

/// The request to be counted: contents alone, or a whole generateContentRequest.
[[nodiscard]] Result<RequestView> readGeminiCountTokens(
    std::string_view body, const RequestPath& path);
[[nodiscard]] std::string writeGeminiTokenCount(std::int64_t tokens);

struct GeminiModel {
    std::string id; ///< without "models/"
    std::string displayName; ///< empty: the id
    std::string description;
    std::int64_t inputTokenLimit = 0; ///< 0: not known, left out
    std::int64_t outputTokenLimit = 0;
};
/// GET /v1beta/models.
[[nodiscard]] std::string writeGeminiModels(const std::vector<GeminiModel>& models);
/// GET /v1beta/models/{id}.
[[nodiscard]] std::string writeGeminiModel(const GeminiModel& model);

} // namespace headgate::wire
