// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Texts of prompts and answers: every prompt carries its request's number and a canary that must
// not turn up at rest; every word of an answer is one token of a provider. Pure.

#include "core/base/rng.h"

#include <boost/json/object.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace headgate::sim {

inline constexpr std::string_view promptCanary = "canary-prompt-9f17";

[[nodiscard]] std::string promptText(int client, std::int64_t words, Rng& rng);
/// 0 when there is none.
[[nodiscard]] int clientNumberIn(std::string_view body);
/// `count` words of an endless answer, from word `from` on.
[[nodiscard]] std::string answerWords(std::int64_t from, std::int64_t count);
/// Tokens of a thousand words of an answer in the provider's own vocabulary.
[[nodiscard]] std::int64_t tokensPerThousandWords(const std::string& tokenizer);
/// What a provider counts for the messages of a request: exact where its vocabulary is published,
/// else the usual estimate times its own density.
[[nodiscard]] std::int64_t ownInputTokens(
    const std::string& tokenizer, const boost::json::object& body, std::int64_t ownPerMille);

} // namespace headgate::sim
