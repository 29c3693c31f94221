// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/detail_view.h"

#include "ui/models/cells.h"
#include "ui/pages/page_parts.h"

#include <QGridLayout>
#include <QHeaderView>
#include <QTableView>
#include <QVBoxLayout>

#include <algorithm>

namespace headgate::ui {

namespace {

QLabel* selectable(const QString& text, QWidget* parent)
{
    auto* label = new QLabel(parent);
    label->setTextFormat(Qt::PlainText);
    label->setTextInteractionFlags(Qt::TextSelectableByMouse);
    label->setWordWrap(true);
    // One long word, such as a hash, must not push the pane wider than it is.
    label->setMinimumWidth(60);
    label->setText(text);
    return label;
}

} // namespace

DetailView::DetailView(QWidget* parent) : QScrollArea(parent)
{
    setWidgetResizable(true);
    setFrameShape(QFrame::NoFrame);
    setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    setFocusPolicy(Qt::StrongFocus);
}

void DetailView::setSections(const std::vector<DetailSection>& sections)
{
    if (!sameShape(sections)) {
        rebuild(sections);
    }
    for (std::size_t i = 0; i < sections.size(); ++i) {
        const auto& section = sections[i];
        auto& shown = m_shown[i];
        if (shown.text != nullptr) {
            shown.text->setText(section.text);
        }
        for (std::size_t line = 0; line < section.lines.size(); ++line) {
            shown.values[line]->setText(section.lines[line].value);
            shown.values[line]->setToolTip(plainTooltip(section.lines[line].tooltip));
        }
        if (shown.table != nullptr) {
            shown.table->setRows(section.table.rows);
        }
        if (shown.bars != nullptr) {
            shown.bars->setBars(section.bars);
        }
    }
}

bool DetailView::sameShape(const std::vector<DetailSection>& sections) const
{
    return std::equal(sections.begin(), sections.end(), m_shown.begin(), m_shown.end(),
        [](const DetailSection& section, const Shown& shown) {
            const bool table = !section.table.rows.empty();
            if ((shown.heading == nullptr ? QString() : shown.heading->text()) != section.heading
                || (shown.text != nullptr) != !section.text.isEmpty()
                || (shown.table != nullptr) != table
                || (shown.bars != nullptr) == section.bars.empty()
                || (table && shown.table->rowCount() != int(section.table.rows.size()))
                || shown.labels.size() != section.lines.size()) {
                return false;
            }
            return std::equal(section.lines.begin(), section.lines.end(), shown.labels.begin(),
                [](const DetailLine& line, const QLabel* label) {
                    return label->text() == line.label;
                });
        });
}

void DetailView::rebuild(const std::vector<DetailSection>& sections)
{
    m_shown.clear();
    auto* content = new QWidget;
    content->setAutoFillBackground(false);
    auto* layout = new QVBoxLayout(content);
    layout->setContentsMargins(Theme::space4, Theme::space2, Theme::space4, Theme::space4);
    layout->setSpacing(Theme::space2);
    for (const auto& section : sections) {
        Shown shown;
        if (!section.heading.isEmpty()) {
            shown.heading = headingLabel(section.heading, 0, content);
            shown.heading->setContentsMargins(0, m_shown.empty() ? 0 : Theme::space3, 0, 0);
            layout->addWidget(shown.heading);
        }
        if (!section.text.isEmpty()) {
            shown.text = selectable(section.text, content);
            layout->addWidget(shown.text);
        }
        if (!section.lines.empty()) {
            auto* grid = new QGridLayout;
            grid->setHorizontalSpacing(Theme::space3);
            grid->setVerticalSpacing(Theme::space1);
            grid->setColumnStretch(1, 1);
            for (std::size_t i = 0; i < section.lines.size(); ++i) {
                auto* label = mutedLabel(section.lines[i].label, content);
                auto* value = selectable(section.lines[i].value, content);
                value->setFont(Theme::tabularFont());
                value->setAccessibleName(section.lines[i].label);
                grid->addWidget(label, int(i), 0, Qt::AlignTop);
                grid->addWidget(value, int(i), 1);
                shown.labels.push_back(label);
                shown.values.push_back(value);
            }
            layout->addLayout(grid);
        }
        if (!section.table.rows.empty()) {
            addTable(shown, section, layout);
        }
        if (!section.bars.empty()) {
            shown.bars = new BarList(content);
            shown.bars->setAccessibleName(section.heading);
            shown.bars->setBars(section.bars);
            layout->addWidget(shown.bars);
        }
        m_shown.push_back(shown);
    }
    layout->addStretch(1);
    setWidget(content);
    viewport()->setAutoFillBackground(false);
    content->setAutoFillBackground(false);
}

void DetailView::addTable(Shown& shown, const DetailSection& section, QVBoxLayout* layout)
{
    auto* view = new QTableView;
    shown.view = view;
    shown.table = new SnapshotModel(section.table.columns, view);
    shown.table->setRows(section.table.rows);
    setUpView(view, section.heading);
    view->setItemDelegate(new MaybeChipDelegate(view));
    view->setModel(shown.table);
    view->setVerticalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
    view->setSelectionMode(QAbstractItemView::SingleSelection);
    setCompactRows(view);
    auto* header = view->horizontalHeader();
    view->resizeColumnsToContents();
    std::vector<int> widths;
    for (int column = 0; column < shown.table->columnCount(); ++column) {
        const int width = header->sectionSize(column);
        widths.push_back(column == 0 ? -std::min(width, 70) : width);
    }
    setColumnWidths(header, widths);
    const int rows = int(section.table.rows.size());
    const int scroll = view->style()->pixelMetric(QStyle::PM_ScrollBarExtent);
    view->setFixedHeight(header->sizeHint().height() + rows * Theme::rowHeightCompact + scroll + 4);
    layout->addWidget(view);
}

QString DetailView::plainText() const
{
    QStringList words;
    for (const auto& shown : m_shown) {
        if (shown.heading != nullptr) {
            words << shown.heading->text();
        }
        if (shown.text != nullptr) {
            words << shown.text->text();
        }
        for (std::size_t i = 0; i < shown.labels.size(); ++i) {
            words << shown.labels[i]->text() + QStringLiteral(": ") + shown.values[i]->text();
        }
        for (int row = 0; shown.table != nullptr && row < shown.table->rowCount(); ++row) {
            QStringList cells;
            for (int column = 0; column < shown.table->columnCount(); ++column) {
                cells << shown.table->index(row, column).data(Qt::DisplayRole).toString();
            }
            words << cells.join(QStringLiteral(" | "));
        }
        if (shown.bars != nullptr) {
            words << shown.bars->plainText();
        }
    }
    return words.join(QLatin1Char('\n'));
}

} // namespace headgate::ui
