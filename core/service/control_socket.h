// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Lines over a Unix socket between one user's own processes: address, connecting, reading and
// writing with time-outs. Blocking; for the control threads and command-line verbs only.

#include "core/base/result.h"

#include <string>
#include <string_view>

namespace headgate::service {

/// $HOME_FOLDER/control.sock; when that is too long for a socket address, a name derived from it in
/// a private folder of the user under /tmp.
[[nodiscard]] Result<std::string> controlPath(const std::string& home);

/// A connected socket; closes itself.
class LineSocket {
public:
    explicit LineSocket(int fd) : m_fd(fd) { }
    LineSocket(LineSocket&& other) noexcept;
    LineSocket& operator=(LineSocket&&) = delete;
    ~LineSocket();

    /// Unavailable when nobody listens.
    [[nodiscard]] static Result<LineSocket> connect(const std::string& path);
    void setTimeouts(int readSeconds, int writeSeconds) const;
    /// False when the other side is gone or does not read.
    [[nodiscard]] bool writeLine(std::string_view text) const;
    /// Without its line break. Errors: closed, time-out, longer than `bytesMax`.
    [[nodiscard]] Result<std::string> readLine(std::size_t bytesMax);
    /// Is the other side this very user?
    [[nodiscard]] bool peerIsOwner() const;
    [[nodiscard]] int fd() const { return m_fd; }

private:
    int m_fd = -1;
    std::string m_buffer;
};

/// A listening socket for the owner only; replaces a dead one.
[[nodiscard]] Result<int> listenAt(const std::string& path);

} // namespace headgate::service
