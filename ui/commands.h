// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the command palette offers: pages, actions, pools, keys and models of this moment.

#include "ui/frame/command_palette.h"

#include <vector>

namespace headgate::ui {

class MainWindow;

[[nodiscard]] std::vector<Command> paletteCommands(MainWindow& window);

} // namespace headgate::ui
