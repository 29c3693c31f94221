// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// "Can this provider be reached with this key?": one GET of its list of models in its own dialect,
// which spends no tokens, over the data plane's own connections: same proxy, TLS and guards.
// Blocks for at most some seconds; for a worker thread, never for the data plane.

#include "core/base/result.h"
#include "core/catalog/catalog.h"
#include "core/proxy/upstream.h"

#include <string>

namespace headgate::service {

/// A sentence for a person on success: "openai answers and offers 63 models."
[[nodiscard]] Result<std::string> probeProvider(
    const catalog::Provider& provider, const proxy::UpstreamKeys& keys);

} // namespace headgate::service
