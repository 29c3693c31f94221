// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The line at the bottom that answers at all times: is it on, what is running, what is held, how
// much is left; demo traffic and Pause all. Reads the service's status (memory only) twice a
// second. Above the page: the banner for standing problems. GUI thread only.

#include "ui/context.h"

#include <QFrame>
#include <QWidget>

class QLabel;
class QPushButton;
class QTimer;

namespace headgate::ui {

class StatusStrip final : public QWidget {
    Q_OBJECT
public:
    explicit StatusStrip(Context& context, QWidget* parent = nullptr);
    void togglePause();
    void toggleDemo();
    [[nodiscard]] const service::Status& status() const { return m_status; }
    void refresh();

Q_SIGNALS:
    void statusRead(const headgate::service::Status& status);

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QLabel* addValue(const QString& objectName, const QString& tip);

    Context& m_context;
    service::Status m_status;
    QLabel* m_dot = nullptr;
    QLabel* m_address = nullptr;
    QLabel* m_inFlight = nullptr;
    QLabel* m_held = nullptr;
    QLabel* m_today = nullptr;
    QPushButton* m_demo = nullptr;
    QPushButton* m_pause = nullptr;
    QTimer* m_timer = nullptr;
};

/// A standing message across the page with at most one action.
class Banner final : public QWidget {
    Q_OBJECT
public:
    explicit Banner(QWidget* parent = nullptr);
    void set(const QString& text, const QString& action, bool danger);

Q_SIGNALS:
    void acted();

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QLabel* m_icon = nullptr;
    QLabel* m_text = nullptr;
    QPushButton* m_action = nullptr;
    bool m_danger = false;
};

} // namespace headgate::ui
