// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Parts the pages share: a head line with actions, delegates for cells that may be a chip, a price
// or a tier, and a confirmation. GUI thread only.

#include "ui/delegates/delegates.h"
#include "ui/models/snapshot_model.h"

#include <QAction>
#include <QString>
#include <QToolButton>

#include <functional>
#include <vector>

class QAbstractItemView;
class QHBoxLayout;
class QHeaderView;
class QLineEdit;
class QTableView;
class QTreeView;

namespace headgate::ui {

/// A cell with a tone is drawn as a chip, any other as text.
class MaybeChipDelegate final : public QStyledItemDelegate {
    Q_OBJECT
public:
    explicit MaybeChipDelegate(QObject* parent = nullptr);
    void paint(QPainter* painter, const QStyleOptionViewItem& option,
        const QModelIndex& index) const override;
    [[nodiscard]] QSize sizeHint(
        const QStyleOptionViewItem& option, const QModelIndex& index) const override;

private:
    ChipDelegate m_chip;
};

/// Edits dollars for a million tokens in place; an invalid price is explained and not taken.
class PriceDelegate final : public QStyledItemDelegate {
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    QWidget* createEditor(QWidget* parent, const QStyleOptionViewItem& option,
        const QModelIndex& index) const override;
    void setEditorData(QWidget* editor, const QModelIndex& index) const override;
    void setModelData(
        QWidget* editor, QAbstractItemModel* model, const QModelIndex& index) const override;

protected:
    bool eventFilter(QObject* object, QEvent* event) override;
};

/// Edits a tier (1…4) in place.
class TierDelegate final : public QStyledItemDelegate {
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    QWidget* createEditor(QWidget* parent, const QStyleOptionViewItem& option,
        const QModelIndex& index) const override;
};

/// What is wrong with a price as typed, in words; empty: fine.
[[nodiscard]] QString priceProblem(const QString& text);

struct PageAction {
    const char* name; ///< object name
    QString text;
    QString icon;
    std::function<void()> work;
};
/// An action of `view`: in its context menu and reachable by its shortcut.
QAction* addViewAction(QAbstractItemView* view, const PageAction& what);
/// A button for an action, icon beside text.
[[nodiscard]] QToolButton* actionButton(QAction* action, QWidget* parent);
[[nodiscard]] QLineEdit* searchField(const QString& placeholder, const char* name, QWidget* parent);
/// Widths in pixels; a negative one takes what is left, but at least that much. The operator may
/// still drag the others.
void setColumnWidths(QHeaderView* header, const std::vector<int>& widths);
/// Rows of 26 pixels, for tables inside a detail pane.
void setCompactRows(QTableView* view);
/// Words in the middle of a table or tree while it has no rows.
void setEmptyNote(QAbstractItemView* view, const QString& text);
/// Asks before something that clients will notice; `work` runs when confirmed.
void confirm(QWidget* parent, const QString& question, const QString& actionText,
    std::function<void()> work);

} // namespace headgate::ui
