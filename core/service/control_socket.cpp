// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/control_socket.h"

#include "core/base/secret.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

namespace headgate::service {

namespace {

constexpr int backlog = 64;

sockaddr_un addressOf(const std::string& path)
{
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

Error socketError(const std::string& path, int code)
{
    return Error(ErrorCode::Io,
        "The control socket " + path + " cannot be used: " + std::generic_category().message(code)
            + ".",
        "Check the permissions of the home folder.");
}

int newSocket()
{
    return ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

} // namespace

Result<std::string> controlPath(const std::string& home)
{
    const std::string direct = home + "/control.sock";
    if (direct.size() < sizeof(sockaddr_un::sun_path)) {
        return direct;
    }
    const std::string folder = "/tmp/headgate-" + std::to_string(::geteuid());
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) {
        return socketError(folder, errno);
    }
    struct stat info { };
    // /tmp is everybody's: a folder that someone else planted is not used.
    if (::lstat(folder.c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != ::geteuid()
        || (info.st_mode & 0077) != 0) {
        return Error(ErrorCode::Unauthorized, folder + " does not belong to you alone.",
            "Use a shorter HEADGATE_HOME (at most 90 bytes).");
    }
    return folder + "/" + strongHashHex(home).substr(0, 32) + ".sock";
}

LineSocket::LineSocket(LineSocket&& other) noexcept
    : m_fd(std::exchange(other.m_fd, -1)),
      m_buffer(std::move(other.m_buffer))
{
}

LineSocket::~LineSocket()
{
    if (m_fd >= 0) {
        ::close(m_fd);
    }
}

Result<LineSocket> LineSocket::connect(const std::string& path)
{
    LineSocket out(newSocket());
    const sockaddr_un address = addressOf(path);
    if (out.m_fd < 0
        || ::connect(out.m_fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return Error(ErrorCode::Unavailable, "No Headgate runs on this home folder.");
    }
    return out;
}

void LineSocket::setTimeouts(int readSeconds, int writeSeconds) const
{
    const timeval readLimit{readSeconds, 0};
    const timeval writeLimit{writeSeconds, 0};
    ::setsockopt(m_fd, SOL_SOCKET, SO_RCVTIMEO, &readLimit, sizeof readLimit);
    ::setsockopt(m_fd, SOL_SOCKET, SO_SNDTIMEO, &writeLimit, sizeof writeLimit);
}

bool LineSocket::writeLine(std::string_view text) const
{
    std::string bytes(text);
    bytes += '\n';
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t n = ::send(m_fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return false;
        }
        done += static_cast<std::size_t>(n);
    }
    return true;
}

Result<std::string> LineSocket::readLine(std::size_t bytesMax)
{
    std::size_t searched = 0;
    for (;;) {
        const auto end = m_buffer.find('\n', searched);
        if (end != std::string::npos) {
            std::string line = m_buffer.substr(0, end);
            m_buffer.erase(0, end + 1);
            return line;
        }
        searched = m_buffer.size();
        if (m_buffer.size() > bytesMax) {
            return Error(ErrorCode::OutOfRange, "A line on the control socket is too long.");
        }
        char chunk[16 * 1024];
        const ssize_t n = ::recv(m_fd, chunk, sizeof chunk, 0);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return Error(ErrorCode::Unavailable, "The running Headgate does not answer in time.",
                "Try again; if it stays so, restart it.");
        }
        if (n == 0) {
            return Error(ErrorCode::Unavailable, "The running Headgate closed the connection.",
                "It may be shutting down; try again.");
        }
        m_buffer.append(chunk, static_cast<std::size_t>(n));
    }
}

bool LineSocket::peerIsOwner() const
{
    ucred peer{};
    socklen_t size = sizeof peer;
    return ::getsockopt(m_fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0
        && peer.uid == ::geteuid();
}

Result<int> listenAt(const std::string& path)
{
    const int fd = newSocket();
    if (fd < 0) {
        return socketError(path, errno);
    }
    // The home lock is held, so whoever bound this name before is dead.
    ::unlink(path.c_str());
    const sockaddr_un address = addressOf(path);
    const mode_t before = ::umask(0177); // the socket is never open to others, not for a moment
    const int bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    const int code = errno;
    ::umask(before);
    if (bound != 0 || ::listen(fd, backlog) != 0) {
        const int why = bound != 0 ? code : errno;
        ::close(fd);
        return socketError(path, why);
    }
    return fd;
}

} // namespace headgate::service
