// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// How Headgate talks to one provider: address, calls at once, timeouts, proxy, authorities,
// discount. Keys have a dialog of their own. GUI thread only.

#include "ui/context.h"
#include "ui/dialogs/command_dialog.h"

#include <optional>

class QCheckBox;
class QComboBox;
class QLineEdit;
class QSpinBox;

namespace headgate::ui {

/// "10", "10 s", "500 ms", "2 min" in milliseconds; empty: 0 (the default). Nothing: not a time.
[[nodiscard]] std::optional<int> timeoutMs(const QString& text);
/// "5", "5 %", "12.5%" in permille; empty: 0. Nothing: not a discount.
[[nodiscard]] std::optional<int> discountPermille(const QString& text);

class ProviderSettingsDialog final : public CommandDialog {
    Q_OBJECT
public:
    ProviderSettingsDialog(
        Context& context, const catalog::Provider& provider, QWidget* parent = nullptr);

protected:
    void submit() override;

private:
    struct Field {
        QLineEdit* edit = nullptr;
        FormField* field = nullptr;
    };
    Field line(const QString& label, const char* name, const QString& text);
    void row(const std::vector<Field>& fields);
    void buildLimits();
    void buildProxy();
    void buildRest();
    void chooseCaFile();
    void validate();
    [[nodiscard]] bool validTimes();
    [[nodiscard]] bool validProxy();
    [[nodiscard]] bool validCaFile();
    [[nodiscard]] catalog::Provider value() const;

    Context& m_context;
    catalog::Provider m_before;
    Field m_url, m_discount, m_connect, m_firstByte, m_idle, m_proxyUrl, m_proxyAuth, m_caFile;
    QSpinBox* m_calls = nullptr;
    QComboBox* m_proxy = nullptr;
    QComboBox* m_rotation = nullptr;
    QCheckBox* m_forgetAuth = nullptr;
    QCheckBox* m_keyless = nullptr;
    QCheckBox* m_responses = nullptr;
    QCheckBox* m_usage = nullptr;
};

} // namespace headgate::ui
