// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The list of pages on the left, each with its shortcut. GUI thread only; knows no page.

#include <QAbstractButton>
#include <QString>
#include <QWidget>

#include <vector>

class QButtonGroup;
class QVBoxLayout;

namespace headgate::ui {

/// One row: icon, name, shortcut.
class NavButton final : public QAbstractButton {
    Q_OBJECT
public:
    NavButton(
        const QString& iconName, const QString& text, const QString& shortcut, QWidget* parent);
    [[nodiscard]] QSize sizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QString m_iconName;
    QString m_shortcut;
};

class Sidebar final : public QWidget {
    Q_OBJECT
public:
    explicit Sidebar(QWidget* parent = nullptr);
    struct Entry {
        QString name; ///< "overview"; the button's object name is "nav_overview"
        QString title;
        QString iconName;
        QString shortcut;
        bool atBottom = false;
    };
    void add(const Entry& entry);
    void setCurrent(const QString& name);

Q_SIGNALS:
    void chosen(const QString& name);

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    QVBoxLayout* m_top = nullptr;
    QVBoxLayout* m_bottom = nullptr;
    QButtonGroup* m_group = nullptr;
};

} // namespace headgate::ui
