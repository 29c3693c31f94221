// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/charts/burn_down_chart.h"

#include "ui/theme/theme.h"
#include "ui/widgets/widgets.h"

#include <QDateTime>
#include <QHeaderView>
#include <QKeyEvent>
#include <QMouseEvent>
#include <QPainter>
#include <QPainterPath>
#include <QStackedWidget>
#include <QStandardItemModel>
#include <QTableView>
#include <QToolButton>
#include <QToolTip>
#include <QVBoxLayout>

#include <algorithm>

namespace headgate::ui {

namespace {

constexpr int marginLeft = 72;
constexpr int marginRight = 16;
constexpr int marginTop = 14;
constexpr int marginBottom = 24;
/// A cap further away than this many times what is spent would press the curve flat.
constexpr std::int64_t capTooFar = 6;

QString momentText(TimeUs at, std::int64_t spanUs)
{
    const auto time = QDateTime::fromMSecsSinceEpoch(at / usPerMs);
    return time.toString(
        spanUs <= 2 * usPerDay ? QStringLiteral("HH:mm") : QStringLiteral("d MMM"));
}

/// When something will be, as people say it: the day only when it is not today.
QString laterText(TimeUs at)
{
    const auto time = QDateTime::fromMSecsSinceEpoch(at / usPerMs);
    return time.date() == QDate::currentDate() ? time.toString(QStringLiteral("HH:mm"))
                                               : time.toString(QStringLiteral("d MMM HH:mm"));
}

/// A step of 1, 2 or 5 times a power of ten, so that at most four steps reach `top`.
std::int64_t niceStep(std::int64_t top)
{
    std::int64_t power = 1;
    while (power <= top / 10) {
        power *= 10;
    }
    for (const std::int64_t step : {power / 5, power / 2, power, power * 2}) {
        if (step > 0 && top / step <= 4) {
            return step;
        }
    }
    return power * 5;
}

TimeUs niceTimeStep(std::int64_t spanUs)
{
    for (const TimeUs step : {usPerMinute, 2 * usPerMinute, 5 * usPerMinute, 10 * usPerMinute,
             20 * usPerMinute, 30 * usPerMinute, usPerHour, 2 * usPerHour, 3 * usPerHour,
             4 * usPerHour, 6 * usPerHour, 12 * usPerHour, usPerDay, 2 * usPerDay, 5 * usPerDay,
             7 * usPerDay, 14 * usPerDay, 30 * usPerDay, 61 * usPerDay}) {
        if (spanUs / step <= 6) {
            return step;
        }
    }
    return 122 * usPerDay;
}

/// Paints, and follows mouse and arrow keys.
class Canvas final : public QWidget {
public:
    explicit Canvas(QWidget* parent) : QWidget(parent)
    {
        setObjectName(QStringLiteral("burnDownCanvas"));
        setMouseTracking(true);
        setFocusPolicy(Qt::StrongFocus);
        setMinimumHeight(120);
        connect(&Theme::instance(), &Theme::changed, this, qOverload<>(&QWidget::update));
    }
    void set(const BurnDownData& shown)
    {
        m_data = shown;
        m_message.clear();
        m_top = topOf(shown);
        m_chosen = -1;
        setAccessibleDescription(forecastWords(shown));
        update();
    }
    void setMessage(const QString& text)
    {
        m_message = text;
        setAccessibleDescription(text);
        update();
    }

protected:
    void paintEvent(QPaintEvent*) override;
    void mouseMoveEvent(QMouseEvent* event) override
    {
        choose(indexAt(event->position().x()), event->globalPosition().toPoint());
    }
    void leaveEvent(QEvent*) override { choose(-1, {}); }
    void keyPressEvent(QKeyEvent* event) override
    {
        const int last = int(m_data.points.size()) - 1;
        const int step = event->key() == Qt::Key_Left ? -1 : event->key() == Qt::Key_Right ? 1 : 0;
        if (step == 0 || last < 0) {
            QWidget::keyPressEvent(event);
            return;
        }
        const int from = m_chosen < 0 ? last : m_chosen + step;
        const int index = std::clamp(from, 0, last);
        choose(index,
            mapToGlobal(QPoint(int(xOf(m_data.points[std::size_t(index)].atUs)), height() / 2)));
    }

private:
    static Money topOf(const BurnDownData& shown)
    {
        Money top;
        for (const auto& point : shown.points) {
            top = std::max(top, point.settled.plusSaturated(point.held));
        }
        if (shown.hasForecast) { // far above the cap it says no more than a little above it
            const auto roof = mulDivUp(std::max<std::int64_t>(shown.limit.nano(), 0), 130, 100);
            top = std::max(top, std::min(shown.high, Money::fromNano(roof ? *roof : INT64_MAX)));
        }
        const bool far = top > Money() && shown.limit.nano() / capTooFar > top.nano();
        top = far ? top : std::max(top, shown.limit);
        const auto roomy = mulDivUp(std::max<std::int64_t>(top.nano(), 1), 108, 100);
        return Money::fromNano(roomy ? *roomy : top.nano());
    }
    [[nodiscard]] QRectF plot() const
    {
        return {qreal(marginLeft), qreal(marginTop), qreal(width() - marginLeft - marginRight),
            qreal(height() - marginTop - marginBottom)};
    }
    [[nodiscard]] qreal xOf(TimeUs at) const
    {
        const auto area = plot();
        const auto span = std::max<TimeUs>(m_data.toUs - m_data.fromUs, 1);
        const auto part = std::clamp<TimeUs>(at - m_data.fromUs, 0, span);
        return area.left() + area.width() * qreal(part) / qreal(span);
    }
    [[nodiscard]] qreal yOf(Money money) const
    {
        const auto area = plot();
        // Not clamped: what is above the picture is clipped, so that slopes stay true.
        return area.bottom() - area.height() * qreal(money.nano()) / qreal(m_top.nano());
    }
    [[nodiscard]] int indexAt(qreal x) const
    {
        int best = -1;
        qreal distance = 40;
        for (std::size_t i = 0; i < m_data.points.size(); ++i) {
            const qreal away = qAbs(xOf(m_data.points[i].atUs) - x);
            if (away <= distance) {
                distance = away;
                best = int(i);
            }
        }
        return best;
    }
    void choose(int index, QPoint at)
    {
        if (index != m_chosen) {
            m_chosen = index;
            update();
        }
        if (index < 0 || !m_message.isEmpty()) {
            QToolTip::hideText();
            return;
        }
        const auto& point = m_data.points[std::size_t(index)];
        const auto left = m_data.limit.minusSaturated(point.settled).minusSaturated(point.held);
        const auto text
            = BurnDownChart::tr("%1\n%2 spent, %3 held\n%4 of %5 left")
                  .arg(timeText(point.atUs), exactMoneyText(point.settled),
                      exactMoneyText(point.held), exactMoneyText(std::max(left, Money())),
                      exactMoneyText(m_data.limit));
        QToolTip::showText(
            at, text.toHtmlEscaped().replace(QLatin1Char('\n'), QStringLiteral("<br>")), this);
    }
    void paintAxes(QPainter& painter, const Tokens& t) const;
    void paintCap(QPainter& painter, const Tokens& t) const;
    void paintSpent(QPainter& painter, const Tokens& t) const;
    void paintForecast(QPainter& painter, const Tokens& t) const;
    void paintNow(QPainter& painter, const Tokens& t) const;

    BurnDownData m_data;
    QString m_message;
    Money m_top = Money::fromNano(1);
    int m_chosen = -1;
};

void Canvas::paintEvent(QPaintEvent*)
{
    const Tokens& t = Theme::instance().tokens();
    QPainter painter(this);
    painter.setRenderHint(QPainter::Antialiasing);
    if (!m_message.isEmpty() || m_data.toUs <= m_data.fromUs) {
        painter.setPen(t.muted);
        painter.drawText(
            rect().adjusted(16, 0, -16, 0), Qt::AlignCenter | Qt::TextWordWrap, m_message);
        return;
    }
    paintAxes(painter, t);
    paintForecast(painter, t);
    paintSpent(painter, t);
    paintCap(painter, t);
    paintNow(painter, t);
    if (hasFocus()) {
        painter.setPen(QPen(t.accent, 1));
        painter.setBrush(Qt::NoBrush);
        painter.drawRoundedRect(QRectF(rect()).adjusted(1, 1, -1, -1), 4, 4);
    }
}

void Canvas::paintAxes(QPainter& painter, const Tokens& t) const
{
    const auto area = plot();
    painter.setFont(Theme::tabularFont());
    const auto step = niceStep(m_top.nano());
    for (std::int64_t at = 0; at <= m_top.nano(); at += step) {
        const qreal y = yOf(Money::fromNano(at));
        painter.setPen(QPen(t.hairline, 1));
        painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y));
        painter.setPen(t.muted);
        painter.drawText(QRectF(0, y - 9, marginLeft - 8, 18), Qt::AlignRight | Qt::AlignVCenter,
            moneyText(Money::fromNano(at)));
    }
    const auto span = m_data.toUs - m_data.fromUs;
    const auto timeStep = niceTimeStep(span);
    const auto offset
        = QDateTime::fromMSecsSinceEpoch(m_data.fromUs / usPerMs).offsetFromUtc() * usPerSecond;
    TimeUs at = (m_data.fromUs + offset) / timeStep * timeStep - offset;
    at += at < m_data.fromUs ? timeStep : 0;
    for (; at <= m_data.toUs; at += timeStep) {
        const qreal x = xOf(at);
        painter.setPen(QPen(t.hairline, 1));
        painter.drawLine(QPointF(x, area.bottom()), QPointF(x, area.bottom() + 4));
        painter.setPen(t.muted);
        const QRectF box(std::clamp<qreal>(x - 40, 0, width() - 80), area.bottom() + 5, 80, 18);
        painter.drawText(box, Qt::AlignHCenter | Qt::AlignTop, momentText(at, span));
    }
}

void Canvas::paintCap(QPainter& painter, const Tokens& t) const
{
    const auto area = plot();
    const auto words = BurnDownChart::tr("cap %1").arg(moneyText(m_data.limit));
    painter.setFont(font());
    if (m_data.limit > m_top) {
        painter.setPen(t.secondary);
        painter.drawText(QRectF(area.left(), 0, area.width(), marginTop + 8),
            Qt::AlignRight | Qt::AlignVCenter, QStringLiteral("↑ ") + words);
        return;
    }
    const qreal y = yOf(m_data.limit);
    painter.setPen(QPen(t.danger, 1.6));
    painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y));
    painter.setPen(t.text);
    painter.drawText(
        QRectF(area.left() + 6, y + 2, area.width() - 12, 18), Qt::AlignLeft | Qt::AlignTop, words);
    if (m_data.reservePercent > 0) {
        const auto reserve = mulDivUp(m_data.limit.nano(), m_data.reservePercent, 100);
        const qreal low = yOf(m_data.limit.minusSaturated(Money::fromNano(reserve ? *reserve : 0)));
        QColor wash = t.warning;
        wash.setAlpha(28);
        painter.fillRect(QRectF(area.left(), y, area.width(), low - y), wash);
        painter.setPen(QPen(t.warning, 1, Qt::DotLine));
        painter.drawLine(QPointF(area.left(), low), QPointF(area.right(), low));
    }
}

void Canvas::paintSpent(QPainter& painter, const Tokens& t) const
{
    const auto area = plot();
    if (m_data.points.empty()) {
        return;
    }
    QPainterPath line;
    QPainterPath top;
    const auto& first = m_data.points.front();
    line.moveTo(xOf(first.atUs), yOf(first.settled));
    top.moveTo(xOf(first.atUs), yOf(first.settled.plusSaturated(first.held)));
    for (const auto& point : m_data.points) {
        line.lineTo(xOf(point.atUs), yOf(point.settled));
        top.lineTo(xOf(point.atUs), yOf(point.settled.plusSaturated(point.held)));
    }
    const auto& last = m_data.points.back();
    line.lineTo(xOf(m_data.nowUs), yOf(last.settled));
    top.lineTo(xOf(m_data.nowUs), yOf(last.settled.plusSaturated(last.held)));
    QPainterPath fill = line;
    fill.lineTo(xOf(m_data.nowUs), area.bottom());
    fill.lineTo(xOf(first.atUs), area.bottom());
    fill.closeSubpath();
    QColor wash = t.accent;
    wash.setAlpha(46);
    painter.fillPath(fill, wash);
    QPainterPath band = top;
    band.connectPath(line.toReversed());
    band.closeSubpath();
    painter.save();
    painter.setClipPath(band);
    painter.setPen(QPen(t.accent, 1));
    for (qreal x = area.left() - area.height(); x < area.right(); x += 5) {
        painter.drawLine(QPointF(x, area.bottom()), QPointF(x + area.height(), area.top()));
    }
    painter.restore();
    painter.setBrush(Qt::NoBrush);
    painter.setPen(QPen(t.accent, 2, Qt::SolidLine, Qt::RoundCap, Qt::RoundJoin));
    painter.drawPath(line);
    if (m_chosen >= 0) {
        const auto& point = m_data.points[std::size_t(m_chosen)];
        painter.setPen(QPen(t.secondary, 1, Qt::DotLine));
        painter.drawLine(
            QPointF(xOf(point.atUs), area.top()), QPointF(xOf(point.atUs), area.bottom()));
        painter.setPen(QPen(t.surface, 2));
        painter.setBrush(t.accent);
        painter.drawEllipse(QPointF(xOf(point.atUs), yOf(point.settled)), 4.5, 4.5);
    }
}

void Canvas::paintForecast(QPainter& painter, const Tokens& t) const
{
    const auto area = plot();
    if (m_data.hasPace) {
        painter.setPen(QPen(t.muted, 1, Qt::DotLine));
        const bool far = m_data.limit > m_top;
        if (!far) {
            painter.drawLine(area.bottomLeft(), QPointF(area.right(), yOf(m_data.limit)));
        } else { // the pace leaves the picture where it meets its upper edge
            const qreal share = qreal(m_top.nano()) / qreal(m_data.limit.nano());
            painter.drawLine(
                area.bottomLeft(), QPointF(area.left() + area.width() * share, area.top()));
        }
    }
    if (!m_data.hasForecast) {
        return;
    }
    const auto settled = m_data.points.empty() ? Money() : m_data.points.back().settled;
    const QPointF now(xOf(m_data.nowUs), yOf(settled));
    const qreal end = xOf(m_data.toUs);
    painter.save();
    painter.setClipRect(area.adjusted(0, -1, 0, 1));
    QPainterPath fan(now);
    fan.lineTo(end, yOf(m_data.high));
    fan.lineTo(end, yOf(m_data.low));
    fan.closeSubpath();
    QColor wash = t.accent;
    wash.setAlpha(30);
    painter.fillPath(fan, wash);
    painter.setPen(QPen(t.accent, 1.6, Qt::DashLine));
    painter.drawLine(now, QPointF(end, yOf(m_data.expected)));
    painter.restore();
}

void Canvas::paintNow(QPainter& painter, const Tokens& t) const
{
    const auto area = plot();
    const qreal now = xOf(m_data.nowUs);
    painter.setPen(QPen(t.secondary, 1));
    painter.drawLine(QPointF(now, area.top()), QPointF(now, area.bottom()));
    if (m_data.exhaustedAtUs && *m_data.exhaustedAtUs <= m_data.toUs) {
        const QPointF at(xOf(*m_data.exhaustedAtUs), yOf(m_data.limit));
        painter.setPen(QPen(t.danger, 2));
        painter.setBrush(t.surface);
        painter.drawEllipse(at, 5, 5);
        painter.drawLine(at + QPointF(-3, -3), at + QPointF(3, 3));
        painter.drawLine(at + QPointF(-3, 3), at + QPointF(3, -3));
        const auto words = BurnDownChart::tr("gone %1").arg(laterText(*m_data.exhaustedAtUs));
        const int wide = painter.fontMetrics().horizontalAdvance(words) + 8;
        const qreal x = at.x() + 8 + wide > area.right() ? at.x() - 8 - wide : at.x() + 8;
        painter.setPen(t.text);
        painter.drawText(QRectF(x, at.y() + 4, wide, 18), Qt::AlignCenter, words);
    }
}

} // namespace

struct BurnDownChart::Impl {
    BurnDownData data;
    QStackedWidget* stack = nullptr;
    Canvas* canvas = nullptr;
    QLabel* words = nullptr;
    QStandardItemModel* rows = nullptr;
    QToolButton* table = nullptr;

    void fillTable()
    {
        rows->setRowCount(int(data.points.size()));
        int row = int(data.points.size());
        for (const auto& point : data.points) { // newest first
            --row;
            const auto left = data.limit.minusSaturated(point.settled).minusSaturated(point.held);
            const QStringList cells{timeText(point.atUs), exactMoneyText(point.settled),
                exactMoneyText(point.held), exactMoneyText(std::max(left, Money()))};
            for (int column = 0; column < cells.size(); ++column) {
                auto* item = new QStandardItem(cells[column]);
                item->setEditable(false);
                if (column > 0) {
                    item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
                }
                rows->setItem(row, column, item);
            }
        }
    }
};

BurnDownChart::BurnDownChart(QWidget* parent) : QWidget(parent), m_impl(std::make_unique<Impl>())
{
    auto* layout = new QVBoxLayout(this);
    layout->setContentsMargins(Theme::space2, Theme::space2, Theme::space2, 0);
    layout->setSpacing(Theme::space1);
    auto* head = new QHBoxLayout;
    head->setContentsMargins(Theme::space2, 0, 0, 0);
    m_impl->words = new QLabel(this);
    m_impl->words->setObjectName(QStringLiteral("burnDownWords"));
    m_impl->words->setTextFormat(Qt::PlainText);
    m_impl->words->setWordWrap(true);
    head->addWidget(m_impl->words, 1);
    m_impl->table = new QToolButton(this);
    m_impl->table->setObjectName(QStringLiteral("burnDownTable"));
    m_impl->table->setText(tr("Table"));
    m_impl->table->setCheckable(true);
    m_impl->table->setAccessibleName(tr("Show the same as a table"));
    m_impl->table->setToolTip(m_impl->table->accessibleName());
    head->addWidget(m_impl->table, 0, Qt::AlignTop);
    layout->addLayout(head);
    m_impl->stack = new QStackedWidget(this);
    m_impl->canvas = new Canvas(m_impl->stack);
    m_impl->canvas->setAccessibleName(tr("Burn-down"));
    m_impl->stack->addWidget(m_impl->canvas);
    m_impl->rows = new QStandardItemModel(0, 4, this);
    m_impl->rows->setHorizontalHeaderLabels({tr("Time"), tr("Spent"), tr("Held"), tr("Left")});
    auto* view = new QTableView(m_impl->stack);
    setUpView(view, tr("Burn-down as a table"));
    view->setModel(m_impl->rows);
    view->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
    m_impl->stack->addWidget(view);
    layout->addWidget(m_impl->stack, 1);
    connect(m_impl->table, &QToolButton::toggled, this, &BurnDownChart::setTableShown);
    setMessage({});
}

BurnDownChart::~BurnDownChart() = default;

void BurnDownChart::setData(BurnDownData data)
{
    m_impl->data = std::move(data);
    m_impl->canvas->set(m_impl->data);
    m_impl->words->setText(forecastWords(m_impl->data));
    m_impl->table->setEnabled(true);
    if (tableShown()) {
        m_impl->fillTable();
    }
}

void BurnDownChart::setMessage(const QString& text)
{
    m_impl->data = {};
    m_impl->canvas->setMessage(text);
    m_impl->words->clear();
    m_impl->table->setEnabled(false);
    m_impl->rows->setRowCount(0);
}

const BurnDownData& BurnDownChart::data() const
{
    return m_impl->data;
}

void BurnDownChart::setTableShown(bool shown)
{
    m_impl->table->setChecked(shown);
    if (shown) {
        m_impl->fillTable();
    }
    m_impl->stack->setCurrentIndex(shown ? 1 : 0);
}

bool BurnDownChart::tableShown() const
{
    return m_impl->stack->currentIndex() == 1;
}

QString forecastWords(const BurnDownData& data)
{
    if (data.toUs <= data.fromUs) {
        return {};
    }
    if (!data.hasForecast) {
        return BurnDownChart::tr("Too little has been spent yet to say where this is heading.");
    }
    const auto where = BurnDownChart::tr("At this rate about %1 %2 (%3 to %4).")
                           .arg(moneyText(data.expected),
                               data.hasPace ? BurnDownChart::tr("when the window ends")
                                            : BurnDownChart::tr("at %1").arg(laterText(data.toUs)),
                               moneyText(data.low), moneyText(data.high));
    if (data.exhaustedAtUs) {
        return where + QLatin1Char(' ')
            + BurnDownChart::tr("The cap is reached %1 (in %2).")
                  .arg(laterText(*data.exhaustedAtUs),
                      untilText(qint64(*data.exhaustedAtUs - data.nowUs)));
    }
    return where + QLatin1Char(' ') + BurnDownChart::tr("It stays within the cap.");
}

} // namespace headgate::ui
