// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What a configuration may hold: every rule that a command's input must pass, each with a message
// that says how to fix it. Pure functions of the configuration; any thread.

#include "core/base/secret.h"
#include "core/service/config.h"

#include <string>
#include <string_view>

namespace headgate::service {

/// `what` begins the message: "pool name".
[[nodiscard]] Result<void> checkName(std::string_view text, const std::string& what);
/// "k:v".
[[nodiscard]] Result<void> checkTags(const std::vector<std::string>& tags);

/// The pool as it would be after adding or editing; `pool.id` may be new.
[[nodiscard]] Result<void> checkPool(const Config& config, const ledger::Pool& pool);
[[nodiscard]] Result<void> checkKey(const Config& config, const KeyRecord& key, TimeUs nowUs);
/// Trims a trailing slash; refuses what could send keys to the wrong place.
[[nodiscard]] Result<std::string> checkedUrl(std::string_view url);
/// A provider's key as it may stand in a header; an empty one is none.
[[nodiscard]] Result<void> checkSecret(const Secret& key);
[[nodiscard]] Result<void> checkProvider(
    const Config& config, const catalog::Provider& provider, bool isNew);
[[nodiscard]] Result<void> checkModel(const Config& config, const catalog::Model& model);
/// Rules that name models nobody has are reported, because they would never match.
[[nodiscard]] Result<void> checkPolicy(const Config& config, const routing::Policy& policy);
[[nodiscard]] Result<void> checkSettings(const Settings& settings);

/// `known` with the prices of `wanted` added: past sheets stay; a changed price for a date that has
/// begun takes effect at `nowUs` instead.
[[nodiscard]] std::vector<catalog::PriceSheet> mergedPrices(
    const std::vector<catalog::PriceSheet>& known, const std::vector<catalog::PriceSheet>& wanted,
    TimeUs nowUs);

} // namespace headgate::service
