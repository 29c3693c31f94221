// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A SQLite file layer that passes everything on to the system's and fails on demand: every write
// (full disk), every sync (bad disk), or once at the n-th such call. Safe on any thread.

#include <sqlite3.h>

#include <atomic>
#include <cstring>
#include <string>

namespace headgate::ledger::test {

class FaultVfs {
public:
    static constexpr const char* name = "headgate-faults";

    static inline std::atomic<bool> failWrites{false}; ///< SQLITE_FULL
    static inline std::atomic<bool> failSyncs{false}; ///< SQLITE_IOERR_FSYNC
    static inline std::atomic<long> calls{0}; ///< writes and syncs since calm()
    static inline std::atomic<long> failOnceAt{0}; ///< this call fails; 0: none

    static void calm()
    {
        failWrites = false;
        failSyncs = false;
        calls = 0;
        failOnceAt = 0;
    }

    static void install()
    {
        static sqlite3_vfs vfs = *sqlite3_vfs_find(nullptr);
        if (sqlite3_vfs_find(name) != nullptr) {
            return;
        }
        vfs.zName = name;
        vfs.pNext = nullptr;
        vfs.szOsFile += static_cast<int>(sizeof(File));
        vfs.xOpen = &FaultVfs::open;
        sqlite3_vfs_register(&vfs, 0);
    }

private:
    /// The system's file object follows in the same allocation.
    struct File {
        sqlite3_file base;
        sqlite3_io_methods methods;
        [[nodiscard]] sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
    };
    static sqlite3_file* real(sqlite3_file* file) { return reinterpret_cast<File*>(file)->real(); }

    static bool isDue() { return ++calls == failOnceAt; }

    static int open(sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* outFlags)
    {
        auto* ours = reinterpret_cast<File*>(file);
        ours->base.pMethods = nullptr;
        sqlite3_vfs* system = sqlite3_vfs_find(nullptr);
        const int code = system->xOpen(system, path, ours->real(), flags, outFlags);
        if (code != SQLITE_OK) {
            return code;
        }
        sqlite3_io_methods& m = ours->methods;
        m = {};
        m.iVersion = 2; // no memory-mapped reads
        m.xClose = [](sqlite3_file* f) { return real(f)->pMethods->xClose(real(f)); };
        m.xRead = [](sqlite3_file* f, void* to, int bytes, sqlite3_int64 at) {
            return real(f)->pMethods->xRead(real(f), to, bytes, at);
        };
        m.xWrite = [](sqlite3_file* f, const void* from, int bytes, sqlite3_int64 at) {
            const bool due = isDue();
            return due || failWrites ? SQLITE_FULL
                                     : real(f)->pMethods->xWrite(real(f), from, bytes, at);
        };
        m.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
            return real(f)->pMethods->xTruncate(real(f), size);
        };
        m.xSync = [](sqlite3_file* f, int how) {
            const bool due = isDue();
            return due || failSyncs ? SQLITE_IOERR_FSYNC : real(f)->pMethods->xSync(real(f), how);
        };
        m.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
            return real(f)->pMethods->xFileSize(real(f), size);
        };
        m.xLock = [](sqlite3_file* f, int how) { return real(f)->pMethods->xLock(real(f), how); };
        m.xUnlock
            = [](sqlite3_file* f, int how) { return real(f)->pMethods->xUnlock(real(f), how); };
        m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
            return real(f)->pMethods->xCheckReservedLock(real(f), out);
        };
        m.xFileControl = [](sqlite3_file* f, int what, void* with) {
            return real(f)->pMethods->xFileControl(real(f), what, with);
        };
        m.xSectorSize = [](sqlite3_file* f) { return real(f)->pMethods->xSectorSize(real(f)); };
        m.xDeviceCharacteristics
            = [](sqlite3_file* f) { return real(f)->pMethods->xDeviceCharacteristics(real(f)); };
        m.xShmMap = [](sqlite3_file* f, int page, int bytes, int extend, void volatile** out) {
            return real(f)->pMethods->xShmMap(real(f), page, bytes, extend, out);
        };
        m.xShmLock = [](sqlite3_file* f, int at, int count, int how) {
            return real(f)->pMethods->xShmLock(real(f), at, count, how);
        };
        m.xShmBarrier = [](sqlite3_file* f) { real(f)->pMethods->xShmBarrier(real(f)); };
        m.xShmUnmap
            = [](sqlite3_file* f, int drop) { return real(f)->pMethods->xShmUnmap(real(f), drop); };
        ours->base.pMethods = &m;
        return SQLITE_OK;
    }
};

} // namespace headgate::ledger::test
