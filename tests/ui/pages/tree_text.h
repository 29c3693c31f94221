// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Draws a model as text, so that a test shows at a glance what an operator would see.

#include <QAbstractItemModel>
#include <QString>
#include <QStringList>

namespace headgate::test {

inline void drawRows(const QAbstractItemModel& model, const QModelIndex& parent,
    const QList<int>& columns, const QString& indent, QStringList& lines)
{
    for (int row = 0; row < model.rowCount(parent); ++row) {
        QStringList cells;
        for (const int column : columns) {
            cells << model.index(row, column, parent).data().toString();
        }
        lines << indent + cells.join(QStringLiteral(" | "));
        drawRows(model, model.index(row, 0, parent), columns, indent + QStringLiteral("  "), lines);
    }
}

[[nodiscard]] inline QString treeText(const QAbstractItemModel& model, const QList<int>& columns)
{
    QStringList lines;
    drawRows(model, {}, columns, {}, lines);
    return lines.join(QLatin1Char('\n'));
}

} // namespace headgate::test
