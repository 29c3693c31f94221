// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Frame of a dialog that ends with a command: a form, a place for the service's refusal in words,
// and a button that stays put while the command runs, so that nothing is typed twice. GUI thread.

#include "core/base/result.h"

#include <QDialog>

class QLabel;
class QPushButton;
class QVBoxLayout;

namespace headgate::ui {

class FormField;

class CommandDialog : public QDialog {
    Q_OBJECT
public:
    CommandDialog(const QString& title, const QString& actionText, QWidget* parent);

protected:
    /// Starts the command; called only while acceptable. Ends with finished(result).
    virtual void submit() = 0;
    /// The outcome of the command: closes the dialog or shows what to do. Returns true (handled).
    bool commandDone(const Result<void>& result);
    void setHeading(const QString& text);
    void setAcceptable(bool acceptable);
    void setProblem(const QString& text);
    [[nodiscard]] QVBoxLayout* body() const { return m_body; }
    FormField* addField(const QString& label, QWidget* field);
    [[nodiscard]] QPushButton* actionButton() const { return m_action; }

private:
    void setBusy(bool busy);
    QVBoxLayout* m_body = nullptr;
    QLabel* m_heading = nullptr;
    QLabel* m_problem = nullptr;
    QPushButton* m_action = nullptr;
    bool m_acceptable = true;
    bool m_busy = false;
};

} // namespace headgate::ui
