// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// One time range and one filter stack for all pages, and the search field that opens the command
// palette. Shows what Context holds; holds nothing itself. GUI thread only.

#include "ui/context.h"

#include <QWidget>

class QHBoxLayout;
class QMenu;
class QPushButton;
class QToolButton;

namespace headgate::ui {

/// The words for a range: "Last 24 h", "Today", "3 Nov – 5 Nov".
[[nodiscard]] QString rangeTitle(const TimeRange& range);
/// Ranges offered, as `TimeRange::relative`.
[[nodiscard]] const QStringList& offeredRanges();
/// Fields a filter may have, as activity::Filter names them, and their word for people.
struct FilterField {
    QString field;
    QString title;
};
[[nodiscard]] const std::vector<FilterField>& filterFields();
[[nodiscard]] QString filterTitle(const QString& field);

class ContextBar final : public QWidget {
    Q_OBJECT
public:
    explicit ContextBar(Context& context, QWidget* parent = nullptr);
    void setHistory(bool back, bool forward);
    void openFilterMenu();
    void openRangeMenu();

Q_SIGNALS:
    void searchRequested();
    void backRequested();
    void forwardRequested();

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    void rebuildChips();
    void askValue(const FilterField& field);

    Context& m_context;
    QToolButton* m_back = nullptr;
    QToolButton* m_forward = nullptr;
    QToolButton* m_range = nullptr;
    QToolButton* m_add = nullptr;
    QPushButton* m_search = nullptr;
    QWidget* m_chips = nullptr;
    QHBoxLayout* m_chipLayout = nullptr;
};

} // namespace headgate::ui
