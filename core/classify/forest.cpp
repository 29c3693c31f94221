// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/classify/forest.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace headgate::classify {

namespace {

struct Bucket {
    double sum = 0;
    double rows = 0;
};
using Histogram = std::array<Bucket, treeBins>;

struct Split {
    double gain = 0;
    std::uint8_t feature = 0;
    std::uint8_t bin = noSplit;
};

/// Grows one tree level by level; all nodes of a level share one pass over the rows.
class TreeGrower {
public:
    TreeGrower(
        const ForestRows& rows, const std::vector<float>& residuals, const ForestOptions& options)
        : m_rows(rows),
          m_residuals(residuals),
          m_options(options)
    {
    }

    Tree grow(Rng& rng)
    {
        draw(rng);
        Tree tree;
        tree.bin.fill(noSplit);
        m_node.assign(m_drawn.size(), 0);
        for (std::size_t first = 0; first < treeNodes; first = 2 * first + 1) {
            level(first, tree);
        }
        fillLeaves(tree);
        return tree;
    }

private:
    void draw(Rng& rng)
    {
        m_drawn.clear();
        for (std::size_t i = 0; i < m_rows.bins.size(); ++i) {
            if (rng.chancePermille(m_options.rowsPermille)) {
                m_drawn.push_back(static_cast<std::uint32_t>(i));
            }
        }
        m_features.clear();
        for (std::size_t f = 0; f < structureCount; ++f) {
            if (rng.chancePermille(m_options.featuresPermille)) {
                m_features.push_back(static_cast<std::uint8_t>(f));
            }
        }
    }

    void level(std::size_t first, Tree& tree)
    {
        const std::size_t width = first + 1;
        m_histograms.assign(width * m_features.size(), Histogram{});
        for (std::size_t k = 0; k < m_drawn.size(); ++k) {
            const std::uint32_t row = m_drawn[k];
            const Bins& bins = m_rows.bins[row];
            Histogram* const base = &m_histograms[(m_node[k] - first) * m_features.size()];
            for (std::size_t f = 0; f < m_features.size(); ++f) {
                Bucket& bucket = base[f][bins[m_features[f]]];
                bucket.sum += static_cast<double>(m_residuals[row]);
                bucket.rows += 1;
            }
        }
        for (std::size_t node = 0; node < width && !m_features.empty(); ++node) {
            const Split split = bestSplit(node * m_features.size());
            tree.feature[first + node] = split.feature;
            tree.bin[first + node] = split.bin;
        }
        for (std::size_t k = 0; k < m_drawn.size(); ++k) {
            const std::size_t node = m_node[k];
            const bool left = m_rows.bins[m_drawn[k]][tree.feature[node]] <= tree.bin[node];
            m_node[k] = static_cast<std::uint8_t>(2 * node + (left ? 1 : 2));
        }
    }

    [[nodiscard]] double score(double sum, double rows) const
    {
        return sum * sum / (rows + static_cast<double>(m_options.leafPrior));
    }

    [[nodiscard]] Split bestSplit(std::size_t firstHistogram) const
    {
        Split best;
        const double least = m_options.rowsInLeafMin;
        for (std::size_t f = 0; f < m_features.size(); ++f) {
            const Histogram& histogram = m_histograms[firstHistogram + f];
            Bucket all;
            for (const Bucket& bucket : histogram) {
                all.sum += bucket.sum;
                all.rows += bucket.rows;
            }
            Bucket left;
            for (std::size_t bin = 0; bin + 1 < treeBins; ++bin) {
                left.sum += histogram[bin].sum;
                left.rows += histogram[bin].rows;
                if (left.rows < least || all.rows - left.rows < least) {
                    continue;
                }
                const double gain = score(left.sum, left.rows)
                    + score(all.sum - left.sum, all.rows - left.rows) - score(all.sum, all.rows);
                if (gain > best.gain) {
                    best = {gain, m_features[f], static_cast<std::uint8_t>(bin)};
                }
            }
        }
        return best;
    }

    void fillLeaves(Tree& tree) const
    {
        std::array<Bucket, treeLeaves> leaves{};
        for (std::size_t k = 0; k < m_drawn.size(); ++k) {
            Bucket& leaf = leaves[m_node[k] - treeNodes];
            leaf.sum += static_cast<double>(m_residuals[m_drawn[k]]);
            leaf.rows += 1;
        }
        for (std::size_t i = 0; i < treeLeaves; ++i) {
            const double mean
                = leaves[i].sum / (leaves[i].rows + static_cast<double>(m_options.leafPrior));
            tree.leaf[i] = m_options.shrinkage * static_cast<float>(mean);
        }
    }

    const ForestRows& m_rows;
    const std::vector<float>& m_residuals;
    const ForestOptions& m_options;
    std::vector<std::uint32_t> m_drawn;
    std::vector<std::uint8_t> m_node;
    std::vector<std::uint8_t> m_features;
    std::vector<Histogram> m_histograms;
};

std::size_t leafOf(const Tree& tree, const Bins& bins)
{
    std::size_t node = 0;
    while (node < treeNodes) {
        node = 2 * node + (bins[tree.feature[node]] <= tree.bin[node] ? 1 : 2);
    }
    return node - treeNodes;
}

} // namespace

Bins binsOf(const Structure& structure)
{
    Bins out{};
    for (std::size_t i = 0; i < structureCount; ++i) {
        const float scaled = std::clamp(structure[i], 0.0F, 1.0F) * (treeBins - 1);
        out[i] = static_cast<std::uint8_t>(std::lround(scaled));
    }
    return out;
}

float Forest::value(const Bins& bins) const
{
    float sum = base;
    for (const Tree& tree : trees) {
        sum += tree.leaf[leafOf(tree, bins)];
    }
    return sum;
}

void Forest::explain(const Bins& bins, std::array<double, structureCount>& moved) const
{
    for (const Tree& tree : trees) {
        // The value of an inner node is the mean of the leaves under it.
        std::array<double, treeNodes + treeLeaves> mean{};
        for (std::size_t i = 0; i < treeLeaves; ++i) {
            mean[treeNodes + i] = static_cast<double>(tree.leaf[i]);
        }
        for (std::size_t node = treeNodes; node-- > 0;) {
            mean[node] = tree.bin[node] == noSplit ? mean[2 * node + 1]
                                                   : (mean[2 * node + 1] + mean[2 * node + 2]) / 2;
        }
        std::size_t node = 0;
        while (node < treeNodes) {
            const std::size_t feature = tree.feature[node];
            const std::size_t next = 2 * node + (bins[feature] <= tree.bin[node] ? 1 : 2);
            moved[feature] += mean[next] - mean[node];
            node = next;
        }
    }
}

void growForest(Forest& forest, const ForestRows& rows, const ForestOptions& options, Rng& rng)
{
    if (rows.bins.empty() || rows.bins.size() != rows.targets.size() || options.bags < 1) {
        return;
    }
    if (forest.trees.empty()) {
        const double sum = std::accumulate(rows.targets.begin(), rows.targets.end(), 0.0);
        forest.base = static_cast<float>(sum / static_cast<double>(rows.targets.size()));
    }
    std::vector<float> start(rows.targets.size());
    for (std::size_t i = 0; i < start.size(); ++i) {
        start[i] = rows.targets[i] - forest.value(rows.bins[i]);
    }
    const float bagShare = 1.0F / static_cast<float>(options.bags);
    for (int bag = 0; bag < options.bags; ++bag) {
        std::vector<float> residuals = start;
        TreeGrower grower(rows, residuals, options);
        for (int round = 0; round < options.rounds && forest.trees.size() < treesMax; ++round) {
            Tree tree = grower.grow(rng);
            for (std::size_t i = 0; i < residuals.size(); ++i) {
                residuals[i] -= tree.leaf[leafOf(tree, rows.bins[i])];
            }
            for (float& leaf : tree.leaf) {
                leaf *= bagShare;
            }
            forest.trees.push_back(tree);
        }
    }
}

} // namespace headgate::classify
