// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The whole pipeline of the real program beside nginx `proxy_pass` on the same upstream: CPU a
// request, latency added, cost of a refusal. Ratios in one run, medians of interleaved rounds.

namespace headgate::bench {

/// Returns an exit code.
int runPipelineBench(bool json);

} // namespace headgate::bench
