// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/media_tokens.h"

#include <array>
#include <string_view>

namespace headgate::catalog {

namespace {

struct ImageLimit {
    std::string_view prefix; ///< of the model's name; the first match counts
    std::int64_t tokensMax;
};

// OpenAI (platform.openai.com/docs/guides/images-vision, "Calculating costs"; read 2026-11): tile
// models scale to 2048 × 2048, then to a short side of 768 px: at most 2 × 4 tiles of 512 px, each
// with the price of a tile beside a base. Patch models cover the image with at most 1,536 patches
// of 32 px and multiply by a factor of the model. From gpt-5.4 on "detail": "original" keeps up to
// 10.24 megapixels, which is 10,000 patches; its factor is not told, so the dearest that is counts.
constexpr std::int64_t tilesMax = 8;
constexpr std::int64_t patchesMax = 1'536;
constexpr std::int64_t patchesOriginalMax = 10'000;
constexpr std::int64_t dearestFactorHundredths = 246;

constexpr std::int64_t patches(std::int64_t count, std::int64_t factorHundredths)
{
    return (count * factorHundredths + 99) / 100;
}
constexpr std::int64_t original = patches(patchesOriginalMax, dearestFactorHundredths);

// Anthropic (platform.claude.com/docs/en/build-with-claude/vision): a token is a patch of 28 px of
// the image scaled down to what the model reads: 1,568 tokens; from 4.7 on 2,576 px on the long
// edge (92 patches) and 4,784 tokens. The larger one counts for every Claude. Google
// (ai.google.dev/gemini-api/docs/media-resolution, "Token counts"): the setting is "the maximum
// number of tokens allocated"; Gemini 3 has at most 2,240 for an image, at "ultra high". Before it
// images are cut into tiles of 258 tokens without a published maximum, so they are not here: under
// a hard pool they are refused rather than guessed. Read again in 2026-11 only as text: patches,
// scaling and "maximum" are confirmed, the tables with 4,784 and 2,240 were not shown.
constexpr std::array imageLimits{
    ImageLimit{"gpt-4o-mini", 2'833 + tilesMax * 5'667},
    ImageLimit{"gpt-4.1-mini", patches(patchesMax, 162)},
    ImageLimit{"gpt-4.1-nano", patches(patchesMax, 246)},
    ImageLimit{"gpt-4", 85 + tilesMax * 170},
    ImageLimit{"gpt-5.4", original},
    ImageLimit{"gpt-5.5", original},
    ImageLimit{"gpt-5.6", original},
    ImageLimit{"gpt-5", patches(patchesMax, dearestFactorHundredths)}, // the dearest of its sizes
    ImageLimit{"o4-mini", patches(patchesMax, 172)},
    ImageLimit{"o1", 85 + tilesMax * 170},
    ImageLimit{"o3", 85 + tilesMax * 170},
    ImageLimit{"claude", 4'784},
    ImageLimit{"gemini-3", 2'240},
};

} // namespace

std::optional<std::int64_t> imageTokensMax(const Model& model)
{
    for (const ImageLimit& limit : imageLimits) {
        if (std::string_view(model.name).starts_with(limit.prefix)) {
            return limit.tokensMax;
        }
    }
    return std::nullopt;
}

} // namespace headgate::catalog
