// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One program writes a ledger at a time: a second one would take the first one's open holds for
// leftovers of a crash. The system drops the lock when the process ends, however it ends.

#include "core/base/result.h"

#include <string>

namespace headgate::ledger {

class StoreLock {
public:
    /// Locks "PATH.lock"; Unavailable when another process (or ledger) has it.
    [[nodiscard]] static Result<StoreLock> acquire(const std::string& path);
    StoreLock(StoreLock&& other) noexcept;
    StoreLock& operator=(StoreLock&& other) noexcept;
    ~StoreLock();

private:
    StoreLock() = default;
    void drop();
#ifdef _WIN32
    void* m_handle = nullptr;
#else
    int m_fd = -1;
#endif
};

} // namespace headgate::ledger
