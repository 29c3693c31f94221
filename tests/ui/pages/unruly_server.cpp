// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "tests/ui/pages/unruly_server.h"

namespace headgate::test {

namespace {

qsizetype bodyLength(const QByteArray& head)
{
    for (const auto& line : head.split('\n')) {
        const auto colon = line.indexOf(':');
        if (colon > 0 && line.left(colon).trimmed().toLower() == "content-length") {
            return line.mid(colon + 1).trimmed().toLongLong();
        }
    }
    return 0;
}

QByteArray chatAnswer(int input)
{
    return R"({"id":"c-1","object":"chat.completion","created":1,"model":"m-one","choices":[)"
           R"({"index":0,"message":{"role":"assistant","content":"Hello."},"finish_reason":"stop"}],)"
           R"("usage":{"prompt_tokens":)"
        + QByteArray::number(input) + R"(,"completion_tokens":2,"total_tokens":)"
        + QByteArray::number(input + 2) + "}}";
}

} // namespace

UnrulyServer::UnrulyServer()
{
    QObject::connect(&m_server, &QTcpServer::newConnection, &m_server, [this] {
        while (auto* socket = m_server.nextPendingConnection()) {
            QObject::connect(
                socket, &QTcpSocket::readyRead, socket, [this, socket] { read(socket); });
            QObject::connect(socket, &QTcpSocket::disconnected, socket, [this, socket] {
                m_heard.remove(socket);
                socket->deleteLater();
            });
        }
    });
}

bool UnrulyServer::listen()
{
    const bool listening = m_server.listen(QHostAddress::LocalHost);
    m_port = m_server.serverPort();
    return listening;
}

void UnrulyServer::close()
{
    m_server.close();
    for (auto* socket : m_server.findChildren<QTcpSocket*>()) {
        socket->abort();
    }
}

QString UnrulyServer::url() const
{
    return QStringLiteral("http://127.0.0.1:%1/v1").arg(m_port);
}

void UnrulyServer::hold(bool held)
{
    m_held = held;
    if (!held) {
        for (const auto& socket : m_waiting) {
            if (socket) {
                answer(socket);
            }
        }
        m_waiting.clear();
    }
}

void UnrulyServer::read(QTcpSocket* socket)
{
    auto& heard = m_heard[socket];
    heard += socket->readAll();
    const auto end = heard.indexOf("\r\n\r\n");
    if (end < 0 || heard.size() < end + 4 + bodyLength(heard.left(end))) {
        return;
    }
    heard.clear();
    if (m_held) {
        m_waiting.emplace_back(socket);
    } else {
        answer(socket);
    }
}

void UnrulyServer::answer(QTcpSocket* socket)
{
    const auto body = m_status == 200
        ? chatAnswer(m_input)
        : QByteArray(R"({"error":{"message":"Not today.","type":"refused","code":null}})");
    const QByteArray pause = m_status == 429 ? "Retry-After: 120\r\n" : "";
    socket->write("HTTP/1.1 " + QByteArray::number(m_status)
        + " Said\r\nContent-Type: application/json\r\n" + pause
        + "Content-Length: " + QByteArray::number(body.size()) + "\r\n\r\n" + body);
}

} // namespace headgate::test
