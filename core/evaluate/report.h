// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The benchmark's results as text for people and as JSON for programs, and the list of what the
// whole table measures. Pure but for the callbacks.

#include "core/evaluate/routing_bench.h"

#include <boost/json/object.hpp>

#include <functional>
#include <string>

namespace headgate::evaluate {

/// The pairs of the whole table, with growing training sets.
[[nodiscard]] std::vector<PairTask> tablePairs();
/// Pairs and sources of which no label is seen.
[[nodiscard]] std::vector<PairTask> tableUnseen();

[[nodiscard]] std::string headingText();
[[nodiscard]] std::string pairText(const PairResult& result);
[[nodiscard]] boost::json::object pairJson(const PairResult& result);
[[nodiscard]] std::string dialText(const DialMeasure& measure);
[[nodiscard]] boost::json::object dialJson(const DialMeasure& measure);

/// Mean APGR of each router over several results: what happens out of the domain.
[[nodiscard]] std::string meanText(const std::vector<PairResult>& results);

} // namespace headgate::evaluate
