// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// How one account is being spent: settled so far with the held band on it, the cap, the even pace,
// and a dashed forecast with its interval and the moment the money is gone. The same data as a
// table; readable by mouse and by keys. GUI thread only; never queries anything.

#include "core/base/clock.h"
#include "core/base/money.h"

#include <QString>
#include <QWidget>

#include <memory>
#include <optional>
#include <vector>

namespace headgate::ui {

struct BurnPoint {
    TimeUs atUs = 0;
    Money settled;
    Money held;
    bool operator==(const BurnPoint&) const = default;
};

struct BurnDownData {
    TimeUs fromUs = 0;
    TimeUs toUs = 0; ///< end of the window, or of what is forecast
    TimeUs nowUs = 0;
    Money limit; ///< cap plus top-ups
    int reservePercent = 0;
    bool hasPace = false;
    std::vector<BurnPoint> points; ///< oldest first; the last one holds until now
    bool hasForecast = false;
    Money expected, low, high; ///< at toUs
    std::optional<TimeUs> exhaustedAtUs;
};

class BurnDownChart final : public QWidget {
    Q_OBJECT
public:
    explicit BurnDownChart(QWidget* parent = nullptr);
    ~BurnDownChart() override;
    void setData(BurnDownData data);
    void setMessage(const QString& text); ///< in place of a chart: why there is none
    [[nodiscard]] const BurnDownData& data() const;
    void setTableShown(bool shown);
    [[nodiscard]] bool tableShown() const;
    [[nodiscard]] QSize sizeHint() const override { return {520, 220}; }

private:
    struct Impl;
    std::unique_ptr<Impl> m_impl;
};

/// The forecast in words: "About $18.20 by the end ($16 to $21); the cap is reached at 17:40."
[[nodiscard]] QString forecastWords(const BurnDownData& data);

} // namespace headgate::ui
