// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "tests/bench/streams_bench.h"

#include "tests/bench/loopback.h"
#include "tests/bench/peers.h"
#include "tests/bench/stream_ends.h"

#include <QDir>
#include <QTemporaryDir>

#include <cstdio>
#include <optional>
#include <vector>

namespace headgate::bench {

namespace {

constexpr int roundCount = 3;
/// Before a process is measured: what it loads once is no stream's memory.
constexpr int warmUpStreams = 4;

struct Scene {
    const char* name;
    const char* dir;
    int streams;
    int events; ///< a stream
    int gapMs;
    const char* bar;
};

struct Side {
    int port = 0;
    qint64 pid = 0;
    std::string request;
};

struct Measured {
    double cpuUsPerEvent = 0;
    double bytesPerStream = 0;
};

/// CPU counts only between the first event of the last stream and the last event of all: opening
/// and settling are the pipeline's figures.
std::optional<Measured> measure(StreamUpstream& upstream, const Side& side, const Scene& scene)
{
    const std::int64_t idle = residentBytes(side.pid);
    const StreamReaders readers(side.port, side.request, scene.streams);
    if (!readers.waitForMarks(scene.streams)) {
        std::fprintf(stderr, "port %d: %lld of %d streams began\n", side.port,
            static_cast<long long>(readers.marks()), scene.streams);
        return std::nullopt;
    }
    const std::int64_t before = cpuUs(side.pid);
    upstream.flow(scene.events, scene.gapMs);
    const std::int64_t events = static_cast<std::int64_t>(scene.streams) * scene.events;
    const bool arrived = readers.waitForMarks(events + scene.streams);
    const std::int64_t used = cpuUs(side.pid) - before;
    const std::int64_t open = residentBytes(side.pid);
    upstream.end();
    if (!arrived || !readers.waitForEnds()) {
        std::fprintf(stderr, "port %d: not every event or end arrived\n", side.port);
        return std::nullopt;
    }
    Measured measured;
    measured.cpuUsPerEvent = static_cast<double>(used) / static_cast<double>(events);
    measured.bytesPerStream = static_cast<double>(open - idle) / scene.streams;
    return measured;
}

struct Peers {
    StreamUpstream* upstream = nullptr;
    Side nginx;
    std::vector<std::pair<QString, Side>> ours;
};

bool warmUp(const Peers& peers)
{
    const Scene few{"", "", warmUpStreams, 1, 10, ""};
    bool good = measure(*peers.upstream, peers.nginx, few).has_value();
    for (const auto& [name, side] : peers.ours) {
        good = good && measure(*peers.upstream, side, few);
    }
    return good;
}

bool sceneRows(const Peers& peers, const Scene& scene, std::vector<Row>& rows)
{
    if (!warmUp(peers)) {
        return false;
    }
    std::vector<double> theirs;
    std::vector<std::vector<double>> ours(peers.ours.size());
    double theirMemory = 0;
    double ourMemory = 0;
    for (int round = 0; round < roundCount; ++round) {
        const auto peer = measure(*peers.upstream, peers.nginx, scene);
        if (!peer) {
            return false;
        }
        theirs.push_back(peer->cpuUsPerEvent);
        for (std::size_t i = 0; i < peers.ours.size(); ++i) {
            const auto mine = measure(*peers.upstream, peers.ours[i].second, scene);
            if (!mine) {
                return false;
            }
            ours[i].push_back(mine->cpuUsPerEvent);
            // Freed memory stays with the process: only the first round grows from nothing.
            ourMemory = round == 0 && i == 0 ? mine->bytesPerStream : ourMemory;
        }
        theirMemory = round == 0 ? peer->bytesPerStream : theirMemory;
    }
    for (std::size_t i = 0; i < peers.ours.size(); ++i) {
        rows.push_back({QStringLiteral("cpu an event, %1, %2")
                            .arg(QLatin1String(scene.name), peers.ours[i].first),
            median(ours[i]), median(theirs), median(ours[i]) / median(theirs), QStringLiteral("us"),
            QLatin1String(scene.bar)});
    }
    rows.push_back({QStringLiteral("memory a stream, %1").arg(QLatin1String(scene.name)),
        ourMemory / 1'000, theirMemory / 1'000, ourMemory / theirMemory, QStringLiteral("kB"),
        QStringLiteral("20 kB")});
    return true;
}

std::string chatRequest()
{
    return R"({"model":"auto","stream":true,"stream_options":{"include_usage":true},)"
           R"("max_tokens":2000,"messages":[{"role":"user","content":"Count for a while."}]})";
}

std::string messagesRequest()
{
    return R"({"model":"auto","stream":true,"max_tokens":2000,)"
           R"("messages":[{"role":"user","content":"Count for a while."}]})";
}

/// Processes of its own for each scene: memory that another one has freed stays with its process.
bool runScene(
    const QString& dir, StreamUpstream& upstream, const Scene& scene, std::vector<Row>& rows)
{
    Nginx nginx;
    HeadgateProgram headgate;
    if (!QDir().mkpath(dir) || !nginx.start(dir, upstream.port())
        || !headgate.start(dir, upstream.port())) {
        std::fprintf(stderr,
            "headgate-bench: nginx (package nginx-light) or headgate did not start\n%s%s",
            qPrintable(readText(dir + QStringLiteral("/nginx.start"))),
            qPrintable(readText(dir + QStringLiteral("/headgate.err"))));
        return false;
    }
    const auto side
        = [&headgate](int port, const Program& program, const char* path, const std::string& body) {
              return Side{
                  port, program.m_process.processId(), httpPost(port, path, headgate.m_key, body)};
          };
    Peers peers;
    peers.upstream = &upstream;
    peers.nginx = side(nginx.m_port, nginx, "/v1/chat/completions", chatRequest());
    peers.ours.emplace_back(QStringLiteral("chat"),
        side(headgate.m_port, headgate, "/v1/chat/completions", chatRequest()));
    peers.ours.emplace_back(QStringLiteral("translated to messages"),
        side(headgate.m_port, headgate, "/v1/messages", messagesRequest()));
    return sceneRows(peers, scene, rows);
}

} // namespace

int runStreamsBench(bool json)
{
    const QString where = qEnvironmentVariable("HEADGATE_BENCH_DIR", QDir::tempPath());
    const QTemporaryDir dir(where + QStringLiteral("/headgate-bench-XXXXXX"));
    StreamUpstream upstream;
    if (!json) {
        std::printf("%-44s %10s %10s %8s\n", "streams", "headgate", "nginx", "ratio");
    }
    bool good = true;
    for (const Scene& scene : {Scene{"5,000 slow", "slow", 5'000, 6, 1'000, ""},
             Scene{"500 busy", "busy", 500, 100, 40, "1.3 x"}}) {
        std::vector<Row> rows;
        good = good && runScene(dir.filePath(QLatin1String(scene.dir)), upstream, scene, rows);
        print(rows, json);
    }
    return good ? 0 : 1;
}

} // namespace headgate::bench
