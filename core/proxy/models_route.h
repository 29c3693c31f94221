// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The answers of GET /v1/models, /v1/models/{id}, /v1beta/models and /api/tags: the catalog's
// enabled models and the routing names, in each dialect's shape. Pure.

#include "core/catalog/catalog.h"
#include "core/wire/dialect.h"

#include <string>
#include <string_view>

namespace headgate::proxy {

[[nodiscard]] std::string modelsJson(const catalog::Catalog& catalog, wire::Dialect dialect);
/// Errors: NotFound, with what to do.
[[nodiscard]] Result<std::string> modelJson(
    const catalog::Catalog& catalog, std::string_view id, wire::Dialect dialect);

} // namespace headgate::proxy
