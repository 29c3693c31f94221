// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Chooses the value of a filter: type it, or pick one that occurs in the range (with its count).
// Closes itself. GUI thread only; the values come from the reports thread.

#include "ui/context.h"

#include <QFrame>

class QLineEdit;
class QListWidget;

namespace headgate::ui {

class FilterPopup final : public QFrame {
    Q_OBJECT
public:
    FilterPopup(Context& context, const QString& field, const QString& title, QWidget* parent);

protected:
    bool eventFilter(QObject* object, QEvent* event) override;

private:
    void load();
    void narrow(const QString& text);
    void accept();

    Context& m_context;
    QString m_field;
    QLineEdit* m_edit = nullptr;
    QListWidget* m_list = nullptr;
};

} // namespace headgate::ui
