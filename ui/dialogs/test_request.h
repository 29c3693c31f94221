// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Sends one small chat request to the local proxy, as any client would, and reads what came back:
// answer, model, cost, reason. GUI thread, asynchronous. The key stays in memory only.

#include "core/base/secret.h"

#include <QObject>
#include <QString>

class QNetworkAccessManager;

namespace headgate::ui {

struct TestAnswer {
    bool ok = false;
    int httpStatus = 0;
    QString text; ///< the answer, or the refusal in words
    QString model;
    QString cost; ///< dollars as the proxy said them
    QString reason;
};

class TestRequest final : public QObject {
    Q_OBJECT
public:
    explicit TestRequest(QObject* parent = nullptr);
    void send(const QString& proxyUrl, const Secret& key, const QString& prompt);

Q_SIGNALS:
    void answered(const headgate::ui::TestAnswer& answer);

private:
    QNetworkAccessManager* m_network = nullptr;
};

} // namespace headgate::ui
