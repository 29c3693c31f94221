// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A disk in memory under real SQLite: what was synced survives a power cut, of the rest any part
// may; what was written survives the end of the process. Fails on demand at a chosen call, and
// counts the calls. Same seed and same calls, same outcome. Safe on any thread; never touches the
// real disk, never sleeps.

#include "core/base/rng.h"

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace headgate::sim {

/// What SQLite asks of a disk. Unlocking and closing cannot fail and are not counted.
enum class DiskCall { Open, Read, Write, Truncate, Sync, Delete, Stat, Lock, Map, Count };
inline constexpr std::size_t diskCallCount = static_cast<std::size_t>(DiskCall::Count);
[[nodiscard]] const char* diskCallName(DiskCall call); ///< "open", "read", …

enum class DiskFault {
    Full, ///< no space: nothing is written
    ShortWrite, ///< no space half-way: a part is written
    IoError, ///< the call fails; a write leaves a part of it behind
    Busy, ///< another program holds the lock
    ProcessEndsBefore, ///< the program is gone before the call
    ProcessEndsAfter,
    PowerFailsBefore,
    PowerFailsAfter,
    Count
};
inline constexpr std::size_t diskFaultCount = static_cast<std::size_t>(DiskFault::Count);
[[nodiscard]] const char* diskFaultName(DiskFault fault);
/// Can this fault happen at such a call?
[[nodiscard]] bool canHappen(DiskFault fault, DiskCall call);
[[nodiscard]] bool isCrash(DiskFault fault);

class SimDisk {
public:
    /// Registers itself with SQLite under `name` until it is destroyed; its connections must be
    /// closed before.
    SimDisk(std::string name, std::uint64_t seed);
    ~SimDisk();
    SimDisk(const SimDisk&) = delete;
    SimDisk& operator=(const SimDisk&) = delete;
    /// For OpenOptions::vfs and LedgerOptions::vfs.
    [[nodiscard]] const std::string& vfs() const { return m_name; }

    // --- faults
    /// Once, at the n-th counted call from now (1: the next), or the n-th of that kind. Where the
    /// fault cannot happen at that call, nothing does.
    void failAt(std::int64_t n, DiskFault fault, std::optional<DiskCall> only = {});
    void setFull(bool isFull); ///< until lifted: files cannot grow
    void setBad(bool isBad); ///< until lifted: no write or sync works
    void setLocked(bool isLocked); ///< until lifted: another program is writing
    void clearFaults(); ///< lifts all of the above

    /// While set, calls are not counted and cannot fail: for a reader that is not under test.
    void setExempt(bool isExempt);

    // --- crashes. The disk is then down: every call of the old program fails without effect.
    void endProcess(); ///< all writes are kept
    void failPower(); ///< what was not synced survives in part, torn, or not at all
    [[nodiscard]] bool isDown() const;
    /// Lifts a crash for the next program; the old one's connections must be closed before.
    void restart();

    // --- counters, since the start or resetCounters()
    [[nodiscard]] std::int64_t calls() const;
    [[nodiscard]] std::int64_t calls(DiskCall call) const;
    [[nodiscard]] std::int64_t faultsStruck() const; ///< of failAt and of the lasting ones
    void resetCounters();
    /// The kinds of calls in order, when recording was asked for.
    void recordCalls(bool isRecording);
    [[nodiscard]] std::vector<DiskCall> recordedCalls() const;
    /// What would be lost at most in a power cut.
    [[nodiscard]] std::int64_t unsyncedBytes() const;

    // --- files, as the program would see them
    [[nodiscard]] std::optional<std::string> readFile(const std::string& path) const;
    void writeFile(const std::string& path, std::string bytes); ///< durable at once
    void removeFile(const std::string& path);
    [[nodiscard]] std::vector<std::string> files() const;
    /// Takes over the other disk's files, all durable.
    void copyFilesFrom(const SimDisk& other);

    /// Called instead of sleeping (SQLite waits so for locks); set it before the first use.
    std::function<void(std::int64_t us)> onSleep;

    struct Impl; ///< its own business

private:
    std::string m_name;
    std::unique_ptr<Impl> m_impl;
};

} // namespace headgate::sim
