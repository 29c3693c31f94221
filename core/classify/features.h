// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A prompt as the classifier's input: hashed words, pairs of words and tags, and the shape of the
// text. One table serves all of them (Weinberger et al., "Feature Hashing", 2009). Pure and
// bounded for any text; the features cannot be read back into the prompt.

#include "core/classify/structure.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headgate::classify {

inline constexpr std::size_t tableBits = 18;
inline constexpr std::size_t tableSlots = std::size_t{1} << tableBits;
/// Of one prompt; the two ends of a long text give fewer.
inline constexpr std::size_t featuresMax = 16'384;

struct Feature {
    std::uint32_t slot = 0;
    float value = 0;
};

/// What is known of a request beside its text; empty: not known. Equal words, equal features.
struct PromptTags {
    std::string_view route;
    std::string_view systemHash;
    std::string_view toolsHash;
    std::string_view client;
};

struct PromptFeatures {
    std::vector<Feature> table; ///< ascending slots, each once
    Structure structure{};
};

/// Keeps its buffers between calls; one a thread.
class FeatureReader {
public:
    void read(std::string_view text, const PromptTags& tags, PromptFeatures& out);

private:
    std::vector<Word> m_words;
    std::vector<std::uint32_t> m_slots;
    std::vector<std::uint32_t> m_spare;
};

/// Names of the slots that this prompt fills, for explanations: `"prove that"`, `length …`. A slot
/// that several names share keeps the first.
[[nodiscard]] std::vector<std::pair<std::uint32_t, std::string>> nameFeatures(
    std::string_view text, const PromptTags& tags);

} // namespace headgate::classify
