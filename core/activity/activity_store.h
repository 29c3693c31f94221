// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The write side of activity.db: rows, hash chain and roll-ups of a batch in one transaction. Used
// from the writer thread only; never retries.

#include "core/activity/activity_rows.h"
#include "core/base/sqlite.h"

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace headgate::activity {

class ActivityStore {
public:
    [[nodiscard]] static Result<ActivityStore> open(
        const std::string& path, const std::string& vfs);

    /// Stores the batch, all or none, and fills in the audit hashes. Rows whose id is there already
    /// are taken out of `rows`: they were stored before a crash or a spill.
    [[nodiscard]] Result<void> commit(std::vector<Decision>& rows, std::int64_t lastIdGiven);
    /// The largest id that may have been given out, as far as this file knows.
    [[nodiscard]] std::int64_t lastId() const { return m_lastId; }

private:
    struct Sums {
        std::int64_t requests = 0;
        std::int64_t refused = 0;
        std::int64_t downgraded = 0;
        std::int64_t failed = 0;
        std::int64_t inputTokens = 0;
        std::int64_t outputTokens = 0;
        std::int64_t cost = 0;
        std::int64_t baseline = 0;
    };
    struct Batch {
        std::map<std::tuple<int, TimeUs, std::int64_t>, Sums> sums; ///< level, bucket, dimension
        std::map<std::tuple<int, TimeUs, int>, std::int64_t> latency; ///< level, bucket, slot
        std::vector<bool> known; ///< by row: its id was in the file before
        std::int64_t seq = 0;
        std::string hash;
    };

    [[nodiscard]] Result<void> prepareAll();
    [[nodiscard]] Result<void> readMeta();
    [[nodiscard]] Result<void> store(std::vector<Decision>& rows, Batch& batch);
    /// False: the id is there already.
    [[nodiscard]] Result<bool> insert(Decision& row, Batch& batch);
    [[nodiscard]] Result<std::int64_t> dimensionOf(const Decision& row);
    [[nodiscard]] Result<void> addUp(const Decision& row, Batch& batch);
    [[nodiscard]] Result<void> writeSums(const Batch& batch);
    [[nodiscard]] Result<void> writeMeta(const char* name, const std::string& value);

    sqlite::Connection m_connection;
    sqlite::Statement m_insertRow;
    sqlite::Statement m_insertDetail;
    sqlite::Statement m_insertDimension;
    sqlite::Statement m_findDimension;
    sqlite::Statement m_upsert[3];
    sqlite::Statement m_upsertLatency;
    sqlite::Statement m_writeMeta;
    std::unordered_map<std::string, std::int64_t> m_dimensions;
    std::int64_t m_lastId = 0;
    std::int64_t m_seq = 0;
    std::string m_hash;
};

} // namespace headgate::activity
