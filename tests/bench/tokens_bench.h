// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Exact token counting in microseconds a kilobyte on several kinds of text, with the npm package
// tiktoken (the same encodings compiled to wasm) measured in the same run when it is installed.

namespace headgate::bench {

/// Prints a table, or JSON lines. 0 when it could measure.
int runTokensBench(bool json);

} // namespace headgate::bench
