// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The home folder: made for its owner only, owner-checked (so that a shared or planted folder can
// never loosen a cap), and locked while one Headgate uses it. Blocking; for start-up and verbs.

#include "core/base/result.h"

#include <memory>
#include <string>

namespace headgate::service {

/// Paths inside a home folder.
struct HomePaths {
    std::string home;
    std::string lock;
    std::string config;
    std::string ledger;
    std::string activity;
    std::string spill;
    std::string secrets;
    std::string secretsKey;
    std::string simBill;
    std::string margins;
    std::string health;
    std::string responses;
    std::string logs;
    std::string logFile;
};
[[nodiscard]] HomePaths homePaths(const std::string& home);

/// Makes the folder (mode 0700) when absent; refuses one that another user owns or may write to.
[[nodiscard]] Result<void> prepareHome(const std::string& home);

/// One owner a home folder: an advisory lock that dies with the process.
class HomeLock {
public:
    /// Waits up to `waitMs` for another process to let go.
    [[nodiscard]] static Result<HomeLock> take(const HomePaths& paths, int waitMs);
    HomeLock(HomeLock&& other) noexcept;
    HomeLock& operator=(HomeLock&&) = delete;
    ~HomeLock();

private:
    explicit HomeLock(int fd) : m_fd(fd) { }
    int m_fd = -1;
};

} // namespace headgate::service
