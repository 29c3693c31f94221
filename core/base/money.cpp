// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/base/money.h"

#include <limits>

namespace headgate {

namespace {

__extension__ typedef __int128 Wide;

constexpr std::int64_t nanoPerDollar = 1'000'000'000;
constexpr std::int64_t picoPerNano = 1'000;
constexpr std::int64_t int64Max = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t int64Min = std::numeric_limits<std::int64_t>::min();

std::string_view trimmed(std::string_view text)
{
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) {
        text.remove_prefix(1);
    }
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) {
        text.remove_suffix(1);
    }
    return text;
}

Error badNumber(std::string_view text, const std::string& why)
{
    return {ErrorCode::InvalidArgument,
        "\"" + std::string(text.substr(0, 40)) + "\" is not an amount: " + why + ".",
        "Write dollars such as 50, $50, 0.25 or cents such as 0.5c."};
}

bool isDigit(char c)
{
    return c >= '0' && c <= '9';
}

/// Reads an unsigned decimal with exactly `places` implied decimals. Thousands separators are
/// accepted only in groups of three, so that "1,5" (a decimal comma) is refused, not misread.
Result<std::int64_t> parseDecimal(std::string_view whole, std::string_view digits, int places)
{
    const std::size_t dot = digits.find('.');
    const std::string_view integer = digits.substr(0, dot);
    const std::string_view fraction
        = dot == std::string_view::npos ? std::string_view() : digits.substr(dot + 1);
    if (integer.empty() && fraction.empty()) {
        return badNumber(whole, "there is no digit");
    }
    Wide value = 0;
    const bool grouped = integer.find(',') != std::string_view::npos;
    for (std::size_t i = 0; i < integer.size(); ++i) {
        const char c = integer[i];
        if (c == ',') {
            if (i == 0 || (integer.size() - i) % 4 != 0) {
                return badNumber(whole, "a comma separates thousands; use a dot for decimals");
            }
            continue;
        }
        if (!isDigit(c)) {
            return badNumber(whole, "only digits, one dot and thousands commas are allowed");
        }
        if (grouped && (integer.size() - i) % 4 == 0) {
            return badNumber(whole, "thousands commas are missing in places");
        }
        value = value * 10 + (c - '0');
        if (value > int64Max) {
            return Error(ErrorCode::OutOfRange,
                "\"" + std::string(whole.substr(0, 40)) + "\" is too large.",
                "The largest amount is about nine billion dollars.");
        }
    }
    int seen = 0;
    for (const char c : fraction) {
        if (!isDigit(c)) {
            return badNumber(whole, "only digits, one dot and thousands commas are allowed");
        }
        if (seen == places) {
            if (c != '0') {
                return badNumber(whole, "it has more decimals than can be kept exactly");
            }
            continue;
        }
        value = value * 10 + (c - '0');
        ++seen;
    }
    for (; seen < places; ++seen) {
        value *= 10;
    }
    if (value > int64Max) {
        return Error(ErrorCode::OutOfRange,
            "\"" + std::string(whole.substr(0, 40)) + "\" is too large.",
            "The largest amount is about nine billion dollars.");
    }
    return static_cast<std::int64_t>(value);
}

std::string decimalText(std::int64_t value, int places, int placesMin)
{
    // Negating in 128 bits keeps the smallest value representable.
    Wide rest = value < 0 ? -static_cast<Wide>(value) : static_cast<Wide>(value);
    std::string out;
    for (int i = 0; i < places || rest > 0 || i == places; ++i) {
        if (i == places) {
            out.insert(out.begin(), '.');
            if (rest == 0) {
                out.insert(out.begin(), '0');
                break;
            }
        }
        out.insert(out.begin(), static_cast<char>('0' + static_cast<int>(rest % 10)));
        rest /= 10;
    }
    std::size_t keep = out.find('.') + 1 + static_cast<std::size_t>(placesMin);
    while (out.size() > keep && out.back() == '0') {
        out.pop_back();
    }
    return value < 0 ? "-" + out : out;
}

} // namespace

Result<Money> Money::parse(std::string_view text)
{
    std::string_view rest = trimmed(text);
    bool negative = false;
    if (!rest.empty() && (rest.front() == '-' || rest.front() == '+')) {
        negative = rest.front() == '-';
        rest.remove_prefix(1);
    }
    const bool dollar = !rest.empty() && rest.front() == '$';
    if (dollar) {
        rest.remove_prefix(1);
    }
    bool cents = false;
    if (!dollar && !rest.empty() && (rest.back() == 'c' || rest.back() == 'C')) {
        cents = true;
        rest.remove_suffix(1);
    } else if (!dollar && rest.size() > 2 && rest.ends_with("\xC2\xA2")) { // ¢
        cents = true;
        rest.remove_suffix(2);
    }
    const Result<std::int64_t> value = parseDecimal(text, trimmed(rest), cents ? 7 : 9);
    if (!value) {
        return value.error();
    }
    return Money(negative ? -*value : *value);
}

std::string Money::toDecimal() const
{
    return decimalText(m_nano, 9, 2);
}

std::string Money::toDisplay() const
{
    const bool negative = m_nano < 0;
    Wide nano = negative ? -static_cast<Wide>(m_nano) : static_cast<Wide>(m_nano);
    std::string digits;
    if (nano != 0 && nano < nanoPerDollar / 100) {
        // Two significant digits below one cent.
        Wide unit = 1;
        while (nano / unit >= 100) {
            unit *= 10;
        }
        nano = (nano + unit / 2) / unit * unit;
        digits = decimalText(static_cast<std::int64_t>(nano), 9, 2);
    } else {
        const Wide cents = (nano + nanoPerDollar / 200) / (nanoPerDollar / 100);
        digits = decimalText(static_cast<std::int64_t>(cents), 2, 2);
        for (std::ptrdiff_t i = static_cast<std::ptrdiff_t>(digits.find('.')) - 3; i > 0; i -= 3) {
            digits.insert(static_cast<std::size_t>(i), 1, ',');
        }
    }
    return (negative ? "-$" : "$") + digits;
}

Result<Money> Money::plus(Money other) const
{
    std::int64_t sum = 0;
    if (__builtin_add_overflow(m_nano, other.m_nano, &sum)) {
        return Error(ErrorCode::OutOfRange, "An amount of money became too large to add.");
    }
    return Money(sum);
}

Result<Money> Money::minus(Money other) const
{
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(m_nano, other.m_nano, &difference)) {
        return Error(ErrorCode::OutOfRange, "An amount of money became too large to subtract.");
    }
    return Money(difference);
}

Money Money::plusSaturated(Money other) const
{
    std::int64_t sum = 0;
    if (__builtin_add_overflow(m_nano, other.m_nano, &sum)) {
        return Money(other.m_nano > 0 ? int64Max : int64Min);
    }
    return Money(sum);
}

Money Money::minusSaturated(Money other) const
{
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(m_nano, other.m_nano, &difference)) {
        return Money(other.m_nano < 0 ? int64Max : int64Min);
    }
    return Money(difference);
}

Result<Price> Price::parsePerMillion(std::string_view text)
{
    std::string_view rest = trimmed(text);
    if (!rest.empty() && rest.front() == '$') {
        rest.remove_prefix(1);
    }
    const Result<std::int64_t> value = parseDecimal(text, rest, 6);
    if (!value) {
        return Error(value.error().code, value.error().message,
            "Write dollars per million tokens such as 0.15 or 2.50, at most six decimals.");
    }
    return Price(*value);
}

std::string Price::toPerMillion() const
{
    return decimalText(m_pico, 6, 2);
}

void CostSum::add(std::int64_t tokens, Price price)
{
    if (tokens < 0 || price.pico() < 0) {
        m_bad = true;
        return;
    }
    // At most 2^126 for one product; a handful of parts cannot overflow unless the result is
    // far beyond Money, which total() reports.
    Wide sum = 0;
    if (__builtin_add_overflow(m_pico, static_cast<Wide>(tokens) * price.pico(), &sum)) {
        m_bad = true;
        return;
    }
    m_pico = sum;
}

void CostSum::add(Money amount)
{
    if (amount.isNegative()) {
        m_bad = true;
        return;
    }
    Wide sum = 0;
    if (__builtin_add_overflow(m_pico, static_cast<Wide>(amount.nano()) * picoPerNano, &sum)) {
        m_bad = true;
        return;
    }
    m_pico = sum;
}

Result<Money> CostSum::total() const
{
    const Wide nano = m_pico / picoPerNano + (m_pico % picoPerNano != 0 ? 1 : 0);
    if (m_bad || nano > int64Max) {
        return Error(ErrorCode::OutOfRange, "A cost is negative or too large to be kept.");
    }
    return Money::fromNano(static_cast<std::int64_t>(nano));
}

Result<Money> CostSum::totalPermille(int permille) const
{
    constexpr int whole = 1000;
    Wide scaled = 0;
    if (m_bad || permille < 0 || permille > whole
        || __builtin_mul_overflow(m_pico, static_cast<Wide>(permille), &scaled)) {
        return Error(ErrorCode::OutOfRange, "A cost is negative or too large to be kept.");
    }
    const Wide unit = static_cast<Wide>(picoPerNano) * whole;
    const Wide nano = scaled / unit + (scaled % unit != 0 ? 1 : 0);
    if (nano > int64Max) {
        return Error(ErrorCode::OutOfRange, "A cost is negative or too large to be kept.");
    }
    return Money::fromNano(static_cast<std::int64_t>(nano));
}

Result<Money> costOf(std::int64_t tokens, Price price)
{
    CostSum sum;
    sum.add(tokens, price);
    return sum.total();
}

std::int64_t tokensAffordable(Money money, Price price)
{
    if (price.pico() <= 0) {
        return int64Max;
    }
    if (money.nano() <= 0) {
        return 0;
    }
    const Wide tokens = static_cast<Wide>(money.nano()) * picoPerNano / price.pico();
    return tokens > int64Max ? int64Max : static_cast<std::int64_t>(tokens);
}

Result<std::int64_t> mulDivUp(std::int64_t value, std::int64_t numerator, std::int64_t denominator)
{
    if (value < 0 || numerator < 0 || denominator <= 0) {
        return Error(ErrorCode::InvalidArgument, "mulDivUp needs non-negative factors.");
    }
    const Wide product = static_cast<Wide>(value) * numerator;
    const Wide quotient = product / denominator + (product % denominator != 0 ? 1 : 0);
    if (quotient > int64Max) {
        return Error(ErrorCode::OutOfRange, "A product is too large to be kept.");
    }
    return static_cast<std::int64_t>(quotient);
}

} // namespace headgate
