// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/charts/sparkline.h"

#include "ui/theme/theme.h"

#include <QPainter>
#include <QPainterPath>

#include <algorithm>

namespace headgate::ui {

Sparkline::Sparkline(QWidget* parent) : QWidget(parent)
{
    setAttribute(Qt::WA_TransparentForMouseEvents);
    connect(&Theme::instance(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void Sparkline::setValues(std::vector<qint64> values)
{
    if (values != m_values) {
        m_values = std::move(values);
        update();
    }
}

void Sparkline::paintEvent(QPaintEvent* event)
{
    Q_UNUSED(event)
    if (m_values.size() < 2) {
        return;
    }
    const qint64 top = *std::max_element(m_values.begin(), m_values.end());
    if (top <= 0) {
        return;
    }
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    const QColor color = Theme::instance().tokens().accent;
    const qreal stepX = (width() - 2.0) / static_cast<qreal>(m_values.size() - 1);
    QPainterPath line;
    for (std::size_t i = 0; i < m_values.size(); ++i) {
        const qreal y = height() - 2
            - (height() - 4.0) * static_cast<qreal>(m_values[i]) / static_cast<qreal>(top);
        const QPointF at(1 + stepX * static_cast<qreal>(i), y);
        i == 0 ? line.moveTo(at) : line.lineTo(at);
    }
    QPainterPath area = line;
    area.lineTo(width() - 1, height());
    area.lineTo(1, height());
    area.closeSubpath();
    QColor fill = color;
    fill.setAlpha(38);
    painter.fillPath(area, fill);
    painter.setPen(QPen(color, 1.5, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter.drawPath(line);
}

} // namespace headgate::ui
