// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/page_parts.h"

#include "ui/models/cells.h"

#include <QHeaderView>
#include <QKeyEvent>
#include <QLineEdit>
#include <QMessageBox>
#include <QSpinBox>
#include <QToolTip>

namespace headgate::ui {

MaybeChipDelegate::MaybeChipDelegate(QObject* parent) : QStyledItemDelegate(parent) { }

void MaybeChipDelegate::paint(
    QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    if (index.data(ToneRole).isValid()) {
        m_chip.paint(painter, option, index);
    } else {
        QStyledItemDelegate::paint(painter, option, index);
    }
}

QSize MaybeChipDelegate::sizeHint(
    const QStyleOptionViewItem& option, const QModelIndex& index) const
{
    return index.data(ToneRole).isValid() ? m_chip.sizeHint(option, index)
                                          : QStyledItemDelegate::sizeHint(option, index);
}

QString priceProblem(const QString& text)
{
    const auto price = Price::parsePerMillion(fromQt(text.trimmed()));
    return price
        ? QString()
        : PriceDelegate::tr(
            "Write dollars for a million tokens, like 0.15 (at most six decimals, not negative).");
}

QWidget* PriceDelegate::createEditor(
    QWidget* parent, const QStyleOptionViewItem&, const QModelIndex& index) const
{
    auto* edit = new QLineEdit(parent);
    edit->setObjectName(QStringLiteral("priceCellEditor"));
    edit->setAlignment(Qt::AlignRight);
    edit->setAccessibleName(index.model()->headerData(index.column(), Qt::Horizontal).toString());
    connect(edit, &QLineEdit::textEdited, edit, [edit](const QString& text) {
        const auto problem = priceProblem(text);
        edit->setProperty("hgProblem", !problem.isEmpty());
        edit->setAccessibleDescription(problem);
        edit->update();
        const auto note = problem.isEmpty() ? tr("= $%1 for a million tokens, from now on")
                                                  .arg(text.trimmed().remove(QLatin1Char('$')))
                                            : QStringLiteral("⚠ ") + problem;
        QToolTip::showText(
            edit->mapToGlobal(QPoint(0, edit->height())), note.toHtmlEscaped(), edit);
    });
    return edit;
}

void PriceDelegate::setEditorData(QWidget* editor, const QModelIndex& index) const
{
    auto* edit = qobject_cast<QLineEdit*>(editor);
    if (edit != nullptr && !edit->isModified()) {
        edit->setText(index.data(Qt::EditRole).toString());
        edit->selectAll();
    }
}

void PriceDelegate::setModelData(
    QWidget* editor, QAbstractItemModel* model, const QModelIndex& index) const
{
    const auto* edit = qobject_cast<QLineEdit*>(editor);
    if (edit != nullptr && priceProblem(edit->text()).isEmpty()) {
        model->setData(index, edit->text().trimmed(), Qt::EditRole);
    }
}

bool PriceDelegate::eventFilter(QObject* object, QEvent* event)
{
    if (event->type() == QEvent::KeyPress && object->property("hgProblem").toBool()) {
        const int key = static_cast<QKeyEvent*>(event)->key();
        if (key == Qt::Key_Return || key == Qt::Key_Enter || key == Qt::Key_Tab) {
            return true; // stays open until the price is right or Esc is pressed
        }
    }
    return QStyledItemDelegate::eventFilter(object, event);
}

QWidget* TierDelegate::createEditor(
    QWidget* parent, const QStyleOptionViewItem&, const QModelIndex&) const
{
    auto* box = new QSpinBox(parent);
    box->setObjectName(QStringLiteral("tierCellEditor"));
    box->setRange(1, 4);
    box->setAccessibleName(tr("Tier"));
    return box;
}

QAction* addViewAction(QAbstractItemView* view, const PageAction& what)
{
    auto* action = what.icon.isEmpty() ? new QAction(what.text, view)
                                       : new QAction(icon(what.icon), what.text, view);
    action->setObjectName(QString::fromLatin1(what.name));
    action->setShortcutContext(Qt::WidgetWithChildrenShortcut);
    QObject::connect(action, &QAction::triggered, view, what.work);
    view->addAction(action);
    return action;
}

QToolButton* actionButton(QAction* action, QWidget* parent)
{
    auto* button = new QToolButton(parent);
    button->setDefaultAction(action);
    button->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    button->setObjectName(action->objectName() + QStringLiteral("Button"));
    button->setAccessibleName(action->text());
    button->setMinimumHeight(Theme::controlHeight);
    button->setFocusPolicy(Qt::StrongFocus);
    return button;
}

QLineEdit* searchField(const QString& placeholder, const char* name, QWidget* parent)
{
    auto* edit = new QLineEdit(parent);
    edit->setObjectName(QString::fromLatin1(name));
    edit->setPlaceholderText(placeholder);
    edit->setAccessibleName(placeholder);
    edit->setClearButtonEnabled(true);
    edit->setMinimumHeight(Theme::controlHeight);
    edit->setMaximumWidth(260);
    edit->addAction(icon(QStringLiteral("search")), QLineEdit::LeadingPosition);
    return edit;
}

void setColumnWidths(QHeaderView* header, const std::vector<int>& widths)
{
    header->setStretchLastSection(false);
    header->setMinimumSectionSize(40);
    for (int column = 0; column < int(widths.size()); ++column) {
        const int width = widths[std::size_t(column)];
        header->setSectionResizeMode(
            column, width == 0 ? QHeaderView::Stretch : QHeaderView::Interactive);
        if (width != 0) {
            header->resizeSection(column, width);
        }
    }
}

void confirm(
    QWidget* parent, const QString& question, const QString& actionText, std::function<void()> work)
{
    auto* box
        = new QMessageBox(QMessageBox::Warning, actionText, question, QMessageBox::Cancel, parent);
    box->setObjectName(QStringLiteral("confirm"));
    box->setTextFormat(Qt::PlainText);
    box->setAttribute(Qt::WA_DeleteOnClose);
    auto* yes = box->addButton(actionText, QMessageBox::DestructiveRole);
    yes->setObjectName(QStringLiteral("confirmYes"));
    box->setDefaultButton(QMessageBox::Cancel);
    QObject::connect(yes, &QAbstractButton::clicked, parent, work);
    box->open();
}

} // namespace headgate::ui
