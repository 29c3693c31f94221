// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Providers and models: what can be called, how it does, with which key, at which price since when.
// Prices are edited in place; a change is a new sheet from now on, past costs stay. A drawer tells
// all of one provider or model. GUI thread only.

#include "ui/pages/page.h"

#include <QTimer>

#include <map>
#include <string>

class QAction;
class QKeyEvent;
class QLabel;
class QSplitter;
class QTableView;
class QToolButton;

namespace headgate::ui {

class CatalogModel;
class DetailView;
class ProviderModel;
class SnapshotProxy;

class CatalogPage final : public Page {
    Q_OBJECT
public:
    explicit CatalogPage(Context& context, QWidget* parent = nullptr);
    ~CatalogPage() override;
    [[nodiscard]] QString title() const override;
    void activate() override;
    void deactivate() override;

public Q_SLOTS:
    void addProvider();
    void addModel();
    void importPrices();

protected:
    void resizeEvent(QResizeEvent* event) override;
    void keyPressEvent(QKeyEvent* event) override;

private:
    enum class Shown { Nothing, Provider, Model };
    QWidget* buildProviders();
    QWidget* providerHead(QWidget* pane);
    QWidget* modelHead(QWidget* pane);
    QWidget* buildDrawer();
    void addProviderActions();
    void connectEdits();
    QWidget* buildModels();
    void refresh();
    void refreshProviders();
    void refreshActions();
    void refreshDrawer();
    void openDrawer(Shown what);
    void closeDrawer();
    void arrange(); ///< widths and columns for what is open
    void fitTables();
    void tick();
    void editPrice(const QString& modelId, int column, qint64 pico);
    void editModel(const QString& text, const catalog::Model& model);
    void testProvider();
    void editProvider();
    void showKeys();
    void clearHealth();
    void toggleProvider();
    void removeProvider();
    void removeModel();
    void editChosenModel();
    void showHistory();
    [[nodiscard]] std::string currentProvider() const;
    [[nodiscard]] const catalog::Provider* provider(const std::string& name) const;
    [[nodiscard]] const service::ProviderStatus* status(const std::string& name) const;
    [[nodiscard]] const catalog::Model* model(const QString& id) const;

    std::shared_ptr<const service::Config> m_config;
    std::vector<service::ProviderStatus> m_statuses;
    std::map<std::string, QString> m_tests;
    QTimer m_live;
    int m_ticks = 0;
    int m_room = 0; ///< beside the drawer
    int m_fitted = 0; ///< what the columns were fitted to
    Shown m_shown = Shown::Nothing;
    ProviderModel* m_providers = nullptr;
    CatalogModel* m_models = nullptr;
    SnapshotProxy* m_proxy = nullptr;
    QTableView* m_providerTable = nullptr;
    QTableView* m_modelTable = nullptr;
    QLabel* m_bookNote = nullptr;
    QSplitter* m_splitter = nullptr;
    QSplitter* m_tables = nullptr;
    int m_rowsFitted = 0; ///< providers that the upper table was made high for
    QWidget* m_drawer = nullptr;
    QLabel* m_drawerTitle = nullptr;
    DetailView* m_detail = nullptr;
    QToolButton* m_clearButton = nullptr;
    QAction* m_details = nullptr;
    QAction* m_test = nullptr;
    QAction* m_key = nullptr;
    QAction* m_edit = nullptr;
    QAction* m_clear = nullptr;
    QAction* m_toggle = nullptr;
    QAction* m_remove = nullptr;
    QAction* m_removeModel = nullptr;
    QAction* m_editModel = nullptr;
    QAction* m_modelDetails = nullptr;
    QAction* m_history = nullptr;
    bool m_active = false;
};

} // namespace headgate::ui
