// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Short messages over the lower right corner of the page: at most three, gone by themselves,
// problems stay longer. The newest change carries "Undo". GUI thread only.

#include <QString>
#include <QWidget>

class QVBoxLayout;

namespace headgate::ui {

class Toasts final : public QWidget {
    Q_OBJECT
public:
    explicit Toasts(QWidget* parent);
    void show(const QString& text, bool problem, bool undoable);
    void place(); ///< call when the parent changes size
    [[nodiscard]] int count() const;

Q_SIGNALS:
    void undoRequested();

private:
    QVBoxLayout* m_layout = nullptr;
};

} // namespace headgate::ui
