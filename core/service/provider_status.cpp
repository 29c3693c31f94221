// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/provider_status.h"

#include <fmt/format.h>

#include <algorithm>

namespace headgate::service {

namespace {

using proxy::HealthState;

bool isCallable(HealthState state)
{
    return state == HealthState::Healthy || state == HealthState::HalfOpen;
}

void addCounts(ProviderStatus& status, const proxy::HealthRow& row)
{
    // A success counts for provider, model and key, a failure for one of them.
    status.answers += row.model.empty() ? 0 : row.successes;
    status.errors += row.failures;
    if (!row.model.empty()) {
        status.latencyUs = std::max(status.latencyUs, row.latencyUs);
    }
    if (row.lastErrorAtUs > status.lastErrorAtUs) {
        status.lastErrorAtUs = row.lastErrorAtUs;
        status.lastError = row.lastError;
    }
}

/// The only key needs no name.
std::string rowWords(const proxy::HealthRow& row, bool severalKeys)
{
    std::string words = row.words;
    if (!row.model.empty()) {
        words = "model " + row.model + ": " + words;
    } else if (!row.key.empty() && severalKeys) {
        words = "key \"" + row.key + "\": " + words;
    }
    return row.lastError.empty() ? words : words + " (" + row.lastError + ")";
}

/// The key that comes back first stands for all when none may be used.
void judgeKeys(ProviderStatus& status)
{
    const proxy::HealthRow* first = nullptr;
    for (const auto& row : status.rows) {
        if (!row.key.empty() && row.state != HealthState::Healthy) {
            ++status.keysAside;
            if (first == nullptr || row.untilUs < first->untilUs) {
                first = &row;
            }
        }
    }
    // A provider without keys is known by one row of its own.
    const bool all = first != nullptr && status.keysAside >= std::max<std::int64_t>(status.keys, 1);
    if (all && isCallable(status.state)) {
        status.state = first->state;
        status.untilUs = first->untilUs;
    }
}

ProviderStatus statusOf(
    const catalog::Provider& provider, const std::vector<proxy::HealthRow>& rows)
{
    ProviderStatus status;
    status.provider = provider.name;
    status.enabled = provider.enabled;
    status.callsMax = provider.concurrencyMax;
    status.keys = (provider.hasKey ? 1 : 0) + static_cast<std::int64_t>(provider.extraKeys.size());
    std::vector<std::string> words;
    for (const auto& row : rows) {
        if (row.provider != provider.name) {
            continue;
        }
        addCounts(status, row);
        if (row.state != HealthState::Healthy && !provider.simulated) {
            words.push_back(rowWords(row, status.keys > 1));
            status.modelsAside += !row.model.empty() && row.state != HealthState::HalfOpen ? 1 : 0;
            if (row.model.empty() && row.key.empty()) {
                status.state = row.state;
                status.untilUs = row.untilUs;
            }
        }
        status.rows.push_back(row);
    }
    judgeKeys(status);
    for (const auto& one : words) {
        status.words += (status.words.empty() ? "" : "; ") + one;
    }
    return status;
}

} // namespace

std::vector<ProviderStatus> summedUp(const Config& config,
    const std::vector<proxy::HealthRow>& rows, const std::vector<proxy::ProviderLoad>& loads)
{
    std::vector<ProviderStatus> out;
    out.reserve(config.providers.size());
    for (const auto& provider : config.providers) {
        auto status = statusOf(provider, rows);
        for (const auto& load : loads) {
            if (load.provider == provider.name) {
                status.inFlight = load.inFlight;
                status.waiting = load.waiting;
            }
        }
        out.push_back(std::move(status));
    }
    return out;
}

} // namespace headgate::service
