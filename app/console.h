// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Starting the console: one process that shows windows and hosts the proxy. Main thread.

#include "app/cli.h"

namespace headgate::app {

/// Blocks until the last window closes; returns the exit code.
int runConsoleProgram(int argc, char** argv, const ConsoleRequest& request);

} // namespace headgate::app
