// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What a call is charged when it has ended, in whatever way it ended. Pure; no I/O.

#include "core/catalog/catalog.h"
#include "core/ledger/ledger.h"
#include "core/wire/answer.h"

#include <cstdint>
#include <optional>
#include <string>

namespace headgate::proxy {

/// What was agreed when the hold was made.
struct CallTerms {
    catalog::PriceSheet sheet;
    std::string tokenizer; ///< family
    std::int64_t inputTokens = 0; ///< at most
    std::int64_t inputCounted = 0; ///< most likely
    std::int64_t outputCeiling = 0; ///< per choice; 0: none was written
    std::int64_t choices = 1;
    /// Bills what no text shows: hidden thinking, tools that it runs itself, sound.
    bool billsUnseen = false;
    /// When the answer was complete: prices can depend on the time of day. Empty: the dearest.
    std::optional<TimeUs> endedAtUs;
};

struct Charge {
    ledger::SettleKind kind = ledger::SettleKind::Unknown;
    Money amount;
    std::int64_t inputTokens = 0;
    std::int64_t outputTokens = 0;
    std::int64_t cachedTokens = 0;
    std::string costLinesJson;
};

/// Tokens that a provider may have produced but not delivered when a stream ends early: what fits
/// into one network segment of a fast model.
inline constexpr std::int64_t estimateSlackTokens = 64;

/// The provider told a usage, and not one of nothing for something.
[[nodiscard]] bool hasUsage(const wire::AnswerFacts& facts);
/// What a client is told in place of a usage that its provider did not give: input and delivered
/// text (with tool-call arguments and thinking) as counted here. Never more than what is charged
/// for. Nothing when the provider told one.
[[nodiscard]] std::optional<catalog::Usage> usageToTell(
    const CallTerms& terms, const wire::AnswerFacts& facts);
/// The usage as the provider reports it, unless it contradicts what was delivered.
[[nodiscard]] std::optional<Charge> chargeForUsage(
    const CallTerms& terms, const wire::AnswerFacts& facts);
/// Input plus delivered text plus slack, never above what the ceiling allows unless more was
/// delivered. Nothing when an estimate would be a guess (billsUnseen): then charge in full.
[[nodiscard]] std::optional<Charge> chargeForDelivered(
    const CallTerms& terms, const wire::AnswerFacts& facts);
/// The input alone: the provider failed before it answered, but may have billed what it read.
[[nodiscard]] Charge chargeForInput(const CallTerms& terms);
[[nodiscard]] Charge chargeNothing();
[[nodiscard]] Charge chargeInFull();
/// In full, with the tokens that were seen for the record.
[[nodiscard]] Charge chargeInFull(const CallTerms& terms, const wire::AnswerFacts& facts);

/// Follows how much was delivered, so that a provider that ignores its ceiling is noticed while it
/// does so. Counts every kilobyte or so, not every event.
class RunningMeter {
public:
    explicit RunningMeter(const CallTerms& terms);
    /// True once the delivered text is clearly above the ceiling.
    [[nodiscard]] bool exceeded(const wire::AnswerFacts& facts);
    /// True once it is so far above that waiting for its end would only cost more.
    [[nodiscard]] bool runaway() const { return m_limit > 0 && m_tokens > 4 * m_limit; }

private:
    std::string m_tokenizer;
    std::int64_t m_limit = 0;
    std::int64_t m_tokens = 0;
    std::size_t m_countedBytes = 0;
    std::int64_t m_seenBytes = 0;
};

} // namespace headgate::proxy
