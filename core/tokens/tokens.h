// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Counting tokens. Exact BPE for o200k_base and cl100k_base, estimators for other families.
// Encodings load once from resources compiled into the program; counting is const and safe on any
// thread. Never samples when asked for a bound.

#include "core/base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace headgate::tokens {

class Encoding {
public:
    /// "o200k_base" or "cl100k_base"; the first call loads it (some 200 ms). Errors: unknown name.
    [[nodiscard]] static Result<const Encoding*> named(std::string_view name);

    /// Ordinary text: special tokens in it are treated as text. Invalid UTF-8 counts each bad byte
    /// as U+FFFD does. Linear in the text's length also for hostile input.
    [[nodiscard]] std::int64_t count(std::string_view text) const;
    [[nodiscard]] std::vector<std::uint32_t> encode(std::string_view text) const;

    Encoding(const Encoding&) = delete;
    Encoding& operator=(const Encoding&) = delete;
    ~Encoding();

private:
    friend struct EncodingLoader;
    Encoding();
    struct Impl;
    Impl* m_impl;
};

/// How sure a count is.
struct Count {
    std::int64_t tokens = 0; ///< best guess (exact where `exact`)
    std::int64_t atMost = 0; ///< never below the true count on the golden texts; what a bound uses
    bool exact = false;
};

/// `family`: "o200k_base", "cl100k_base", or an estimated family: "claude", "gemini", "llama3",
/// "llama2", "mistral", "qwen", "deepseek", "unknown". Estimates scale the two exact counts and the
/// bytes by ratios per script (resources/tokenizers/ratios.json); atMost includes the margin.
[[nodiscard]] Count countText(std::string_view family, std::string_view text);

/// Exact counts of long texts are remembered by a strong hash (agents resend their conversation
/// every turn): per-thread cache, bounded. Same result as countText.
[[nodiscard]] Count countTextCached(std::string_view family, std::string_view text);

/// What a chat request's framing adds: OpenAI's published formula, 3 tokens a message + 3 for the
/// reply (+1 for each name); used by bounds and by the simulated provider's bill alike.
inline constexpr std::int64_t tokensPerMessage = 3;
inline constexpr std::int64_t tokensPerReply = 3;
inline constexpr std::int64_t tokensPerName = 1;

} // namespace headgate::tokens
