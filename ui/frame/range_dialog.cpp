// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/frame/range_dialog.h"

#include "ui/widgets/widgets.h"

#include <QDateTimeEdit>
#include <QDialog>
#include <QHBoxLayout>
#include <QVBoxLayout>

namespace headgate::ui {

void askTimeRange(Context& context, QWidget* parent)
{
    const auto tr
        = [](const char* text) { return QCoreApplication::translate("RangeDialog", text); };
    auto* dialog = new QDialog(parent);
    dialog->setAttribute(Qt::WA_DeleteOnClose);
    dialog->setWindowTitle(tr("Time range"));
    const auto [fromUs, toUs] = context.rangeUs();
    const QString format = QStringLiteral("yyyy-MM-dd HH:mm");
    auto* from = new QDateTimeEdit(QDateTime::fromMSecsSinceEpoch(fromUs / usPerMs), dialog);
    auto* to = new QDateTimeEdit(QDateTime::fromMSecsSinceEpoch(toUs / usPerMs), dialog);
    for (QDateTimeEdit* edit : {from, to}) {
        edit->setDisplayFormat(format);
        edit->setCalendarPopup(true);
    }
    auto* toField = new FormField(tr("To (local time)"), to, dialog);
    auto* layout = new QVBoxLayout(dialog);
    layout->setContentsMargins(Theme::space5, Theme::space5, Theme::space5, Theme::space4);
    layout->setSpacing(Theme::space3);
    layout->addWidget(new FormField(tr("From (local time)"), from, dialog));
    layout->addWidget(toField);
    auto* buttons = new QHBoxLayout;
    auto* cancel = new QPushButton(tr("Cancel"), dialog);
    auto* apply = primaryButton(tr("Show"), dialog);
    apply->setDefault(true);
    buttons->addStretch(1);
    buttons->addWidget(cancel);
    buttons->addWidget(apply);
    layout->addLayout(buttons);
    QObject::connect(cancel, &QPushButton::clicked, dialog, &QDialog::reject);
    QObject::connect(
        apply, &QPushButton::clicked, dialog, [&context, dialog, from, to, toField, tr] {
            if (to->dateTime() <= from->dateTime()) {
                toField->setProblem(tr("The end must be after the start."));
                return;
            }
            context.setTimeRange({QString(), from->dateTime().toMSecsSinceEpoch() * usPerMs,
                to->dateTime().toMSecsSinceEpoch() * usPerMs});
            dialog->accept();
        });
    dialog->open();
}

} // namespace headgate::ui
