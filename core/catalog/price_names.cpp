// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/catalog/price_names.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

namespace headgate::catalog {

bool extendsByVersion(std::string_view asked, std::string_view listed)
{
    if (asked.size() < listed.size() + 2 || !asked.starts_with(listed)) {
        return false;
    }
    const std::string_view suffix = asked.substr(listed.size() + 1);
    const char separator = asked[listed.size()];
    if (separator != '-' && separator != '@') {
        return false;
    }
    if (suffix == "latest" || suffix == "0") {
        return true;
    }
    const std::size_t digits = std::min(suffix.find_first_not_of("0123456789"), suffix.size());
    return digits >= 3 && suffix.find_first_not_of("0123456789-") == std::string_view::npos;
}

std::optional<TimeUs> dateUs(std::string_view date)
{
    const auto number = [&](std::size_t at, std::size_t size) {
        int value = 0;
        for (const char c : date.substr(at, size)) {
            value = c >= '0' && c <= '9' && value >= 0 ? value * 10 + (c - '0') : -1;
        }
        return value;
    };
    if (date.size() != 10 || date[4] != '-' || date[7] != '-' || number(0, 4) < 0
        || number(5, 2) < 0 || number(8, 2) < 0) {
        return std::nullopt;
    }
    const std::chrono::year_month_day day{std::chrono::year(number(0, 4)),
        std::chrono::month(static_cast<unsigned>(number(5, 2))),
        std::chrono::day(static_cast<unsigned>(number(8, 2)))};
    if (!day.ok()) {
        return std::nullopt;
    }
    return std::chrono::sys_days(day).time_since_epoch().count() * usPerDay;
}

std::optional<int> minuteOfDay(std::string_view text)
{
    const auto two = [&](std::size_t at) {
        const auto digit = [&](std::size_t i) {
            return i < text.size() && text[i] >= '0' && text[i] <= '9' ? text[i] - '0' : -1;
        };
        return digit(at) < 0 || digit(at + 1) < 0 ? -1 : digit(at) * 10 + digit(at + 1);
    };
    const int hours = two(0);
    const int minutes = two(3);
    const bool shape = text.size() >= 5 && text[2] == ':'
        && (text.size() == 5 || text == std::string_view(text).substr(0, 5) || text.substr(5) == "Z"
            || text.substr(5) == ":00" || text.substr(5) == ":00Z");
    if (!shape || hours < 0 || hours > 24 || minutes < 0 || minutes > 59
        || (hours == 24 && minutes > 0)) {
        return std::nullopt;
    }
    return hours % 24 * 60 + minutes;
}

std::string canonicalProvider(std::string_view listed)
{
    constexpr std::array<std::pair<std::string_view, std::string_view>, 9> words{{
        {"gemini", "google"},
        {"x-ai", "xai"},
        {"together_ai", "together"},
        {"togetherai", "together"},
        {"mistralai", "mistral"},
        {"fireworks_ai", "fireworks"},
        {"fireworks-ai", "fireworks"},
        {"moonshot", "moonshotai"},
        {"zhipuai", "zai"},
    }};
    for (const auto& [theirs, ours] : words) {
        if (listed == theirs) {
            return std::string(ours);
        }
    }
    return std::string(listed);
}

std::int64_t contextThreshold(std::int64_t listed)
{
    constexpr std::int64_t step = 1'000;
    if (listed % step == step - 1) {
        return listed + 1;
    }
    return listed > step && listed % step == 1 ? listed - 1 : listed;
}

} // namespace headgate::catalog
