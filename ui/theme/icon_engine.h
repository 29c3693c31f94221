// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#pragma once

// Renders one-colour SVG icons in a theme colour at the exact device pixels asked for, so they are
// sharp at every ratio. GUI thread only; keeps rendered pixmaps in QPixmapCache.

#include <QColor>
#include <QIconEngine>
#include <QPixmap>
#include <QString>

#include <optional>

namespace headgate::ui {

/// `size` in logical pixels; the pixmap carries `ratio`.
[[nodiscard]] QPixmap iconPixmap(const QString& name, const QColor& color, int size, qreal ratio);
/// An icon that keeps one colour in every state (on accent buttons, in chips).
[[nodiscard]] QIcon iconIn(const QString& name, const QColor& color);

class IconEngine final : public QIconEngine {
public:
    explicit IconEngine(QString name, std::optional<QColor> color = {});
    void paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State state) override;
    [[nodiscard]] QPixmap pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state) override;
    [[nodiscard]] QPixmap scaledPixmap(
        const QSize& size, QIcon::Mode mode, QIcon::State state, qreal scale) override;
    [[nodiscard]] QIconEngine* clone() const override;

private:
    [[nodiscard]] QColor colorFor(QIcon::Mode mode, QIcon::State state) const;
    QString m_name;
    std::optional<QColor> m_color;
};

} // namespace headgate::ui
