// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// A line of a few dozen numbers without axes, for cards: shape only, the number stands beside it.
// GUI thread only.

#include <QWidget>

#include <vector>

namespace headgate::ui {

class Sparkline final : public QWidget {
    Q_OBJECT
public:
    explicit Sparkline(QWidget* parent = nullptr);
    void setValues(std::vector<qint64> values);
    [[nodiscard]] QSize sizeHint() const override { return {72, 24}; }

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    std::vector<qint64> m_values;
};

} // namespace headgate::ui
