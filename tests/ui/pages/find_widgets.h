// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Finding what a test clicks and types into, by object name. Tests only; main thread.

#include <QApplication>
#include <QDialog>
#include <QLineEdit>
#include <QTest>

namespace headgate::test {

template <typename T>
T* child(QWidget* parent, const char* name)
{
    return parent->findChild<T*>(QString::fromLatin1(name));
}

/// The dialog of that object name that is open now.
inline QDialog* openDialog(const char* name)
{
    for (auto* widget : QApplication::topLevelWidgets()) {
        auto* dialog = qobject_cast<QDialog*>(widget);
        if (dialog != nullptr && dialog->isVisible()
            && dialog->objectName() == QLatin1String(name)) {
            return dialog;
        }
    }
    return nullptr;
}

inline void typeInto(QLineEdit* edit, const char* text)
{
    edit->setFocus();
    edit->selectAll();
    QTest::keyClicks(edit, QString::fromUtf8(text));
}

} // namespace headgate::test
