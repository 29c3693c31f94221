// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/disk.h"

#include <sqlite3.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

namespace headgate::sim {

namespace {

/// Drives write sectors whole or not at all, mostly; a torn one keeps a first part.
constexpr std::size_t sectorBytes = 512;
constexpr int shmLocks = 8; // SQLITE_SHM_NLOCK

struct PendingWrite {
    std::size_t at = 0;
    std::string bytes;
    bool isTruncate = false; ///< to `at` bytes
};

void applyTo(std::string& image, std::size_t at, std::string_view bytes)
{
    if (image.size() < at + bytes.size()) {
        image.resize(at + bytes.size(), '\0');
    }
    std::copy(bytes.begin(), bytes.end(), image.begin() + static_cast<std::ptrdiff_t>(at));
}

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

int errorCode(DiskCall call)
{
    constexpr std::array<int, diskCallCount> codes{SQLITE_CANTOPEN, SQLITE_IOERR_READ,
        SQLITE_IOERR_WRITE, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_FSYNC, SQLITE_IOERR_DELETE,
        SQLITE_IOERR_FSTAT, SQLITE_IOERR_LOCK, SQLITE_IOERR_SHMMAP};
    return codes.at(static_cast<std::size_t>(call));
}

/// The object that SQLite allocates for us.
struct File {
    sqlite3_file base;
    SimDisk::Impl* disk;
    Handle* handle;
};

} // namespace

const char* diskCallName(DiskCall call)
{
    constexpr std::array<const char*, diskCallCount> names{
        "open", "read", "write", "truncate", "sync", "delete", "stat", "lock", "map"};
    return names.at(static_cast<std::size_t>(call));
}

const char* diskFaultName(DiskFault fault)
{
    constexpr std::array<const char*, diskFaultCount> names{"full", "short write", "io error",
        "busy", "process ends before", "process ends after", "power fails before",
        "power fails after"};
    return names.at(static_cast<std::size_t>(fault));
}

bool isCrash(DiskFault fault)
{
    return fault >= DiskFault::ProcessEndsBefore;
}

bool canHappen(DiskFault fault, DiskCall call)
{
    switch (fault) {
    case DiskFault::Full:
        return call == DiskCall::Write || call == DiskCall::Map;
    case DiskFault::ShortWrite:
        return call == DiskCall::Write;
    case DiskFault::Busy:
        return call == DiskCall::Lock;
    default:
        return true;
    }
}

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
    bool isDown = false;

    std::array<std::int64_t, diskCallCount> counts{};
    std::int64_t struck = 0;
    bool isRecording = false;
    std::vector<DiskCall> recorded;
};

// --- faults

int SimDisk::Impl::strike(DiskFault fault, DiskCall call)
{
    if (!canHappen(fault, call)) {
        return SQLITE_OK;
    }
    ++struck;
    switch (fault) {
    case DiskFault::ShortWrite:
    case DiskFault::Full:
        if (call == DiskCall::Write && fault == DiskFault::ShortWrite) {
            inWrite = fault;
        }
        return call == DiskCall::Write ? SQLITE_FULL : errorCode(call);
    case DiskFault::IoError:
        if (call == DiskCall::Write) {
            inWrite = fault;
        }
        return errorCode(call);
    case DiskFault::Busy:
        return SQLITE_BUSY;
    case DiskFault::ProcessEndsBefore:
        endProcess();
        return SQLITE_IOERR;
    case DiskFault::PowerFailsBefore:
        failPower();
        return SQLITE_IOERR;
    default:
        atEnd = fault;
        return SQLITE_OK;
    }
}

int SimDisk::Impl::begin(DiskCall call, const Handle* handle)
{
    if (isDown || (handle != nullptr && handle->isDead)) {
        return SQLITE_IOERR;
    }
    ++counts[static_cast<std::size_t>(call)];
    if (isRecording) {
        recorded.push_back(call);
    }
    int code = SQLITE_OK;
    for (auto one = planned.begin(); one != planned.end();) {
        const bool isMeant = !one->only || *one->only == call;
        if (isMeant && --one->left == 0) {
            const DiskFault fault = one->fault;
            one = planned.erase(one);
            code = code == SQLITE_OK ? strike(fault, call) : code;
        } else {
            ++one;
        }
    }
    if (code == SQLITE_OK && isBad && (call == DiskCall::Write || call == DiskCall::Sync)) {
        ++struck;
        code = errorCode(call);
    }
    return code;
}

int SimDisk::Impl::end(int code)
{
    if (const auto fault = std::exchange(atEnd, std::nullopt)) {
        if (*fault == DiskFault::ProcessEndsAfter) {
            endProcess();
        } else {
            failPower();
        }
        return SQLITE_IOERR;
    }
    return code;
}

// --- crashes

void SimDisk::Impl::endProcess()
{
    isDown = true;
    for (Handle* handle : handles) {
        handle->inode->handles.erase(handle);
        handle->inode->memory.reset(); // the old program keeps its own reference
        handle->lock = SQLITE_LOCK_NONE;
        handle->isDead = true;
    }
    handles.clear();
}

void SimDisk::Impl::failPower()
{
    endProcess();
    // A whole prefix of the names' journal is there.
    flushNames(static_cast<std::size_t>(rng.below(nameChanges.size() + 1)));
    nameChanges.clear();
    names = durableNames;
    for (const auto& [name, inode] : names) {
        losePart(*inode);
    }
}

/// Of the writes that were not synced, the drive has done: none, all, the first ones, or any; the
/// last one of the first ones may be torn.
void SimDisk::Impl::losePart(Inode& inode)
{
    enum { None, All, First, Any, Ways };
    const auto way = rng.below(Ways);
    const auto first = static_cast<std::size_t>(rng.below(inode.pending.size() + 1));
    for (std::size_t i = 0; i < inode.pending.size(); ++i) {
        const PendingWrite& write = inode.pending[i];
        if (way == None || (way == First && i > first)) {
            break;
        }
        if (write.isTruncate) {
            if (way != Any || rng.chancePermille(500)) {
                inode.durable.resize(write.at, '\0');
            }
            continue;
        }
        const bool isTorn = way == First && i == first;
        std::size_t done = 0;
        while (done < write.bytes.size()) {
            const std::size_t inSector = (write.at + done) % sectorBytes;
            std::size_t length = std::min(sectorBytes - inSector, write.bytes.size() - done);
            bool isKept = way != Any || rng.chancePermille(500);
            if ((isTorn && rng.chancePermille(300)) || (way == Any && rng.chancePermille(50))) {
                const auto part = static_cast<std::size_t>(rng.below(length + 1));
                applyTo(inode.durable, write.at + done,
                    std::string_view(write.bytes).substr(done, part));
                isKept = false;
            }
            if (isKept) {
                applyTo(inode.durable, write.at + done,
                    std::string_view(write.bytes).substr(done, length));
            } else if (isTorn) {
                break;
            }
            done += length;
        }
    }
    inode.pending.clear();
    inode.live = inode.durable;
}

void SimDisk::Impl::flushNames(std::size_t count)
{
    for (std::size_t i = 0; i < count; ++i) {
        const NameChange& change = nameChanges[i];
        if (change.inode) {
            durableNames[change.name] = change.inode;
        } else {
            durableNames.erase(change.name);
        }
    }
    nameChanges.erase(
        nameChanges.begin(), nameChanges.begin() + static_cast<std::ptrdiff_t>(count));
}

/// The file's content and, as journaling file systems do, its name and every earlier change of one.
void SimDisk::Impl::sync(const std::shared_ptr<Inode>& inode)
{
    for (const PendingWrite& write : inode->pending) {
        if (write.isTruncate) {
            inode->durable.resize(write.at, '\0');
        } else {
            applyTo(inode->durable, write.at, write.bytes);
        }
    }
    inode->pending.clear();
    for (std::size_t i = nameChanges.size(); i > 0; --i) {
        if (nameChanges[i - 1].inode == inode) {
            flushNames(i);
            break;
        }
    }
}

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

// --- SimDisk

SimDisk::SimDisk(std::string name, std::uint64_t seed)
    : m_name(std::move(name)),
      m_impl(std::make_unique<Impl>(*this, seed))
{
    sqlite3_vfs& vfs = m_impl->vfs;
    vfs.iVersion = 2;
    vfs.szOsFile = static_cast<int>(sizeof(File));
    vfs.mxPathname = 512;
    vfs.zName = m_name.c_str();
    vfs.pAppData = m_impl.get();
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
    // SQLite draws the salts of its logs from a generator of the whole program.
    sqlite3_test_control(
        SQLITE_TESTCTRL_PRNG_SEED, static_cast<int>(seed % 0x7FFFFFFF) + 1, nullptr);
}

SimDisk::~SimDisk()
{
    sqlite3_vfs_unregister(&m_impl->vfs);
}

void SimDisk::failAt(std::int64_t n, DiskFault fault, std::optional<DiskCall> only)
{
    const Guard guard(m_impl->mutex);
    m_impl->planned.push_back({n, fault, only});
}

void SimDisk::setFull(bool isFull)
{
    const Guard guard(m_impl->mutex);
    m_impl->isFull = isFull;
}

void SimDisk::setBad(bool isBad)
{
    const Guard guard(m_impl->mutex);
    m_impl->isBad = isBad;
}

void SimDisk::setLocked(bool isLocked)
{
    const Guard guard(m_impl->mutex);
    m_impl->isLocked = isLocked;
}

void SimDisk::clearFaults()
{
    const Guard guard(m_impl->mutex);
    m_impl->planned.clear();
    m_impl->isFull = false;
    m_impl->isBad = false;
    m_impl->isLocked = false;
}

void SimDisk::endProcess()
{
    const Guard guard(m_impl->mutex);
    m_impl->endProcess();
}

void SimDisk::failPower()
{
    const Guard guard(m_impl->mutex);
    m_impl->failPower();
}

bool SimDisk::isDown() const
{
    const Guard guard(m_impl->mutex);
    return m_impl->isDown;
}

void SimDisk::restart()
{
    const Guard guard(m_impl->mutex);
    m_impl->isDown = false;
}

std::int64_t SimDisk::calls() const
{
    const Guard guard(m_impl->mutex);
    std::int64_t sum = 0;
    for (const std::int64_t count : m_impl->counts) {
        sum += count;
    }
    return sum;
}

std::int64_t SimDisk::calls(DiskCall call) const
{
    const Guard guard(m_impl->mutex);
    return m_impl->counts.at(static_cast<std::size_t>(call));
}

std::int64_t SimDisk::faultsStruck() const
{
    const Guard guard(m_impl->mutex);
    return m_impl->struck;
}

void SimDisk::resetCounters()
{
    const Guard guard(m_impl->mutex);
    m_impl->counts.fill(0);
    m_impl->struck = 0;
    m_impl->recorded.clear();
}

void SimDisk::recordCalls(bool isRecording)
{
    const Guard guard(m_impl->mutex);
    m_impl->isRecording = isRecording;
}

std::vector<DiskCall> SimDisk::recordedCalls() const
{
    const Guard guard(m_impl->mutex);
    return m_impl->recorded;
}

std::int64_t SimDisk::unsyncedBytes() const
{
    const Guard guard(m_impl->mutex);
    std::size_t sum = 0;
    for (const auto& [name, inode] : m_impl->names) {
        for (const PendingWrite& write : inode->pending) {
            sum += write.bytes.size();
        }
    }
    return static_cast<std::int64_t>(sum);
}

std::optional<std::string> SimDisk::readFile(const std::string& path) const
{
    const Guard guard(m_impl->mutex);
    const auto found = m_impl->names.find(path);
    return found == m_impl->names.end() ? std::nullopt : std::optional(found->second->live);
}

void SimDisk::writeFile(const std::string& path, std::string bytes)
{
    const Guard guard(m_impl->mutex);
    auto& inode = m_impl->names[path];
    if (!inode) {
        inode = std::make_shared<Inode>();
    }
    inode->live = bytes;
    inode->durable = std::move(bytes);
    inode->pending.clear();
    m_impl->nameChanges.push_back({path, inode});
    m_impl->flushNames(m_impl->nameChanges.size());
}

void SimDisk::removeFile(const std::string& path)
{
    const Guard guard(m_impl->mutex);
    m_impl->names.erase(path);
    m_impl->nameChanges.push_back({path, nullptr});
    m_impl->flushNames(m_impl->nameChanges.size());
}

std::vector<std::string> SimDisk::files() const
{
    const Guard guard(m_impl->mutex);
    std::vector<std::string> found;
    for (const auto& [name, inode] : m_impl->names) {
        found.push_back(name);
    }
    return found;
}

void SimDisk::copyFilesFrom(const SimDisk& other)
{
    for (const std::string& path : other.files()) {
        writeFile(path, other.readFile(path).value_or(std::string()));
    }
}

} // namespace headgate::sim
