// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The keys of one provider: which there are, how they do, where they are kept; set, add, remove.
// Shows hints only; a key goes straight to the service's vault. GUI thread only.

#include "ui/context.h"

#include <QDialog>

#include <string>

class QLabel;
class QPushButton;
class QTableView;

namespace headgate::ui {

class SnapshotModel;

class ProviderKeysDialog final : public QDialog {
    Q_OBJECT
public:
    ProviderKeysDialog(Context& context, std::string provider, QWidget* parent = nullptr);

private:
    void refresh();
    void refreshActions();
    void askKey(bool another);
    void removeKey();
    [[nodiscard]] QString currentLabel() const;

    Context& m_context;
    std::string m_provider;
    SnapshotModel* m_model = nullptr;
    QTableView* m_table = nullptr;
    QLabel* m_kept = nullptr;
    QPushButton* m_set = nullptr;
    QPushButton* m_add = nullptr;
    QPushButton* m_remove = nullptr;
};

} // namespace headgate::ui
