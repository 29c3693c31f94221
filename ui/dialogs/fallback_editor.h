// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The chain of models that stand in for one: ordered, edited by keys or mouse. Holds ids only and
// knows nothing of the service. GUI thread only.

#include <QStringList>
#include <QWidget>

class QComboBox;
class QListWidget;
class QPushButton;
class QToolButton;

namespace headgate::ui {

class FallbackEditor final : public QWidget {
    Q_OBJECT
public:
    explicit FallbackEditor(QWidget* parent = nullptr);
    /// Ids that may stand in; those of the chain are not offered again.
    void setChoices(const QStringList& ids);
    void setChain(const QStringList& ids);
    [[nodiscard]] QStringList chain() const;

Q_SIGNALS:
    void edited();

private:
    QToolButton* button(const char* name, const QString& iconName, const QString& text);
    void add();
    void removeCurrent();
    void move(int by);
    void refresh();

    QStringList m_choices;
    QListWidget* m_list = nullptr;
    QComboBox* m_choice = nullptr;
    QPushButton* m_add = nullptr;
    QToolButton* m_up = nullptr;
    QToolButton* m_down = nullptr;
    QToolButton* m_remove = nullptr;
};

} // namespace headgate::ui
