// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The simulated provider: answers inside the program with its own price sheet, latency and faults,
// deterministic by seed and request, and keeps its own bill: a file of its own, appended before it
// answers, so that it survives a kill. It bills input when it accepts a request and output as it
// produces it, whether or not anyone still listens. It knows nothing of holds, pools or budgets:
// it is the witness that the ledger is compared with.

#include "core/proxy/upstream.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>

namespace headgate::proxy {

struct SimOptions {
    std::string billPath; ///< $HEADGATE_HOME/sim-bill.log
    std::uint64_t seed = 1;
    /// Latency in permille of the sheet's (0: none at all, for tests and benchmarks; 1000: as
    /// real).
    int latencyPermille = 1000;
};

struct SimBill {
    Money total;
    std::int64_t requests = 0;
    std::int64_t inputTokens = 0;
    std::int64_t outputTokens = 0;
    std::map<std::string, Money> byModel;
};

/// Sums a bill file. A torn last line (kill in mid-write) is counted as far as it is whole.
[[nodiscard]] Result<SimBill> readSimBill(const std::string& billPath);
/// Starts a new bill; the old one is kept beside it with its date.
[[nodiscard]] Result<void> resetSimBill(const std::string& billPath);

/// Faults by marks in the last user message: [[sim:reset]], [[sim:stall]], [[sim:no-usage]],
/// [[sim:cut]], [[sim:500]], [[sim:ignore-max]].
class SimProvider {
public:
    [[nodiscard]] static Result<std::unique_ptr<SimProvider>> open(SimOptions options);
    ~SimProvider();
    /// A call bound to the calling coroutine's executor.
    [[nodiscard]] std::unique_ptr<UpstreamCall> call();
    /// The program is stopping: what is still produced is produced (and billed) without delay.
    void hurry();

private:
    struct Impl;
    explicit SimProvider(std::unique_ptr<Impl> impl);
    std::shared_ptr<Impl> m_impl;
};

} // namespace headgate::proxy
