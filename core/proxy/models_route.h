// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The answers of GET /v1/models and /v1/models/{id}: the catalog's enabled models and the routing
// names. Pure.

#include "core/catalog/catalog.h"

#include <string>
#include <string_view>

namespace headgate::proxy {

[[nodiscard]] std::string modelsJson(const catalog::Catalog& catalog);
/// Errors: NotFound, with what to do.
[[nodiscard]] Result<std::string> modelJson(const catalog::Catalog& catalog, std::string_view id);

} // namespace headgate::proxy
