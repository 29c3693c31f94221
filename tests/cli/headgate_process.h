// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The real binary under test: a home folder of its own, verbs as child processes, a serving
// process, and HTTP by hand over blocking loopback sockets. One thread each. Ends only what it
// started.

#include <QByteArray>
#include <QJsonObject>
#include <QList>
#include <QMap>
#include <QProcess>
#include <QString>
#include <QStringList>
#include <QTemporaryDir>

#include <memory>
#include <string>
#include <vector>

namespace headgate::clitest {

struct Ran {
    int code = -1; ///< -1: it crashed or did not end in time
    QByteArray out;
    QByteArray err;
    /// The JSON lines of standard output.
    [[nodiscard]] QList<QJsonObject> rows() const;
    [[nodiscard]] QJsonObject row() const;
};

/// A home folder and the program on it.
class Home {
public:
    Home();
    [[nodiscard]] QString path() const { return m_home; }
    void setPath(const QString& path) { m_home = path; }
    [[nodiscard]] QProcessEnvironment environment() const;
    void setSimLatencyPermille(int permille) { m_latencyPermille = permille; }
    /// For the serving process only, not for verbs.
    void setServeVariable(const QString& name, const QString& value)
    {
        m_serveVariables.insert(name, value);
    }
    void clearServeVariable(const QString& name) { m_serveVariables.remove(name); }
    [[nodiscard]] QProcessEnvironment serveEnvironment() const;
    /// Runs a verb; `input` goes to its standard input. Words may hold spaces only as list items.
    [[nodiscard]] Ran run(const QStringList& args, const QByteArray& input = {}) const;
    [[nodiscard]] Ran run(const char* words) const;
    /// With --json added.
    [[nodiscard]] Ran json(const char* words) const;
    /// A file in the temporary folder beside the home.
    [[nodiscard]] QString write(const QString& name, const QByteArray& bytes) const;
    [[nodiscard]] QString tempPath() const { return m_dir.path(); }

private:
    QTemporaryDir m_dir;
    QString m_home;
    int m_latencyPermille = 0;
    QMap<QString, QString> m_serveVariables;
};

/// `headgate serve` on a home.
class Serving {
public:
    /// Null when it did not get ready; `why` gets its messages then.
    static std::unique_ptr<Serving> start(const Home& home, QString* why = nullptr);
    ~Serving();
    Serving(const Serving&) = delete;
    Serving& operator=(const Serving&) = delete;

    int port = 0;
    std::string key; ///< the first key, empty when there was one before
    QJsonObject ready;

    void kill9();
    void signal(int number);
    /// Its exit code; -1 when it does not end in time.
    int waitForEnd(int timeoutMs = 60'000);
    QByteArray errors();
    [[nodiscard]] bool isAlive(); ///< also collects what it has written
    [[nodiscard]] qint64 pid() const { return m_process.processId(); }

private:
    Serving() = default;
    QProcess m_process;
};

struct Answer {
    int status = 0; ///< 0: no answer
    std::string head; ///< lower case
    std::string body; ///< dechunked
    [[nodiscard]] std::string header(const std::string& name) const;
    [[nodiscard]] QJsonObject json() const;
    [[nodiscard]] QString errorMessage() const;
};

/// A connection that can be read piece by piece and dropped at any point.
class Connection {
public:
    explicit Connection(int port);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    [[nodiscard]] bool send(const std::string& bytes) const;
    /// Reads what is there, at most `most` bytes; empty at the end or after the timeout.
    [[nodiscard]] std::string read(std::size_t most = 4096) const;
    /// Reads one whole answer.
    [[nodiscard]] Answer answer() const;

private:
    int m_fd = -1;
};

/// A chat request body; `extra` is more JSON members: `"stream":true`.
[[nodiscard]] std::string chatBody(const std::string& model, const std::string& text, int maxTokens,
    const std::string& extra = {});
[[nodiscard]] Answer post(int port, const std::string& key, const std::string& body,
    const std::string& path = "/v1/chat/completions");

/// Path of the binary under test.
[[nodiscard]] QString binaryPath();

} // namespace headgate::clitest
