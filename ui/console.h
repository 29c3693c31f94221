// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Runs the console over an open service until its window closes. The service must already serve if
// it shall serve. Main thread.

#include "core/service/service.h"

#include <QString>

class QApplication;

namespace headgate::ui {

struct ConsoleOptions {
    QString startPage; ///< empty: where the last session ended
    bool demo = false; ///< start simulated traffic at once
    QString theme; ///< "light", "dark", "system"; empty: as configured
    QString screenshotFolder; ///< not empty: save pictures of every page there and return
    int screenshotDelayMs = 0; ///< time for traffic to come in before the pictures
};

/// Returns the exit code.
int runConsole(QApplication& app, service::Service& service, const ConsoleOptions& options);

} // namespace headgate::ui
