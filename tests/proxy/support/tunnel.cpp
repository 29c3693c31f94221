// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "support/tunnel.h"

#include <QProcess>

#include <array>
#include <thread>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace headgate::testing {

namespace {

int connectTo(int port)
{
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
        ::close(fd);
        return -1;
    }
    return fd;
}

bool sendAll(int fd, const std::string& bytes)
{
    std::size_t done = 0;
    while (done < bytes.size()) {
        const auto sent = ::send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
        if (sent <= 0) {
            return false;
        }
        done += static_cast<std::size_t>(sent);
    }
    return true;
}

/// Both ways until one side ends.
void carry(ScriptLink& link, int fd)
{
    std::thread back([&link, fd] {
        std::array<char, 16 * 1024> buffer{};
        for (;;) {
            const auto got = ::recv(fd, buffer.data(), buffer.size(), 0);
            if (got <= 0
                || !link.write(std::string(buffer.data(), static_cast<std::size_t>(got)))) {
                return;
            }
        }
    });
    for (std::string bytes = link.read(); !bytes.empty(); bytes = link.read()) {
        if (!sendAll(fd, bytes)) {
            break;
        }
    }
    ::shutdown(fd, SHUT_RDWR);
    back.join();
}

} // namespace

ScriptServer::Script tunnelTo(int port, const std::string& auth)
{
    return [port, auth](const ScriptRequest& request, ScriptLink& link) {
        if (!request.head.starts_with("CONNECT ")) {
            return link.write(httpReply(405, "tunnels only")) && false;
        }
        if (!auth.empty()
            && request.head.find("proxy-authorization: Basic " + auth + "\r\n")
                == std::string::npos) {
            return link.write("HTTP/1.1 407 Proxy Authentication Required\r\n"
                              "proxy-authenticate: Basic realm=\"test\"\r\n"
                              "content-length: 0\r\n\r\n")
                && false;
        }
        const int fd = connectTo(port);
        if (fd < 0) {
            return link.write("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n") && false;
        }
        if (link.write("HTTP/1.1 200 Connection established\r\n\r\n")) {
            carry(link, fd);
        }
        ::close(fd);
        return false;
    };
}

Certificate makeCertificate(const QString& folder, const QString& fileName, const QString& names)
{
    const QString base = folder + QLatin1Char('/') + fileName;
    QProcess process;
    process.start(QStringLiteral("openssl"),
        {QStringLiteral("req"), QStringLiteral("-x509"), QStringLiteral("-newkey"),
            QStringLiteral("ec"), QStringLiteral("-pkeyopt"),
            QStringLiteral("ec_paramgen_curve:prime256v1"), QStringLiteral("-nodes"),
            QStringLiteral("-keyout"), base + QStringLiteral(".key"), QStringLiteral("-out"),
            base + QStringLiteral(".pem"), QStringLiteral("-days"), QStringLiteral("2"),
            QStringLiteral("-subj"), QStringLiteral("/CN=headgate test"), QStringLiteral("-addext"),
            QStringLiteral("subjectAltName=") + names});
    if (!process.waitForFinished() || process.exitCode() != 0) {
        return {};
    }
    return {(base + QStringLiteral(".pem")).toStdString(),
        (base + QStringLiteral(".key")).toStdString()};
}

} // namespace headgate::testing
