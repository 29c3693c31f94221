// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// config.db: every revision of the configuration, one row each, so that a save is one atomic
// transaction and every earlier state can be taken back. Not thread-safe; the service guards it.

#include "core/base/sqlite.h"
#include "core/service/service.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace headgate::service {

class ConfigStore {
public:
    [[nodiscard]] static Result<ConfigStore> open(const std::string& path);

    /// The newest revision; nothing on a first start.
    [[nodiscard]] Result<std::optional<Config>> newest();
    [[nodiscard]] Result<Config> load(std::int64_t revision);
    /// Appends `config` as a revision; durable when it returns.
    [[nodiscard]] Result<void> save(const Config& config);
    [[nodiscard]] Result<std::vector<RevisionInfo>> list(int limit);

    /// One revision that changed pools, with the pools before and after it as JSON lists.
    struct PoolRevision {
        RevisionInfo info;
        std::string before;
        std::string after;
    };
    /// Newest first, until `take` says false.
    [[nodiscard]] Result<void> eachPoolRevision(
        const std::function<Result<bool>(const PoolRevision&)>& take);

    /// Counters that only grow, to notice that another file went back to an old state.
    [[nodiscard]] Result<std::int64_t> counter(const std::string& name);
    [[nodiscard]] Result<void> setCounter(const std::string& name, std::int64_t value);

private:
    sqlite::Connection m_connection;
};

} // namespace headgate::service
