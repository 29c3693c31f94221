// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// "Did you mean": names near to one that is not known. Pure; bounded work.

#include "core/catalog/catalog.h"

#include <string>
#include <string_view>
#include <vector>

namespace headgate::routing {

/// At most three names, the nearest first; none when nothing is near.
[[nodiscard]] std::vector<std::string> nearNames(
    const catalog::Catalog& catalog, std::string_view asked);
/// The same among any names.
[[nodiscard]] std::vector<std::string> nearWords(
    const std::vector<std::string>& known, std::string_view asked);
/// "Did you mean "a" or "b"?"; empty without names.
[[nodiscard]] std::string didYouMean(const std::vector<std::string>& names);
/// One sentence or two for a person: what is unknown, what is near, what to do.
[[nodiscard]] std::string unknownModelText(const catalog::Catalog& catalog, std::string_view asked);

} // namespace headgate::routing
