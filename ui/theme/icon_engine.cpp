// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/theme/icon_engine.h"

#include "ui/theme/theme.h"

#include <QFile>
#include <QPainter>
#include <QPixmapCache>
#include <QSvgRenderer>

#include <cmath>

namespace headgate::ui {

namespace {

QByteArray sourceOf(const QString& name)
{
    QFile file(QStringLiteral(":/icons/%1.svg").arg(name));
    return file.open(QIODevice::ReadOnly) ? file.readAll() : QByteArray();
}

QPixmap render(const QString& name, const QColor& color, const QSize& pixels)
{
    const QString key = QStringLiteral("hg:%1:%2:%3x%4")
                            .arg(name, color.name(QColor::HexArgb))
                            .arg(pixels.width())
                            .arg(pixels.height());
    QPixmap pixmap;
    if (QPixmapCache::find(key, &pixmap)) {
        return pixmap;
    }
    QByteArray source = sourceOf(name);
    source.replace("currentColor", color.name().toLatin1());
    pixmap = QPixmap(pixels);
    pixmap.fill(Qt::transparent);
    QSvgRenderer renderer(source);
    if (renderer.isValid()) {
        QPainter painter(&pixmap);
        const int side = qMin(pixels.width(), pixels.height());
        renderer.render(&painter,
            QRectF((pixels.width() - side) / 2.0, (pixels.height() - side) / 2.0, side, side));
    }
    QPixmapCache::insert(key, pixmap);
    return pixmap;
}

} // namespace

QPixmap iconPixmap(const QString& name, const QColor& color, int size, qreal ratio)
{
    const int side = static_cast<int>(std::lround(size * ratio));
    QPixmap pixmap = render(name, color, QSize(side, side));
    pixmap.setDevicePixelRatio(ratio);
    return pixmap;
}

QIcon iconIn(const QString& name, const QColor& color)
{
    return QIcon(new IconEngine(name, color));
}

IconEngine::IconEngine(QString name, std::optional<QColor> color)
    : m_name(std::move(name)),
      m_color(color)
{
}

QColor IconEngine::colorFor(QIcon::Mode mode, QIcon::State state) const
{
    const Tokens& tokens = Theme::instance().tokens();
    if (m_color) {
        return *m_color;
    }
    if (mode == QIcon::Disabled) {
        return tokens.muted;
    }
    if (state == QIcon::On) {
        return tokens.accent;
    }
    return mode == QIcon::Normal ? tokens.secondary : tokens.text;
}

void IconEngine::paint(QPainter* painter, const QRect& rect, QIcon::Mode mode, QIcon::State state)
{
    const qreal ratio = painter->device() != nullptr ? painter->device()->devicePixelRatioF() : 1.0;
    const QSize pixels(static_cast<int>(std::lround(rect.width() * ratio)),
        static_cast<int>(std::lround(rect.height() * ratio)));
    painter->drawPixmap(rect, render(m_name, colorFor(mode, state), pixels));
}

QPixmap IconEngine::pixmap(const QSize& size, QIcon::Mode mode, QIcon::State state)
{
    return render(m_name, colorFor(mode, state), size);
}

QPixmap IconEngine::scaledPixmap(
    const QSize& size, QIcon::Mode mode, QIcon::State state, qreal scale)
{
    Q_UNUSED(scale); // the size already is in device pixels
    return render(m_name, colorFor(mode, state), size);
}

QIconEngine* IconEngine::clone() const
{
    return new IconEngine(*this);
}

} // namespace headgate::ui
