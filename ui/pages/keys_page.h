// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Client keys: who has one, when it was last used, making one (shown once) and taking it back.
// GUI thread only; holds no key.

#include "ui/pages/page.h"

#include <QTimer>

class QAction;
class QCheckBox;
class QStackedWidget;
class QTableView;

namespace headgate::ui {

class KeyModel;
class SnapshotProxy;

class KeysPage final : public Page {
    Q_OBJECT
public:
    explicit KeysPage(Context& context, QWidget* parent = nullptr);
    ~KeysPage() override;
    [[nodiscard]] QString title() const override;
    void activate() override;
    void deactivate() override;

public Q_SLOTS:
    void createKey();

private:
    QWidget* buildHead();
    void refresh();
    void refreshActions();
    void revokeOrRestore();
    void showRequests();
    [[nodiscard]] const service::KeyRecord* current() const;

    std::shared_ptr<const service::Config> m_config;
    KeyModel* m_model = nullptr;
    SnapshotProxy* m_proxy = nullptr;
    QTableView* m_table = nullptr;
    QStackedWidget* m_stack = nullptr;
    QCheckBox* m_withRevoked = nullptr;
    QAction* m_revoke = nullptr;
    QAction* m_requests = nullptr;
    QTimer m_clock; ///< "last used" follows every few seconds
    bool m_active = false;
};

} // namespace headgate::ui
