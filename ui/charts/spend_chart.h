// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Stacked bars of money over time, at most 60, of which only the last is updated live; the same
// data as a table; empty, loading and error states. The only user of Qt Charts with sparkline.h.
// GUI thread only; never queries anything.

#include "core/base/clock.h"
#include "core/base/money.h"

#include <QString>
#include <QWidget>

#include <memory>
#include <vector>

namespace headgate::ui {

/// How a span of time is cut into bars.
struct Buckets {
    TimeUs fromUs = 0; ///< start of the first bar, on a local boundary
    TimeUs stepUs = usPerHour; ///< below a day exact; from a day on local days are counted
    int count = 0;
    [[nodiscard]] static Buckets forRange(TimeUs fromUs, TimeUs toUs);
    [[nodiscard]] int indexOf(TimeUs at) const; ///< −1 outside
    [[nodiscard]] TimeUs startOf(int index) const;
    [[nodiscard]] QString label(int index) const; ///< "14:30", "Mon 16", unique within the span
    [[nodiscard]] QString longLabel(int index) const; ///< "16 Nov 14:30 – 15:00"
    bool operator==(const Buckets&) const = default;
};

struct SpendSeries {
    QString name;
    std::vector<Money> values; ///< one a bar
    int colorIndex = -1; ///< a fixed colour of the theme; −1: the name's own
    [[nodiscard]] Money total() const;
};

struct SpendData {
    Buckets buckets;
    std::vector<SpendSeries> series; ///< largest first; "Other" last
    /// Keeps the `keep` largest and sums the rest into one series named `otherName`.
    void foldSmall(std::size_t keep, const QString& otherName);
};

class SpendChart final : public QWidget {
    Q_OBJECT
public:
    explicit SpendChart(QWidget* parent = nullptr);
    ~SpendChart() override;

    void setData(SpendData data); ///< replaces values in place where the shape is the same
    void setLoading(); ///< a skeleton after 150 ms, or the old data dimmed
    void setError(const QString& text);
    void setEmptyText(const QString& body);
    void setTableShown(bool shown);
    [[nodiscard]] bool tableShown() const;
    [[nodiscard]] const SpendData& data() const;

Q_SIGNALS:
    void barClicked(const QString& series, qint64 fromUs, qint64 toUs);

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

/// The name under which everything small is summed up; it is always grey.
[[nodiscard]] QString otherSeriesName();

} // namespace headgate::ui
