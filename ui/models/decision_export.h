// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Writes the decisions of a filter to a file, exact and without keeping them in memory. Runs on a
// worker thread; never touches widgets. A file that could not be finished is not left behind.

#include "core/activity/activity_log.h"

#include <QString>

#include <atomic>
#include <string>
#include <string_view>

namespace headgate::ui {

enum class ExportFormat { Csv, JsonLines };

struct ExportJob {
    activity::Filter filter;
    QString path;
    ExportFormat format = ExportFormat::Csv;
    const std::atomic<bool>* cancelled = nullptr; ///< may be null
};

/// Rows written. Errors: unwritable file, full disk, cancelled, a log that cannot be read.
[[nodiscard]] Result<std::int64_t> exportDecisions(
    const activity::ActivityLog& log, const ExportJob& job);

/// A quoted CSV cell; text that a spreadsheet would take for a formula gets a leading apostrophe.
[[nodiscard]] std::string csvCell(std::string_view text);

} // namespace headgate::ui
