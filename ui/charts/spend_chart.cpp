// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/charts/spend_chart.h"

#include "ui/theme/theme.h"
#include "ui/widgets/widgets.h"

#include <QBarSet>
#include <QCategoryAxis>
#include <QChart>
#include <QChartView>
#include <QCursor>
#include <QGraphicsLayout>
#include <QGraphicsOpacityEffect>
#include <QHeaderView>
#include <QPainter>
#include <QStackedBarSeries>
#include <QStackedWidget>
#include <QStandardItemModel>
#include <QTableView>
#include <QTimer>
#include <QToolTip>
#include <QVBoxLayout>

namespace headgate::ui {

namespace {

constexpr int skeletonDelayMs = 150;

/// Pixels only; amounts themselves stay whole nano-dollars.
qreal chartValue(Money money)
{
    return static_cast<qreal>(money.nano()) / 1e9;
}

QColor colorOf(const SpendSeries& series)
{
    const Tokens& t = Theme::instance().tokens();
    if (series.name == otherSeriesName()) {
        return t.other;
    }
    return series.colorIndex >= 0 ? t.series[static_cast<std::size_t>(series.colorIndex & 7)]
                                  : Theme::instance().seriesColor(series.name);
}

/// A step of 1, 2 or 5 times a power of ten, so that at most five steps reach `top`.
std::int64_t niceStep(std::int64_t top)
{
    std::int64_t power = 1;
    while (power * 10 <= top && power < 1'000'000'000'000'000'000) {
        power *= 10;
    }
    for (const std::int64_t step : {power / 5, power / 2, power, power * 2}) {
        if (step > 0 && top / step < 5) {
            return step;
        }
    }
    return power * 2;
}

/// Grey bars while the first answer is on its way.
class Skeleton final : public QWidget {
public:
    using QWidget::QWidget;

protected:
    void paintEvent(QPaintEvent*) override
    {
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setPen(Qt::NoPen);
        painter.setBrush(Theme::instance().tokens().sunken);
        static constexpr std::array<int, 12> heights{
            30, 45, 38, 60, 52, 70, 48, 64, 40, 58, 44, 34};
        const int step = qMax(20, width() / static_cast<int>(heights.size()));
        for (std::size_t i = 0; i < heights.size(); ++i) {
            const int high = height() * heights[i] / 100;
            painter.drawRoundedRect(
                QRect(static_cast<int>(i) * step + step / 5, height() - high, step * 3 / 5, high),
                4, 4);
        }
    }
};

/// Swatch, name and total of each series in one line; what does not fit is left to the table.
class Legend final : public QWidget {
public:
    explicit Legend(QWidget* parent) : QWidget(parent) { setFixedHeight(22); }
    void set(const std::vector<SpendSeries>& series)
    {
        m_items.clear();
        QStringList words;
        for (const SpendSeries& one : series) {
            m_items.push_back({one.name, moneyText(one.total()), one.colorIndex});
            words += one.name + QLatin1Char(' ') + m_items.back().amount;
        }
        setAccessibleName(words.join(QStringLiteral(", ")));
        update();
    }

protected:
    void paintEvent(QPaintEvent*) override
    {
        const Tokens& t = Theme::instance().tokens();
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setFont(Theme::tabularFont());
        const QFontMetrics metrics(painter.font());
        int x = 4;
        for (std::size_t i = 0; i < m_items.size(); ++i) {
            const Item& item = m_items[i];
            const int name = metrics.horizontalAdvance(item.name);
            const int amount = metrics.horizontalAdvance(item.amount);
            if (x + 16 + name + 6 + amount > width()) {
                painter.setPen(t.muted);
                painter.drawText(QRect(x, 0, width() - x, height()), Qt::AlignVCenter,
                    QStringLiteral("+%1").arg(m_items.size() - i));
                return;
            }
            painter.setPen(Qt::NoPen);
            painter.setBrush(colorOf({item.name, {}, item.colorIndex}));
            painter.drawRoundedRect(QRectF(x, height() / 2.0 - 5, 10, 10), 2.5, 2.5);
            x += 16;
            painter.setPen(t.text);
            painter.drawText(QRect(x, 0, name + 2, height()), Qt::AlignVCenter, item.name);
            x += name + 6;
            painter.setPen(t.muted);
            painter.drawText(QRect(x, 0, amount + 2, height()), Qt::AlignVCenter, item.amount);
            x += amount + 18;
        }
    }

private:
    struct Item {
        QString name;
        QString amount;
        int colorIndex;
    };
    std::vector<Item> m_items;
};

} // namespace

struct SpendChart::Impl {
    SpendChart* self = nullptr;
    SpendData data;
    bool loaded = false;
    bool wantsTable = false;
    QStackedWidget* stack = nullptr;
    QWidget* plot = nullptr;
    Legend* legend = nullptr;
    QChartView* view = nullptr;
    QChart* chart = nullptr;
    QStackedBarSeries* bars = nullptr;
    QCategoryAxis* xAxis = nullptr;
    QCategoryAxis* yAxis = nullptr;
    std::int64_t shownTop = -1;
    QTableView* table = nullptr;
    QStandardItemModel* tableModel = nullptr;
    EmptyState* empty = nullptr;
    EmptyState* error = nullptr;
    Skeleton* skeleton = nullptr;
    QTimer* skeletonTimer = nullptr;
    QGraphicsOpacityEffect* dim = nullptr;

    void build();
    void buildChart();
    void applyColors();
    void rebuildSets();
    void replaceValues();
    void scaleY();
    void labelX();
    void fillTable();
    void show();
    void hover(bool on, int index, QBarSet* set);
    [[nodiscard]] bool sameShape(const SpendData& other) const;
    [[nodiscard]] bool allZero() const;
};

bool SpendChart::Impl::sameShape(const SpendData& other) const
{
    if (!(data.buckets == other.buckets) || data.series.size() != other.series.size()) {
        return false;
    }
    for (std::size_t i = 0; i < data.series.size(); ++i) {
        if (data.series[i].name != other.series[i].name) {
            return false;
        }
    }
    return bars->barSets().size() == static_cast<int>(data.series.size());
}

bool SpendChart::Impl::allZero() const
{
    for (const SpendSeries& one : data.series) {
        if (!one.total().isZero()) {
            return false;
        }
    }
    return true;
}

void SpendChart::Impl::buildChart()
{
    chart = new QChart;
    chart->setAnimationOptions(QChart::NoAnimation);
    chart->setBackgroundVisible(false);
    chart->setMargins(QMargins(0, 8, 0, 0)); // half a label above the top line
    chart->layout()->setContentsMargins(0, 0, 0, 0);
    chart->legend()->hide();
    bars = new QStackedBarSeries;
    bars->setBarWidth(0.72);
    chart->addSeries(bars);
    xAxis = new QCategoryAxis;
    yAxis = new QCategoryAxis;
    for (QCategoryAxis* axis : {xAxis, yAxis}) {
        axis->setLabelsPosition(QCategoryAxis::AxisLabelsPositionOnValue);
        axis->setTruncateLabels(false);
    }
    xAxis->setGridLineVisible(false);
    yAxis->setLineVisible(false);
    chart->addAxis(xAxis, Qt::AlignBottom);
    chart->addAxis(yAxis, Qt::AlignLeft);
    bars->attachAxis(xAxis);
    bars->attachAxis(yAxis);
    view = new QChartView(chart);
    view->setFrameShape(QFrame::NoFrame);
    view->setRenderHint(QPainter::Antialiasing);
    view->setBackgroundBrush(Qt::NoBrush);
    view->viewport()->setAutoFillBackground(false);
    view->setAccessibleName(tr("Spend over time; a table of the same data is one click away"));
    view->setMinimumHeight(120);
    QObject::connect(bars, &QStackedBarSeries::hovered, self,
        [this](bool on, int index, QBarSet* set) { hover(on, index, set); });
    QObject::connect(bars, &QStackedBarSeries::clicked, self, [this](int index, QBarSet* set) {
        Q_EMIT self->barClicked(
            set->label(), data.buckets.startOf(index), data.buckets.startOf(index + 1));
    });
}

void SpendChart::Impl::build()
{
    buildChart();
    stack = new QStackedWidget(self);
    plot = new QWidget;
    auto* plotLayout = new QVBoxLayout(plot);
    plotLayout->setContentsMargins(0, 0, 0, 0);
    plotLayout->setSpacing(Theme::space1);
    legend = new Legend(plot);
    plotLayout->addWidget(legend);
    plotLayout->addWidget(view, 1);
    dim = new QGraphicsOpacityEffect(plot);
    dim->setOpacity(0.55);
    dim->setEnabled(false);
    plot->setGraphicsEffect(dim);
    table = new QTableView;
    tableModel = new QStandardItemModel(table);
    table->setModel(tableModel);
    setUpView(table, tr("Spend over time as a table"));
    table->setEditTriggers(QAbstractItemView::NoEditTriggers);
    empty = new EmptyState(QStringLiteral("chart"), tr("No spend in this range"),
        tr("Choose a longer range, or clear a filter."));
    error = new EmptyState(QStringLiteral("error"), tr("The chart could not be read"), QString());
    skeleton = new Skeleton;
    for (QWidget* page : std::initializer_list<QWidget*>{plot, table, empty, error, skeleton}) {
        stack->addWidget(page);
    }
    stack->setCurrentWidget(empty);
    auto* layout = new QVBoxLayout(self);
    layout->setContentsMargins(0, 0, 0, 0);
    layout->addWidget(stack);
    skeletonTimer = new QTimer(self);
    skeletonTimer->setSingleShot(true);
    skeletonTimer->setInterval(skeletonDelayMs);
    QObject::connect(skeletonTimer, &QTimer::timeout, self, [this] {
        if (loaded) {
            dim->setEnabled(true);
        } else {
            stack->setCurrentWidget(skeleton);
        }
    });
}

void SpendChart::Impl::applyColors()
{
    const Tokens& t = Theme::instance().tokens();
    for (QCategoryAxis* axis : {xAxis, yAxis}) {
        axis->setLabelsColor(t.muted);
        axis->setLabelsFont(Theme::tabularFont());
        axis->setGridLineColor(t.hairline);
        axis->setLinePenColor(t.hairline);
    }
    const auto sets = bars->barSets();
    for (int i = 0; i < sets.size() && i < static_cast<int>(data.series.size()); ++i) {
        QBarSet* set = sets[i];
        const QColor color = colorOf(data.series[static_cast<std::size_t>(i)]);
        set->setColor(color);
        set->setBorderColor(t.surface);
        set->setPen(QPen(t.surface, 0.6));
    }
    legend->update();
}

void SpendChart::Impl::rebuildSets()
{
    bars->clear();
    QList<QBarSet*> sets;
    for (const SpendSeries& one : data.series) {
        auto* set = new QBarSet(one.name);
        QList<qreal> values;
        values.reserve(static_cast<qsizetype>(one.values.size()));
        for (const Money value : one.values) {
            values.append(chartValue(value));
        }
        set->append(values);
        sets.append(set);
    }
    bars->append(sets);
    labelX();
    shownTop = -1;
    scaleY();
    applyColors();
}

void SpendChart::Impl::replaceValues()
{
    const auto sets = bars->barSets();
    for (int i = 0; i < sets.size(); ++i) {
        const auto& values = data.series[static_cast<std::size_t>(i)].values;
        for (int bar = 0; bar < sets[i]->count(); ++bar) {
            const qreal value = chartValue(values[static_cast<std::size_t>(bar)]);
            if (!qFuzzyCompare(1.0 + sets[i]->at(bar), 1.0 + value)) {
                sets[i]->replace(bar, value);
            }
        }
    }
    scaleY();
}

void SpendChart::Impl::scaleY()
{
    Money top;
    for (int bar = 0; bar < data.buckets.count; ++bar) {
        Money sum;
        for (const SpendSeries& one : data.series) {
            sum = sum.plusSaturated(one.values[static_cast<std::size_t>(bar)]);
        }
        top = std::max(top, sum);
    }
    const std::int64_t step = niceStep(std::max<std::int64_t>(top.nano(), 1'000));
    const std::int64_t steps = top.nano() / step + 1;
    if (steps * step == shownTop) {
        return;
    }
    shownTop = steps * step;
    const QStringList old = yAxis->categoriesLabels();
    for (const QString& label : old) {
        yAxis->remove(label);
    }
    yAxis->setRange(0, chartValue(Money::fromNano(shownTop)));
    yAxis->setStartValue(0);
    yAxis->append(QStringLiteral("$0"), 0);
    for (std::int64_t i = 1; i <= steps; ++i) {
        const Money at = Money::fromNano(i * step);
        yAxis->append(moneyText(at), chartValue(at));
    }
}

void SpendChart::Impl::labelX()
{
    const QStringList old = xAxis->categoriesLabels();
    for (const QString& label : old) {
        xAxis->remove(label);
    }
    const int count = data.buckets.count;
    xAxis->setRange(-0.5, count - 0.5);
    xAxis->setStartValue(-0.5);
    const int labelWidth
        = QFontMetrics(Theme::tabularFont()).horizontalAdvance(data.buckets.label(0)) + 40;
    const int fit = qBound(2, qMax(300, view->width()) / labelWidth, 12);
    const int every = qMax(1, (count + fit - 1) / fit);
    for (int i = every / 2; i < count; i += every) {
        xAxis->append(data.buckets.label(i), i);
    }
}

void SpendChart::Impl::fillTable()
{
    const int columns = static_cast<int>(data.series.size()) + 2;
    tableModel->clear();
    QStringList heads{tr("Time")};
    for (const SpendSeries& one : data.series) {
        heads += one.name;
    }
    heads += tr("Total");
    tableModel->setHorizontalHeaderLabels(heads);
    for (int bar = data.buckets.count - 1; bar >= 0; --bar) {
        QList<QStandardItem*> row{new QStandardItem(data.buckets.longLabel(bar))};
        Money sum;
        const auto add = [&row](Money money) {
            auto* item = new QStandardItem(moneyText(money));
            item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
            item->setToolTip(exactMoneyText(money));
            row.append(item);
        };
        for (const SpendSeries& one : data.series) {
            const Money value = one.values[static_cast<std::size_t>(bar)];
            sum = sum.plusSaturated(value);
            add(value);
        }
        add(sum);
        tableModel->appendRow(row);
    }
    for (int column = 1; column < columns; ++column) {
        tableModel->setHeaderData(column, Qt::Horizontal,
            static_cast<int>(Qt::AlignRight | Qt::AlignVCenter), Qt::TextAlignmentRole);
    }
    table->resizeColumnsToContents();
    table->setColumnWidth(0, qMax(table->columnWidth(0), 190));
}

void SpendChart::Impl::hover(bool on, int index, QBarSet* set)
{
    if (!on || index < 0 || index >= data.buckets.count) {
        QToolTip::hideText();
        return;
    }
    QStringList lines{data.buckets.longLabel(index)};
    Money sum;
    for (const SpendSeries& one : data.series) {
        const Money value = one.values[static_cast<std::size_t>(index)];
        sum = sum.plusSaturated(value);
        if (!value.isZero()) {
            const QString mark = one.name == set->label() ? QStringLiteral("▸ ") : QString();
            lines += mark + one.name + QStringLiteral("  ") + moneyText(value);
        }
    }
    lines += tr("Total  %1").arg(moneyText(sum));
    // Names come from configuration: shown as text, whatever they look like.
    const QString html = QStringLiteral("<div style='white-space:pre'>%1</div>")
                             .arg(lines.join(QLatin1Char('\n')).toHtmlEscaped());
    QToolTip::showText(QCursor::pos(), html, view);
}

void SpendChart::Impl::show()
{
    skeletonTimer->stop();
    dim->setEnabled(false);
    if (data.series.empty() || allZero()) {
        stack->setCurrentWidget(empty);
        return;
    }
    if (wantsTable) {
        fillTable();
    }
    stack->setCurrentWidget(wantsTable ? static_cast<QWidget*>(table) : plot);
}

SpendChart::SpendChart(QWidget* parent) : QWidget(parent), m_impl(std::make_unique<Impl>())
{
    m_impl->self = this;
    m_impl->build();
    m_impl->applyColors();
    connect(&Theme::instance(), &Theme::changed, this, [this] { m_impl->applyColors(); });
}

SpendChart::~SpendChart() = default;

void SpendChart::setData(SpendData data)
{
    for (SpendSeries& one : data.series) {
        one.values.resize(static_cast<std::size_t>(data.buckets.count));
    }
    const bool same = m_impl->loaded && m_impl->sameShape(data);
    m_impl->data = std::move(data);
    m_impl->loaded = true;
    m_impl->legend->set(m_impl->data.series);
    if (same) {
        m_impl->replaceValues();
    } else {
        m_impl->rebuildSets();
    }
    m_impl->show();
}

void SpendChart::setLoading()
{
    if (!m_impl->skeletonTimer->isActive()) {
        m_impl->skeletonTimer->start();
    }
}

void SpendChart::setError(const QString& text)
{
    m_impl->skeletonTimer->stop();
    m_impl->error->setBody(text);
    m_impl->stack->setCurrentWidget(m_impl->error);
}

void SpendChart::setEmptyText(const QString& body)
{
    m_impl->empty->setBody(body);
}

void SpendChart::setTableShown(bool shown)
{
    m_impl->wantsTable = shown;
    if (m_impl->loaded) {
        m_impl->show();
    }
}

bool SpendChart::tableShown() const
{
    return m_impl->wantsTable;
}

const SpendData& SpendChart::data() const
{
    return m_impl->data;
}

} // namespace headgate::ui
