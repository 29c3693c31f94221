// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The real binary with the shim preloaded, on a home of its own, beside an independent upstream;
// and the comparison of its books with both providers' bills. Used by one thread; ends only what it
// started.

#include "core/base/money.h"
#include "tests/cli/headgate_process.h"
#include "tests/crash/billing_upstream.h"
#include "tests/crash/crash_control.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace headgate::crash {

/// The test's side of the mapped file.
class Control {
public:
    explicit Control(const std::string& path);
    ~Control();
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;
    [[nodiscard]] Shared& operator*() const { return *m_shared; }
    [[nodiscard]] Shared* operator->() const { return m_shared; }

private:
    Shared* m_shared = nullptr;
};

/// One place to die at: the `count`-th call of a kind.
struct Point {
    Place place = Place::Ledger;
    Call call = Call::Write;
    std::int64_t count = 1;
    When when = When::Before;
    [[nodiscard]] std::string text() const; ///< as HEADGATE_CRASH_AT takes it
};

/// What the books and the bills say at one moment; nano-dollars.
struct Compared {
    std::int64_t charged = 0; ///< of the pool that covers everything for ever
    std::int64_t billed = 0; ///< both providers
    std::int64_t uncertain = 0; ///< charged as unknown or estimated, in total
    std::int64_t unknown = 0; ///< of that: unknown
    [[nodiscard]] std::string text() const;
};

class House {
public:
    explicit House(BillingUpstream& upstream);

    clitest::Home home;
    BillingUpstream& upstream;
    std::unique_ptr<Control> control;
    std::unique_ptr<clitest::Serving> serving;
    std::string key;

    /// Starts it, armed with `point` from its first call on. False: it did not get ready (it may
    /// have died where it was to); `why` has its messages.
    [[nodiscard]] bool start(const std::optional<Point>& point = std::nullopt);
    /// Dies at the `point.count`-th call from now on.
    void arm(const Point& point) const;
    void disarm() const;
    [[nodiscard]] bool isAlive() const { return serving && serving->isAlive(); }
    [[nodiscard]] bool diedAtItsPoint() const { return control->operator->()->killedKind != 0; }
    /// Once: providers, models and the pools "all" (lifetime) and "today" (day) over everything.
    /// Empty when it worked.
    [[nodiscard]] std::string furnish(const char* cap);
    [[nodiscard]] clitest::Answer ask(const std::string& body) const;
    [[nodiscard]] clitest::Ran verb(const char* words) const { return home.json(words); }

    /// After a start that follows a kill: books against bills, nothing held, verify, the journal
    /// explains the recovery. Empty when all is well.
    [[nodiscard]] std::string compare();
    /// A request that fits is admitted. Empty when so.
    [[nodiscard]] std::string admits() const;
    Compared compared;
    std::string why; ///< messages of the last start

private:
    [[nodiscard]] std::string explainRecovery();
    QString m_controlPath;
    std::int64_t m_billedBefore = 0; ///< by the upstream, to others
    std::int64_t m_startedUs = 0; ///< wall clock just before the last start
};

/// From HEADGATE_CRASH_SEED, else from the commit, so that what is picked changes with the code.
[[nodiscard]] std::uint64_t crashSeed();

} // namespace headgate::crash
