// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The detail drawer at the right of the page: shows one widget with a title; Esc closes it.
// GUI thread only; owns what it shows.

#include <QString>
#include <QWidget>

class QLabel;
class QVBoxLayout;

namespace headgate::ui {

class Drawer final : public QWidget {
    Q_OBJECT
public:
    explicit Drawer(QWidget* parent = nullptr);
    /// Takes `content`; what was shown before is deleted.
    void open(const QString& title, QWidget* content);
    void closeDrawer();

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QLabel* m_title = nullptr;
    QVBoxLayout* m_layout = nullptr;
    QWidget* m_content = nullptr;
};

} // namespace headgate::ui
