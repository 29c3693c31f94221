// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the benchmarks of the data plane share: the real program and nginx as processes of their
// own, their CPU and memory from /proc, and how a figure is printed beside its peer. One thread.

#include <QProcess>
#include <QString>

#include <cstdint>
#include <string>
#include <vector>

namespace headgate::bench {

struct Row {
    QString name;
    double headgate = 0;
    double peer = 0;
    double ratio = 0;
    QString unit;
    QString bar;
};
void print(const std::vector<Row>& rows, bool json);

[[nodiscard]] double median(std::vector<double> values);
[[nodiscard]] QString readText(const QString& path);
/// User and system time of a process and its children that live, in microseconds.
[[nodiscard]] std::int64_t cpuUs(qint64 pid);
/// Resident memory of a process and its children, in bytes.
[[nodiscard]] std::int64_t residentBytes(qint64 pid);

/// Ends the process when it goes; only what was started here.
class Program {
public:
    Program() = default;
    ~Program();
    Program(const Program&) = delete;
    Program& operator=(const Program&) = delete;
    QProcess m_process;
};

/// `proxy_pass` to one port, a worker a core, keep-alive on both sides, answers not buffered.
class Nginx : public Program {
public:
    [[nodiscard]] bool start(const QString& dir, int upstreamPort);
    int m_port = 0;
};

/// `headgate serve` with one provider of one model ("stub/bench") on `upstreamPort`.
class HeadgateProgram : public Program {
public:
    [[nodiscard]] bool start(const QString& dir, int upstreamPort);
    [[nodiscard]] bool cap(const char* dollars) const;
    int m_port = 0;
    std::string m_key;

private:
    [[nodiscard]] bool verb(const QString& words) const;
    QString m_binary;
    QProcessEnvironment m_environment;
};

} // namespace headgate::bench
