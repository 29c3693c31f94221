// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/charts/spend_chart.h"

#include <QCoreApplication>
#include <QDateTime>

#include <algorithm>
#include <array>

namespace headgate::ui {

namespace {

constexpr int barsMax = 60;

QDateTime localTime(TimeUs at)
{
    return QDateTime::fromMSecsSinceEpoch(at / usPerMs);
}

TimeUs toUs(const QDateTime& time)
{
    return time.toMSecsSinceEpoch() * usPerMs;
}

} // namespace

Buckets Buckets::forRange(TimeUs fromUs, TimeUs toUs)
{
    static constexpr std::array<TimeUs, 10> steps{usPerMinute, 5 * usPerMinute, 15 * usPerMinute,
        30 * usPerMinute, usPerHour, 2 * usPerHour, 4 * usPerHour, 6 * usPerHour, 12 * usPerHour,
        usPerDay};
    Buckets out;
    const TimeUs span = std::max<TimeUs>(toUs - fromUs, usPerMinute);
    out.stepUs = 0;
    for (const TimeUs step : steps) {
        if (span / step < barsMax) {
            out.stepUs = step;
            break;
        }
    }
    const QDateTime midnight = localTime(fromUs).date().startOfDay();
    if (out.stepUs == 0) { // more than two months: whole days, several to a bar
        const TimeUs days = span / usPerDay / (barsMax - 1) + 1;
        out.stepUs = days * usPerDay;
    }
    if (out.stepUs >= usPerDay) {
        out.fromUs = headgate::ui::toUs(midnight);
    } else {
        const TimeUs start = headgate::ui::toUs(midnight);
        out.fromUs = start + (fromUs - start) / out.stepUs * out.stepUs;
    }
    const TimeUs last = std::max(toUs - 1, out.fromUs);
    out.count = barsMax; // so that indexOf() looks that far
    out.count = std::max(1, out.indexOf(last) + 1);
    return out;
}

int Buckets::indexOf(TimeUs at) const
{
    if (at < fromUs) {
        return -1;
    }
    std::int64_t index = 0;
    if (stepUs >= usPerDay) {
        index = localTime(fromUs).date().daysTo(localTime(at).date()) / (stepUs / usPerDay);
    } else {
        index = (at - fromUs) / stepUs;
    }
    return index < count ? static_cast<int>(index)
                         : (index == count && count == barsMax ? count - 1 : -1);
}

TimeUs Buckets::startOf(int index) const
{
    if (stepUs >= usPerDay) {
        const qint64 days = index * (stepUs / usPerDay);
        return toUs(localTime(fromUs).date().addDays(days).startOfDay());
    }
    return fromUs + index * stepUs;
}

QString Buckets::label(int index) const
{
    const QDateTime time = localTime(startOf(index));
    if (stepUs >= usPerDay) {
        const bool manyYears = stepUs * count > 300 * usPerDay;
        return time.toString(manyYears ? QStringLiteral("d MMM yyyy") : QStringLiteral("d MMM"));
    }
    if (stepUs * count > 2 * usPerDay) {
        return time.toString(QStringLiteral("d MMM HH:mm"));
    }
    return time.toString(QStringLiteral("HH:mm"));
}

QString Buckets::longLabel(int index) const
{
    const QDateTime from = localTime(startOf(index));
    const QDateTime to = localTime(startOf(index + 1));
    if (stepUs == usPerDay) {
        return from.toString(QStringLiteral("ddd d MMM yyyy"));
    }
    if (stepUs > usPerDay) {
        return from.toString(QStringLiteral("d MMM")) + QStringLiteral(" – ")
            + to.addDays(-1).toString(QStringLiteral("d MMM yyyy"));
    }
    return from.toString(QStringLiteral("d MMM HH:mm")) + QStringLiteral(" – ")
        + to.toString(QStringLiteral("HH:mm"));
}

Money SpendSeries::total() const
{
    Money sum;
    for (const Money value : values) {
        sum = sum.plusSaturated(value);
    }
    return sum;
}

QString otherSeriesName()
{
    return QCoreApplication::translate("SpendChart", "Other");
}

void SpendData::foldSmall(std::size_t keep, const QString& otherName)
{
    std::stable_sort(series.begin(), series.end(),
        [](const SpendSeries& a, const SpendSeries& b) { return a.total() > b.total(); });
    if (series.size() <= keep) {
        return;
    }
    SpendSeries other{otherName, std::vector<Money>(static_cast<std::size_t>(buckets.count)), -1};
    for (std::size_t i = keep; i < series.size(); ++i) {
        for (std::size_t bar = 0; bar < other.values.size() && bar < series[i].values.size();
             ++bar) {
            other.values[bar] = other.values[bar].plusSaturated(series[i].values[bar]);
        }
    }
    series.resize(keep);
    series.push_back(std::move(other));
}

} // namespace headgate::ui
