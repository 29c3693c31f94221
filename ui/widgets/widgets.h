// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Small widgets all pages use. GUI thread only; plain text everywhere.

#include "core/base/clock.h"
#include "core/base/money.h"
#include "ui/theme/theme.h"

#include <QAbstractItemView>
#include <QFrame>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QString>

#include <optional>

class QTableView;
class QTreeView;

namespace headgate::ui {

[[nodiscard]] QString toQt(const std::string& text);
[[nodiscard]] std::string fromQt(const QString& text);
/// Control and bidirectional characters made visible; for text from clients, models, providers.
[[nodiscard]] QString safeText(const std::string& text);
[[nodiscard]] QString moneyText(Money money); ///< "$15.50", "$0.00042"
[[nodiscard]] QString exactMoneyText(Money money); ///< tooltip: "$0.000420000"
[[nodiscard]] QString timeText(TimeUs at); ///< local, short
[[nodiscard]] QString timeTooltip(TimeUs at); ///< local with zone, and UTC
[[nodiscard]] QString durationText(qint64 us); ///< "0.8 ms", "1.4 s"
[[nodiscard]] QString countText(qint64 count); ///< grouped
[[nodiscard]] QString untilText(qint64 us); ///< "3 h 12 min"

/// A raised surface with a hairline border.
class Card : public QFrame {
    Q_OBJECT
public:
    explicit Card(QWidget* parent = nullptr);
};

/// A coloured, rounded word with an icon or dot: never colour alone.
class Chip : public QLabel {
    Q_OBJECT
public:
    enum class Tone { Neutral, Ok, Warning, Danger, Info, Accent };
    explicit Chip(QWidget* parent = nullptr);
    void set(const QString& text, Tone tone);

protected:
    void paintEvent(QPaintEvent* event) override;
    [[nodiscard]] QSize sizeHint() const override;

private:
    Tone m_tone = Tone::Neutral;
};

/// An empty state: icon, words, what to do, up to one button.
class EmptyState : public QWidget {
    Q_OBJECT
public:
    EmptyState(const QString& iconName, const QString& title, const QString& body,
        QWidget* parent = nullptr);
    QPushButton* addButton(const QString& text);
    void setBody(const QString& body);
};

/// Dollars as people write them; shows what it understood or how to fix it, by colour, icon and
/// words.
class MoneyEdit : public QWidget {
    Q_OBJECT
public:
    explicit MoneyEdit(QWidget* parent = nullptr);
    void setMoney(Money money);
    [[nodiscard]] std::optional<Money> money() const; ///< nothing while invalid
    [[nodiscard]] QLineEdit* lineEdit() const { return m_edit; }

Q_SIGNALS:
    void edited();

private:
    QLineEdit* m_edit = nullptr;
    QLabel* m_note = nullptr;
};

/// A field with a label above and a validation line below.
class FormField : public QWidget {
    Q_OBJECT
public:
    FormField(const QString& label, QWidget* field, QWidget* parent = nullptr);
    void setProblem(const QString& text); ///< empty: fine
    void setHint(const QString& text);
    void setLabel(const QString& text);

private:
    QLabel* m_label = nullptr;
    QLabel* m_note = nullptr;
    QString m_hint;
};

/// Standard look and behaviour for tables and trees: row height, no grid, sorted header, copy as
/// text (Ctrl+C) and as CSV in the context menu, keyboard reachable, accessible name.
void setUpView(QAbstractItemView* view, const QString& accessibleName);

/// An accent button, a plain one, a dangerous one.
[[nodiscard]] QPushButton* primaryButton(const QString& text, QWidget* parent = nullptr);
[[nodiscard]] QPushButton* dangerButton(const QString& text, QWidget* parent = nullptr);
[[nodiscard]] QLabel* headingLabel(const QString& text, int pointsMore, QWidget* parent = nullptr);
[[nodiscard]] QLabel* mutedLabel(const QString& text, QWidget* parent = nullptr);

} // namespace headgate::ui
