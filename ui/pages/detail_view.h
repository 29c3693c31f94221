// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A scrolling pane of facts: headings, sentences, label–value lines and small tables. Fed with a
// value; when only words change it changes labels in place, so that selection and scroll stay.
// Everything is plain text that can be selected and copied. GUI thread only.

#include "ui/charts/bar_list.h"
#include "ui/models/snapshot_model.h"

#include <QScrollArea>

#include <vector>

class QLabel;
class QTableView;
class QVBoxLayout;

namespace headgate::ui {

struct DetailLine {
    QString label;
    QString value;
    QString tooltip;
};

struct DetailTable {
    std::vector<Column> columns;
    std::vector<SnapshotRow> rows;
};

struct DetailSection {
    QString heading;
    QString text; ///< a sentence or two
    std::vector<DetailLine> lines;
    DetailTable table;
    std::vector<Bar> bars; ///< a small distribution
};

class DetailView final : public QScrollArea {
    Q_OBJECT
public:
    explicit DetailView(QWidget* parent = nullptr);
    void setSections(const std::vector<DetailSection>& sections);
    /// All words on show, for tests and screen readers.
    [[nodiscard]] QString plainText() const;

private:
    struct Shown {
        QLabel* heading = nullptr;
        QLabel* text = nullptr;
        std::vector<QLabel*> labels;
        std::vector<QLabel*> values;
        SnapshotModel* table = nullptr;
        QTableView* view = nullptr;
        BarList* bars = nullptr;
    };
    void rebuild(const std::vector<DetailSection>& sections);
    void addTable(Shown& shown, const DetailSection& section, QVBoxLayout* layout);
    [[nodiscard]] bool sameShape(const std::vector<DetailSection>& sections) const;

    std::vector<Shown> m_shown;
};

} // namespace headgate::ui
