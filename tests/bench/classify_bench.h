// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What a prompt costs the classifier: features and two heads, at several lengths, in CPU time of
// this thread, beside copying the same bytes.

namespace headgate::bench {

/// Exit code 0 when the work was right.
int runClassifyBench(bool json);

} // namespace headgate::bench
