// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Fetches one public document (a price list) by URL. Blocks the calling thread: never for a loop's
// thread or the GUI's. https only, except to this machine; certificates are always verified,
// redirects never followed, link-local and metadata addresses refused after resolution.

#include "core/base/result.h"

#include <cstddef>
#include <string>

namespace headgate::proxy {

struct GetOptions {
    int timeoutMs = 0; ///< for the whole fetch
    std::size_t bytesMax = 0;
};

/// The body of a 200 answer.
[[nodiscard]] Result<std::string> httpsGet(const std::string& url, const GetOptions& options);

} // namespace headgate::proxy
