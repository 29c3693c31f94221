// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/models/config_models.h"

#include "core/base/limits.h"
#include "core/catalog/price_import.h"

#include "ui/models/cells.h"

#include <algorithm>

namespace headgate::ui {

namespace {

/// Prices that an operator sets carry this source.
constexpr const char* operatorSource = "operator";

Cell editablePrice(const std::optional<Price>& price)
{
    auto cell = priceCell(price);
    cell.editable = true;
    cell.tooltip = price
        ? CatalogModel::tr("%1 for a million tokens. Edit with F2.").arg(priceText(*price))
        : CatalogModel::tr("Not known. Edit with F2 to set it.");
    return cell;
}

void fillPrices(SnapshotRow& row, const catalog::Model& model, TimeUs nowUs)
{
    auto at = [&](int column) -> Cell& { return row.cells[std::size_t(column)]; };
    const auto* sheet = model.priceAt(nowUs);
    const catalog::PriceSheet none;
    const auto& prices
        = sheet != nullptr ? *sheet : (model.prices.empty() ? none : model.prices.back());
    at(CatalogModel::Input) = editablePrice(prices.input);
    at(CatalogModel::Output) = editablePrice(prices.output);
    at(CatalogModel::CacheRead) = editablePrice(prices.cacheRead);
    at(CatalogModel::CacheWrite) = editablePrice(prices.cacheWrite5m);
    const auto history = priceHistory(model);
    if (sheet == nullptr) {
        at(CatalogModel::Source) = chipCell(CatalogModel::tr("No price"), Chip::Tone::Warning,
            CatalogModel::tr("Refused under a hard pool until input and output have a price."));
        at(CatalogModel::Effective) = textCell(QStringLiteral("–"), history);
        at(CatalogModel::Age) = textCell(QStringLiteral("–"));
        at(CatalogModel::Age).sort = qlonglong(0);
        return;
    }
    at(CatalogModel::Effective) = timeCell(sheet->validFrom, CatalogModel::tr("always"));
    at(CatalogModel::Effective).text = sheet->validFrom == 0
        ? CatalogModel::tr("always")
        : toQt(toIso8601(sheet->validFrom).substr(0, 10));
    at(CatalogModel::Effective).tooltip = history;
    at(CatalogModel::Source) = sheet->source == operatorSource
        ? chipCell(CatalogModel::tr("Set by you"), Chip::Tone::Info, history)
        : textCell(safeText(sheet->source), history);
    at(CatalogModel::Age) = textCell(
        ageWords(*sheet, nowUs), priceAgeWords(*sheet, nowUs) + QLatin1Char('\n') + history);
    at(CatalogModel::Age).sort
        = qlonglong(sheet->fetchedAtUs != 0 ? sheet->fetchedAtUs : sheet->validFrom);
    if (catalog::isPriceOld(*sheet, nowUs)) {
        at(CatalogModel::Age) = chipCell(ageWords(*sheet, nowUs), Chip::Tone::Warning,
            CatalogModel::tr("Read from its list more than %1 days ago: import it again.")
                    .arg(limits::priceAgeWarnDays)
                + QLatin1Char('\n') + history);
    }
}

/// How far above its estimate the input is held, and from what that is known.
Cell marginCell(const tokens::Margin& margin)
{
    const auto factor = toQt(tokens::marginText(margin.permille));
    auto cell = textCell(QStringLiteral("×") + factor);
    cell.sort = qlonglong(margin.permille);
    cell.number = true;
    cell.muted = !margin.learned && margin.overruns == 0;
    QStringList lines;
    lines << (margin.learned
            ? CatalogModel::tr("Holds are made for %1 times the estimated input, learned from what "
                               "the provider counted.")
                  .arg(factor)
            : margin.exact ? CatalogModel::tr("Its tokens are counted exactly here.")
                           : CatalogModel::tr("Holds are made for at least %1 times the estimated "
                                              "input until enough was observed.")
                                 .arg(factor));
    if (margin.extraTokens > 0) {
        lines << CatalogModel::tr("Short texts: %1 tokens more than estimated.")
                     .arg(countText(margin.extraTokens));
    }
    lines << CatalogModel::tr("Observed answers: %1").arg(countText(margin.observations));
    if (margin.worstPermille > 0) {
        lines << CatalogModel::tr("Worst of the last: %1 times the estimate")
                     .arg(toQt(tokens::marginText(margin.worstPermille)));
    }
    lines << CatalogModel::tr("Counted above the bound: %1").arg(countText(margin.overruns));
    for (const auto& script : margin.scripts) {
        const auto times = [](std::int64_t permille) { return toQt(tokens::marginText(permille)); };
        lines << CatalogModel::tr("%1, %2 requests: median ×%3, 95 % ≤ ×%4, worst ×%5, held ×%6")
                     .arg(QString::fromLatin1(tokens::scriptGroupName(script.script)),
                         countText(script.observations), times(script.medianPermille),
                         times(script.p95Permille), times(script.worstPermille),
                         times(script.marginPermille));
    }
    cell.tooltip = lines.join(QLatin1Char('\n'));
    return cell;
}

QString chainWords(const catalog::Model& model)
{
    QStringList names;
    for (const auto& id : model.fallbacks) {
        names << safeText(id);
    }
    return names.isEmpty() ? QStringLiteral("–") : names.join(QStringLiteral(" → "));
}

QString chainTooltip(const catalog::Model& model)
{
    return model.fallbacks.empty()
        ? CatalogModel::tr("No model stands in. “Edit…” names some.")
        : CatalogModel::tr("When %1 takes nothing: %2. Every attempt has a hold of its own.")
              .arg(safeText(model.id()), chainWords(model));
}

SnapshotRow modelRow(const catalog::Model& model, TimeUs nowUs)
{
    SnapshotRow row;
    row.id = toQt(model.id());
    row.cells.resize(CatalogModel::Columns);
    auto at = [&](int column) -> Cell& { return row.cells[std::size_t(column)]; };
    at(CatalogModel::Name) = safeCell(model.name);
    if (!model.displayName.empty()) {
        at(CatalogModel::Name).tooltip = safeText(model.displayName);
    }
    at(CatalogModel::ProviderColumn) = safeCell(model.provider);
    auto& tier = at(CatalogModel::Tier);
    tier.text = QString::number(model.tier);
    tier.sort = qlonglong(model.tier);
    tier.edit = model.tier;
    tier.number = true;
    tier.editable = true;
    tier.tooltip = CatalogModel::tr("1 cheapest … 4 strongest. Edit with F2.");
    auto& context = at(CatalogModel::ContextColumn);
    context = countCell(model.contextTokens);
    if (model.contextTokens == 0) {
        context.text = CatalogModel::tr("unknown");
        context.muted = true;
    }
    fillPrices(row, model, nowUs);
    auto& fallbacks = at(CatalogModel::Fallbacks);
    fallbacks = textCell(chainWords(model), chainTooltip(model));
    fallbacks.muted = model.fallbacks.empty();
    auto& enabled = at(CatalogModel::Enabled);
    enabled.checkable = true;
    enabled.checked = model.enabled;
    enabled.text = model.enabled ? CatalogModel::tr("on") : CatalogModel::tr("off");
    enabled.sort = qlonglong(model.enabled ? 1 : 0);
    return row;
}

QString sheetLine(const catalog::PriceSheet& sheet)
{
    auto price = [](const std::optional<Price>& value) {
        return value ? priceText(*value) : QStringLiteral("–");
    };
    const auto from = sheet.validFrom == 0 ? CatalogModel::tr("always")
                                           : toQt(toIso8601(sheet.validFrom).substr(0, 10));
    return CatalogModel::tr("%1: in %2, out %3, cache read %4, write %5 (%6)")
        .arg(from, price(sheet.input), price(sheet.output), price(sheet.cacheRead),
            price(sheet.cacheWrite5m), safeText(sheet.source));
}

SnapshotRow keyRow(const service::KeyRecord& key, TimeUs lastUsedUs, TimeUs nowUs)
{
    SnapshotRow row;
    row.id = QString::number(key.id.value);
    row.cells.resize(KeyModel::Columns);
    auto at = [&](int column) -> Cell& { return row.cells[std::size_t(column)]; };
    at(KeyModel::Name) = safeCell(key.name);
    at(KeyModel::Hint) = safeCell(key.hint);
    at(KeyModel::Team) = safeCell(key.team);
    at(KeyModel::User) = safeCell(key.user);
    QStringList tags;
    for (const auto& tag : key.tags) {
        tags << safeText(tag);
    }
    at(KeyModel::Tags) = textCell(tags.join(QStringLiteral(", ")), tags.join(QLatin1Char('\n')));
    at(KeyModel::Created) = timeCell(key.createdAtUs, QStringLiteral("–"));
    at(KeyModel::LastUsed) = timeCell(lastUsedUs, KeyModel::tr("never"));
    at(KeyModel::Expires) = timeCell(key.expiresAtUs, KeyModel::tr("never"));
    if (key.expiresAtUs == 0) {
        at(KeyModel::Expires).sort = qlonglong(INT64_MAX);
    }
    if (key.revokedAtUs != 0) {
        at(KeyModel::State)
            = chipCell(KeyModel::tr("Revoked"), Chip::Tone::Danger, timeTooltip(key.revokedAtUs));
    } else if (key.expiresAtUs != 0 && key.expiresAtUs <= nowUs) {
        at(KeyModel::State)
            = chipCell(KeyModel::tr("Expired"), Chip::Tone::Warning, timeTooltip(key.expiresAtUs));
    } else {
        at(KeyModel::State) = chipCell(KeyModel::tr("In force"), Chip::Tone::Ok);
    }
    return row;
}

} // namespace

CatalogModel::CatalogModel(QObject* parent)
    : SnapshotModel(
        {{tr("Model")}, {tr("Provider")}, {tr("Tier"), tr("1 cheapest … 4 strongest"), true},
            {tr("Context"), tr("Tokens, input and output together"), true},
            {tr("Input"), tr("Dollars for a million tokens"), true},
            {tr("Output"), tr("Dollars for a million tokens"), true},
            {tr("Cache read"), tr("Dollars for a million tokens"), true},
            {tr("Cache write"), tr("Dollars for a million tokens"), true}, {tr("In force from")},
            {tr("Source")}, {tr("Age")},
            {tr("Margin"), tr("How far above its estimate the input is held; learned per model"),
                true},
            {tr("Fallbacks"), tr("Models that stand in, in the order of their turn")},
            {tr("Enabled")}},
        parent)
{
}

void CatalogModel::setConfig(
    const service::Config& config, TimeUs nowUs, const std::vector<tokens::Margin>& margins)
{
    std::vector<SnapshotRow> rows;
    for (const auto& model : config.models) {
        auto row = modelRow(model, nowUs);
        row.cells[std::size_t(MarginColumn)]
            = marginCell(tokens::marginOf(margins, model.id(), model.tokenizer));
        rows.push_back(std::move(row));
    }
    setRows(std::move(rows));
}

bool CatalogModel::setData(const QModelIndex& index, const QVariant& value, int role)
{
    const auto id = rowId(index);
    if (role == Qt::CheckStateRole && index.column() == Enabled) {
        Q_EMIT enabledEdited(id, value.toInt() == Qt::Checked);
        return true;
    }
    if (role != Qt::EditRole) {
        return false;
    }
    if (index.column() == Tier) {
        const int tier = value.toInt();
        if (tier < 1 || tier > 4) {
            return false;
        }
        if (tier != index.data(Qt::EditRole).toInt()) {
            Q_EMIT tierEdited(id, tier);
        }
        return true;
    }
    if (index.column() < Input || index.column() > CacheWrite) {
        return false;
    }
    const auto price = Price::parsePerMillion(fromQt(value.toString()));
    if (!price) {
        return false;
    }
    if (price->pico() != index.data(SortRole).toLongLong()) {
        Q_EMIT priceEdited(id, index.column(), price->pico());
    }
    return true;
}

KeyModel::KeyModel(QObject* parent)
    : SnapshotModel(
        {{tr("Name")}, {tr("Key"), tr("The last four characters; the key itself is not kept.")},
            {tr("Team")}, {tr("User")}, {tr("Tags")}, {tr("Created")}, {tr("Last used")},
            {tr("Expires")}, {tr("State")}},
        parent)
{
}

void KeyModel::setKeys(const std::vector<service::KeyRecord>& keys,
    const std::map<KeyId, TimeUs>& lastUsed, TimeUs nowUs, bool withRevoked)
{
    std::vector<SnapshotRow> rows;
    for (const auto& key : keys) {
        if (key.revokedAtUs != 0 && !withRevoked) {
            continue;
        }
        const auto used = lastUsed.find(key.id);
        rows.push_back(keyRow(key, used == lastUsed.end() ? 0 : used->second, nowUs));
    }
    setRows(std::move(rows));
}

catalog::Model withPrice(const catalog::Model& model, int column, Price price, TimeUs nowUs)
{
    auto changed = model;
    const auto* inForce = model.priceAt(nowUs);
    catalog::PriceSheet sheet;
    if (inForce != nullptr) {
        sheet = *inForce;
    } else if (!model.prices.empty() && model.prices.back().validFrom <= nowUs) {
        sheet = model.prices.back(); // half a sheet: keep what is known
    }
    switch (column) {
    case CatalogModel::Input:
        sheet.input = price;
        break;
    case CatalogModel::Output:
        sheet.output = price;
        break;
    case CatalogModel::CacheRead:
        sheet.cacheRead = price;
        break;
    default:
        sheet.cacheWrite5m = price;
        break;
    }
    sheet.validFrom = nowUs;
    sheet.source = operatorSource;
    sheet.fetchedAtUs = 0; // no list says this price
    const auto later = std::upper_bound(changed.prices.begin(), changed.prices.end(), nowUs,
        [](TimeUs at, const catalog::PriceSheet& other) { return at < other.validFrom; });
    changed.prices.insert(later, std::move(sheet));
    return changed;
}

QString ageWords(const catalog::PriceSheet& sheet, TimeUs nowUs)
{
    const TimeUs since = sheet.fetchedAtUs != 0 ? sheet.fetchedAtUs : sheet.validFrom;
    if (since == 0) {
        return CatalogModel::tr("built in");
    }
    const int days = int(std::max<TimeUs>(nowUs - since, 0) / usPerDay);
    return days == 0 ? CatalogModel::tr("today")
        : days == 1  ? CatalogModel::tr("1 day old")
                     : CatalogModel::tr("%1 days old").arg(days);
}

QString priceAgeWords(const catalog::PriceSheet& sheet, TimeUs nowUs)
{
    const auto age = ageWords(sheet, nowUs);
    if (sheet.fetchedAtUs != 0) {
        return CatalogModel::tr("list read on %1, %2")
            .arg(toQt(toIso8601(sheet.fetchedAtUs).substr(0, 10)), age);
    }
    if (sheet.validFrom == 0) {
        return age;
    }
    const auto date = toQt(toIso8601(sheet.validFrom).substr(0, 10));
    return sheet.source == operatorSource ? CatalogModel::tr("set by you on %1, %2").arg(date, age)
                                          : CatalogModel::tr("book of %1, %2").arg(date, age);
}

QString priceHistory(const catalog::Model& model)
{
    QStringList lines;
    for (auto sheet = model.prices.rbegin(); sheet != model.prices.rend(); ++sheet) {
        lines << sheetLine(*sheet);
    }
    return lines.isEmpty() ? CatalogModel::tr("No price is known.") : lines.join(QLatin1Char('\n'));
}

} // namespace headgate::ui
