// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// How good a routing score is, over all shares of calls that go to the strong model. The curve is
// exact: prompts of one score are sent together, their order among themselves being anybody's.
// Pure; intervals are drawn with a seed.

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace headgate::classify {

/// One prompt: the score (higher: rather the strong model) and how well both models answered it.
struct Scored {
    double score = 0;
    double cheap = 0; ///< 0 … 1
    double strong = 0;
};

/// Quality when a share of the calls, those with the highest scores, goes to the strong model.
struct CurvePoint {
    double strongShare = 0;
    double quality = 0;
    double threshold = 0; ///< calls with at least this score are strong
};

class RoutingCurve {
public:
    explicit RoutingCurve(std::span<const Scored> rows);
    /// From no strong call to all of them, straight lines between.
    [[nodiscard]] const std::vector<CurvePoint>& points() const { return m_points; }
    [[nodiscard]] double cheapQuality() const { return m_points.front().quality; }
    [[nodiscard]] double strongQuality() const { return m_points.back().quality; }
    /// Share of the quality gap recovered, averaged over all shares (RouteLLM, 2024); random 0.5.
    /// 0.5 as well where there is no gap.
    [[nodiscard]] double apgr() const;
    /// Least share of strong calls for this share of the gap (0.5: CPT50); 1 when never below.
    [[nodiscard]] double callsFor(double gapShare) const;
    /// Least share of strong calls for a quality of `keep` times the strong model's.
    [[nodiscard]] double callsForQuality(double keep) const;
    /// Saving beside sending all to the strong model, which costs `strongPerCheap` cheap calls.
    [[nodiscard]] double savingAt(double keep, double strongPerCheap) const;

private:
    [[nodiscard]] double callsUntil(double quality) const;
    std::vector<CurvePoint> m_points;
};

/// Probability that a prompt which the cheap model fails scores above one that it does not.
[[nodiscard]] double failureAuc(std::span<const Scored> rows);

struct Interval {
    double low = 0;
    double high = 0;
};
/// 95 % percentile bootstrap over prompts.
[[nodiscard]] Interval bootstrap(std::span<const Scored> rows,
    const std::function<double(std::span<const Scored>)>& figure, int draws, std::uint64_t seed);

/// Squared error of probabilities, that of always saying the mean, and the mean distance between
/// said and seen over ten bins of equal size (ECE).
struct Calibration {
    double brier = 0;
    double brierOfMean = 0;
    double calibrationError = 0;
};
struct Forecast {
    double probability = 0;
    double outcome = 0;
};
[[nodiscard]] Calibration calibrationOf(std::span<const Forecast> rows);

/// Mean quality at a mean price.
struct PricedQuality {
    double dollarsPerThousand = 0;
    double quality = 0;
};
/// The best quality that mixtures of these points reach at each price (upper convex hull).
[[nodiscard]] std::vector<PricedQuality> convexHull(std::vector<PricedQuality> points);
/// Average quality of the hull between two prices (AIQ, RouterBench 2024): below its first point
/// the first point's quality does not count, above its last the last one's does.
[[nodiscard]] double averageQuality(std::span<const PricedQuality> hull, double from, double to);

} // namespace headgate::classify
