// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// How much the learned score decides beside the prior (length, heuristic, difficulty): with few
// labels a mixture is better than either. The share is validated on prompts that the learned score
// did not see. Pure.

#include "core/base/result.h"
#include "core/classify/curve.h"

#include <array>
#include <span>
#include <string>
#include <vector>

namespace headgate::classify {

/// Where a score stands among those seen in training, 0 … 1; between the kept quantiles straight
/// lines. So scores of any unit can be mixed, one prompt at a time.
class ScoreRank {
public:
    ScoreRank() = default;
    explicit ScoreRank(std::vector<double> seen);
    [[nodiscard]] double of(double score) const;

private:
    static constexpr std::size_t quantiles = 65;
    std::array<double, quantiles> m_at{};
};

class Blend {
public:
    /// `learned` holds held-out scores, `prior` those of the same prompts in the same order.
    /// Errors: nothing, or not the same number.
    [[nodiscard]] static Result<Blend> choose(
        std::span<const Scored> learned, std::span<const Scored> prior);
    [[nodiscard]] double score(double learned, double prior) const;
    /// Of the learned score, 0 … 1.
    [[nodiscard]] double share() const { return m_share; }

private:
    double m_share = 1;
    ScoreRank m_learned;
    ScoreRank m_prior;
};

} // namespace headgate::classify
