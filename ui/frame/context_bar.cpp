// SPDX-License-Identifier: GPL-3.0-or-later
// SPDX-FileCopyrightText: The Headgate authors
#include "ui/frame/context_bar.h"

#include "ui/frame/filter_popup.h"
#include "ui/frame/range_dialog.h"
#include "ui/widgets/widgets.h"

#include <QHBoxLayout>
#include <QMenu>
#include <QPainter>
#include <QPushButton>
#include <QToolButton>

namespace headgate::ui {

namespace {

QString relativeTitle(const QString& relative)
{
    if (relative == QLatin1String("1h")) {
        return ContextBar::tr("Last hour");
    }
    if (relative == QLatin1String("24h")) {
        return ContextBar::tr("Last 24 h");
    }
    if (relative == QLatin1String("7d")) {
        return ContextBar::tr("Last 7 days");
    }
    if (relative == QLatin1String("30d")) {
        return ContextBar::tr("Last 30 days");
    }
    if (relative == QLatin1String("today")) {
        return ContextBar::tr("Today");
    }
    if (relative == QLatin1String("month")) {
        return ContextBar::tr("This month");
    }
    return relative;
}

/// The search field is a button in the clothes of a field: all typing happens in the palette.
class SearchButton final : public QPushButton {
public:
    using QPushButton::QPushButton;

protected:
    void paintEvent(QPaintEvent*) override
    {
        const Tokens& t = Theme::instance().tokens();
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setBrush(t.dark ? t.sunken : t.window);
        painter.setPen(
            QPen(hasFocus() || underMouse() ? t.accent : t.hairline, hasFocus() ? 2 : 1));
        painter.drawRoundedRect(
            QRectF(rect()).adjusted(1, 1, -1, -1), Theme::radius, Theme::radius);
        icon().paint(&painter, QRect(9, (height() - 16) / 2, 16, 16));
        painter.setPen(t.muted);
        const QRect words = rect().adjusted(32, 0, -64, 0);
        painter.drawText(words, Qt::AlignVCenter | Qt::AlignLeft,
            fontMetrics().elidedText(text(), Qt::ElideRight, words.width()));
        painter.drawText(rect().adjusted(0, 0, -10, 0), Qt::AlignVCenter | Qt::AlignRight,
            QStringLiteral("Ctrl+K"));
    }
};

/// "team: search ✕"
class FilterChip final : public QPushButton {
public:
    FilterChip(const QString& field, const QString& value, QWidget* parent)
        : QPushButton(parent),
          m_field(field + QStringLiteral(": ")),
          m_value(value)
    {
        setAccessibleName(ContextBar::tr("Remove filter %1%2").arg(m_field, value));
        setToolTip(accessibleName());
    }
    [[nodiscard]] QSize sizeHint() const override
    {
        const int words
            = fontMetrics().horizontalAdvance(m_field) + fontMetrics().horizontalAdvance(m_value);
        return {qMin(260, words + 10 + 30), Theme::controlHeight - 4};
    }
    [[nodiscard]] QSize minimumSizeHint() const override { return {64, sizeHint().height()}; }

protected:
    void paintEvent(QPaintEvent*) override
    {
        const Tokens& t = Theme::instance().tokens();
        QPainter painter(this);
        painter.setRenderHint(QPainter::Antialiasing);
        painter.setBrush(t.wash(t.accent));
        painter.setPen(hasFocus() || underMouse() ? QPen(t.accent, 1.5) : QPen(Qt::NoPen));
        painter.drawRoundedRect(
            QRectF(rect()).adjusted(1, 1, -1, -1), Theme::radius, Theme::radius);
        const int left = fontMetrics().horizontalAdvance(m_field);
        painter.setPen(t.secondary);
        painter.drawText(QRect(10, 0, left + 2, height()), Qt::AlignVCenter, m_field);
        const QRect valueRect(10 + left, 0, width() - left - 10 - 28, height());
        painter.setPen(t.text);
        painter.drawText(valueRect, Qt::AlignVCenter,
            fontMetrics().elidedText(m_value, Qt::ElideMiddle, valueRect.width() + 2));
        icon().paint(&painter, QRect(width() - 20, (height() - 12) / 2, 12, 12));
    }

private:
    QString m_field;
    QString m_value;
};

} // namespace

const QStringList& offeredRanges()
{
    static const QStringList ranges{QStringLiteral("1h"), QStringLiteral("24h"),
        QStringLiteral("today"), QStringLiteral("7d"), QStringLiteral("30d"),
        QStringLiteral("month")};
    return ranges;
}

QString rangeTitle(const TimeRange& range)
{
    if (!range.relative.isEmpty()) {
        return relativeTitle(range.relative);
    }
    const auto word = [](TimeUs at) {
        return QDateTime::fromMSecsSinceEpoch(at / usPerMs).toString(QStringLiteral("d MMM HH:mm"));
    };
    return word(range.fromUs) + QStringLiteral(" – ") + word(range.toUs);
}

const std::vector<FilterField>& filterFields()
{
    static const std::vector<FilterField> fields{
        {QStringLiteral("team"), ContextBar::tr("team")},
        {QStringLiteral("user"), ContextBar::tr("user")},
        {QStringLiteral("key"), ContextBar::tr("key")},
        {QStringLiteral("model"), ContextBar::tr("model")},
        {QStringLiteral("asked_model"), ContextBar::tr("asked model")},
        {QStringLiteral("provider"), ContextBar::tr("provider")},
        {QStringLiteral("tier"), ContextBar::tr("tier")},
        {QStringLiteral("task"), ContextBar::tr("task")},
        {QStringLiteral("status"), ContextBar::tr("status")},
        {QStringLiteral("outcome"), ContextBar::tr("decision")},
        {QStringLiteral("rule"), ContextBar::tr("rule")},
        {QStringLiteral("pool"), ContextBar::tr("refused by pool")},
        {QStringLiteral("session"), ContextBar::tr("session")},
        {QStringLiteral("tag"), ContextBar::tr("tag")},
        {QStringLiteral("client"), ContextBar::tr("client")},
        {QStringLiteral("text"), ContextBar::tr("text")},
    };
    return fields;
}

QString filterTitle(const QString& field)
{
    for (const FilterField& one : filterFields()) {
        if (one.field == field) {
            return one.title;
        }
    }
    return field;
}

ContextBar::ContextBar(Context& context, QWidget* parent) : QWidget(parent), m_context(context)
{
    setFixedHeight(48);
    auto* layout = new QHBoxLayout(this);
    layout->setContentsMargins(Theme::space3, 0, Theme::space4, 0);
    layout->setSpacing(Theme::space1);
    const auto tool = [this](const char* iconName, const QString& name, const QString& tip) {
        auto* button = new QToolButton(this);
        button->setIcon(icon(QString::fromLatin1(iconName)));
        button->setObjectName(name);
        button->setToolTip(tip);
        button->setAccessibleName(tip);
        return button;
    };
    m_back = tool("arrow-left", QStringLiteral("navBack"), tr("Back (Alt+Left)"));
    m_forward = tool("arrow-right", QStringLiteral("navForward"), tr("Forward (Alt+Right)"));
    m_range = tool("clock", QStringLiteral("rangeButton"), tr("Time range of every page"));
    m_range->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_range->setPopupMode(QToolButton::InstantPopup);
    m_range->setMenu(new QMenu(m_range));
    m_range->setProperty("hgKind", QStringLiteral("framed"));
    m_chips = new QWidget(this);
    m_chipLayout = new QHBoxLayout(m_chips);
    m_chipLayout->setContentsMargins(0, 0, 0, 0);
    m_chipLayout->setSpacing(Theme::space1);
    m_add = tool("plus", QStringLiteral("addFilter"), tr("Add a filter to every page"));
    m_add->setText(tr("Filter"));
    m_add->setToolButtonStyle(Qt::ToolButtonTextBesideIcon);
    m_search = new SearchButton(icon(QStringLiteral("search")), tr("Search or run"), this);
    m_search->setObjectName(QStringLiteral("searchButton"));
    m_search->setAccessibleName(tr("Search or run a command (Ctrl+K)"));
    m_search->setMinimumWidth(150);
    m_search->setMaximumWidth(260);
    m_search->setFixedHeight(Theme::controlHeight);
    m_search->setSizePolicy(QSizePolicy::Preferred, QSizePolicy::Fixed);
    layout->addWidget(m_back);
    layout->addWidget(m_forward);
    layout->addSpacing(Theme::space1);
    layout->addWidget(m_range);
    layout->addSpacing(Theme::space1);
    layout->addWidget(m_chips);
    layout->addWidget(m_add);
    layout->addStretch(1);
    layout->addWidget(m_search, 2);
    connect(m_back, &QToolButton::clicked, this, &ContextBar::backRequested);
    connect(m_forward, &QToolButton::clicked, this, &ContextBar::forwardRequested);
    connect(m_search, &QPushButton::clicked, this, &ContextBar::searchRequested);
    connect(m_add, &QToolButton::clicked, this, &ContextBar::openFilterMenu);
    connect(&m_context, &Context::scopeChanged, this, &ContextBar::rebuildChips);
    for (const QString& relative : offeredRanges()) {
        m_range->menu()->addAction(relativeTitle(relative), this, [this, relative] {
            m_context.setTimeRange(TimeRange{relative, 0, 0});
        });
    }
    m_range->menu()->addSeparator();
    m_range->menu()->addAction(tr("From – to…"), this, [this] { askTimeRange(m_context, this); });
    rebuildChips();
    setHistory(false, false);
}

void ContextBar::setHistory(bool back, bool forward)
{
    m_back->setEnabled(back);
    m_forward->setEnabled(forward);
}

void ContextBar::openRangeMenu()
{
    m_range->showMenu();
}

void ContextBar::openFilterMenu()
{
    auto* menu = new QMenu(this);
    menu->setAttribute(Qt::WA_DeleteOnClose);
    for (const FilterField& field : filterFields()) {
        menu->addAction(field.title, this, [this, field] { askValue(field); });
    }
    menu->popup(m_add->mapToGlobal(QPoint(0, m_add->height() + 2)));
}

void ContextBar::askValue(const FilterField& field)
{
    auto* popup = new FilterPopup(m_context, field.field, field.title, this);
    popup->move(m_add->mapToGlobal(QPoint(0, m_add->height() + 2)));
    popup->show();
}

void ContextBar::rebuildChips()
{
    m_range->setText(rangeTitle(m_context.timeRange()));
    while (QLayoutItem* item = m_chipLayout->takeAt(0)) {
        item->widget()->deleteLater();
        item->widget()->hide();
        delete item;
    }
    const auto& filters = m_context.filters();
    for (std::size_t i = 0; i < filters.size(); ++i) {
        auto* chip = new FilterChip(
            filterTitle(filters[i].field), safeText(fromQt(filters[i].value)), m_chips);
        chip->setObjectName(QStringLiteral("filterChip_") + filters[i].field);
        chip->setIcon(icon(QStringLiteral("close")));
        const int index = static_cast<int>(i);
        connect(
            chip, &QPushButton::clicked, this, [this, index] { m_context.removeFilter(index); });
        m_chipLayout->addWidget(chip);
    }
    m_chips->setVisible(!filters.empty());
}

void ContextBar::paintEvent(QPaintEvent* event)
{
    Q_UNUSED(event)
    const Tokens& t = Theme::instance().tokens();
    QPainter painter(this);
    painter.fillRect(rect(), t.surface);
    painter.fillRect(QRect(0, height() - 1, width(), 1), t.hairline);
}

} // namespace headgate::ui
