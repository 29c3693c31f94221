// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/activity/spill_file.h"

#include "core/base/limits.h"
#include "core/base/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

namespace headgate::activity {

namespace {

/// A record above this is damage: decisions hold counted, bounded texts.
constexpr std::size_t recordBytesMax = 64 * 1024 * 1024;

/// Reads the next record; false at the end or at the first damaged one (`damaged` tells which).
bool nextRecord(std::istream& in, std::string& record, bool& damaged)
{
    std::string length;
    char c = 0;
    while (in.get(c) && c != ' ' && length.size() < 12) {
        length += c;
    }
    if (!in) {
        damaged = !length.empty();
        return false;
    }
    std::size_t bytes = 0;
    const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), bytes);
    if (error != std::errc() || end != length.data() + length.size() || bytes > recordBytesMax) {
        damaged = true;
        return false;
    }
    record.resize(bytes);
    in.read(record.data(), static_cast<std::streamsize>(bytes));
    damaged = !in || !in.get(c) || c != '\n';
    return !damaged;
}

void scanInto(const std::string& path, SpillFile::Content& content)
{
    std::ifstream in(path, std::ios::binary);
    std::string record;
    bool damaged = false;
    while (in && nextRecord(in, record, damaged)) {
        if (const auto decision = decisionFromJson(record)) {
            ++content.rows;
            content.maxId = std::max(content.maxId, decision->id.value);
        }
    }
}

Error ioError(const std::string& path, int code)
{
    return Error(ErrorCode::Io,
        path + " cannot be written: " + std::generic_category().message(code) + ".",
        "Check that the disk is not full and that the folder may be written to.");
}

} // namespace

SpillFile::SpillFile(std::string path) : m_path(std::move(path)), m_replayPath(m_path + ".replay")
{
    m_pending = scan().rows;
}

Result<void> SpillFile::append(const std::vector<Decision>& rows)
{
    std::string bytes;
    for (const auto& row : rows) {
        const std::string record = decisionToJson(row);
        bytes += std::to_string(record.size());
        bytes += ' ';
        bytes += record;
        bytes += '\n';
    }
    const std::lock_guard lock(m_mutex);
    const int fd = ::open(m_path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        return ioError(m_path, errno);
    }
    const off_t before = ::lseek(fd, 0, SEEK_END);
    std::size_t done = 0;
    while (done < bytes.size()) {
        const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            const int code = errno;
            // A half record would hide the ones after it.
            static_cast<void>(::ftruncate(fd, before) == 0);
            ::close(fd);
            return ioError(m_path, code);
        }
        done += static_cast<std::size_t>(n);
    }
    ::close(fd);
    m_pending += static_cast<std::int64_t>(rows.size());
    return {};
}

Result<void> SpillFile::replay(const std::function<Result<void>(std::vector<Decision>)>& take)
{
    std::error_code ignored;
    {
        const std::lock_guard lock(m_mutex);
        if (!std::filesystem::exists(m_replayPath, ignored)) {
            if (!std::filesystem::exists(m_path, ignored)) {
                m_pending = 0;
                return {};
            }
            std::filesystem::rename(m_path, m_replayPath, ignored);
        }
    }
    std::ifstream in(m_replayPath, std::ios::binary);
    std::string record;
    bool damaged = false;
    bool cut = false;
    std::int64_t rows = 0;
    std::vector<Decision> group;
    const auto hand = [&]() -> Result<void> {
        auto taken = std::exchange(group, {});
        return taken.empty() ? Result<void>() : take(std::move(taken));
    };
    while (nextRecord(in, record, cut)) {
        auto decision = decisionFromJson(record);
        if (!decision) {
            damaged = true;
            continue;
        }
        ++rows;
        group.push_back(std::move(*decision));
        if (group.size() >= limits::activityBatchMax) {
            if (auto done = hand(); !done) {
                return done;
            }
        }
    }
    if (auto done = hand(); !done) {
        return done;
    }
    in.close();
    if (damaged || cut) {
        const std::string kept = m_path + ".damaged";
        std::filesystem::rename(m_replayPath, kept, ignored);
        log::warning("Part of the spilled decision log cannot be read; it is kept in {}.", kept);
    } else {
        std::filesystem::remove(m_replayPath, ignored);
    }
    const std::lock_guard lock(m_mutex);
    m_pending = std::max<std::int64_t>(0, m_pending - rows);
    return {};
}

SpillFile::Content SpillFile::scan() const
{
    const std::lock_guard lock(m_mutex);
    Content content;
    scanInto(m_replayPath, content);
    scanInto(m_path, content);
    return content;
}

std::int64_t SpillFile::pending() const
{
    const std::lock_guard lock(m_mutex);
    return m_pending;
}

} // namespace headgate::activity
