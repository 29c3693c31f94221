// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/settlement.h"

#include "core/tokens/tokens.h"

#include <fmt/format.h>

#include <algorithm>

namespace headgate::proxy {

namespace {

tokens::Count deliveredTokens(const std::string& tokenizer, const wire::AnswerFacts& facts)
{
    auto counted = tokens::countText(tokenizer, facts.text);
    const auto beyond = facts.textBytes - static_cast<std::int64_t>(facts.text.size());
    counted.tokens += std::max<std::int64_t>(beyond, 0) / 4;
    counted.atMost += std::max<std::int64_t>(beyond, 0); // a token is at least a byte
    return counted;
}

/// Above this a provider clearly ignored its ceiling: counts in pieces and estimates are no exact
/// ones.
std::int64_t clearlyAbove(std::int64_t ceiling)
{
    return ceiling + ceiling / 10 + estimateSlackTokens;
}

std::string linesJson(const std::vector<catalog::CostLine>& lines)
{
    std::string out = "[";
    for (const auto& line : lines) {
        out += fmt::format(R"({}{{"what":"{}","quantity":{},"price_pico":{},"amount_nano":{}}})",
            out.size() > 1 ? "," : "", line.what, line.quantity, line.price.pico(),
            line.amount.nano());
    }
    return out + "]";
}

} // namespace

bool hasUsage(const wire::AnswerFacts& facts)
{
    return facts.usage && facts.usage->inputTotal() != 0
        && (facts.usage->output != 0 || facts.textBytes == 0);
}

std::optional<catalog::Usage> usageToTell(const CallTerms& terms, const wire::AnswerFacts& facts)
{
    if (hasUsage(facts)) {
        return std::nullopt;
    }
    catalog::Usage told;
    told.inputUncached = std::clamp<std::int64_t>(terms.inputCounted, 0, terms.inputTokens);
    told.output = deliveredTokens(terms.tokenizer, facts).tokens;
    if (terms.outputCeiling > 0) { // an estimate alone is no overrun
        told.output = std::min(told.output, terms.outputCeiling * terms.choices);
    }
    return told;
}

std::optional<Charge> chargeForUsage(const CallTerms& terms, const wire::AnswerFacts& facts)
{
    if (!hasUsage(facts)) {
        return std::nullopt;
    }
    const auto& usage = *facts.usage;
    Charge charge;
    charge.kind = ledger::SettleKind::Exact;
    charge.inputTokens = usage.inputTotal();
    charge.outputTokens = usage.output;
    charge.cachedTokens = usage.cacheRead;
    const auto cost = catalog::costOfUsage(usage, terms.sheet, terms.endedAtUs);
    if (cost) {
        charge.amount = cost->total;
        charge.costLinesJson = linesJson(cost->lines);
        return charge;
    }
    // A tool or an image without a price was used: no known price says anything about it.
    if (usage.webSearches > 0 || !usage.toolCalls.empty() || usage.outputImage > 0) {
        return chargeInFull();
    }
    // A class without a price was used: at the dearest known prices, and marked as estimated.
    const auto bound
        = catalog::boundOfRequest(charge.inputTokens, charge.outputTokens, terms.sheet);
    if (!bound) {
        return chargeInFull();
    }
    charge.kind = ledger::SettleKind::Estimated;
    charge.amount = *bound;
    return charge;
}

std::optional<Charge> chargeForDelivered(const CallTerms& terms, const wire::AnswerFacts& facts)
{
    if (terms.billsUnseen) {
        return std::nullopt;
    }
    const auto delivered = deliveredTokens(terms.tokenizer, facts);
    auto output = delivered.atMost + estimateSlackTokens * terms.choices;
    if (terms.outputCeiling > 0) {
        const auto ceiling = terms.outputCeiling * terms.choices;
        // A generous estimate alone must not make an overrun of an answer that kept its ceiling.
        const bool kept = !delivered.exact && delivered.tokens <= clearlyAbove(ceiling);
        output = std::min(output, kept ? ceiling : std::max(delivered.atMost, ceiling));
    }
    const auto bound = catalog::boundOfRequest(terms.inputTokens, output, terms.sheet);
    if (!bound) {
        return std::nullopt;
    }
    Charge charge;
    charge.kind = ledger::SettleKind::Estimated;
    charge.amount = *bound;
    charge.inputTokens = terms.inputTokens;
    charge.outputTokens = output;
    return charge;
}

Charge chargeForInput(const CallTerms& terms)
{
    const auto bound = catalog::boundOfRequest(terms.inputTokens, 0, terms.sheet);
    if (!bound) {
        return chargeInFull();
    }
    Charge charge;
    charge.kind = ledger::SettleKind::Estimated;
    charge.amount = *bound;
    charge.inputTokens = terms.inputTokens;
    return charge;
}

Charge chargeNothing()
{
    Charge charge;
    charge.kind = ledger::SettleKind::Exact;
    return charge;
}

Charge chargeInFull()
{
    return {};
}

Charge chargeInFull(const CallTerms& terms, const wire::AnswerFacts& facts)
{
    Charge charge;
    charge.inputTokens = terms.inputCounted;
    charge.outputTokens = deliveredTokens(terms.tokenizer, facts).tokens;
    return charge;
}

RunningMeter::RunningMeter(const CallTerms& terms) : m_tokenizer(terms.tokenizer)
{
    if (terms.outputCeiling > 0) {
        m_limit = clearlyAbove(terms.outputCeiling * terms.choices);
    }
}

bool RunningMeter::exceeded(const wire::AnswerFacts& facts)
{
    constexpr std::size_t stepBytes = 1'024;
    // A token is at least a byte: below that many bytes nothing needs to be counted.
    if (m_limit <= 0 || facts.textBytes <= m_limit) {
        return false;
    }
    if (facts.text.size() >= m_countedBytes + stepBytes) {
        const auto fresh = std::string_view(facts.text).substr(m_countedBytes);
        m_tokens += tokens::countText(m_tokenizer, fresh).tokens;
        m_countedBytes = facts.text.size();
    }
    const auto beyond = facts.textBytes - static_cast<std::int64_t>(facts.text.size());
    if (beyond > m_seenBytes) { // text beyond what is kept: four bytes a token
        m_tokens += (beyond - m_seenBytes) / 4;
        m_seenBytes = beyond;
    }
    return m_tokens > m_limit;
}

} // namespace headgate::proxy
