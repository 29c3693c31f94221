// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/widgets/widgets.h"

#include <QCoreApplication>
#include <QDateTime>
#include <QLocale>
#include <QTimeZone>

namespace headgate::ui {

namespace {

QString tr(const char* text)
{
    return QCoreApplication::translate("Text", text);
}

/// Bidirectional controls and invisible format characters can make text read as something else.
bool isDeceptive(char16_t unit)
{
    return (unit >= 0x200B && unit <= 0x200F) || (unit >= 0x202A && unit <= 0x202E)
        || (unit >= 0x2060 && unit <= 0x206F) || unit == 0xFEFF || unit == 0x061C || unit == 0x2028
        || unit == 0x2029;
}

} // namespace

QString toQt(const std::string& text)
{
    return QString::fromUtf8(text.data(), static_cast<qsizetype>(text.size()));
}

std::string fromQt(const QString& text)
{
    return text.toStdString();
}

QString safeText(const std::string& text)
{
    const QString raw = toQt(text);
    QString out;
    out.reserve(raw.size());
    for (const QChar c : raw) {
        const char16_t unit = c.unicode();
        const bool isLayout = unit == u'\n' || unit == u'\t';
        if (unit < 0x20 && !isLayout) {
            out += QChar(static_cast<char16_t>(0x2400 + unit)); // the control pictures block
        } else if (unit == 0x7F) {
            out += QChar(u'\u2421');
        } else if ((unit >= 0x80 && unit < 0xA0) || isDeceptive(unit)) {
            out += QStringLiteral("<U+%1>").arg(
                QString::number(unit, 16).toUpper(), 4, QLatin1Char('0'));
        } else {
            out += c;
        }
    }
    return out;
}

QString moneyText(Money money)
{
    return toQt(money.toDisplay());
}

QString exactMoneyText(Money money)
{
    // Always nine decimals, so that exact amounts line up and none looks rounded.
    QString text = toQt(money.toDecimal());
    const qsizetype dot = text.indexOf(QLatin1Char('.'));
    const qsizetype decimals = dot < 0 ? 0 : text.size() - dot - 1;
    if (dot < 0) {
        text += QLatin1Char('.');
    }
    text += QString(9 - decimals, QLatin1Char('0'));
    return text.startsWith(QLatin1Char('-')) ? QStringLiteral("-$") + text.mid(1)
                                             : QStringLiteral("$") + text;
}

QString timeText(TimeUs at)
{
    if (at <= 0) {
        return tr("never");
    }
    const QDateTime time = QDateTime::fromMSecsSinceEpoch(at / usPerMs);
    const QDateTime now = QDateTime::currentDateTime();
    if (time.date() == now.date()) {
        return time.toString(QStringLiteral("HH:mm:ss"));
    }
    return time.date().year() == now.date().year()
        ? time.toString(QStringLiteral("d MMM HH:mm"))
        : time.toString(QStringLiteral("d MMM yyyy HH:mm"));
}

QString timeTooltip(TimeUs at)
{
    if (at <= 0) {
        return tr("never");
    }
    const QDateTime time = QDateTime::fromMSecsSinceEpoch(at / usPerMs);
    return QStringLiteral("%1 %2 (%3)\n%4 UTC")
        .arg(time.toString(QStringLiteral("yyyy-MM-dd HH:mm:ss.zzz")), time.timeZoneAbbreviation(),
            QString::fromUtf8(QTimeZone::systemTimeZoneId()),
            time.toUTC().toString(QStringLiteral("yyyy-MM-dd HH:mm:ss.zzz")));
}

QString durationText(qint64 us)
{
    const auto tenths = [](qint64 value, qint64 unit) {
        const qint64 t = (value * 10 + unit / 2) / unit;
        return QStringLiteral("%1.%2").arg(t / 10).arg(t % 10);
    };
    if (us < 0) {
        return QStringLiteral("–");
    }
    if (us < 100) {
        return tr("%1 µs").arg(us);
    }
    if (us < 100 * usPerMs) {
        return tr("%1 ms").arg(tenths(us, usPerMs));
    }
    if (us < usPerSecond) {
        return tr("%1 ms").arg(us / usPerMs);
    }
    if (us < usPerMinute) {
        return tr("%1 s").arg(tenths(us, usPerSecond));
    }
    return tr("%1 min %2 s").arg(us / usPerMinute).arg(us % usPerMinute / usPerSecond);
}

QString countText(qint64 count)
{
    return QLocale(QLocale::English).toString(count);
}

QString untilText(qint64 us)
{
    if (us <= 0) {
        return tr("now");
    }
    if (us < usPerMinute) {
        return tr("%1 s").arg((us + usPerSecond - 1) / usPerSecond);
    }
    if (us < usPerHour) {
        return tr("%1 min").arg(us / usPerMinute);
    }
    if (us < 2 * usPerDay) {
        return tr("%1 h %2 min").arg(us / usPerHour).arg(us % usPerHour / usPerMinute);
    }
    return tr("%1 d %2 h").arg(us / usPerDay).arg(us % usPerDay / usPerHour);
}

} // namespace headgate::ui
