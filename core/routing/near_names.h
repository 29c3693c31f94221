// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// "Did you mean": catalog names near to one that is not known. Pure; bounded work.

#include "core/catalog/catalog.h"

#include <string>
#include <string_view>
#include <vector>

namespace headgate::routing {

/// At most three names, the nearest first; none when nothing is near.
[[nodiscard]] std::vector<std::string> nearNames(
    const catalog::Catalog& catalog, std::string_view asked);
/// One sentence or two for a person: what is unknown, what is near, what to do.
[[nodiscard]] std::string unknownModelText(const catalog::Catalog& catalog, std::string_view asked);

} // namespace headgate::routing
