// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Adding a model of a provider with its tier, context, prices and the models that stand in for it,
// or changing all of that but its name and prices (those are edited in the table). GUI thread only.

#include "ui/context.h"
#include "ui/dialogs/command_dialog.h"

#include <optional>

class QCheckBox;
class QComboBox;
class QLineEdit;
class QSpinBox;

namespace headgate::ui {

class FallbackEditor;

class ModelDialog final : public CommandDialog {
    Q_OBJECT
public:
    explicit ModelDialog(Context& context, QWidget* parent = nullptr);
    /// Edits a model that is there.
    ModelDialog(Context& context, const catalog::Model& model, QWidget* parent = nullptr);

protected:
    void submit() override;

private:
    void validate();
    void build();
    void fill(const catalog::Model& model);
    void offerFallbacks();
    void fillFromBook();
    [[nodiscard]] catalog::Model value() const;

    Context& m_context;
    std::optional<catalog::Model> m_edited;
    QComboBox* m_provider = nullptr;
    QLineEdit* m_name = nullptr;
    QSpinBox* m_tier = nullptr;
    QLineEdit* m_contextTokens = nullptr;
    QLineEdit* m_maxOutput = nullptr;
    QLineEdit* m_input = nullptr;
    QLineEdit* m_output = nullptr;
    QCheckBox* m_tools = nullptr;
    QCheckBox* m_images = nullptr;
    FallbackEditor* m_fallbacks = nullptr;
    FormField* m_nameField = nullptr;
    FormField* m_contextField = nullptr;
    FormField* m_maxOutputField = nullptr;
    FormField* m_inputField = nullptr;
    FormField* m_outputField = nullptr;
};

} // namespace headgate::ui
