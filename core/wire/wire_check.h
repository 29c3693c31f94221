// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Checks the codecs against captured payloads: each file is read, written again, sliced anew and
// translated to every other dialect and back. Takes texts, says a row a file; for `headgate wire
// check` and its test, never while serving. Pure.

#include "core/wire/dialect.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::wire {

/// One captured file of a case.
struct WireSample {
    std::string caseName;
    Dialect dialect = Dialect::Chat;
    std::string file; ///< "request.json", "response-streaming.json", "followup-request.json", …
    std::string text;
};

struct WireRow {
    std::string caseName;
    Dialect dialect = Dialect::Chat;
    std::string file;
    bool ok = false;
    std::string why; ///< what is wrong; empty when ok
};

/// The dialect of a folder of a case ("chat-completions", "responses", "anthropic", "google").
[[nodiscard]] std::optional<Dialect> dialectOfFolder(std::string_view folder);

/// All files of one case; a row for each, in their order.
[[nodiscard]] std::vector<WireRow> checkCase(const std::vector<WireSample>& samples);

} // namespace headgate::wire
