// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// When a conversation counts as an agent that goes round in circles. Plain value, part of the
// configuration.

namespace headgate::proxy {

struct LoopRules {
    bool on = true;
    /// The same request of one session, answered so often within `withinSeconds`, each time sent
    /// after the answer before: the next one is refused.
    int repeats = 20;
    int withinSeconds = 120;
    /// The same tool call with the same arguments and the same result so often in a row at the end
    /// of a conversation: it is refused.
    int toolRepeats = 8;
    /// Count repeated requests of a key also when they name no session. Off: batch jobs, monitors
    /// and benchmarks send one body many times, and nothing says that one agent sends them.
    bool withoutSession = false;
    bool operator==(const LoopRules&) const = default;
};

} // namespace headgate::proxy
