// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The simulated provider's embeddings: the same text has the same vector on every platform, texts
// that share words lie near each other. Reads the request by itself, like the provider it stands
// for. Pure.

#include "core/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::proxy {

struct SimEmbeddingRequest {
    std::string model;
    std::vector<std::string> inputs; ///< token arrays as their numbers' text
    std::int64_t tokens = 0; ///< of all inputs, as billed
    int dimensions = 0; ///< 0: the model's own
    bool base64 = false;
};

/// Errors name the field that is wrong.
[[nodiscard]] Result<SimEmbeddingRequest> readSimEmbedding(std::string_view body);
/// The answer's body, in OpenAI's shape.
[[nodiscard]] std::string simEmbeddingAnswer(const SimEmbeddingRequest& request);

} // namespace headgate::proxy
