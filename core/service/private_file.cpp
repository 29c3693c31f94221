// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/service/private_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace headgate::service {

namespace {

Error fileError(const std::string& path, const std::string& why)
{
    return Error(ErrorCode::Io, path + " cannot be used: " + why + ".",
        "Check its permissions and the disk.");
}

} // namespace

Result<std::string> readPrivate(const std::string& path, std::size_t bytesMax)
{
    const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        return errno == ENOENT ? Error(ErrorCode::NotFound, path + " does not exist.")
                               : fileError(path, std::generic_category().message(errno));
    }
    struct stat info { };
    std::string content;
    bool fine = ::fstat(fd, &info) == 0 && info.st_uid == ::geteuid();
    if (fine && static_cast<std::size_t>(info.st_size) <= bytesMax) {
        content.resize(static_cast<std::size_t>(info.st_size));
        fine = ::read(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size());
    } else {
        fine = false;
    }
    if ((info.st_mode & 0077) != 0) {
        static_cast<void>(::fchmod(fd, 0600) == 0);
    }
    ::close(fd);
    if (!fine) {
        return fileError(path, "it is not a readable file of yours");
    }
    return content;
}

Result<void> writePrivate(const std::string& path, std::string_view content)
{
    const std::string temporary = path + ".new";
    ::unlink(temporary.c_str());
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return fileError(temporary, std::generic_category().message(errno));
    }
    const bool written
        = ::write(fd, content.data(), content.size()) == static_cast<ssize_t>(content.size())
        && ::fsync(fd) == 0;
    const int code = errno;
    ::close(fd);
    if (!written || ::rename(temporary.c_str(), path.c_str()) != 0) {
        const std::string why = std::generic_category().message(written ? errno : code);
        ::unlink(temporary.c_str());
        return fileError(path, why);
    }
    return {};
}

} // namespace headgate::service
