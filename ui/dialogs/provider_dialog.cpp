// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/dialogs/provider_dialog.h"

#include "core/base/limits.h"
#include "core/catalog/price_book.h"
#include "ui/models/cells.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHostAddress>
#include <QLineEdit>
#include <QRegularExpression>
#include <QUrl>
#include <QVBoxLayout>

#include <algorithm>

namespace headgate::ui {

namespace {

QLineEdit* keyEdit(QWidget* parent)
{
    auto* edit = new QLineEdit(parent);
    edit->setObjectName(QStringLiteral("providerKey"));
    edit->setEchoMode(QLineEdit::Password);
    edit->setMinimumHeight(Theme::controlHeight);
    edit->setMaxLength(4'096);
    return edit;
}

bool isLoopback(const QString& host)
{
    return host == QStringLiteral("localhost") || QHostAddress(host).isLoopback();
}

} // namespace

QString urlProblem(const QString& text)
{
    if (text.trimmed().isEmpty()) {
        return ProviderDialog::tr("Write the base address, like https://api.example.com/v1.");
    }
    const QUrl url(text.trimmed(), QUrl::StrictMode);
    if (!url.isValid() || url.host().isEmpty()
        || (url.scheme() != QStringLiteral("https") && url.scheme() != QStringLiteral("http"))) {
        return ProviderDialog::tr(
            "This is not an address. It starts with https:// and a host name.");
    }
    if (!url.userInfo().isEmpty()) {
        return ProviderDialog::tr(
            "Leave user and password out of the address; the key has its own field.");
    }
    if (url.hasQuery() || url.hasFragment()) {
        return ProviderDialog::tr("Leave out what follows “?” or “#”; the key has its own field.");
    }
    if (url.path().endsWith(QStringLiteral("/chat/completions"))) {
        return ProviderDialog::tr("Leave out /chat/completions; Headgate adds it.");
    }
    if (url.scheme() == QStringLiteral("http") && !isLoopback(url.host())) {
        return ProviderDialog::tr("Use https:// so that the key and the prompts travel encrypted.");
    }
    return {};
}

ProviderDialog::ProviderDialog(Context& context, QWidget* parent)
    : CommandDialog(tr("Add a provider"), tr("Add provider"), parent),
      m_context(context)
{
    setObjectName(QStringLiteral("providerDialog"));
    m_presets = catalog::providerPresets();
    m_preset = new QComboBox(this);
    m_preset->setObjectName(QStringLiteral("providerPreset"));
    m_preset->addItem(tr("Any OpenAI-compatible server"));
    for (const auto& preset : m_presets) {
        m_preset->addItem(toQt(preset.name));
    }
    addField(tr("Provider"), m_preset);
    m_name = new QLineEdit(this);
    m_name->setObjectName(QStringLiteral("providerName"));
    m_name->setMaxLength(int(limits::nameBytesMax));
    m_nameField = addField(tr("Name in Headgate"), m_name);
    m_url = new QLineEdit(this);
    m_url->setObjectName(QStringLiteral("providerUrl"));
    m_url->setPlaceholderText(QStringLiteral("https://api.example.com/v1"));
    m_urlField = addField(tr("Base address"), m_url);
    m_key = keyEdit(this);
    m_keyField = addField(tr("API key"), m_key);
    m_keyField->setHint(
        tr("Kept in the secret store of this computer. Leave empty for a local server."));
    m_bookModels = new QCheckBox(tr("Add the models and prices known for this provider"), this);
    m_bookModels->setObjectName(QStringLiteral("bookModels"));
    m_bookModels->setChecked(true);
    body()->addWidget(m_bookModels);
    connect(m_preset, &QComboBox::currentIndexChanged, this, &ProviderDialog::choosePreset);
    for (auto* edit : {m_name, m_url, m_key}) {
        connect(edit, &QLineEdit::textChanged, this, &ProviderDialog::validate);
    }
    validate();
    m_preset->setFocus();
}

void ProviderDialog::choosePreset(int index)
{
    if (index > 0) {
        const auto& preset = m_presets[std::size_t(index - 1)];
        m_name->setText(toQt(preset.name));
        m_url->setText(toQt(preset.baseUrl));
        m_key->setFocus();
    }
    validate();
}

void ProviderDialog::validate()
{
    static const QRegularExpression form(QStringLiteral("^[a-z0-9][a-z0-9._-]*$"));
    const auto name = m_name->text().trimmed();
    const auto config = m_context.service().config();
    QString nameProblem;
    if (name.isEmpty()) {
        m_nameField->setHint(tr("Model ids begin with it: name/model."));
    } else if (!form.match(name).hasMatch()) {
        nameProblem = tr("Use lower-case letters, digits, dot, dash and underscore.");
    } else if (std::any_of(config->providers.begin(), config->providers.end(),
                   [&](const auto& other) { return other.name == fromQt(name); })) {
        nameProblem = tr("A provider of that name exists. Choose another name.");
    }
    m_nameField->setProblem(nameProblem);
    const auto problem = urlProblem(m_url->text());
    m_urlField->setHint(m_url->text().isEmpty() ? problem : QString());
    m_urlField->setProblem(m_url->text().isEmpty() ? QString() : problem);
    const bool keyBad = m_key->text().contains(QRegularExpression(QStringLiteral("\\s")));
    m_keyField->setProblem(
        keyBad ? tr("A key holds no spaces or line breaks. Paste it again.") : QString());
    setAcceptable(!name.isEmpty() && nameProblem.isEmpty() && problem.isEmpty() && !keyBad);
}

void ProviderDialog::submit()
{
    auto provider = std::make_shared<service::NewProvider>();
    provider->name = fromQt(m_name->text().trimmed());
    if (m_preset->currentIndex() > 0) {
        provider->dialect = m_presets[std::size_t(m_preset->currentIndex() - 1)].dialect;
    }
    provider->url = fromQt(m_url->text().trimmed());
    provider->key = Secret(fromQt(m_key->text()));
    provider->addBookModels = m_bookModels->isChecked();
    auto& service = m_context.service();
    m_context.runUndoable(
        tr("Add provider %1").arg(safeText(provider->name)),
        [&service, provider]() -> Result<void> {
            service::NewProvider copy;
            copy.name = provider->name;
            copy.dialect = provider->dialect;
            copy.url = provider->url;
            copy.key = provider->key.clone();
            copy.addBookModels = provider->addBookModels;
            const auto added = service.addProvider(std::move(copy), "console");
            return added ? Result<void>() : Result<void>(added.error());
        },
        [self = QPointer(this)](
            const Result<void>& result) { return self ? self->commandDone(result) : false; });
}

ProviderKeyDialog::ProviderKeyDialog(Context& context, const std::string& provider, QWidget* parent)
    : CommandDialog(tr("Key of %1").arg(safeText(provider)), tr("Save key"), parent),
      m_context(context),
      m_provider(provider)
{
    setObjectName(QStringLiteral("providerKeyDialog"));
    m_key = keyEdit(this);
    auto* field = addField(tr("API key"), m_key);
    field->setHint(tr("Replaces the present key at once. It is not shown again."));
    auto validate = [this, field] {
        const bool bad = m_key->text().contains(QRegularExpression(QStringLiteral("\\s")));
        field->setProblem(
            bad ? tr("A key holds no spaces or line breaks. Paste it again.") : QString());
        setAcceptable(!bad && !m_key->text().isEmpty());
    };
    connect(m_key, &QLineEdit::textChanged, this, validate);
    validate();
    m_key->setFocus();
}

void ProviderKeyDialog::submit()
{
    auto key = std::make_shared<Secret>(fromQt(m_key->text()));
    auto& service = m_context.service();
    m_context.run(
        [&service, key, name = m_provider] {
            return service.setProviderKey(name, key->clone(), "console");
        },
        [self = QPointer(this)](
            const Result<void>& result) { return self ? self->commandDone(result) : false; });
}

} // namespace headgate::ui
