// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "tests/bench/pipeline_bench.h"

#include "tests/bench/loopback.h"

#include <QCoreApplication>
#include <QDir>
#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QProcess>
#include <QStandardPaths>
#include <QTemporaryDir>
#include <QThread>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <unistd.h>
#include <vector>

namespace headgate::bench {

namespace {

constexpr int roundCount = 5;

struct Row {
    QString name;
    double headgate = 0;
    double peer = 0;
    double ratio = 0;
    QString unit;
    QString bar;
};

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[values.size() / 2];
}

double percentile(const std::vector<std::int64_t>& sorted, int permille)
{
    if (sorted.empty()) {
        return 0;
    }
    const std::size_t index = (sorted.size() - 1) * static_cast<std::size_t>(permille) / 1000;
    return static_cast<double>(sorted[index]);
}

QString readText(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? QString::fromLatin1(file.readAll()) : QString();
}

/// User and system time of a process and its children that live, in microseconds.
std::int64_t cpuUs(qint64 pid)
{
    const QString stat = readText(QStringLiteral("/proc/%1/stat").arg(pid));
    const QStringList parts
        = stat.mid(stat.lastIndexOf(QLatin1Char(')')) + 2).split(QLatin1Char(' '));
    std::int64_t ticks = parts.size() > 12 ? parts[11].toLongLong() + parts[12].toLongLong() : 0;
    std::int64_t total = ticks * 1'000'000 / sysconf(_SC_CLK_TCK);
    const QString children = readText(QStringLiteral("/proc/%1/task/%1/children").arg(pid));
    for (const QString& child : children.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
        total += cpuUs(child.toLongLong());
    }
    return total;
}

bool waitForPort(int port)
{
    for (int i = 0; i < 200; ++i) {
        if (canConnect(port)) {
            return true;
        }
        QThread::msleep(20);
    }
    return false;
}

/// Ends the process when it goes; only what was started here.
class Program {
public:
    ~Program()
    {
        if (m_process.state() != QProcess::NotRunning) {
            m_process.terminate();
            if (!m_process.waitForFinished(20'000)) {
                m_process.kill();
                m_process.waitForFinished(5'000);
            }
        }
    }
    QProcess m_process;
};

class Nginx : public Program {
public:
    bool start(const QString& dir, int upstreamPort)
    {
        QString nginx = QStandardPaths::findExecutable(QStringLiteral("nginx"));
        if (nginx.isEmpty()) {
            nginx = QStringLiteral("/usr/sbin/nginx");
        }
        m_port = freePort();
        QFile config(dir + QStringLiteral("/nginx.conf"));
        if (!QFile::exists(nginx) || !config.open(QIODevice::WriteOnly)) {
            return false;
        }
        config.write(QStringLiteral("daemon off;\nworker_processes %1;\npid %2/nginx.pid;\n"
                                    "error_log %2/nginx.err;\n"
                                    "events { worker_connections 4096; }\n"
                                    "http { access_log off; keepalive_requests 10000000;\n"
                                    "client_body_temp_path %2/b; proxy_temp_path %2/p;\n"
                                    "fastcgi_temp_path %2/f; uwsgi_temp_path %2/u;\n"
                                    "scgi_temp_path %2/s;\n"
                                    "upstream stub { server 127.0.0.1:%3; keepalive 512;\n"
                                    "keepalive_requests 10000000; }\n"
                                    "server { listen 127.0.0.1:%4; location / {\n"
                                    "proxy_pass http://stub; proxy_http_version 1.1;\n"
                                    "proxy_set_header Connection \"\"; } } }\n")
                         .arg(QThread::idealThreadCount())
                         .arg(dir)
                         .arg(upstreamPort)
                         .arg(m_port)
                         .toUtf8());
        config.close();
        m_process.setStandardErrorFile(dir + QStringLiteral("/nginx.start"));
        m_process.start(nginx,
            {QStringLiteral("-c"), config.fileName(), QStringLiteral("-p"), dir,
                QStringLiteral("-e"), dir + QStringLiteral("/nginx.err")});
        return m_process.waitForStarted() && waitForPort(m_port);
    }
    int m_port = 0;
};

class HeadgateProgram : public Program {
public:
    bool start(const QString& dir, int upstreamPort)
    {
        m_binary = QCoreApplication::applicationDirPath() + QStringLiteral("/../app/headgate");
        m_environment = QProcessEnvironment::systemEnvironment();
        m_environment.insert(QStringLiteral("HEADGATE_HOME"), dir + QStringLiteral("/home"));
        m_process.setProcessEnvironment(m_environment);
        m_process.setStandardErrorFile(dir + QStringLiteral("/headgate.err"));
        m_process.start(m_binary,
            {QStringLiteral("serve"), QStringLiteral("--listen"), QStringLiteral("127.0.0.1:0"),
                QStringLiteral("--json")});
        QByteArray line;
        while (!line.contains('\n') && m_process.waitForReadyRead(20'000)) {
            line += m_process.readLine();
        }
        const QJsonObject ready = QJsonDocument::fromJson(line).object();
        m_key = ready[QLatin1String("client_key")].toString().toStdString();
        const QString url = ready[QLatin1String("url")].toString();
        m_port = url.mid(url.lastIndexOf(QLatin1Char(':')) + 1).toInt();
        return m_port != 0
            && verb(
                QStringLiteral("providers add --name stub --dialect openai --url http://127.0.0.1:")
                + QString::number(upstreamPort) + QStringLiteral("/v1"))
            && verb("models add --provider stub --name bench --tier 1 --input 0.15 --output 0.60 "
                    "--context 128000 --max-output 16384")
            && verb("providers remove sim") && cap("1000000");
    }
    bool cap(const char* dollars)
    {
        return verb(
            QStringLiteral("pools set organisation-day --cap ") + QString::fromLatin1(dollars));
    }
    int m_port = 0;
    std::string m_key;

private:
    bool verb(const QString& words) const
    {
        QProcess process;
        process.setProcessEnvironment(m_environment);
        process.start(m_binary, words.split(QLatin1Char(' ')));
        process.waitForFinished();
        if (process.exitCode() != 0) {
            std::fprintf(stderr, "headgate %s: %s\n", qPrintable(words),
                process.readAllStandardError().constData());
        }
        return process.exitCode() == 0;
    }
    bool verb(const char* words) const { return verb(QString::fromLatin1(words)); }
    QString m_binary;
    QProcessEnvironment m_environment;
};

struct Sides {
    StubUpstream* stub = nullptr;
    Nginx* nginx = nullptr;
    HeadgateProgram* headgate = nullptr;
    std::string body;
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
    load.request = httpPost(port, "/v1/chat/completions", sides.headgate->m_key, sides.body);
    return load;
}

/// Interleaved: nginx, Headgate, nginx, Headgate …, so that a noisy minute hits both.
bool cpuRows(const Sides& sides, int connections, std::int64_t requests, std::vector<Row>& rows)
{
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
    const QString bar = connections == 64 ? QStringLiteral("2.2 x")
        : connections == 256              ? QStringLiteral("1.8 x")
                                          : QString();
    rows.push_back({QStringLiteral("cpu a request, %1 connections").arg(connections), median(ours),
        median(theirs), median(ours) / median(theirs), QStringLiteral("us"), bar});
    rows.push_back({QStringLiteral("requests a second, %1 connections").arg(connections),
        median(rateOurs), median(rateTheirs), median(rateOurs) / median(rateTheirs),
        QStringLiteral("1/s"), QString()});
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

void print(const std::vector<Row>& rows, bool json)
{
    for (const Row& row : rows) {
        if (json) {
            const QJsonObject object{{QStringLiteral("name"), row.name},
                {QStringLiteral("headgate"), row.headgate}, {QStringLiteral("peer"), row.peer},
                {QStringLiteral("ratio"), row.ratio}, {QStringLiteral("unit"), row.unit},
                {QStringLiteral("bar"), row.bar}};
            std::printf("%s\n", QJsonDocument(object).toJson(QJsonDocument::Compact).constData());
        } else {
            std::printf("%-44s %10.1f %10.1f %8.2f  %s%s%s\n", qPrintable(row.name), row.headgate,
                row.peer, row.ratio, qPrintable(row.unit), row.bar.isEmpty() ? "" : "  bar ",
                qPrintable(row.bar));
        }
    }
    std::fflush(stdout);
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

std::string requestJson()
{
    std::string text;
    while (text.size() < 850) {
        text += "Please summarise the meeting notes of team number " + std::to_string(text.size())
            + " in two sentences. ";
    }
    return R"({"model":"auto","max_tokens":200,"messages":[{"role":"system","content":)"
           R"("You are brief."},{"role":"user","content":")"
        + text + R"("}]})";
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
    const Sides sides{&stub, &nginx, &headgate, requestJson()};
    std::vector<Row> rows;
    if (!json) {
        std::printf("%-44s %10s %10s %8s\n", "pipeline", "headgate", "peer", "ratio");
    }
    const bool good = cpuRows(sides, 1, 2'000, rows) && cpuRows(sides, 64, 10'000, rows)
        && cpuRows(sides, 256, 10'000, rows) && latencyRows(sides, 2'000, rows)
        && refusalRow(sides, 5'000, rows);
    print(rows, json);
    return good ? 0 : 1;
}

} // namespace headgate::bench
