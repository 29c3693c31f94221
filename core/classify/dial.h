// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// From a promise ("at most 2 % worse than the strong model, with 90 % confidence") to a threshold,
// using prompts that both models answered. A threshold read off such a sample breaks its promise
// in half of all draws, so the bound that has to hold includes what the sample cannot know. Pure.

#include "core/classify/curve.h"

#include <cstdint>
#include <span>
#include <string>

namespace headgate::classify {

/// Below this, thresholds were seen to break their promise too often.
inline constexpr std::size_t shadowTestsMin = 300;

enum class DialRule : std::uint8_t {
    UpperConfidence, ///< mean harm + z · standard error, walking from the safe end
    ConformalRisk ///< no harm is set off against gain (Angelopoulos et al., 2022): stricter
};

struct Promise {
    double worseAtMost = 0.02; ///< of the strong model's quality
    double confidence = 0.90; ///< one-sided; between 0.5 and 0.999
    DialRule rule = DialRule::UpperConfidence;
};

struct Setting {
    bool enough = false; ///< false: all goes to the strong model, and `why` says what is missing
    std::size_t missing = 0; ///< shadow-tested prompts still needed
    double threshold = 0; ///< calls that score at least this go to the strong model
    double strongShare = 1; ///< of the sample
    double worse = 0; ///< seen in the sample, of the strong model's quality
    double worseBound = 0; ///< with the confidence asked for
    std::string why; ///< one sentence
};

[[nodiscard]] Setting settingFor(std::span<const Scored> shadowTested, const Promise& promise);

/// Quantile of the standard normal distribution (Acklam's approximation), for p in (0, 1).
[[nodiscard]] double normalQuantile(double p);

} // namespace headgate::classify
