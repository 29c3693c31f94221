// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/classify/blend.h"

#include <algorithm>
#include <cmath>

namespace headgate::classify {

namespace {

constexpr std::array<double, 6> shares{0.0, 0.2, 0.4, 0.6, 0.8, 1.0};

std::vector<double> scoresOf(std::span<const Scored> rows)
{
    std::vector<double> out;
    out.reserve(rows.size());
    for (const Scored& row : rows) {
        out.push_back(row.score);
    }
    return out;
}

} // namespace

ScoreRank::ScoreRank(std::vector<double> seen)
{
    std::sort(seen.begin(), seen.end());
    for (std::size_t i = 0; i < quantiles && !seen.empty(); ++i) {
        m_at[i] = seen[i * (seen.size() - 1) / (quantiles - 1)];
    }
}

double ScoreRank::of(double score) const
{
    // Of several equal quantiles the middle one: a common value is neither high nor low.
    const auto low = std::lower_bound(m_at.begin(), m_at.end(), score);
    const auto high = std::upper_bound(low, m_at.end(), score);
    constexpr double last = quantiles - 1;
    const auto position = static_cast<double>(low - m_at.begin());
    if (low != high) {
        return (position + static_cast<double>(high - m_at.begin()) - 1) / 2 / last;
    }
    if (low == m_at.begin() || low == m_at.end()) {
        return low == m_at.begin() ? 0 : 1;
    }
    const double below = *(low - 1);
    return (position - 1 + (score - below) / (*low - below)) / last;
}

Result<Blend> Blend::choose(std::span<const Scored> learned, std::span<const Scored> prior)
{
    if (learned.empty() || learned.size() != prior.size()) {
        return Error(ErrorCode::InvalidArgument, "The scores are not of the same prompts.",
            "Score the same prompts both ways.");
    }
    Blend out;
    out.m_learned = ScoreRank(scoresOf(learned));
    out.m_prior = ScoreRank(scoresOf(prior));
    // The mean over all shares, each weighed by how good it was: the best of a rough measure would
    // jump from one end to the other.
    std::vector<double> figures;
    std::vector<Scored> rows(learned.begin(), learned.end());
    for (const double share : shares) {
        out.m_share = share;
        for (std::size_t i = 0; i < rows.size(); ++i) {
            rows[i].score = out.score(learned[i].score, prior[i].score);
        }
        // The learned score has seen fewer labels here than it will have in use.
        constexpr double learnedBonus = 0.005;
        figures.push_back(RoutingCurve(rows).apgr() + learnedBonus * share);
    }
    const double best = *std::max_element(figures.begin(), figures.end());
    double sum = 0;
    double weight = 0;
    for (std::size_t i = 0; i < shares.size(); ++i) {
        // A part of the figure's standard error; the figures of one sample move together.
        const double rough = 0.25 / std::sqrt(static_cast<double>(rows.size()));
        const double part = std::max(0.0, 1 - (best - figures[i]) / rough);
        sum += part * shares[i];
        weight += part;
    }
    out.m_share = sum / weight;
    return out;
}

double Blend::score(double learned, double prior) const
{
    return m_share * m_learned.of(learned) + (1 - m_share) * m_prior.of(prior);
}

} // namespace headgate::classify
