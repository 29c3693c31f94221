// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/models/cells.h"

#include <QTextDocument>

namespace headgate::ui {

QString plainTooltip(const QString& text)
{
    if (!Qt::mightBeRichText(text)) {
        return text;
    }
    return QStringLiteral("<qt>%1</qt>")
        .arg(text.toHtmlEscaped().replace(QLatin1Char('\n'), QStringLiteral("<br>")));
}

Cell textCell(const QString& text, const QString& tooltip)
{
    Cell cell;
    cell.text = text;
    cell.tooltip = tooltip;
    return cell;
}

Cell safeCell(const std::string& text)
{
    const auto shown = safeText(text);
    return textCell(shown, shown);
}

Cell moneyCell(Money money)
{
    Cell cell;
    cell.text = moneyText(money);
    cell.tooltip = exactMoneyText(money);
    cell.sort = qlonglong(money.nano());
    cell.number = true;
    return cell;
}

Cell countCell(std::int64_t count)
{
    Cell cell;
    cell.text = countText(qint64(count));
    cell.sort = qlonglong(count);
    cell.number = true;
    return cell;
}

Cell timeCell(TimeUs at, const QString& whenNone)
{
    Cell cell;
    cell.sort = qlonglong(at);
    if (at == 0) {
        cell.text = whenNone;
        cell.muted = true;
        return cell;
    }
    cell.text = timeText(at);
    cell.tooltip = timeTooltip(at);
    return cell;
}

Cell chipCell(const QString& text, Chip::Tone tone, const QString& tooltip)
{
    auto cell = textCell(text, tooltip);
    cell.roles.emplace_back(ToneRole, int(tone));
    return cell;
}

QString priceText(Price price)
{
    return QStringLiteral("$") + toQt(price.toPerMillion());
}

QString percentOfPermille(qint64 permille)
{
    const auto whole = QString::number(permille / 10);
    return permille % 10 == 0 ? whole : whole + QLatin1Char('.') + QString::number(permille % 10);
}

Cell priceCell(const std::optional<Price>& price)
{
    Cell cell;
    cell.number = true;
    cell.text = price ? priceText(*price) : QStringLiteral("–");
    cell.muted = !price;
    cell.sort = qlonglong(price ? price->pico() : -1);
    cell.edit = price ? toQt(price->toPerMillion()) : QString();
    return cell;
}

} // namespace headgate::ui
