// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "tests/bench/pipeline_bench.h"

#include "tests/bench/loopback.h"
#include "tests/bench/peers.h"

#include <QDir>
#include <QTemporaryDir>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <unistd.h>
#include <vector>

namespace headgate::bench {

namespace {

constexpr int roundCount = 5;

double percentile(const std::vector<std::int64_t>& sorted, int permille)
{
    if (sorted.empty()) {
        return 0;
    }
    const std::size_t index = (sorted.size() - 1) * static_cast<std::size_t>(permille) / 1000;
    return static_cast<double>(sorted[index]);
}

struct Sides {
    StubUpstream* stub = nullptr;
    Nginx* nginx = nullptr;
    HeadgateProgram* headgate = nullptr;
    std::string body;
    std::string path = "/v1/chat/completions";
};

struct Measured {
    double cpuUs = 0; ///< a request
    double p50Us = 0;
    double p99Us = 0;
    double perSecond = 0;
    bool good = true;
};

Measured measure(const Load& load, qint64 pid, bool refusals = false)
{
    const std::int64_t before = pid > 0 ? cpuUs(pid) : 0;
    const LoadResult result = runLoad(load);
    const std::int64_t used = pid > 0 ? cpuUs(pid) - before : 0;
    Measured measured;
    const auto count = static_cast<double>(load.requests);
    measured.cpuUs = static_cast<double>(used) / count;
    measured.p50Us = percentile(result.latenciesUs, 500);
    measured.p99Us = percentile(result.latenciesUs, 990);
    measured.perSecond
        = count * 1e6 / static_cast<double>(std::max<std::int64_t>(result.wallUs, 1));
    const std::int64_t wanted = refusals ? result.refused : result.answered;
    measured.good = wanted == load.requests;
    if (!measured.good) {
        std::fprintf(stderr, "port %d: %lld answered, %lld refused, %lld failed of %lld\n",
            load.port, static_cast<long long>(result.answered),
            static_cast<long long>(result.refused), static_cast<long long>(result.failed),
            static_cast<long long>(load.requests));
    }
    return measured;
}

Load loadFor(const Sides& sides, int port, int connections, std::int64_t requests)
{
    Load load;
    load.port = port;
    load.connections = connections;
    load.requests = requests;
    load.request = httpPost(port, sides.path, sides.headgate->m_key, sides.body);
    return load;
}

struct Work {
    QString name;
    int connections = 1;
    std::int64_t requests = 0;
    QString bar;
};

/// Interleaved: nginx, Headgate, nginx, Headgate …, so that a noisy minute hits both.
bool cpuRows(const Sides& sides, const Work& work, std::vector<Row>& rows)
{
    const int connections = work.connections;
    const std::int64_t requests = work.requests;
    std::vector<double> ours, theirs, rateOurs, rateTheirs;
    for (int round = 0; round < roundCount + 1; ++round) {
        const auto peer = measure(loadFor(sides, sides.nginx->m_port, connections, requests),
            sides.nginx->m_process.processId());
        const auto mine = measure(loadFor(sides, sides.headgate->m_port, connections, requests),
            sides.headgate->m_process.processId());
        if (!peer.good || !mine.good) {
            return false;
        }
        if (round > 0) { // the first one warms both up
            ours.push_back(mine.cpuUs);
            theirs.push_back(peer.cpuUs);
            rateOurs.push_back(mine.perSecond);
            rateTheirs.push_back(peer.perSecond);
        }
    }
    rows.push_back({QStringLiteral("cpu a request, ") + work.name, median(ours), median(theirs),
        median(ours) / median(theirs), QStringLiteral("us"), work.bar});
    rows.push_back(
        {QStringLiteral("requests a second, ") + work.name, median(rateOurs), median(rateTheirs),
            median(rateOurs) / median(rateTheirs), QStringLiteral("1/s"), QString()});
    return true;
}

bool latencyRows(const Sides& sides, std::int64_t requests, std::vector<Row>& rows)
{
    std::vector<double> ours50, ours99, direct50, direct99;
    for (int round = 0; round < roundCount; ++round) {
        const auto direct = measure(loadFor(sides, sides.stub->port(), 1, requests), 0);
        const auto mine = measure(loadFor(sides, sides.headgate->m_port, 1, requests), 0);
        if (!direct.good || !mine.good) {
            return false;
        }
        ours50.push_back(mine.p50Us);
        ours99.push_back(mine.p99Us);
        direct50.push_back(direct.p50Us);
        direct99.push_back(direct.p99Us);
    }
    const auto added = [](const std::vector<double>& with, const std::vector<double>& without) {
        return median(with) - median(without);
    };
    rows.push_back({QStringLiteral("latency p50, 1 connection, beside direct"), median(ours50),
        median(direct50), added(ours50, direct50), QStringLiteral("us; last: added"),
        QStringLiteral("300 us added")});
    rows.push_back({QStringLiteral("latency p99, 1 connection, beside direct"), median(ours99),
        median(direct99), added(ours99, direct99), QStringLiteral("us; last: added"), QString()});
    return true;
}

bool refusalRow(const Sides& sides, std::int64_t requests, std::vector<Row>& rows)
{
    std::vector<double> refused, served;
    for (int round = 0; round < roundCount; ++round) {
        const auto load = loadFor(sides, sides.headgate->m_port, 64, requests);
        const auto pid = sides.headgate->m_process.processId();
        if (!sides.headgate->cap("1000000")) {
            return false;
        }
        const auto good = measure(load, pid);
        const std::int64_t upstreamBefore = sides.stub->answered();
        if (!sides.headgate->cap("0.000000001")) {
            return false;
        }
        const auto bad = measure(load, pid, true);
        if (!good.good || !bad.good || sides.stub->answered() != upstreamBefore) {
            std::fprintf(stderr, "a refusal reached the upstream, or a request was not refused\n");
            return false;
        }
        served.push_back(good.cpuUs);
        refused.push_back(bad.cpuUs);
    }
    rows.push_back({QStringLiteral("cpu of a refusal beside a served request"), median(refused),
        median(served), median(refused) / median(served), QStringLiteral("us"),
        QStringLiteral("0.33 x")});
    return true;
}

std::string answerJson()
{
    const std::string words(620, 'a');
    return R"({"id":"chatcmpl-bench","object":"chat.completion","created":1790000000,)"
           R"("model":"bench","choices":[{"index":0,"message":{"role":"assistant","content":")"
        + words
        + R"("},"finish_reason":"stop"}],"usage":{"prompt_tokens":230,"completion_tokens":120,)"
          R"("total_tokens":350}})";
}

/// Of some `bytes`; `head` is what comes before the messages.
std::string requestJson(std::size_t bytes, const std::string& head)
{
    std::string text;
    while (text.size() + 170 < bytes) {
        text += "Please summarise the meeting notes of team number " + std::to_string(text.size())
            + " in two sentences. ";
    }
    return R"({"model":"auto","max_tokens":200,)" + head + R"({"role":"user","content":")" + text
        + R"("}]})";
}

std::string chatJson(std::size_t bytes)
{
    return requestJson(bytes, R"("messages":[{"role":"system","content":"You are brief."},)");
}

std::string messagesJson(std::size_t bytes)
{
    return requestJson(bytes, R"("system":"You are brief.","messages":[)");
}

/// 1 kB and 100 kB, handed on as they are and translated from Anthropic's messages to chat.
bool allCpuRows(const Sides& sides, std::vector<Row>& rows)
{
    Sides large = sides;
    large.body = chatJson(100'000);
    Sides translated = sides;
    translated.body = messagesJson(1'000);
    translated.path = "/v1/messages";
    Sides largeTranslated = translated;
    largeTranslated.body = messagesJson(100'000);
    const auto work
        = [](const char* name, int connections, std::int64_t requests, const char* bar) {
              return Work{QLatin1String(name), connections, requests, QLatin1String(bar)};
          };
    return cpuRows(sides, work("1 connection", 1, 2'000, ""), rows)
        && cpuRows(sides, work("64 connections", 64, 10'000, "2.2 x"), rows)
        && cpuRows(sides, work("256 connections", 256, 10'000, "1.8 x"), rows)
        && cpuRows(large, work("64 connections, 100 kB", 64, 2'000, ""), rows)
        && cpuRows(translated, work("64 connections, translated", 64, 5'000, ""), rows)
        && cpuRows(largeTranslated, work("64 connections, translated 100 kB", 64, 2'000, ""), rows);
}

} // namespace

int runPipelineBench(bool json)
{
    // Where the files lie decides what a sync costs; another folder tells the two apart.
    const QString where = qEnvironmentVariable("HEADGATE_BENCH_DIR", QDir::tempPath());
    const QTemporaryDir dir(where + QStringLiteral("/headgate-bench-XXXXXX"));
    StubUpstream stub(httpAnswer(answerJson()));
    Nginx nginx;
    HeadgateProgram headgate;
    if (!nginx.start(dir.path(), stub.port())) {
        std::fprintf(stderr, "headgate-bench: nginx did not start (package nginx-light)\n%s",
            qPrintable(readText(dir.filePath(QStringLiteral("nginx.start")))));
        return 1;
    }
    if (!headgate.start(dir.path(), stub.port())) {
        std::fprintf(stderr, "headgate-bench: headgate did not start\n%s",
            qPrintable(readText(dir.filePath(QStringLiteral("headgate.err")))));
        return 1;
    }
    const Sides sides{&stub, &nginx, &headgate, chatJson(1'000)};
    std::vector<Row> rows;
    if (!json) {
        std::printf("%-44s %10s %10s %8s\n", "pipeline", "headgate", "peer", "ratio");
    }
    const bool good = allCpuRows(sides, rows) && latencyRows(sides, 2'000, rows)
        && refusalRow(sides, 5'000, rows);
    print(rows, json);
    return good ? 0 : 1;
}

} // namespace headgate::bench
