// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What publishers say that parts of a prompt other than text are billed as. Pure; each figure names
// its source. What nobody publishes is not guessed: hard pools refuse it (ledger.md, "The bound").

#include "core/catalog/catalog.h"

#include <cstdint>
#include <optional>

namespace headgate::catalog {

/// The most tokens that one image can cost, whatever its size and level of detail.
[[nodiscard]] std::optional<std::int64_t> imageTokensMax(const Model& model);

} // namespace headgate::catalog
