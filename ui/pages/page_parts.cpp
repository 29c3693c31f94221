// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/page_parts.h"

#include "ui/models/cells.h"

#include <QHeaderView>
#include <QKeyEvent>
#include <QLineEdit>
#include <QMessageBox>
#include <QSpinBox>
#include <QTableView>
#include <QToolTip>
#include <QVBoxLayout>

#include <algorithm>
#include <cstdlib>

namespace headgate::ui {

namespace {

/// Gives one column what the others leave, down to a least width; then the table scrolls.
class ColumnFitter final : public QObject {
public:
    ColumnFitter(QHeaderView* header, int column, int least)
        : QObject(header),
          m_header(header),
          m_column(column),
          m_least(least)
    {
        header->viewport()->installEventFilter(this);
        connect(header, &QHeaderView::sectionResized, this, [this](int resized) {
            if (resized != m_column) {
                fit();
            }
        });
        fit();
    }
    bool eventFilter(QObject* object, QEvent* event) override
    {
        if (event->type() == QEvent::Resize) {
            fit();
            // A scroll bar that this makes come or go changes the width once more.
            QMetaObject::invokeMethod(
                this, [this] { fit(); }, Qt::QueuedConnection);
        }
        return QObject::eventFilter(object, event);
    }

private:
    void fit()
    {
        const int others = m_header->length() - m_header->sectionSize(m_column);
        m_header->resizeSection(
            m_column, std::max(m_least, m_header->viewport()->width() - others));
    }

    QHeaderView* m_header;
    int m_column;
    int m_least;
};

} // namespace

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
    edit->setFixedWidth(200);
    edit->addAction(icon(QStringLiteral("search")), QLineEdit::LeadingPosition);
    return edit;
}

void setColumnWidths(QHeaderView* header, const std::vector<int>& widths)
{
    header->setStretchLastSection(false);
    header->setMinimumSectionSize(40);
    header->setSectionResizeMode(QHeaderView::Interactive);
    int stretching = -1;
    for (int column = 0; column < int(widths.size()); ++column) {
        header->resizeSection(column, std::abs(widths[std::size_t(column)]));
        if (widths[std::size_t(column)] < 0) {
            stretching = column;
        }
    }
    if (stretching >= 0) {
        new ColumnFitter(header, stretching, -widths[std::size_t(stretching)]);
    }
}

void setCompactRows(QTableView* view)
{
    view->setProperty("hgRowHeight", Theme::rowHeightCompact);
    view->verticalHeader()->setMinimumSectionSize(Theme::rowHeightCompact);
    view->verticalHeader()->setDefaultSectionSize(Theme::rowHeightCompact);
}

void setEmptyNote(QAbstractItemView* view, const QString& text)
{
    auto* note = mutedLabel(text, view->viewport());
    note->setObjectName(QStringLiteral("emptyNote"));
    note->setForegroundRole(QPalette::WindowText); // a child of a viewport would take its Text
    note->setAlignment(Qt::AlignCenter);
    note->setWordWrap(true);
    note->setMargin(Theme::space4);
    auto* layout = new QVBoxLayout(view->viewport());
    layout->addWidget(note);
    auto update = [view, note] { note->setVisible(view->model()->rowCount() == 0); };
    QObject::connect(view->model(), &QAbstractItemModel::rowsInserted, note, update);
    QObject::connect(view->model(), &QAbstractItemModel::rowsRemoved, note, update);
    QObject::connect(view->model(), &QAbstractItemModel::modelReset, note, update);
    update();
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
    QObject::connect(yes, &QAbstractButton::clicked, parent, std::move(work));
    box->open();
}

} // namespace headgate::ui
