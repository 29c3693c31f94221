// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The simulated provider's own bill: an append-only file, one line a charge, one write(2) a line,
// so that it survives a kill and several processes may share it. Safe on any thread.

#include "core/base/clock.h"
#include "core/base/money.h"
#include "core/catalog/catalog.h"

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

namespace headgate::proxy {

class BillFile {
public:
    explicit BillFile(int descriptor) : m_descriptor(descriptor) { }
    ~BillFile();
    BillFile(const BillFile&) = delete;
    BillFile& operator=(const BillFile&) = delete;
    [[nodiscard]] static Result<std::shared_ptr<BillFile>> open(const std::string& path);
    [[nodiscard]] bool append(const std::string& line) const;
    /// True when `path` is no longer this file (the bill was reset by another process).
    [[nodiscard]] bool replacedAt(const std::string& path) const;

private:
    int m_descriptor;
};

/// Hands every call the file of the moment; a call keeps its file until its end.
class BillBook {
public:
    [[nodiscard]] static Result<std::unique_ptr<BillBook>> open(std::string path);
    [[nodiscard]] Result<std::shared_ptr<BillFile>> current();

private:
    explicit BillBook(std::string path) : m_path(std::move(path)) { }
    std::string m_path;
    std::mutex m_mutex;
    std::shared_ptr<BillFile> m_file;
};

/// What one call has been billed. Each charge is the growth of the call's total, rounded up once:
/// pieces never add up to more than the whole.
class CallBill {
public:
    CallBill(std::shared_ptr<BillFile> file, std::string callId, std::string model);
    /// False when the charge could not be written: then nothing may be handed over.
    [[nodiscard]] bool chargeInput(std::int64_t tokens, const catalog::PriceSheet& sheet);
    [[nodiscard]] bool chargeOutput(std::int64_t tokens, const catalog::PriceSheet& sheet);

private:
    [[nodiscard]] bool write(const char* side, std::int64_t tokens);
    std::shared_ptr<BillFile> m_file;
    std::string m_callId;
    std::string m_model;
    CostSum m_sum;
    Money m_written;
};

} // namespace headgate::proxy
