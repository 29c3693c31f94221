// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Colours, spacing and fonts as tokens (the table of the console's design), a Fusion-based proxy
// style and a tinting icon engine. Switches live between light, dark and the system's choice. No
// application-wide style sheet. GUI thread only.

#include <QColor>
#include <QFont>
#include <QIcon>
#include <QObject>
#include <QPalette>
#include <QString>

#include <array>

class QSettings;

namespace headgate::ui {

struct Tokens {
    bool dark = false;
    QColor window, surface, sunken, border, hairline;
    QColor text, secondary, muted;
    QColor accent, onAccent;
    QColor ok, warning, danger, info;
    std::array<QColor, 8> series;
    QColor other; ///< "Other" in charts
    /// A tint of `color` for chips and bands, readable under `text`.
    [[nodiscard]] QColor wash(const QColor& color) const;
};

class Theme final : public QObject {
    Q_OBJECT
public:
    static Theme& instance();
    /// "light", "dark" or "system"; applies to the application at once.
    void setMode(const QString& mode);
    [[nodiscard]] QString mode() const;
    [[nodiscard]] const Tokens& tokens() const;
    /// A model (or any name) keeps its colour on every page and across restarts.
    [[nodiscard]] QColor seriesColor(const QString& name) const;
    /// Where the colours of names are remembered; null forgets them. The store must outlive its
    /// use.
    void keepSeriesIn(QSettings* store);

    [[nodiscard]] static QFont headingFont(int pointsMore); ///< +2 / +6 points at weight 600
    [[nodiscard]] static QFont tabularFont(); ///< digits of equal width

    static constexpr int space1 = 4, space2 = 8, space3 = 12, space4 = 16, space5 = 24;
    static constexpr int radius = 6, controlHeight = 30, rowHeight = 32, rowHeightCompact = 26;

Q_SIGNALS:
    void changed(); ///< repaint; colours must be read again

private:
    Theme();
    struct Impl;
    Impl* m_impl; ///< lives as long as the program
};

/// One-colour SVG from resources/icons ("overview", "budgets", "pause", …), tinted by the theme and
/// sharp at every device pixel ratio.
[[nodiscard]] QIcon icon(const QString& name);

} // namespace headgate::ui
