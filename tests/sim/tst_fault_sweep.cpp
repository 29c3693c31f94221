// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

// One fault at every call that the ledger makes to its disk, one run each: after it everything goes
// on as promised.

#include <QtTest>

#include "core/base/log.h"
#include "tests/sim/sweep_world.h"

#include <map>

using namespace headgate;
using namespace headgate::sim;

namespace {

/// Every call; without optimization or under a sanitizer (TSan: over five minutes) that takes too
/// long.
#if defined(__OPTIMIZE__) && !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
constexpr std::size_t stride = 1;
#else
constexpr std::size_t stride = 5;
#endif

/// Between two calls that change the disk a crash is the same wherever it is; whether it comes
/// right after a call or before the next one matters where something became durable.
bool isWorthwhile(DiskFault fault, DiskCall call)
{
    const bool isDurable = call == DiskCall::Sync || call == DiskCall::Delete;
    const bool isChange = isDurable || call == DiskCall::Write || call == DiskCall::Truncate
        || call == DiskCall::Open;
    const bool isAfter
        = fault == DiskFault::ProcessEndsAfter || fault == DiskFault::PowerFailsAfter;
    return canHappen(fault, call) && (!isCrash(fault) || (isAfter ? isDurable : isChange));
}

} // namespace

class TestFaultSweep : public QObject {
    Q_OBJECT

private Q_SLOTS:
    void initTestCase() { log::start({}, log::Level::Error, false); }
    void cleanupTestCase() { log::stop(); }

    void everyFaultAtEveryCall()
    {
        std::vector<DiskCall> calls;
        {
            SweepWorld world(1);
            world.disk().recordCalls(true);
            const std::string problem = world.run();
            QVERIFY2(problem.empty(), problem.c_str());
            calls = world.disk().recordedCalls();
        }
        QVERIFY(calls.size() > 500);
        std::map<std::string, int> runs;
        int struck = 0;
        for (std::size_t i = 0; i < calls.size(); i += stride) {
            for (std::size_t f = 0; f < diskFaultCount; ++f) {
                const auto fault = static_cast<DiskFault>(f);
                if (!isWorthwhile(fault, calls[i])) {
                    continue;
                }
                SweepWorld world(i * diskFaultCount + f);
                world.disk().failAt(static_cast<std::int64_t>(i) + 1, fault);
                const std::string problem = world.run();
                QVERIFY2(problem.empty(),
                    qPrintable(QStringLiteral("%1 at call %2 (%3): %4")
                                   .arg(QLatin1String(diskFaultName(fault)))
                                   .arg(i + 1)
                                   .arg(QLatin1String(diskCallName(calls[i])),
                                       QString::fromStdString(problem))));
                ++runs[diskFaultName(fault)];
                struck += world.disk().faultsStruck() == 1 ? 1 : 0;
            }
        }
        int all = 0;
        for (const auto& [name, count] : runs) {
            all += count;
            qInfo("%6d × %s", count, name.c_str());
        }
        QCOMPARE(struck, all);
        qInfo("%d fault points over %zu calls", all, calls.size());
    }
};

QTEST_GUILESS_MAIN(TestFaultSweep)
#include "tst_fault_sweep.moc"
