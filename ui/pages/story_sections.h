// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A story of the ledger as sections of a detail view. Pure; GUI thread only because of tr().

#include "core/service/story.h"
#include "ui/pages/detail_view.h"

namespace headgate::ui {

[[nodiscard]] std::vector<DetailSection> storySections(const service::Story& story);

} // namespace headgate::ui
