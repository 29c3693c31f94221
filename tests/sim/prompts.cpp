// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/prompts.h"

#include "core/tokens/tokens.h"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <fmt/format.h>

#include <array>
#include <charconv>

namespace headgate::sim {

namespace {

constexpr std::array<std::string_view, 24> words{"the", "budget", "of", "a", "team", "is", "what",
    "it", "may", "spend", "before", "someone", "looks", "again", "and", "every", "call", "has",
    "cost", "that", "was", "known", "in", "time"};
constexpr std::string_view mark = "request-number-";

} // namespace

std::string promptText(int client, std::int64_t count, Rng& rng)
{
    std::string text = fmt::format("{}{} {}", mark, client, promptCanary);
    for (std::int64_t i = 0; i < count; ++i) {
        text += ' ';
        text += words[rng.below(words.size())];
    }
    return text;
}

int clientNumberIn(std::string_view body)
{
    const auto at = body.find(mark);
    if (at == std::string_view::npos) {
        return 0;
    }
    const auto digits = body.substr(at + mark.size());
    int number = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), number);
    return number;
}

std::string answerWords(std::int64_t from, std::int64_t count)
{
    std::string text;
    for (std::int64_t i = from; i < from + count; ++i) {
        text += ' ';
        text += words[static_cast<std::size_t>(i) % words.size()];
    }
    return text;
}

std::int64_t tokensPerThousandWords(const std::string& tokenizer)
{
    return tokens::countText(tokenizer, answerWords(0, 1'000)).tokens;
}

std::int64_t ownInputTokens(
    const std::string& tokenizer, const boost::json::object& body, std::int64_t ownPerMille)
{
    const auto encoding = tokens::Encoding::named(tokenizer);
    std::int64_t total = tokens::tokensPerReply;
    const auto* messages = body.if_contains("messages");
    if (messages == nullptr || !messages->is_array()) {
        return total;
    }
    for (const auto& message : messages->as_array()) {
        total += tokens::tokensPerMessage;
        const auto* content
            = message.is_object() ? message.as_object().if_contains("content") : nullptr;
        if (content == nullptr || !content->is_string()) {
            continue;
        }
        const std::string text(content->as_string());
        if (encoding) {
            total += (*encoding)->count(text);
        } else {
            total += (tokens::countText(tokenizer, text).tokens * ownPerMille + 999) / 1'000;
        }
    }
    return total;
}

} // namespace headgate::sim
