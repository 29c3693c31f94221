// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Where decisions go while the database does not take them: "LENGTH JSON\n" records appended to a
// file of the owner only. Safe on any thread; append never syncs (the page cache survives a kill).

#include "core/activity/decision.h"
#include "core/base/result.h"

#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

namespace headgate::activity {

class SpillFile {
public:
    explicit SpillFile(std::string path);

    [[nodiscard]] Result<void> append(const std::vector<Decision>& rows);
    /// Takes the records out in groups. `take` says whether the group is stored; when it is not,
    /// the records stay (those taken before may come again: `take` must know them by their id).
    [[nodiscard]] Result<void> replay(
        const std::function<Result<void>(std::vector<Decision>)>& take);

    struct Content {
        std::int64_t rows = 0;
        std::int64_t maxId = 0;
    };
    /// What waits in the file, for the start.
    [[nodiscard]] Content scan() const;
    /// Records waiting, cheap.
    [[nodiscard]] std::int64_t pending() const;

private:
    std::string m_path;
    std::string m_replayPath; ///< being read back in; new records go to m_path meanwhile
    mutable std::mutex m_mutex;
    std::int64_t m_pending = 0;
};

} // namespace headgate::activity
