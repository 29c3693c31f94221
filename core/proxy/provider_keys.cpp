// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/provider_keys.h"

namespace headgate::proxy {

bool keysOutOfReach(const ProxyConfig& config, const catalog::Provider& provider)
{
    const auto known = config.providerKeys.find(provider.name);
    const bool hasNone = known == config.providerKeys.end() || known->second.empty();
    return hasNone && (provider.hasKey || !provider.extraKeys.empty());
}

} // namespace headgate::proxy
