// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Whether a provider's keys are at hand. Pure.

#include "core/proxy/proxy_config.h"

namespace headgate::proxy {

/// It has keys, but whatever keeps them does not give them out now.
[[nodiscard]] bool keysOutOfReach(const ProxyConfig& config, const catalog::Provider& provider);

} // namespace headgate::proxy
