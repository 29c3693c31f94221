// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/classify/publish.h"

#include "core/base/rng.h"

#include <algorithm>
#include <cmath>

namespace headgate::classify {

namespace {

constexpr int draws = 400;

/// 90 % interval of APGR(a) − APGR(b), both on the same drawn prompts.
Interval difference(const std::vector<Scored>& a, const std::vector<Scored>& b, std::uint64_t seed)
{
    Rng rng(seed);
    std::vector<double> found;
    std::vector<Scored> drawnA(a.size());
    std::vector<Scored> drawnB(a.size());
    for (int draw = 0; draw < draws; ++draw) {
        for (std::size_t i = 0; i < a.size(); ++i) {
            const std::size_t row = rng.below(a.size());
            drawnA[i] = a[row];
            drawnB[i] = b[row];
        }
        found.push_back(RoutingCurve(drawnA).apgr() - RoutingCurve(drawnB).apgr());
    }
    std::sort(found.begin(), found.end());
    return {found[draws / 20], found[draws - 1 - draws / 20]};
}

bool sameSize(const Candidates& c)
{
    return c.length.size() == c.fresh.size() && c.shuffled.size() == c.fresh.size()
        && (c.old.empty() || c.old.size() == c.fresh.size());
}

} // namespace

std::size_t holdOutBegin(std::size_t rows, std::size_t permille)
{
    return rows - rows * std::min<std::size_t>(permille, 1000) / 1000;
}

Verdict judge(const Candidates& candidates, std::uint64_t seed)
{
    Verdict out;
    if (!sameSize(candidates)) {
        out.why = "The scores are not of the same prompts.";
        return out;
    }
    if (candidates.fresh.size() < holdOutMin) {
        out.why = "Only " + std::to_string(candidates.fresh.size())
            + " prompts are held out; at least " + std::to_string(holdOutMin) + " are needed.";
        return out;
    }
    const RoutingCurve curve(candidates.fresh);
    out.apgr = curve.apgr();
    // A gap that is hardly there, or the wrong way round, makes every ratio to it noise.
    if (curve.strongQuality() - curve.cheapQuality() < 0.005) {
        out.why = "The strong model is no better on the held-out prompts: nothing to route by.";
        return out;
    }
    out.overShuffled = difference(candidates.fresh, candidates.shuffled, seed);
    out.overLength = difference(candidates.fresh, candidates.length, seed + 1);
    if (out.overShuffled.low <= 0) {
        out.why = "It is not surely better than one that learned from shuffled labels.";
        return out;
    }
    if (out.overLength.low <= 0) {
        out.why = "It is not surely better than going by the length of the prompt.";
        return out;
    }
    if (!candidates.old.empty()) {
        out.overOld = difference(candidates.fresh, candidates.old, seed + 2);
        if (out.overOld.low <= 0) {
            out.why = "It is not surely better than the one in use.";
            return out;
        }
    }
    out.publish = true;
    out.why = "It is better than what it replaces, than length and than chance.";
    return out;
}

} // namespace headgate::classify
