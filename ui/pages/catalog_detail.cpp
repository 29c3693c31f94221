// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/pages/catalog_detail.h"

#include "core/base/limits.h"
#include "core/catalog/price_import.h"
#include "ui/models/cells.h"
#include "ui/models/config_models.h"
#include "ui/pages/page_parts.h"

#include <QCoreApplication>

#include <algorithm>

namespace headgate::ui {

namespace {

struct CatalogDetail {
    Q_DECLARE_TR_FUNCTIONS(CatalogDetail)
};

QString times(std::int64_t permille)
{
    return QStringLiteral("×") + toQt(tokens::marginText(permille));
}

QString scriptWords(tokens::ScriptGroup script)
{
    auto name = QString::fromLatin1(tokens::scriptGroupName(script));
    name[0] = name[0].toUpper();
    return name;
}

QString timeoutWords(int ms, int otherwiseMs)
{
    return ms > 0
        ? durationText(qint64(ms) * 1'000)
        : CatalogDetail::tr("%1 (default)").arg(durationText(qint64(otherwiseMs) * 1'000));
}

QString sheetFrom(const catalog::PriceSheet& sheet)
{
    return sheet.validFrom == 0 ? CatalogDetail::tr("always")
                                : toQt(toIso8601(sheet.validFrom).substr(0, 10));
}

// --- a provider

DetailSection healthSection(
    const catalog::Provider& provider, const service::ProviderStatus& status, TimeUs nowUs)
{
    DetailSection section;
    section.heading = CatalogDetail::tr("State");
    const auto state = stateWords(provider, status, nowUs);
    section.text = state.text
        + (state.more.isEmpty() ? QString() : QStringLiteral(". ") + state.more)
        + (state.more.endsWith(QLatin1Char('.')) ? QString() : QStringLiteral("."));
    section.lines.push_back(
        {CatalogDetail::tr("Calls under way"), callsWords(provider, status), {}});
    section.lines.push_back({CatalogDetail::tr("Failed calls"), errorWords(status),
        CatalogDetail::tr("Since the start of the program")});
    section.lines.push_back({CatalogDetail::tr("Begins to answer after"),
        status.latencyUs > 0 ? durationText(status.latencyUs) : QStringLiteral("–"),
        CatalogDetail::tr("Moving average of its slowest model")});
    section.lines.push_back({CatalogDetail::tr("Last error"),
        status.lastError.empty() ? CatalogDetail::tr("none since the start")
                                 : CatalogDetail::tr("%1: %2").arg(
                                     timeText(status.lastErrorAtUs), safeText(status.lastError)),
        {}});
    return section;
}

DetailSection partsSection(const service::ProviderStatus& status, TimeUs nowUs)
{
    DetailSection section;
    section.table.columns = {{CatalogDetail::tr("Model or key")}, {CatalogDetail::tr("State")},
        {CatalogDetail::tr("Errors"), CatalogDetail::tr("Failed of all calls since the start"),
            true}};
    for (const auto& row : status.rows) {
        if (row.model.empty() && row.key.empty() && row.state == proxy::HealthState::Healthy) {
            continue; // the provider itself, of which all is said above
        }
        SnapshotRow cells;
        cells.id = toQt(row.model + "\n" + row.key);
        cells.cells.resize(3);
        cells.cells[0] = !row.model.empty() ? safeCell(row.model)
            : !row.key.empty() ? textCell(CatalogDetail::tr("key “%1”").arg(safeText(row.key)))
                               : textCell(CatalogDetail::tr("as a whole"));
        const auto state = stateWords(row, nowUs);
        cells.cells[1] = chipCell(state.text, state.tone,
            row.lastError.empty() ? state.more
                                  : state.more + QLatin1Char('\n') + safeText(row.lastError));
        cells.cells[2]
            = textCell(CatalogDetail::tr("%1 of %2")
                           .arg(countText(row.failures), countText(row.failures + row.successes)));
        cells.cells[2].number = true;
        section.table.rows.push_back(std::move(cells));
    }
    if (!section.table.rows.empty()) {
        section.heading = CatalogDetail::tr("Models and keys that were called");
    }
    return section;
}

DetailSection keySection(const catalog::Provider& provider, const QString& keysKept)
{
    DetailSection section;
    section.heading = CatalogDetail::tr("Keys");
    if (provider.hasKey) {
        section.lines.push_back({CatalogDetail::tr("key"), safeText(provider.keyHint), {}});
    }
    for (const auto& key : provider.extraKeys) {
        section.lines.push_back({safeText(key.label), safeText(key.hint), {}});
    }
    if (section.lines.empty()) {
        section.text = provider.needsKey
            ? CatalogDetail::tr("No key is set; it refuses requests without one.")
            : CatalogDetail::tr("It answers without a key.");
        return section;
    }
    section.text = keysKept;
    if (section.lines.size() > 1) {
        section.text += QLatin1Char(' ')
            + (provider.keyRotation == catalog::KeyRotation::RoundRobin
                    ? CatalogDetail::tr("They take turns.")
                    : CatalogDetail::tr("The next one steps in when one is set aside."));
    }
    return section;
}

DetailSection wireSection(const catalog::Provider& provider)
{
    DetailSection section;
    section.heading = CatalogDetail::tr("Connection");
    const QString proxy = provider.proxy.empty() ? CatalogDetail::tr("none, direct")
        : provider.proxy == "env"                ? CatalogDetail::tr("as the environment says")
                                                 : safeText(provider.proxy);
    section.lines = {
        {CatalogDetail::tr("Address"), safeText(provider.baseUrl), {}},
        {CatalogDetail::tr("Speaks"), dialectWords(provider), {}},
        {CatalogDetail::tr("Calls at once"),
            provider.concurrencyMax > 0 ? countText(provider.concurrencyMax)
                                        : CatalogDetail::tr("no limit of its own"),
            {}},
        {CatalogDetail::tr("Time to connect"),
            timeoutWords(provider.connectTimeoutMs, limits::connectTimeoutMs), {}},
        {CatalogDetail::tr("Time to the first byte"),
            timeoutWords(provider.firstByteTimeoutMs, limits::firstByteTimeoutMs), {}},
        {CatalogDetail::tr("Longest silence"),
            timeoutWords(provider.idleTimeoutMs, limits::idleTimeoutMs), {}},
        {CatalogDetail::tr("Proxy"),
            provider.hasProxyAuth ? CatalogDetail::tr("%1, with a password").arg(proxy) : proxy,
            {}},
        {CatalogDetail::tr("More authorities"),
            provider.caFile.empty() ? CatalogDetail::tr("only the system’s")
                                    : safeText(provider.caFile),
            CatalogDetail::tr("Certificates are always verified.")},
        {CatalogDetail::tr("Discount"),
            CatalogDetail::tr("%1 %").arg(percentOfPermille(provider.discountPermille)), {}},
    };
    return section;
}

// --- a model

DetailSection chainSection(
    const catalog::Model& model, const std::vector<service::ProviderStatus>& statuses)
{
    DetailSection section;
    section.heading = CatalogDetail::tr("Fallbacks");
    if (model.fallbacks.empty()) {
        section.text = CatalogDetail::tr("No model stands in when it takes nothing.");
        return section;
    }
    section.text = CatalogDetail::tr(
        "Tried in this order when it took nothing; every attempt has a hold of its own.");
    int number = 0;
    for (const auto& id : model.fallbacks) {
        const auto provider = id.substr(0, id.find('/'));
        const auto found = std::find_if(statuses.begin(), statuses.end(),
            [&](const auto& status) { return status.provider == provider; });
        QString words = safeText(id);
        if (found != statuses.end() && (!found->enabled || found->isUnwell())) {
            words += QStringLiteral(" (")
                + (!found->enabled ? CatalogDetail::tr("provider disabled")
                                   : safeText(found->words))
                + QLatin1Char(')');
        }
        section.lines.push_back({QString::number(++number) + QLatin1Char('.'), words, {}});
    }
    return section;
}

void addMorePrices(DetailSection& section, const catalog::PriceSheet& sheet)
{
    const auto pair = [](const catalog::TokenPrices& prices) {
        const auto text = [](const std::optional<Price>& price) {
            return price ? priceText(*price) : QStringLiteral("–");
        };
        return CatalogDetail::tr("in %1, out %2").arg(text(prices.input), text(prices.output));
    };
    for (const auto& field : catalog::tokenPriceFields) {
        if (const auto& price = sheet.*field.member) {
            section.lines.push_back(
                {QString::fromLatin1(field.storedName).replace(QLatin1Char('_'), QLatin1Char(' ')),
                    priceText(*price), CatalogDetail::tr("Dollars for a million tokens")});
        }
    }
    for (const auto& tier : sheet.contextTiers) {
        section.lines.push_back({CatalogDetail::tr("above %1").arg(countText(tier.above)),
            pair(tier.prices), CatalogDetail::tr("When the whole input is longer than that")});
    }
    for (const auto& [name, tier] : sheet.serviceTiers) {
        section.lines.push_back({safeText(name), pair(tier.prices), {}});
    }
    for (const auto& [name, fee] : sheet.perTool) {
        section.lines.push_back({safeText(name), CatalogDetail::tr("%1 a use").arg(moneyText(fee)),
            exactMoneyText(fee)});
    }
    if (!sheet.perCall.isZero()) {
        section.lines.push_back(
            {CatalogDetail::tr("a call"), moneyText(sheet.perCall), exactMoneyText(sheet.perCall)});
    }
    if (!sheet.windows.empty()) {
        section.lines.push_back({CatalogDetail::tr("hours of the day"),
            CatalogDetail::tr("%1 windows with other prices").arg(sheet.windows.size()), {}});
    }
}

DetailSection priceSection(const catalog::Model& model, TimeUs nowUs)
{
    DetailSection section;
    section.heading = CatalogDetail::tr("Price in force");
    const auto* sheet = model.priceAt(nowUs);
    if (sheet == nullptr) {
        section.text = CatalogDetail::tr(
            "None is known; under a hard pool it is refused until input and output have one.");
        return section;
    }
    section.text = CatalogDetail::tr("From %1, %2. Dollars for a million tokens.")
                       .arg(safeText(sheet->source), priceAgeWords(*sheet, nowUs));
    if (catalog::isPriceOld(*sheet, nowUs)) {
        section.text += QLatin1Char(' ')
            + CatalogDetail::tr("That is more than %1 days ago: import the list again.")
                  .arg(limits::priceAgeWarnDays);
    }
    addMorePrices(section, *sheet);
    return section;
}

DetailSection historySection(const catalog::Model& model, TimeUs nowUs)
{
    DetailSection section;
    if (model.prices.size() < 2) {
        return section;
    }
    section.heading = CatalogDetail::tr("All prices, newest first");
    section.table.columns = {{CatalogDetail::tr("From")}, {CatalogDetail::tr("Input"), {}, true},
        {CatalogDetail::tr("Output"), {}, true}, {CatalogDetail::tr("Source")},
        {CatalogDetail::tr("Age")}};
    int number = 0;
    for (auto sheet = model.prices.rbegin(); sheet != model.prices.rend(); ++sheet) {
        SnapshotRow row;
        row.id = QString::number(number++);
        row.cells = {textCell(sheetFrom(*sheet)), priceCell(sheet->input), priceCell(sheet->output),
            safeCell(sheet->source),
            textCell(ageWords(*sheet, nowUs), priceAgeWords(*sheet, nowUs))};
        section.table.rows.push_back(std::move(row));
    }
    return section;
}

DetailSection marginSection(const tokens::Margin& margin)
{
    DetailSection section;
    section.heading = CatalogDetail::tr("Token estimates");
    section.text = margin.exact
        ? CatalogDetail::tr("Its tokens are counted exactly here; holds are made for %1 the count.")
              .arg(times(margin.permille))
        : CatalogDetail::tr("Holds are made for %1 the estimated input, %2.")
              .arg(times(margin.permille),
                  margin.learned ? CatalogDetail::tr("learned from what the provider counted")
                                 : CatalogDetail::tr("until enough was observed"));
    if (margin.extraTokens > 0) {
        section.text += QLatin1Char(' ')
            + CatalogDetail::tr("Short texts: %1 tokens more.").arg(countText(margin.extraTokens));
    }
    if (margin.scripts.empty()) {
        section.text += QLatin1Char(' ')
            + CatalogDetail::tr("Nothing was observed yet; each answer that tells its usage adds "
                                "to a distribution here.");
    }
    return section;
}

DetailSection scriptSection(const tokens::ScriptError& script)
{
    DetailSection section;
    section.heading = CatalogDetail::tr("%1: counted ÷ estimated").arg(scriptWords(script.script));
    section.text = CatalogDetail::tr("%1 requests: median %2, 95 % at most %3, worst %4. Held %5.")
                       .arg(countText(script.observations), times(script.medianPermille),
                           times(script.p95Permille), times(script.worstPermille),
                           times(script.marginPermille));
    if (script.overruns > 0) {
        section.text += QLatin1Char(' ')
            + CatalogDetail::tr("Counted above the bound: %1; ▲ is above what long texts are "
                                "held for.")
                  .arg(countText(script.overruns));
    }
    section.bars = estimateBars(script);
    return section;
}

} // namespace

std::vector<Bar> estimateBars(const tokens::ScriptError& script)
{
    const auto& edges = tokens::errorEdgesPermille;
    // The edges are one above the last value that counts as the round number.
    const auto edge = [&](std::size_t i) { return times(edges[i] / 10 * 10); };
    std::vector<Bar> bars;
    std::size_t first = 3; // ×0.95 to ×1.05 are always on show, so that the middle is seen
    std::size_t last = 5;
    for (std::size_t i = 0; i < script.bars.size(); ++i) {
        if (script.bars[i] > 0) {
            first = std::min(first, i);
            last = std::max(last, i);
        }
    }
    for (std::size_t i = first; i <= last; ++i) {
        Bar bar;
        bar.count = script.bars[i];
        bar.label = i == 0      ? CatalogDetail::tr("under %1").arg(edge(0))
            : i == edges.size() ? CatalogDetail::tr("over %1").arg(edge(i - 1))
                                : edge(i - 1) + QStringLiteral(" – ") + edge(i);
        const bool above = i > 0 && edges[i - 1] > script.marginPermille;
        bar.tone = above && script.overruns > 0 ? Chip::Tone::Warning : Chip::Tone::Accent;
        bars.push_back(std::move(bar));
    }
    return bars;
}

std::vector<DetailSection> providerSections(const catalog::Provider& provider,
    const service::ProviderStatus& status, const QString& keysKept, TimeUs nowUs)
{
    std::vector<DetailSection> sections{healthSection(provider, status, nowUs)};
    if (auto parts = partsSection(status, nowUs); !parts.table.rows.empty()) {
        sections.push_back(std::move(parts));
    }
    if (!provider.simulated) {
        sections.push_back(keySection(provider, keysKept));
        sections.push_back(wireSection(provider));
    }
    return sections;
}

std::vector<DetailSection> modelSections(const catalog::Model& model, const tokens::Margin& margin,
    const std::vector<service::ProviderStatus>& statuses, TimeUs nowUs)
{
    std::vector<DetailSection> sections{
        priceSection(model, nowUs), chainSection(model, statuses), marginSection(margin)};
    for (const auto& script : margin.scripts) {
        sections.push_back(scriptSection(script));
    }
    if (auto history = historySection(model, nowUs); !history.table.rows.empty()) {
        sections.push_back(std::move(history));
    }
    return sections;
}

} // namespace headgate::ui
