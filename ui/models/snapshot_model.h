// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Base of the console's tables and trees: a model fed with whole snapshots that works out the
// difference by row id. Only what changed is announced, cell by cell and never as a reset, so that
// selection, scroll position and an open editor survive live updates. GUI thread only.

#include "ui/delegates/delegates.h"

#include <QAbstractItemModel>
#include <QSortFilterProxyModel>
#include <QString>
#include <QStringList>

#include <memory>
#include <utility>
#include <vector>

namespace headgate::ui {

/// What one cell shows. Equality decides whether the view hears about it.
struct Cell {
    QString text;
    QString tooltip;
    QVariant sort; ///< exact value; invalid: the text
    bool number = false; ///< right-aligned, figures of equal width
    bool muted = false;
    bool editable = false;
    bool checkable = false;
    bool checked = false;
    QVariant edit; ///< EditRole; invalid: the text
    std::vector<std::pair<int, QVariant>> roles; ///< extra roles for delegates
    bool operator==(const Cell&) const = default;
};

struct SnapshotRow {
    QString id; ///< unique among its siblings
    std::vector<Cell> cells;
    std::vector<SnapshotRow> children;
};

struct Column {
    QString title = {};
    QString tooltip = {};
    bool number = false;
};

class SnapshotModel : public QAbstractItemModel {
    Q_OBJECT
public:
    explicit SnapshotModel(std::vector<Column> columns, QObject* parent = nullptr);
    ~SnapshotModel() override;

    /// Brings the model to `rows` with the fewest announcements.
    void setRows(std::vector<SnapshotRow> rows);
    [[nodiscard]] QString rowId(const QModelIndex& index) const;
    /// The top-level row of that id; invalid when there is none.
    [[nodiscard]] QModelIndex indexOfId(const QString& id, int column = 0) const;

    [[nodiscard]] QModelIndex index(
        int row, int column, const QModelIndex& parent = {}) const override;
    [[nodiscard]] QModelIndex parent(const QModelIndex& index) const override;
    using QObject::parent;
    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(const QModelIndex& index, int role) const override;
    [[nodiscard]] QVariant headerData(
        int section, Qt::Orientation orientation, int role) const override;
    [[nodiscard]] Qt::ItemFlags flags(const QModelIndex& index) const override;

private:
    struct Node;
    [[nodiscard]] Node* nodeOf(const QModelIndex& index) const;
    [[nodiscard]] QModelIndex indexOf(const Node* node, int column) const;
    void sync(Node& parent, std::vector<SnapshotRow>& rows);
    void removeMissing(Node& parent, const std::vector<SnapshotRow>& rows);
    void insertRun(Node& parent, std::vector<SnapshotRow>& rows, int first, int last);
    void update(Node& node, std::vector<Cell> cells);

    std::vector<Column> m_columns;
    std::unique_ptr<Node> m_root;
};

/// Sorts by SortRole and filters over all columns; keeps a parent whose child matches.
class SnapshotProxy final : public QSortFilterProxyModel {
    Q_OBJECT
public:
    explicit SnapshotProxy(QObject* parent = nullptr);

protected:
    [[nodiscard]] bool lessThan(const QModelIndex& left, const QModelIndex& right) const override;
};

} // namespace headgate::ui
