// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/home.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <filesystem>
#include <system_error>
#include <thread>

namespace headgate::service {

namespace {

constexpr auto lockPollPause = std::chrono::milliseconds(50);

Error unwritable(const std::string& path, const std::string& why)
{
    return Error(ErrorCode::Io, "The home folder " + path + " cannot be used: " + why + ".",
        "Give your user write permission on it, or set HEADGATE_HOME to another folder.");
}

std::string holderOf(int fd)
{
    std::array<char, 32> text{};
    const ssize_t n = ::pread(fd, text.data(), text.size() - 1, 0);
    std::string pid(text.data(), n > 0 ? static_cast<std::size_t>(n) : 0);
    while (!pid.empty() && (pid.back() == '\n' || pid.back() == '\0')) {
        pid.pop_back();
    }
    return pid;
}

} // namespace

HomePaths homePaths(const std::string& home)
{
    HomePaths paths;
    paths.home = home;
    paths.lock = home + "/headgate.lock";
    paths.config = home + "/config.db";
    paths.ledger = home + "/ledger.db";
    paths.activity = home + "/activity.db";
    paths.spill = home + "/activity.spill";
    paths.secrets = home + "/secrets.box";
    paths.secretsKey = home + "/secrets.key";
    paths.simBill = home + "/sim-bill.log";
    paths.margins = home + "/margins.json";
    paths.health = home + "/health.json";
    paths.responses = home + "/responses.db";
    paths.logs = home + "/logs";
    paths.logFile = home + "/logs/headgate.log";
    return paths;
}

Result<void> prepareHome(const std::string& home)
{
    if (home.empty() || home.front() != '/') {
        return Error(ErrorCode::InvalidArgument,
            "The home folder \"" + home + "\" is not an absolute path.",
            "Set HEADGATE_HOME to a full path such as /home/you/.local/share/headgate.");
    }
    std::error_code error;
    const std::filesystem::path parent = std::filesystem::path(home).parent_path();
    std::filesystem::create_directories(parent, error);
    if (::mkdir(home.c_str(), 0700) != 0 && errno != EEXIST) {
        return unwritable(home, std::generic_category().message(errno));
    }
    struct stat info { };
    if (::stat(home.c_str(), &info) != 0) {
        return unwritable(home, std::generic_category().message(errno));
    }
    if (!S_ISDIR(info.st_mode)) {
        return unwritable(home, "it is not a folder");
    }
    if (info.st_uid != ::geteuid()) {
        return Error(ErrorCode::Unauthorized,
            "The home folder " + home + " belongs to another user.",
            "Set HEADGATE_HOME to a folder of your own; caps and keys are read from nowhere else.");
    }
    if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
        return Error(ErrorCode::Unauthorized,
            "Other users may write to the home folder " + home + ", so they could change caps.",
            "Run: chmod 700 " + home);
    }
    if (::access(home.c_str(), W_OK | X_OK) != 0) {
        return unwritable(home, std::generic_category().message(errno));
    }
    // Reading is closed to others as well: hashes and spending are nobody else's business.
    if ((info.st_mode & 0077) != 0) {
        static_cast<void>(::chmod(home.c_str(), 0700) == 0);
    }
    if (::mkdir((home + "/logs").c_str(), 0700) != 0 && errno != EEXIST) {
        return unwritable(home + "/logs", std::generic_category().message(errno));
    }
    return {};
}

Result<HomeLock> HomeLock::take(const HomePaths& paths, int waitMs)
{
    const int fd = ::open(paths.lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return unwritable(paths.home, std::generic_category().message(errno));
    }
    HomeLock lock(fd);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(waitMs);
    while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK && errno != EINTR) {
            return unwritable(paths.home, std::generic_category().message(errno));
        }
        if (std::chrono::steady_clock::now() >= deadline) {
            return Error(ErrorCode::Unavailable,
                "Another Headgate (process " + holderOf(fd) + ") uses " + paths.home + ".",
                "Stop it first, or set HEADGATE_HOME to another folder.");
        }
        std::this_thread::sleep_for(lockPollPause);
    }
    const std::string pid = std::to_string(::getpid()) + "\n";
    static_cast<void>(::ftruncate(fd, 0) == 0);
    static_cast<void>(::pwrite(fd, pid.data(), pid.size(), 0) > 0);
    return lock;
}

HomeLock::HomeLock(HomeLock&& other) noexcept : m_fd(std::exchange(other.m_fd, -1)) { }

HomeLock::~HomeLock()
{
    if (m_fd >= 0) {
        ::close(m_fd);
    }
}

} // namespace headgate::service
