// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// The pages of the first-run wizard: each collects its input, says what is wrong with it, and does
// its own change through the service when "Next" is pressed. GUI thread only.

#include "core/base/secret.h"
#include "ui/context.h"
#include "ui/dialogs/test_request.h"

#include <QWidget>

#include <functional>

class QCheckBox;
class QComboBox;
class QLabel;
class QLineEdit;
class QPushButton;
class QRadioButton;
class QVBoxLayout;

namespace headgate::ui {

class Chip;
class FormField;
class MoneyEdit;

class WizardStep : public QWidget {
    Q_OBJECT
public:
    WizardStep(Context& context, const QString& heading, const QString& words, QWidget* parent);
    /// Does the step's change; `done(true)` moves on. Nothing to do: moves on at once.
    // By value because the steps that have a change keep it until the change is answered.
    // NOLINTNEXTLINE(performance-unnecessary-value-param)
    virtual void commit(std::function<void(bool)> done) { done(true); }
    virtual void enter() { }
    [[nodiscard]] virtual QString nextText() const;

Q_SIGNALS:
    void nextChanged();

protected:
    [[nodiscard]] Context& context() const { return m_context; }
    [[nodiscard]] QVBoxLayout* body() const { return m_body; }

private:
    Context& m_context;
    QVBoxLayout* m_body = nullptr;
};

class WelcomeStep final : public WizardStep {
    Q_OBJECT
public:
    WelcomeStep(Context& context, QWidget* parent);
};

class ProviderStep final : public WizardStep {
    Q_OBJECT
public:
    ProviderStep(Context& context, QWidget* parent);
    void commit(std::function<void(bool)> done) override;

private:
    [[nodiscard]] bool check();
    void showOther(bool other);
    QRadioButton* m_sim = nullptr;
    QRadioButton* m_other = nullptr;
    QWidget* m_fields = nullptr;
    QComboBox* m_name = nullptr;
    QLineEdit* m_url = nullptr;
    QLineEdit* m_key = nullptr;
    FormField* m_nameField = nullptr;
    FormField* m_urlField = nullptr;
    FormField* m_keyField = nullptr;
    QString m_added; ///< so that going back and forth adds it once
};

class CapStep final : public WizardStep {
    Q_OBJECT
public:
    CapStep(Context& context, QWidget* parent);
    void enter() override;
    void commit(std::function<void(bool)> done) override;

private:
    MoneyEdit* m_cap = nullptr;
    FormField* m_field = nullptr;
    bool m_touched = false;
};

/// Shared between the key step, which makes it, and the test step, which uses it.
struct WizardKey {
    Secret key;
    QString name;
};

class KeyStep final : public WizardStep {
    Q_OBJECT
public:
    KeyStep(Context& context, WizardKey& made, QWidget* parent);
    void enter() override;
    void commit(std::function<void(bool)> done) override;
    [[nodiscard]] QString nextText() const override;

private:
    void showKey();
    void showSnippet();
    WizardKey& m_made;
    QLineEdit* m_name = nullptr;
    FormField* m_nameField = nullptr;
    QWidget* m_result = nullptr;
    QLineEdit* m_keyText = nullptr;
    QComboBox* m_kind = nullptr;
    QLabel* m_snippet = nullptr;
};

class TestStep final : public WizardStep {
    Q_OBJECT
public:
    TestStep(Context& context, WizardKey& key, QWidget* parent);
    void enter() override;

private:
    void send();
    void show(const TestAnswer& answer);
    WizardKey& m_key;
    TestRequest* m_request = nullptr;
    QLineEdit* m_prompt = nullptr;
    QPushButton* m_send = nullptr;
    QWidget* m_result = nullptr;
    Chip* m_state = nullptr;
    QLabel* m_answer = nullptr;
    QLabel* m_model = nullptr;
    QLabel* m_cost = nullptr;
    QLabel* m_reason = nullptr;
};

class FinishStep final : public WizardStep {
    Q_OBJECT
public:
    FinishStep(Context& context, QWidget* parent);
    void commit(std::function<void(bool)> done) override;
    [[nodiscard]] QString nextText() const override;
};

/// How a client is pointed here: "curl", "python", "node".
[[nodiscard]] QString clientSnippet(const QString& kind, const QString& url, const QString& key);

} // namespace headgate::ui
