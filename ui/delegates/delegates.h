// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Delegates that draw numbers as pictures: the money bar (settled solid, held hatched, reserve
// marked) and the chip. They read roles, never models. GUI thread only.

#include "ui/widgets/widgets.h"

#include <QStyledItemDelegate>

namespace headgate::ui {

/// What a money bar shows, in nano-dollars.
struct MoneyBar {
    qint64 settled = 0;
    qint64 held = 0;
    qint64 cap = 0;
    int reservePercent = 0;
};
/// Draws the bar alone: settled solid, held hatched, reserve marked by a tick.
void paintMoneyBar(QPainter* painter, const QRect& rect, const MoneyBar& bar);
/// Share of the cap used by settled and held, in percent, rounded down; 0 without a cap.
[[nodiscard]] int usedPercent(const MoneyBar& bar);
void paintChip(QPainter* painter, const QRect& rect, const QString& text, Chip::Tone tone);
[[nodiscard]] QSize chipSize(const QString& text, const QFont& font);
[[nodiscard]] QColor toneColor(Chip::Tone tone);
/// The icon that says the tone without colour.
[[nodiscard]] QString toneIcon(Chip::Tone tone);

/// Roles a model fills for the delegates (nano-dollars as qint64).
enum DelegateRole {
    SettledRole = Qt::UserRole + 100,
    HeldRole,
    CapRole,
    ReserveRole, ///< reserve percent
    ToneRole, ///< Chip::Tone as int
    IdRole,
    SortRole ///< exact value to sort by
};

class MoneyBarDelegate final : public QStyledItemDelegate {
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option,
        const QModelIndex& index) const override;
    [[nodiscard]] QSize sizeHint(
        const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

class ChipDelegate final : public QStyledItemDelegate {
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option,
        const QModelIndex& index) const override;
    [[nodiscard]] QSize sizeHint(
        const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

/// Reads EditRole as nano-dollars (qint64) or as text; commits nano-dollars (qint64) to EditRole.
/// Edits a money cell in place with validation in words (a tooltip bubble while invalid); commits
/// only valid values.
class MoneyEditDelegate final : public QStyledItemDelegate {
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

} // namespace headgate::ui
