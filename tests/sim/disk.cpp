// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/sim/disk_impl.h"

#include <algorithm>

namespace headgate::sim {

namespace {

/// Drives write sectors whole or not at all, mostly; a torn one keeps a first part.
constexpr std::size_t sectorBytes = 512;

using Guard = std::scoped_lock<std::recursive_mutex>;

} // namespace

void applyTo(std::string& image, std::size_t at, std::string_view bytes)
{
    if (image.size() < at + bytes.size()) {
        image.resize(at + bytes.size(), '\0');
    }
    std::copy(bytes.begin(), bytes.end(), image.begin() + static_cast<std::ptrdiff_t>(at));
}

int diskErrorCode(DiskCall call)
{
    constexpr std::array<int, diskCallCount> codes{SQLITE_CANTOPEN, SQLITE_IOERR_READ,
        SQLITE_IOERR_WRITE, SQLITE_IOERR_TRUNCATE, SQLITE_IOERR_FSYNC, SQLITE_IOERR_DELETE,
        SQLITE_IOERR_FSTAT, SQLITE_IOERR_LOCK, SQLITE_IOERR_SHMMAP};
    return codes.at(static_cast<std::size_t>(call));
}

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
        return call == DiskCall::Write ? SQLITE_FULL : diskErrorCode(call);
    case DiskFault::IoError:
        if (call == DiskCall::Write) {
            inWrite = fault;
        }
        return diskErrorCode(call);
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
    if (isExempt) {
        return SQLITE_OK;
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
        code = diskErrorCode(call);
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

// --- SimDisk

SimDisk::SimDisk(std::string name, std::uint64_t seed)
    : m_name(std::move(name)),
      m_impl(std::make_unique<Impl>(*this, seed))
{
    registerDisk(*m_impl, m_name.c_str());
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

void SimDisk::setExempt(bool isExempt)
{
    const Guard guard(m_impl->mutex);
    m_impl->isExempt = isExempt;
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
