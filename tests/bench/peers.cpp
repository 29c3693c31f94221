// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "tests/bench/peers.h"

#include "tests/bench/loopback.h"

#include <QCoreApplication>
#include <QFile>
#include <QJsonDocument>
#include <QJsonObject>
#include <QStandardPaths>
#include <QThread>

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace headgate::bench {

namespace {

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

/// Of this process alone.
std::vector<qint64> childrenOf(qint64 pid)
{
    std::vector<qint64> out;
    const QString children = readText(QStringLiteral("/proc/%1/task/%1/children").arg(pid));
    for (const QString& child : children.split(QLatin1Char(' '), Qt::SkipEmptyParts)) {
        out.push_back(child.toLongLong());
    }
    return out;
}

} // namespace

double median(std::vector<double> values)
{
    std::sort(values.begin(), values.end());
    return values.empty() ? 0 : values[values.size() / 2];
}

QString readText(const QString& path)
{
    QFile file(path);
    return file.open(QIODevice::ReadOnly) ? QString::fromLatin1(file.readAll()) : QString();
}

std::int64_t cpuUs(qint64 pid)
{
    const QString stat = readText(QStringLiteral("/proc/%1/stat").arg(pid));
    const QStringList parts
        = stat.mid(stat.lastIndexOf(QLatin1Char(')')) + 2).split(QLatin1Char(' '));
    std::int64_t ticks = parts.size() > 12 ? parts[11].toLongLong() + parts[12].toLongLong() : 0;
    std::int64_t total = ticks * 1'000'000 / sysconf(_SC_CLK_TCK);
    for (const qint64 child : childrenOf(pid)) {
        total += cpuUs(child);
    }
    return total;
}

std::int64_t residentBytes(qint64 pid)
{
    const QString statm = readText(QStringLiteral("/proc/%1/statm").arg(pid));
    std::int64_t total = statm.section(QLatin1Char(' '), 1, 1).toLongLong() * sysconf(_SC_PAGESIZE);
    for (const qint64 child : childrenOf(pid)) {
        total += residentBytes(child);
    }
    return total;
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

Program::~Program()
{
    if (m_process.state() != QProcess::NotRunning) {
        m_process.terminate();
        if (!m_process.waitForFinished(20'000)) {
            m_process.kill();
            m_process.waitForFinished(5'000);
        }
    }
}

bool Nginx::start(const QString& dir, int upstreamPort)
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
    config.write(QStringLiteral(
        "daemon off;\nworker_processes %1;\npid %2/nginx.pid;\n"
        "error_log %2/nginx.err;\n"
        "events { worker_connections 16384; }\n"
        "http { access_log off; keepalive_requests 10000000;\n"
        "client_body_buffer_size 1m; client_body_temp_path %2/b; proxy_temp_path %2/p;\n"
        "fastcgi_temp_path %2/f; uwsgi_temp_path %2/u;\n"
        "scgi_temp_path %2/s;\n"
        "upstream stub { server 127.0.0.1:%3; keepalive 512;\n"
        "keepalive_requests 10000000; }\n"
        "server { listen 127.0.0.1:%4; location / {\n"
        "proxy_pass http://stub; proxy_http_version 1.1;\n"
        "proxy_buffering off; proxy_set_header Connection \"\"; } } }\n")
                     .arg(QThread::idealThreadCount())
                     .arg(dir)
                     .arg(upstreamPort)
                     .arg(m_port)
                     .toUtf8());
    config.close();
    m_process.setStandardErrorFile(dir + QStringLiteral("/nginx.start"));
    m_process.start(nginx,
        {QStringLiteral("-c"), config.fileName(), QStringLiteral("-p"), dir, QStringLiteral("-e"),
            dir + QStringLiteral("/nginx.err")});
    return m_process.waitForStarted() && waitForPort(m_port);
}

bool HeadgateProgram::start(const QString& dir, int upstreamPort)
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
        && verb(QStringLiteral("providers add --name stub --dialect openai --url http://127.0.0.1:")
            + QString::number(upstreamPort) + QStringLiteral("/v1"))
        && verb(QStringLiteral("models add --provider stub --name bench --tier 1 --input 0.15 "
                               "--output 0.60 --context 128000 --max-output 16384"))
        && verb(QStringLiteral("providers remove sim")) && cap("1000000");
}

bool HeadgateProgram::cap(const char* dollars) const
{
    return verb(QStringLiteral("pools set organisation-day --cap ") + QString::fromLatin1(dollars));
}

bool HeadgateProgram::verb(const QString& words) const
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

} // namespace headgate::bench
