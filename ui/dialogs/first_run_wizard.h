// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// From nothing to the first routed request: provider, daily cap, client key, test request. Every
// step takes effect when it is left, so closing half way loses nothing. GUI thread only.

#include "ui/dialogs/wizard_steps.h"

#include <QDialog>

#include <vector>

class QStackedWidget;

namespace headgate::ui {

class StepRail;

class FirstRunWizard final : public QDialog {
    Q_OBJECT
public:
    enum class Step { Welcome, Provider, Cap, Key, Test, Finish };
    explicit FirstRunWizard(Context& context, QWidget* parent = nullptr);
    ~FirstRunWizard() override;
    void goTo(Step step);
    [[nodiscard]] Step step() const;

private:
    void next();
    void showButtons();
    [[nodiscard]] WizardStep* current() const;

    WizardKey m_key;
    QStackedWidget* m_stack = nullptr;
    StepRail* m_rail = nullptr;
    std::vector<WizardStep*> m_steps;
    QPushButton* m_back = nullptr;
    QPushButton* m_next = nullptr;
    QPushButton* m_later = nullptr;
    bool m_busy = false;
};

} // namespace headgate::ui
