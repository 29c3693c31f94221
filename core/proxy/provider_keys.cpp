// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/provider_keys.h"

namespace headgate::proxy {

const std::vector<ProviderKey>& keysOf(const ProxyConfig& config, const std::string& provider)
{
    static const std::vector<ProviderKey> keyless(1);
    const auto known = config.providerKeys.find(provider);
    return known == config.providerKeys.end() || known->second.empty() ? keyless : known->second;
}

bool hasKeys(const catalog::Provider& provider)
{
    return provider.hasKey || !provider.extraKeys.empty();
}

bool keysOutOfReach(const ProxyConfig& config, const catalog::Provider& provider)
{
    return hasKeys(provider) && keysOf(config, provider.name).front().secret == nullptr;
}

} // namespace headgate::proxy
