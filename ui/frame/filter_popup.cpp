// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/frame/filter_popup.h"

#include "ui/widgets/widgets.h"

#include <QKeyEvent>
#include <QLineEdit>
#include <QListWidget>
#include <QVBoxLayout>

namespace headgate::ui {

FilterPopup::FilterPopup(
    Context& context, const QString& field, const QString& title, QWidget* parent)
    : QFrame(parent, Qt::Popup),
      m_context(context),
      m_field(field),
      m_edit(new QLineEdit(this)),
      m_list(new QListWidget(this))
{
    setObjectName(QStringLiteral("filterPopup"));
    setAttribute(Qt::WA_DeleteOnClose);
    setFrameShape(QFrame::StyledPanel);
    setAutoFillBackground(true);
    QPalette colors = palette();
    colors.setColor(QPalette::Window, Theme::instance().tokens().surface);
    setPalette(colors);
    setFixedWidth(280);
    m_edit->setObjectName(QStringLiteral("filterValue"));
    m_edit->setPlaceholderText(tr("Value of %1").arg(title));
    m_edit->setAccessibleName(m_edit->placeholderText());
    m_edit->installEventFilter(this);
    m_list->setAccessibleName(tr("Values in this range"));
    m_list->setFrameShape(QFrame::NoFrame);
    m_list->setFixedHeight(220);
    m_list->setFocusPolicy(Qt::NoFocus);
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(Theme::space2, Theme::space2, Theme::space2, Theme::space2);
    layout->addWidget(m_edit);
    layout->addWidget(m_list);
    connect(m_edit, &QLineEdit::textChanged, this, &FilterPopup::narrow);
    connect(m_edit, &QLineEdit::returnPressed, this, &FilterPopup::accept);
    connect(m_list, &QListWidget::itemClicked, this, [this](QListWidgetItem* item) {
        m_edit->setText(item->data(Qt::UserRole).toString());
        accept();
    });
    m_edit->setFocus();
    load();
}

void FilterPopup::load()
{
    if (m_field == QLatin1String("text")) {
        m_list->hide();
        return;
    }
    m_context.service().facet("filter-popup", m_context.activityFilter(), fromQt(m_field), 50,
        Context::reply(this, [this](const Result<std::vector<activity::Facet>>& result) {
            if (!result) {
                m_list->addItem(toQt(result.error().text()));
                return;
            }
            for (const activity::Facet& facet : *result) {
                if (facet.value.empty()) {
                    continue;
                }
                auto* item = new QListWidgetItem(
                    safeText(facet.value) + QStringLiteral("   ") + countText(facet.count), m_list);
                item->setData(Qt::UserRole, toQt(facet.value));
            }
            narrow(m_edit->text());
        }));
}

void FilterPopup::narrow(const QString& text)
{
    for (int row = 0; row < m_list->count(); ++row) {
        QListWidgetItem* item = m_list->item(row);
        item->setHidden(!item->text().contains(text.trimmed(), Qt::CaseInsensitive));
    }
}

void FilterPopup::accept()
{
    const QListWidgetItem* item = m_list->currentItem();
    const QString value = item != nullptr && !item->isHidden() && item->data(Qt::UserRole).isValid()
        ? item->data(Qt::UserRole).toString()
        : m_edit->text().trimmed();
    if (!value.isEmpty()) {
        m_context.addFilter({m_field, value});
    }
    close();
}

bool FilterPopup::eventFilter(QObject* object, QEvent* event)
{
    if (event->type() == QEvent::KeyPress) {
        const auto* key = static_cast<QKeyEvent*>(event);
        const int step = key->key() == Qt::Key_Down ? 1 : key->key() == Qt::Key_Up ? -1 : 0;
        int row = m_list->currentRow() + step;
        while (step != 0 && row >= 0 && row < m_list->count()) {
            if (!m_list->item(row)->isHidden()) {
                m_list->setCurrentRow(row);
                return true;
            }
            row += step;
        }
    }
    return QFrame::eventFilter(object, event);
}

} // namespace headgate::ui
