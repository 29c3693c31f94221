// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Small files of the home folder that are nobody else's business: owner-only, replaced whole or not
// at all. Blocking; not for the data plane.

#include "core/base/result.h"

#include <string>
#include <string_view>

namespace headgate::service {

/// A whole file of the owner; NotFound when there is none. Errors: another owner, too large.
[[nodiscard]] Result<std::string> readPrivate(
    const std::string& path, std::size_t bytesMax = 4 * 1024 * 1024);
/// Writes beside, syncs, renames: a crash leaves the old or the new file, never half of one.
[[nodiscard]] Result<void> writePrivate(const std::string& path, std::string_view content);

} // namespace headgate::service
