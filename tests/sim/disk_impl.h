// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The inside of the simulated disk: files with what was not synced yet, locks, the shared memory of
// write-ahead logs, and what strikes at which call. Everything runs with the disk's mutex held.

#include "tests/sim/disk.h"

#include <sqlite3.h>

#include <map>
#include <set>

namespace headgate::sim {

inline constexpr int shmLocks = 8; // SQLITE_SHM_NLOCK

struct PendingWrite {
    std::size_t at = 0;
    std::string bytes;
    bool isTruncate = false; ///< to `at` bytes
};

/// Writes into the image, which grows as needed.
void applyTo(std::string& image, std::size_t at, std::string_view bytes);
/// What a failing call of that kind returns.
[[nodiscard]] int diskErrorCode(DiskCall call);

struct Handle;

/// The index of a write-ahead log: memory that the connections of one machine share. It is gone
/// with the last of them.
struct SharedMemory {
    std::vector<std::unique_ptr<std::string>> regions; ///< addresses stay
    std::array<int, shmLocks> shared{};
    std::array<const Handle*, shmLocks> exclusive{};
    int users = 0;
};

struct Inode {
    std::string live; ///< what a program reads
    std::string durable;
    std::vector<PendingWrite> pending; ///< written, not synced; oldest first
    std::shared_ptr<SharedMemory> memory;
    std::set<Handle*> handles;
};

struct Handle {
    std::shared_ptr<Inode> inode;
    int lock = SQLITE_LOCK_NONE;
    std::shared_ptr<SharedMemory> memory;
    unsigned sharedMask = 0;
    unsigned exclusiveMask = 0;
    bool isDead = false; ///< of a program that has ended
};

/// A name that appeared, changed its file or vanished; the file system journals these in order.
struct NameChange {
    std::string name;
    std::shared_ptr<Inode> inode; ///< null: deleted
};

/// The object that SQLite allocates for us.
struct File {
    sqlite3_file base;
    SimDisk::Impl* disk;
    Handle* handle;
};

struct SimDisk::Impl {
    Impl(SimDisk& theOwner, std::uint64_t seed) : owner(theOwner), rng(seed) { }

    // --- faults
    /// Counts the call. SQLITE_OK, or what it has to return instead of doing its work.
    int begin(DiskCall call, const Handle* handle = nullptr);
    /// Strikes crashes that come after the call.
    int end(int code);
    int strike(DiskFault fault, DiskCall call);

    // --- crashes
    void endProcess();
    void failPower();
    void losePart(Inode& inode);
    void flushNames(std::size_t count);
    void sync(const std::shared_ptr<Inode>& inode);

    // --- what SQLite calls, with the mutex held
    int open(const char* path, File* file, int flags, int* outFlags);
    int remove(const char* path, bool isDirectorySynced);
    int read(Handle& handle, void* to, std::size_t bytes, std::size_t at);
    int write(Handle& handle, std::string_view bytes, std::size_t at);
    int truncate(Handle& handle, std::size_t size);
    int lock(Handle& handle, int level);
    int shmMap(Handle& handle, std::size_t region, std::size_t bytes, bool extend, void** out);
    int shmLock(Handle& handle, int at, int count, int how);
    void shmUnmap(Handle& handle);
    void close(Handle* handle);

    SimDisk& owner;
    mutable std::recursive_mutex mutex;
    sqlite3_vfs vfs{};
    Rng rng;
    std::map<std::string, std::shared_ptr<Inode>> names;
    std::map<std::string, std::shared_ptr<Inode>> durableNames;
    std::vector<NameChange> nameChanges; ///< not durable yet
    std::set<Handle*> handles;

    struct Planned {
        std::int64_t left = 0;
        DiskFault fault = DiskFault::IoError;
        std::optional<DiskCall> only;
    };
    std::vector<Planned> planned;
    std::optional<DiskFault> atEnd; ///< a crash after the running call
    std::optional<DiskFault> inWrite; ///< the running write is done in part
    bool isFull = false;
    bool isBad = false;
    bool isLocked = false;
    bool isExempt = false;
    bool isDown = false;

    std::array<std::int64_t, diskCallCount> counts{};
    std::int64_t struck = 0;
    bool isRecording = false;
    std::vector<DiskCall> recorded;
};

/// Registers `vfs` as the way from SQLite to the disk.
void registerDisk(SimDisk::Impl& disk, const char* name);

} // namespace headgate::sim
