// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/dialogs/model_dialog.h"

#include "core/base/limits.h"
#include "core/catalog/price_book.h"
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
    setObjectName(QStringLiteral("modelDialog"));
    auto edit = [this](const char* name) {
        auto* line = new QLineEdit(this);
        line->setObjectName(QString::fromLatin1(name));
        connect(line, &QLineEdit::textChanged, this, &ModelDialog::validate);
        return line;
    };
    m_provider = new QComboBox(this);
    m_provider->setObjectName(QStringLiteral("modelProvider"));
    for (const auto& provider : m_context.service().config()->providers) {
        if (!provider.simulated) {
            m_provider->addItem(toQt(provider.name));
        }
    }
    auto* providerField = addField(tr("Provider"), m_provider);
    if (m_provider->count() == 0) {
        providerField->setHint(tr("Add a provider first; the simulated one has its own models."));
    }
    m_name = edit("modelName");
    m_name->setMaxLength(int(limits::nameBytesMax));
    m_tier = new QSpinBox(this);
    m_contextTokens = edit("modelContext");
    m_maxOutput = edit("modelMaxOutput");
    m_input = edit("modelInput");
    m_output = edit("modelOutput");
    m_nameField = addField(tr("Name, as the provider calls it"), m_name);
    m_tier->setObjectName(QStringLiteral("modelTier"));
    m_tier->setRange(1, 4);
    m_tier->setMinimumHeight(Theme::controlHeight);
    addField(tr("Tier (1 cheapest … 4 strongest)"), m_tier);
    m_contextField = addField(tr("Context in tokens"), m_contextTokens);
    m_maxOutputField = addField(tr("Most output tokens"), m_maxOutput);
    m_inputField = addField(tr("Input price, dollars for a million tokens"), m_input);
    m_outputField = addField(tr("Output price, dollars for a million tokens"), m_output);
    m_tools = new QCheckBox(tr("Takes tools"), this);
    m_tools->setChecked(true);
    m_images = new QCheckBox(tr("Takes images"), this);
    body()->addWidget(m_tools);
    body()->addWidget(m_images);
    connect(m_provider, &QComboBox::currentIndexChanged, this, &ModelDialog::validate);
    connect(m_name, &QLineEdit::editingFinished, this, &ModelDialog::fillFromBook);
    validate();
    m_name->setFocus();
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
        if (!name.empty() && model.name == name
            && model.provider == fromQt(m_provider->currentText())) {
            nameProblem = tr("This model is in the catalogue already; edit it in the table.");
        }
    }
    m_nameField->setProblem(nameProblem);
    const bool contextOk = tokenCount(m_contextTokens->text()).has_value();
    const bool outputOk = tokenCount(m_maxOutput->text()).has_value();
    const auto numberProblem = tr("Write a number of tokens, like 128000 or 128k.");
    m_contextField->setHint(tr("Empty: unknown, treated as 128,000."));
    m_contextField->setProblem(contextOk ? QString() : numberProblem);
    m_maxOutputField->setProblem(outputOk ? QString() : numberProblem);
    const auto inputProblem = priceProblem(m_input->text());
    const auto outputProblem = priceProblem(m_output->text());
    m_inputField->setProblem(inputProblem);
    const bool half = m_input->text().trimmed().isEmpty() != m_output->text().trimmed().isEmpty();
    const bool unpriced
        = m_input->text().trimmed().isEmpty() && m_output->text().trimmed().isEmpty();
    m_outputField->setHint(half ? tr("Give both prices.")
            : unpriced          ? tr("Without prices the model is refused under every hard pool.")
                                : QString());
    m_outputField->setProblem(outputProblem);
    setAcceptable(!name.empty() && nameProblem.isEmpty() && contextOk && outputOk
        && inputProblem.isEmpty() && outputProblem.isEmpty() && !half && m_provider->count() > 0);
}

catalog::Model ModelDialog::value() const
{
    catalog::Model model;
    model.provider = fromQt(m_provider->currentText());
    model.name = fromQt(m_name->text().trimmed());
    if (const auto* known = catalog::defaultBook().find(model.provider, model.name)) {
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
    m_context.runUndoable(
        tr("Add model %1").arg(safeText(model.id())),
        [&service, model] { return service.putModel(model, "console"); },
        [self = QPointer(this)](
            const Result<void>& result) { return self ? self->commandDone(result) : false; });
}

} // namespace headgate::ui
