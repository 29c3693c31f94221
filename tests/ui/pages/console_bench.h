// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A real service in a folder of its own with a context around it, a client that sends requests to
// its proxy, and pictures of widgets. For tests of the console.

#include "core/service/service.h"
#include "ui/context.h"
#include "ui/theme/theme.h"
#include "ui/widgets/widgets.h"

#include <QDir>
#include <QEventLoop>
#include <QImage>
#include <QJsonDocument>
#include <QJsonObject>
#include <QNetworkAccessManager>
#include <QNetworkReply>
#include <QSet>
#include <QTemporaryDir>
#include <QTest>
#include <QWidget>

#include <memory>

namespace headgate::test {

struct Answer {
    int status = 0;
    QByteArray body;
};

class ConsoleBench {
public:
    /// False with `problem` set when the service does not open.
    bool open(bool serve)
    {
        service::ServiceOptions options;
        options.home = home.filePath(QStringLiteral("home")).toStdString();
        options.control = false;
        options.simLatencyPermille = 0;
        auto opened = service::Service::open(options);
        if (!opened) {
            problem = QString::fromStdString(opened.error().text());
            return false;
        }
        service = std::move(*opened);
        if (serve) {
            if (const auto served = service->serve("127.0.0.1", 0); !served) {
                problem = QString::fromStdString(served.error().text());
                return false;
            }
        }
        context = std::make_unique<ui::Context>(*service);
        return true;
    }
    void close()
    {
        context.reset();
        if (service) {
            service->stopServing(1'000);
        }
        service.reset();
    }
    ~ConsoleBench() { close(); }

    /// One chat completion, not streamed, that is under way.
    QNetworkReply* start(
        const QString& key, const QByteArray& text, const QByteArray& model = "auto")
    {
        QNetworkRequest request(QUrl(QString::fromStdString(service->status().url)
            + QStringLiteral("/v1/chat/completions")));
        request.setHeader(QNetworkRequest::ContentTypeHeader, QStringLiteral("application/json"));
        request.setRawHeader("Authorization", "Bearer " + key.toLatin1());
        const QByteArray body = R"({"model":")" + model
            + R"(","max_tokens":64,"messages":[{"role":"user","content":")" + text + R"("}]})";
        return network.post(request, body);
    }
    /// The same to its end.
    Answer ask(
        const QString& key, const QByteArray& text = "Say hello.", const QByteArray& model = "auto")
    {
        auto* reply = start(key, text, model);
        QEventLoop loop;
        QObject::connect(reply, &QNetworkReply::finished, &loop, &QEventLoop::quit);
        loop.exec();
        Answer answer;
        answer.status = reply->attribute(QNetworkRequest::HttpStatusCodeAttribute).toInt();
        answer.body = reply->readAll();
        reply->deleteLater();
        return answer;
    }

    QNetworkAccessManager network;
    QTemporaryDir home;
    QString problem;
    std::unique_ptr<service::Service> service;
    std::unique_ptr<ui::Context> context;
};

/// A picture of a widget; kept in $HEADGATE_GRABS when that is set.
inline QImage grab(QWidget& widget, const QString& name)
{
    const auto image = widget.grab().toImage();
    const auto folder = qEnvironmentVariable("HEADGATE_GRABS");
    if (!folder.isEmpty()) {
        QDir().mkpath(folder);
        image.save(folder + QLatin1Char('/') + name + QStringLiteral(".png"));
    }
    return image;
}

/// How many different colours a picture holds, up to 64: a blank page has one or two.
inline int colourCount(const QImage& image)
{
    QSet<QRgb> colours;
    for (int y = 0; y < image.height() && colours.size() < 64; y += 2) {
        for (int x = 0; x < image.width(); x += 2) {
            colours.insert(image.pixel(x, y));
        }
    }
    return int(colours.size());
}

} // namespace headgate::test
