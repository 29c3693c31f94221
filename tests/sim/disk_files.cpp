// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/disk_impl.h"

#include <algorithm>
#include <cstring>

namespace headgate::sim {

// --- what SQLite calls

int SimDisk::Impl::open(const char* path, File* file, int flags, int* outFlags)
{
    if (const int code = begin(DiskCall::Open); code != SQLITE_OK) {
        return code == SQLITE_IOERR ? SQLITE_CANTOPEN : code;
    }
    std::shared_ptr<Inode> inode;
    if (path == nullptr) {
        inode = std::make_shared<Inode>(); // temporary: it has no name
    } else if (const auto found = names.find(path); found != names.end()) {
        inode = found->second;
    } else if ((flags & SQLITE_OPEN_CREATE) == 0) {
        return end(SQLITE_CANTOPEN);
    } else {
        inode = std::make_shared<Inode>();
        names[path] = inode;
        nameChanges.push_back({path, inode});
    }
    file->handle = new Handle{};
    file->handle->inode = inode;
    inode->handles.insert(file->handle);
    handles.insert(file->handle);
    if (outFlags != nullptr) {
        *outFlags = flags;
    }
    return end(SQLITE_OK);
}

int SimDisk::Impl::remove(const char* path, bool isDirectorySynced)
{
    if (const int code = begin(DiskCall::Delete); code != SQLITE_OK) {
        return code;
    }
    if (names.erase(path) == 0) {
        return end(SQLITE_IOERR_DELETE_NOENT);
    }
    nameChanges.push_back({path, nullptr});
    if (isDirectorySynced) {
        flushNames(nameChanges.size());
    }
    return end(SQLITE_OK);
}

int SimDisk::Impl::read(Handle& handle, void* to, std::size_t bytes, std::size_t at)
{
    if (const int code = begin(DiskCall::Read, &handle); code != SQLITE_OK) {
        return code;
    }
    const std::string& live = handle.inode->live;
    const std::size_t there = at < live.size() ? std::min(bytes, live.size() - at) : 0;
    std::memcpy(to, live.data() + std::min(at, live.size()), there);
    std::memset(static_cast<char*>(to) + there, 0, bytes - there);
    return end(there == bytes ? SQLITE_OK : SQLITE_IOERR_SHORT_READ);
}

int SimDisk::Impl::write(Handle& handle, std::string_view bytes, std::size_t at)
{
    inWrite.reset();
    int code = begin(DiskCall::Write, &handle);
    if (isDown || handle.isDead) {
        return SQLITE_IOERR;
    }
    Inode& inode = *handle.inode;
    if (code == SQLITE_OK && isFull && at + bytes.size() > inode.live.size()) {
        ++struck;
        return end(SQLITE_FULL);
    }
    if (code != SQLITE_OK) {
        if (!inWrite) {
            return code;
        }
        bytes = bytes.substr(0, static_cast<std::size_t>(rng.below(bytes.size() + 1)));
    }
    applyTo(inode.live, at, bytes);
    inode.pending.push_back({at, std::string(bytes), false});
    return end(code);
}

int SimDisk::Impl::truncate(Handle& handle, std::size_t size)
{
    if (const int code = begin(DiskCall::Truncate, &handle); code != SQLITE_OK) {
        return code;
    }
    handle.inode->live.resize(size, '\0');
    handle.inode->pending.push_back({size, {}, true});
    return end(SQLITE_OK);
}

int SimDisk::Impl::lock(Handle& handle, int level)
{
    if (handle.lock >= level) {
        return handle.isDead ? SQLITE_IOERR : SQLITE_OK;
    }
    if (const int code = begin(DiskCall::Lock, &handle); code != SQLITE_OK) {
        return code;
    }
    if (isLocked && level >= SQLITE_LOCK_RESERVED) {
        ++struck;
        return end(SQLITE_BUSY);
    }
    int highest = SQLITE_LOCK_NONE;
    for (const Handle* other : handle.inode->handles) {
        highest = other == &handle ? highest : std::max(highest, other->lock);
    }
    if (level == SQLITE_LOCK_SHARED && highest >= SQLITE_LOCK_PENDING) {
        return end(SQLITE_BUSY);
    }
    if (level >= SQLITE_LOCK_RESERVED && highest >= SQLITE_LOCK_RESERVED) {
        return end(SQLITE_BUSY);
    }
    if (level == SQLITE_LOCK_EXCLUSIVE && highest >= SQLITE_LOCK_SHARED) {
        handle.lock = SQLITE_LOCK_PENDING; // no new readers; the present ones end
        return end(SQLITE_BUSY);
    }
    handle.lock = level;
    return end(SQLITE_OK);
}

int SimDisk::Impl::shmMap(
    Handle& handle, std::size_t region, std::size_t bytes, bool extend, void** out)
{
    *out = nullptr;
    if (const int code = begin(DiskCall::Map, &handle); code != SQLITE_OK) {
        return code;
    }
    if (!handle.memory) {
        if (!handle.inode->memory) {
            handle.inode->memory = std::make_shared<SharedMemory>();
        }
        handle.memory = handle.inode->memory;
        ++handle.memory->users;
    }
    auto& regions = handle.memory->regions;
    while (extend && regions.size() <= region) {
        regions.push_back(std::make_unique<std::string>(bytes, '\0'));
    }
    if (region < regions.size()) {
        *out = regions[region]->data();
    }
    return end(SQLITE_OK);
}

int SimDisk::Impl::shmLock(Handle& handle, int at, int count, int how)
{
    const unsigned mask = ((1U << count) - 1U) << at;
    SharedMemory& memory = *handle.memory;
    const bool isExclusive = (how & SQLITE_SHM_EXCLUSIVE) != 0;
    if ((how & SQLITE_SHM_UNLOCK) != 0) {
        for (int i = at; i < at + count; ++i) {
            const auto slot = static_cast<std::size_t>(i);
            if ((handle.exclusiveMask & (1U << i)) != 0) {
                memory.exclusive[slot] = nullptr;
            }
            if ((handle.sharedMask & (1U << i)) != 0) {
                --memory.shared[slot];
            }
        }
        handle.exclusiveMask &= ~mask;
        handle.sharedMask &= ~mask;
        return SQLITE_OK;
    }
    if (const int code = begin(DiskCall::Lock, &handle); code != SQLITE_OK) {
        return code == SQLITE_IOERR_LOCK ? SQLITE_IOERR_SHMLOCK : code;
    }
    if (isLocked && isExclusive) {
        ++struck;
        return end(SQLITE_BUSY);
    }
    for (int i = at; i < at + count; ++i) {
        const auto slot = static_cast<std::size_t>(i);
        const int ours = (handle.sharedMask & (1U << i)) != 0 ? 1 : 0;
        const bool isTaken = memory.exclusive[slot] != nullptr && memory.exclusive[slot] != &handle;
        if (isTaken || (isExclusive && memory.shared[slot] > ours)) {
            return end(SQLITE_BUSY);
        }
    }
    for (int i = at; i < at + count; ++i) {
        const auto slot = static_cast<std::size_t>(i);
        if (isExclusive) {
            memory.exclusive[slot] = &handle;
        } else if ((handle.sharedMask & (1U << i)) == 0) {
            ++memory.shared[slot];
        }
    }
    (isExclusive ? handle.exclusiveMask : handle.sharedMask) |= mask;
    return end(SQLITE_OK);
}

void SimDisk::Impl::shmUnmap(Handle& handle)
{
    if (!handle.memory) {
        return;
    }
    static_cast<void>(shmLock(handle, 0, shmLocks, SQLITE_SHM_UNLOCK | SQLITE_SHM_SHARED));
    if (--handle.memory->users == 0 && handle.inode->memory == handle.memory) {
        handle.inode->memory.reset();
    }
    handle.memory.reset();
}

void SimDisk::Impl::close(Handle* handle)
{
    shmUnmap(*handle);
    handle->inode->handles.erase(handle);
    handles.erase(handle);
    delete handle;
}

// --- the C side of it

namespace {

using Guard = std::scoped_lock<std::recursive_mutex>;

File* ours(sqlite3_file* file)
{
    return reinterpret_cast<File*>(file);
}

std::size_t asSize(sqlite3_int64 value)
{
    return static_cast<std::size_t>(value);
}

int fileClose(sqlite3_file* f)
{
    const Guard guard(ours(f)->disk->mutex);
    ours(f)->disk->close(std::exchange(ours(f)->handle, nullptr));
    return SQLITE_OK;
}
int fileRead(sqlite3_file* f, void* to, int bytes, sqlite3_int64 at)
{
    const Guard guard(ours(f)->disk->mutex);
    return ours(f)->disk->read(*ours(f)->handle, to, asSize(bytes), asSize(at));
}
int fileWrite(sqlite3_file* f, const void* from, int bytes, sqlite3_int64 at)
{
    const Guard guard(ours(f)->disk->mutex);
    const std::string_view view(static_cast<const char*>(from), asSize(bytes));
    return ours(f)->disk->write(*ours(f)->handle, view, asSize(at));
}
int fileTruncate(sqlite3_file* f, sqlite3_int64 size)
{
    const Guard guard(ours(f)->disk->mutex);
    return ours(f)->disk->truncate(*ours(f)->handle, asSize(size));
}
int fileSync(sqlite3_file* f, int)
{
    auto* disk = ours(f)->disk;
    const Guard guard(disk->mutex);
    if (const int code = disk->begin(DiskCall::Sync, ours(f)->handle); code != SQLITE_OK) {
        return code;
    }
    disk->sync(ours(f)->handle->inode);
    return disk->end(SQLITE_OK);
}
int fileSize(sqlite3_file* f, sqlite3_int64* size)
{
    auto* disk = ours(f)->disk;
    const Guard guard(disk->mutex);
    *size = static_cast<sqlite3_int64>(ours(f)->handle->inode->live.size());
    if (const int code = disk->begin(DiskCall::Stat, ours(f)->handle); code != SQLITE_OK) {
        return code;
    }
    return disk->end(SQLITE_OK);
}
int fileLock(sqlite3_file* f, int level)
{
    const Guard guard(ours(f)->disk->mutex);
    return ours(f)->disk->lock(*ours(f)->handle, level);
}
int fileUnlock(sqlite3_file* f, int level)
{
    const Guard guard(ours(f)->disk->mutex);
    ours(f)->handle->lock = std::min(ours(f)->handle->lock, level);
    return SQLITE_OK;
}
int fileCheckReserved(sqlite3_file* f, int* out)
{
    const Guard guard(ours(f)->disk->mutex);
    const auto& all = ours(f)->handle->inode->handles;
    *out = std::any_of(all.begin(), all.end(),
               [](const Handle* handle) { return handle->lock >= SQLITE_LOCK_RESERVED; })
        ? 1
        : 0;
    return SQLITE_OK;
}
int fileControl(sqlite3_file*, int, void*)
{
    return SQLITE_NOTFOUND;
}
int fileSector(sqlite3_file*)
{
    return 4096; // as SQLite's own layers say
}
int fileCharacteristics(sqlite3_file*)
{
    return SQLITE_IOCAP_POWERSAFE_OVERWRITE; // as SQLite's own layers say
}
int fileShmMap(sqlite3_file* f, int region, int bytes, int extend, void volatile** out)
{
    const Guard guard(ours(f)->disk->mutex);
    void* found = nullptr;
    const int code = ours(f)->disk->shmMap(
        *ours(f)->handle, asSize(region), asSize(bytes), extend != 0, &found);
    *out = found;
    return code;
}
int fileShmLock(sqlite3_file* f, int at, int count, int how)
{
    const Guard guard(ours(f)->disk->mutex);
    return ours(f)->disk->shmLock(*ours(f)->handle, at, count, how);
}
void fileShmBarrier(sqlite3_file* f)
{
    const Guard guard(ours(f)->disk->mutex); // a mutex is a barrier
}
int fileShmUnmap(sqlite3_file* f, int)
{
    const Guard guard(ours(f)->disk->mutex);
    ours(f)->disk->shmUnmap(*ours(f)->handle);
    return SQLITE_OK;
}

/// Version 2: with shared memory, without memory-mapped reads.
constexpr sqlite3_io_methods fileMethods{2, fileClose, fileRead, fileWrite, fileTruncate, fileSync,
    fileSize, fileLock, fileUnlock, fileCheckReserved, fileControl, fileSector, fileCharacteristics,
    fileShmMap, fileShmLock, fileShmBarrier, fileShmUnmap, nullptr, nullptr};

SimDisk::Impl* diskOf(sqlite3_vfs* vfs)
{
    return static_cast<SimDisk::Impl*>(vfs->pAppData);
}

int diskOpen(sqlite3_vfs* vfs, const char* path, sqlite3_file* file, int flags, int* outFlags)
{
    auto* disk = diskOf(vfs);
    const Guard guard(disk->mutex);
    auto* opened = ours(file);
    opened->base.pMethods = nullptr;
    opened->disk = disk;
    opened->handle = nullptr;
    const int code = disk->open(path, opened, flags, outFlags);
    // With methods set SQLite closes it, also after an error.
    opened->base.pMethods = opened->handle != nullptr ? &fileMethods : nullptr;
    return code;
}
int diskDelete(sqlite3_vfs* vfs, const char* path, int isDirectorySynced)
{
    const Guard guard(diskOf(vfs)->mutex);
    return diskOf(vfs)->remove(path, isDirectorySynced != 0);
}
int diskAccess(sqlite3_vfs* vfs, const char* path, int how, int* out)
{
    auto* disk = diskOf(vfs);
    const Guard guard(disk->mutex);
    *out = 0;
    if (const int code = disk->begin(DiskCall::Stat); code != SQLITE_OK) {
        return code == SQLITE_IOERR_FSTAT ? SQLITE_IOERR_ACCESS : code;
    }
    const auto found = disk->names.find(path);
    const bool isThere = found != disk->names.end();
    *out = isThere && (how != SQLITE_ACCESS_EXISTS || !found->second->live.empty()) ? 1 : 0;
    return disk->end(SQLITE_OK);
}
int diskFullPath(sqlite3_vfs*, const char* path, int bytesMax, char* out)
{
    sqlite3_snprintf(bytesMax, out, "%s", path);
    return SQLITE_OK;
}
int diskRandomness(sqlite3_vfs* vfs, int bytes, char* out)
{
    auto* disk = diskOf(vfs);
    const Guard guard(disk->mutex);
    for (int i = 0; i < bytes; ++i) {
        out[i] = static_cast<char>(disk->rng.next() & 0xFF);
    }
    return bytes;
}
int diskSleep(sqlite3_vfs* vfs, int us)
{
    const auto& onSleep = diskOf(vfs)->owner.onSleep;
    if (onSleep) {
        onSleep(us);
    }
    return us;
}
int diskTime(sqlite3_vfs*, sqlite3_int64* out)
{
    *out = 212'630'400'000'000; // a Julian day in ms; the ledger never asks SQLite for the time
    return SQLITE_OK;
}
int diskTimeReal(sqlite3_vfs*, double* out)
{
    *out = 2'461'000.0;
    return SQLITE_OK;
}
int diskLastError(sqlite3_vfs*, int, char*)
{
    return 0;
}

} // namespace

void registerDisk(SimDisk::Impl& disk, const char* name)
{
    sqlite3_vfs& vfs = disk.vfs;
    vfs.iVersion = 2;
    vfs.szOsFile = static_cast<int>(sizeof(File));
    vfs.mxPathname = 512;
    vfs.zName = name;
    vfs.pAppData = &disk;
    vfs.xOpen = diskOpen;
    vfs.xDelete = diskDelete;
    vfs.xAccess = diskAccess;
    vfs.xFullPathname = diskFullPath;
    vfs.xRandomness = diskRandomness;
    vfs.xSleep = diskSleep;
    vfs.xCurrentTime = diskTimeReal;
    vfs.xGetLastError = diskLastError;
    vfs.xCurrentTimeInt64 = diskTime;
    sqlite3_vfs_register(&vfs, 0);
}

} // namespace headgate::sim
