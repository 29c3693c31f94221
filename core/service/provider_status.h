// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// How each provider does, summed up from what the proxy knows of it, of its models and of its keys:
// one answer for `providers list`, `status` and the console. Pure function; any thread.

#include "core/proxy/provider_health.h"
#include "core/proxy/provider_load.h"
#include "core/service/config.h"

#include <string>
#include <vector>

namespace headgate::service {

struct ProviderStatus {
    std::string provider;
    bool enabled = true;
    /// Of the whole provider: itself, or its keys when none of them may be used.
    proxy::HealthState state = proxy::HealthState::Healthy;
    TimeUs untilUs = 0;
    /// Why it is not well, or which of its models or keys is not; empty when all is well.
    std::string words;
    std::int64_t keys = 0; ///< that are set
    std::int64_t keysAside = 0; ///< of them not used now
    std::int64_t modelsAside = 0; ///< models that are left out now
    std::int64_t answers = 0; ///< calls that went well since the start
    std::int64_t errors = 0; ///< calls that failed by the provider's doing
    std::int64_t latencyUs = 0; ///< until an answer begins, the slowest of its models; 0: unknown
    std::string lastError;
    TimeUs lastErrorAtUs = 0;
    std::int64_t inFlight = 0;
    std::int64_t waiting = 0; ///< in line for a place
    std::int64_t callsMax = 0; ///< places; 0: only the general limit
    std::vector<proxy::HealthRow> rows; ///< of which all this is made

    /// Something of it is not used now.
    [[nodiscard]] bool isUnwell() const { return !words.empty(); }
};

[[nodiscard]] std::vector<ProviderStatus> summedUp(const Config& config,
    const std::vector<proxy::HealthRow>& rows, const std::vector<proxy::ProviderLoad>& loads);

} // namespace headgate::service
