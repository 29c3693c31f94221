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
#include <iterator>
#include <map>

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

/// Names as their makers write them, with what they speak where that is not OpenAI's chat.
QString presetWords(const catalog::Provider& preset)
{
    static const std::map<std::string, QString> names{{"openai", QStringLiteral("OpenAI")},
        {"anthropic", QStringLiteral("Anthropic")}, {"google", QStringLiteral("Google Gemini")},
        {"openrouter", QStringLiteral("OpenRouter")}, {"groq", QStringLiteral("Groq")},
        {"mistral", QStringLiteral("Mistral")}, {"deepseek", QStringLiteral("DeepSeek")},
        {"xai", QStringLiteral("xAI")}, {"together", QStringLiteral("Together")},
        {"vllm", QStringLiteral("vLLM")}, {"litellm", QStringLiteral("LiteLLM")},
        {"lmstudio", QStringLiteral("LM Studio")}, {"ollama", QStringLiteral("Ollama")}};
    const auto known = names.find(preset.name);
    const auto name = known == names.end() ? toQt(preset.name) : known->second;
    return preset.needsKey ? name : ProviderDialog::tr("%1 (this computer)").arg(name);
}

QString exampleUrl(catalog::Dialect dialect)
{
    switch (dialect) {
    case catalog::Dialect::Gemini:
        return QStringLiteral("https://api.example.com/v1beta");
    case catalog::Dialect::Ollama:
        return QStringLiteral("http://127.0.0.1:11434");
    case catalog::Dialect::OpenAi:
    case catalog::Dialect::Anthropic:
        break;
    }
    return QStringLiteral("https://api.example.com/v1");
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
    m_preset = new QComboBox(this);
    m_preset->setObjectName(QStringLiteral("providerPreset"));
    m_preset->setMaxVisibleItems(20);
    fillPresets();
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
    m_responses = new QCheckBox(tr("Serves the Responses protocol, too (…/responses)"), this);
    m_responses->setObjectName(QStringLiteral("providerResponses"));
    body()->addWidget(m_responses);
    connect(m_preset, &QComboBox::currentIndexChanged, this, &ProviderDialog::choosePreset);
    for (auto* edit : {m_name, m_url, m_key}) {
        connect(edit, &QLineEdit::textChanged, this, &ProviderDialog::validate);
    }
    choosePreset();
    m_preset->setFocus();
}

/// Presets by name, then the protocols for servers that nobody has heard of.
void ProviderDialog::fillPresets()
{
    for (auto& preset : catalog::providerPresets()) {
        m_preset->addItem(presetWords(preset));
        m_presets.push_back(std::move(preset));
    }
    m_preset->insertSeparator(m_preset->count());
    m_presets.emplace_back(); // the separator is counted
    const std::pair<QString, catalog::Dialect> others[]
        = {{tr("Any OpenAI-compatible server"), catalog::Dialect::OpenAi},
            {tr("Any server that speaks Anthropic Messages"), catalog::Dialect::Anthropic},
            {tr("Any server that speaks Gemini"), catalog::Dialect::Gemini},
            {tr("Any Ollama server"), catalog::Dialect::Ollama}};
    for (const auto& [text, dialect] : others) {
        catalog::Provider other;
        other.dialect = dialect;
        m_preset->addItem(text);
        m_presets.push_back(std::move(other));
    }
    m_preset->setCurrentIndex(m_preset->count() - int(std::size(others)));
}

const catalog::Provider& ProviderDialog::chosen() const
{
    return m_presets[std::size_t(std::max(m_preset->currentIndex(), 0))];
}

void ProviderDialog::choosePreset()
{
    const auto& preset = chosen();
    if (!preset.name.empty()) {
        auto name = toQt(preset.name);
        const auto config = m_context.service().config();
        const auto taken = [&] {
            return std::any_of(config->providers.begin(), config->providers.end(),
                [&](const auto& other) { return other.name == fromQt(name); });
        };
        for (int number = 2; taken(); ++number) {
            name = toQt(preset.name) + QLatin1Char('-') + QString::number(number);
        }
        m_name->setText(name);
        m_url->setText(toQt(preset.baseUrl));
        (preset.needsKey ? static_cast<QWidget*>(m_key) : m_url)->setFocus();
    }
    m_responses->setVisible(preset.dialect == catalog::Dialect::OpenAi);
    m_responses->setChecked(preset.servesResponses);
    m_keyField->setHint(preset.needsKey || preset.name.empty()
            ? tr("Kept in the secret store of this computer. Leave empty for a local server.")
            : tr("Most servers of this kind need none."));
    m_url->setPlaceholderText(exampleUrl(preset.dialect));
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

catalog::Provider ProviderDialog::value() const
{
    const auto& preset = chosen();
    auto provider = catalog::providerFor(
        fromQt(m_name->text().trimmed()), preset.dialect, fromQt(m_url->text().trimmed()));
    if (!preset.name.empty()) { // what the API understands stays, whatever it is called here
        provider.injectUsage = preset.injectUsage;
        provider.ceilingField = preset.ceilingField;
        provider.needsKey = preset.needsKey;
    } else if (m_key->text().isEmpty()) {
        provider.needsKey = false;
    }
    provider.servesResponses
        = preset.dialect == catalog::Dialect::OpenAi && m_responses->isChecked();
    return provider;
}

void ProviderDialog::submit()
{
    const auto provider = value();
    auto key = std::make_shared<Secret>(fromQt(m_key->text()));
    const bool bookModels = m_bookModels->isChecked();
    auto& service = m_context.service();
    m_context.runUndoable(
        tr("Add provider %1").arg(safeText(provider.name)),
        [&service, provider, key, bookModels]() -> Result<void> {
            service::NewProvider given;
            given.name = provider.name;
            given.as = provider;
            given.key = key->clone();
            given.addBookModels = bookModels;
            const auto added = service.addProvider(std::move(given), "console");
            return added ? Result<void>() : Result<void>(added.error());
        },
        [self = QPointer(this)](
            const Result<void>& result) { return self ? self->commandDone(result) : false; });
}

ProviderKeyDialog::ProviderKeyDialog(
    Context& context, const std::string& provider, bool another, QWidget* parent)
    : CommandDialog(another ? tr("Another key of %1").arg(safeText(provider))
                            : tr("Key of %1").arg(safeText(provider)),
        tr("Save key"), parent),
      m_context(context),
      m_provider(provider),
      m_another(another)
{
    setObjectName(QStringLiteral("providerKeyDialog"));
    m_key = keyEdit(this);
    auto* field = addField(tr("API key"), m_key);
    field->setHint(another ? tr("It is not shown again.")
                           : tr("Replaces the present key at once. It is not shown again."));
    m_label = new QLineEdit(this);
    m_label->setObjectName(QStringLiteral("keyLabel"));
    m_label->setMinimumHeight(Theme::controlHeight);
    m_label->setMaxLength(64);
    m_label->setPlaceholderText(tr("key2, key3, …"));
    addField(tr("What to call it"), m_label)->setVisible(another);
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
        [&service, key, name = m_provider, another = m_another,
            label = fromQt(m_label->text().trimmed())]() -> Result<void> {
            if (!another) {
                return service.setProviderKey(name, key->clone(), "console");
            }
            const auto added = service.addProviderKey(name, label, key->clone(), "console");
            return added ? Result<void>() : Result<void>(added.error());
        },
        [self = QPointer(this)](
            const Result<void>& result) { return self ? self->commandDone(result) : false; });
}

} // namespace headgate::ui
