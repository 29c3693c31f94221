// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// Preloaded into the program under test (LD_PRELOAD): counts the calls by which it changes its home
// or speaks to others, ends it with SIGKILL at a chosen one, shifts its clocks, fills its disk.
// The program itself has no hook for tests.

#include "tests/crash/crash_control.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <optional>
#include <string_view>

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

using namespace headgate::crash;

Shared* shared = nullptr;

/// Sockets that this program connected itself; all others were accepted.
constexpr std::size_t socketsMax = 65'536;
std::array<std::atomic<bool>, socketsMax> isOutgoing;

template <typename Function>
Function next(const char* name)
{
    void* found = dlsym(RTLD_NEXT, name);
    Function function = nullptr;
    std::memcpy(&function, &found, sizeof function);
    return function;
}

template <std::size_t size>
std::optional<std::size_t> indexOf(
    const std::array<const char*, size>& names, std::string_view name)
{
    for (std::size_t i = 0; i < size; ++i) {
        if (name == names[i]) {
            return i;
        }
    }
    return std::nullopt;
}

/// "ledger-sync:17:after"
void armFromText(std::string_view text)
{
    const auto dash = text.find('-');
    const auto colon = text.find(':');
    const auto last = text.rfind(':');
    if (dash == std::string_view::npos || colon == std::string_view::npos || last == colon) {
        return;
    }
    const auto place = indexOf(placeNames, text.substr(0, dash));
    const auto call = indexOf(callNames, text.substr(dash + 1, colon - dash - 1));
    const auto when = indexOf(whenNames, text.substr(last + 1));
    if (!place || !call || !when) {
        return;
    }
    shared->armedCount = std::strtol(text.data() + colon + 1, nullptr, 10);
    shared->armedWhen = static_cast<std::int64_t>(*when);
    shared->armedKind = static_cast<std::int64_t>(*place * callCount + *call) + 1;
}

__attribute__((constructor)) void attach()
{
    static Shared own;
    shared = &own;
    if (const char* path = std::getenv(controlVariable); path != nullptr) {
        const int fd = ::open(path, O_RDWR | O_CLOEXEC);
        void* mapped = fd < 0
            ? MAP_FAILED
            : ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (mapped == MAP_FAILED) {
            std::abort(); // a test that believes it controls this program would prove nothing
        }
        ::close(fd);
        shared = static_cast<Shared*>(mapped);
    }
    if (const char* text = std::getenv(crashAtVariable); text != nullptr) {
        armFromText(text);
    }
}

std::optional<Place> placeOfPath(std::string_view path)
{
    const auto name = path.substr(path.rfind('/') + 1);
    for (const auto& [prefix, place] :
        {std::pair{"ledger.db", Place::Ledger}, std::pair{"config.db", Place::Config},
            std::pair{"activity.", Place::Activity}, std::pair{"sim-bill", Place::Bill}}) {
        if (name.starts_with(prefix)) {
            return place;
        }
    }
    return std::nullopt;
}

std::optional<Place> placeOfSocket(int fd)
{
    int domain = 0;
    socklen_t size = sizeof domain;
    if (::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0) {
        return std::nullopt;
    }
    if (domain == AF_UNIX) {
        return Place::Control;
    }
    const auto index = static_cast<std::size_t>(fd);
    return index < socketsMax && isOutgoing[index] ? Place::Upstream : Place::Client;
}

std::optional<Place> placeOf(int fd)
{
    std::array<char, 512> link{};
    std::array<char, 512> target{};
    std::strcpy(link.data(), "/proc/self/fd/");
    std::size_t at = std::strlen(link.data());
    std::array<char, 16> digits{};
    std::size_t count = 0;
    for (int rest = fd; rest > 0 || count == 0; rest /= 10) {
        digits[count++] = static_cast<char>('0' + rest % 10);
    }
    while (count > 0) {
        link[at++] = digits[--count];
    }
    const auto length = ::readlink(link.data(), target.data(), target.size());
    if (length <= 0) {
        return std::nullopt;
    }
    const std::string_view path(target.data(), static_cast<std::size_t>(length));
    return path.starts_with("socket:") ? placeOfSocket(fd) : placeOfPath(path);
}

[[noreturn]] void die(std::size_t kind)
{
    shared->killedKind = static_cast<std::int64_t>(kind) + 1;
    ::syscall(SYS_kill, ::getpid(), SIGKILL);
    for (;;) {
        ::pause();
    }
}

/// Counts one call; what to do when it is the chosen one.
struct Point {
    Point(std::optional<Place> place, Call call)
    {
        if (!place || shared == nullptr) {
            return;
        }
        isFull = (shared->fullPlaces >> static_cast<int>(*place) & 1) != 0 && call == Call::Write;
        kind = kindOf(*place, call);
        const std::int64_t count = ++shared->counts[kind];
        if (shared->armedKind == static_cast<std::int64_t>(kind) + 1
            && shared->armedCount == count) {
            when = static_cast<When>(shared->armedWhen.load());
            if (when == When::Before) {
                die(kind);
            }
        }
    }
    [[nodiscard]] std::size_t bytes(std::size_t all) const
    {
        return when == When::Torn ? std::max<std::size_t>(all / 2, 1) : all;
    }
    void ended() const
    {
        if (when) {
            die(kind);
        }
    }
    std::size_t kind = 0;
    std::optional<When> when;
    bool isFull = false;
};

ssize_t noSpace()
{
    errno = ENOSPC;
    return -1;
}

int truncated(int fd, off_t length)
{
    const Point point(placeOf(fd), Call::Truncate);
    static const auto real = next<int (*)(int, off_t)>("ftruncate");
    const int result = real(fd, length);
    point.ended();
    return result;
}

ssize_t writtenAt(int fd, const void* data, std::size_t size, off_t offset)
{
    const Point point(placeOf(fd), Call::Write);
    if (point.isFull) {
        return noSpace();
    }
    static const auto real = next<ssize_t (*)(int, const void*, std::size_t, off_t)>("pwrite");
    const ssize_t result = real(fd, data, point.bytes(size), offset);
    point.ended();
    return result;
}

} // namespace

#pragma GCC visibility push(default)
extern "C" {

ssize_t write(int fd, const void* data, std::size_t size)
{
    const Point point(placeOf(fd), Call::Write);
    if (point.isFull) {
        return noSpace();
    }
    static const auto real = next<ssize_t (*)(int, const void*, std::size_t)>("write");
    const ssize_t result = real(fd, data, point.bytes(size));
    point.ended();
    return result;
}

ssize_t pwrite(int fd, const void* data, std::size_t size, off_t offset)
{
    return writtenAt(fd, data, size, offset);
}

ssize_t pwrite64(int fd, const void* data, std::size_t size, off_t offset)
{
    return writtenAt(fd, data, size, offset);
}

ssize_t writev(int fd, const iovec* parts, int count)
{
    const Point point(placeOf(fd), Call::Write);
    static const auto real = next<ssize_t (*)(int, const iovec*, int)>("writev");
    const ssize_t result = real(fd, parts, point.when ? 1 : count);
    point.ended();
    return result;
}

ssize_t send(int fd, const void* data, std::size_t size, int flags)
{
    const Point point(placeOfSocket(fd), Call::Write);
    static const auto real = next<ssize_t (*)(int, const void*, std::size_t, int)>("send");
    const ssize_t result = real(fd, data, point.bytes(size), flags);
    point.ended();
    return result;
}

ssize_t sendmsg(int fd, const msghdr* message, int flags)
{
    const Point point(placeOfSocket(fd), Call::Write);
    static const auto real = next<ssize_t (*)(int, const msghdr*, int)>("sendmsg");
    ssize_t result = 0;
    if (point.when == When::Torn && message->msg_iovlen > 0) {
        iovec half = message->msg_iov[0];
        half.iov_len = point.bytes(half.iov_len);
        msghdr part = *message;
        part.msg_iov = &half;
        part.msg_iovlen = 1;
        result = real(fd, &part, flags);
    } else {
        result = real(fd, message, flags);
    }
    point.ended();
    return result;
}

int connect(int fd, const sockaddr* address, socklen_t size)
{
    if (const auto index = static_cast<std::size_t>(fd); index < socketsMax) {
        isOutgoing[index] = true;
    }
    static const auto real = next<int (*)(int, const sockaddr*, socklen_t)>("connect");
    return real(fd, address, size);
}

int close(int fd)
{
    if (const auto index = static_cast<std::size_t>(fd); index < socketsMax) {
        isOutgoing[index] = false;
    }
    static const auto real = next<int (*)(int)>("close");
    return real(fd);
}

int fsync(int fd)
{
    const Point point(placeOf(fd), Call::Sync);
    static const auto real = next<int (*)(int)>("fsync");
    const int result = real(fd);
    point.ended();
    return result;
}

int fdatasync(int fd)
{
    const Point point(placeOf(fd), Call::Sync);
    static const auto real = next<int (*)(int)>("fdatasync");
    const int result = real(fd);
    point.ended();
    return result;
}

int ftruncate(int fd, off_t length) noexcept
{
    return truncated(fd, length);
}

int ftruncate64(int fd, off_t length) noexcept
{
    return truncated(fd, length);
}

int unlink(const char* path) noexcept
{
    const Point point(placeOfPath(path), Call::Unlink);
    static const auto real = next<int (*)(const char*)>("unlink");
    const int result = real(path);
    point.ended();
    return result;
}

int clock_gettime(clockid_t clock, timespec* time) noexcept
{
    static const auto real = next<int (*)(clockid_t, timespec*)>("clock_gettime");
    const int result = real(clock, time);
    if (result != 0 || shared == nullptr) {
        return result;
    }
    constexpr std::int64_t second = 1'000'000'000;
    const bool isWall = clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE;
    const std::int64_t offset = isWall ? shared->realtimeNs.load()
        : clock == CLOCK_MONOTONIC     ? shared->monotonicNs.load()
                                       : 0;
    const std::int64_t shifted = time->tv_sec * second + time->tv_nsec + offset;
    time->tv_sec = shifted / second;
    time->tv_nsec = shifted % second;
    return result;
}

int gettimeofday(timeval* time, void*) noexcept
{
    timespec now{};
    const int result = clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1'000;
    return result;
}

} // extern "C"
#pragma GCC visibility pop
