// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/dialogs/command_dialog.h"

#include "ui/widgets/widgets.h"

#include <QDialogButtonBox>
#include <QVBoxLayout>

namespace headgate::ui {

CommandDialog::CommandDialog(const QString& title, const QString& actionText, QWidget* parent)
    : QDialog(parent)
{
    setWindowTitle(title);
    setMinimumWidth(460);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(Theme::space5, Theme::space5, Theme::space5, Theme::space4);
    layout->setSpacing(Theme::space3);
    m_heading = headingLabel(title, 2, this);
    layout->addWidget(m_heading);
    m_body = new QVBoxLayout;
    m_body->setSpacing(Theme::space2);
    layout->addLayout(m_body);
    m_problem = new QLabel(this);
    m_problem->setObjectName(QStringLiteral("problem"));
    m_problem->setTextFormat(Qt::PlainText);
    m_problem->setWordWrap(true);
    m_problem->setTextInteractionFlags(Qt::TextSelectableByMouse);
    m_problem->hide();
    layout->addWidget(m_problem);
    layout->addStretch(1);
    auto* buttons = new QDialogButtonBox(QDialogButtonBox::Cancel, this);
    m_action = primaryButton(actionText, this);
    m_action->setObjectName(QStringLiteral("accept"));
    m_action->setDefault(true);
    buttons->addButton(m_action, QDialogButtonBox::ActionRole);
    layout->addWidget(buttons);
    connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
    connect(m_action, &QPushButton::clicked, this, [this] {
        setProblem({});
        setBusy(true);
        submit();
    });
}

bool CommandDialog::commandDone(const Result<void>& result)
{
    setBusy(false);
    if (result) {
        accept();
    } else {
        setProblem(toQt(result.error().text()));
    }
    return true;
}

void CommandDialog::setHeading(const QString& text)
{
    m_heading->setText(text);
}

void CommandDialog::setAcceptable(bool acceptable)
{
    m_acceptable = acceptable;
    m_action->setEnabled(m_acceptable && !m_busy);
}

void CommandDialog::setBusy(bool busy)
{
    m_busy = busy;
    m_action->setEnabled(m_acceptable && !m_busy);
}

void CommandDialog::setProblem(const QString& text)
{
    auto colors = palette();
    colors.setColor(QPalette::WindowText, Theme::instance().tokens().danger);
    m_problem->setPalette(colors);
    m_problem->setText(text.isEmpty() ? QString() : QStringLiteral("⚠ ") + text);
    m_problem->setVisible(!text.isEmpty());
}

FormField* CommandDialog::addField(const QString& label, QWidget* field)
{
    auto* row = new FormField(label, field, this);
    field->setAccessibleName(label);
    m_body->addWidget(row);
    return row;
}

} // namespace headgate::ui
