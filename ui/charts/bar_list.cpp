// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/charts/bar_list.h"

#include "ui/delegates/delegates.h"

#include <QEvent>
#include <QPainter>

#include <algorithm>

namespace headgate::ui {

namespace {

QString labelOf(const Bar& bar)
{
    const bool marked
        = bar.count > 0 && (bar.tone == Chip::Tone::Warning || bar.tone == Chip::Tone::Danger);
    return marked ? bar.label + QStringLiteral(" ▲") : bar.label;
}

} // namespace

BarList::BarList(QWidget* parent) : QWidget(parent)
{
    setFont(Theme::tabularFont());
    setSizePolicy(QSizePolicy::Expanding, QSizePolicy::Fixed);
    connect(&Theme::instance(), &Theme::changed, this, qOverload<>(&QWidget::update));
}

void BarList::setBars(std::vector<Bar> bars)
{
    if (bars == m_bars) {
        return;
    }
    m_bars = std::move(bars);
    m_total = 0;
    for (const auto& bar : m_bars) {
        m_total += bar.count;
    }
    setAccessibleDescription(plainText());
    setToolTip(plainText().toHtmlEscaped().replace(
        QLatin1Char('\n'), QStringLiteral("<br>"))); // labels are ours, but stay on the safe side
    updateGeometry();
    update();
}

QString BarList::shareText(qint64 count) const
{
    if (m_total == 0 || count == 0) {
        return countText(count);
    }
    const qint64 percent = count * 100 / m_total;
    return percent == 0 ? tr("%1 (< 1 %)").arg(countText(count))
                        : tr("%1 (%2 %)").arg(countText(count)).arg(percent);
}

QString BarList::plainText() const
{
    QStringList lines;
    for (const auto& bar : m_bars) {
        lines << labelOf(bar) + QStringLiteral(": ") + shareText(bar.count);
    }
    return lines.join(QLatin1Char('\n'));
}

int BarList::barHeight() const
{
    return fontMetrics().height() + 4;
}

QSize BarList::sizeHint() const
{
    return {280, std::max(1, int(m_bars.size())) * barHeight()};
}

void BarList::changeEvent(QEvent* event)
{
    if (event->type() == QEvent::FontChange) {
        updateGeometry();
    }
    QWidget::changeEvent(event);
}

void BarList::paintEvent(QPaintEvent* event)
{
    Q_UNUSED(event)
    int labelWidth = 0;
    int shareWidth = 0;
    qint64 most = 1;
    for (const auto& bar : m_bars) {
        labelWidth = std::max(labelWidth, fontMetrics().horizontalAdvance(labelOf(bar)));
        shareWidth = std::max(shareWidth, fontMetrics().horizontalAdvance(shareText(bar.count)));
        most = std::max(most, bar.count);
    }
    const int left = labelWidth + Theme::space2;
    const int room = std::max(width() - left - shareWidth - Theme::space2, 20);
    const auto& tokens = Theme::instance().tokens();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    for (int i = 0; i < int(m_bars.size()); ++i) {
        const auto& bar = m_bars[std::size_t(i)];
        const QRect line(0, i * barHeight(), width(), barHeight());
        painter.setPen(bar.count == 0 ? tokens.muted : tokens.text);
        painter.drawText(line.adjusted(0, 0, left - width() - Theme::space2, 0),
            Qt::AlignRight | Qt::AlignVCenter, labelOf(bar));
        // Something that happened once is seen, too.
        const int length = bar.count == 0 ? 0 : std::max(int(room * bar.count / most), 2);
        const QRectF shape(left, line.top() + 3, length, line.height() - 6);
        painter.setPen(Qt::NoPen);
        painter.setBrush(bar.tone == Chip::Tone::Accent ? tokens.accent : toneColor(bar.tone));
        painter.drawRoundedRect(shape, std::min(2.0, length / 2.0), 2);
        painter.setPen(bar.count == 0 ? tokens.muted : tokens.secondary);
        painter.drawText(line.adjusted(left + length + Theme::space2, 0, 0, 0),
            Qt::AlignLeft | Qt::AlignVCenter, shareText(bar.count));
    }
}

} // namespace headgate::ui
