// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The decision log: its own SQLite file, one writer thread behind a bounded queue, roll-ups by
// minute, hour and day, keyset paging. The data plane never waits for it: on overflow rows are
// spilled to a file, counted and read back in later, never silently lost. Money is in the ledger.

#include "core/activity/decision.h"
#include "core/base/result.h"

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace headgate::activity {

/// What Exchange uses.
class DecisionSink {
public:
    virtual ~DecisionSink() = default;
    /// A fresh id at `nowUs`, unique and increasing, also across restarts.
    [[nodiscard]] virtual DecisionId nextId(TimeUs nowUs) = 0;
    virtual void append(Decision decision) = 0; ///< never blocks on the disk
};

/// Field = value conditions, all of which must hold. Fields: key, team, user, session, task, model,
/// asked_model, provider, tier, status, outcome, rule, request_id, priority, pool, client, tag.
struct Filter {
    TimeUs fromUs = 0; ///< inclusive; 0: from the beginning
    TimeUs toUs = 0; ///< exclusive; 0: to the end
    std::vector<std::pair<std::string, std::string>> equals;
    std::string text; ///< substring of reason, request id, model or error; empty: any
};

struct PageQuery {
    Filter filter;
    DecisionId before; ///< 0: newest page
    DecisionId after; ///< newer than this, oldest first (follow mode); 0: not used
    int limit = 100;
};

struct Page {
    std::vector<Decision> rows; ///< newest first, without facts and candidates
    bool more = false;
};

struct Facet {
    std::string value;
    std::int64_t count = 0;
};

enum class Rollup { Minute, Hour, Day };
/// Group keys of a report: model, team, user, key, tier, task, status, provider; empty: totals.
struct ReportQuery {
    TimeUs fromUs = 0;
    TimeUs toUs = 0;
    Rollup rollup = Rollup::Hour;
    std::string by; ///< one group key
    std::vector<std::pair<std::string, std::string>> equals; ///< on roll-up dimensions
};

struct ReportRow {
    TimeUs bucketUs = 0; ///< start of the minute, hour or day (UTC)
    std::string group;
    std::int64_t requests = 0;
    std::int64_t refused = 0;
    std::int64_t downgraded = 0;
    std::int64_t failed = 0;
    std::int64_t inputTokens = 0;
    std::int64_t outputTokens = 0;
    Money cost;
    Money baseline;
};

/// Latency inside Headgate over a span, from roll-up histograms (upper edge of the bucket).
struct LatencySummary {
    std::int64_t addedUsP50 = 0;
    std::int64_t addedUsP95 = 0;
    std::int64_t count = 0;
};

struct ActivityOptions {
    std::string path; ///< activity.db
    std::string spillPath; ///< activity.spill
    std::function<void(std::vector<Decision>)> onAppended; ///< on the writer thread, after commit
    std::string vfs; ///< empty: the system's; tests name a faulty one
    std::size_t queueMax = 0; ///< 0: limits::activityQueueMax; tests make it small
};

class ActivityLog final : public DecisionSink {
public:
    [[nodiscard]] static Result<std::unique_ptr<ActivityLog>> open(ActivityOptions options);
    ~ActivityLog() override; ///< flushes

    [[nodiscard]] DecisionId nextId(TimeUs nowUs) override;
    void append(Decision decision) override;
    /// Blocks until everything appended before is on disk.
    void flush();

    // --- reading: own read-only connections; block on disk; safe on any thread but the data
    // plane's
    [[nodiscard]] Result<Page> page(const PageQuery& query) const;
    [[nodiscard]] Result<Decision> decision(DecisionId id) const; ///< with facts and candidates
    [[nodiscard]] Result<std::vector<ReportRow>> report(const ReportQuery& query) const;
    [[nodiscard]] Result<std::vector<Facet>> facet(
        const Filter& filter, const std::string& field, int limit) const;
    [[nodiscard]] Result<LatencySummary> latency(TimeUs fromUs, TimeUs toUs) const;
    /// Calls `row` for every matching decision, oldest first, without keeping them.
    [[nodiscard]] Result<std::int64_t> forEach(
        const Filter& filter, const std::function<bool(const Decision&)>& row) const;
    /// Recomputes the hash chain; the first broken row is the error.
    [[nodiscard]] Result<std::int64_t> verifyChain() const;

    struct Stats {
        std::int64_t rows = 0; ///< written since start
        std::int64_t queued = 0;
        std::int64_t spilled = 0;
        std::int64_t failed = 0; ///< commits that failed and were retried
        std::int64_t recovered = 0; ///< rows read back from the spill file
        std::int64_t lost = 0; ///< neither database nor spill file took them; shown as a warning
        std::int64_t spillPending = 0; ///< rows still waiting in the spill file
    };
    [[nodiscard]] Stats stats() const;

private:
    struct Impl;
    explicit ActivityLog(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> m_impl;
};

} // namespace headgate::activity
