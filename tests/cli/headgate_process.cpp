// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors

#include "tests/cli/headgate_process.h"

#include "tests/bench/loopback.h"

#include <QFile>
#include <QJsonDocument>

#include <algorithm>
#include <arpa/inet.h>
#include <cctype>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

namespace headgate::clitest {

namespace {

constexpr int verbTimeoutMs = 60'000;
constexpr int readTimeoutSeconds = 40;

QStringList split(const char* words)
{
    return QString::fromUtf8(words).split(QLatin1Char(' '), Qt::SkipEmptyParts);
}

std::string dechunked(const std::string& body)
{
    std::string out;
    std::size_t at = 0;
    for (;;) {
        const auto end = body.find("\r\n", at);
        if (end == std::string::npos) {
            return out;
        }
        const std::size_t size = std::strtoul(body.c_str() + at, nullptr, 16);
        if (size == 0 || end + 2 + size > body.size()) {
            return out;
        }
        out += body.substr(end + 2, size);
        at = end + 2 + size + 2;
    }
}

} // namespace

QList<QJsonObject> Ran::rows() const
{
    QList<QJsonObject> rows;
    for (const QByteArray& line : out.split('\n')) {
        if (!line.trimmed().isEmpty()) {
            rows << QJsonDocument::fromJson(line).object();
        }
    }
    return rows;
}

QJsonObject Ran::row() const
{
    const auto all = rows();
    return all.isEmpty() ? QJsonObject() : all.front();
}

QString binaryPath()
{
    return QString::fromLocal8Bit(HEADGATE_BINARY_DIR "/app/headgate");
}

Home::Home() : m_home(m_dir.path() + QStringLiteral("/home")) { }

QProcessEnvironment Home::environment() const
{
    auto environment = QProcessEnvironment::systemEnvironment();
    environment.insert(QStringLiteral("HEADGATE_HOME"), m_home);
    environment.insert(QStringLiteral("HEADGATE_SIM_LATENCY"), QString::number(m_latencyPermille));
    environment.remove(QStringLiteral("DISPLAY"));
    environment.remove(QStringLiteral("WAYLAND_DISPLAY"));
    environment.remove(QStringLiteral("QT_QPA_PLATFORM"));
    return environment;
}

QProcessEnvironment Home::serveEnvironment() const
{
    auto all = environment();
    for (auto it = m_serveVariables.begin(); it != m_serveVariables.end(); ++it) {
        all.insert(it.key(), it.value());
    }
    return all;
}

Ran Home::run(const QStringList& args, const QByteArray& input) const
{
    QProcess process;
    process.setProcessEnvironment(environment());
    process.start(binaryPath(), args);
    process.write(input);
    process.closeWriteChannel();
    Ran ran;
    if (process.waitForFinished(verbTimeoutMs) && process.exitStatus() == QProcess::NormalExit) {
        ran.code = process.exitCode();
    }
    ran.out = process.readAllStandardOutput();
    ran.err = process.readAllStandardError();
    return ran;
}

Ran Home::run(const char* words) const
{
    return run(split(words));
}

Ran Home::json(const char* words) const
{
    return run(split(words) << QStringLiteral("--json"));
}

QString Home::write(const QString& name, const QByteArray& bytes) const
{
    QFile file(m_dir.filePath(name));
    if (file.open(QIODevice::WriteOnly)) {
        file.write(bytes);
    }
    return file.fileName();
}

std::unique_ptr<Serving> Serving::start(const Home& home, QString* why)
{
    std::unique_ptr<Serving> serving(new Serving);
    serving->m_process.setProcessEnvironment(home.serveEnvironment());
#ifdef __linux__
    // A test that is itself killed leaves no server behind.
    serving->m_process.setChildProcessModifier([] { ::prctl(PR_SET_PDEATHSIG, SIGKILL); });
#endif
    serving->m_process.start(binaryPath(),
        {QStringLiteral("serve"), QStringLiteral("--listen"), QStringLiteral("127.0.0.1:0"),
            QStringLiteral("--json")});
    QByteArray line;
    while (!line.contains('\n') && serving->m_process.waitForReadyRead(30'000)) {
        line += serving->m_process.readLine();
    }
    serving->ready = QJsonDocument::fromJson(line).object();
    const QString url = serving->ready[QLatin1String("url")].toString();
    serving->port = url.mid(url.lastIndexOf(QLatin1Char(':')) + 1).toInt();
    serving->key = serving->ready[QLatin1String("client_key")].toString().toStdString();
    if (serving->port == 0) {
        if (why != nullptr) {
            serving->m_process.waitForFinished(1'000);
            *why = QString::fromUtf8(serving->m_process.readAllStandardError());
        }
        return nullptr;
    }
    return serving;
}

bool Serving::isAlive()
{
    return m_process.state() != QProcess::NotRunning && !m_process.waitForFinished(0);
}

Serving::~Serving()
{
    if (m_process.state() != QProcess::NotRunning) {
        m_process.kill();
        m_process.waitForFinished(5'000);
    }
}

void Serving::kill9()
{
    m_process.kill();
    m_process.waitForFinished(10'000);
}

void Serving::signal(int number)
{
    ::kill(static_cast<pid_t>(m_process.processId()), number);
}

int Serving::waitForEnd(int timeoutMs)
{
    if (m_process.state() != QProcess::NotRunning && !m_process.waitForFinished(timeoutMs)) {
        return -1;
    }
    return m_process.exitStatus() == QProcess::NormalExit ? m_process.exitCode() : -1;
}

QByteArray Serving::errors()
{
    return m_process.readAllStandardError();
}

std::string Answer::header(const std::string& name) const
{
    const auto at = head.find("\r\n" + name + ":");
    if (at == std::string::npos) {
        return {};
    }
    const auto start = head.find_first_not_of(' ', at + name.size() + 3);
    return head.substr(start, head.find("\r\n", start) - start);
}

QJsonObject Answer::json() const
{
    return QJsonDocument::fromJson(QByteArray::fromStdString(body)).object();
}

QString Answer::errorMessage() const
{
    return json()[QLatin1String("error")][QLatin1String("message")].toString();
}

Connection::Connection(int port) : m_fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))
{
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    sockaddr generic{};
    std::memcpy(&generic, &address, sizeof address);
    const timeval timeout{readTimeoutSeconds, 0};
    setsockopt(m_fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    setsockopt(m_fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
    if (::connect(m_fd, &generic, sizeof address) != 0) {
        ::close(m_fd);
        m_fd = -1;
    }
}

Connection::~Connection()
{
    if (m_fd >= 0) {
        ::close(m_fd);
    }
}

bool Connection::send(const std::string& bytes) const
{
    std::size_t sent = 0;
    while (sent < bytes.size()) {
        const auto count = ::send(m_fd, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (count <= 0) {
            return false;
        }
        sent += static_cast<std::size_t>(count);
    }
    return true;
}

std::string Connection::read(std::size_t most) const
{
    std::string bytes(most, '\0');
    const auto count = ::recv(m_fd, bytes.data(), bytes.size(), 0);
    bytes.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return bytes;
}

Answer Connection::answer() const
{
    std::string data;
    std::size_t headEnd = std::string::npos;
    std::size_t wanted = std::string::npos;
    bool chunked = false;
    while (true) {
        if (headEnd == std::string::npos
            && (headEnd = data.find("\r\n\r\n")) != std::string::npos) {
            headEnd += 4;
            std::string head = data.substr(0, headEnd);
            std::transform(head.begin(), head.end(), head.begin(),
                [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
            Answer parsed;
            parsed.head = head;
            chunked = parsed.header("transfer-encoding").find("chunked") != std::string::npos;
            const std::string length = parsed.header("content-length");
            if (!length.empty()) {
                wanted = headEnd + std::strtoul(length.c_str(), nullptr, 10);
            }
        }
        if (headEnd != std::string::npos
            && ((wanted != std::string::npos && data.size() >= wanted)
                || (chunked && data.ends_with("0\r\n\r\n")))) {
            break;
        }
        const std::string more = read(64 * 1024);
        if (more.empty()) {
            break;
        }
        data += more;
    }
    Answer answer;
    if (headEnd == std::string::npos) {
        return answer;
    }
    answer.status = static_cast<int>(std::strtol(data.c_str() + 9, nullptr, 10));
    answer.head = data.substr(0, headEnd);
    std::transform(answer.head.begin(), answer.head.end(), answer.head.begin(),
        [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    answer.body = chunked ? dechunked(data.substr(headEnd)) : data.substr(headEnd);
    return answer;
}

std::string chatBody(
    const std::string& model, const std::string& text, int maxTokens, const std::string& extra)
{
    return R"({"model":")" + model + R"(","max_tokens":)" + std::to_string(maxTokens)
        + R"(,"messages":[{"role":"user","content":")" + text + "\"}]"
        + (extra.empty() ? std::string() : "," + extra) + "}";
}

Answer post(int port, const std::string& key, const std::string& body, const std::string& path)
{
    const Connection connection(port);
    // The server may refuse and close before it has read everything; its answer still counts.
    (void)connection.send(bench::httpPost(port, path, key, body));
    return connection.answer();
}

} // namespace headgate::clitest
