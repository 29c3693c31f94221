// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/csv.h"

#include <array>

namespace headgate::service {

namespace {

constexpr std::array<const char*, 31> columns{"id", "at", "request_id", "team", "user", "key",
    "session", "tags", "priority", "client", "task", "asked_model", "model", "provider", "tier",
    "outcome", "rule", "reason", "status", "http_status", "error", "stream", "input_tokens",
    "output_tokens", "cached_tokens", "cost", "baseline", "unit", "added_us", "first_byte_us",
    "total_us"};

std::string joined(const std::vector<std::string>& tags)
{
    std::string out;
    for (const auto& tag : tags) {
        out += (out.empty() ? "" : " ") + tag;
    }
    return out;
}

} // namespace

std::string csvCell(std::string_view text, bool isNumber)
{
    std::string out = "\"";
    const bool formula = !isNumber && !text.empty()
        && std::string_view("=+-@\t\r\n").find(text.front()) != std::string_view::npos;
    if (formula) {
        out += '\'';
    }
    for (const char c : text) {
        if (c == '"') {
            out += '"';
        }
        out += c;
    }
    out += '"';
    return out;
}

std::string decisionCsvHead()
{
    std::string out;
    for (const char* column : columns) {
        out += (out.empty() ? "" : ",") + csvCell(column);
    }
    return out;
}

std::string decisionCsvLine(const activity::Decision& d)
{
    const auto n = [](std::int64_t value) { return csvCell(std::to_string(value), true); };
    const std::array<std::string, columns.size()> cells{csvCell(activity::decisionIdText(d.id)),
        csvCell(toIso8601(d.atUs)), csvCell(d.requestId), csvCell(d.team), csvCell(d.user),
        csvCell(d.key), csvCell(d.session), csvCell(joined(d.tags)), csvCell(d.priority),
        csvCell(d.client), csvCell(d.task), csvCell(d.askedModel), csvCell(d.model),
        csvCell(d.provider), n(d.tier), csvCell(d.outcome), csvCell(d.rule), csvCell(d.reason),
        csvCell(activity::statusName(d.status)), n(d.httpStatus), csvCell(d.error),
        csvCell(d.stream ? "true" : "false"), n(d.inputTokens), n(d.outputTokens),
        n(d.cachedTokens), csvCell(d.cost.toDecimal(), true), csvCell(d.baseline.toDecimal(), true),
        csvCell("USD"), n(d.addedUs), n(d.firstByteUs), n(d.totalUs)};
    std::string out;
    for (const auto& cell : cells) {
        out += (out.empty() ? "" : ",") + cell;
    }
    return out;
}

} // namespace headgate::service
