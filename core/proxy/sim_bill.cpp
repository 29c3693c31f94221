// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "core/proxy/sim_bill.h"

#include "core/proxy/sim_provider.h"

#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <set>
#include <system_error>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace headgate::proxy {

namespace {

Error fileError(const std::string& path, const char* doing)
{
    return {ErrorCode::Io,
        fmt::format("The simulated provider's bill {} cannot be {}: {}.", path, doing,
            std::generic_category().message(errno)),
        "Check the folder's permissions and free space."};
}

/// A line that a kill tore must not swallow the next one.
void endTornLine(int descriptor)
{
    const auto size = ::lseek(descriptor, 0, SEEK_END);
    char last = '\n';
    if (size > 0 && ::pread(descriptor, &last, 1, size - 1) == 1 && last != '\n') {
        last = '\n';
        [[maybe_unused]] const auto written = ::write(descriptor, &last, 1);
    }
}

std::array<std::string_view, 6> fieldsOf(std::string_view line)
{
    std::array<std::string_view, 6> fields;
    for (auto& field : fields) {
        const auto space = line.find(' ');
        field = line.substr(0, space);
        line.remove_prefix(space == std::string_view::npos ? line.size() : space + 1);
    }
    if (!line.empty()) {
        fields = {};
    }
    return fields;
}

bool readNumber(std::string_view text, std::int64_t& out)
{
    const auto result = std::from_chars(text.data(), text.data() + text.size(), out);
    return !text.empty() && result.ec == std::errc() && result.ptr == text.data() + text.size()
        && out >= 0;
}

} // namespace

BillFile::~BillFile()
{
    ::close(m_descriptor);
}

Result<std::shared_ptr<BillFile>> BillFile::open(const std::string& path)
{
    const int descriptor = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (descriptor < 0) {
        return fileError(path, "opened for writing");
    }
    endTornLine(descriptor);
    return std::make_shared<BillFile>(descriptor);
}

bool BillFile::append(const std::string& line) const
{
    return ::write(m_descriptor, line.data(), line.size()) == static_cast<ssize_t>(line.size());
}

bool BillFile::replacedAt(const std::string& path) const
{
    struct stat mine { };
    struct stat there { };
    return ::fstat(m_descriptor, &mine) != 0 || ::stat(path.c_str(), &there) != 0
        || mine.st_ino != there.st_ino || mine.st_dev != there.st_dev;
}

Result<std::unique_ptr<BillBook>> BillBook::open(std::string path)
{
    std::unique_ptr<BillBook> book(new BillBook(std::move(path)));
    auto file = BillFile::open(book->m_path);
    if (!file) {
        return file.error();
    }
    book->m_file = *file;
    return book;
}

Result<std::shared_ptr<BillFile>> BillBook::current()
{
    const std::scoped_lock lock(m_mutex);
    if (m_file->replacedAt(m_path)) {
        auto file = BillFile::open(m_path);
        if (!file) {
            return file.error();
        }
        m_file = *file;
    }
    return m_file;
}

CallBill::CallBill(std::shared_ptr<BillFile> file, std::string callId, std::string model)
    : m_file(std::move(file)),
      m_callId(std::move(callId)),
      m_model(std::move(model))
{
}

bool CallBill::chargeInput(std::int64_t tokens, const catalog::PriceSheet& sheet)
{
    m_sum.add(tokens, sheet.input.value_or(Price()));
    m_sum.add(sheet.perCall);
    return write("in", tokens);
}

bool CallBill::chargeOutput(std::int64_t tokens, const catalog::PriceSheet& sheet)
{
    m_sum.add(tokens, sheet.output.value_or(Price()));
    return write("out", tokens);
}

bool CallBill::write(const char* side, std::int64_t tokens)
{
    const auto total = m_sum.total();
    if (!total) {
        return false;
    }
    const auto growth = total->nano() - m_written.nano();
    const auto line = fmt::format(
        "{} {} {} {} {} {}\n", SystemClock().nowUs(), m_callId, m_model, side, tokens, growth);
    if (!m_file->append(line)) {
        return false;
    }
    m_written = *total;
    return true;
}

Result<SimBill> readSimBill(const std::string& billPath)
{
    SimBill bill;
    std::ifstream in(billPath, std::ios::binary);
    if (!in) {
        if (::access(billPath.c_str(), F_OK) != 0) {
            return bill; // nothing was ever billed
        }
        return fileError(billPath, "read");
    }
    std::string line;
    while (std::getline(in, line)) {
        const auto fields = fieldsOf(line);
        std::int64_t tokens = 0;
        std::int64_t nano = 0;
        const bool input = fields[3] == "in";
        if ((!input && fields[3] != "out") || !readNumber(fields[4], tokens)
            || !readNumber(fields[5], nano) || in.eof()) {
            continue; // torn by a kill
        }
        const auto amount = Money::fromNano(nano);
        const auto total = bill.total.plus(amount);
        if (!total) {
            return total.error();
        }
        bill.total = *total;
        bill.requests += input ? 1 : 0;
        (input ? bill.inputTokens : bill.outputTokens) += tokens;
        Money& ofModel = bill.byModel[std::string(fields[2])];
        ofModel = ofModel.plusSaturated(amount);
    }
    return bill;
}

Result<void> resetSimBill(const std::string& billPath)
{
    if (::access(billPath.c_str(), F_OK) == 0) {
        const auto kept = fmt::format("{}.{}", billPath, SystemClock().nowUs());
        if (std::rename(billPath.c_str(), kept.c_str()) != 0) {
            return fileError(billPath, "set aside");
        }
    }
    if (auto fresh = BillFile::open(billPath); !fresh) {
        return fresh.error();
    }
    return {};
}

} // namespace headgate::proxy
