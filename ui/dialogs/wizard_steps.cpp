// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/dialogs/wizard_steps.h"

#include "core/catalog/price_book.h"
#include "ui/models/cells.h"
#include "ui/widgets/widgets.h"

#include <QApplication>
#include <QClipboard>
#include <QComboBox>
#include <QFontDatabase>
#include <QFormLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QLineEdit>
#include <QPushButton>
#include <QRadioButton>
#include <QUrl>
#include <QVBoxLayout>

#include <algorithm>

namespace headgate::ui {

namespace {

/// The pool the wizard sets: the first hard one over the organisation with a daily window.
std::optional<ledger::Pool> dayPool(const service::Config& config)
{
    for (const ledger::Pool& pool : config.pools) {
        if (!pool.archived && pool.hard && pool.scope.kind == ledger::ScopeKind::Org
            && pool.window.kind == ledger::WindowKind::Fixed && pool.window.period == Period::Day) {
            return pool;
        }
    }
    return std::nullopt;
}

QLabel* words(const QString& text, QWidget* parent)
{
    auto* label = new QLabel(text, parent);
    label->setTextFormat(Qt::PlainText);
    label->setWordWrap(true);
    return label;
}

} // namespace

QString clientSnippet(const QString& kind, const QString& url, const QString& key)
{
    if (kind == QLatin1String("python")) {
        return QStringLiteral(
            "from openai import OpenAI\n\nclient = OpenAI(base_url=\"%1/v1\", api_key=\"%2\")\n"
            "answer = client.chat.completions.create(\n    model=\"auto\",\n"
            "    messages=[{\"role\": \"user\", \"content\": \"Hello\"}])\n"
            "print(answer.choices[0].message.content)")
            .arg(url, key);
    }
    if (kind == QLatin1String("node")) {
        return QStringLiteral(
            "import OpenAI from \"openai\";\n\nconst client = new OpenAI({\n  baseURL: \"%1/v1\",\n"
            "  apiKey: \"%2\" });\nconst answer = await client.chat.completions.create({\n"
            "  model: \"auto\",\n  messages: [{ role: \"user\", content: \"Hello\" }] });")
            .arg(url, key);
    }
    return QStringLiteral(
        "curl %1/v1/chat/completions \\\n  -H \"Authorization: Bearer %2\" \\\n"
        "  -H \"Content-Type: application/json\" \\\n"
        "  -d '{\"model\":\"auto\",\"messages\":[{\"role\":\"user\",\"content\":\"Hello\"}]}'")
        .arg(url, key);
}

WizardStep::WizardStep(
    Context& context, const QString& heading, const QString& text, QWidget* parent)
    : QWidget(parent),
      m_context(context),
      m_body(new QVBoxLayout(this))
{
    m_body->setContentsMargins(0, 0, 0, 0);
    m_body->setSpacing(Theme::space3);
    m_body->addWidget(headingLabel(heading, 6, this));
    auto* label = mutedLabel(text, this);
    label->setWordWrap(true);
    m_body->addWidget(label);
    m_body->addSpacing(Theme::space1);
}

QString WizardStep::nextText() const
{
    return tr("Next");
}

WelcomeStep::WelcomeStep(Context& context, QWidget* parent)
    : WizardStep(context, tr("Welcome to Headgate"),
        tr("A proxy on this machine that sends each request to the cheapest capable model and "
           "never spends more than you allow."),
        parent)
{
    const std::array<QString, 4> lines{
        tr("Money is set aside before a request leaves and settled after the answer."),
        tr("An empty budget means one clear refusal, never a surprise on the bill."),
        tr("Every decision is recorded with its reason."),
        tr("Texts of prompts and answers are not stored."),
    };
    for (const QString& line : lines) {
        auto* row = new QHBoxLayout;
        row->setSpacing(Theme::space2 + 2);
        auto* mark = new QLabel(this);
        mark->setPixmap(icon(QStringLiteral("check-circle")).pixmap(20));
        row->addWidget(mark, 0, Qt::AlignTop);
        row->addWidget(words(line, this), 1);
        body()->addLayout(row);
    }
    body()->addStretch(1);
}

ProviderStep::ProviderStep(Context& context, QWidget* parent)
    : WizardStep(context, tr("Where do requests go?"),
        tr("Start with the simulated provider: it costs nothing and behaves like a real one. You "
           "can add others at any time."),
        parent)
{
    m_sim = new QRadioButton(tr("Simulated provider (no account, no cost)"), this);
    m_sim->setObjectName(QStringLiteral("wizardProviderSim"));
    m_sim->setChecked(true);
    m_other = new QRadioButton(tr("A provider with an account or a server of your own"), this);
    m_other->setObjectName(QStringLiteral("wizardProviderOther"));
    m_fields = new QWidget(this);
    auto* form = new QVBoxLayout(m_fields);
    form->setContentsMargins(24, 0, 0, 0);
    form->setSpacing(Theme::space3);
    m_name = new QComboBox(m_fields);
    m_name->setObjectName(QStringLiteral("wizardProviderName"));
    m_name->setEditable(true);
    for (const catalog::Provider& preset : catalog::providerPresets()) {
        m_name->addItem(toQt(preset.name), toQt(preset.baseUrl));
    }
    m_url = new QLineEdit(m_fields);
    m_url->setObjectName(QStringLiteral("wizardProviderUrl"));
    m_url->setPlaceholderText(QStringLiteral("https://api.example.com/v1"));
    m_url->setText(m_name->currentData().toString());
    m_key = new QLineEdit(m_fields);
    m_key->setObjectName(QStringLiteral("wizardProviderKey"));
    m_key->setEchoMode(QLineEdit::Password);
    m_nameField = new FormField(tr("Name"), m_name, m_fields);
    m_urlField = new FormField(tr("Base URL"), m_url, m_fields);
    m_keyField = new FormField(tr("Key of the provider"), m_key, m_fields);
    m_keyField->setHint(tr("Kept in the secret store of this machine; empty for local servers."));
    form->addWidget(m_nameField);
    form->addWidget(m_urlField);
    form->addWidget(m_keyField);
    body()->addWidget(m_sim);
    body()->addWidget(m_other);
    body()->addWidget(m_fields);
    body()->addStretch(1);
    connect(m_other, &QRadioButton::toggled, this, &ProviderStep::showOther);
    connect(m_name, &QComboBox::activated, this,
        [this] { m_url->setText(m_name->currentData().toString()); });
    showOther(false);
}

void ProviderStep::showOther(bool other)
{
    m_fields->setVisible(other);
}

bool ProviderStep::check()
{
    const QUrl url(m_url->text().trimmed(), QUrl::StrictMode);
    const bool web = url.isValid() && !url.host().isEmpty()
        && (url.scheme() == QLatin1String("https") || url.scheme() == QLatin1String("http"));
    m_urlField->setProblem(
        web ? QString() : tr("Write the whole address, for example https://api.openai.com/v1."));
    const QString name = m_name->currentText().trimmed();
    m_nameField->setProblem(
        name.isEmpty() ? tr("Give the provider a short name, for example openai.") : QString());
    return web && !name.isEmpty();
}

void ProviderStep::commit(std::function<void(bool)> done)
{
    const QString name = m_name->currentText().trimmed().toLower();
    if (m_sim->isChecked() || m_added == name) {
        done(true);
        return;
    }
    if (!check()) {
        done(false);
        return;
    }
    auto fresh = std::make_shared<service::NewProvider>();
    fresh->name = fromQt(name);
    fresh->url = fromQt(m_url->text().trimmed());
    if (const auto preset = catalog::providerPreset(fresh->name)) {
        fresh->dialect = preset->dialect;
    }
    fresh->key = Secret(fromQt(m_key->text().trimmed()));
    service::Service& service = context().service();
    context().run(
        [&service, fresh]() -> Result<void> {
            auto added = service.addProvider(std::move(*fresh), "console");
            return added ? Result<void>() : Result<void>(added.error());
        },
        [this, name, done](const Result<void>& result) {
            if (result) {
                m_added = name;
            } else {
                m_nameField->setProblem(toQt(result.error().text()));
            }
            done(result.has_value());
            return true;
        });
}

CapStep::CapStep(Context& context, QWidget* parent)
    : WizardStep(context, tr("How much may be spent a day?"),
        tr("A hard cap over everything: when it is reached, requests are refused until midnight. "
           "You can add finer pools for "
           "teams, users and keys later."),
        parent)
{
    m_cap = new MoneyEdit(this);
    m_cap->lineEdit()->setObjectName(QStringLiteral("wizardCap"));
    m_cap->setMaximumWidth(260);
    m_field = new FormField(tr("Cap a day"), m_cap, this);
    body()->addWidget(m_field);
    body()->addStretch(1);
    connect(m_cap, &MoneyEdit::edited, this, [this] { m_touched = true; });
}

void CapStep::enter()
{
    if (!m_touched) {
        const auto pool = dayPool(*context().service().config());
        m_cap->setMoney(pool ? pool->cap : Money::fromCents(2500));
        m_touched = false;
    }
    m_cap->setFocus();
}

void CapStep::commit(std::function<void(bool)> done)
{
    const auto cap = m_cap->money();
    if (!cap) {
        m_field->setProblem(tr("Write an amount first, for example 25."));
        done(false);
        return;
    }
    m_field->setProblem(QString());
    const auto pool = dayPool(*context().service().config());
    if (pool && pool->cap == *cap) {
        done(true);
        return;
    }
    service::Service& service = context().service();
    context().run(
        [&service, pool, cap = *cap]() -> Result<void> {
            if (pool) {
                service::PoolEdit edit;
                edit.cap = cap;
                auto changed = service.editPool(pool->id, edit, "console");
                return changed ? Result<void>() : Result<void>(changed.error());
            }
            service::NewPool fresh;
            fresh.name = "organisation-day";
            fresh.cap = cap;
            auto added = service.addPool(fresh, "console");
            return added ? Result<void>() : Result<void>(added.error());
        },
        [this, done](const Result<void>& result) {
            m_field->setProblem(result ? QString() : toQt(result.error().text()));
            done(result.has_value());
            return true;
        });
}

KeyStep::KeyStep(Context& context, WizardKey& made, QWidget* parent)
    : WizardStep(context, tr("A key for your first client"),
        tr("Each client gets its own key, so that its spend can be seen, capped and cut off "
           "alone."),
        parent),
      m_made(made)
{
    m_name = new QLineEdit(QStringLiteral("first-client"), this);
    m_name->setObjectName(QStringLiteral("wizardKeyName"));
    m_nameField = new FormField(tr("Name of the client"), m_name, this);
    body()->addWidget(m_nameField);
    m_result = new QWidget(this);
    auto* result = new QVBoxLayout(m_result);
    result->setContentsMargins(0, 0, 0, 0);
    result->setSpacing(Theme::space2);
    auto* row = new QHBoxLayout;
    m_keyText = new QLineEdit(m_result);
    m_keyText->setObjectName(QStringLiteral("wizardKeyText"));
    m_keyText->setReadOnly(true);
    m_keyText->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    auto* copy = new QPushButton(icon(QStringLiteral("copy")), tr("Copy"), m_result);
    copy->setObjectName(QStringLiteral("wizardCopyKey"));
    row->addWidget(m_keyText, 1);
    row->addWidget(copy);
    auto* keyBox = new QWidget(m_result);
    row->setContentsMargins(0, 0, 0, 0);
    keyBox->setLayout(row);
    auto* keyField = new FormField(tr("The key"), keyBox, m_result);
    keyField->setHint(tr("Shown only now. Headgate keeps a fingerprint, not the key."));
    m_keyText->setAccessibleName(tr("The key"));
    result->addWidget(keyField);
    auto* head = new QHBoxLayout;
    head->addWidget(words(tr("Point a client here:"), m_result), 1);
    m_kind = new QComboBox(m_result);
    m_kind->setAccessibleName(tr("Kind of client"));
    m_kind->addItem(QStringLiteral("curl"), QStringLiteral("curl"));
    m_kind->addItem(QStringLiteral("OpenAI SDK (Python)"), QStringLiteral("python"));
    m_kind->addItem(QStringLiteral("OpenAI SDK (Node)"), QStringLiteral("node"));
    auto* copySnippet = new QPushButton(icon(QStringLiteral("copy")), tr("Copy"), m_result);
    copySnippet->setAccessibleName(tr("Copy the example"));
    head->addWidget(m_kind);
    head->addWidget(copySnippet);
    result->addLayout(head);
    m_snippet = new QLabel(m_result);
    m_snippet->setTextFormat(Qt::PlainText);
    m_snippet->setFont(QFontDatabase::systemFont(QFontDatabase::FixedFont));
    m_snippet->setMargin(Theme::space3);
    m_snippet->setAutoFillBackground(true);
    m_snippet->setBackgroundRole(QPalette::AlternateBase);
    m_snippet->setSizePolicy(QSizePolicy::Ignored, QSizePolicy::Preferred);
    m_snippet->setTextInteractionFlags(Qt::TextSelectableByMouse);
    result->addWidget(m_snippet);
    body()->addWidget(m_result);
    body()->addStretch(1);
    m_result->hide();
    connect(copy, &QPushButton::clicked, this,
        [this] { QApplication::clipboard()->setText(m_keyText->text()); });
    connect(copySnippet, &QPushButton::clicked, this, [this] {
        QApplication::clipboard()->setText(clientSnippet(m_kind->currentData().toString(),
            toQt(this->context().service().status().url), m_keyText->text()));
    });
    connect(m_kind, &QComboBox::currentIndexChanged, this, &KeyStep::showSnippet);
}

QString KeyStep::nextText() const
{
    return m_made.key.empty() ? tr("Make the key") : tr("Next");
}

void KeyStep::enter()
{
    if (!m_made.key.empty()) {
        showKey();
        return;
    }
    // The name may be taken by an earlier run of the setup.
    const auto config = context().service().config();
    const auto taken = [&config](const QString& name) {
        return std::any_of(
            config->keys.begin(), config->keys.end(), [&](const service::KeyRecord& key) {
                return key.revokedAtUs == 0 && toQt(key.name) == name;
            });
    };
    const QString base = m_name->text();
    for (int i = 2; taken(m_name->text()) && i < 100; ++i) {
        m_name->setText(QStringLiteral("%1-%2").arg(base).arg(i));
    }
    m_name->setFocus();
}

void KeyStep::showKey()
{
    m_keyText->setText(toQt(m_made.key.reveal()));
    m_keyText->setCursorPosition(0);
    m_nameField->setEnabled(false);
    m_result->show();
    showSnippet();
}

void KeyStep::showSnippet()
{
    // Short on show, whole on the clipboard: the line must not be cut.
    const QString brief = m_keyText->text().left(6) + QStringLiteral("…");
    m_snippet->setText(clientSnippet(
        m_kind->currentData().toString(), toQt(context().service().status().url), brief));
}

void KeyStep::commit(std::function<void(bool)> done)
{
    if (!m_made.key.empty()) {
        done(true);
        return;
    }
    const QString name = m_name->text().trimmed();
    if (name.isEmpty()) {
        m_nameField->setProblem(tr("Give the client a name, for example my-laptop."));
        done(false);
        return;
    }
    auto made = std::make_shared<std::optional<service::CreatedKey>>();
    service::Service& service = context().service();
    context().run(
        [&service, made, name]() -> Result<void> {
            service::NewKey fresh;
            fresh.name = fromQt(name);
            auto created = service.createKey(fresh, "console");
            if (!created) {
                return created.error();
            }
            *made = std::move(*created);
            return {};
        },
        [this, made, name, done](const Result<void>& result) {
            m_nameField->setProblem(result ? QString() : toQt(result.error().text()));
            if (result) {
                m_made.key = std::move((*made)->key);
                m_made.name = name;
                showKey();
                Q_EMIT nextChanged();
            }
            done(false); // stays: the key must be seen before going on
            return true;
        });
}

TestStep::TestStep(Context& context, WizardKey& key, QWidget* parent)
    : WizardStep(context, tr("Send the first request"),
        tr("A real request goes through the proxy with the new key and the model “auto”: Headgate "
           "chooses."),
        parent),
      m_key(key),
      m_request(new TestRequest(this))
{
    m_prompt = new QLineEdit(tr("In one sentence: why is the sky blue?"), this);
    m_prompt->setObjectName(QStringLiteral("wizardPrompt"));
    body()->addWidget(new FormField(tr("Question"), m_prompt, this));
    m_send = primaryButton(tr("Send"), this);
    m_send->setObjectName(QStringLiteral("wizardSend"));
    body()->addWidget(m_send, 0, Qt::AlignLeft);
    m_result = new QWidget(this);
    auto* box = new QVBoxLayout(m_result);
    box->setContentsMargins(0, Theme::space2, 0, 0);
    box->setSpacing(Theme::space2);
    m_state = new Chip(m_result);
    box->addWidget(m_state);
    m_answer = words(QString(), m_result);
    m_answer->setObjectName(QStringLiteral("wizardAnswer"));
    m_answer->setTextInteractionFlags(Qt::TextSelectableByMouse);
    box->addWidget(m_answer);
    auto* form = new QFormLayout;
    form->setHorizontalSpacing(Theme::space4);
    const auto line = [&](const QString& title, const char* name) {
        auto* value = words(QString(), m_result);
        value->setObjectName(QString::fromLatin1(name));
        form->addRow(mutedLabel(title, m_result), value);
        return value;
    };
    m_model = line(tr("Model"), "wizardModel");
    m_cost = line(tr("Cost"), "wizardCost");
    m_reason = line(tr("Why"), "wizardReason");
    box->addLayout(form);
    body()->addWidget(m_result);
    body()->addStretch(1);
    m_result->hide();
    connect(m_send, &QPushButton::clicked, this, &TestStep::send);
    connect(m_prompt, &QLineEdit::returnPressed, this, &TestStep::send);
    connect(m_request, &TestRequest::answered, this, &TestStep::show);
}

void TestStep::enter()
{
    m_send->setFocus();
}

void TestStep::send()
{
    const QString url = toQt(context().service().status().url);
    if (url.isEmpty()) {
        show({false, 0, tr("The proxy is not running. See the message at the top of the window."),
            {}, {}, {}});
        return;
    }
    m_send->setEnabled(false);
    m_send->setText(tr("Waiting for the answer…"));
    m_request->send(url, m_key.key, m_prompt->text().trimmed());
}

void TestStep::show(const TestAnswer& answer)
{
    m_send->setEnabled(true);
    m_send->setText(tr("Send again"));
    m_state->set(answer.ok           ? tr("Answered")
            : answer.httpStatus == 0 ? tr("No connection")
                                     : tr("Refused with %1").arg(answer.httpStatus),
        answer.ok ? Chip::Tone::Ok : Chip::Tone::Danger);
    const QString text = answer.text.simplified();
    m_answer->setText(text.size() > 400 ? text.left(400) + QStringLiteral("…") : text);
    m_model->setText(answer.model);
    const auto cost = Money::parse(fromQt(answer.cost));
    m_cost->setText(cost ? moneyText(*cost) : answer.cost);
    m_cost->setToolTip(cost ? exactMoneyText(*cost) : QString());
    m_reason->setText(answer.reason);
    m_result->show();
}

FinishStep::FinishStep(Context& context, QWidget* parent)
    : WizardStep(context, tr("All set"),
        tr("The console stays as you leave it; the proxy serves as long as Headgate runs."), parent)
{
    const std::array<QString, 3> lines{
        tr("Overview shows spend, budgets and the last decisions, live."),
        tr("Budgets is where caps for teams, users and keys are set."),
        tr("“Demo” in the status bar sends simulated traffic, to see it all move."),
    };
    for (const QString& line : lines) {
        body()->addWidget(words(QStringLiteral("•  ") + line, this));
    }
    body()->addStretch(1);
}

QString FinishStep::nextText() const
{
    return tr("Open the console");
}

void FinishStep::commit(std::function<void(bool)> done)
{
    service::Service& service = context().service();
    context().run(
        [&service]() -> Result<void> {
            service::Settings settings = service.config()->settings;
            if (settings.firstRunDone) {
                return {};
            }
            settings.firstRunDone = true;
            return service.setSettings(settings, "console");
        },
        [done](const Result<void>& result) {
            done(true);
            return result.has_value();
        });
}

} // namespace headgate::ui
