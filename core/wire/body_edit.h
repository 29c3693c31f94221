// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Editing a few fields of a JSON body by byte ranges, so that everything else survives byte for
// byte. Pure; no I/O.

#include "core/base/result.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire {

/// A field at the root ("model") or one level below ("generationConfig.maxOutputTokens").
struct FieldEdit {
    std::string path;
    std::optional<std::string> json; ///< the new value as JSON text; absent: the field is removed
};

/// Splices the edits in; a field (and the object around it) that is absent is added. Fields that
/// must not reach a provider (api_base, base_url, api_key, …) are removed in any case.
/// Errors: not a JSON object, an edited field given twice.
[[nodiscard]] Result<std::string> editBody(
    std::string_view body, const std::vector<FieldEdit>& edits);

/// Refuses a body that is no JSON object, is nested too deeply, or gives one of these fields twice
/// (two servers may read two different requests).
[[nodiscard]] Result<void> checkBody(
    std::string_view body, const std::vector<std::string_view>& paths);

} // namespace headgate::wire
