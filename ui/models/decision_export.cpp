// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/models/decision_export.h"

#include "ui/widgets/widgets.h"

#include <QSaveFile>

namespace headgate::ui {

namespace {

constexpr const char* csvHeader
    = "id,time_utc,request_id,key,team,user,session,task,asked_model,model,provider,tier,outcome,"
      "rule,"
      "status,http_status,tokens_in,tokens_out,tokens_cached,cost,bound,baseline,unit,added_us,"
      "first_byte_us,total_us,pool,reason,error,audit_hash\n";

std::string csvRow(const activity::Decision& row)
{
    std::string line;
    auto text = [&](std::string_view value) { line += csvCell(value) + ","; };
    auto number = [&](std::int64_t value) { line += std::to_string(value) + ","; };
    text(activity::decisionIdText(row.id));
    text(toIso8601(row.atUs));
    for (const auto* value : {&row.requestId, &row.key, &row.team, &row.user, &row.session,
             &row.task, &row.askedModel, &row.model, &row.provider}) {
        text(*value);
    }
    number(row.tier);
    text(row.outcome);
    text(row.rule);
    text(activity::statusName(row.status));
    number(row.httpStatus);
    number(row.inputTokens);
    number(row.outputTokens);
    number(row.cachedTokens);
    line += row.cost.toDecimal() + "," + row.bound.toDecimal() + "," + row.baseline.toDecimal()
        + ",USD,";
    number(row.addedUs);
    number(row.firstByteUs);
    number(row.totalUs);
    text(row.pool);
    text(row.reason);
    text(row.error);
    line += csvCell(row.auditHash) + "\n";
    return line;
}

Error writeError(const QSaveFile& file)
{
    return {ErrorCode::Io,
        "Cannot write " + fromQt(file.fileName()) + ": " + fromQt(file.errorString()) + ".",
        "Choose another folder or make room, then export again."};
}

} // namespace

std::string csvCell(std::string_view text)
{
    std::string cell = "\"";
    if (!text.empty()
        && std::string_view("=+-@\t\r").find(text.front()) != std::string_view::npos) {
        cell += '\'';
    }
    for (const char c : text) {
        cell += c;
        if (c == '"') {
            cell += '"';
        }
    }
    return cell + '"';
}

Result<std::int64_t> exportDecisions(const activity::ActivityLog& log, const ExportJob& job)
{
    QSaveFile file(job.path);
    if (!file.open(QIODevice::WriteOnly)) {
        return writeError(file);
    }
    bool written = true;
    bool stopped = false;
    auto put = [&](const std::string& line) {
        written = written && file.write(line.data(), qint64(line.size())) == qint64(line.size());
    };
    if (job.format == ExportFormat::Csv) {
        put(csvHeader);
    }
    const auto rows = log.forEach(job.filter, [&](const activity::Decision& row) {
        stopped = job.cancelled != nullptr && job.cancelled->load();
        if (stopped) {
            return false;
        }
        put(job.format == ExportFormat::Csv ? csvRow(row) : activity::decisionToJson(row) + "\n");
        return written;
    });
    if (!rows) {
        return rows.error();
    }
    if (stopped) {
        return Error(ErrorCode::Unavailable, "The export was cancelled; no file was written.");
    }
    if (!written || !file.commit()) {
        return writeError(file);
    }
    return *rows;
}

} // namespace headgate::ui
