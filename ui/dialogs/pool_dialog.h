// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Adding and editing a pool of any kind, and moving money in one by hand. Says in plain words what
// the pool will do while it is filled in. GUI thread only.

#include "ui/context.h"
#include "ui/dialogs/command_dialog.h"

#include <optional>
#include <set>
#include <string>

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QSpinBox;

namespace headgate::ui {

class MoneyEdit;

/// What a pool will do, in one or two sentences.
[[nodiscard]] QString poolSentence(const service::NewPool& pool);

class PoolDialog final : public CommandDialog {
    Q_OBJECT
public:
    explicit PoolDialog(Context& context, QWidget* parent = nullptr);
    /// Starts from an existing pool (duplicate) under a new name.
    void prefill(const ledger::Pool& pool);
    /// Changes an existing pool instead of adding one.
    void edit(const ledger::Pool& pool);
    [[nodiscard]] service::NewPool value() const;

protected:
    void submit() override;

private:
    void fillScopes();
    void fillWindows();
    void fillValues();
    void proposeDuration();
    void take(const ledger::Pool& pool);
    void showFields(const service::NewPool& pool);
    [[nodiscard]] bool checkFields(const service::NewPool& pool);
    [[nodiscard]] service::PoolEdit editOf(const service::NewPool& pool) const;
    [[nodiscard]] std::set<std::string> knownValues(ledger::ScopeKind kind) const;
    [[nodiscard]] Result<ledger::Window> window() const; ///< an error while its length is wrong
    void validate();
    [[nodiscard]] ledger::Scope scope() const;
    [[nodiscard]] QString problemOfName() const;
    [[nodiscard]] bool isTaken(const std::string& name) const;
    [[nodiscard]] QString proposedName(const service::NewPool& pool) const;

    Context& m_context;
    std::optional<ledger::Pool> m_edited;
    QLineEdit* m_name = nullptr;
    QComboBox* m_scope = nullptr;
    QComboBox* m_value = nullptr;
    QComboBox* m_window = nullptr;
    QLineEdit* m_duration = nullptr;
    MoneyEdit* m_refill = nullptr;
    QSpinBox* m_fiscalDay = nullptr;
    QSpinBox* m_reserve = nullptr;
    MoneyEdit* m_cap = nullptr;
    QComboBox* m_zone = nullptr;
    QCheckBox* m_hard = nullptr;
    QLabel* m_sentence = nullptr;
    FormField* m_nameField = nullptr;
    FormField* m_valueField = nullptr;
    FormField* m_zoneField = nullptr;
    FormField* m_durationField = nullptr;
    FormField* m_refillField = nullptr;
    FormField* m_fiscalField = nullptr;
    FormField* m_reserveField = nullptr;
    bool m_nameTouched = false;
};

/// A top-up or an adjustment: an entry with a reason. Undo books the opposite entry.
class PoolMoneyDialog final : public CommandDialog {
    Q_OBJECT
public:
    enum class Kind { TopUp, Adjust };
    /// `account` names the account of a pool that covers each value.
    PoolMoneyDialog(Context& context, Kind kind, const ledger::PoolState& pool,
        const QString& account, QWidget* parent = nullptr);

protected:
    void submit() override;

private:
    void validate();
    [[nodiscard]] std::optional<Money> amount() const;

    Context& m_context;
    Kind m_kind;
    ledger::Pool m_pool;
    QComboBox* m_account = nullptr;
    QComboBox* m_direction = nullptr;
    MoneyEdit* m_amount = nullptr;
    QLineEdit* m_reason = nullptr;
    QLabel* m_sentence = nullptr;
};

} // namespace headgate::ui
