// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the drawer of the Catalog page says of one provider or one model, as sections of a detail
// view. Pure functions of snapshots; text from outside is made safe here.

#include "ui/pages/detail_view.h"

#include "core/service/provider_status.h"
#include "core/tokens/margins.h"

namespace headgate::ui {

[[nodiscard]] std::vector<DetailSection> providerSections(const catalog::Provider& provider,
    const service::ProviderStatus& status, const QString& keysKept, TimeUs nowUs);

/// `statuses` tell how the models of its chain do.
[[nodiscard]] std::vector<DetailSection> modelSections(const catalog::Model& model,
    const tokens::Margin& margin, const std::vector<service::ProviderStatus>& statuses,
    TimeUs nowUs);

/// How far estimates of one writing were off, from the first bar that holds something to the last;
/// bars above the margin in force are marked.
[[nodiscard]] std::vector<Bar> estimateBars(const tokens::ScriptError& script);

} // namespace headgate::ui
