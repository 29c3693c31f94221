// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The one place that knows how a decision lies in its table: column order, schema, canonical bytes
// of the hash chain. Used by the writer and the readers; no state.

#include "core/activity/decision.h"
#include "core/base/sqlite.h"

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace headgate::activity {

/// Numbered migrations of activity.db.
[[nodiscard]] std::span<const std::string_view> schemaSteps();

/// "id, at_us, …": the columns of table decision, in canonical order.
[[nodiscard]] const std::string& decisionColumns();
/// "facts, candidates, cost_lines, attempts": read by id only.
inline constexpr const char* detailColumns = "facts, candidates, cost_lines, attempts";
inline constexpr int decisionColumnCount = 38;
inline constexpr int detailColumnCount = 4;

/// All values as the text SQLite would show, in canonical order: decision columns, then details.
using RowTexts = std::array<std::string, decisionColumnCount + detailColumnCount>;
[[nodiscard]] RowTexts textsOf(const Decision& decision);
/// True for columns that are stored as INTEGER.
[[nodiscard]] bool isIntegerColumn(int column);
void bindRow(sqlite::Statement& statement, const RowTexts& texts, int from, int count);

/// Reads decisionColumns() from column 0 on.
[[nodiscard]] Decision readDecision(const sqlite::Statement& row);
/// Reads detailColumns from column `from` on.
void readDetails(const sqlite::Statement& row, int from, Decision& decision);

/// The chain: BLAKE2b over the previous hash and every value with its length in front, so that no
/// two different rows have the same bytes.
class ChainHasher {
public:
    explicit ChainHasher(std::string_view previous) { add(previous); }
    void add(std::string_view value);
    [[nodiscard]] std::string hash() const;

private:
    std::string m_bytes;
};

// --- latency histograms: four buckets an octave (at most 25 % wide)
[[nodiscard]] int latencySlot(std::int64_t us);
[[nodiscard]] std::int64_t latencySlotUpperUs(int slot);

} // namespace headgate::activity
