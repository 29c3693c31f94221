// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What a verb says: results on standard output (JSON lines or a table for people), messages on
// standard error, and the exit code. One thread. Never prints a secret it was not asked for.

#include "core/base/result.h"

#include <boost/json/object.hpp>

#include <string>
#include <vector>

namespace headgate::app {

/// Exit codes, part of the command line's contract.
inline constexpr int exitDone = 0;
inline constexpr int exitFailed = 1;
inline constexpr int exitUsage = 2;
inline constexpr int exitCannotStart = 3;

/// How rows become text for people.
struct Layout {
    bool table = false; ///< many rows as a table; else one object as "field  value" lines
    std::vector<std::string> columns; ///< in this order; empty: as the rows have them
    std::string emptyText; ///< when there is no row
};

class Output {
public:
    Output(bool json, Layout layout) : m_json(json), m_layout(std::move(layout)) { }
    /// JSON: printed at once. For people: kept until finish(). False: nobody reads any more.
    bool row(const boost::json::object& row);
    void finish();
    [[nodiscard]] bool json() const { return m_json; }

private:
    void printTable() const;
    void printFields(const boost::json::object& row) const;

    bool m_json;
    Layout m_layout;
    std::vector<boost::json::object> m_rows;
    std::size_t m_count = 0;
};

/// Title, sentences, facts and journal lines of `ledger explain`; returns the exit code.
int showStory(const boost::json::object& row);

/// "headgate: message (remedy)" on standard error; returns the exit code to use.
int fail(const Error& error, int exitCode = exitFailed);
int failUsage(const std::string& message);

/// A value as people read it: text without quotes, lists joined by commas.
[[nodiscard]] std::string plainText(const boost::json::value& value);

} // namespace headgate::app
