// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/classify/dial.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <vector>

namespace headgate::classify {

namespace {

/// Thresholds that are tried: fewer looks at the sample, fewer chances to be fooled by it.
constexpr std::size_t stepsMax = 50;

/// Running sums over the prompts that would go to the cheap model.
struct Harm {
    double sum = 0;
    double squares = 0;
    double lost = 0; ///< harm alone, gains not set off

    void add(const Scored& row)
    {
        const double harm = row.strong - row.cheap;
        sum += harm;
        squares += harm * harm;
        lost += std::max(0.0, harm);
    }
};

double upperBound(const Harm& harm, double count, double z)
{
    const double mean = harm.sum / count;
    const double variance = std::max(0.0, harm.squares / count - mean * mean);
    // One imagined prompt that was harmed: a sample without harm proves no certainty.
    return (harm.sum + 1) / (count + 1) + z * std::sqrt(variance / count);
}

/// Expected harm is at most this when thresholds are chosen by it; the worst outcome is 1. The
/// margin turns the expectation into a bound that holds with confidence (Hoeffding would be too
/// wide for a rare harm; the variance of a count is its mean).
double conformalBound(const Harm& harm, double count, double z)
{
    const double mean = harm.lost / count;
    return (harm.lost + 1) / (count + 1) + z * std::sqrt((mean + 1 / count) / count);
}

std::string percent(double share)
{
    const double tenths = std::round(share * 1000);
    const auto whole = static_cast<long>(tenths);
    return std::to_string(whole / 10) + "." + std::to_string(std::labs(whole % 10)) + " %";
}

Setting notEnough(std::size_t have)
{
    Setting out;
    out.threshold = -std::numeric_limits<double>::infinity();
    out.missing = shadowTestsMin - have;
    out.why = "Not enough evidence: " + std::to_string(have) + " shadow-tested prompts, "
        + std::to_string(out.missing) + " more are needed; all goes to the strong model.";
    return out;
}

} // namespace

double normalQuantile(double p)
{
    constexpr std::array<double, 6> a{-3.969683028665376e+01, 2.209460984245205e+02,
        -2.759285104469687e+02, 1.383577518672690e+02, -3.066479806614716e+01,
        2.506628277459239e+00};
    constexpr std::array<double, 5> b{-5.447609879822406e+01, 1.615858368580409e+02,
        -1.556989798598866e+02, 6.680131188771972e+01, -1.328068155288572e+01};
    constexpr std::array<double, 6> c{-7.784894002430293e-03, -3.223964580411365e-01,
        -2.400758277161838e+00, -2.549732539343734e+00, 4.374664141464968e+00,
        2.938163982698783e+00};
    constexpr std::array<double, 4> d{
        7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00};
    constexpr double tail = 0.02425;
    if (p > 0.5) {
        return -normalQuantile(1 - p);
    }
    if (p < tail) {
        const double q = std::sqrt(-2 * std::log(std::max(p, 1e-300)));
        return (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5])
            / ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
    }
    const double q = p - 0.5;
    const double r = q * q;
    return (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q
        / (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
}

Setting settingFor(std::span<const Scored> shadowTested, const Promise& promise)
{
    if (shadowTested.size() < shadowTestsMin) {
        return notEnough(shadowTested.size());
    }
    std::vector<Scored> order(shadowTested.begin(), shadowTested.end());
    std::sort(order.begin(), order.end(),
        [](const Scored& a, const Scored& b) { return a.score < b.score; });
    const auto count = static_cast<double>(order.size());
    double strong = 0;
    for (const Scored& row : order) {
        strong += row.strong / count;
    }
    const double allowed = promise.worseAtMost * strong;
    const double z = normalQuantile(std::clamp(promise.confidence, 0.5, 0.999));

    Setting out;
    out.enough = true;
    out.threshold = order.front().score;
    out.why = "Even a small share for the cheap model may break the promise.";
    const std::size_t step = std::max<std::size_t>(1, order.size() / stepsMax);
    Harm harm;
    std::size_t next = step;
    for (std::size_t i = 0; i < order.size(); ++i) {
        harm.add(order[i]);
        const bool tie = i + 1 < order.size() && order[i + 1].score == order[i].score;
        if (i + 1 < next || tie) {
            continue;
        }
        next = i + 1 + step;
        const double bound = promise.rule == DialRule::ConformalRisk
            ? conformalBound(harm, count, z)
            : upperBound(harm, count, z);
        if (bound > allowed) {
            break; // walking on until it happens to fit again would be luck
        }
        out.threshold
            = i + 1 < order.size() ? order[i + 1].score : std::numeric_limits<double>::infinity();
        out.strongShare = 1 - static_cast<double>(i + 1) / count;
        out.worse = harm.sum / count / std::max(strong, 1e-9);
        out.worseBound = bound / std::max(strong, 1e-9);
        out.why = percent(1 - out.strongShare) + " may go to the cheap model: seen "
            + percent(out.worse) + " worse, at most " + percent(out.worseBound) + ".";
    }
    return out;
}

} // namespace headgate::classify
