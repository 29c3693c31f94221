// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The read side of activity.db: pages by key, reports from roll-ups, chain verification. Keeps a
// few read-only connections and lends one to each call; safe on any thread, blocks on the disk.

#include "core/activity/activity_log.h"
#include "core/base/sqlite.h"

#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace headgate::activity {

class ActivityReader {
public:
    ActivityReader(std::string path, std::string vfs);

    [[nodiscard]] Result<Page> page(const PageQuery& query) const;
    [[nodiscard]] Result<Decision> decision(DecisionId id) const;
    [[nodiscard]] Result<std::vector<ReportRow>> report(const ReportQuery& query) const;
    [[nodiscard]] Result<std::vector<Facet>> facet(
        const Filter& filter, const std::string& field, int limit) const;
    [[nodiscard]] Result<LatencySummary> latency(TimeUs fromUs, TimeUs toUs) const;
    [[nodiscard]] Result<std::int64_t> forEach(
        const Filter& filter, const std::function<bool(const Decision&)>& row) const;
    [[nodiscard]] Result<std::int64_t> verifyChain() const;

private:
    class Lease;
    [[nodiscard]] Result<Lease> borrow() const;

    std::string m_path;
    std::string m_vfs;
    mutable std::mutex m_mutex;
    mutable std::vector<std::unique_ptr<sqlite::Connection>> m_idle;
};

} // namespace headgate::activity
