// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// How far above its estimate the input of a request may be billed, learned per model from what
// providers reported. Whole numbers only. Safe on any thread; decisions read an immutable table.
// No I/O: whoever owns a Margins keeps its text somewhere. Losing it is harmless.

#include "core/tokens/script_meter.h"
#include "core/tokens/tokens.h"

#include <boost/json/fwd.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace headgate::tokens {

/// The start for families without an exact encoding here; above the estimator's own upper limit
/// where that is lower.
inline constexpr std::int64_t marginStartPermille = 1'300;

/// What a request was thought to be and what the provider billed.
struct MarginObservation {
    std::string model; ///< id
    std::string family;
    Count count;
    /// Only plain texts may bring a margin below its start: the scatter of the estimators in other
    /// scripts is too wide to be judged by a few hundred requests.
    ScriptGroup script = ScriptGroup::Plain;
    std::int64_t bound = 0; ///< what the hold was made for
    std::int64_t actual = 0; ///< billed, cached tokens included
};

/// Upper ends (exclusive) of the bars of a distribution of billed ÷ estimated, in permille; what is
/// above the last is in a bar of its own. Narrow around 1, where estimates should be.
inline constexpr std::array<std::int32_t, 10> errorEdgesPermille{
    700, 850, 950, 990, 1'011, 1'051, 1'151, 1'301, 1'501, 2'001};
inline constexpr std::size_t errorBarCount = errorEdgesPermille.size() + 1;

/// How far off the estimates of one writing were: billed ÷ estimated, of the last requests.
struct ScriptError {
    ScriptGroup script = ScriptGroup::Plain;
    std::int64_t observations = 0;
    std::int64_t overruns = 0; ///< billed above the bound
    std::int64_t medianPermille = 0;
    std::int64_t p95Permille = 0;
    std::int64_t worstPermille = 0;
    std::int64_t marginPermille = 0; ///< in force for long texts of it
    std::array<std::int64_t, errorBarCount> bars{}; ///< requests by errorEdgesPermille
};

/// Where a model's margin stands, for people.
struct Margin {
    std::string model;
    std::string family;
    bool exact = false; ///< the family's encoding is known here
    std::int64_t permille = 1'000; ///< in force for long plain texts: bound = estimate × this
    std::int64_t extraTokens = 0; ///< in force for short ones: bound = estimate + this
    bool learned = false; ///< `permille` is learned, else it is the start
    std::int64_t observations = 0;
    std::int64_t worstPermille = 0; ///< of the last ones; 0: none yet
    std::int64_t overruns = 0; ///< billed above the bound
    std::vector<ScriptError> scripts; ///< those that were seen
};

/// That of a model; of which nothing was observed yet: the start of its family.
[[nodiscard]] Margin marginOf(
    const std::vector<Margin>& all, const std::string& model, const std::string& family);
/// Permille as a factor: 1300 is "1.3".
[[nodiscard]] std::string marginText(std::int64_t permille);

/// The margins of one moment.
class MarginTable {
public:
    /// The most that a text counted as `count` can be billed as by `model`.
    [[nodiscard]] std::int64_t inputAtMost(
        const std::string& model, const Count& count, ScriptGroup script) const;
    /// As above; `plain` false is a writing that is not told.
    [[nodiscard]] std::int64_t inputAtMost(
        const std::string& model, const Count& count, bool plain) const
    {
        return inputAtMost(model, count, plain ? ScriptGroup::Plain : ScriptGroup::Other);
    }

private:
    friend class Margins;
    struct Limit {
        std::int64_t value = 0; ///< permille of long texts, tokens more of short ones
        bool known = false; ///< something was observed
        bool trusted = false; ///< enough to go below the start
    };
    using Limits = std::array<Limit, 2 * scriptGroupCount>;
    std::unordered_map<std::string, Limits> m_limits;
};

class Margins {
public:
    Margins();
    /// Only usage that the provider told itself, of requests that are text alone. True: the bill
    /// was above the bound.
    bool observe(const MarginObservation& observation);
    [[nodiscard]] std::shared_ptr<const MarginTable> table() const;
    /// By model.
    [[nodiscard]] std::vector<Margin> list() const;
    /// Grows with every observation: whether there is anything to keep.
    [[nodiscard]] std::int64_t changes() const;

    [[nodiscard]] std::string toJson() const;
    /// Replaces everything. Errors leave it as it was: not the format, values out of range.
    [[nodiscard]] Result<void> readJson(std::string_view text);

private:
    /// Short or long, and each writing: what is learned of one says nothing of the other.
    struct Series {
        std::vector<std::int32_t> values; ///< a ring
        std::size_t next = 0;
        std::int64_t worst = 0; ///< of the last ones
        std::int64_t quantile = 0; ///< of all kept
        int sinceQuantile = 0;
        void add(std::int32_t value);
        void measure();
        [[nodiscard]] std::vector<std::int32_t> inOrder() const; ///< oldest first
    };
    /// Billed ÷ estimated in permille, for people; nothing is decided by it.
    struct Errors {
        std::vector<std::int32_t> ratios; ///< a ring
        std::size_t next = 0;
        std::int64_t observations = 0;
        std::int64_t overruns = 0;
        void add(std::int32_t ratio);
        [[nodiscard]] ScriptError told(ScriptGroup script) const;
    };
    struct Model {
        std::string family;
        bool exact = false;
        std::array<Series, 2 * scriptGroupCount> series;
        std::array<Errors, scriptGroupCount> errors;
        std::int64_t observations = 0;
        std::int64_t overruns = 0;
    };
    [[nodiscard]] static MarginTable::Limits limitsOf(const Model& model);
    void publish(const std::string& id, const Model& model);
    [[nodiscard]] static bool readErrors(const boost::json::object& from, Model& model);

    mutable std::mutex m_mutex;
    std::unordered_map<std::string, Model> m_models;
    std::shared_ptr<const MarginTable> m_table;
    std::int64_t m_changes = 0;
};

} // namespace headgate::tokens
