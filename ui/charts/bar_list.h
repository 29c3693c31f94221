// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A small distribution as labelled bars below each other: label, bar, count and share in one line
// each, so that the chart is its own table. Painted by hand. GUI thread only.

#include "ui/widgets/widgets.h"

#include <QWidget>

#include <vector>

namespace headgate::ui {

struct Bar {
    QString label;
    qint64 count = 0;
    Chip::Tone tone = Chip::Tone::Accent; ///< Warning and worse are also marked by a sign
    bool operator==(const Bar&) const = default;
};

class BarList final : public QWidget {
    Q_OBJECT
public:
    explicit BarList(QWidget* parent = nullptr);
    void setBars(std::vector<Bar> bars);
    [[nodiscard]] const std::vector<Bar>& bars() const { return m_bars; }
    /// One line a bar, for screen readers, the clipboard and tests.
    [[nodiscard]] QString plainText() const;
    [[nodiscard]] QSize sizeHint() const override;
    [[nodiscard]] QSize minimumSizeHint() const override { return {180, sizeHint().height()}; }

protected:
    void paintEvent(QPaintEvent* event) override;
    void changeEvent(QEvent* event) override;

private:
    [[nodiscard]] QString shareText(qint64 count) const; ///< "12 (8 %)"
    [[nodiscard]] int barHeight() const;

    std::vector<Bar> m_bars;
    qint64 m_total = 0;
};

} // namespace headgate::ui
