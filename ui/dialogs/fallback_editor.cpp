// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/dialogs/fallback_editor.h"

#include "ui/pages/page_parts.h"
#include "ui/widgets/widgets.h"

#include <QComboBox>
#include <QHBoxLayout>
#include <QListWidget>
#include <QPushButton>
#include <QToolButton>
#include <QVBoxLayout>

namespace headgate::ui {

namespace {

constexpr int rowsShown = 3;

} // namespace

FallbackEditor::FallbackEditor(QWidget* parent) : QWidget(parent)
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->setSpacing(Theme::space1);
    m_list = new QListWidget(this);
    m_list->setObjectName(QStringLiteral("fallbackList"));
    m_list->setAccessibleName(tr("Models that stand in, in the order of their turn"));
    m_list->setUniformItemSizes(true);
    m_list->setFixedHeight(rowsShown * Theme::rowHeightCompact + 2 * m_list->frameWidth());
    setEmptyNote(m_list, tr("No model stands in."));
    auto* buttons = new QVBoxLayout;
    buttons->setSpacing(Theme::space1);
    m_up = button("fallbackUp", QStringLiteral("chevron-up"), tr("Earlier"));
    m_down = button("fallbackDown", QStringLiteral("chevron-down"), tr("Later"));
    m_remove = button("fallbackRemove", QStringLiteral("close"), tr("Take out of the chain"));
    for (auto* one : {m_up, m_down, m_remove}) {
        buttons->addWidget(one);
    }
    buttons->addStretch(1);
    auto* row = new QHBoxLayout;
    row->setSpacing(Theme::space1);
    row->addWidget(m_list, 1);
    row->addLayout(buttons);
    layout->addLayout(row);
    m_choice = new QComboBox(this);
    m_choice->setObjectName(QStringLiteral("fallbackChoice"));
    m_choice->setAccessibleName(tr("Model to add to the chain"));
    m_choice->setMinimumHeight(Theme::controlHeight);
    m_choice->setMinimumContentsLength(24);
    m_choice->setSizeAdjustPolicy(QComboBox::AdjustToMinimumContentsLengthWithIcon);
    m_add = new QPushButton(tr("Add to chain"), this);
    m_add->setObjectName(QStringLiteral("fallbackAdd"));
    m_add->setAutoDefault(false);
    auto* choose = new QHBoxLayout;
    choose->setSpacing(Theme::space2);
    choose->addWidget(m_choice, 1);
    choose->addWidget(m_add);
    layout->addLayout(choose);
    connect(m_add, &QPushButton::clicked, this, &FallbackEditor::add);
    connect(m_up, &QToolButton::clicked, this, [this] { move(-1); });
    connect(m_down, &QToolButton::clicked, this, [this] { move(1); });
    connect(m_remove, &QToolButton::clicked, this, &FallbackEditor::removeCurrent);
    connect(m_list, &QListWidget::currentRowChanged, this, &FallbackEditor::refresh);
    refresh();
}

QToolButton* FallbackEditor::button(const char* name, const QString& iconName, const QString& text)
{
    auto* made = new QToolButton(this);
    made->setObjectName(QString::fromLatin1(name));
    made->setIcon(icon(iconName));
    made->setToolTip(text);
    made->setAccessibleName(text);
    made->setFocusPolicy(Qt::StrongFocus);
    made->setFixedSize(Theme::rowHeightCompact, Theme::rowHeightCompact - 2);
    return made;
}

void FallbackEditor::setChoices(const QStringList& ids)
{
    m_choices = ids;
    refresh();
}

void FallbackEditor::setChain(const QStringList& ids)
{
    m_list->clear();
    for (const auto& id : ids) {
        auto* item = new QListWidgetItem(safeText(fromQt(id)), m_list);
        item->setData(Qt::UserRole, id);
        item->setSizeHint({0, Theme::rowHeightCompact});
    }
    refresh();
}

QStringList FallbackEditor::chain() const
{
    QStringList ids;
    for (int row = 0; row < m_list->count(); ++row) {
        ids << m_list->item(row)->data(Qt::UserRole).toString();
    }
    return ids;
}

void FallbackEditor::add()
{
    const auto id = m_choice->currentData().toString();
    if (!id.isEmpty()) {
        setChain(chain() << id);
        m_list->setCurrentRow(m_list->count() - 1);
        Q_EMIT edited();
    }
}

void FallbackEditor::removeCurrent()
{
    if (const int row = m_list->currentRow(); row >= 0) {
        delete m_list->takeItem(row);
        refresh();
        Q_EMIT edited();
    }
}

void FallbackEditor::move(int by)
{
    const int row = m_list->currentRow();
    if (row < 0 || row + by < 0 || row + by >= m_list->count()) {
        return;
    }
    auto* item = m_list->takeItem(row);
    m_list->insertItem(row + by, item);
    m_list->setCurrentRow(row + by);
    Q_EMIT edited();
}

void FallbackEditor::refresh()
{
    const auto taken = chain();
    const auto chosen = m_choice->currentData();
    m_choice->clear();
    for (const auto& id : m_choices) {
        if (!taken.contains(id)) {
            m_choice->addItem(safeText(fromQt(id)), id);
        }
    }
    m_choice->setCurrentIndex(std::max(0, m_choice->findData(chosen)));
    m_choice->setEnabled(m_choice->count() > 0);
    m_add->setEnabled(m_choice->count() > 0);
    const int row = m_list->currentRow();
    m_up->setEnabled(row > 0);
    m_down->setEnabled(row >= 0 && row + 1 < m_list->count());
    m_remove->setEnabled(row >= 0);
}

} // namespace headgate::ui
