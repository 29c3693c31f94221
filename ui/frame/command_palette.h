// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Ctrl+K: pages, actions with their shortcuts, pools, keys, models, decision ids; fuzzy, with the
// matching letters highlighted, recent first. Knows only the commands it is given. GUI thread only.

#include <QDialog>
#include <QString>
#include <QStringList>

#include <functional>
#include <vector>

class QLineEdit;
class QListView;
class QStandardItemModel;

namespace headgate::ui {

struct Command {
    QString id; ///< stable, for "recent first"
    QString title;
    QString group; ///< "Page", "Action", "Pool", …
    QString iconName;
    QString shortcut;
    std::function<void()> run;
};

/// How well `text` matches `pattern` as a subsequence: higher is better, −1: not at all. `where`
/// gets the positions of the matching letters.
[[nodiscard]] int fuzzyScore(
    const QString& pattern, const QString& text, QList<int>* where = nullptr);

class CommandPalette final : public QDialog {
    Q_OBJECT
public:
    CommandPalette(std::vector<Command> commands, QStringList recent, QWidget* parent);

Q_SIGNALS:
    void ran(const QString& id);
    void decisionTyped(const QString& text); ///< "d123…" and Enter

protected:
    bool eventFilter(QObject* object, QEvent* event) override;
    void paintEvent(QPaintEvent* event) override;

private:
    void narrow(const QString& text);
    void runCurrent();

    std::vector<Command> m_commands;
    QStringList m_recent;
    QLineEdit* m_edit = nullptr;
    QListView* m_list = nullptr;
    QStandardItemModel* m_model = nullptr;
};

} // namespace headgate::ui
