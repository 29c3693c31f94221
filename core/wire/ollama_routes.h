// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The list of models as Ollama's clients ask for it. Pure; no I/O, any thread.

#include "core/base/clock.h"

#include <cstdint>
#include <string>
#include <vector>

namespace headgate::wire {

struct OllamaModel {
    std::string name; ///< "llama3.2:latest"
    TimeUs modifiedAtUs = 0;
    std::int64_t sizeBytes = 0; ///< 0: not known
    std::string digest;
    std::string family;
    std::string parameterSize; ///< "3.2B"
};
/// GET /api/tags.
[[nodiscard]] std::string writeOllamaTags(const std::vector<OllamaModel>& models);

} // namespace headgate::wire
