// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/classify/curve.h"

#include "core/base/rng.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace headgate::classify {

RoutingCurve::RoutingCurve(std::span<const Scored> rows)
{
    std::vector<Scored> order(rows.begin(), rows.end());
    std::sort(order.begin(), order.end(),
        [](const Scored& a, const Scored& b) { return a.score > b.score; });
    double sum = 0;
    for (const Scored& row : order) {
        sum += row.cheap;
    }
    const double count = std::max(1.0, static_cast<double>(order.size()));
    m_points.push_back({0, sum / count, std::numeric_limits<double>::infinity()});
    for (std::size_t i = 0; i < order.size();) {
        std::size_t end = i;
        while (end < order.size() && order[end].score == order[i].score) {
            sum += order[end].strong - order[end].cheap;
            ++end;
        }
        m_points.push_back({static_cast<double>(end) / count, sum / count, order[i].score});
        i = end;
    }
    if (order.empty()) {
        m_points.push_back({1, 0, 0});
    }
}

double RoutingCurve::apgr() const
{
    const double gap = strongQuality() - cheapQuality();
    if (std::abs(gap) < 1e-12) {
        return 0.5;
    }
    double area = 0;
    for (std::size_t i = 1; i < m_points.size(); ++i) {
        const double width = m_points[i].strongShare - m_points[i - 1].strongShare;
        const double mean = (m_points[i].quality + m_points[i - 1].quality) / 2;
        area += width * (mean - cheapQuality());
    }
    return area / gap;
}

double RoutingCurve::callsUntil(double quality) const
{
    if (cheapQuality() >= quality) {
        return 0;
    }
    for (std::size_t i = 1; i < m_points.size(); ++i) {
        const CurvePoint& from = m_points[i - 1];
        const CurvePoint& to = m_points[i];
        if (to.quality >= quality) {
            const double part = (quality - from.quality) / (to.quality - from.quality);
            return from.strongShare + part * (to.strongShare - from.strongShare);
        }
    }
    return 1;
}

double RoutingCurve::callsFor(double gapShare) const
{
    // Rounding must not let "the whole gap" lie above the last point.
    return callsUntil(cheapQuality() + gapShare * (strongQuality() - cheapQuality()) - 1e-12);
}

double RoutingCurve::callsForQuality(double keep) const
{
    return callsUntil(keep * strongQuality() - 1e-12);
}

double RoutingCurve::savingAt(double keep, double strongPerCheap) const
{
    return (1 - callsForQuality(keep)) * (1 - 1 / strongPerCheap);
}

double failureAuc(std::span<const Scored> rows)
{
    std::vector<Scored> order(rows.begin(), rows.end());
    std::sort(order.begin(), order.end(),
        [](const Scored& a, const Scored& b) { return a.score < b.score; });
    double failures = 0;
    double successes = 0;
    double pairs = 0;
    for (std::size_t i = 0; i < order.size();) {
        double failed = 0;
        double right = 0;
        std::size_t end = i;
        for (; end < order.size() && order[end].score == order[i].score; ++end) {
            failed += 1 - order[end].cheap;
            right += order[end].cheap;
        }
        pairs += failed * (successes + right / 2);
        failures += failed;
        successes += right;
        i = end;
    }
    return failures > 0 && successes > 0 ? pairs / (failures * successes) : 0.5;
}

Interval bootstrap(std::span<const Scored> rows,
    const std::function<double(std::span<const Scored>)>& figure, int draws, std::uint64_t seed)
{
    if (rows.empty() || draws < 1) {
        return {};
    }
    Rng rng(seed);
    std::vector<double> figures;
    std::vector<Scored> drawn(rows.size());
    for (int draw = 0; draw < draws; ++draw) {
        for (Scored& row : drawn) {
            row = rows[rng.below(rows.size())];
        }
        figures.push_back(figure(drawn));
    }
    std::sort(figures.begin(), figures.end());
    const auto at = [&](double share) {
        return figures[static_cast<std::size_t>(share * static_cast<double>(figures.size() - 1))];
    };
    return {at(0.025), at(0.975)};
}

Calibration calibrationOf(std::span<const Forecast> rows)
{
    Calibration out;
    if (rows.empty()) {
        return out;
    }
    std::vector<Forecast> order(rows.begin(), rows.end());
    std::sort(order.begin(), order.end(),
        [](const Forecast& a, const Forecast& b) { return a.probability < b.probability; });
    const auto count = static_cast<double>(order.size());
    double mean = 0;
    for (const Forecast& row : order) {
        mean += row.outcome / count;
        const double error = row.probability - row.outcome;
        out.brier += error * error / count;
    }
    for (const Forecast& row : order) {
        out.brierOfMean += (mean - row.outcome) * (mean - row.outcome) / count;
    }
    // Equal probabilities stay in one bin: their order among themselves is chance.
    constexpr std::size_t bins = 10;
    double apart = 0;
    std::size_t inBin = 0;
    for (std::size_t i = 0; i < order.size(); ++i) {
        apart += order[i].probability - order[i].outcome;
        ++inBin;
        const bool last = i + 1 == order.size();
        if (last
            || (inBin * bins >= order.size() && order[i + 1].probability != order[i].probability)) {
            out.calibrationError += std::abs(apart) / count;
            apart = 0;
            inBin = 0;
        }
    }
    return out;
}

std::vector<PricedQuality> convexHull(std::vector<PricedQuality> points)
{
    std::sort(points.begin(), points.end(), [](const PricedQuality& a, const PricedQuality& b) {
        return a.dollarsPerThousand != b.dollarsPerThousand
            ? a.dollarsPerThousand < b.dollarsPerThousand
            : a.quality > b.quality;
    });
    std::vector<PricedQuality> hull;
    for (const PricedQuality& point : points) {
        if (!hull.empty() && point.quality <= hull.back().quality) {
            continue; // dearer and no better
        }
        while (hull.size() >= 2) {
            const PricedQuality& a = hull[hull.size() - 2];
            const PricedQuality& b = hull.back();
            const double left
                = (b.quality - a.quality) * (point.dollarsPerThousand - a.dollarsPerThousand);
            const double right
                = (point.quality - a.quality) * (b.dollarsPerThousand - a.dollarsPerThousand);
            if (left > right) {
                break;
            }
            hull.pop_back();
        }
        hull.push_back(point);
    }
    return hull;
}

double averageQuality(std::span<const PricedQuality> hull, double from, double to)
{
    if (hull.empty() || to <= from) {
        return 0;
    }
    const auto piece = [&](const PricedQuality& a, const PricedQuality& b) {
        const double low = std::max(a.dollarsPerThousand, from);
        const double high = std::min(b.dollarsPerThousand, to);
        if (high <= low) {
            return 0.0;
        }
        const double slope = b.dollarsPerThousand > a.dollarsPerThousand
            ? (b.quality - a.quality) / (b.dollarsPerThousand - a.dollarsPerThousand)
            : 0.0;
        const double middle = (low + high) / 2;
        return (high - low) * (a.quality + slope * (middle - a.dollarsPerThousand));
    };
    double area = 0;
    for (std::size_t i = 1; i < hull.size(); ++i) {
        area += piece(hull[i - 1], hull[i]);
    }
    const PricedQuality& last = hull.back();
    if (last.dollarsPerThousand < to) {
        area += (to - std::max(last.dollarsPerThousand, from)) * last.quality;
    }
    return area / (to - from);
}

} // namespace headgate::classify
