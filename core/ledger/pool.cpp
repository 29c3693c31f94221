// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/pool.h"

#include "core/base/limits.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace headgate::ledger {

namespace {

constexpr const char* scopeRemedy
    = "Use org, team=X, each-team, user=X, each-user, key=X, each-key, session=X, each-session, "
      "request, tag=k:v, tier>=N, model=X or provider=X.";
constexpr const char* windowRemedy
    = "Use hour, day, week, month, quarter, year, sliding:24h, bucket:CAPACITY/RATE-per-hour, "
      "lifetime, session:30m or request.";

struct ScopeWord {
    const char* word;
    ScopeKind kind;
    bool eachAllowed;
};
constexpr std::array scopeWords{
    ScopeWord{"team", ScopeKind::Team, true},
    ScopeWord{"user", ScopeKind::User, true},
    ScopeWord{"key", ScopeKind::Key, true},
    ScopeWord{"session", ScopeKind::Session, true},
    ScopeWord{"tag", ScopeKind::Tag, false},
    ScopeWord{"model", ScopeKind::Model, false},
    ScopeWord{"provider", ScopeKind::Provider, false},
};

struct PeriodWord {
    const char* word;
    Period period;
};
constexpr std::array periodWords{
    PeriodWord{"hour", Period::Hour},
    PeriodWord{"day", Period::Day},
    PeriodWord{"week", Period::Week},
    PeriodWord{"month", Period::Month},
    PeriodWord{"quarter", Period::Quarter},
    PeriodWord{"year", Period::Year},
};

struct DurationUnit {
    char letter;
    std::int64_t us;
};
constexpr std::array durationUnits{
    DurationUnit{'w', 7 * usPerDay},
    DurationUnit{'d', usPerDay},
    DurationUnit{'h', usPerHour},
    DurationUnit{'m', usPerMinute},
    DurationUnit{'s', usPerSecond},
};
/// Longer spans are what fixed windows and lifetime are for.
constexpr std::int64_t durationMaxUs = 366 * usPerDay;

Error badScope(std::string_view text, std::string_view why)
{
    return Error(ErrorCode::InvalidArgument, fmt::format("\"{}\" is not a scope: {}.", text, why),
        scopeRemedy);
}

Error badWindow(std::string_view text, std::string_view why)
{
    return Error(ErrorCode::InvalidArgument, fmt::format("\"{}\" is not a window: {}.", text, why),
        windowRemedy);
}

std::optional<std::string> whyBadValue(std::string_view value)
{
    if (value.empty()) {
        return "the value is missing";
    }
    if (value.size() > limits::scopeValueBytesMax) {
        return fmt::format("the value is longer than {} bytes", limits::scopeValueBytesMax);
    }
    const bool hasControl = std::any_of(value.begin(), value.end(),
        [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
    if (hasControl) {
        return "the value has control characters";
    }
    return {};
}

std::optional<std::int64_t> wholeNumber(std::string_view text)
{
    std::int64_t value = 0;
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (code != std::errc() || end != text.data() + text.size() || text.empty()) {
        return {};
    }
    return value;
}

std::optional<std::int64_t> durationUs(std::string_view text)
{
    if (text.size() < 2) {
        return {};
    }
    const auto unit = std::find_if(durationUnits.begin(), durationUnits.end(),
        [&](const DurationUnit& candidate) { return candidate.letter == text.back(); });
    const auto count = wholeNumber(text.substr(0, text.size() - 1));
    if (unit == durationUnits.end() || !count || *count < 1 || *count > durationMaxUs / unit->us) {
        return {};
    }
    return *count * unit->us;
}

std::string durationText(std::int64_t us)
{
    for (const DurationUnit& unit : durationUnits) {
        if (us >= unit.us && us % unit.us == 0) {
            return fmt::format("{}{}", us / unit.us, unit.letter);
        }
    }
    return fmt::format("{}s", us / usPerSecond);
}

Result<Scope> parseTier(std::string_view text)
{
    const auto number = wholeNumber(text.substr(6));
    if (!number || *number < 1 || *number > 9) {
        return badScope(text, "a tier is a whole number from 1 to 9");
    }
    return Scope{ScopeKind::Tier, false, std::to_string(*number)};
}

Result<Window> parseBucket(std::string_view text)
{
    constexpr std::string_view suffix = "-per-hour";
    std::string_view rest = text.substr(std::string_view("bucket:").size());
    const std::size_t slash = rest.find('/');
    if (slash == std::string_view::npos || !rest.ends_with(suffix)) {
        return badWindow(text, "a bucket reads bucket:CAPACITY/RATE-per-hour");
    }
    const auto capacity = Money::parse(rest.substr(0, slash));
    rest.remove_prefix(slash + 1);
    rest.remove_suffix(std::min(suffix.size(), rest.size()));
    const auto refill = Money::parse(rest);
    if (!capacity || !refill || *capacity <= Money() || *refill <= Money()) {
        return badWindow(text, "capacity and rate are amounts above zero");
    }
    Window window;
    window.kind = WindowKind::Bucket;
    window.bucketCapacity = *capacity;
    window.bucketRefillPerHour = *refill;
    return window;
}

Result<Window> parseDuration(std::string_view text, WindowKind kind)
{
    const auto us = durationUs(text.substr(text.find(':') + 1));
    if (!us) {
        return badWindow(text, "a duration is a number with s, m, h, d or w, at most 366d");
    }
    Window window;
    window.kind = kind;
    window.durationUs = *us;
    return window;
}

} // namespace

Result<Scope> Scope::parse(std::string_view text)
{
    if (text == "org") {
        return Scope{};
    }
    if (text == "request") {
        return Scope{ScopeKind::Request, false, {}};
    }
    if (text.starts_with("tier>=")) {
        return parseTier(text);
    }
    for (const ScopeWord& word : scopeWords) {
        if (word.eachAllowed && text == fmt::format("each-{}", word.word)) {
            return Scope{word.kind, true, {}};
        }
        const std::string prefix = fmt::format("{}=", word.word);
        if (!text.starts_with(prefix)) {
            continue;
        }
        const std::string_view given = text.substr(prefix.size());
        if (const auto why = whyBadValue(given)) {
            return badScope(text, *why);
        }
        const std::size_t colon = given.find(':');
        if (word.kind == ScopeKind::Tag
            && (colon == std::string_view::npos || colon == 0 || colon + 1 == given.size())) {
            return badScope(text, "a tag reads tag=name:value");
        }
        return Scope{word.kind, false, std::string(given)};
    }
    return badScope(text, text.empty() ? "it is empty" : "the word is not known");
}

std::string Scope::text() const
{
    switch (kind) {
    case ScopeKind::Org:
        return "org";
    case ScopeKind::Request:
        return "request";
    case ScopeKind::Tier:
        return "tier>=" + value;
    default:
        break;
    }
    const auto word = std::find_if(scopeWords.begin(), scopeWords.end(),
        [&](const ScopeWord& candidate) { return candidate.kind == kind; });
    return each ? fmt::format("each-{}", word->word) : fmt::format("{}={}", word->word, value);
}

Result<Window> Window::parse(std::string_view text)
{
    Window window;
    for (const PeriodWord& word : periodWords) {
        if (text == word.word) {
            window.period = word.period;
            return window;
        }
    }
    if (text == "lifetime") {
        window.kind = WindowKind::Lifetime;
        return window;
    }
    if (text == "request") {
        window.kind = WindowKind::Request;
        return window;
    }
    if (text.starts_with("sliding:")) {
        return parseDuration(text, WindowKind::Sliding);
    }
    if (text.starts_with("session:")) {
        return parseDuration(text, WindowKind::Session);
    }
    if (text.starts_with("bucket:")) {
        return parseBucket(text);
    }
    return badWindow(text, text.empty() ? "it is empty" : "the word is not known");
}

std::string Window::text() const
{
    switch (kind) {
    case WindowKind::Sliding:
        return "sliding:" + durationText(durationUs);
    case WindowKind::Session:
        return "session:" + durationText(durationUs);
    case WindowKind::Bucket:
        return fmt::format(
            "bucket:{}/{}-per-hour", bucketCapacity.toDecimal(), bucketRefillPerHour.toDecimal());
    case WindowKind::Lifetime:
        return "lifetime";
    case WindowKind::Request:
        return "request";
    case WindowKind::Fixed:
        break;
    }
    const auto word = std::find_if(periodWords.begin(), periodWords.end(),
        [&](const PeriodWord& candidate) { return candidate.period == period; });
    return word->word;
}

bool isEnforced(const Scope& /*scope*/, const Window& /*window*/)
{
    return true;
}

Result<void> fitBucket(Pool& wanted, const Pool* before)
{
    Window& window = wanted.window;
    if (window.kind != WindowKind::Bucket || wanted.cap == window.bucketCapacity) {
        return {};
    }
    const bool wasBucket = before != nullptr && before->window.kind == WindowKind::Bucket;
    if (wanted.cap.isZero() || (before != nullptr && wanted.cap == before->cap)) {
        wanted.cap = window.bucketCapacity;
        return {};
    }
    if (wasBucket && window.bucketCapacity == before->window.bucketCapacity) {
        window.bucketCapacity = wanted.cap;
        return {};
    }
    return Error(ErrorCode::InvalidArgument,
        fmt::format("Pool \"{}\": its cap is {}, but its bucket holds {}.", wanted.name,
            wanted.cap.toDisplay(), window.bucketCapacity.toDisplay()),
        "Leave the cap out, or give both the same amount.");
}

} // namespace headgate::ledger
