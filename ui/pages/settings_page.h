// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Appearance, the default zone of new pools, how durable the ledger is, where the files are.
// Changes apply at once, except the ledger's durability. GUI thread only.

#include "ui/pages/page.h"

class QComboBox;
class QCheckBox;
class QLabel;
class QSpinBox;

namespace headgate::ui {

class FormField;

class SettingsPage final : public Page {
    Q_OBJECT
public:
    explicit SettingsPage(Context& context, QWidget* parent = nullptr);
    [[nodiscard]] QString title() const override;
    void activate() override;

private:
    void show();
    void change(const QString& text, const std::function<void(service::Settings&)>& edit);
    void applyZone();
    void applyLoops();
    QWidget* buildAppearance();
    QWidget* buildLedger();
    QWidget* buildLoops();
    QWidget* buildFiles();

    QComboBox* m_theme = nullptr;
    QComboBox* m_zone = nullptr;
    FormField* m_zoneField = nullptr;
    QCheckBox* m_powerSafe = nullptr;
    QCheckBox* m_loopsOn = nullptr;
    QSpinBox* m_loopRepeats = nullptr;
    QSpinBox* m_loopWithin = nullptr;
    QSpinBox* m_loopTools = nullptr;
    QCheckBox* m_loopAll = nullptr;
    QLabel* m_home = nullptr;
    QLabel* m_version = nullptr;
};

} // namespace headgate::ui
