// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One decision in words and figures: why, for whom, what was looked at, which models lost and why,
// what was held and charged. Pure function of the decision; GUI thread only because of tr().

#include "core/activity/decision.h"
#include "ui/pages/detail_view.h"

namespace headgate::ui {

[[nodiscard]] std::vector<DetailSection> decisionSections(const activity::Decision& decision);

} // namespace headgate::ui
