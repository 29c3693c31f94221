// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Pools and their accounts: how full they are now, caps edited in place, money moved with a reason,
// and below them the chosen pool in detail, with the story of a number beside it. GUI thread only.

#include "ui/pages/page.h"

#include <QTimer>

class QAction;
class QCheckBox;
class QSplitter;
class QStackedWidget;
class QTreeView;

namespace headgate::ui {

class Drawer;
class PoolDetail;
class PoolTreeModel;
class SnapshotProxy;
struct DetailSection;

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

protected:
    void resizeEvent(QResizeEvent* event) override;

private:
    void buildTree();
    void buildActions();
    QWidget* buildHead();
    void refresh();
    void refreshActions();
    void refreshDetail();
    void refreshRates();
    void showCurrent();
    void showStory(const QString& title, const std::vector<DetailSection>& story);
    void editCap();
    void editDialog();
    void commitCap(PoolId pool, Money cap);
    void editPool(const QString& text, PoolId pool, const service::PoolEdit& edit);
    void moveMoney(bool topUp);
    void duplicate();
    void toggleFrozen();
    void toggleArchived();
    void toggleHard();
    [[nodiscard]] const ledger::PoolState* current() const;

    std::vector<ledger::PoolState> m_states;
    ledger::RecentSpends m_recent; ///< the present rates
    TimeUs m_ratesAtUs = 0; ///< when they were asked for
    bool m_active = false;
    PoolTreeModel* m_model = nullptr;
    SnapshotProxy* m_proxy = nullptr;
    QTreeView* m_tree = nullptr;
    QStackedWidget* m_stack = nullptr;
    QSplitter* m_splitter = nullptr;
    PoolDetail* m_detail = nullptr;
    Drawer* m_drawer = nullptr;
    QCheckBox* m_withArchived = nullptr;
    QAction* m_editCap = nullptr;
    QAction* m_edit = nullptr;
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
