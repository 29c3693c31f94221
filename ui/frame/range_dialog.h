// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Asks for a fixed time range in local time. GUI thread only; never blocks.

#include "ui/context.h"

class QWidget;

namespace headgate::ui {

void askTimeRange(Context& context, QWidget* parent);

} // namespace headgate::ui
