// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Whether a newly trained score may replace the one in use: only if it is better on prompts that
// came after those it learned from, by an interval, than the old one, than prompt length and than a
// control that learned from shuffled labels. Pure.

#include "core/classify/curve.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace headgate::classify {

/// With fewer, intervals are wider than any difference between scores.
inline constexpr std::size_t holdOutMin = 100;

/// The same prompts under each score; cheap and strong outcomes are those of the hold-out.
struct Candidates {
    std::vector<Scored> fresh;
    std::vector<Scored> old; ///< empty: there is none yet
    std::vector<Scored> length;
    std::vector<Scored> shuffled; ///< the same training with its labels shuffled
};

struct Verdict {
    bool publish = false;
    double apgr = 0;
    Interval overOld; ///< 90 % interval of the difference of APGR, in pairs
    Interval overLength;
    Interval overShuffled;
    std::string why; ///< one sentence
};
[[nodiscard]] Verdict judge(const Candidates& candidates, std::uint64_t seed);

/// Index of the first row of the hold-out: the last `permille` of rows in the order of time.
[[nodiscard]] std::size_t holdOutBegin(std::size_t rows, std::size_t permille = 250);

} // namespace headgate::classify
