// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "tests/bench/pipeline_bench.h"
#include "tests/bench/streams_bench.h"

#ifdef HEADGATE_BENCH_TOKENS
#include "tests/bench/tokens_bench.h"
#endif
#ifdef HEADGATE_BENCH_LEDGER
#include "tests/bench/ledger_bench.h"
#endif
#ifdef HEADGATE_BENCH_CLASSIFY
#include "tests/bench/classify_bench.h"
#endif

#include <QCoreApplication>
#include <QStringList>

#include <cstdio>

int main(int argc, char** argv)
{
    const QCoreApplication app(argc, argv);
    QStringList args = QCoreApplication::arguments().mid(1);
    const bool json = args.removeAll(QStringLiteral("--json")) > 0;
    const QString what = args.size() == 1 ? args.front() : QString();
    if (what == QLatin1String("pipeline")) {
        return headgate::bench::runPipelineBench(json);
    }
    if (what == QLatin1String("streams")) {
        return headgate::bench::runStreamsBench(json);
    }
#ifdef HEADGATE_BENCH_TOKENS
    if (what == QLatin1String("tokens")) {
        return headgate::bench::runTokensBench(json);
    }
#endif
#ifdef HEADGATE_BENCH_LEDGER
    if (what == QLatin1String("ledger")) {
        return headgate::bench::runLedgerBench(json);
    }
#endif
#ifdef HEADGATE_BENCH_CLASSIFY
    if (what == QLatin1String("classify")) {
        return headgate::bench::runClassifyBench(json);
    }
#endif
    std::fprintf(
        stderr, "usage: headgate-bench pipeline|streams|tokens|ledger|classify [--json]\n");
    return 2;
}
