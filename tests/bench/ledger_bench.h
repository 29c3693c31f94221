// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Durable reservations a second and their latency, beside plain SQLite doing the same commits.
// Runs some 50 seconds on the calling thread and its own; touches only a temporary folder.

namespace headgate::bench {

/// Prints a table, or one JSON object when `json`. Returns a process exit code.
int runLedgerBench(bool json);

} // namespace headgate::bench
