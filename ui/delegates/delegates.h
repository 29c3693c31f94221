// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Delegates that draw numbers as pictures: the money bar (settled solid, held hatched, reserve
// marked) and the chip. They read roles, never models. GUI thread only.

#include <QStyledItemDelegate>

namespace headgate::ui {

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
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    [[nodiscard]] QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

class ChipDelegate final : public QStyledItemDelegate {
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    void paint(QPainter* painter, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    [[nodiscard]] QSize sizeHint(const QStyleOptionViewItem& option, const QModelIndex& index) const override;
};

/// Edits a money cell in place with validation in words (a tooltip bubble while invalid); commits only valid values.
class MoneyEditDelegate final : public QStyledItemDelegate {
    Q_OBJECT
public:
    using QStyledItemDelegate::QStyledItemDelegate;
    QWidget* createEditor(QWidget* parent, const QStyleOptionViewItem& option, const QModelIndex& index) const override;
    void setEditorData(QWidget* editor, const QModelIndex& index) const override;
    void setModelData(QWidget* editor, QAbstractItemModel* model, const QModelIndex& index) const override;
};

} // namespace headgate::ui
