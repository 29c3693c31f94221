// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the service tests share: a home folder that goes away, a client over a real socket, rows of
// a verb. Test code only.

#include "core/service/control.h"
#include "core/service/service.h"

#include <boost/json.hpp>

#include <QTemporaryDir>
#include <QtTest>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <vector>

namespace headgate::service::testing {

namespace json = boost::json;

inline QByteArray text(const std::string& value)
{
    return QByteArray::fromStdString(value);
}

/// A folder inside a temporary one, so that the service makes the home itself.
struct Home {
    QTemporaryDir dir;
    std::string path = dir.filePath(QStringLiteral("home")).toStdString();
};

inline ServiceOptions optionsFor(const Home& home)
{
    ServiceOptions options;
    options.home = home.path;
    options.simLatencyPermille = 0;
    return options;
}

inline std::unique_ptr<Service> opened(const Home& home)
{
    auto service = Service::open(optionsFor(home));
    if (!service) {
        qWarning("%s", service.error().text().c_str());
        return nullptr;
    }
    return std::move(*service);
}

/// Rows of a verb; an error becomes one row with "error".
inline std::vector<json::object> rowsOf(
    const std::function<Result<void>(const RowSink&)>& run, std::string* code = nullptr)
{
    std::vector<json::object> rows;
    const auto done = run([&rows](const json::object& row) {
        rows.push_back(row);
        return true;
    });
    if (code != nullptr) {
        *code = done ? std::string() : std::string(errorCodeName(done.error().code));
    } else if (!done) {
        qWarning("%s", done.error().text().c_str());
    }
    return rows;
}

inline std::vector<json::object> verb(Service& service, const std::string& name,
    const json::object& args = {}, std::string* code = nullptr)
{
    return rowsOf([&](const RowSink& row) { return runVerb(service, name, args, row); }, code);
}

inline std::vector<json::object> verbAt(const Home& home, const std::string& name,
    const json::object& args = {}, std::string* code = nullptr)
{
    return rowsOf([&](const RowSink& row) { return runVerbAt(home.path, name, args, row); }, code);
}

inline std::string string(const json::object& row, const char* name)
{
    const auto* value = row.if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->as_string())
                                                  : std::string("?");
}

struct Reply {
    int status = 0;
    std::string body;
};

/// One chat request over a connection of its own.
inline Reply ask(const std::string& url, const std::string& key, const std::string& body)
{
    const int port = std::stoi(url.substr(url.rfind(':') + 1));
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Reply reply;
    if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
        const std::string request
            = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port)
            + "\r\nContent-Type: application/json\r\nConnection: close\r\nAuthorization: Bearer "
            + key + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
        static_cast<void>(::send(fd, request.data(), request.size(), MSG_NOSIGNAL));
        char buffer[16 * 1024];
        for (ssize_t n = 0; (n = ::recv(fd, buffer, sizeof buffer, 0)) > 0;) {
            reply.body.append(buffer, static_cast<std::size_t>(n));
        }
        if (reply.body.size() > 12) {
            reply.status = std::atoi(reply.body.c_str() + 9);
        }
    }
    ::close(fd);
    return reply;
}

inline std::string hello(int maxTokens = 20)
{
    return json::serialize(json::object{{"model", "auto"}, {"max_tokens", maxTokens},
        {"messages", json::array{json::object{{"role", "user"}, {"content", "Say hello."}}}}});
}

} // namespace headgate::service::testing
