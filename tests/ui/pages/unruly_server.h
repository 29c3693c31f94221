// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// An OpenAI-compatible server inside the test: answers with the status it was told, or not yet.

#include <QByteArray>
#include <QHash>
#include <QPointer>
#include <QString>
#include <QTcpServer>
#include <QTcpSocket>

#include <vector>

namespace headgate::test {

class UnrulyServer {
public:
    UnrulyServer();
    bool listen();
    void close(); ///< nobody is there any more
    [[nodiscard]] QString url() const;
    void answerWith(int status) { m_status = status; }
    void billInput(int tokens) { m_input = tokens; }
    void hold(bool held); ///< true: answers wait until false

private:
    void read(QTcpSocket* socket);
    void answer(QTcpSocket* socket);

    QHash<QTcpSocket*, QByteArray> m_heard;
    std::vector<QPointer<QTcpSocket>> m_waiting;
    quint16 m_port = 0;
    int m_status = 200;
    int m_input = 9;
    bool m_held = false;
    QTcpServer m_server; ///< last: its sockets say goodbye to the rest
};

} // namespace headgate::test
