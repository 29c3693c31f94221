// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// "Can this provider be reached with this key?": one GET {base}/models, which spends no tokens.
// Blocks for at most some seconds; for a worker thread, never for the data plane.

#include "core/base/result.h"
#include "core/base/secret.h"
#include "core/catalog/catalog.h"

#include <string>

namespace headgate::service {

/// A sentence for a person on success: "openai answers and offers 63 models."
[[nodiscard]] Result<std::string> probeProvider(
    const catalog::Provider& provider, const Secret* key);

} // namespace headgate::service
