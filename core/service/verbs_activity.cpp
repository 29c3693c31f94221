// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/csv.h"
#include "core/service/verbs.h"

#include <boost/json.hpp>
#include <fmt/format.h>

#include <map>

namespace headgate::service {

namespace json = boost::json;

namespace {

json::object decisionRow(const activity::Decision& decision)
{
    json::parse_options options;
    options.allow_invalid_utf8 = true;
    boost::system::error_code error;
    auto value = json::parse(activity::decisionToJson(decision), error, {}, options);
    return error || !value.is_object() ? json::object() : std::move(value.as_object());
}

Result<activity::Filter> filterOf(const json::object& args)
{
    activity::Filter filter;
    const auto since = timeArg(args, "since");
    const auto until = timeArg(args, "until");
    const auto equals = filterArg(args);
    if (!since || !until) {
        return !since ? since.error() : until.error();
    }
    if (!equals) {
        return equals.error();
    }
    filter.fromUs = *since;
    filter.toUs = *until;
    filter.equals = *equals;
    filter.text = textArg(args, "text");
    return filter;
}

Result<void> listDecisions(const VerbCall& call)
{
    const auto filter = filterOf(call.args);
    const auto limit = intArg(call.args, "limit", 100);
    if (!filter || !limit) {
        return !filter ? filter.error() : limit.error();
    }
    if (*limit < 1) {
        return Error(ErrorCode::InvalidArgument, "The limit must be 1 or more.");
    }
    call.service.activityLog().flush();
    activity::PageQuery query;
    query.filter = *filter;
    std::int64_t left = *limit;
    while (left > 0) {
        query.limit = static_cast<int>(std::min<std::int64_t>(left, 1'000));
        const auto page = call.service.activityLog().page(query);
        if (!page) {
            return page.error();
        }
        for (const auto& decision : page->rows) {
            auto row = decisionRow(decision);
            for (const char* detail :
                {"attempts", "facts", "candidates", "cost_lines", "audit_hash"}) {
                row.erase(detail); // pages are read without them
            }
            if (auto done = send(call, row); !done) {
                return done;
            }
        }
        left -= static_cast<std::int64_t>(page->rows.size());
        if (!page->more || page->rows.empty()) {
            break;
        }
        query.before = page->rows.back().id;
    }
    return {};
}

Result<void> showDecision(const VerbCall& call)
{
    const auto text = neededArg(call.args, "id");
    if (!text) {
        return text.error();
    }
    const auto id = activity::decisionIdFromText(*text);
    if (!id) {
        return id.error();
    }
    call.service.activityLog().flush();
    const auto decision = call.service.activityLog().decision(*id);
    if (!decision) {
        return decision.error();
    }
    return send(call, decisionRow(*decision));
}

Result<void> exportDecisions(const VerbCall& call)
{
    const std::string format
        = hasArg(call.args, "format") ? textArg(call.args, "format") : std::string("json");
    if (format == "focus") {
        return Error(ErrorCode::Unsupported, "The FOCUS export is not part of this version.",
            "Use --format csv or --format json.");
    }
    if (format != "csv" && format != "json") {
        return Error(ErrorCode::InvalidArgument, "The format \"" + format + "\" is unknown.",
            "Use csv or json.");
    }
    const auto filter = filterOf(call.args);
    if (!filter) {
        return filter.error();
    }
    call.service.activityLog().flush();
    if (format == "csv" && !call.row({{"line", decisionCsvHead()}})) {
        return {};
    }
    const auto count
        = call.service.activityLog().forEach(*filter, [&](const activity::Decision& decision) {
              return format == "csv" ? call.row({{"line", decisionCsvLine(decision)}})
                                     : call.row(decisionRow(decision));
          });
    if (!count) {
        return count.error();
    }
    return {};
}

// --- report

json::object reportRow(const activity::ReportRow& row, const std::string& by)
{
    json::object out{{"by", by}, {"group", row.group}, {"requests", row.requests},
        {"refused", row.refused}, {"downgraded", row.downgraded}, {"failed", row.failed},
        {"input_tokens", row.inputTokens}, {"output_tokens", row.outputTokens},
        {"cost_usd", row.cost.toDecimal()}, {"baseline_usd", row.baseline.toDecimal()},
        {"saved_usd", row.baseline.minusSaturated(row.cost).toDecimal()}};
    return out;
}

void addTo(activity::ReportRow& sum, const activity::ReportRow& row)
{
    sum.requests += row.requests;
    sum.refused += row.refused;
    sum.downgraded += row.downgraded;
    sum.failed += row.failed;
    sum.inputTokens += row.inputTokens;
    sum.outputTokens += row.outputTokens;
    sum.cost = sum.cost.plusSaturated(row.cost);
    sum.baseline = sum.baseline.plusSaturated(row.baseline);
}

/// Midnight UTC of the first day of the month.
Result<TimeUs> monthStart(TimeUs at)
{
    const auto span = periodContaining(Period::Month, at, "UTC");
    if (!span) {
        return span.error();
    }
    return span->startUs;
}

Result<void> sendMonths(
    const VerbCall& call, const std::vector<activity::ReportRow>& days, const std::string& by)
{
    std::map<std::pair<TimeUs, std::string>, activity::ReportRow> months;
    for (const auto& day : days) {
        const auto month = monthStart(day.bucketUs);
        if (!month) {
            return month.error();
        }
        auto& sum = months[{*month, day.group}];
        sum.bucketUs = *month;
        sum.group = day.group;
        addTo(sum, day);
    }
    for (const auto& [at, sum] : months) {
        auto row = reportRow(sum, by);
        putTime(row, "bucket", sum.bucketUs);
        if (auto done = send(call, row); !done) {
            return done;
        }
    }
    return {};
}

Result<void> sendTotals(
    const VerbCall& call, const std::vector<activity::ReportRow>& rows, const std::string& by)
{
    std::map<std::string, activity::ReportRow> totals;
    for (const auto& row : rows) {
        auto& sum = totals[row.group];
        sum.group = row.group;
        addTo(sum, row);
    }
    for (const auto& [group, sum] : totals) {
        if (auto done = send(call, reportRow(sum, by)); !done) {
            return done;
        }
    }
    return {};
}

Result<void> reportSpend(const VerbCall& call)
{
    const auto from = timeArg(call.args, "from");
    const auto to = timeArg(call.args, "to");
    const auto equals = filterArg(call.args);
    if (!from || !to) {
        return !from ? from.error() : to.error();
    }
    if (!equals) {
        return equals.error();
    }
    const std::string rollup = textArg(call.args, "rollup");
    const TimeUs nowUs = SystemClock().nowUs();
    activity::ReportQuery query;
    query.by = textArg(call.args, "by");
    query.equals = *equals;
    query.fromUs = *from;
    query.toUs = *to;
    const std::int64_t span = (*to == 0 ? nowUs : *to) - *from;
    if (rollup == "minute" || (rollup.empty() && span <= 2 * usPerDay)) {
        query.rollup = activity::Rollup::Minute;
    } else if (rollup == "hour" || (rollup.empty() && span <= 90 * usPerDay)) {
        query.rollup = activity::Rollup::Hour;
    } else if (rollup.empty() || rollup == "day" || rollup == "month") {
        query.rollup = activity::Rollup::Day;
    } else {
        return Error(ErrorCode::InvalidArgument, "The rollup \"" + rollup + "\" is unknown.",
            "Use hour, day or month.");
    }
    call.service.activityLog().flush();
    const auto rows = call.service.activityLog().report(query);
    if (!rows) {
        return rows.error();
    }
    if (rollup.empty()) {
        return sendTotals(call, *rows, query.by);
    }
    if (rollup == "month") {
        return sendMonths(call, *rows, query.by);
    }
    for (const auto& one : *rows) {
        auto row = reportRow(one, query.by);
        putTime(row, "bucket", one.bucketUs);
        if (auto done = send(call, row); !done) {
            return done;
        }
    }
    return {};
}

} // namespace

void addActivityVerbs(VerbTable& table)
{
    table["decisions.list"] = listDecisions;
    table["decisions.show"] = showDecision;
    table["decisions.export"] = exportDecisions;
    table["report.spend"] = reportSpend;
}

} // namespace headgate::service
