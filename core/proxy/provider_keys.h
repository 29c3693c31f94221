// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Whether a provider's keys are at hand. Pure.

#include "core/proxy/proxy_config.h"

namespace headgate::proxy {

/// Those at hand, in the order of their use; one without a secret where there are none.
[[nodiscard]] const std::vector<ProviderKey>& keysOf(
    const ProxyConfig& config, const std::string& provider);
/// Whether it was given any, at hand or not.
[[nodiscard]] bool hasKeys(const catalog::Provider& provider);
/// It has keys, but whatever keeps them does not give them out now.
[[nodiscard]] bool keysOutOfReach(const ProxyConfig& config, const catalog::Provider& provider);

} // namespace headgate::proxy
