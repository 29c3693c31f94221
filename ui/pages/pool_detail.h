// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// What the Budgets page knows about the chosen pool or account: its numbers, burn-down with
// forecast, refusals, open holds, journal and audit. Asks only while shown, at most once a second.
// GUI thread only.

#include "ui/context.h"
#include "ui/widgets/widgets.h"

class QPushButton;
class QTabWidget;
class QTableView;

namespace headgate::ui {

class BurnDownChart;
class DecisionTableModel;
class DetailView;
struct DetailSection;
class SnapshotModel;

class PoolDetail final : public Card {
    Q_OBJECT
public:
    enum Tab { BurnDown, Refusals, Journal, OpenHolds, History };

    explicit PoolDetail(Context& context, QWidget* parent = nullptr);
    ~PoolDetail() override;
    /// The pool and, of a pool that covers each value, the account; null: nothing is chosen.
    void showPool(const ledger::PoolState* state, const QString& account);
    void refresh(); ///< the tab in front asks again

Q_SIGNALS:
    void explained(const QString& title, const std::vector<headgate::ui::DetailSection>& story);

public Q_SLOTS:
    void explainAccount();

private:
    void buildTabs();
    QWidget* buildRefusals();
    QWidget* buildJournal();
    QWidget* buildHolds();
    QWidget* buildHistory();
    void refreshNumbers();
    void refreshCurve();
    void refreshRefusals(bool other);
    void refreshHolds();
    void refreshHistory();
    void loadJournal(bool older);
    void takeJournal(std::vector<ledger::Entry> entries, bool older);
    void showJournal();
    void explainHold(const QString& hold);
    void explainLine(const QString& sequence);
    [[nodiscard]] std::string valueOfAccount() const;

    Context& m_context;
    std::optional<ledger::PoolState> m_state;
    QString m_account;
    PoolId m_shownPool;
    QString m_shownAccount;
    std::vector<ledger::Entry> m_journal; ///< of m_shownPool, newest first
    bool m_journalMore = false;
    QLabel* m_title = nullptr;
    DetailView* m_numbers = nullptr;
    QPushButton* m_explain = nullptr;
    QTabWidget* m_tabs = nullptr;
    BurnDownChart* m_chart = nullptr;
    DecisionTableModel* m_refusals = nullptr;
    SnapshotModel* m_journalModel = nullptr;
    SnapshotModel* m_holdsModel = nullptr;
    SnapshotModel* m_historyModel = nullptr;
    QPushButton* m_older = nullptr;
};

} // namespace headgate::ui
