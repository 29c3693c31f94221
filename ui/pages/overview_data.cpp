// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/overview_data.h"

#include "ui/widgets/widgets.h"

#include <QCoreApplication>

#include <algorithm>

namespace headgate::ui {

namespace {

constexpr std::size_t seriesShown
    = 7; // the eighth colour is left for a newcomer, the rest is "Other"

QString groupTitle(const QString& by, const std::string& group)
{
    if (by == QLatin1String("tier")) {
        return QCoreApplication::translate("Overview", "Tier %1").arg(toQt(group));
    }
    return safeText(group);
}

} // namespace

void Tally::add(const activity::ReportRow& row)
{
    requests += row.requests;
    refused += row.refused;
    downgraded += row.downgraded;
    failed += row.failed;
    cost = cost.plusSaturated(row.cost);
    baseline = baseline.plusSaturated(row.baseline);
}

void Tally::add(const Tally& other)
{
    requests += other.requests;
    refused += other.refused;
    downgraded += other.downgraded;
    failed += other.failed;
    cost = cost.plusSaturated(other.cost);
    baseline = baseline.plusSaturated(other.baseline);
}

void OverviewData::reset(TimeUs fromUs, TimeUs toUs, const QString& by)
{
    m_buckets = Buckets::forRange(fromUs, toUs);
    m_by = by;
    m_groups.clear();
}

activity::Rollup OverviewData::rollup() const
{
    // Local days do not start at a UTC day: bars of whole days are summed from hours.
    return m_buckets.stepUs < usPerHour ? activity::Rollup::Minute : activity::Rollup::Hour;
}

void OverviewData::fill(const std::vector<activity::ReportRow>& rows, bool onlyLast)
{
    if (onlyLast) {
        for (auto& [name, bars] : m_groups) {
            bars.back() = Tally{};
        }
    } else {
        m_groups.clear();
    }
    for (const activity::ReportRow& row : rows) {
        // A roll-up bucket may begin before the range and reach into it.
        const int index = std::max(0, m_buckets.indexOf(std::max(row.bucketUs, m_buckets.fromUs)));
        auto& bars = m_groups[row.group];
        bars.resize(static_cast<std::size_t>(m_buckets.count));
        bars[static_cast<std::size_t>(index)].add(row);
    }
}

Tally OverviewData::total() const
{
    Tally sum;
    for (const auto& [name, bars] : m_groups) {
        for (const Tally& bar : bars) {
            sum.add(bar);
        }
    }
    return sum;
}

SpendData OverviewData::chart() const
{
    SpendData data;
    data.buckets = m_buckets;
    for (const auto& [name, bars] : m_groups) {
        SpendSeries series;
        series.name = groupTitle(m_by, name);
        if (m_by == QLatin1String("tier")) {
            series.colorIndex = std::max(0, toQt(name).toInt() - 1);
        }
        for (const Tally& bar : bars) {
            series.values.push_back(bar.cost);
        }
        if (!series.total().isZero()) {
            data.series.push_back(std::move(series));
        }
    }
    data.foldSmall(seriesShown, otherSeriesName());
    return data;
}

std::vector<qint64> OverviewData::sparkOf(std::int64_t Tally::*field) const
{
    std::vector<qint64> out(static_cast<std::size_t>(m_buckets.count));
    for (const auto& [name, bars] : m_groups) {
        for (std::size_t i = 0; i < bars.size(); ++i) {
            out[i] += bars[i].*field;
        }
    }
    return out;
}

std::vector<qint64> OverviewData::sparkOfCost() const
{
    std::vector<Money> sums(static_cast<std::size_t>(m_buckets.count));
    for (const auto& [name, bars] : m_groups) {
        for (std::size_t i = 0; i < bars.size(); ++i) {
            sums[i] = sums[i].plusSaturated(bars[i].cost);
        }
    }
    std::vector<qint64> out;
    out.reserve(sums.size());
    for (const Money sum : sums) {
        out.push_back(sum.nano());
    }
    return out;
}

std::vector<PoolRisk> poolRisks(const std::vector<ledger::PoolState>& states)
{
    std::vector<PoolRisk> risks;
    for (const ledger::PoolState& state : states) {
        const ledger::Pool& pool = state.pool;
        if (!pool.hard || pool.archived || ledger::isPerRequest(pool)) {
            continue;
        }
        PoolRisk base;
        base.name = safeText(pool.name);
        base.window = toQt(pool.window.text());
        base.frozen = pool.frozen;
        if (state.accounts.empty()) {
            base.bar = {0, 0, pool.cap.nano(), pool.reservePercent};
            base.left = pool.cap;
            risks.push_back(base);
        }
        for (const ledger::AccountView& account : state.accounts) {
            PoolRisk risk = base;
            if (!account.key.value.empty()) {
                risk.name += QStringLiteral(" · ") + safeText(account.key.value);
            }
            const Money cap = pool.cap.plusSaturated(account.balance.toppedUp);
            risk.bar = {account.balance.settled.nano(), account.balance.held.nano(), cap.nano(),
                pool.reservePercent};
            const Money left
                = cap.minusSaturated(account.balance.settled).minusSaturated(account.balance.held);
            risk.left = std::max(left, Money());
            risk.frozen = pool.frozen || account.balance.frozen;
            risk.resetsAtUs = account.resetsAtUs;
            risks.push_back(std::move(risk));
        }
    }
    std::stable_sort(risks.begin(), risks.end(), [](const PoolRisk& a, const PoolRisk& b) {
        return usedPercent(a.bar) > usedPercent(b.bar);
    });
    return risks;
}

const PoolRisk* tightest(const std::vector<PoolRisk>& risks)
{
    const auto least = std::min_element(risks.begin(), risks.end(),
        [](const PoolRisk& a, const PoolRisk& b) { return a.left < b.left; });
    return least == risks.end() ? nullptr : &*least;
}

std::vector<std::pair<std::string, std::string>> reportFilters(
    const std::vector<FilterItem>& filters, int* others)
{
    static const QStringList known{QStringLiteral("model"), QStringLiteral("team"),
        QStringLiteral("user"), QStringLiteral("key"), QStringLiteral("tier"),
        QStringLiteral("task"), QStringLiteral("status"), QStringLiteral("provider")};
    std::vector<std::pair<std::string, std::string>> out;
    *others = 0;
    for (const FilterItem& item : filters) {
        if (known.contains(item.field)) {
            out.emplace_back(fromQt(item.field), fromQt(item.value));
        } else {
            ++*others;
        }
    }
    return out;
}

} // namespace headgate::ui
