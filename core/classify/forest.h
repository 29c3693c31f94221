// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Boosted regression trees of three levels over the shape of a prompt (Friedman, "Stochastic
// gradient boosting", 2002), bagged. They see what lies between features, which the linear head
// cannot. Pure; the same seed and data give the same trees.

#include "core/base/rng.h"
#include "core/classify/structure.h"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace headgate::classify {

inline constexpr int treeBins = 32;
inline constexpr std::size_t treeNodes = 7;
inline constexpr std::size_t treeLeaves = 8;
inline constexpr std::uint8_t noSplit = 255; ///< every bin is below it: always left
/// Of one head: a thousand trees are 46 kB and some ten microseconds.
inline constexpr std::size_t treesMax = 1'000;

using Bins = std::array<std::uint8_t, structureCount>;
[[nodiscard]] Bins binsOf(const Structure& structure);

/// A complete tree: the children of node n are 2n + 1 (bin at most `bin`) and 2n + 2.
struct Tree {
    std::array<std::uint8_t, treeNodes> feature{};
    std::array<std::uint8_t, treeNodes> bin{};
    std::array<float, treeLeaves> leaf{};
};

struct Forest {
    float base = 0.5F;
    std::vector<Tree> trees;
    [[nodiscard]] float value(const Bins& bins) const;
    /// Adds to each feature what its splits moved the value by along this prompt's paths (Saabas).
    void explain(const Bins& bins, std::array<double, structureCount>& moved) const;
};

struct ForestOptions {
    int rounds = 200; ///< of each bag
    int bags = 2;
    float shrinkage = 0.03F;
    float leafPrior = 30; ///< as many imagined rows without residual in each leaf
    int rowsInLeafMin = 30;
    std::uint32_t rowsPermille = 500; ///< drawn for a tree
    std::uint32_t featuresPermille = 250; ///< allowed in a tree
};

struct ForestRows {
    std::span<const Bins> bins;
    std::span<const float> targets; ///< as many
};

/// Grows further trees on what `forest` leaves over; a forest without trees starts at the mean.
void growForest(Forest& forest, const ForestRows& rows, const ForestOptions& options, Rng& rng);

} // namespace headgate::classify
