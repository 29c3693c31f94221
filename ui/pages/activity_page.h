// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The decision log: a table over any number of rows that follows live traffic, facets with counts,
// filters from any cell, and a drawer that explains one decision. GUI thread only.

#include "ui/pages/page.h"

#include <QThreadPool>
#include <QTimer>

#include <atomic>
#include <memory>

class QLabel;
class QLineEdit;
class QPushButton;
class QSplitter;
class QStackedWidget;
class QTableView;
class QToolButton;
class QTreeView;

namespace headgate::ui {

class Card;
class DecisionTableModel;
class DetailView;
class SnapshotModel;

class ActivityPage final : public Page {
    Q_OBJECT
public:
    explicit ActivityPage(Context& context, QWidget* parent = nullptr);
    ~ActivityPage() override;
    [[nodiscard]] QString title() const override;
    void activate() override;
    void deactivate() override;
    /// Opens the drawer on a decision, whether it is in the table or not.
    void showDecision(DecisionId id);
    /// Writes what the table's filter matches; shows how it went.
    void exportTo(const QString& path);

protected:
    void keyPressEvent(QKeyEvent* event) override;
    void resizeEvent(QResizeEvent* event) override;

private:
    void buildTable();
    QWidget* buildHead();
    QWidget* buildFacets();
    QWidget* buildDrawer();
    QWidget* buildEmpty();
    [[nodiscard]] activity::Filter filter() const;
    void reload();
    void appended(const std::vector<activity::Decision>& decisions);
    void refreshFacets();
    void takeFacet(int index, const std::vector<activity::Facet>& facets);
    void refreshStack();
    void rowsInserted(int first, int last);
    void showMenu(const QPoint& at);
    void chooseFacet(const QModelIndex& index);
    void closeDrawer();
    void arrange();
    void hideWhatDoesNotFit(int room);
    void askExport();
    void clearAll();

    DecisionTableModel* m_model = nullptr;
    SnapshotModel* m_facetModel = nullptr;
    QTableView* m_table = nullptr;
    QTreeView* m_facets = nullptr;
    QWidget* m_facetCard = nullptr;
    QWidget* m_drawer = nullptr;
    DetailView* m_detail = nullptr;
    QLabel* m_drawerTitle = nullptr;
    QSplitter* m_splitter = nullptr;
    QStackedWidget* m_stack = nullptr;
    QLineEdit* m_text = nullptr;
    QToolButton* m_follow = nullptr;
    QToolButton* m_facetsButton = nullptr;
    QPushButton* m_news = nullptr;
    QPushButton* m_cancelExport = nullptr;
    QLabel* m_problem = nullptr;
    std::vector<std::vector<activity::Facet>> m_facetValues;
    activity::Decision m_shown;
    DecisionId m_wanted;
    std::shared_ptr<std::atomic<bool>> m_exportCancelled;
    QThreadPool m_exporter; ///< its end waits for a running export, which is told to stop
    QTimer m_typing; ///< the text filter waits for a pause
    QTimer m_facetTimer; ///< counts follow at most every two seconds
    bool m_active = false;
    bool m_loadedOnce = false;
    bool m_roomy = false; ///< wide enough for whole names
    int m_newsCount = 0;
};

} // namespace headgate::ui
