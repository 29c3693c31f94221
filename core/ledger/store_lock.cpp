// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/ledger/store_lock.h"

#include <fmt/format.h>

#include <cerrno>
#include <system_error>
#include <utility>

#ifdef _WIN32
#include <windows.h>
#else
#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#endif

namespace headgate::ledger {

namespace {

Error inUse(const std::string& path)
{
    return Error(ErrorCode::Unavailable, fmt::format("Another Headgate is using {}.", path),
        "Close it, or use another folder for this one.");
}

} // namespace

StoreLock::StoreLock(StoreLock&& other) noexcept
{
    *this = std::move(other);
}

StoreLock::~StoreLock()
{
    drop();
}

#ifdef _WIN32

Result<StoreLock> StoreLock::acquire(const std::string& path)
{
    HANDLE handle = CreateFileA((path + ".lock").c_str(), GENERIC_READ | GENERIC_WRITE, 0, nullptr,
        OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
    if (handle == INVALID_HANDLE_VALUE) {
        return inUse(path);
    }
    StoreLock lock;
    lock.m_handle = handle;
    return lock;
}

StoreLock& StoreLock::operator=(StoreLock&& other) noexcept
{
    drop();
    m_handle = std::exchange(other.m_handle, nullptr);
    return *this;
}

void StoreLock::drop()
{
    if (m_handle != nullptr) {
        CloseHandle(std::exchange(m_handle, nullptr));
    }
}

#else

Result<StoreLock> StoreLock::acquire(const std::string& path)
{
    const std::string name = path + ".lock";
    StoreLock lock;
    lock.m_fd = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock.m_fd < 0) {
        return Error(ErrorCode::Io,
            fmt::format("{} cannot be opened: {}.", name, std::generic_category().message(errno)),
            "Check that the folder exists and that you may write to it.");
    }
    if (::flock(lock.m_fd, LOCK_EX | LOCK_NB) != 0) {
        return inUse(path);
    }
    return lock;
}

StoreLock& StoreLock::operator=(StoreLock&& other) noexcept
{
    drop();
    m_fd = std::exchange(other.m_fd, -1);
    return *this;
}

void StoreLock::drop()
{
    if (m_fd >= 0) {
        ::close(std::exchange(m_fd, -1)); // closing drops the lock
    }
}

#endif

} // namespace headgate::ledger
