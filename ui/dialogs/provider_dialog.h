// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Adding a provider, from a preset or by protocol and address, and giving it keys. The key goes
// straight to the service's secret store and is never shown again. GUI thread only.

#include "ui/context.h"
#include "ui/dialogs/command_dialog.h"

class QCheckBox;
class QComboBox;
class QLineEdit;

namespace headgate::ui {

/// What is wrong with a provider's address and how to fix it; empty: fine.
[[nodiscard]] QString urlProblem(const QString& text);

class ProviderDialog final : public CommandDialog {
    Q_OBJECT
public:
    explicit ProviderDialog(Context& context, QWidget* parent = nullptr);

protected:
    void submit() override;

private:
    void fillPresets();
    void choosePreset();
    void validate();
    [[nodiscard]] const catalog::Provider& chosen() const;
    [[nodiscard]] catalog::Provider value() const;

    Context& m_context;
    /// One for each choice; those without an address are a protocol only.
    std::vector<catalog::Provider> m_presets;
    QComboBox* m_preset = nullptr;
    QLineEdit* m_name = nullptr;
    QLineEdit* m_url = nullptr;
    QLineEdit* m_key = nullptr;
    QCheckBox* m_bookModels = nullptr;
    QCheckBox* m_responses = nullptr;
    FormField* m_nameField = nullptr;
    FormField* m_urlField = nullptr;
    FormField* m_keyField = nullptr;
};

/// Sets the first key, or adds another one beside it.
class ProviderKeyDialog final : public CommandDialog {
    Q_OBJECT
public:
    ProviderKeyDialog(
        Context& context, const std::string& provider, bool another, QWidget* parent = nullptr);

protected:
    void submit() override;

private:
    Context& m_context;
    std::string m_provider;
    bool m_another = false;
    QLineEdit* m_label = nullptr;
    QLineEdit* m_key = nullptr;
};

} // namespace headgate::ui
