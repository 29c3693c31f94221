// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/models/config_models.h"

#include "core/proxy/provider_health.h"
#include "ui/models/cells.h"

#include <QDateTime>
#include <QLocale>

#include <algorithm>

namespace headgate::ui {

namespace {

using proxy::HealthState;

QString sentence(QString words)
{
    if (!words.isEmpty()) {
        words[0] = words[0].toUpper();
    }
    return words;
}

StateWords troubleWords(HealthState state, TimeUs untilUs, TimeUs nowUs)
{
    const QString until = momentWords(untilUs, nowUs);
    switch (state) {
    case HealthState::CoolingDown:
        return {ProviderModel::tr("Cools down until %1").arg(until), Chip::Tone::Warning, {}};
    case HealthState::Open:
        return {ProviderModel::tr("Breaker open until %1").arg(until), Chip::Tone::Danger, {}};
    case HealthState::HalfOpen:
        return {ProviderModel::tr("Being tried again"), Chip::Tone::Warning, {}};
    case HealthState::KeyRefused:
        return {ProviderModel::tr("Key refused"), Chip::Tone::Danger, {}};
    case HealthState::Exhausted:
        return {ProviderModel::tr("Exhausted until %1").arg(until), Chip::Tone::Danger, {}};
    case HealthState::Healthy:
        break;
    }
    return {ProviderModel::tr("Healthy"), Chip::Tone::Ok, {}};
}

Cell keyCell(const catalog::Provider& provider, const service::ProviderStatus& status,
    const QString& keysKept)
{
    if (provider.simulated) {
        auto cell = textCell(ProviderModel::tr("none needed"));
        cell.muted = true;
        return cell;
    }
    if (status.keys == 0) {
        auto cell = provider.needsKey ? chipCell(ProviderModel::tr("No key"), Chip::Tone::Warning,
                        ProviderModel::tr("It refuses requests without one. “Keys…” sets it."))
                                      : textCell(ProviderModel::tr("none needed"));
        cell.muted = !provider.needsKey;
        return cell;
    }
    QStringList lines;
    if (provider.hasKey) {
        lines << ProviderModel::tr("key: %1").arg(safeText(provider.keyHint));
    }
    for (const auto& extra : provider.extraKeys) {
        lines << safeText(extra.label) + QStringLiteral(": ") + safeText(extra.hint);
    }
    lines << keysKept;
    const auto tooltip = lines.join(QLatin1Char('\n'));
    if (status.keys == 1) {
        const auto& hint = provider.hasKey ? provider.keyHint : provider.extraKeys.front().hint;
        return textCell(hint.empty() ? ProviderModel::tr("set") : safeText(hint), tooltip);
    }
    return textCell(ProviderModel::tr("%1 keys").arg(status.keys), tooltip);
}

Cell callsCell(const catalog::Provider& provider, const service::ProviderStatus& status)
{
    auto cell = textCell(callsWords(provider, status));
    cell.number = true;
    cell.sort = qlonglong(status.inFlight);
    cell.muted = status.inFlight == 0;
    cell.tooltip = provider.simulated ? ProviderModel::tr("Simulated calls are not counted here.")
        : provider.concurrencyMax > 0
        ? ProviderModel::tr("Calls under way, of %1 at once; %2 wait in line.")
              .arg(countText(provider.concurrencyMax), countText(status.waiting))
        : ProviderModel::tr("Calls under way; no limit of its own. %1 wait in line.")
              .arg(countText(status.waiting));
    return cell;
}

Cell errorsCell(const service::ProviderStatus& status)
{
    auto cell = textCell(errorWords(status));
    cell.number = true;
    cell.muted = status.errors == 0;
    const auto all = status.answers + status.errors;
    cell.sort = qlonglong(all == 0 ? -1 : status.errors * 1'000'000 / all);
    cell.tooltip = all == 0 ? ProviderModel::tr("Nothing was asked of it since the start.")
                            : ProviderModel::tr("Failed of all calls since the start");
    if (!status.lastError.empty()) {
        cell.tooltip += QLatin1Char('\n')
            + ProviderModel::tr("Last, %1: %2")
                  .arg(timeText(status.lastErrorAtUs), safeText(status.lastError));
    }
    return cell;
}

SnapshotRow providerRow(const catalog::Provider& provider, const service::ProviderStatus& status,
    const service::Config& config, const ProviderModel::Live& live)
{
    SnapshotRow row;
    row.id = toQt(provider.name);
    row.cells.resize(ProviderModel::Columns);
    auto at = [&](int column) -> Cell& { return row.cells[std::size_t(column)]; };
    at(ProviderModel::Name) = safeCell(provider.name);
    at(ProviderModel::Kind) = textCell(dialectWords(provider));
    at(ProviderModel::Url) = provider.simulated ? textCell(ProviderModel::tr("inside Headgate"))
                                                : safeCell(provider.baseUrl);
    at(ProviderModel::Url).muted = provider.simulated;
    at(ProviderModel::KeyColumn) = keyCell(provider, status, live.keysKept);
    const auto models = std::count_if(config.models.begin(), config.models.end(),
        [&](const auto& model) { return model.provider == provider.name; });
    at(ProviderModel::Models) = countCell(models);
    const auto state = stateWords(provider, status, live.nowUs);
    at(ProviderModel::State) = chipCell(state.text, state.tone, state.more);
    at(ProviderModel::Calls) = callsCell(provider, status);
    at(ProviderModel::Errors) = errorsCell(status);
    const auto found = live.tests.find(provider.name);
    const auto test = found == live.tests.end() ? QString() : found->second;
    if (test.startsWith(QLatin1Char('!'))) {
        at(ProviderModel::Test)
            = chipCell(ProviderModel::tr("Problem"), Chip::Tone::Danger, test.mid(1));
    } else {
        at(ProviderModel::Test) = textCell(test.isEmpty() ? QStringLiteral("–") : test, test);
        at(ProviderModel::Test).muted = test.isEmpty();
    }
    return row;
}

} // namespace

QString momentWords(TimeUs atUs, TimeUs nowUs)
{
    const auto at = QDateTime::fromMSecsSinceEpoch(atUs / 1'000);
    const auto now = QDateTime::fromMSecsSinceEpoch(nowUs / 1'000);
    const QLocale locale;
    if (at.date() == now.date()) {
        return locale.toString(at.time(), QStringLiteral("HH:mm:ss"));
    }
    const bool near = at.date() < now.date().addMonths(6);
    return locale.toString(at, near ? QStringLiteral("d MMM HH:mm") : QStringLiteral("d MMM yyyy"));
}

QString dialectWords(const catalog::Provider& provider)
{
    if (provider.simulated) {
        return ProviderModel::tr("Simulated");
    }
    switch (provider.dialect) {
    case catalog::Dialect::OpenAi:
        return provider.servesResponses ? ProviderModel::tr("OpenAI, Responses")
                                        : ProviderModel::tr("OpenAI");
    case catalog::Dialect::Anthropic:
        return QStringLiteral("Anthropic");
    case catalog::Dialect::Gemini:
        return QStringLiteral("Gemini");
    case catalog::Dialect::Ollama:
        return QStringLiteral("Ollama");
    }
    return {};
}

StateWords stateWords(const proxy::HealthRow& row, TimeUs nowUs)
{
    auto words = troubleWords(row.state, row.untilUs, nowUs);
    words.more = sentence(safeText(row.words));
    return words;
}

StateWords stateWords(
    const catalog::Provider& provider, const service::ProviderStatus& status, TimeUs nowUs)
{
    const auto why = sentence(safeText(status.words));
    if (!provider.enabled) {
        return {ProviderModel::tr("Disabled"), Chip::Tone::Neutral,
            ProviderModel::tr("Gets no requests.")};
    }
    if (status.state != HealthState::Healthy) {
        auto words = troubleWords(status.state, status.untilUs, nowUs);
        words.more = why;
        return words;
    }
    if (status.keysAside > 0) {
        return {ProviderModel::tr("%1 of %2 keys aside").arg(status.keysAside).arg(status.keys),
            Chip::Tone::Warning, why};
    }
    if (status.modelsAside > 0) {
        return {status.modelsAside == 1
                ? ProviderModel::tr("1 model aside")
                : ProviderModel::tr("%1 models aside").arg(status.modelsAside),
            Chip::Tone::Warning, why};
    }
    if (status.isUnwell()) {
        return {ProviderModel::tr("Being tried again"), Chip::Tone::Warning, why};
    }
    if (status.answers + status.errors == 0) {
        return {ProviderModel::tr("Not called yet"), Chip::Tone::Neutral,
            ProviderModel::tr("Nothing was asked of it since the start.")};
    }
    return {ProviderModel::tr("Healthy"), Chip::Tone::Ok,
        ProviderModel::tr("Nothing of it is left out.")};
}

QString errorWords(const service::ProviderStatus& status)
{
    const auto all = status.answers + status.errors;
    return all == 0 ? QStringLiteral("–")
                    : ProviderModel::tr("%1 of %2").arg(countText(status.errors), countText(all));
}

QString callsWords(const catalog::Provider& provider, const service::ProviderStatus& status)
{
    if (provider.simulated) {
        return QStringLiteral("–");
    }
    auto words = provider.concurrencyMax > 0
        ? ProviderModel::tr("%1 of %2")
              .arg(countText(status.inFlight), countText(provider.concurrencyMax))
        : countText(status.inFlight);
    if (status.waiting > 0) {
        words += status.waiting == 1
            ? ProviderModel::tr(", 1 waits")
            : ProviderModel::tr(", %1 wait").arg(countText(status.waiting));
    }
    return words;
}

ProviderModel::ProviderModel(QObject* parent)
    : SnapshotModel(
        {{tr("Provider")}, {tr("Kind"), tr("What it speaks")}, {tr("Address")},
            {tr("Key"), tr("Its last characters, or how many there are")}, {tr("Models"), {}, true},
            {tr("State")}, {tr("Calls"), tr("Under way now, of how many at once"), true},
            {tr("Errors"), tr("Failed of all calls since the start"), true}, {tr("Last test")}},
        parent)
{
}

void ProviderModel::setConfig(const service::Config& config, const Live& live)
{
    std::vector<SnapshotRow> rows;
    for (const auto& provider : config.providers) {
        const auto known = std::find_if(live.statuses.begin(), live.statuses.end(),
            [&](const auto& status) { return status.provider == provider.name; });
        service::ProviderStatus none;
        none.keys = (provider.hasKey ? 1 : 0) + std::int64_t(provider.extraKeys.size());
        rows.push_back(
            providerRow(provider, known == live.statuses.end() ? none : *known, config, live));
    }
    setRows(std::move(rows));
}

} // namespace headgate::ui
