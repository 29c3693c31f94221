// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/dialogs/test_request.h"

#include "ui/widgets/widgets.h"

#include <QJsonArray>
#include <QJsonDocument>
#include <QJsonObject>
#include <QNetworkAccessManager>
#include <QNetworkProxy>
#include <QNetworkReply>
#include <QNetworkRequest>

namespace headgate::ui {

namespace {

constexpr int timeoutMs = 60'000;

TestAnswer read(QNetworkReply& reply)
{
    TestAnswer out;
    out.httpStatus = reply.attribute(QNetworkRequest::HttpStatusCodeAttribute).toInt();
    const auto header
        = [&reply](const char* name) { return safeText(reply.rawHeader(name).toStdString()); };
    out.model = header("x-headgate-model");
    out.cost = header("x-headgate-cost-usd");
    out.reason = header("x-headgate-reason");
    const QJsonObject body = QJsonDocument::fromJson(reply.readAll()).object();
    if (out.httpStatus == 200) {
        out.ok = true;
        const QJsonObject choice = body.value(QLatin1String("choices")).toArray().at(0).toObject();
        out.text = safeText(fromQt(choice.value(QLatin1String("message"))
                                       .toObject()
                                       .value(QLatin1String("content"))
                                       .toString()));
        return out;
    }
    out.text = safeText(fromQt(
        body.value(QLatin1String("error")).toObject().value(QLatin1String("message")).toString()));
    if (out.text.isEmpty()) {
        out.text = reply.errorString();
    }
    return out;
}

} // namespace

TestRequest::TestRequest(QObject* parent)
    : QObject(parent),
      m_network(new QNetworkAccessManager(this))
{
    // The proxy is on this machine: a system-wide web proxy must not see the key.
    m_network->setProxy(QNetworkProxy::NoProxy);
}

void TestRequest::send(const QString& proxyUrl, const Secret& key, const QString& prompt)
{
    QNetworkRequest request(QUrl(proxyUrl + QStringLiteral("/v1/chat/completions")));
    request.setHeader(QNetworkRequest::ContentTypeHeader, QStringLiteral("application/json"));
    request.setRawHeader(
        "Authorization", QByteArray("Bearer ") + QByteArray::fromStdString(key.reveal()));
    request.setTransferTimeout(timeoutMs);
    const QJsonObject message{
        {QStringLiteral("role"), QStringLiteral("user")}, {QStringLiteral("content"), prompt}};
    const QJsonObject body{{QStringLiteral("model"), QStringLiteral("auto")},
        {QStringLiteral("messages"), QJsonArray{message}}, {QStringLiteral("max_tokens"), 200}};
    QNetworkReply* reply
        = m_network->post(request, QJsonDocument(body).toJson(QJsonDocument::Compact));
    connect(reply, &QNetworkReply::finished, this, [this, reply] {
        reply->deleteLater();
        Q_EMIT answered(read(*reply));
    });
}

} // namespace headgate::ui
