// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/classify/classifier.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <unordered_map>

namespace headgate::classify {

/// Sums up what each named feature moved, over the heads that a score is made of.
class Explainer {
public:
    Explainer(const Classifier& classifier, std::string_view text, const PromptTags& tags)
        : m_classifier(classifier)
    {
        FeatureReader reader;
        reader.read(text, tags, m_features);
        m_bins = binsOf(m_features.structure);
        for (auto& [slot, name] : nameFeatures(text, tags)) {
            m_names.emplace(slot, std::move(name));
        }
    }

    /// The logistic head is told as if the features came one after the other along a straight line
    /// from the bare score to the full one: each gets the share of its part of the sum.
    void add(std::size_t index, double sign)
    {
        const Classifier::Head& head = m_classifier.m_heads[index];
        const double full = Classifier::blended(head, m_features, m_bins);
        const bool trees = !head.forest.trees.empty();
        const double share = trees ? static_cast<double>(head.forestShare) : 0.0;
        const auto bias = static_cast<double>(head.bias);
        const double line = Classifier::linear(head, m_features);
        const auto p = [](double z) { return 1.0 / (1.0 + std::exp(-z)); };
        const double reach = line - bias;
        // The derivative stands in where the sum is too small to divide by.
        const double perUnit
            = std::abs(reach) > 1e-9 ? (p(line) - p(bias)) / reach : p(bias) * (1 - p(bias));
        for (const Feature& feature : m_features.table) {
            const double part = static_cast<double>(head.weights[feature.slot])
                * static_cast<double>(feature.value);
            m_moved[nameOf(feature.slot)] += sign * (1 - share) * perUnit * part;
        }
        double bare = (1 - share) * p(bias);
        if (trees) {
            std::array<double, structureCount> moved{};
            head.forest.explain(m_bins, moved);
            double sum = 0;
            for (std::size_t i = 0; i < structureCount; ++i) {
                m_moved[std::string(structureSpecs()[i].name)] += sign * share * moved[i];
                sum += moved[i];
            }
            bare += share * (static_cast<double>(head.forest.value(m_bins)) - sum);
        }
        m_score += sign * full;
        m_bare += sign * bare;
    }

    [[nodiscard]] Explanation finish() const
    {
        Explanation out;
        out.score = m_score;
        out.withoutFeatures = m_bare;
        for (const auto& [name, moved] : m_moved) {
            if (moved != 0.0) {
                out.top.push_back({name, moved});
            }
        }
        std::stable_sort(
            out.top.begin(), out.top.end(), [](const Contribution& a, const Contribution& b) {
                return std::abs(a.moved) > std::abs(b.moved);
            });
        out.top.resize(std::min(out.top.size(), explainedMax));
        return out;
    }

private:
    [[nodiscard]] std::string nameOf(std::uint32_t slot) const
    {
        const auto found = m_names.find(slot);
        return found == m_names.end() ? "other" : found->second;
    }

    const Classifier& m_classifier;
    PromptFeatures m_features;
    Bins m_bins{};
    std::unordered_map<std::uint32_t, std::string> m_names;
    std::map<std::string, double> m_moved;
    double m_score = 0;
    double m_bare = 0;
};

Explanation Classifier::explain(
    std::string_view text, const PromptTags& tags, std::size_t head) const
{
    Explainer explainer(*this, text, tags);
    explainer.add(head, 1.0);
    return explainer.finish();
}

Explanation Classifier::explainGain(
    std::string_view text, const PromptTags& tags, std::size_t cheap, std::size_t strong) const
{
    Explainer explainer(*this, text, tags);
    explainer.add(strong, 1.0);
    explainer.add(cheap, -1.0);
    return explainer.finish();
}

} // namespace headgate::classify
