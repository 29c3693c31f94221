// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// How busy a provider is, as the proxy tells the service. A value; any thread. Simulated providers
// have no places and are not in it.

#include <cstdint>
#include <string>

namespace headgate::proxy {

/// What one provider has to do right now.
struct ProviderLoad {
    std::string provider;
    std::int64_t inFlight = 0;
    std::int64_t waiting = 0;
};

} // namespace headgate::proxy
