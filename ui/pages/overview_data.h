// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The numbers behind the overview: report rows cut into bars and groups, totals, and where the hard
// pools stand. Plain values, no queries; GUI thread.

#include "core/activity/activity_log.h"
#include "core/ledger/ledger.h"
#include "ui/charts/spend_chart.h"
#include "ui/context.h"
#include "ui/delegates/delegates.h"

#include <map>
#include <optional>
#include <vector>

namespace headgate::ui {

struct Tally {
    std::int64_t requests = 0;
    std::int64_t refused = 0;
    std::int64_t downgraded = 0;
    std::int64_t failed = 0;
    Money cost;
    Money baseline;
    void add(const activity::ReportRow& row);
    void add(const Tally& other);
};

class OverviewData {
public:
    /// Starts over for a range and a grouping ("model" or "tier").
    void reset(TimeUs fromUs, TimeUs toUs, const QString& by);
    /// Puts rows in; rows of the last bar replace what it held when `onlyLast` is set.
    void fill(const std::vector<activity::ReportRow>& rows, bool onlyLast);

    [[nodiscard]] const Buckets& buckets() const { return m_buckets; }
    [[nodiscard]] activity::Rollup rollup() const;
    [[nodiscard]] const QString& by() const { return m_by; }
    [[nodiscard]] Tally total() const;
    [[nodiscard]] SpendData chart() const;
    [[nodiscard]] std::vector<qint64> sparkOf(std::int64_t Tally::*field) const;
    [[nodiscard]] std::vector<qint64> sparkOfCost() const;

private:
    Buckets m_buckets;
    QString m_by;
    std::map<std::string, std::vector<Tally>> m_groups; ///< one tally a bar
};

/// One account of a hard pool as the overview lists it.
struct PoolRisk {
    QString name; ///< "team-search · search"
    MoneyBar bar;
    Money left;
    bool frozen = false;
    std::optional<TimeUs> resetsAtUs;
    QString window; ///< "day", "lifetime"
};
/// Accounts of hard pools, most used first. Pools nobody has used yet count with nothing used.
[[nodiscard]] std::vector<PoolRisk> poolRisks(const std::vector<ledger::PoolState>& states);
/// The account with the least money left; null when there is no hard pool.
[[nodiscard]] const PoolRisk* tightest(const std::vector<PoolRisk>& risks);

/// The filters of the stack that roll-ups know; `others` counts those they do not.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> reportFilters(
    const std::vector<FilterItem>& filters, int* others);

} // namespace headgate::ui
