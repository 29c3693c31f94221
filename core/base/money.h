// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Money in whole nano-dollars and prices in whole pico-dollars a token. No floating point
// anywhere: text is parsed as text, products are 128 bits wide, overflow is an error value.
// Plain values, safe on any thread.

#include "core/base/result.h"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace headgate {

/// An amount of money; unit: nano-dollar (1e-9 USD). Range ±9.2 billion dollars.
class Money {
public:
    constexpr Money() = default;
    [[nodiscard]] static constexpr Money fromNano(std::int64_t nano) { return Money(nano); }
    [[nodiscard]] static constexpr Money fromCents(std::int64_t cents)
    {
        return Money(cents * 10'000'000);
    }

    /// Reads dollars: "5", "5.00", "$0.000000001", "-1.5", "1,250.00", and "0.5c" (cents).
    /// At most nine decimals of a dollar; more is an error, never rounded.
    [[nodiscard]] static Result<Money> parse(std::string_view text);

    [[nodiscard]] constexpr std::int64_t nano() const { return m_nano; }
    [[nodiscard]] constexpr bool isZero() const { return m_nano == 0; }
    [[nodiscard]] constexpr bool isNegative() const { return m_nano < 0; }

    /// Exact dollars without a sign for the currency and without trailing zeros beyond
    /// two decimals: "5.00", "0.000000042", "-1.50".
    [[nodiscard]] std::string toDecimal() const;
    /// For people: "$15.50"; below one cent two significant digits: "$0.00042".
    /// Rounded half up for show only; the exact value belongs in a tooltip.
    [[nodiscard]] std::string toDisplay() const;

    [[nodiscard]] Result<Money> plus(Money other) const;
    [[nodiscard]] Result<Money> minus(Money other) const;
    /// Adds and stays at the largest or smallest value when the sum does not fit. For display
    /// and for headroom arithmetic only, never for balances.
    [[nodiscard]] Money plusSaturated(Money other) const;
    [[nodiscard]] Money minusSaturated(Money other) const;

    constexpr auto operator<=>(const Money&) const = default;

private:
    constexpr explicit Money(std::int64_t nano) : m_nano(nano) { }
    std::int64_t m_nano = 0;
};

/// A price; unit: pico-dollar a token (one token at $0.0025 a million tokens is 2,500).
class Price {
public:
    constexpr Price() = default;
    [[nodiscard]] static constexpr Price fromPico(std::int64_t pico) { return Price(pico); }
    /// Reads dollars per million tokens: "0.15", "$2.5". At most six decimals. Negative is an
    /// error.
    [[nodiscard]] static Result<Price> parsePerMillion(std::string_view text);

    [[nodiscard]] constexpr std::int64_t pico() const { return m_pico; }
    /// Exact dollars per million tokens: "0.15", "2.50".
    [[nodiscard]] std::string toPerMillion() const;
    constexpr auto operator<=>(const Price&) const = default;

private:
    constexpr explicit Price(std::int64_t pico) : m_pico(pico) { }
    std::int64_t m_pico = 0;
};

/// Adds up products of tokens and prices exactly (pico-dollars, 128 bits) and rounds **up** to a
/// nano-dollar once, at the end, so that a sum of parts is never rounded twice.
class CostSum {
public:
    void add(std::int64_t tokens, Price price);
    void add(Money amount);
    /// An error (OutOfRange) when the sum does not fit into Money or an input was negative.
    [[nodiscard]] Result<Money> total() const;
    /// The sum × permille / 1000, rounded up once. 0 ≤ permille ≤ 1000.
    [[nodiscard]] Result<Money> totalPermille(int permille) const;

private:
    __extension__ typedef __int128 Wide;
    Wide m_pico = 0;
    bool m_bad = false;
};

/// tokens × price, rounded up to a nano-dollar.
[[nodiscard]] Result<Money> costOf(std::int64_t tokens, Price price);

/// The most whole tokens that `money` can pay at `price`; INT64_MAX when the price is zero.
[[nodiscard]] std::int64_t tokensAffordable(Money money, Price price);

/// value × numerator / denominator in 128 bits, rounded up. Denominator > 0.
[[nodiscard]] Result<std::int64_t> mulDivUp(
    std::int64_t value, std::int64_t numerator, std::int64_t denominator);

} // namespace headgate
