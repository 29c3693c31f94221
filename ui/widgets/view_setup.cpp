// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/widgets/widgets.h"

#include <QAction>
#include <QApplication>
#include <QClipboard>
#include <QHeaderView>
#include <QKeySequence>
#include <QTableView>
#include <QTreeView>

#include <algorithm>

namespace headgate::ui {

namespace {

/// Cells that a spreadsheet would run as a formula are defused with an apostrophe.
QString csvCell(QString text)
{
    if (!text.isEmpty() && QStringLiteral("=+-@\t\r").contains(text.front())) {
        text.prepend(QLatin1Char('\''));
    }
    text.replace(QLatin1Char('"'), QStringLiteral("\"\""));
    return QLatin1Char('"') + text + QLatin1Char('"');
}

QString cellText(const QModelIndex& index)
{
    return index.data(Qt::DisplayRole).toString().simplified();
}

bool columnShown(const QAbstractItemView* view, int column)
{
    if (const auto* table = qobject_cast<const QTableView*>(view)) {
        return !table->isColumnHidden(column);
    }
    if (const auto* tree = qobject_cast<const QTreeView*>(view)) {
        return !tree->isColumnHidden(column);
    }
    return true;
}

QModelIndexList selectedRows(const QAbstractItemView* view)
{
    if (view->selectionModel() == nullptr) {
        return {};
    }
    QModelIndexList rows;
    const QModelIndexList selected = view->selectionModel()->selectedIndexes();
    for (const QModelIndex& index : selected) {
        const QModelIndex first = index.siblingAtColumn(0);
        if (!rows.contains(first)) {
            rows.append(first);
        }
    }
    return rows;
}

void copySelection(const QAbstractItemView* view, bool csv)
{
    const QAbstractItemModel* model = view->model();
    if (model == nullptr) {
        return;
    }
    QStringList lines;
    const auto join = [csv](const QStringList& cells) {
        return cells.join(csv ? QLatin1Char(',') : QLatin1Char('\t'));
    };
    if (csv) {
        QStringList heads;
        for (int column = 0; column < model->columnCount(view->rootIndex()); ++column) {
            if (columnShown(view, column)) {
                heads += csvCell(model->headerData(column, Qt::Horizontal).toString());
            }
        }
        lines += join(heads);
    }
    for (const QModelIndex& row : selectedRows(view)) {
        QStringList cells;
        for (int column = 0; column < model->columnCount(row.parent()); ++column) {
            if (columnShown(view, column)) {
                const QString text = cellText(row.siblingAtColumn(column));
                cells += csv ? csvCell(text) : text;
            }
        }
        lines += join(cells);
    }
    QApplication::clipboard()->setText(lines.join(QLatin1Char('\n')));
}

void setUpHeader(QHeaderView* header)
{
    header->setHighlightSections(false);
    header->setDefaultAlignment(Qt::AlignLeft | Qt::AlignVCenter);
    header->setMinimumSectionSize(48);
    header->setSectionsMovable(true);
    header->setTextElideMode(Qt::ElideRight);
}

} // namespace

void setUpView(QAbstractItemView* view, const QString& accessibleName)
{
    view->setAccessibleName(accessibleName);
    view->setFrameShape(QFrame::NoFrame);
    view->setSelectionBehavior(QAbstractItemView::SelectRows);
    view->setVerticalScrollMode(QAbstractItemView::ScrollPerPixel);
    view->setHorizontalScrollMode(QAbstractItemView::ScrollPerPixel);
    view->setProperty("hgRowHeight", Theme::rowHeight);
    view->setFont(Theme::tabularFont());
    view->setTextElideMode(Qt::ElideRight);
    view->setMouseTracking(true);
    if (auto* table = qobject_cast<QTableView*>(view)) {
        table->setShowGrid(false);
        table->setWordWrap(false);
        table->setCornerButtonEnabled(false);
        table->verticalHeader()->hide();
        table->verticalHeader()->setSectionResizeMode(QHeaderView::Fixed);
        table->verticalHeader()->setDefaultSectionSize(Theme::rowHeight);
        table->setTabKeyNavigation(false); // Tab leaves the table; arrows move inside it
        setUpHeader(table->horizontalHeader());
    } else if (auto* tree = qobject_cast<QTreeView*>(view)) {
        tree->setUniformRowHeights(true);
        tree->setAllColumnsShowFocus(true);
        tree->setExpandsOnDoubleClick(true);
        setUpHeader(tree->header());
    }
    auto* copy = new QAction(
        icon(QStringLiteral("copy")), QCoreApplication::translate("View", "Copy"), view);
    copy->setShortcut(QKeySequence::Copy);
    copy->setShortcutContext(Qt::WidgetShortcut);
    QObject::connect(copy, &QAction::triggered, view, [view] { copySelection(view, false); });
    auto* copyCsv = new QAction(QCoreApplication::translate("View", "Copy as CSV"), view);
    QObject::connect(copyCsv, &QAction::triggered, view, [view] { copySelection(view, true); });
    view->addActions({copy, copyCsv});
    view->setContextMenuPolicy(Qt::ActionsContextMenu);
}

} // namespace headgate::ui
