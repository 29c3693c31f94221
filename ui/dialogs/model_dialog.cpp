// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/dialogs/model_dialog.h"

#include "core/base/limits.h"
#include "core/catalog/price_book.h"
#include "ui/dialogs/fallback_editor.h"
#include "ui/models/cells.h"

#include <QCheckBox>
#include <QComboBox>
#include <QHBoxLayout>
#include <QLineEdit>
#include <QSpinBox>
#include <QVBoxLayout>

namespace headgate::ui {

namespace {

/// Digits with optional grouping and k or M: "128000", "128k", "1M". Empty: 0 (unknown).
std::optional<std::int64_t> tokenCount(QString text)
{
    text.remove(QLatin1Char(' ')).remove(QLatin1Char(',')).remove(QLatin1Char('_'));
    if (text.isEmpty()) {
        return 0;
    }
    std::int64_t unit = 1;
    if (text.endsWith(QLatin1Char('k'), Qt::CaseInsensitive)) {
        unit = 1'000;
    } else if (text.endsWith(QLatin1Char('m'), Qt::CaseInsensitive)) {
        unit = 1'000'000;
    }
    if (unit != 1) {
        text.chop(1);
    }
    bool ok = false;
    const auto count = text.toLongLong(&ok);
    if (!ok || count < 0 || count > 100'000'000 / unit) {
        return std::nullopt;
    }
    return count * unit;
}

QString priceProblem(const QString& text)
{
    if (text.trimmed().isEmpty()) {
        return {};
    }
    return Price::parsePerMillion(fromQt(text.trimmed()))
        ? QString()
        : ModelDialog::tr("Write dollars for a million tokens, like 0.15.");
}

std::optional<Price> priceOf(const QLineEdit* edit)
{
    const auto price = Price::parsePerMillion(fromQt(edit->text().trimmed()));
    return price ? std::optional<Price>(*price) : std::nullopt;
}

} // namespace

ModelDialog::ModelDialog(Context& context, QWidget* parent)
    : CommandDialog(tr("Add a model"), tr("Add model"), parent),
      m_context(context)
{
    build();
    m_name->setFocus();
}

ModelDialog::ModelDialog(Context& context, const catalog::Model& model, QWidget* parent)
    : CommandDialog(tr("Edit %1").arg(safeText(model.id())), tr("Save"), parent),
      m_context(context),
      m_edited(model)
{
    build();
    fill(model);
    m_tier->setFocus();
}

void ModelDialog::build()
{
    setObjectName(QStringLiteral("modelDialog"));
    setMinimumWidth(560);
    auto edit = [this](const char* name) {
        auto* line = new QLineEdit(this);
        line->setObjectName(QString::fromLatin1(name));
        line->setMinimumHeight(Theme::controlHeight);
        connect(line, &QLineEdit::textChanged, this, &ModelDialog::validate);
        return line;
    };
    // Short fields share a line, so that the whole fits a small screen.
    auto together = [this](const std::vector<std::pair<QString, QWidget*>>& fields) {
        auto* row = new QHBoxLayout;
        row->setSpacing(Theme::space3);
        std::vector<FormField*> made;
        for (const auto& [label, field] : fields) {
            field->setAccessibleName(label);
            made.push_back(new FormField(label, field, this));
            row->addWidget(made.back(), 1, Qt::AlignTop);
        }
        body()->addLayout(row);
        return made;
    };
    m_provider = new QComboBox(this);
    m_provider->setObjectName(QStringLiteral("modelProvider"));
    m_provider->setMinimumHeight(Theme::controlHeight);
    for (const auto& provider : m_context.service().config()->providers) {
        if (!provider.simulated || m_edited) {
            m_provider->addItem(toQt(provider.name));
        }
    }
    m_name = edit("modelName");
    m_name->setMaxLength(int(limits::nameBytesMax));
    m_tier = new QSpinBox(this);
    m_contextTokens = edit("modelContext");
    m_maxOutput = edit("modelMaxOutput");
    m_input = edit("modelInput");
    m_output = edit("modelOutput");
    const auto who
        = together({{tr("Provider"), m_provider}, {tr("Name, as the provider calls it"), m_name}});
    m_nameField = who[1];
    if (m_provider->count() == 0) {
        who[0]->setHint(tr("Add a provider first; the simulated one has its own models."));
    }
    m_tier->setObjectName(QStringLiteral("modelTier"));
    m_tier->setRange(1, 4);
    m_tier->setMinimumHeight(Theme::controlHeight);
    const auto size = together({{tr("Tier, 4 is the strongest"), m_tier},
        {tr("Context in tokens"), m_contextTokens}, {tr("Most output tokens"), m_maxOutput}});
    m_contextField = size[1];
    m_maxOutputField = size[2];
    const auto prices = together({{tr("Input, dollars for a million tokens"), m_input},
        {tr("Output, dollars for a million tokens"), m_output}});
    m_inputField = prices[0];
    m_outputField = prices[1];
    m_tools = new QCheckBox(tr("Takes tools"), this);
    m_tools->setObjectName(QStringLiteral("modelTools"));
    m_tools->setChecked(true);
    m_images = new QCheckBox(tr("Takes images"), this);
    m_images->setObjectName(QStringLiteral("modelImages"));
    auto* can = new QHBoxLayout;
    can->setSpacing(Theme::space4);
    can->addWidget(m_tools);
    can->addWidget(m_images);
    can->addStretch(1);
    body()->addLayout(can);
    m_fallbacks = new FallbackEditor(this);
    addField(tr("Models that stand in when it takes nothing, in this order"), m_fallbacks);
    connect(m_provider, &QComboBox::currentIndexChanged, this, &ModelDialog::validate);
    connect(m_name, &QLineEdit::editingFinished, this, &ModelDialog::fillFromBook);
    connect(m_name, &QLineEdit::editingFinished, this, &ModelDialog::offerFallbacks);
    offerFallbacks();
    validate();
}

void ModelDialog::fill(const catalog::Model& model)
{
    m_provider->setCurrentText(toQt(model.provider));
    m_provider->setEnabled(false);
    m_name->setText(toQt(model.name));
    m_name->setEnabled(false);
    m_tier->setValue(model.tier);
    const auto count
        = [](std::int64_t tokens) { return tokens == 0 ? QString() : QString::number(tokens); };
    m_contextTokens->setText(count(model.contextTokens));
    m_maxOutput->setText(count(model.maxOutputTokens));
    m_inputField->hide(); // prices are edited in the table, with their dates
    m_outputField->hide();
    m_tools->setChecked(model.can.tools);
    m_images->setChecked(model.can.images);
    QStringList chain;
    for (const auto& id : model.fallbacks) {
        chain << toQt(id);
    }
    m_fallbacks->setChain(chain);
    offerFallbacks();
    validate();
}

void ModelDialog::offerFallbacks()
{
    const auto own = fromQt(m_provider->currentText()) + "/" + fromQt(m_name->text().trimmed());
    QStringList ids;
    for (const auto& model : m_context.service().config()->models) {
        const bool embedding = m_edited && m_edited->embedding;
        if (model.id() != own && model.embedding == embedding) {
            ids << toQt(model.id());
        }
    }
    m_fallbacks->setChoices(ids);
}

void ModelDialog::fillFromBook()
{
    const auto* known = catalog::defaultBook().find(
        fromQt(m_provider->currentText()), fromQt(m_name->text().trimmed()));
    const auto* sheet = known == nullptr ? nullptr : known->priceAt(SystemClock().nowUs());
    if (sheet == nullptr || !m_input->text().isEmpty() || !m_output->text().isEmpty()) {
        return;
    }
    m_tier->setValue(known->tier);
    m_contextTokens->setText(QString::number(known->contextTokens));
    m_maxOutput->setText(QString::number(known->maxOutputTokens));
    m_input->setText(toQt(sheet->input->toPerMillion()));
    m_output->setText(toQt(sheet->output->toPerMillion()));
    m_tools->setChecked(known->can.tools);
    m_images->setChecked(known->can.images);
}

void ModelDialog::validate()
{
    const auto name = fromQt(m_name->text().trimmed());
    QString nameProblem;
    for (const auto& model : m_context.service().config()->models) {
        if (!m_edited && !name.empty() && model.name == name
            && model.provider == fromQt(m_provider->currentText())) {
            nameProblem = tr("This model is in the catalog already; edit it there.");
        }
    }
    m_nameField->setProblem(nameProblem);
    const bool contextOk = tokenCount(m_contextTokens->text()).has_value();
    const bool outputOk = tokenCount(m_maxOutput->text()).has_value();
    const auto numberProblem = tr("Write a number of tokens, like 128000 or 128k.");
    m_contextField->setHint(tr("Empty: taken as 128,000."));
    m_contextField->setProblem(contextOk ? QString() : numberProblem);
    m_maxOutputField->setProblem(outputOk ? QString() : numberProblem);
    const auto inputProblem = priceProblem(m_input->text());
    const auto outputProblem = priceProblem(m_output->text());
    m_inputField->setProblem(inputProblem);
    const bool half = m_input->text().trimmed().isEmpty() != m_output->text().trimmed().isEmpty();
    const bool unpriced
        = m_input->text().trimmed().isEmpty() && m_output->text().trimmed().isEmpty();
    if (m_edited) {
        setAcceptable(contextOk && outputOk);
        return;
    }
    m_outputField->setHint(half ? tr("Give both prices.")
            : unpriced          ? tr("Without prices the model is refused under every hard pool.")
                                : QString());
    m_outputField->setProblem(outputProblem);
    setAcceptable(!name.empty() && nameProblem.isEmpty() && contextOk && outputOk
        && inputProblem.isEmpty() && outputProblem.isEmpty() && !half && m_provider->count() > 0);
}

catalog::Model ModelDialog::value() const
{
    catalog::Model model = m_edited.value_or(catalog::Model());
    model.provider = fromQt(m_provider->currentText());
    model.name = fromQt(m_name->text().trimmed());
    if (m_edited) {
        model.prices.clear(); // those that are known stay
    } else if (const auto* known = catalog::defaultBook().find(model.provider, model.name)) {
        const auto name = model.name;
        model = *known; // tokenizer, capabilities and the other price classes
        model.name = name;
    }
    const auto nowUs = SystemClock().nowUs();
    model.tier = m_tier->value();
    model.contextTokens = tokenCount(m_contextTokens->text()).value_or(0);
    model.maxOutputTokens = tokenCount(m_maxOutput->text()).value_or(0);
    model.can.tools = m_tools->isChecked();
    model.can.images = m_images->isChecked();
    model.fallbacks.clear();
    for (const auto& id : m_fallbacks->chain()) {
        model.fallbacks.push_back(fromQt(id));
    }
    if (m_edited) {
        return model;
    }
    const auto* sheet = model.priceAt(nowUs);
    const auto input = priceOf(m_input);
    const auto output = priceOf(m_output);
    if (input && output && (sheet == nullptr || sheet->input != input || sheet->output != output)) {
        catalog::PriceSheet own;
        own.validFrom = nowUs;
        own.input = input;
        own.output = output;
        own.source = "operator";
        model.prices.push_back(std::move(own));
    } else if (!input && !output) {
        model.prices.clear();
    }
    return model;
}

void ModelDialog::submit()
{
    const auto model = value();
    auto& service = m_context.service();
    m_context.runUndoable((m_edited ? tr("Edit %1") : tr("Add model %1")).arg(safeText(model.id())),
        [&service, model] { return service.putModel(model, "console"); },
        [self = QPointer(this)](
            const Result<void>& result) { return self ? self->commandDone(result) : false; });
}

} // namespace headgate::ui
