// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Providers and models: what can be called, with which key, at which price since when. Prices are
// edited in place; a change is a new sheet from now on, past costs stay. GUI thread only.

#include "ui/pages/page.h"

#include <QTimer>

#include <map>
#include <string>

class QAction;
class QLabel;
class QTableView;

namespace headgate::ui {

class CatalogModel;
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

private:
    QWidget* buildProviders();
    void connectEdits();
    QWidget* buildModels();
    void refresh();
    void refreshActions();
    void editPrice(const QString& modelId, int column, qint64 pico);
    void editModel(const QString& text, const catalog::Model& model);
    void testProvider();
    void setProviderKey();
    void toggleProvider();
    void removeProvider();
    void removeModel();
    void showHistory();
    [[nodiscard]] std::string currentProvider() const;
    [[nodiscard]] const catalog::Model* model(const QString& id) const;

    std::shared_ptr<const service::Config> m_config;
    std::map<std::string, QString> m_tests;
    ProviderModel* m_providers = nullptr;
    CatalogModel* m_models = nullptr;
    SnapshotProxy* m_proxy = nullptr;
    QTableView* m_providerTable = nullptr;
    QTableView* m_modelTable = nullptr;
    QLabel* m_bookNote = nullptr;
    QAction* m_test = nullptr;
    QAction* m_key = nullptr;
    QAction* m_toggle = nullptr;
    QAction* m_remove = nullptr;
    QAction* m_removeModel = nullptr;
    QAction* m_history = nullptr;
    bool m_active = false;
};

} // namespace headgate::ui
