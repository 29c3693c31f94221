// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Importing a price list: choose a file or an address, look at what would change, apply it. The
// list is read off the GUI thread; nothing changes before "Apply". GUI thread only.

#include "core/catalog/price_import.h"
#include "ui/context.h"
#include "ui/dialogs/command_dialog.h"

#include <memory>
#include <string>

class QCheckBox;
class QHBoxLayout;
class QComboBox;
class QLabel;
class QLineEdit;
class QTableView;
class QToolButton;

namespace headgate::ui {

class SnapshotModel;
struct SnapshotRow;

class PriceImportDialog final : public CommandDialog {
    Q_OBJECT
public:
    explicit PriceImportDialog(Context& context, QWidget* parent = nullptr);

    /// Shows what the list's text would change.
    void showList(const std::string& text, const std::string& origin);

protected:
    void submit() override;

private:
    void buildSource();
    void buildDiff();
    void chooseFile();
    void load(); ///< reads the file or the address, then compares
    void compare();
    void showDiff(const catalog::ImportDiff& diff);
    void showRows(); ///< of the kind that is chosen
    void addRows(
        catalog::ModelChange::Kind kind, bool onlyLarge, std::vector<SnapshotRow>& rows) const;
    [[nodiscard]] QToolButton* webButton(QWidget* parent);
    void showNothing(const QString& summary, const QString& note);
    [[nodiscard]] QHBoxLayout* filterLine();
    void refreshActions();
    [[nodiscard]] catalog::ImportOptions options() const;

    Context& m_context;
    QLineEdit* m_source = nullptr;
    QPushButton* m_compare = nullptr;
    QComboBox* m_provider = nullptr;
    QCheckBox* m_onlyKnown = nullptr;
    QCheckBox* m_acceptLarge = nullptr;
    QComboBox* m_kind = nullptr;
    QLineEdit* m_filter = nullptr;
    QLabel* m_summary = nullptr;
    QTableView* m_table = nullptr;
    SnapshotModel* m_model = nullptr;
    std::string m_text;
    std::string m_origin;
    std::unique_ptr<catalog::ImportDiff> m_diff; ///< what is on show
    std::int64_t m_revision = 0;
    bool m_large = false;
    bool m_any = false; ///< the comparison has something to apply
    int m_asked = 0; ///< answers to an earlier comparison are dropped
};

} // namespace headgate::ui
