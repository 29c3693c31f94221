// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Turns SIGINT, SIGTERM and SIGHUP into a wake-up of the main thread, so that stopping runs as
// ordinary code. A second signal ends the process at once: the ledger is safe against that.

namespace headgate::app {

/// Installs the handlers; SIGPIPE is ignored from then on. Call once, before threads start.
void installStopSignals();
/// A file descriptor that becomes readable at the first signal.
[[nodiscard]] int stopSignalFd();
/// Waits for a signal, at most `timeoutMs` (-1: for ever). True: one came.
[[nodiscard]] bool waitForStop(int timeoutMs);

} // namespace headgate::app
