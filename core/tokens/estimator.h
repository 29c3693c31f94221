// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Token counts of vocabularies that are not published or not shipped: integer ratios over the
// exact counts per script group, fitted by resources/tokenizers/fit_ratios.mjs. Constant after the
// first call, safe on any thread. Never samples.

#include "core/tokens/tokens.h"

#include <string_view>
#include <vector>

namespace headgate::tokens {

/// The family whose ratios are used for `family`; "unknown" for one that is not listed.
[[nodiscard]] std::string_view estimatedFamily(std::string_view family);
/// Families with ratios of their own.
[[nodiscard]] std::vector<std::string_view> estimatedFamilies();
[[nodiscard]] Count estimate(std::string_view family, std::string_view text);

} // namespace headgate::tokens
