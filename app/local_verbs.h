// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Verbs that need no state: counting tokens and pricing usages of a file,
// checking captured payloads; one JSON line each.
// Main thread. A bad row is reported with its line and does not stop the others.

#include "core/base/result.h"

#include <boost/json/object.hpp>

#include <string>

namespace headgate::app {

int countTokens(const boost::json::object& args, bool json);
int priceUsages(const boost::json::object& args, bool json);
/// One row a captured file; exit code 1 when one is not ok.
int checkWire(const boost::json::object& args, bool json);

/// Routing scores against known outcomes: one pair, or the whole table.
int benchRouting(const boost::json::object& args, bool json);

/// All of a file, or of standard input for "-".
[[nodiscard]] Result<std::string> readFile(const std::string& path);

/// Prints an object indented, for people who read JSON (policies, decisions).
int showJson(const boost::json::object& row);

} // namespace headgate::app
