// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Pools and their accounts: how full they are now, caps edited in place, money moved with a reason,
// and for the chosen pool its numbers, open holds, journal and refusals. GUI thread only.

#include "ui/pages/page.h"

#include <QTimer>

class QAction;
class QCheckBox;
class QLabel;
class QPushButton;
class QSplitter;
class QStackedWidget;
class QTabWidget;
class QTreeView;

namespace headgate::ui {

class DecisionTableModel;
class DetailView;
class EmptyState;
class PoolTreeModel;
class SnapshotModel;
class SnapshotProxy;

class BudgetsPage final : public Page {
    Q_OBJECT
public:
    explicit BudgetsPage(Context& context, QWidget* parent = nullptr);
    ~BudgetsPage() override;
    [[nodiscard]] QString title() const override;
    void activate() override;
    void deactivate() override;
    /// Brings a pool to view and selects it.
    void showPool(PoolId pool);

public Q_SLOTS:
    void addPool();

private:
    void buildTree();
    void buildActions();
    QWidget* buildRefusals();
    void buildDetail();
    QWidget* buildHead();
    void refresh();
    void refreshActions();
    void refreshDetail();
    void refreshNumbers();
    void refreshHolds();
    void loadJournal(bool older);
    void takeJournal(std::vector<ledger::Entry> entries, bool older);
    void showJournal();
    void editCap();
    void commitCap(PoolId pool, Money cap);
    void editPool(const QString& text, PoolId pool, const service::PoolEdit& edit);
    void moveMoney(bool topUp);
    void duplicate();
    void toggleFrozen();
    void toggleArchived();
    void toggleHard();
    [[nodiscard]] const ledger::PoolState* current() const;

    std::vector<ledger::PoolState> m_states;
    std::vector<ledger::Entry> m_journal; ///< of m_shownPool, newest first
    PoolId m_shownPool;
    bool m_journalMore = false;
    bool m_active = false;
    PoolTreeModel* m_model = nullptr;
    SnapshotProxy* m_proxy = nullptr;
    QTreeView* m_tree = nullptr;
    QStackedWidget* m_stack = nullptr;
    QSplitter* m_splitter = nullptr;
    QTabWidget* m_tabs = nullptr;
    QLabel* m_detailTitle = nullptr;
    DetailView* m_numbers = nullptr;
    SnapshotModel* m_holdsModel = nullptr;
    SnapshotModel* m_journalModel = nullptr;
    DecisionTableModel* m_refusals = nullptr;
    QPushButton* m_older = nullptr;
    QCheckBox* m_withArchived = nullptr;
    QAction* m_editCap = nullptr;
    QAction* m_topUp = nullptr;
    QAction* m_adjust = nullptr;
    QAction* m_freeze = nullptr;
    QAction* m_archive = nullptr;
    QAction* m_duplicate = nullptr;
    QAction* m_hard = nullptr;
    QTimer m_clock; ///< "resets in" moves on without any traffic
    QTimer m_slow; ///< journal, holds and refusals follow at most once a second
};

} // namespace headgate::ui
