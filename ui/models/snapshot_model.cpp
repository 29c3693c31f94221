// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/models/snapshot_model.h"

#include "ui/models/cells.h"
#include "ui/theme/theme.h"

#include <QBrush>

#include <algorithm>
#include <unordered_set>

namespace headgate::ui {

struct SnapshotModel::Node {
    QString id;
    std::vector<Cell> cells;
    Node* parent = nullptr;
    int row = 0;
    std::vector<std::unique_ptr<Node>> children;

    void renumber(std::size_t from = 0)
    {
        for (std::size_t i = from; i < children.size(); ++i) {
            children[i]->row = int(i);
        }
    }
};

namespace {

bool contains(const std::vector<QString>& sortedIds, const QString& id)
{
    return std::binary_search(sortedIds.begin(), sortedIds.end(), id);
}

/// Two rows of one id cannot be told apart; the first one stays.
void dropTwins(std::vector<SnapshotRow>& rows)
{
    std::unordered_set<QString> seen;
    seen.reserve(rows.size());
    std::erase_if(rows, [&](const SnapshotRow& row) { return !seen.insert(row.id).second; });
}

} // namespace

SnapshotModel::SnapshotModel(std::vector<Column> columns, QObject* parent)
    : QAbstractItemModel(parent),
      m_columns(std::move(columns)),
      m_root(std::make_unique<Node>())
{
}

SnapshotModel::~SnapshotModel() = default;

void SnapshotModel::setRows(std::vector<SnapshotRow> rows)
{
    sync(*m_root, rows);
}

SnapshotModel::Node* SnapshotModel::nodeOf(const QModelIndex& index) const
{
    return index.isValid() ? static_cast<Node*>(index.internalPointer()) : m_root.get();
}

QModelIndex SnapshotModel::indexOf(const Node* node, int column) const
{
    if (node == m_root.get()) {
        return {};
    }
    return createIndex(node->row, column, node);
}

void SnapshotModel::removeMissing(Node& parent, const std::vector<SnapshotRow>& rows)
{
    std::vector<QString> wanted;
    wanted.reserve(rows.size());
    for (const auto& row : rows) {
        wanted.push_back(row.id);
    }
    std::sort(wanted.begin(), wanted.end());
    for (int last = int(parent.children.size()) - 1; last >= 0; --last) {
        if (contains(wanted, parent.children[std::size_t(last)]->id)) {
            continue;
        }
        int first = last;
        while (first > 0 && !contains(wanted, parent.children[std::size_t(first - 1)]->id)) {
            --first;
        }
        beginRemoveRows(indexOf(&parent, 0), first, last);
        parent.children.erase(parent.children.begin() + first, parent.children.begin() + last + 1);
        parent.renumber(std::size_t(first));
        endRemoveRows();
        last = first;
    }
}

void SnapshotModel::insertRun(Node& parent, std::vector<SnapshotRow>& rows, int first, int last)
{
    beginInsertRows(indexOf(&parent, 0), first, last);
    std::vector<std::unique_ptr<Node>> added;
    for (int i = first; i <= last; ++i) {
        auto node = std::make_unique<Node>();
        node->id = rows[std::size_t(i)].id;
        node->cells = rows[std::size_t(i)].cells;
        node->cells.resize(m_columns.size());
        node->parent = &parent;
        added.push_back(std::move(node));
    }
    parent.children.insert(parent.children.begin() + first, std::make_move_iterator(added.begin()),
        std::make_move_iterator(added.end()));
    parent.renumber(std::size_t(first));
    endInsertRows();
}

void SnapshotModel::sync(Node& parent, std::vector<SnapshotRow>& rows)
{
    dropTwins(rows);
    removeMissing(parent, rows);
    std::vector<QString> present;
    for (const auto& child : parent.children) {
        present.push_back(child->id);
    }
    std::sort(present.begin(), present.end());
    const int count = int(rows.size());
    for (int i = 0; i < count; ++i) {
        const bool here = i < int(parent.children.size())
            && parent.children[std::size_t(i)]->id == rows[std::size_t(i)].id;
        if (here) {
            continue;
        }
        if (!contains(present, rows[std::size_t(i)].id)) {
            int last = i;
            while (last + 1 < count && !contains(present, rows[std::size_t(last) + 1].id)) {
                ++last;
            }
            insertRun(parent, rows, i, last);
            i = last;
            continue;
        }
        int from = i + 1;
        while (parent.children[std::size_t(from)]->id != rows[std::size_t(i)].id) {
            ++from;
        }
        const auto parentIndex = indexOf(&parent, 0);
        beginMoveRows(parentIndex, from, from, parentIndex, i);
        auto begin = parent.children.begin();
        std::rotate(begin + i, begin + from, begin + from + 1);
        parent.renumber(std::size_t(i));
        endMoveRows();
    }
    for (int i = 0; i < count; ++i) {
        auto& node = *parent.children[std::size_t(i)];
        update(node, std::move(rows[std::size_t(i)].cells));
        sync(node, rows[std::size_t(i)].children);
    }
}

void SnapshotModel::update(Node& node, std::vector<Cell> cells)
{
    cells.resize(m_columns.size());
    // Only runs of changed cells are announced: a wider range would refill an editor that is open
    // on a neighbouring cell and eat what the operator is typing.
    int first = -1;
    for (int column = 0; column <= int(cells.size()); ++column) {
        const bool changed = column < int(cells.size())
            && !(cells[std::size_t(column)] == node.cells[std::size_t(column)]);
        if (changed) {
            node.cells[std::size_t(column)] = std::move(cells[std::size_t(column)]);
            first = first < 0 ? column : first;
        } else if (first >= 0) {
            Q_EMIT dataChanged(indexOf(&node, first), indexOf(&node, column - 1));
            first = -1;
        }
    }
}

QString SnapshotModel::rowId(const QModelIndex& index) const
{
    return index.isValid() ? nodeOf(index)->id : QString();
}

QModelIndex SnapshotModel::indexOfId(const QString& id, int column) const
{
    for (const auto& child : m_root->children) {
        if (child->id == id) {
            return indexOf(child.get(), column);
        }
    }
    return {};
}

QModelIndex SnapshotModel::index(int row, int column, const QModelIndex& parent) const
{
    const auto* node = nodeOf(parent);
    if (row < 0 || column < 0 || row >= int(node->children.size())
        || column >= int(m_columns.size()) || parent.column() > 0) {
        return {};
    }
    return createIndex(row, column, node->children[std::size_t(row)].get());
}

QModelIndex SnapshotModel::parent(const QModelIndex& index) const
{
    return index.isValid() ? indexOf(nodeOf(index)->parent, 0) : QModelIndex();
}

int SnapshotModel::rowCount(const QModelIndex& parent) const
{
    return parent.column() > 0 ? 0 : int(nodeOf(parent)->children.size());
}

int SnapshotModel::columnCount(const QModelIndex&) const
{
    return int(m_columns.size());
}

QVariant SnapshotModel::data(const QModelIndex& index, int role) const
{
    if (!index.isValid()) {
        return {};
    }
    const auto* node = nodeOf(index);
    const auto& cell = node->cells[std::size_t(index.column())];
    switch (role) {
    case Qt::DisplayRole:
        return cell.text;
    case Qt::EditRole:
        return cell.edit.isValid() ? cell.edit : QVariant(cell.text);
    case Qt::ToolTipRole:
        return cell.tooltip.isEmpty() ? QVariant() : QVariant(plainTooltip(cell.tooltip));
    case Qt::TextAlignmentRole:
        return int((cell.number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    case Qt::FontRole:
        return cell.number ? QVariant(Theme::tabularFont()) : QVariant();
    case Qt::ForegroundRole:
        return cell.muted ? QVariant(QBrush(Theme::instance().tokens().muted)) : QVariant();
    case Qt::CheckStateRole:
        return cell.checkable ? QVariant(int(cell.checked ? Qt::Checked : Qt::Unchecked))
                              : QVariant();
    case IdRole:
        return node->id;
    case SortRole:
        return cell.sort.isValid() ? cell.sort : QVariant(cell.text);
    default:
        break;
    }
    for (const auto& [key, value] : cell.roles) {
        if (key == role) {
            return value;
        }
    }
    return {};
}

QVariant SnapshotModel::headerData(int section, Qt::Orientation orientation, int role) const
{
    if (orientation != Qt::Horizontal || section < 0 || section >= int(m_columns.size())) {
        return {};
    }
    const auto& column = m_columns[std::size_t(section)];
    switch (role) {
    case Qt::DisplayRole:
        return column.title;
    case Qt::ToolTipRole:
        return column.tooltip.isEmpty() ? QVariant() : QVariant(column.tooltip);
    case Qt::TextAlignmentRole:
        return int((column.number ? Qt::AlignRight : Qt::AlignLeft) | Qt::AlignVCenter);
    default:
        return {};
    }
}

Qt::ItemFlags SnapshotModel::flags(const QModelIndex& index) const
{
    if (!index.isValid()) {
        return Qt::NoItemFlags;
    }
    auto flags = Qt::ItemIsEnabled | Qt::ItemIsSelectable;
    const auto& cell = nodeOf(index)->cells[std::size_t(index.column())];
    if (cell.editable) {
        flags |= Qt::ItemIsEditable;
    }
    if (cell.checkable) {
        flags |= Qt::ItemIsUserCheckable;
    }
    return flags;
}

SnapshotProxy::SnapshotProxy(QObject* parent) : QSortFilterProxyModel(parent)
{
    setRecursiveFilteringEnabled(true);
    setAutoAcceptChildRows(true);
    setFilterCaseSensitivity(Qt::CaseInsensitive);
    setFilterKeyColumn(-1);
    setDynamicSortFilter(true);
}

bool SnapshotProxy::lessThan(const QModelIndex& left, const QModelIndex& right) const
{
    const auto a = left.data(SortRole);
    const auto b = right.data(SortRole);
    if (a.typeId() == QMetaType::QString || b.typeId() == QMetaType::QString) {
        return QString::localeAwareCompare(a.toString().toLower(), b.toString().toLower()) < 0;
    }
    return a.toLongLong() < b.toLongLong();
}

} // namespace headgate::ui
