// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Parts of the overview: a card with one number, the list of pools at risk, the feed of decisions
// with their reasons, the four steps of a start. GUI thread only; they query nothing.

#include "ui/charts/sparkline.h"
#include "ui/context.h"
#include "ui/pages/overview_data.h"
#include "ui/widgets/widgets.h"

#include <QAbstractTableModel>

#include <deque>
#include <vector>

class QLabel;
class QPushButton;

namespace headgate::ui {

/// A number with its name and a line that qualifies it; a click or Enter opens what is behind it.
class StatCard final : public Card {
    Q_OBJECT
public:
    StatCard(const QString& objectName, const QString& title, QWidget* parent);
    void set(const QString& value, const QString& note, const QString& tooltip = {});
    void setTitle(const QString& title);
    void setTone(Chip::Tone tone); ///< colours the value; the words must say it too
    Sparkline* addSparkline();

Q_SIGNALS:
    void clicked();

protected:
    void enterEvent(QEnterEvent* event) override;
    void leaveEvent(QEvent* event) override;
    void mouseReleaseEvent(QMouseEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;
    void focusInEvent(QFocusEvent* event) override;
    void focusOutEvent(QFocusEvent* event) override;

private:
    void elide();
    QString m_fullTitle;
    QString m_fullNote;
    QLabel* m_title = nullptr;
    QLabel* m_value = nullptr;
    QLabel* m_note = nullptr;
};

/// The most used hard pools, each with its bar and what is left.
class PoolRiskList final : public QWidget {
    Q_OBJECT
public:
    explicit PoolRiskList(QWidget* parent = nullptr);
    void set(const std::vector<PoolRisk>& risks);
    [[nodiscard]] QSize sizeHint() const override;

protected:
    void paintEvent(QPaintEvent* event) override;

private:
    std::vector<PoolRisk> m_risks;
};

/// The last decisions, newest first, at most `rowsMax`.
class FeedModel final : public QAbstractTableModel {
    Q_OBJECT
public:
    enum ColumnId { Time, Who, Models, Outcome, Cost, Why, Columns };
    static constexpr std::size_t rowsMax = 50;
    using QAbstractTableModel::QAbstractTableModel;

    void replace(std::vector<activity::Decision> rows);
    void prepend(const std::vector<activity::Decision>& rows);
    [[nodiscard]] const activity::Decision& at(int row) const
    {
        return m_rows[static_cast<std::size_t>(row)];
    }

    [[nodiscard]] int rowCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] int columnCount(const QModelIndex& parent = {}) const override;
    [[nodiscard]] QVariant data(
        const QModelIndex& index, int role = Qt::DisplayRole) const override;
    [[nodiscard]] QVariant headerData(
        int section, Qt::Orientation orientation, int role = Qt::DisplayRole) const override;

private:
    std::deque<activity::Decision> m_rows;
};

/// "Add a provider, set a cap, make a key, send a test request", each with its state and a button.
class StartCard final : public Card {
    Q_OBJECT
public:
    explicit StartCard(QWidget* parent = nullptr);
    void setDone(const std::array<bool, 4>& done);

Q_SIGNALS:
    void chosen(int step);
    void wizardWanted();

private:
    struct Step {
        QLabel* mark = nullptr;
        QLabel* title = nullptr;
        QPushButton* button = nullptr;
    };
    std::array<Step, 4> m_steps;
    std::array<bool, 4> m_done{};
    void refresh();
};

} // namespace headgate::ui
