// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Adding a provider and changing its key. The key goes straight to the service's secret store and
// is never shown again. GUI thread only.

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
    void choosePreset(int index);
    void validate();

    Context& m_context;
    std::vector<catalog::Provider> m_presets;
    QComboBox* m_preset = nullptr;
    QLineEdit* m_name = nullptr;
    QLineEdit* m_url = nullptr;
    QLineEdit* m_key = nullptr;
    QCheckBox* m_bookModels = nullptr;
    FormField* m_nameField = nullptr;
    FormField* m_urlField = nullptr;
    FormField* m_keyField = nullptr;
};

class ProviderKeyDialog final : public CommandDialog {
    Q_OBJECT
public:
    ProviderKeyDialog(Context& context, const std::string& provider, QWidget* parent = nullptr);

protected:
    void submit() override;

private:
    Context& m_context;
    std::string m_provider;
    QLineEdit* m_key = nullptr;
};

} // namespace headgate::ui
